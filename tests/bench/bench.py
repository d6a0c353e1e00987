"""bench - what tests/bench/run runs, in its own mounts if there are any"""
import os
import signal
import sys
import time

import machine
import report
import rosters
import scenarios
from machine import BUILD, say
from protocol import Protocol
from report import ratio, spread
from scenarios import SCENARIOS, SUBJECTS

# (seconds a cell, rounds)
FULL = (0.5, 15)
QUICK = (0.25, 7)


class Bench:
    def __init__(self, work, apart, quick):
        self.quick = quick
        self.machine = machine.Machine(work, apart)
        self.began = time.monotonic()
        self.users = scenarios.QUICK if quick else scenarios.FULL
        self.report = report.Report()
        self.figures = {}

    def run(self):
        folders, self.made = {}, {}
        for name, users in self.users.items():
            folder, self.made[name] = rosters.have(self.machine.rosters, users)
            folders[name] = (folder, users)
        protocol = Protocol(self.machine, scenarios.cells(self.quick), folders)
        try:
            protocol.start()
            protocol.verify()
            protocol.measure(*(QUICK if self.quick else FULL))
        finally:
            protocol.stop()
        lines = self.machine.stop()
        if lines == 0:
            raise RuntimeError("nothing was logged")
        self.tell(protocol.rounds)

    # The report

    def tell(self, rounds):
        out = self.report
        seconds, count = QUICK if self.quick else FULL
        command = "make bench-quick" if self.quick else "make bench"
        out.text(f"`{command}`, {time.strftime('%Y-%m-%d')}, "
                 f"{machine.version()}, on {machine.describe()}.")
        out.text(f"Figures are medians of {count} interleaved rounds of "
                 f"{seconds} s, with the least and the most; a ratio is formed "
                 f"within each round. Lines to syslog: "
                 f"{self.machine.syslog()}. Rosters: "
                 + ", ".join(f"{name} {users:,} users"
                             for name, users in self.users.items())
                 + f". It took {time.monotonic() - self.began:.0f} s.")
        out.title("What it must reach")
        out.table(["ratio", "wanted", "got", "met"], self.wanted(rounds))
        out.title("At the milter protocol")
        out.table(["message", "over", "milter", "messages/s", "p50, ms",
                   "p99, ms", "CPU, µs/message"],
                  list(map(self.cell, rounds, rounds.values())))
        path = os.path.join(BUILD, "bench.md")
        print(out.write(path), end="")
        self.figures["protocol"] = [
            {"cell": cell, "rounds": values}
            for cell, values in rounds.items()]
        report.write_figures(self.figures)

    def wanted(self, rounds):
        rows = []
        for what, sign, limit, measure, one, other in scenarios.WANTED:
            if one in rounds and other in rounds:
                got = ratio(rounds, measure, one, other)
                met = (got.median >= limit if sign == ">="
                       else got.median <= limit)
                rows.append([what, ("at least " if sign == ">=" else
                                    "at most ") + str(limit),
                             f"{got:.3f}", "yes" if met else "NO"])
        for what, measure, one, other in scenarios.TOLD:
            if one in rounds and other in rounds:
                rows.append([what, "", f"{ratio(rounds, measure, one, other):.3f}",
                             ""])
        return rows

    def cell(self, cell, rounds):
        scenario, subject, roster, transport, connections = cell
        title = SUBJECTS[subject][0]
        if roster:
            title += f", {self.users[roster]:,} users"
        over = "UNIX" if transport == "unix" else "TCP"
        return [SCENARIOS[scenario].title, f"{over}, {connections}", title,
                f"{spread(rounds, 'per_second'):.0f}",
                f"{spread(rounds, 'p50'):.3f}", f"{spread(rounds, 'p99'):.3f}",
                f"{spread(rounds, 'cpu_us'):.0f}"]


def stop(number, _):
    sys.exit(128 + number)


def main(arguments):
    how, work, *quick = arguments
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    bench = Bench(work, how == "--private", bool(quick))
    try:
        bench.run()
    finally:
        bench.machine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
