#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about time
# not with postgresql: it starts a server of its own
# takes: 20 s
"""Between the milter and the server a pooler loses, repeats or exchanges parts of
the answer: the message is decided as it should be, or deferred. The milter lives,
and the next message is decided."""
import struct

from lib import lab, postgresql, rosterdb
from lib.lab import case
from lib.mta import Mta, tagged
from lib.pgproxy import Proxy
from lib.roster import BALANCE, BILL, entitled
from lib.tap import same, true

PRIMARY = postgresql.Server().start()
rosterdb.use_postgresql(PRIMARY)

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))


def packet(kind, data=b""):
    return kind + struct.pack("!I", len(data) + 4) + data


def row(*values):
    """A row of a result."""
    return packet(b"D", struct.pack("!H", len(values)) + b"".join(
        struct.pack("!I", len(one)) + one for one in values))


def described(n):
    """What says that a result has N columns."""
    return packet(b"T", struct.pack("!H", n) + b"".join(
        b"c\0" + struct.pack("!IHIhIH", 0, 0, 25, -1, 0xffffffff, 0)
        for _ in range(n)))


DONE = packet(b"C", b"SELECT 0\0")
# What becomes of one part of the answer.
FAULTS = {
    "lost": lambda one: b"",
    "repeated": lambda one: one + one,
    "another result": lambda one: described(1) + row(b"1") + DONE,
    "a result more": lambda one: one + packet(b"2") + described(2)
    + row(b"1", b"2") + DONE,
    "another row": lambda one: row(b"1"),
    "no row": lambda one: DONE if one[:1] == b"D" else one,
    "an end": lambda one: packet(b"Z", b"I"),
    "no answer to a question": lambda one: packet(b"I"),
    "a copy": lambda one: packet(b"H", b"\0\0\0"),
}


class Pooler(Proxy):
    """Does FAULT to the part number AT of what the server says."""

    def __init__(self, folder):
        super().__init__(folder)
        self.fault = self.at = None
        self.parts = 0

    def mix_up(self, fault, at):
        self.fault, self.at, self.parts = fault, at, 0

    def _answer(self, server, client):
        data = server.recv(65536)
        if self.fault is None:
            client.sendall(data)
            return data
        out = b""
        while data:
            while len(data) < 5 or len(data) < 1 + struct.unpack(
                    "!I", data[1:5])[0]:
                more = server.recv(65536)
                if not more:
                    return False
                data += more
            length = 1 + struct.unpack("!I", data[1:5])[0]
            one, data = data[:length], data[length:]
            out += self.fault(one) if self.parts == self.at else one
            self.parts += 1
        client.sendall(out)
        return True


class Lab(lab.Lab):
    def _start(self):
        super()._start()
        self.pooler = Pooler(PRIMARY.folder).start()
        self.milter.defaults["url"] = self.store.url.replace(
            "@/", f"@127.0.0.1:{self.pooler.port}/").replace(
                f"host={PRIMARY.folder}&", "")
        self.milter.settings()

    def right(self):
        """Whether it was decided; if so as it should be."""
        with Mta(self.milter) as mta:
            answer = mta.message(RCPTS, tagged(BALANCE))
        if answer.verdict == "tempfail":
            same(answer.changes(), ([], [], [], None), str(answer))
            return False
        same((answer.verdict, answer.to(RCPTS)), ("continue", WANT),
             str(answer))
        return True


for name, change in FAULTS.items():
    @case(f"one part of the answer: {name}")
    def _(lab_, fault=change):
        deferred = at = 0
        while True:
            lab_.pooler.mix_up(None, None)
            # What is repeated at the end may be seen with the next message.
            true(lab_.right() or lab_.right(),
                 f"decided after a fault in part {at}")
            lab_.pooler.mix_up(fault, at)
            if not lab_.right():
                deferred += 1
            elif lab_.pooler.parts <= at:
                break
            true(lab_.milter.running(), "the milter runs")
            at += 1
        true(at > 15, f"the answer has more than {at} parts")
        true(deferred > 0, f"{deferred} of {at} were deferred")


lab.run(allow="database", lab=Lab, postfix=False)
