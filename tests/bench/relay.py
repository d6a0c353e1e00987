# SPDX-License-Identifier: BSD-2-Clause
"""relay - through a real Postfix: one client, one session, message after message

One private Postfix (tests/lib) has a listener for each milter, and one for
an alias map that does the same. smtp-sink discards what it delivers.
"""
import json
import os
import re
import sqlite3
import subprocess
import time

import rosters
import subjects
from lib import postfix
from machine import program, say
from scenarios import FAN_OUTS, HEADERS, MTA_SUBJECTS, TAG

SEED = 2025
SETTLE = 120        # seconds
DELIVERED = re.compile(r" (\w+): to=<([^>]*)>,.* status=sent ")

# What an operator would use without a milter: who gets the mail of an account's
# address. Filled from the roster, with an index.
ALIASES = """
    CREATE TABLE alias (address TEXT NOT NULL, goto TEXT NOT NULL);
    INSERT INTO alias SELECT a.name || '@' || :domain, u.address
    FROM roster.account a JOIN roster.user u ON u.account = a.id
    WHERE u.role = 'owner' OR EXISTS (
        SELECT 1 FROM roster.subscription s JOIN roster.category c
        ON c.id = s.category WHERE s.account = u.account AND s.user = u.id
        AND c.slug = :category);
    CREATE INDEX alias_by_address ON alias (address);"""
MAP = """\
dbpath = {path}
domain = {domain}
query = SELECT goto FROM alias WHERE address = '%s'
"""


class BenchPostfix(postfix.Postfix):
    """Listeners by {name: milter, or the alias map's configuration}."""

    def __init__(self, folder, sink, milters, alias):
        super().__init__(folder, sink, main={
            "virtual_alias_expansion_limit": "30000"})
        self.listeners = {
            name: ("127.0.0.1", f"smtpd_milters={milter}"
                   + (" cleanup_service_name=alias" if name == "alias" else ""))
            for name, milter in milters.items()}
        self.services = postfix.MASTER + (
            "alias unix n - n - 0 cleanup\n"
            f"  -o virtual_alias_maps=sqlite:{alias}\n")


def as_postfix_writes(where):
    kind, _, rest = where.partition(":")
    if kind == "unix":
        return where
    port, _, host = rest.partition("@")
    return f"inet:{host}:{port}"


class Relay:
    """CELLS: (fan-out, subject) of scenarios.py; ROSTER: its folder and
    users."""

    def __init__(self, machine, cells, roster):
        self.machine, (self.roster, self.users) = machine, roster
        self.rounds = {cell: [] for cell in cells}
        self.milters, self.postfix, self.sink = {}, None, None

    # Preparation

    def start(self):
        port = subjects.free_port()
        self.sink = subprocess.Popen(
            ["smtp-sink", "-u", rosters.USER, f"127.0.0.1:{port}", "100"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        listeners = {}
        for fan_out, subject in self.rounds:
            listeners[self._listener(fan_out, subject)] = (
                as_postfix_writes(self._milter(fan_out, subject).where)
                if subject not in ("none", "alias") else "")
        self.postfix = BenchPostfix(
            os.path.join(self.machine.memory, "mta"), port, listeners,
            self._aliases())
        os.mkdir(self.postfix.folder)
        self.postfix.start()
        return self

    def stop(self):
        if self.postfix is not None:
            self.postfix.stop()
        for milter in self.milters.values():
            milter.stop()
        if self.sink is not None:
            self.sink.kill()
            self.sink.wait()

    @staticmethod
    def _listener(fan_out, subject):
        return f"{subject}{fan_out}" if subject[0] == "c" else subject

    def _milter(self, fan_out, subject):
        name = self._listener(fan_out, subject)
        if name in self.milters:
            return self.milters[name]
        folder = self.machine.milters()
        where = (f"unix:{folder}/mta-{name}.sock" if "tcp" not in subject else
                 f"inet:{subjects.free_port()}@127.0.0.1")
        if subject == "b":
            one = subjects.rival(f"mta-{name}", folder, where)
        elif subject[0] == "c":
            one = subjects.rival(f"mta-{name}", folder, where,
                                 adds=FAN_OUTS[fan_out][1], deletes=1)
        else:
            one = subjects.notify_milter(f"mta-{name}", folder, where,
                                         f"{self.roster}/roster.db")
        self.milters[name] = one.start()
        return one

    def _aliases(self):
        """The alias map; its configuration."""
        path = os.path.join(self.machine.work, "aliases.db")
        if any(subject == "alias" for _, subject in self.rounds):
            db = sqlite3.connect(path)
            db.execute("ATTACH ? AS roster", (f"{self.roster}/roster.db",))
            for statement in ALIASES.split(";")[:-1]:
                db.execute(statement, {
                    name: value for name, value in
                    (("domain", rosters.ACCOUNTS),
                     ("category", rosters.CATEGORY)) if f":{name}" in statement})
            db.commit()
            db.close()
        configuration = path + ".cf"
        with open(configuration, "w") as out:
            out.write(MAP.format(path=path, domain=rosters.ACCOUNTS))
        return configuration

    # One session

    def _session(self, cell, *more):
        fan_out, subject = cell
        letter, _, tagged = FAN_OUTS[fan_out]
        host, port = self.postfix.addresses[self._listener(*cell)]
        words = [program("loadgen"), "-s", f"smtp:inet:{port}@{host}",
                 "-c", "1",
                 "-v", str(rosters.accounts(self.users)[letter]),
                 "-r", f"{letter}%@{rosters.ACCOUNTS}", *more]
        for header in HEADERS + ((TAG,) if tagged else ()):
            words += ["-H", header]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"Postfix with {subject}, {fan_out}: "
                               f"{done.stderr.strip()}")
        began = time.monotonic()
        self.postfix.settle(SETTLE)
        result = json.loads(done.stdout)
        messages = result["messages"]
        return {"ms": result["seconds"] * 1000 / messages,
                "p50": result["latency_ms"]["p50"],
                "p99": result["latency_ms"]["p99"],
                "messages": messages,
                "settled_s": time.monotonic() - began}

    # Before: verify that everybody gets it

    def verify(self):
        say("does everything that goes through Postfix reach the same people?")
        for cell in self.rounds:
            self._verify(cell)

    def _verify(self, cell):
        fan_out, subject = cell
        letter, count, tagged = FAN_OUTS[fan_out]
        mark = len(self.postfix.text())
        self._session(cell, "-n", "1", "-x", str(SEED))
        # The log is written by a process of its own.
        want = count if MTA_SUBJECTS[subject][1] and tagged else 1
        deadline = time.monotonic() + SETTLE
        found = []
        while len(found) < want and time.monotonic() < deadline:
            found = [address for _, address in DELIVERED.findall(
                self.postfix.text()[mark:])]
            time.sleep(0.05)
        if len(found) != len(set(found)) or len(found) != want:
            raise RuntimeError(f"Postfix with {subject}, {fan_out}: "
                               f"{len(found)} copies to {len(set(found))}, "
                               f"expected {want}")
        if want == 1 or subject[0] == "c":
            return
        number = re.search(r"@[a-z](\d+)\.", found[0])[1]
        people = {rosters.address(letter, number, user)
                  for user in rosters.entitled(letter)}
        if set(found) != people:
            raise RuntimeError(f"Postfix with {subject}, {fan_out}: "
                               "not to the people of the account")

    # Rounds

    def measure(self, count, seconds, few):
        """COUNT rounds of SECONDS each, or of as many messages as FEW says
        for slow ones."""
        order = list(self.rounds)
        for i in range(count):
            say(f"through Postfix, round {i + 1} of {count}")
            for cell in order if i % 2 == 0 else reversed(order):
                messages = few.get(cell[0])
                how = (["-n", str(messages)] if messages
                       else ["-t", str(seconds)])
                self.rounds[cell].append(
                    self._session(cell, *how, "-x", str(SEED + i)))
