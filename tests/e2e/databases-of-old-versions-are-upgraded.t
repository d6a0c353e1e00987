#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with postgresql: it is about files of old versions
"""A database of every schema version that was released is upgraded: nothing
in it is lost, and the same is decided by it."""
import contextlib
import sqlite3

from lib import ctl, stamps, versions
from lib.ctl import case
from lib.roster import BALANCE, OLGA
from lib.tap import contains, same, true

# The values a column may have: the present version must have a row with each.
KINDS = {
    "SELECT role FROM user": {"owner", "user-admin", "member", "subscriber"},
    "SELECT subscriber || telegram FROM category": {"00", "01", "10", "11"},
    "SELECT kind FROM notice": {"unsubscribed", "telegram-end"},
    "SELECT state FROM notice": {"pending", "handing", "sent"},
    "SELECT strikes > 0 FROM link": {0, 1},
}
# "init" sends notices that wait.
SENT = {"state", "tries", "error"}


def of_version(version):
    """Register a case for VERSION, whose database is there."""
    def register(function):
        title = function.__doc__.format(version)

        @case(title)
        def _(ctl):
            ctl.reset(None)
            versions.load(ctl.database, version)
            function(ctl, version)
    return register


def rows(ctl_):
    """{table: [{column: value}]}, the numbers that were given too."""
    with contextlib.closing(sqlite3.connect(ctl_.database)) as database:
        database.row_factory = sqlite3.Row
        return {table: [dict(row) for row in database.execute(
            f"SELECT * FROM {table}")] for table, in database.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def schema(ctl_):
    """The SQL that creates the tables and indexes, normalised."""
    return {name: " ".join(text.replace('"', "").replace("(", " ( ").split())
            for name, text in ctl_.sql("SELECT name, sql FROM sqlite_schema"
                                       " WHERE sql IS NOT NULL")}


def within(old, new, what):
    """NEW has everything that OLD has."""
    if isinstance(old, dict):
        for name in old:
            true(name in new, f"{what}: got no {name}")
            within(old[name], new[name], f"{what} {name}")
    elif isinstance(old, list):
        same(len(new), len(old), f"{what}: how many")
        for number, (one, other) in enumerate(zip(old, new)):
            within(one, other, f"{what} {number}")
    else:
        # 0.1.0 had no checks in the addresses of chats.
        same(stamps.bare(new) if isinstance(new, str) else new, old, what)


@case("each schema version that was released has a database and its recorded "
      "output")
def _(ctl):
    present = ctl.json("init")["schema"]
    # The present one is recorded when it is released.
    true(versions.released() in (list(range(1, present)),
                                 list(range(1, present + 1))),
         "versions in tests/upgrade; its \"record\" makes that of today: "
         f"got {versions.released()}")
    for version in versions.released():
        true(versions.recorded(version), f"{version}.json")


@case("the last version's database has every kind of row")
def _(ctl):
    ctl.reset(None)
    versions.load(ctl.database, versions.released()[-1])
    same([table for table, found in rows(ctl).items() if not found], [],
         "empty tables")
    for query, want in KINDS.items():
        same({value for value, in ctl.sql(query)}, want, query)
    # Else a step could lose where the numbers stand, and none would notice.
    for table, last in ctl.sql("SELECT name, seq FROM sqlite_sequence"
                               " WHERE name <> 'change'"):
        (highest,), = ctl.sql(f"SELECT max(id) FROM {table}")
        true(last > highest, f"{table}: its last number is gone")


def cases(version):
    @of_version(version)
    def _(ctl, version):
        """of version {}: every row is there after the upgrade"""
        before = rows(ctl)
        said = ctl.json("init")
        old = version < said["schema"]
        same((said["made"], said["upgraded"]), (False, old), "made, upgraded")
        after = rows(ctl)
        for table in set(before) & set(after):
            kept = set(before[table][0]) & set(after[table][0]) - SENT
            same(*[sorted(({c: row[c] for c in kept} for row in found),
                          key=str) for found in (after[table],
                                                 before[table])], table)
        same([mail.to for mail in ctl.mails()], [
            row["address"] for row in before["notice"]
            if row["state"] == "pending"], "who is told what was waiting")
        same(ctl.json("init")["upgraded"], False, "upgraded a second time")
        same(ctl.sql("PRAGMA foreign_key_check"), [], "references")
        same(ctl.sql("PRAGMA integrity_check"), [("ok",)], "integrity")

    @of_version(version)
    def _(ctl, version):
        """of version {}: the schema is that of a new one after the upgrade"""
        ctl.ok("init")
        upgraded = schema(ctl)
        ctl.reset("empty")
        same(upgraded, schema(ctl), "schema; a new one needs a new version")

    @of_version(version)
    def _(ctl, version):
        """of version {}: what is said of it and decided by it is the same"""
        ctl.ok("init")
        within(versions.recorded(version), versions.readings(ctl), "readings")

    @of_version(version)
    def _(ctl, version):
        """of version {}: notifyctl refuses it as it is, the milter does not"""
        message = f"To: {OLGA}\nX-Notify-Category: {BALANCE}\n\nHello.\n"
        with contextlib.closing(sqlite3.connect(
                ctl.templates["empty"])) as new:
            if new.execute("PRAGMA user_version").fetchone() == (version,):
                ctl.ok("list", "acme")
                return
        for words in (["list", "acme"], ["account", "remove", "acme"]):
            contains(ctl.refused(78, *words), "notifyctl init", "line")
        # As the milter, which is upgraded before the roster is.
        done = ctl("explain", stdin=message)
        same(done.code, 0, f"exit of {done}")
        contains(done.out, "2@telegram.invalid", "the chat")


for number in versions.released():
    cases(number)

ctl.run()
