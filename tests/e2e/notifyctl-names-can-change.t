#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Accounts and users get other names, and keep everything else; the former
name of an account goes on being understood."""
from lib import ctl
from lib.ctl import ACCOUNTS, MIRROR, case
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES, OLGA,
                        entitled)
from lib.tap import contains, lacks, same, true

NEW = "nina@acme.example"


def decided(ctl, to=(), account=None, category=BALANCE):
    """explain of a message: its document."""
    text = f"From: a@b.example\nX-Notify-Category: {category}\n" + (
        f"X-Notify-Account: {account}\n" if account else "")
    return ctl.json("explain", *[w for a in to for w in ("--recipient", a)],
                    stdin=text + "\nHello.\n")


@case("the users, subscriptions, chat and record of a renamed account stay")
def _(ctl):
    ctl.link("acme", ANN, 4711)
    before, log = ctl.roster()["acme"], ctl.log("acme")
    contains(ctl.ok("account", "rename", "acme", "Acme-2").out, "was acme",
             "what it says")
    same(ctl.roster()["Acme-2"], before, "users and subscriptions")
    true("acme" not in ctl.roster(), "the former name is in no list")
    same(ctl.sql("SELECT chat FROM link"), [(4711,)], "the chat")
    after = ctl.log("acme-2")
    same([dict(row, account="Acme-2") for row in log], after[:-1], "record")
    same((after[-1]["action"], after[-1]["subject"], after[-1]["detail"]),
         ("account-rename", "Acme-2", "was acme"), "what is recorded")
    same(ctl.log("acme"), after, "the record by the former name")


@case("the record of a removed account stays under its name when another that "
      "took the name gets a new one")
def _(ctl):
    ctl.ok("account", "remove", "acme")
    removed = ctl.json("log", "acme")["log"]
    seen = ctl.json("person", "show", ANN, as_=ANN)["log"]
    ctl.ok("account", "add", "Acme", "--owner", NEW)
    ctl.ok("account", "rename", "acme", "gamma")
    same([row["action"] for row in ctl.log("gamma")],
         ["account-add", "user-add", "account-rename"], "log of gamma")
    same(ctl.json("log", "gamma", as_=NEW)["log"],
         ctl.json("log", "gamma")["log"], "what its owner sees")
    same(ctl.json("person", "show", ANN, as_=ANN)["log"], seen,
         "what a user of the removed account sees")
    ctl.ok("account", "rename", "gamma", "--forget-former")
    same(ctl.json("log", "acme")["log"], removed, "log of the removed account")


@case("a former name is understood as argument, header, address and in files")
def _(ctl):
    ctl.link("acme", ANN, 4711)
    export = ctl.ok("export").out
    before = ctl.ok("list", "acme").out
    people = entitled(BALANCE, "acme")
    ctl.ok("account", "rename", "acme", "alpha")
    ctl.ok("account", "rename", "ALPHA", "omega")
    for name in ("acme", "Alpha", "omega"):
        same(ctl.ok("list", name).out, before, f"list {name}")
        same(ctl.json("account", "show", name)["account"], "omega", name)
        for found in (decided(ctl, [OLGA], account=name),
                      decided(ctl, [f"{name}@{ACCOUNTS}"]),
                      decided(ctl, [f"{name}@{ACCOUNTS}"], account="omega"),
                      decided(ctl, [f"omega@{ACCOUNTS}",
                                    f"{name}@{ACCOUNTS}"], account="alpha")):
            same(found["verdict"], "deliver", f"verdict with {name}")
            contains(str(found), f"@{MIRROR}", f"the chat with {name}")
            for address in people:
                same(str(found).count(f"'{address}'"), 1,
                     f"how often {address} is named with {name}")
    found = decided(ctl, [OLGA], account="omega\nX-Notify-Account: acme")
    same((found["verdict"], found["reason"]),
         ("hold", "two different accounts, omega and acme"), "two headers")
    same([row["account"] for row in ctl.json(
        "account", "show", "omega")["former"]], ["acme", "alpha"], "former")
    # The file that an old system goes on making changes nothing.
    changed = ctl.json("import", "--sync", "-", stdin=export)
    same(changed.get("changes", []), [], "changes by a file of before")
    same(set(ctl.roster()), {"omega", "beta"}, "accounts")


@case("no other account can take a former name until it is let go")
def _(ctl):
    ctl.ok("account", "rename", "acme", "alpha")
    for words in (["account", "add", "acme", "--owner", NEW],
                  ["account", "rename", "beta", "ACME"]):
        contains(ctl.refused(65, *words), "former name of account alpha",
                 "the line")
    contains(ctl.ok("account", "rename", "acme", "--forget-former").out,
             "acme", "what it says")
    ctl.refused(67, "account", "show", "acme", says="no account")
    same(ctl.json("account", "show", "alpha")["former"], [], "former names")
    contains(ctl.ok("account", "rename", "alpha", "--forget-former").out,
             "no former name", "a second time")
    ctl.ok("account", "add", "acme", "--owner", NEW)
    same(ctl.log("acme")[-1]["account"], "acme", "its own record")
    # Or until the account is removed.
    ctl.ok("account", "rename", "acme", "gamma")
    ctl.ok("account", "remove", "gamma")
    ctl.ok("account", "add", "acme", "--owner", NEW)


@case("an account can get a former name of its own back, or another spelling")
def _(ctl):
    ctl.ok("account", "rename", "acme", "alpha")
    ctl.ok("account", "rename", "alpha", "acme")
    same([row["account"] for row in ctl.json(
        "account", "show", "alpha")["former"]], ["alpha"], "former")
    ctl.ok("account", "rename", "acme", "ACME")
    shown = ctl.json("account", "show", "acme")
    same((shown["account"], [r["account"] for r in shown["former"]]),
         ("ACME", ["alpha"]), "name and former names")
    before = ctl.dump()
    contains(ctl.ok("account", "rename", "acme", "ACME").out, "already",
             "what it says")
    ctl.unchanged(before)


@case("a name that cannot be, or is another's, changes nothing")
def _(ctl):
    for code, words, says in (
            (65, ["acme", "beta"], "exists already"),
            (65, ["acme", "a b"], "cannot be the name"),
            (65, ["acme", ""], "cannot be the name"),
            (67, ["nobody", "x"], "no account"),
            (64, ["acme"], "one thing"),
            (64, ["acme", "x", "--forget-former"], "one thing")):
        ctl.refused(code, "account", "rename", *words, says=says)
    ctl.refused(65, "account", "title", "acme", "two\nlines", says="one line")
    ctl.refused(67, "account", "title", "nobody", "x", says="no account")


@case("an account gets another title")
def _(ctl):
    ctl.ok("account", "title", "acme", "Acme «Söhne»")
    same(ctl.json("account", "show", "acme")["title"], "Acme «Söhne»", "title")
    same(ctl.log("acme")[-1]["action"], "account-title", "record")
    before = ctl.dump()
    ctl.ok("account", "title", "acme", "Acme «Söhne»")
    ctl.unchanged(before)


@case("a user whose address changes keeps role, subscriptions and chat")
def _(ctl):
    ctl.link("acme", ANN, 4711)
    before = ctl.roster()
    ctl.ok("user", "address", "acme", ANN, "Annette@acme.example")
    after = ctl.roster()
    same(after["acme"].pop("Annette@acme.example"), before["acme"].pop(ANN),
         "role and categories")
    same(after, before, "all others, in the other account too")
    same(ctl.links(), {("acme", "Annette@acme.example")}, "the chat")
    row = ctl.log("acme")[-1]
    same((row["action"], row["subject"], row["detail"]),
         ("user-address", "Annette@acme.example", f"was {ANN}"), "record")
    # An owner's too.
    ctl.ok("user", "address", "acme", OLGA, NEW)
    same(ctl.json("account", "show", "acme")["owner"], NEW, "the owner")


@case("the old address is told of the new one, unless it is only spelled anew")
def _(ctl):
    ctl.ok("user", "address", "acme", ANN, "Ann@Acme.Example")
    same(ctl.mails(), [], "mails for another spelling")
    ctl.ok("user", "address", "acme", ANN, NEW)
    mail, = ctl.mails()
    same(mail.to, "Ann@acme.example", "who is told")
    contains(mail.text, NEW, "what is told")


@case("an address that is another user's, or none, changes nothing")
def _(ctl):
    for code, words, says in (
            (65, [ANN, BILL], "is a user of acme already"),
            (65, [ANN, "Bill@ACME.example"], "is a user of acme already"),
            (65, [ANN, "x"], "not a mail address"),
            (65, [ANN, f"x@{ACCOUNTS}"], "domain of accounts"),
            (65, [ANN, f"1@{MIRROR}"], "domain of Telegram"),
            (67, [BEA, NEW], "not a user")):
        ctl.refused(code, "user", "address", "acme", *words, says=says)
    before = ctl.dump()
    contains(ctl.ok("user", "address", "acme", ANN, ANN).out, "already",
             "what it says")
    ctl.unchanged(before)


@case("connect links that were made for the former address end with it")
def _(ctl):
    ctl.conf.defaults["bot"] = "acme_bot"
    ctl.settings()
    ctl.ok("telegram", "connect", "acme", as_=ANN)
    same(ctl.sql("SELECT count(*) FROM token"), [(1,)], "tokens before")
    ctl.ok("user", "address", "acme", ANN, NEW)
    same(ctl.sql("SELECT count(*) FROM token"), [(0,)], "tokens after")


@case("a user has a language, in one spelling")
def _(ctl):
    for given, kept in (("de", "de"), ("pt_BR", "pt-br"), ("ru", "ru"),
                        ("", "")):
        ctl.ok("user", "language", "acme", ANN, given)
        same(ctl.sql("SELECT language FROM \"user\" u JOIN account a ON"
                     " a.id = u.account WHERE a.name = 'acme'"
                     " AND address = ?", ANN), [(kept,)], given)
    for text in ("deutsch", "x", "../en", "de-", "d e", "1", "en.conf"):
        ctl.refused(65, "user", "language", "acme", ANN, text,
                    says="not a language")
    ctl.refused(67, "user", "language", "acme", BEA, "de", says="not a user")


@case("the former owner goes on receiving every category, in the chat too")
def _(ctl):
    ctl.link("acme", OLGA, 4711)
    ctl.ok("category", "add", "alarms", "--title", "Alarms")
    ctl.ok("account", "transfer", "acme", ADAM)
    same(ctl.user("acme", OLGA), ("user-admin", {*CATEGORIES, "alarms"}),
         "the former owner")
    same(ctl.user("acme", ADAM), ("owner", set()), "the new one")
    same(ctl.sql("SELECT chat FROM link"), [(4711,)], "the chat")
    same({r["subject"] for r in ctl.log("acme")[-7:]
          if r["action"] == "subscribe"}, {OLGA}, "who is subscribed")
    # Only what there is then.
    ctl.ok("category", "add", "later", "--title", "Later")
    true("later" not in ctl.user("acme", OLGA)[1], "a later category")


ctl.run()
