#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl check: faults of the socket, and their fixes."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from lib.installation import beside, case, chown, run, serve_one
from lib.milter import program
from lib.postfix import free_ports
from lib.tap import Skip, contains, lacks, same, true


@contextlib.contextmanager
def other(server, answer):
    """Something else that serves: it gives each client ANSWER, then waits."""
    ended = threading.Event()
    server.settimeout(0.1)

    def serve():
        while not ended.is_set():
            serve_one(server, answer)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        server.close()


def at(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    chown(path, 0o660, group="postfix")
    return server


@case("a missing socket is found, and the fix starts the milter")
def _(s):
    s.stop()
    s.fixed("error", s.socket)
    same(len(s.started()), 1, "milters that run")


@case("a missing directory for the socket is made by the fix")
def _(s):
    s.stop()
    os.rmdir(os.path.dirname(s.socket))
    s.fixed("error", s.socket)


@case("a socket at which no program answers is found, and the fix starts the "
      "milter")
def _(s):
    s.milter.process.kill()
    s.milter.process.wait()
    true(os.path.exists(s.socket), "the socket is left")
    s.fixed("error", "no program answers", s.socket)


@case("a file in place of the socket is found")
def _(s):
    s.stop()
    with open(s.socket, "w"):
        pass
    contains(s.fault("error", s.socket, "not a socket")["fix"],
             "in [milter] of")


@case("another milter, or another program, at our socket is found")
def _(s):
    s.stop()
    for answer, word in (
            (bytes.fromhex("0000000d4f 00000006 0000003f 00000000"),
             "another milter"),
            (bytes.fromhex("0000000d4f 00000002 00000001 0000007f"),
             "another milter"),
            (b"220 relay.example ESMTP Postfix\r\n", "not a milter")):
        began = time.monotonic()
        with other(at(s.socket), answer):
            contains(s.fault("error", word, s.socket)["fix"], "socket = ")
        true(time.monotonic() - began < 30, "that it ends in time")
        os.unlink(s.socket)


@case("a program that does not answer at our socket is found, and may be the "
      "milter: the advice is a restart, not another socket")
def _(s):
    s.milter.process.send_signal(signal.SIGSTOP)
    contains(s.fault("error", s.socket, "does not answer")["fix"],
             f"kill {s.milter.process.pid}, wait")
    s.milter.process.send_signal(signal.SIGCONT)
    s.sound()
    s.stop()
    with other(at(s.socket), b""):
        contains(s.fault("error", s.socket, "does not answer")["fix"],
                 "kill $(pidof notify-milter), wait")


@case("a milter that was started as another user is found, also when the "
      "files have been given to the new one")
def _(s):
    s.settings(user="daemon")
    for path in (os.path.dirname(s.ctl.database), s.ctl.database):
        if os.path.exists(path):    # there is no file with PostgreSQL
            chown(path, 0o750, "daemon")
    contains(s.fault("error", s.socket, "runs as nobody, not as daemon")["fix"],
             "wait until it has ended")


@case("a directory in which the milter's user cannot make the socket is made "
      "its own by the fix")
def _(s):
    s.stop()
    chown(os.path.dirname(s.socket), 0o2750, "daemon", group="postfix")
    s.fixed("error", s.socket)


@case("a directory that others use too is not given to the milter: the socket "
      "needs another one")
def _(s):
    s.stop()
    usual = s.socket
    private = os.path.join(s.queue, "private")
    os.makedirs(private, exist_ok=True)
    chown(private, 0o700, "postfix")
    with open(os.path.join(private, "rewrite"), "w"):
        pass
    s.settings(socket=f"unix:{private}/notify-milter.sock")
    found = s.has("error", "there is no socket", private)
    contains(found["fix"], f"socket = unix:{usual}")
    chown(private, 0o755, "root", group="root")
    s.start()
    found = s.has("error", f"postfix cannot write to {private}")
    contains(found["fix"], f"socket = unix:{usual}")


@case("a socket that Postfix cannot write to is found, and the fix works")
def _(s):
    for path, mode, group in ((s.socket, 0o660, "root"),
                              (s.socket, 0o600, "postfix"),
                              (os.path.dirname(s.socket), 0o750, "root")):
        old = os.stat(path)
        chown(path, mode, group=group)
        s.fixed("error", "postfix cannot write", s.socket)
        os.chown(path, old.st_uid, old.st_gid)
        os.chmod(path, old.st_mode & 0o7777)
        s.sound()


@case("a directory that Postfix cannot search is found, and the fix works")
def _(s):
    os.chmod(s.queue, 0o700)
    s.fixed("error", "postfix cannot search", s.queue)


@case("the group of the socket is right after a restart too")
def _(s):
    s.stop()
    chown(os.path.dirname(s.socket), 0o750)
    s.start()
    s.fixed("error", "postfix cannot", s.socket)
    s.stop()
    s.start()
    s.sound()


@case("a socket that everyone can use is found, and the fix works")
def _(s):
    os.chmod(s.socket, 0o666)
    os.chmod(os.path.dirname(s.socket), 0o2755)
    s.fixed("warning", s.socket, "writable by everyone")


@case("a user who may not use the socket gets a note")
def _(s):
    os.chmod(os.path.dirname(s.socket), 0o2751)
    contains(s.has("note", s.socket, user="daemon")["fix"], "sudo ")


@case("a milter or a bot whose program was replaced since its start is found")
def _(s):
    s.stop()
    s.telegram()
    for name in ("notify-milter", "notify-bot"):
        file = os.path.join(s.programs, name)
        shutil.copy(program(name), file)
        os.chmod(s.token, 0o644)
        process = subprocess.Popen(
            [file, "-f", "-c", s.ctl.conf.file], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            words = f"{name} runs as process {process.pid}"
            lacks(str(s.check()), words, "before")
            shutil.copy(program(name), file + ".new")
            os.replace(file + ".new", file)
            found = s.has("error", words, "replaced")
            contains(found["fix"], f"kill {process.pid}, wait", "the fix")
        finally:
            process.kill()
            process.wait()
        lacks(str(s.check()), words, "when it has ended")


@case("a milter that was started by hand beside a unit of systemd's is ended by "
      "itself, and one of the unit by systemctl(1)")
def _(s):
    s.settings(user="daemon")
    pid = s.milter.process.pid
    groups, script = s.ctl.path("cgroup"), s.ctl.path("systemctl")
    with open(script, "w") as out:
        out.write("#!/bin/sh\nexit 0\n")
    os.chmod(script, 0o755)
    for group, fix in (
            ("0::/user.slice/session-1.scope\n",
             f"do: kill {pid}, wait until it has ended (up to 10 s), then "
             "systemctl restart notify-milter\n"),
            ("0::/system.slice/notify-milter.service\n",
             "run: systemctl restart notify-milter\n")):
        with open(groups, "w") as out:
            out.write(group)
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /run &&"
             f" mkdir -p /run/systemd/system && mount --bind {groups}"
             f" /proc/{pid}/cgroup && exec \"$@\"", "sh",
             *s.ctl.command("check")], text=True, capture_output=True,
            timeout=60, env=s.ctl.environment(**s.env(
                PATH=f"{os.path.dirname(script)}:{os.environ['PATH']}")))
        if "mount" in done.stderr or "unshare" in done.stderr:
            raise Skip("no mount namespace can be had")
        contains(done.stdout, fix)


def tcp(s, host="127.0.0.1"):
    port, = free_ports([host])
    name = f"inet:[{host}]:{port}" if ":" in host else f"inet:{host}:{port}"
    s.settings(socket=f"inet{6 if ':' in host else ''}:{port}@{host}")
    s.main(smtpd_milters=name)
    return port


@case("TCP on loopback is a note that says what it costs")
def _(s):
    s.stop()
    for host in ("127.0.0.1", "::1"):
        tcp(s, host)
        s.start()
        contains(s.fault("note", "is TCP")["why"], "40 ms")
        s.stop()


@case("TCP that other machines can reach is a warning")
def _(s):
    s.stop()
    port = tcp(s)
    s.settings(socket=f"inet:{port}@0.0.0.0")
    with other(socket.create_server(("127.0.0.1", port)), b"x" * 99):
        s.has("warning", "reached from other machines")


@case("a TCP port without a program, and an unknown host, are found")
def _(s):
    s.stop()
    tcp(s)
    s.apply(s.has("error", "no program answers at inet:"))
    s.fault("note", "is TCP")
    s.settings(socket="inet:8899@nosuchhost.invalid")
    s.has("error", "nosuchhost.invalid")


@case("a Postfix that connects to another port is found, and the fix works")
def _(s):
    s.stop()
    tcp(s)
    s.start()
    s.edit("-e", f"smtpd_milters={beside()}")
    s.apply(s.has("error", "smtpd_milters does not name the milter"))
    s.fault("note", "is TCP")


@case("a TCP address in libmilter's syntax is found in Postfix, and the fix "
      "works")
def _(s):
    s.stop()
    port = tcp(s)
    s.start()
    s.edit("-e", f"smtpd_milters=inet:{port}@127.0.0.1")
    s.apply(s.has("error", "not Postfix's syntax"))
    s.fault("note", "is TCP")


run()
