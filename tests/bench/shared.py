# SPDX-License-Identifier: BSD-2-Clause
"""shared - a roster in PostgreSQL beside one in SQLite, and many milters on it

One server, on this machine too; the MTA's connections, as many in every cell,
are spread over the milters of a cell, each a process of its own.
"""
import json
import os
import subprocess

import rosters
import subjects
from machine import program, say
from pgserver import Server, postgresql
from scenarios import SCENARIOS, SHARED, SHARED_CONNECTIONS

SAMPLE = 40
SEED = 2025
MILTERS = 4


def missing():
    """Why this cannot be measured here, or None."""
    return (None if postgresql.installation()
            else "no PostgreSQL server's programs")


class Shared:
    """ROSTER: directory and number of users of the SQLite one."""

    def __init__(self, machine, roster):
        self.machine, (self.roster, self.users) = machine, roster
        self.rounds = {cell: [] for cell in SHARED}
        self.server, self.milters = Server(), {}
        self.imported = None

    def start(self):
        self.server.start()
        self._fill()
        folder = self.machine.milters()
        for way, url in (("sqlite", f"{self.roster}/roster.db"),
                         ("unix", self.server.url()),
                         ("tcp", self.server.url(tcp=True))):
            self.milters[way] = []
            for i in range(MILTERS if way == "unix" else 1):
                name = f"shared-{way}-{i}"
                self.milters[way].append(subjects.notify_milter(
                    name, folder, f"unix:{folder}/{name}.sock", url).start())
        return self

    def stop(self):
        for some in self.milters.values():
            for one in some:
                one.stop()
        self.server.stop()

    def _fill(self):
        say(f"a roster of {self.users:,} users in PostgreSQL")
        folder = os.path.join(self.machine.work, "shared")
        os.mkdir(folder)
        rows = os.path.join(folder, "rows.csv")
        rosters.write(rows, self.users)
        conf = os.path.join(folder, "notify-milter.conf")
        with open(conf, "w") as out:
            out.write(rosters.settings(self.server.url(),
                                       f"unix:{folder}/socket", folder))
        rosters.run([program("notifyctl"), "-c", conf, "init"])
        self.imported, _ = rosters.run(
            [program("notifyctl"), "-c", conf, "import", rows])
        os.unlink(rows)
        self.server.settle()

    # Loads

    def _command(self, cell, milter, connections, *more):
        one = SCENARIOS[cell[0]]
        words = [program("loadgen"), "-s", milter.where, "-c",
                 str(connections), "-v",
                 str(rosters.accounts(self.users)[one.letter]), *more]
        for recipient in one.recipients:
            words += ["-r", recipient]
        for header in one.headers:
            words += ["-H", header]
        return words

    def _load(self, cell, *more):
        """The output of the load generators of CELL, one for each milter."""
        _, way, count = cell
        running = [subprocess.Popen(
            self._command(cell, milter, SHARED_CONNECTIONS // count, *more),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            for milter in self.milters[way][:count]]
        said = [one.communicate(timeout=120)[0] for one in running]
        if any(one.returncode for one in running):
            raise RuntimeError(f"loadgen with {cell}: {said}")
        return [json.loads(text) for text in said]

    def verify(self):
        """Each milter makes exactly the changes of the contract."""
        say("do milters on PostgreSQL make the same changes?")
        record = os.path.join(self.machine.work, "changes")
        for cell in self.rounds:
            scenario = SCENARIOS[cell[0]]
            for milter in self.milters[cell[1]][:cell[2]]:
                subprocess.run(
                    self._command(cell, milter, 1, "-n", str(SAMPLE), "-x",
                                  str(SEED), "-o", record),
                    check=True, stdout=subprocess.DEVNULL, timeout=120)
                with open(record) as file:
                    for line in file:
                        _, number, answer, *changes = line.split()
                        want = sorted(scenario.changes(int(number)))
                        if (answer not in ("continue", "accept")
                                or sorted(changes) != want):
                            raise RuntimeError(
                                f"{cell}, account {number}: {answer}, "
                                f"{' '.join(changes)[:400]}")

    # Rounds

    def measure(self, seconds, count):
        order = list(self.rounds)
        for i in range(count):
            say(f"PostgreSQL, round {i + 1} of {count}")
            for cell in order if i % 2 == 0 else reversed(order):
                self.rounds[cell].append(self._round(cell, seconds, SEED + i))

    def _round(self, cell, seconds, seed):
        some = self.milters[cell[1]][:cell[2]]
        before = sum(one.cpu() for one in some), self.server.spent()
        said = self._load(cell, "-t", str(seconds), "-x", str(seed))
        messages = sum(one["messages"] for one in said)
        if messages == 0 or any(one["answers"]["tempfail"] for one in said):
            raise RuntimeError(f"{cell}: {said}")
        return {
            "per_second": sum(one["per_second"] for one in said),
            "p50": max(one["latency_ms"]["p50"] for one in said),
            "p99": max(one["latency_ms"]["p99"] for one in said),
            "cpu_us": (sum(one.cpu() for one in some) - before[0])
            * 1e6 / messages,
            "server_us": (self.server.spent() - before[1]) * 1e6 / messages}
