#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""The spellings of a category that count as one, in X-Notify-Category."""
from lib import lab
from lib.lab import case
from lib.roster import (ADAM, ANN, BALANCE, BILL, CATEGORIES, OLGA, SERVICES,
                        entitled)

UMLAUT = "St\u00f6rungen & W\u00fcnsche"


def read_as(lab_, tag, category, **options):
    result = lab_.send([BILL], tag, "acme", **options)
    result.must("deliver", entitled(category, "acme"), category=category)


@case("a category may be tagged by slug or by title")
def _(lab_):
    for slug, (title, _, _) in CATEGORIES.items():
        read_as(lab_, slug, slug)
        read_as(lab_, title, slug)


@case("case makes no difference")
def _(lab_):
    for tag in ("BALANCE-AND-PAYMENTS", "bAlAnCe AnD pAyMeNtS",
                "Balance And Payments"):
        read_as(lab_, tag, BALANCE)


@case("spaces, hyphens and underscores make no difference")
def _(lab_):
    for tag in ("BALANCE_AND_PAYMENTS", "balance  and   payments",
                "balance--and__payments", "balance -_ and _- payments",
                "balance\tand\tpayments", "   balance and payments   "):
        read_as(lab_, tag, BALANCE)


@case("an ampersand means and")
def _(lab_):
    for tag in ("Balance & Payments", "balance_&_payments",
                "BALANCE-&-PAYMENTS"):
        read_as(lab_, tag, BALANCE)
    read_as(lab_, "Services & Services", SERVICES)


@case("a folded tag is one line")
def _(lab_):
    for tag in ("Balance\n and\n\tpayments", "\n balance-and-payments",
                "balance-and-payments\n "):
        read_as(lab_, tag, BALANCE)


@case("the header's name is compared without case")
def _(lab_):
    for name in ("x-notify-category", "X-NOTIFY-CATEGORY",
                 "x-Notify-cAtegory"):
        lab_.send([BILL], headers=[f"{name}:{BALANCE}",
                                   "X-NOTIFY-account:acme"]).must(
            "deliver", entitled(BALANCE, "acme"), category=BALANCE)


@case("an encoded tag is decoded first")
def _(lab_):
    for tag in ("=?utf-8?Q?Balance_&_Payments?=",
                "=?UTF-8?q?Balance_=26_Payments?=",
                "=?us-ascii?B?QmFsYW5jZSBhbmQgcGF5bWVudHM=?=",
                "=?iso-8859-1?Q?balance=2Dand=2Dpayments?=",
                "=?utf-8*en?Q?balance-and-payments?=",
                "=?utf-8?Q?Bala?= =?utf-8?B?bmNlIGFuZCA=?="
                "\n =?utf-8?Q?payments?=",
                "Balance =?utf-8?Q?and?= payments"):
        read_as(lab_, tag, BALANCE)


@case("an account header may be encoded as well")
def _(lab_):
    lab_.send([BILL], BALANCE, "=?utf-8?Q?acme?=").must(
        "deliver", entitled(BALANCE, "acme"), account="acme")


@case("a category of the operator's own is found by slug and title")
def _(lab_):
    lab_.notifyctl("category", "add", "trouble", "--title", UMLAUT)
    lab_.notifyctl("subscribe", "acme", "trouble", ADAM, as_=OLGA)
    for tag in ("trouble", "Trouble",
                "=?utf-8?Q?St=C3=B6rungen_&_W=C3=BCnsche?=",
                "=?iso-8859-1?Q?St=F6rungen_and_W=FCnsche?="):
        lab_.send([BILL], tag, "acme").must("deliver", [OLGA, ADAM],
                                            category="trouble")


@case("a title outside ASCII may stand in the header as it is, in any case")
def _(lab_):
    for tag in (UMLAUT, UMLAUT.upper()):
        lab_.send([BILL], tag, "acme", options="SMTPUTF8").must(
            "deliver", [OLGA, ADAM], category="trouble")


@case("the same category twice, spelled differently, is one tag")
def _(lab_):
    read_as(lab_, "Balance & Payments", BALANCE,
            headers=["X-Notify-Category: balance-and-payments",
                     "x-notify-category: BALANCE_AND_PAYMENTS"])
    read_as(lab_, "services", SERVICES,
            headers=["X-Notify-Category: Services and services"])


@case("a tag submitted with sendmail(1) is read alike")
def _(lab_):
    for tag in ("Balance & Payments", "=?utf-8?Q?balance_and?=\n payments",
                "BALANCE_AND_PAYMENTS"):
        lab_.sendmail([ANN], tag, "acme").must(
            "deliver", entitled(BALANCE, "acme"), category=BALANCE)


lab.run()
