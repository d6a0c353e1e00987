#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# takes: 10 s
"""Whoever loses something by a command is told by mail, by whatever road: one
mail for a person and command, which says what, by whom, and whom to ask."""
from lib import ctl
from lib.ctl import case
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES, CSV,
                        DOCUMENTS, MAINTENANCE, MIA, OLGA, OTTO, SERVICES,
                        SUE)
from lib.tap import contains, lacks, same, true
from lib.waiting import spent

TITLES = ("Balance and payments", "Scheduled maintenance")


def told(ctl_, **want):
    """The mails: {address: (part of the subject, parts of the text)}."""
    mails = {mail.to: mail for mail in ctl_.mails()}
    same(len(mails), len(ctl_.mails()), "one mail for a person")
    same(set(mails), set(want), "who is told")
    for address, (subject, parts) in want.items():
        contains(mails[address].message["Subject"], subject, "Subject")
        for part in parts:
            contains(mails[address].text, part, f"the text for {address}")
    return mails


@case("a user who is removed, with what is lost, the chat, and whom to ask")
def _(ctl):
    ctl.link("acme", ANN)
    ctl.ok("user", "remove", "acme", ANN)
    mail = told(ctl, **{ANN: ("no longer a user of account acme", (
        *TITLES, "chat was unlinked", OLGA, ADAM))})[ANN]
    lacks(mail.text, "operator", "the text")
    same(ctl.told(), [("acme", ANN, f"removed, {BALANCE}, {MAINTENANCE}")],
         "the record")
    same(ctl.sql("SELECT account, reason FROM farewell"),
         [("acme", "removed")], "what the chat is told")


@case("a role that takes something away, and not one that gives something")
def _(ctl):
    ctl.ok("user", "role", "acme", ANN, "subscriber", as_=ADAM)
    mail = told(ctl, **{ANN: ("Your role in account acme", (
        "user", "subscriber", TITLES[1], ADAM))})[ANN]
    lacks(mail.text, TITLES[0], "what is kept")
    ctl.ok("user", "role", "acme", ANN, "member")
    ctl.ok("user", "role", "acme", ANN, "user-admin")
    same(len(ctl.mails()), 1, "mails after more rights")
    ctl.ok("user", "role", "acme", ANN, "member")
    same(len(ctl.mails()), 2, "mails after fewer")
    lacks(ctl.mails()[1].text, "no longer receive", "nothing else is lost")


@case("the old and the new owner")
def _(ctl):
    ctl.ok("account", "transfer", "acme", ANN)
    told(ctl, **{ANN: ("You are the owner of account acme", ()),
                 OLGA: ("no longer the owner of account acme", (ANN,))})


@case("everybody of an account that is removed")
def _(ctl):
    ctl.ok("account", "remove", "beta")
    mails = told(ctl, **{who: ("Account beta was removed", ())
                         for who in (OTTO, BEA, ANN)})
    contains(mails[BEA].text, TITLES[0], "what bea had")
    # Its rows are gone, but they know each other.
    for who, mail in mails.items():
        contains(mail.text, f"- {OTTO}\n", f"whom {who} may ask")


@case("several changes to a person are one mail, several titles a count")
def _(ctl):
    rows = ctl.ok("export").out.replace(
        f"acme,{ANN},member,{BALANCE};{MAINTENANCE}\n",
        f"acme,{ANN},subscriber,\n").replace(f"acme,{MIA},member,\n", "")
    ctl.ok("import", "--sync", "--tell", "--remove-many",
           ctl.path("in.csv", rows))
    told(ctl, **{ANN: ("role", TITLES), MIA: ("no longer a user", ())})
    ctl.reset()
    ctl.ok("subscribe", "acme", SERVICES, ANN, as_=OLGA)
    rows = ctl.ok("export").out.replace(f"{BALANCE};{MAINTENANCE};{SERVICES}",
                                        "")
    ctl.ok("import", "--sync", "--tell", "--remove-many",
           ctl.path("in.csv", rows))
    told(ctl, **{ANN: ("no longer receive 3 categories", TITLES)})


@case("an owner whom a file replaces is told in one mail what became of it")
def _(ctl):
    text = ctl.ok("export").out.replace(f"acme,{OLGA},owner,\n", "ROW").replace(
        f"acme,{SUE},subscriber,{DOCUMENTS}", f"acme,{SUE},owner,")
    all_of = set(CATEGORIES)
    for row, subject, parts, lost in (
            ("", "no longer a user of account acme", (), all_of),
            (f"acme,{OLGA},member,{SERVICES}\n", "Your role in account acme",
             ("was: owner", "now: user."), all_of - {SERVICES}),
            (f"acme,{OLGA},subscriber,\n", "Your role in account acme",
             ("was: owner", "now: subscriber."), all_of),
            (f"acme,{OLGA},user-admin,{SERVICES}\n",
             "no longer the owner of account acme", (SUE,),
             all_of - {SERVICES})):
        ctl.reset()
        ctl.ok("import", "--sync", "--tell", "--remove-many", "-",
               stdin=text.replace("ROW", row))
        mails = told(ctl, **{SUE: ("You are the owner", ()),
                             OLGA: (subject, parts)})
        before, _, after = mails[OLGA].text.partition("You now receive")
        for slug, (title, *_) in CATEGORIES.items():
            (contains if slug in lost else lacks)(before, title, "the lost")
            (lacks if slug in lost else contains)(after, title, "the kept")


@case("an import and --no-tell tell nobody, but chats")
def _(ctl):
    ctl.link("acme", ANN)
    rows = CSV + f"acme,{OLGA},owner,\nacme,{ADAM},member,\n"
    ctl.ok("import", "--sync", "--remove-many", ctl.path("in.csv", rows))
    same((ctl.mails(), ctl.notices(), ctl.told()), ([], [], []), "told")
    same(len(ctl.sql("SELECT id FROM farewell")), 1, "chats that are told")
    ctl.reset()
    ctl.ok("--no-tell", "user", "remove", "acme", BILL)
    ctl.ok("account", "remove", "beta", "--no-tell")
    same((ctl.mails(), ctl.notices()), ([], []), "told")
    ctl.refused(77, "--no-tell", "user", "remove", "acme", MIA, as_=OLGA)
    true(ctl.user("acme", MIA), "mia is still there")


@case("tell = all tells who gets something too, tell = nothing nobody")
def _(ctl):
    ctl.settings(tell="all")
    ctl.ok("subscribe", "acme", SERVICES, BILL, MIA, as_=ADAM)
    told(ctl, **{who: ('now receive "Services and services"', (ADAM,))
                 for who in (BILL, MIA)})
    ctl.reset()
    ctl.settings(tell="nothing")
    for words in (["unsubscribe", "acme", MAINTENANCE, BILL, "--confirm",
                   BILL], ["user", "role", "acme", ANN, "subscriber"],
                  ["account", "transfer", "acme", ANN]):
        ctl.ok(*words, as_=OLGA)
    same((ctl.mails(), ctl.notices()), ([], []), "told")
    ctl.settings()


@case("who is subscribed in several new accounts is told in each whom to ask")
def _(ctl):
    ctl.settings(tell="all")
    ctl.ok("import", "--tell", "-", stdin=CSV + "".join(
        f"new{i},{owner},owner,\nnew{i},{ANN},member,{SERVICES}\n"
        for i, owner in enumerate((OLGA, OTTO))))
    same([(account, whom) for account, whom, _ in ctl.told()],
         [("new0", ANN), ("new1", ANN)], "who is told, in which account")
    for mail, owner in zip(ctl.mails(), (OLGA, OTTO), strict=True):
        contains(mail.text, f"- {owner}", "whom to ask")
    ctl.settings()


@case("who is an administrator by the same command is named, a former one is not")
def _(ctl):
    first, last = "aaron@acme.example", "zoe@acme.example"
    ctl.ok("user", "add", "acme", first, "carl@acme.example", last)
    ctl.ok("import", "--tell", ctl.path("in.csv", "account,email,role\n"
           f"acme,{first},subscriber\nacme,{ADAM},member\n"
           f"acme,{BILL},subscriber\nacme,carl@acme.example,user-admin\n"
           f"acme,{last},subscriber\n"))
    mails = {mail.to: mail.text for mail in ctl.mails()}
    same({who: [one for one in (OLGA, ADAM, "carl@acme.example")
                if f"- {one}\n" in text] for who, text in mails.items()},
         {first: [OLGA], ADAM: [OLGA], BILL: [OLGA, "carl@acme.example"],
          last: [OLGA, "carl@acme.example"]}, "whom to ask")


@case("who has nothing is told of the removal alone; others of other accounts "
      "are not told")
def _(ctl):
    ctl.ok("user", "remove", "beta", ANN)
    told(ctl, **{ANN: ("no longer a user of account beta", (OTTO,))})
    lacks(ctl.mails()[0].text, "acme, ", "the other account")
    ctl.ok("user", "remove", "acme", SUE)
    contains(ctl.mails()[1].text, "Accounting documents", "what sue had")


@case("a command sends fifty, and notices send the rest; what fails waits")
def _(ctl):
    rows = CSV + "big,boss@big.example,owner,\n" + "".join(
        f"big,u{n}@big.example,member,{SERVICES}\n" for n in range(60))
    ctl.ok("import", ctl.path("in.csv", rows))
    ctl.ok("account", "remove", "big")
    same(len(ctl.mails()), 50, "mails of the command")
    waiting = ctl.json("notices", "list")["notices"]
    same((len(waiting), {n["kind"] for n in waiting},
          {n["state"] for n in waiting}), (11, {"account-removed"},
                                           {"pending"}), "what waits")
    contains(ctl.ok("notices", "list").out, waiting[0]["address"], "the list")
    ctl.sendmail("exit 1")
    done = ctl("notices", "send")
    same((done.code, "11" in done.err or "kept" in done.err), (75, True),
         f"{done}")
    same([n["tries"] for n in ctl.json("notices", "list")["notices"]],
         [1] * 11, "tries")
    ctl.sendmail()
    same(ctl.json("notices", "send")["sent"], 11, "sent")
    same((ctl.ok("notices", "send").out, len(ctl.mails())),
         ("0 notices sent\n", 61), "twice")
    ctl.refused(77, "notices", "list", as_=OLGA)


@case("to tell everybody of a large account takes about as long as not to")
def _(ctl):
    rows = CSV + "big,boss@big.example,owner,\n" + "".join(
        f"big,u{n}@big.example,member,\n" for n in range(6000))
    ctl.sendmail("exit 75")     # to send fifty takes longer than all the rest
    took = []
    for tell, remove in ([], ["--no-tell"]), (["--tell"], []):
        ctl.ok("import", ctl.path("in.csv", rows))
        less = ctl.path("in.csv", rows.replace("member", "subscriber"))
        began = spent()
        same([ctl(*words).code for words in (
            ("import", *tell, less), ("account", "remove", "big", *remove))],
             [0, 0], "exit statuses")
        took.append(spent() - began)
    same(len(ctl.notices()), 12001, "notices")
    true(took[1] < 10 * took[0] + 1, f"without and with notices: {took} s")


@case("whoever loses a thousand categories with long descriptions is told each")
def _(ctl):
    about = "ж" * 500
    ctl.sql("INSERT INTO category(slug, title, subscriber, telegram,"
            " description) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
            " SELECT i + 1 FROM n WHERE i < 1000) SELECT 'c-' || i,"
            f" 'C ' || i, 0, 0, '{about}' FROM n")
    ctl.sql("INSERT INTO subscription(account, category, \"user\") SELECT"
            " u.account, c.id, u.id FROM \"user\" u, category c WHERE"
            f" u.address = '{BILL}' AND c.title LIKE 'C %'")
    ctl.ok("user", "remove", "acme", BILL)
    mail, = ctl.mails()
    same((mail.text.count("  - C "), mail.text.count(about)), (1000, 1000),
         "categories and descriptions in the mail")
    (_, _, what), = ctl.told()
    same(len(what.split(", ")), 1002, "what the record has")


@case("what was sent is kept for thirty days")
def _(ctl):
    for words in (["user", "remove", "acme", MIA],
                  ["user", "remove", "acme", BILL]):
        ctl.ok(*words)
    ctl.sql("UPDATE notice SET sent_at = sent_at - 2678400"
            f" WHERE address = '{MIA}'")
    ctl.ok("notices", "send")
    same(ctl.sql("SELECT address FROM notice"), [(BILL,)], "notices")


ctl.run()
