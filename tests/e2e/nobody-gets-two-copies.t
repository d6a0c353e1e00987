#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A recipient gets one copy, and one that stays keeps its DSN options."""
from lib import lab
from lib.lab import case
from lib.roster import (ANN, BALANCE, BILL, MAINTENANCE, OLGA, SERVICES, SUE,
                        entitled)
from lib.tap import contains, same

ACME, BETA = "acme@accounts.example", "beta@accounts.example"


def instead(category, old, new, *accounts):
    """Those entitled, with NEW in place of OLD."""
    return entitled(category, *accounts) - {old} | {new}


@case("a user who is addressed and subscribed gets one copy")
def _(lab_):
    for rcpts in ([ANN], [ANN, ACME], [ACME, ANN], [ANN, OLGA, SUE, ACME]):
        for how in ("send", "sendmail"):
            getattr(lab_, how)(rcpts, BALANCE, "acme").must(
                "deliver", entitled(BALANCE, "acme"))


@case("an address in capitals is the same person and stays as it was written")
def _(lab_):
    for address in ("ANN@ACME.EXAMPLE", "Ann@acme.example",
                    "ann@Acme.Example"):
        for how in ("send", "sendmail"):
            getattr(lab_, how)([address], BALANCE, "acme").must(
                "deliver", instead(BALANCE, ANN, address, "acme"), kept="1",
                dropped="0")


@case("an address with a detail part is the same person")
def _(lab_):
    for address in ("ann+bill@acme.example", "ANN+@acme.example"):
        lab_.send([address], BALANCE, "acme").must(
            "deliver", instead(BALANCE, ANN, address, "acme"), kept="1")


@case("a quoted address is the same person")
def _(lab_):
    # Postfix removes quotes that an address does not need.
    for address in ('"ann"@acme.example', '"a\\nn"@acme.example'):
        for how in ("send", "sendmail"):
            getattr(lab_, how)([address], BALANCE, "acme").must(
                "deliver", entitled(BALANCE, "acme"), kept="1", dropped="0")


@case("a user of two accounts gets one copy of a message to both")
def _(lab_):
    lab_.notifyctl("subscribe", "beta", BALANCE, ANN, as_="otto@beta.example")
    for how in ("send", "sendmail"):
        getattr(lab_, how)([ACME, BETA], BALANCE).must(
            "deliver", entitled(BALANCE, "acme", "beta"))
        getattr(lab_, how)([ACME, ANN, BETA], BALANCE).must(
            "deliver", entitled(BALANCE, "acme", "beta"))
    lab_.notifyctl("unsubscribe", "beta", BALANCE, ANN, "--confirm", ANN,
                   as_="otto@beta.example")


@case("the same recipient twice gets one copy")
def _(lab_):
    for how in ("send", "sendmail"):
        result = getattr(lab_, how)([ANN, ANN, BILL, BILL], BALANCE, "acme")
        same(result.recipients(), sorted(entitled(BALANCE, "acme")),
             "recipients")
        same(result.summary()["verdict"], "deliver", "verdict")
    lab_.send([ACME, ACME], BALANCE).must("deliver",
                                          entitled(BALANCE, "acme"))


@case("of two spellings of one person the first stays")
def _(lab_):
    for first, second in ((ANN, "ann+x@acme.example"),
                          ("ann+x@acme.example", ANN),
                          ("ANN@acme.example", ANN),
                          ("ann+x@acme.example", "ann+y@acme.example")):
        for account in ("acme", None):
            result = lab_.send([first, second], BALANCE, account)
            want = (instead(BALANCE, ANN, first, "acme") if account
                    else [first])
            result.must("deliver", want, kept="1", dropped="1")
            same(list(result.dropped()), [second], "dropped")
            contains(result.dropped()[second], "duplicate", "reason")


@case("dropping one spelling does not drop the other")
def _(lab_):
    # Postfix compares bytes: a wrong deletion would remove both or none.
    lab_.send(["ANN@acme.example", "ann@ACME.example", "ann@acme.example"],
              MAINTENANCE).must("deliver", ["ANN@acme.example"])


@case("a user whose address has a detail part is another user")
def _(lab_):
    own = "ann+private@acme.example"
    lab_.notifyctl("user", "add", "acme", own)
    lab_.notifyctl("subscribe", "acme", SERVICES, own, as_=OLGA)
    lab_.send([own], SERVICES, "acme").must(
        "deliver", entitled(SERVICES, "acme") | {own}, kept="1")
    lab_.send([ACME], BALANCE).must("deliver", entitled(BALANCE, "acme"))
    lab_.send([own], BALANCE).must("deliver", [OLGA], dropped="1")
    lab_.send([own, ANN], BALANCE).must("deliver", [ANN, OLGA], dropped="1")
    lab_.notifyctl("user", "remove", "acme", own, as_=OLGA)


def options_of(result, address):
    found = [options for t in result.transactions()
             for a, options in t.rcpts if a == address]
    same(len(found), 1, f"copies for {address}")
    return found[0]


@case("a recipient who stays keeps NOTIFY and ORCPT")
def _(lab_):
    for text, want in (
            ("NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;boss+2Bx@old.example",
             {"NOTIFY": "SUCCESS,FAILURE",
              "ORCPT": "rfc822;boss+2Bx@old.example"}),
            ("NOTIFY=NEVER", {"NOTIFY": "NEVER",
                              "ORCPT": "rfc822;ann@acme.example"}),
            ("NOTIFY=DELAY ORCPT=utf-8;j\\x{FC}rgen@old.example",
             {"NOTIFY": "DELAY",
              "ORCPT": "utf-8;j\\x{FC}rgen@old.example"})):
        result = lab_.send([(BILL, "NOTIFY=SUCCESS"), (ANN, text)], BALANCE,
                           "acme")
        result.must("deliver", entitled(BALANCE, "acme"))
        same(options_of(result, ANN), want, "options of the one who stays")


@case("a recipient who is added gets the NOTIFY of the account's address, and no "
      "ORCPT of another")
def _(lab_):
    result = lab_.send([(BILL, "NOTIFY=SUCCESS ORCPT=rfc822;secret@x.example"),
                        (ACME, "NOTIFY=SUCCESS ORCPT=rfc822;hidden@x.example"),
                        (ANN, "NOTIFY=NEVER")], BALANCE)
    result.must("deliver", entitled(BALANCE, "acme"))
    for address in (OLGA, SUE):
        options = options_of(result, address)
        same(options.get("NOTIFY"), "SUCCESS", f"NOTIFY of {address}")
        for word in ("secret", "hidden", "ann@"):
            same(word in options.get("ORCPT", ""), False,
                 f"{word} in {options}")


@case("RET and ENVID of the message stay")
def _(lab_):
    result = lab_.send([(ANN, "NOTIFY=SUCCESS")], BALANCE, "acme",
                       options="RET=HDRS ENVID=QQ314159")
    result.must("deliver", entitled(BALANCE, "acme"))
    for transaction in result.transactions():
        same({k: transaction.options.get(k) for k in ("RET", "ENVID")},
             {"RET": "HDRS", "ENVID": "QQ314159"}, "options of the sender")


@case("DSN options given to sendmail(1) stay as well")
def _(lab_):
    result = lab_.sendmail([BILL, ANN], BALANCE, "acme",
                           args=["-N", "success", "-R", "hdrs", "-V", "QQ1"])
    result.must("deliver", entitled(BALANCE, "acme"))
    same(options_of(result, ANN).get("NOTIFY"), "SUCCESS", "NOTIFY")
    for transaction in result.transactions():
        same({k: transaction.options.get(k) for k in ("RET", "ENVID")},
             {"RET": "HDRS", "ENVID": "QQ1"}, "options of the sender")


lab.run()
