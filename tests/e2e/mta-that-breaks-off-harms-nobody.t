#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""An MTA that hangs up, sends invalid packets or sends them out of order, at
any point, ends its own message at most: the milter goes on, keeps nothing of
it, and serves the next connection as usual."""
import fcntl
import os
import random
import struct
import termios

from lib import lab
from lib.lab import case
from lib.mta import Mta, packet, strings, tagged
from lib.roster import ANN, BALANCE, BILL, STRANGER, entitled
from lib.tap import contains, same, true

RCPTS = [f"<{BILL}>", f"<{ANN}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
CHATTY = 1000       # users of an account: more changes than a socket buffers


def served(lab_):
    """The milter runs, and decides correctly on a new connection."""
    true(lab_.milter.running(), f"it died: {lab_.milter.since()[-10:]}")
    with Mta(lab_.milter) as mta:
        answer = mta.message(RCPTS, tagged(BALANCE))
        same((answer.verdict, answer.to(RCPTS)), ("continue", WANT),
             f"the next message, {answer}")


def open_files(lab_):
    return len(os.listdir(f"/proc/{lab_.milter.process.pid}/fd"))


def nothing_left(lab_, before):
    """As many files are open as BEFORE, all but those of the database."""
    lab_.until(lambda: open_files(lab_) <= before + 3,
               f"{open_files(lab_)} open files, before {before}")


@case("the MTA may hang up after any packet")
def _(lab_):
    served(lab_)
    before = open_files(lab_)
    for end in range(100):
        with Mta(lab_.milter) as mta:
            steps = mta.whole(RCPTS, tagged(BALANCE))
            if end >= len(steps):
                break
            for data, _ in steps[:end]:
                mta.write(data)
    true(end > 10, f"packets: {end}")
    served(lab_)
    nothing_left(lab_, before)


@case("the MTA may hang up in the middle of any packet")
def _(lab_):
    before = open_files(lab_)
    with Mta(lab_.milter) as mta:
        whole = b"".join(data for data, _ in mta.connection()
                         + mta.whole(RCPTS, tagged(BALANCE)))
    for end in range(1, len(whole)):
        with Mta(lab_.milter, negotiate=False) as mta:
            mta.negotiate()
            mta.write(whole[:end])
    served(lab_)
    first = packet("O", struct.pack("!III", 6, 0x1ff, 0x1fffff))
    for end in range(1, len(first)):
        with Mta(lab_.milter, negotiate=False) as mta:
            mta.write(first[:end])
    served(lab_)
    nothing_left(lab_, before)


@case("the MTA may abort a message at any point and send another one")
def _(lab_):
    with Mta(lab_.milter) as mta:
        steps = mta.whole([f"<{STRANGER}>", f"<{ANN}>"],
                          tagged(BALANCE, "beta"))
        for end in range(1, len(steps)):
            for data, _ in steps[:end]:
                mta.write(data)
            mta.abort()
            answer = mta.message(RCPTS, tagged(BALANCE))
            same((answer.verdict, answer.to(RCPTS)), ("continue", WANT),
                 f"after {end} packets of another: {answer}")


@case("packets may arrive one byte at a time, and all at once")
def _(lab_):
    with Mta(lab_.milter) as mta:
        steps = mta.whole(RCPTS, tagged(BALANCE))
        for data, _ in steps[:-1]:
            for octet in data:
                mta.write(bytes([octet]))
        answer = mta.run(steps[-1:])
        same(answer.to(RCPTS), WANT, "a byte at a time")
        mta.write(b"".join(data for data, _ in steps[:-1]))
        same(mta.run(steps[-1:]).to(RCPTS), WANT, "all at once")


# Invalid packets, and packets that no MTA sends.
NONSENSE = {
    "the length 0": struct.pack("!I", 0),
    "a huge length": struct.pack("!I", 0xffffffff) + b"M",
    "a length of 2 GB": struct.pack("!I", 0x7fffffff) + b"M<a>\0",
    "a length above any packet": struct.pack("!I", 1 << 20) + b"L" * 5000,
    "an unknown command": packet("Z", b"data"),
    "the command NUL": packet("\0"),
    "another protocol": b"EHLO client.example\r\n",
    "a negotiation that is too short": packet("O", b"\0\0\0\6"),
    "a negotiation in an old version":
        packet("O", struct.pack("!III", 1, 0x1ff, 0x1fffff)),
    "a client without a name": packet("C", b""),
    "a client without an address": packet("C", b"client.example\0"),
    "a client of no family": packet("C", b"client.example\0004"),
    "a client at no address":
        packet("C", b"client.example\0004\x9c\x40no.address\0"),
    "a client at an address without an end":
        packet("C", b"client.example\0004\x9c\x40127.0.0.1"),
    "a sender without an end": packet("M", b"<a@b.example>"),
    "no sender": packet("M", b""),
    "a recipient without an end": packet("R", b"<a@b.example>"),
    "a header without a value": packet("L", b"X-Notify-Category\0"),
    "a header without a name": packet("L", b"\0\0"),
    "a header without an end": packet("L", b"X-Notify-Category\0services"),
    "macros for no command": packet("D", b"Zi\0Q1\0"),
    "macros without an end": packet("D", b"Ei"),
    "macros by halves": packet("D", b"Ei\0"),
    "all bytes": bytes(range(256)) * 20,
}


@case("packets may be invalid, at any point")
def _(lab_):
    served(lab_)
    before = open_files(lab_)
    for name, nonsense in NONSENSE.items():
        with Mta(lab_.milter, negotiate=False) as mta:
            mta.write(nonsense)
        for end in range(100):
            with Mta(lab_.milter) as mta:
                steps = mta.whole(RCPTS, tagged(BALANCE))
                if end >= len(steps):
                    break
                try:
                    for data, _ in steps[:end]:
                        mta.write(data)
                    mta.write(nonsense)
                    for data, _ in steps[end:]:
                        mta.write(data)
                except OSError:
                    pass        # it has hung up already
        true(lab_.milter.running(), f"it died of {name}")
    served(lab_)
    nothing_left(lab_, before)


COMMANDS = {
    "O": struct.pack("!III", 6, 0x1ff, 0x1fffff),
    "C": strings("client.example") + b"4\x9c\x40" + strings("127.0.0.1"),
    "H": strings("client.example"), "M": strings("<a@b.example>"),
    "R": strings(f"<{BILL}>"), "T": b"", "N": b"", "B": b"Hello.\r\n",
    "L": strings("X-Notify-Category", BALANCE), "E": b"", "A": b"",
    "D": b"E" + strings("i", "Q1"), "U": strings("NOOP"), "K": b"", "Q": b"",
}


@case("packets may come in any order, also before the negotiation")
def _(lab_):
    served(lab_)
    before = open_files(lab_)
    orders = [[a, b] for a in COMMANDS for b in COMMANDS]
    # The answers to the end of a message.
    orders += [list(order) for order in (
        "MRLE", "CMRLE", "MMRRLLE", "MRLEMRLE", "MRLAE", "KMRLE", "KCMRLE",
        "QMRLE", "MRKLE", "MRLKE", "MRLEKE", "AMRLE", "OOCMRLE", "OMRLE",
        "OCMRLKCE", "OCMRLEKCMRLE", "OCMRLEKMRLE", "OCQMRLE")]
    rng = random.Random(1)
    orders += [rng.choices(list(COMMANDS), k=rng.randrange(3, 12))
               for _ in range(300)]
    for order in orders:
        for negotiate in (False, True):
            with Mta(lab_.milter, negotiate=False) as mta:
                if negotiate:
                    mta.negotiate()
                try:
                    for command in order:
                        mta.write(packet(command, COMMANDS[command]))
                except OSError:
                    pass
        true(lab_.milter.running(), f"it died of {order}")
    served(lab_)
    nothing_left(lab_, before)


@case("a message before the negotiation is deferred, whatever it is")
def _(lab_):
    served(lab_)
    with Mta(lab_.milter, negotiate=False) as mta:
        for command in "MRLE":
            mta.write(packet(command, COMMANDS[command]))
        same(mta.read()[0], "t", "the answer")
    served(lab_)


@case("trust in one connection does not pass to the next one on the same "
      "socket")
def _(lab_):
    with Mta(lab_.milter) as mta:
        same(mta.message(RCPTS, tagged(BALANCE)).to(RCPTS), WANT,
             "the first one's")
        for client, want in (("192.0.2.1", "untrusted"),
                             ("127.0.0.1", "deliver"), (None, "reject")):
            since = lab_.milter.mark()
            mta.write(packet("K"))
            mta.client = client
            mta.connect()
            answer = mta.message(RCPTS, tagged(BALANCE))
            same(lab_.milter.summary(f"Q{mta.messages}", since)["verdict"],
                 want, f"verdict for {client}")
            if want == "untrusted":
                same((answer.added, answer.removed),
                     ([], [("X-Notify-Category", "", 1)]), "changes")


def unread(mta):
    """The number of bytes that the milter has written and nobody has read."""
    return struct.unpack("i", fcntl.ioctl(
        mta.socket, termios.FIONREAD, bytes(4)))[0]


@case("a change that the MTA refuses defers the message, with one log line")
def _(lab_):
    people = "".join(f"big,user{n}@big.example,{'owner' if n == 0 else 'member'}"
                     f",{'' if n == 0 else BALANCE}\n" for n in range(CHATTY))
    lab_.notifyctl("import", "-",
                   input="account,email,role,categories\n" + people)
    for read in (0, 1, 2, 100):
        since = lab_.milter.mark()
        with Mta(lab_.milter) as mta:
            for data, _ in mta.whole(["<big@accounts.example>"],
                                     tagged(BALANCE), f"BIG{read}"):
                mta.write(data)
            # So much is there once it makes its changes.
            lab_.until(lambda: unread(mta) > 1000, "changes are made")
            for _ in range(read):
                mta.read()
        line = lab_.milter.wait_line(rf"^BIG{read}: category=", since)
        contains(line, "kept=1 added=0 dropped=0 mirrored=0 verdict=tempfail "
                 'reason="the MTA refused to ', "line")
        contains(line, "add a recipient" if read else "recipient", "line")
        served(lab_)
        same([one for one in lab_.milter.since(since)
              if one.startswith(f"BIG{read}: ")], [line], "lines on it")
    served(lab_)


lab.run(postfix=False, allow=r"verdict=tempfail reason=\"the MTA refused")
