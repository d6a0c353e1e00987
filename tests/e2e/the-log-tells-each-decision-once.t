#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"One log line for each tagged message and each dropped recipient, none for "
"other mail."
import os
import re
import subprocess

from lib import lab
from lib.lab import case
from lib.roster import ADAM, ANN, BALANCE, BILL, CSV, DOCUMENTS, OLGA, STRANGER
from lib.tap import contains, lacks, same, true

ORDER = re.compile(
    r"(?P<qid>\w+): category=\S+ account=\S+ kept=\d+ added=\d+ dropped=\d+"
    r" mirrored=\d+ verdict=\w+( reason=\"(?:[^\"\\]|\\.)*\")?( monitor=yes)?")


def lines(lab_, result):
    """The milter's lines on one message, once its summary is there."""
    result.summary()
    return lab_.milter.since(result.since)


@case("the fields have the order that the manual gives")
def _(lab_):
    line = lab_.send([ANN, BILL], BALANCE, "acme").summary()["line"]
    same(line.partition(": ")[2],
         f"category={BALANCE} account=acme kept=1 added=2 dropped=1"
         " mirrored=0 verdict=deliver", "the line")
    for rcpts, category, account in (([BILL], DOCUMENTS, None),
                                     ([STRANGER], BALANCE, None),
                                     ([ANN], "lunch", None),
                                     (["1@telegram.invalid"], BALANCE, None)):
        line = lab_.send(rcpts, category, account).summary()["line"]
        true(ORDER.fullmatch(line), f"the order in {line!r}")


@case("the queue id is the one in the answer to the client")
def _(lab_):
    result = lab_.send([ANN], BALANCE)
    same(lab_.milter.summaries(result.since)[0][0], result.reply.qid, "id")
    result = lab_.sendmail([ANN], BALANCE)
    result.recipients()
    same(lab_.milter.summaries(result.since)[0][0], result.qid, "id")


@case("a delivered message has one line and one for each dropped recipient")
def _(lab_):
    result = lab_.send([ANN, BILL, STRANGER, ADAM], BALANCE, "acme")
    got = lines(lab_, result)
    same(len(got), 4, f"lines: {got}")
    same(sum(": category=" in line for line in got), 1, "summary lines")
    for address in (BILL, STRANGER, ADAM):
        mine = [line for line in got if f": to=<{address}>" in line]
        same(len(mine), 1, f"lines on {address}")
        true(re.fullmatch(r'\w+: to=<\S+> status=dropped reason="[^"]+"',
                          mine[0]), f"the form of {mine[0]!r}")


@case("the reasons tell a stranger from a user who is not entitled")
def _(lab_):
    reasons = lab_.send([ANN, BILL, STRANGER, "ann+x@acme.example"],
                        BALANCE, "acme").dropped()
    same(len(set(reasons.values())), 3, f"different reasons: {reasons}")


@case("a name that SQL wrote or a disk changed stays on its line")
def _(lab_):
    lab_.store.sql("UPDATE account SET name = ? WHERE key = 'acme'",
                   'a\n"c" me')
    result = lab_.send([BILL], BALANCE)
    contains(result.dropped()[BILL], r"of a\x0a\x22c\x22 me, not",
             "the reason")
    contains(result.summary()["line"], r"account=a\x0a\x22c\x22 me kept",
             "the line")
    lab_.store.sql("UPDATE account SET name = 'acme' WHERE key = 'acme'")


@case("untagged mail leaves no line")
def _(lab_):
    since = lab_.milter.mark()
    for result in (lab_.send([ANN, STRANGER]), lab_.sendmail([ANN]),
                   lab_.send([ANN], account="acme")):
        result.recipients()
    marker = lab_.send([ANN], BALANCE)
    marker.summary()
    same([line for line in lab_.milter.since(since)
          if marker.reply.qid not in line], [], "lines")


@case("a message on hold, discarded or refused has one line with the reason")
def _(lab_):
    lab_.milter.settings(expand="addressed")
    for rcpts, category, verdict in (([STRANGER], BALANCE, "hold"),
                                     ([BILL], BALANCE, "discard"),
                                     ([ANN], "lunch", "hold")):
        result = lab_.send(rcpts, category).must(verdict)
        summaries = lab_.milter.summaries(result.since)
        same(len(summaries), 1, "summary lines")
        true(len(result.summary()["reason"]) > 10, "the reason is a sentence")


# what the sender writes: a text that must not stand in the log
HOSTILE = {
    "a line end within an encoded word":
        ("=?utf-8?Q?lunch=0A4bXXXX:_category=3Dx_verdict=3Ddeliver?=", "\n4b"),
    "a carriage return": ("=?utf-8?Q?lunch=0Dx?=", "\r"),
    "an escape sequence": ("=?utf-8?Q?lunch=1B[31m?=", "\x1b"),
    "a zero byte": ("=?utf-8?Q?lunch=00x?=", "\0"),
    "a delete": ("=?utf-8?Q?lunch=7F?=", "\x7f"),
    "a C1 control": ("=?iso-8859-1?Q?lunch=85x=9B31m?=", "\x85"),
    "a line separator": ("=?utf-8?Q?lunch=E2=80=A8x?=", "\u2028"),
    "an override of direction": ("=?utf-8?Q?lunch=E2=80=AEx?=", "\u202e"),
    "a quote": ('lunch" verdict=deliver kept="9', '" verdict=deliver'),
    "a backslash": ("lunch\\", 'lunch\\"'),
    "bytes that are not UTF-8": (b"lunch \xff\xfe", "\udcff"),
    "a very long tag": ("lunch" * 5000, "lunch" * 1000),
}


for name, (tag, never) in HOSTILE.items():
    @case(f"{name} in the tag is escaped on one line")
    def _(lab_, tag=tag, never=never):
        mark = lab.marker()
        data = lab.message(mark, "TAG").replace(
            b"TAG", tag if isinstance(tag, bytes) else tag.encode())
        result = lab_.send([ANN], data=data, mark=mark)
        same(result.reply.code, 250, "reply")
        result.summary()
        with open(lab_.milter.log, "rb") as log:
            log.seek(result.since)
            raw = log.read()
        text = raw.decode("utf-8", "surrogateescape")
        same(raw.count(b"\n"), 1, f"lines in {text!r}")
        true(len(raw) < 2500, f"length of the line: {len(raw)}")
        lacks(text.rstrip("\n"), never, "the log")
        line = lab_.milter.since(result.since)[0]
        true(ORDER.fullmatch(line), f"the form of {line!r}")
        same(result.summary()["verdict"], "hold", "verdict")


@case("a hostile tag does not break the refusal that the client reads")
def _(lab_):
    lab_.milter.settings(bad_tag="reject")
    for tag in ("=?utf-8?Q?lunch=0D=0A250_ok?=", "100%s%n lunch",
                "lunch" * 5000):
        with lab_.connect() as client:
            result = lab_.send([ANN], tag, client=client)
            result.must("reject")
            same(client.command("NOOP").code, 250, "the next reply")


@case("a hostile account is escaped, too")
def _(lab_):
    for account in ('x" verdict=deliver', "=?utf-8?Q?x=0Ay?=", "%s%n",
                    "x" * 5000):
        result = lab_.send([ANN], BALANCE, account).must("hold")
        got = lab_.milter.since(result.since)
        same(len(got), 1, f"lines: {got}")
        true(ORDER.fullmatch(got[0]), f"the form of {got[0]!r}")


@case("a hostile recipient is escaped in its line")
def _(lab_):
    for address in ('"a\\"b> status=sent"@else.example',
                    '"x y"@else.example', f'{"y" * 64}@else.example',
                    "\u202ee@else.example"):
        result = lab_.send([ANN, address], BALANCE, options="SMTPUTF8")
        result.must("deliver", [ANN])
        got = lab_.milter.since(result.since)
        same(len(got), 2, f"lines: {got}")
        true(re.fullmatch(r'\w+: to=<.*> status=dropped reason="[^"]+"',
                          got[0]), f"the form of {got[0]!r}")
        lacks(got[0], "\u202e", "the log")
        lacks(got[0], "> status=sent", "the log")


@case("a message to hundreds of accounts has all its fields on one line")
def _(lab_):
    path = os.path.join(lab_.folder, "many.csv")
    with open(path, "w") as out:
        out.write(CSV)
        for i in range(400):
            out.write(f"some-account-{i},owner{i}@many.example,owner,\n")
    lab_.notifyctl("import", path)
    result = lab_.send([f"some-account-{i}@accounts.example"
                        for i in range(400)], BALANCE)
    result.must("deliver", [f"owner{i}@many.example" for i in range(400)])
    got = lab_.milter.since(result.since)
    same(len(got), 1, "lines")
    true(ORDER.fullmatch(got[0]), f"the order in {got[0]!r}")


@case("an untrusted message is logged with its client")
def _(lab_):
    lab_.milter.settings(trusted_clients="192.0.2.1")
    result = lab_.send([ANN, BILL], BALANCE, "acme", source="127.0.0.77")
    got = lines(lab_, result)
    same(len(got), 1, f"lines: {got}")
    contains(got[0], "category=- account=- ", "the line")
    contains(got[0], "127.0.0.77", "the line")


@case("a message to an owner alone names the account and drops nobody")
def _(lab_):
    line = lab_.send([OLGA], DOCUMENTS).summary()["line"]
    same(line.partition(": ")[2],
         f"category={DOCUMENTS} account=acme kept=1 added=0 dropped=0"
         " mirrored=0 verdict=deliver", "the line")


@case("a standard error that nobody reads delays no message")
def _(lab_):
    lab_.milter.settings(expand="never")
    lab_.milter.stop()
    reader, writer = os.pipe()
    lab_.milter.process = subprocess.Popen(
        [lab.program("notify-milter"), "-c", lab_.milter.file, "-f"],
        stdin=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    try:
        lab_.until(lab_.milter.answers, "the milter answers")
        rcpts = [f"{'x' * 50}{n}@nowhere.example" for n in range(800)]
        with lab_.connect() as client:
            reply = lab_.send(rcpts, BALANCE, "acme", client=client).reply
        same(reply.code, 250, f"reply {reply}")
        lab_.milter.stop()
        with open(reader, "rb", closefd=False) as said:
            text = said.read().decode()
        true(len(text) > 30000, f"{len(text)} bytes were written")
    finally:
        os.close(reader)
        lab_.milter.end()
        lab_.milter.start()


lab.run()
