#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 240 s
# deep: it sends a burst at the pace that Telegram allows
# not with sanitizer: it is about the pace
"""What fails in the midst of a burst, and runs that are killed, and their MTA:
nothing is lost, nothing comes twice but what Telegram may have taken when it
failed, each chat keeps its order, and Telegram's limits are kept."""
import collections
import contextlib
import os
import random
import re
import signal
import sqlite3
import threading
import time

from lib import botapi
from lib.botapi import ALL
from lib.lab import SENDER
from lib.roster import BALANCE, CSV, OLGA
from lib.tap import same, true
from lib.telegram import (AGENTS, AGENTS_SIZE, ChatLab, case,
                          command_lines, run)

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
    # Those of the last case, too.
    for table in ("subscription", "link"):
        site.sql(f"DELETE FROM {table} WHERE user IN"
                 " (SELECT id FROM user WHERE address LIKE 'chat%')")
    site.sql("DELETE FROM user WHERE address LIKE 'chat%'")
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


class Burst:
    """EACH messages to each of CHATS; MOVED says where a chat has gone."""

    def __init__(self, site, chats, each):
        direct(site)
        self.site, self.moved = site, {}
        self.chats = people(site, chats)
        site.api.limits, site.api.latency = True, 0.2
        self.order = sorted(self.chats) * each

    def send(self):
        for number, address in enumerate(self.order):
            self.site.send([address], BALANCE, "acme",
                           subject=f"Notice {number}")

    def over(self, twice=0, passed=(), limits=True, ordered=True):
        """All have come, no more than TWICE in vain, in order in each chat that
        is not in PASSED, and within the LIMITS."""
        site = self.site
        site.flushed()
        want = {chat: [n for n, address in enumerate(self.order)
                       if self.chats[address] == chat]
                for chat in self.chats.values()}
        got = collections.defaultdict(list)
        for chat, numbers in told(site).items():
            got[self.moved.get(chat, chat)] += numbers
        same({chat: sorted(set(numbers)) for chat, numbers in got.items()},
             want, "what came")
        more = sum(map(len, got.values())) - len(self.order)
        refused = sum(r.status == 429 for r in site.api.asked())
        print(f"# {more} came twice, {refused} were refused, {crowded(site)} "
              "in a second at most", flush=True)
        true(more <= twice, f"{more} came twice")
        true(not limits or crowded(site) <= ALL[0], f"{crowded(site)} in a second")
        # What came twice, the first time.
        wrong = {chat: numbers for chat, numbers in got.items() if chat not in
                 passed and ordered and list(dict.fromkeys(numbers)) != want[chat]}
        # Nobody knows of a run that the MTA has not started yet: on a busy
        # machine a later message may be there before it.
        true(len(wrong) <= max(1, len(want) / 20), f"order: {wrong}")
        same(site.sql("SELECT message FROM waiting"), [], "what waits")
        same([t.addresses for t in site.receiver.transactions
              if SENDER in t.addresses], [], "bounces")


@case("runs that are killed at any moment lose nothing; the others come once, "
      "and Telegram's limits are kept")
def _(site):
    print(f"# SEED={SEED}", flush=True)
    burst = Burst(site, CHATS, EACH)
    with Killer(site, random.Random(SEED)) as killer:
        burst.send()
        site.until(lambda: not site.postfix.files("incoming", "active"),
                   "each was tried", 120)
    print(f"# {killer.kills} killed, of {len(killer.links)} chats", flush=True)
    true(killer.kills > 10, "enough were killed")
    burst.over(killer.kills, {
        chat for link, chat in site.sql("SELECT id, chat FROM link")
        if link in killer.links})


def in_trouble(site, trouble, **allowed):
    """A burst in whose midst is TROUBLE, a context."""
    burst = Burst(site, 12, 5)
    sender = threading.Thread(target=burst.send)
    sender.start()
    site.api.wait(lambda: len(site.api.sent) > 5, "it begins")
    with trouble(burst):
        time.sleep(3)
    sender.join()
    site.until(lambda: not site.postfix.files("incoming", "active"),
               "each was tried", 120)
    burst.over(**allowed)


@case("if the token is rejected for some time, all come once and in order")
def _(site):
    in_trouble(site, lambda _: site.api.failing(botapi.UNAUTHORIZED))


@case("also if the API fails")
def _(site):
    in_trouble(site, lambda _: site.api.failing(botapi.INTERNAL))


@case("also if it asks all to wait")
def _(site):
    in_trouble(site, lambda _: site.api.failing(botapi.too_many(2)))


@case("also if it asks one chat to wait for long")
def _(site):
    in_trouble(site, lambda burst: site.api.failing(
        botapi.too_many(3000), chat=sorted(burst.chats.values())[0]))


@case("also if nobody listens, but for what was on its way")
def _(site):
    in_trouble(site, lambda _: site.api.away(), twice=5)


@case("also if a chat gets a new id")
def _(site):
    @contextlib.contextmanager
    def moves(burst):
        old, new = sorted(burst.chats.values())[0], -1001234567890
        site.api.group(new)
        burst.moved[new] = old
        site.api.blocked[old] = botapi.migrated(new)
        yield
    in_trouble(site, moves)


@case("also if three chats get new ids, and those get others")
def _(site):
    @contextlib.contextmanager
    def move(burst):
        for step in (1, 2):
            for number, chat in enumerate(sorted(burst.chats.values())[:3]):
                new = -1001234567890 - 10 * step - number
                site.api.group(new)
                burst.moved[new] = chat
                site.api.blocked[chat if step == 1 else new + 10] = \
                    botapi.migrated(new)
            time.sleep(1)
        yield
    in_trouble(site, move)


@case("also if the roster is locked")
def _(site):
    @contextlib.contextmanager
    def locked(burst):
        with sqlite3.connect(site.database, isolation_level=None) as db:
            db.execute("BEGIN EXCLUSIVE")
            yield
            time.sleep(5)
            db.execute("ROLLBACK")
        db.close()
    in_trouble(site, locked)


@case("all come once if the file of the runs is cut off, overwritten and "
      "removed")
def _(site):
    # Nobody can keep the order and the pace then.
    @contextlib.contextmanager
    def damaged(_burst):
        path = os.path.join(os.path.dirname(site.database), AGENTS)
        for number in range(30):
            time.sleep(0.1)
            if number % 3 == 0:
                os.truncate(path, 0)
            elif number % 3 == 1:
                with open(path, "r+b") as file:
                    file.write(random.randbytes(AGENTS_SIZE))
            elif number == 29:
                os.unlink(path)
        yield
    in_trouble(site, damaged, limits=False, ordered=False)


def has_joined(pid):
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        return any(os.readlink(os.path.join(folder, fd)).endswith(AGENTS)
                   for fd in os.listdir(folder))
    return False


@case("runs that are stopped for a while are waited for")
def _(site):
    @contextlib.contextmanager
    def stopped(_burst):
        # Who is not in the file yet may be passed.
        pids = [pid for pid in site.agents() if has_joined(pid)][-3:]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
    in_trouble(site, stopped)


run(ChatLab)
