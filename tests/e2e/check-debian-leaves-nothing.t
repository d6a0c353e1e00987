#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root mounts
# not with sanitizer: it is about tests/debian
# not with postgresql: it has no roster
"""tests/debian, with a debootstrap that makes nothing: what it says where there
is no Debian to be had, and what it leaves."""
import contextlib
import glob
import os
import signal
import subprocess
import tempfile

from lib import TREE
from lib.tap import case, contains, run, same
from lib.waiting import until

APT = """#!/bin/sh
echo "Other|Other|http://elsewhere.example/"
echo "Debian|Debian-Security|http://mirror.example/security/"
echo "Debian|Debian|http://mirror.example/debian/"
"""


class Machine:
    """With an APT and a DEBOOTSTRAP of its own, and a directory for temporary
    files."""

    def __init__(self, folder, debootstrap, apt=APT):
        self.folder = folder
        self.path = os.path.join(folder, "bin")
        self.tmp = os.path.join(folder, "tmp")
        for name in (self.path, self.tmp):
            os.mkdir(name)
        for name, text in (("apt-get", apt), ("debootstrap", debootstrap)):
            with open(os.path.join(self.path, name), "w") as out:
                out.write(text)
            os.chmod(out.name, 0o755)

    def start(self, *before):
        env = {**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}",
               "TMPDIR": self.tmp, "FOLDER": self.folder}
        return subprocess.Popen(
            [*before, os.path.join(TREE, "tests", "debian"), "trixie"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=env)

    def run(self, *before):
        """The exit status, the last line, and what is left."""
        process = self.start(*before)
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.splitlines()[-1], os.listdir(self.tmp)


@contextlib.contextmanager
def machine(debootstrap="#!/bin/sh\n", **options):
    with tempfile.TemporaryDirectory(prefix="nm-debian-test-") as folder:
        os.chmod(folder, 0o755)
        yield Machine(folder, debootstrap, **options)


def skipped(got, why):
    status, line, left = got
    same((status, left), (0, []), f"exit and what is left after {line}")
    contains(line, f"skipped: check-debian trixie: {why}", "last line")


@case("without the rights for it, it says which, and is no failure")
def _():
    with machine() as m:
        for option in ("--bounding-set=-sys_admin", "--bounding-set=-sys_chroot"):
            skipped(m.run("setpriv", option),
                    "unshare" if "admin" in option else "chroot")
        if "/root/" not in TREE:
            skipped(m.run("setpriv", "--reuid=65534", "--clear-groups"),
                    "needs root")


@case("without a mirror of Debian it says so, and is no failure")
def _():
    with machine(apt='#!/bin/sh\necho "Other|Other|http://a.example/"\n') as m:
        skipped(m.run(), "apt has no mirror of Debian")


@case("a debootstrap that fails is no failure; its last line is the reason")
def _():
    with machine('#!/bin/sh\necho "$*" >"$FOLDER/args"\n'
                 'echo "E: no space"\nexit 1\n') as m:
        skipped(m.run(), "debootstrap: E: no space")
        with open(os.path.join(m.folder, "args")) as file:
            args = file.read().split()
    same((args[2], args[4]), ("trixie", "http://mirror.example/debian/"),
         "release and mirror")


@case("a signal ends it and all that it has started, and leaves nothing")
def _():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with machine('#!/bin/sh\nmkdir "$4/proc"\n'
                     'mount -t proc proc "$4/proc"\n'
                     'sleep 4321 &\n: >"$4/begun"\nwait\n') as m:
            process = m.start()
            until(lambda: glob.glob(f"{m.tmp}/*/trixie/begun"), "it has begun")
            process.send_signal(number)
            process.communicate(timeout=30)
            same(process.returncode,
                 130 if number == signal.SIGINT else 143, "exit")
            same(os.listdir(m.tmp), [], "what is left")
            until(lambda: subprocess.run(
                ["pgrep", "-f", "sleep 4321"]).returncode == 1, "it has ended")


run()
