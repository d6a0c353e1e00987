#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about the server
# not with postgresql: it starts servers of its own
"""A table that somebody rewrites while notify-telegram or notify-bot waits for it
is not read as empty: no mirror is dropped, and the bot knows who is linked."""
from lib import postgresql, rosterdb
from lib.rewrite import REWRITES, meanwhile
from lib.roster import ANN
from lib.tap import contains, same
from lib.telegram import Site, case, run

SERVER = postgresql.Server().start()
rosterdb.use_postgresql(SERVER)

CHAT = 7001


@case("a mirror is sent")
def _(site):
    link = site.link_to("acme", ANN, CHAT)
    for rewrite in REWRITES:
        meanwhile(site.store.url, rewrite,
                  lambda: site.agent(link)).must(0, "sent")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("the bot tells what is linked, links and ends a link")
def _(site):
    site.link_to("acme", ANN, CHAT)
    site.bot.start()
    for rewrite in REWRITES:
        # It writes at the same time; not all tables are read for that.
        contains(meanwhile(site.store.url, rewrite,
                           lambda: site.ask(CHAT, "/status"), waits=False),
                 ANN, f"the answer, {rewrite}")
        contains(meanwhile(site.store.url, rewrite,
                           lambda: site.ask(CHAT, "/stop"), waits=False),
                 "no longer", f"the answer, {rewrite}")
        token = site.connect_token("acme", ANN)
        contains(meanwhile(site.store.url, rewrite,
                           lambda: site.ask(CHAT, f"/start {token}"),
                           waits=False),
                 "now linked", f"the answer, {rewrite}")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


run(Site)
