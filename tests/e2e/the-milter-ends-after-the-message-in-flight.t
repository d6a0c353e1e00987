#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""SIGTERM ends the milter, and mail that it cannot see waits at the client."""
import signal

from lib import lab
from lib.lab import case
from lib.roster import BALANCE, BILL, entitled
from lib.tap import same
from lib.waiting import LIMIT

WANT = entitled(BALANCE, "acme")


@case("a message in flight at SIGTERM is decided, and the exit status is 0")
def _(lab_):
    with lab_.connect() as client:
        mark, since = lab.marker(), lab_.milter.mark()
        client.mail(lab.SENDER)
        client.rcpt(BILL)
        same(client.command("DATA").code, 354, "DATA")
        lab_.milter.signal(signal.SIGTERM)
        data = lab.message(mark, BALANCE, "acme").replace(b"\n", b"\r\n")
        client.write(data + b".\r\n")
        reply = client.read()
    lab.Result(lab_, mark, reply, since).must("deliver", WANT)
    same(lab_.milter.process.wait(LIMIT), 0, "exit status")
    same(lab_.milter.answers(), False, "somebody answers at the socket")


@case("without the milter every message stays with its client")
def _(lab_):
    result = lab_.send([BILL], BALANCE, "acme")
    same(result.reply.code, 451, f"reply {result.reply}")
    same(lab_.send([BILL]).reply.code, 451, "reply to untagged mail")
    same(result.recipients(), [], "recipients")


@case("mail that sendmail(1) accepted meanwhile is delivered once the milter "
      "is back")
def _(lab_):
    result = lab_.sendmail([BILL], BALANCE, "acme")
    lab_.until(lambda: "milter" in lab_.postfix.text(), "Postfix tried")
    same(lab_.receiver.copies(result.mark), {}, "delivered meanwhile")
    lab_.milter.start()
    lab_.postfix.flush()
    same(result.recipients(), sorted(WANT), "recipients")


@case("a milter that is killed leaves no message half changed")
def _(lab_):
    with lab_.connect() as client:
        mark = lab.marker()
        client.mail(lab.SENDER)
        client.rcpt(BILL)
        client.command("DATA")
        lab_.milter.kill()
        data = lab.message(mark, BALANCE, "acme").replace(b"\n", b"\r\n")
        client.write(data + b".\r\n")
        same(client.read().code, 451, "reply")
    lab_.postfix.settle()
    same(lab_.receiver.copies(mark), {}, "recipients")
    lab_.milter.start()
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)


@case("idle connections do not keep it from ending")
def _(lab_):
    idle = [lab_.connect() for _ in range(3)]
    idle[0].mail(lab.SENDER)
    try:
        same(lab_.milter.stop(), 0, "exit status")
    finally:
        for client in idle:
            client.close()
    lab_.milter.start()
    lab_.send([BILL], BALANCE, "acme").must("deliver", WANT)


lab.run()
