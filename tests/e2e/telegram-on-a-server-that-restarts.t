#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about the server
# not with postgresql: it starts a server of its own
"""A PostgreSQL server restarts while a message is sent, or somebody writes to
the bot: nothing is sent twice, and no later message waits."""
import signal
import time

from lib import botapi, postgresql, rosterdb
from lib.roster import ANN
from lib.tap import contains, lacks, same
from lib.telegram import Site, case, mail, run

SERVER = postgresql.Server().start()
rosterdb.use_postgresql(SERVER)

CHAT = 7001


@case("a message that is sent meanwhile comes once and holds up no other")
def _(site):
    ann, first = site.link_to("acme", ANN, CHAT), mail()
    site.api.fail(botapi.INTERNAL)
    site.agent(ann, first, "A1").must(75, "again")
    since, slow = site.api.mark(), botapi.slow(30)
    site.api.fail(slow)
    running = site.agent_start(ann, first, "A1")
    site.api.wait(lambda: site.api.asked(since=since), "a request")
    SERVER.end(signal.SIGINT)
    site.api.give(slow)
    time.sleep(1)
    SERVER.launch()
    lacks(site.agent_end(running).must(0, "sent").err, "warning", "the log")
    site.agent(ann, mail(), "A2").must(0, "sent")
    same(len(site.api.texts(CHAT)), 2, "messages")


@case("what is said to the bot meanwhile is answered once",
      expect="retrying")
def _(site):
    site.link_to("acme", ANN, CHAT)
    site.bot.start()
    contains(site.ask(CHAT, "/status"), ANN, "answer")
    SERVER.end(signal.SIGINT)
    site.api.say(CHAT, "/stop")
    time.sleep(1)
    SERVER.launch()
    contains(site.api.wait_text(CHAT, 2)[1], ANN, "answer")
    same(site.chats(), {}, "links")
    contains(site.ask(CHAT, "/status"), "not linked", "answer")
    same(len(site.api.texts(CHAT)), 3, "answers")


run(Site)
