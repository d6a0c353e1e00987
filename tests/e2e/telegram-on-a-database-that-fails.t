#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: there are many ways to fail
# needs: root postfix
# not with postgresql: it is about a file that fails
# takes: 65 s
"""Whatever is wrong with the database, notify-telegram defers what it could
not do, and sends nothing twice."""
import concurrent.futures
import contextlib
import errno
import os
import signal
import time

from lib import botapi, faults, tap
from lib.milter import BUILD
from lib.roster import ANN
from lib.tap import contains, lacks, same, true
from lib.telegram import Site, case, mail, run
from lib.troubles import DISK, TROUBLES, on_disk, opened

# Of all writes each ninth is tried; of programs that watch their own memory,
# which are slow, fewer.
STEP = 9 if os.path.basename(BUILD) == "build" else 27
CHAT = 7001
GROUP, SUPERGROUP = -4001, -1001234567890
QID = "4XQueueId"
EARLIER = "4XEarlier"
LONG_AGO = 3 * 24 * 3600

# What notify-telegram writes. {kind: (what the API answers, SQL before, exit,
# outcomes)}; the outcome of those in DONE is the same if it cannot be noted.
WRITES = {
    "sent": (None, "UPDATE link SET strikes = 1", 0, ["sent"]),
    "gone": (botapi.BLOCKED, None, 0, ["gone"]),
    "strike": (botapi.NOT_FOUND, None, 75, ["strike"]),
    "third strike": (botapi.NOT_FOUND, "UPDATE link SET strikes = 2", 0,
                     ["gone"]),
    "moved": (botapi.migrated(SUPERGROUP), None, 0, ["moved", "sent"]),
    "again": (botapi.INTERNAL, None, 75, ["again"]),
    "waiting": (None, f"INSERT INTO waiting SELECT id, '{EARLIER}', chat, 0,"
                " unixepoch() FROM link", 75, ["waiting"]),
    "refused": (botapi.NO_RIGHTS, None, 0, ["refused"]),
    "not entitled": (None, "DELETE FROM subscription", 0, ["not-entitled"]),
    "no link": (None, "DELETE FROM link", 0, ["no-link"]),
    "old": (None, None, 0, ["old"]),
}
DONE = ("sent", "refused", "not entitled", "no link", "old")


def ready(site, kind):
    """A fresh site in which notify-telegram is to write KIND; how to run
    it."""
    site.reset()
    answer, before, code, _ = WRITES[kind]
    chat = GROUP if kind == "moved" else CHAT
    link = site.link_to("acme", ANN, chat)
    site.api.group(SUPERGROUP)
    if code == 0:       # it has waited; now that ends
        site.sql("INSERT INTO waiting SELECT id, ?, chat, 0, unixepoch()"
                 " FROM link", QID)
    if before is not None:
        site.sql(before)
    if answer is not None:
        site.api.blocked[chat] = answer
    data = mail(arrived=int(time.time()) - LONG_AGO) if kind == "old" else None
    return lambda **options: site.agent(link, data, QID, **options)


def done(site, kind):
    """What is written is as it should be after KIND, and was done once."""
    gone = kind in ("gone", "third strike")
    chats = {("acme", ANN): SUPERGROUP if kind == "moved" else CHAT}
    same(site.chats(), {} if gone or kind == "no link" else chats,
         f"links after {kind}")
    same(len([e for e in site.log() if e["action"] == "telegram-end"]),
         int(gone), f"records after {kind}")
    same((site.notices(), [mail_.to for mail_ in site.mails()]),
         (["sent"], [ANN]) if gone else ([], []),
         f"notices and mails after {kind}")
    same(len(site.api.sent), int(kind in ("sent", "moved")),
         f"messages after {kind}")
    same([row for row, in site.sql("SELECT message FROM waiting"
                                   " WHERE message <> ?", EARLIER)],
         [QID] if WRITES[kind][2] else [], f"what waits after {kind}")


def meets(site, kind, trouble, agent):
    """It meets the trouble: what it cannot do is deferred, and nothing is
    changed or sent twice."""
    what = f"{kind}: {trouble.name}"
    before = site.dump()
    asked = site.api.mark()
    with trouble(site):
        ended = agent(env=trouble.env(site))
    site.unchanged(before, f"database, {what}")
    if kind == "old" or kind in DONE and trouble.reads:
        ended.must(0, *WRITES[kind][3])
    else:
        ended.must(75, "again")
        for part in (site.database, *trouble.says):
            contains(ended.err, part, f"what is said, {what}")
    if kind == "sent" and trouble.reads:
        # It must not be sent again: two copies are worse than none.
        contains(ended.err, "sent, but cannot store", f"what is said, {what}")
        same(len(site.api.sent), 1, f"messages, {what}")
        site.api.sent.clear()
    if not trouble.reads:
        same(site.api.asked(since=asked), [], f"requests, {what}")
    same((site.api.sent, site.mails("*")), ([], []),
         f"messages, mails, {what}")


for kind_ in WRITES:
    @case(f"{kind_}: whatever is wrong with the database, nothing is lost or "
          "done twice")
    def _(site, kind=kind_):
        agent = ready(site, kind)
        for trouble in TROUBLES:
            meets(site, kind, trouble, agent)
        agent().must(*WRITES[kind][2:3], *WRITES[kind][3])
        done(site, kind)


@case("what is sent while the database is locked for some seconds delays no "
      "later message")
def _(site):
    agent = ready(site, "sent")
    slow = botapi.slow(30)
    site.api.fail(slow)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ended = pool.submit(agent)
        site.api.wait(site.api.asked, "a request")
        with site.store.written():
            site.api.give(slow)
            time.sleep(6)       # longer than it waits for a lock
        lacks(ended.result().must(0, "sent").err, "warning", "what it says")
    done(site, "sent")


@case("on a full or a read-only file system nothing is lost or done twice")
def _(site):
    for kind in WRITES:
        agent = ready(site, kind)
        with on_disk(site):
            for trouble in DISK:
                meets(site, kind, trouble, agent)
            agent().must(*WRITES[kind][2:3], *WRITES[kind][3])
            done(site, kind)


@case("a message that cannot be spooled waits, and nothing is sent")
def _(site):
    agent = ready(site, "sent")
    folder = site.path("nowhere")
    agent(env={"TMPDIR": folder}).must(75, "again")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    with faults.own_disk(os.path.join(folder, "x")) as disk:
        os.chmod(folder, 0o777)
        disk.fill()
        ended = agent(env={"TMPDIR": folder}).must(75, "again")
        contains(ended.err, "No space left", "what is said")
        same(site.api.asked(), [], "requests")
        disk.clear()
        agent(env={"TMPDIR": folder}).must(0, "sent")


def numbers(site, kind, first):
    """Some of the changes of the disk that a run for KIND makes."""
    agent = ready(site, kind)
    log = site.path("changes", "")
    os.chmod(log, 0o666)
    with opened(site):
        agent(env=faults.preload(site.database, site.folder, log=log))
    with open(log) as file:
        return range(first, len(file.readlines()) + 1, STEP)


@case("any write fails, once or from then on: it exits with 0 or 75, and "
      "nothing is done twice or lost")
def _(site):
    for first, kind in enumerate(("sent", "gone", "moved"), 1):
        for number in numbers(site, kind, first):
            agent = ready(site, kind)
            once = number // STEP % 2
            with opened(site):
                ended = agent(env=faults.preload(
                    site.database, site.folder, at=number, haste=100,
                    errno=(errno.ENOSPC, errno.EIO)[once],
                    to=number if once else None))
            what = f"{kind}, write {number}: {ended}"
            true(ended.code in (0, 75), what)
            made = (bool(site.api.sent) if kind in ("sent", "moved")
                    else not site.chats())
            if "unknown whether" not in ended.err:
                same(ended.code == 0, made, f"exit 0, done; {what}")
            noted = "cannot store" not in ended.err
            if ended.code == 75:
                same(agent().code, 0, f"another run after {what}")
            site.ok("init")
            if noted and "notifyctl check" not in ended.err:
                done(site, kind)
            true(len(site.api.sent) <= 1 and len(site.mails()) <= 1,
                 f"messages, mails; {what}")


@case("killed at any write: the next run ends the link, and the user gets "
      "one mail")
def _(site):
    for first, kind in enumerate(("gone", "moved"), 1):
        for number in numbers(site, kind, first):
            agent = ready(site, kind)
            with opened(site):
                ended = agent(env=faults.preload(
                    site.database, site.folder, at=number, kill=1))
            same(ended.code, -signal.SIGKILL, f"{kind}, write {number}")
            again = agent()
            same(again.code, 0, f"{kind}, write {number}: {again}")
            site.ok("init")
            if site.notices() != ["handing"]:
                # After a kill that hides it a message may come twice.
                site.api.sent = site.api.sent[:kind == "moved"]
                done(site, kind)
            true(len(site.mails()) <= 1, f"{kind}, write {number}: mails")


with contextlib.suppress(tap.Skip):
    faults.own_mounts()
run(Site)
