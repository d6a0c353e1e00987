#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Another milter stands before or behind this one, and changes the message, too
(postfix-sample/README.md, Postfix)."""
import os
import socketserver
import struct
import threading

from lib import lab, postfix
from lib.lab import case
from lib.mta import packet, strings
from lib.requeue import requeued
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, SUE, entitled
from lib.tap import same

# SMFIF_ADDHDRS to SMFIF_SETSYMLIST; what is sent has an answer.
NEGOTIATED = struct.pack("!III", 6, 0x1ff, 0)
SILENT = (b"D", b"A", b"K")     # macros, abort, quit and go on


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(5):
            size, command = struct.unpack("!Ic", head)
            self.rfile.read(size - 1)
            if command == b"O":
                self.wfile.write(packet("O", NEGOTIATED))
            elif command == b"Q":
                return
            elif command not in SILENT:
                changes = self.server.changes if command == b"E" else []
                self.wfile.write(b"".join(changes) + packet("c"))


class Other(socketserver.ThreadingUnixStreamServer):
    """A milter that makes CHANGES, packets, at the end of each message."""

    daemon_threads = True
    changes = ()


def insert(at, name, value):
    return packet("i", struct.pack("!I", at) + strings(name, value))


def change(number, name, value):
    return packet("m", struct.pack("!I", number) + strings(name, value))


def add(name, value):
    return packet("h", strings(name, value))


QUARANTINE = packet("q", strings("looks like a virus"))


class Lab(lab.Lab):
    def start(self):
        super().start()
        self.other = Other(f"{self.folder}/mta/other.sock", _Session)
        os.chmod(f"{self.folder}/mta/other.sock", 0o777)
        threading.Thread(target=self.other.serve_forever, daemon=True,
                         kwargs={"poll_interval": 0.05}).start()
        return self

    def stop(self):
        if getattr(self, "other", None):
            self.other.shutdown()
            self.other.server_close()
            self.other = None
        super().stop()

    def sent(self, listener, changes, rcpts, category, **options):
        self.other.changes = changes
        return self.send(rcpts, category, listener=listener, **options)


def tags(result):
    """The X-Notify headers that arrived, but for the stamp."""
    return [line.decode() for line in result.data().split(b"\r\n\r\n")[0]
            .split(b"\r\n") if line.lower().startswith(b"x-notify-")
            and not line.startswith(b"X-Notify-Decided")]


@case("a tag that a milter before this one adds, changes or removes counts as it "
      "left it")
def _(lab_):
    tag = "X-Notify-Category"
    for made in (add(tag, BALANCE), insert(0, tag, BALANCE)):
        lab_.sent("before", [made], [ANN, BILL], None).must(
            "deliver", [ANN, OLGA], category=BALANCE)
    lab_.sent("before", [change(1, tag, SERVICES)], [ANN], BALANCE,
              account="acme").must("deliver", entitled(SERVICES, "acme"),
                                   category=SERVICES)
    lab_.sent("before", [change(1, tag, "")], [ANN, BILL], BALANCE).untouched(
        [ANN, BILL])
    lab_.sent("before", [add(tag, SERVICES)], [ANN], BALANCE).must("hold")


@case("whatever a milter before this one inserts, removes or changes, each "
      "X-Notify header of an untrusted client is removed, and nothing else")
def _(lab_):
    lab_.milter.settings(trusted_clients="192.0.2.1")
    foo, forged = "X-Notify-Foo", ["X-Notify-Foo: a", "X-Keep: 1",
                                   "x-notify-foo: b", "X-Notify-FOO: c"]
    for changes in ([insert(0, foo, "new"), insert(1, "X-Notify-Bar", "new")],
                    [insert(3, foo, "new"), add(foo, "new")],
                    [change(1, foo, "")], [change(2, foo, "")],
                    [change(3, foo, ""), insert(0, foo, "new")],
                    [change(2, foo, "changed"), add("X-Keep", "2")]):
        result = lab_.sent("before", changes, [ANN, BILL], BALANCE,
                           headers=forged)
        result.must("untrusted", [ANN, BILL])
        same(tags(result), [], f"X-Notify headers after {changes}")
        same(b"\r\nX-Keep: 1\r\n" in result.data(), True, "X-Keep stays")


@case("what a milter behind this one puts on hold is decided, and can be "
      "released")
def _(lab_):
    result = lab_.sent("behind", [QUARANTINE],
                       [ANN, BILL, "acme@accounts.example"], BALANCE)
    same((result.held(), result.summary()["verdict"]), (True, "deliver"),
         "held, and its verdict")
    lab_.postfix.release(result.qid)
    same(result.recipients(), sorted([ANN, OLGA, SUE]), "who has got it")


@case("what a milter before this one puts on hold is not decided, and requeue "
      "has it decided once the other milter lets it pass")
def _(lab_):
    result = lab_.sent("before", [QUARANTINE],
                       [ANN, BILL, "acme@accounts.example"], BALANCE)
    same(result.held(), True, "held")
    same(lab_.milter.summaries(result.since), [], "lines of the milter")
    lab_.other.changes = []
    requeued(lab_, result)
    same(result.recipients(), sorted([ANN, OLGA, SUE]), "who has got it")


@case("a milter that is named twice decides once")
def _(lab_):
    result = lab_.send([ANN, BILL, "acme@accounts.example"], BALANCE,
                       listener="twice")
    same(result.recipients(), sorted([ANN, OLGA, SUE]), "who has got it")
    same([("decided=before" in line)
          for _, line in lab_.milter.summaries(result.since)], [False, True],
         "the second knows what the first has decided")


OTHER = "unix:../other.sock"
for name, milters in (("before", f"{OTHER},MILTER"),
                      ("behind", f"MILTER,{OTHER}"),
                      ("twice", "MILTER,MILTER")):
    postfix.LISTENERS[name] = ("127.0.0.1", f"smtpd_milters={milters}")
lab.run(lab=Lab)
