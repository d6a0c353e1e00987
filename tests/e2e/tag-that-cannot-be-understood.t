#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A tag that cannot be understood: held, refused or deferred, for nobody."""
import contextlib
import sqlite3

from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, STRANGER, entitled
from lib.tap import contains, same, true

RCPTS = [ANN, BILL, STRANGER]
OTHERS = "beta@accounts.example"

# reason: (recipients, category, account, more headers)
BAD = {
    "an unknown category": (RCPTS, "lunch", None, ()),
    "an unknown category of a known account": (RCPTS, "lunch", "acme", ()),
    "an empty tag": (RCPTS, "", "acme", ()),
    "a blank tag": (RCPTS, "   ", "acme", ()),
    "two different tags": (RCPTS, BALANCE, "acme",
                           [f"X-Notify-Category: {SERVICES}"]),
    "a known and an unknown tag": (RCPTS, BALANCE, "acme",
                                   ["X-Notify-Category: lunch"]),
    "a tag and an empty one": (RCPTS, BALANCE, "acme",
                               ["X-Notify-Category:"]),
    "two tags in one header": (RCPTS, f"{BALANCE}, {SERVICES}", "acme", ()),
    "an unknown account header": (RCPTS, BALANCE, "nosuch", ()),
    "an account header that is no name": (RCPTS, BALANCE, "ac me!", ()),
    "an empty account header": (RCPTS, BALANCE, "", ()),
    "an unknown account address": ([*RCPTS, "nosuch@accounts.example"],
                                   BALANCE, None, ()),
    "an unknown account address beside a known one":
        (["acme@accounts.example", "nosuch@accounts.example"], BALANCE, None,
         ()),
    "two different account headers": (RCPTS, BALANCE, "acme",
                                      ["X-Notify-Account: beta"]),
    "an account header that contradicts an account address":
        ([*RCPTS, OTHERS], BALANCE, "acme", ()),
    "an unknown charset": (RCPTS, "=?x-nosuch?Q?balance?=", "acme", ()),
    "broken base64": (RCPTS, "=?utf-8?B?!!!!?=", "acme", ()),
    # Each is understood; to decode many would take a minute.
    "17 tags of 3,900 bytes":
        (RCPTS, BALANCE, "acme",
         [f"X-Notify-Category: {'=?koi8-r?Q??= =?big5?Q??= ' * 150}\n {BALANCE}"]
         * 17),
    "text that is not UTF-8": (RCPTS, "=?utf-8?Q?=FF=FE?=", "acme", ()),
}


def submit(lab_, bad, how="send"):
    rcpts, category, account, headers = bad
    return getattr(lab_, how)(rcpts, category, account, headers)


for name, bad in BAD.items():
    @case(f"{name} is held, refused or deferred as bad_tag says")
    def _(lab_, bad=bad):
        for action, verdict in (("hold", "hold"), ("reject", "reject"),
                                ("tempfail", "tempfail")):
            lab_.milter.settings(bad_tag=action)
            submit(lab_, bad).must(verdict)
    

@case("a held message keeps all its recipients and its headers")
def _(lab_):
    result = submit(lab_, BAD["two different tags"]).must("hold")
    shown = lab_.postfix.tool("postcat", "-q", result.qid).stdout
    for part in (*(f"recipient: {rcpt}\n" for rcpt in RCPTS),
                 f"X-Notify-Category: {BALANCE}\n",
                 f"X-Notify-Category: {SERVICES}\n",
                 "X-Notify-Account: acme\n"):
        contains(shown, part, "the held message")
    lab_.postfix.release(result.qid)
    same(result.recipients(), sorted(RCPTS), "recipients after the release")


@case("a refusal tells the client why")
def _(lab_):
    lab_.milter.settings(bad_tag="reject")
    contains(submit(lab_, BAD["an unknown category"]).reply.text, "lunch",
             "reply")
    contains(submit(lab_, BAD["an unknown account header"]).reply.text,
             "nosuch", "reply")


@case("from sendmail(1) it is held")
def _(lab_):
    submit(lab_, BAD["an unknown category"], "sendmail").must("hold")


@case("from sendmail(1) it is returned to the sender when refused")
def _(lab_):
    lab_.milter.settings(bad_tag="reject")
    result = submit(lab_, BAD["an unknown category"], "sendmail")
    same(result.recipients(), [], "recipients")
    same(result.summary()["verdict"], "reject", "verdict")
    bounces = lab_.receiver.bounces(result.mark)
    same(bounces, [lab.SENDER], "who got the bounce")


@case("from sendmail(1) it waits when deferred, and is delivered later")
def _(lab_):
    lab_.milter.settings(bad_tag="tempfail")
    result = lab_.sendmail(RCPTS, "supper", "acme")
    same(result.summary()["verdict"], "tempfail", "verdict")
    lab_.until(lambda: lab_.postfix.files("deferred"), "it waits")
    same(lab_.receiver.copies(result.mark), {}, "delivered meanwhile")
    lab_.notifyctl("category", "add", "supper", "--title", "Supper")
    lab_.postfix.flush()
    same(result.recipients(), [OLGA], "recipients")


@case("a tag that is understood is decided alike under every bad_tag")
def _(lab_):
    for action in ("hold", "reject", "tempfail"):
        lab_.milter.settings(bad_tag=action)
        lab_.send([BILL], BALANCE, "acme").must(
            "deliver", entitled(BALANCE, "acme"))


@case("SQL in any part of a message is only text")
def _(lab_):
    def rows():
        with contextlib.closing(sqlite3.connect(lab_.database)) as database:
            return list(database.iterdump())
    before = rows()
    for text in ("'; DROP TABLE user; --", "' OR '1'='1", "%", "_", "?1",
                 "x') UNION SELECT address FROM user --"):
        someone = f'"{text}"@else.example'
        lab_.send([ANN], text, "acme").must("hold")
        lab_.send([ANN], BALANCE, text).must("hold")
        if text == "%":         # Postfix takes it for a route
            continue
        lab_.send([ANN, someone, f'"{text}"@acme.example'], BALANCE).must(
            "deliver", [ANN])
        # No account has such a name, and no pattern matches one.
        lab_.send([ANN, f'"{text}"@accounts.example'], BALANCE).must(
            "hold")
        with lab_.connect() as client:
            lab_.send([ANN, BILL], BALANCE, sender=someone,
                      client=client).must("deliver", [ANN, OLGA])
    same(rows(), before, "the database")


lab.run()
