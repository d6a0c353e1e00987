#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""While a message waits for its chat, those that came later wait behind it."""
import time

from lib import botapi
from lib.roster import ANN, BEA, OLGA, OTTO
from lib.tap import same
from lib.telegram import Site, case, mail, run

CHAT, OTHER = 7001, 7002
GROUP, SUPERGROUP = -4001, -1001234567890


class Letter:
    """A message that arrived AGO seconds before now."""

    def __init__(self, site, link, qid, ago, account="acme"):
        self.site, self.link, self.qid = site, link, qid
        self.data = mail(subject=qid, account=account,
                         arrived=int(time.time()) - ago)

    def run(self):
        return self.site.agent(self.link, self.data, self.qid)

    def must(self, *want):
        return self.run().must(*want)

    def fails(self, answer=botapi.INTERNAL, outcome="again"):
        self.site.api.fail(answer)
        return self.must(75, outcome)


def pair(site, *ages):
    """Two messages to one chat; the first arrived earlier."""
    ann = site.link_to("acme", ANN, CHAT)
    first, second = ages or (20, 10)
    return Letter(site, ann, "A1", first), Letter(site, ann, "A2", second)


def pair_of_two(site):
    """The same, to two users who are linked to the same chat."""
    ann, otto = (site.link_to("acme", ANN, CHAT),
                 site.link_to("beta", OTTO, CHAT))
    return (Letter(site, ann, "A1", 20),
            Letter(site, otto, "A2", 10, "beta"))


def in_order(first, second):
    """The second message waits while the first fails; then both are sent."""
    first.fails()
    second.must(75, "waiting")
    first.must(0, "sent")
    second.must(0, "sent")


@case("a later message waits until the earlier one is sent, without a request")
def _(site):
    first, second = pair(site)
    first.fails()
    for _ in range(2):
        second.must(75, "waiting")
    same(len(site.api.asked()), 1, "requests")
    first.must(0, "sent")
    second.must(0, "sent")
    same([t.split("\n")[0] for t in site.api.texts(CHAT)], ["A1", "A2"],
         "order")


@case("a later message waits for an earlier one that waits for any reason")
def _(site):
    for answer, outcome in ((botapi.too_many(60), "later"),
                            (botapi.UNAUTHORIZED, "token"),
                            (botapi.CUT, "again"),
                            (botapi.NOT_FOUND, "strike")):
        site.reset()
        first, second = pair(site)
        first.fails(answer, outcome)
        second.must(75, "waiting")
        first.must(0, "sent")
        second.must(0, "sent")


@case("an earlier message does not wait for a later one")
def _(site):
    first, second = pair(site)
    second.fails()
    first.must(0, "sent")
    second.must(0, "sent")


@case("of two that came in the same second the lower queue id is the earlier")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    first, second = (Letter(site, ann, "4XAB3z1", 20),
                     Letter(site, ann, "4XAB3z2", 20))
    second.data = first.data
    first.fails()
    second.must(75, "waiting")
    first.must(0, "sent")
    second.fails()
    first.must(0, "sent")
    second.must(0, "sent")


@case("three or more come in their order, however often they are tried")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    letters = [Letter(site, ann, f"A{i}", 90 - i) for i in range(6)]
    with site.api.away():
        for letter in reversed(letters):
            same(letter.run().code, 75, "exit")
    waiting = [letters[i] for i in (3, 0, 5, 1, 4, 2)]
    while waiting:
        before = len(waiting)
        waiting = [letter for letter in waiting if letter.run().code]
        same(len(waiting) < before, True, "one was sent")
    same([t.split("\n")[0] for t in site.api.texts(CHAT)],
         [letter.qid for letter in letters], "order")


@case("another chat is not delayed")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    Letter(site, ann, "A1", 20).fails()
    Letter(site, olga, "A1", 20).must(0, "sent")
    Letter(site, olga, "A2", 10).must(0, "sent")


@case("messages to all users of a chat have one order")
def _(site):
    in_order(*pair_of_two(site))


@case("a message that is dropped lets the next pass: it got too old")
def _(site):
    first, second = pair(site, 200, 10)
    first.fails()
    second.must(75, "waiting")
    site.settings(max_age="100s")
    first.must(0, "old")
    second.must(0, "sent")


@case("a message that is dropped lets the next pass: its link has ended")
def _(site):
    first, second = pair_of_two(site)
    first.fails()
    site.ok("telegram", "disable", "acme", as_=ANN)
    first.must(0, "no-link")
    second.must(0, "sent")


@case("a message whose link has ended is not waited for until it is tried again")
def _(site):
    for change in (("telegram", "disable", "acme"),
                   ("user", "remove", "acme", ANN)):
        site.reset()
        first, second = pair_of_two(site)
        first.fails()
        site.ok(*change, as_=ANN if change[0] == "telegram" else None)
        second.must(0, "sent")
        first.must(0, "no-link")
        same(site.sql("SELECT message FROM waiting"), [], "what waits")


@case("a message that is dropped lets the next pass: its user is not entitled")
def _(site):
    bea, otto = (site.link_to("beta", BEA, CHAT),
                 site.link_to("beta", OTTO, CHAT))
    first = Letter(site, bea, "A1", 20, "beta")
    second = Letter(site, otto, "A2", 10, "beta")
    first.fails()
    site.sql("DELETE FROM subscription WHERE user ="
             " (SELECT id FROM user WHERE address = ?)", BEA)
    first.must(0, "not-entitled")
    second.must(0, "sent")


@case("a message that is dropped lets the next pass: the API refuses it")
def _(site):
    first, second = pair(site)
    first.fails()
    site.api.fail(botapi.NO_RIGHTS, times=2)
    first.must(0, "refused")
    second.must(0, "sent")


@case("a message that is dropped lets the next pass: the link was made again")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, CHAT))
    first, second = Letter(site, ann, "A1", 20), Letter(site, olga, "A2", 10)
    first.fails(botapi.NOT_FOUND, "strike")
    site.api.fail(botapi.NOT_FOUND, times=2)
    first.must(75, "strike")
    same(first.run().code, 0, "exit at the third strike")
    same(list(site.chats()), [("acme", OLGA)], "links")
    second.must(0, "sent")


@case("a message that was not tried for three hours delays nobody")
def _(site):
    first, second = pair(site)
    first.fails()
    now = int(time.time())
    site.sql("UPDATE waiting SET tried = ?", now - 3 * 3600 + 60)
    second.must(75, "waiting")
    site.sql("UPDATE waiting SET tried = ? WHERE message = 'A1'",
             now - 3 * 3600 - 60)
    second.must(0, "sent")
    first.must(0, "sent")


@case("the order is kept when a group moves")
def _(site):
    site.api.group(GROUP, "group")
    site.api.group(SUPERGROUP)
    ann = site.link_to("acme", ANN, GROUP)
    letters = [Letter(site, ann, f"A{i}", 90 - 10 * i) for i in range(3)]
    letters[0].fails()
    letters[1].must(75, "waiting")
    site.api.blocked[GROUP] = botapi.migrated(SUPERGROUP)
    same(letters[0].run().code, 0, "exit")
    letters[2].must(75, "waiting")
    letters[1].must(0, "sent")
    letters[2].must(0, "sent")


@case("no rows stay of messages that were sent or dropped")
def _(site):
    first, second = pair(site, 200, 10)
    first.fails()
    second.must(75, "waiting")
    site.settings(max_age="100s")
    first.run()
    second.run()
    same(site.sql("SELECT message FROM waiting"), [], "rows that wait")


run(Site)
