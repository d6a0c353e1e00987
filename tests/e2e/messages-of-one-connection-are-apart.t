#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"Nothing of a message is left for the next one, however it ended."
import threading

from lib import lab, postfix
from lib.lab import case
from lib.roster import (ANN, BALANCE, BEA, BILL, DOCUMENTS, MAINTENANCE,
                        SERVICES, STRANGER, entitled)
from lib.tap import same


def acme(lab_, client, category=BALANCE):
    lab_.send([BILL], category, "acme", client=client).must(
        "deliver", entitled(category, "acme"), account="acme",
        category=category)


@case("tagged, untagged and otherwise tagged messages follow each other")
def _(lab_):
    with lab_.connect() as client:
        for _ in range(3):
            acme(lab_, client)
            lab_.send([BILL, STRANGER], client=client).untouched(
                [BILL, STRANGER])
            lab_.send([BILL], BALANCE, "beta", client=client).must(
                "deliver", entitled(BALANCE, "beta"), account="beta")
            lab_.send([ANN], MAINTENANCE, client=client).must("deliver",
                                                              [ANN])
            lab_.send([BILL], DOCUMENTS, client=client).must("discard")
            lab_.send([BILL], "lunch", client=client).must("hold")
            lab_.send(["1@telegram.invalid"], client=client).must("reject")
            lab_.send([ANN], account="acme", client=client).untouched([ANN])


@case("a recipient given up with RSET is not in the next message")
def _(lab_):
    with lab_.connect() as client:
        client.mail(lab.SENDER)
        client.rcpt("acme@accounts.example")
        client.rcpt("1@telegram.invalid")
        client.rcpt(BEA)
        same(client.command("RSET").code, 250, "RSET")
        lab_.send([ANN, BILL], BALANCE, client=client).must(
            "deliver", [ANN], kept="1", added="0", dropped="1")
        client.mail(lab.SENDER)
        client.rcpt("beta@accounts.example")
        same(client.command("RSET").code, 250, "RSET")
        lab_.send([STRANGER], client=client).untouched([STRANGER])


@case("a recipient of a message that is refused at its end is not in the next "
      "one")
def _(lab_):
    for tag in (BALANCE, None):
        with lab_.connect("late") as client:
            client.mail(lab.SENDER)
            same(client.rcpt("acme@accounts.example").code, 250, "RCPT")
            same(client.data(lab.message(lab.marker())).code, 450, "the first")
            # Up to 3.10.12 Postfix takes a message without MAIL now.
            if client.rcpt(BILL).code == 250:
                mark, since = lab.marker(), lab_.milter.mark()
                result = lab.Result(lab_, mark, client.data(
                    lab.message(mark, tag)), since)
                result.must("tempfail") if tag else result.untouched([BILL])
            client.command("RSET")
            lab_.send([BILL], BALANCE, "beta", client=client).must(
                "deliver", entitled(BALANCE, "beta"), account="beta")


@case("a refused recipient is not in the message")
def _(lab_):
    with lab_.connect() as client:
        client.mail(lab.SENDER)
        same(client.rcpt("a b@@acme.example").code >= 500, True, "refused")
        client.rcpt(ANN)
        client.rcpt(BILL)
        mark = lab.marker()
        since = lab_.milter.mark()
        reply = client.data(lab.message(mark, BALANCE))
        lab.Result(lab_, mark, reply, since).must("deliver", [ANN], kept="1",
                                                  dropped="1")


@case("a tag given up by a broken connection is not in the next message")
def _(lab_):
    mark = lab.marker()
    data = lab.message(mark, BALANCE, "acme").replace(b"\n", b"\r\n")
    for part in (data[:len(data) // 2], data, data + b"more\r\n"):
        client = lab_.connect()
        client.mail(lab.SENDER)
        client.rcpt(BILL)
        same(client.command("DATA").code, 354, "DATA")
        client.write(part)
        client.close()
        with lab_.connect() as other:
            lab_.send([BILL], client=other).untouched([BILL])
            lab_.send([ANN, STRANGER], MAINTENANCE, client=other).must(
                "deliver", [ANN])
    lab_.postfix.settle()
    same(lab_.receiver.copies(mark), {}, "delivered of the broken ones")


@case("a silent connection, or one that only greets, does no harm")
def _(lab_):
    idle = [lab_.connect() for _ in range(5)]
    lab_.connect(ehlo=None).close()
    with lab_.connect() as client:
        client.command("VRFY ann")
        client.command("NOOP")
        client.command("HELP")
        acme(lab_, client)
    for client in idle:
        acme(lab_, client)
        client.quit()


@case("two messages at the same time on two connections do not mix")
def _(lab_):
    with lab_.connect() as one, lab_.connect() as two:
        marks = lab.marker(), lab.marker()
        since = lab_.milter.mark()
        for client, rcpt in ((one, BILL), (two, STRANGER)):
            client.mail(lab.SENDER)
            client.rcpt(rcpt)
        for client in (one, two):
            same(client.command("DATA").code, 354, "DATA")
        first = lab.message(marks[0], BALANCE, "acme")
        second = lab.message(marks[1], SERVICES, "beta")
        one.write(first[:150].replace(b"\n", b"\r\n"))
        two.write(second.replace(b"\n", b"\r\n") + b".\r\n")
        reply2 = two.read()
        one.write(first[150:].replace(b"\n", b"\r\n") + b".\r\n")
        reply1 = one.read()
    lab.Result(lab_, marks[0], reply1, since).must(
        "deliver", entitled(BALANCE, "acme"))
    lab.Result(lab_, marks[1], reply2, since).must(
        "deliver", entitled(SERVICES, "beta"))


@case("50 connections at once with six messages each keep them apart")
def _(lab_):
    kinds = [(BALANCE, "acme", entitled(BALANCE, "acme")),
             (SERVICES, "beta", entitled(SERVICES, "beta")),
             (None, None, {BILL}),
             (BALANCE, "beta", entitled(BALANCE, "beta")),
             (DOCUMENTS, "acme", entitled(DOCUMENTS, "acme")),
             (DOCUMENTS, None, set())]
    sent, lock, ready = [], threading.Lock(), threading.Barrier(50)

    def work(number):
        with lab_.connect() as client:
            ready.wait(30)
            for i in range(len(kinds)):
                category, account, want = kinds[(number + i) % len(kinds)]
                result = lab_.send([BILL], category, account, client=client)
                with lock:
                    sent.append((result, want))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    same(len(sent), 50 * len(kinds), "messages sent")
    wrong = [(r.reply, r.recipients(), sorted(want)) for r, want in sent
             if r.reply.code != 250 or r.recipients() != sorted(want)]
    same(wrong, [], "messages that went wrong")


postfix.LISTENERS["late"] = (
    "127.0.0.1", "smtpd_milters=MILTER smtpd_end_of_data_restrictions="
    "check_recipient_access,inline:{acme@accounts.example=DEFER}")
# It is about recipients who leave; who joins for them is another matter.
lab.run(settings={"expand": "addressed"})
