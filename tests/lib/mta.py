# SPDX-License-Identifier: BSD-2-Clause
"""mta - plays the MTA for a milter, step by step, correctly or not.

    with Mta(lab.milter) as mta:
        answer = mta.message(["<ann@acme.example>"], [("Subject", "x")])

Everything that is sent is made of packets (command, data), which a case may
also send in another order, in pieces, or not at all.
"""
import socket
import struct

from lib import stamps
from lib.waiting import LIMIT

# What Postfix 3.7 offers.
ACTIONS, STEPS, VERSION = 0x1ff, 0x1fffff, 6
ADDHDRS, ADDRCPT, DELRCPT, CHGHDRS, QUARANTINE, ADDRCPT_PAR = (
    0x1, 0x4, 0x8, 0x10, 0x20, 0x80)

# Steps that the milter may leave out, and those whose answers it may.
NO = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40,
      "T": 0x200, "U": 0x100}
NO_REPLY = {"C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "L": 0x80,
            "N": 0x40000, "B": 0x80000, "T": 0x10000, "U": 0x20000}

ANSWERS = {"c": "continue", "a": "accept", "d": "discard", "r": "reject",
           "t": "tempfail"}


class Closed(Exception):
    """The milter has hung up."""


def octets(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


def strings(*texts):
    return b"".join(octets(text) + b"\0" for text in texts)


def packet(command, data=b""):
    return struct.pack("!I", len(data) + 1) + command.encode() + data


class Answer:
    """A milter's answer to the end of a message, and its changes before."""

    def __init__(self):
        self.verdict = None     # as ANSWERS has them
        self.code = ""
        self.added, self.deleted, self.removed = [], [], []
        self.held = self.stamp = None

    def note(self, command, data):
        """Whether that was the end."""
        texts = data.split(b"\0")[:-1]
        if command == "+":
            self.added.append((stamps.bare(texts[0].decode()), None))
        elif command == "2":
            self.added.append((stamps.bare(texts[0].decode()),
                               texts[1].decode()))
        elif command == "-":
            self.deleted.append(texts[0].decode())
        elif command == "m":
            name, value = data[4:].split(b"\0")[:2]
            self.removed.append((name.decode(), value.decode(),
                                 struct.unpack("!I", data[:4])[0]))
        elif command == "h":
            name, value = (text.decode() for text in texts)
            assert name in (stamps.HEADER, "Message-ID"), name
            if name == stamps.HEADER:
                self.stamp = value
        elif command == "q":
            self.held = texts[0].decode()
        elif command == "y":
            self.code = texts[0].decode()
            self.verdict = "tempfail" if data[:1] == b"4" else "reject"
        else:
            self.verdict = ANSWERS[command]
        return self.verdict is not None

    def changes(self):
        return (sorted(self.added, key=repr), sorted(self.deleted),
                self.removed, self.held)

    def to(self, rcpts):
        """Who gets it of RCPTS and those added; chats are not people."""
        left = [r for r in rcpts if r not in self.deleted]
        left += [r for r, options in self.added if options is None]
        return sorted(r.strip("<>") for r in left)

    def what(self):
        """All of it, to be compared."""
        return self.verdict, self.code[:3], *self.changes()

    def __repr__(self):
        return f"<{' '.join(map(str, self.what()))}>"


class Mta:
    """A connection to MILTER, of milter.py."""

    def __init__(self, milter, actions=ACTIONS, steps=STEPS, version=VERSION,
                 timeout=LIMIT, negotiate=True, client="127.0.0.1"):
        self.offers = (version, actions, steps)
        self.client = client
        self.steps = self.messages = 0
        where = milter.address()
        self.socket = socket.socket(
            socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        self.socket.settimeout(timeout)
        self.socket.connect(where)
        self.buffer = b""
        if negotiate:
            self.negotiate()
            self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # Packets

    def write(self, data):
        self.socket.sendall(data)

    def read(self):
        """(command, data) of the next packet."""
        while True:
            if len(self.buffer) >= 4:
                size = struct.unpack("!I", self.buffer[:4])[0]
                if len(self.buffer) >= 4 + size:
                    whole = self.buffer[4:4 + size]
                    self.buffer = self.buffer[4 + size:]
                    return whole[:1].decode(), whole[1:]
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                raise Closed
            self.buffer += more

    def hung_up(self, within=LIMIT):
        """Whether the milter closes the connection without an answer."""
        self.socket.settimeout(within)
        try:
            self.read()
        except Closed:
            return True
        except TimeoutError:
            pass
        return False

    # Steps, as lists of (packet, whether an answer follows)

    def step(self, command, data=b"", macros=()):
        if self.steps & NO.get(command, 0):
            return []
        steps = []
        if macros is not None:
            steps.append((packet("D", command.encode() + strings(*macros)),
                          False))
        steps.append((packet(command, data),
                      not self.steps & NO_REPLY.get(command, 0)))
        return steps

    def connection(self):
        """Who the client is: an address, or None."""
        if self.client is None:
            data = strings("unknown") + b"U"
        else:
            family = b"6" if ":" in self.client else b"4"
            data = (strings("client.example") + family
                    + struct.pack("!H", 40000) + strings(self.client))
        return (self.step("C", data, ["j", "relay.example"])
                + self.step("H", strings("client.example")))

    def envelope(self, rcpts, sender="<billing@example.org>", auth=None):
        steps = self.step("M", strings(sender),
                          ["{auth_type}", auth] if auth else [])
        for rcpt in rcpts:
            steps += self.step("R", strings(rcpt))
        return steps + self.step("T")

    def content(self, headers):
        steps = []
        for name, value in headers:
            steps += self.step("L", strings(name, value), None)
        return (steps + self.step("N")
                + self.step("B", b"Hello.\r\n", None))

    def end(self, qid):
        return self.step("E", b"", ["i", qid])

    def whole(self, rcpts, headers, qid=None, **envelope):
        """The steps of a message."""
        self.messages += 1
        return (self.envelope(rcpts, **envelope) + self.content(headers)
                + self.end(qid or f"Q{self.messages}"))

    def run(self, steps):
        """Send STEPS; the Answer to the last, or to the one that refused."""
        answer = Answer()
        for data, answered in steps:
            self.write(data)
            if not answered:
                continue
            answer = Answer()
            while not answer.note(*self.read()):
                pass
            if answer.verdict != "continue":
                break
        return answer

    # What an MTA does

    def negotiate(self):
        """(version, actions, steps) that the milter wants."""
        self.write(packet("O", struct.pack("!III", *self.offers)))
        command, data = self.read()
        assert command == "O", command
        wants = struct.unpack("!III", data[:12])
        self.steps = wants[2]
        return wants

    def connect(self):
        return self.run(self.connection())

    def message(self, rcpts, headers, qid=None, **envelope):
        return self.run(self.whole(rcpts, headers, qid, **envelope))

    def abort(self):
        self.write(packet("A"))

    def quit(self):
        self.write(packet("Q"))
        self.close()


def tagged(category, account=None):
    """The headers of a tagged message."""
    headers = [("Subject", "Notice"), ("X-Notify-Category", category)]
    if account:
        headers.append(("X-Notify-Account", account))
    return headers

