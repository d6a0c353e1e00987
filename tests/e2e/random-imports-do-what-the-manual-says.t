#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: postgresql
# not with postgresql: it starts a server beside an SQLite
# takes: 40 s
# deep: random rosters and files for half a minute, on both databases
"""Random files, imported into random rosters, change what the manual says: on
SQLite as on PostgreSQL, and as a plain account of the rules has it
(lib/rosterrows.py).

Each import is tried first, and repeated: a dry run says what the import then
does, and the second time changes nothing.

NM_SECONDS=S is how long, NM_SEED=N NM_ROUND=R begin with a round that failed,
which names them.
"""
import collections
import os
import random
import re
import sys
import time

from lib import rosterdb, tap
from lib.ctl import ACCOUNTS, MIRROR, Ctl
from lib.rosterrows import (ADMIN, MEMBER, OWNER, SUBSCRIBER, Category, Roster,
                            Row)
from lib.tap import Failed, same, true

SEED = int(os.environ.get("NM_SEED") or time.time())
SECONDS = float(os.environ.get("NM_SECONDS") or 30)
FIRST = int(os.environ.get("NM_ROUND") or 1)
SHOWN = 400 if "NM_ROUND" not in os.environ else None     # of each step

ROLES = [ADMIN, MEMBER, MEMBER, SUBSCRIBER]
SIZES = [1, 2, 63, 64, 65, 255, 256, 257, 600]
BUILT_IN = [
    Category("account-and-agreement", "Account and agreement", False, False),
    Category("accounting-documents", "Accounting documents", True, False),
    Category("balance-and-payments", "Balance and payments", True, True),
    Category("scheduled-maintenance", "Scheduled maintenance", False, False),
    Category("services", "Services and services", False, False)]
OWN = [
    Category("outages", "Störungen & more", True, False),
    Category("odd", 'a "b" \\ {c}, NULL \\x41', False, True),
    Category("news", "{}", True, True)]

# Names of accounts that sort differently by locale, and that SQL could take
# for something else.
NAMES = ["acme", "beta", "a-b", "a_b", "a.b", "ab", "A1", "null", "Zulu", "-x",
         "_", "0", "select", "Gamma", "n" * 64, "nan"]
# What somebody is called: the key, then spellings with what is stored.
PEOPLE = [
    ("olga@acme.example", ("olga@acme.example", "olga@acme.example"),
     ("Olga@ACME.example", "Olga@acme.example"),
     ("<olga@acme.example>", "olga@acme.example")),
    ("null@null.example", ("NULL@null.example", "NULL@null.example"),
     ("null@Null.example", "null@null.example")),
    ("{a,b}@x.example", ("{a,b}@x.example", None),
     ('"{a,b}"@x.example', '"{a,b}"@x.example')),
    ("{}@x.example", ("{}@x.example", "{}@x.example"),
     ("{}@X.example", "{}@x.example")),
    ('b, "c\'@x.example', ('"b, \\"c\'"@x.example', '"b, \\"c\'"@x.example'),
     ('"B, \\"c\'"@x.example', '"B, \\"c\'"@x.example')),
    ("\\x41\\@x.example",
     ('"\\\\x41\\\\"@x.example', '"\\\\x41\\\\"@x.example')),
    ("o'neill@x.example", ("o'neill@x.example", "o'neill@x.example"),
     ("O'Neill@x.example", "O'Neill@x.example")),
    ("jürgen@xn--exmple-cua.example",
     ("jürgen@exämple.example", "jürgen@xn--exmple-cua.example"),
     ("JÜRGEN@xn--exmple-cua.example", "JÜRGEN@xn--exmple-cua.example")),
    ("ж@x.example", ("ж@x.example", "ж@x.example"),
     ("Ж@x.example", "Ж@x.example")),
    ("a+b@x.example", ("a+b@x.example", "a+b@x.example")),
    ("a-z@x.example", ("a-z@x.example", "a-z@x.example")),
    ("a_z@x.example", ("A_Z@x.example", "A_Z@x.example")),
    ("az@x.example", ("az@x.example.", "az@x.example")),
    ("a z@x.example", ('"a z"@x.example', '"a z"@x.example')),
    ("$1@x.example", ("$1@x.example", "$1@x.example")),
    ("?1@x.example", ("?1@x.example", "?1@x.example")),
]
PEOPLE = [(key, *(pair for pair in spellings if pair[1]))
          for key, *spellings in PEOPLE]
LANGUAGES = [("", ""), ("de", "de"), ("DE", "de"), ("pt_BR", "pt-br"),
             ("zh-Hant", "zh-hant")]

# Cells that are wrong, and what the line of error then has.
WRONG = [("account", "", "cannot be the name"),
         ("account", "a b", "cannot be the name"),
         ("account", "a..b", "cannot be the name"),
         ("account", "ä", "cannot be the name"),
         ("account", "n" * 65, "cannot be the name"),
         ("email", "", "person's address"),
         ("email", "x", "person's address"),
         ("email", "a@b@c.example", "person's address"),
         ("email", "a b@x.example", "person's address"),
         ("email", "a\tb@x.example", "control character"),
         ("email", "a%b@x.example", "MTA may take"),
         ("email", f"x@{ACCOUNTS}", "domain of accounts"),
         ("email", f"x@{MIRROR}", "person's address"),
         ("email", "x@-.example", "person's address"),
         ("email", b"\xff@x.example", "person's address"),
         ("role", "", "no role"), ("role", "boss", "no role"),
         ("role", "Owner", "no role"),
         ("categories", "services;nothing", "no category"),
         ("categories", "ser vices", "no category"),
         ("categories", b"\xc3", "no category"),
         ("language", "x", "is not a language"),
         ("language", "deutsch", "is not a language"),
         ("language", "de-", "is not a language")]


class Both:
    """A roster in SQLite, in PostgreSQL and in memory."""

    def __init__(self):
        self.ctls = [Ctl()]
        rosterdb.use_postgresql()
        self.ctls.append(Ctl())
        self.random = random.Random(SEED)
        self.seen = collections.Counter()   # what the imports did
        self.tell = "losses"
        self.history = []

    def stop(self):
        for one in self.ctls:
            one.stop()

    def each(self, function):
        """FUNCTION(ctl) for both; the one result that they have."""
        first, second = (function(one) for one in self.ctls)
        alike(second, first, "PostgreSQL, as SQLite has it")
        return first

    # The roster as it is stored

    def state(self):
        return self.each(lambda one: {
            what: [tuple(row) for row in one.sql(text)]
            for what, text in STATE.items()})

    def begin(self):
        """A new roster without accounts."""
        self.tell = self.random.choice(["losses", "all"])
        for one in self.ctls:
            one.reset("empty")
            one.conf.defaults.update(tell=self.tell, sendmail="/bin/true")
            one.settings()
        self.roster = Roster([Category(**vars(one)) for one in BUILT_IN])
        self.history = []
        for one in OWN:
            self.command("category", "add", one.slug, "--title", one.title,
                         *(["--subscriber"] if one.open else []),
                         *(["--telegram"] if one.mirrored else []))
            self.roster.categories[one.slug] = Category(**vars(one))

    def command(self, *args):
        self.history.append(args)
        for one in self.ctls:
            one.ok(*args)

    # What else happens to it

    def link_chats(self):
        for key, account in self.roster.accounts.items():
            for address, user in account.users.items():
                if user.chat or not self.roster.may_link(user):
                    continue
                if self.random.random() < 0.5:
                    continue
                user.chat = self.random.randrange(1, 1 << 40)
                for one in self.ctls:
                    one.sql("INSERT INTO link(id, user, chat) SELECT ?, u.id, ?"
                            " FROM user u JOIN account a ON a.id = u.account"
                            " WHERE a.key = ? AND u.key = ?", user.chat,
                            user.chat, key, address)

    def open_or_close(self):
        category = self.random.choice(list(self.roster.categories.values()))
        category.open = not category.open
        self.command("category", "set", category.slug, "--subscriber",
                     "yes" if category.open else "no", "--yes")

    def rename(self):
        if not self.roster.accounts:
            return
        key = self.random.choice(list(self.roster.accounts))
        name = self.random.choice(NAMES)
        if self.roster.present(name.lower()) not in (key, name.lower()):
            return
        if name.lower() in self.roster.accounts and name.lower() != key:
            return
        account = self.roster.accounts.pop(key)
        if name.lower() != key:
            account.former.discard(name.lower())
            account.former.add(key)
        self.command("account", "rename", "--", account.name, name)
        account.name = name
        self.roster.accounts[name.lower()] = account

    def disturb(self):
        for what in (self.link_chats, self.open_or_close, self.rename,
                     self.rename):
            if self.random.random() < 0.4:
                what()

    # Files

    def rows_of_roster(self):
        """A row for each user, as the roster is."""
        return [self.row(account, key, user.role, user.held, user.language)
                for account, one in self.roster.accounts.items()
                for key, user in one.users.items()]

    def row(self, account, key, role=MEMBER, categories=(), language=""):
        return Row({}, account, "", key, "", role, tuple(
            slug for slug in categories
            if self.roster.may_receive(role, slug)), language)

    def some(self, role):
        """Some categories that ROLE may receive."""
        slugs = [slug for slug in self.roster.categories
                 if self.roster.may_receive(role, slug)]
        return self.random.sample(slugs, self.random.randrange(
            len(slugs) + 1))

    def new_account(self, size=None, name=None):
        """Rows of an account that may be there already."""
        draw = self.random
        name = name or draw.choice(NAMES).lower()
        if size is None:
            size = draw.choice([1, 1, 2, 3, 5, 8])
        keys = [person[0] for person in PEOPLE]
        keys += [f"u{i:03}@{i % 3}.example" for i in range(size)]
        draw.shuffle(keys)
        rows = [self.row(name, keys[0], OWNER)]
        for key in keys[1:size]:
            role = draw.choice(ROLES)
            rows.append(self.row(name, key, role, self.some(role),
                                 draw.choice(LANGUAGES)[1]))
        there = {row.account for row in self.wanted}
        return [] if self.roster.present(name) in there else rows

    def mutate(self):
        """Change some of the wanted rows in one way."""
        draw, rows = self.random, self.wanted
        accounts = sorted({row.account for row in rows})
        if not accounts:
            rows += self.new_account()
            return
        of = draw.choice(accounts)
        mine = [row for row in rows if row.account == of]
        one, other = draw.choice(mine), draw.choice(mine)
        how = draw.randrange(11)
        if how == 0:
            rows += self.new_account()
        elif how == 1:      # an account leaves
            rows[:] = [row for row in rows if row.account != of]
        elif how == 2 and one.role != OWNER:
            rows.remove(one)
        elif how == 3 and one.role != OWNER:
            one.role = draw.choice(ROLES)
            one.categories = tuple(self.some(one.role))
        elif how in (4, 5):     # another owner
            for row in mine:
                if row.role == OWNER:
                    row.role = draw.choice(ROLES)
                    row.categories = tuple(self.some(row.role))
                    if draw.random() < 0.3:
                        rows.remove(row)
                        if row is one:
                            one = Row(**vars(row))
                            rows.append(one)
            one.role = OWNER
        elif how == 6:
            key = draw.choice(PEOPLE)[0]
            if key not in [row.key for row in mine]:
                role = draw.choice(ROLES)
                rows.append(self.row(of, key, role, self.some(role)))
        elif how == 7:
            one.language = draw.choice(LANGUAGES)[1]
        elif how == 8:      # somebody else owns it
            owner = next((row for row in mine if row.role == OWNER), None)
            key = draw.choice(PEOPLE)[0]
            if owner and key not in [row.key for row in mine]:
                owner.key = key
        else:
            other.categories = tuple(self.some(other.role))

    def spoil(self):
        """Make some rows wrong, by themselves or beside others."""
        draw, rows = self.random, self.wanted
        for _ in range(draw.choice([1, 1, 2, 5, 30])):
            one = draw.choice(rows)
            how = draw.randrange(6)
            if how == 0:
                rows.append(Row(**vars(one)))
            elif how == 1:
                one.role = OWNER
            elif how == 2:
                one.role = draw.choice(ROLES)
            elif how == 3:
                one.role = SUBSCRIBER
                one.categories = tuple(draw.sample(
                    sorted(self.roster.categories), 3))
            elif how == 4:
                new = self.row("lost", draw.choice(PEOPLE)[0])
                if "lost" not in {row.account for row in rows}:
                    rows.append(new)
            else:
                one = Row(**vars(one))
                one.fault = draw.choice(["cells", *WRONG])
                rows.append(one)

    def spell(self, row, columns):
        """Write the row's cells."""
        draw = self.random
        names = [row.account]
        if row.account in self.roster.accounts:
            names += self.roster.accounts[row.account].former
        name = draw.choice(names)
        row.account = name
        row.name = draw.choice([name, name.upper(), name.title()])
        spellings = next((pairs for key, *pairs in PEOPLE if key == row.key),
                         [(row.key, row.key), (row.key.upper(), None)])
        text, row.address = draw.choice(spellings)
        if row.address is None:
            local, _, domain = text.partition("@")
            row.address = f"{local}@{domain.lower()}"
        language = draw.choice([pair[0] for pair in LANGUAGES
                                if pair[1] == row.language])
        row.cells = {"account": row.name, "email": text, "role": row.role,
                     "categories": self.spell_categories(row.categories),
                     "language": language}
        # Without the column, it says nothing; nor do an owner's categories.
        if row.fault and row.fault != "cells":
            column, cell, row.fault = row.fault
            if column in columns:
                row.cells[column] = cell
            else:
                row.fault = ""

    def spell_categories(self, slugs):
        draw = self.random
        words = []
        for slug in draw.sample(slugs, len(slugs)):
            title = self.roster.categories[slug].title
            words += draw.choices([slug, slug.upper(), slug.replace("-", "_"),
                                   title, f" {title} ", title.replace(
                                       "&", "and")],
                                  k=draw.choice([1, 1, 1, 2]))
        if draw.random() < 0.2:
            words.insert(0, "")
        return ";".join(words)

    def file(self, columns):
        """The wanted rows as CSV; they get their numbers."""
        draw = self.random
        end = draw.choice([b"\n", b"\r\n"])
        lines = [",".join(columns).encode()]
        for number, row in enumerate(self.wanted, 2):
            self.spell(row, columns)
            row.number = number
            cells = [row.cells[column] for column in columns]
            if row.fault == "cells":
                cells = cells[:-1] if draw.random() < 0.5 else cells + [""]
                row.fault = "columns; expected"
            lines.append(b",".join(map(self.quote, cells)))
        return end.join(lines) + draw.choice([b"", end])

    def quote(self, cell):
        cell = cell if isinstance(cell, bytes) else cell.encode()
        if self.random.random() < 0.2 or re.search(rb'[",\n\r]|^ | $', cell):
            return b'"' + cell.replace(b'"', b'""') + b'"'
        return cell

    # One import, and what it must do

    def load(self):
        draw = self.random
        columns = ["account", "email"] + [
            name for name in ("role", "categories", "language")
            if draw.random() < 0.85]
        draw.shuffle(columns)
        if draw.random() < 0.5:
            draw.shuffle(self.wanted)
        sync = draw.random() < 0.5
        many = sync and draw.random() < 0.7
        told = draw.random() < 0.5
        options = ["--sync"] * sync + ["--remove-many"] * many
        text = self.file(columns)
        self.history.append((options + ["--tell"] * told, text))
        before = self.state()
        want = self.roster.apply(self.wanted, columns, sync, many)
        tried = self.run(*options, "--dry-run", "-", stdin=text)
        alike(self.state(), before, "the roster after a dry run")
        done = self.run(*options, *["--tell"] * told, "-", stdin=text)
        after = self.state()
        same((done.code, done.err), (tried.code, tried.err),
             "what the dry run said")
        if want.bad is None and want.refusal is None:
            self.judge_change(want, done, tried, before, after, told)
            again = self.run(*options, "--tell", "-", stdin=text)
            same(again.out.split("\n")[-2],
                 f"{len(self.wanted)} rows, 0 changes", "the second time")
            alike(self.state(), after, "the roster after the second time")
        else:
            same((done.code, done.out), (65, ""), f"{done}")
            alike(after, before, "the roster after a refusal")
            self.judge_refusal(want, done)

    def run(self, *args, stdin):
        return self.each(lambda one: Run(one("import", *args, stdin=stdin)))

    def judge_refusal(self, want, done):
        if want.refusal:
            self.seen["refused"] += 1
            tap.contains(done.err, want.refusal, "the refusal")
            return
        self.seen["wrong"] += 1
        named = [int(number) for number in re.findall(
            r"standard input:(\d+): ", done.err)]
        same(len(named), want.named, f"rows named in {done}")
        true(set(named) <= set(want.bad),
             f"{done} names {named}, want some of {want.bad}")
        words = {row.number: row.fault for row in self.wanted if row.fault}
        if words:
            same(named, want.bad, f"the rows named in {done}")
            for number, part in zip(named, re.split(
                    r"standard input:\d+: ", done.err)[1:]):
                tap.contains(part, words[number], f"row {number} of {done}")

    def judge_change(self, want, done, tried, before, after, told):
        self.seen["done"] += 1
        lines = done.out.split("\n")
        same(done.code, 0, f"{done}")
        same(lines[-2], f"{len(self.wanted)} rows,"
             f" {len(want.records)} changes", "the result")
        would = tried.out.split("\n")
        same(would[-2], lines[-2] + " would be made", "the dry run's")
        same(len(would), len(want.records) + 2, "lines of the dry run")
        stored = {(account, address): (role, frozenset(filter(
            None, (slugs or "").split(";"))), language)
            for account, address, role, language, slugs in after["users"]}
        same(stored, {
            (account.name, user.address): (user.role, frozenset(user.held),
                                           user.language)
            for account in self.roster.accounts.values()
            for user in account.users.values()}, "users")
        same(sorted(name for name, _ in after["accounts"]), sorted(
            account.name for account in self.roster.accounts.values()),
            "accounts")
        records = after["changes"][len(before["changes"]):]
        same(sorted(row[1:] for row in records if row[2] != "tell"),
             sorted(want.records), "records")
        for record in want.records:
            self.seen[record[1]] += 1
        same(sorted((chat, account, reason) for chat, account, reason, *_
                    in after["farewells"][len(before["farewells"]):]),
             sorted(want.farewells), "farewells")
        same(sorted((account, address, chat) for account, address, chat
                    in after["chats"]), sorted(
            (account.name, user.address, user.chat)
            for account in self.roster.accounts.values()
            for user in account.users.values() if user.chat), "chats")
        self.judge_notices(want, after["notices"][len(before["notices"]):],
                           records, told)

    def judge_notices(self, want, notices, records, told):
        got = sorted((account, address, kind, *lists(detail))
                     for account, address, kind, detail, *_ in notices)
        same(got, sorted(
            (*whom, notice.kind(), sorted(notice.lost), sorted(notice.gained))
            for whom, notice in want.notices.items()
            if told and (notice.loss or self.tell == "all")), "notices")
        same(sorted((row[1], row[3]) for row in records if row[2] == "tell"),
             sorted(row[:2] for row in got), "records of notices")
        self.seen["notices"] += len(got)

    def export(self):
        """Both export the same, which changes nothing when it comes back."""
        text = self.each(lambda one: one.ok("export").out)
        if text.count("\n") < 2:
            return
        before = self.state()
        done = self.run("--sync", "-", stdin=text.encode())
        tap.contains(done.out, " 0 changes", "the export comes back")
        alike(self.state(), before, "the roster after its export")

    def round(self):
        """A roster and some imports."""
        draw = self.random
        self.begin()
        self.wanted = []
        for size in draw.choice([[], [], draw.sample(SIZES, 2)]):
            self.wanted += self.new_account(size)
        if draw.random() < 0.3:     # more than are read at a time
            for i in draw.sample(range(1000), draw.choice([9, 64, 300, 600])):
                self.wanted += self.new_account(draw.choice([1, 2]), f"m{i}")
        while len({row.account for row in self.wanted}) < 5:
            self.wanted += self.new_account()
        self.load()
        for _ in range(draw.randrange(3, 9)):
            self.disturb()
            self.wanted = self.rows_of_roster()
            for _ in range(draw.choice([0, 1, 2, 5, 12])):
                self.mutate()
            if draw.random() < 0.2:     # few accounts have rows
                kept = draw.choice([0.05, 0.5])
                named = {row.account for row in self.wanted
                         if draw.random() < kept}
                self.wanted = [row for row in self.wanted
                               if row.account in named]
            if self.wanted and draw.random() < 0.3:
                self.spoil()
            self.load()
        self.export()


class Run:
    """What a run of notifyctl has said."""

    def __init__(self, done):
        self.code, self.out, self.err = done.code, done.out, done.err

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        return f"{self.code} {self.out!r} {self.err!r}"


STATE = {
    "accounts": "SELECT name, title FROM account ORDER BY id",
    "users":
        "SELECT a.name, u.address, u.role, u.language,"
        " (SELECT group_concat(x.slug, ';') FROM"
        "  (SELECT c.slug FROM subscription s JOIN category c"
        "   ON c.id = s.category WHERE s.user = u.id AND s.account = u.account"
        "   ORDER BY c.id) x)"
        " FROM user u JOIN account a ON a.id = u.account ORDER BY a.id, u.id",
    "chats":
        "SELECT a.name, u.address, l.chat FROM link l"
        " JOIN user u ON u.id = l.user JOIN account a ON a.id = u.account"
        " ORDER BY l.id",
    "farewells": "SELECT chat, account, reason, topic, language FROM farewell"
                 " ORDER BY id",
    "notices": "SELECT account, address, kind, detail, actor, language"
               " FROM notice ORDER BY id",
    "changes": "SELECT actor, account, action, subject, detail FROM change"
               " ORDER BY id",
}


def lists(detail):
    """The categories that a notice says are lost, and gained."""
    return tuple(sorted({line.split(" ")[1] for line in detail.split("\n")
                         if line.startswith(word)})
                 for word in ("lost ", "gained "))


def alike(got, want, what):
    """same(), of which only the difference is shown."""
    if got == want:
        return
    if isinstance(got, dict):
        for key in got:
            alike(got[key], want[key], f"{what}: {key}")
    if isinstance(got, list):
        at = next((number for number, pair in enumerate(zip(got, want))
                   if pair[0] != pair[1]), min(len(got), len(want)))
        same(got[at:at + 3], want[at:at + 3], f"{what}: from row {at}")
    same(got, want, what)


@tap.case("a file changes what the manual says, on both databases alike")
def _(both):
    print(f"# NM_SEED={SEED}", flush=True)
    end = time.monotonic() + SECONDS
    rounds = FIRST - 1
    while time.monotonic() < end or rounds < FIRST:
        rounds += 1
        both.random = random.Random(f"{SEED} {rounds}")
        try:
            both.round()
        except Failed as why:
            for step in both.history:
                print(f"# {step!r}"[:SHOWN])
            raise Failed(f"NM_SEED={SEED} NM_ROUND={rounds}: "
                         f"{str(why)[:3000]}") from None
    print(f"# {rounds} rounds: {dict(both.seen)}")


sys.stdout.reconfigure(errors="backslashreplace")
tap.run(setup=Both, teardown=Both.stop)
