#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Who may subscribe and unsubscribe which users, and the confirmation."""
import os
import shlex
import signal

from lib import ctl
from lib.ctl import case
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES, DOCUMENTS,
                        MAINTENANCE, MIA, OLGA, OTTO, SERVICES, STRANGER, SUE)
from lib.tap import contains, lacks, same, true

PROMPT = r"(?i)\bagain\b.*:"


def unsubscribe(address, category=MAINTENANCE, account="acme", confirm=None):
    """The words of a command, confirmed as it should be."""
    return ["unsubscribe", account, category, address,
            "--confirm", confirm or address]


# Who

@case("the owner and a user-admin may subscribe and unsubscribe")
def _(ctl):
    for actor in (OLGA, ADAM):
        ctl.ok("subscribe", "acme", SERVICES, MIA, as_=actor)
        same(ctl.user("acme", MIA), ("member", {SERVICES}), "mia")
        ctl.ok(*unsubscribe(MIA, SERVICES), as_=actor)
        same(ctl.user("acme", MIA), ("member", set()), "mia")


@case("a member, a Subscriber, a stranger, the owner and admin of another "
      "account may not")
def _(ctl):
    ctl.ok("user", "role", "beta", BEA, "user-admin")
    for actor in (ANN, BILL, SUE, STRANGER, OTTO, BEA):
        ctl.refused(77, "subscribe", "acme", SERVICES, MIA, as_=actor,
                    says=(actor, "acme"))
        for words in (unsubscribe(BILL), unsubscribe(BILL)[:-2],
                      unsubscribe(actor)):
            ctl.refused(77, *words, as_=actor, says=(actor, "acme"))
    same(ctl.mails(), [], "mails")


@case("an admin of one account is a plain member in another")
def _(ctl):
    ctl.ok("user", "role", "beta", ANN, "user-admin")
    ctl.ok("subscribe", "beta", BALANCE, ANN, as_=ANN)
    ctl.refused(77, "subscribe", "acme", SERVICES, ANN, as_=ANN, says=ANN)


@case("a user who loses the role loses the right at once")
def _(ctl):
    ctl.ok("user", "role", "acme", ADAM, "member")
    ctl.refused(77, "subscribe", "acme", SERVICES, MIA, as_=ADAM, says=ADAM)
    ctl.ok("account", "transfer", "acme", ANN)
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=ANN)
    ctl.ok("user", "role", "acme", OLGA, "member")
    ctl.refused(77, *unsubscribe(MIA, SERVICES), as_=OLGA, says=OLGA)


@case("without --as it is refused, and the error names the roles that may")
def _(ctl):
    for words in (("subscribe", "acme", SERVICES, MIA),
                  unsubscribe(BILL), unsubscribe(BILL)[:-2]):
        ctl.refused(64, *words, says=("--as", "owner"))
        ctl.refused(64, *words, as_="", says="--as")
        ctl.refused(64, *words, env={"NOTIFYCTL_AS": ""}, says="--as")


@case("$NOTIFYCTL_AS replaces --as, and --as must name the same person")
def _(ctl):
    env = {"NOTIFYCTL_AS": ADAM}
    ctl.ok("subscribe", "acme", SERVICES, MIA, env=env)
    same(ctl.user("acme", MIA), ("member", {SERVICES}), "mia")
    same(ctl.log()[-1]["actor"], ADAM, "who did it")
    for other in (BILL, OLGA):
        ctl.refused(77, "subscribe", "acme", BALANCE, MIA, env=env, as_=other,
                    says=(other, ADAM, "$NOTIFYCTL_AS"))
    ctl.ok("subscribe", "acme", BALANCE, MIA, as_=ADAM.upper(), env=env)
    same(ctl.log()[-1]["actor"].lower(), ADAM, "who did it")


@case("--as is an address in any spelling, and a malformed one is refused")
def _(ctl):
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=ADAM.upper())
    for actor in ("adam", "adam@", "@acme.example", "root"):
        ctl.refused(65, "subscribe", "acme", BALANCE, MIA, as_=actor,
                    says=actor)


@case("--as may stand before the command, after it and in between")
def _(ctl):
    for words in (["--as", OLGA, "subscribe", "acme", SERVICES, MIA],
                  ["subscribe", "--as", OLGA, "acme", SERVICES, ANN],
                  ["subscribe", "acme", SERVICES, BILL, f"--as={OLGA}"]):
        ctl.ok(*words)
    for address in (MIA, ANN, BILL):
        true(SERVICES in ctl.user("acme", address)[1], address)


# Users and categories

@case("several users are subscribed at once, to that category only")
def _(ctl):
    before = ctl.roster()["acme"]
    ctl.ok("subscribe", "acme", SERVICES, ANN, BILL, MIA, as_=OLGA)
    after = ctl.roster()["acme"]
    for address in (ANN, BILL, MIA):
        same(after.pop(address)[1] - before.pop(address)[1], {SERVICES},
             address)
    same(after, before, "the others")


@case("the same address in several spellings is one subscription")
def _(ctl):
    new = ctl.new(lambda: ctl.ok("subscribe", "acme", SERVICES, MIA,
                                 MIA.upper(), MIA.title(), as_=OLGA))
    same(new, [(OLGA, "acme", "subscribe", MIA, SERVICES)], "records")


@case("one wrong address subscribes nobody, and every wrong one is named")
def _(ctl):
    for code, wrong in ((65, ["nobody", STRANGER, SUE]),
                        (65, ["x y@acme.example", SUE]),
                        (67, [STRANGER, SUE, BEA]),
                        (67, [OTTO]),
                        (77, [SUE])):
        ctl.refused(code, "subscribe", "acme", SERVICES, MIA, *wrong, BILL,
                    as_=OLGA, says=wrong)


@case("three hundred wrong addresses are named, all of them")
def _(ctl):
    wrong = [f"stranger-{number}@somewhere-else.example"
             for number in range(300)]
    line = ctl.refused(67, "subscribe", "acme", SERVICES, MIA, *wrong,
                       as_=OLGA)
    same([address for address in wrong if address not in line], [],
         "addresses that are not named")


@case("six thousand wrong addresses are named in bounded memory")
def _(ctl):
    wrong = [f"stranger-{number}@@somewhere-else.example"
             for number in range(6000)]
    process = ctl.start("subscribe", "acme", SERVICES, MIA, *wrong, as_=OLGA)
    line = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    same((ctl.finish(process).code, line.count("is not a mail address")),
         (65, len(wrong)), "exit, and addresses that are named")
    megabytes = usage.ru_maxrss // 1024
    true(megabytes < 400, f"got {megabytes} MB, want less than 400")


@case("a Subscriber can be subscribed to the open categories and no other")
def _(ctl):
    ctl.ok("user", "add", "acme", "sid@acme.example", "--role", "subscriber")
    for category, (_, is_open, _) in CATEGORIES.items():
        words = ("subscribe", "acme", category, "sid@acme.example")
        if is_open:
            ctl.ok(*words, as_=OLGA)
        else:
            ctl.refused(77, *words, as_=OLGA, says=("sid@", category))
    same(ctl.user("acme", "sid@acme.example")[1], {DOCUMENTS, BALANCE},
         "categories of the Subscriber")


@case("members and user-admins can be subscribed to every category")
def _(ctl):
    for category in CATEGORIES:
        ctl.ok("subscribe", "acme", category, MIA, ADAM, as_=OLGA)
    for address in (MIA, ADAM):
        same(ctl.user("acme", address)[1], set(CATEGORIES), address)


@case("a user who is subscribed already, or is the owner, is reported, not "
      "recorded")
def _(ctl):
    before = ctl.dump()
    for address in (BILL, OLGA):
        done = ctl.ok("subscribe", "acme", MAINTENANCE, address, as_=OLGA)
        contains(done.out, address, "what it says")
    ctl.unchanged(before)
    done = ctl.ok("subscribe", "acme", MAINTENANCE, BILL, MIA, OLGA, as_=OLGA)
    for address in (BILL, MIA, OLGA):
        contains(done.out, address, "what it says")
    same(ctl.user("acme", MIA)[1], {MAINTENANCE}, "mia, who was not")


@case("an unknown category or user is named with 67, an unknown account with "
      "77")
def _(ctl):
    for command in (["subscribe"], ["unsubscribe", "--confirm", BILL]):
        ctl.refused(77, *command, "nosuch", SERVICES, BILL, as_=OLGA,
                    says=(OLGA, "nosuch"))
        for words, wrong in ((("acme", "lunch", BILL), "lunch"),
                             (("acme", SERVICES, STRANGER), STRANGER)):
            ctl.refused(67, *command, *words, as_=OLGA, says=wrong)


# Unsubscribing

@case("the address typed again confirms, in any case of letters")
def _(ctl):
    for confirm in (BILL, BILL.upper(), "Bill@Acme.Example"):
        ctl.ok("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA)
        ctl.ok(*unsubscribe(BILL, confirm=confirm), as_=OLGA)
        same(ctl.user("acme", BILL), ("member", set()), "bill")


@case("anything else confirms nothing")
def _(ctl):
    for confirm in (ANN, "yes", "y", "bill", BILL[:-1], BILL + "e", " ",
                    BILL.replace("bill", "bill+x"), "bill@ACME", "*"):
        ctl.refused(65, *unsubscribe(BILL, confirm=confirm), as_=OLGA,
                    says=BILL)
    ctl.refused(65, *unsubscribe(BILL)[:-1], "", as_=OLGA, says=BILL)
    same(ctl.mails(), [], "mails")


@case("without --confirm and without a terminal the error says what to add")
def _(ctl):
    words = unsubscribe(BILL)[:-2]
    ctl.refused(64, *words, as_=OLGA, says=f"--confirm {BILL}")
    ctl.refused(64, *words, as_=OLGA, says="--confirm", stdin=f"{BILL}\n")
    for address in ('"ann b"@acme.example', "o'brien@acme.example"):
        ctl.ok("user", "add", "acme", address)
        ctl.ok("subscribe", "acme", MAINTENANCE, address, as_=OLGA)
        words = unsubscribe(address)[:-2]
        line = ctl.refused(64, *words, as_=OLGA)
        more = shlex.split(line.split("; expected ")[1])    # as a shell would
        ctl.ok(*words, *more, as_=OLGA)


@case("at a terminal it asks, and the address typed there confirms")
def _(ctl):
    for answer in (BILL, BILL.upper()):
        ctl.ok("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA)
        with ctl.terminal(*unsubscribe(BILL)[:-2], as_=OLGA) as terminal:
            shown = terminal.read(PROMPT)
            for word in (BILL, MAINTENANCE, "acme"):
                contains(shown, word, "the question")
            same(ctl.user("acme", BILL)[1], {MAINTENANCE}, "bill meanwhile")
            terminal.type(answer + "\n")
            code, shown = terminal.end()
        same(code, 0, f"exit after {shown!r}")
        same(ctl.user("acme", BILL), ("member", set()), "bill")
    same([mail.to for mail in ctl.mails()], [BILL, BILL], "mails")


@case("anything else at the terminal, and giving up, changes nothing")
def _(ctl):
    before = ctl.dump()
    for answer in ("\n", "yes\n", f"{ANN}\n", "\4", "bill\4\4", "x" * 1500
                   + "\n"):
        with ctl.terminal(*unsubscribe(BILL)[:-2], as_=OLGA) as terminal:
            terminal.read(PROMPT)
            terminal.type(answer)
            code, shown = terminal.end()
        same(code, 65, f"exit after {answer[:9]!r}: {shown!r}")
        ctl.unchanged(before, f"database after {answer[:9]!r}")
    with ctl.terminal(*unsubscribe(BILL)[:-2], as_=OLGA) as terminal:
        terminal.read(PROMPT)
        terminal.process.send_signal(signal.SIGINT)
        same(terminal.end()[0], -signal.SIGINT, "exit after an interrupt")
    ctl.unchanged(before)


@case("a change that is not possible asks for no confirmation")
def _(ctl):
    for code, address, actor in ((77, BILL, BILL), (77, OLGA, ADAM),
                                 (67, STRANGER, OLGA), (64, BILL, None)):
        with ctl.terminal(*unsubscribe(address)[:-2], as_=actor) as terminal:
            got, shown = terminal.end()
        same(got, code, f"exit of {address} by {actor}: {shown!r}")
        same(len(shown.splitlines()), 1, f"lines of {shown!r}")


@case("others can change the roster during the question")
def _(ctl):
    with ctl.terminal(*unsubscribe(BILL)[:-2], as_=ADAM) as terminal:
        terminal.read(PROMPT)
        ctl.ok("subscribe", "acme", SERVICES, BILL, as_=OLGA)
        ctl.ok("user", "role", "acme", ADAM, "member")
        terminal.type(BILL + "\n")
        same(terminal.end()[0], 77, "exit of who is no admin any more")
    same(ctl.user("acme", BILL)[1], {MAINTENANCE, SERVICES}, "bill")


@case("an owner cannot be unsubscribed from any category")
def _(ctl):
    for category in CATEGORIES:
        for actor in (OLGA, ADAM):
            ctl.refused(77, *unsubscribe(OLGA, category), as_=actor,
                        says=(OLGA, "owner"))


@case("a user who is not subscribed is reported: no mail, no record")
def _(ctl):
    before = ctl.dump()
    done = ctl.ok(*unsubscribe(MIA), as_=OLGA)
    contains(done.out, MIA, "what it says")
    ctl.unchanged(before)
    same(ctl.mails("*"), [], "mails")


@case("unsubscribing leaves other categories, users and accounts as they are")
def _(ctl):
    ctl.ok("subscribe", "beta", MAINTENANCE, ANN, as_=OTTO)
    want = ctl.roster()
    ctl.ok(*unsubscribe(ANN), as_=ADAM)
    want["acme"][ANN] = ("member", {BALANCE})
    same(ctl.roster(), want, "roster")


@case("a user-admin may unsubscribe itself, and may unsubscribe a Subscriber")
def _(ctl):
    ctl.ok(*unsubscribe(ADAM, SERVICES), as_=ADAM)
    same(ctl.user("acme", ADAM)[1], {DOCUMENTS}, "adam")
    ctl.ok(*unsubscribe(SUE, BALANCE), as_=ADAM)
    same(ctl.user("acme", SUE)[1], {DOCUMENTS}, "sue")


@case("leaving the last mirrored category ends the link, and says so")
def _(ctl):
    ctl.ok("category", "add", "alarms", "--title", "Alarms", "--telegram")
    ctl.ok("subscribe", "acme", "alarms", ANN, as_=OLGA)
    for account in ("acme", "beta"):
        ctl.link(account, ANN)
    for category in (MAINTENANCE, BALANCE):
        lacks(ctl.ok(*unsubscribe(ANN, category), as_=OLGA).out, "Telegram",
              "what it says")
        same(ctl.links(), {("acme", ANN), ("beta", ANN)}, "links")
    contains(ctl.ok(*unsubscribe(ANN, "alarms"), as_=OLGA).out, "Telegram",
             "what it says")
    same(ctl.links(), {("beta", ANN)}, "links")
    ctl.ok("subscribe", "acme", BALANCE, ANN, as_=OLGA)
    same(ctl.links(), {("beta", ANN)}, "links after subscribing again")


@case("a category may be named in any spelling")
def _(ctl):
    for spelling in ("Balance & Payments", "BALANCE_AND_PAYMENTS"):
        ctl.ok("subscribe", "acme", spelling, MIA, as_=OLGA)
        same(ctl.user("acme", MIA)[1], {BALANCE}, "mia")
        ctl.ok(*unsubscribe(MIA, spelling), as_=OLGA)
        same(ctl.user("acme", MIA)[1], set(), "mia")


ctl.run()
