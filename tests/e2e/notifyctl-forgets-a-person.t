#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""All that is held about somebody can be shown, and be removed: then no row,
and no octet of the database's file, has the address."""
import os
import re
import time

from lib import ctl, rosterdb
from lib.ctl import case
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, MAINTENANCE, OLGA, OTTO,
                        SERVICES, STRANGER)
from lib.tap import contains, lacks, same, true

DAY = 24 * 60 * 60


def trouble(ctl, address):
    """Something about ADDRESS in every table that may have it."""
    ctl.conf.defaults["bot"] = "acme_bot"
    ctl.settings()
    ctl.link("acme", ANN, 4711)
    ctl.ok("telegram", "connect", "acme", as_=ANN)
    ctl.ok("user", "language", "acme", ANN, "de")
    ctl.ok("user", "role", "acme", ANN, "user-admin")
    # Author of a change, and of what others are told.
    ctl.sendmail("exit 75")
    ctl("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL, as_=ANN)
    ctl("user", "role", "acme", ANN, "member")
    ctl("unsubscribe", "acme", MAINTENANCE, ANN, "--confirm", ANN, as_=OLGA)
    ctl("account", "transfer", "acme", ANN)
    ctl("account", "transfer", "acme", OLGA)    # its detail has her
    ctl.sql("INSERT INTO link_request(at, chat, address_key, sent)"
            " VALUES (1700000000, 99, ?, 1)", address)


def holding(ctl, address):
    """The tables that have ADDRESS."""
    return {table for table, rows in ctl.dump().items()
            if address.lower() in str(rows).lower()}


def octets(ctl):
    folder = os.path.dirname(ctl.database)
    found = b""
    for name in os.listdir(folder):
        if name.startswith("roster.db"):
            with open(os.path.join(folder, name), "rb") as file:
                found += file.read()
    return found.lower()


@case("show names every account, chat, link, request, notice and change")
def _(ctl):
    trouble(ctl, ANN)
    shown = ctl.json("person", "show", "Ann@ACME.example")
    same({(row["account"], row["role"], row["language"], row["chat"])
          for row in shown["accounts"]},
         {("acme", "user-admin", "de", "4711"), ("beta", "member", "", "")},
         "accounts")
    true(BALANCE in next(r for r in shown["accounts"] if r["account"] == "acme")
         ["categories"], "categories")
    same([(t["account"], t["by"]) for t in shown["tokens"]],
         [("acme", "connect")], "connect links")
    same([(r["chat"], r["sent"]) for r in shown["requests"]], [(99, True)],
         "requests")
    true({(n["to"], n["kind"]) for n in shown["notices"]} >= {
        (BILL, "unsubscribed"), (ANN, "unsubscribed"), (OLGA, "handed-over")},
        f"notices: {shown['notices']}")
    true({r["action"] for r in shown["log"]} >= {
        "user-add", "subscribe", "user-role", "unsubscribe",
        "account-transfer"}, "changes")
    contains(ctl.ok("person", "show", ANN).out, "4711", "for people")
    # Somebody who only did something.
    same(ctl.json("person", "show", OTTO)["accounts"][0]["role"], "owner",
         "an owner")
    ctl.refused(67, "person", "show", STRANGER, says="nothing is held")
    ctl.refused(67, "person", "forget", STRANGER, says="nothing is held")
    ctl.refused(65, "person", "show", "ann", says="not a mail address")


@case("an owner is not forgotten: every account that needs another is named")
def _(ctl):
    ctl.ok("account", "add", "gamma", "--owner", OTTO)
    ctl.refused(77, "person", "forget", OTTO,
                says=("beta, gamma", "account transfer beta EMAIL"))


@case("who is forgotten is told once, and then nothing holds the address")
def _(ctl):
    trouble(ctl, ANN)
    others = {account: {address: user for address, user in users.items()
                        if address != ANN}
              for account, users in ctl.roster().items()}
    same(len(holding(ctl, ANN)), 4, "tables that have it: "
         f"{holding(ctl, ANN)}")
    ctl.sendmail()
    said = ctl.ok("person", "forget", ANN).out
    for part in ("backups", "the mail log", "queued mail", "import"):
        contains(said, part, "what it says")
    same(ctl.roster(), others, "all others")
    same(holding(ctl, ANN), set(), "tables that have it")
    for table in ("token", "link", "link_request"):
        same(ctl.sql(f"SELECT count(*) FROM {table}"), [(0,)], table)
    if not rosterdb.remote():
        lacks(octets(ctl), ANN.encode(), "the files of the database")
    mails = ctl.mails()
    same(sorted({m.to for m in mails}), [ANN, BILL, OLGA], "who is told")
    told, = (m.text for m in mails if m.to == ANN)
    contains(told, f"about your address, {ANN}", "the mail")
    for mail in mails:
        if mail.to != ANN:
            lacks(mail.text, ANN, f"what {mail.to} is told")
    told = next(m for m in mails if m.to == BILL).text
    contains(told, "forgotten-", "what Bill is told")
    names = {r["subject"] for r in ctl.log() if "forgotten-" in r["subject"]}
    same(len(names), 1, f"names in the record: {names}")
    true({r["action"] for r in ctl.log() if r["subject"] in names} >= {
        "user-add", "user-remove", "telegram-end", "person-forget"}, "record")
    ctl.refused(67, "person", "show", ANN, says="nothing is held")
    # Somebody else gets another number; and the same person may come again.
    ctl.ok("person", "forget", BILL)
    same(len({r["subject"] for r in ctl.log()
              if "forgotten-" in r["subject"]}), 2, "names of two")
    ctl.ok("user", "add", "acme", ANN)


@case("a title of an account is cleared of the address, a category is named")
def _(ctl):
    ctl.ok("account", "title", "acme", "Ann Lee <Ann@ACME.example>, Acme")
    ctl.ok("account", "title", "beta", "xann@acme.example")
    for slug, title, about in (("debts", "Debts", f"ask {ANN}."),
                               ("loans", f"Loans ({ANN})", ""),
                               ("other", "Other", f"ask x{ANN}")):
        ctl.ok("category", "add", slug, "--title", title, "--description",
               about)
    shown = ctl.json("person", "show", ANN)
    same([row["account"] for row in shown["titles"]], ["acme"], "titles")
    same([row["category"] for row in shown["categories"]], ["debts", "loans"],
         "categories")
    said = ctl.ok("person", "forget", ANN).out
    contains(said, "category debts has the address", "what it says")
    contains(said, "category loans has the address", "what it says")
    lacks(said, "category other", "what it says")
    titles = dict(ctl.sql("SELECT name, title FROM account"))
    same(titles["acme"].split("forgotten-")[0], "Ann Lee <", "the title")
    same(titles["acme"].split(">")[1], ", Acme", "the rest of the title")
    same(titles["beta"], "xann@acme.example", "another's title")
    same(holding(ctl, ANN) - {"account", "change"},
         {"category", "category_key"}, "tables that have it")
    lacks(str(ctl.log()).replace("x" + ANN, ""), ANN, "the record")
    ctl.ok("account", "title", "beta", "")
    for title in "debts", "loans", "other":
        ctl.ok("category", "remove", title)
    # What only a text has.
    ctl.ok("account", "title", "acme", f"was {ANN}")
    ctl.ok("person", "forget", ANN)
    lacks(dict(ctl.sql("SELECT name, title FROM account"))["acme"], ANN,
          "the title")
    ctl.refused(67, "person", "show", ANN, says="nothing is held")


@case("an address between quotation marks is found, and one that is quoted "
      "itself, but none that is a part of another")
def _(ctl):
    for number, (title, after) in enumerate((
            (f"'{ANN}'", "'N'"), (f'Acme, "{ANN}".', 'Acme, "N".'),
            (f"Acme {{{ANN}}}", "Acme {N}"),
            (f"_{ANN}_ and *{ANN}*", "_N_ and *N*"),
            (f'contact="{ANN}"', 'contact="N"'), (f"**{ANN}**", "**N**"),
            (f"__{ANN}__", "__N__"), (f"\"'{ANN}'\"", "\"'N'\""),
            ('of "ann"@acme.example', "of N"),
            ('of "A\\nn"@ACME.example', "of N"),
            *((other, other) for other in (
                f'"{ANN}"@beta.example', f"x'{ANN}'", f"'{ANN}", f"o'{ANN}",
                f"x**{ANN}**", f"'{ANN}.org'", f"'x{ANN}'", f"-{ANN}-x",
                '"xann"@acme.example')))):
        ctl.reset()
        ctl.ok("account", "title", "--", "acme", title)
        same(len(ctl.json("person", "show", ANN)["titles"]), title != after,
             f"titles shown of {title}, {number}")
        ctl.ok("person", "forget", ANN)
        (shown,), = ctl.sql("SELECT title FROM account WHERE name = 'acme'")
        same(re.sub(r"forgotten-\d+", "N", shown), after, f"after {title}")


@case("others whose address only ends, or begins, with that one are left alone")
def _(ctl):
    near = ["xann@acme.example", "ann@acme.example.org", "joan.ann@acme.example"]
    ctl.ok("user", "add", "acme", *near)
    ctl.ok("user", "add", "acme", "ann@acme.examples")
    before = {r["subject"] for r in ctl.log()}
    ctl.ok("person", "forget", ANN)
    after = {r["subject"] for r in ctl.log()}
    same({*near, "ann@acme.examples"} - after, set(), "who is gone")
    same(before - after, {ANN}, "who is not in the record")


@case("letters outside ASCII are found in either case, quoted or not")
def _(ctl):
    near = "xЖанна@acme.example"
    ctl.ok("user", "add", "acme", near)
    for n, (local, other) in enumerate([
            ("ЖАННА", "Жанна"), ("JÜRGEN", "ju\u0308rgen"),
            ('"ÄNNE B"', '"änne b"'), ("İx", "İX")]):
        first, second = f"{local}@acme.example", f"{other}@acme.example"
        ctl.ok("user", "add", "acme", first)
        ctl.ok("user", "add", "beta", second)
        ctl.ok("user", "address", "beta", second, f"later{n}@acme.example")
        ctl.ok("user", "role", "acme", first, "user-admin")
        ctl.ok("subscribe", "acme", SERVICES, first, as_=first)
        shown = ctl.json("person", "show", second)
        same([entry["action"] for entry in shown["log"]],
             ["user-add", "user-add", "user-address", "tell", "user-role",
              "subscribe"], f"what is shown of {second}")
        ctl.ok("person", "forget", second)
        left = str(ctl.sql("SELECT actor, subject, detail FROM change"
                           " WHERE subject <> ?", near))
        for spelling in first, second:
            lacks(left, spelling, "the record")
        ctl.refused(67, "person", "show", first, says="nothing is held")
    same({entry["subject"] for entry in ctl.json("person", "show", near)[
        "log"]}, {near}, "another person")


@case("an address that the person had before is pointed out")
def _(ctl):
    ctl.ok("user", "address", "acme", BILL, "william@acme.example")
    contains(ctl.ok("person", "forget", "william@acme.example").out, BILL,
             "what it says")
    same(holding(ctl, "william@acme.example"), set(), "the present one")
    ctl.ok("person", "forget", BILL)
    same(holding(ctl, BILL), set(), "the former one")


@case("the mail that cannot be sent waits, and its row goes when it is sent")
def _(ctl):
    ctl.sendmail("exit 75")
    done = ctl("person", "forget", BILL)
    same(done.code, 0, f"exit of {done}")
    same(holding(ctl, BILL), {"notice"}, "tables that have it")
    ctl.sendmail()
    ctl.ok("user", "role", "acme", ANN, "user-admin")
    same([m.to for m in ctl.mails()], [BILL], "who is told")
    same(holding(ctl, BILL), set(), "tables that have it then")
    if not rosterdb.remote():
        lacks(octets(ctl), BILL.encode(), "the files of the database")


@case("with --no-tell, who is forgotten is not told either")
def _(ctl):
    ctl.ok("--no-tell", "person", "forget", BILL)
    same(ctl.mails(), [], "mails")
    same(holding(ctl, BILL), set(), "tables that have it")


@case("log --prune removes what is older than a day, and says so in the log")
def _(ctl):
    now = int(time.time())
    ctl.sql("UPDATE change SET at = ? WHERE account = 'acme' AND action ="
            " 'subscribe'", now - 10 * DAY)
    old = len([r for r in ctl.log() if r["action"] == "subscribe"
               and r["account"] == "acme"])
    kept = [r for r in ctl.log() if not (r["action"] == "subscribe"
                                         and r["account"] == "acme")]
    limit = time.strftime("%Y-%m-%d", time.localtime(now - 5 * DAY))
    ctl.ok("log", "beta", "--before", limit, "--prune")
    same(len(ctl.log()), old + len(kept) + 1, "another account's")
    ctl.ok("log", "--before", limit, "--prune")
    after = ctl.log()
    same(after[:len(kept)], kept, "what is kept")
    same([(r["action"], r["detail"]) for r in after[len(kept):]],
         [("log-prune", f"0 changes before {limit}"),
          ("log-prune", f"{old} changes before {limit}")], "what is recorded")
    later = time.strftime("%Y-%m-%d", time.localtime(now + 2 * DAY))
    for code, words, says in (
            (64, ["--prune"], "--before"), (64, ["--before", limit], "--prune"),
            (65, ["--before", "yesterday", "--prune"], "not a day"),
            (65, ["--before", "2026-02-30", "--prune"], "not a day"),
            (65, ["--before", later, "--prune"], "not over"),
            (67, ["nobody", "--before", limit, "--prune"], "no account")):
        ctl.refused(code, "log", *words, says=says)


@case("a notice that was sent stays for 30 days")
def _(ctl):
    now = int(time.time())
    for days in (29, 31):
        ctl.sql("INSERT INTO notice(at, account, address, kind, detail, actor,"
                " state, sent_at) VALUES (1, 'acme', ?, 'unsubscribed', 'x',"
                " 'y', 'sent', ?)", BILL, now - days * DAY)
    ctl.ok("notices", "send")
    same(ctl.sql("SELECT sent_at FROM notice"), [(now - 29 * DAY,)],
         "what is left")


ctl.run()
