#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 8 s
"""An old system that cannot add a header is tagged by Postfix: by header_checks
and by an access map, with the tables of postfix-sample as they are."""
import os

from lib import TREE, lab
from lib.lab import ACCOUNTS, case
from lib.roster import (ANN, BALANCE, BILL, DOCUMENTS, MAINTENANCE, STRANGER,
                        entitled)
from lib.tap import contains, same

SAMPLE = os.path.join(TREE, "postfix-sample")
CHECKS = "regexp:" + os.path.join(SAMPLE, "header_checks")
ACME = f"acme@{ACCOUNTS}"
CLIENT = "192.0.2.17    PREPEND"


@case("header_checks tag by program, sender and subject, by SMTP and by "
      "sendmail(1)")
def _(one):
    for header, category in (
            ("X-Mailer: billingsystem 4.2", DOCUMENTS),
            ("From: Maintenance <maintenance@example.com>", MAINTENANCE),
            ("From: maintenance@example.com", MAINTENANCE)):
        for send in (one.send, one.sendmail):
            result = send([ACME], headers=[header])
            result.must("deliver", entitled(category, "acme"),
                        category=category, account="acme")
    one.send([ANN, BILL], subject="Your balance is low").must(
        "deliver", [ANN], category=BALANCE)


@case("what looks like it is not tagged")
def _(one):
    for header in ("X-Mailer: Other BillingSystem",
                   "From: xmaintenance@example.com",
                   "From: maintenance@example.com.evil.example",
                   "Reply-To: maintenance@example.com"):
        one.send([STRANGER], headers=[header]).untouched([STRANGER])


@case("a header that names the customer becomes the account")
def _(one):
    one.send([ACME], headers=["X-Customer: acme", "X-Mailer: BillingSystem"]
             ).must("deliver", entitled(DOCUMENTS, "acme"), account="acme")
    one.send([ACME], headers=["X-Customer: beta", "X-Mailer: BillingSystem"]
             ).must("hold", [])


@case("a message of an attachment does not tag")
def _(one):
    body = ("--b\r\nContent-Type: message/rfc822\r\n\r\n"
            "X-Mailer: BillingSystem\r\n\r\nold\r\n--b--\r\n")
    one.send([STRANGER], headers=[
        "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"],
        body=body).untouched([STRANGER])


@case("two tags that differ hold the message, two that agree do not")
def _(one):
    one.send([ANN], BALANCE, headers=["X-Mailer: BillingSystem"]).must("hold")
    one.send([ACME], DOCUMENTS, headers=["X-Mailer: BillingSystem"]).must(
        "deliver", entitled(DOCUMENTS, "acme"))


@case("a client that is not trusted gains nothing by it")
def _(one):
    one.milter.settings(trusted_clients="192.0.2.1")
    result = one.send([STRANGER], headers=["X-Mailer: BillingSystem"])
    result.must("untrusted", [STRANGER])
    same(b"x-notify" in result.data().lower(), False, "a tag is left")


@case("an access map tags by the client's address, once for any number of "
      "recipients")
def _(one):
    with open(os.path.join(SAMPLE, "client_access"), encoding="utf-8") as file:
        text = file.read()
    contains(text, CLIENT, "the sample")
    path = os.path.join(one.folder, "clients")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("192.0.2.17 ", "127.0.0.1 "))
    one.postfix.tool("postconf", "-e", "header_checks =",
                     "smtpd_data_restrictions = "
                     f"check_client_access cidr:{path}")
    one.postfix.reload()
    result = one.send([ACME, ANN, BILL, STRANGER])
    result.must("deliver", entitled(DOCUMENTS, "acme"), category=DOCUMENTS)
    same(result.data().lower().count(b"x-notify-category:"), 1, "tags")
    one.postfix.tool("postconf", "-e", "smtpd_data_restrictions =",
                     "smtpd_sender_restrictions = "
                     f"check_client_access cidr:{path}")
    one.postfix.reload()
    result = one.send([ACME, ANN, BILL, STRANGER])
    same(result.data().lower().count(b"x-notify-category:"), 4,
         "tags by another list: check warns of that")


lab.run(settings={"expand": "addressed"},
        main={"header_checks": CHECKS, "mime_header_checks": "",
              "nested_header_checks": ""})
