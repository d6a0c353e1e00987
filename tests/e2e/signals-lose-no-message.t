#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""However often the milter is told to reload or to end, a message is decided
correctly or stays with its client."""
import itertools
import signal
import threading
import time

from lib import lab
from lib.lab import case
from lib.mta import Closed, Mta, tagged
from lib.roster import BALANCE, BILL, entitled
from lib.tap import same, true
from lib.waiting import LIMIT

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
CLIENTS = 8


def right(answer):
    same((answer.verdict, answer.to(RCPTS)), ("continue", WANT), str(answer))


class Traffic:
    """Messages on several connections, each reopened now and then, until
    the milter hangs up or over() is called."""

    def __init__(self, lab_):
        self.lab, self.stopped = lab_, threading.Event()
        self.answers, self.wrong, self.cut = 0, [], 0
        self.threads = [threading.Thread(target=self.run)
                        for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopped.is_set():
            try:
                with Mta(self.lab.milter) as mta:
                    for _ in range(20):
                        answer = mta.message(RCPTS, tagged(BALANCE))
                        self.answers += 1
                        if (answer.verdict, answer.to(RCPTS)) != (
                                "continue", WANT) and \
                                answer.verdict != "tempfail":
                            self.wrong.append(answer)
                        if answer.verdict == "tempfail":
                            self.cut += 1
            except (Closed, OSError):
                self.cut += 1
                return

    def over(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(LIMIT)
        same(self.wrong, [], "answers that are wrong")
        true(self.answers > 0, "no answers at all")


@case("a storm of SIGUSR1: every message is decided, none is deferred")
def _(lab_):
    since = lab_.milter.mark()
    traffic = Traffic(lab_)

    def reloads():
        return len([line for line in lab_.milter.since(since)
                    if line.startswith("reload: ")])
    numbers = itertools.count()

    def storm():
        for _ in range(30):
            lab_.milter.signal(signal.SIGUSR1)
            time.sleep(0.002)
        n = next(numbers)
        lab_.milter.write(unknown_recipients=("keep", "drop")[n % 2])
        return n >= 10 and reloads() > 10
    lab_.until(storm, "it reloads")
    traffic.over()
    same(traffic.cut, 0, "messages that were not decided")
    lab_.milter.settings()


@case("a storm of SIGTERM, SIGUSR1, SIGINT and SIGHUP: it ends by itself, 0")
def _(lab_):
    for _ in range(3):
        traffic = Traffic(lab_)
        lab_.until(lambda: traffic.answers, "messages pass")
        for _ in range(100):
            for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP,
                           signal.SIGINT):
                lab_.milter.signal(number)
        traffic.stopped.set()
        same(lab_.milter.stop(), 0, "exit status")
        traffic.over()
        lab_.milter.start()


@case("SIGINT and SIGHUP end it as SIGTERM does")
def _(lab_):
    for number in (signal.SIGINT, signal.SIGHUP):
        since = lab_.milter.mark()
        lab_.milter.signal(number)
        lab_.until(lambda: not lab_.milter.answers(), "it ends")
        lab_.milter.wait_line("^ended$", since)
        same(lab_.milter.process.wait(LIMIT), 0, "exit status")
        lab_.milter.start()


@case("a message in flight at SIGTERM is decided")
def _(lab_):
    with Mta(lab_.milter) as mta:
        steps = mta.whole(RCPTS, tagged(BALANCE))
        mta.run(steps[:4])
        lab_.milter.signal(signal.SIGTERM)
        time.sleep(0.3)
        right(mta.run(steps[4:]))
    same(lab_.milter.stop(), 0, "exit status")
    lab_.milter.start()


lab.run(postfix=False)
