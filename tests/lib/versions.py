# SPDX-License-Identifier: BSD-2-Clause
"""versions - a database of each schema version that was released.

tests/upgrade/N.sql makes one that has every kind of row, N.json is what
notifyctl of that time said of it. tests/upgrade/record makes both from the
present programs: before the schema becomes another, and never again.
"""
import contextlib
import json
import os
import sqlite3

from lib import TREE
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, DOCUMENTS, MAINTENANCE,
                        MIA, OLGA, OTTO, SERVICES, STRANGER, SUE)

FOLDER = os.path.join(TREE, "tests", "upgrade")

ACME = "acme@accounts.example"
JÜRGEN = "jürgen@xn--exmple-cua.example"
# (recipients, category, account)
MESSAGES = [
    ([ACME], BALANCE, None),
    ([ACME, "beta@accounts.example", BEA], SERVICES, None),
    ([ANN, BILL, SUE, STRANGER], DOCUMENTS, None),
    ([ANN, "Mia+bills@acme.example"], "Balance & Payments", "acme"),
    ([OTTO], "outages", "gamma"),
    (["jürgen@exämple.example"], "drafts", "Gamma"),
    ([STRANGER], MAINTENANCE, None),
    ([OLGA], MAINTENANCE, "beta"),
    ([OLGA], "lunch", "acme"),
    ([OLGA], BALANCE, "gone"),
]
LISTS = [["account", "list"], ["category", "list"], ["log"], ["log", "Gamma"]]
# Takes from a roster of version 2 what it adds, in SQLite and PostgreSQL.
BACK_TO_1 = [
    *(f"DROP TABLE {name}" for name in (
        "secret", "account_former", "farewell", "link_request")),
    "DROP INDEX subscription_by_user",
    'CREATE INDEX subscription_by_user ON subscription("user")',
    *(f"ALTER TABLE {table} DROP COLUMN {column}" for table, column in (
        ("category", "description"), ('"user"', "language"),
        ("link", "topic"), ("token", "origin"), ("notice", "language"),
        ("notice", "sent_at")))]
PROSE = ("why", "reason")       # may be worded better
CHATS = [("acme", ANN), ("acme", OLGA), ("acme", MIA), ("acme", SUE),
         ("beta", OTTO), ("Gamma", JÜRGEN)]


def fill(ctl):
    """Add to the shared roster what it lacks of every kind of row, and make
    the last number of each table one that is gone."""
    quoted = '"b, \\"c"@acme.example'
    ctl.ok("category", "add", "outages", "--title", "Störungen & more",
           "--subscriber")
    ctl.ok("category", "add", "drafts", "--title", "Drafts", "--telegram")
    ctl.ok("account", "add", "Gamma", "--owner", OTTO, "--title",
           "Gamma «Söhne», \"Ltd\"")
    ctl.ok("user", "add", "gamma", JÜRGEN, quoted, MIA)
    ctl.ok("user", "add", "gamma", SUE, "--role", "subscriber")
    ctl.ok("subscribe", "gamma", "drafts", JÜRGEN, as_=OTTO)
    ctl.ok("subscribe", "gamma", "outages", quoted, SUE, as_=OTTO)
    ctl.ok("user", "role", "gamma", MIA, "user-admin")
    ctl.ok("account", "transfer", "beta", BEA)
    ctl.ok("account", "transfer", "beta", OTTO)
    for number, (account, address) in enumerate(CHATS):
        ctl.link(account, address, -1001234567890 + number)
    for address in (SUE, MIA):      # who may have none
        ctl.ok("telegram", "disable", "acme", as_=address)
    ctl.link("acme", BILL)
    ctl.sql("DELETE FROM link WHERE chat = 4711")
    ctl.sql("UPDATE link SET strikes = 2 WHERE id = 2")
    ctl.ok("account", "add", "gone", "--owner", OTTO)
    ctl.ok("category", "add", "gone", "--title", "Gone")
    # One notice is sent, one waits, one is in doubt.
    ctl.ok("unsubscribe", "acme", SERVICES, ADAM, "--confirm", ADAM, as_=OLGA)
    ctl.sendmail("exit 75")
    ctl("unsubscribe", "acme", DOCUMENTS, ADAM, "--confirm", ADAM, as_=OLGA)
    ctl("account", "remove", "gone")
    ctl.sql("DELETE FROM category_key WHERE key = 'gone'")
    ctl.sql("DELETE FROM category WHERE slug = 'gone'")
    ctl.sql("INSERT INTO notice(at, account, address, kind, detail, actor,"
            " state, tries, error) VALUES (0, 'acme', ?, 'telegram-end',"
            " 'Forbidden: bot was blocked', 'notify-telegram', 'handing', 1,"
            " ''), (0, 'acme', ?, 'unsubscribed', 'Drafts', 'x', 'sent', 1,"
            " '')", ANN, ANN)
    ctl.sql("DELETE FROM notice WHERE detail = 'Drafts'")
    ctl.sql("INSERT INTO token(hash, user, expires) SELECT"
            " '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a"
            "08', id, 1700000900 FROM user WHERE address = ?", BILL)
    ctl.sql("INSERT INTO waiting(link, message, chat, arrived, tried) VALUES"
            " (1, '4XAB3z1', -1001234567890, 1700000000, 1700000060)")
    ctl.sql("INSERT INTO state(name, value) VALUES ('bot_offset', 4711),"
            " ('bot_offset_at', 1700000000)")
    # The same whenever it is recorded, and whoever does.
    for table in ("change", "notice"):
        ctl.sql(f"UPDATE {table} SET at = 1700000000 + id, actor = CASE WHEN"
                " actor LIKE 'operator %' THEN 'operator op' ELSE actor END")
    ctl.sql("UPDATE notice SET error = 'sendmail ended with status 75'"
            " WHERE state = 'pending'")


def dumped(path):
    """The database at PATH as SQL."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        lines = list(database.iterdump())
        for pragma in ("application_id", "user_version"):
            number, = database.execute(f"PRAGMA {pragma}").fetchone()
            lines.append(f"PRAGMA {pragma} = {number};")
    return "\n".join(lines) + "\n"


def load(path, version):
    """Make the database of VERSION at PATH."""
    with open(os.path.join(FOLDER, f"{version}.sql")) as file, \
            contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(file.read())
        database.execute("PRAGMA journal_mode = WAL")


def _without_prose(said):
    if isinstance(said, list):
        return [_without_prose(one) for one in said]
    if not isinstance(said, dict):
        return said
    return {name: _without_prose(one) for name, one in said.items()
            if name not in PROSE}


def readings(ctl):
    """The output of notifyctl on its database, to compare two databases."""
    found = {" ".join(words): ctl.json(*words) for words in LISTS}
    found["export"] = ctl.ok("export").out
    for account, address in CHATS:
        found[f"telegram status {account} {address}"] = ctl.json(
            "telegram", "status", account, as_=address)
    ctl.settings(expand="addressed")    # the default of 0.1.0
    for number, (rcpts, category, account) in enumerate(MESSAGES):
        message = f"To: {rcpts[0]}\nX-Notify-Category: {category}\n" + (
            f"X-Notify-Account: {account}\n" if account else "") + "\nHello.\n"
        words = [word for rcpt in rcpts for word in ("--recipient", rcpt)]
        found[f"explain {number}"] = ctl.json("explain", *words,
                                              stdin=message)
    return _without_prose(found)


def recorded(version):
    """The readings of that version's time."""
    with open(os.path.join(FOLDER, f"{version}.json")) as file:
        return json.load(file)


def released():
    """The versions there are, in order."""
    return sorted(int(name.removesuffix(".sql"))
                  for name in os.listdir(FOLDER) if name.endswith(".sql"))
