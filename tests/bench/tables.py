# SPDX-License-Identifier: BSD-2-Clause
"""tables - the report: first what a user wants to know, then all figures"""
import textwrap

import removal
import scenarios
from report import Report, ratio, spread
from scenarios import (FAN_OUTS, MTA_SUBJECTS, PLACES, SCENARIOS, SUBJECTS,
                       fan_out_title)

# What the README of this directory has; the rest is in build/bench.md.
DETAILS = "At the milter protocol"
MANY = 1000     # people: below, a page more or less is most of the memory


class Tables:
    """RESULTS in tables; USERS are {roster: users}."""

    def __init__(self, results, users):
        self.results, self.users = results, users
        self.rounds = results.rounds

    def write(self, path, introduction):
        """Write the report to PATH; returns it."""
        out = Report()
        self._cost(out)
        for text in introduction:
            out.text(text)
        self._wanted(out)
        self._removal(out)
        self._crowds(out)
        self._counts(out)
        self._protocol(out)
        self._shares(out)
        self._memory(out)
        self._singles(out)
        self._readme(out)
        return out.write(path)

    # What it costs

    def _cost(self, out):
        cells = [cell for cell in self.rounds if cell[0] == "disk"]
        if not cells:
            return
        out.title("What a message costs through your Postfix")
        out.text(f"{PLACES['disk'].sessions} sessions at once. "
                 + self.results.notes["disk"])
        out.table(["message", "by", "messages/s", "the client waits, ms: p50",
                   "p99", "processor, ms", "messages/s, of no milter's",
                   "of the alias map's"], [self._cost_row(c) for c in cells])
        out.text("Processor: of Postfix, with all deliveries, and of the "
                 "milter. Without milter and map the client gives all "
                 "recipients itself.")

    def _cost_row(self, cell):
        place, fan_out, subject = cell
        rounds = self.rounds[cell]

        def of(other):
            beside = (place, fan_out, other)
            if other == subject or beside not in self.rounds:
                return ""
            return f"{ratio(self.rounds, 'per_second', cell, beside):.2f}"

        return [fan_out_title(fan_out), MTA_SUBJECTS[subject].title,
                f"{spread(rounds, 'per_second'):.0f}",
                f"{spread(rounds, 'p50').median:.2f}",
                f"{spread(rounds, 'p99').median:.2f}",
                f"{spread(rounds, 'cpu_ms'):.2f}", of("none"), of("alias")]

    # Targets

    def _wanted(self, out):
        rows = []
        for what, sign, limit, measure, one, other in scenarios.WANTED:
            if one in self.rounds and other in self.rounds:
                got = ratio(self.rounds, measure, one, other)
                met = (got.median >= limit if sign == ">="
                       else got.median <= limit)
                rows.append([what, {">=": "at least", "<=": "at most"}[sign]
                             + f" {limit}", f"{got:.3f}",
                             "yes" if met else "**no**"])
        singles = self.results.singles()
        for what, limit, unit in scenarios.LIMITS:
            if what in singles:
                got = singles[what][0]
                rows.append([what, f"at most {limit} {unit}", f"{got:.1f}",
                             "yes" if got.median <= limit else "**no**"])
        for table, rounds in ((scenarios.TOLD, self.rounds),
                              (scenarios.SHARED_TOLD, self.results.shares)):
            for what, measure, one, other in table:
                if one in rounds and other in rounds:
                    got = ratio(rounds, measure, one, other)
                    rows.append([what, "", f"{got:.3f}", ""])
        if rows:
            out.title("What it must reach, and where the time goes")
            out.table(["", "wanted", "got", "met"], rows)

    # Size

    def _removal(self, out):
        if not self.results.curve:
            return
        recipients = removal.RECIPIENTS
        out.title("Removing recipients, through cleanup(8)")
        out.text(f"Of {recipients:,} recipients, by a milter that takes no "
                 "time of its own: for each that is removed Postfix reads the "
                 "whole envelope again.")
        out.table(["removed", "the client waits, s", "processor, s",
                   "processor, µs / (removed × recipients)"],
                  [[f"{removed:,}", f"{seconds:.2f}", f"{used:.2f}",
                    f"{used * 1e6 / removed / recipients:.2f}"
                    if removed else ""]
                   for removed, seconds, used in self.results.curve])

    def _crowds(self, out):
        crowds = self.results.crowds
        if not crowds:
            return
        out.title(f"Large accounts, of {max(self.users.values()):,} users")
        out.text("One connection to a fresh milter. The memory is the most "
                 "that it had, less what it had before.")
        rows = []
        for letter, subject in crowds:
            if subject == "nm":
                mine, other = crowds[letter, "nm"], crowds[letter, "equal"]
                rows.append([
                    f"{mine[0]['people']:,}", f"{spread(mine, 'ms'):.1f}",
                    f"{spread(mine, 'us'):.2f}",
                    f"{spread(other, 'us').median:.2f}",
                    f"{spread(mine, 'cpu_us'):.2f}",
                    f"{spread(other, 'cpu_us').median:.2f}",
                    f"{spread(mine, 'mb').median:.1f}",
                    f"{self._bytes(mine):.0f}"
                    if mine[0]["people"] >= MANY else ""])
        out.table(["people", "ms a message", "µs a person", "c'",
                   "processor, µs a person", "c'", "MB", "bytes a person"],
                  rows)

    @staticmethod
    def _bytes(rounds):
        return spread(rounds, "mb").median * 2 ** 20 / rounds[0]["people"]

    # Counts

    def _counts(self, out):
        if not self.results.counts:
            return
        out.title("Work a message, which is the same on any machine")
        out.table(["message", "milter", "instructions in user space",
                   "system calls"],
                  [[SCENARIOS[cell[0]].title, SUBJECTS[cell[1]][0],
                    "" if instructions is None else f"{instructions:,.0f}",
                    "" if calls is None else f"{calls:.1f}"]
                   for cell, (instructions, calls)
                   in self.results.counts.items()])

    # Details

    def _protocol(self, out):
        cells = [cell for cell in self.rounds if len(cell) == 5]
        if not cells:
            return
        out.title(DETAILS)
        out.table(["message", "over", "milter", "messages/s", "CPU, µs",
                   "p50, ms", "p99, ms"],
                  [self._protocol_row(cell) for cell in cells])

    def _protocol_row(self, cell):
        scenario, subject, roster, transport, connections = cell
        rounds = self.rounds[cell]
        title = SUBJECTS[subject][0]
        if roster:
            title += f", {self.users[roster]:,} users"
        return [SCENARIOS[scenario].title,
                f"{'UNIX' if transport == 'unix' else 'TCP'}, {connections}",
                title, f"{spread(rounds, 'per_second'):.0f}",
                f"{spread(rounds, 'cpu_us'):.0f}",
                f"{spread(rounds, 'p50'):.3f}", f"{spread(rounds, 'p99'):.3f}"]

    def _shares(self, out):
        if "postgresql" in self.results.notes:
            out.text(self.results.notes["postgresql"])
        if not self.results.shares:
            return
        out.title("A roster in PostgreSQL, medium, and "
                  f"{scenarios.SHARED_CONNECTIONS} connections of the MTA")
        out.table(["message", "roster in", "milters", "messages/s",
                   "milters' CPU, µs", "server's CPU, µs", "p50, ms",
                   "p99, ms"],
                  [self._shared_row(cell) for cell in self.results.shares])

    def _shared_row(self, cell):
        scenario, way, milters = cell
        rounds = self.results.shares[cell]
        return [SCENARIOS[scenario].title, scenarios.WAYS[way], milters,
                f"{spread(rounds, 'per_second'):.0f}",
                f"{spread(rounds, 'cpu_us'):.0f}",
                "" if way == "sqlite" else f"{spread(rounds, 'server_us'):.0f}",
                f"{spread(rounds, 'p50'):.3f}", f"{spread(rounds, 'p99'):.3f}"]

    def _memory(self, out):
        cells = [cell for cell in self.rounds if cell[0] == "memory"]
        if not cells:
            return
        out.title("Through Postfix, one session, its queue "
                  + self.results.notes["memory"])
        out.table(["message", "", "ms a message", "p50, ms", "p99, ms",
                   "processor, ms"],
                  [self._memory_row(cell) for cell in cells])

    def _memory_row(self, cell):
        _, fan_out, subject = cell
        rounds = self.rounds[cell]
        return [fan_out_title(fan_out), MTA_SUBJECTS[subject].title,
                *(f"{spread(rounds, measure):.2f}"
                  for measure in ("ms", "p50", "p99", "cpu_ms"))]

    def _singles(self, out):
        singles = self.results.singles()
        if singles:
            out.title("Memory, start and tools")
            out.table(["", "got", "", ""], [
                [what, f"{got:.1f}", unit, remark]
                for what, (got, unit, remark) in singles.items()])

    # README.md, Speed: three lines

    def _readme(self, out):
        text = self.speed()
        if text is not None:
            out.title("README.md, Speed (tests/bench/publish)")
            out.text(text)

    def speed(self):
        """The paragraph; None if not all of it was measured."""
        wanted = [("disk", "untagged", "nm"), ("disk", "untagged", "none"),
                  ("disk", "5", "nm"), ("disk", "5", "alias"),
                  ("untagged", "nm", "main", "unix", 8),
                  ("5", "nm", "main", "unix", 8)]
        singles = self.results.singles()
        memory = "resident, 200 idle connections, main roster"
        if not all(cell in self.rounds for cell in wanted) \
                or memory not in singles:
            return None
        a, b, c, d, e, f = (
            f"{spread(self.rounds[cell], 'per_second').median:,.0f}"
            for cell in wanted)
        return textwrap.fill(
            f"Through Postfix, 20 sessions, on a disk that syncs: {a} untagged "
            f"messages a second ({b} without the milter), {c} to five people "
            f"({d} by an alias map). The milter alone, {self.users['main']:,} "
            f"users: {e} and {f}; {singles[memory][0].median:.1f} MB; ready in "
            f"{singles['start, until ready'][0].median:.0f} ms. [tests/bench/"
            "README.md](tests/bench/README.md) has the rest, with the targets "
            "that were missed.", 120, break_long_words=False,
            break_on_hyphens=False)
