# SPDX-License-Identifier: BSD-2-Clause
"""removal - what it costs Postfix to remove recipients from a message

For each recipient that a milter removes cleanup(8) reads the envelope of the
message from its beginning to its end. So the time grows with the recipients
removed times the recipients that there are, and the client waits meanwhile,
whatever milter asks for it. The rival that asks here takes no time of its own.
"""
import os
import smtplib
import time

import subjects
from lib.waiting import until
from machine import say
from mailserver import BenchPostfix, Sink
from usage import spent

RECIPIENTS = 10000
REMOVED = (0, 100, 500, 1000, 2000, 5000)
TIMEOUT = 600       # seconds
SENDER = "billing@example.org"
MESSAGE = "Subject: Your invoice\r\n\r\nHello.\r\n"


def curve(machine, removed=REMOVED, recipients=RECIPIENTS):
    """Yields (removed, seconds that the client waits for the answer to the end
    of its message, Postfix's processor time meanwhile)"""
    folder = machine.milters()
    milters = {}
    sink, postfix = Sink().start(), None
    try:
        for count in removed:
            milters[f"less{count}"] = subjects.rival(
                f"less{count}", folder, f"unix:{folder}/less{count}.sock",
                deletes=count).start()
        postfix = BenchPostfix(
            os.path.join(machine.memory, "removal"), sink,
            {name: one.where for name, one in milters.items()}).start()
        for count in removed:
            yield count, *_send(postfix, f"less{count}", count, recipients)
    finally:
        if postfix is not None:
            postfix.stop()
        for one in milters.values():
            one.stop()
        sink.stop()


def _send(postfix, listener, removed, recipients):
    say(f"removing {removed:,} of {recipients:,} recipients")
    mark = len(postfix.text())
    with smtplib.SMTP(*postfix.addresses[listener], timeout=TIMEOUT) as client:
        client.ehlo("client.example")
        client.mail(SENDER)
        for i in range(recipients):
            client.rcpt(f"user{i}@many.example")
        before, began = spent(postfix.process.pid), time.monotonic()
        code, answer = client.data(MESSAGE)
        seconds = time.monotonic() - began
        used = spent(postfix.process.pid) - before
    if code != 250:
        raise RuntimeError(f"removing {removed:,}: {code} {answer.decode()}")
    until(lambda: postfix.text()[mark:].count(" status=sent ")
          == recipients - removed,
          f"{recipients - removed:,} recipients get it", 120)
    postfix.settle()
    return seconds, used
