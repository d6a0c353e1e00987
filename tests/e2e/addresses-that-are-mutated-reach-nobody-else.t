#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 40 s
# deep: some thousands of random recipients, for half a minute
"""However the recipients are written, the message reaches nobody who is not
entitled, and everybody who is: as Postfix delivers it, not as the log has it.

Addresses of users, strangers and accounts are mutated by what Postfix reads in
its own way: quotes, backslashes, comments, source routes, "%", "!", dots, signs
that look like letters. Most are refused or held; the others must be right.

NM_SECONDS=S is how long, NM_SEED=N repeats a run.
"""
import os
import random
import re
import time
import unicodedata

from lib import lab, tap
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, MIA, OLGA, SUE

SECONDS = float(os.environ.get("NM_SECONDS") or 30)
SEED = int(os.environ.get("NM_SEED") or time.time())
AT_ONCE = 50
# Postfix understands the most.
MAIN = {"allow_percent_hack": "yes", "swap_bangpath": "yes",
        "allow_untrusted_routing": "yes"}

GOOD = (ANN, '"ent itled"@acme.example', "zo\u00eb@b\u00fccher.example")
OTHERS = ('"two words"@acme.example', '"a,b;c"@acme.example',
          '"q\\"uote"@acme.example', "o'neil+tag@acme.example",
          "j\u00fcrgen@b\u00fccher.example",
          "stra\u00dfe@xn--bcher-kva.example")
BAD = (BILL, MIA, *OTHERS, "acme@accounts.example", '"acme"@accounts.example',
       "stranger@else.example", '"str anger"@else.example')
NOISE = ('"', "\\", " ", "\t", "(", ")", "(x)", "(a:b)", ".", "+", "+x", "%",
         "!", "@", ",", ";", ":", "::", "<", ">", "[", "]", "-", "_", "=",
         "/", "'", "`", "|", "$", "{", "}", "?", "*", "#", "&", "~", "^",
         '""', '"@"', '\\"', "\\\\", "@relay.example", "%acme.example",
         "acme.example!", "\x7f", "\u00e9", "\u00a0", "\u212a", "\u3002",
         "\uff0e")
ROUTES = ("@a:", "@a,@b:", "@a.b.c:", "@[192.0.2.1]:", "@[IPv6:::1]:", "@:",
          "@\u00fc.example:", '@"x":', "@a(x):", "@a :", "@a,:")

# Of RCPT; none makes a report to the sender.
OPTIONS = ("", "", "", "NOTIFY=NEVER", "NOTIFY=FAILURE",
           "ORCPT=rfc822;ann@acme.example", "ORCPT=rfc822;bill@acme.example",
           "NOTIFY=NEVER ORCPT=rfc822;@a:stranger@else.example")


def quoted(address):
    local, at, domain = address.rpartition("@")
    return address if address.startswith('"') else f'"{local}"{at}{domain}'


def mutated(draw, address):
    for _ in range(draw.choice((0, 1, 1, 1, 2, 2, 3))):
        at = draw.randrange(len(address) + 1)
        head, tail = address[:at], address[at:]
        address = draw.choice((
            lambda: head + draw.choice(NOISE) + tail,
            lambda: head + draw.choice(NOISE) + tail,
            lambda: head + draw.choice(NOISE) + tail,
            lambda: head + tail[:1].swapcase() + tail[1:],
            lambda: head + tail[1:],
            lambda: head + "\\" + tail,
            lambda: quoted(address),
            lambda: address + ".",
            lambda: address.upper(),
            lambda: draw.choice(ROUTES) + address))()
    return address


def person(address):
    """One text for each mailbox, without its detail part."""
    local, _, domain = unicodedata.normalize(
        "NFC", address).rpartition("@")
    if len(local) > 1 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    domain = domain.rstrip(".").lower()
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        pass
    local = local.lower()
    return f"{local.split('+')[0] or local}@{domain}"


ENTITLED = {person(address) for address in (*GOOD, OLGA, SUE)}


def judge(result, rcpts, account):
    """Has it reached the right people?"""
    got = {person(address) for address in result.addresses()}
    line = result.summary()["line"]
    about = f"{rcpts!r}, account {account} (NM_SEED={SEED}): {line}"
    tap.same(sorted(got - ENTITLED), [], f"who else got {about}")
    if result.summary()["verdict"] != "deliver":
        tap.same(sorted(got), [], f"who got {about}")
    elif account:
        tap.same(sorted(ENTITLED - got), [], f"who did not get {about}")


def send(lab_, client, draw):
    """One message; (result, recipients, account)."""
    rcpts = [mutated(draw, draw.choice(BAD))
             for _ in range(draw.choice((1, 1, 2, 3)))]
    rcpts += [mutated(draw, draw.choice(GOOD))
              for _ in range(draw.choice((0, 1, 1, 2)))]
    draw.shuffle(rcpts)
    rcpts = [(address, draw.choice(OPTIONS)) for address in rcpts]
    account = draw.choice((None, None, "acme"))
    result = lab_.send(rcpts, BALANCE, account, client=client,
                       options=draw.choice(("", "SMTPUTF8")))
    return result, rcpts, account


@case("mutated recipients reach nobody who is not entitled, and no entitled "
      "user is lost")
def _(lab_):
    lab_.notifyctl("user", "add", "acme", *GOOD[1:], *OTHERS)
    lab_.notifyctl("subscribe", "acme", BALANCE, *GOOD[1:], as_=OLGA)
    draw, end, judged = random.Random(SEED), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        # Whatever Postfix takes an odd recipient for, the next round is apart.
        with lab_.connect() as client:
            sent = [send(lab_, client, draw) for _ in range(AT_ONCE)]
        for result, rcpts, account in sent:
            if result.reply.code == 250:
                judge(result, rcpts, account)
                judged += 1
        lab_.postfix.tool("postsuper", "-d", "ALL", "hold")
    tap.true(judged > SECONDS, f"only {judged} messages were taken")


lab.run(main=MAIN)
