#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix
"""The relays are upgraded before the roster: a milter of 0.2.0 decides by a
roster of 0.1.0, and "notifyctl init" is run while mail flows: nothing is
deferred, and no chat is told twice."""
import threading

from lib import botapi, rosterdb, stamps, versions
from lib.roster import ANN, BALANCE, BILL, OLGA, entitled
from lib.tap import contains, same, true
from lib.telegram import ChatLab, case, run


def make_old(lab_):
    """The roster is one of 0.1.0."""
    version = ("UPDATE notify_milter SET version = 1" if rosterdb.remote()
               else "PRAGMA user_version = 1")
    lab_.sql(*versions.BACK_TO_1, version)


def upgraded(lab_):
    """`notifyctl init`; a new milter begins with it."""
    lab_.notifyctl("init")
    return stamps.key(lab_.run_sql)


def linked(lab_):
    lab_.link_to("acme", OLGA, 701)
    lab_.link_to("acme", ANN, 702)


WANT = sorted(entitled(BALANCE, "acme"))


@case("a roster of 0.1.0 decides as it did: bare addresses of chats, no stamp")
def _(lab_):
    linked(lab_)
    make_old(lab_)
    result = lab_.tell([BILL], BALANCE, "acme")
    lab_.told(result, [701, 702])
    same(result.recipients(), WANT, "who got it")
    same(result.summary()["mirrored"], "2", "mirrored=")
    true(all(b"X-Notify-Decided" not in t.head
             for t in result.transactions()), "no stamp")
    contains("\n".join(lab_.agent_log()), "to=<", "the agent's log")
    true(not any(stamps.CHECKED.search(line) for line in lab_.agent_log()),
         "no check in the addresses")
    for program in (["list", "acme"], ["user", "add", "acme", "x@acme.example"]):
        done = lab_.notifyctl(*program, check=False)
        same(done.returncode, 78, f"exit of {program}")
        contains(done.stderr, 'upgrade it with "notifyctl init"', "what it says")
    # What a filter hands back is decided again, and its chats are refused.
    (link,), = lab_.run_sql("SELECT id FROM link WHERE chat = 701")
    lab_.send([f"{link}@telegram.invalid"], BALANCE, "acme").must("reject")
    lab_.send([f"{link}-{'0' * 32}@telegram.invalid"], BALANCE,
              "acme").must("reject")
    true(upgraded(lab_), "a key")


@case("the next message after init is stamped, by the milter that was running")
def _(lab_):
    linked(lab_)
    make_old(lab_)
    lab_.told(lab_.tell([BILL], BALANCE, "acme"), [701, 702])
    key = upgraded(lab_)
    result = lab_.tell([BILL], BALANCE, "acme")
    lab_.told(result, [701, 702])
    stamp = stamps.decided(key, BALANCE, "acme", f"<{result.mark}@example.org>")
    true(all(f"X-Notify-Decided: {stamp}".encode() in t.head
             for t in result.transactions()), "stamped")


@case("a bare address that is still queued when the key comes ends, and is "
      "logged")
def _(lab_):
    linked(lab_)
    make_old(lab_)
    with lab_.api.failing(botapi.error(502, "Bad Gateway")):
        result = lab_.tell([BILL], BALANCE, "acme")
        lab_.until(lambda: len({line.split("to=<")[1][:2]
                                for line in lab_.agent_log()
                                if "outcome=again" in line}) == 2, "both wait")
        upgraded(lab_)
    lab_.postfix.flush()
    lab_.told(result, [])
    same(sum("outcome=no-check" in line for line in lab_.agent_log()), 2,
         "how they ended")
    same(lab_.run_sql("SELECT count(*) FROM waiting"), [(0,)], "nobody waits")


@case("init under load: every message is accepted and decided, and each chat "
      "told once or logged")
def _(lab_):
    linked(lab_)
    make_old(lab_)
    since, found, lock = lab_.milter.mark(), [], threading.Lock()
    enough, stop = threading.Event(), threading.Event()

    def send():
        with lab_.connect() as client:
            while not stop.is_set():
                result = lab_.tell([BILL], BALANCE, "acme", client=client)
                with lock:
                    found.append(result)
                    if len(found) % 60 == 0:
                        enough.set()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        enough.wait(60)
        enough.clear()
        upgraded(lab_)
        enough.wait(60)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    same([r.reply.code for r in found if r.reply.code != 250], [], "replies")
    lab_.postfix.settle(120)
    lines = lab_.milter.since(since)
    same([line for line in lines if "verdict=tempfail" in line], [], "deferred")
    for result in found:
        same(result.recipients(), WANT, "who got it")
        chats = sorted(lab_.api.chats_of(result.mark))
        ended = [line for line in lab_.agent_log()
                 if f"{result.qid}: " in line and "outcome=no-check" in line]
        same(len(chats) + len(ended), 2, f"chats of {result.mark}")
    true(len(found) >= 120, "some load")


class Lab(ChatLab):
    def agent_log(self):
        try:
            with open(f"{self.folder}/agent/log") as file:
                return file.read().splitlines()[self.skipped:]
        except FileNotFoundError:
            return []

    skipped = 0

    def fresh(self):
        self.notifyctl("init")
        super().fresh()
        self.skipped = 0
        self.skipped = len(self.agent_log())


run(Lab)
