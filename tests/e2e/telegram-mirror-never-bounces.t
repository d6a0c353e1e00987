#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Whatever fails on the way to a chat, the sender of the mail gets no bounce:
the mail is the record, the chat a courtesy."""
import contextlib
import os

from lib.lab import SENDER
from lib.roster import ANN, BALANCE, OLGA, entitled
from lib.tap import same
from lib.telegram import ChatLab, case, run

ACME = "acme@accounts.example"
CHAT = 7001
PEOPLE = sorted(entitled(BALANCE, "acme"))


@contextlib.contextmanager
def agent(site, script):
    """SCRIPT runs in place of notify-telegram; None: there is nothing."""
    path = os.path.join(site.folder, "agent", "run")
    os.rename(path, path + ".kept")
    try:
        if script is not None:
            site.script("agent/run", script)
        yield
    finally:
        os.rename(path + ".kept", path)


def heard(site, result):
    """The mail that the sender of the message got about it."""
    return [t.data for t in site.receiver.transactions
            if SENDER in t.addresses and result.mark.encode() in t.data]


def tried(site, result):
    site.until(lambda: [line for line in site.postfix.text().splitlines()
                        if f" {result.qid}: to=<" in line
                        and "relay=notify-telegram" in line],
               "pipe(8) has tried")


def no_bounce(site, script):
    site.link_to("acme", OLGA, CHAT)
    with agent(site, script):
        result = site.tell([ACME])
        tried(site, result)
    site.flushed()
    same(heard(site, result), [], "mail to the sender")
    same(result.recipients(), PEOPLE, "recipients of the mail")
    site.told(result, [CHAT])


@case("a missing agent causes no bounce")
def _(site):
    no_bounce(site, None)


@case("an agent that cannot be started causes no bounce")
def _(site):
    no_bounce(site, "#!/nowhere/sh\n")


@case("an agent whose libraries are missing causes no bounce")
def _(site):
    no_bounce(site, "#!/bin/sh\nexit 127\n")


@case("an agent that fails in an unknown way causes no bounce")
def _(site):
    no_bounce(site, "#!/bin/sh\nexit 1\n")


@case("an agent that crashes causes no bounce")
def _(site):
    no_bounce(site, "#!/bin/sh\nkill -SEGV $$\n")


@case("a chat that waits longer than the queue keeps mail causes no bounce")
def _(site):
    site.link_to("acme", OLGA, CHAT)
    site.link_to("acme", ANN, CHAT)
    with site.api.away():
        result = site.tell([ACME], options="RET=HDRS ENVID=x")
        tried(site, result)
        site.flushed()
        site.postfix.settle()
    same(heard(site, result), [], "mail to the sender")
    same(result.recipients(), PEOPLE, "recipients of the mail")


@case("a sender who asks for a DSN on the mail gets none on the chat")
def _(site):
    site.link_to("acme", OLGA, CHAT)
    with site.api.away():
        result = site.tell([(OLGA, "NOTIFY=SUCCESS,FAILURE,DELAY")])
        tried(site, result)
        site.flushed()
        site.postfix.settle()
    same([text for text in heard(site, result) if b"telegram" in text], [],
         "reports that name the chat")


# Each case is over before a message of its own is so old.
run(ChatLab, main={"maximal_queue_lifetime": "3s", "bounce_queue_lifetime":
                   "3s", "delay_warning_time": "1s"})
