#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""A roster file of any length is imported whole or not at all, in bounded memory.

    tests/soak/roster-of-millions.t      NM_ROWS=5000000 for the long form

The rows of an account are as far apart as possible, and one account has a fifth
of all rows. Prints the time and memory of each import.
"""
import json
import os
import re
import subprocess
import time

from lib import ctl, tap
from lib.roster import BALANCE, DOCUMENTS, MAINTENANCE, SERVICES
from lib.tap import case, contains, same, true

ROWS = int(os.environ.get("NM_ROWS", 40000))
LIMIT = 256         # MB, however many rows there are
SHOWN_LIMIT = 64    # the same, of a command that only lists
FIELDS = "account,email,role,categories\n"
# The users of an account: (role, categories).
USERS = [("owner", ""), ("user-admin", f"{SERVICES};{BALANCE}"),
         ("member", f"{SERVICES};{BALANCE}"), ("member", SERVICES),
         ("member", f"{SERVICES};{MAINTENANCE}"), ("member", ""),
         ("member", MAINTENANCE), ("subscriber", f"{DOCUMENTS};{BALANCE}")]
ACCOUNTS = ROWS * 4 // 5 // len(USERS)
BIG = ROWS - ACCOUNTS * len(USERS)      # users of the one large account
SUBSCRIPTIONS = ACCOUNTS * 10 + BIG - 1
CHANGES = ACCOUNTS + 1 + ROWS + SUBSCRIPTIONS


def rows(accounts=ACCOUNTS, big=BIG, large=SERVICES):
    """The rows, in blocks of text."""
    yield FIELDS
    for place, (role, categories) in enumerate(USERS):
        for start in range(0, accounts, 10000):
            # The numbers of users are not in the order of an index.
            yield "".join(
                f"a{n},u{(n * 8 + place) * 2654435761 % 2**32}@x.example,"
                f"{role},{categories}\n"
                for n in range(start, min(start + 10000, accounts)))
    yield "big,boss@big.example,owner,\n"
    for start in range(big - 1, 0, -10000):
        yield "".join(f"big,u{n}@big.example,member,{large}\n"
                      for n in range(start, max(start - 10000, 0), -1))


class Big(ctl.Ctl):
    """A database that the cases fill one after the other."""

    def file(self, name, blocks, more=""):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            for block in blocks:
                out.write(block)
            out.write(more)
        return path

    def run(self, *args, code=0, limit=LIMIT):
        """notifyctl, its output in the file `out`: how long it took, and the
        last line on standard output or error."""
        out = os.path.join(self.folder, "out")
        began = time.monotonic()
        with open(out, "wb") as file:
            process = subprocess.Popen(
                self.command(*args), stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.PIPE, env=self.environment())
            self.running.add(process)
            error = process.stderr.read().decode()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            process.stderr.close()
            self.running.discard(process)
        seconds, mb = time.monotonic() - began, usage.ru_maxrss / 1024
        cpu = usage.ru_utime + usage.ru_stime
        words = " ".join(args[:-1] or args)
        print(f"# notifyctl {words} of {ROWS} rows: {seconds:.1f} s, "
              f"{cpu:.1f} s of CPU, {mb:.0f} MB", flush=True)
        same(process.returncode, code, f"exit of notifyctl {words}: {error}")
        true(mb < limit, f"got {mb:.0f} MB for {words}, want below {limit}")
        with open(out, "rb") as file:
            file.seek(max(os.path.getsize(out) - 1000, 0))
            said = file.read().decode().rstrip("\n").rpartition("\n")[2]
        return said if code == 0 else error.rstrip("\n")

    def count(self, table):
        return self.sql(f"SELECT count(*) FROM {table}")[0][0]

    def state(self):
        """What any change to the roster would change."""
        return self.sql("SELECT count(*), max(id) FROM change")[0]

    def lines(self, pattern):
        """How many lines of the last output match PATTERN."""
        pattern = re.compile(pattern)
        with open(os.path.join(self.folder, "out"), "rb") as file:
            return sum(1 for line in file if pattern.search(line))


def changes(said):
    return int(re.match(rf"{ROWS} rows, (\d+) changes", said)[1])


@case("a wrong last row is named, and nothing is imported")
def _(big):
    big.reset("empty")
    path = big.file("wrong.csv", rows(), "a1,u@x.example,boss,\n")
    said = big.run("import", path, code=65)
    contains(said, f"{path}:{ROWS + 2}: ", "the line")
    contains(said, '"boss"', "the line")
    # This one is found after all rows before it have been imported.
    path = big.file("wrong.csv", rows(), "zzz,u@x.example,member,\n")
    said = big.run("import", path, code=65)
    contains(said, f"{path}:{ROWS + 2}: ", "the line")
    contains(said, "no owner", "the line")
    same([big.count(t) for t in ("account", "user", "subscription", "change")],
         [0] * 4, "what was imported")
    os.unlink(path)


@case("all rows are imported, in any order")
def _(big):
    said = big.run("import", big.file("all.csv", rows()))
    same(changes(said), CHANGES, "changes")
    same([big.count(t) for t in ("account", "user", "subscription", "change")],
         [ACCOUNTS + 1, ROWS, SUBSCRIPTIONS, CHANGES], "what is there")
    same(big.sql("SELECT count(*) FROM user WHERE role = 'owner'"),
         [(ACCOUNTS + 1,)], "owners")
    for account in ("a0", f"a{ACCOUNTS // 2}", f"a{ACCOUNTS - 1}"):
        found = big.sql(
            "SELECT u.role, coalesce(group_concat(c.slug, ';'), '') FROM user"
            " u JOIN account a ON a.id = u.account LEFT JOIN subscription s ON"
            " s.user = u.id LEFT JOIN category c ON c.id = s.category"
            " WHERE a.key = ? GROUP BY u.id", account)
        same(sorted((r, ";".join(sorted(c.split(";")))) for r, c in found),
             sorted((r, ";".join(sorted(c.split(";")))) for r, c in USERS),
             f"users of {account}")


@case("the log shows every change, in bounded memory")
def _(big):
    last = big.run("log", limit=SHOWN_LIMIT).split()
    same(last[-4:], ["big", "subscribe", max(
        f"u{n}@big.example" for n in range(1, BIG)), SERVICES],
         "the last line")
    same((big.lines(rb"^20\d\d-"), big.lines(rb"^WHEN ")), (CHANGES, 1),
         "lines and headings")
    same(big.lines(rb""), CHANGES + 1, "lines of any kind")
    big.run("--json", "log", limit=SHOWN_LIMIT)
    with open(os.path.join(big.folder, "out"), encoding="utf-8") as file:
        log = json.load(file)["log"]
    same(len(log), CHANGES, "entries of the document")
    same([log[-1][name] for name in ("account", "action", "subject",
                                     "detail")], last[-4:], "the last entry")


@case("the same file changes nothing the second time, nor with --sync")
def _(big):
    before = big.state()
    path = os.path.join(big.folder, "all.csv")
    for options in ([], ["--sync"], ["--sync", "--dry-run"]):
        same(changes(big.run("import", *options, path)), 0, "changes")
    same(big.state(), before, "the record")


@case("a few rows change only the users that they name")
def _(big):
    few = [("big", "new@big.example"), ("big", "aaa@big.example"),
           ("big", f"u{BIG // 2}@big.example"), ("big", "u1@big.example"),
           ("a0", "new@x.example"), (f"a{ACCOUNTS // 3}", "new@x.example"),
           (f"a{ACCOUNTS - 1}", "new@x.example")]
    before = big.state()[0]
    path = big.file("few.csv", [FIELDS], "".join(
        f"{account},{address},member,{DOCUMENTS}\n"
        for account, address in few))
    out = big.ok("import", path).out
    same(out, "7 rows, 12 changes\n", "what it says")
    same(big.state()[0], before + 12, "changes")
    same(sorted(big.sql(
        "SELECT a.key, u.key FROM subscription s JOIN user u ON u.id = s.user"
        " JOIN account a ON a.id = u.account JOIN category c"
        " ON c.id = s.category AND c.slug = ? WHERE u.role = 'member'",
        DOCUMENTS)), sorted(few), "who has it now")
    same(changes(big.run("import", "--sync", "--remove-many",
                         os.path.join(big.folder, "all.csv"))), 12, "changes")


@case("a dry run prints every change, and makes none")
def _(big):
    before = big.state()
    path = big.file("other.csv", rows(large=MAINTENANCE))
    for options in ([], ["--sync", "--remove-many"]):
        want = (BIG - 1) * (2 if options else 1)
        said = big.run("import", "--dry-run", *options, path)
        same(changes(said), want, f"changes with {options}")
        same(big.lines(rb"^big: (un)?subscribed u\d+@"), want, "lines")
        big.run("--json", "import", "--dry-run", *options, path)
        same(big.lines(rb'"action": ?"(un)?subscribe"'), want,
             "changes in the document")
    same(big.state(), before, "the record")
    os.unlink(path)


@case("--sync removes what the file lacks: accounts, and users of one")
def _(big):
    half = ACCOUNTS // 2
    path = big.file("half.csv", rows(half, BIG // 2))
    big.run("import", "--sync", "--remove-many", path)
    same([big.count(t) for t in ("account", "user", "subscription")],
         [half + 1, half * 8 + BIG // 2, half * 10 + BIG // 2 - 1],
         "what is left")
    same(big.owners(), {**{f"a{n}": 1 for n in range(half)}, "big": 1},
         "owners of each account")
    small = big.file("small.csv", [FIELDS, "a0,new@x.example,owner,\n"])
    big.run("import", "--sync", "--remove-many", small)
    same(big.roster(), {"a0": {"new@x.example": ("owner", set())}}, "roster")


tap.run(setup=Big, teardown=Big.stop)
