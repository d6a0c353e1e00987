#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl held: the tagged messages on hold, since when, why they would be
held now, and the command for each."""
import json
import os
import pwd
import re
import shutil
import time

from lib import lab, postfix
from lib.lab import case
from lib.requeue import hold, requeue, run, tool
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, STRANGER, SUE
from lib.tap import contains, lacks, same, true


def held(lab_, **options):
    done = run(lab_, "--json", "held", **options)
    same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
    return {row["queue_id"]: row for row in done.document["messages"]}


def empty(lab_):
    for name in lab_.postfix.held():
        lab_.postfix.tool("postsuper", "-d", name)


@case("each held message is listed with the reason that the milter logged")
def _(lab_):
    began = int(time.time())
    for rcpts, category, account in (
            ([ANN], "lunch", None), ([STRANGER], BALANCE, None),
            ([ANN], SERVICES, "nosuch"), ([f'"a b"@x.example', "bad\\@"],
                                          BALANCE, "acme")):
        try:
            result = hold(lab_, rcpts, category, account)
        except Exception:
            if account == "acme":
                continue        # Postfix refused that address
            raise
        row = held(lab_)[result.qid]
        same(row["reason"], result.summary()["reason"], "reason")
        same((row["holds"], row["command"]),
             (True, f"notifyctl requeue {result.qid}"), "of it")
        same(row["category"], "" if category == "lunch" else category,
             "category")
        true(began - 2 <= time.mktime(time.strptime(
            row["since"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
            <= time.time() + 2, f"since {row['since']}")
    text = run(lab_, "held").out
    contains(text, f"notifyctl requeue {result.qid}", "for people")
    empty(lab_)
    same(held(lab_), {}, "nothing is held")


@case("mail from sendmail(1) is listed likewise")
def _(lab_):
    result = lab_.sendmail([ANN], "lunch")
    lab_.until(lambda: result.held(), "it is held")
    contains(held(lab_)[result.qid]["reason"], "lunch", "the reason")
    empty(lab_)


@case("a message with too many to remove is listed with their number")
def _(lab_):
    lab_.milter.settings(max_removed="1")
    result = hold(lab_, [ANN, BILL, STRANGER], BALANCE, "acme")
    reason = ("2 of 3 recipients would have to be removed, more than "
              "max_removed = 1; address the account instead")
    same(result.summary()["reason"], reason, "the reason in the log")
    row = held(lab_)[result.qid]
    same((row["holds"], row["reason"]), (True, reason), "of it")
    contains(requeue(lab_, result.qid).out, "which is on hold again",
             "requeue with the same limit")
    (new,) = lab_.postfix.held()
    lab_.milter.settings(max_removed="2")
    same(held(lab_)[new]["holds"], False, "with a higher limit")
    same(requeue(lab_, new).code, 0, "requeue with a higher limit")
    same(result.recipients(), [ANN, OLGA, SUE], "who has got it")


@case("a header of very many lines is read like any other")
def _(lab_):
    result = hold(lab_, [ANN], "lunch\n time", headers=[
        "X-Report: a" + "\n b" * 30000])
    row = held(lab_)[result.qid]
    same((row["holds"], row["reason"]),
         (True, result.summary()["reason"]), "of it")
    empty(lab_)


@case("what would not be held any more is said to be ready")
def _(lab_):
    result = hold(lab_, [BILL], "Alarms")
    same(held(lab_)[result.qid]["holds"], True, "before")
    lab_.notifyctl("category", "add", "alarms", "--title", "Alarms")
    row = held(lab_)[result.qid]
    same(row["holds"], False, "after")
    contains(row["reason"], "no longer: it would be ", "the reason")
    same(requeue(lab_, result.qid).code, 0, "its command")
    empty(lab_)


@case("what another holds after the decision has the command that releases it, "
      "and goes to whom it was decided for")
def _(lab_):
    result = lab_.send([ANN, BILL, "acme@accounts.example"], BALANCE,
                       listener="holds")
    same((result.held(), result.summary()["verdict"]), (True, "deliver"),
         "held, and its verdict")
    row = held(lab_)[result.qid]
    same((row["holds"], row["command"]),
         (False, f"postsuper -H {result.qid}"), "of it")
    contains(row["reason"], "decided; an operator, an action of Postfix or ",
             "reason")
    lab_.postfix.release(result.qid)
    same(result.recipients(), [ANN, OLGA, SUE], "who has got it")
    # A client that is not trusted may have copied the stamp.
    lab_.milter.settings(monitor="yes")
    for xclient, command in ((None, "postsuper -H"),
                             ({"addr": "192.0.2.7"}, "notifyctl requeue")):
        copy = lab_.send([BILL], data=result.data(), raw=True,
                         listener="holds", xclient=xclient)
        same(held(lab_)[copy.qid]["command"], f"{command} {copy.qid}",
             f"command for {xclient}")
    empty(lab_)


@case("a message is listed wherever the queue lies")
def _(lab_):
    result = hold(lab_, [ANN], "lunch")
    config = os.path.join(lab_.folder, "elsewhere")
    shutil.copytree(lab_.postfix.config, config)
    queue = os.path.join(lab_.folder, "a queue [b]*\\?")
    os.symlink(lab_.postfix.queue, queue)
    with open(os.path.join(config, "main.cf"), "a") as out:
        out.write(f"queue_directory = {queue}\n")
    true(result.qid in held(lab_, env={"MAIL_CONFIG": config}), "it is listed")
    empty(lab_)


@case("a message on hold without a tag is counted, and not listed")
def _(lab_):
    lab_.receiver.refuse = lambda _: "450 4.2.0 not now"
    result = lab_.send([ANN])
    lab_.until(lambda: f"{result.qid}: to=" in lab_.postfix.text(), "deferred")
    lab_.postfix.tool("postsuper", "-h", result.qid)
    del lab_.receiver.refuse
    done = run(lab_, "--json", "held")
    same((done.document["messages"], done.document["others"]), ([], 1), "held")
    contains(run(lab_, "held").out, "1 other messages on hold", "for people")
    empty(lab_)


@case("an untrusted client's message is judged as such")
def _(lab_):
    lab_.milter.settings(monitor="yes")
    lab_.receiver.refuse = lambda _: "450 4.2.0 not now"
    result = lab_.send([BILL], "lunch", listener="xclient",
                       xclient={"addr": "192.0.2.7"})
    lab_.until(lambda: f"{result.qid}: to=" in lab_.postfix.text(), "deferred")
    lab_.postfix.tool("postsuper", "-h", result.qid)
    del lab_.receiver.refuse
    lab_.milter.settings()
    contains(held(lab_)[result.qid]["reason"], "passed on untagged", "reason")
    empty(lab_)


@case("without the roster the reason says so, and nothing is left out")
def _(lab_):
    result = hold(lab_, [STRANGER], BALANCE)
    with lab_.database_away():
        row = held(lab_)[result.qid]
        same(row["holds"], True, "it would not be delivered now")
        contains(row["reason"], "database", "the reason")
    empty(lab_)


@case("a user who may not read the queue is refused in one line")
def _(lab_):
    done = run(lab_, "held", user="nobody", path=lab_.copy())
    same(done.code, 77, f"{done}")
    contains(done.line, "run it as root", "the line")


@case("the number and the oldest are left for Prometheus")
def _(lab_):
    path = os.path.join(os.path.dirname(lab_.database), "notify-held.prom")

    def read():
        with open(path) as file:
            return dict(line.split(" ") for line in file.read().splitlines()
                        if not line.startswith("#"))

    held(lab_)
    same(set(read().values()), {"0"}, "nothing held")
    result = hold(lab_, [ANN], "lunch")
    lab_.age(result.qid, 7200)
    held(lab_)
    got = read()
    same(got["notify_milter_held_messages"], "1", "held")
    age = time.time() - int(got["notify_milter_held_oldest_time_seconds"])
    true(7100 < age < 7400, f"age {age}")
    same(pwd.getpwuid(os.stat(path).st_uid).pw_name, lab.USER, "whose file")
    empty(lab_)


@case("check warns of what has been held for an hour, and stats counts it")
def _(lab_):
    result = hold(lab_, [ANN], "lunch")
    lacks(run(lab_, "check").out, "held", "check, at first")
    out = run(lab_, "stats").out
    contains(out, "1 messages are on hold", "stats")
    done = run(lab_, "--json", "stats").document
    same(done["held"], 1, "stats --json")
    true(re.match(r"\d{4}-", done["held_oldest"]), f"{done}")
    lab_.age(result.qid, 2 * 3600)
    out = run(lab_, "check").out
    contains(out, "1 tagged messages have been held for more than an hour",
             "check")
    contains(out, " held", "the command")
    empty(lab_)


@case("with hundreds held, and half of them that leave meanwhile, none is "
      "missed")
def _(lab_):
    with lab_.connect() as client:
        ids = [lab_.send([ANN], "lunch", client=client).qid
               for _ in range(450)]
    lab_.postfix.settle()
    same(set(held(lab_)), set(ids), "held")
    # postcat(1) stops at one that leaves while it reads.
    gone = ids.pop(100)
    with tool(lab_, "postcat", f"""
            postsuper -d {gone}
            exec REAL "$@\""""):
        same(set(held(lab_)), set(ids), "held, without the one that left")
    # One that was released is in another queue, where postcat(1) finds it. To
    # find that one has left takes it a second: asked for each, run() gives up.
    leaving = os.path.join(lab_.folder, "leaving")
    with open(leaving, "w") as file:
        file.write("".join(f"{one}\n" for one in ids[1::2]))
    lab_.receiver.refuse = lambda _: "450 4.2.0 not now"
    with tool(lab_, "postqueue", f"""
            REAL "$@"
            postsuper -H {ids[0]}
            exec postsuper -d - < {leaving}"""):
        same(set(held(lab_)), set(ids[2::2]), "held, of those that stay")
    del lab_.receiver.refuse
    empty(lab_)


# Postfix holds whatever comes here, and asks the milter.
postfix.LISTENERS["holds"] = (
    "127.0.0.1", "smtpd_milters=MILTER smtpd_authorized_xclient_hosts="
    "127.0.0.0/8 smtpd_sender_restrictions=check_sender_access,static:HOLD")


class Lab(lab.Lab):
    def copy(self):
        """notifyctl where everybody can run it."""
        path = os.path.join(self.folder, "notifyctl")
        shutil.copy(lab.program("notifyctl"), path)
        return path

    def age(self, qid, seconds):
        """Have the message arrive SECONDS earlier."""
        import glob
        (path,) = glob.glob(f"{self.postfix.folder}/**/hold/{qid}",
                            recursive=True)
        with open(path, "rb") as file:
            data = file.read()
        when = re.search(rb"T.(\d{10}) ", data)
        same(when is not None, True, "the time in the queue file")
        old = str(int(when[1]) - seconds).encode()
        with open(path, "r+b") as file:
            file.write(data.replace(when[1], old, 1))
        then = os.stat(path).st_mtime - seconds
        os.utime(path, (then, then))


lab.run(lab=Lab)
