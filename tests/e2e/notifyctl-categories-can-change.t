#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Every category can be changed, one of the operator's own be removed: who is
touched is said first, and nothing is lost that was not to be."""
from lib import ctl
from lib.ctl import MIRROR, case
from lib.roster import (ANN, BALANCE, BEA, BILL, DOCUMENTS, MAINTENANCE, OLGA,
                        OTTO, SERVICES, SUE)
from lib.tap import contains, lacks, same, true


def category(ctl, slug):
    return next(c for c in ctl.json("category", "list")["categories"]
                if c["slug"] == slug)


def explained(ctl, tag, account="acme"):
    return ctl.json("explain", "--recipient", OLGA, stdin=(
        f"From: a@b.example\nX-Notify-Category: {tag}\n"
        f"X-Notify-Account: {account}\n\nHello.\n"))


@case("the five say what falls in them, and others what they were given")
def _(ctl):
    contains(category(ctl, DOCUMENTS)["description"],
             "invoices for payment; reporting documents", "of documents")
    contains(category(ctl, MAINTENANCE)["description"],
             "the account's infrastructure", "of maintenance")
    true(all(c["description"] for c in ctl.json(
        "category", "list")["categories"]), "each has one")
    ctl.ok("category", "add", "alarms", "--title", "Alarms", "--description",
           "Smoke; fire «Ü»")
    same(category(ctl, "alarms")["description"], "Smoke; fire «Ü»", "own")
    contains(ctl.ok("category", "list").out, "Smoke; fire «Ü»", "for people")
    ctl.refused(65, "category", "add", "other", "--title", "Other",
                "--description", "two\nlines", says="one line")
    ctl.refused(65, "category", "add", "other", "--title", "Other",
                "--description", "x" * 1024, says="too long")


@case("a former title goes on being understood, and cannot be another's")
def _(ctl):
    ctl.ok("category", "set", BALANCE, "--title", "Money & Debts",
           "--description", "All about money")
    found = category(ctl, BALANCE)
    same((found["title"], found["description"]),
         ("Money & Debts", "All about money"), "title and description")
    for tag in (BALANCE, "Balance & Payments", "money_and_debts"):
        same(explained(ctl, tag)["verdict"], "deliver", tag)
        ctl.ok("list", "acme", tag)
    row = ctl.log()[-1]
    same((row["action"], row["subject"]), ("category-set", BALANCE), "record")
    contains(row["detail"], "Money & Debts, was Balance and payments", "detail")
    for words in (["add", "money-and-debts", "--title", "X"],
                  ["add", "x", "--title", "Balance and Payments"],
                  ["set", SERVICES, "--title", "balance - AND - payments"],
                  ["set", SERVICES, "--title", "Money and debts"],
                  ["set", SERVICES, "--title", DOCUMENTS]):
        ctl.refused(65, "category", *words, says="already")
    # Its own former title it can have back.
    ctl.ok("category", "set", BALANCE, "--title", "Balance and payments")
    ctl.ok("category", "set", "money and debts", "--title", "Balances")


@case("what is no change is reported, and what is none at all refused")
def _(ctl):
    before = ctl.dump()
    contains(ctl.ok("category", "set", BALANCE, "--title",
                    "Balance and payments", "--telegram", "yes").out,
             "already", "what it says")
    ctl.unchanged(before)
    for code, words, says in (
            (64, ["set", BALANCE], "without an option"),
            (65, ["set", BALANCE, "--telegram", "maybe"], "yes or no"),
            (65, ["set", BALANCE, "--title", ""], "cannot be a title"),
            (65, ["set", BALANCE, "--title", "&\n"], "one line"),
            (67, ["set", "lunch", "--title", "x"], "no category"),
            (67, ["remove", "lunch"], "no category"),
            (65, ["remove", BALANCE, "--yes"], "one of the five"),
            (65, ["remove", "Services and services"], "one of the five")):
        ctl.refused(code, "category", *words, says=says)


@case("closed to Subscribers, a subscription sleeps, and wakes up again")
def _(ctl):
    before = ctl.roster()
    line = ctl.refused(65, "category", "set", DOCUMENTS, "--subscriber", "no",
                       says=("1 users and 0 chats", "--yes"))
    lacks(line, SUE, "the line")
    contains(ctl.ok("category", "set", DOCUMENTS, "--subscriber", "no",
                    "--yes").out, "1 users and 0 chats", "what it says")
    same(ctl.roster(), before, "subscriptions")
    asleep = next(r for r in ctl.json("list", "acme", DOCUMENTS)["list"]
                  if r["address"] == SUE)
    same((asleep["receives"], asleep["why"]), (False, "not open to subscribers"),
         "what list says of it")
    found = explained(ctl, DOCUMENTS)
    sue, = [p for p in found["people"] if p["address"] == SUE]
    same(sue["gets"], False, f"does she get it: {sue}")
    contains(sue["why"], "not open to subscribers", "why not")
    # It is in no export, and a file without it does not end it.
    export = ctl.ok("export").out
    lacks(export, f"{SUE},subscriber,{DOCUMENTS}", "export")
    ctl.ok("import", "--sync", "-", stdin=export)
    same(ctl.roster(), before, "subscriptions after an import")
    ctl.ok("category", "set", DOCUMENTS, "--subscriber", "yes", "--yes")
    true(next(r for r in ctl.json("list", "acme", DOCUMENTS)["list"]
              if r["address"] == SUE)["receives"], "awake")


@case("no link ends while nothing is mirrored, whatever else changes")
def _(ctl):
    ctl.link("acme", ANN, 4711)
    ctl.link("acme", OLGA, 4712)
    ctl.link("beta", BEA, 4711)     # one group
    ctl.refused(65, "category", "set", BALANCE, "--telegram", "no",
                says="3 users and 2 chats")
    ctl.ok("category", "set", BALANCE, "--telegram", "no", "--yes")
    links = ctl.links()
    same(len(links), 3, "links")
    lacks(str(explained(ctl, BALANCE)), f"@{MIRROR}", "what is mirrored")
    ctl.ok("unsubscribe", "acme", MAINTENANCE, ANN, "--confirm", ANN,
           as_=OLGA)
    ctl.ok("user", "role", "acme", ANN, "user-admin")
    ctl.ok("account", "transfer", "acme", ANN)
    ctl.ok("account", "transfer", "acme", OLGA)
    same(ctl.links(), links, "links after other changes")
    ctl.ok("category", "set", BALANCE, "--telegram", "yes", "--yes")
    contains(str(explained(ctl, BALANCE)), f"@{MIRROR}", "what is mirrored")
    # Who loses it loses the chat.
    ctl.ok("unsubscribe", "beta", BALANCE, BEA, "--confirm", BEA, as_=OTTO)
    same(ctl.links(), links - {("beta", BEA)}, "links in the end")


@case("nobody is told of a category, but with --tell whoever it touches is")
def _(ctl):
    ctl.ok("category", "set", DOCUMENTS, "--subscriber", "no", "--yes")
    ctl.ok("category", "set", DOCUMENTS, "--subscriber", "yes", "--yes")
    same(ctl.mails(), [], "mails without --tell")
    ctl.ok("category", "set", DOCUMENTS, "--subscriber", "no", "--yes",
           "--tell")
    mail, = ctl.mails()
    same(mail.to, SUE, "who is told")
    contains(mail.text, "Accounting documents", "what is told")
    ctl.ok("category", "add", "alarms", "--title", "Alarms")
    ctl.ok("subscribe", "acme", "alarms", ANN, BILL, as_=OLGA)
    ctl.ok("category", "remove", "alarms", "--yes", "--tell")
    same(sorted(m.to for m in ctl.mails()), [ANN, BILL, SUE], "who is told")


def told(ctl, *words):
    """{address: mail} of the mails that the command sends."""
    before = len(ctl.mails())
    ctl.ok(*words, "--yes", "--tell")
    mails = ctl.mails()[before:]
    same(len({m.to for m in mails}), len(mails), "one mail for a person")
    return {m.to: m for m in mails}


@case("with --tell whose chat no longer gets a category is told, by mail, and "
      "who gets it too with tell = all")
def _(ctl):
    ctl.link("acme", ANN, 4711)
    ctl.link("acme", BILL, 4712)    # gets nothing of it
    ctl.link("acme", OLGA, 4711)
    ctl.link("beta", BEA, 4713)
    links = ctl.links()
    ctl.ok("category", "set", BALANCE, "--telegram", "no", "--yes")
    ctl.ok("category", "set", BALANCE, "--telegram", "yes", "--yes", "--tell")
    same(ctl.mails(), [], "mails without --tell, and of what is no loss")
    mails = told(ctl, "category", "set", BALANCE, "--telegram", "no",
                 "--title", "Money", "--subscriber", "no")
    same(set(mails), {ANN, OLGA, BEA, SUE}, "who is told")
    for address, account in ((ANN, "acme"), (OLGA, "acme"), (BEA, "beta")):
        same(mails[address].message["Subject"], "Your Telegram chat no longer "
             f'receives "Money" for account {account}', "Subject")
        for part in ("No longer in the chat:", "  - Money\n    debts; refunds",
                     "still get them by mail", "ask the owner"):
            contains(mails[address].text, part, "the text")
        lacks(mails[address].text, "unlinked", "the text")
        lacks(mails[address].text, "You no longer receive", "the text")
    contains(mails[SUE].message["Subject"], "You no longer receive", "Subject")
    same([entry[2] for entry in sorted(ctl.told())],
         ["unmirrored, balance-and-payments",
          "unmirrored, balance-and-payments",
          "unsubscribed, balance-and-payments",
          "unmirrored, balance-and-payments"], "the record")
    same((ctl.links(), ctl.sql("SELECT id FROM farewell")), (links, []),
         "links, and what chats are told")
    ctl.settings(tell="all")
    mails = told(ctl, "category", "set", BALANCE, "--telegram", "yes")
    same(set(mails), {ANN, OLGA, BEA}, "who is told")
    contains(mails[ANN].message["Subject"], "chat now receives", "Subject")
    contains(mails[ANN].text, "Now in the chat, too:\n  - Money", "the text")
    ctl.settings(tell="nothing")
    same(told(ctl, "category", "set", BALANCE, "--telegram", "no"), {},
         "mails with tell = nothing")
    ctl.settings()


@case("with --tell a mirrored category that is removed is told to whom it was "
      "subscribed, and to owners whose chat got it")
def _(ctl):
    ctl.ok("category", "add", "alarms", "--title", "Alarms", "--telegram")
    ctl.ok("subscribe", "acme", "alarms", BILL, as_=OLGA)
    ctl.link("acme", OLGA, 4711)
    ctl.link("acme", ANN, 4712)
    mails = told(ctl, "category", "remove", "alarms")
    same(set(mails), {BILL, OLGA}, "who is told")
    same([(r["subject"]) for r in ctl.log() if r["action"] == "unsubscribe"],
         [BILL], "the record")


@case("remove ends the subscriptions, records each, and frees the spellings")
def _(ctl):
    ctl.ok("category", "add", "alarms", "--title", "The alarms", "--telegram")
    ctl.ok("category", "set", "alarms", "--title", "Sirens")
    ctl.ok("subscribe", "acme", "alarms", ANN, BILL, as_=OLGA)
    ctl.link("acme", BILL, 4711)
    before = ctl.roster()
    ctl.refused(65, "category", "remove", "sirens",
                says=("2 users and 1 chats", "--yes"))
    ctl.ok("category", "remove", "sirens", "--yes")
    for address in (ANN, BILL):
        before["acme"][address][1].discard("alarms")
    same(ctl.roster(), before, "subscriptions")
    same(ctl.links(), {("acme", BILL)}, "links")
    same([(r["account"], r["action"], r["subject"], r["detail"])
          for r in ctl.log()[-3:]],
         [("acme", "unsubscribe", ANN, "alarms, category removed"),
          ("acme", "unsubscribe", BILL, "alarms, category removed"),
          ("", "category-remove", "alarms", "Sirens")], "record")
    same(explained(ctl, "alarms")["verdict"], "hold", "a message of it")
    # Nobody was subscribed: no --yes.
    ctl.ok("category", "add", "sirens", "--title", "The alarms")
    ctl.ok("category", "remove", "sirens")


ctl.run()
