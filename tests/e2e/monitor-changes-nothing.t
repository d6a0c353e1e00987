#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""monitor = yes decides and logs, and leaves every message as it is."""
from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, DOCUMENTS, STRANGER
from lib.tap import same, true

ACME = "acme@accounts.example"
MIRROR = "1@telegram.invalid"

# what it is: (verdict, recipients, category, account, more settings)
MESSAGES = {
    "a message for an account": ("deliver", [BILL, ACME, STRANGER], BALANCE,
                                 None, {}),
    "a message for nobody entitled": ("discard", [BILL], DOCUMENTS, None,
                                     {"expand": "addressed"}),
    "a message without an account": ("hold", [STRANGER], BALANCE, None, {}),
    "a message with too many to remove": ("hold", [ANN, BILL, STRANGER],
                                          BALANCE, "acme",
                                          {"max_removed": "1"}),
    "a bad tag": ("hold", [ANN, BILL], "lunch", "acme", {}),
    "a bad tag to refuse": ("reject", [ANN], "lunch", None,
                            {"bad_tag": "reject"}),
    "a bad tag to defer": ("tempfail", [ANN], BALANCE, "nosuch",
                           {"bad_tag": "tempfail"}),
    "an untrusted client's message": ("untrusted", [ANN, BILL], BALANCE,
                                      "acme", {"trusted_clients": "192.0.2.1"}),
}


def passed(lab_, result, verdict, rcpts, want):
    summary = result.summary()
    same(summary["verdict"], verdict, "verdict")
    same(summary.get("monitor"), "yes", f"monitor= of {summary['line']!r}")
    true(summary["line"].endswith(" monitor=yes"), "monitor=yes comes last")
    same(result.recipients(), sorted(rcpts), "recipients")
    same(result.held(), False, "message is on hold")
    same(lab.marks_gone(result.data()), lab.marks_gone(want), "data")


for name, message in MESSAGES.items():
    @case(f"{name} is judged and passes unchanged")
    def _(lab_, message=message):
        verdict, rcpts, category, account, more = message
        lab_.milter.settings(monitor="yes", **more)
        want = lab_.send(rcpts, category, account, listener="plain").data()
        for how in ("send", "sendmail"):
            result = getattr(lab_, how)(rcpts, category, account)
            passed(lab_, result, verdict, rcpts, want)


@case("mail for a chat is refused nevertheless, and the log says so")
def _(lab_):
    lab_.milter.settings(monitor="yes")
    check = "0" * 32
    for rcpts, category in (([ANN, MIRROR], BALANCE), ([MIRROR], None), (
            [f"1-{check}@telegram.invalid"], BALANCE)):
        result = lab_.send(rcpts, category, "acme").must("reject")
        same(result.summary().get("monitor"), None, "monitor=")


@case("without the database nothing is deferred, and the log says so")
def _(lab_):
    lab_.milter.settings(monitor="yes")
    want = lab_.send([ANN, BILL], BALANCE, "acme", listener="plain").data()
    with lab_.database_away():
        result = lab_.send([ANN, BILL], BALANCE, "acme")
        same(result.reply.code, 250, "reply")
        passed(lab_, result, "tempfail", [ANN, BILL], want)


@case("the counts in the log are those of the decision")
def _(lab_):
    lab_.milter.settings(monitor="yes")
    result = lab_.send([ANN, BILL, STRANGER], BALANCE, "acme")
    summary = result.summary()
    same([summary[k] for k in ("kept", "added", "dropped")],
         ["1", "2", "2"], "kept, added, dropped")
    same(set(result.dropped()), {BILL, STRANGER}, "dropped lines")


@case("without monitor = yes the same messages are changed")
def _(lab_):
    lab_.milter.settings()
    result = lab_.send([BILL, STRANGER], BALANCE, "acme")
    true(STRANGER not in result.recipients(), "the stranger is dropped")
    true("monitor" not in result.summary(), "no monitor= in the log")


lab.run(allow="database|roster.db")
