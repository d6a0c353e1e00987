#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 60 s
"""However much mail passes the milter, it needs no more memory than at first.

    tests/soak/mail-leaves-nothing-in-the-milter.t
                             NM_MESSAGES=1000000 for the long form

loadgen plays MTAs: all kinds of messages at a time, over connections that come
and go, while others disconnect midway and the roster changes. The test ends
after an hour or NM_MESSAGES, whichever is first. The milter's resident memory,
descriptors and threads are measured when it is idle: after the first minute or
tenth of the messages, whichever is first, and at the end, when they may be 5 %
more. The first part begins with a crowd, so that the connections to the
database that the milter keeps (8 at most) are open at the first measurement;
and malloc(3) has one arena, since several would fill up at different times.
"""
import contextlib
import json
import os
import random
import subprocess
import threading
import time
from collections import Counter

from lib import TREE, lab, tap
from lib.mta import Mta, tagged
from lib.roster import BALANCE, DOCUMENTS, SERVICES
from lib.tap import case, same, true

MESSAGES = int(os.environ.get("NM_MESSAGES", "60000"))
HOUR, MINUTE = 3600, 60
MORE = 1.05         # that it may use at the end
ACCOUNTS = 20       # a0, a1, ...; "%" in what loadgen sends
CONNECTIONS = 8     # of each loadgen, at a time
KEEP = 20           # messages over each
LOADGEN = os.path.join(TREE, "build", "loadgen")

TAG, PEOPLE = f"X-Notify-Category: {SERVICES}", ["owner@a%.example",
                                                 "u1@a%.example"]
# kind: (share, recipients, headers, options)
KINDS = {
    "untagged": (20, PEOPLE, [], []),
    "filtered": (20, [*PEOPLE, "u2@a%.example", "stranger@else.example"],
                 [TAG], []),
    "expanded": (20, [f"a%@{lab.ACCOUNTS}"],
                 [f"X-Notify-Category: {BALANCE}"], []),
    "named": (10, ["stranger@else.example"],
              [TAG, "X-Notify-Account: a%"], []),
    "held": (10, PEOPLE, ["X-Notify-Category: lunch"], []),
    "refused": (10, [*PEOPLE, f"5@{lab.MIRROR}"], [TAG], []),
    "given up": (10, PEOPLE, [TAG], ["-a", "2"]),
}


class Soak:
    """One milter, and all its clients."""

    def __init__(self):
        os.environ["MALLOC_ARENA_MAX"] = "1"
        self.lab = lab.Lab(postfix=False, roster=False,
                           settings={"sendmail": "/bin/true"}).start()
        self.random = random.Random(1)
        self.failures, self.complaints = [], []
        self.kinds = {kind: Counter() for kind in KINDS}
        self.opened = self.changes = self.broken = 0
        self.roster()

    def stop(self):
        self.lab.stop()

    def roster(self):
        path = os.path.join(self.lab.folder, "roster.csv")
        with open(path, "w") as out:
            out.write("account,email,role,categories\n")
            for n in range(ACCOUNTS):
                out.write(f"a{n},owner@a{n}.example,owner,\n")
                out.writelines(f"a{n},u{i}@a{n}.example,member,"
                               f"{SERVICES};{BALANCE}\n" for i in range(8))
        self.lab.notifyctl("import", path)
        # Every other one has a chat.
        self.lab.sql("INSERT INTO link(user, chat) SELECT id, 1000 + id FROM "
                     "user WHERE id % 2 = 0 AND key NOT LIKE 'u1@%'")

    # The clients, which run until they are stopped

    def load(self, kind, messages, seconds):
        """Send MESSAGES of KIND, but no longer than SECONDS."""
        _, rcpts, headers, options = KINDS[kind]
        command = [LOADGEN, "-s", f"unix:{self.lab.milter.socket_path()}",
                   "-c", str(CONNECTIONS), "-k", str(KEEP), "-v",
                   str(ACCOUNTS), "-x", "1", "-n", str(messages), "-t",
                   str(seconds), *options]
        for rcpt in rcpts:
            command += ["-r", rcpt]
        for header in headers:
            command += ["-H", header]
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=seconds + 60)
        same(done.returncode, 0, f"exit of loadgen, {kind}: {done.stderr}")
        result = json.loads(done.stdout)
        self.kinds[kind].update(
            messages=result["messages"], aborted=result["aborted"],
            **result["answers"], **result["changes"])
        self.opened += result["connections"]["opened"]

    def change(self, over):
        """Change the roster back and forth."""
        while not over.wait(0.02):
            n = self.random.randrange(ACCOUNTS)
            who, owner = f"u1@a{n}.example", f"owner@a{n}.example"
            for words in (("unsubscribe", f"a{n}", SERVICES, who,
                           "--confirm", who),
                          ("subscribe", f"a{n}", SERVICES, who),
                          ("user", "role", f"a{n}", who, "subscriber"),
                          ("user", "role", f"a{n}", who, "member"),
                          ("subscribe", f"a{n}", SERVICES, who),
                          ("subscribe", f"a{n}", BALANCE, who),
                          ("user", "add", f"a{n}", f"new@a{n}.example"),
                          ("user", "remove", f"a{n}", f"new@a{n}.example")):
                self.lab.notifyctl(*words, as_=owner)
                self.changes += 1

    def break_off(self, over):
        """MTAs that disconnect at any point of a message."""
        rcpts = [f"<{one.replace('%', '1')}>" for one in PEOPLE]
        while not over.wait(0.005):
            with Mta(self.lab.milter) as mta:
                steps = mta.whole(rcpts, tagged(DOCUMENTS, "a2"))
                data = b"".join(octets for octets, _ in steps)
                mta.write(data[:self.random.randrange(len(data))])
            self.broken += 1

    def watch(self, over):
        """Read the log: keep its warnings; the rest would fill the disk."""
        while not over.wait(1):
            self.complaints += self.lab.milter.complaints()
            os.truncate(self.lab.milter.log, 0)

    def guarded(self, function, *args):
        try:
            function(*args)
        except Exception as error:  # reported at the end
            self.failures.append(f"{function.__name__}: {error!r}")

    def part(self, messages, seconds, crowd=False):
        """Everything at once, for MESSAGES or SECONDS. CROWD: the database is
        locked at first, so that each message waits in a thread with a
        connection of its own, up to the maximum, which the milter keeps."""
        over = threading.Event()
        whole = sum(share for share, *_ in KINDS.values())
        loads = [threading.Thread(target=self.guarded, args=(
            self.load, kind, max(1, messages * share // whole), seconds))
            for kind, (share, *_) in KINDS.items()]
        others = [threading.Thread(target=self.guarded, args=(one, over))
                  for one in (self.change, self.break_off, self.watch)]
        with self.lab.unreadable() if crowd else contextlib.nullcontext():
            for thread in (*loads, *others):
                thread.start()
            if crowd:
                time.sleep(0.5)
        for thread in loads:
            thread.join()
        over.set()
        for thread in others:
            thread.join()

    # What the milter uses

    def look(self):
        """Measure when all connections are closed and the milter is idle."""
        folder = f"/proc/{self.lab.milter.process.pid}"

        def now():
            with open(f"{folder}/status") as file:
                status = dict(line.split(":", 1) for line in file)
            return {"kB": int(status["VmRSS"].split()[0]),
                    "descriptors": len(os.listdir(f"{folder}/fd")),
                    "threads": int(status["Threads"])}
        found, since = now(), time.monotonic()
        deadline = since + 10
        while time.monotonic() < min(since + 1, deadline):
            time.sleep(0.1)
            again = now()
            if again != found:
                found, since = again, time.monotonic()
        return found

    def run(self):
        tenth = MESSAGES // 10
        began = time.monotonic()
        self.part(tenth, MINUTE, crowd=True)
        self.first = self.look()
        sent = self.sent()
        self.part(MESSAGES - sent, HOUR - (time.monotonic() - began))
        self.seconds = time.monotonic() - began
        self.last = self.look()

    def sent(self):
        return sum(count["messages"] + count["aborted"]
                   for count in self.kinds.values())


@case("every kind of message gets the right answer, and none is lost")
def _(soak):
    soak.run()
    sent = soak.sent()
    print(f"# {sent} messages in {soak.seconds:.0f} s, "
          f"{sent / soak.seconds:.0f}/s; {soak.opened} connections, "
          f"{soak.broken} broken off, {soak.changes} changes of the roster",
          flush=True)
    same(soak.failures, [], "what went wrong with the trial itself")
    same(soak.complaints, [], "what the milter complains of")
    true(sent >= MESSAGES * 0.99 or soak.seconds >= HOUR, f"sent: {sent}")
    true(soak.broken > 20 and soak.changes > 10,
         f"{soak.broken} broken off, {soak.changes} changes")
    kinds = soak.kinds
    for kind, count in kinds.items():
        refused = count["messages"] if kind == "refused" else 0
        same((count["reject"], count["tempfail"]), (refused, 0),
             f"refused for good and for a while, {kind}")
    same(kinds["held"]["quarantined"], kinds["held"]["messages"], "on hold")
    same(kinds["untagged"]["added"] + kinds["untagged"]["deleted"], 0,
         "changes of what is untagged")
    for kind, change in (("filtered", "deleted"), ("expanded", "added"),
                         ("named", "added")):
        true(kinds[kind][change] >= kinds[kind]["messages"],
             f"{change}, {kind}: {kinds[kind]}")
    true(kinds["given up"]["aborted"] > 0, "none was given up")


@case("the milter uses no more memory, descriptors and threads than at first")
def _(soak):
    print(f"# first {soak.first}, at the end {soak.last}", flush=True)
    same({what: f"{soak.first[what]}, at the end {soak.last[what]}"
          for what in soak.first
          if soak.last[what] > soak.first[what] * MORE}, {}, "what has grown")


tap.run(setup=Soak, teardown=Soak.stop)
