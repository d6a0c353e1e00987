#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Over inet: the milter does what it does over a UNIX socket."""
import os
import threading
import time

from lib import lab
from lib.lab import case, free_ports
from lib.milter import Milter
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, SERVICES, STRANGER, entitled
from lib.tap import contains, same, true


@case("the milter listens on TCP, on the address that the settings name")
def _(lab_):
    line = lab_.milter.wait_line("ready on")
    true("ready on inet:" in line and "@127.0.0.1" in line, f"line {line!r}")


@case("a socket on every address is warned of at the start, one on a named "
      "address is not")
def _(lab_):
    folder = os.path.join(lab_.folder, "other")
    os.mkdir(folder)
    (port,) = free_ports(["127.0.0.1"])
    for kind, host, warned in (("inet", "0.0.0.0", True), ("inet6", "::", True),
                               ("inet", "127.0.0.1", False),
                               ("inet6", "::1", False)):
        other = Milter(folder, **{**lab_.milter.defaults, "stats_file": "",
                                  "telegram_stats_file": "",
                                  "socket": f"{kind}:{port}@{host}"})
        other.write()
        since = other.mark()
        other.start()
        other.kill()
        found = other.complaints(since)
        same(len(found), warned, f"warnings of {host}: {found}")
        if warned:
            contains(found[0], f"socket {kind}:{port}@{host}: every network",
                     "the warning")
    true(not lab_.milter.complaints(), "none of 127.0.0.1")


@case("tagged, untagged, held and refused messages come out the same")
def _(lab_):
    with lab_.connect() as client:
        for _ in range(2):
            lab_.send([BILL], BALANCE, "acme", client=client).must(
                "deliver", entitled(BALANCE, "acme"))
            lab_.send([BILL, STRANGER], client=client).untouched(
                [BILL, STRANGER])
            lab_.send([STRANGER], BALANCE, client=client).must("hold")
            lab_.send([BILL], BALANCE, client=client).must("discard")
            lab_.send(["1@telegram.invalid"], client=client).must("reject")
    lab_.sendmail([BILL], SERVICES, "beta").must(
        "deliver", entitled(SERVICES, "beta"))


@case("20 connections at once are served")
def _(lab_):
    results = []

    def work():
        with lab_.connect() as client:
            for _ in range(3):
                results.append(lab_.send([BILL], BALANCE, "acme",
                                         client=client))

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    same(len(results), 60, "messages")
    for result in results:
        result.must("deliver", entitled(BALANCE, "acme"))


def send_as_postfix(mta):
    """A message in two packets, the second of which Nagle's algorithm keeps;
    the seconds that it took."""
    began = time.monotonic()
    for steps in (mta.envelope(["<acme@accounts.example>"]),
                  mta.content(tagged(BALANCE)) + mta.end("Q1")):
        mta.write(b"".join(data for data, _ in steps))
        if steps[-1][1]:
            answer = mta.run([(b"", True)])
    same(answer.to([]), sorted(entitled(BALANCE, "acme")), "who gets it")
    return time.monotonic() - began


@case("no message waits 40 ms for a late acknowledgement")
def _(lab_):
    with Mta(lab_.milter) as mta:
        for _ in range(20):     # the kernel is in no hurry at first
            send_as_postfix(mta)
        taken = []
        while len([t for t in taken if t < 0.03]) < 5:
            true(len(taken) < 100, f"ms: {[round(1000 * t) for t in taken]}")
            taken.append(send_as_postfix(mta))


@case("without the database mail is deferred")
def _(lab_):
    with lab_.database_away():
        lab_.send([BILL], BALANCE, "acme").must("tempfail")


# It is about recipients who leave; who joins for them is another matter.
lab.run(tcp=True, allow="database|roster.db",
        settings={"expand": "addressed"})
