#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A mirrored category adds each linked chat of the final recipients, once."""
from lib import lab
from lib.lab import case
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, DOCUMENTS, MIA, OLGA,
                        OTTO, SERVICES, STRANGER, SUE, entitled)
from lib.tap import same, true

ACME, BETA = "acme@accounts.example", "beta@accounts.example"


def link(lab_, *people):
    """Link (account, address, chat); the links' addresses in that order."""
    lab_.sql("DELETE FROM link")
    for account, address, chat in people:
        lab_.sql(("INSERT INTO link(user, chat) SELECT u.id, ? FROM user u"
                  " JOIN account a ON a.id = u.account"
                  " WHERE a.name = ? AND u.address = ?",
                  (chat, account, address)))
    rows = lab_.sql("SELECT id FROM link ORDER BY id")
    same(len(rows), len(people), "links made")
    return [f"{row[0]}@telegram.invalid" for row in rows]


@case("each linked recipient's chat is added to those who get the mail")
def _(lab_):
    olga, ann, _ = link(lab_, ("acme", OLGA, 101), ("acme", ANN, 102),
                        ("beta", OTTO, 103))
    for result in (lab_.send([BILL], BALANCE, "acme"),
                   lab_.sendmail([ACME], BALANCE),
                   lab_.send([ANN, ACME], BALANCE)):
        result.must("deliver", entitled(BALANCE, "acme") | {olga, ann},
                    mirrored="2")


@case("a category that is not mirrored adds no chat")
def _(lab_):
    link(lab_, ("acme", OLGA, 101), ("acme", ADAM, 102))
    for category in (DOCUMENTS, SERVICES):
        lab_.send([ACME], category).must(
            "deliver", entitled(category, "acme"), mirrored="0")


@case("a category of the operator is mirrored if it was created with "
      "--telegram")
def _(lab_):
    lab_.notifyctl("category", "add", "alarms", "--title", "Alarms",
                   "--telegram")
    lab_.notifyctl("category", "add", "digest", "--title", "Digest")
    olga, = link(lab_, ("acme", OLGA, -1001234567890))
    lab_.send([ACME], "alarms").must("deliver", [OLGA, olga], mirrored="1")
    lab_.send([ACME], "digest").must("deliver", [OLGA], mirrored="0")


@case("two recipients with one chat get it there once")
def _(lab_):
    links = link(lab_, ("acme", OLGA, 100), ("acme", ANN, 100))
    result = lab_.send([ACME], BALANCE)
    same(result.summary()["mirrored"], "1", "mirrored")
    got = [a for a in result.recipients() if a.endswith("telegram.invalid")]
    true(len(got) == 1 and got[0] in links, f"one of {links}: got {got}")
    same(sorted(set(result.recipients()) - set(got)),
         sorted(entitled(BALANCE, "acme")), "recipients by mail")


@case("one chat linked in two accounts gets one copy")
def _(lab_):
    link(lab_, ("acme", OLGA, 100), ("beta", OTTO, 100), ("beta", BEA, 100))
    result = lab_.send([ACME, BETA], BALANCE)
    same(result.summary()["mirrored"], "1", "mirrored")
    same(len(result.recipients()), len(entitled(BALANCE, "acme", "beta")) + 1,
         "recipients")


@case("a user who is dropped gets no copy in the chat either")
def _(lab_):
    link(lab_, ("acme", BILL, 101), ("acme", MIA, 102), ("acme", ADAM, 103))
    lab_.send([BILL, MIA, ADAM], BALANCE, "acme").must(
        "deliver", entitled(BALANCE, "acme"), mirrored="0")


@case("a message that is discarded or held is not mirrored")
def _(lab_):
    _, olga = link(lab_, ("acme", BILL, 101), ("acme", OLGA, 102))
    lab_.send([BILL], BALANCE).must("deliver", [OLGA, olga], mirrored="1")
    lab_.milter.settings(expand="addressed")
    lab_.send([BILL], BALANCE).must("discard")
    lab_.send([STRANGER], BALANCE).must("hold")
    lab_.send([BILL], "lunch", "acme").must("hold")


@case("a Subscriber's link adds nothing")
def _(lab_):
    link(lab_, ("acme", SUE, 101))
    lab_.send([SUE, ACME], BALANCE).must(
        "deliver", entitled(BALANCE, "acme"), mirrored="0")


@case("a user who is not among the final recipients gets no copy in the chat")
def _(lab_):
    ann, _ = link(lab_, ("acme", ANN, 101), ("acme", OLGA, 102))
    lab_.send([ANN], BALANCE).must("deliver", [ANN, ann], mirrored="1")
    lab_.milter.settings(expand="never")
    lab_.send([ANN, ACME], BALANCE).must("deliver", [ANN, ann], mirrored="1")


@case("a link counts in the account that entitles the user, not in another")
def _(lab_):
    # Ann is no subscriber of balance-and-payments in beta.
    link(lab_, ("beta", ANN, 101))
    lab_.send([ACME], BALANCE).must("deliver", entitled(BALANCE, "acme"),
                                    mirrored="0")
    acme, _ = link(lab_, ("acme", ANN, 101), ("beta", ANN, 102))
    lab_.send([ACME, BETA], BALANCE).must(
        "deliver", entitled(BALANCE, "acme", "beta") | {acme}, mirrored="1")


@case("a group of one account reads nothing of another")
def _(lab_):
    lab_.notifyctl("subscribe", "beta", BALANCE, ANN, as_=OTTO)
    beta, = link(lab_, ("beta", ANN, -500))
    everybody = entitled(BALANCE, "acme")
    for result in (lab_.send([ACME], BALANCE), lab_.send([ACME, ANN], BALANCE),
                   lab_.sendmail([ANN, ACME], BALANCE),
                   lab_.send([ANN], BALANCE, "acme")):
        result.must("deliver", everybody, mirrored="0")
    # Nothing says which account is meant.
    lab_.send([ANN], BALANCE).must("deliver", [ANN], mirrored="0")
    lab_.send([BEA, ANN], BALANCE).must("deliver", [BEA, ANN, OTTO],
                                        mirrored="0")
    for result in (lab_.send([BETA, ANN], BALANCE),
                   lab_.send([ACME, BETA], BALANCE),
                   lab_.send([ANN], BALANCE, "beta")):
        same(beta in result.recipients(), True, "beta's group gets beta's")
    lab_.notifyctl("unsubscribe", "beta", BALANCE, ANN, "--confirm", ANN,
                   as_=OTTO)


@case("who joins by expand has it in a private chat, if he is a user of several "
      "accounts")
def _(lab_):
    lab_.notifyctl("user", "add", "beta", OLGA)
    olga, = link(lab_, ("acme", OLGA, 101))
    lab_.send([BILL], BALANCE).must("deliver", [OLGA, olga], mirrored="1")
    olga, = link(lab_, ("acme", OLGA, -101))
    lab_.send([BILL], BALANCE).must("deliver", [OLGA], mirrored="0")
    lab_.send([ACME], BALANCE).must(
        "deliver", entitled(BALANCE, "acme") | {olga}, mirrored="1")
    lab_.notifyctl("user", "remove", "beta", OLGA)
    olga, = link(lab_, ("acme", OLGA, -101))
    lab_.send([BILL], BALANCE).must("deliver", [OLGA, olga], mirrored="1")


@case("a stranger who is kept has no chat")
def _(lab_):
    lab_.milter.settings(unknown_recipients="keep")
    olga, = link(lab_, ("acme", OLGA, 101))
    lab_.send([STRANGER], BALANCE).must("deliver", [STRANGER], mirrored="0")
    lab_.send([STRANGER, ACME], BALANCE).must(
        "deliver", entitled(BALANCE, "acme") | {STRANGER, olga}, mirrored="1")


@case("a recipient with a detail part or in capitals is mirrored as well")
def _(lab_):
    ann, = link(lab_, ("acme", ANN, 101))
    lab_.send(["Ann+Billing@ACME.example"], BALANCE).must(
        "deliver", ["Ann+Billing@ACME.example", ann], mirrored="1")


@case("[telegram] domain is the domain of the chats")
def _(lab_):
    olga, = link(lab_, ("acme", OLGA, 101))
    lab_.milter.settings(domain="chat.example")
    lab_.send([ACME], BALANCE).must(
        "deliver", entitled(BALANCE, "acme")
        | {olga.replace("telegram.invalid", "chat.example")}, mirrored="1")


@case("without a link nothing is mirrored")
def _(lab_):
    link(lab_)
    lab_.send([ACME], BALANCE).must("deliver", entitled(BALANCE, "acme"),
                                    mirrored="0")


lab.run()
