#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Accounts, their users and roles; what a change of them ends."""
import contextlib
import os
import pwd
import re
import shlex
import sqlite3

from lib import ctl, rosterdb
from lib.ctl import ACCOUNTS, MIRROR, NOBODY, case, needs_root
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES, DOCUMENTS,
                        MAINTENANCE, MIA, OLGA, OTTO, SERVICES, STRANGER, SUE)
from lib.tap import contains, lacks, same, true

NEW, OTHER = "nina@acme.example", "noel@acme.example"


@case("init creates a database that others cannot read, and a second run "
      "changes nothing",
      roster=False)
def _(ctl):
    ctl.reset(None)
    true(not ctl.store.exists(), "no database before")
    contains(ctl.ok("init").out, rosterdb.shown(ctl.store.url),
             "what init says")
    if not rosterdb.remote():
        same(os.stat(ctl.database).st_mode & 0o007, 0, "rights of others")
    ctl.ok("account", "add", "acme", "--owner", OLGA)
    before = ctl.dump()
    ctl.ok("init")
    ctl.unchanged(before)


@case("init as root gives the database to the milter's user, for good",
      roster=False)
def _(ctl):
    rosterdb.file_only("whose the file is")
    needs_root()
    ctl.reset(None)
    ctl.settings(user=NOBODY)
    uid = pwd.getpwnam(NOBODY).pw_uid
    os.chown(os.path.dirname(ctl.database), uid, -1)
    ctl.ok("init")
    # While somebody reads, the files beside the database stay.
    with contextlib.closing(sqlite3.connect(ctl.database)) as reader:
        reader.execute("SELECT * FROM account").fetchall()
        ctl.ok("account", "add", "acme", "--owner", OLGA)
        names = os.listdir(os.path.dirname(ctl.database))
        true(len(names) > 1, f"files beside the database: {names}")
        for name in names:
            path = os.path.join(os.path.dirname(ctl.database), name)
            same(os.stat(path).st_uid, uid, f"owner of {name}")
    contains(ctl.ok("account", "list", user=NOBODY).out, OLGA,
             "what that user sees")


@case("a new account has its owner and its title, and nobody else")
def _(ctl):
    ctl.ok("account", "add", "gamma", "--owner", NEW, "--title", "Gamma Ltd")
    same(ctl.roster()["gamma"], {NEW: ("owner", set())}, "users")
    account = next(a for a in ctl.json("account", "list")["accounts"]
                   if a["account"] == "gamma")
    same((account["owner"], account["title"], account["users"]),
         (NEW, "Gamma Ltd", 1), "owner, title, users")


@case("names of accounts have letters, digits, dots, underscores, hyphens")
def _(ctl):
    for name in ("a", "0", "Big.Corp_2-x", "x" * 64):
        ctl.ok("account", "add", name, "--owner", NEW)
        same(ctl.json("account", "show", name)["account"], name, "name")


@case("accounts are compared without case and keep their spelling")
def _(ctl):
    ctl.ok("account", "add", "Gamma", "--owner", NEW)
    for name in ("gamma", "GAMMA"):
        same(ctl.json("account", "show", name)["account"], "Gamma", "name")
        ctl.refused(65, "account", "add", name, "--owner", OTHER,
                    says=("Gamma", "exists"))
    ctl.ok("user", "add", "gAMMA", OTHER)
    same(set(ctl.roster()["Gamma"]), {NEW, OTHER}, "users")


@case("several users are added at once, as members by default")
def _(ctl):
    ctl.ok("user", "add", "acme", NEW, OTHER)
    ctl.ok("user", "add", "acme", "--role", "user-admin", "u1@acme.example")
    ctl.ok("user", "add", "acme", "u2@acme.example", "--role", "subscriber")
    for address, role in ((NEW, "member"), (OTHER, "member"),
                          ("u1@acme.example", "user-admin"),
                          ("u2@acme.example", "subscriber")):
        same(ctl.user("acme", address), (role, set()), address)


@case("an address that is given twice, in any spelling, is one user")
def _(ctl):
    ctl.ok("user", "add", "acme", NEW, NEW.upper(), NEW.title(), NEW)
    same([a for a in ctl.roster()["acme"] if a.lower() == NEW], [NEW], "users")


@case("one wrong address adds nobody, and every wrong one is named")
def _(ctl):
    ctl.refused(65, "user", "add", "acme", NEW, ANN, "nobody", OTHER,
                SUE.upper(), "x@@y.example", f"7@{MIRROR}",
                f"beta@{ACCOUNTS}",
                says=(ANN, "nobody", SUE.upper(), "x@@y.example", MIRROR,
                      ACCOUNTS))
    ctl.refused(65, "user", "add", "acme", NEW, ANN, says=ANN)


@case("addresses compare without case, quoted or internationalised too")
def _(ctl):
    for first, others in (
            ("Nina@Acme.Example", [NEW, "NINA@ACME.EXAMPLE"]),
            ('"nina smith"@acme.example', ['"NINA SMITH"@acme.example']),
            ("jürgen@exämple.example", ["JÜRGEN@exämple.example",
                                        "jürgen@EXÄMPLE.example",
                                        "Jürgen@xn--exmple-cua.example"])):
        ctl.ok("user", "add", "acme", first)
        for other in others:
            ctl.refused(65, "user", "add", "acme", other, says="already")
        ctl.ok("user", "role", "acme", others[-1], "subscriber")
        ctl.ok("user", "remove", "acme", others[0])
        same(len(ctl.roster()["acme"]), 6, "users after its removal")


@case("a user whose address has a detail part is another user")
def _(ctl):
    ctl.ok("user", "add", "acme", "ann+bills@acme.example")
    ctl.ok("user", "remove", "acme", "ann+bills@acme.example")
    true(ctl.user("acme", ANN), "ann stays")
    ctl.refused(67, "user", "remove", "acme", "ann+x@acme.example",
                says="ann+x@acme.example")


@case("the role owner can be neither given nor taken")
def _(ctl):
    for words in (("user", "add", "acme", NEW, "--role", "owner"),
                  ("user", "role", "acme", ANN, "owner"),
                  ("user", "role", "acme", OLGA, "user-admin"),
                  ("user", "role", "acme", OLGA.upper(), "member"),
                  ("user", "role", "acme", OLGA, "subscriber"),
                  ("user", "remove", "acme", OLGA),
                  ("user", "remove", "ACME", OLGA.upper())):
        for actor in (None, OLGA):
            ctl.refused(77, *words, as_=actor, says="transfer")
    same(ctl.user("acme", OLGA)[0], "owner", "role of the owner")


@case("the same address may be a user of several accounts, each with a role")
def _(ctl):
    ctl.ok("user", "add", "beta", ADAM, "--role", "subscriber")
    ctl.ok("account", "add", "gamma", "--owner", ADAM)
    same([ctl.user(name, ADAM)[0] for name in ("acme", "beta", "gamma")],
         ["user-admin", "subscriber", "owner"], "roles")


@case("becoming a Subscriber ends closed subscriptions and the link, and "
      "says so")
def _(ctl):
    ctl.link("acme", ANN)
    ctl.link("beta", ANN)
    ctl.ok("subscribe", "acme", DOCUMENTS, ANN, as_=OLGA)
    done = ctl.ok("user", "role", "acme", ANN, "subscriber")
    same(ctl.user("acme", ANN), ("subscriber", {BALANCE, DOCUMENTS}), "ann")
    same(ctl.links(), {("beta", ANN)}, "links")
    same(ctl.user("beta", ANN), ("member", {SERVICES}), "ann in beta")
    for word in (MAINTENANCE, "Telegram"):
        contains(done.out, word, "what it says")
    lacks(done.out, DOCUMENTS, "what it says")


@case("a role that allows as much ends nothing")
def _(ctl):
    ctl.link("acme", ANN)
    for role in ("user-admin", "member"):
        ctl.ok("user", "role", "acme", ANN, role)
        same(ctl.user("acme", ANN), (role, {BALANCE, MAINTENANCE}), "ann")
        same(ctl.links(), {("acme", ANN)}, "links")
    ctl.ok("user", "role", "acme", SUE, "member")
    same(ctl.user("acme", SUE), ("member", {DOCUMENTS, BALANCE}), "sue")


@case("the role that a user has already is reported, and nothing recorded")
def _(ctl):
    before = ctl.dump()
    contains(ctl.ok("user", "role", "acme", ANN, "member").out, "already",
             "what it says")
    ctl.unchanged(before)


@case("removing a user ends its subscriptions and its link, and says so")
def _(ctl):
    ctl.link("acme", ANN)
    ctl.link("beta", ANN)
    done = ctl.ok("user", "remove", "acme", ANN)
    same(ctl.user("acme", ANN), None, "ann in acme")
    same(ctl.user("beta", ANN), ("member", {SERVICES}), "ann in beta")
    same(ctl.links(), {("beta", ANN)}, "links")
    for word in (BALANCE, MAINTENANCE, "Telegram", ANN):
        contains(done.out, word, "what it says")
    ctl.ok("user", "add", "acme", ANN)
    same(ctl.user("acme", ANN), ("member", set()), "ann added again")
    same(ctl.links(), {("beta", ANN)}, "links after she was added again")


@case("removing an account ends all that is in it, and says so")
def _(ctl):
    before = ctl.roster()
    for account, address in (("acme", ANN), ("acme", OLGA), ("beta", ANN)):
        ctl.link(account, address)
    done = ctl.ok("account", "remove", "Acme")
    same(ctl.roster(), {"beta": before["beta"]}, "accounts left")
    same(ctl.links(), {("beta", ANN)}, "links")
    same(ctl.sql("SELECT count(*) FROM subscription"), [(3,)],
         "subscriptions left")
    for word in (OLGA, ADAM, ANN, BILL, MIA, SUE, BALANCE, "Telegram"):
        contains(done.out, word, "what it says")
    ctl.refused(67, "account", "show", "acme", says="acme")
    ctl.ok("account", "add", "acme", "--owner", BILL)
    same(ctl.roster()["acme"], {BILL: ("owner", set())}, "the new acme")


@case("a transfer makes another user the owner, the old one a user-admin")
def _(ctl):
    for address in (OLGA, ANN):
        ctl.link("acme", address)
    done = ctl.ok("account", "transfer", "acme", ANN.upper())
    same(ctl.user("acme", ANN), ("owner", set()), "the new owner")
    same(ctl.user("acme", OLGA), ("user-admin", set(CATEGORIES)),
         "the old owner")
    same(ctl.links(), {("acme", ANN), ("acme", OLGA)}, "links")
    for word in (OLGA, "user-admin", "everything"):
        contains(done.out, word, "what it says")
    same(ctl.user("beta", ANN), ("member", {SERVICES}), "ann in beta")
    ctl.refused(77, "user", "remove", "acme", ANN)
    ctl.ok("user", "remove", "acme", OLGA)


@case("the earlier subscriptions of an owner do not come back")
def _(ctl):
    ctl.ok("account", "transfer", "acme", ANN)
    ctl.ok("account", "transfer", "acme", OLGA)
    same(ctl.user("acme", OLGA), ("owner", set()), "olga")
    same(ctl.user("acme", ANN), ("user-admin", set(CATEGORIES)), "ann")


@case("an account can be transferred to a Subscriber, but to no stranger")
def _(ctl):
    for address in (STRANGER, BEA):
        ctl.refused(67, "account", "transfer", "acme", address, says=address)
    ctl.refused(65, "account", "transfer", "acme", "bill", says="bill")
    ctl.ok("account", "transfer", "acme", SUE)
    same(ctl.user("acme", SUE), ("owner", set()), "sue")


@case("a transfer to the owner is reported, and nothing recorded")
def _(ctl):
    before = ctl.dump()
    contains(ctl.ok("account", "transfer", "acme", OLGA).out, "already",
             "what it says")
    ctl.unchanged(before)


@case("account list, account show and user list show every user")
def _(ctl):
    text = ctl.ok("account", "list").out
    for word in ("acme", "beta", OLGA, OTTO):
        contains(text, word, "account list")
    for words in (("account", "show", "acme"), ("user", "list", "acme")):
        text = ctl.ok(*words).out
        for address, (role, categories) in ctl.roster()["acme"].items():
            line = next(line for line in text.splitlines()
                        if line.startswith(address + " "))
            for word in (role, *categories):
                contains(line, word, f"the line of {address}")
        lacks(text, OTTO, "users of another account")
        users = {user["address"]: (user["role"], set(user["categories"]))
                 for user in ctl.json(*words)["users"]}
        want = ctl.roster()["acme"]
        true(users.pop(OLGA)[0] == want.pop(OLGA)[0] == "owner", "the owner")
        same(users, want, f"{words} --json")


@case("account show and user list say who has linked a chat")
def _(ctl):
    def linked(*words, **options):
        return {user["address"] for user in ctl.json(*words, **options)["users"]
                if user["telegram"]}
    shows = (("account", "show", "acme"), ("user", "list", "acme"))
    for words in shows:
        same(linked(*words), set(), "no links")
    ctl.link("acme", ANN, 4711)
    ctl.link("acme", OLGA, 4712)
    ctl.link("beta", BEA, 4713)
    for words in shows:
        same(linked(*words), {ANN, OLGA}, "two links")
        same({line.split()[0]: line.split()[-1] for line in
              ctl.ok(*words).out.splitlines() if "@acme.example " in line
              and not line.startswith("owner ")},
             {address: "yes" if address in (ANN, OLGA) else "no"
              for address in ctl.roster()["acme"]}, "for people")
        same(linked(*words, as_=ANN), {ANN}, "her own line")
        same(linked(*words, as_=BILL), set(), "his own line")
        lacks(ctl.ok(*words).out, "4711", "the number of a chat")
    # Another account's link is not shown.
    same(linked("user", "list", "beta"), {BEA}, "beta")
    ctl.ok("telegram", "disable", "acme", as_=ANN)
    same(linked("user", "list", "acme"), {OLGA}, "ann has ended hers")


@case("a title with any text is shown in one line and stored as it is")
def _(ctl):
    for number, title in enumerate((
            "A  B", "Büro für Ähnliches", "a\"b'c\\d", "x,y;z", "日本語",
            "x" * 255)):
        name = f"t{number}"
        ctl.ok("account", "add", name, "--owner", NEW, "--title", title)
        same(ctl.json("account", "show", name)["title"], title, "title")
        line = next(line for line in
                    ctl.ok("account", "list").out.splitlines()
                    if line.startswith(name + " "))
        true(line.endswith(title), f"title at the end of {line!r}")


@case("a command that a message suggests can be run, also for an account whose "
      "name begins with a hyphen")
def _(ctl):
    def suggested(text):
        words = shlex.split(re.search(r'"notifyctl ([^"]+)"', text)[1])
        return [BILL if word == "EMAIL" else word for word in words]
    ctl.ok("account", "rename", "--", "acme", "-acme")
    for code, words in (
            (67, ["user", "role", "--", "-acme", STRANGER, "member"]),
            (77, ["user", "role", "--", "-acme", OLGA, "member"]),
            (77, ["user", "remove", "--", "-acme", OLGA]),
            (77, ["person", "forget", OLGA]),
            (65, ["account", "add", "acme", "--owner", NEW])):
        ctl.ok(*suggested(ctl.refused(code, *words)))
        ctl.reset()
        ctl.ok("account", "rename", "--", "acme", "-acme")
    ctl.settings(bot="acme_notify_bot")
    ctl.ok(*suggested(ctl.ok("telegram", "status", "--", "-acme",
                             as_=OLGA).out), as_=OLGA)


ctl.run()
