# SPDX-License-Identifier: BSD-2-Clause
"""bench - all measurements, in mounts of their own if possible"""
import os
import signal
import sys
import time

import chart
import figures
import machine
import report
import rosters
import scenarios
import shared
import subjects
from machine import BUILD, say
from relay import Relay
from protocol import Protocol
from report import Spread, ratio, spread
from scenarios import FAN_OUTS, MTA_SUBJECTS, SCENARIOS, SUBJECTS

CALLS = 2500    # changes of the messages whose system calls are counted


class Plan:
    """How long and how often to measure."""

    def __init__(self, quick):
        self.quick = quick
        self.command = "make bench-quick" if quick else "make bench"
        self.users = scenarios.QUICK if quick else scenarios.FULL
        self.seconds, self.rounds = (0.25, 7) if quick else (0.5, 15)
        self.mta_seconds, self.mta_rounds = 0.7, 9
        self.mta_messages = {"1000": 5, "10000": 1}
        self.idle = (0, 200) if quick else (0, 200, 1000)
        self.times = 5 if quick else 20


class Bench:
    def __init__(self, work, apart, quick):
        self.plan = Plan(quick)
        self.machine = machine.Machine(work, apart)
        self.began = time.monotonic()
        self.rounds = {}        # {cell: [{measure: figure}]}
        self.calls = {}         # {cell: system calls a message}
        self.shares = {}        # the same, of a roster in PostgreSQL
        self.excuse = None
        self.singles = {}       # {what: (Spread, unit, remark)}

    def run(self):
        self.rosters()
        self.memory_and_start()
        self.protocol()
        if not self.plan.quick:
            self.shared()
            self.through_postfix()
            self.tools()
        if self.machine.stop() == 0:
            raise RuntimeError("nothing was logged")
        self.tell()

    # Parts

    def rosters(self):
        self.folders = {}
        for name, users in self.plan.users.items():
            fresh = name == "main" and not self.plan.quick
            folder, made = rosters.have(self.machine.rosters, users, fresh)
            self.folders[name] = (folder, users)
            if users >= 1000000:
                remark = "" if fresh else f"of {made['when']}, "
                self.single(f"import of {users:,} users", [made["import_s"]],
                            "s", f"{remark}{made['import_mb']:.0f} MB "
                            f"of memory, {made['file_mb']:.0f} MB of file")

    def single(self, what, values, unit, remark=""):
        self.singles[what] = (Spread(values), unit, remark)

    def memory_and_start(self):
        say("memory and start")
        folder, users = self.folders["main"]
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
                self.single(f"resident, {count:,} idle connections, "
                            f"main roster{who}", [size], "MB")
        self.single("start, until ready",
                    figures.ready(self.machine, database, 10).values, "ms")

    def protocol(self):
        one = Protocol(self.machine, scenarios.cells(self.plan.quick),
                       self.folders)
        try:
            one.start()
            one.verify()
            one.measure(self.plan.seconds, self.plan.rounds)
            if not self.plan.quick:
                say("system calls")
                for cell in one.rounds:
                    if cell[3:] == ("unix", 8):
                        count = CALLS // max(SCENARIOS[cell[0]].adds, 5)
                        self.calls[cell] = figures.system_calls(
                            one.milter(cell), one.command(
                                cell, "-n", str(count), "-x", "1",
                                connections=1), count)
        finally:
            one.stop()
        self.rounds.update(one.rounds)

    def shared(self):
        self.excuse = shared.missing()
        if self.excuse:
            return
        one = shared.Shared(self.machine, self.folders["medium"])
        try:
            one.start()
            self.single(f"import of {one.users:,} users, PostgreSQL",
                        [one.imported], "s")
            one.verify()
            one.measure(self.plan.seconds, self.plan.rounds)
        finally:
            one.stop()
        self.shares = one.rounds

    def through_postfix(self):
        one = Relay(self.machine, scenarios.mta_cells(), self.folders["main"])
        try:
            one.start()
            one.verify()
            one.measure(self.plan.mta_rounds, self.plan.mta_seconds,
                        self.plan.mta_messages)
        finally:
            one.stop()
        self.rounds.update(one.rounds)

    def tools(self):
        say("notifyctl and notify-telegram")
        folder, users = self.folders["big"]
        for what, got in figures.ask(folder, users, self.plan.times).items():
            self.single(f"{what}, big roster", got.values, "ms")
        for kind in ("attachment", "html"):
            got, memory = figures.chat_text(
                self.machine, self.folders["small"][0], kind, self.plan.times)
            self.single("notify-telegram, a message of 20 MB: " + (
                "a text and an attachment" if kind == "attachment"
                else "one long HTML"), got.values, "ms",
                f"{memory:.0f} MB of memory")

    # Report

    def tell(self):
        plan, out = self.plan, report.Report()
        out.text(f"`{plan.command}`, {time.strftime('%Y-%m-%d')}, "
                 f"{machine.version()}, on {machine.describe()}. It took "
                 f"{time.monotonic() - self.began:.0f} s.")
        out.text(
            f"A figure is the median of {plan.rounds} rounds of {plan.seconds} "
            "s each, with the least and the most; a ratio is formed within "
            "each round. The milters take turns within a round. Rosters: "
            + ", ".join(f"{name} {users:,} users"
                        for name, users in plan.users.items())
            + f". Lines to syslog: {self.machine.syslog()}"
            + ("." if plan.quick else
               f"; Postfix's queue: {self.machine.queue()}, "
               f"{plan.mta_rounds} rounds."))
        out.title("What it must reach")
        out.table(["", "wanted", "got", "met"], self.wanted())
        out.title("At the milter protocol")
        out.table(["message", "over", "milter", "messages/s", "p50, ms",
                   "p99, ms", "CPU, µs", "system calls"],
                  [self.protocol_row(cell) for cell in self.rounds
                   if len(cell) == 5])
        if self.excuse:
            out.text(f"PostgreSQL was not measured: {self.excuse}.")
        if self.shares:
            out.title("A roster in PostgreSQL, medium, and "
                      f"{scenarios.SHARED_CONNECTIONS} connections of the MTA")
            out.table(["message", "roster in", "milters", "messages/s",
                       "p50, ms", "p99, ms", "milters' CPU, µs",
                       "server's CPU, µs"],
                      [self.shared_row(cell) for cell in self.shares])
        if not plan.quick:
            out.title("Through Postfix, one session")
            out.table(["message", "", "ms a message", "p50, ms", "p99, ms"],
                      [self.mta_row(cell) for cell in self.rounds
                       if len(cell) == 2])
        out.title("Memory, start and tools")
        out.table(["", "got", "", ""], [
            [what, f"{got:.1f}", unit, remark]
            for what, (got, unit, remark) in self.singles.items()])
        print(out.write(os.path.join(BUILD, "bench.md")), end="")
        report.write_figures({
            "rounds": [{"cell": cell, "rounds": values}
                       for cell, values in (*self.rounds.items(),
                                            *self.shares.items())],
            "system_calls": [{"cell": cell, "calls": calls}
                             for cell, calls in self.calls.items()],
            "singles": {what: got.values
                        for what, (got, _, _) in self.singles.items()}})
        if not plan.quick:
            chart.draw(os.path.join(BUILD, "bench.svg"), self.machine.work,
                       self.rounds)

    def wanted(self):
        rows = []
        for what, sign, limit, measure, one, other in scenarios.WANTED:
            if one in self.rounds and other in self.rounds:
                got = ratio(self.rounds, measure, one, other)
                met = (got.median >= limit if sign == ">="
                       else got.median <= limit)
                rows.append([what, {">=": "at least", "<=": "at most"}[sign]
                             + f" {limit}", f"{got:.3f}",
                             "yes" if met else "**no**"])
        for what, limit, unit in scenarios.LIMITS:
            if what in self.singles:
                got = self.singles[what][0]
                rows.append([what, f"at most {limit} {unit}", f"{got:.1f}",
                             "yes" if got.median <= limit else "**no**"])
        for table, rounds in ((scenarios.TOLD, self.rounds),
                              (scenarios.SHARED_TOLD, self.shares)):
            for what, measure, one, other in table:
                if one in rounds and other in rounds:
                    got = ratio(rounds, measure, one, other)
                    rows.append([what, "", f"{got:.3f}", ""])
        return rows

    def protocol_row(self, cell):
        scenario, subject, roster, transport, connections = cell
        rounds, calls = self.rounds[cell], self.calls.get(cell)
        title = SUBJECTS[subject][0]
        if roster:
            title += f", {self.plan.users[roster]:,} users"
        return [SCENARIOS[scenario].title,
                f"{'UNIX' if transport == 'unix' else 'TCP'}, {connections}",
                title, f"{spread(rounds, 'per_second'):.0f}",
                f"{spread(rounds, 'p50'):.3f}", f"{spread(rounds, 'p99'):.3f}",
                f"{spread(rounds, 'cpu_us'):.0f}",
                "" if calls is None else f"{calls:.0f}"]

    def shared_row(self, cell):
        scenario, way, milters = cell
        rounds = self.shares[cell]
        return [SCENARIOS[scenario].title, scenarios.WAYS[way], milters,
                f"{spread(rounds, 'per_second'):.0f}",
                f"{spread(rounds, 'p50'):.3f}", f"{spread(rounds, 'p99'):.3f}",
                f"{spread(rounds, 'cpu_us'):.0f}",
                "" if way == "sqlite" else f"{spread(rounds, 'server_us'):.0f}"]

    def mta_row(self, cell):
        fan_out, subject = cell
        _, count, tagged = FAN_OUTS[fan_out]
        rounds = self.rounds[cell]
        return [f"expanding to {count:,}" if tagged else fan_out,
                MTA_SUBJECTS[subject][0], f"{spread(rounds, 'ms'):.2f}",
                f"{spread(rounds, 'p50'):.2f}", f"{spread(rounds, 'p99'):.2f}"]


def stop(number, _):
    sys.exit(128 + number)


def main(arguments):
    how, work, *quick = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    bench = Bench(work, how == "--private", bool(quick))
    try:
        bench.run()
    except RuntimeError as error:
        print(f"bench: could not measure: {error}", file=sys.stderr)
        return 1
    finally:
        bench.machine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
