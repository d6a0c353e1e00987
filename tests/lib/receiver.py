# SPDX-License-Identifier: BSD-2-Clause
"""receiver - the SMTP server that everything leaving the lab's Postfix reaches.

It keeps every transaction as it came: the MAIL and RCPT addresses with their
parameters and the bytes of the message. A message is found again by the marker
that its sender put into the envelope sender or into a header (see smtp.py), so
that cases do not see each other's mail.
"""
import re
import socketserver
import threading
import time
from collections import Counter

from lib.waiting import LIMIT

MARKER = re.compile(rb"mk-[0-9a-f]{12}")
_PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>(.*)$', re.S)


class Transaction:
    """One message as it was handed over: sender, recipients, data."""

    def __init__(self, sender, options):
        self.sender = sender
        self.options = options
        self.rcpts = []         # (address, {parameter: value}) in order
        self.data = b""

    @property
    def addresses(self):
        return [address for address, _ in self.rcpts]

    @property
    def head(self):
        """The header section, up to the empty line."""
        return re.split(rb"\r\n\r\n", b"\r\n" + self.data, maxsplit=1)[0][2:]

    def bounce(self):
        return self.sender == "" and b"multipart/report" in self.head

    def markers(self):
        return set(MARKER.findall(self.head)
                   + MARKER.findall(self.sender.encode("utf-8",
                                                       "surrogateescape")))

    def bare(self):
        """The data without the Received headers of the lab's Postfix, which
        alone differ between two deliveries of one message: that of mail from
        sendmail(1) has two."""
        field = rb"[^\r]*(?:\r\n[ \t][^\r]*)*\r\n"
        return re.sub(rb"\AReceived:" + field + rb"(?:Received: by relay\."
                      rb"example \(Postfix, from userid " + field + rb")?",
                      b"", self.data, count=1)


def _path(text):
    """('addr', {PARAMETER: value}) from what follows FROM: or TO:."""
    address, rest = _PATH.match(text.strip()).groups()
    options = {}
    for word in rest.split():
        name, _, value = word.partition("=")
        options[name.upper()] = value
    return address, options


class _Session(socketserver.StreamRequestHandler):
    timeout = 120
    disable_nagle_algorithm = True
    wbufsize = -1

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        receiver = self.server.receiver
        self.lines = _Reader(self.connection)
        self.say("220 receiver.example ESMTP")
        now = None
        try:
            while True:
                # Answer pipelined commands in one go, as a real server does.
                if not self.lines.waiting():
                    self.wfile.flush()
                line = self.lines.readline()
                if not line:
                    return
                text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                verb = text.split(" ", 1)[0].upper()
                if verb == "EHLO":
                    self.say("250-receiver.example\r\n"
                             + "".join(f"250-{word}\r\n"
                                       for word in receiver.announce)
                             + "250 HELP")
                elif verb == "HELO":
                    self.say("250 receiver.example")
                elif verb == "MAIL":
                    now = Transaction(*_path(text[10:]))
                    self.say("250 2.1.0 Ok")
                elif verb == "RCPT" and now:
                    address, options = _path(text[8:])
                    refusal = receiver.refuse(address)
                    if refusal is None:
                        now.rcpts.append((address, options))
                    self.say(refusal or "250 2.1.5 Ok")
                elif verb == "DATA" and now and now.rcpts:
                    self.say("354 go on")
                    self.wfile.flush()
                    now.data = self.message()
                    receiver.keep(now)
                    now = None
                    self.say("250 2.0.0 Ok")
                elif verb == "RSET":
                    now = None
                    self.say("250 2.0.0 Ok")
                elif verb == "QUIT":
                    self.say("221 2.0.0 Bye")
                    return
                else:
                    self.say("250 2.0.0 Ok" if verb == "NOOP"
                             else "503 5.5.1 not now")
        except (OSError, EOFError):
            pass        # the client has gone; what was not complete is not kept

    def message(self):
        lines = []
        while True:
            line = self.lines.readline()
            if not line:
                raise EOFError
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)


class _Reader:
    """Lines from a socket, and whether the next one is here already."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""
        self.at = 0

    def waiting(self):
        return self.buffer.find(b"\n", self.at) >= 0

    def readline(self):
        while True:
            end = self.buffer.find(b"\n", self.at) + 1
            if end:
                line, self.at = self.buffer[self.at:end], end
                return line
            more = self.connection.recv(65536)
            if not more:
                return b""
            self.buffer, self.at = self.buffer[self.at:] + more, 0


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 200


class Receiver:
    """The server; start() and stop() it. Its port is `port`."""

    announce = ("PIPELINING", "SIZE 0", "8BITMIME", "SMTPUTF8", "DSN",
                "ENHANCEDSTATUSCODES")

    def __init__(self, host="127.0.0.1"):
        self._server = _Server((host, 0), _Session)
        self._server.receiver = self
        self.port = self._server.server_address[1]
        self.transactions = []
        self._by_marker = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={"poll_interval": 0.05},
                                        daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def refuse(self, address):
        """The reply that refuses ADDRESS, or None; a case may replace it."""
        return None

    def keep(self, transaction):
        with self._changed:
            self.transactions.append(transaction)
            for marker in transaction.markers():
                self._by_marker.setdefault(marker.decode(), []).append(
                    transaction)
            self._changed.notify_all()

    def all(self, marker):
        """The transactions with MARKER; a bounce of one is not among them."""
        with self._changed:
            found = list(self._by_marker.get(marker, ()))
        return [t for t in found if not t.bounce()]

    def bounces(self, marker):
        """Who has been sent a bounce of the message with MARKER."""
        with self._changed:
            found = [t for t in self.transactions if t.bounce()]
        return [a for t in found if marker.encode() in t.data
                for a in t.addresses]

    def copies(self, marker):
        """{address: copies received} over all transactions with MARKER."""
        return dict(Counter(a for t in self.all(marker) for a in t.addresses))

    def wait(self, marker, count=1, timeout=LIMIT):
        """The transactions with MARKER, once there are COUNT copies in all."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = self._by_marker.get(marker, ())
                if sum(len(t.rcpts) for t in found) >= count:
                    return list(found)
                left = deadline - time.monotonic()
                if left <= 0:
                    got = sum(len(t.rcpts) for t in found)
                    raise TimeoutError(
                        f"copies of {marker}: got {got}, want {count}")
                self._changed.wait(left)
