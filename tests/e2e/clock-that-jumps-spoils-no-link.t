#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it preloads a library
"""A clock that jumps, forward or back, lets no connect token live longer, no
message wait for ever, no update be handled twice, and no notice be lost."""
import re
import time

from lib import botapi, faults
from lib.roster import ANN, BALANCE, BILL, MAINTENANCE, MIA, OLGA, SERVICES
from lib.tap import contains, lacks, same
from lib.telegram import Site, case, mail, run

MINUTE, HOUR, DAY = 60, 3600, 86400
CHAT = 7001


def connect(site, clock, address=ANN):
    """A connect token that is made now."""
    text = site.ok("telegram", "connect", "acme", as_=address,
                   env=clock.env).out
    return re.search(r"[?]start=(\S+)", text)[1]


@case("a connect token lives a quarter of an hour, and no longer whatever the "
      "clock does")
def _(site):
    clock = faults.Clock(site.folder)
    site.api.person(CHAT)
    site.bot.start(env=clock.env)
    for made, tried, works in (
            (0, 14 * MINUTE, True), (0, 16 * MINUTE, False),
            (0, -30, True), (0, -10 * MINUTE, False), (0, -DAY, False),
            (DAY, 0, False), (20 * 365 * DAY, 0, False),
            (-DAY, 0, False), (-DAY, 14 * MINUTE - DAY, True)):
        clock.set(made)
        token = connect(site, clock)
        clock.set(tried)
        answer = site.ask(CHAT, f"/start {token}")
        what = f"answer after {tried} s to a token made after {made} s"
        (contains if works else lacks)(answer, ANN, what)
        same(len(site.chats()), int(works), f"links, {what}")
        if works:
            site.ask(CHAT, "/stop")


@case("a connect token from a clock that was ahead expires before that time "
      "comes")
def _(site):
    clock = faults.Clock(site.folder)
    site.ok("subscribe", "acme", BALANCE, MIA, as_=OLGA)
    clock.set(365 * DAY)
    connect(site, clock)
    clock.set(0)
    connect(site, clock, MIA)
    same(site.sql("SELECT count(*) FROM token"), [(1,)], "tokens")


class Letter:
    """A message that arrived AGO seconds before now, by the clock that is
    right."""

    def __init__(self, site, clock, link, qid, ago):
        self.site, self.clock, self.link, self.qid = site, clock, link, qid
        self.data = mail(subject=qid, arrived=int(time.time()) - ago)

    def must(self, *want):
        return self.site.agent(self.link, self.data, self.qid,
                               env=self.clock.env).must(*want)


@case("a message that was tried by a wrong clock, and is not retried, delays "
      "no other")
def _(site):
    clock = faults.Clock(site.folder)
    ann = site.link_to("acme", ANN, CHAT)
    for jump in (HOUR, 23 * HOUR):
        site.sql("DELETE FROM waiting")
        clock.set(jump)
        site.api.fail(botapi.INTERNAL)
        Letter(site, clock, ann, "A1", 20).must(75, "again")
        clock.set(0)
        Letter(site, clock, ann, "A2", 10).must(0, "sent")
        site.api.fail(botapi.INTERNAL)
        Letter(site, clock, ann, "A3", 5).must(75, "again")
        same(site.sql("SELECT message FROM waiting"), [("A3",)],
             "what waits")


@case("those that wait are all sent, by whatever clock they are tried")
def _(site):
    clock = faults.Clock(site.folder)
    ann = site.link_to("acme", ANN, CHAT)
    letters = [Letter(site, clock, ann, f"A{i}", 60 - i) for i in range(4)]
    with site.api.failing(botapi.INTERNAL):
        for letter, jump in zip(letters, (0, 4 * HOUR, -4 * HOUR, 0)):
            clock.set(jump)
            same(site.agent(ann, letter.data, letter.qid, env=clock.env).code,
                 75, "exit")
    clock.set(0)
    for letter in letters:
        letter.must(0, "sent")
    same(site.sql("SELECT count(*) FROM waiting"), [(0,)], "what waits")


@case("a message older than max_age by the clock is dropped, and no other")
def _(site):
    clock = faults.Clock(site.folder)
    ann = site.link_to("acme", ANN, CHAT)
    for jump, outcome in ((2 * DAY, "old"), (-2 * DAY, "sent"), (0, "sent")):
        clock.set(jump)
        Letter(site, clock, ann, "A1", 10).must(0, outcome)


@case("an update is not handled twice when the clock goes a week forward "
      "before it is confirmed", expect="Internal|502|500")
def _(site):
    clock = faults.Clock(site.folder)
    site.api.person(CHAT)
    token = connect(site, clock)
    site.bot.start(env=clock.env)
    site.api.wait(lambda: site.api.asked("getUpdates"), "it polls")
    # Handled updates cannot be confirmed meanwhile.
    with site.api.failing(botapi.INTERNAL, method="getUpdates"):
        site.api.say(CHAT, "/stop")
        site.api.say(CHAT, f"/start {token}")
        site.api.wait(lambda: len(site.api.texts(CHAT)) == 2, "two answers")
        clock.set(8 * DAY)
        since = site.api.mark()
        site.api.wait(lambda: site.api.asked("getUpdates", since),
                      "it polls again")
    site.api.wait(lambda: not site.api.updates, "it is confirmed")
    site.ask(CHAT, "/status")
    same(len(site.api.texts(CHAT)), 3, "answers")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("the log has the changes in the order in which they were made")
def _(site):
    clock = faults.Clock(site.folder)
    made = []
    for number, jump in enumerate((DAY, 0, -DAY, 20 * 365 * DAY, 0)):
        clock.set(jump)
        made.append(f"u{number}@acme.example")
        site.ok("user", "add", "acme", made[-1], env=clock.env)
    same([entry["subject"] for entry in site.log("acme")[-len(made):]], made,
         "who was added")


@case("a pending notice is sent once, whatever the clock shows")
def _(site):
    clock = faults.Clock(site.folder)
    for jump in (365 * DAY, -365 * DAY):
        site.reset()
        site.sendmail("exit 75")
        clock.set(jump)
        site("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
             as_=OLGA, env=clock.env)
        same(site.notices(), ["pending"], "notices")
        clock.set(0)
        done = site("check", json_=True, env={"PATH": site.folder})
        said, = [f["what"] for f in done.document["findings"]
                 if "notices" in f["what"]]
        lacks(said, "-", "what check says of its age")
        site.sendmail()
        for _ in range(2):
            site.ok("subscribe", "acme", SERVICES, MIA, as_=OLGA,
                    env=clock.env)
        same([m.to for m in site.mails()], [BILL], "mails")


run(Site)
