#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix
# takes: 15 s
# not with sanitizer: it preloads a library
"""The milter is killed (-9) at any moment of a message: the client, or the
queue, keeps it, and then everybody entitled gets one copy, and nobody else
any."""
import contextlib
import threading
import time

from lib import lab, stamps
from lib.lab import SENDER, case, program
from lib.mta import Closed, Mta
from lib.roster import ANN, BALANCE, BILL, MIA, OLGA, STRANGER, entitled
from lib.tap import same, true

RCPTS = [BILL, MIA, "acme@accounts.example", STRANGER, ANN]
WANT = sorted([*entitled(BALANCE, "acme"), "7@telegram.invalid"])
MANY = [f"{i}.{'x' * 50}@else.example" for i in range(300)]


class Lab(lab.Lab):
    """With a chat."""

    def _start(self):
        super()._start()
        self.sql(('INSERT INTO link(id, "user", chat) SELECT 7, id, 4711'
                  ' FROM "user" WHERE address = ?', (OLGA,)))


def crash(lab_):
    """As a crash does, this leaves the socket behind."""
    lab_.milter.process.kill()
    lab_.milter.process.wait()


def dies(lab_, at):
    """Start a milter that dies before its change number AT."""
    crash(lab_)
    lab_.milter.start(env={"LD_PRELOAD": program("crash.so"),
                           "NM_CRASH_AT": str(at)})


def dead(lab_):
    lab_.until(lambda: not lab_.milter.running(), "the milter is dead")


def back(lab_):
    """A milter that lives, in the place of that one."""
    crash(lab_)
    lab_.milter.start()


def temporary(result, what):
    true(result.reply.code in (421, 450, 451), f"{what}: {result.reply}")
    same(result.recipients(), [], f"recipients, {what}")


def again(lab_, result, *args, **options):
    """As the client does, once the milter is back."""
    back(lab_)
    return lab_.send(*args, mark=result.mark, **options)


def sweep(lab_, verdict, to, rcpts, *args, each=1, **options):
    """Die before each change of this message in turn, until there is none
    left; how many changes there are."""
    for number in range(1, 10000, each):
        lab_.postfix.tool("postsuper", "-d", "ALL", "hold")
        dies(lab_, number)
        result = lab_.send(rcpts, *args, **options)
        if result.reply.code == 250:
            result.must(verdict, to)
            return number - 1
        temporary(result, f"change {number}")
        dead(lab_)
        same(lab_.postfix.held(), set(), f"on hold, change {number}")
        result = again(lab_, result, rcpts, *args, **options)
        same(result.must(verdict, to).reply.code, 250, "the reply")
    raise AssertionError("no end of changes")


@case("before each change at the end of a message")
def _(lab_):
    changes = sweep(lab_, "deliver", WANT, RCPTS, BALANCE)
    # Four leave, two join, a chat, the stamp.
    same(changes, 8, "changes")


@case("in the middle of 300 deletions, or of 300 additions")
def _(lab_):
    sweep(lab_, "deliver", WANT, [*MANY, BILL], BALANCE,
          "acme", each=130)
    lab_.notifyctl("import", "-", input="account,email,role,categories\n"
                   f"big,{MANY[0]},owner,\n" + "".join(
                       f"big,{one},member,{BALANCE}\n" for one in MANY[1:]))
    try:
        sweep(lab_, "deliver", MANY, ["big@accounts.example", STRANGER], BALANCE,
              each=130)
    finally:
        lab_.notifyctl("account", "remove", "big", "--no-tell")


@case("before a message is held, and before headers of an untrusted client are "
      "removed")
def _(lab_):
    same(sweep(lab_, "hold", [], [ANN], "no such category"), 1, "changes")
    lab_.milter.settings(trusted_clients="192.0.2.1")
    same(sweep(lab_, "untrusted", [ANN, BILL], [ANN, BILL], BALANCE, "acme",
               headers=["X-Notify-Decided: 0"]), 3, "changes")


@contextlib.contextmanager
def in_steps(lab_):
    """A client that does one step of SMTP after the other."""
    with lab_.connect() as client:
        same(client.mail(SENDER).code, 250, "MAIL")
        yield client


def finish(lab_, mark):
    """The client tries again, with a milter that lives."""
    back(lab_)
    result = lab_.send(RCPTS, BALANCE, mark=mark)
    result.must("deliver", WANT)


@case("after MAIL, after RCPT, and after the header")
def _(lab_):
    for when in ("MAIL", "RCPT", "header"):
        mark = lab.marker()
        with in_steps(lab_) as client:
            if when == "MAIL":
                crash(lab_)
            replies = [client.rcpt(one) for one in RCPTS]
            if when == "RCPT":
                crash(lab_)
            if all(reply.code == 250 for reply in replies):
                reply = client.command("DATA")
                if reply.code == 354:
                    client.write(lab.message(mark, BALANCE).replace(
                        b"\n", b"\r\n"))
                    if when == "header":
                        crash(lab_)
                    reply = client.command(".")
            else:
                reply = next(r for r in replies if r.code != 250)
            true(reply.code // 100 == 4, f"killed after {when}: {reply}")
        same(lab_.receiver.copies(mark), {}, "copies")
        finish(lab_, mark)


@case("a malformed packet of macros may end the milter: the message of another "
      "connection is not lost")
def _(lab_):
    # Of these, 11 and 19 end libmilter 8.17, and 27 sometimes.
    for number in (1, 11, 19, 27):
        mark = lab.marker()
        with in_steps(lab_) as client:
            for one in RCPTS:
                same(client.rcpt(one).code, 250, f"RCPT {one}")
            with contextlib.suppress(Closed, OSError), \
                    Mta(lab_.milter, negotiate=False) as mta:
                mta.negotiate()
                mta.run([step for command, data in (
                    ("C", b"x\0U"), ("M", b"<x@y.example>\0"),
                    ("R", b"<x@y.example>\0"), ("E", b""))
                    for step in mta.step(command, data, ["i"] * number)])
            reply = client.data(lab.message(mark, BALANCE))
        if reply.code != 250:
            true(reply.code // 100 == 4, f"the reply {reply}")
            finish(lab_, mark)
            continue
        same(lab.Result(lab_, mark, reply).recipients(), WANT, "recipients")


@case("while it decides, on a database that is locked")
def _(lab_):
    mark, replies = lab.marker(), []
    with lab_.unreadable():
        since = lab_.milter.mark()

        def send():
            replies.append(lab_.send(RCPTS, BALANCE, mark=mark))
        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(0.7)
        same((replies, lab_.milter.summaries(since)), ([], []),
             "it still decides")
        crash(lab_)
        thread.join(30)
    temporary(replies[0], "killed while it decides")
    finish(lab_, mark)


@case("mail from sendmail(1) stays in the queue, and is decided when the milter "
      "is back")
def _(lab_):
    for number in (1, 3, 5, 8):
        dies(lab_, number)
        result = lab_.sendmail(RCPTS, BALANCE)
        dead(lab_)
        lab_.until(lambda: lab_.postfix.files("deferred"), "it is deferred")
        same(lab_.receiver.copies(result.mark), {}, f"copies, change {number}")
        back(lab_)
        lab_.postfix.flush()
        same(result.recipients(), WANT,
             f"recipients, change {number}")
        same(lab_.receiver.bounces(result.mark), [], "bounces")


@case("killed at random, under ten clients")
def _(lab_):
    over, sent, wrong = threading.Event(), [], []

    def client():
        while not over.is_set():
            result = lab_.send(RCPTS, BALANCE)
            for _ in range(200):
                if result.reply.code == 250:
                    break
                time.sleep(0.05)
                result = lab_.send(RCPTS, BALANCE, mark=result.mark)
            (sent if result.reply.code == 250 else wrong).append(result)

    threads = [threading.Thread(target=client) for _ in range(10)]
    for thread in threads:
        thread.start()
    for number in range(15):
        time.sleep(0.005 * number)
        back(lab_)
    over.set()
    for thread in threads:
        thread.join()
    same(wrong, [], "messages that were never taken")
    true(len(sent) > 0, f"got {len(sent)} messages")
    lab_.postfix.settle()
    for result in sent:
        got = [stamps.bare(a) for a, n in
               lab_.receiver.copies(result.mark).items() for _ in range(n)]
        same(sorted(got), WANT, f"copies of {result.mark}")


lab.run(lab=Lab)
