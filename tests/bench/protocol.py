# SPDX-License-Identifier: BSD-2-Clause
"""protocol - rounds of loadgen, each against one milter"""
import json
import os
import subprocess

import rosters
import subjects
from counting import instructions, system_calls
from machine import program, say
from scenarios import SCENARIOS, SUBJECTS, TAG

SAMPLE = 40         # messages that are verified before anything is timed
SEED = 2025
CHANGES = 10000     # of the messages whose work is counted


class Protocol:
    """The cells CELLS of scenarios.py with the milters that they need, on the
    rosters in FOLDERS ({name: (folder, users)})."""

    def __init__(self, machine, cells, folders):
        self.machine, self.folders = machine, folders
        self.milters = {}
        self.rounds = {cell: [] for cell in cells}

    def start(self):
        for cell in self.rounds:
            if self._key(cell) not in self.milters:
                self.milters[self._key(cell)] = self._milter(cell).start()
        return self

    def stop(self):
        for milter in self.milters.values():
            milter.stop()

    @staticmethod
    def _key(cell):
        """The milter of a cell: c is another one in each scenario."""
        scenario, subject, roster, transport, _ = cell
        constant = scenario if subject in ("c", "equal") else None
        return subject, roster, transport, constant

    def milter(self, cell):
        return self.milters[self._key(cell)]

    def _milter(self, cell, role=None):
        """A milter of its own if it has a ROLE besides."""
        scenario, subject, roster, transport, _ = cell
        one = SCENARIOS[scenario]
        name = "-".join(part for part in (*self._key(cell), role) if part)
        folder = self.machine.milters()
        where = (f"unix:{folder}/{name}.sock" if transport == "unix"
                 else f"inet:{subjects.free_port()}@127.0.0.1")
        arguments = {"a": {"away": "nothing"}, "b": {},
                     "b0": {"away": "everything"},
                     "c": {"adds": one.adds, "deletes": one.deletes},
                     "equal": {"adds": one.adds, "deletes": one.deletes,
                               "equal": True}}
        if subject in arguments:
            return subjects.rival(name, folder, where, **arguments[subject])
        database = f"{self.folders[roster][0]}/roster.db"
        if subject == "d":
            return subjects.python(name, folder, where, database)
        if subject == "e":
            return subjects.mimedefang(name, self.machine.memory, where,
                                       database, self.machine.mimedefang)
        return subjects.notify_milter(name, folder, where, database)

    # One run of loadgen

    def _numbers(self, cell):
        """The number of accounts that the messages are spread over."""
        scenario, _, roster, _, _ = cell
        users = self.folders[roster or "main"][1]
        return rosters.accounts(users)[SCENARIOS[scenario].letter]

    def command(self, cell, *more, connections=None, milter=None):
        one = SCENARIOS[cell[0]]
        words = [program("loadgen"), "-s", (milter or self.milter(cell)).where,
                 "-c", str(connections or cell[4]),
                 "-v", str(self._numbers(cell)), *more]
        for recipient in one.recipients:
            words += ["-r", recipient]
        for header in one.headers:
            words += ["-H", header]
        return words

    def load(self, cell, *more, **options):
        """The output of loadgen, as a dictionary."""
        done = subprocess.run(self.command(cell, *more, **options),
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"loadgen with {self.name(cell)}: exit "
                               f"{done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    @staticmethod
    def name(cell):
        scenario, subject, roster, transport, connections = cell
        return (f"{SCENARIOS[scenario].title}: {subject}"
                f"{'@' + roster if roster else ''}, {transport}, {connections}")

    # Before: verify that all make the same changes

    def verify(self):
        """Every milter with the policy must make exactly the changes of the
        contract, every one with constants the same number."""
        say(f"do {len(self.milters)} milters make the same changes?")
        record = os.path.join(self.machine.work, "changes")
        for cell in self.rounds:
            said = self.load(cell, "-n", str(SAMPLE), "-x", str(SEED), "-o",
                             record, connections=1)
            self._verify_header(cell, said["changes"]["headers"])
            with open(record) as file:
                lines = [line.split() for line in file]
            if len(lines) != SAMPLE:
                raise RuntimeError(f"{self.name(cell)}: {len(lines)} messages")
            for line in lines:
                self._verify(cell, *line[1:3], line[3:])

    def _verify_header(self, cell, headers):
        """c' adds a header whenever notify-milter does."""
        tagged = TAG in SCENARIOS[cell[0]].headers
        if cell[1] in ("nm", "equal") and headers != (SAMPLE if tagged else 0):
            raise RuntimeError(f"{self.name(cell)}: {headers} headers in "
                               f"{SAMPLE} messages")

    def _verify(self, cell, number, answer, changes):
        want = SCENARIOS[cell[0]].changes(int(number))
        if SUBJECTS[cell[1]][1]:
            good = sorted(changes) == sorted(want)
        elif cell[1] in ("c", "equal"):
            good = (sorted(change[0] for change in changes)
                    == sorted(change[0] for change in want))
        else:
            good = not changes
        if not good or answer not in ("continue", "accept"):
            raise RuntimeError(f"{self.name(cell)}, account {number}: "
                               f"{answer}, {len(changes)} changes: "
                               f"{' '.join(changes)[:400]}")

    # Rounds

    def measure(self, seconds, count):
        """COUNT rounds of every cell, SECONDS each, every other one in reverse
        order, so that drift affects all alike."""
        order = list(self.rounds)
        for i in range(count):
            say(f"milter protocol, round {i + 1} of {count}")
            for cell in order if i % 2 == 0 else reversed(order):
                self.rounds[cell].append(self._round(cell, seconds, SEED + i))

    def _round(self, cell, seconds, seed):
        milter = self.milter(cell)
        before = milter.cpu()
        result = self.load(cell, "-t", str(seconds), "-x", str(seed))
        messages = result["messages"]
        if messages == 0 or result["answers"]["tempfail"]:
            raise RuntimeError(f"{self.name(cell)}: {result}")
        return {"per_second": result["per_second"],
                "p50": result["latency_ms"]["p50"],
                "p99": result["latency_ms"]["p99"],
                "cpu_us": (milter.cpu() - before) * 1e6 / messages}

    # Counts, which hold on any machine

    def count(self):
        """{cell: (instructions, system calls) a message}, from one connection;
        None for what cannot be counted here."""
        found = {}
        for cell in self.rounds:
            say(f"counting: {self.name(cell)}")
            messages = CHANGES // max(SCENARIOS[cell[0]].adds, 10)
            milter = self._milter(cell, "counted")
            found[cell] = (
                instructions(milter, lambda n: self._counted(cell, n, milter),
                             messages),
                system_calls(self.milter(cell), self._counted(cell, messages),
                             messages))
        return found

    def _counted(self, cell, messages, milter=None):
        return self.command(cell, "-n", str(messages), "-x", str(SEED),
                            connections=1, milter=milter)
