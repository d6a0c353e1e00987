#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it preloads a library
"""A milter whose memory fails, at whichever call, decides correctly or not at
all: the message is deferred, or its connection ends; the next one is served.

tests/faults/faults.c is the same for every kind of message and each piece of
memory; here libmilter, the threads and the log have their part in it.
"""
from lib import faults, lab, tap
from lib.mta import Closed, Mta, tagged
from lib.roster import ANN, BALANCE, BILL, SERVICES, STRANGER
from lib.tap import case, same, true

EVER = 1 << 62
# {kind: (recipients, headers)}
KINDS = {
    "an account's address, whose chats get it too":
        (["<acme@accounts.example>"], tagged(BALANCE)),
    "people, one of them entitled":
        ([f"<{ANN}>", f"<{BILL}>", f"<{STRANGER}>"], tagged(SERVICES)),
    "an encoded tag": ([f"<{BILL}>"], tagged("=?koi8-r?B?c2VydmljZXM=?=",
                                             "acme")),
    "an unknown category": ([f"<{ANN}>"], tagged("lunch")),
    "no tag": (["<jörg@bücher.example>"], [("Subject", "x")]),
}


class Starved(lab.Lab):
    def _start(self):
        super()._start()
        self.sql("INSERT INTO link(user, chat) SELECT id, 5 FROM user "
                 f"WHERE address = '{ANN}'")
        self.milter.kill()
        self.memory = faults.Memory(self.folder)
        self.milter.env = self.memory.env
        self.milter.start()

    def message(self, kind, mta=None):
        """What became of one message, None if the milter hung up or left the
        MTA waiting."""
        try:
            if mta is None:
                with Mta(self.milter, timeout=5) as once:
                    return once.message(*KINDS[kind]).what()
            return mta.message(*KINDS[kind]).what()
        except (Closed, OSError):
            return None


def fails(lab_, kind, want, first, last, new):
    """A message of KIND while calls fail, and one after that. Whether any
    did."""
    mta = None if new else Mta(lab_.milter, timeout=5)
    lab_.memory.arm(first, last)
    got = lab_.message(kind, mta)
    failed = lab_.memory.disarm()
    if mta:
        mta.close()
    true(lab_.milter.running(),
         f"it died when call {first} failed: {lab_.milter.since()[-5:]}")
    true(got == want or failed and (got is None or got[0] == "tempfail"),
         f"call {first} of {kind} fails: got {got}, want {want}")
    same(lab_.message(kind), want, f"the message after that, call {first}")
    return failed > 0


for kind in KINDS:
    @case(f"out of memory: {kind}")
    def _(lab_, kind=kind):
        want = lab_.message(kind)
        same(lab_.message(kind), want, "the same again")
        if "chats" in kind:
            true("NOTIFY=NEVER" in str(want), f"no chat: {want}")
        for last in (0, EVER):
            first = 1
            while fails(lab_, kind, want, first, last or first, new=False):
                first += 1
            true(first > 5, f"only {first - 1} calls")


@case("out of memory for a new connection, it serves the next one")
def _(lab_):
    kind = next(iter(KINDS))
    want = lab_.message(kind)
    first = 1
    while fails(lab_, kind, want, first, first, new=True):
        first += 1
    true(first > 20, f"only {first - 1} calls")


@case("afterwards it uses no more memory than before, and ends by itself")
def _(lab_):
    for kind in KINDS:
        lab_.message(kind)
    before = lab_.memory.get("live")
    for _ in range(20):
        for kind in KINDS:
            lab_.message(kind)
    live = lab_.memory.get("live")
    true(live <= before + 20,
         f"pieces of memory: got {live}, before {before}")
    same(lab_.milter.stop(), 0, "exit status")


tap.run(setup=lambda: Starved(postfix=False).start(), teardown=lab.Lab.stop)
