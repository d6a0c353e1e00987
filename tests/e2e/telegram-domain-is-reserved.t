#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A message that arrives with a recipient in the Telegram domain is refused."""
from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, entitled
from lib.tap import contains, same

# Postfix delivers each of these to telegram.invalid.
SPELLINGS = ("5@telegram.invalid", "5@TELEGRAM.INVALID",
             "anything@Telegram.Invalid", '"5"@telegram.invalid',
             '"a b"@telegram.invalid', "5+x@telegram.invalid",
             "5@telegram.invalid.", "@relay.example:5@telegram.invalid",
             "@a.example,@b.example:5@telegram.invalid",
             "telegram.invalid!5", "5%telegram.invalid",
             "5@telegram(x).invalid", "5@(x)telegram.invalid",
             "5@telegram.(x)invalid", "5@telegram.invalid(x)",
             "5(x)@telegram.invalid", "5@telegram(a(b)c).invalid",
             "5@telegram(\\)).invalid",
             "5@telegram(@a:b,c!d%e).invalid", '"(5"@telegram(x).invalid',
             "@a.example:5@telegram(x).invalid", "5%telegram(x).invalid",
             "telegram(x).invalid!5", "x:5@telegram(x).invalid;",
             '5@"telegram"(x)."invalid"', "5@TELEGRAM(x).invalid.",
             "5@te\\legram.invalid", "5@telegram . invalid",
             '"5@telegram.invalid"', "5@telegram.invalid@")


def refused(lab_, rcpts, *args, **options):
    return lab_.send(rcpts, *args, **options).must("reject")


@case("without the milter mail in every spelling reaches the domain")
def _(lab_):
    for address in SPELLINGS:
        result = lab_.send([address], listener="plain")
        same([a.partition("@")[2].lower() for a in result.recipients()],
             ["telegram.invalid"], f"domain of {address}")


@case("an untagged message is refused in every spelling")
def _(lab_):
    for address in SPELLINGS:
        refused(lab_, [address])


@case("a tagged message is refused in every spelling")
def _(lab_):
    for address in SPELLINGS:
        refused(lab_, [ANN, address], BALANCE, "acme")


@case("one such recipient among many refuses the whole message")
def _(lab_):
    rcpts = [f"r{i}@else.example" for i in range(300)]
    rcpts.insert(150, "7@telegram.invalid")
    refused(lab_, rcpts)


@case("neither a trusted client nor a bad tag makes a difference")
def _(lab_):
    for settings in ({"trusted_clients": "192.0.2.1"}, {"bad_tag": "tempfail"},
                     {"unknown_recipients": "keep"}, {"expand": "never"}):
        lab_.milter.settings(**settings)
        for category in (None, BALANCE, "lunch"):
            refused(lab_, [ANN, "5@telegram.invalid"], category)


@case("the refusal is logged and tells the client why")
def _(lab_):
    result = refused(lab_, [ANN, "5@telegram.invalid"])
    contains(result.reply.text, "telegram.invalid", "reply")
    contains(result.summary()["reason"], "telegram.invalid", "reason")
    same(len(lab_.milter.summaries(result.since)), 1, "summary lines")


@case("sendmail(1) gets the message back, and the mirror nothing")
def _(lab_):
    for address in ("5@telegram.invalid", "5@TELEGRAM.INVALID",
                    "5@telegram.invalid.", "telegram.invalid!5",
                    "<5@telegram.invalid>"):
        for category in (None, BALANCE):
            result = lab_.sendmail([ANN, address], category)
            same(result.recipients(), [], "recipients")
            same(result.summary()["verdict"], "reject", "verdict")
            bounces = lab_.receiver.bounces(result.mark)
            same(bounces, [lab.SENDER], "who got the bounce")


@case("a name that only resembles the domain is not refused")
def _(lab_):
    for address in ("5@telegram.invalid.example", "5@my-telegram.invalid",
                    "5@telegram", "5@x.telegram.invalid", "5@invalid",
                    "x.telegram.invalid@else.example",
                    "telegram.invalid.x@else.example",
                    "telegram.invalid@else.example"):
        result = lab_.send([address])
        same(result.reply.code, 250, f"reply for {address}")


@case("[telegram] domain names the domain that is refused")
def _(lab_):
    lab_.milter.settings(domain="Chat.Example")
    refused(lab_, ["5@chat.example"])
    refused(lab_, ["5@CHAT.EXAMPLE"], BALANCE, "acme")
    lab_.send(["5@telegram.invalid"]).untouched(["5@telegram.invalid"])
    lab_.milter.settings()
    refused(lab_, ["5@telegram.invalid"])


@case("an internationalised domain is refused as A-label and U-label")
def _(lab_):
    for domain in ("b\u00fccher.example", "xn--bcher-kva.example"):
        lab_.milter.settings(domain=domain)
        for address in ("5@b\u00fccher.example", "5@B\u00dcCHER.EXAMPLE",
                        "5@xn--bcher-kva.example"):
            refused(lab_, [address], options="SMTPUTF8")


@case("the next message of the same connection is accepted")
def _(lab_):
    with lab_.connect() as client:
        refused(lab_, ["5@telegram.invalid"], client=client)
        lab_.send([BILL], client=client).untouched([BILL])
        lab_.send([BILL], BALANCE, "acme", client=client).must(
            "deliver", entitled(BALANCE, "acme"))


lab.run()
