#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# takes: 20 s
"A user who is unsubscribed is told by mail: once, and later if that fails "
"now."
import os
import re
import signal
import time
from email.utils import parsedate_to_datetime

from lib import ctl, faults, rosterdb
from lib.ctl import FROM, case
from lib.roster import (ADAM, ANN, BALANCE, BILL, CSV, DOCUMENTS, MAINTENANCE,
                        MIA, OLGA, SERVICES, SUE)
from lib.tap import contains, lacks, same, true


def unsubscribe(ctl_, address=BILL, category=MAINTENANCE, as_=OLGA, **options):
    return ctl_("unsubscribe", "acme", category, address, "--confirm",
                address, as_=as_, **options)


def stands(ctl_, done, address=BILL):
    """The change is made, and one line warns that the notice is pending."""
    same((done.code, ctl_.user("acme", address)[1]), (0, set()),
         f"exit and categories after {done}")
    line = done.line
    contains(line, "warning", "the line")
    return line


def sent(ctl_, *addresses):
    """Exactly ADDRESSES got a mail, in this order, and nothing is pending."""
    same([mail.to for mail in ctl_.mails()], list(addresses), "mails")
    same(ctl_.notices(), ["sent"] * len(addresses), "notices")


def hanging(ctl_, then="", **options):
    """Start unsubscribing Bill with a sendmail that waits, and does what THEN
    says; the process, and the path whose file ends the wait."""
    go = os.path.join(ctl_.mailbox, "go")
    ctl_.sendmail(f"while [ ! -e {go} ] && [ -d {ctl_.mailbox} ]; do"
                  f" sleep 0.01; done\n{then}")
    process = ctl_.start("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm",
                         BILL, as_=OLGA, **options)
    ctl_.until(lambda: ctl_.mails("trying"), "sendmail is started")
    return process, go


@case("exactly one mail goes to the user who was unsubscribed, and says what "
      "happened")
def _(ctl):
    before = time.time()
    unsubscribe(ctl)
    sent(ctl, BILL)
    mail, = ctl.mails()
    same(mail.args, ["-i", "-f", FROM, "--", BILL], "arguments")
    headers = mail.message
    same((headers["To"].addresses[0].addr_spec,
          headers["From"].addresses[0].addr_spec,
          headers["Auto-Submitted"]), (BILL, FROM, "auto-generated"),
         "To, From, Auto-Submitted")
    for name in ("To", "From", "Subject", "Date", "Message-ID", "MIME-Version",
                 "Content-Type", "Auto-Submitted"):
        same(len(headers.get_all(name, [])), 1, f"headers {name}")
    at = parsedate_to_datetime(headers["Date"]).timestamp()
    true(int(before) <= at <= time.time(), f"Date: {headers['Date']}")
    true(re.fullmatch(r"<[^@\s<>]+@[^@\s<>]+>", headers["Message-ID"]),
         f"Message-ID: {headers['Message-ID']}")
    for part in ("Scheduled maintenance", "acme"):
        contains(headers["Subject"], part, "Subject")
    for part in ("Scheduled maintenance", "acme", BILL, OLGA):
        contains(mail.text, part, "text")


@case("the notice carries no tag, and no line that a relay would break")
def _(ctl):
    unsubscribe(ctl)
    data = ctl.mails()[0].data
    lacks(data.lower(), b"x-notify", "the message")
    lacks(data, b"\r", "the message")
    true(max(map(len, data.split(b"\n"))) < 999, "length of lines")
    true(data.isascii(), "the message is ASCII")


@case("no mail has the Message-ID of another")
def _(ctl):
    for address, category in ((BILL, MAINTENANCE), (ANN, BALANCE),
                              (ANN, MAINTENANCE), (SUE, DOCUMENTS)):
        unsubscribe(ctl, address, category)
    sent(ctl, BILL, ANN, ANN, SUE)
    same(len({mail.message["Message-ID"] for mail in ctl.mails()}), 4, "ids")


@case("titles and addresses in any script come back whole from the mail")
def _(ctl):
    title = "Störungen, «важное» 障害 & more"
    address = "jürgen@exämple.example"
    ctl.ok("category", "add", "incidents", "--title", title)
    ctl.ok("user", "add", "acme", address, '"b, \\"c"@acme.example')
    ctl.ok("subscribe", "acme", "incidents", address,
           '"b, \\"c"@acme.example', as_=OLGA)
    unsubscribe(ctl, address, "incidents")
    unsubscribe(ctl, '"b, \\"c"@acme.example', "incidents")
    one, other = ctl.mails()
    contains(one.message["Subject"], title, "Subject")
    contains(one.text, title, "text")
    same(one.to, "jürgen@xn--exmple-cua.example", "recipient")
    same(other.to, '"b, \\"c"@acme.example', "recipient")
    same(other.message["To"].addresses[0].username, 'b, "c', "local part")


@case("without [mail] from the sender of the envelope is null")
def _(ctl):
    ctl.settings(from_=None)
    unsubscribe(ctl)
    same(ctl.mails()[0].args, ["-i", "-f", "<>", "--", BILL], "arguments")
    sent(ctl, BILL)


@case("a command that is refused, or changes nothing, sends no mail")
def _(ctl):
    unsubscribe(ctl, MIA)
    unsubscribe(ctl, OLGA)
    unsubscribe(ctl, as_=ANN)
    ctl("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", ANN, as_=OLGA)
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=OLGA)
    sent(ctl)


@case("the output of sendmail is not mixed into that of notifyctl")
def _(ctl):
    ctl.sendmail("echo noise; echo noise >&2")
    done = unsubscribe(ctl, json_=True)
    same((done.code, done.err), (0, ""), "exit and stderr")
    true(done.document, "a document")
    lacks(done.out, "noise", "stdout")


@case("a sendmail that fails is a warning: the change stands, the notice "
      "waits")
def _(ctl):
    for behaviour, word in (("exit 75", "75"), ("exit 1", "1"),
                            ("kill -9 $$", "9"), ("kill -15 $$", "15")):
        ctl.reset()
        ctl.sendmail(behaviour)
        contains(stands(ctl, unsubscribe(ctl)), word, "the line")
        same(ctl.notices(), ["pending"], f"notices after {behaviour}")
        same(len(ctl.mails("trying")), 1, f"tries after {behaviour}")
        ctl.sendmail()
        ctl.ok("init")
        sent(ctl, BILL)


@case("a sendmail that is missing, or is not a program, is a warning too")
def _(ctl):
    for path in (ctl.path("nosuch"), ctl.path("text", "hello"), ctl.folder,
                 ctl.path("text/nosuch")):
        ctl.reset()
        ctl.settings(sendmail=path)
        contains(stands(ctl, unsubscribe(ctl)), path, "the line")
        same(ctl.notices(), ["pending"], f"notices with {path}")
        ctl.settings()
        ctl.ok("init")
        sent(ctl, BILL)


@case("a sendmail that hangs is killed, and the notice stays pending")
def _(ctl):
    ctl.sendmail("exec sleep 60000")    # in a hurry it is that of ten minutes
    done = unsubscribe(ctl, env=faults.preload(haste=100))
    contains(stands(ctl, done), "did not end within 60 seconds", "the line")
    same(ctl.notices(), ["pending"], "notices")
    ctl.sendmail()
    ctl.ok("init")
    sent(ctl, BILL)


@case("the database is locked for long while sendmail runs: the outcome of "
      "the notice is stored all the same")
def _(ctl):
    for then, state in (("exit 75", "pending"), ("", "sent")):
        ctl.reset()
        process, go = hanging(ctl, then, env=faults.preload(haste=20))
        with ctl.store.written():
            ctl.path(go, "")
            # A lock is waited for 250 ms in this hurry: it is met thrice.
            time.sleep(1)
            same(ctl.notices(), ["handing"], "notices meanwhile")
        done = ctl.finish(process)
        same(done.code, 0, f"exit of {done}")
        same(ctl.notices(), [state], f"notices after {done}")
        same("it is kept" in done.err, state == "pending", f"said: {done}")
        ctl.sendmail()
        ctl.ok("init")
        sent(ctl, BILL)


@case("the database stays locked while sendmail runs: notifyctl ends, "
      "reports the outcome of the notice, and does not send it again")
def _(ctl):
    # A second is all the time there is, and so long a lock is waited for.
    process, go = hanging(ctl, env=faults.preload(haste=5, clock=10))
    with ctl.store.written():
        ctl.path(go, "")
        done = ctl.finish(process)
    line = stands(ctl, done)
    for part in ("was handed over", "locked", "notifyctl check"):
        contains(line, part, "the line")
    same(ctl.notices(), ["handing"], "notices")
    ctl.sendmail()
    ctl.ok("init")
    same([mail.to for mail in ctl.mails()], [BILL], "mails")


@case("notices that cannot be looked up are no fault of sendmail, and stay")
def _(ctl):
    rosterdb.file_only("the trigger")
    ctl.sql("CREATE TRIGGER fault BEFORE UPDATE ON notice"
            " BEGIN SELECT RAISE(ABORT, 'fault'); END")
    line = stands(ctl, unsubscribe(ctl))
    contains(line, "notices could not be looked up (database ", "the line")
    lacks(line, "handed over", "the line")
    same(ctl.notices(), ["pending"], "notices")
    ctl.sql("DROP TRIGGER fault")
    ctl.ok("init")
    same([mail.to for mail in ctl.mails()], [BILL], "mails")


@case("with --json the warning does not spoil the document")
def _(ctl):
    ctl.sendmail("exit 75")
    done = unsubscribe(ctl, json_=True)
    stands(ctl, done)
    true("error" not in done.document, f"no error in {done.document}")


@case("each command that changes something sends pending notices, once")
def _(ctl):
    for words, as_ in ((["init"], None),
                       (["user", "add", "acme", "new@acme.example"], None),
                       (["subscribe", "acme", SERVICES, MIA], OLGA),
                       (["account", "transfer", "acme", ANN], None),
                       (["category", "add", "x", "--title", "X"], None),
                       (["import", ctl.path("one.csv", CSV + "acme,i@x.example,"
                                            "member,\n")], None),
                       (["user", "remove", "acme", BILL], None),
                       (["account", "remove", "acme"], None)):
        ctl.reset()
        ctl.sendmail("exit 75")
        stands(ctl, unsubscribe(ctl))
        ctl.sendmail()
        ctl.ok(*([] if as_ else ["--no-tell"]), *words, as_=as_)
        sent(ctl, BILL)
        ctl.ok("init")
        sent(ctl, BILL)


@case("a command that only looks things up sends nothing")
def _(ctl):
    ctl.sendmail("exit 75")
    stands(ctl, unsubscribe(ctl))
    ctl.sendmail()
    before = ctl.dump()
    for words in (["account", "list"], ["account", "show", "acme"],
                  ["user", "list", "acme"], ["category", "list"],
                  ["list", "acme"], ["export"], ["log"],
                  ["import", "--dry-run", ctl.path("one.csv", CSV + "acme,"
                                                   "i@x.example,member,\n")]):
        ctl.ok(*words)
    ctl("check", env={"PATH": ctl.folder})      # without a look at Postfix
    ctl.unchanged(before)
    same(ctl.mails(), [], "mails")


@case("pending notices are sent in their order, the oldest first")
def _(ctl):
    ctl.sendmail("exit 75")
    for address, category in ((BILL, MAINTENANCE), (ANN, BALANCE),
                              (SUE, DOCUMENTS)):
        same(unsubscribe(ctl, address, category).code, 0, "exit")
    ctl.sendmail()
    unsubscribe(ctl, ADAM, SERVICES)
    sent(ctl, BILL, ANN, SUE, ADAM)


@case("many pending notices cost one warning, and none is lost")
def _(ctl):
    ctl.sendmail("exit 75")
    people = [f"p{number}@acme.example" for number in range(8)]
    ctl.ok("user", "add", "acme", *people)
    ctl.ok("subscribe", "acme", SERVICES, *people, as_=OLGA)
    for address in people:
        stands(ctl, unsubscribe(ctl, address, SERVICES), address)
    same(ctl.notices(), ["pending"] * 8, "notices")
    ctl.sendmail()
    ctl.ok("init")
    sent(ctl, *people)


@case("notices that are refused each time do not delay the others")
def _(ctl):
    refused = [(BILL, MAINTENANCE), (SUE, DOCUMENTS), (SUE, BALANCE),
               (BILL, SERVICES), (BILL, BALANCE)]
    ctl.ok("subscribe", "acme", SERVICES, BILL, as_=OLGA)
    ctl.ok("subscribe", "acme", BALANCE, BILL, as_=OLGA)
    ctl.sendmail("for last; do :; done; "
                 f"case $last in {BILL}|{SUE}) exit 67; esac")
    for address, category in refused:
        unsubscribe(ctl, address, category)
    unsubscribe(ctl, ANN, BALANCE)
    for number in range(2):
        ctl("user", "add", "acme", f"new{number}@acme.example")
    same([mail.to for mail in ctl.mails()], [ANN], "mails")
    same(ctl.notices(), ["pending"] * 5 + ["sent"], "notices")


@case("a user or account that was removed meanwhile is mailed all the same")
def _(ctl):
    for words in (["user", "remove", "acme", BILL],
                  ["account", "remove", "acme"]):
        ctl.reset()
        ctl.sendmail("exit 75")
        stands(ctl, unsubscribe(ctl))
        ctl("--no-tell", *words)
        ctl.sendmail()
        ctl.ok("init")
        sent(ctl, BILL)
        contains(ctl.mails()[0].text, "acme", "text")


@case("a slow sendmail delays neither the change nor other commands")
def _(ctl):
    process, go = hanging(ctl)
    same(ctl.user("acme", BILL), ("member", set()), "bill")
    # sendmail ends only once the file is there.
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=OLGA)
    ctl.path(go, "")
    done = ctl.finish(process)
    same((done.code, done.err), (0, ""), "exit and stderr")
    sent(ctl, BILL)


@case("two notifyctl at once do not send it twice")
def _(ctl):
    people = [f"p{number}@acme.example" for number in range(6)]
    ctl.ok("user", "add", "acme", *people)
    ctl.ok("subscribe", "acme", SERVICES, *people, as_=OLGA)
    ctl.sendmail("exit 75")
    for address in people:
        unsubscribe(ctl, address, SERVICES)
    ctl.sendmail("sleep 0.05")
    for done in ctl.at_once(*[["init"]] * 4,
                            *[["user", "add", "acme", f"q{i}@acme.example"]
                              for i in range(4)]):
        same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
    same(sorted(mail.to for mail in ctl.mails()), people, "mails")
    same(ctl.notices(), ["sent"] * 6, "notices")


@case("a notifyctl that is killed while sendmail runs causes no second mail")
def _(ctl):
    process, go = hanging(ctl)
    process.kill()
    ctl.path(go, "")
    ctl.finish(process)
    ctl.until(ctl.mails, "sendmail, which lives on, has the whole message")
    contains(ctl.mails()[0].text, "Scheduled maintenance", "text")
    ctl.sendmail()
    ctl.ok("init")
    unsubscribe(ctl, ANN, BALANCE)
    same([mail.to for mail in ctl.mails()], [BILL, ANN], "mails")
    same(ctl.user("acme", BILL), ("member", set()), "bill")
    found = [finding for finding in
             ctl("check", json_=True, env={"PATH": ctl.folder})
             .document["findings"] if "handed to sendmail" in finding["what"]]
    same(len(found), 1, "findings of check about the notice")
    true(found[0]["fix"], "check says what to do")


@case("a notifyctl that is interrupted while sendmail runs, as by ^C, ends when "
      "it is known what became of the notice")
def _(ctl):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for then, state in (("", "sent"), ("exit 75", "pending")):
            ctl.reset()
            process, go = hanging(ctl, then, start_new_session=True)
            os.killpg(process.pid, number)
            ctl.path(go, "")
            done = ctl.finish(process)
            same((done.code, done.err), (-number, ""), f"exit of {done}")
            same(ctl.notices(), [state], f"state of the notice after {done}")
            ctl.sendmail()
            ctl.ok("notices", "send")
            same([mail.to for mail in ctl.mails()], [BILL],
                 f"mails after {done}")


ctl.run()
