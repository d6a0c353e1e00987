#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix sendmail
"""The milter under a real Sendmail: every verdict, and the mirror by a mailer."""
import json
import os
import re
import shlex
import shutil
import subprocess

from lib import lab, sendmail, tap, telegram
from lib.botapi import BLOCKED, BotAPI
from lib.lab import ACCOUNTS, case
from lib.roster import (ADAM, ANN, BALANCE, BILL, MAINTENANCE, OLGA, STRANGER,
                        entitled)
from lib.tap import contains, lacks, same, true

WANT = sorted(entitled(BALANCE, "acme"))
CHAT = 7001


class Lab(lab.Lab):
    """A lab whose MTA is Sendmail, with an API to mirror to."""

    # Sendmail takes no socket below a directory that everybody may write to.
    where = "/var/lib"

    def _start(self):
        self.api = BotAPI().start()
        super()._start()
        # As other programs: not root's, and where everybody may look.
        agent = telegram.local_copy(self.folder, "notify-telegram")
        self.token = os.path.join(self.folder, "token")
        with open(self.token, "w") as file:
            file.write(self.api.token + "\n")
        shutil.chown(self.token, lab.USER)
        self.milter.defaults.update(token_file=self.token, bot="b",
                                    api=self.api.url)
        self.milter.settings()
        self.link = os.path.join(self.folder, "agent")
        self.wrap(agent)

    def wrap(self, agent):
        """The program at the sample's path of notify-telegram."""
        with open(self.link, "w") as file:
            file.write(f"#!/bin/sh\nexec {agent} -c {self.milter.file} "
                       '"$3" "$4"\n')
        os.chmod(self.link, 0o755)

    def _sendmail_script(self):
        """The program that [mail] sendmail names."""
        path = os.path.join(self.folder, "sendmail")
        with open(path, "w") as out:
            # Below the daemon the host has a name with a dot already.
            command = f'{self.folder}/mta/programs/sendmail -Ac -C ' \
                      f'{self.folder}/mta/submit.cf "$@"'
            out.write("#!/bin/sh\n[ `id -u` != 0 ] || exec "
                      f"{shlex.join(sendmail.NAMED)} {command}\n"
                      f"exec {command}\n")
        os.chmod(path, 0o755)
        return path

    def stop(self):
        if getattr(self, "api", None) is not None:
            self.api.stop()
            self.api = None
        super().stop()


class Sendmail(sendmail.Sendmail):
    def __init__(self, folder, *args):
        super().__init__(folder, *args)
        self.replaced["/usr/local/sbin/notify-telegram"] = os.path.join(
            os.path.dirname(folder), "agent")


Lab.mta = Sendmail


@case("untagged mail passes unchanged")
def _(lab_):
    lab_.send([ANN, STRANGER], headers=["X-Other: 1"]).untouched(
        [ANN, STRANGER])


@case("an account's address is replaced by the account's people")
def _(lab_):
    lab_.send([f"acme@{ACCOUNTS}"], BALANCE).must("deliver", WANT)
    lab_.send([f"Acme@{ACCOUNTS.upper()}"], BALANCE).must("deliver", WANT)


@case("the header names the account, and nobody gets two copies")
def _(lab_):
    for spelling in (ANN, ANN.upper(), '"ann"@acme.example'):
        got = lab_.send([spelling], BALANCE, "acme")
        got.summary()
        same(sorted(a.lower().replace('"', "") for a in got.recipients()),
             WANT, f"recipients after {spelling}")


@case("a user who is not entitled is dropped, in any case of letters")
def _(lab_):
    lab_.send([BILL, ANN, STRANGER], BALANCE).must("deliver", [ANN])
    lab_.send([BILL.upper(), ANN, ADAM], BALANCE).must("deliver", [ANN])


@case("nobody entitled: the message is discarded with a reason")
def _(lab_):
    lab_.send([BILL], BALANCE).must("discard")


@case("a tag that cannot be understood is in quarantine, with the reason")
def _(lab_):
    result = lab_.send([ANN], "lunch").must("hold")
    contains(lab_.postfix.tool("-bp", "-qQ").stdout.decode(),
             "unknown category", "mailq -qQ")
    true(result.qid in lab_.postfix.held(), "quarantined")


@case("bad_tag = reject is 550, and bad_tag = tempfail 451")
def _(lab_):
    lab_.milter.settings(bad_tag="reject")
    lab_.send([ANN], "lunch").must("reject")
    lab_.milter.settings(bad_tag="tempfail")
    lab_.send([ANN], "lunch").must("tempfail")


@case("the database is missing: the client keeps the message")
def _(lab_):
    with lab_.database_away():
        lab_.send([ANN], BALANCE).must("tempfail")
    lab_.send([ANN], BALANCE).must("deliver", [ANN])


@case("an untrusted client's X-Notify headers are removed, and no others")
def _(lab_):
    lab_.milter.settings(trusted_clients="192.0.2.1")
    result = lab_.send([BILL], BALANCE, "acme", headers=["X-Other: 1"])
    same(result.summary()["verdict"], "untrusted", "verdict")
    same(result.recipients(), [BILL], "recipients")
    data = result.transactions()[0].data.decode()
    lacks(data, "X-Notify", "what arrived")
    contains(data, "X-Other: 1", "what arrived")


@case("the reserved domain is refused")
def _(lab_):
    lab_.send(["7@telegram.invalid"], BALANCE).must("reject")
    lab_.send([ANN, "7@telegram.invalid"]).must("reject")


@case("mail from sendmail(1) is expanded and filtered too")
def _(lab_):
    result = lab_.sendmail([f"acme@{ACCOUNTS}", BILL], BALANCE)
    lab_.until(lambda: len(lab_.receiver.copies(result.mark)) == len(WANT),
               "delivered", 60)
    same(result.recipients(), WANT, "recipients")


@case("a tag by sendmail -bs on sendmail.cf is refused: no address of a client is "
      "known")
def _(lab_):
    for tag, want in ((f"X-Notify-Category: {BALANCE}\r\n", b"550 5.7.1 "),
                      ("", b"250 2.0.0 ")):
        mark = lab.marker()
        process = subprocess.Popen(
            [*sendmail.NAMED, f"{lab_.postfix.programs}/sendmail", "-C",
             lab_.postfix.config, "-bs"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            for text in ("", "HELO x\r\n", f"MAIL FROM:<{lab.SENDER}>\r\n",
                         f"RCPT TO:<{BILL}>\r\n", "DATA\r\n",
                         f"X-Lab-Marker: {mark}\r\n{tag}\r\nHello\r\n.\r\n"):
                process.stdin.write(text.encode())
                process.stdin.flush()
                line = process.stdout.readline()
            process.stdin.write(b"QUIT\r\n")
        same(line[:len(want)], want, f"the answer {line}")
        lab_.postfix.settle()
        same(dict(lab_.receiver.copies(mark)), {} if tag else {BILL: 1},
             "copies")


@case("without the milter the client keeps its mail, and gets it sent later")
def _(lab_):
    lab_.milter.kill()
    client = lab_.connect()
    try:
        reply = client.send(lab.SENDER, [ANN], lab.message(
            lab.marker(), BALANCE))
    finally:
        client.close()
    same(reply.code // 100, 4, f"reply {reply}")
    lab_.milter.start()
    lab_.send([ANN], BALANCE).must("deliver", [ANN])


def linked(lab_, address):
    lab_.api.person(CHAT)
    lab_.sql("DELETE FROM waiting", "DELETE FROM link")
    lab_.sql(("INSERT INTO link(user, chat) SELECT id, ? FROM user WHERE "
              "address = ? AND account = (SELECT id FROM account WHERE "
              "name = 'acme')", (CHAT, address)))
    return lab_.sql("SELECT id FROM link")[0][0]


@case("a mirrored message reaches the chat by the mailer, and people by mail")
def _(lab_):
    linked(lab_, ANN)
    mark = lab.marker()
    result = lab_.send([ANN], BALANCE, "acme", mark=mark,
                       subject=f"Notice {mark}")
    lab_.api.wait(lambda: lab_.api.chats_of(mark), "the chat is told", 15)
    same(result.summary()["mirrored"], "1", "mirrored")
    same(result.recipients(), WANT, "recipients")
    same(lab_.api.chats_of(mark), [CHAT], "chats")


@case("a message without a Message-ID is given one, for people and the chat")
def _(lab_):
    linked(lab_, ANN)
    mark = lab.marker()
    data = (f"X-Lab-Marker: {mark}\nSubject: Notice {mark}\n"
            f"X-Notify-Category: {BALANCE}\nX-Notify-Account: acme\n\nHello.\n")
    result = lab_.send([ANN], data=data.encode(), mark=mark)
    lab_.api.wait(lambda: lab_.api.chats_of(mark), "the chat is told", 15)
    same(lab_.api.chats_of(mark), [CHAT], "chats")
    same(result.recipients(), WANT, "recipients")
    (given,) = re.findall(r" message-id=(<\S+>)", result.summary()["line"])
    for t in result.transactions():
        same(re.findall(rb"(?im)^Message-ID: *(\S+)", t.head),
             [given.encode()], "Message-ID")


@case("a message that the API does not accept is queued, retried, and never "
      "bounces")
def _(lab_):
    link = linked(lab_, ANN)
    mark = lab.marker()
    os.rename(lab_.token, lab_.token + ".away")
    try:
        result = lab_.send([ANN], BALANCE, mark=mark, subject=f"Notice {mark}")
        lab_.until(lambda: lab_.receiver.copies(mark), "the mail is delivered")
        # It cuts the address.
        lab_.until(lambda: f" <{link}-".encode() in
                   lab_.postfix.tool("-bp").stdout, "the mirror is queued")
    finally:
        os.rename(lab_.token + ".away", lab_.token)
    lab_.api.wait(lambda: lab_.api.chats_of(mark), "the chat is told", 30)
    same(result.recipients(), [ANN], "recipients")
    same(lab_.api.chats_of(mark), [CHAT], "chats")


@case("a chat that has blocked the bot: the link ends, the sender gets no "
      "bounce")
def _(lab_):
    linked(lab_, ANN)
    lab_.api.blocked[CHAT] = BLOCKED
    before = len(lab_.receiver.transactions)
    result = lab_.send([ANN], BALANCE)
    lab_.until(lambda: lab_.sql("SELECT count(*) FROM link") == [(0,)],
               "the link has ended")
    same(result.recipients(), [ANN], "recipients")
    lab_.until(lambda: len(lab_.receiver.transactions) == before + 2,
               "the user is told", 60)
    same({to for t in lab_.receiver.transactions[before:] for to in t.addresses},
         {ANN}, "who got mail")


@case("a user who is unsubscribed is mailed through Sendmail's sendmail(1)")
def _(lab_):
    before = len(lab_.receiver.transactions)
    lab_.notifyctl("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
                   as_=OLGA)
    lab_.until(lambda: len(lab_.receiver.transactions) > before,
               "the notice is sent", 60)
    same(lab_.receiver.transactions[before].addresses, [BILL], "who is told")


@case("a recipient that Sendmail may read as somebody else holds a message "
      "that keeps it")
def _(lab_):
    lab_.milter.settings(unknown_recipients="keep")
    for text in ("bill%acme.example@relay.example", "bill%acme.example",
                 "acme.example!bill"):
        result = lab_.send([ANN, text], BALANCE).must("hold")
        same(result.recipients(), [], f"who has got it, for {text}")
    lab_.milter.settings()


@case("requeue is for Postfix, and says so in one line")
def _(lab_):
    lab_.milter.settings(sendmail=f"{lab_.postfix.programs}/sendmail")
    done = lab_.notifyctl("requeue", "6ASHt8QQ022082", check=False)
    same(done.returncode, 78, "status")
    contains(done.stderr, "requeue works with Postfix only", "what it says")
    same(done.stderr.count("\n"), 1, "lines")


@case("check says that it does not look at Sendmail, and that submit.cf is "
      "missing")
def _(lab_):
    lab_.milter.settings(sendmail=f"{lab_.postfix.programs}/sendmail")
    found = json.loads(lab_.notifyctl("--json", "check", check=False).stdout)
    what = {f["what"]: f["severity"] for f in found["findings"]}
    same([s for w, s in what.items() if "check does not look at" in w],
         ["note"], "on Sendmail")
    if not os.path.exists("/etc/mail/submit.cf"):
        same(what.get("/etc/mail/submit.cf is missing"), "error", "submit.cf")
    lab_.milter.settings()
    found = json.loads(lab_.notifyctl("--json", "check", check=False).stdout)
    lacks(str(found["findings"]), "submit.cf", "with another sendmail(1)")


@tap.case("the milter complains of nothing that no case has provoked")
def _(lab_):
    lab_.milter.end()
    found = [line for line in lab_.milter.complaints()
             if not re.search("tempfail|verdict=hold", line)]
    same(found, [], "complaints")


# It is about recipients who leave; who joins for them is another matter.
tap.run(setup=lambda: Lab(settings={"expand": "addressed"}).start(),
        teardown=Lab.stop)
