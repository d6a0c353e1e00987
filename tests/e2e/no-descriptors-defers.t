#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A milter that is out of file descriptors decides what it can, defers the
rest, and recovers as soon as it has some again."""
import contextlib
import os

from lib import lab
from lib.lab import case
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, SERVICES, entitled
from lib.rosterdb import remote
from lib.tap import contains, same, true

LIMIT = 40
RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
TABLE = "=?koi8-r?B?c2VydmljZXM=?="     # services, in a charset to be loaded


class Lab(lab.Lab):
    def _start(self):
        super()._start()
        self.restart()

    def restart(self):
        """A milter that has not opened its database yet."""
        self.milter.kill()
        self.milter.before = ["prlimit", f"--nofile={LIMIT}:{LIMIT}"]
        self.milter.start()

    def free(self):
        pid = self.milter.process.pid
        return LIMIT - len(os.listdir(f"/proc/{pid}/fd"))

    def connections(self):
        """Also those that an MTA has left a moment ago."""
        with open("/proc/net/unix", encoding="utf-8") as sockets:
            ours = [line for line in sockets
                    if line.endswith(f" {self.milter.socket_path()}\n")]
        return len(ours) - 1        # that which listens


@contextlib.contextmanager
def crowded(lab_, free=0):
    """Connections that leave as many descriptors FREE, all of them idle."""
    crowd = []
    lab_.until(lambda: not lab_.connections(), "no other connection")
    try:
        while lab_.free() > free:
            crowd.append(Mta(lab_.milter, timeout=5))
        yield crowd
    finally:
        for mta in crowd:
            mta.close()
        lab_.until(lambda: lab_.free() >= LIMIT / 2, "descriptors are back")


def right(lab_, mta):
    answer = mta.message(RCPTS, tagged(BALANCE))
    same((answer.verdict, answer.to(RCPTS)), ("continue", WANT), str(answer))


def recovers(lab_):
    true(lab_.milter.running(), "it lives")
    with Mta(lab_.milter) as mta:
        right(lab_, mta)


@case("a database that cannot be opened defers tagged mail, and no other")
def _(lab_):
    lab_.restart()
    for free in (0,) if remote() else (0, 1, 2):
        with crowded(lab_, free) as crowd:
            answer = crowd[0].message(RCPTS, tagged(BALANCE), f"FD{free}")
            same(answer.verdict, "tempfail", f"with {free} free")
            line = lab_.milter.wait_line(rf"^error: FD{free}: |^FD{free}: ")
            contains(line, "Too many open files")
            same(crowd[0].message(RCPTS, [("Subject", "x")]).what()[0],
                 "continue", "untagged")
    recovers(lab_)


@case("with an open database it continues to decide on open connections")
def _(lab_):
    lab_.restart()
    recovers(lab_)
    with crowded(lab_) as crowd:
        for mta in crowd:
            right(lab_, mta)
    recovers(lab_)


@case("a message whose tag's charset cannot be loaded is deferred, not held")
def _(lab_):
    rcpts = [f"<{BILL}>"]
    lab_.restart()
    recovers(lab_)
    with crowded(lab_) as crowd:
        answer = crowd[0].message(rcpts, tagged(TABLE, "acme"))
        same((answer.verdict, answer.held), ("tempfail", None), str(answer))
    with Mta(lab_.milter) as mta:
        answer = mta.message(rcpts, tagged(TABLE, "acme"))
        same(answer.to(rcpts), sorted(entitled(SERVICES, "acme")), "later")


@case("a client that connects meanwhile is served later")
def _(lab_):
    lab_.restart()
    recovers(lab_)
    with crowded(lab_) as crowd:
        waiting = Mta(lab_.milter, negotiate=False, timeout=20)
        true(not waiting.hung_up(within=0.2), "it waits")
    waiting.socket.settimeout(20)
    waiting.negotiate()
    waiting.connect()
    right(lab_, waiting)
    waiting.close()


@case("the client of Postfix keeps the message meanwhile")
def _(lab_):
    lab_.restart()
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)
    with crowded(lab_):
        with lab_.connect() as client:
            result = lab_.send([BILL], BALANCE, "acme", client=client)
        same(result.reply.code, 451, f"reply {result.reply}")
    same(result.recipients(), [], "recipients")
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)


@case("a reload without descriptors keeps the settings, and says so")
def _(lab_):
    lab_.restart()
    recovers(lab_)
    with crowded(lab_) as crowd:
        line = lab_.milter.reload()
        contains(line, "Too many open files")
        contains(line, "the old settings stay")
        right(lab_, crowd[0])
    recovers(lab_)


lab.run(lab=Lab, allow="Too many open files",
        main={"milter_connect_timeout": "2s", "milter_command_timeout": "2s"})
