#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it preloads a library
"""A clock that jumps, by hours or years, forward or back, changes no decision
of the milter's and no wait."""
import threading
import time

from lib import faults, lab
from lib.lab import case
from lib.mta import Closed, Mta, tagged
from lib.roster import BALANCE, BILL, entitled
from lib.tap import contains, same, true
from lib.waiting import LIMIT

HOUR, DAY = 3600, 86400
JUMPS = (HOUR, 0, -HOUR, 20 * 365 * DAY, -DAY, 3 * HOUR, -20 * 365 * DAY, 0)
RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
CLIENTS = 8         # as many as the milter has connections to the database


class Lab(lab.Lab):
    def _start(self):
        super()._start()
        self.milter.kill()
        self.clock = faults.Clock(self.folder)
        self.milter.env = self.clock.env
        self.milter.start()


def right(answer):
    same((answer.verdict, answer.to(RCPTS)), ("continue", WANT), str(answer))


@case("the next message on the same connection, or on a new one")
def _(lab_):
    with Mta(lab_.milter) as old:
        for jump in JUMPS:
            lab_.clock.set(jump)
            right(old.message(RCPTS, tagged(BALANCE)))
            with Mta(lab_.milter) as new:
                right(new.message(RCPTS, tagged(BALANCE)))


@case("a message in the middle of which it jumps")
def _(lab_):
    for jump in JUMPS:
        with Mta(lab_.milter) as mta:
            steps = mta.whole(RCPTS, tagged(BALANCE))
            mta.run(steps[:-2])
            lab_.clock.set(jump)
            try:
                right(mta.run(steps[-2:]))
            except Closed:
                # libmilter ends connections that it takes for old ones; the
                # MTA answers 4xx then.
                true(jump > 0, f"closed after a jump by {jump}")


def waits(lab_, jump, seconds):
    """Messages wait for a locked database, or for their turn, when the clock
    jumps and after that. The lock lasts for so many SECONDS; None: until one
    is answered. The Answers while it lasted, and all."""
    answers = []

    def one():
        with Mta(lab_.milter) as mta:
            answers.append(mta.message(RCPTS, tagged(BALANCE)))

    lab_.clock.set(0)
    clients = [threading.Thread(target=one) for _ in range(2 * CLIENTS)]
    with lab_.locked():
        for client in clients[:CLIENTS]:
            client.start()
        time.sleep(0.3)
        lab_.clock.set(jump)
        for client in clients[CLIENTS:]:
            client.start()
        if seconds:
            time.sleep(seconds)
        else:
            lab_.until(lambda: answers, "one is answered")
        early = list(answers)
    for client in clients:
        client.join(LIMIT)
    same(len(answers), len(clients), "messages answered")
    return early, answers


@case("a clock that jumps does not shorten the wait for a locked database")
def _(lab_):
    for jump in (DAY, -DAY):
        for answer in waits(lab_, jump, 0.7)[1]:
            right(answer)


@case("a clock that jumps does not prolong the wait for a locked database")
def _(lab_):
    early, _ = waits(lab_, DAY, None)
    same({answer.verdict for answer in early}, {"tempfail"},
         "answers while the lock lasts")


@case("settings are reloaded, counters written, and SIGTERM ends it")
def _(lab_):
    lab_.clock.set(-DAY)
    lab_.milter.write(unknown_recipients="keep")
    contains(lab_.milter.reload(), "in force")
    with Mta(lab_.milter) as mta:
        right(mta.message(RCPTS, tagged(BALANCE)))
    lab_.clock.set(DAY)
    same(lab_.milter.stop(), 0, "exit status")
    lab_.milter.start()


lab.run(lab=Lab, postfix=False, allow="verdict=tempfail")
