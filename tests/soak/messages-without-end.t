#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 20 s
"""Milter and notify-telegram need no more memory for a message of any size.

    tests/soak/messages-without-end.t    NM_MEGABYTES=1024 for the long form

Messages are generated while they are sent, through a real Postfix that accepts
any size, and into notify-telegram's standard input.
"""
import base64
import itertools
import json
import os
import re
import subprocess
import threading
import time

from lib import lab, stamps
from lib.botapi import units
from lib.milter import BUILD
from lib.mta import Mta, tagged
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, STRANGER, entitled
from lib.tap import contains, lacks, same, true
from lib.telegram import ChatLab, case, local_copy, run, unprivileged

MEGABYTES = int(os.environ.get("NM_MEGABYTES", 24))
SIZE = MEGABYTES << 20
LONG = MEGABYTES >= 1024
MANY = 100000 if LONG else 20000
CHAT = 7001
# A sanitizer keeps freed memory for a while.
WATCHED = os.path.basename(BUILD) == "san"
MORE = 64 if WATCHED else 16        # MB that the milter may have more
AGENT = 1024 if WATCHED else 64     # MB that notify-telegram may need
EXPLAIN = 2048 if WATCHED else 256  # MB that notifyctl explain may need
DISK = 64           # MB of a message that it spools
NOBODY = "192.0.2.1"
HEAD = f"""\
X-Lab-Marker: MARK
From: Billing <billing@example.org>
Subject: Notice MARK
X-Notify-Category: {BALANCE}
X-Notify-Account: acme
Date: DATE
"""


def high_water(pid):
    """The peak memory of the process, in MB."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1]) / 1024


class Sizes(ChatLab):
    """Delivers no mail, only to chats."""

    def __init__(self):
        super().__init__(main={
            "message_size_limit": "0", "mailbox_size_limit": "0",
            "default_transport": "discard:", "relay_transport": "discard:"})

    # The milter

    def memory(self):
        """The milter's peak memory since peak(), in MB."""
        return high_water(self.milter.process.pid)

    def peak(self):
        """Reset the peak; returns the memory that it uses now."""
        with open(f"/proc/{self.milter.process.pid}/clear_refs", "w") as file:
            file.write("5")
        return self.memory()

    def stream(self, rcpts, blocks, mark):
        """Send the message that consists of BLOCKS; a Result."""
        since = self.milter.mark()
        with self.connect(timeout=900) as client:
            same(client.mail(lab.SENDER).code, 250, "MAIL")
            for rcpt in rcpts:
                same(client.rcpt(rcpt).code, 250, "RCPT")
            same(client.command("DATA").code, 354, "DATA")
            for block in blocks:
                client.write(block)
            client.write(b"\r\n.\r\n")
            reply = client.read()
        return lab.Result(self, mark, reply, since)

    def reached(self, result):
        """The recipients of the message, from Postfix's log."""
        deadline = time.monotonic() + 600
        while f"{result.qid}: removed" not in (text := self.postfix.text()):
            true(time.monotonic() < deadline, f"in the queue: {text[-2000:]}")
            time.sleep(0.05)
        return sorted(re.findall(
            rf"{result.qid}: to=<([^>]*)>, .*status=sent", text))

    # notify-telegram

    def told(self, blocks, code=0):
        """Run notify-telegram with BLOCKS on its standard input: the text that
        it sent, MB, and seconds."""
        tagged_ = (b for b in blocks if b"X-Notify-Category" in b)
        address = stamps.keyed(self.run_sql, self.mirror,
                               next(tagged_, b"")[:10000])
        before, began = len(self.api.texts(CHAT)), time.monotonic()
        process = subprocess.Popen(
            [local_copy(self.folder, "notify-telegram"), "-c",
             self.milter.file, "-f", "4XQueueId", address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd="/", **unprivileged())
        kept, memory = [0], [0]
        watch = threading.Thread(target=self.watch,
                                 args=(process, kept, memory))
        watch.start()
        for block in blocks:
            process.stdin.write(block)
        process.stdin.close()
        said = process.stdout.read().decode()
        process.stdout.close()
        same(process.wait(), code, f"exit, with {said!r}")
        watch.join()
        seconds, mb = time.monotonic() - began, max(memory)
        true(mb < AGENT, f"got {mb:.0f} MB, want below {AGENT}")
        true(max(kept) <= DISK << 20,
             f"got {max(kept)} bytes on the disk, want at most {DISK} MB")
        print(f"#   notify-telegram: {seconds:.1f} s, {mb:.0f} MB, on the "
              f"disk {max(kept) / 2**20:.0f} MB", flush=True)
        texts = self.api.texts(CHAT)[before:]
        for text in texts:
            true(units(text) <= 4096, f"units of {text[:80]!r}")
        return texts[0] if texts else None

    @staticmethod
    def watch(process, kept, memory):
        """Note the size of its temporary file, and its peak memory. (wait4(2)
        counts its parent's, too.)"""
        folder = f"/proc/{process.pid}/fd"
        while process.returncode is None:
            try:
                memory.append(high_water(process.pid))
                kept += [os.stat(f"{folder}/{name}").st_size
                         for name in os.listdir(folder)
                         if "notify-milter." in os.readlink(
                             f"{folder}/{name}")]
            except (OSError, TypeError):
                pass            # it has ended
            time.sleep(0.005)

    # notifyctl explain

    def explained(self, blocks, more, code=0):
        """The verdict or error of explain --json for BLOCKS, which it may not
        read to the end."""
        process = subprocess.Popen(
            [os.path.join(BUILD, "notifyctl"), "-c", self.milter.file,
             "--json", "explain", "-", "--recipient", ANN],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        memory = [0]
        watch = threading.Thread(target=self.watch,
                                 args=(process, [], memory))
        watch.start()
        try:
            for block in blocks:
                process.stdin.write(block)
            process.stdin.write(more)
            process.stdin.close()
        except BrokenPipeError:
            pass
        said = process.stdout.read()
        process.stdout.close()
        same(process.wait(), code, "exit")
        watch.join()
        mb = max(memory)
        true(mb < EXPLAIN, f"got {mb:.0f} MB, want below {EXPLAIN}")
        print(f"#   explain: {mb:.0f} MB", flush=True)
        said = json.loads(said)
        return said["error"]["message"] if code else said["verdict"]

    def fresh(self):
        super().fresh()
        self.mirror = self.link_to("acme", ANN, CHAT)
        self.milter.settings()


def head(mark, more="", without=""):
    text = HEAD.replace("MARK", mark).replace(
        "DATE", time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()))
    text = "".join(line for line in text.splitlines(True)
                   if not (without and line.startswith(without)))
    return (text + more).encode()


def times(block, size=None):
    """BLOCK again and again, SIZE bytes in all."""
    many = block * max(65536 // len(block), 1)
    left = SIZE if size is None else size
    while left > 0:
        yield many[:left]
        left -= len(many)


def parts(kind, boundary=b"b"):
    return (b"MIME-Version: 1.0\nContent-Type: multipart/" + kind
            + b"; boundary=" + boundary + b"\n\n")


def crlf(blocks):
    for block in blocks:
        yield block.replace(b"\n", b"\r\n")


LINE = b"Your balance is low, please top it up in time.\n"
CODED = base64.encodebytes(os.urandom(57 * 1000))
# What follows the headers, as (blocks, what the text must contain).
BODIES = {
    "of lines": lambda: ([b"\n", *times(LINE)], "Your balance is low"),
    "of one line": lambda: ([b"\nstart ", *times(b"x")], "start xxx"),
    "of empty lines": lambda: ([b"\n", *times(b"\n")], "Notice"),
    "of NULs": lambda: ([b"\n", *times(b"\0")], "Notice"),
    "of blanks": lambda: ([b"\n", *times(b" ")], "Notice"),
    "of one attachment": lambda: (
        [parts(b"mixed"), b"--b\n\nthe text\n--b\nContent-Type: application/"
         b"pdf; name=bill.pdf\nContent-Transfer-Encoding: base64\n\n",
         *times(CODED), b"\n--b--\n"], "the text"),
    "of HTML that nests": lambda: (
        [b"Content-Type: text/html\n\nstart ", *times(b"<div><b>")], "start"),
    "of HTML with one tag": lambda: (
        [b"Content-Type: text/html\n\nstart <a href=\"", *times(b"x")],
        "start"),
    "of coded text": lambda: (
        [b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n",
         *times(CODED)], "Notice"),
    "of quoted text": lambda: (
        [b"Content-Transfer-Encoding: quoted-printable\n\n",
         *times(b"=C3=BC=\n")], "\u00fc" * 100),
    "of parts": lambda: (
        [parts(b"mixed"), b"--b\n\nthe text\n", *times(b"--b\n\nx\n")],
        "the text"),
    "of parts in parts": lambda: (
        [parts(b"mixed"), b"--b\n\nthe text\n",
         *times(b"--b\nContent-Type: multipart/mixed; boundary=b\n\n")],
        "the text"),
    "of parts that are never closed": lambda: (
        [parts(b"mixed"), *(b"--b%d\n" % n + parts(b"mixed", b"b%d" % (n + 1))
                            for n in range(SIZE // 100))], "Notice"),
}
# Headers, as blocks.
HEADS = {
    "one of one line": lambda: [b"X-Long: ", *times(b"x"), b"\n"],
    "one of many lines": lambda: [b"X-Long:", *times(b" x\n")],
    "a subject of one line": lambda: [b"Subject: ", *times(b"x"), b"\n"],
    "a subject of coded words": lambda: [
        b"Subject:", *times(b" =?utf-8?q?=C3=BC?=\n")],
    "very many": lambda: times(b"X-Keep: 1\n"),
    "very many of ours": lambda: times(b"X-Notify-Some: 1\n"),
    "a boundary without end": lambda: [
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=",
        *times(b"x"), b"\n"],
}


for kind, make in BODIES.items():
    @case(f"notify-telegram takes {MEGABYTES} MB {kind} in the same memory")
    def _(site, make=make):
        mark = lab.marker()
        blocks, has = make()
        text = site.told((head(mark), *blocks))
        contains(text, mark, "text")
        contains(text, has, "text")


for kind, make in HEADS.items():
    @case(f"notify-telegram takes headers of {MEGABYTES} MB, {kind}")
    def _(site, kind=kind, make=make):
        mark = lab.marker()
        blocks = make()
        text = site.told((head(mark), *blocks, b"\nthe text\n"))
        if "ours" in kind:      # too many of them: the milter holds such mail
            same(text, None, "text")
        else:
            contains(text, mark, "text")
        # The tag that follows is found, or the message counts as untagged.
        blocks = make()
        text = site.told((*blocks, head(mark), b"\nthe text\n"))
        true(text is None or mark in text or "acme" in text, f"text {text!r}")


@case("a message is spooled only up to the limit")
def _(site):
    mark = lab.marker()
    text = site.told((head(mark), b"\n", *times(LINE, (DISK + 16) << 20)))
    contains(text, "Your balance is low", "text")


@case(f"a tagged message of {MEGABYTES} MB passes the milter in the same "
      "memory")
def _(site):
    before = site.peak()
    mark, began = lab.marker(), time.monotonic()
    result = site.stream(
        [BILL, "acme@accounts.example"],
        (head(mark).replace(b"\n", b"\r\n"), *crlf([b"\n"]),
         *crlf(times(LINE * 1000))), mark)
    same(result.reply.code, 250, f"reply {result.reply}")
    summary = result.summary()
    same(summary["verdict"], "deliver", f"verdict in {summary['line']!r}")
    site.api.wait_text(CHAT, timeout=60)
    same(sorted(stamps.bare(a) for a in site.reached(result)),
         sorted(entitled(BALANCE, "acme")
                | {site.mirror}), "who got it")
    more = site.memory() - before
    true(more < MORE, f"got {more:.0f} MB more, want less than {MORE}")
    print(f"#   {MEGABYTES} MB: {time.monotonic() - began:.1f} s, milter "
          f"{more:.1f} MB more", flush=True)


@case("a tag after a header of 10 MB, and a hundred thousand others, is found")
def _(site):
    for blocks in ([b"X-Long: ", *times(b"x", 10 << 20), b"\r\n"],
                   [b"X-Long:", *times(b" " + b"x" * 900 + b"\r\n", 10 << 20)],
                   times(b"X-Keep: 1\r\n", 11 * 100000)):
        before, mark = site.peak(), lab.marker()
        result = site.stream([ANN, BILL], (
            *blocks, head(mark).replace(b"\n", b"\r\n"),
            b"\r\nHello\r\n"), mark)
        same(result.reply.code, 250, f"reply {result.reply}")
        same(result.summary()["verdict"], "deliver", "verdict")
        true(site.memory() - before < MORE,
             f"got {site.memory() - before:.0f} MB more")


def flood(site, number, names=("X-Notify-Category",)):
    """A message with NUMBER of our headers; a Result."""
    mark = lab.marker()
    lines = (f"{names[i % len(names)]}: {BALANCE if i % len(names) == 0 else i}"
             "\r\n".encode() for i in range(number))
    return site.stream([ANN], (head(mark, without="X-Notify").replace(
        b"\n", b"\r\n"), b"".join(lines), b"\r\nHello\r\n"), mark)


def large(name):
    """600 of our headers of 60,000 bytes."""
    for n in range(600):
        yield f"X-Notify-{name or n}: ".encode()
        for _ in range(60):
            yield b"x" * 900 + b"\r\n "
        yield b"x\r\n"


@case("large headers of ours need no more memory")
def _(site):
    for name in ("", "Category", "Account"):
        site.milter.settings()
        before, mark = site.peak(), lab.marker()
        result = site.stream([ANN, BILL], (
            head(mark).replace(b"\n", b"\r\n"), *large(name),
            b"\r\nHello\r\n"), mark)
        more = site.memory() - before
        true(more < MORE, f"got {more:.0f} MB more, want less than {MORE}")
        summary = result.summary()
        same(summary["verdict"], "hold" if name else "deliver",
             f"verdict in {summary['line']!r}")
        if name:
            contains(summary["reason"], "too long", "reason")
    site.milter.settings(trusted_clients=NOBODY)
    mark = lab.marker()
    result = site.stream([ANN, BILL], (
        head(mark).replace(b"\n", b"\r\n"), *large("Category"),
        b"\r\nHello\r\n"), mark)
    same((result.summary()["verdict"], result.reply.code), ("reject", 550),
         "from outside")
    site.milter.settings()


@case("a thousand of our headers are read, twenty from outside are removed, "
      "and more are held or refused")
def _(site):
    for names in (["X-Notify-Category"],
                  ["X-Notify-Category", *(f"X-Notify-{i}" for i in
                                          range(50000))]):
        site.milter.settings()
        before = site.peak()
        same(flood(site, 1000, names).summary()["verdict"], "deliver",
             "verdict with 1000")
        for number in (1001, MANY):
            result = flood(site, number, names)
            same((result.reply.code, result.summary()["verdict"]),
                 (250, "hold"), f"with {number}")
            contains(result.summary()["reason"], "too many", "reason")
        site.milter.settings(trusted_clients=NOBODY)
        same(flood(site, 20, names).summary()["verdict"], "untrusted",
             "verdict with 20, from outside")
        for number in (21, MANY):
            result = flood(site, number, names)
            same((result.reply.code, result.summary()["verdict"]),
                 (550, "reject"), f"with {number}, from outside")
            contains(result.reply.text, "20 X-Notify", "reply")
        more = site.memory() - before
        true(more < MORE, f"got {more:.0f} MB more, want less than {MORE}")


@case("explain foretells the same of any number of headers, and says what is "
      "too much")
def _(site):
    tag = f"X-Notify-Category: {BALANCE}\n".encode()
    for number, verdict in ((1000, "deliver"), (1001, "hold"),
                            (MANY, "hold")):
        same(site.explained([tag * number], b"\nHello\n"), verdict,
             f"verdict with {number}")
    same(site.explained([b"X-Notify-Other: x\n" * 5000], tag + b"\n"), "hold",
         "verdict with the tag behind 5000")
    same(site.explained([b"X-Notify-Other: x\n" * 5000], b"\n" + tag),
         "untouched", "verdict without a tag")
    same(site.explained([tag, b"\n", *times(LINE)], b""), "deliver",
         "verdict with a long body")
    for make in HEADS.values():
        site.explained([tag, *itertools.islice(make(), 48)], b"\n\n")
        contains(site.explained([tag, *make()], b"\nHello\n", 65),
                 "at most 4 MB", "what it says")


@case("endless headers of ours without a tag change nothing")
def _(site):
    for settings in ({}, {"trusted_clients": NOBODY}):
        site.milter.settings(**settings)
        result = flood(site, 5000, ["X-Notify-Other", "X-Notify-Account"])
        same(result.reply.code, 250, f"reply {result.reply}")
        same([q for q, _ in site.milter.summaries(result.since)], [], "lines")
        # The tag is the last header.
        mark = lab.marker()
        result = site.stream([ANN], (
            b"X-Notify-Other: x\r\n" * 5000,
            head(mark).replace(b"\n", b"\r\n"), b"\r\nHello\r\n"), mark)
        same(result.summary()["verdict"], "reject" if settings else "hold",
             f"verdict with {settings}")


@case(f"{MANY} recipients of one message are decided")
def _(site):
    everybody = [f"<p{n}@else.example>" for n in range(MANY)]
    everybody[500] = f"<{ANN}>"
    everybody[-1] = f"<{BILL}>"
    for settings, left in (({}, [f"<{ANN}>"]),
                           ({"unknown_recipients": "keep"},
                            everybody[:-1])):
        site.milter.settings(expand="addressed", max_removed="0", **settings)
        before, began = site.peak(), time.monotonic()
        with Mta(site.milter, timeout=120) as mta:
            answer = mta.message(everybody, tagged(SERVICES))
        # Ann gets services, of beta.
        same((answer.verdict, answer.added), ("continue", []), "answer")
        true(set(everybody) - set(answer.deleted) == set(left),
             "the right ones are left")
        more = site.memory() - before
        true(more < 256, f"got {more:.0f} MB more")
        print(f"#   {MANY} recipients: {time.monotonic() - began:.1f} s, "
              f"{more:.0f} MB more", flush=True)
        with Mta(site.milter) as mta:
            same(mta.message([f"<{BILL}>"], tagged(BALANCE, "acme")).to(
                [f"<{BILL}>"]), sorted(entitled(BALANCE, "acme")),
                 "who gets the next message")
    lacks(str(site.milter.complaints()), "memory", "complaints")


@case("more recipients than a message can have leave the milter unharmed")
def _(site):
    # In the long form more than the milter accepts for one message.
    long = ["<" + "x" * 60000 + f"@h{n}.example>"
            for n in range(10000 if LONG else 500)]
    with Mta(site.milter, timeout=120) as mta:
        answer = mta.message([*long, f"<{OLGA}>"], tagged(SERVICES))
    if LONG:
        same(answer.verdict, "tempfail", f"{answer}")
    else:
        same(answer.verdict, "continue", "verdict")
        true(set(answer.deleted) == set(long), "the right ones are deleted")
    with Mta(site.milter) as mta:
        same(mta.message([f"<{STRANGER}>"], tagged(BALANCE, "acme")).to(
            [f"<{STRANGER}>"]), sorted(entitled(BALANCE, "acme")),
             "who gets the next message")


run(Sizes)
