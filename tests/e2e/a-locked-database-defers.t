#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A lock that lasts defers mail, a short one only delays it."""
import contextlib
import threading
import time

from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, STRANGER, entitled
from lib.tap import contains, same, true

WANT = entitled(BALANCE, "acme")


@case("a locked database is reported, not taken as no subscription")
def _(lab_):
    with lab_.locked():
        results = []

        def one(rcpts, account):
            start = time.monotonic()
            with lab_.connect() as client:
                result = lab_.send(rcpts, BALANCE, account, client=client)
            results.append((result, time.monotonic() - start))

        kinds = (([BILL], "acme"), ([ANN, STRANGER], None),
                 (["acme@accounts.example"], None), ([STRANGER], None))
        threads = [threading.Thread(target=one, args=kind) for kind in kinds]
        for thread in threads:
            thread.start()
        lab_.send([BILL]).untouched([BILL])
        for thread in threads:
            thread.join(30)
        same(len(results), len(kinds), "messages answered")
        for result, seconds in results:
            same((result.reply.code, result.reply.text[:5]), (451, "4.3.0"),
                 f"reply {result.reply}")
            true(2 < seconds < 25, f"a lock was waited for {seconds:.1f} s")
            same(result.recipients(), [], "recipients")
        summaries = lab_.milter.summaries(results[0][0].since)
        same(len(summaries), len(kinds), "summary lines")
        for _, line in summaries:
            contains(line, "verdict=tempfail", "line")
            contains(line, "database", "line")
            contains(line, "locked", "line")
        same(lab_.postfix.held(), set(), "on hold")
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)


@case("a lock that is released in time only delays the message")
def _(lab_):
    with contextlib.ExitStack() as until:
        until.enter_context(lab_.locked())
        lab_.until(lambda: lab_.milter.running(), "the milter runs")
        results = []
        sender = threading.Thread(target=lambda: results.append(
            lab_.send([BILL], BALANCE, "acme")))
        sender.start()
        sender.join(1)
        true(sender.is_alive(), "the message waits for the lock")
        until.close()
        sender.join(30)
        results[0].must("deliver", WANT)


@case("a writer in its transaction does not delay a message")
def _(lab_):
    with lab_.store.written() as sql:
        sql("DELETE FROM subscription")
        lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)


@case("from sendmail(1) the message waits for the lock to end")
def _(lab_):
    with lab_.locked():
        result = lab_.sendmail([BILL], BALANCE, "acme")
        same(result.summary()["verdict"], "tempfail", "verdict")
        lab_.until(lambda: [e["queue_name"] for e in lab_.postfix.listing()]
                   == ["deferred"], "it waits in the deferred queue")
    lab_.postfix.flush()
    same(result.recipients(), sorted(WANT), "recipients")


lab.run(allow="database|roster.db")
