#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"Who gets a tagged message: the entitled users of the accounts addressed are "
"added, and all other recipients are filtered."
import re

from lib import lab
from lib.lab import case
from lib.roster import (ACCOUNT, ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES,
                        DOCUMENTS, MAINTENANCE, MIA, OLGA, OTTO, ROSTER,
                        SERVICES, STRANGER, SUE, entitled)
from lib.tap import contains, same

ACME, BETA = "acme@accounts.example", "beta@accounts.example"


def ways(lab_, rcpts, *args, **kwargs):
    """The message over SMTP, then from sendmail(1)."""
    yield lab_.send(rcpts, *args, **kwargs)
    yield lab_.sendmail(rcpts, *args, **kwargs)


ARCHIVE, BOOKS = "archive@keep.example", "books@office.example"


@case("who is named in always_keep stays and makes nobody join")
def _(lab_):
    lab_.milter.settings(always_keep=f"{ARCHIVE}, @office.example")
    for kept in (ARCHIVE, BOOKS, "Archive+2026@Keep.Example",
                 '"archive"@keep.example'):
        result = lab_.send([STRANGER, kept, BILL], BALANCE, "acme")
        same(len(result.recipients()), len(entitled(BALANCE, "acme")) + 1,
             f"copies with {kept}: {result.recipients()}")
        same((result.summary()["kept"], result.summary()["dropped"]),
             ("1", "2"), f"kept= and dropped= with {kept}")
        result = lab_.send([ANN, kept], BALANCE)
        same(len(result.recipients()), 2, f"copies with {kept}")
    for other in ("archive@office.example.org", "books@keep.example",
                  "archive@sub.office.example"):
        lab_.send([ANN, other], BALANCE).must("deliver", [ANN])
    # Postfix may read this as Bill's address; SMTP clients may not send it.
    result = lab_.sendmail([ANN, "bill%acme.example@office.example"], BALANCE)
    result.must("hold")
    result = lab_.sendmail([ANN, ARCHIVE, STRANGER], BALANCE)
    same(sorted(result.recipients()), sorted([ANN, ARCHIVE]), "sendmail(1)")


@case("a user who is named in always_keep stays, and counts as any user if "
      "entitled")
def _(lab_):
    for expand, join in (("addressed", set()), ("owner", {OTTO}),
                         ("always", entitled(BALANCE, "beta"))):
        lab_.milter.settings(always_keep=f"{BILL} {OTTO}", expand=expand)
        # Bill has no Balance and payments: nobody joins because of him.
        lab_.send([BILL, BEA], BALANCE).must("deliver", {BILL, BEA} | join)
        lab_.send([BILL], BALANCE, "acme").must(
            "deliver", entitled(BALANCE, "acme") | {BILL})
        # Otto owns beta.
        lab_.send([OTTO], BALANCE).must(
            "deliver", entitled(BALANCE, "beta") if expand == "always"
            else [OTTO])
        # In acme's account he is entitled to nothing, and stays.
        lab_.send([OTTO], BALANCE, "acme").must(
            "deliver", entitled(BALANCE, "acme") | {OTTO}, kept="1")


@case("where nobody else is left, always_keep alone gets it; what is held is "
      "held for all")
def _(lab_):
    kept = f"{ARCHIVE} @office.example"
    lab_.milter.settings(always_keep=kept, expand="addressed")
    result = lab_.send([BILL, ARCHIVE, BOOKS], BALANCE)
    result.must("deliver", [ARCHIVE, BOOKS], kept="2", dropped="1",
                mirrored="0")
    lab_.milter.settings(always_keep=kept)
    lab_.send([BILL, ARCHIVE, BOOKS], BALANCE).must(
        "deliver", [ARCHIVE, BOOKS, OLGA])
    lab_.send([ARCHIVE], BALANCE).must("hold")
    # Nothing says which of Ann's accounts is meant.
    lab_.send([ANN, ARCHIVE], DOCUMENTS).must("hold")
    same(lab_.send([STRANGER, ARCHIVE], BALANCE).must("hold").recipients(),
         [], "recipients")
    lab_.send([ANN, ARCHIVE], "lunch").must("hold")
    lab_.milter.settings(always_keep=ARCHIVE, expand="never")
    lab_.send([ACME, ARCHIVE], BALANCE).must("deliver", [ARCHIVE])
    lab_.milter.settings(always_keep=ARCHIVE, unknown_recipients="keep")
    lab_.send([STRANGER, ARCHIVE], BALANCE).must(
        "deliver", [STRANGER, ARCHIVE])


def notified(result):
    """The NOTIFY that each recipient was given, by address."""
    return {address: options.get("NOTIFY") for txn in result.transactions()
            for address, options in txn.rcpts}


@case("who joins for an account's address gets its NOTIFY, of several the "
      "union")
def _(lab_):
    never, success = "NOTIFY=NEVER", "NOTIFY=SUCCESS,DELAY"
    # Nothing: the MTA's default, which is to tell of failures and delays.
    for ways, want in (
            ([never], "NEVER"), ([success], "SUCCESS,DELAY"),
            (["notify=failure"], "FAILURE"), ([""], None),
            ([never, never], "NEVER"), ([never, ""], None),
            ([never, "NOTIFY=FAILURE"], "FAILURE"),
            ([success, "NOTIFY=FAILURE"], "SUCCESS,FAILURE,DELAY"),
            ([success, ""], "SUCCESS,FAILURE,DELAY")):
        result = lab_.send([(address, way) for address, way in zip(
            (ACME, "acme+x@accounts.example"), ways)], BALANCE)
        same(notified(result), dict.fromkeys(entitled(BALANCE, "acme"), want),
             f"NOTIFY of those who join for {ways}")


@case("each account's address counts for its own people, and for nobody who "
      "joins otherwise")
def _(lab_):
    result = lab_.send([(ACME, "NOTIFY=NEVER"),
                        (BETA, "NOTIFY=SUCCESS ORCPT=rfc822;beta@x.example"),
                        (BILL, "NOTIFY=DELAY")], BALANCE)
    acme, beta = entitled(BALANCE, "acme"), entitled(BALANCE, "beta")
    want = {a: "SUCCESS" if a in beta else "NEVER" for a in acme | beta}
    same(notified(result), want, "NOTIFY")
    same([a for txn in result.transactions() for a, options in txn.rcpts
          if "beta@x" in options.get("ORCPT", "")], [], "ORCPT of beta")
    # Who was addressed keeps his own.
    result = lab_.send([(ACME, "NOTIFY=NEVER"), (ANN, "NOTIFY=SUCCESS")],
                       BALANCE)
    same(notified(result), {a: "SUCCESS" if a == ANN else "NEVER"
                            for a in acme}, "NOTIFY beside a recipient's own")
    result = lab_.send([(ANN, "NOTIFY=NEVER")], BALANCE, "acme")
    same(notified(result), {a: "NEVER" if a == ANN else None for a in acme},
         "NOTIFY of those who join by the header")


@case("an account header adds exactly the entitled users, in each category")
def _(lab_):
    for category in CATEGORIES:
        for account in ROSTER:
            for result in ways(lab_, [STRANGER], category, account):
                result.must("deliver", entitled(category, account),
                            category=category, account=account, kept="0",
                            dropped="1")


@case("an account address adds the same users and is removed")
def _(lab_):
    for category in CATEGORIES:
        for account in ROSTER:
            for result in ways(lab_, [f"{account}@accounts.example"],
                               category):
                result.must("deliver", entitled(category, account),
                            category=category, account=account, kept="0")


@case("an account address may be written like any address")
def _(lab_):
    for address in ("ACME@ACCOUNTS.EXAMPLE", '"acme"@accounts.example',
                    "Acme+invoice-7@accounts.example",
                    '"ac\\me"@accounts.example', "acme@accounts.example."):
        lab_.send([address], BALANCE).must(
            "deliver", entitled(BALANCE, "acme"), account="acme")
    for address in ("ACME@ACCOUNTS.EXAMPLE", "acme+x@accounts.example",
                    '"acme"@accounts.example'):
        lab_.sendmail([address], BALANCE).must(
            "deliver", entitled(BALANCE, "acme"), account="acme")


@case("account_domain may be internationalised")
def _(lab_):
    lab_.milter.settings(account_domain="b\u00fccher.example")
    for address in ("acme@b\u00fccher.example", "acme@B\u00dcCHER.example",
                    "acme@xn--bcher-kva.example"):
        lab_.send([address], BALANCE, options="SMTPUTF8").must(
            "deliver", entitled(BALANCE, "acme"))
        lab_.sendmail([address], BALANCE).must(
            "deliver", entitled(BALANCE, "acme"))


@case("every spelling of an account address is removed")
def _(lab_):
    for result in ways(lab_, [ACME, "ACME@accounts.example",
                              "acme+x@ACCOUNTS.example"], BALANCE):
        result.must("deliver", entitled(BALANCE, "acme"), account="acme")


@case("an account header is compared without case and may be repeated")
def _(lab_):
    lab_.send([BILL], BALANCE, "ACME",
              headers=["x-notify-account:   acme  "]).must(
        "deliver", entitled(BALANCE, "acme"))


@case("without account_domain an account address is a stranger's")
def _(lab_):
    lab_.milter.settings(account_domain="")
    lab_.send([ACME, ANN], BALANCE).must("deliver", [ANN], dropped="1")
    lab_.send([ACME], BALANCE).must("hold")


@case("a user who is addressed and not entitled is dropped, the entitled stay")
def _(lab_):
    for result in ways(lab_, [ANN, BILL, MIA, OLGA, STRANGER, ADAM], BALANCE,
                       "acme"):
        result.must("deliver", entitled(BALANCE, "acme"), kept="2",
                    added="1", dropped="4", mirrored="0")
        same(set(result.dropped()), {BILL, MIA, STRANGER, ADAM}, "dropped")


@case("without an account header nobody is added, and the entitled stay")
def _(lab_):
    everybody = [OLGA, ADAM, ANN, BILL, MIA, SUE, OTTO, BEA]
    for category in CATEGORIES:
        for result in ways(lab_, [*everybody, STRANGER], category):
            result.must("deliver", entitled(category, "acme", "beta"),
                        added="0")


@case("being entitled in any account is enough without an account header")
def _(lab_):
    lab_.send([ANN], SERVICES).must("deliver", [ANN], account="beta")
    lab_.send([ANN], MAINTENANCE).must("deliver", [ANN])
    lab_.send([ADAM, OTTO], SERVICES).must("deliver", [ADAM, OLGA, OTTO])


@case("of a user of an account that an address names, only such accounts count")
def _(lab_):
    for expand in ("owner", "always", "addressed"):
        lab_.milter.settings(expand=expand)
        # Ann has Maintenance in acme alone, Services in beta alone.
        lab_.send([ANN, BETA], MAINTENANCE).must("deliver", [OTTO], dropped="1")
        lab_.send([ANN, ACME], SERVICES).must(
            "deliver", entitled(SERVICES, "acme"), dropped="1")
        lab_.send([ANN, ACME, BETA], SERVICES).must(
            "deliver", entitled(SERVICES, "acme", "beta"), kept="1")
    # Whoever is no user of the account that is named stays by his own.
    lab_.milter.settings(expand="addressed")
    lab_.send([BEA, ACME], BALANCE).must(
        "deliver", entitled(BALANCE, "acme") | {BEA})
    lab_.milter.settings(expand="never")
    lab_.send([ANN, BETA], MAINTENANCE).must("discard", dropped="1")


@case("who is dropped by one account and joins by another stays, with his "
      "options")
def _(lab_):
    lab_.notifyctl("user", "add", "acme", OTTO)
    result = lab_.send([ACME, (OTTO, "NOTIFY=SUCCESS"), BEA], BALANCE)
    result.must("deliver", entitled(BALANCE, "acme") | {OTTO, BEA},
                kept="2", dropped="0")
    same(notified(result)[OTTO], "SUCCESS", "NOTIFY of who stays")
    lab_.notifyctl("user", "remove", "acme", OTTO)


@case("by default the owners of the recipients' accounts join, whether or not "
      "the recipients stay")
def _(lab_):
    for category in CATEGORIES:
        for result in ways(lab_, [BILL], category):
            result.must("deliver", (entitled(category, "acme") & {BILL})
                        | {OLGA}, account="acme", added="1")
    lab_.send([MIA, BEA, STRANGER], BALANCE).must(
        "deliver", [OLGA, BEA, OTTO], account="acme,beta", dropped="2")
    lab_.send([OTTO, MIA], SERVICES).must("deliver", [OTTO, OLGA], added="1")


@case("a user of several accounts makes nobody of them join")
def _(lab_):
    for expand in ("owner", "always"):
        lab_.milter.settings(expand=expand)
        for result in ways(lab_, [ANN], BALANCE):
            result.must("deliver", [ANN], added="0")
        lab_.send([ANN, BILL], MAINTENANCE).must(
            "deliver", [ANN, BILL, OLGA], added="1")


@case("nobody left, and nothing says which account of a user of several is "
      "meant: held")
def _(lab_):
    for expand, verdict in (("owner", "hold"), ("always", "hold"),
                            ("addressed", "discard"), ("never", "discard")):
        lab_.milter.settings(expand=expand)
        for result in ways(lab_, [ANN], DOCUMENTS):
            result.must(verdict, account="acme,beta")
    lab_.send([ANN, ACME], DOCUMENTS).must("discard", account="acme")
    lab_.milter.settings()
    contains(lab_.send([ANN, STRANGER], DOCUMENTS).must("hold")
             .summary()["reason"], "which account", "reason")
    lab_.send([ANN, BILL], DOCUMENTS).must("deliver", [OLGA], dropped="2")
    lab_.send([ANN], DOCUMENTS, "acme").must(
        "deliver", entitled(DOCUMENTS, "acme"))


@case("being entitled in another account is not enough with a header")
def _(lab_):
    for result in ways(lab_, [ANN], SERVICES, "acme"):
        result.must("deliver", entitled(SERVICES, "acme"), kept="0",
                    dropped="1")


@case("two account addresses add the users of both")
def _(lab_):
    for result in ways(lab_, [ACME, BETA, BILL], BALANCE):
        result.must("deliver", entitled(BALANCE, "acme", "beta"),
                    account="acme,beta", kept="0")


@case("an account header and the same account's address agree")
def _(lab_):
    lab_.send([ACME], BALANCE, "acme").must(
        "deliver", entitled(BALANCE, "acme"), account="acme")


@case("expand = always counts the accounts of the people addressed")
def _(lab_):
    lab_.milter.settings(expand="always")
    for result in ways(lab_, [BILL], BALANCE):
        result.must("deliver", entitled(BALANCE, "acme"), account="acme")
    lab_.send([BEA, BILL], DOCUMENTS).must(
        "deliver", entitled(DOCUMENTS, "acme", "beta"), kept="0")
    lab_.send([BILL, BETA], BALANCE).must(
        "deliver", entitled(BALANCE, "acme", "beta"))


@case("expand = always still counts only the account of the header")
def _(lab_):
    lab_.milter.settings(expand="always")
    lab_.send([BILL, ANN], BALANCE, "beta").must(
        "deliver", entitled(BALANCE, "beta"), account="beta", kept="0")


@case("expand = never only filters")
def _(lab_):
    lab_.milter.settings(expand="never")
    for result in ways(lab_, [ANN, BILL, ACME, STRANGER], BALANCE):
        result.must("deliver", [ANN], kept="1", added="0")
    lab_.send([ANN, BILL, BEA], BALANCE, "acme").must("deliver", [ANN])


@case("expand = never with nobody but an account's address is held")
def _(lab_):
    lab_.milter.settings(expand="never")
    for result in ways(lab_, [ACME], BALANCE):
        result.must("hold", account="acme", added="0")
    lab_.send([ACME, STRANGER], BALANCE).must("hold")
    lab_.send([ACME], BALANCE, "acme").must("hold")
    for result in ways(lab_, [ACME, BILL], BALANCE):
        result.must("discard", account="acme", kept="0", added="0")
    lab_.send([STRANGER], BALANCE, "acme").must("discard")


@case("a stranger is dropped by default and stays with unknown_recipients = "
      "keep")
def _(lab_):
    for result in ways(lab_, [STRANGER, ANN], BALANCE):
        result.must("deliver", [ANN], dropped="1")
    lab_.milter.settings(unknown_recipients="keep")
    for result in ways(lab_, [STRANGER, ANN, BILL], BALANCE):
        result.must("deliver", [ANN, STRANGER, OLGA], kept="2", dropped="1")
    lab_.send([STRANGER], BALANCE, "acme").must(
        "deliver", entitled(BALANCE, "acme") | {STRANGER})
    lab_.send([STRANGER], BALANCE).must("deliver", [STRANGER])


@case("a user of another account is no stranger who could be kept")
def _(lab_):
    lab_.milter.settings(unknown_recipients="keep")
    for result in ways(lab_, [BEA, STRANGER], BALANCE, "acme"):
        result.must("deliver", entitled(BALANCE, "acme") | {STRANGER},
                    dropped="1")
        same(set(result.dropped()), {BEA}, "dropped")


@case("nobody left and no account found is held, with everybody still in it")
def _(lab_):
    for result in ways(lab_, [STRANGER, "other@else.example"], BALANCE):
        result.must("hold", account="-")
        shown = lab_.postfix.tool("postcat", "-qe", result.qid).stdout
        for address in (STRANGER, "other@else.example"):
            contains(shown, f"recipient: {address}\n", "the held envelope")


@case("a held message that is released goes to its original recipients")
def _(lab_):
    result = lab_.send([STRANGER], BALANCE).must("hold")
    lab_.postfix.release(result.qid)
    same(result.recipients(), [STRANGER], "recipients")


@case("expand = addressed: nobody entitled among an account's users is "
      "discarded with a reason")
def _(lab_):
    lab_.milter.settings(expand="addressed")
    for result in ways(lab_, [BILL, MIA], DOCUMENTS):
        result.must("discard", kept="0", added="0", dropped="2")
        same(set(result.dropped()), {BILL, MIA}, "dropped")
    lab_.send([BILL, STRANGER], BALANCE).must("discard")


@case("an owner gets every category, also of an account without users")
def _(lab_):
    lab_.notifyctl("account", "add", "solo", "--owner", "solo@solo.example")
    for category in CATEGORIES:
        lab_.send(["solo@accounts.example"], category).must(
            "deliver", ["solo@solo.example"])


@case("a Subscriber gets nothing from a category closed to Subscribers")
def _(lab_):
    # A row that no command would make: the rule holds at delivery as well.
    lab_.sql(("INSERT INTO subscription(account, category, user)"
              " SELECT u.account, c.id, u.id FROM user u, category c"
              " WHERE u.address = ? AND c.slug = ?", (SUE, MAINTENANCE)))
    lab_.send([SUE], MAINTENANCE, "acme").must(
        "deliver", entitled(MAINTENANCE, "acme"), dropped="1")
    lab_.send([SUE], MAINTENANCE).must("deliver", [OLGA], dropped="1")
    lab_.sql(("DELETE FROM subscription WHERE user IN (SELECT id FROM user"
              " WHERE address = ?) AND category IN"
              " (SELECT id FROM category WHERE slug = ?)", (SUE, MAINTENANCE)))


@case("a category without subscribers reaches the owner alone")
def _(lab_):
    lab_.send([ACME], ACCOUNT).must("deliver", [OLGA])


@case("an account domain in which users have addresses holds their mail and "
      "loses none")
def _(lab_):
    lab_.milter.settings(account_domain="acme.example")
    result = lab_.send(["acme@acme.example"], BALANCE)
    result.must("hold", account="acme")
    contains(result.summary()["reason"], "is entitled, but is in", "reason")


@case("the message itself is unchanged, but for the stamp of the decision")
def _(lab_):
    mark = lab.marker()
    data = lab.message(mark, BALANCE, "acme", ["X-Notify-Other: 1"])
    want = lab_.send([ANN], data=data, mark=mark, listener="plain").data()
    mark2 = lab.marker()
    data = data.replace(mark.encode(), mark2.encode())
    got = lab_.send([ANN], data=data, mark=mark2).data()
    got, stamps = re.subn(rb"X-Notify-Decided: [0-9a-f]{32}\r\n", b"", got)
    same((lab.marks_gone(got), stamps), (lab.marks_gone(want), 1),
         "data, stamps")


lab.run()
