#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 15 s
"""Several notify-telegram run at once: each chat in its order, and none waits for
another."""
import errno
import fcntl
import os
import signal
import struct
import time

from lib import botapi, faults
from lib.roster import ANN, BALANCE, OLGA, OTTO
from lib.tap import contains, same, true
from lib.telegram import AGENTS, Site, case, mail, run

CHAT, OTHER = 7001, 7002
GROUP, SUPERGROUP = -4001, -1001234567890
BEGAN = int(time.time()) - 60


def start(site, link, number, **options):
    """A run with the message that arrived as NUMBER."""
    data = mail(subject=f"Notice {number}", arrived=BEGAN + number)
    return site.agent_start(link, data, f"4X{number:04}", **options)


def subjects(site, chat):
    return [text.split("\n")[0] for text in site.api.texts(chat)]


def notices(*numbers):
    return [f"Notice {number}" for number in numbers]


def file_of(site):
    return os.path.join(os.path.dirname(site.database), AGENTS)


def in_order(site, links, numbers):
    """Runs that come in the order of NUMBERS, while a message with the number
    0 is on its way, send in the order of their numbers."""
    site.api.limits = True
    hung = botapi.slow(60)
    site.api.fail(hung, chat=CHAT)
    runs = [start(site, links[0], 0)]
    site.api.wait(lambda: site.api.asked(), "it hangs")
    runs += [start(site, links[number % len(links)], number)
             for number in numbers]
    time.sleep(0.5)
    site.api.give(hung)
    for process in runs:
        site.agent_end(process).must(0, "sent")
    same(subjects(site, CHAT), notices(0, *sorted(numbers)), "order")
    same({r.status for r in site.api.asked()}, {200}, "answers")


@case("what comes at the same time for a chat goes in its order, a second "
      "apart; each is sent once, and nothing is left to wait")
def _(site):
    in_order(site, [site.link_to("acme", ANN, CHAT)], (3, 1, 4, 2))
    same(site.sql("SELECT message FROM waiting"), [], "rows that wait")


@case("so do those for two users who are linked to one chat")
def _(site):
    in_order(site, [site.link_to("acme", ANN, CHAT),
                    site.link_to("beta", OTTO, CHAT)], (2, 1))


@case("a request that hangs delays its own chat alone")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    hung = botapi.slow(60)
    site.api.fail(hung, chat=CHAT)
    first = start(site, ann, 1)
    site.api.wait(lambda: site.api.asked(), "it hangs")
    second = start(site, ann, 2)
    began = time.monotonic()
    for number in (1, 2):
        site.agent_end(start(site, olga, number)).must(0, "sent")
    true(time.monotonic() - began < 5, "the other chat")
    same(len(site.api.asked(chat=CHAT)), 1, "requests of the first chat")
    site.api.give(hung)
    for process in (first, second):
        site.agent_end(process).must(0, "sent")
    same(subjects(site, CHAT), notices(1, 2), "order")


@case("a run that cannot read the file of runs delays no other chat")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    site.agent_end(start(site, olga, 0)).must(0, "sent")
    hung = botapi.slow(60)
    site.api.fail(hung, chat=CHAT)
    first = start(site, ann, 1, env=faults.preload(
        file_of(site), site.folder, at=1, only="r", errno=errno.EIO))
    site.api.wait(lambda: site.api.asked(chat=CHAT), "it hangs")
    done = site.agent_end(start(site, olga, 1)).must(0, "sent")
    true(done.seconds < 5, f"{done.seconds} s")
    site.api.give(hung)
    done = site.agent_end(first).must(0, "sent")
    contains(done.err, "the file of the runs: Input/output error",
             "what is said")


@case("if there is no room for a run, its message waits in the queue, and no "
      "later one passes it")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.agent_end(start(site, ann, 0)).must(0, "sent")
    with open(file_of(site), "r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(
            "hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 4096, 256, 0))
        done = site.agent_end(start(site, ann, 1)).must(75, "waiting")
        contains(done.err, "256 notify-telegram run at once", "why")
    site.agent_end(start(site, ann, 2)).must(75, "waiting")
    for number in (1, 2):
        site.agent_end(start(site, ann, number)).must(0, "sent")


@case("if the first fails, those that wait for it leave at once, and wait in "
      "the queue")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    answer = botapi.error(500, "Internal Server Error: restart", sleep=60)
    site.api.fail(answer, chat=CHAT)
    first = start(site, ann, 1)
    site.api.wait(lambda: site.api.asked(), "it hangs")
    others = [start(site, ann, number) for number in (2, 3)]
    time.sleep(0.5)
    site.api.give(answer)
    site.agent_end(first).must(75, "again")
    for process in others:
        done = site.agent_end(process).must(75, "waiting")
        true(done.seconds < 10, f"{done.seconds} s")
    # Later the MTA retries all of them, in any order.
    site.sql("UPDATE waiting SET tried = tried - 300")
    runs = [start(site, ann, number) for number in (3, 2, 1)]
    for process in runs:
        site.agent_end(process).must(0, "sent")
    same(subjects(site, CHAT), notices(1, 2, 3), "order")


@case("when a group gets a new id, all that wait for it follow, in their order")
def _(site):
    site.api.group(GROUP, "group")
    site.api.group(SUPERGROUP)
    ann = site.link_to("acme", ANN, GROUP)
    moved = botapi.migrated(SUPERGROUP)
    moved.sleep = 60
    site.api.fail(moved, chat=GROUP)
    runs = [start(site, ann, 1)]
    site.api.wait(lambda: site.api.asked(), "it hangs")
    runs += [start(site, ann, number) for number in (3, 2)]
    time.sleep(0.5)
    site.api.blocked[GROUP] = botapi.migrated(SUPERGROUP)
    site.api.give(moved)
    site.api.wait(lambda: site.api.asked(chat=SUPERGROUP), "it moves")
    runs.append(start(site, ann, 4))
    same([site.agent_end(process).must(0, *outcomes).code for process, outcomes
          in zip(runs, (("moved", "sent"), ("sent",), ("sent",), ("sent",)))],
         [0] * 4, "exits")
    same(subjects(site, SUPERGROUP), notices(1, 2, 3, 4), "order")
    same(len(site.api.asked(chat=GROUP)), 1, "requests for the old id")


@case("a run that is killed frees its chat")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.slow(20), chat=CHAT)
    first = start(site, ann, 1)
    site.api.wait(lambda: site.api.asked(), "it hangs")
    second = start(site, ann, 2)
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    done = site.agent_end(second).must(0, "sent")
    true(done.seconds < 10, f"{done.seconds} s")
    same(site.agent_end(first).code, -signal.SIGKILL, "exit of the first")
    site.agent_end(start(site, ann, 1)).must(0, "sent")


@case("a user who loses the category while a message waits does not get it")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    hung = botapi.slow(60)
    site.api.fail(hung, chat=CHAT)
    first = start(site, ann, 1)
    site.api.wait(lambda: site.api.asked(), "it hangs")
    second = start(site, ann, 2)
    time.sleep(0.5)
    site.ok("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN, as_=OLGA)
    site.api.give(hung)
    site.agent_end(first).must(0, "sent")
    same(site.agent_end(second).code, 0, "exit of the second")
    same(subjects(site, CHAT), notices(1), "texts")


@case("a file of runs that is damaged, from another boot, or cannot be used, "
      "stops no message")
def _(site):
    site.paced = True
    ann = site.link_to("acme", ANN, CHAT)
    number = 0
    for what in (b"\xff" * 600000, b"\x7f" * 600000, b"short", b""):
        with open(file_of(site), "r+b" if number else "wb") as file:
            file.truncate()
            file.write(what)
        os.chmod(file_of(site), 0o666)
        number += 1
        done = site.agent_end(start(site, ann, number)).must(0, "sent")
        true(done.seconds < 3, f"{done.seconds} s")
    for make in (lambda: os.mkdir(file_of(site)),
                 lambda: os.link(site.conf.file, file_of(site)),
                 lambda: os.symlink("/etc/passwd", file_of(site)),
                 lambda: os.mkfifo(file_of(site))):
        if os.path.isdir(file_of(site)):
            os.rmdir(file_of(site))
        else:
            os.unlink(file_of(site))
        make()
        number += 1
        done = site.agent_end(start(site, ann, number)).must(0, "sent")
        same(done.err.count(file_of(site)), 1, "how often it is said")
    os.unlink(file_of(site))


run(Site)
