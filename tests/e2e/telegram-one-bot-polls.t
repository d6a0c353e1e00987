#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""However many notify-bots are started for a roster, one polls; when it ends,
in whatever way, another does."""
import contextlib
import os
import shutil
import signal
import time

from lib import rosterdb
from lib.roster import ANN
from lib.tap import Skip, same, true
from lib.telegram import Bot, Site, case, run
from lib.waiting import until

CHAT = 7001
STANDS_BY = r"^another notify-bot polls; standing by$"


@contextlib.contextmanager
def started(site, count):
    """So many notify-bots; the first polls, the others stand by."""
    bots = []
    try:
        for number in range(count):
            bot = Bot(site.folder, site.conf)
            bot.log = site.path(f"bot-{len(os.listdir(site.folder))}.log")
            bots.append(bot.start())
            if number == 0:
                polled(site, 0)
            else:
                bot.wait_line(STANDS_BY)
        yield bots
    finally:
        for bot in bots:
            if bot.process is not None:
                bot.signal(signal.SIGCONT)
            bot.kill()


def polled(site, since):
    site.api.wait(lambda: site.api.asked("getUpdates", since), "it polls")


def takes_over(bots):
    """The one of BOTS that does; nobody else."""
    found = until(lambda: [bot for bot in bots if any(
        "polling: the other" in line for line in bot.since())],
        "somebody takes over")
    same(len(found), 1, "how many have taken over")
    return found[0]


def answered(site, count):
    """A message to the bot gets exactly one answer, the COUNTth."""
    site.api.say(CHAT, "/status")
    site.api.wait_text(CHAT, count)
    site.api.wait(lambda: not site.api.updates, "it is confirmed")
    same(len(site.api.texts(CHAT)), count, "answers")


def quiet(bots):
    same([line for bot in bots for line in bot.troubles()], [], "complaints")


@case("of three that are started one polls, and the others log that they "
      "stand by")
def _(site):
    site.api.person(CHAT)
    with started(site, 3) as bots:
        for count in range(1, 4):
            answered(site, count)
        quiet(bots)


@case("when it is killed another polls within seconds; nothing is lost or "
      "answered twice")
def _(site):
    site.api.person(CHAT)
    with started(site, 3) as bots:
        answered(site, 1)
        bots[0].kill()
        site.api.say(CHAT, "/status")       # while nobody listens
        second = takes_over(bots[1:])
        site.api.wait_text(CHAT, 2)
        answered(site, 3)
        second.kill()
        third, = [bot for bot in bots[1:] if bot is not second]
        same(takes_over([third]), third, "who takes over")
        answered(site, 4)
        quiet([third])


@case("when it ends on SIGTERM another polls, and it may come back")
def _(site):
    site.api.person(CHAT)
    with started(site, 2) as bots:
        same(bots[0].stop(10), 0, "exit status")
        takes_over(bots[1:])
        answered(site, 1)
        bots[0].start()
        bots[0].wait_line(STANDS_BY)
        answered(site, 2)
        quiet(bots)


@case("one that stands by ends within 2 s of SIGTERM, and reloads")
def _(site):
    site.api.person(CHAT)
    with started(site, 2) as bots:
        since = bots[1].mark()
        bots[1].reload()
        bots[1].wait_line(STANDS_BY, since)
        began = time.monotonic()
        same(bots[1].stop(10), 0, "exit status")
        true(time.monotonic() - began < 2, "it took less than 2 s")
        answered(site, 1)


@case("one whose place was taken while it had an update leaves it to the other")
def _(site):
    if not rosterdb.remote():
        raise Skip("is about PostgreSQL: a connection that is cut")
    site.api.person(CHAT)
    token = site.ok("telegram", "connect", "acme", as_=ANN).out
    token = token.split("start=")[1].split()[0]
    with started(site, 2) as bots:
        # It neither sees the end of its connection nor asks again.
        bots[0].signal(signal.SIGSTOP)
        site.store.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE"
            " locktype = 'advisory' AND classid = 1313686093"
            " AND objid = (hashtext(current_schema())::bigint & 4294967295)"
            " AND granted")
        site.api.say(CHAT, f"/start {token}")
        takes_over(bots[1:])
        site.api.wait_text(CHAT, 1)
        bots[0].signal(signal.SIGCONT)
        bots[0].wait_line(STANDS_BY)
        answered(site, 2)
        same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("two rosters have one polling bot each")
def _(site):
    site.api.person(CHAT)
    folder = site.path("second")
    os.makedirs(folder)
    other = site.store.twin(folder)
    for path in (folder, other.path):
        if os.path.exists(path):
            shutil.chown(path, "nobody")
    with started(site, 1) as bots:
        site.settings(url=other.url)
        try:
            bot = Bot(site.folder, site.conf)
            bot.log = site.path("bot-of-the-other.log")
            bot.start()
            site.api.wait(lambda: bots[0].troubles() or bot.troubles(),
                          "Telegram refuses one of two that poll for a bot")
            same([line for line in bot.since() if "standing by" in line], [],
                 "lines on standing by")
        finally:
            bot.kill()
            other.end()


run(Site)
