#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with postgresql: it is about a file that is no database
"""A database that is missing, foreign, newer, damaged, locked or forbidden is
reported as such, and never reads as one without rows. For commands that change
something: changes-on-a-database-that-fails.t."""
import contextlib
import os
import shutil
import sqlite3
import time

from lib import ctl, rosterdb
from lib.changes import CHANGES, NEW
from lib.ctl import NOBODY, case, needs_root
from lib.roster import OLGA, acting
from lib.tap import contains, lacks, same, true

LOOKING = [["account", "list"], ["account", "show", "acme"],
           ["user", "list", "acme"], ["category", "list"], ["list", "acme"],
           ["export"], ["log"]]
CHANGING = [list(change.args) for change in CHANGES] + [
    ["import", "--dry-run", "-"]]


def refused(ctl_, code, commands, *says, stdin=f"acme,{NEW},member,\n",
            **options):
    for words in commands:
        ctl_.refused(code, *words, says=says, as_=acting(words, OLGA),
                     stdin=stdin, **options)


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
            done = ctl_(*words, as_=acting(words, OLGA), json_=json_,
                        stdin="")
            same(done.code, code, f"exit of {done}")
            for part in says:
                contains(done.line, part, f"line of {done}")
            if json_:
                same(done.document["error"],
                     {"code": code, "message": done.line}, "error")
            else:
                same(done.out, "", "standard output")
            same(taken(ctl_) == data, True, f"the file is the same: {done}")


@case("a missing database is reported, with the command that creates it")
def _(ctl):
    ctl.reset(None)
    refused(ctl, 78, LOOKING + CHANGING, ctl.database, "notifyctl init")
    same(os.listdir(os.path.dirname(ctl.database)), [], "files made")
    os.rmdir(os.path.dirname(ctl.database))
    refused(ctl, 78, LOOKING[:1] + CHANGING[:1], ctl.database)


@case("an empty file is reported as a database to be created")
def _(ctl):
    untouched(ctl, b"", 78, LOOKING + CHANGING, "notifyctl init")
    ctl.ok("init")
    ctl.ok("account", "add", "acme", "--owner", OLGA)


@case("anything but a regular file is refused at once, and left alone")
def _(ctl):
    fifo = ctl.path("fifo")
    os.mkfifo(fifo)
    for path in (ctl.folder, fifo, "/dev/null"):
        ctl.settings(url=path)
        for words in (["account", "list"], ["init"],
                      ["user", "add", "acme", NEW]):
            done = ctl(*words, timeout=10)
            same(done.code, 78, f"exit of {done}")
            for part in (path, "not a regular file", "expected"):
                contains(done.line, part, "line")
    os.unlink(fifo)


@case("a file that is not an SQLite database is refused, and init leaves it "
      "alone")
def _(ctl):
    for data in (b"This is no database.\n" * 400, os.urandom(8192)):
        untouched(ctl, data, 74, [*LOOKING, *CHANGING, ["init"]],
                  ctl.database, "not an SQLite database", "restore",
                  "[database] url")


def foreign(ctl_, text):
    """Another program's database, made by TEXT, is refused and spared."""
    ctl_.reset(None)
    with contextlib.closing(sqlite3.connect(ctl_.database)) as other:
        other.executescript(text)
    data = taken(ctl_)
    for words in (*LOOKING, *CHANGING, ["init"]):
        done = ctl_(*words, as_=acting(words, OLGA), stdin="")
        same((done.code, done.out), (78, ""), f"exit and stdout of {done}")
        contains(done.line, "belongs to another program", "line")
        same(taken(ctl_) == data, True, f"the file is the same: {done}")


@case("another program's database is refused, and init leaves it alone")
def _(ctl):
    for text in ("CREATE TABLE photo(id)", "PRAGMA user_version = 3",
                 "CREATE TABLE user(id); PRAGMA application_id = 7"):
        foreign(ctl, text)


@case("another program's database is refused even if it has our version")
def _(ctl):
    foreign(ctl, "CREATE TABLE photo(id); PRAGMA user_version = 1")
    foreign(ctl, "CREATE TABLE user(id); PRAGMA user_version = 1;"
                 "PRAGMA application_id = 7")


@case("whatever is wrong with the database, its path is named")
def _(ctl):
    for text in ("PRAGMA user_version = 9", "PRAGMA user_version = 0"):
        ctl.reset()
        ctl.sql(text)
        for words in (["list", "acme"], ["user", "add", "acme", NEW]):
            contains(ctl(*words).line, ctl.database, "line")
    put(ctl, b"")
    for words in (["list", "acme"], ["user", "add", "acme", NEW]):
        contains(ctl(*words).line, ctl.database, "line")


@case("a newer schema is refused with 78, and init leaves it alone")
def _(ctl):
    ctl.sql("PRAGMA user_version = 9")
    refused(ctl, 78, [*LOOKING, *CHANGING, ["init"]], "version 9", "upgrade")


@case("a damaged database is an error, not an empty roster")
def _(ctl):
    data = taken(ctl)
    without_rows, without_schema = bytearray(data), bytearray(data)
    for begin, end in rosterdb.pages(data):
        without_rows[begin:end] = b"\x5a" * (end - begin)
    size = rosterdb.page_size(data)
    without_schema[200:size] = b"\x5a" * (size - 200)
    for damaged in (without_rows, without_schema):
        put(ctl, damaged)
        for words in LOOKING[:5]:
            done = ctl(*words, as_=acting(words, OLGA))
            same((done.code, done.out), (74, ""), f"exit and stdout of {done}")
            contains(done.line, ctl.database, "line")
            contains(done.line, "damaged: ", "line")
            contains(done.line, "restore the last backup", "line")
    put(ctl, data[:len(data) // 2])
    done = ctl("list", "acme")
    same((done.code, done.out), (74, ""), f"exit and stdout of {done}")


@case("while another program changes it, lookups work; a lock that is "
      "released in time only delays")
def _(ctl):
    with contextlib.closing(sqlite3.connect(
            ctl.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for words in LOOKING:
            ctl.ok(*words)
        process = ctl.start("user", "add", "acme", NEW)
        time.sleep(0.3)             # the lock is to be met, so no condition
        same(process.poll(), None, "it waits")
        other.execute("ROLLBACK")
        done = ctl.finish(process)
    same((done.code, done.err), (0, ""), f"{done}")


@case("init names the directory of the database if that is missing")
def _(ctl):
    ctl.reset(None)
    os.rmdir(os.path.dirname(ctl.database))
    done = ctl("init")
    true(done.code in (74, 78), f"exit of {done}")
    contains(done.line, os.path.dirname(ctl.database), "line")
    lacks(done.line, "notifyctl init", "line")


@case("a user who may not read the database gets one clear line")
def _(ctl):
    needs_root()
    for path, mode in ((ctl.database, 0o600),
                       (os.path.dirname(ctl.database), 0o700)):
        ctl.reset()
        os.chmod(path, mode)
        for words in LOOKING:
            done = ctl(*words, user=NOBODY)
            true(done.code in (74, 77, 78), f"exit of {done}")
            for part in (ctl.database, "ermission denied", "run as"):
                contains(done.line, part, f"line of {done}")
            same(done.out, "", f"stdout of {done}")


@case("a user who may only read the database can look things up, or gets the "
      "reason")
def _(ctl):
    needs_root()
    os.chmod(ctl.database, 0o644)
    for words in LOOKING:
        done = ctl(*words, user=NOBODY)
        if done.code != 0:
            lacks(done.line, "attempt to write", "line")
            contains(done.line, ctl.database, "line")
            contains(done.line, "run as root", "line")


@case("init names a directory in which it cannot create a file, with the "
      "reason")
def _(ctl):
    needs_root()
    ctl.reset(None)
    done = ctl("init", user=NOBODY)
    true(done.code in (74, 77, 78), f"exit of {done}")
    contains(done.line, os.path.dirname(ctl.database), "line")
    contains(done.line, "ermission denied", "line")
    lacks(done.line, "notifyctl init", "line")
    same(os.listdir(os.path.dirname(ctl.database)), [], "files made")
    # Root acts as the owner of a directory above, who cannot write here.
    parent = os.path.join(ctl.folder, "theirs")
    os.makedirs(os.path.join(parent, "ours"))
    shutil.chown(parent, NOBODY)
    ctl.settings(url=os.path.join(parent, "ours", "roster.db"))
    contains(ctl("init").line, "ermission denied", "line for root")
    ctl.settings()


@case("a user who may not read the settings gets one clear line")
def _(ctl):
    needs_root()
    os.chmod(ctl.conf.file, 0o600)
    try:
        for words in (["list", "acme"], ["init"], ["explain"]):
            ctl.refused(78, *words, user=NOBODY,
                        says=(ctl.conf.file, "ermission denied"))
    finally:
        os.chmod(ctl.conf.file, 0o644)


ctl.run()
