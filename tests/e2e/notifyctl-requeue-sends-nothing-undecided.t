#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl requeue: where it is not sure that the milter decides, it submits
nothing, says why, and the message stays held."""
import os
import pwd
import shutil

from lib import lab
from lib.lab import case, program
from lib.postfix import LISTENERS
from lib.requeue import hold, refused, requeue, run, settings, tool
from lib.roster import ADAM, ANN, OLGA, SERVICES
from lib.tap import contains, lacks, same, true

# Every listener gets its milters from main.cf, or has them as the case says.
LISTENERS.clear()
LISTENERS.update({"smtp": ("127.0.0.1", "smtpd_peername_lookup=no")})


def listener(words):
    LISTENERS["smtp"] = ("127.0.0.1", words)


@case("a message that is not in the queue")
def _(lab):
    done = requeue(lab, "4NotThere")
    same((done.code, done.line), (67, "4NotThere is not in the queue; \"mailq\""
                                  " shows what is"), f"{done}")


@case("a message that waits in the deferred queue")
def _(lab):
    lab.receiver.refuse = lambda _: "450 4.2.0 not now"
    try:
        result = lab.send([ANN], SERVICES)
        lab.until(lambda: f"{result.qid}: to=" in lab.postfix.text(),
                  "deferred")
        done = requeue(lab, result.qid)
    finally:
        del lab.receiver.refuse
    same(done.code, 67, f"{done}")
    contains(done.line, "queue, not held; expected a message", f"{done}")


@case("a message without a tag that an operator holds")
def _(lab):
    lab.receiver.refuse = lambda _: "450 4.2.0 not now"
    result = lab.send([ANN])
    # Not while a delivery is under way: that one would succeed.
    lab.until(lambda: f"{result.qid}: to=" in lab.postfix.text(), "deferred")
    lab.postfix.tool("postsuper", "-h", result.qid)
    del lab.receiver.refuse
    refused(lab, 65, result, "has no X-Notify-Category, so the milter")


@case("a message that was delivered to some recipients")
def _(lab):
    lab.receiver.refuse = lambda a: "450 4.2.0 no" if a == OLGA else None
    result = lab.send([ADAM, OLGA], SERVICES)
    lab.until(lambda: "status=deferred" in lab.postfix.text()
              and lab.receiver.copies(result.mark), "deferred")
    lab.postfix.tool("postsuper", "-h", result.qid)
    del lab.receiver.refuse
    true(result.held(), "held")
    done = requeue(lab, result.qid)
    same(done.code, 65, f"{done}")
    contains(done.line, "was already delivered to some recipients (1)",
             f"{done}")
    same(result.recipients(), [ADAM], "who has got it")


@case("a message with what a second submission would lose: it is named")
def _(lab):
    result = hold(lab, [ANN], options="XVERP")
    refused(lab, 65, result, "submitted with VERP, which requeue does not")
    # As Postfix 3.11 has it.
    result = hold(lab, [ANN])
    with tool(lab, "postcat", 'REAL "$@" | sed "/^message_size:/s/0$/33/"\n'):
        refused(lab, 65, result, "submitted with REQUIRETLS, which requeue")


@case("smtpd_milters lacks the milter: the error says where the line to add "
      "is, which may replace another")
def _(lab):
    result = hold(lab, [ANN])
    for value in ("", "inet:127.0.0.1:1"):
        with settings(lab, smtpd_milters=value):
            line = refused(lab, 78, result, '"notifyctl check" has the command')
            lacks(line, "postconf", "the error")
            contains(run(lab, "check").out, f"postconf -c {lab.postfix.config} -e "
                     f"'smtpd_milters = {lab.milter.postfix_socket()}",
                     "what check prints")


@case("a socket is ours if its path leads to it, not if the text is equal")
def _(lab):
    result = hold(lab, [ANN])
    with settings(lab):
        lab.postfix.tool("postconf", "-F", "*/inet/chroot=y")
        contains(refused(lab, 78, result, "cannot reach unix:"),
                 "from its chroot")
    link = os.path.join(lab.folder, "link")
    os.symlink(os.path.dirname(lab.milter.socket_path()), link)
    with settings(lab, smtpd_milters=f"unix:{link}/nosuch.sock"):
        refused(lab, 78, result, "does not name the milter")
    with settings(lab, smtpd_milters=f"unix:{link}/milter.sock"):
        same(requeue(lab, result.qid).code, 0, "by another path")


@case("the listener itself has no milter")
def _(lab):
    result = hold(lab, [ANN])
    for words, says in (
            ("smtpd_milters=", "does not name the milter"),
            ("receive_override_options=no_milters", "has no_milters"),
            ("milter_default_action=accept", "milter_default_action ="),
            ("smtpd_proxy_filter=127.0.0.1:1", "smtpd_proxy_filter of"),
            ("smtpd_tls_security_level=encrypt", "requires TLS")):
        listener(words)
        try:
            with settings(lab):
                refused(lab, 78, result, says)
        finally:
            listener("smtpd_peername_lookup=no")


@case("Postfix would continue without the milter")
def _(lab):
    result = hold(lab, [ANN])
    for action in ("accept", "ACCEPT"):
        with settings(lab, milter_default_action=action):
            refused(lab, 78, result, "put milter_default_action = "
                    "tempfail")
        milters = (f"{{ {lab.milter.postfix_socket()}, "
                   f"default_action={action} }}")
        with settings(lab, smtpd_milters=milters):
            refused(lab, 78, result, "put default_action=tempfail")


@case("smtpd_milter_maps disables the milter for this machine")
def _(lab):
    result = hold(lab, [ANN])
    path = os.path.join(lab.folder, "exempt")
    with open(path, "w") as out:
        out.write("127.0.0.0/8 DISABLE\n")
    with settings(lab, smtpd_milter_maps=f"cidr:{path}"):
        refused(lab, 78, result, "smtpd_milter_maps has a rule for 127.0.0.1")
    with settings(lab, smtpd_milter_maps=f"cidr:{path}.nosuch"):
        refused(lab, 78, result, "nosuch")


@case("trusted_clients lacks this machine: the tag would not be honoured")
def _(lab):
    result = hold(lab, [ANN])
    lab.milter.settings(trusted_clients="192.0.2.1")
    refused(lab, 78, result, "trusted_clients in " + lab.milter.file
            + " lacks 127.0.0.1")


@case("monitor = yes: nothing would be changed")
def _(lab):
    result = hold(lab, [ANN])
    lab.milter.settings(monitor="yes")
    refused(lab, 78, result, "expected monitor = no")


@case("the milter is down: Postfix refuses, and a retry is possible")
def _(lab):
    result = hold(lab, [ANN])
    lab.milter.kill()
    try:
        line = refused(lab, 75, result, "451 4.7.1")
        contains(line, f"{result.qid} is still held: see", "the line")
    finally:
        lab.milter.start()
    same(requeue(lab, result.qid).code, 0, "with the milter back")


@case("the database is missing: the milter defers, and a retry is possible")
def _(lab):
    result = hold(lab, [ANN])
    with lab.database_away():
        line = refused(lab, 75, result, "451 4.")
    contains(line, f"{result.qid} is still held", "the line")
    same(requeue(lab, result.qid).code, 0, "with the database back")


@case("bad_tag = reject: the milter refuses, and the message stays held")
def _(lab):
    result = hold(lab, [ANN])
    lab.milter.settings(bad_tag="reject")
    refused(lab, 65, result, "550 5.7.1")


@case("Postfix refuses a recipient: it is named, and nobody gets it")
def _(lab):
    result = hold(lab, [ANN, "gone@x.example"], submit=lab.sendmail)
    refused(lab, 65, result, "RCPT TO:<gone@x.example> with \"554 5.7.1")


@case("Postfix does not run")
def _(lab):
    result = hold(lab, [ANN])
    address = lab.postfix.addresses["smtp"]
    lab.postfix.addresses["smtp"] = ("127.0.0.1", 1)
    try:
        with settings(lab):
            refused(lab, 74, result, "Postfix does not answer at 127.0.0.1 "
                    "port 1: Connection refused")
    finally:
        lab.postfix.addresses["smtp"] = address


@case("Postfix's settings cannot be read")
def _(lab):
    result = hold(lab, [ANN])
    refused(lab, 78, result, "/nosuch/main.cf",
            env={"MAIL_CONFIG": lab.folder + "/nosuch"})


@case("a user other than root gets an error")
def _(lab):
    result = hold(lab, [ANN])
    path = os.path.join(lab.folder, "notifyctl")
    shutil.copy(program("notifyctl"), path)
    entry = pwd.getpwnam("nobody")
    line = refused(lab, 77, result, "run it as root", user=entry.pw_uid,
                   path=path)
    contains(line, "requeue reads", "the line")


@case("text that is not a queue id is never passed to postsuper")
def _(lab):
    result = hold(lab, [ANN])
    for word in ("ALL", "-", "", "../x", "a b", "x" * 65, "-d"):
        done = run(lab, "requeue", "--", word)
        same(done.code, 64, f"{done}")
        contains(done.line, "is not a queue id", f"{done}")
    true(result.held(), "still held")


lab.run(by_listener=False,
        main={"smtpd_milters": "MILTER",
              "smtpd_recipient_restrictions":
              "check_recipient_access inline:{gone@x.example=REJECT}",
              "smtpd_authorized_verp_clients": "127.0.0.1"},
        allow="database")
