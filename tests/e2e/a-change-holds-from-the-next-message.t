#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A change by notifyctl counts for every message sent after it returned."""
import threading
import time

from lib import lab
from lib.lab import case
from lib.roster import ADAM, ANN, BALANCE, BILL, MIA, OLGA, SUE, entitled
from lib.tap import same, true

ACME = "acme@accounts.example"
START = entitled(BALANCE, "acme")
NEW = "new@acme.example"

# A command, and the users who are entitled once it has returned.
CHANGES = [
    (("subscribe", "acme", BALANCE, BILL), START | {BILL}),
    (("subscribe", "acme", BALANCE, MIA, ADAM), START | {BILL, MIA, ADAM}),
    (("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN),
     START - {ANN} | {BILL, MIA, ADAM}),
    (("user", "role", "acme", MIA, "subscriber"),
     START - {ANN} | {BILL, MIA, ADAM}),
    (("user", "remove", "acme", BILL), START - {ANN} | {MIA, ADAM}),
    (("user", "add", "acme", NEW), START - {ANN} | {MIA, ADAM}),
    (("subscribe", "acme", BALANCE, NEW), START - {ANN} | {MIA, ADAM, NEW}),
    (("user", "remove", "acme", MIA), START - {ANN} | {ADAM, NEW}),
    (("account", "transfer", "acme", ADAM), {ADAM, SUE, NEW, OLGA}),
    (("unsubscribe", "acme", BALANCE, OLGA, "--confirm", OLGA),
     {ADAM, SUE, NEW}),
    (("subscribe", "acme", BALANCE, OLGA, ANN), {ADAM, SUE, NEW, OLGA, ANN}),
]


@case("each change holds for the next message while others are under way")
def _(lab_):
    results, failures, stop = [], [], threading.Event()

    def flow():
        try:
            with lab_.connect() as client:
                while not stop.is_set():
                    begin = time.monotonic()
                    result = lab_.send([ACME], BALANCE, client=client)
                    results.append((begin, time.monotonic(), result))
        except Exception as error:      # reported by the case
            failures.append(repr(error))

    threads = [threading.Thread(target=flow) for _ in range(3)]
    for thread in threads:
        thread.start()
    spans = [(0, 0, START)]     # change called, returned, entitled since
    mine = []
    owner = OLGA
    try:
        with lab_.connect() as client:
            for command, want in CHANGES:
                called = time.monotonic()
                lab_.notifyctl(*command, as_=owner)
                spans.append((called, time.monotonic(), want))
                if command[1] == "transfer":
                    owner = ADAM
                mine.append((lab_.send([ACME], BALANCE, client=client), want,
                             command))
                mine.append((lab_.send([ACME], BALANCE), want, command))
                time.sleep(0.05)    # let the others see this state too
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    same(failures, [], "failed senders")
    for result, want, command in mine:
        same(result.recipients(), sorted(want), f"after {' '.join(command)}")
    true(len(results) > 30, f"messages meanwhile: {len(results)}, want > 30")
    wrong = []
    for begin, end, result in results:
        # Any state that was in force at some moment of the message.
        allowed = [sorted(want) for i, (called, _, want) in enumerate(spans)
                   if called <= end and (i + 1 == len(spans)
                                         or spans[i + 1][1] >= begin)]
        if result.recipients() not in allowed:
            wrong.append((result.reply, result.recipients(), allowed))
    same(wrong, [], "messages that mix or miss a change")


@case("an account that was added counts for the next message")
def _(lab_):
    with lab_.connect() as client:
        lab_.send(["late@accounts.example"], BALANCE, client=client).must(
            "hold")
        lab_.notifyctl("account", "add", "late", "--owner", "l@late.example")
        lab_.send(["late@accounts.example"], BALANCE, client=client).must(
            "deliver", ["l@late.example"])
        lab_.notifyctl("account", "remove", "late")
        lab_.send(["late@accounts.example"], BALANCE, client=client).must(
            "hold")


@case("a category that was added counts for the next message")
def _(lab_):
    with lab_.connect() as client:
        lab_.send([ACME], "fresh", client=client).must("hold")
        lab_.notifyctl("category", "add", "fresh", "--title", "Fresh")
        lab_.send([ACME], "fresh", client=client).must("deliver", [ADAM])


@case("a link that was made or ended counts for the next message")
def _(lab_):
    def links():
        return [f"{row[0]}@telegram.invalid"
                for row in lab_.sql("SELECT id FROM link")]
    want = {ADAM, SUE, NEW, OLGA, ANN}
    lab_.sql(("INSERT INTO link(user, chat) SELECT id, 55 FROM user"
              " WHERE address = ?", (NEW,)))
    lab_.send([ACME], BALANCE).must("deliver", {*want, *links()},
                                    mirrored="1")
    lab_.notifyctl("user", "role", "acme", NEW, "subscriber", as_=ADAM)
    same(links(), [], "links")
    lab_.send([ACME], BALANCE).must("deliver", want, mirrored="0")


lab.run()
