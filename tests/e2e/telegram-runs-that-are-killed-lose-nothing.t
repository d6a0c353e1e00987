#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 90 s
# deep: it sends a burst at the pace that Telegram allows
# not with sanitizer: it is about the pace
"""notify-telegram, or the MTA that has started it, is killed in a burst: nothing
is lost, and nothing comes twice but what Telegram may have taken when the run
was killed."""
import collections
import contextlib
import os
import random
import re
import signal
import threading
import time

from lib import botapi
from lib.botapi import ALL
from lib.lab import SENDER
from lib.roster import BALANCE, CSV, OLGA
from lib.tap import same, true
from lib.telegram import ChatLab, case, command_lines, run

CHAT = 7001
CHATS, EACH = 40, 5
SEED = int(os.environ.get("SEED", random.randrange(10**6)))

# pipe(8) itself is the parent.
DIRECT = '#!/bin/sh\nexec FOLDER/notify-telegram -f "$@"\n'


def direct(site):
    site.script("agent/run", DIRECT)


def told(site, chat=None):
    """{chat: the numbers of the notices that came}."""
    got = collections.defaultdict(list)
    for to, text, _ in list(site.api.sent):
        if chat in (None, to):
            got[to].append(int(re.match(r"Notice (\d+)", text)[1]))
    return got


def no_bounce(site):
    same([t.addresses for t in site.receiver.transactions
          if SENDER in t.addresses], [], "bounces")


@case("when the MTA is killed, what waits for its turn waits for the MTA, and "
      "comes once")
def _(site):
    direct(site)
    site.link_to("acme", OLGA, CHAT)
    hung = botapi.error(500, "Internal Server Error: restart", sleep=60)
    site.api.fail(hung, chat=CHAT)
    site.milter.settings(expand="never")
    for number in range(4):
        site.send([OLGA], BALANCE, "acme", subject=f"Notice {number}")
    site.until(lambda: len(site.agents()) == 4, "four run")
    time.sleep(0.5)
    site.postfix.stop()
    # But the one whose request hangs.
    site.until(lambda: len(site.agents()) < 2, "they have ended", 5)
    site.api.give(hung)
    site.postfix.start()
    site.flushed()
    same(sorted(told(site)[CHAT]), list(range(4)), "what came")


class Killer:
    """Kills a run every now and then, at any moment of its life."""

    def __init__(self, site, rng):
        self.site, self.rng, self.kills = site, rng, 0
        self.links = set()      # of those that were killed
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def _work(self):
        while not self.stopped.wait(self.rng.expovariate(10)):
            runs = [(path, words) for path, words in command_lines()
                    if f"{self.site.folder}/notify-telegram".encode() in words]
            if not runs:
                continue
            path, words = self.rng.choice(runs)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.split("/")[2]), signal.SIGKILL)
                self.kills += 1
                self.links.add(int(words.split(b"\0")[-2].split(b"-")[0]))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


def people(site, count):
    """Users with a chat each; {address: chat}."""
    site.milter.settings(expand="never")
    site.notifyctl("import", "-", input=CSV + "".join(
        f"acme,chat{i}@acme.example,member,{BALANCE}\n"
        for i in range(count)))
    site.sql("INSERT INTO link(user, chat) SELECT id, 10000 + id FROM user"
             " WHERE address LIKE 'chat%'")
    chats = dict(site.sql("SELECT address, 10000 + id FROM user"
                          " WHERE address LIKE 'chat%'"))
    for chat in chats.values():
        site.api.person(chat)
    site.api.on_request = None      # it would look at each process
    return chats


def crowded(site):
    """How many requests there were in the busiest second."""
    times = sorted(r.at for r in site.api.asked())
    return max(sum(at <= t < at + ALL[1] for t in times) for at in times)


@case("runs that are killed at any moment lose nothing; the others come once, "
      "and Telegram's limits are kept")
def _(site):
    print(f"# SEED={SEED}", flush=True)
    rng = random.Random(SEED)
    direct(site)
    chats = people(site, CHATS)
    site.api.limits, site.api.latency = True, 0.2
    order = sorted(chats) * EACH
    with Killer(site, rng) as killer:
        for number, address in enumerate(order):
            site.send([address], BALANCE, "acme", subject=f"Notice {number}")
        site.until(lambda: not site.postfix.files("incoming", "active"),
                   "each was tried", 120)
    site.flushed()
    got = told(site)
    want = {chat: [n for n, address in enumerate(order)
                   if chats[address] == chat] for chat in chats.values()}
    same({chat: sorted(set(numbers)) for chat, numbers in got.items()}, want,
         "what came")
    twice = sum(map(len, got.values())) - len(order)
    refused = sum(r.status == 429 for r in site.api.asked())
    print(f"# {killer.kills} killed, of {len(killer.links)} chats; {twice} came twice, {refused} were "
          f"refused, {crowded(site)} in a second at most", flush=True)
    true(killer.kills > 10, "enough were killed")
    touched = {chat for link, chat in site.sql("SELECT id, chat FROM link")
               if link in killer.links}
    same({chat: numbers for chat, numbers in got.items()
          if chat not in touched and numbers != want[chat]}, {},
         "the order in the other chats")
    true(twice <= killer.kills, f"{twice} came twice")
    true(crowded(site) <= ALL[0], f"{crowded(site)} in a second")
    same(site.sql("SELECT message FROM waiting"), [], "what waits")
    no_bounce(site)


run(ChatLab)
