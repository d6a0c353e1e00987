# SPDX-License-Identifier: BSD-2-Clause
"""bench - all measurements, in mounts of their own if possible"""
import os
import signal
import sys
import time

import chart
import crowd
import disk
import figures
import machine
import removal
import rosters
import scenarios
import shared
import subjects
from machine import BUILD, say
from relay import Relay
from results import Results
from protocol import Protocol
from scenarios import PLACES, SCENARIOS
from tables import Tables


class Plan:
    """How long and how often to measure."""

    def __init__(self, quick):
        self.quick = quick
        self.command = "make bench-quick" if quick else "make bench"
        self.users = scenarios.QUICK if quick else scenarios.FULL
        self.seconds, self.rounds = (0.25, 5) if quick else (0.5, 9)
        self.disk_seconds, self.disk_rounds = (0.4, 5) if quick else (1, 9)
        self.mta_seconds, self.mta_rounds = (0.4, 3) if quick else (0.7, 7)
        self.idle = (0, 200) if quick else (0, 200, 1000)
        self.times = 5 if quick else 20
        self.crowd_rounds = 1 if quick else 3
        self.removed = (0, 100) if quick else removal.REMOVED


class Bench:
    def __init__(self, work, apart, quick, resume):
        self.plan = Plan(quick)
        self.machine = machine.Machine(work, apart)
        self.results = Results([machine.version(), self.plan.command])
        if resume:
            say("going on after " + ", ".join(self.results.parts)
                if self.results.resume() else
                "nothing of these programs was measured: from the beginning")
        self.folders = {}

    def run(self, parts):
        """PARTS, or else those that are usual."""
        usual = QUICK if self.plan.quick else tuple(PARTS)
        for number, name in enumerate(parts or usual):
            if name in self.results.parts:
                continue
            say(f"part {number + 1} of {len(parts or usual)}: {name}")
            began = time.monotonic()
            PARTS[name](self)
            self.results.parts[name] = time.monotonic() - began
            self.results.save()
        lines = self.machine.stop()
        if lines == 0 and "protocol" in (parts or usual):
            raise RuntimeError("nothing was logged")
        self.tell()

    def roster(self, name):
        """Directory and number of users of a roster. The main one is made in
        this run, to measure the import."""
        if name in self.folders:
            return self.folders[name]
        users = self.plan.users[name]
        what = f"import of {users:,} users"
        fresh = (name == "main" and not self.plan.quick
                 and what not in self.results.figures)
        folder, made = rosters.have(self.machine.rosters, users, fresh)
        self.folders[name] = folder, users
        if users >= 1000000 and what not in self.results.figures:
            remark = "" if fresh else f"of {made['when']}, "
            self.results.single(what, [made["import_s"]], "s", f"{remark}"
                                f"{made['import_mb']:.0f} MB of memory, "
                                f"{made['file_mb']:.0f} MB of file")
        return self.folders[name]

    # Parts

    def disk(self):
        """Through Postfix, as a relay has it."""
        self.results.notes["disk"] = disk.describe(self.machine.disk,
                                                   PLACES["disk"].sessions)
        say(self.results.notes["disk"])
        self._relay("disk", self.machine.disk, self.plan.disk_rounds,
                    self.plan.disk_seconds)

    def mta(self):
        """Through Postfix, where no disk hides the cost of a milter."""
        self.results.notes["memory"] = self.machine.memory_place()
        self._relay("memory", self.machine.memory, self.plan.mta_rounds,
                    self.plan.mta_seconds)

    def _relay(self, place, folder, rounds, seconds):
        one = Relay(self.machine, scenarios.mta_cells(place, self.plan.quick),
                    self.roster("main"), folder)
        try:
            one.start()
            one.verify()
            one.measure(rounds, seconds)
        finally:
            one.stop()
        self.results.rounds.update(one.rounds)

    def protocol(self):
        one = Protocol(self.machine, scenarios.cells(self.plan.quick),
                       {name: self.roster(name) for name in self.plan.users})
        try:
            one.start()
            one.verify()
            one.measure(self.plan.seconds, self.plan.rounds)
        finally:
            one.stop()
        self.results.rounds.update(one.rounds)

    def counts(self):
        """Instructions and system calls."""
        cells = filter(scenarios.counted, scenarios.cells(self.plan.quick))
        one = Protocol(self.machine, cells, {"main": self.roster("main")})
        try:
            one.start()
            self.results.counts.update(one.count())
        finally:
            one.stop()

    def start(self):
        """Memory, and the time to start."""
        folder, users = self.roster("main")
        database = f"{folder}/roster.db"
        load = ["-v", str(rosters.accounts(users)["a"]), "-x", "1"]
        for word in SCENARIOS["5"].recipients:
            load += ["-r", word]
        for word in SCENARIOS["5"].headers:
            load += ["-H", word]
        for who, make in (
                ("", lambda *a: subjects.notify_milter(*a, database)),
                (" (c)", lambda *a: subjects.rival(*a, adds=5, deletes=1))):
            for count, size in figures.resident(self.machine, make, load,
                                                self.plan.idle).items():
                self.results.single(f"resident, {count:,} idle connections, "
                                    f"main roster{who}", [size], "MB")
        self.results.single("start, until ready", figures.ready(
            self.machine, database, 10).values, "ms")

    def crowd(self):
        """Large accounts."""
        one = crowd.Crowd(self.machine, self.roster(
            "main" if self.plan.quick else "big"))
        one.measure(self.plan.crowd_rounds)
        self.results.crowds.update(one.rounds)

    def removal(self):
        """What removing recipients costs Postfix."""
        self.results.curve = list(removal.curve(self.machine,
                                                self.plan.removed))

    def postgresql(self):
        missing = shared.missing()
        if missing:
            self.results.notes["postgresql"] = (
                f"PostgreSQL was not measured: {missing}.")
            return
        one = shared.Shared(self.machine, self.roster(
            "main" if self.plan.quick else "medium"))
        try:
            one.start()
            self.results.single(f"import of {one.users:,} users, PostgreSQL",
                                [one.imported], "s")
            one.verify()
            one.measure(self.plan.seconds, self.plan.rounds)
        finally:
            one.stop()
        self.results.shares.update(one.rounds)

    def tools(self):
        """notifyctl and notify-telegram."""
        folder, users = self.roster("main" if self.plan.quick else "big")
        for what, got in figures.ask(folder, users, self.plan.times).items():
            self.results.single(f"{what}, big roster", got.values, "ms")
        for kind in ("attachment", "html"):
            got, memory = figures.chat_text(
                self.machine, self.roster("small")[0], kind, self.plan.times)
            self.results.single("notify-telegram, a message of 20 MB: " + (
                "a text and an attachment" if kind == "attachment"
                else "one long HTML"), got.values, "ms",
                f"{memory:.0f} MB of memory")

    # Report

    def tell(self):
        plan, parts = self.plan, self.results.parts
        introduction = [
            f"`{plan.command}`, {time.strftime('%Y-%m-%d')}, "
            f"{machine.version()}, on {machine.describe()}. It took "
            f"{sum(parts.values()):.0f} s: " + ", ".join(
                f"{name} {seconds:.0f}" for name, seconds in parts.items())
            + ".",
            f"A figure is the median of {plan.rounds} rounds of {plan.seconds} "
            f"s each ({plan.disk_rounds} on the disk), with the least and the "
            "most; a ratio is formed within each round. The milters take turns "
            "within a round. Rosters: "
            + ", ".join(f"{name} {users:,} users"
                        for name, users in plan.users.items())
            + f". Lines to syslog: {self.machine.syslog()}."]
        print(Tables(self.results, plan.users).write(
            os.path.join(BUILD, "bench.md"), introduction), end="")
        if not plan.quick and "protocol" in parts and "disk" in parts:
            chart.draw(os.path.join(BUILD, "bench.svg"), self.machine.work,
                       self.results.rounds)


# In this order, what a user wants first.
PARTS = {"disk": Bench.disk, "protocol": Bench.protocol, "start": Bench.start,
         "counts": Bench.counts, "crowd": Bench.crowd,
         "removal": Bench.removal, "mta": Bench.mta,
         "postgresql": Bench.postgresql, "tools": Bench.tools}
QUICK = ("disk", "protocol", "start")


def stop(number, _):
    sys.exit(128 + number)


def main(arguments):
    how, work, *more = arguments
    parts = [word for word in more if not word.startswith("--")]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    bench = Bench(work, how == "--private", "--quick" in more,
                  "--resume" in more)
    try:
        bench.run(parts)
    except RuntimeError as error:
        print(f"bench: could not measure: {error}; after that, "
              "tests/bench/run --resume goes on", file=sys.stderr)
        return 1
    finally:
        bench.machine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
