#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl trace: the history of a message from the logs of Postfix, the
milter and notify-telegram."""
import contextlib
import os
import re
import time

from lib import requeue, stamps
from lib.botapi import error
from lib.roster import (ADAM, ANN, BALANCE, BILL, MAINTENANCE, MIA, OLGA,
                        SERVICES, STRANGER, SUE)
from lib.tap import contains, same, true
from lib.telegram import ChatLab, case, run


def trace(lab, qid, *options):
    """notifyctl trace of QID, or of such words, in the lab's logs; a ctl.Done."""
    logs = [lab.postfix.log, lab.milter.log, lab.folder + "/agent/log"]
    words = [qid] if isinstance(qid, str) else qid
    return requeue.run(lab, *options, "trace", *words, *(
        word for path in logs if os.path.exists(path)
        for word in ("--log", path)))


def told(lab, qid):
    """(messages, {(queue id, recipient): (decision, outcome, why)})."""
    done = trace(lab, qid, "--json")
    same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
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
    (message,), rows = told(lab, result.qid)
    same({key: message[key] for key in ("verdict", "state", "sender",
                                        "source", "message_id")},
         {"verdict": "deliver", "state": "done",
          "sender": "billing@example.org",
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
    lab.postfix.settle()
    _, rows = told(lab, result.qid)
    same({r: row[0] for (_, r), row in rows.items()},
         {ANN: "added", OLGA: "added", SUE: "added", BILL: "dropped"},
         "decisions")
    result = lab.send([ANN, "acme@accounts.example"], BALANCE)
    lab.postfix.settle()
    _, rows = told(lab, result.qid)
    same({row[0] for row in rows.values()}, {"kept or added"}, "decisions")


@case("an alias is shown with its recipients")
def _(lab):
    result = lab.send(["team@x.example"])
    lab.postfix.settle()
    out = trace(lab, result.qid).out
    for part in ("a1@x.example (for team@x.example)",
                 "a2@x.example (for team@x.example)",
                 "decision: none in these logs"):
        contains(out, part, "for people")


@case("nobody is entitled: discarded, with the reason")
def _(lab):
    lab.milter.settings(expand="addressed")
    result = lab.send([BILL], BALANCE)
    (message,), rows = told(lab, result.qid)
    same((message["verdict"], message["state"], message["reason"]),
         ("discard", "discarded", "nobody addressed is entitled to the "
          "category"), "the message")
    same([row[:2] for row in rows.values()], [("dropped", "")], "the copies")


@case("held, released by hand, deleted by hand: each is shown")
def _(lab):
    result = requeue.hold(lab, [ANN])
    (message,), rows = told(lab, result.qid)
    same((message["verdict"], message["state"], rows), ("hold", "held", {}),
         "the held one")
    lab.postfix.release(result.qid)
    lab.postfix.settle()
    (message,), rows = told(lab, result.qid)
    same((message["state"], list(rows.values())),
         ("done", [("unchanged", "sent", "250 2.0.0 Ok")]), "released")
    result = requeue.hold(lab, [ANN])
    lab.postfix.tool("postsuper", "-d", result.qid)
    same(told(lab, result.qid)[0][0]["state"], "deleted", "deleted")


@case("requeued: the new message is shown too, and each names the other")
def _(lab):
    result = requeue.hold(lab, ["x@delta.example"], SERVICES, "delta")
    lab.notifyctl("account", "add", "delta", "--owner", OLGA)
    new = requeue.requeued(lab, result)
    lab.postfix.settle()
    (old, other), rows = told(lab, result.qid)
    same((old["state"], other["queue_id"], other["relation"], other["of"],
          other["state"]),
         ("requeued", new, "requeued as", result.qid, "done"), "both")
    same(rows[new, OLGA], ("added", "sent", "250 2.0.0 Ok"), "the copy")
    done = trace(lab, new, "--json")
    same(done.document["origin"], f"requeued from {result.qid}", "origin")
    lab.notifyctl("account", "remove", "delta")


@case("bounced: the reason, and the outcome of the bounce")
def _(lab):
    with refusing(lab, olga="550 5.1.1 no such <user>"):
        result = lab.send([OLGA, ANN], MAINTENANCE)
        lab.postfix.settle()
    (message, bounce), rows = told(lab, result.qid)
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
        (message,), rows = told(lab, result.qid)
    same((message["state"], rows[result.qid, ANN][1]), ("queued", "deferred"),
         "the message")
    contains(rows[result.qid, ANN][2], "450 4.2.0 mailbox full", "the why")
    lab.flushed()
    same(told(lab, result.qid)[1][result.qid, ANN],
         ("kept", "sent", "250 2.0.0 Ok"), "in the end")


@case("a chat that is gone: the reason from notify-telegram")
def _(lab):
    address = lab.link_to("acme", ANN, 111)
    lab.api.fail(error(403, "Forbidden: bot was blocked by the user"))
    result = lab.tell([ANN])
    lab.postfix.settle()
    _, rows = told(lab, result.qid)
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
    lab.told(result, [111])
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
    lab.postfix.settle()
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


@case("an untagged message from sendmail(1): its user, and no decision of "
      "the milter")
def _(lab):
    result = lab.sendmail([ANN])
    lab.postfix.settle()
    taken = re.findall(r"pickup\[\d+\]: (\w+): uid=", lab.postfix.text())
    (first, second), rows = told(lab, taken[-1])
    contains(first["source"], "uid=0 from=<", "the source")
    same(second["relation"], "handed on as", "the way to the listener")
    same((second["decision"], rows[result.qid, ANN][0]), ("", "not known"),
         "the decision")


@case("resubmitted with postsuper -r: the new message is shown too")
def _(lab):
    with refusing(lab, ann="450 4.2.0 mailbox full"):
        result = lab.send([ANN], MAINTENANCE)
        lab.until(lambda: f"{result.qid}: to=" in lab.postfix.text(), "tried")
    lab.postfix.tool("postsuper", "-r", result.qid)
    lab.postfix.flush()
    lab.flushed()
    messages, rows = told(lab, result.qid)
    same([m["relation"] for m in messages], ["", "resubmitted as", "handed on as"], "relations")
    same(rows[messages[2]["queue_id"], ANN][1], "sent", "the copy")
    true(messages[2]["state"] == "done", "the new one is done")


run(ChatLab, main={"virtual_alias_maps": "inline:{ "
                   "{team@x.example=a1@x.example,a2@x.example} }"})
