#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""An MTA that does not offer the actions that the milter requires is refused,
in one line that names them; one that lacks only optional ones is served."""
from lib import lab
from lib.lab import case
from lib.mta import (ACTIONS, ADDHDRS, ADDRCPT, ADDRCPT_PAR, CHGHDRS, DELRCPT,
                     QUARANTINE, STEPS, Closed, Mta, tagged)
from lib.roster import BALANCE, BILL, entitled
from lib.tap import same, true

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
NEEDED = {ADDRCPT: "add recipients",
          ADDRCPT_PAR: "add recipients with parameters",
          DELRCPT: "delete recipients", ADDHDRS: "add headers",
          CHGHDRS: "remove headers",
          QUARANTINE: "put messages on hold"}


def refused(lab_, actions, lacks):
    since = lab_.milter.mark()
    try:
        Mta(lab_.milter, actions=actions).close()
        raise AssertionError(f"it works for an MTA with {actions:#x}")
    except Closed:
        pass
    same(lab_.milter.since(since),
         ["error: MTA does not offer required milter actions: "
          f"{lacks} (it offers {actions:#x})"], "the log")


for action, name in NEEDED.items():
    @case(f"an MTA that does not let a milter {name} is refused")
    def _(lab_, action=action, name=name):
        refused(lab_, ACTIONS & ~action, name)


@case("an MTA that offers none of the actions is refused")
def _(lab_):
    refused(lab_, 2, ", ".join(NEEDED.values()))


def works(lab_, **offers):
    with Mta(lab_.milter, **offers) as mta:
        answer = mta.message(RCPTS, tagged(BALANCE))
        same((answer.verdict, answer.to(RCPTS)), ("continue", WANT),
             f"with {offers}: {answer}")


@case("an MTA that offers exactly the required actions is served")
def _(lab_):
    works(lab_, actions=sum(NEEDED))


@case("an MTA that sends every step and waits for every answer is served")
def _(lab_):
    for version in (6, 2):
        works(lab_, steps=0x7f, version=version)
    for bit in range(21):
        works(lab_, steps=STEPS & ~(1 << bit))


@case("an MTA of a later version that offers more is served")
def _(lab_):
    works(lab_, version=7, actions=0xffff, steps=0x0fffffff)
    true(lab_.milter.running(), "it lives")


lab.run(postfix=False, allow="^error: MTA does not offer")
