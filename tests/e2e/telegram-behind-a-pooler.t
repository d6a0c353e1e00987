#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it needs a PostgreSQL server and PgBouncer
# needs: root postgresql pgbouncer
# not with sanitizer: it is about the pooler
# not with postgresql: it starts a server of its own
# takes: 20 s
"""Behind PgBouncer notify-telegram works in both modes. notify-bot holds a lock in
its session: it works in session mode, and says in transaction mode that it cannot."""
import contextlib

from lib import botapi, postgresql, rosterdb
from lib.pgbouncer import Pooler
from lib.roster import ANN
from lib.tap import same
from lib.telegram import Bot, Site, case, run

CHAT = 7001
PRIMARY = postgresql.Server().start()
rosterdb.use_postgresql(PRIMARY)


@contextlib.contextmanager
def behind(site, mode, **options):
    PRIMARY.sql("ALTER DATABASE postgres SET search_path = "
                + site.store.schema)
    with Pooler(PRIMARY, mode, **options) as pooler:
        site.settings(url=pooler.url())
        yield pooler


for mode in ("transaction", "session"):
    @case(f"{mode} mode: a message reaches its chat, and a chat that is gone "
          "loses its link")
    def _(site, mode=mode):
        link = site.link_to("acme", ANN, CHAT)
        with behind(site, mode):
            site.agent(link).must(0, "sent")
            same(len(site.api.texts(CHAT)), 1, "texts")
            site.api.fail(botapi.BLOCKED)
            site.agent(link).must(0, "gone")
            same(site.chats(), {}, "links")


@case("session mode: one notify-bot polls and links a chat, another stands by")
def _(site):
    with behind(site, "session", size=6):
        token = site.connect_token("acme", ANN)
        site.bot.start()
        site.api.person(CHAT)
        site.api.say(CHAT, f"/start {token}")
        site.api.wait_text(CHAT, 1)
        other = Bot(site.folder, site.conf)
        other.log = site.path("other.log")
        other.start()
        try:
            other.wait_line("^another notify-bot polls; standing by$")
            site.bot.kill()
            other.wait_line("polling: the other")
            site.api.say(CHAT, "/status")
            site.api.wait_text(CHAT, 2)
        finally:
            other.kill()
        same(list(site.chats().values()), [CHAT], "links")


@case("transaction mode: notify-bot says that it needs a session of its own",
      expect="the connection pooler gives the session to others")
def _(site):
    with behind(site, "transaction", turns=0):
        site.bot.start(wait=False)
        site.bot.wait_line("the connection pooler gives the session to others "
                           "in between, .* expected pool_mode = session")
        same(site.api.asked("getUpdates", 0), [], "it has not polled")


run(Site)
