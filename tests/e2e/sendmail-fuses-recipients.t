#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix sendmail
"""Whoever stays gets one copy, also where Sendmail fuses him with somebody who
does not."""
import itertools
import time

from lib import lab, sendmail, tap
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, MIA, OLGA, entitled
from lib.tap import same

LARA = "lara@relay.example"


class Sendmail(sendmail.Sendmail):
    more = """\
define(`ALIAS_FILE', `FOLDER/aliases')dnl
LOCAL_DOMAIN(`own.example')dnl
FEATURE(`domaintable', `hash -o FOLDER/domaintable.db')dnl
FEATURE(`virtusertable', `hash -o FOLDER/virtusertable.db')dnl
VIRTUSER_DOMAIN(`virtual.example')dnl
VIRTUSER_DOMAIN(`acme.example')dnl
"""
    maps = {
        "aliases": "@\t@\nstaff\tann@acme.example\n"
                   "team\tbill@acme.example\n",
        "domaintable": "old.example\tacme.example\n",
        "virtusertable": "ann@virtual.example\tann@acme.example\n"
                         "lara@virtual.example\tlara@relay.example\n"
                         "mia@acme.example\tann@acme.example\n",
    }


class Lab(lab.Lab):
    # Sendmail takes no socket below a directory that everybody may write to.
    where = "/var/lib"
    mta = Sendmail

    def _start(self):
        super()._start()
        self.notifyctl("user", "add", "acme", LARA)
        self.notifyctl("subscribe", "acme", BALANCE, LARA, as_=OLGA)


# Who stays, and another spelling that Sendmail resolves to the same.
FORMS = {
    "the same": (ANN, ANN),
    "a trailing dot": (ANN, ANN + "."),
    "letters of another case": (ANN, "Ann@ACME.example"),
    "the %-hack": (ANN, "ann%acme.example@relay.example"),
    "a route by !": (ANN, "acme.example!ann@relay.example"),
    "a source route": (ANN, "@relay.example:ann@acme.example"),
    "a domain of its own": (LARA, "lara@own.example"),
    "a local user in another case": (LARA, "LARA@relay.example"),
    "a local user without a domain": (LARA, "lara"),
    "virtusertable": (ANN, "ann@virtual.example"),
    "virtusertable, to a local user": (LARA, "lara@virtual.example"),
    "an alias": (ANN, "staff@relay.example"),
    "domaintable": (ANN, "ann@old.example"),
    "somebody else, not entitled": (ANN, MIA),
    "somebody else and more": (ANN, MIA, BILL, "ann@acme.example."),
}


def got(result):
    """Who has got it, as the roster spells them."""
    return [{"lara": LARA}.get(a.lower(), a.lower()).replace('"', "").rstrip(
        ".") for a in result.recipients()]


for title, (stays, *others) in FORMS.items():
    @case(f"{title}: one copy, in each order")
    def _(lab_, stays=stays, others=others):
        for order in itertools.permutations([stays, *others]):
            result = lab_.send(list(order), BALANCE)
            same(result.summary()["verdict"], "deliver", f"{order}")
            same(got(result), [stays], f"recipients of {order}")


@case("an alias that is dropped takes along whoever it stands for")
def _(lab_):
    for order in itertools.permutations([LARA, "team@relay.example"]):
        result = lab_.send(list(order), BALANCE)
        same(got(result), [LARA], f"recipients of {order}")


@case("who stays keeps the DSN options of the first spelling")
def _(lab_):
    never, always = "NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE"
    for first, want in ((never, "NEVER"), (always, "SUCCESS,FAILURE")):
        result = lab_.send([(ANN, first), (ANN + ".", "NOTIFY=SUCCESS"), BILL],
                           BALANCE)
        options = [o for t in result.transactions() for _, o in t.rcpts]
        same([o["NOTIFY"] for o in options], [want], f"options of {first}")


@case("the people of an account join beside one who stays, one copy each")
def _(lab_):
    want = sorted([*entitled(BALANCE, "acme"), LARA])
    for text in (ANN, ANN + ".", "ann@virtual.example"):
        result = lab_.send([f"acme@{lab.ACCOUNTS}", text], BALANCE)
        same(sorted(set(got(result)) - {"ann@virtual.example"}), want,
             f"who has got it beside {text}")
        same(len(got(result)), len(want), f"copies beside {text}")


@case("a message to a thousand people, one of them dropped, is answered in time")
def _(lab_):
    lab_.milter.settings(unknown_recipients="keep")
    people = [f"p{i}@else.example" for i in range(1000)]
    began = time.monotonic()
    result = lab_.send([*people, BILL], BALANCE)
    took = time.monotonic() - began
    print(f"# {took:.2f} s")
    same(took < 30, True, f"answered in {took:.1f} s")
    same(sorted(got(result)), sorted(people), "recipients")


# It is about recipients who leave; who joins for them is another matter.
tap.run(setup=lambda: Lab(settings={"expand": "addressed"}).start(),
        teardown=Lab.stop)
