#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix
# not with sanitizer: it is about size and time
# takes: 30 s
"""A message with 10,000 recipients, before or after, is treated like any."""
import os
import time

from lib import lab
from lib.lab import case
from lib.roster import BALANCE, MAINTENANCE, SERVICES
from lib.tap import contains, same, true

COUNT = 10000
OWNER = "owner@big.example"
USERS = [f"user{i:05d}@big.example" for i in range(COUNT)]
# All are subscribed to balance-and-payments, most to services, every other one
# to scheduled-maintenance. Postfix takes milliseconds to delete one of 10,000
# recipients: half of them would take as long as all other cases together.
MOST = [user for i, user in enumerate(USERS) if i % 20]
EVEN = USERS[::2]


def fill(lab_):
    path = os.path.join(lab_.folder, "big.csv")
    with open(path, "w") as out:
        out.write(f"account,email,role,categories\nbig,{OWNER},owner,\n")
        for i, address in enumerate(USERS):
            more = f";{SERVICES}" if i % 20 else ""
            more += "" if i % 2 else f";{MAINTENANCE}"
            out.write(f"big,{address},member,{BALANCE}{more}\n")
    lab_.notifyctl("import", path)


def check(result, want, **fields):
    got = result.recipients()
    same(len(got), len(want), "copies")
    true(got == sorted(want), "the recipients are not those entitled")
    summary = result.summary()
    same({name: summary[name] for name in fields}, fields,
         f"{summary['line']!r}")


@case("all 10,000 subscribers of an account are added")
def _(lab_):
    fill(lab_)
    start = time.monotonic()
    result = lab_.send(["big@accounts.example"], BALANCE)
    true(time.monotonic() - start < 60, "the client waits less than 60 s")
    check(result, {*USERS, OWNER}, verdict="deliver", kept="0",
          added=str(COUNT + 1), dropped="0")


@case("of 10,000 recipients those entitled stay, and the others are dropped")
def _(lab_):
    result = lab_.send(USERS, SERVICES)
    check(result, MOST, verdict="deliver", kept=str(len(MOST)), added="0",
          dropped=str(COUNT - len(MOST)))
    same(sorted(result.dropped()), USERS[::20], "lines on the dropped")


@case("a message from which more than 2,000 would be removed is held before "
      "Postfix begins to remove them")
def _(lab_):
    result = lab_.send(USERS[:2000], "account-and-agreement", "big")
    check(result, [OWNER], verdict="deliver", kept="0", added="1",
          dropped="2000")
    start = time.monotonic()
    result = lab_.send(USERS, "account-and-agreement", "big")
    true(time.monotonic() - start < 30, "the client waits less than 30 s")
    summary = result.summary()
    same((summary["verdict"], summary["dropped"]), ("hold", "0"), summary)
    contains(summary["reason"], "10000 of 10000 recipients would have to be "
             "removed, more than max_removed = 2000", "the reason")
    same(result.held(), True, "on hold")
    same(result.recipients(), [], "who has got it")


@case("of 1,000 recipients from sendmail(1) half stay, and thousands are "
      "added")
def _(lab_):
    result = lab_.sendmail(USERS[:1000], MAINTENANCE, "big")
    check(result, {*EVEN, OWNER}, verdict="deliver", kept="500",
          added=str(COUNT // 2 - 500 + 1), dropped="500")


lab.run(roster=False, settings={"expand": "addressed"})
