# SPDX-License-Identifier: BSD-2-Clause
"""smtp - a client that sends its input unchanged, and test messages for it.

smtplib normalises what it sends; here a long line, a bare address or a strange
parameter must reach Postfix as it was written.
"""
import base64
import re
import secrets
import socket


class Reply:
    """The answer to one command, or to a whole message."""

    def __init__(self, code, text):
        self.code = code
        self.text = text
        # Postfix, Sendmail
        queued = (re.search(r"queued as (\S+)", text)
                  or re.search(r"(\S+) Message accepted for delivery", text))
        self.qid = queued.group(1) if queued else None

    def __repr__(self):
        return f"<{self.code} {self.text}>"


def marker():
    """A text that no other message has; Receiver finds messages by it."""
    return "mk-" + secrets.token_hex(6)


def message(mark, category=None, account=None, headers=(), body="Hello.\n",
            subject="Notice"):
    """A message as bytes: MARK as a header, the tags, more HEADERS, BODY."""
    lines = [f"X-Lab-Marker: {mark}", "From: Billing <billing@example.org>",
             "To: undisclosed-recipients:;", f"Subject: {subject}",
             "Date: Tue, 01 Jul 2025 10:00:00 +0000",
             f"Message-ID: <{mark}@example.org>"]
    if category is not None:
        lines.append(f"X-Notify-Category: {category}")
    if account is not None:
        lines.append(f"X-Notify-Account: {account}")
    lines += headers
    return as_bytes("\n".join(lines) + "\n\n") + as_bytes(body)


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


def crlf(data):
    return re.sub(rb"\r?\n", b"\r\n", data)


class Client:
    """One SMTP connection. SOURCE is the address it comes from."""

    def __init__(self, address, source=None, ehlo="client.example",
                 timeout=60):
        self.socket = socket.create_connection(
            address, timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.ehlo = ehlo
        self.greeting = self.read()
        if ehlo and self.greeting.code == 220:
            self.features = self.command(f"EHLO {ehlo}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Leave without QUIT, as a client that vanishes does."""
        self.file.close()
        self.socket.close()

    def quit(self):
        try:
            self.command("QUIT")
        finally:
            self.close()

    def write(self, data):
        self.socket.sendall(data)

    def read(self):
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace").rstrip()
            if not line:
                raise ConnectionError(f"the server hung up after {lines!r}")
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), "\n".join(lines))

    def command(self, line):
        self.write(as_bytes(line) + b"\r\n")
        return self.read()

    def auth(self, user, password):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {token}")

    def xclient(self, **attributes):
        """Pretend to be another client; Postfix greets again."""
        words = " ".join(f"{k.upper()}={v}" for k, v in attributes.items())
        reply = self.command(f"XCLIENT {words}")
        if reply.code == 220:
            self.features = self.command(f"EHLO {self.ehlo}")
        return reply

    def mail(self, sender, options=""):
        return self.command(f"MAIL FROM:<{sender}> {options}".rstrip())

    def rcpt(self, address, options=""):
        return self.command(f"RCPT TO:<{address}> {options}".rstrip())

    def rcpts(self, addresses):
        """Many recipients, pipelined; each an address or (address, options).
        The first refusal, or None."""
        lines = []
        for one in addresses:
            address, options = one if isinstance(one, tuple) else (one, "")
            lines.append(as_bytes(f"RCPT TO:<{address}> {options}".rstrip())
                         + b"\r\n")
        refused = None
        for at in range(0, len(lines), 200):    # less than the socket buffers
            chunk = lines[at:at + 200]
            self.write(b"".join(chunk))
            for _ in chunk:
                reply = self.read()
                if reply.code >= 400 and refused is None:
                    refused = reply
        return refused

    def data(self, data, raw=False):
        """Send DATA; without RAW line ends become CRLF."""
        reply = self.command("DATA")
        if reply.code != 354:
            return reply
        data = as_bytes(data)
        if not raw:
            data = crlf(data)
        data = re.sub(rb"(?m)^\.", b"..", data)
        if data and not data.endswith(b"\r\n"):
            data += b"\r\n"
        self.write(data + b".\r\n")
        return self.read()

    def send(self, sender, rcpts, data, options="", raw=False):
        """A whole message. The reply to the first command that was refused,
        or the one to the end of the data."""
        if isinstance(rcpts, (str, tuple)):
            rcpts = [rcpts]
        reply = self.mail(sender, options)
        if reply.code == 250:
            refused = self.rcpts(rcpts)
            reply = refused or self.data(data, raw)
        if reply.code >= 400:
            self.command("RSET")
        return reply
