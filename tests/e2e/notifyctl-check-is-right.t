#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about Postfix
"""What notifyctl check says would happen does happen in a real Postfix, and
what it says nothing of works."""
import os
import shutil
import subprocess

from lib import lab, stamps
from lib.installation import sample
from lib.lab import Lab, program
from lib.roster import BALANCE, BILL, MAINTENANCE, MIA, OLGA
from lib.tap import Skip, case, contains, run, same, true

ARCHIVE = "archive@else.example"


def with_main(title, **main):
    """A case with a lab of its own, with MAIN in main.cf."""
    def register(function):
        @case(title)
        def _():
            with Lab(main=main, users={"tim@sasl.example": "pw"},
                     settings={"expand": "addressed"}) as one:
                function(one)
        return function
    return register


@with_main("always_bcc adds a recipient that the milter does not see",
           always_bcc=ARCHIVE)
def _(one):
    for send in (one.send, one.sendmail):
        result = send([BILL, MIA], MAINTENANCE)
        same(result.recipients(), [ARCHIVE, BILL], "recipients")
        same(result.summary()["kept"], "1", "kept")


for service in ("main.cf", "one cleanup"):
    @with_main(f"a copy by always_bcc, in {service}, that the client names too is"
               " deleted, unless always_keep names it",
               **{"always_bcc": ARCHIVE} if service == "main.cf" else {})
    def _(one, service=service):
        if service != "main.cf":
            one.postfix.tool("postconf", "-P",
                             f"cleanup/unix/always_bcc={ARCHIVE}")
            one.postfix.reload()
        # Postfix makes two copies of it without a milter, too.
        for kept, want in (("", [BILL]), (ARCHIVE, [ARCHIVE, ARCHIVE, BILL])):
            one.milter.settings(always_keep=kept)
            for send in (one.send, one.sendmail):
                same(send([BILL, ARCHIVE], MAINTENANCE).recipients(), want,
                     f"recipients with always_keep = {kept}")


@with_main("milter_header_checks give a decided message to others",
           milter_header_checks="regexp:{ {/^X-Notify/ REDIRECT e@e.example} }")
def _(one):
    for send in (one.send, one.sendmail):
        same(send([BILL, MIA], MAINTENANCE).recipients(), ["e@e.example"],
             "recipients")


ACCESS = "check_sender_access inline:{ {billing@example.org = %s e@e.example} }"

for setting, rule, want in (
        ("body_checks", "regexp:{ {/./ REDIRECT e@e.example} }",
         ["e@e.example"]),
        ("header_checks", "regexp:{ {/^Subject/ BCC e@e.example} }",
         [BILL, "e@e.example"]),
        ("smtpd_data_restrictions", ACCESS % "REDIRECT", ["e@e.example"]),
        ("smtpd_data_restrictions", ACCESS % "BCC", [BILL, "e@e.example"])):
    @with_main(f"{setting} give a decided message to others: {rule}",
               **{setting: rule})
    def _(one, want=want):
        same(one.send([BILL, MIA], MAINTENANCE).recipients(), want,
             "recipients")


@with_main("milter_header_checks remove the milter's header",
           milter_header_checks="regexp:{ {/^X-Notify/ IGNORE} }")
def _(one):
    true(b"X-Notify-Decided" not in one.send([BILL], MAINTENANCE).data(),
         "no header")


@with_main("header_checks remove the tag before the milter sees it",
           header_checks="regexp:{ {/^X-Notify/ IGNORE} }")
def _(one):
    one.send([BILL, MIA], MAINTENANCE).untouched([BILL, MIA])


@with_main("smtpd_milter_maps keep clients from the milter",
           smtpd_milter_maps="cidr:{ {127.0.0.0/8 DISABLE} }")
def _(one):
    one.send([BILL, MIA], MAINTENANCE).untouched([BILL, MIA])


@with_main("recipients that Postfix rewrites are removed, from mail of "
           "sendmail(1) too",
           masquerade_domains="mail.example",
           masquerade_classes="envelope_recipient")
def _(one):
    to = ["stranger@sub.mail.example", BILL]
    same(one.send(to, MAINTENANCE).recipients(), [BILL], "by SMTP")
    same(one.sendmail(to, MAINTENANCE).recipients(), [BILL],
         "from sendmail(1)")


@with_main("with a milter_protocol that Postfix does not know, mail is deferred",
           milter_protocol="5")
def _(one):
    same(one.send([BILL]).reply.code, 451, "reply")


@with_main("the milter works with an old milter_protocol, and with no macros "
           "named", milter_protocol="2", milter_connect_macros="",
           milter_mail_macros="", milter_rcpt_macros="",
           milter_data_macros="", milter_end_of_data_macros="")
def _(one):
    one.sql("INSERT INTO link(user, chat) SELECT id, 5 FROM user"
            f" WHERE address = '{OLGA}'")
    one.milter.settings(trust_authenticated="yes", trusted_clients="192.0.2.1")
    result = one.send([OLGA, MIA], BALANCE, listener="auth",
                      auth=("tim@sasl.example", "pw"))
    contains(result.recipients(), OLGA, "recipients")
    same((result.summary()["kept"], result.summary()["dropped"],
          result.summary()["mirrored"]), ("1", "1", "1"), "decision")


for name, main in (
        ("mydestination", {"mydestination": lab.ACCOUNTS,
                           "local_recipient_maps": "unix:passwd.byname"}),
        ("virtual_alias_domains", {"virtual_alias_domains": lab.ACCOUNTS}),
        ("relay_recipient_maps", {"relay_recipient_maps":
                                  "inline:{ {x@y.example=OK} }"})):
    @with_main(f"accounts in a class that does not list them are refused "
               f"({name})", **main)
    def _(one):
        reply = one.send([f"acme@{lab.ACCOUNTS}"], MAINTENANCE).reply
        same(reply.code, 550, "reply")
        contains(reply.text, "User unknown", "reply")


@with_main("accounts are refused where their domain is routed to error",
           transport_maps=f"inline:{{ {{{lab.ACCOUNTS}=error:5.1.1 no}} }}")
def _(one):
    same(one.send([f"acme@{lab.ACCOUNTS}"], MAINTENANCE).reply.code, 550,
         "reply")


@with_main("a domain that is listed whole is accepted", relay_recipient_maps="i"
           "nline:{ {x@y.example=OK} }, inline:{ { @" + lab.ACCOUNTS
           + " = OK } }")
def _(one):
    same(one.send([f"acme@{lab.ACCOUNTS}"], MAINTENANCE).reply.code, 250,
         "reply")


@with_main("an address that begins with - bounces")
def _(one):
    result = one.sendmail(["-bill@acme.example", OLGA])
    same(result.recipients(), [OLGA], "recipients")
    contains(one.postfix.caught_up().lower(), "address syntax", "Postfix's log")


UMLAUT = "ölga@acme.example"

for classes, told in (("sendmail, verify", False), ("sendmail, smtpd", True),
                      ("all", True)):
    @with_main("a user outside ASCII who is added to a message without SMTPUTF8"
               f" is sent on {'with' if told else 'without'} it:"
               f" smtputf8_autodetect_classes = {classes}",
               smtputf8_autodetect_classes=classes)
    def _(one, told=told):
        one.notifyctl("user", "add", "acme", UMLAUT)
        one.notifyctl("subscribe", "acme", MAINTENANCE, UMLAUT, as_=OLGA)
        for send in (one.send, one.sendmail):
            for copy in send([f"acme@{lab.ACCOUNTS}"],
                             MAINTENANCE).transactions():
                same((UMLAUT in copy.addresses, "SMTPUTF8" in copy.options),
                     (True, told), "recipient, and option")


for value in ("", "+"):
    @with_main("where Postfix delivers a user's domain itself, ann+x@ is "
               f"{'ann@' if value else 'another'} to it with"
               f" recipient_delimiter = {value}", recipient_delimiter=value,
               virtual_alias_domains="acme.example", virtual_alias_maps="inline:"
               "{ {bill@acme.example=bill@b.example},"
               " {olga@acme.example=olga@b.example} }")
    def _(one, value=value):
        to = [BILL.replace("@", "+x@"), OLGA]
        result = one.sendmail(to, MAINTENANCE)
        same(result.recipients(), ["bill+x@b.example", "olga@b.example"]
             if value else ["olga@b.example"], "recipients")
        same((result.summary()["kept"], result.summary()["dropped"]),
             ("2", "0"), "decision")


def commands():
    """The commands in the comments at the end of the sample's main.cf."""
    text = sample("main.cf").split("chats (they need the package jq):\n")[1]
    lines = [line[4:] for line in text.splitlines()]
    return "\n".join(lines).split("postqueue ")[1:]


@with_main("the commands in postfix-sample show messages for chats, and "
           "delete nothing else", minimal_backoff_time="300s",
           maximal_backoff_time="600s", queue_run_delay="300s",
           transport_maps="inline:{ {telegram.invalid=retry:4.0.0 later},"
                          " {acme.example=smtp:[127.0.0.1]:1} }")
def _(one):
    if shutil.which("jq") is None:
        raise Skip("no jq")

    def run_one(command):
        return subprocess.run(
            ["sh", "-c", "postqueue " + command], text=True, check=True,
            capture_output=True, timeout=30, env={
                **os.environ, "MAIL_CONFIG": one.postfix.config}).stdout

    one.sql("INSERT INTO link(user, chat) SELECT id, 5 FROM user"
            f" WHERE address = '{OLGA}'")
    both = one.send([OLGA], BALANCE).qid
    one.send([BILL])
    see, again, drop = commands()
    one.until(lambda: len(run_one("-j").splitlines()) == 2
              and "active" not in run_one("-j"), "the queue")
    same(stamps.bare(run_one(see)).splitlines(),
         [f"{both} 1@telegram.invalid later"],
         "what is shown")
    run_one(drop)
    same(len(run_one("-j").splitlines()), 2, "messages that also wait for mail")
    with open(one.postfix.config + "/main.cf", "a") as out:
        out.write("transport_maps = inline:{ {telegram.invalid=retry:4.0.0 x},"
                  f" {{acme.example=smtp:[127.0.0.1]:{one.receiver.port}}} }}\n")
    one.postfix.process.send_signal(1)      # as postfix reload does
    one.until(lambda: run_one(again) == "" and
              "acme.example" not in run_one("-j"), "mail is delivered")
    run_one(drop)
    same(run_one("-j"), "", "the queue")


@with_main("check knows whether Postfix runs")
def _(one):
    def says():
        done = subprocess.run(
            [program("notifyctl"), "-c", one.milter.file, "check"], text=True,
            capture_output=True, timeout=60,
            env={**os.environ, "MAIL_CONFIG": one.postfix.config})
        return "does not run" in done.stdout

    same(says(), False, "while it runs")
    one.postfix.stop()
    same(says(), True, "without it")
    one.postfix.start()
    same(says(), False, "when it runs again")


run()
