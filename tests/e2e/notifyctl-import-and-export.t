#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The roster as CSV: a file is imported whole or not at all, and importing it
again changes nothing."""
import csv
import io
import os
import re
import subprocess
import time

from lib import ctl
from lib.ctl import ACCOUNTS, MIRROR, case
from lib.roster import (ACCOUNT, ADAM, ANN, BALANCE, BILL, CATEGORIES,
                        DOCUMENTS, MAINTENANCE, MIA, OLGA, OTTO, ROSTER,
                        SERVICES, SUE)
from lib.tap import contains, lacks, same, true

HEADER = "account,email,role,categories"
HEAD = HEADER + "\n"
NEW = "nina@acme.example"
MANY = 5000


def load(ctl_, text, *options, **more):
    """Import the rows of TEXT, which must succeed; the document of --json."""
    return ctl_.json("import", *options, ctl_.path("in.csv", HEAD + text),
                     **more)


def bad(ctl_, text, row, *says, options=()):
    """The rows of TEXT must be refused with the file and the number of the ROW,
    counted without the header, and nothing imported."""
    if isinstance(text, str):
        text = text.encode()
    path = ctl_.path("in.csv", HEAD.encode() + text)
    line = ctl_.refused(65, "import", *options, path, says=says)
    if row is not None:
        true(line.startswith(f"{path}:{row + 1}: "),
             f"row {row} after the header in {line!r}")
    return line


def many():
    """MANY rows: 500 accounts with their owners, admins and others."""
    roles = ["owner", "user-admin", "subscriber"] + ["member"] * 7
    slugs = list(CATEGORIES)
    rows = []
    for number in range(MANY):
        account, place = divmod(number, 10)
        role = roles[place]
        categories = {"owner": [], "subscriber": [BALANCE, DOCUMENTS]}.get(
            role, slugs[:1 + (number + account) % 5])
        rows.append([f"a{account}", f"u{place}@a{account}.example", role,
                     ";".join(categories)])
    return rows


def text_of(rows):
    return "".join(",".join(row) + "\n" for row in rows)


# What a file may look like

@case("accounts, users, roles and subscriptions are as the rows say",
      roster=False)
def _(ctl):
    rows = [(account, address, role, ";".join(categories))
            for account, users in ROSTER.items()
            for address, (role, categories) in users.items()]
    got = load(ctl, text_of(rows))
    same(ctl.roster(), {account: {address: (role, set(categories)) for
                                  address, (role, categories) in users.items()}
                        for account, users in ROSTER.items()}, "roster")
    same(got["rows"], len(rows), "rows")
    true(got["changed"] > len(rows), "changes")


@case("a byte order mark, CR and the last LF are optional", roster=False)
def _(ctl):
    rows = f"acme,{OLGA},owner,\nacme,{ANN},member,{BALANCE};{SERVICES}\n"
    want = {"acme": {OLGA: ("owner", set()),
                     ANN: ("member", {BALANCE, SERVICES})}}
    for text in (HEAD + rows, f"\ufeff{HEAD}{rows}", HEAD + rows[:-1],
                 f"\n{HEAD}\n{rows}\n\n", (HEAD + rows).replace("\n", "\r\n"),
                 f"\ufeff{HEAD}{rows}"[:-1].replace("\n", "\r\n")):
        ctl.reset("empty")
        got = ctl.json("import", ctl.path("in.csv", text))
        same(got["rows"], 2, f"rows of {text!r}")
        same(ctl.roster(), want, f"roster after {text!r}")


@case("lines may end with CR alone, and are numbered all the same",
      roster=False)
def _(ctl):
    text = f"{HEADER}\nacme,{OLGA},owner,\nacme,{ANN},member,{SERVICES}\n"
    ctl.ok("import", ctl.path("roster.csv", text.replace("\n", "\r")))
    same(ctl.roster(), {"acme": {OLGA: ("owner", set()),
                                 ANN: ("member", {SERVICES})}}, "roster")
    for ends in ("\r", "\r\n"):
        for row, says in ((f"acme,{BILL},boss,\n", "boss"),
                          (f"acme,{ANN},member,\n", "in row 3"),
                          (f"acme,{ADAM},owner,\n", "in row 2")):
            path = ctl.path("roster.csv", (text + row).replace("\n", ends))
            ctl.refused(65, "import", path, says=(f"{path}:4: ", says))


@case("nobody waits for the program that writes the rows of an import")
def _(ctl):
    process = ctl.start("import", "--sync", "--remove-many", "-",
                        stdin=subprocess.PIPE)
    process.stdin.write(f"{HEADER}\nacme,{OLGA},owner,\n".encode())
    process.stdin.flush()
    time.sleep(0.3)
    ctl.ok("user", "add", "beta", NEW)
    ctl.sql("UPDATE account SET title = 'while it comes'")
    done = ctl.finish(process, ["import", "--sync", "-"], b"")
    same((done.code, done.err), (0, ""), f"exit of {done}")
    same(ctl.roster(), {"acme": {OLGA: ("owner", set())}}, "roster")


def overtaken(ctl_, rows, *words):
    """Import ROWS, of which notifyctl has begun to read when WORDS are done."""
    process = ctl_.start("import", "-", stdin=subprocess.PIPE)
    # More than a pipe holds.
    process.stdin.write((HEAD + rows + "\n" * 200000).encode())
    process.stdin.flush()
    for command in words:
        ctl_.ok(*command)
    before = ctl_.dump()
    done = ctl_.finish(process, ["import", "-"], b"")
    ctl_.unchanged(before)
    return done


@case("a name or a category that is another one's since the rows were read is "
      "not used")
def _(ctl):
    extra = ["category", "add", "extra", "--title", "Extra", "--subscriber"]
    rows = f"acme,{OLGA},owner,\nacme,{SUE},subscriber,extra\n"
    rename = ["account", "rename", "acme", "alpha"]
    forget = ["account", "rename", "alpha", "--forget-former"]
    for before, words, code, says in (
            ([], [rename], 75, "other names"),
            ([rename], [forget, ["account", "add", "acme", "--owner", BILL]],
             75, "other names"),
            ([], [["account", "rename", "beta", "b2"]], 75, "other names"),
            ([], [["category", "remove", "extra", "--yes"]], 75, "extra"),
            ([], [["category", "set", "extra", "--subscriber", "no"]], 65,
             "extra is not open")):
        ctl.reset()
        for command in (extra, *before):
            ctl.ok(*command)
        done = overtaken(ctl, rows, *words)
        same((done.code, done.out), (code, ""), f"{done}")
        for part in (says, "nothing was imported"):
            contains(done.line, part, f"the line of {done}")


@case("fields may be quoted, and hold commas, quotes and spaces then",
      roster=False)
def _(ctl):
    load(ctl, f'"acme","{OLGA}","owner",""\n'
              '"acme","""b, \\""c""@acme.example",member,'
              '"Balance & Payments; SERVICES ;accounting_documents;"\n')
    same(ctl.roster()["acme"],
         {OLGA: ("owner", set()), '"b, \\"c"@acme.example':
          ("member", {BALANCE, SERVICES, DOCUMENTS})}, "users")


@case("- reads standard input, also for the name in a message")
def _(ctl):
    ctl.ok("import", "-", stdin=f"{HEAD}acme,{NEW},member,\n")
    true(ctl.user("acme", NEW), "nina")
    done = ctl("import", "-", stdin=f"{HEAD}acme,x,member,\n")
    same((done.code, "input:2: " in done.line), (65, True), f"{done}")


@case("accounts and addresses are found in upper and lower case")
def _(ctl):
    before = ctl.dump()
    got = load(ctl, f"ACME,{OLGA.upper()},owner,\nAcme,{ANN.title()},member,"
                    "BALANCE_AND_PAYMENTS;Scheduled Maintenance\n")
    same(got["changed"], 0, "changes")
    ctl.unchanged(before)


# What a row does

@case("a row sets the role and adds categories, and ends nothing else")
def _(ctl):
    want = ctl.roster()
    load(ctl, f"acme,{BILL},user-admin,{BALANCE}\nacme,{MIA},member,\n"
              f"beta,{NEW},subscriber,{DOCUMENTS}\n")
    want["acme"][BILL] = ("user-admin", {MAINTENANCE, BALANCE})
    want["beta"][NEW] = ("subscriber", {DOCUMENTS})
    same(ctl.roster(), want, "roster")


@case("a row that makes a Subscriber ends what is closed, and the link")
def _(ctl):
    for account in ("acme", "beta"):
        ctl.link(account, ANN)
    found = load(ctl, f"acme,{ANN},subscriber,{DOCUMENTS}\n")
    same(ctl.user("acme", ANN), ("subscriber", {BALANCE, DOCUMENTS}), "ann")
    same(ctl.links(), {("beta", ANN)}, "links")
    ended = [f"acme: unsubscribed {ANN} ({MAINTENANCE}, not open"
             " to subscribers)",
             f"acme: ended the Telegram link of {ANN} (no longer entitled to"
             " a mirrored category)"]
    same(found["remarks"], ended, "what it says has ended")
    ctl.reset()
    ctl.link("acme", ANN)
    said = ctl.ok("import", ctl.path("in.csv", HEAD
                                       + f"acme,{ANN},subscriber,\n"))
    same(said.out.splitlines(), [*ended, "1 rows, 3 changes"], "to people")


@case("a row with another owner is a transfer")
def _(ctl):
    for new in (ANN, SUE, NEW):
        ctl.reset()
        ctl.link("acme", OLGA)
        load(ctl, f"acme,{new},owner,{SERVICES}\n")
        same(ctl.user("acme", new), ("owner", set()), "the new owner")
        same(ctl.user("acme", OLGA), ("user-admin", set(CATEGORIES)),
             "the old one")
        same(ctl.links(), {("acme", OLGA)}, "links")
        true([e for e in ctl.log() if e["action"] == "account-transfer"
              and e["subject"] == new], "a record of it")


@case("a row for the old owner sets the new role, above or below the owner's "
      "row")
def _(ctl):
    rows = [f"acme,{OLGA},member,{BALANCE}\n", f"acme,{ADAM},owner,\n"]
    for order in (rows, rows[::-1]):
        ctl.reset()
        load(ctl, "".join(order))
        # Without --sync nothing is taken away.
        same(ctl.user("acme", OLGA), ("member", set(CATEGORIES)),
             "the old owner")
        same(ctl.user("acme", ADAM), ("owner", set()), "the new one")
        same(set(ctl.owners().values()), {1}, "owners")


@case("rows of an account may stand anywhere, and the first has its name",
      roster=False)
def _(ctl):
    load(ctl, f"Gamma,u1@g.example,member,{SERVICES}\ndelta,d@d.example,owner,\n"
              "GAMMA,zz@g.example,owner,\ndelta,u2@d.example,member,\n"
              "gamma,u2@g.example,subscriber,\n")
    same(ctl.roster(), {
        "Gamma": {"u1@g.example": ("member", {SERVICES}),
                  "u2@g.example": ("subscriber", set()),
                  "zz@g.example": ("owner", set())},
        "delta": {"d@d.example": ("owner", set()),
                  "u2@d.example": ("member", set())}}, "roster")


@case("of two rows that contradict each other the later one is named")
def _(ctl):
    owner, again = f"gamma,{NEW},owner,\n", "gamma,a@g.example,owner,\n"
    member = f"gamma,{NEW.upper()},member,\n"
    for rows in ([owner, again], [again, owner], [owner, member],
                 [member, owner]):
        line = bad(ctl, rows[0] + f"acme,{ANN},member,\n" + rows[1], 3,
                   "in row 2;")
        contains(line, "two owners" if again in rows else "twice", "line")


@case("with --sync the roster is exactly the file's")
def _(ctl):
    for account, address in (("acme", ANN), ("acme", BILL), ("beta", OTTO)):
        ctl.link(account, address)
    load(ctl, f"acme,{OLGA},owner,\nacme,{ANN},member,{SERVICES}\n"
              f"gamma,{NEW},owner,\n", "--sync", "--remove-many")
    same(ctl.roster(), {"acme": {OLGA: ("owner", set()),
                                 ANN: ("member", {SERVICES})},
                        "gamma": {NEW: ("owner", set())}}, "roster")
    same(ctl.links(), set(), "links")
    same(ctl.sql("SELECT count(*) FROM subscription"), [(1,)],
         "subscriptions")


@case("an import mails nobody about removals")
def _(ctl):
    ctl.ok("subscribe", "acme", SERVICES, ANN, BILL, as_=OLGA)
    load(ctl, f"acme,{OLGA},owner,\nacme,{ANN},member,\n", "--sync",
         "--remove-many")
    same(ctl.roster(), {"acme": {OLGA: ("owner", set()),
                                 ANN: ("member", set())}}, "roster")
    same((ctl.notices(), ctl.mails()), ([], []), "notices and mails")


@case("with --sync the old owner may be gone if another is named")
def _(ctl):
    load(ctl, f"acme,{ANN},owner,\n" + ctl.ok("export", "beta").out
         .partition("\n")[2], "--sync", "--remove-many")
    same(ctl.roster()["acme"], {ANN: ("owner", set())}, "acme")
    same(len(ctl.roster()["beta"]), 3, "users of beta")


@case("--sync with an empty file is refused, without it there is nothing to do")
def _(ctl):
    for text in (HEADER, HEADER + "\r\n", f"\ufeff{HEADER}\n\n"):
        path = ctl.path("in.csv", text)
        for options in ([], ["--dry-run"], ["--remove-many"]):
            ctl.refused(65, "import", "--sync", *options, path, says="sync")
        before = ctl.dump()
        same(ctl.json("import", path)["changed"], 0, f"changes by {text!r}")
        ctl.unchanged(before)
    for text in ("", "\n", "\ufeff"):
        ctl.refused(65, "import", ctl.path("in.csv", text), says="header")


@case("a file that leaves an account without its owner is refused")
def _(ctl):
    bad(ctl, f"acme,{OLGA},member,\n", 1, OLGA, "owner")
    bad(ctl, f"acme,{ANN},member,\nacme,{OLGA},user-admin,\n", 2, OLGA,
        "owner")
    bad(ctl, f"gamma,{NEW},member,\n", 1, "gamma", "owner")
    bad(ctl, f"beta,{OTTO},owner,\nacme,{ANN},member,\n", 2, "acme", "owner",
        options=["--sync"])


# Twice, and dry

@case("the same file twice changes nothing the second time, and says so")
def _(ctl):
    text = (f"acme,{ANN},owner,\nacme,{OLGA},member,{SERVICES}\n"
            f"acme,{BILL},subscriber,{BALANCE}\ngamma,{NEW},owner,\n")
    for options in ([], ["--sync", "--remove-many"]):
        true(load(ctl, text, *options)["changed"] > 0, "changes at first")
        before = ctl.dump()
        same(load(ctl, text, *options)["changed"], 0, "changes")
        path = ctl.path("in.csv", HEAD + text)
        contains(ctl.ok("import", *options, path).out, "0 changes",
                 "what it says")
        ctl.unchanged(before)


@case("--dry-run prints what would change, and changes nothing")
def _(ctl):
    path = ctl.path("in.csv", f"{HEAD}acme,{ANN},owner,\nacme,{BILL},"
                              f"subscriber,{BALANCE}\ngamma,{NEW},owner,\n")
    for options in ([], ["--sync", "--remove-many"]):
        ctl.reset()
        before = ctl.dump()
        text = ctl.ok("import", "--dry-run", *options, path).out
        dry = ctl.json("import", "--dry-run", *options, path)
        ctl.unchanged(before)
        for word in (ANN, OLGA, BILL, MAINTENANCE, "gamma", NEW):
            contains(text, word, "what it prints")
        new = ctl.new(lambda: ctl.ok("import", *options, path))
        same([(e["account"], e["action"], e["subject"], e["detail"])
              for e in dry["changes"]], [e[1:] for e in new],
             "what would change, and what did")
        same(dry["changed"], len(new), "number of changes")


@case("--dry-run refuses what the import would refuse")
def _(ctl):
    bad(ctl, f"acme,{NEW},member,\nacme,{BILL},boss,\n", 2, "boss",
        options=["--dry-run"])


# Export

@case("an export has one row a user, owners without categories")
def _(ctl):
    text = ctl.ok("export").out
    true(text.startswith(HEADER + "\n"), f"the header: {text[:60]!r}")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    want = {(account, address, role): set(categories)
            for account, users in ROSTER.items()
            for address, (role, categories) in users.items()}
    same({tuple(row[:3]): set(row[3].split(";")) - {""} for row in rows}, want,
         "rows")
    same(len(rows), len(want), "number of rows")
    same(ctl.json("export")["csv"], text, "csv in JSON")


@case("an export of one account has just that")
def _(ctl):
    same({row[0] for row in csv.reader(io.StringIO(
        ctl.ok("export", "BETA").out))}, {"account", "beta"}, "accounts")
    ctl.refused(67, "export", "nosuch", says="nosuch")


@case("importing an export changes nothing, with --sync neither")
def _(ctl):
    ctl.ok("user", "add", "acme", '"b, \\"c"@acme.example',
           "jürgen@exämple.example", '" d"@acme.example', "=1+1@acme.example",
           "Upper@acme.example")
    ctl.ok("subscribe", "acme", SERVICES, "jürgen@exämple.example", as_=OLGA)
    before = ctl.dump()
    text = ctl.ok("export").out.partition("\n")[2]
    for options in ([], ["--sync"], ["--sync", "--dry-run"]):
        same(load(ctl, text, *options)["changed"], 0, f"changes {options}")
        ctl.unchanged(before)


@case("an export moves the roster to another database whole")
def _(ctl):
    ctl.ok("user", "add", "acme", '"b, \\"c"@acme.example',
           "jürgen@exämple.example", '" d"@acme.example')
    want, text = ctl.roster(), ctl.ok("export").out
    ctl.reset("empty")
    ctl.ok("import", "-", stdin=text)
    same(ctl.roster(), want, "roster")
    same(ctl.ok("export").out, text, "export")


@case("an empty roster is exported as the header alone", roster=False)
def _(ctl):
    same(ctl.ok("export").out, HEADER + "\n", "export")


# Many rows

@case("five thousand rows are imported, and again, and exported as they came",
      roster=False)
def _(ctl):
    rows = many()
    same(load(ctl, text_of(rows))["rows"], MANY, "rows")
    exported = list(csv.reader(io.StringIO(ctl.ok("export").out)))[1:]
    order = list(CATEGORIES).index
    for row in rows:
        row[3] = ";".join(sorted(filter(None, row[3].split(";")), key=order))
    same(sorted(exported), sorted(rows), "export")
    before = ctl.dump()
    for options in ([], ["--sync"]):
        same(load(ctl, text_of(rows), *options)["changed"], 0, "changes")
    ctl.unchanged(before)


# kind: (the row as it is in the file, words of the message). Row 4320 is of
# account a431, where u0 is the owner.
WRONG = {
    "a malformed address": ("a431,u0 a431.example,member,", "u0 a431"),
    "an empty address": ("a431,,member,", ""),
    "an address among the chats": (f"a431,7@{MIRROR},member,", MIRROR),
    "an address among the accounts": (f"a431,a1@{ACCOUNTS},member,",
                                      ACCOUNTS),
    "an address that is not UTF-8": (b"a431,j\xfcrgen@a.example,member,", ""),
    "an unknown role": ("a431,x@a.example,boss,", "boss"),
    "an empty role": ("a431,x@a.example,,", "role"),
    "an unknown category": ("a431,x@a.example,member,services;lunch", "lunch"),
    "too few fields": ("a431,x@a.example", "column"),
    "too many fields": ("a431,x@a.example,member,services,more", "column"),
    "a second owner": ("a431,x@a.example,owner,", "owner"),
    "a Subscriber with a closed category":
        (f"a431,x@a.example,subscriber,{BALANCE};{SERVICES}", SERVICES),
    "a malformed account": ("a 431,x@a.example,member,", "a 431"),
    "no account": (",x@a.example,member,", ""),
    "the same user twice": ("a431,u3@a431.example,member,", "u3@a431"),
    "the same user twice in other letters":
        ("A431,U3@A431.example,subscriber,", "U3@a431"),
    "a new account without an owner": ("a9999,x@a.example,member,", "a9999"),
    "a quote out of place": ('a431,x"y@a.example,member,', "quote"),
    "a NUL": (b"a431,x\0y@a.example,member,", "NUL"),
    "an escape sequence": ("a431,x\x1b[2Jy@a.example,member,", ""),
}


for kind, (wrong, word) in WRONG.items():
    @case(f"{kind} among {MANY} rows is named with its row, nothing imported")
    def _(ctl_, wrong=wrong, word=word):
        before = ctl_.ok("export").out
        rows = [",".join(row).encode() for row in many()]
        rows.insert(4320 - 1, wrong if isinstance(wrong, bytes)
                    else wrong.encode())
        bad(ctl_, b"\r\n".join(rows) + b"\r\n", 4320, word)
        same(ctl_.ok("export").out, before, "export")


@case("users of accounts that are there and of new ones, in any order, and "
      "whatever their addresses have in them")
def _(ctl):
    odd = [r'"a\\b"@odd.example', r'"a\"b"@odd.example', '"{a,b}"@odd.example',
           '"null"@odd.example', "n'ull@odd.example",
           '"a b"@odd.example', "{}@odd.example", "$1@odd.example"]
    rows = [["acme", a, "member", SERVICES] for a in odd]
    rows += [["aaaa", "o@aaaa.example", "owner", ""],
             ["aaaa", odd[0], "member", f"{BALANCE};{SERVICES}"],
             ["zeta", "o@zeta.example", "owner", ""],
             ["zeta", odd[1], "subscriber", BALANCE]]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    load(ctl, out.getvalue())
    found = ctl.roster()
    same({a: found["acme"][a] for a in found["acme"] if "odd.example" in a},
         {a.replace('"null"', "null"): ("member", {SERVICES}) for a in odd},
         "users of the account that was there")
    same(found["aaaa"], {"o@aaaa.example": ("owner", set()),
                         odd[0]: ("member", {BALANCE, SERVICES})}, "of a new")
    same(found["zeta"], {"o@zeta.example": ("owner", set()),
                         odd[1]: ("subscriber", {BALANCE})}, "of the last")
    same(load(ctl, out.getvalue())["changed"], 0, "changes the second time")


@case("a quote that never ends is an error, not the rest of the file")
def _(ctl):
    rows = [",".join(row) for row in many()]
    rows[100] = f'a10,"u0@a10.example,owner,{BALANCE}'
    bad(ctl, "\n".join(rows), 101, "quote")


@case("a quoted field over very many lines is refused before the input ends")
def _(ctl):
    text = f'acme,{NEW},member,\ngamma,"' + "x\n" * 1_000_000
    line = bad(ctl, text, 2, "quote")
    contains(line, "1048576", "line")


@case("at a terminal an import shows how far it is, and elsewhere it does not",
      roster=False)
def _(ctl):
    path = ctl.path("in.csv", HEAD + text_of(many()) + "".join(
        f"b{n},u@b{n}.example,owner,\n" for n in range(20000)))
    with ctl.terminal("import", path) as terminal:
        code, shown = terminal.end()
    same(code, 0, "exit")
    true(re.search(r"\r\d+ rows read", shown), f"while it reads: {shown!r}")
    true(re.search(r"\r\d+ of 25000 rows, \d+ %", shown),
         f"while it writes: {shown!r}")
    true(re.search(r"\r *\r25000 rows, \d+ changes\r\n\Z", shown),
         f"the line is free at the end: {shown!r}")
    with ctl.terminal("import", ctl.path("in.csv", HEAD + text_of(many()) +
                                         "acme,nobody,member,\n")) as terminal:
        code, shown = terminal.end()
    same(code, 65, "exit")
    true(re.search(r"\r *\rnotifyctl: [^\r]*:5002: [^\r]*\r\n\Z", shown),
         f"the error has a line of its own: {shown!r}")
    lacks(ctl("import", path).err, "\r", "standard error that is no terminal")


@case("an account whose every row lacks the owner is named with a row")
def _(ctl):
    rows = [row for row in many() if row[:3:2] != ["a77", "owner"]]
    number = next(i for i, row in enumerate(rows, 1) if row[0] == "a77")
    bad(ctl, text_of(rows), number, "a77", "owner")


@case("an argument that is not a file is named")
def _(ctl):
    path = ctl.path("nosuch.csv")
    ctl.refused(65, "import", path, says=path)
    done = ctl("import", ctl.folder)
    true(done.code in (65, 74), f"exit: {done}")
    contains(done.line, ctl.folder, "line")
    binary = ctl.path("binary", bytes(range(256)) * 50)
    true(bad(ctl, bytes(range(256)) * 50, 1), "a line")
    true(os.path.getsize(binary), "the file is left alone")
    bad(ctl, "a" * 2_000_000 + f",{NEW},owner,\n", 1)
    bad(ctl, f"gamma,{'x' * 2_000_000}@x.example,owner,\n", 1)
    bad(ctl, f"gamma,{NEW},owner,{'x' * 2_000_000}\n", 1)


@case("columns may stand in any order, and what a column would say is left "
      "alone without it")
def _(ctl):
    before = ctl.roster()
    path = ctl.path("in.csv", f"Email, ACCOUNT\n{NEW},acme\n{BILL},acme\n"
                              f"{OLGA},acme\n")
    for options in ([], ["--sync", "--remove-many"]):
        ctl.reset()
        ctl.ok("import", *options, path)
        now = ctl.roster()["acme"]
        same(now.pop(NEW), ("member", set()), "who is new")
        same(now, {address: before["acme"][address]
                   for address in ([OLGA, BILL] if options else
                                   before["acme"])}, "the others")
    ctl.reset()
    load_columns(ctl, "categories,email,account", f"{SERVICES},{BILL},acme\n",
                 "--sync", "--remove-many", want=65)     # the owner is missing
    load_columns(ctl, "categories,email,account", f"{SERVICES},{BILL},acme\n"
                 f",{OLGA},acme\n,{ANN},acme\n,{ADAM},acme\n,{SUE},acme\n"
                 f",{MIA},acme\n", "--sync", "--remove-many")
    same(ctl.roster(), {"acme": {
        **{a: (role, set()) for a, (role, _) in before["acme"].items()},
        BILL: ("member", {SERVICES})}}, "the roster")
    ctl.reset()
    load_columns(ctl, "role,account,email", f"user-admin,acme,{BILL}\n")
    same(ctl.roster()["acme"][BILL], ("user-admin",
                                      before["acme"][BILL][1]), "bill")


def load_columns(ctl_, header, rows, *options, want=0):
    done = ctl_("import", *options, ctl_.path("in.csv", f"{header}\n{rows}"))
    same(done.code, want, f"exit of {done}")


@case("languages come in, stay without their column, and go out")
def _(ctl):
    def languages():
        return dict(ctl.sql("SELECT u.address, u.language FROM user u JOIN"
                            " account a ON a.id = u.account WHERE a.name ="
                            " 'acme' AND u.language <> ''"))
    load_columns(ctl, "account,email,language", f"acme,{ANN},de\nacme,{OLGA},"
                 f"pt_BR\nacme,{NEW},ru\n")
    same(languages(), {ANN: "de", OLGA: "pt-br", NEW: "ru"}, "languages")
    text = ctl.ok("export").out
    true(text.startswith(f"{HEADER},language\n"), f"the header of {text}")
    contains(text, f"acme,{ANN},member,{BALANCE};{MAINTENANCE},de\n", "export")
    same(ctl.json("import", "--sync", ctl.path("in.csv", text))["changed"], 0,
         "changes by the export")
    load(ctl, f"acme,{ANN},user-admin,\n")
    same(languages()[ANN], "de", "without the column")
    load_columns(ctl, "account,email,language", f"acme,{ANN},\nacme,{OLGA},\n")
    same(languages(), {NEW: "ru"}, "an empty cell means none")
    ctl.refused(65, "import", ctl.path(
        "in.csv", f"account,email,language\nacme,{ANN},Deutsch!\n"),
        says="Deutsch!")
    same(ctl.ok("export", "beta").out.splitlines()[0], HEADER, "of beta")


@case("a header that is missing or wrong is refused")
def _(ctl):
    for header in ("", f"acme,{NEW},member,", "account,email,role,category",
                   "account,role,categories", "email,role",
                   "account,email,email", "account,email,",
                   HEADER + ",x", "account;email;role;categories",
                   "accountemail", '"account,email",role'):
        path = ctl.path("in.csv", f"{header}\nacme,{NEW},member,\n")
        line = ctl.refused(65, "import", path, says="header")
        contains(line, path, "line")
    bad(ctl, f"acme,{NEW},member,\n{HEADER}\n", 2)
    path = ctl.path("in.csv", f"account,email\ngamma,{NEW}\n")
    ctl.refused(65, "import", path, says=("gamma", "owner"))


@case("what a spreadsheet writes by mistake is refused with what is expected")
def _(ctl):
    for text, word in ((f"account;email\nacme;{NEW}\n", "not semicolons"),
                       (f"sep=;\naccount;email\nacme;{NEW}\n",
                        "not semicolons"),
                       (f"account\temail\nacme\t{NEW}\n", "not tabs"),
                       (f'\ufeff"account";"email"\n"acme";"{NEW}"\n',
                        "not semicolons"),
                       (f'"account"\t"email"\n"acme"\t"{NEW}"\n',
                        "not tabs")):
        ctl.refused(65, "import", ctl.path("in.csv", text), says=word)
    path = ctl.path("in.csv", f"account,email,,\nacme,{NEW},,\n")
    ctl.refused(65, "import", path,
                says="a column without a name; expected a header line")
    path = ctl.path("in.csv")
    for data in (f'"account","email"\n"acme","{NEW}"\n'.encode("utf-16"),
                 b'PK\3\4\x14\0"\0'):
        with open(path, "wb") as file:
            file.write(data)
        ctl.refused(65, "import", path, says=f"{path}:1: NUL byte")


@case("a row with another number of cells, or an empty role, is refused")
def _(ctl):
    for rows in (f"acme,{NEW},member\n", f"acme,{NEW}\n", "acme\n",
                 f"acme,{NEW},member,,\n", f"acme,{NEW},,{SERVICES}\n"):
        bad(ctl, rows, 1)
    ctl.refused(65, "import", ctl.path("in.csv", f"email,account\n{NEW}\n"))


@case("up to twenty wrong rows are named at once")
def _(ctl):
    rows = [f"acme,u{n}@acme.example,{'boss' if n % 2 else 'member'},\n"
            for n in range(60)]
    line = bad(ctl, "".join(rows[:10]), 2, "boss")
    same(re.findall(r"in\.csv:(\d+): ", line), ["3", "5", "7", "9", "11"],
         "rows of five")
    lacks(line, "not checked", "line")
    line = bad(ctl, "".join(rows), 2, "boss", "not checked")
    same(len(re.findall(r"in\.csv:\d+: ", line)), 20, "rows of thirty")
    line = bad(ctl, f"new1,{NEW},member,\nacme,{ANN},member,\nacme,{ANN},"
               f"member,\nnew2,{NEW},member,\nacme,{OLGA},member,\n"
               f"acme,x,member\n", 6)
    line = bad(ctl, f"new1,{NEW},member,\nacme,{ANN},member,\nacme,{ANN},"
               f"member,\nnew2,{NEW},member,\n", None, "new1", "new2", ANN)


# How much --sync removes

@case("--sync refuses to remove more than one and more than a tenth")
def _(ctl):
    load(ctl, text_of(many()), "--sync", "--remove-many")
    rows = many()
    before = ctl.dump()
    for what, left in (
            ("users", [r for r in rows if r[1][:2] not in ("u8", "u9")]),
            ("accounts", [r for r in rows if int(r[0][1:]) >= 60]),
            ("subscriptions", [[*r[:3], "" if i % 5 else r[3]]
                               for i, r in enumerate(rows)])):
        for options in ([], ["--dry-run"]):
            line = bad(ctl, text_of(left), None, "--remove-many", what,
                       options=["--sync", *options])
        contains(line, "would remove", "line")
        ctl.unchanged(before)
    load(ctl, text_of(rows[:-500]), "--sync")           # a tenth
    same(ctl.json("account", "list")["accounts"][-1]["users"], 10, "users")
    load(ctl, text_of(rows[:-3000]), "--sync", "--remove-many")


@case("--sync may always remove one")
def _(ctl):
    text = ctl.ok("export").out
    for left in (text.replace(f"acme,{MIA},member,\n", ""),
                 text.replace(f";{MAINTENANCE}", "", 1)):
        true(left != text, "one less")
        ctl.ok("import", "--sync", ctl.path("in.csv", left))
        same(ctl.ok("export").out, left, "what is left")
        ctl.reset()


@case("import and export are the operator's")
def _(ctl):
    for words in (["import", "-"], ["import", "--dry-run", "-"], ["export"],
                  ["export", "acme"]):
        ctl.refused(77, *words, as_=OLGA, stdin=f"acme,{MIA},member,\n",
                    says="operator")


ctl.run()
