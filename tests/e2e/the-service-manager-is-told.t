#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""What the daemons tell systemd (sd_notify), and what -v adds to the log."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

from lib import botapi, lab, telegram
from lib.lab import case
from lib.milter import program
from lib.roster import ANN, BALANCE, MAINTENANCE
from lib.tap import contains, lacks, same, true
from lib.waiting import LIMIT


class Manager:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(15)

    def next(self):
        """The next message, as {name: value}."""
        return dict(line.split("=", 1)
                    for line in self.socket.recv(4096).decode().splitlines())

    def until(self, name, part=""):
        """The next message that has NAME with PART in its value."""
        while name not in (told := self.next()) or part not in told[name]:
            pass
        return told


@contextlib.contextmanager
def daemon(lab_, name, *options, **environment):
    """The daemon NAME in the foreground, its log at .output."""
    output = os.path.join(lab_.folder, name + ".output")
    path = telegram.local_copy(lab_.folder, name)
    with open(output, "wb") as log:
        process = subprocess.Popen(
            [path, "-c", lab_.milter.file, "-f", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **environment})
    process.output = output
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def text(process):
    with open(process.output) as file:
        return file.read()


@case("the milter is ready once its socket is there, and not before")
def _(lab_):
    lab_.milter.kill()
    manager = Manager(lab_.folder)
    with daemon(lab_, "notify-milter", NOTIFY_SOCKET=manager.path) as process:
        told = manager.next()
        same(told["READY"], "1", f"READY in {told}")
        same(told["MAINPID"], str(process.pid), f"MAINPID in {told}")
        same(lab_.milter.answers(), True, "somebody answers at the socket")
        lab_.send([ANN], BALANCE)
        process.send_signal(signal.SIGUSR1)
        told = manager.next()
        same(told["RELOADING"], "1", f"RELOADING in {told}")
        true(int(told["MONOTONIC_USEC"]) <= time.monotonic() * 1e6, "time")
        same(manager.next()["READY"], "1", "READY after a reload")
        process.send_signal(signal.SIGTERM)
        same(manager.next(), {"STOPPING": "1"}, "at the end")
        same(process.wait(LIMIT), 0, "exit status")


@case("a reload that fails is reported as over too, with the old settings")
def _(lab_):
    manager = Manager(lab_.folder)
    with daemon(lab_, "notify-milter", NOTIFY_SOCKET=manager.path) as process:
        manager.next()
        lab_.milter.write("[milter]\nnonsense = 1\n")
        process.send_signal(signal.SIGUSR1)
        same(manager.next()["RELOADING"], "1", "RELOADING")
        contains(manager.next()["STATUS"], "old settings", "status")
        contains(text(process), "the old settings stay", "log")
    lab_.milter.write()


@case("a milter that cannot start reports nothing")
def _(lab_):
    manager = Manager(lab_.folder)
    lab_.milter.write(lab_.milter.render(
        socket=f"unix:{lab_.folder}/nowhere/milter.sock"))
    with daemon(lab_, "notify-milter", NOTIFY_SOCKET=manager.path) as process:
        true(process.wait(LIMIT) != 0, "exit status")
    manager.socket.setblocking(False)
    try:
        same(manager.socket.recv(4096), None, "told")
    except BlockingIOError:
        pass
    lab_.milter.write()


@contextlib.contextmanager
def bot(lab_, **settings):
    """notify-bot, and what tells about it."""
    manager = Manager(lab_.folder)
    token = os.path.join(lab_.folder, "token")
    with open(token, "w") as file:
        file.write("1:none\n")
    lab_.milter.write(lab_.milter.render(token_file=token, bot="b", **settings))
    try:
        with daemon(lab_, "notify-bot", NOTIFY_SOCKET=manager.path) as process:
            same(manager.next()["STATUS"], "polling", "status at the start")
            yield process, manager
    finally:
        lab_.milter.write()


@case("notify-bot is ready, reloads and ends likewise")
def _(lab_):
    with bot(lab_, api="http://127.0.0.1:1") as (process, manager):
        process.send_signal(signal.SIGUSR1)
        manager.until("RELOADING")
        same(manager.next()["READY"], "1", "READY")
        process.send_signal(signal.SIGTERM)
        manager.until("STOPPING")
        same(process.wait(LIMIT), 0, "exit status")


@case("the status of notify-bot says what fails, on one line, until it works")
def _(lab_):
    api = botapi.BotAPI()
    api.token = "1:none"
    api.start()
    strange = botapi.error(401, "Unauthorized\nMAINPID=1\nSTATUS=all is well")
    try:
        api.fail(strange, method="getUpdates", times=2)
        api.say(api.person(7), "what a poll finds at once")
        with bot(lab_, api=api.url) as (process, manager):
            told = manager.until("STATUS", "Unauthorized")
            contains(told["STATUS"], "retrying", "status")
            same(told["MAINPID"], str(process.pid), "MAINPID")
            manager.until("STATUS", "polling")
            contains(text(process), "it works again", "log")
    finally:
        api.stop()


@case("if standard error is the journal a line is not written twice")
def _(lab_):
    read, write = os.pipe()
    st = os.fstat(write)
    process = subprocess.Popen(
        [program("notify-milter"), "-c", lab_.milter.file, "-f"],
        stdin=subprocess.DEVNULL, stderr=write, env={
            **os.environ, "JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"})
    os.close(write)
    try:
        lab_.until(lab_.milter.answers, "it serves")
    finally:
        process.kill()
        process.wait()
    same(os.read(read, 4096), b"", "standard error")
    os.close(read)


@case("only -v logs untagged mail and the time of a decision")
def _(lab_):
    for options in ((), ("-v",)):
        with daemon(lab_, "notify-milter", *options) as process:
            lab_.until(lab_.milter.answers, "it serves")
            untagged = lab_.send([ANN])
            tagged = lab_.send([ANN], MAINTENANCE)
            lab_.until(lambda: "verdict=deliver" in text(process), "decided")
            log = re.sub(r"(?m)^notify-milter\[\d+\]: ", "", text(process))
            if options:
                # It may serve before it says that it is ready.
                for line in (f"{untagged.qid}: untagged",
                             rf"{tagged.qid}: decided in 0\.\d+ s$"):
                    true(re.search(f"(?m)^{line}", log), f"{line} in {log!r}")
            else:
                lacks(log, untagged.qid, "log")
                lacks(log, "decided in", "log")


lab.run()
