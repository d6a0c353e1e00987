#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it kills one command after the other
# not with sanitizer: it is about time
# takes: 20 s
"""Several notifyctl at once lose nothing; one that is killed breaks nothing."""
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import threading
import time

from lib import ctl, faults, rosterdb
from lib.changes import CHANGES, INIT, linked
from lib.ctl import case
from lib.roster import (ADAM, ANN, BALANCE, BILL, CATEGORIES, CSV, MIA, OLGA,
                        SERVICES)
from lib.tap import Skip, contains, same, true

EIGHT = [f"p{number}@acme.example" for number in range(8)]


def sound(ctl_):
    """The database is whole, and so is each account."""
    if not rosterdb.remote():
        same(ctl_.sql("PRAGMA integrity_check"), [("ok",)], "integrity")
        same(ctl_.sql("PRAGMA foreign_key_check"), [], "foreign keys")
    same(set(ctl_.owners().values()) - {1}, set(), "numbers of owners")


def all_ok(done):
    for one in done:
        same((one.code, one.err), (0, ""), f"exit and stderr of {one}")


@case("eight that subscribe at once all succeed, and all are recorded")
def _(ctl):
    ctl.ok("user", "add", "acme", *EIGHT)
    for category in CATEGORIES:
        before = len(ctl.log())
        all_ok(ctl.at_once(*[["subscribe", "acme", category, address]
                             for address in EIGHT], as_=OLGA))
        same(sorted((e["action"], e["subject"], e["detail"])
                    for e in ctl.log()[before:]),
             [("subscribe", address, category) for address in EIGHT],
             "records")
    for address in EIGHT:
        same(ctl.user("acme", address)[1], set(CATEGORIES), address)
    sound(ctl)


@case("eight that unsubscribe at once send eight mails, one to each")
def _(ctl):
    ctl.ok("user", "add", "acme", *EIGHT)
    ctl.ok("subscribe", "acme", SERVICES, *EIGHT, as_=OLGA)
    all_ok(ctl.at_once(*[["unsubscribe", "acme", SERVICES, address,
                          "--confirm", address] for address in EIGHT],
                       as_=OLGA))
    same(sorted(mail.to for mail in ctl.mails()), EIGHT, "mails")
    same(ctl.notices(), ["sent"] * 8, "notices")
    sound(ctl)


@case("of eight that add the same user, account or category, one succeeds")
def _(ctl):
    for words in (["user", "add", "acme", EIGHT[0]],
                  ["account", "add", "gamma", "--owner", EIGHT[0]],
                  ["category", "add", "alarms", "--title", "Alarms"]):
        done = ctl.at_once(*[words] * 8, json_=True)
        same(sorted(one.code for one in done), [0] + [65] * 7,
             f"exits of {words}")
        for one in done:
            true(one.document, "a document")
    sound(ctl)


@case("of eight that unsubscribe the same user, one does, and one mail goes")
def _(ctl):
    before = len(ctl.log())
    all_ok(ctl.at_once(*[["unsubscribe", "acme", BALANCE, ANN, "--confirm",
                          ANN]] * 8, as_=OLGA))
    same(len(ctl.log()) - before, 1, "records")
    same([mail.to for mail in ctl.mails()], [ANN], "mails")


@case("transfers, roles and removals at once leave one owner in each account")
def _(ctl):
    for _ in range(3):
        ctl.reset()
        done = ctl.at_once(
            ["account", "transfer", "acme", ANN],
            ["account", "transfer", "acme", BILL],
            ["user", "remove", "acme", ANN],
            ["user", "role", "acme", BILL, "subscriber"],
            ["user", "role", "acme", OLGA, "member"],
            ["user", "remove", "acme", OLGA],
            ["import", ctl.path("a.csv", f"{CSV}acme,{MIA},owner,\n")],
            ["import", ctl.path("b.csv", f"{CSV}acme,{ADAM},owner,\n")])
        for one in done:
            true(one.code in (0, 67, 77), f"{one}")
        sound(ctl)
        same(sum(role == "owner" for role, _ in
                 ctl.roster()["acme"].values()), 1, "owners of acme")


@case("eight that make the database at once make one", roster=False)
def _(ctl):
    ctl.reset(None)
    all_ok(ctl.at_once(*[["init"]] * 8))
    same(len(ctl.json("category", "list")["categories"]), 5, "categories")
    sound(ctl)


@case("lookups meanwhile see the roster before or after, never half a change")
def _(ctl):
    old = ctl.ok("export").out
    rows = CSV + "".join(f"acme,u{number:04}@acme.example,member,{SERVICES}\n"
                         for number in range(3000))
    path = ctl.path("many.csv", rows)
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            done = ctl("export")
            seen.add((done.code, done.err, done.out))
    thread = threading.Thread(target=look)
    thread.start()
    try:
        ctl.ok("import", path)
    finally:
        stop.set()
        thread.join()
    new = ctl.ok("export").out
    same({text for _, _, text in seen} - {old, new}, set(), "other rosters")
    same({(code, err) for code, err, _ in seen}, {(0, "")}, "exits")


def rows(path):
    """What the database at PATH says, without what became of its notices;
    None if it says nothing."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        same(database.execute("PRAGMA integrity_check").fetchall(),
             [("ok",)], f"integrity of {path}")
        same(database.execute("PRAGMA foreign_key_check").fetchall(), [],
             f"references of {path}")
        tables = [name for name, in database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'")]
        # What tells a person that it was forgotten goes when it is sent.
        what = {"notice": "id, address FROM notice WHERE kind <> 'forgotten'"}
        return {table: sorted(database.execute(
            f"SELECT {what.get(table, f'* FROM {table}')}").fetchall())
            for table in tables} or None


def left_by_kills(ctl_, *args, **options):
    """Run the command, and keep what a kill would leave at each of its writes
    to the disk, before it and in the middle of it: the names of the copies,
    first to last."""
    folder = ctl_.path("copies")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    same(ctl_(*args, env=faults.preload(ctl_.database, copy=folder),
              **options).code, 0, f"exit of {args}")
    names = [name.removesuffix(".db") for name in os.listdir(folder)
             if name.endswith(".db")]
    return [os.path.join(folder, name + ".db") for name in sorted(
        names, key=lambda name: (int(name.rstrip("+")), name))]


@case("a change that is killed at any write is made whole, or not at all")
def _(ctl):
    rosterdb.file_only("its writes to the disk")
    linked(ctl)
    for change in (INIT, *CHANGES):
        ctl.reset(None if change is INIT else "linked")
        old = None if change is INIT else rows(ctl.database)
        copies = left_by_kills(ctl, *change.args, as_=change.as_,
                               stdin=change.stdin)
        new = rows(ctl.database)
        found = []
        for path in copies:
            data = b"".join(
                open(path + end, "rb").read() if os.path.exists(path + end)
                else b"-" for end in ("", "-wal", "-journal"))
            if found and found[-1][0] == data:
                continue        # as it was at the write before
            now = rows(path)
            true(now in (old, new), f"{change}, killed: {path} is neither "
                 f"the old nor the new")
            found.append((data, now == new))
        states = [is_new for _, is_new in found]
        same(states, sorted(states), f"once it is new it stays so: {change}")
        same(set(states), {False, True}, f"states seen: {change}")


def killed(ctl_, number, *args, half=False, **options):
    done = ctl_(*args, env=faults.preload(
        ctl_.database, at=number, kill=2 if half else 1), **options)
    return done.code == -signal.SIGKILL


@case("a large import killed at any write has done all of it or nothing")
def _(ctl):
    rosterdb.file_only("its writes to the disk")
    lines = CSV + "".join(f"a{number // 10},u{number}@a.example,"
                    f"{'member' if number % 10 else 'owner'},"
                    f"{SERVICES if number % 10 else ''}\n"
                    for number in range(2000))
    path = ctl.path("many.csv", lines)
    before = ctl.ok("export").out
    last = len(faults.changes(ctl, "import", path))
    after = ctl.ok("export").out
    ends = set()
    numbers = sorted([1, last, *random.sample(range(2, last), 8)])
    for i, number in enumerate(numbers):
        ctl.reset()
        ends.add(killed(ctl, number, "import", path, half=i % 2))
        if i % 3 == 0:
            ctl.ok("user", "add", "acme", EIGHT[0])
            ctl.ok("user", "remove", "acme", EIGHT[0])
        got = ctl.ok("export").out
        ends.add("new" if got == after else "old")
        true(got in (before, after), f"export after a kill at {number}")
        sound(ctl)
    same(ends, {True, "old", "new"}, "ends")


@case("a large import that is killed while a server runs it leaves the old "
      "roster, and delays nobody")
def _(ctl):
    if not rosterdb.remote():
        raise Skip("needs a server")
    path = ctl.path("many.csv", CSV + "".join(
        f"a{number // 10},u{number}@a.example,"
        f"{'member' if number % 10 else 'owner'},\n"
        for number in range(30000)))
    before = ctl.ok("export").out
    name = f"killed_{os.getpid()}"
    for more in (0, 0.05, 0.2):
        process = ctl.start("import", path, env={"PGAPPNAME": name})
        ctl.until(lambda: ctl.sql(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = ?"
            " AND query LIKE 'INSERT%'", name), "it makes changes")
        time.sleep(more)
        process.kill()
        same(ctl.finish(process).code, -signal.SIGKILL, "exit")
        # The next change is not kept waiting until it gives up.
        ctl.ok("user", "add", "acme", EIGHT[0])
        ctl.ok("user", "remove", "acme", EIGHT[0])
        same(ctl.ok("export").out, before, "export")
        sound(ctl)


@case("unsubscribe is killed at any write: the change and its notice go "
      "together, and nobody is mailed twice")
def _(ctl):
    rosterdb.file_only("its writes to the disk")
    words = ("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN)
    files = [file for _, file in faults.changes(ctl, *words, as_=OLGA)]
    states = set()
    for number in range(1, len(files) + 1):
        if files[number - 1] == files[number - 2] == "-shm":
            continue            # the next command creates it again
        ctl.reset()
        true(killed(ctl, number, *words, as_=OLGA, half=number % 2),
             f"it is killed at {number} of {len(files)}")
        ended = BALANCE not in ctl.user("acme", ANN)[1]
        same(len(ctl.notices()), int(ended), "notices for the change")
        same([e["subject"] for e in ctl.log("acme")
              if e["action"] == "unsubscribe"], [ANN] * ended, "records")
        # A pending notice is sent; one that sendmail may have is not.
        states.update(ctl.notices())
        ctl.ok("init")
        true(set(ctl.notices()) <= {"sent", "handing"}, "no notice waits")
        if ctl.notices() == ["sent"]:
            same([mail.to for mail in ctl.mails()], [ANN], "mails")
        true(len(ctl.mails()) <= 1, "mails")
        sound(ctl)
    same(states, {"pending", "handing", "sent"}, "states of the notice")


@case("an interrupted notifyctl prints no partial output and damages nothing")
def _(ctl):
    path = ctl.path("many.csv", CSV + "".join(
        f"acme,u{number}@acme.example,member,{SERVICES}\n"
        for number in range(5000)))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        ctl.reset()
        before = ctl.ok("export").out
        process = ctl.start("import", path, json_=True)
        ctl.until(lambda: ctl.store.changing() or process.poll() is not None,
                  "it has begun")
        process.send_signal(number)
        done = ctl.finish(process)
        if done.code == 0:
            true(done.document, "a document")
        else:
            same(done.out, "", "standard output")
            same(ctl.ok("export").out, before, "export")
        sound(ctl)
    contains(ctl.ok("list", "acme").out, BILL, "list afterwards")


ctl.run()
