#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 30 s
"""Mail from sendmail(1): by the listener of the sample its envelope is final, so
that one message stays one and each removal works. What comes by
non_smtpd_milters all the same is held if anybody would have to be removed."""
import os
import signal
import time

from lib.lab import Lab
from lib.postfix import Postfix
from lib.requeue import requeue
from lib.roster import ANN, BALANCE, BILL, MIA, OLGA, SERVICES, entitled
from lib.tap import case as alone
from lib.tap import contains, run, same, true

STRANGER = "nina.old@else.example"
HELD = ("it came by non_smtpd_milters, where a removal cannot be relied on; "
        "see postfix-sample/README.md, sendmail(1)")


# Somebody must leave; who joins is another matter.
FILTER = {"settings": {"expand": "addressed"}}


def with_lab(title, **options):
    """A case with a lab of its own."""
    def register(function):
        @alone(title)
        def _():
            with Lab(**FILTER, **options) as one:
                function(one)
    return register


@with_lab("1,500 recipients stay together, and each gets one copy",
          main={"default_destination_recipient_limit": "50",
                "smtpd_recipient_limit": "50"})
def _(one):
    rows = "".join(f"big,u{i}@big.example,{'owner' if i == 0 else 'member'},"
                   f"{SERVICES}\n" for i in range(1500))
    one.notifyctl("import", "-", input="account,email,role,categories\n" + rows)
    to = [f"u{i}@big.example" for i in range(1500)]
    since = one.milter.mark()
    result = one.sendmail(to, SERVICES, "big")
    same(result.recipients(), sorted(to), "recipients")
    same(len(one.milter.summaries(since)), 1, "decisions")
    same(result.summary()["kept"], "1500", "kept")


@with_lab("a recipient hidden by a canonical map, a missing domain or a source "
          "route is removed",
          main={"append_dot_mydomain": "yes", "mydomain": "acme.example",
                "canonical_maps": "inline:{ {" + STRANGER + "=new@else.example}"
                " {nina@acme.acme.example=" + BILL + "} }"})
def _(one):
    for address in (STRANGER, "nina@acme", f"@a.example:{BILL}",
                    f"{BILL}.", "acme.example!bill", "bill%acme.example",
                    "nina"):
        result = one.sendmail([ANN, address], BALANCE)
        same(result.recipients(), [ANN], f"recipients beside {address}")
        same(result.summary()["dropped"], "1", f"dropped= for {address}")


@with_lab("an account's address and DSN options, with the account's alias")
def _(one):
    result = one.sendmail([ANN, MIA], BALANCE, "acme",
                          args=["-N", "success,delay", "-R", "hdrs",
                                "-V", "envelope-77"])
    same(result.recipients(), sorted(entitled(BALANCE, "acme")), "recipients")
    options = {a: o for t in result.transactions() for a, o in t.rcpts}
    same(options[ANN].get("NOTIFY"), "SUCCESS,DELAY", "NOTIFY of who stays")
    for transaction in result.transactions():
        contains(str(transaction.options), "envelope-77", "ENVID")


@with_lab("while the listener is down mail waits, and nothing is lost",
          main={"smtp_fallback_relay": "[127.0.0.1]:1"})
def _(one):
    address = one.postfix.addresses.pop("sendmail")
    port = str(address[1])
    path = os.path.join(one.postfix.config, "master.cf")
    with open(path) as file:
        old = file.read()
    head, listener, _ = old.partition(f"127.0.0.1:{port} inet")
    true(listener, "the listener is in master.cf")

    def rewrite(content):
        with open(path, "w") as out:
            out.write(content)
        past = time.time() - 60
        os.utime(path, (past, past))
        os.kill(one.postfix.process.pid, signal.SIGHUP)

    rewrite(head)
    one.until(lambda: not _answers(address), "the listener is gone")
    result = one.sendmail([ANN, BILL], BALANCE)
    one.until(lambda: one.postfix.files("deferred"), "it is deferred")
    same(one.receiver.copies(result.mark), {}, "delivered undecided")
    rewrite(old)
    one.until(lambda: _answers(address), "the listener is back")
    one.postfix.flush()
    same(result.recipients(), [ANN], "recipients")


def _answers(address):
    import socket
    try:
        socket.create_connection(address, 5).close()
        return True
    except OSError:
        return False


@alone("requeue takes this listener, if there is no other")
def _():
    class Alone(Postfix):
        listeners = {}

    class AloneLab(Lab):
        mta = Alone

    with AloneLab(**FILTER) as one:
        result = one.sendmail([ANN, BILL], "lunch").must("hold")
        one.notifyctl("category", "add", "lunch", "--title", "Lunch")
        one.notifyctl("subscribe", "acme", "lunch", ANN, as_=OLGA)
        done = requeue(one, result.qid)
        same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
        same(result.recipients(), [ANN], "recipients")


@with_lab("by non_smtpd_milters a message is held if somebody would have to "
          "leave, and requeue decides it", by_listener=False)
def _(one):
    for rcpts, account in (([ANN, BILL], None), (["acme@accounts.example"],
                                                 None)):
        result = one.sendmail(rcpts, BALANCE, account).must(
            "hold", reason=HELD)
        qid = result.qid
        done = requeue(one, qid)
        same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
        same(result.recipients(), [ANN] if account is None and ANN in rcpts
             else sorted(entitled(BALANCE, "acme")), "recipients")
        true(qid not in one.postfix.held(), "the held one is gone")


@with_lab("by non_smtpd_milters it goes on if nobody has to leave, and "
          "without a tag always", by_listener=False)
def _(one):
    one.sendmail([ANN], BALANCE, "acme").must(
        "deliver", entitled(BALANCE, "acme"))
    one.sendmail([ANN, BILL]).untouched([ANN, BILL])
    # Nobody is left: that is no removal.
    one.sendmail([BILL], BALANCE).must("discard")


@with_lab("a client that looks like cleanup(8) comes by SMTP",
          by_listener=False, main={"milter_connect_macros": ""})
def _(one):
    result = one.send([ANN, BILL], BALANCE, listener="xclient", xclient={
        "NAME": "localhost", "ADDR": "127.0.0.1", "PORT": "0"})
    result.must("deliver", [ANN])
    one.sendmail([ANN, BILL], BALANCE).must("hold", reason=HELD)


run()
