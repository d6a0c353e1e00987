#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with postgresql: it is about a file that is lost
"A database that is missing, damaged or wrong defers mail; it never reads as "
"one without users."
import contextlib
import errno
import json
import os
import shutil
import threading

from lib import faults, lab, rosterdb, tap
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, STRANGER, entitled
from lib.tap import contains, same, true

RCPTS = [ANN, BILL, STRANGER, "acme@accounts.example"]
WANT = entitled(BALANCE, "acme")


def deferred(lab_, *words):
    """A tagged message is deferred and nothing of it goes on; untagged mail
    passes. Each of WORDS stands in the reason."""
    before = lab_.postfix.held()
    for rcpts, account in ((RCPTS, None), ([BILL], "acme"), ([STRANGER], None),
                           ([BILL], None)):
        result = lab_.send(rcpts, BALANCE, account)
        same((result.reply.code, result.reply.text[:5]), (451, "4.3.0"),
             f"reply {result.reply}")
        summary = result.summary()
        same(summary["verdict"], "tempfail", "verdict")
        contains(summary.get("reason", ""), "database", "reason")
        for word in words:
            contains(summary["reason"], word, "reason")
        same(result.recipients(), [], "recipients")
    same(lab_.postfix.held(), before, "what is on hold")
    lab_.send(RCPTS).untouched(RCPTS)


def recovered(lab_):
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)
    lab_.send([STRANGER], BALANCE).must("hold")


def copy_to(lab_, path):
    """A sound copy of the database as one file."""
    lab_.sql(("VACUUM INTO ?", (path,)))
    lab_.sql("PRAGMA journal_mode = WAL", path=path)
    lab_.own(path)
    os.chmod(path, 0o640)


def install(lab_, source):
    """SOURCE takes the place of the database, as a restored backup does."""
    lab_.empty(os.path.dirname(lab_.database))
    os.rename(source, lab_.database)


def broken_by(lab_, change, *words):
    """CHANGE() the database; deferred; a backup heals it, no restart."""
    backup = os.path.join(lab_.folder, "backup.db")
    copy_to(lab_, backup)
    pid = lab_.milter.process.pid
    recovered(lab_)
    try:
        change()
        deferred(lab_, *words)
    finally:
        install(lab_, backup)
    recovered(lab_)
    same((lab_.milter.running(), lab_.milter.process.pid), (True, pid),
         "the milter still runs")


@case("a missing database defers, and mail goes on once it is back")
def _(lab_):
    recovered(lab_)
    with lab_.database_away():
        deferred(lab_, lab_.database)
        same(os.path.exists(lab_.database), False,
             "the milter has made a database of its own")
    recovered(lab_)


@case("a database that is removed for good decides no further message")
def _(lab_):
    broken_by(lab_, lambda: lab_.empty(os.path.dirname(lab_.database)))


@case("an empty file does not read as a database without users")
def _(lab_):
    def change():
        lab_.empty(os.path.dirname(lab_.database))
        open(lab_.database, "w").close()
        lab_.own(lab_.database)
    broken_by(lab_, change)


@case("garbage in place of the database defers")
def _(lab_):
    def change():
        lab_.empty(os.path.dirname(lab_.database))
        with open(lab_.database, "wb") as out:
            out.write(b"this is no database\n" * 4096)
        lab_.own(lab_.database)
    broken_by(lab_, change)


@case("garbage written over the open database never counts as no users")
def _(lab_):
    backup = os.path.join(lab_.folder, "backup.db")
    copy_to(lab_, backup)
    recovered(lab_)
    size = os.path.getsize(lab_.database)
    with open(lab_.database, "r+b") as out:
        out.write(b"\xa5" * size)
    try:
        for _ in range(3):      # what it still has in memory is right
            result = lab_.send([BILL], BALANCE, "acme")
            if result.reply.code == 250:
                result.must("deliver", WANT)
            else:
                result.must("tempfail")
    finally:
        install(lab_, backup)
    recovered(lab_)


@case("a database whose pages are damaged defers")
def _(lab_):
    def change():
        lab_.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(lab_.database, "r+b") as file:
            for begin, end in rosterdb.pages(file.read()):
                file.seek(begin)
                file.write(b"\xff" * (end - begin))
    broken_by(lab_, change)


@case("a schema of a newer version defers")
def _(lab_):
    broken_by(lab_, lambda: lab_.sql("PRAGMA user_version = 99"), "99")


@case("a database that was never initialised defers")
def _(lab_):
    def change():
        lab_.empty(os.path.dirname(lab_.database))
        lab_.sql("CREATE TABLE other(x)")
        lab_.own(lab_.database)
    broken_by(lab_, change)


@case("a table that is missing defers")
def _(lab_):
    for table in ("subscription", "user", "link", "category"):
        broken_by(lab_, lambda table=table: lab_.sql(
            "PRAGMA foreign_keys = OFF", f"DROP TABLE {table}"))


def right_or_deferred(lab_, deferred_too):
    """A message goes to the right recipients, or is deferred if allowed; which
    it was."""
    result = lab_.send([BILL], BALANCE, "acme")
    if result.reply.code == 451 and deferred_too:
        contains(result.must("tempfail").summary()["reason"], "database",
                 "reason")
        return "deferred"
    result.must("deliver", WANT)
    return "right"


@contextlib.contextmanager
def without_milter(lab_, database=None):
    """The milter is ended before and after the block, and runs again behind
    it. With DATABASE that is on a Disk of its own within."""
    lab_.milter.kill()
    try:
        with contextlib.ExitStack() as stack:
            disk = database and stack.enter_context(faults.own_disk(database))
            stack.callback(lab_.milter.kill)
            yield disk
    finally:
        lab_.milter.start()


@case("on a full disk an open database is still read; one to be opened defers")
def _(lab_):
    with without_milter(lab_, lab_.database) as disk:
        lab_.milter.start()
        recovered(lab_)
        disk.fill()
        for _ in range(3):
            right_or_deferred(lab_, False)
        lab_.milter.kill()
        for end in ("-wal", "-shm"):
            os.unlink(lab_.database + end)
        disk.fill()
        lab_.milter.start()
        deferred(lab_, "full")
        disk.clear()
        recovered(lab_)


@case("on a read-only file system mail is decided correctly or deferred")
def _(lab_):
    for left_open in (False, True):
        with without_milter(lab_, lab_.database) as disk:
            lab_.milter.start()
            recovered(lab_)
            lab_.notifyctl("user", "add", "acme", "new@acme.example")
            lab_.notifyctl("user", "remove", "acme", "new@acme.example")
            lab_.milter.kill()
            if not left_open:   # who closes it last takes the rest away
                lab_.sql("SELECT count(*) FROM user")
            same(os.path.exists(lab_.database + "-wal"), left_open,
                 "the log is there")
            disk.remount("ro")
            lab_.milter.start()
            for _ in range(3):
                right_or_deferred(lab_, True)
            lab_.milter.kill()
            disk.remount("rw")
            lab_.milter.start()
            recovered(lab_)


@case("on a disk that cannot be read mail is decided correctly or deferred")
def _(lab_):
    broken = os.path.join(lab_.folder, "broken")
    for letters in ("r", "or"):
        with without_milter(lab_):
            lab_.milter.start(env=faults.preload(
                lab_.database, **{"while": broken}, only=letters,
                errno=errno.EIO))
            recovered(lab_)
            open(broken, "w").close()
            for _ in range(3):
                right_or_deferred(lab_, True)
            # What the milter has in memory is out of date.
            os.unlink(broken)
            lab_.notifyctl("user", "add", "acme", "new@acme.example")
            lab_.notifyctl("user", "remove", "acme", "new@acme.example")
            open(broken, "w").close()
            deferred(lab_)
            os.unlink(broken)
            recovered(lab_)


@case("a database without read permission defers")
def _(lab_):
    recovered(lab_)
    folder = os.path.dirname(lab_.database)
    os.chmod(folder, 0)
    os.chown(folder, 0, 0)
    try:
        deferred(lab_)
    finally:
        lab_.own(folder)
        os.chmod(folder, 0o750)
    recovered(lab_)
    backup = os.path.join(lab_.folder, "backup.db")
    copy_to(lab_, backup)
    lab_.empty(folder)
    shutil.copyfile(backup, lab_.database)
    os.chmod(lab_.database, 0o600)      # root's, as after a careless restore
    deferred(lab_)
    install(lab_, backup)
    recovered(lab_)


def two_others(lab_):
    """A roster to which nobody is subscribed, and one as it is."""
    other = os.path.join(lab_.folder, "other.db")
    backup = os.path.join(lab_.folder, "backup.db")
    copy_to(lab_, other)
    copy_to(lab_, backup)
    lab_.sql("DELETE FROM subscription", path=other)
    lab_.own(other)
    return other, backup


@case("a database that replaces another is used at once")
def _(lab_):
    recovered(lab_)
    other, backup = two_others(lab_)
    install(lab_, other)
    lab_.send([BILL], BALANCE, "acme").must("deliver", ["olga@acme.example"])
    install(lab_, backup)
    recovered(lab_)


@case("a database that replaces another is not mixed with changes to the old "
      "one")
def _(lab_):
    # The milter keeps it open: the last to close it would remove the WAL.
    for stopped in (False, True):
        recovered(lab_)
        other, backup = two_others(lab_)
        lab_.notifyctl("subscribe", "acme", SERVICES, BILL, as_=OLGA)
        with without_milter(lab_) if stopped else contextlib.nullcontext():
            os.rename(other, lab_.database)
        for category in (BALANCE, SERVICES):
            lab_.send([BILL], category, "acme").must("deliver", [OLGA])
        same([row["address"] for row in json.loads(lab_.notifyctl(
            "--json", "list", "acme").stdout)["list"]
              if row["category"] == SERVICES and row["receives"]], [OLGA],
             "who gets it, listed")
        install(lab_, backup)
    recovered(lab_)


@case("files beside the open database that somebody removes hide no change")
def _(lab_):
    for ends in (("-wal", "-shm"), ("-shm",), ("-wal",)):
        recovered(lab_)
        for end in ends:
            os.unlink(lab_.database + end)
        lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)
        lab_.notifyctl("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN,
                       as_=OLGA)
        lab_.send([BILL], BALANCE, "acme").must("deliver", WANT - {ANN})
        lab_.notifyctl("subscribe", "acme", BALANCE, ANN, as_=OLGA)
        recovered(lab_)


@case("a database that is moved away and back without those files hides none")
def _(lab_):
    recovered(lab_)
    aside = os.path.join(lab_.folder, "aside.db")
    os.rename(lab_.database, aside)
    install(lab_, aside)
    lab_.notifyctl("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN,
                   as_=OLGA)
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT - {ANN})
    lab_.notifyctl("subscribe", "acme", BALANCE, ANN, as_=OLGA)
    recovered(lab_)


@case("a database that is overwritten in place is used at once")
def _(lab_):
    recovered(lab_)
    other, backup = two_others(lab_)
    for source, to in ((other, {OLGA}), (backup, WANT)):
        lab_.send([BILL], BALANCE, "acme")      # it has its pages in memory
        with open(source, "rb") as file, open(lab_.database, "r+b") as out:
            shutil.copyfileobj(file, out)
            out.truncate()
        lab_.send([BILL], BALANCE, "acme").must("deliver", to)
        os.unlink(source)
    recovered(lab_)


@case("from sendmail(1) the message waits, and goes when the database is back")
def _(lab_):
    recovered(lab_)
    with lab_.database_away():
        result = lab_.sendmail([BILL], BALANCE, "acme")
        same(result.summary()["verdict"], "tempfail", "verdict")
        lab_.until(lambda: lab_.postfix.files("deferred"), "it waits")
        same(lab_.receiver.copies(result.mark), {}, "delivered meanwhile")
        passes = lab_.sendmail([BILL])
        lab_.receiver.wait(passes.mark)
    lab_.postfix.flush()
    same(result.recipients(), sorted(WANT), "recipients")
    same(json.dumps([e for e in lab_.postfix.listing()
                     if e["queue_name"] != "hold"]), "[]", "left in the queue")


@case("the milter starts without its database, defers, and finds it later")
def _(lab_):
    recovered(lab_)
    lab_.milter.kill()
    with lab_.database_away():
        lab_.milter.start()
        deferred(lab_)
    recovered(lab_)


@case("with the reserved domain a message is refused without the database")
def _(lab_):
    with lab_.database_away():
        lab_.send(["1@telegram.invalid"], BALANCE).must("reject")
        lab_.send(["1@telegram.invalid"]).must("reject")


@case("an untrusted client's mail passes without the database")
def _(lab_):
    lab_.milter.settings(trusted_clients="192.0.2.1")
    with lab_.database_away():
        lab_.send([BILL], BALANCE, "acme").must("untrusted", [BILL])
    lab_.milter.settings()
    recovered(lab_)


@case("a failure is logged once for each message, with its reason")
def _(lab_):
    with lab_.database_away():
        result = lab_.send([BILL], BALANCE, "acme")
    same(len(lab_.milter.summaries(result.since)), 1, "summary lines")
    line = result.summary()["line"]
    for word in ("verdict=tempfail", 'reason="database'):
        contains(line, word, "line")
    true(len(lab_.milter.since(result.since)) <= 3,
         f"lines: {lab_.milter.since(result.since)}")


@case("the milter waits for files beside it that root has just created")
def _(lab_):
    lab_.milter.stop()
    beside = lab_.database + "-shm"
    # SQLite makes it like this, and gives it away then.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    lab_.milter.start()
    os.close(os.open(beside, os.O_CREAT | os.O_RDWR, 0o600))
    give = threading.Timer(0.1, lambda: lab_.own(beside))
    give.start()
    try:
        lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)
    finally:
        give.join()


with contextlib.suppress(tap.Skip):
    faults.own_mounts()
lab.run(allow="database|roster.db|No space left|Read-only file system")
