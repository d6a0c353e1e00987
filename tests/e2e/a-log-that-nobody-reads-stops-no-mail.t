#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root mounts
"""A syslog daemon that does not read costs a second at most, and lines, whose
number is said later."""
import contextlib
import os
import re
import socket
import time

from lib import lab
from lib.lab import case
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, entitled
from lib.tap import contains, same, true

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
# A /dev of its own, for a /dev/log of the test's.
SCRIPT = """
set -e
mount --make-rprivate /
for name in null zero random urandom; do
    : >>"$1/$name"
    mount --bind /dev/$name "$1/$name"
done
mount --rbind "$1" /dev
shift
exec "$@"
"""
MISSING = re.compile(r"warning: (\d+) log lines are missing: /dev/log ")


class Lab(lab.Lab):
    def _start(self):
        super()._start()
        self.milter.kill()
        self.dev = os.path.join(self.folder, "dev")
        os.mkdir(self.dev)
        self.milter.before = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh",
                              self.dev]

    def message(self):
        """Decide one; how long that took."""
        began = time.monotonic()
        with Mta(self.milter) as mta:
            answer = mta.message(RCPTS, tagged(BALANCE))
        same((answer.verdict, answer.to(RCPTS)), ("continue", WANT), f"{answer}")
        return time.monotonic() - began


@contextlib.contextmanager
def log(lab_, kind=socket.SOCK_DGRAM):
    """/dev/log; nobody reads it but the case."""
    path = os.path.join(lab_.dev, "log")
    with socket.socket(socket.AF_UNIX, kind) as daemon:
        daemon.bind(path)
        os.chmod(path, 0o666)
        if kind == socket.SOCK_STREAM:
            daemon.listen(5)
        daemon.settimeout(0.3)
        try:
            yield daemon
        finally:
            os.unlink(path)


def read(daemon):
    """The lines that wait, without time and program."""
    lines = []
    with contextlib.suppress(TimeoutError):
        while True:
            lines.append(daemon.recv(65536).decode())
    return [re.sub(r"^<\d+>.*?\]: ", "", line) for line in lines]


def settle(lab_, daemon, got):
    """Messages until the number of missing lines is said; all lines."""
    for _ in range(50):
        lab_.message()
        got += read(daemon)
        if any(MISSING.match(line) for line in got):
            return
        time.sleep(0.1)
    true(False, f"the lines that are missing are said: {got[-3:]}")


@case("while nobody reads /dev/log, mail is decided, and the lines are counted")
def _(lab_):
    with log(lab_) as daemon:
        since = lab_.milter.mark()
        lab_.milter.start()
        got = read(daemon)
        true(any("ready on " in line for line in got), f"{got}")
        true(all(line == line.strip("\0\n") for line in got), f"{got}")
        times = [lab_.message() for _ in range(300)]
        true(max(times) < 5, f"the longest took {max(times)} s")
        true(sum(times) < 30, f"300 messages took {sum(times)} s")
        settle(lab_, daemon, got)
        lost = sum(int(m[1]) for m in map(MISSING.match, got) if m)
        told = [line for line in got if not MISSING.match(line)]
        true(lost > 0, "lines are missing")
        same(len(told) + lost, len(lab_.milter.since(since)),
             "lines, told and missing")
        lab_.message()
        contains(read(daemon)[-1], "verdict=deliver", "the last line")
        lab_.milter.kill()


@case("a daemon that was restarted gets the lines")
def _(lab_):
    with log(lab_) as daemon:
        lab_.milter.start()
        read(daemon)
    lab_.message()
    with log(lab_) as daemon:
        lab_.message()
        got = read(daemon)
        true(MISSING.match(got[0]), f"{got}")
        contains(got[-1], "verdict=deliver", "the last line")
        lab_.milter.kill()


@case("a stream that nobody reads is no worse")
def _(lab_):
    with log(lab_, socket.SOCK_STREAM) as daemon:
        lab_.milter.start()
        peer, _ = daemon.accept()
        times = [lab_.message() for _ in range(1500)]
        true(max(times) < 5, f"the longest took {max(times)} s")
        peer.settimeout(0.3)
        text = ""
        with contextlib.suppress(TimeoutError):
            while True:
                piece = peer.recv(65536)
                if not piece:
                    break
                text += piece.decode()
        true(text.count("\0") > 10, "lines end with a NUL")
        for line in text.split("\0")[:-1]:
            true(re.match(r"<22>\w+ +\d+ [\d:]+ notify-milter\[\d+\]: ", line),
                 f"{line!r}")
        lab_.milter.kill()


lab.run(lab=Lab, postfix=False)
