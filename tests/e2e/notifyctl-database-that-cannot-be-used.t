#!/usr/bin/env python3
"""A database that is missing, foreign, damaged, locked, full or forbidden."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/lib")

import contextlib  # noqa: E402
import pwd  # noqa: E402
import shutil  # noqa: E402
import sqlite3  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402

import ctl  # noqa: E402
from ctl import NOBODY, case, needs_root  # noqa: E402
from roster import ANN, BILL, MAINTENANCE, MIA, OLGA, SERVICES  # noqa: E402
from tap import Skip, contains, lacks, same, true  # noqa: E402

NEW = "nina@acme.example"

LOOKING = [["account", "list"], ["account", "show", "acme"],
           ["user", "list", "acme"], ["category", "list"], ["list", "acme"],
           ["export"], ["log"]]
CHANGING = [["account", "add", "gamma", "--owner", NEW],
            ["account", "transfer", "acme", ANN],
            ["account", "remove", "acme"],
            ["user", "add", "acme", NEW],
            ["user", "role", "acme", ANN, "subscriber"],
            ["user", "remove", "acme", ANN],
            ["category", "add", "alarms", "--title", "Alarms"],
            ["subscribe", "acme", SERVICES, MIA],
            ["unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL],
            ["import", "-"], ["import", "--dry-run", "-"]]


def refused(ctl_, code, commands, *says, stdin=f"acme,{NEW},member,\n",
            **options):
    for words in commands:
        ctl_.refused(code, *words, says=says, as_=OLGA, stdin=stdin, **options)


def put(ctl_, data):
    """DATA in place of the database, and nothing beside it."""
    ctl_.reset(None)
    with open(ctl_.database, "wb") as out:
        out.write(data)


def taken(ctl_):
    with open(ctl_.database, "rb") as file:
        return file.read()


def untouched(ctl_, data, code, commands, *says):
    """DATA as the database must be refused by COMMANDS and stay as it is."""
    put(ctl_, data)
    for words in commands:
        for json_ in (False, True):
            done = ctl_(*words, as_=OLGA, json_=json_, stdin="")
            same(done.code, code, f"exit of {done}")
            for part in says:
                contains(done.line, part, f"line of {done}")
            if json_:
                same(done.document["error"],
                     {"code": code, "message": done.line}, "error")
            else:
                same(done.out, "", "standard output")
            same(taken(ctl_) == data, True, f"the file is the same: {done}")


@case("a database that is not there is said, with what makes it")
def _(ctl):
    ctl.reset(None)
    refused(ctl, 78, LOOKING + CHANGING, ctl.database, "notifyctl init")
    same(os.listdir(os.path.dirname(ctl.database)), [], "files made")
    os.rmdir(os.path.dirname(ctl.database))
    refused(ctl, 78, LOOKING[:1] + CHANGING[:1], ctl.database)


@case("an empty file is a database to be made")
def _(ctl):
    untouched(ctl, b"", 78, LOOKING + CHANGING, "notifyctl init")
    ctl.ok("init")
    ctl.ok("account", "add", "acme", "--owner", OLGA)


@case("a file that is no SQLite database is refused, and init spares it")
def _(ctl):
    for data in (b"This is no database.\n" * 400, os.urandom(8192)):
        untouched(ctl, data, 74, [*LOOKING, *CHANGING, ["init"]],
                  ctl.database, "not an SQLite database")


def foreign(ctl_, text):
    """Another program's database, made by TEXT, is refused and spared."""
    ctl_.reset(None)
    with contextlib.closing(sqlite3.connect(ctl_.database)) as other:
        other.executescript(text)
    data = taken(ctl_)
    for words in (*LOOKING, *CHANGING, ["init"]):
        done = ctl_(*words, as_=OLGA, stdin="")
        same((done.code, done.out), (78, ""), f"exit and stdout of {done}")
        contains(done.line, "not one of notify-milter", "line")
        same(taken(ctl_) == data, True, f"the file is the same: {done}")


@case("another program's database is refused, and init spares it")
def _(ctl):
    for text in ("CREATE TABLE photo(id)", "PRAGMA user_version = 3",
                 "CREATE TABLE user(id); PRAGMA application_id = 7"):
        foreign(ctl, text)


@case("another program's database is refused even if it has our version")
def _(ctl):
    foreign(ctl, "CREATE TABLE photo(id); PRAGMA user_version = 1")
    foreign(ctl, "CREATE TABLE user(id); PRAGMA user_version = 1;"
                 "PRAGMA application_id = 7")


@case("whatever is wrong with the database, its path is said")
def _(ctl):
    for text in ("PRAGMA user_version = 2", "PRAGMA user_version = 0"):
        ctl.reset()
        ctl.sql(text)
        for words in (["list", "acme"], ["user", "add", "acme", NEW]):
            contains(ctl(*words).line, ctl.database, "line")
    put(ctl, b"")
    for words in (["list", "acme"], ["user", "add", "acme", NEW]):
        contains(ctl(*words).line, ctl.database, "line")


@case("a newer schema is refused with 78, and init spares it")
def _(ctl):
    ctl.sql("PRAGMA user_version = 2")
    refused(ctl, 78, [*LOOKING, *CHANGING, ["init"]], "version 2", "upgrade")


@case("a damaged database is an error, not an empty roster")
def _(ctl):
    data = taken(ctl)
    for first, last in ((4096, len(data)), (1024, 4096)):
        put(ctl, data[:first] + b"\x5a" * (last - first) + data[last:])
        for words in LOOKING[:5] + CHANGING[:8]:
            done = ctl(*words, as_=OLGA)
            same((done.code, done.out), (74, ""), f"exit and stdout of {done}")
            contains(done.line, ctl.database, "line")
    put(ctl, data[:len(data) // 2])
    for words in (["list", "acme"], ["user", "add", "acme", NEW]):
        done = ctl(*words, as_=OLGA)
        same((done.code, done.out), (74, ""), f"exit and stdout of {done}")


@contextlib.contextmanager
def locked(ctl_, how="BEGIN IMMEDIATE"):
    with contextlib.closing(sqlite3.connect(
            ctl_.database, isolation_level=None,
            check_same_thread=False)) as other:
        other.execute(how)
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


@case("while another program changes it, one can look, and changes are 75")
def _(ctl):
    before = ctl.dump()
    with locked(ctl):
        for words in LOOKING:
            ctl.ok(*words)
        start = time.monotonic()
        path = ctl.path("in.csv", f"acme,{NEW},member,\n")
        for done in ctl.at_once(*[[path if w == "-" else w for w in words]
                                  for words in [*CHANGING, ["init"]]],
                                as_=OLGA, json_=True):
            same(done.code, 75, f"exit of {done}")
            for part in (ctl.database, "locked", "again"):
                contains(done.line, part, "line")
            same(done.document["error"]["code"], 75, "code in JSON")
        true(1 < time.monotonic() - start < 15, "it waits a while first")
    ctl.unchanged(before)
    same(ctl.mails(), [], "mails")
    ctl.ok("user", "add", "acme", NEW)


@case("a lock that is let go in time is waited for")
def _(ctl):
    with locked(ctl) as other:
        process = ctl.start("user", "add", "acme", NEW)
        time.sleep(0.3)             # the lock is to be met, so no condition
        same(process.poll(), None, "it waits")
        other.execute("ROLLBACK")
        done = ctl.finish(process)
    same((done.code, done.err), (0, ""), f"{done}")


@case("the folder that init is to make it in is named if it is not there")
def _(ctl):
    ctl.reset(None)
    os.rmdir(os.path.dirname(ctl.database))
    done = ctl("init")
    true(done.code in (74, 78), f"exit of {done}")
    contains(done.line, os.path.dirname(ctl.database), "line")
    lacks(done.line, "notifyctl init", "line")


@case("who may not read the database gets one clear line")
def _(ctl):
    needs_root()
    for path, mode in ((ctl.database, 0o600),
                       (os.path.dirname(ctl.database), 0o700)):
        ctl.reset()
        os.chmod(path, mode)
        for words in [*LOOKING, *CHANGING, ["init"]]:
            done = ctl(*words, as_=OLGA, user=NOBODY, stdin="")
            true(done.code in (74, 77, 78), f"exit of {done}")
            for part in (ctl.database, "ermission denied"):
                contains(done.line, part, f"line of {done}")
            same(done.out, "", f"stdout of {done}")


@case("who may only read the database gets one clear line for each change")
def _(ctl):
    needs_root()
    os.chmod(ctl.database, 0o644)
    before = ctl.dump()
    for words in CHANGING:
        done = ctl(*words, as_=OLGA, user=NOBODY, stdin="")
        true(done.code in (74, 77, 78), f"exit of {done}")
        contains(done.line, ctl.database, "line")
        true("ermission denied" in done.line or "readonly" in done.line
             or "read-only" in done.line, f"the reason: {done}")
    ctl.unchanged(before)


@case("who may not make files beside the database gets one clear line")
def _(ctl):
    needs_root()
    os.chown(ctl.database, pwd.getpwnam(NOBODY).pw_uid, -1)
    before = ctl.dump()
    for words in CHANGING:
        done = ctl(*words, as_=OLGA, user=NOBODY, stdin="")
        true(done.code in (74, 77, 78), f"exit of {done}")
        for part in (ctl.database, "ermission denied"):
            contains(done.line, part, f"line of {done}")
    ctl.unchanged(before)


@case("who may only read the database looks at it, or is told why not")
def _(ctl):
    needs_root()
    os.chmod(ctl.database, 0o644)
    for words in LOOKING:
        done = ctl(*words, user=NOBODY)
        if done.code != 0:
            lacks(done.line, "attempt to write", "line")
            contains(done.line, ctl.database, "line")


@case("a folder in which nothing can be made is said by init, with its reason")
def _(ctl):
    needs_root()
    ctl.reset(None)
    done = ctl("init", user=NOBODY)
    true(done.code in (74, 77, 78), f"exit of {done}")
    contains(done.line, os.path.dirname(ctl.database), "line")
    contains(done.line, "ermission denied", "line")
    lacks(done.line, "notifyctl init", "line")
    same(os.listdir(os.path.dirname(ctl.database)), [], "files made")


@case("who may not read the settings gets one clear line")
def _(ctl):
    needs_root()
    os.chmod(ctl.conf.file, 0o600)
    try:
        for words in (["list", "acme"], ["init"], ["explain"]):
            ctl.refused(78, *words, user=NOBODY,
                        says=(ctl.conf.file, "ermission denied"))
    finally:
        os.chmod(ctl.conf.file, 0o644)


FULL = """
set -e
mount -t tmpfs -o size=500k none "$1/db"
cp "$1/roster.db" "$1/db/roster.db"
exec 3>&1 >"$1/full.out" 2>"$1/full.err"
dd if=/dev/zero of="$1/db/filler" bs=1k count=$4 2>/dev/null || true
set +e
"$2" -c "$3" import "$1/many.csv"; echo $? >&3
rm "$1/db/filler"
"$2" -c "$3" export >"$1/after.csv"; echo $? >&3
"$2" -c "$3" user add acme x@acme.example >/dev/null; echo $? >&3
"""


def full(ctl_, filler):
    """What an import says on a disk on which FILLER KiB are taken; it must
    not have changed or damaged anything."""
    # In a mount namespace of its own, so that nothing stays mounted.
    possible = shutil.which("unshare") and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none",
         os.path.dirname(ctl_.database)], capture_output=True).returncode == 0
    if not possible:
        raise Skip("mounting is not permitted")
    ctl_.path("many.csv", "".join(f"acme,u{number}@acme.example,member,"
                                  f"{SERVICES}\n" for number in range(3000)))
    want = ctl_.ok("export").out
    done = subprocess.run(["unshare", "--mount", "sh", "-c", FULL, "sh",
                           ctl_.folder, *ctl_.command()[:3:2], str(filler)],
                          capture_output=True, text=True, timeout=60)
    same(done.stdout.split(), ["74", "0", "0"], f"exits: {done}")
    with open(ctl_.path("full.err")) as file:
        lines = file.read().splitlines()
    same(len(lines), 1, f"lines: {lines}")
    contains(lines[0], ctl_.database, "line")
    with open(ctl_.path("after.csv")) as file:
        same(file.read(), want, "export afterwards")
    return lines[0]


@case("a disk that is full meanwhile: nothing is changed, nothing is damaged")
def _(ctl):
    contains(full(ctl, 300), "full", "line")


@case("a disk that is full from the start is called full")
def _(ctl):
    line = full(ctl, 1000)
    true("full" in line or "space" in line, f"the reason: {line!r}")


ctl.run()
