#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""notifyctl on a terminal, in a file and in a pipe whose reader stops."""
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios

from lib import ctl, tap
from lib.ctl import case
from lib.roster import ANN, OLGA, SERVICES
from lib.tap import contains, lacks, same, true

LONG = "a.name.that.no.column.has.room.for@" + "sub." * 15 + "acme.example"
NOBREAK = "x" * 60 + "@" + "y" * 60 + ".example"


def shown(ctl, columns, *words, **options):
    """The lines that a terminal of so many columns gets."""
    try:
        master, slave = pty.openpty()
    except OSError as reason:
        raise tap.Skip(f"no terminal can be had: {reason}") from None
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = ctl.start(*words, stdout=slave, **options)
    os.close(slave)
    text = b""
    while True:
        try:
            more = os.read(master, 1 << 16)
        except OSError:         # the other side is closed
            break
        if not more:
            break
        text += more
    os.close(master)
    same(ctl.finish(process, words).code, 0, f"exit of {words}")
    return text.decode().split("\r\n")[:-1]


TABLES = (["user", "list", "acme"], ["list", "acme"], ["log"],
          ["list", "acme", SERVICES], ["account", "list"], ["category", "list"])


@case("a table is as wide as the terminal, and no address loses a letter")
def _(ctl):
    ctl.ok("user", "add", "acme", LONG, NOBREAK, "müller@acme.example")
    ctl.ok("subscribe", "acme", SERVICES, LONG, as_=OLGA)
    for columns in (80, 120):
        for words in TABLES:
            lines = shown(ctl, columns, *words)
            true(max(map(len, lines)) <= columns, f"the width of {lines}")
            lacks("".join(lines), "\\n", "text")
    # Without a width, as a serial line has it: 80.
    lines = shown(ctl, 0, "list", "acme")
    true(60 < max(map(len, lines)) <= 80, f"the width of {lines}")
    lines = shown(ctl, 80, "user", "list", "acme")
    column = "".join(line[:lines[0].index("ROLE")].rstrip() for line in lines)
    for address in (LONG, NOBREAK, "müller@acme.example"):
        contains(column, address, "the column of addresses")


@case("a time and a short cell stay whole; words are kept together")
def _(ctl):
    ctl.ok("user", "add", "acme", LONG)
    text = shown(ctl, 80, "log")
    same([line[:20].count("-") for line in text if "T" in line[:20]
          and line[19] == "Z"], [2] * len(ctl.json("log")["log"]), "times")
    ctl.ok("user", "role", "acme", LONG, "user-admin")
    text = shown(ctl, 80, "list", "acme")
    contains("\n".join(text), " user-admin ", "a role")
    true([line for line in text if line.rstrip().endswith("not subscribed")],
         "words")


@case("a terminal narrower than any table ends no command")
def _(ctl):
    ctl.ok("user", "add", "acme", LONG, "宽" * 20 + "@acme.example")
    for columns in (1, 10, 30):
        true(len(shown(ctl, columns, "log")) > 5, "lines")


@case("a long table fits in each of its parts")
def _(ctl):
    ctl.sql("INSERT INTO change(at, actor, account, action, subject, detail)"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            "  WHERE i < 10450) SELECT i, 'x', 'acme', 'user-add',"
            " CASE WHEN i < 50 THEN ? ELSE 'u' END,"
            " CASE WHEN i > 10400 THEN ? ELSE '' END FROM n",
            LONG, "word " * 20)
    lines = shown(ctl, 80, "log")
    true(max(map(len, lines)) <= 80, "the width")
    same(sum(" user-add " in line for line in lines),
         sum(row["action"] == "user-add" for row in ctl.json("log")["log"]),
         "rows")


@case("in a file or a pipe each row is one line")
def _(ctl):
    ctl.ok("user", "add", "acme", LONG, NOBREAK)
    lines = ctl.ok("user", "list", "acme").out.splitlines()
    same(len(lines), 1 + len(ctl.json("user", "list", "acme")["users"]), "lines")
    for address in (LONG, NOBREAK):
        same([line.split()[0] for line in lines if address in line],
             [address], "its row")


@case("a reader that has seen enough ends the command quietly")
def _(ctl):
    ctl.sql("INSERT INTO change(at, actor, account, action, subject, detail)"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            "  WHERE i < 25000) SELECT i, 'x', 'acme', 'user-add', 'u', ''"
            " FROM n")

    def default():      # as a shell starts it; Python ignores SIGPIPE
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def ignored():      # as systemd does
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for before in (default, ignored):
        for json_ in (False, True):
            for words in (["log"], ["user", "list", "acme"], ["--help"],
                          ["--help", "roles"], ["no-such-command"]):
                reader, writer = os.pipe()
                os.close(reader)
                process = ctl.start(
                    *words, json_=json_, stdout=writer,
                    stderr=subprocess.PIPE, preexec_fn=before)
                os.close(writer)
                done = ctl.finish(process, words)
                wrong = words == ["no-such-command"]
                same((done.code, done.err.count("\n")),
                     (64, 1) if wrong else (0, 0), f"end of {done}")


@case("a change whose reader has gone is made, and its mail is sent")
def _(ctl):
    reader, writer = os.pipe()
    os.close(reader)
    process = ctl.start("user", "remove", "acme", ANN, stdout=writer,
                        stderr=subprocess.PIPE)
    os.close(writer)
    done = ctl.finish(process)
    same((done.code, done.err), (0, ""), "end")
    same(ctl.user("acme", ANN), None, "ann")
    same([mail.to for mail in ctl.mails()], [ANN], "mails")


ctl.run()
