#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl requeue: a held message is decided as if it arrived now, with its
original envelope and content."""
import itertools
import os
import re

from lib import lab
from lib.lab import case, marker, message
from lib.requeue import hold, requeue, requeued, run
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, STRANGER
from lib.smtp import crlf
from lib.tap import contains, same, true

TEAM, ARCHIVE = "team@x.example", "archive@x.example"


numbers = itertools.count(1)


def decided(title, *members):
    """A case with the name of an unknown category, and a function that
    creates it and subscribes MEMBERS of acme."""
    def register(function):
        @case(title)
        def _(lab):
            bad = f"Alarms {next(numbers)}"

            def fix():
                lab.notifyctl("category", "add", bad.replace(" ", "-").lower(),
                              "--title", bad)
                if members:
                    lab.notifyctl("subscribe", "acme", bad, *members,
                                  as_=OLGA)
            function(lab, bad, fix)
    return register


@decided("a category that was created meanwhile: only entitled users "
         "get it", ANN)
def _(lab, bad, fix):
    result = hold(lab, [BILL, "acme@accounts.example", STRANGER], bad)
    fix()
    new = requeued(lab, result)
    same(result.recipients(), [ANN, OLGA], "recipients")
    summary = lab.milter.summary(new)
    same((summary["verdict"], summary["dropped"]), ("deliver", "2"),
         summary["line"])


@case("an account that was created meanwhile: its entitled users get it")
def _(lab):
    result = hold(lab, ["x@gamma.example"], BALANCE, "gamma")
    lab.notifyctl("account", "add", "gamma", "--owner", "otto@gamma.example")
    requeued(lab, result)
    same(result.recipients(), ["otto@gamma.example"], "recipients")
    lab.notifyctl("account", "remove", "gamma")


@case("a warning about main.cf stops no requeue")
def _(lab):
    result = hold(lab, ["x@delta.example"], BALANCE, "delta")
    lab.notifyctl("account", "add", "delta", "--owner", "otto@delta.example")
    main = os.path.join(lab.postfix.config, "main.cf")
    with open(main) as file:
        text = file.read()
    with open(main, "a") as file:
        file.write("message_size_limit = 20480000\n" * 2)
    contains(lab.postfix.tool("postconf", "-h", "queue_directory").stderr,
             "warning: ")
    requeued(lab, result)
    same(result.recipients(), ["otto@delta.example"], "recipients")
    with open(main, "w") as file:
        file.write(text)
    lab.notifyctl("account", "remove", "delta")


@case("a message that still cannot be decided is held again, and the output "
      "says so")
def _(lab):
    result = hold(lab, [ANN])
    done = requeue(lab, result.qid)
    contains(done.out, "which is on hold again", f"{done}")
    same(done.code, 0, "exit")
    (new,) = lab.postfix.held()
    contains(done.out, f"submitted again as {new},", f"{done}")
    lab.postfix.tool("postsuper", "-d", new)
    same(result.recipients(), [], "recipients")


@decided("the null sender stays the null sender", ANN)
def _(lab, bad, fix):
    result = hold(lab, [ANN], bad, sender="")
    fix()
    requeued(lab, result)
    (copy,) = result.transactions()
    same((copy.sender, copy.addresses), ("", [ANN]), "envelope")


@decided("an alias is submitted as an alias: each member gets one copy", ANN)
def _(lab, bad, fix):
    lab.milter.settings(unknown_recipients="keep")
    result = hold(lab, [TEAM, ANN], bad)
    fix()
    requeued(lab, result)
    same(result.recipients(), sorted([ANN, "a1@x.example", "a2@x.example",
                                      ARCHIVE]), "recipients")


@decided("a user who is not entitled does not get it, even by a bare name",
         ANN)
def _(lab, bad, fix):
    result = hold(lab, ["ann", "bill", '"mia"@acme.example'], bad,
                  submit=lab.sendmail)
    fix()
    requeued(lab, result)
    same(result.recipients(), [ANN, OLGA], "recipients")


@decided("a quoted name and names in other scripts arrive unchanged")
def _(lab, bad, fix):
    lab.milter.settings(unknown_recipients="keep")
    names = ['"a b"@x.example', '"\\"\\\\"@x.example', "jürgen@x.example"]
    result = hold(lab, names, bad, sender="söndre@x.example", options="SMTPUTF8")
    fix()
    requeued(lab, result)
    (copy,) = result.transactions()
    same(sorted(copy.addresses), sorted(names), "recipients")
    same((copy.sender, "SMTPUTF8" in copy.options), ("söndre@x.example", True),
         "sender")


@decided("each recipient keeps NOTIFY and ORCPT, the message RET and ENVID")
def _(lab, bad, fix):
    lab.milter.settings(unknown_recipients="keep")
    given = {"n@x.example": {"NOTIFY": "NEVER"},
             "d@x.example": {"NOTIFY": "FAILURE,DELAY",
                             "ORCPT": "rfc822;o+2Bp@y.example"},
             "s@x.example": {"NOTIFY": "SUCCESS"}}
    result = hold(lab, [(a, " ".join(f"{k}={v}" for k, v in o.items()))
                        for a, o in given.items()], bad,
                  options="RET=HDRS ENVID=Q+2B+3D7")
    fix()
    requeued(lab, result)
    (copy,) = result.transactions()
    same((copy.options.get("RET"), copy.options.get("ENVID")),
         ("HDRS", "Q+2B+3D7"), "of the message")
    for address, options in copy.rcpts:
        want = {"ORCPT": f"rfc822;{address}", **given[address]}
        same({k: options.get(k) for k in want}, want, f"of {address}")
        same("NOTIFY" in options, True, f"NOTIFY of {address}")


@decided("a recipient without NOTIFY does not get that of the one before it")
def _(lab, bad, fix):
    lab.milter.settings(unknown_recipients="keep")
    result = hold(lab, [(TEAM, "NOTIFY=DELAY"), "p@x.example"], bad)
    fix()
    requeued(lab, result)
    options = {address: o for t in result.transactions()
               for address, o in t.rcpts}
    same((options["a1@x.example"].get("NOTIFY"),
          options["p@x.example"].get("NOTIFY")), ("DELAY", None), "NOTIFY")


@decided("the sender gets the DSN of an expanded alias that it asked for")
def _(lab, bad, fix):
    lab.milter.settings(unknown_recipients="keep")
    result = hold(lab, [(TEAM, "NOTIFY=SUCCESS")], bad)
    fix()
    new = requeued(lab, result)
    lab.until(lambda: f"{new}: sender delivery status notification"
              in lab.postfix.text(), "the notification")


@decided("the content stays byte for byte", ANN)
def _(lab, bad, fix):
    mark = marker()
    body = (b"caf\xc3\xa9 \xff\xfe \x00 \x01\n.\n..\n.dot\n" + b"x" * 5000
            + b"\n" + b"y" * 2048 + b"\n\n\nFrom me\n>From you\n end")
    data = message(mark, bad, body=body, headers=(
        "X-Empty:", "X-Long: " + "z" * 2500, "Received: from a by b; x"))
    result = hold(lab, [ANN], bad, data=data, mark=mark, options="BODY=8BITMIME")
    fix()
    requeued(lab, result)
    (copy,) = result.transactions()
    # But for what the milter added to the header, now that it is delivered.
    got, found = re.subn(rb"X-Notify-Decided: [0-9a-f]{32}\r\n", b"",
                         copy.data)
    same(found, 1, "stamps")
    true(got.endswith(crlf(data) + b"\r\n"), "the message as sent")
    head = got[:-len(crlf(data) + b"\r\n")]
    same([line for line in head.splitlines() if line[:1] not in b" \t"
          and not line.startswith(b"Received: ")], [], "more headers")
    same(copy.options.get("BODY"), "8BITMIME", "BODY")


@case("a message that was decided, and is held: those who were removed are "
      "back, those who were added are not")
def _(lab):
    lab.receiver.refuse = lambda _: "450 4.2.0 not now"
    try:
        result = lab.send([BILL, "acme@accounts.example", TEAM], SERVICES)
        lab.until(lambda: "status=deferred" in lab.postfix.text(), "deferred")
        lab.postfix.tool("postsuper", "-h", result.qid)
        true(result.held(), "held")
    finally:
        del lab.receiver.refuse
    lab.notifyctl("subscribe", "acme", SERVICES, BILL, as_=OLGA)
    lab.notifyctl("unsubscribe", "acme", SERVICES, "adam@acme.example",
                  "--confirm", "adam@acme.example", as_=OLGA)
    requeued(lab, result)
    same(result.recipients(), sorted([ARCHIVE, BILL, OLGA]), "recipients")


@decided("several at once: each has its line, the exit status is that of the "
         "first failure",
         ANN)
def _(lab, bad, fix):
    one, two = hold(lab, [ANN], bad), hold(lab, [ANN], bad)
    fix()
    done = requeue(lab, one.qid, "NOSUCH", "no/id", two.qid)
    same(done.code, 67, f"{done}")
    same([line.split(":")[0] for line in done.out.splitlines()],
         [one.qid, two.qid], "lines of those that went")
    same(len(done.err.splitlines()), 2, "lines of those that did not")
    for result in (one, two):
        same(result.recipients(), [ANN], "recipients")


@decided("--json: one document with both ids, and with each failure", ANN)
def _(lab, bad, fix):
    result = hold(lab, [ANN], bad)
    fix()
    done = run(lab, "--json", "requeue", "NOSUCH", result.qid)
    first, second = done.document["messages"]
    same((first["queue_id"], first["new_id"], first["code"]),
         ("NOSUCH", "", 67), "the one that is not there")
    contains(first["message"], "not in the queue", "its message")
    lab.postfix.settle()
    same((second["queue_id"], second["code"]), (result.qid, 0), "the other")
    same(lab.milter.summary(second["new_id"])["verdict"], "deliver",
         "verdict on the new one")


@decided("the mail log names both ids in one line", ANN)
def _(lab, bad, fix):
    result = hold(lab, [ANN], bad)
    fix()
    new = requeued(lab, result)
    lab.until(lambda: f"{result.qid}: requeued as {new}\n"
              in lab.postfix.text(), "the line in the mail log")


lab.run(main={
    "myorigin": "acme.example", "smtp_line_length_limit": "0",
    "virtual_alias_maps": "inline:{ {team@x.example=a1@x.example,a2@x.example}"
                          " }",
    "recipient_bcc_maps": f"inline:{{ {{{TEAM}={ARCHIVE}}} }}"})
