#!/usr/bin/env python3
"""Whatever is wrong with the database: notify-telegram defers what it could
not do, and sends nothing twice; notify-bot takes what was said to it when the
change that it caused is stored, and not before."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/lib")

import contextlib  # noqa: E402
import errno  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sqlite3  # noqa: E402

import botapi  # noqa: E402
import faults  # noqa: E402
import rosterdb  # noqa: E402
import tap  # noqa: E402
from ctl import NOBODY  # noqa: E402
from milter import BUILD  # noqa: E402
from roster import ANN  # noqa: E402
from tap import contains, same, true  # noqa: E402
from telegram import Site, case, run  # noqa: E402

# Of all writes each third is tried; of programs that watch their own memory,
# which are slow, fewer.
STEP = 3 if os.path.basename(BUILD) == "build" else 9
CHAT, OTHER = 7001, 7002
GROUP, SUPERGROUP = -4001, -1001234567890
QID = "4XQueueId"

# What notify-telegram writes, by the answer that makes it:
# kind: (answer, strikes before, exit, outcomes)
WRITES = {
    "sent": (None, 1, 0, ["sent"]),
    "gone": (botapi.BLOCKED, 0, 0, ["gone"]),
    "strike": (botapi.NOT_FOUND, 0, 75, ["strike"]),
    "third strike": (botapi.NOT_FOUND, 2, 0, ["gone"]),
    "moved": (botapi.migrated(SUPERGROUP), 0, 0, ["moved", "sent"]),
    "again": (botapi.INTERNAL, 0, 75, ["again"]),
    "later": (botapi.too_many(60), 0, 75, ["later"]),
    "token": (botapi.UNAUTHORIZED, 0, 75, ["token"]),
    "waiting": (None, 0, 75, ["waiting"]),
}


def ready(site, kind):
    """A fresh site in which notify-telegram is to write KIND; the address to
    run it with."""
    site.reset()
    answer, strikes, _, _ = WRITES[kind]
    chat = GROUP if kind == "moved" else CHAT
    link = site.link_to("acme", ANN, chat)
    site.api.group(SUPERGROUP)
    site.sql("UPDATE link SET strikes = ?", strikes)
    if answer is not None:
        site.api.blocked[chat] = answer
    if kind == "waiting":
        site.sql("INSERT INTO waiting SELECT id, '4XEarlier', chat, 0,"
                 " unixepoch() FROM link")
    return link


def done(site, kind):
    """What is written is as it should be after KIND, and was done once."""
    chats, notices = {("acme", ANN): CHAT}, []
    if kind in ("gone", "third strike"):
        chats, notices = {}, ["sent"]
    elif kind == "moved":
        chats = {("acme", ANN): SUPERGROUP}
    same(site.chats(), chats, f"links after {kind}")
    same(len([e for e in site.log() if e["action"] == "telegram-end"]),
         len(notices), f"records after {kind}")
    same((site.notices(), [mail.to for mail in site.mails()]),
         (notices, [ANN] * len(notices)), f"notices and mails after {kind}")
    same(len(site.api.sent), int(kind in ("sent", "moved")),
         f"messages after {kind}")
    waits = [] if kind in ("sent", "gone", "third strike", "moved") else [QID]
    same([row for row, in site.sql("SELECT message FROM waiting"
                                   " WHERE message <> '4XEarlier'")], waits,
         f"what waits after {kind}")


@contextlib.contextmanager
def opened(site):
    """Somebody else, like the milter, has the database open: all the files
    are there, and it can be read."""
    with contextlib.closing(sqlite3.connect(
            site.database, isolation_level=None)) as other:
        other.execute("SELECT count(*) FROM user").fetchall()
        for end in ("-wal", "-shm"):
            os.chmod(site.database + end, 0o666)
        yield other


def fault(title, *says):
    """Register a case: the database can be read, and not be written."""
    def register(function):
        @case(title)
        def _(site):
            for kind, (_, _, code, outcomes) in WRITES.items():
                link = ready(site, kind)
                before = site.dump()
                with opened(site) as other, function(site, other) as env:
                    ended = site.agent(link, env={**faults.preload(
                        site.database, site.folder, haste=100), **env})
                if kind == "sent":
                    # It must not be sent again: that is the worse.
                    ended.must(0, "sent")
                    contains(ended.err, "sent, but not noted", "what is said")
                else:
                    ended.must(75, "again")
                for part in (site.database, *says):
                    contains(ended.err, part, f"{kind}: what is said")
                site.unchanged(before, f"database, {kind}")
                same((len(site.api.sent), site.mails("*")),
                     (kind == "sent", []), f"{kind}: messages, mails")
                if kind != "sent":
                    site.agent(link).must(code, *outcomes)
                    done(site, kind)
    return register


@fault("the database is locked beyond the timeout", "locked")
@contextlib.contextmanager
def _(_, other):
    other.execute("BEGIN IMMEDIATE")
    yield {}


@fault("the disk is full", "the disk is full")
@contextlib.contextmanager
def _(_site, _other):
    yield {"FAULT_ERRNO": str(errno.ENOSPC), "FAULT_ONLY": "w"}


@fault("the disk does not sync", "Input/output error")
@contextlib.contextmanager
def _(_site, _other):
    yield {"FAULT_ERRNO": str(errno.EIO), "FAULT_ONLY": "s"}


@fault("the database may be read alone", "ermission denied")
@contextlib.contextmanager
def _(site, _):
    os.chown(site.database, 0, 0)
    os.chmod(site.database, 0o644)
    yield {}
    os.chmod(site.database, 0o666)


@case("where it cannot even be read, nobody is asked to send anything")
def _(site):
    for kind in ("sent", "gone"):
        for env in ({"only": "o", "errno": errno.ENOSPC},
                    {"only": "w", "errno": errno.ENOSPC},
                    {"only": "r", "errno": errno.EIO}):
            link = ready(site, kind)
            before = site.dump()
            ended = site.agent(link, env=faults.preload(
                site.database, site.folder, **env)).must(75, "again")
            contains(ended.err, site.database, "what is said")
            same(site.api.asked(), [], "requests")
            site.unchanged(before)
            site.agent(link).must(*WRITES[kind][2:3], *WRITES[kind][3])


@case("corrupt in the middle of its pages: it waits, and the bot confirms "
      "nothing", expect="roster")
def _(site):
    link = ready(site, "sent")
    token = site.connect_token("acme", ANN)
    with faults.damaged(site.database):
        ended = site.agent(link).must(75, "again")
        contains(ended.err, site.database, "what is said")
        since = site.bot.mark()
        site.bot.start()
        site.api.say(CHAT, f"/start {token}")
        contains(site.bot.wait_line("error: roster: ", since), site.database,
                 "what is said")
        same((site.api.asked(), len(site.api.updates)), ([], 1),
             "requests, updates that are not confirmed")
        site.bot.kill()
    site.agent(link).must(0, "sent")
    site.bot.start()
    contains(site.api.wait_text(CHAT, 2)[1], ANN, "answer")


@case("where a message cannot be kept it waits, and nobody is asked to send "
      "it")
def _(site):
    link = ready(site, "sent")
    folder = site.path("nowhere")
    site.agent(link, env={"TMPDIR": folder}).must(75, "again")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    with faults.own_disk(os.path.join(folder, "x")) as disk:
        os.chmod(folder, 0o777)
        disk.fill()
        ended = site.agent(link, env={"TMPDIR": folder}).must(75, "again")
        contains(ended.err, "No space left", "what is said")
        same(site.api.asked(), [], "requests")
        disk.clear()
        site.agent(link, env={"TMPDIR": folder}).must(0, "sent")


@case("a read-only file system: nobody is asked to send anything")
def _(site):
    ready(site, "sent")
    with faults.own_disk(site.database) as disk:
        disk.remount("ro")
        ended = site.agent("1@telegram.invalid").must(75, "again")
        contains(ended.err, "ead-only file system", "what is said")
        same(site.api.asked(), [], "requests")
        disk.remount("rw")
        site.agent("1@telegram.invalid").must(0, "sent")


@case("a message that is given up is given up, noted or not")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.NO_RIGHTS, times=2)
    with opened(site):
        env = faults.preload(site.database, site.folder, only="w",
                             errno=errno.ENOSPC)
        site.agent(ann, env=env).must(0, "refused")
        site.sql("DELETE FROM subscription")
        site.agent(ann, env=env).must(0, "not-entitled")
        site.agent("9@telegram.invalid", env=env).must(0, "no-link")


def numbers(site, kind):
    """How many changes of the disk a run for KIND makes."""
    link = ready(site, kind)
    log = site.path("changes", "")
    os.chmod(log, 0o666)
    with opened(site):
        site.agent(link, env=faults.preload(site.database, site.folder,
                                            log=log))
    with open(log) as file:
        return range(1, len(file.readlines()) + 1)[::STEP]


@case("whichever write fails, once or from then on: it ends with 0 or 75, and "
      "nothing is done twice or left undone")
def _(site):
    for kind in ("sent", "gone", "third strike", "moved"):
        for number in numbers(site, kind):
            link = ready(site, kind)
            once = number // STEP % 2
            with opened(site):
                ended = site.agent(link, env=faults.preload(
                    site.database, site.folder, at=number, haste=100,
                    errno=(errno.ENOSPC, errno.EIO)[once],
                    to=number if once else None))
            what = f"{kind}, write {number}: {ended}"
            true(ended.code in (0, 75), what)
            made = (bool(site.api.sent) if kind in ("sent", "moved")
                    else not site.chats())
            if "not known" not in ended.err:
                same(ended.code == 0, made, f"exit 0, done; {what}")
            if ended.code == 75:
                same(site.agent(link).code, 0, f"another run after {what}")
            site.ok("init")
            if "notifyctl check" not in ended.err:
                done(site, kind)
            true(len(site.api.sent) <= 1 and len(site.mails()) <= 1,
                 f"messages, mails; {what}")


@case("killed at whichever write, the next run ends it, and the user is told "
      "of the end once")
def _(site):
    for kind in ("gone", "moved"):
        for number in numbers(site, kind):
            link = ready(site, kind)
            with opened(site):
                ended = site.agent(link, env=faults.preload(
                    site.database, site.folder, at=number, kill=1))
            same(ended.code, -signal.SIGKILL, f"{kind}, write {number}")
            again = site.agent(link)
            same(again.code, 0, f"{kind}, write {number}: {again}")
            site.ok("init")
            if site.notices() != ["handing"]:
                # After a kill that hides it a message may come twice.
                site.api.sent = site.api.sent[:kind == "moved"]
                done(site, kind)
            true(len(site.mails()) <= 1, f"{kind}, write {number}: mails")


# The bot

# name: (what of faults.c, what the bot says of it)
TROUBLES = {
    "the disk is full": ({"only": "w", "errno": errno.ENOSPC}, "full"),
    "the disk does not sync": ({"only": "s", "errno": errno.EIO},
                               "Input/output error"),
}


def state(site):
    """The database but for what is remembered of the time."""
    return {table: [row for row in rows if row[0] != "bot_offset_at"]
            for table, rows in site.dump().items()}


def said(site, env, broken, mended, says):
    """/start, /stop and a word that changes nothing are said to a bot run
    with ENV, each while it is BROKEN(): none is taken before it is
    MENDED()."""
    site.api.person(CHAT)
    token = site.connect_token("acme", ANN)
    with opened(site):
        site.bot.start(env=env)
        site.ask(CHAT, "/status")
        site.api.wait(lambda: not site.api.updates, "it is confirmed")
        for text, chats in ((f"/start {token}", {("acme", ANN): CHAT}),
                            ("/status", {("acme", ANN): CHAT}),
                            ("/stop", {})):
            before, since = state(site), site.bot.mark()
            answers = len(site.api.texts(CHAT))
            undo = broken()
            number = site.api.say(CHAT, text)
            contains(site.bot.wait_line("error: roster: ", since), says,
                     "what is said")
            same(len(site.api.texts(CHAT)), answers, f"answers to {text}")
            same([u["update_id"] for u in site.api.updates], [number],
                 "updates that are not confirmed")
            mended(undo)
            site.api.wait_text(CHAT, answers + 1)
            site.api.wait(lambda: not site.api.updates, "it is confirmed")
            same(len(site.api.texts(CHAT)), answers + 1, f"answers to {text}")
            same(site.chats(), chats, f"links after {text}")
            true(state(site) != before, f"it is stored: {text}")
        same([e["action"] for e in site.log() if "telegram" in e["action"]],
             ["telegram-link", "telegram-end"], "records")


def trouble(title, env, says):
    @case(f"the bot: {title}: nothing is confirmed that is not stored",
          expect="roster")
    def _(site):
        broken = site.path("broken")

        def fail():
            before = state(site)
            open(broken, "w").close()
            return before

        def mend(before):
            same(state(site), before, "the database meanwhile")
            os.unlink(broken)
        said(site, faults.preload(site.database, site.folder, haste=20,
                                  **{"while": broken}, **env),
             fail, mend, says)


for name, (env, says) in TROUBLES.items():
    trouble(name, env, says)


@case("the bot: the database may be read alone: nothing is confirmed that is "
      "not stored", expect="roster")
def _(site):
    site.api.person(CHAT)
    token = site.connect_token("acme", ANN)
    with opened(site):
        os.chown(site.database, 0, 0)
        os.chmod(site.database, 0o644)
        before = state(site)
        since = site.bot.mark()
        site.bot.start()
        number = site.api.say(CHAT, f"/start {token}")
        contains(site.bot.wait_line("error: roster: ", since),
                 "ermission denied", "what is said")
        same((site.api.texts(CHAT), state(site)), ([], before),
             "answers, database")
        same([u["update_id"] for u in site.api.updates], [number],
             "updates that are not confirmed")
        site.bot.kill()
        for end in ("", "-wal", "-shm"):
            shutil.chown(site.database + end, NOBODY)
        site.bot.start()
        contains(site.api.wait_text(CHAT)[0], ANN, "answer")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("the bot, killed at whichever write of a /start, links the chat once",
      expect="not sent")
def _(site):
    site.api.person(CHAT)
    number = 1
    while True:
        site.reset()
        site.api.person(CHAT)
        token = site.connect_token("acme", ANN)
        site.api.say(CHAT, f"/start {token}")
        site.bot.start(wait=False, env=faults.preload(
            site.database, site.folder, at=number, kill=1))
        site.until(lambda: site.api.texts(CHAT) or not site.bot.running(),
                   "it has answered, or was killed")
        if site.bot.running():
            break
        site.bot.start()
        site.api.wait(lambda: not site.api.updates, "it is confirmed")
        same(site.chats(), {("acme", ANN): CHAT}, f"links, write {number}")
        same([e["action"] for e in site.log() if "telegram" in e["action"]],
             ["telegram-link"], "records")
        for text in site.api.texts(CHAT):
            contains(text, ANN, "answer")
        site.bot.kill()
        number += STEP
    true(number > 10, f"got {number} writes")


with contextlib.suppress(tap.Skip):
    faults.own_mounts()
rosterdb.file_only("a file that fails")
run(Site)
