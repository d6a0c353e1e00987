#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A message that a content filter hands back, whole or in pieces, by SMTP or by
sendmail(1), is not decided again: one copy for each person, one text in each
chat."""
import os
import re
import shutil

from lib import stamps
from lib.lab import SENDER
from lib.roster import ANN, BALANCE, BILL, MAINTENANCE, OLGA, STRANGER, SUE
from lib.tap import contains, lacks, same, true
from lib.telegram import ChatLab, case, run

LIMITS = (0, 50, 1)             # recipients of one piece; 0: all
MANY = [f"r{i}@else.example" for i in range(120)]
HEADER = re.compile(rb"(?im)^X-Notify-Decided: *([0-9a-f]{32})\r?$")
# For a message that was decided already: this many lines of the log.
AGAIN = "decided=before"

# What it is: (recipients, category, account, settings)
MESSAGES = {
    "an account header, people who join and who are dropped": (
        [ANN, BILL], BALANCE, "acme", {}),
    "people of an account by its address": (
        ["acme@accounts.example", STRANGER], BALANCE, None, {}),
    "filtering alone": ([ANN, BILL, OLGA, STRANGER], BALANCE, None, {}),
    "expand = always": ([ANN], BALANCE, None, {"expand": "always"}),
    "expand = never": ([ANN, BILL, SUE], BALANCE, "acme",
                       {"expand": "never"}),
    "no mirror": ([BILL, OLGA], MAINTENANCE, "acme", {}),
    "120 strangers who stay, and chats": (
        [*MANY, ANN], BALANCE, None,
        {"unknown_recipients": "keep", "expand": "always"}),
}


class Postfix(ChatLab.mta):
    """With filters that hand back to the listener `back`, or to pickup."""

    listeners = {
        **ChatLab.mta.listeners,
        # It adds a Message-ID, as filters do.
        "back": ("127.0.0.1", "smtpd_milters=MILTER content_filter="
                 " local_header_rewrite_clients=static:all"),
        **{f"smtp-{n}": ("127.0.0.1", "smtpd_milters=MILTER content_filter="
                         f"scan{n}:[127.0.0.1]:BACK") for n in LIMITS},
        **{f"pipe-{n}": ("127.0.0.1", "smtpd_milters=MILTER content_filter="
                         f"pipe{n}:dummy") for n in LIMITS}}
    services = ChatLab.mta.services + "".join(
        f"scan{n} unix - - n - 10 smtp\n"
        f"pipe{n} unix - n n - 10 pipe\n"
        "  flags=Rq user=nobody null_sender=\n"
        "  argv=SPOOL/filter -f ${sender} -- ${recipient}\n" for n in LIMITS)

    def settings(self):
        return {**super().settings(),
                **{f"{kind}{n}_destination_recipient_limit": str(n or 30000)
                   for kind in ("scan", "pipe") for n in LIMITS}}

    def write_settings(self):
        super().write_settings()
        path = os.path.join(self.config, "master.cf")
        with open(path) as file:
            text = file.read()
        spool = os.path.join(os.path.dirname(self.folder), "spool")
        text = text.replace("BACK", str(self.addresses["back"][1]))
        past = os.stat(path)
        with open(path, "w") as out:
            out.write(text.replace("SPOOL", spool))
        os.utime(path, (past.st_atime, past.st_mtime))


class Lab(ChatLab):
    """What its pipe filter takes is spooled: only root may run sendmail(1) of a
    private Postfix. ALTER changes a message on its way, as filters do."""

    mta = Postfix
    alter = staticmethod(lambda data: data)

    def _start(self):
        self.folder_of_spool = None
        super()._start()
        self.spool = os.path.join(self.folder, "spool")
        os.mkdir(self.spool)
        os.chmod(self.spool, 0o777)
        self.script("spool/filter", "#!/bin/sh\n"
                    "out=$(mktemp FOLDER/spool/XXXXXXXX) || exit 75\n"
                    "cat >$out.mail && printf '%s\\n' \"$@\" >$out.args &&"
                    " mv $out $out.ready\n")

    def hand_back(self):
        """Submit all that the pipe filter has taken; how many."""
        taken = [name for name in os.listdir(self.spool)
                 if name.endswith(".ready")]
        for name in taken:
            path = os.path.join(self.spool, name.removesuffix(".ready"))
            with open(f"{path}.args") as file:
                args = file.read().splitlines()
            with open(f"{path}.mail", "rb") as file:
                data = self.alter(file.read())
            for end in (".args", ".mail", ".ready"):
                os.unlink(path + end)
            done = self.postfix.sendmail(["-G", "-i", *args], data)
            same((done.returncode, done.stderr), (0, b""), "sendmail")
        return len(taken)

    def settle(self):
        self.postfix.settle()
        while self.hand_back():
            self.postfix.settle()


def pieces(lab_, since):
    """The summaries after the first one."""
    return [line for _, line in lab_.milter.summaries(since)][1:]


def expected(lab_, message):
    """Who gets it without a filter, and which chats."""
    rcpts, category, account, settings = message
    lab_.milter.settings(**settings)
    result = lab_.tell(rcpts, category, account)
    to = result.recipients()
    chats = sorted(lab_.api.chats_of(result.mark))
    same(len(to), len(set(to)), "copies without a filter")
    return to, chats


def linked(lab_):
    lab_.link_to("acme", OLGA, 701)
    lab_.link_to("acme", ANN, 702)


for how in ("smtp", "pipe"):
    for title, message in MESSAGES.items():
        @case(f"{title}: one copy each through a filter by {how}, whole and "
              "in pieces")
        def _(lab_, how=how, message=message):
            linked(lab_)
            want, chats = expected(lab_, message)
            for limit in LIMITS:
                rcpts, category, account, _ = message
                result = lab_.tell(rcpts, category, account,
                                   listener=f"{how}-{limit}")
                lab_.settle()
                lab_.told(result, chats)
                same(result.recipients(), want, f"copies, limit {limit}")
                again = pieces(lab_, result.since)
                true(again, "it came again")
                for line in again:
                    contains(line, AGAIN, "the log of a piece")
                    contains(line, " added=0 dropped=0 mirrored=0"
                             " verdict=deliver", "the log of a piece")
                stamp = {tuple(HEADER.findall(t.head))
                         for t in result.transactions()}
                same(stamp, {(stamps.decided(
                    stamps.key(lab_.run_sql), category, account,
                    f"<{result.mark}@example.org>").encode(),)}, "stamps")


def changed(lab_, alter, rcpts=(ANN, BILL), category=BALANCE, account="acme"):
    """A message that its filter changes; a Result."""
    lab_.alter = alter
    try:
        result = lab_.tell(list(rcpts), category, account, listener="pipe-0")
        lab_.settle()
    finally:
        del lab_.alter
    return result


@case("a filter that folds, adds headers and changes the body changes nothing "
      "of that")
def _(lab_):
    linked(lab_)
    want, chats = expected(lab_, ([ANN, BILL], BALANCE, "acme", {}))

    def alter(data):
        return data.replace(b"X-Notify-Decided: ", b"X-NOTIFY-DECIDED:\n\t") \
            .replace(b"Message-ID: ", b"Message-Id:\n ") \
            .replace(b"\n\n", b"\nX-Scanned: yes\n\nDisclaimer.\n", 1)

    result = changed(lab_, alter)
    lab_.told(result, chats)
    same(result.recipients(), want, "copies")
    contains(pieces(lab_, result.since)[-1], AGAIN, "log")


@case("what a filter turns into another message is decided, and a mirror of "
      "another message is refused")
def _(lab_):
    want, _ = expected(lab_, ([ANN], BALANCE, "acme", {}))
    result = changed(lab_, lambda data: data.replace(
        b"X-Notify-Category: " + BALANCE.encode(),
        b"X-Notify-Category: scheduled-maintenance"), [ANN])
    line = pieces(lab_, result.since)[-1]
    lacks(line, AGAIN, "log")
    contains(line, f"category={MAINTENANCE}", "log")
    true(all(t.head.count(b"X-Notify-Decided") == 1
             for t in result.transactions()), "the wrong stamp is gone")
    linked(lab_)
    result = changed(lab_, lambda data: data.replace(
        b"Message-ID: <", b"Message-ID: <x"))
    contains(pieces(lab_, result.since)[-1], "verdict=reject", "log")
    same((result.recipients(), lab_.api.chats_of(result.mark)), ([], []),
         "who got it")


@case("a link's number in a map of copies, or an alias, reaches no chat")
def _(lab_):
    linked(lab_)
    (link,), = lab_.run_sql("SELECT id FROM link WHERE chat = 702")
    chat = f"{link}@telegram.invalid"
    main = dict(lab_.postfix.main)
    for map_ in ({"sender_bcc_maps": f"inline:{{ {{{SENDER}={chat}}} }}"},
                 {"virtual_alias_maps": f"inline:{{ {{{STRANGER}={chat}}} }}"}):
        lab_.postfix.main = {**main, **map_}
        lab_.postfix.write_settings()
        lab_.postfix.reload()
        try:
            lab_.milter.settings(unknown_recipients="keep")
            rcpts = [STRANGER] if "virtual_alias_maps" in map_ else [BILL]
            result = lab_.tell([*rcpts, OLGA], BALANCE, None)
            lab_.until(lambda: any(stamps.bare(chat) in line for line in
                                   agent_lines(lab_)), "notify-telegram ran")
            lab_.postfix.settle()
            same(702 in lab_.api.chats_of(result.mark), False, "chat told")
            contains("\n".join(agent_lines(lab_)), "outcome=no-check", "log")
        finally:
            lab_.postfix.main = main
            lab_.postfix.write_settings()
            lab_.postfix.reload()
        shutil.copyfile(os.devnull, os.path.join(lab_.folder, "agent/log"))


def agent_lines(lab_):
    try:
        with open(os.path.join(lab_.folder, "agent/log")) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


@case("an untrusted client's stamp and mirror are worth nothing")
def _(lab_):
    linked(lab_)
    first = lab_.tell([ANN], BALANCE, "acme")
    first.recipients()
    stamp = HEADER.search(first.transactions()[0].head)[1].decode()
    lab_.milter.settings(trusted_clients="192.0.2.1")
    data = [f"X-Notify-Decided: {stamp}"]
    result = lab_.send([BILL], BALANCE, "acme", data)
    same(result.summary()["verdict"], "untrusted", "verdict")
    same(b"X-Notify" in result.data(), False, "headers are left")


def without_id(lab_, mark, blank=b"", more=b"", to=(ANN, BILL), **options):
    """Send a message that has no Message-ID; BLANK: such a header."""
    data = (f"X-Lab-Marker: {mark}\r\nSubject: {mark}\r\n"
            f"X-Notify-Category: {BALANCE}\r\nX-Notify-Account: acme\r\n"
            ).encode() + blank + more + b"\r\nHello.\r\n"
    return lab_.send(list(to), data=data, mark=mark, **options)


def given_id(lab_, result):
    """The Message-ID that the milter gave, which is logged."""
    line = lab_.milter.summaries(result.since)[0][1]
    (given,) = re.findall(r" message-id=(\S+)$", line)
    true(re.fullmatch(rf"<\d{{14}}\.{result.qid}@[\w.-]+>", given), given)
    return given


for blank in (b"", b"Message-Id: \r\n"):
    @case(f"a message with {'a blank' if blank else 'no'} Message-ID is given "
          "one, and decided once, though filters add one")
    def _(lab_, blank=blank):
        linked(lab_)
        want, chats = expected(lab_, ([ANN, BILL], BALANCE, "acme", {}))
        marks = iter(range(9))
        for how in ("smtp", "pipe"):
            for limit in LIMITS:
                mark = f"mk-{len(blank):x}00d{next(marks):08x}"
                result = without_id(lab_, mark, blank,
                                    listener=f"{how}-{limit}")
                lab_.settle()
                lab_.told(result, chats)
                same(result.recipients(), want, f"copies, limit {limit}")
                given = given_id(lab_, result)
                for line in pieces(lab_, result.since):
                    contains(line, AGAIN, "the log of a piece")
                    lacks(line, "message-id=", "the log of a piece")
                for t in result.transactions():
                    found = re.findall(rb"(?im)^Message-ID: *(\S+)", t.head)
                    same(found, [given.encode()], "Message-ID")


@case("a stamp, or a mirror, of a message without a Message-ID serves no other")
def _(lab_):
    linked(lab_)
    first = without_id(lab_, "mk-00000000a001")
    first.recipients()
    stamp = HEADER.search(first.transactions()[0].head)[1]
    header = b"X-Notify-Decided: " + stamp + b"\r\n"
    again = without_id(lab_, "mk-00000000a002", more=header)
    lacks(again.summary()["line"], AGAIN, "log")
    (link,), = lab_.run_sql("SELECT id FROM link WHERE chat = 702")
    for id_ in (stamps.message_id([given_id(lab_, first)]), ""):
        check = stamps.mirror(stamps.key(lab_.run_sql), link, BALANCE, id_)
        mirror = f"{link}-{check}@telegram.invalid"
        other = without_id(lab_, "mk-00000000a003", to=[mirror, ANN])
        same(other.summary()["verdict"], "reject", "verdict")


@case("untagged mail without a Message-ID stays without")
def _(lab_):
    result = lab_.send([STRANGER], data=b"X-Lab-Marker: mk-00000000b001\r\n"
                       b"Subject: x\r\n\r\nHello.\r\n",
                       mark="mk-00000000b001")
    result.untouched([STRANGER])
    lacks(result.data().lower().decode(), "message-id", "data")


run(Lab)
