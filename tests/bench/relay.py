# SPDX-License-Identifier: BSD-2-Clause
"""relay - through a real Postfix: sessions of clients, message after message

One private Postfix has a listener for each milter, and one for an alias map
that does the same. Where there is neither, the client gives the recipients
itself. A round lasts until all is delivered.
"""
import json
import os
import re
import sqlite3
import subprocess
import time

import rosters
import subjects
from machine import program, say
from mailserver import BenchPostfix, Sink
from scenarios import FAN_OUTS, HEADERS, MTA_SUBJECTS, PLACES, TAG
from usage import spent

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


def alias_map(machine, roster):
    """Make the alias map of ROSTER, unless it is there; its configuration."""
    path = os.path.join(machine.work, "aliases.db")
    configuration = path + ".cf"
    if os.path.exists(configuration):
        return configuration
    say("an alias map of the same people")
    db = sqlite3.connect(path)
    db.execute("ATTACH ? AS roster", (f"{roster}/roster.db",))
    for statement in ALIASES.split(";")[:-1]:
        db.execute(statement, {
            name: value for name, value in
            (("domain", rosters.ACCOUNTS), ("category", rosters.CATEGORY))
            if f":{name}" in statement})
    db.commit()
    db.close()
    with open(configuration, "w") as out:
        out.write(MAP.format(path=path, domain=rosters.ACCOUNTS))
    return configuration


class Relay:
    """CELLS: (place, fan-out, subject) of scenarios.py, of one place; ROSTER:
    its folder and users; FOLDER is where Postfix is, with its queue."""

    def __init__(self, machine, cells, roster, folder):
        self.machine, (self.roster, self.users) = machine, roster
        self.folder = folder
        self.place = cells[0][0]
        self.rounds = {cell: [] for cell in cells}
        self.milters, self.postfix, self.sink = {}, None, None

    # Preparation

    def start(self):
        self.sink = Sink().start()
        listeners = {
            self._listener(cell): self._milter(cell) for cell in self.rounds}
        self.postfix = BenchPostfix(
            os.path.join(self.folder, "mta"), self.sink,
            {name: one and one.where for name, one in listeners.items()},
            alias_map(self.machine, self.roster)).start()
        return self

    def stop(self):
        if self.postfix is not None:
            self.postfix.stop()
        for milter in self.milters.values():
            milter.stop()
        if self.sink is not None:
            self.sink.stop()

    @staticmethod
    def _listener(cell):
        """The milters with constants differ between fan-outs."""
        _, fan_out, subject = cell
        return subject + fan_out if MTA_SUBJECTS[subject].constant else subject

    def _milter(self, cell):
        """The milter of a cell, started; None if it has none."""
        _, fan_out, subject = cell
        name = self._listener(cell)
        if subject in ("none", "alias"):
            return None
        if name in self.milters:
            return self.milters[name]
        folder = self.machine.milters()
        where = (f"unix:{folder}/mta-{name}.sock" if "tcp" not in subject else
                 f"inet:{subjects.free_port()}@127.0.0.1")
        if MTA_SUBJECTS[subject].constant:
            count = FAN_OUTS[fan_out].count
            one = subjects.rival(f"mta-{name}", folder, where, adds=count,
                                 deletes=1, equal=subject == "equal")
        elif subject == "b":
            one = subjects.rival(f"mta-{name}", folder, where)
        else:
            one = subjects.notify_milter(f"mta-{name}", folder, where,
                                         f"{self.roster}/roster.db")
        self.milters[name] = one.start()
        return one

    # A load

    def _recipients(self, cell):
        _, fan_out, subject = cell
        letter, _, tagged = FAN_OUTS[fan_out]
        if not tagged:
            return [rosters.address(letter, "%", 1)]
        if subject == "none":
            return [rosters.address(letter, "%", user)
                    for user in rosters.entitled(letter)]
        return [f"{letter}%@{rosters.ACCOUNTS}"]

    def _load(self, cell, sessions, *more):
        _, fan_out, _ = cell
        letter, _, tagged = FAN_OUTS[fan_out]
        host, port = self.postfix.addresses[self._listener(cell)]
        words = [program("loadgen"), "-s", f"smtp:inet:{port}@{host}", "-c",
                 str(sessions), "-v",
                 str(rosters.accounts(self.users)[letter]), *more]
        for recipient in self._recipients(cell):
            words += ["-r", recipient]
        for header in HEADERS + ((TAG,) if tagged else ()):
            words += ["-H", header]
        before, began = self._spent(cell), time.monotonic()
        done = subprocess.run(words, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=SETTLE)
        if done.returncode != 0:
            raise RuntimeError(f"Postfix with {self._listener(cell)}, "
                               f"{fan_out}: {done.stderr.strip()}")
        self.postfix.settle(SETTLE)
        seconds = time.monotonic() - began
        result = json.loads(done.stdout)
        messages = result["messages"]
        return {"ms": result["seconds"] * 1000 / messages,
                "p50": result["latency_ms"]["p50"],
                "p99": result["latency_ms"]["p99"],
                "messages": messages,
                "per_second": messages / seconds,
                "cpu_ms": (self._spent(cell) - before) * 1000 / messages}

    def _spent(self, cell):
        """Seconds of processor time of Postfix, with its deliveries, and of
        the milter."""
        milter = self.milters.get(self._listener(cell))
        used = spent(self.postfix.process.pid)
        return used + milter.cpu() if milter else used

    # Before: verify that everybody gets it

    def verify(self):
        say("does everything that goes through Postfix reach the same people?")
        for cell in self.rounds:
            self._verify(cell)

    def _verify(self, cell):
        _, fan_out, subject = cell
        letter, count, tagged = FAN_OUTS[fan_out]
        mark = len(self.postfix.text())
        self._load(cell, 1, "-n", "1", "-x", str(SEED))
        # The log is written by a process of its own.
        want = count if tagged else 1
        deadline = time.monotonic() + SETTLE
        found = []
        while len(found) < want and time.monotonic() < deadline:
            found = [address for _, address in DELIVERED.findall(
                self.postfix.text()[mark:])]
            time.sleep(0.05)
        what = f"Postfix with {self._listener(cell)}, {fan_out}"
        if len(found) != len(set(found)) or len(found) != want:
            raise RuntimeError(f"{what}: {len(found)} copies to "
                               f"{len(set(found))}, expected {want}")
        if not tagged or MTA_SUBJECTS[subject].constant:
            return
        number = re.search(r"@[a-z](\d+)\.", found[0])[1]
        people = {rosters.address(letter, number, user)
                  for user in rosters.entitled(letter)}
        if set(found) != people:
            raise RuntimeError(f"{what}: not to the people of the account")

    # Rounds

    def measure(self, count, seconds):
        """COUNT rounds of SECONDS each, or of as many messages as the fan-out
        says if they are slow."""
        sessions = PLACES[self.place].sessions
        order = list(self.rounds)
        for i in range(count):
            say(f"{PLACES[self.place].title}, round {i + 1} of {count}")
            for cell in order if i % 2 == 0 else reversed(order):
                few = PLACES[self.place].messages.get(cell[1])
                how = ["-n", str(few)] if few else ["-t", str(seconds)]
                self.rounds[cell].append(
                    self._load(cell, sessions, *how, "-x", str(SEED + i)))
