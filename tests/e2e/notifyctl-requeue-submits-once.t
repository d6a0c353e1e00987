#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl requeue: whatever comes between, a message is neither lost nor
submitted twice, and what is to be done by hand is said."""
import contextlib
import socket
import threading

from lib import lab
from lib.lab import case
from lib.requeue import hold, refused, requeue, requeued, settings, tool
from lib.roster import ANN, BALANCE, OLGA
from lib.tap import contains, same, true

BOTH = sorted([ANN, OLGA])


def later(lab):
    """A message to BOTH that is held only because its account was not there."""
    lab.notifyctl("account", "remove", "delta", check=False)
    result = hold(lab, ["x@delta.example"], BALANCE, "delta")
    lab.notifyctl("account", "add", "delta", "--owner", OLGA)
    lab.notifyctl("user", "add", "delta", ANN)
    lab.notifyctl("subscribe", "delta", BALANCE, ANN, as_=OLGA)
    return result


@contextlib.contextmanager
def server(lab, ends=b""):
    """An SMTP server that takes everything, and answers the end of the message
    with ENDS, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listening.accept()[0] as one:
                        talk(one)

        def talk(one):
            lines = one.makefile("rb")
            one.sendall(b"220 hello\r\n")
            data = False
            for line in lines:
                if data:
                    if line == b".\r\n":
                        if not ends:
                            return
                        one.sendall(ends)
                        data = False
                elif line.startswith(b"EHLO"):
                    one.sendall(b"250-x\r\n250-8BITMIME\r\n250 DSN\r\n")
                else:
                    data = line.startswith(b"DATA")
                    one.sendall(b"354 go\r\n" if data else b"250 2.0.0 Ok\r\n")
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        real = lab.postfix.addresses["smtp"]
        others = dict(lab.postfix.addresses)
        lab.postfix.addresses.clear()
        lab.postfix.addresses["smtp"] = listening.getsockname()
        lab.postfix.by_listener = False     # this one alone
        try:
            with settings(lab):
                yield
        finally:
            lab.postfix.addresses.clear()
            lab.postfix.addresses.update(others)
            lab.postfix.by_listener = True
            same(lab.postfix.addresses["smtp"], real, "the listener")
            lab.postfix.write_settings()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@case("five at once: one submits it, the others report that")
def _(lab):
    for _ in range(3):
        result, done = later(lab), [None] * 5

        def one(i, result=result, done=done):
            done[i] = requeue(lab, result.qid)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same(sorted(d.code == 0 for d in done), [False] * 4 + [True],
             f"who has done it: {done}")
        for other in done:
            true(other.code in (0, 67, 75), f"{other}")
        same(result.recipients(), BOTH, "recipients")


@case("killed after the submission: the next requeue only deletes the held one")
def _(lab):
    result = later(lab)
    with tool(lab, "postsuper", "kill -9 $PPID\n"):
        same(requeue(lab, result.qid).code, -9, "exit")
    true(result.held(), "the held one is still there")
    same(result.recipients(), BOTH, "recipients")
    done = requeue(lab, result.qid)
    same(done.code, 0, f"{done}")
    contains(done.out, "submitted again by an earlier requeue as ", f"{done}")
    true(not result.held(), "the held one is deleted")
    same(result.recipients(), BOTH, "recipients")


@case("postsuper fails: the error has the command to run")
def _(lab):
    result = later(lab)
    with tool(lab, "postsuper", "echo 'postsuper: fatal: no luck' >&2; "
              "exit 1\n"):
        done = requeue(lab, result.qid)
    same(done.code, 74, f"{done}")
    config = lab.postfix.config
    for part in (f"{result.qid} was submitted again as ", "no luck",
                 "do not release it, delete it: "
                 f"postsuper -c {config} -d {result.qid} hold"):
        contains(done.line, part, f"{done}")
    true(result.held(), "the held one is still there")
    requeued(lab, result)
    same(result.recipients(), BOTH, "recipients")


@case("postsuper succeeds and deletes nothing: that is an error")
def _(lab):
    result = later(lab)
    with tool(lab, "postsuper", "exit 0\n"):
        done = requeue(lab, result.qid)
    same(done.code, 74, f"{done}")
    contains(done.line, "could not be deleted", f"{done}")
    requeued(lab, result)


@case("a held message that is released meanwhile is reported, and nothing is "
      "lost")
def _(lab):
    result = later(lab)
    # Postfix looks at the file while it is locked, and puts it off.
    path = f"{lab.postfix.queue}/incoming/{result.qid}"
    with tool(lab, "postsuper", f"REAL -H {result.qid}; until test -e {path}; "
              "do sleep 0.1; done; exec REAL \"$@\"\n"):
        done = requeue(lab, result.qid)
    same(done.code, 74, f"{done}")
    contains(done.line, "was released from hold meanwhile", f"{done}")
    lab.postfix.flush()
    same(result.recipients(), sorted([*BOTH, "x@delta.example"]), "recipients")


@case("killed before the end of the submission: nothing was submitted")
def _(lab):
    result = later(lab)
    with tool(lab, "postcat", "kill -9 $PPID\n"):
        same(requeue(lab, result.qid).code, -9, "exit")
    same((result.held(), result.recipients()), (True, []), "held, got it")
    requeued(lab, result)
    same(result.recipients(), BOTH, "recipients")


@case("no answer to the end of the message: the error says what to do, and "
      "the next requeue does not submit by itself")
def _(lab):
    result = later(lab)
    with server(lab):
        line = refused(lab, 74, result, "may or may not have accepted "
                       + result.qid)
        for part in (f"message-id=<{result.mark}@example.org>",
                     f"-d {result.qid} hold\"",
                     f"\"notifyctl requeue --again {result.qid}\""):
            contains(line, part, "the line")
    refused(lab, 65, result, "may or may not have accepted " + result.qid)
    requeued(lab, result, "--again")
    same(result.recipients(), BOTH, "recipients")


@case("the end of the message is refused: a retry is possible at once")
def _(lab):
    result = later(lab)
    with server(lab, b"452 4.3.1 disk full\r\n"):
        refused(lab, 75, result, "452 4.3.1 disk full")
    requeued(lab, result)
    same(result.recipients(), BOTH, "recipients")


@case("an answer without a queue id: none is reported")
def _(lab):
    result = later(lab)
    with server(lab, b"250 2.0.0 thanks\r\n"):
        done = requeue(lab, result.qid)
    same((done.code, done.out), (0, f"{result.qid}: submitted again, with a "
         "queue id that Postfix did not tell; the held one is deleted\n"),
         f"{done}")
    true(not result.held(), "the held one is deleted")


@case("a signal during a submission: that message is requeued and shown, "
      "no other is begun")
def _(lab):
    result, other = later(lab), hold(lab, [ANN])
    with tool(lab, "postsuper", 'kill -INT $PPID; kill -TERM $PPID; '
              'exec REAL "$@"\n'):
        done = requeue(lab, result.qid, other.qid)
    same(done.code, 75, f"{done}")
    contains(done.out, f"{result.qid}: submitted again", f"{done}")
    contains(done.line, f"interrupted before {other.qid}", f"{done}")
    same((result.held(), result.recipients()), (False, BOTH), "held, got it")
    true(other.held(), "the other is held")


lab.run()
