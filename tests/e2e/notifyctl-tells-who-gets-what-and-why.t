#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""notifyctl list, and explain: who gets what, and for each person why."""
from lib import ctl, stamps
from lib.ctl import MIRROR, NOBODY, case, needs_root
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES, DOCUMENTS,
                        MAINTENANCE, MIA, OLGA, OTTO, ROSTER, SERVICES,
                        STRANGER, SUE, entitled)
from lib.tap import Skip, contains, lacks, same, true


# list

@case("list has for each category who gets it, and who does not")
def _(ctl):
    for account in ROSTER:
        rows = ctl.json("list", account)["list"]
        for category in CATEGORIES:
            same({row["address"] for row in rows if row["receives"]
                  and row["category"] == category},
                 entitled(category, account), f"{category} of {account}")
            same([row for row in rows if row["category"] == category],
                 ctl.json("list", account, category)["list"],
                 f"{category} of {account} alone")
        lines = ctl.ok("list", account).out.splitlines()
        for row in rows:
            true([line for line in lines if all(
                word in line for word in (row["category"], row["address"],
                                          row["role"], row["why"]))],
                 f"a line for {row}")


@case("list of an account says who gets nothing, and who everything")
def _(ctl):
    def ends():
        found = ctl.json("list", "acme")
        return [[row["address"] for row in found[name]]
                for name in ("nothing", "everything")]
    same(ends(), [[MIA], [OLGA]], "nothing and everything")
    for category in CATEGORIES:
        ctl.ok("subscribe", "acme", category, ADAM, as_=OLGA)
    same(ends(), [[MIA], [OLGA, ADAM]], "adam has all")
    ctl.ok("user", "role", "acme", BILL, "subscriber")      # loses his one
    same(ends(), [[BILL, MIA], [OLGA, ADAM]], "bill has none")
    tail = ctl.ok("list", "acme").out.split("who gets nothing:\n")[1]
    nothing, everything = tail.split("who gets everything:\n")
    for address in (BILL, MIA):
        contains(nothing, address, "for people")
    for address in (OLGA, ADAM):
        contains(everything, address, "for people")
    found = ctl.json("list", "acme", as_=MIA)
    same([{row["address"] for row in found[name]}
          for name in ("list", "nothing", "everything")],
         [{MIA}, {MIA}, set()], "a member sees herself")
    true("nothing" not in ctl.json("list", "acme", SERVICES), "one category")


@case("list of a category has every user, with the reason")
def _(ctl):
    for category, why in (
            (BALANCE, {OLGA: "owner", ADAM: "not subscribed",
                       ANN: "subscribed", BILL: "not subscribed",
                       MIA: "not subscribed", SUE: "subscribed"}),
            (MAINTENANCE, {OLGA: "owner", ADAM: "not subscribed",
                           ANN: "subscribed", BILL: "subscribed",
                           MIA: "not subscribed", SUE: "not open"})):
        rows = {row["address"]: row for row in
                ctl.json("list", "acme", category)["list"]}
        same(set(rows), set(why), "people")
        text = ctl.ok("list", "acme", category).out
        for address, word in why.items():
            row = rows[address]
            same(row["receives"], address in entitled(category, "acme"),
                 f"{address} receives {category}")
            contains(row["why"], word, f"why for {address}")
            same(row["why"].startswith("not"), not row["receives"],
                 f"{row} agrees with itself")
            same(row["role"], ROSTER["acme"][address][0], "role")
            line = next(line for line in text.splitlines() if address in line)
            for word in (row["why"], row["role"],
                         "yes" if row["receives"] else "no"):
                contains(line, word, "line")


@case("list follows each change at once")
def _(ctl):
    def getting(category=SERVICES):
        return {row["address"] for row in
                ctl.json("list", "acme", category)["list"] if row["receives"]}
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=OLGA)
    same(getting(), {OLGA, ADAM, MIA}, "after subscribing mia")
    ctl.ok("account", "transfer", "acme", ADAM)
    same(getting(), {ADAM, MIA, OLGA}, "after the transfer")
    ctl.ok("user", "role", "acme", MIA, "subscriber")
    same(getting(), {ADAM, OLGA}, "after mia became a Subscriber")


# explain

def message(category=BALANCE, account=None, to=(STRANGER,), more=""):
    """A message; TO goes into its header."""
    tags = f"X-Notify-Category: {category}\n" if category is not None else ""
    if account:
        tags += f"X-Notify-Account: {account}\n"
    if "Message-ID:" not in more:       # a chat's address depends on it
        more += "Message-ID: <1@example.org>\n"
    return (f"From: billing@example.org\nTo: {', '.join(to)}\n"
            f"Subject: Notice\n{more}{tags}\nHello.\n")


def people(document):
    """{address: (gets it, how, why)}"""
    return {person["address"]: (person["gets"], person["how"], person["why"])
            for person in reversed(document["people"])}


def explain(ctl_, text, *recipients, args=(), code=0):
    """(verdict, {address: (gets, how, why)}) from file, stdin and terminal
    form alike; nothing may have changed or been sent."""
    before = ctl_.dump()
    words = [*args, *[word for address in recipients
                      for word in ("--recipient", address)]]
    path = ctl_.path("message.eml", text)
    done = ctl_("explain", path, *words, json_=True)
    same((done.code, done.err), (code, ""), f"exit and stderr of {done}")
    for more in (["-"], []):
        again = ctl_("explain", *more, *words, json_=True, stdin=text)
        same(again.out, done.out, "what it says from standard input")
    shown = ctl_("explain", path, *words)
    same((shown.code, shown.err), (code, ""), f"exit and stderr of {shown}")
    contains(shown.out, done.document["verdict"], "what a person reads")
    found = people(done.document)
    for address, (gets, how, why) in found.items():
        true([line for line in shown.out.splitlines()
              if line.startswith(address + " ") and how in line and why in line
              and ("yes" if gets else "no") in line.split()],
             f"a line for {address} in {shown.out!r}")
    ctl_.unchanged(before)
    same(ctl_.mails("*"), [], "mails")
    return done.document["verdict"], found


@case("explain gives the reason for every user of the account")
def _(ctl):
    verdict, found = explain(ctl, message(BALANCE, "acme"), BILL, STRANGER,
                             OTTO)
    same(verdict, "deliver", "verdict")
    same({address for address, (gets, _, _) in found.items() if gets},
         entitled(BALANCE, "acme"), "who gets it")
    for address, word in ((OLGA, "owner"), (ANN, "subscribed"),
                          (SUE, "subscribed"), (BILL, "not subscribed"),
                          (MIA, "not subscribed"), (ADAM, "not subscribed"),
                          (STRANGER, "no user"), (OTTO, "beta")):
        contains(found[address][2], word, f"why for {address}")
    verdict, found = explain(ctl, message(MAINTENANCE, "acme"), SUE)
    contains(found[SUE][2], "not open", "why for the Subscriber")


@case("explain names nobody twice")
def _(ctl):
    for text, rcpts in ((message(BALANCE, "acme"), (ANN, BILL, STRANGER)),
                        (message(SERVICES), (BILL, MIA, ANN)),
                        (message(BALANCE, "acme"), (ANN, SUE, OLGA))):
        for expand in ("owner", "addressed", "always", "never"):
            ctl.settings(expand=expand)
            found = [person["address"] for person in ctl.json(
                "explain", "-", *[word for address in rcpts for word in
                                  ("--recipient", address)],
                stdin=text)["people"]]
            same(sorted(found), sorted(set(found)), f"people, {expand}")


@case("who may not read the roster is told so, and not that the milter defers")
def _(ctl):
    needs_root()
    if ctl.store.url.startswith("postgresql:"):
        raise Skip("the roster is no file")
    for user, code in ((NOBODY, 74), (None, 0)):
        done = ctl("explain", "-", "--recipient", ANN,
                   stdin=message(BALANCE, "acme"), user=user)
        same(done.code, code, f"exit of {done}")
        lacks(done.out, "tempfail", f"{done}")
    ctl.settings(user=NOBODY)
    done = ctl("explain", "-", "--recipient", ANN,
               stdin=message(BALANCE, "acme"), user=NOBODY)
    same(done.code, 75, f"exit of the milter's user: {done}")
    contains(done.out, "verdict   tempfail: ", f"{done}")


@case("explain takes the recipients from To, Cc and Bcc if none is given")
def _(ctl):
    text = message(BALANCE, None, (f'"Ann, A." <{ANN}>', f"<{BILL}>"),
                   f"Cc: {SUE},\n\t{STRANGER}\nBcc: {BEA}\n")
    verdict, found = explain(ctl, text)
    same(verdict, "deliver", "verdict")
    same({address: gets for address, (gets, _, _) in found.items()
          if address in (ANN, BILL, SUE, STRANGER, BEA)},
         {ANN: True, BILL: False, SUE: True, STRANGER: False, BEA: True},
         "people")
    _, found = explain(ctl, message(BALANCE, None, (f"us: {ANN}, {BILL};",)))
    same({ANN, BILL} - set(found), set(), "those of a group who are missing")


@case("--recipient goes before the headers, and may be repeated")
def _(ctl):
    _, found = explain(ctl, message(BALANCE, None, (STRANGER,)), ANN, BILL)
    true(STRANGER not in found, f"the one in the header: {found}")
    same({ANN, BILL} - set(found), set(), "those who are missing")


@case("--sender is taken and shown")
def _(ctl):
    path = ctl.path("message.eml", message(BALANCE, "acme"))
    for sender in ("billing@example.org", ""):
        words = ("explain", path, "--sender", sender)
        contains(ctl.ok(*words).out, sender, "what it says")
        same(ctl.json(*words)["verdict"], "deliver", "verdict")


@case("a message without a tag is untouched, whatever its recipients")
def _(ctl):
    verdict, found = explain(ctl, message(None, None, (STRANGER, BILL)))
    same(verdict, "untouched", "verdict")
    same({gets for gets, _, _ in found.values()}, {True}, "who gets it")


@case("a tag that cannot be understood is held, with its reason")
def _(ctl):
    for text, word in ((message("lunch", "acme"), "lunch"),
                       (message(BALANCE, "nosuch"), "nosuch"),
                       (message(""), "category"),
                       (message(BALANCE, "acme", more="X-Notify-Category: "
                                f"{SERVICES}\n"), "")):
        verdict, found = explain(ctl, text)
        same(verdict, "hold", "verdict")
        same({gets for gets, _, _ in found.values()}, {False}, "who gets it")
        reason = ctl.json("explain", "-", stdin=text)["reason"]
        contains(reason, word, "reason")
        contains(ctl.ok("explain", "-", stdin=text).out, reason, "it says")


@case("the tag is read as the milter reads it: folded, encoded, any spelling")
def _(ctl):
    for tag in ("Balance & Payments", "BALANCE_AND_PAYMENTS",
                "=?utf-8?B?QmFsYW5jZSAmIHBheW1lbnRz?=",
                "=?utf-8?Q?Balance?=\n =?utf-8?Q?_and_payments?="):
        path = ctl.path("message.eml", message(tag, "ACME"))
        got = ctl.json("explain", path)
        same((got["verdict"], got["category"], got["account"]),
             ("deliver", BALANCE, "acme"), f"{tag!r}")


@case("a message without recipients left is discarded, one to the milter's "
      "own domain rejected")
def _(ctl):
    ctl.settings(expand="addressed")
    verdict, found = explain(ctl, message(SERVICES), BILL)
    same((verdict, found[BILL][0]), ("discard", False), "verdict and bill")
    verdict, found = explain(ctl, message(BALANCE, "acme"), f"7@{MIRROR}")
    same((verdict, found[f"7@{MIRROR}"][0]), ("reject", False), "verdict")


@case("who joins because of a recipient is shown with that recipient")
def _(ctl):
    verdict, found = explain(ctl, message(SERVICES), BILL)
    same((verdict, found[BILL][0], found[OLGA]),
         ("deliver", False, (True, "added", f"owner of acme, whose user {BILL} "
                             "was addressed")), "verdict, bill, olga")
    same(set(found), {BILL, OLGA}, "people")
    ctl.settings(expand="always")
    verdict, found = explain(ctl, message(BALANCE), BILL)
    same(found[SUE], (True, "added", f"subscriber of acme, whose user {BILL} "
                      f"was addressed, subscribed to {BALANCE}"), "sue")
    same(found[MIA][:2], (False, "not added"), "mia")
    ctl.settings()
    verdict, found = explain(ctl, message(SERVICES, "acme"), BILL)
    same(found[OLGA], (True, "added", "owner of acme"), "olga, account named")
    verdict, found = explain(ctl, message(DOCUMENTS), ANN)
    same((verdict, found[ANN][0]), ("hold", False), "a user of two accounts")


@case("chats that mirror the message are shown with their users")
def _(ctl):
    ctl.link("acme", ANN)
    link, = ctl.sql("SELECT id FROM link")[0]
    _, found = explain(ctl, message(BALANCE, "acme"))
    chat, = (address for address in found if MIRROR in address)
    same(stamps.bare(chat), f"{link}@{MIRROR}", "the chat's address")
    gets, _, why = found[chat]
    same(gets, True, "the chat gets it")
    contains(why, ANN, "why for the chat")
    _, found = explain(ctl, message(MAINTENANCE, "acme"))
    lacks(str(found), MIRROR, "people for what is not mirrored")


@case("explain shows the stamp, and that a message was decided before")
def _(ctl):
    ctl.link("acme", ANN)
    id_ = "<1@acme.example>"
    head = (f"To: {BILL}\nMessage-ID:\n {id_}\nX-Notify-Category: {BALANCE}\n"
            "X-Notify-Account: Acme\n")
    done = ctl.json("explain", stdin=f"{head}\nHello.\n")
    key = stamps.key(ctl.sql)
    stamp = stamps.decided(key, BALANCE, "acme", id_)
    same((done["decided"], done["stamp"]), (False, stamp), "decided, stamp")
    link, = ctl.sql("SELECT id FROM link")[0]
    same([p["address"] for p in done["people"] if p["how"] == "mirrored"],
         [f"{link}-{stamps.mirror(key, link, BALANCE, id_)}@{MIRROR}"], "chat")
    contains(ctl.ok("explain", stdin=f"{head}\nHello.\n").out,
             f"X-Notify-Decided: {stamp}", "what a person reads")
    again = f"{head}X-Notify-Decided: {stamp}\n\nHello.\n"
    done = ctl.json("explain", stdin=again)
    same((done["decided"], done["stamp"], done["verdict"], done["kept"]),
         (True, "", "deliver", 1), "of a message that comes again")
    contains(ctl.ok("explain", stdin=again).out, "decided   before", "words")
    done = ctl.json("explain", "--recipient", BILL, "--recipient",
                    f"{link}-{'0' * 32}@{MIRROR}", stdin=again)
    same(done["verdict"], "reject", "with a wrong mirror")


@case("explain follows the settings expand, unknown_recipients and monitor")
def _(ctl):
    ctl.settings(expand="never", unknown_recipients="keep")
    _, found = explain(ctl, message(BALANCE, "acme"), STRANGER, ANN)
    same({a for a, (gets, _, _) in found.items() if gets}, {STRANGER, ANN},
         "who gets it with expand = never")
    ctl.settings(expand="always")
    _, found = explain(ctl, message(BALANCE), BILL)
    same({a for a, (gets, _, _) in found.items() if gets},
         entitled(BALANCE, "acme"), "who gets it with expand = always")
    ctl.settings(monitor="yes")
    got = ctl.json("explain", "-", stdin=message(BALANCE, "acme"))
    same((got["verdict"], got["monitor"]), ("deliver", True), "monitor")
    contains(ctl.ok("explain", "-", stdin=message(BALANCE, "acme")).out,
             "monitor", "what it says")


@case("a message with CRLF, a long body or no body is read as well")
def _(ctl):
    text = message(BALANCE, "acme")
    for other in (text.replace("\n", "\r\n"), text + "x" * 3_000_000,
                  text.partition("\n\n")[0] + "\n",
                  text.partition("\n\n")[0]):
        same(ctl.json("explain", "-", stdin=other)["verdict"], "deliver",
             f"verdict of {other[:9]!r}...{other[-9:]!r}")


@case("a tag in the body does not count")
def _(ctl):
    text = message(None) + f"\nX-Notify-Category: {BALANCE}\n\n"
    same(ctl.json("explain", "-", stdin=text)["verdict"], "untouched",
         "verdict")


@case("a message without recipients, or no message, is refused with 65")
def _(ctl):
    for text in ("", "\n", "Subject: x\n\nhello\n", "To: \n\nhello\n",
                 "To: undisclosed-recipients:;\n\nhello\n", "hello\n"):
        ctl.refused(65, "explain", stdin=text, says="expected")
    for path in (ctl.path("nosuch.eml"), ctl.folder):
        ctl.refused(65, "explain", path, says=path)


@case("without a database explain says that the milter would defer, and why")
def _(ctl):
    ctl.reset(None)
    verdict, found = explain(ctl, message(BALANCE, "acme"), BILL, code=75)
    same((verdict, found[BILL][0]), ("tempfail", False), "verdict and bill")
    done = ctl("explain", "-", stdin=message(BALANCE, "acme"))
    contains(done.out, "notifyctl init", "what it says")


@case("no text in a message breaks the lines of its explanation")
def _(ctl):
    for text in (message("=?utf-8?Q?lu=0Anch=1B[2J?="),
                 message("lunch\x1b[2J", "ac\x07me"),
                 message(BALANCE, "=?utf-8?Q?a=0Ab?="),
                 message(BALANCE, "acme", (f'"a\x1b[2Jb"@{MIRROR}',)),
                 message(BALANCE, "acme", ('"a\x1b[2J\u202eb"@x.example',))):
        for options in ([], ["--recipient", f"a\nb\x1b[2J@{MIRROR}"],
                        ["--recipient", "a\nb\x1b[2J@x.example"]):
            done = ctl.ok("explain", "-", *options, stdin=text)
            same([c for c in done.out if not c.isprintable() and c != "\n"],
                 [], f"characters of {done}")
            lines = [line.split()[0] for line in done.out.splitlines()
                     if line.strip()]
            same(lines[:3], ["verdict", "category", "account"],
                 f"the first words of {done}")


ctl.run()
