#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl trace: the history of a message from the logs of Postfix, the
milter and notify-telegram."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

from lib import requeue, stamps
from lib.botapi import error
from lib.roster import (ADAM, ANN, BALANCE, BILL, MAINTENANCE, MIA, OLGA,
                        SERVICES, STRANGER, SUE)
from lib.smtp import message
from lib.tap import contains, same, true
from lib.telegram import ChatLab, case, run


def trace(lab, qid, *options):
    """notifyctl trace of QID, or of such words, in the lab's logs; a ctl.Done."""
    logs = [lab.postfix.log, lab.milter.log, lab.folder + "/agent/log"]
    words = [qid] if isinstance(qid, str) else qid
    return requeue.run(lab, *options, "trace", *words, *(
        word for path in logs if os.path.exists(path)
        for word in ("--log", path)))


def told(lab, qid, *states):
    """(messages, {(queue id, recipient): (decision, outcome, why)}), once the
    logs tell of these STATES of the messages: Postfix writes its log later
    than it changes its queue."""
    done = None

    def complete():
        nonlocal done
        done = trace(lab, qid, "--json")
        return done.code == 0 and states == tuple(
            message["state"] for message in done.document["messages"])

    lab.until(complete, lambda: f"states {states}: {done}")
    same(done.err, "", f"stderr of {done}")
    found = done.document
    return found["messages"], {
        (row["queue_id"], stamps.bare(row["recipient"])):
        (row["decision"], row["outcome"], row["detail"])
        for row in found["recipients"]}


@contextlib.contextmanager
def refusing(lab, **replies):
    """The receiver answers like this for whose name begins so."""
    lab.receiver.refuse = lambda address: replies.get(address.split("@")[0])
    try:
        yield
    finally:
        del lab.receiver.refuse


@case("delivered: the kept, dropped and mirrored recipients, the reasons, "
      "and the outcome of each")
def _(lab):
    address = lab.link_to("acme", ANN, 111)
    lab.milter.settings(expand="addressed")
    result = lab.tell([ANN, BILL, STRANGER], account=None)
    lab.told(result, [111])
    (message,), rows = told(lab, result.qid, "done")
    same({key: message[key] for key in ("verdict", "sender", "source",
                                        "message_id")},
         {"verdict": "deliver", "sender": "billing@example.org",
          "source": "client=unknown[127.0.0.1]",
          "message_id": f"<{result.mark}@example.org>"}, "the message")
    contains(message["decision"], "kept=1 added=0 dropped=2 mirrored=1",
             "the decision")
    same(rows, {
        (result.qid, ANN): ("kept", "sent", "250 2.0.0 Ok"),
        (result.qid, address): ("mirrored", "chat sent", ""),
        (result.qid, BILL): ("dropped", "", "member of acme, not subscribed "
                             "to balance-and-payments"),
        (result.qid, STRANGER): ("dropped", "", "no user of any account")},
        "the copies")
    out = trace(lab, result.qid).out
    for word in (ANN, BILL, "chat sent", "kept=1 added=0", "not subscribed"):
        contains(out, word, "for people")


@case("only added recipients are shown as added; kept and added ones are not "
      "told apart")
def _(lab):
    result = lab.send([BILL, "acme@accounts.example"], BALANCE)
    _, rows = told(lab, result.qid, "done")
    same({r: row[0] for (_, r), row in rows.items()},
         {ANN: "added", OLGA: "added", SUE: "added", BILL: "dropped"},
         "decisions")
    result = lab.send([ANN, "acme@accounts.example"], BALANCE)
    _, rows = told(lab, result.qid, "done")
    same({row[0] for row in rows.values()}, {"kept or added"}, "decisions")


@case("an alias is shown with its recipients")
def _(lab):
    result = lab.send(["team@x.example"])
    told(lab, result.qid, "done")
    out = trace(lab, result.qid).out
    for part in ("a1@x.example (for team@x.example)",
                 "a2@x.example (for team@x.example)",
                 "decision: none in these logs"):
        contains(out, part, "for people")


@case("nobody is entitled: discarded, with the reason")
def _(lab):
    lab.milter.settings(expand="addressed")
    result = lab.send([BILL], BALANCE)
    (message,), rows = told(lab, result.qid, "discarded")
    same((message["verdict"], message["reason"]),
         ("discard", "nobody addressed is entitled to the category"),
         "the message")
    same([row[:2] for row in rows.values()], [("dropped", "")], "the copies")


@case("a client that breaks off: the message was never queued, if Postfix logs "
      "that")
def _(lab):
    client = lab.connect()
    client.mail("billing@example.org")
    client.rcpt(ANN)
    client.command("DATA")
    client.write(b"Message-ID: <broken@off.example>\r\n\r\nHello")
    client.close()
    logged = r" (\w+): message-id=<broken@off\.example>"
    lab.until(lambda: re.search(logged, lab.postfix.caught_up())
              and "lost connection after DATA" in lab.postfix.text(),
              "Postfix logs that")
    qid = re.search(logged, lab.postfix.text()).group(1)
    # Since Postfix 3.10.
    newer = f"{qid}: removed (canceled)" in lab.postfix.caught_up()
    messages, _ = told(lab, qid, "canceled" if newer else "unknown")
    same(messages[0]["verdict"], "", "the decision")
    contains(trace(lab, qid).out, "state:    never queued: " if newer
             else "state:    not known: ", "for people")


@case("held, released by hand, deleted by hand: each is shown")
def _(lab):
    result = requeue.hold(lab, [ANN])
    (message,), rows = told(lab, result.qid, "held")
    same((message["verdict"], rows), ("hold", {}), "the held one")
    lab.postfix.release(result.qid)
    _, rows = told(lab, result.qid, "done")
    same(list(rows.values()), [("unchanged", "sent", "250 2.0.0 Ok")],
         "released")
    result = requeue.hold(lab, [ANN])
    lab.postfix.tool("postsuper", "-d", result.qid)
    told(lab, result.qid, "deleted")


@contextlib.contextmanager
def log_that_is_behind(lab):
    """Postfix's log has nothing of what happens meanwhile until the end."""
    found = subprocess.run(["pgrep", "-P", str(lab.postfix.process.pid),
                            "-x", "postlogd"], capture_output=True, text=True)
    writer = int(found.stdout)
    os.kill(writer, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(writer, signal.SIGCONT)


@case("held by an access map, which Postfix logs before the message has an id: "
      "it is on hold")
def _(lab):
    result = lab.send([ANN], SERVICES, sender="held@x.example")
    (message,), rows = told(lab, result.qid, "held")
    same((message["verdict"], message["sender"]),
         ("deliver", "held@x.example"), "the message")
    lab.postfix.release(result.qid)
    told(lab, result.qid, "done")
    # Of another sender.
    other = lab.send([ANN], SERVICES)
    told(lab, other.qid, "done")


@case("a log that is behind the queue: the state is said to be that of its "
      "end")
def _(lab):
    result = requeue.hold(lab, [ANN])
    told(lab, result.qid, "held")
    with log_that_is_behind(lab):
        lab.postfix.tool("postsuper", "-d", result.qid)
        told(lab, result.qid, "held")
        contains(trace(lab, result.qid).out,
                 "state:    on hold when the log ends; see mailq", "deleted")
    told(lab, result.qid, "deleted")
    result = requeue.hold(lab, [ANN])
    told(lab, result.qid, "held")
    with log_that_is_behind(lab):
        lab.postfix.release(result.qid)
        lab.postfix.settle()
        contains(trace(lab, result.qid).out,
                 "state:    on hold when the log ends; see mailq", "sent")
    told(lab, result.qid, "done")


@case("requeued: the new message is shown too, and each names the other")
def _(lab):
    result = requeue.hold(lab, ["x@delta.example"], SERVICES, "delta")
    lab.notifyctl("account", "add", "delta", "--owner", OLGA)
    new = requeue.requeued(lab, result)
    (_, other), rows = told(lab, result.qid, "requeued", "done")
    same((other["queue_id"], other["relation"], other["of"]),
         (new, "requeued as", result.qid), "the new one")
    contains(trace(lab, result.qid).out, "requeued: replaced by another",
             "for people")
    same(rows[new, OLGA], ("added", "sent", "250 2.0.0 Ok"), "the copy")
    done = trace(lab, new, "--json")
    same(done.document["origin"], f"requeued from {result.qid}", "origin")
    lab.notifyctl("account", "remove", "delta")


@case("requeued, but released meanwhile or not deleted: the first message is "
      "followed as well")
def _(lab):
    for instead, states in (("-H", ("done", "done")),
                            ("-s", ("requeued", "done"))):
        result = requeue.hold(lab, ["x@acme.example"], SERVICES, "delta")
        lab.notifyctl("account", "add", "delta", "--owner", OLGA)
        with requeue.tool(lab, "postsuper", 'case " $* " in *" -d "*)'
                          f' exec REAL -c {lab.postfix.config} {instead}'
                          f' {result.qid} ;; esac; exec REAL "$@"'):
            done = requeue.requeue(lab, result.qid)
        same(done.code, 74, f"{done}")
        lab.postfix.flush()
        told(lab, result.qid, *states)
        lab.notifyctl("account", "remove", "delta")
    contains(trace(lab, result.qid).out, "not yet deleted", "for people")
    lab.postfix.tool("postsuper", "-d", result.qid)


@case("bounced: the reason, and the outcome of the bounce")
def _(lab):
    with refusing(lab, olga="550 5.1.1 no such <user>"):
        result = lab.send([OLGA, ANN], MAINTENANCE)
        (message, bounce), rows = told(lab, result.qid, "done", "done")
    contains(rows[result.qid, OLGA][2], "550 5.1.1 no such <user>", "the why")
    same((rows[result.qid, OLGA][1], rows[result.qid, ANN][1]),
         ("bounced", "sent"), "outcomes")
    same((bounce["relation"], bounce["of"], bounce["sender"],
          rows[bounce["queue_id"], "billing@example.org"][1]),
         ("bounced with", message["queue_id"], "", "sent"), "the bounce")


@case("deferred: it is still in the queue, and why")
def _(lab):
    with refusing(lab, ann="450 4.2.0 mailbox full"):
        result = lab.send([ANN], MAINTENANCE)
        lab.until(lambda: f"{result.qid}: to=" in lab.postfix.text(), "tried")
        _, rows = told(lab, result.qid, "queued")
    same(rows[result.qid, ANN][1], "deferred", "the copy")
    contains(rows[result.qid, ANN][2], "450 4.2.0 mailbox full", "the why")
    lab.flushed()
    same(told(lab, result.qid, "done")[1][result.qid, ANN],
         ("kept", "sent", "250 2.0.0 Ok"), "in the end")


@case("its time in the queue is over: the copy that was deferred has expired")
def _(lab):
    with refusing(lab, ann="450 4.2.0 mailbox full"):
        result = lab.send([ANN, OLGA], MAINTENANCE)
        lab.until(lambda: f"{result.qid}: to=<{ANN}" in lab.postfix.text(),
                  "tried")
        lab.postfix.tool("postsuper", "-e", result.qid)
        lab.postfix.flush()
        _, rows = told(lab, result.qid, "done", "done")
    same({key[1]: row[1] for key, row in rows.items()},
         {ANN: "expired", OLGA: "sent", "billing@example.org": "sent"},
         "outcomes")
    contains(rows[result.qid, ANN][2], "450 4.2.0 mailbox full", "the why")


@case("a chat that is gone: the reason from notify-telegram")
def _(lab):
    address = lab.link_to("acme", ANN, 111)
    lab.api.fail(error(403, "Forbidden: bot was blocked by the user"))
    result = lab.tell([ANN])
    _, rows = told(lab, result.qid, "done")
    same(rows[result.qid, address][:2], ("mirrored", "chat gone"), "the chat")
    contains(rows[result.qid, address][2], "blocked by the user", "the why")


def chats(lab, qid):
    """(whose, the account, as text) of each chat."""
    found = trace(lab, qid, "--json").document["recipients"]
    out = trace(lab, qid).out
    return [(row["chat_of"], row["account"],
             re.search(r"^.*(?:Telegram chat of|@telegram).*$", out, re.M)[0])
            for row in found if row["recipient"].endswith(".invalid")]


@case("whose chat it was is told: by the log, else by the roster, else not")
def _(lab):
    address = lab.link_to("acme", ANN, 111)
    result = lab.tell([ANN])
    told(lab, result.qid, "done")
    ((who, account, line),) = chats(lab, result.qid)
    same((who, account), (ANN, "acme"), "whose chat")
    contains(line, f"Telegram chat of {ANN} (acme) ", "for people")
    log = os.path.join(lab.folder, "agent/log")
    with open(log) as file:
        text = file.read()
    contains(text, f"outcome=sent user=<{ANN}>", "the log")
    with open(log, "w") as file:
        file.write(text.replace(f" user=<{ANN}>", ""))
    ((who, account, line),) = chats(lab, result.qid)
    same((who, account), (ANN, "acme"), "whose chat, by the roster")
    with lab.database_away():
        same([row[:2] for row in chats(lab, result.qid)], [("", "")],
             "without a roster")
    lab.run_ctl("--as", ANN, "telegram", "disable", "acme")
    ((who, account, line),) = chats(lab, result.qid)
    same((who, account), ("", ""), "the link has ended")
    contains(line, stamps.bare(address).split("@")[0] + "-", "for people")


@case("found by its Message-ID, and by a recipient and the day; who was "
      "passed over is listed")
def _(lab):
    result = lab.send([ANN, BILL, "acme@accounts.example"], BALANCE)
    told(lab, result.qid, "done")
    today = time.strftime("%Y-%m-%d")
    for words in ([f"<{result.mark}@example.org>"],
                  [f"{result.mark}@example.org"],
                  ["--recipient", BILL, "--on", today]):
        done = trace(lab, words, "--json")
        same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
        true(result.qid in [m["queue_id"] for m in done.document["messages"]],
             f"the message by {words}")
    rows = [row for row in done.document["recipients"]
            if row["queue_id"] == result.qid]
    same([(row["recipient"], row["decision"]) for row in rows],
         [(BILL, "dropped")], "bill's day has his line alone")
    found = trace(lab, result.qid, "--json").document["passed"]
    same({row["address"]: row["why"] for row in found},
         {ADAM: f"user-admin of acme, not subscribed to {BALANCE}",
          MIA: f"member of acme, not subscribed to {BALANCE}"}, "passed over")


@case("the reason why somebody got it is that of explain, until something is "
      "changed")
def _(lab):
    lab.milter.settings(always_keep="archive@x.example")
    rcpts = [BILL, "Ann+x@acme.example", "archive@x.example"]
    result = lab.send(rcpts, BALANCE, "acme")
    told(lab, result.qid, "done")
    path = os.path.join(lab.folder, "message")
    with open(path, "wb") as out:
        out.write(message(result.mark, BALANCE, "acme"))
    found = json.loads(lab.notifyctl("--json", "explain", path, *(
        word for rcpt in rcpts for word in ("--recipient", rcpt))).stdout)

    def reasons():
        return trace(lab, result.qid, "--json").document["reasons"]

    same({(row["address"], row["why"]) for row in reasons()},
         {(person["address"].replace("Ann+x", "ann"), person["why"])
          for person in found["people"] if person["gets"]}, "the reasons")
    lab.notifyctl("unsubscribe", "acme", BALANCE, SUE, "--confirm", SUE,
                  as_=OLGA)
    row, = [row for row in reasons() if row["address"] == SUE]
    same((row["entitled"], row["why"]),
         (False, f"not entitled now: subscriber of acme, not subscribed to "
          f"{BALANCE}"), "sue")
    contains(row["changed"], f"unsubscribe {BALANCE}, by {OLGA}", "sue")
    lab.notifyctl("subscribe", "acme", BALANCE, SUE, as_=OLGA)


@case("an untagged message from sendmail(1): its user, and no decision of "
      "the milter")
def _(lab):
    result = lab.sendmail([ANN])
    lab.until(lambda: result.qid, "the listener has it")
    taken = re.findall(r"pickup\[\d+\]: (\w+): uid=", lab.postfix.text())
    (first, second), rows = told(lab, taken[-1], "done", "done")
    contains(first["source"], "uid=0 from=<", "the source")
    same(second["relation"], "handed on as", "the way to the listener")
    same((second["decision"], rows[result.qid, ANN][0]), ("", "not known"),
         "the decision")


@case("a tagged message from sendmail(1): of its first queue id, that the "
      "decision is the second one's")
def _(lab):
    result = lab.sendmail([ANN], MAINTENANCE)
    lab.until(lambda: result.qid, "the listener has it")
    taken = re.findall(r"pickup\[\d+\]: (\w+): uid=", lab.postfix.text())
    told(lab, taken[-1], "done", "done")
    out = trace(lab, taken[-1]).out
    contains(out, "decision: none here: the message was handed on as "
             f"{result.qid}\n", "for people")
    same(out.count("decision: none"), 1, "without a decision")


@case("resubmitted with postsuper -r: the new message is shown too, and the "
      "old one is no longer said to be there")
def _(lab):
    with refusing(lab, ann="450 4.2.0 mailbox full"):
        result = lab.send([ANN], MAINTENANCE)
        lab.until(lambda: f"{result.qid}: to=" in lab.postfix.text(), "tried")
    lab.postfix.tool("postsuper", "-r", result.qid)
    lab.postfix.flush()
    messages, rows = told(lab, result.qid, "requeued", "done", "done")
    same([m["relation"] for m in messages],
         ["", "resubmitted as", "handed on as"], "relations")
    same(rows[messages[2]["queue_id"], ANN][1], "sent", "the copy")
    result = requeue.hold(lab, [ANN])
    lab.postfix.tool("postsuper", "-r", result.qid)
    messages, _ = told(lab, result.qid, "requeued", "done", "held")
    lab.postfix.tool("postsuper", "-d", messages[2]["queue_id"])


run(ChatLab, main={"virtual_alias_maps": "inline:{ "
                   "{team@x.example=a1@x.example,a2@x.example} }",
                   "smtpd_sender_restrictions": "check_sender_access "
                   "inline:{ {held@x.example=HOLD} }"})
