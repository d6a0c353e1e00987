#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 20 s
"""Mail that Postfix delivers to Telegram: to which chats, when, in what order.

The milter, Postfix with the sample's transport, notify-telegram and notify-bot
run together here."""
import os
import re

from lib import botapi
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, DOCUMENTS, OLGA, OTTO,
                        SERVICES, STRANGER, entitled)
from lib.tap import contains, lacks, same, true
from lib.telegram import ChatLab, case, expired, run

ACME, BETA = "acme@accounts.example", "beta@accounts.example"
CHATS = {OLGA: 7001, ANN: 7002, OTTO: 7003, BEA: 7004, BILL: 7005, ADAM: 7006}
PEOPLE = sorted(entitled(BALANCE, "acme"))


def link(site, *people):
    """Link (account, address) each to a chat of its own."""
    return [site.link_to(account, address, CHATS[address])
            for account, address in people]


def by_mail(result, people):
    """Exactly PEOPLE got it by mail; mirrors may still wait."""
    lab = result.lab
    lab.until(lambda: len(lab.receiver.copies(result.mark)) >= len(people),
              f"mail to {people}")
    same(lab.receiver.copies(result.mark), dict.fromkeys(people, 1),
         "mail")


def nobody_told(site, result, verdict):
    same(result.summary()["verdict"], verdict, "verdict")
    site.postfix.settle()
    same(site.api.chats_of(result.mark), [], "chats told")
    same(site.api.asked(), [], "requests")


# The chats

@case("a message for an account goes to the chats of its entitled users")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN), ("beta", OTTO))
    for result in (site.tell([BILL]), site.tell([ACME], account=None),
                   site.tell([ACME], account=None, submit=site.sendmail),
                   site.tell([ANN, ACME], account=None)):
        by_mail(result, PEOPLE)
        site.told(result, [CHATS[OLGA], CHATS[ANN]])
        same(result.summary()["mirrored"], "2", "mirrored")


@case("a message to internationalised addresses goes to the chats as well")
def _(site):
    # The SMTPUTF8 mail must get through pipe(8), too.
    who = "j\u00fcrgen@b\u00fccher.example"
    site.notifyctl("user", "add", "beta", who)
    (stored,), = site.sql("SELECT address FROM user ORDER BY id DESC LIMIT 1")
    site.notifyctl("subscribe", "beta", BALANCE, who, as_=OTTO)
    try:
        site.link_to("beta", stored, CHATS[BILL])
        result = site.tell([who], account="beta", options="SMTPUTF8",
                           headers=[f"X-For: {who}"])
        site.told(result, [CHATS[BILL]])
    finally:
        site.notifyctl("user", "remove", "beta", who, as_=OTTO)


@case("a message that is only filtered goes to the chats of those who stay")
def _(site):
    site.milter.settings(expand="never")
    link(site, ("acme", OLGA), ("acme", ANN), ("acme", BILL))
    result = site.tell([ANN, BILL, STRANGER, ACME], account=None)
    by_mail(result, [ANN])
    site.told(result, [CHATS[ANN]])


@case("a user who is not among the final recipients gets no copy in the chat")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN), ("acme", BILL), ("acme", ADAM),
         ("beta", OTTO), ("beta", BEA))
    result = site.tell([ANN], account=None)
    by_mail(result, [ANN])
    site.told(result, [CHATS[ANN]])
    result = site.tell([BETA], account=None)
    by_mail(result, entitled(BALANCE, "beta"))
    site.told(result, [CHATS[OTTO], CHATS[BEA]])


@case("a chat is told the account, unless its user has several and the message "
      "names none")
def _(site):
    site.link_to("acme", ANN, CHATS[ANN])
    for rcpts, account, told in (([ANN], None, False), ([ANN], "acme", True),
                                 ([ANN, ACME], None, True),
                                 ([ANN, BILL], None, False)):
        result = site.tell(rcpts, account=account)
        site.told(result, [CHATS[ANN]])
        text = next(t for t in site.api.texts(CHATS[ANN]) if result.mark in t)
        last = text.rstrip().splitlines()[-1]
        same(last, "Balance and payments" + " \u00b7 acme" * told,
             f"last line, {rcpts}, {account}")


@case("a group hears of one account alone, whatever it is by the delivery")
def _(site):
    group = -100700
    site.link_to("beta", ANN, group)
    site.notifyctl("subscribe", "beta", BALANCE, ANN, as_=OTTO)
    for rcpts, account in (([ACME, ANN], None), ([ANN], None), ([ANN], "acme")):
        result = site.tell(rcpts, account=account)
        site.told(result, [])
    result = site.tell([ANN], account="beta")
    site.told(result, [group])
    # Linked to the group when the message is on its way.
    site.sql(f"UPDATE link SET chat = {CHATS[ANN]}")
    site.api.person(CHATS[ANN])
    with site.api.away():
        result = site.tell([ANN], account=None)
        site.deferred(result)
    site.sql(f"UPDATE link SET chat = {group}")
    site.flushed()
    same(site.api.chats_of(result.mark), [], "chats told")
    same(site.deliveries(result)[-1].outcomes, ["group"], "outcome")
    site.notifyctl("unsubscribe", "beta", BALANCE, ANN, "--confirm", ANN,
                   as_=OTTO)


@case("a message that is discarded or held reaches no chat")
def _(site):
    link(site, ("acme", OLGA), ("acme", BILL))
    site.milter.settings(expand="addressed")
    for rcpts, category, account, verdict in (
            ([BILL], BALANCE, None, "discard"),
            ([STRANGER], BALANCE, None, "hold"),
            ([ACME], "lunch", "acme", "hold"),
            ([ACME], BALANCE, "nope", "hold"),
            ([OLGA], BALANCE, "beta", "deliver")):
        result = site.tell(rcpts, category, account)
        if verdict == "deliver":        # of beta, and nobody there is linked
            by_mail(result, entitled(BALANCE, "beta"))
        nobody_told(site, result, verdict)


@case("with monitor = yes no message reaches a chat")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN))
    site.milter.settings(monitor="yes")
    result = site.tell([OLGA, ANN])
    by_mail(result, [OLGA, ANN])
    nobody_told(site, result, "deliver")


@case("a message that an untrusted client tags, or nobody, reaches no chat")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN))
    result = site.tell([OLGA], listener="xclient",
                       xclient={"addr": "192.0.2.7"})
    by_mail(result, [OLGA])
    nobody_told(site, result, "untrusted")
    result = site.tell([OLGA], category=None, account=None)
    by_mail(result, [OLGA])
    site.postfix.settle()
    same(site.api.asked(), [], "requests")


@case("a category that is not mirrored reaches no chat")
def _(site):
    link(site, ("acme", OLGA), ("acme", ADAM))
    for category in (DOCUMENTS, SERVICES):
        result = site.tell([ACME], category)
        by_mail(result, entitled(category, "acme"))
        nobody_told(site, result, "deliver")


@case("one chat of two users, in one account or in two, gets one copy")
def _(site):
    for account, address in (("acme", OLGA), ("acme", ANN), ("beta", OTTO),
                             ("beta", BEA)):
        site.link_to(account, address, 7100)
    for rcpts, account in (([BILL], "acme"), ([ACME, BETA], None),
                           ([BETA, ANN], None)):
        site.told(site.tell(rcpts, account=account), [7100])


@case("a message addressed to the mirror's domain is refused by the milter")
def _(site):
    olga, = link(site, ("acme", OLGA))
    for rcpts in ([olga], [OLGA, olga], [olga.upper()]):
        for tags in ((BALANCE, "acme"), (None, None)):
            result = site.tell(rcpts, *tags)
            same((result.reply.code, result.reply.text[:5]), (550, "5.7.1"),
                 f"reply for {rcpts}")
    site.postfix.settle()
    same(site.api.asked(), [], "requests")


@case("one that bypasses the milter is accepted, and without a tag sent to "
      "nobody")
def _(site):
    olga, = link(site, ("acme", OLGA))
    result = site.tell([olga], None, None, listener="plain")
    site.postfix.settle()
    same(site.api.asked(), [], "requests")
    done, = site.deliveries(result)
    same(done.code, 0, f"{done}")
    same(site.receiver.bounces(result.mark), [], "bounces")


@case("notify-telegram runs as the user of the transport, not as root")
def _(site):
    link(site, ("acme", OLGA))
    users = set()

    def look():     # the run that asks waits for the answer
        users.update(os.stat(f"/proc/{pid}").st_uid for pid in site.agents())
    site.api.on_request = look
    site.told(site.tell([ACME]), [CHATS[OLGA]])
    true(users and 0 not in users, f"user ids: {users}")


# When

@case("while the API is down the mail arrives and the mirror waits in the "
      "queue")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN))
    with site.api.away():
        result = site.tell([ACME])
        by_mail(result, PEOPLE)
        for reason in site.deferred(result):
            contains(reason.lower(), "connect", "reason in mailq")
            lacks(reason, site.api.secret, "reason in mailq")
    site.flushed()
    site.told(result, [CHATS[OLGA], CHATS[ANN]])
    same(site.receiver.bounces(result.mark), [], "bounces")


@case("no answer of the API changes the recipients of the mail")
def _(site):
    for answer in (botapi.BLOCKED, botapi.NO_RIGHTS, botapi.NOT_FOUND,
                   botapi.UNAUTHORIZED, botapi.too_many(3000), botapi.CUT,
                   botapi.BAD_GATEWAY):
        site.fresh()
        link(site, ("acme", OLGA))
        with site.api.failing(answer):
            result = site.tell([ACME])
            by_mail(result, PEOPLE)
            site.until(lambda: site.deliveries(result), "it was tried")
            same(site.receiver.bounces(result.mark), [], "bounces")


@case("in each chat messages appear in the order in which they came")
def _(site):
    link(site, ("acme", OLGA), ("beta", OTTO))
    with site.api.away():
        results = []
        for i in range(8):
            results.append(site.tell([ACME, BETA] if i % 3 == 0 else
                                     [ACME] if i % 3 == 1 else [BETA],
                                     account=None))
        for result in results:
            site.deferred(result)
    site.flushed()
    for chat, mine in ((CHATS[OLGA], [r for i, r in enumerate(results)
                                      if i % 3 != 2]),
                       (CHATS[OTTO], [r for i, r in enumerate(results)
                                      if i % 3 != 1])):
        got = [re.search("mk-[0-9a-f]+", text)[0]
               for text in site.api.texts(chat)]
        same(got, [result.mark for result in mine], f"order in {chat}")


@case("a chat that has to wait does not delay the others")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN))
    with site.api.failing(botapi.too_many(3000), chat=CHATS[OLGA]):
        first = site.tell([ACME])
        site.api.wait(lambda: site.api.chats_of(first.mark), "Ann is told")
        site.until(lambda: "later" in [o for d in site.deliveries(first)
                                       for o in d.outcomes], "Olga waits")
        second = site.tell([ACME])
        site.api.wait(lambda: site.api.chats_of(second.mark), "Ann is told")
        site.until(lambda: "waiting" in [o for d in site.deliveries(second)
                                         for o in d.outcomes],
                   "the second waits for the first")
        same(len([r for r in site.api.asked(chat=CHATS[OLGA])
                  if second.mark in r.params["text"]]), 0,
             "tries of the second before the first")
    site.flushed()
    for result in (first, second):
        site.told(result, [CHATS[OLGA], CHATS[ANN]])
    same([first.mark in text for text in site.api.texts(CHATS[OLGA])],
         [True, False], "the first comes first")


@case("a message that got too old while it waited is dropped, and nobody "
      "gets a bounce")
def _(site):
    link(site, ("acme", OLGA))
    with site.api.failing(botapi.INTERNAL):
        result = site.tell([ACME])
        by_mail(result, PEOPLE)
        site.until(lambda: site.deliveries(result), "it was tried")
        site.milter.settings(max_age="1s")
        site.flushed()
    same(site.deliveries(result)[-1].outcomes, ["old"], "outcome")
    site.told(result, [])
    same(site.receiver.bounces(result.mark), [], "bounces")


@case("a user who lost the entitlement while it waited gets no copy in the "
      "chat")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN), ("beta", BEA))
    with site.api.failing(botapi.INTERNAL):
        result = site.tell([ACME, BETA], account=None)
        site.until(lambda: len(site.deliveries(result)) >= 3, "it was tried")
        site.notifyctl("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN,
                       as_=OLGA)
        site.sql("DELETE FROM subscription WHERE user = (SELECT user FROM link"
                 " WHERE chat = 7004)")
        try:
            site.milter.settings()
        finally:
            site.notifyctl("subscribe", "acme", BALANCE, ANN, as_=OLGA)
    site.flushed()
    site.told(result, [CHATS[OLGA]])
    outcomes = [o for done in site.deliveries(result) for o in done.outcomes]
    for outcome in ("no-link", "not-entitled"):
        contains(outcomes, outcome, "outcomes")
    site.notifyctl("subscribe", "beta", BALANCE, BEA, as_=OTTO)


@case("a database that is locked while it waits makes it wait longer")
def _(site):
    link(site, ("acme", OLGA))
    with site.api.failing(botapi.INTERNAL):
        result = site.tell([ACME])
        by_mail(result, PEOPLE)
        site.until(lambda: site.deliveries(result), "it was tried")
        site.milter.kill()      # or the lock could not be had
        with site.store.locked():
            before = len(site.api.asked())
            site.until(lambda: "locked" in site.deliveries(result)[-1].err,
                       "a run finds it locked")
        same(site.deliveries(result)[-1].code, 75, "exit")
        same(len(site.api.asked()), before, "requests meanwhile")
    site.milter.start()
    site.flushed()
    site.told(result, [CHATS[OLGA]])


# Users who are gone

@case("a user who has blocked the bot gets a mail, and the sender gets "
      "nothing")
def _(site):
    link(site, ("acme", OLGA), ("acme", ANN))
    site.api.blocked[CHATS[ANN]] = botapi.BLOCKED
    result = site.tell([ACME])
    by_mail(result, PEOPLE)
    site.told(result, [CHATS[OLGA]])
    same(site.chats(), {("acme", OLGA): CHATS[OLGA]}, "links")

    def notices():
        return [t for t in site.receiver.transactions
                if t.addresses == [ANN] and b"no longer linked" in t.data
                and b"auto-generated" in t.head and t.sender != "billing@"
                "example.org"]
    site.until(notices, "a notice")
    same([t.sender for t in notices()], ["notify@relay.example"], "senders")
    same(site.receiver.bounces(result.mark), [], "bounces")
    again = site.tell([ACME])
    site.told(again, [CHATS[OLGA]])
    same((again.summary()["mirrored"], len(notices())), ("1", 1),
         "mirrored the next time, notices")


# The whole story

@case("from connect to the first message and to /stop")
def _(site):
    site.api.person(8001)
    site.bot.start()
    contains(site.ask(8001, "/start " + site.connect_token("acme", ANN)), ANN,
             "answer")
    first = site.tell([ACME])
    site.told(first, [8001])
    contains(site.ask(8001, "/stop"), "acme", "answer")
    second = site.tell([ACME])
    by_mail(second, PEOPLE)
    site.told(second, [])
    token = site.connect_token("acme", ANN)
    expired(site)
    site.ask(8001, f"/start {token}")
    site.told(site.tell([ACME]), [])


@case("a waiting message is not sent to a chat whose link has ended meanwhile",
      expect="cannot be told yet")
def _(site):
    site.api.person(8001)
    site.api.person(8002)
    site.bot.start()
    site.ask(8001, "/start " + site.connect_token("acme", ANN))
    with site.api.failing(botapi.INTERNAL, chat=8001):
        result = site.tell([ACME])
        site.until(lambda: site.deliveries(result), "it was tried")
        site.ask(8002, "/start " + site.connect_token("acme", ANN))
        site.flushed()
    lacks(site.api.chats_of(result.mark), 8001, "chats told")


@case("Postfix logged no warning, and no sender got a bounce")
def _(site):
    same([t.addresses for t in site.receiver.transactions if t.bounce()], [],
         "bounces")
    same([line for line in site.postfix.caught_up().splitlines()
          if re.search("notify-telegram.*(warning|fatal|panic):", line)], [],
         "warnings")
    found = [line for line in site.milter.complaints()
             if not re.search("hold|locked|reload", line)]
    same(found, [], "complaints of the milter")


run(ChatLab)
