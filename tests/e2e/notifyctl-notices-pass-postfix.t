#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"The notice to a user who was unsubscribed, handed to the real sendmail(1)."
import contextlib
import email.policy
import os
import re

from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, MAINTENANCE, OLGA, SERVICES, SUE
from lib.tap import contains, lacks, same, true

FROM = "notify@relay.example"


@contextlib.contextmanager
def arrivals(lab_):
    """What arrives of a block's mail: a list, filled after the block."""
    found = []
    lab_.postfix.settle()
    before = len(lab_.receiver.transactions)
    yield found
    lab_.postfix.flush()
    lab_.postfix.settle()
    found += lab_.receiver.transactions[before:]


def unsubscribe(lab_, address, category, **options):
    return lab_.notifyctl("unsubscribe", "--confirm", address, "--", "acme",
                          category, address, as_=OLGA, **options)


def subscribed(lab_, address, category):
    """ADDRESS, which is made a user of acme and subscribed."""
    lab_.notifyctl("user", "add", "--", "acme", address)
    lab_.notifyctl("subscribe", "--", "acme", category, address, as_=OLGA)
    return address


@case("one notice arrives, from the configured sender, with its text whole")
def _(lab_):
    with arrivals(lab_) as mails:
        done = unsubscribe(lab_, BILL, MAINTENANCE)
    same(done.stderr, "", "standard error")
    same([(mail.sender, mail.addresses) for mail in mails], [(FROM, [BILL])],
         "envelopes")
    message = email.message_from_bytes(mails[0].data,
                                       policy=email.policy.default)
    for name, part in (("From", FROM), ("To", BILL),
                       ("Subject", "Scheduled maintenance"),
                       ("Auto-Submitted", "auto-generated")):
        contains(message[name], part, name)
    for part in ("acme", "Scheduled maintenance", BILL):
        contains(message.get_content(), part, "text")


@case("the notice has no tag, and passes the milter unchanged")
def _(lab_):
    since = lab_.milter.mark()
    with arrivals(lab_) as mails:
        unsubscribe(lab_, ANN, MAINTENANCE)
    same(len(mails), 1, "mails")
    lacks(mails[0].data.lower(), b"x-notify", "the message")
    same(lab_.milter.summaries(since), [], "lines of the milter")


@case("an address of any kind gets its notice, and nobody else does")
def _(lab_):
    for address, arrives in (
            ('"a b"@acme.example', '"a b"@acme.example'),
            ("x-@acme.example", "x-@acme.example"),
            ("o'neil@acme.example", "o'neil@acme.example"),
            ('"q, ann"@acme.example', '"q, ann"@acme.example'),
            ("jürgen@exämple.example", "jürgen@xn--exmple-cua.example")):
        subscribed(lab_, address, SERVICES)
        with arrivals(lab_) as mails:
            done = unsubscribe(lab_, address, SERVICES)
        same(done.stderr, "", f"standard error for {address}")
        same([mail.addresses for mail in mails], [[arrives]], "recipients")


@case("while sendmail(1) refuses, the notice waits; then it arrives once")
def _(lab_):
    main = os.path.join(lab_.postfix.config, "main.cf")
    with arrivals(lab_) as mails:
        os.rename(main, main + ".away")
        try:
            done = unsubscribe(lab_, SUE, BALANCE)
        finally:
            os.rename(main + ".away", main)
    true(re.fullmatch(r"notifyctl: warning: .*\n", done.stderr),
         f"a warning: {done.stderr!r}")
    same((done.returncode, mails), (0, []), "exit and mails")
    with arrivals(lab_) as mails:
        same(lab_.notifyctl("init").stderr, "", "standard error")
        lab_.notifyctl("init")
    same([mail.addresses for mail in mails], [[SUE]], "recipients")


@case("while Postfix is down, the notice waits in its queue")
def _(lab_):
    lab_.postfix.stop()
    done = unsubscribe(lab_, ANN, BALANCE)
    same(done.stderr, "", "standard error")
    same(len(lab_.postfix.files("maildrop")), 1, "mails in the queue")
    same(lab_.sql("SELECT count(*) FROM notice WHERE state <> 'sent'"),
         [(0,)], "notices that wait here too")


lab.run(main={"allow_min_user": "yes"})     # for the address with a hyphen
