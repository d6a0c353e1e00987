# SPDX-License-Identifier: BSD-2-Clause
"""figures - single measurements: memory, start-up, tools"""
import base64
import contextlib
import email.utils
import json
import os
import pwd
import random
import shutil
import socket
import sqlite3
import subprocess
import time

import rosters
import subjects
from lib import botapi, stamps
from machine import program
from report import Spread

LINKED = "user1@a1.example"     # gets balance-and-payments, in every roster
BIG = 20 * 10 ** 6


def timed(command, data=None, **options):
    """(seconds, peak MB, standard output) of COMMAND, which must succeed; DATA
    is the path of its standard input."""
    with open(data or os.devnull, "rb") as file:
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=file, stderr=subprocess.STDOUT,
                                   stdout=subprocess.PIPE, **options)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}: "
                           + output.decode(errors="replace")[-500:])
    return seconds, usage.ru_maxrss / 1024, output


# Memory

def resident(machine, make, load, counts):
    """{connections: MB} of the milter that MAKE(name, folder, where) starts:
    fresh, and with so many connections that are idle after a message each.
    LOAD: the arguments of loadgen without the socket."""
    folder = machine.milters()
    found = {}
    for count in counts:
        where = f"unix:{folder}/idle.sock"
        milter = make("idle", folder, where).start()
        try:
            if count == 0:
                found[0] = milter.resident()
                continue
            process = subprocess.Popen(
                [program("loadgen"), "-s", where, "-c", str(count), "-k", "1",
                 "-i", *load], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, text=True)
            try:
                result = json.loads(process.stdout.readline())
                if result["messages"] != count:
                    raise RuntimeError(f"idle connections: {result}")
                found[count] = milter.resident()
            finally:
                process.terminate()
                process.wait(20)
                process.stdout.close()
        finally:
            milter.stop()
    return found


# Start

def ready(machine, database, times):
    """Milliseconds until it is ready, as it tells the service manager."""
    folder = machine.milters()
    path = os.path.join(folder, "notify")
    found = []
    for _ in range(times):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(20)
            manager.bind(path)
            os.chmod(path, 0o666)
            milter = subjects.notify_milter(
                "ready", folder, f"unix:{folder}/ready.sock", database)
            milter.environment["NOTIFY_SOCKET"] = path
            began = time.monotonic()
            try:
                milter.launch()
                while b"READY=1" not in manager.recv(4096):
                    pass
                found.append((time.monotonic() - began) * 1000)
            finally:
                milter.stop()
                os.unlink(path)
    return Spread(found)


# notifyctl

def ask(folder, users, times, seed=2025):
    """{what: Spread of milliseconds} of notifyctl's output about random
    accounts of a roster."""
    chance = random.Random(seed)
    conf = os.path.join(folder, "notify-milter.conf")
    message = os.path.join(folder, "message.eml")
    with open(message, "w") as out:
        out.write(f"X-Notify-Category: {rosters.CATEGORY}\n\nHello.\n")
    counts = rosters.accounts(users)

    def one(letter, *words):
        took = []
        for _ in range(times):
            name = f"{letter}{chance.randrange(counts[letter])}"
            seconds, _, output = timed(
                [program("notifyctl"), "-c", conf,
                 *(word.replace("~", name) for word in words)], message)
            lines = output.count(f"@{name}.example".encode())
            if lines < len(rosters.entitled(letter)):
                raise RuntimeError(f"notifyctl {words}: {lines} users")
            took.append(seconds * 1000)
        return Spread(took)

    found = {}
    for letter in ("a", "x") if counts["x"] else ("a",):
        of = f"an account of {rosters.size(letter):,}"
        found[f"notifyctl list, {of}"] = one(
            letter, "list", "~", rosters.CATEGORY)
        found[f"notifyctl explain, to {of}"] = one(
            letter, "explain", "--recipient", f"~@{rosters.ACCOUNTS}")
    os.unlink(message)
    return found


# notify-telegram

def _mail(path, kind):
    """A message of 20 MB: a text with an attachment, or one long HTML."""
    head = (f"Received: from client.example (localhost [127.0.0.1])\n"
            f"\tby relay.example with ESMTP id 4X; "
            f"{email.utils.formatdate(localtime=True)}\n"
            "From: Billing <billing@example.org>\nSubject: Your invoice\n"
            "Message-ID: <1@example.org>\nMIME-Version: 1.0\n"
            "X-Notify-Category: balance-and-payments\n")
    with open(path, "w") as out:
        out.write(head)
        if kind == "attachment":
            out.write('Content-Type: multipart/mixed; boundary="b"\n\n--b\n'
                      "Content-Type: text/plain; charset=utf-8\n\n"
                      "Your invoice is attached.\n--b\n"
                      'Content-Type: application/pdf; name="invoice.pdf"\n'
                      "Content-Transfer-Encoding: base64\n\n")
            out.write(base64.encodebytes(
                random.Random(1).randbytes(BIG * 3 // 4)).decode())
            out.write("--b--\n")
        else:
            out.write("Content-Type: text/html; charset=utf-8\n\n<html>\n")
            line = "<p>Server &laquo;web&raquo; <b>costs</b> 12.50 a day.</p>\n"
            out.write(line * (BIG // len(line)) + "</html>\n")


def chat_text(machine, folder, kind, times):
    """(Spread of milliseconds, MB) of the agent with a message of 20 MB, and a
    Bot API that answers at once; FOLDER has a small roster, which does not
    change."""
    work = os.path.join(machine.work, "agent")
    shutil.copytree(folder, work)
    owner = pwd.getpwnam(rosters.USER)
    for root, _, names in os.walk(work):
        for name in ["", *names]:
            os.chown(os.path.join(root, name), owner.pw_uid, owner.pw_gid)
    agent = shutil.copy(program("notify-telegram"), work)
    with contextlib.closing(sqlite3.connect(f"{work}/roster.db")) as db:
        link, = db.execute(
            "INSERT INTO link(user, chat) SELECT id, 7 FROM user WHERE key = ?"
            " RETURNING id", (LINKED,)).fetchone()
        db.commit()
    api = botapi.BotAPI().start()
    try:
        api.person(7)
        token, conf = (os.path.join(work, name) for name in ("token", "conf"))
        for path, text in ((token, api.token), (conf, rosters.settings(
                f"{work}/roster.db", f"unix:{work}/socket", work,
                f"token_file = {token}\nbot = a_bot\napi = {api.url}\n"))):
            with open(path, "w") as out:
                out.write(text + "\n")
        os.chown(token, owner.pw_uid, owner.pw_gid)
        os.chmod(token, 0o600)
        message = os.path.join(work, "message")
        _mail(message, kind)
        with contextlib.closing(sqlite3.connect(f"{work}/roster.db")) as one, \
                open(message, "rb") as file:
            address = stamps.keyed(
                lambda text, *values: one.execute(text, values).fetchall(),
                f"{link}@{rosters.MIRROR}", file.read(2000))
        took, most = [], 0
        for i in range(times):
            seconds, memory, output = timed(
                [agent, "-c", conf, f"4XQueueId{i}", address], message, cwd="/",
                user=owner.pw_uid, group=owner.pw_gid, extra_groups=[])
            if b"outcome=sent" not in output or len(api.texts(7)) != i + 1:
                raise RuntimeError(f"notify-telegram: {output.decode()}")
            took.append(seconds * 1000)
            most = max(most, memory)
        return Spread(took), most
    finally:
        api.stop()
        shutil.rmtree(work)
