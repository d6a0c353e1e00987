#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"Only a trusted client may tag; from others every X-Notify header is removed."
import shutil

from lib import lab
from lib.lab import case
from lib.requeue import requeued
from lib.roster import ANN, BALANCE, BILL, STRANGER, entitled
from lib.tap import Skip, contains, lacks, same, true

RCPTS = [ANN, BILL, STRANGER, "acme@accounts.example"]
NOBODY = "192.0.2.1"        # trusted_clients that no client here is among
USER = ("app@relay.example", "secret")


def trusted(lab_, **options):
    lab_.send([BILL], BALANCE, "acme", **options).must(
        "deliver", entitled(BALANCE, "acme"), category=BALANCE)


def untrusted(lab_, **options):
    result = lab_.send(RCPTS, BALANCE, "acme", **options).must(
        "untrusted", RCPTS, category="-")
    same(result.dropped(), {}, "dropped")
    lacks(result.data().lower(), b"x-notify-", "data")


@case("by default all of loopback may tag, and a public address may not")
def _(lab_):
    trusted(lab_)
    trusted(lab_, source="127.0.0.2")
    trusted(lab_, source="127.255.255.254")
    trusted(lab_, listener="smtp6")
    untrusted(lab_, listener="xclient", xclient={"addr": "192.0.2.7"})
    untrusted(lab_, listener="xclient", xclient={"addr": "IPV6:2001:db8::1"})


@case("twenty X-Notify headers are removed from among many others, and more "
      "are refused")
def _(lab_):
    lab_.milter.settings(trusted_clients=NOBODY)
    others = [f"X-Other-{i}: x" for i in range(500)]
    for name in ("X-Notify-Category: x", "X-Notify-{}: x", "x-notify-a : x"):
        ours = [name.format(i) for i in range(19)]
        result = lab_.send(RCPTS, BALANCE, headers=others + ours)
        result.must("untrusted", RCPTS)
        lacks(result.data().lower(), b"x-notify-", "data")
        same(result.data().count(b"X-Other-"), 500, "other headers")
        result = lab_.send(RCPTS, BALANCE, headers=[*others, *ours, ours[0]])
        result.must("reject")
        contains(result.reply.text, "20 X-Notify", "reply")
    # Untagged mail is none of ours.
    lab_.send(RCPTS, headers=["X-Notify-Other: x"] * 30).untouched(RCPTS)
    lab_.milter.settings(trusted_clients=NOBODY, monitor="yes")
    result = lab_.send(RCPTS, BALANCE, headers=["X-Notify-Other: x"] * 30)
    same(sorted(result.recipients()), sorted(RCPTS), "recipients")
    same(result.summary()["verdict"], "reject", "verdict")
    same(result.data().count(b"X-Notify-Other"), 30, "headers")


@case("a single address trusts that one alone")
def _(lab_):
    lab_.milter.settings(trusted_clients="127.0.0.1")
    trusted(lab_)
    untrusted(lab_, source="127.0.0.2")
    untrusted(lab_, listener="smtp6")
    lab_.milter.settings(trusted_clients="::1")
    trusted(lab_, listener="smtp6")
    untrusted(lab_)


@case("an IPv4 network ends where its prefix says")
def _(lab_):
    lab_.milter.settings(trusted_clients="127.0.0.4/30, 10.0.0.0/8")
    for last, may in ((3, False), (4, True), (7, True), (8, False)):
        (trusted if may else untrusted)(lab_, source=f"127.0.0.{last}")
    lab_.milter.settings(trusted_clients="127.0.0.0/31 127.0.0.9/32")
    trusted(lab_)
    untrusted(lab_, source="127.0.0.2")
    trusted(lab_, source="127.0.0.9")
    untrusted(lab_, source="127.0.0.8")


@case("an IPv6 network ends where its prefix says")
def _(lab_):
    def client(address):
        return {"listener": "xclient", "xclient": {"addr": f"IPV6:{address}"}}
    for networks in ("2001:db8::/33", "[2001:db8::]/33,10.0.0.0/8"):
        lab_.milter.settings(trusted_clients=networks)
        trusted(lab_, **client("2001:db8::1"))
        trusted(lab_, **client("2001:db8:7fff:ffff::1"))
        untrusted(lab_, **client("2001:db8:8000::1"))
        untrusted(lab_, **client("2001:db9::1"))
        untrusted(lab_, listener="smtp6")
        untrusted(lab_)


@case("an IPv6 zero address does not trust IPv4 clients, and the reverse")
def _(lab_):
    lab_.milter.settings(trusted_clients="::/0")
    trusted(lab_, listener="smtp6")
    untrusted(lab_)
    lab_.milter.settings(trusted_clients="0.0.0.0/0")
    trusted(lab_)
    untrusted(lab_, listener="smtp6")


@case("mail from sendmail(1) is trusted as 127.0.0.1 is")
def _(lab_):
    lab_.sendmail([BILL], BALANCE, "acme").must(
        "deliver", entitled(BALANCE, "acme"))
    lab_.milter.settings(trusted_clients=NOBODY)
    result = lab_.sendmail(RCPTS, BALANCE, "acme").must("untrusted", RCPTS)
    lacks(result.data().lower(), b"x-notify-", "data")


def need_sasl(lab_):
    if not lab_.postfix.users:
        raise Skip("needs saslpasswd2")


@case("authentication alone makes no client trusted")
def _(lab_):
    need_sasl(lab_)
    lab_.milter.settings(trusted_clients=NOBODY)
    untrusted(lab_, listener="auth", auth=USER)


@case("trust_authenticated = yes trusts clients that have authenticated, no "
      "others")
def _(lab_):
    need_sasl(lab_)
    lab_.milter.settings(trusted_clients=NOBODY, trust_authenticated="yes")
    trusted(lab_, listener="auth", auth=USER)
    untrusted(lab_, listener="auth")
    with lab_.connect("auth") as client:
        same(client.auth(USER[0], "wrong").code, 535, "a wrong password")
        untrusted(lab_, client=client)
        same(client.auth(*USER).code, 235, "the right one")
        trusted(lab_, client=client)
        trusted(lab_, client=client)
        untrusted(lab_)         # another connection meanwhile
    lab_.milter.settings(trust_authenticated="yes")
    trusted(lab_)


FORGED = [
    "X-Notify-Category: services",
    "Subject: between",
    "x-notify-CATEGORY:balance-and-payments",
    "X-NOTIFY-CATEGORY: balance\n and\n\tpayments",
    "X-Notify-Account: acme",
    "X-Keep: 1",
    "X-Notify-Account: beta",
    "X-Notify-Whatever:",
    "x-notify-: x",
    "X-Notify-Category:\n services",
]
KEPT = ["X-Notify: keep", "X-Notifycategory: keep", "XX-Notify-Category: keep",
        "X-Other: a\n X-Notify-Category: services"]


@case("every X-Notify header is removed and nothing else changes")
def _(lab_):
    lab_.milter.settings(trusted_clients=NOBODY)
    want = lab_.send(RCPTS, listener="plain", headers=[
        h for h in (*FORGED, *KEPT, *FORGED, "X-Last: 1")
        if not h.lower().startswith("x-notify-")])
    for how in ("send", "sendmail"):
        got = getattr(lab_, how)(RCPTS, headers=[*FORGED, *KEPT, *FORGED,
                                                 "X-Last: 1"])
        got.must("untrusted", RCPTS)
        same(lab.marks_gone(got.data()), lab.marks_gone(want.data()), how)


@case("forged headers among others are all removed")
def _(lab_):
    lab_.milter.settings(trusted_clients=NOBODY)
    want = lab_.send([ANN], listener="plain", headers=["X-Keep: 1"] * 5)
    got = lab_.send([ANN], headers=(["X-Notify-Category: services"] * 4
                                    + ["X-Keep: 1"]) * 5)
    got.must("untrusted", [ANN])
    same(lab.marks_gone(got.data()), lab.marks_gone(want.data()), "data")


@case("a message with too many forged headers is refused")
def _(lab_):
    lab_.milter.settings(trusted_clients=NOBODY)
    got = lab_.send([ANN], headers=["X-Notify-Category: services"] * 20000)
    if got.recipients():
        lacks(got.data().lower(), b"x-notify-", "data")
    true(lab_.milter.running(), "the milter runs")


@case("recipients, their order and their options stay")
def _(lab_):
    lab_.milter.settings(trusted_clients=NOBODY)
    rcpts = [("ann+x@acme.example", "NOTIFY=NEVER"),
             (STRANGER, "NOTIFY=SUCCESS ORCPT=rfc822;s@x.example"),
             ("\"john doe\"@acme.example", "")]
    want = lab_.send(rcpts, BALANCE, listener="plain", options="RET=HDRS")
    got = lab_.send(rcpts, BALANCE, options="RET=HDRS")
    got.must("untrusted", [address for address, _ in rcpts])
    same([t.rcpts for t in got.transactions()],
         [t.rcpts for t in want.transactions()], "recipients")


@case("an untagged message keeps its account header")
def _(lab_):
    lab_.milter.settings(trusted_clients=NOBODY)
    result = lab_.send(RCPTS, account="acme").untouched(RCPTS)
    true(b"X-Notify-Account: acme\r\n" in result.data(), "the header is there")


@case("a bad tag of an untrusted client does not hold its mail")
def _(lab_):
    for action in ("hold", "reject", "tempfail"):
        lab_.milter.settings(trusted_clients=NOBODY, bad_tag=action)
        lab_.send(RCPTS, "lunch", "nosuch").must("untrusted", RCPTS)


def put_on_hold(lab_, **options):
    """A message that the milter let pass with its tag, held by hand."""
    lab_.milter.settings(monitor="yes")
    lab_.receiver.refuse = lambda _: "450 4.2.0 not now"
    result = lab_.send(RCPTS, BALANCE, "acme",
                       headers=("x-notify-Other : a\n b", "Subject: x",
                                "X-Other: y"), **options)
    lab_.until(lambda: f"{result.qid}: to=" in lab_.postfix.text(), "deferred")
    lab_.postfix.tool("postsuper", "-h", result.qid)
    del lab_.receiver.refuse
    lab_.milter.settings()
    return result


@case("requeue, which submits from this machine, makes no client trusted")
def _(lab_):
    for options, counts in (
            ({"listener": "xclient", "xclient": {"addr": "192.0.2.7"}}, False),
            ({"listener": "xclient", "xclient": {"addr": "IPV6:2001:db8::1"}},
             False),
            ({}, True), ({"listener": "smtp6"}, True)):
        result = put_on_hold(lab_, **options)
        requeued(lab_, result)
        same(result.recipients(),
             sorted(entitled(BALANCE, "acme") if counts else RCPTS),
             f"of {options}")
        if not counts:
            data = result.data()
            lacks(data.lower(), b"x-notify-", "data")
            for part in (b"X-Other: y", b"Subject: x"):
                contains(data, part, "data")


lab.run(users={USER[0]: USER[1]} if shutil.which("saslpasswd2") else None)
