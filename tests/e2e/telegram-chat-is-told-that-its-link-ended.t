#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it goes by time
# needs: root postfix
"""A chat whose link a command has ended is told so, once, by the bot."""
import time

from lib import botapi, rosterdb
from lib.roster import ADAM, ANN, BALANCE, BEA, OLGA, OTTO
from lib.tap import Skip, contains, lacks, same, true
from lib.telegram import Bot, Site, case, run
from lib.waiting import until

CHAT, OTHER, THIRD = 7001, 7002, 7003
ENDED = "no longer linked"


def rows(site):
    return site.sql("SELECT chat, account FROM farewell ORDER BY id")


def round_of(site, chat=THIRD):
    """The bot goes once through what it does between two polls, and after
    that has nothing to do."""
    site.api.person(chat)
    site.ask(chat, "/status")
    site.ask(chat, "/status")


def told(site, chat):
    return [text for text in site.api.texts(chat) if ENDED in text]


def ends(site):
    """Ann's link to CHAT ends while no bot runs."""
    site.link_to("acme", ANN, CHAT)
    site.ok("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN, as_=OLGA)
    same(rows(site), [(CHAT, "acme")], "what is to be said")


def all_said(site):
    until(lambda: not rows(site), "nothing is left to say")


@case("whatever command ends a link, the chat is told the account, once")
def _(site):
    site.bot.start()
    for number, command in enumerate((
            ("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN),
            ("telegram", "disable", "acme"),
            ("user", "role", "acme", ADAM, "subscriber"),
            ("user", "remove", "acme", ADAM),
            ("account", "remove", "beta"))):
        chat = CHAT + 10 * number
        account, user = ("beta", BEA) if command[-1] == "beta" else (
            "acme", ADAM if ADAM in command else ANN)
        if command[1] == "disable":
            site.ok("subscribe", "acme", BALANCE, ANN, as_=OLGA)
        if command[1] == "remove" and user == ADAM:
            site.ok("user", "role", "acme", ADAM, "user-admin")
            site.ok("subscribe", "acme", BALANCE, ADAM, as_=OLGA)
        site.link_to(account, user, chat)
        site.ok(*command, as_=ANN if command[1] == "disable" else
                None if command[0] == "account" else OLGA)
        round_of(site)
        all_said(site)
        text, = told(site, chat)
        contains(text, f"account {account}", f"text after {command}")
        lacks(text, "@", f"text after {command}")
    round_of(site)
    same(len([t for t in site.api.texts() if ENDED in t]), 5, "texts")


@case("a chat is told when its user has linked another one, and not when the "
      "same one")
def _(site):
    site.bot.start()
    for chat in (CHAT, OTHER):
        site.api.person(chat)
    for chat, counts in ((CHAT, (0, 0)), (CHAT, (0, 0)), (OTHER, (1, 0)),
                         (CHAT, (1, 1))):
        site.ask(chat, "/start " + site.connect_token("acme", ANN))
        round_of(site)
        all_said(site)
        same((len(told(site, CHAT)), len(told(site, OTHER))), counts, "texts")


@case("what was recorded while no bot ran is said when one starts")
def _(site):
    ends(site)
    site.bot.start()
    round_of(site)
    all_said(site)
    same(len(told(site, CHAT)), 1, "texts")


@case("when very many links end at once, all chats are told within a minute")
def _(site):
    chats = range(8001, 8071)
    for chat in chats:
        site.api.person(chat)
        site.sql("INSERT INTO farewell(at, chat, topic, language, account,"
                 " reason) VALUES (?, ?, 0, '', 'acme', '')",
                 int(time.time()), chat)
    began = time.monotonic()
    site.bot.start()
    all_said(site)
    true(time.monotonic() - began < 40, "all are told in time")
    same([len(told(site, chat)) for chat in chats], [1] * len(chats), "texts")


@case("/stop gets its answer and nothing else")
def _(site):
    site.link_to("acme", ANN, CHAT)
    site.bot.start()
    contains(site.ask(CHAT, "/stop"), ENDED, "answer")
    round_of(site)
    same((rows(site), len(site.api.texts(CHAT))), ([], 1), "rows and texts")


@case("a chat that is linked to the account again is told nothing")
def _(site):
    ends(site)
    site.ok("subscribe", "acme", BALANCE, ANN, as_=OLGA)
    site.link_to("acme", ANN, CHAT)
    site.bot.start()
    round_of(site)
    all_said(site)
    same(site.api.texts(CHAT), [], "texts")


@case("a chat that is still linked to the account for another user is told "
      "nothing, one of another account is told")
def _(site):
    ends(site)
    site.link_to("acme", OLGA, CHAT)
    site.link_to("beta", BEA, OTHER)
    site.ok("unsubscribe", "beta", BALANCE, BEA, "--confirm", BEA, as_=OTTO)
    site.link_to("acme", ADAM, OTHER)
    site.bot.start()
    round_of(site)
    all_said(site)
    same((told(site, CHAT), len(told(site, OTHER))), ([], 1), "texts")


@case("several users of an account had one chat: it is told once")
def _(site):
    for user in (ANN, ADAM):
        site.link_to("acme", user, CHAT)
    site.ok("account", "remove", "acme")
    site.bot.start()
    round_of(site)
    all_said(site)
    same(len(told(site, CHAT)), 1, "texts")


@case("a chat that has blocked the bot, or is gone, is told nothing, and the "
      "next one is told")
def _(site):
    for chat, user in ((CHAT, ANN), (OTHER, OLGA), (THIRD + 1, ADAM)):
        site.link_to("acme", user, chat)
    site.api.blocked[CHAT] = botapi.BLOCKED
    del site.api.chats[OTHER]
    site.ok("account", "remove", "acme")
    site.bot.start()
    round_of(site)
    all_said(site)
    same(len(told(site, THIRD + 1)), 1, "texts")
    same(len(site.api.asked(chat=CHAT) + site.api.asked(chat=OTHER)), 2,
         "tries")


@case("a group that has moved is told at its new place")
def _(site):
    group = site.api.group(-1001)
    moved = site.api.group(-1002)
    site.link_to("acme", ANN, group)
    site.api.fail(botapi.migrated(moved), chat=group)
    site.ok("user", "remove", "acme", ANN, as_=OLGA)
    site.bot.start()
    round_of(site)
    all_said(site)
    same(len(told(site, moved)), 1, "texts")


@case("while Telegram asks to wait, nothing is tried, and nothing is lost",
      expect="cannot be told yet")
def _(site):
    ends(site)
    site.api.fail(botapi.too_many(2), chat=CHAT)
    site.bot.start()
    round_of(site)
    site.api.wait(lambda: site.api.asked(chat=CHAT), "a try")
    first = site.api.asked(chat=CHAT)[0].at
    round_of(site)
    same(len(site.api.asked(chat=CHAT)), 1, "tries at once")
    time.sleep(max(0, first + 2.1 - time.monotonic()))
    round_of(site)
    all_said(site)
    same((len(told(site, CHAT)), len(site.api.asked(chat=CHAT))), (1, 2),
         "texts and tries")


@case("a failure of Telegram keeps what is to be said, and is logged once",
      expect="cannot be told yet")
def _(site):
    ends(site)
    since = site.bot.mark()
    with site.api.failing(botapi.INTERNAL, chat=CHAT):
        site.bot.start()
        round_of(site)
        site.bot.end()
        site.bot.start()
        round_of(site)
    same(rows(site), [(CHAT, "acme")], "what is to be said")
    same(len(site.bot.troubles(since)), 2, "warnings of two bots")
    site.bot.end()
    site.bot.start()
    round_of(site)
    all_said(site)
    same(len(told(site, CHAT)), 1, "texts")


@case("what could not be said for a day is dropped")
def _(site):
    ends(site)
    site.link_to("beta", BEA, OTHER)
    site.ok("user", "remove", "beta", BEA, as_=OTTO)
    site.sql("UPDATE farewell SET at = at - ? WHERE chat = ?",
             24 * 3600 + 5, CHAT)
    site.bot.start()
    round_of(site)
    all_said(site)
    same((told(site, CHAT), len(told(site, OTHER))), ([], 1), "texts")


@case("of two bots the one that polls says it")
def _(site):
    site.bot.start()
    site.api.wait(lambda: site.api.asked("getUpdates"), "it polls")
    second = Bot(site.folder, site.conf)
    second.log = site.path("second.log")
    second.start()
    try:
        second.wait_line("standing by")
        ends(site)
        round_of(site)
        all_said(site)
        same(len(told(site, CHAT)), 1, "texts")
        contains("\n".join(site.bot.since()), "told a chat", "log")
        lacks("\n".join(second.since()), "told a chat", "the other's log")
    finally:
        second.kill()


@case("if its row cannot be removed, nothing is said twice, and the bot goes "
      "on answering", expect="stuck")
def _(site):
    if rosterdb.remote():
        raise Skip("a trigger of SQLite")
    ends(site)
    site.sql("CREATE TRIGGER stuck BEFORE DELETE ON farewell"
             " BEGIN SELECT RAISE(ABORT, 'stuck'); END")
    site.bot.start()
    site.bot.wait_line("stuck")
    round_of(site)
    same(rows(site), [(CHAT, "acme")], "the row that is stuck")
    site.sql("DROP TRIGGER stuck")
    site.bot.reload()
    round_of(site)
    all_said(site)
    same(len(told(site, CHAT)), 1, "texts")


run(Site)
