# SPDX-License-Identifier: BSD-2-Clause
"""scenarios - what is measured, for which milters, and the targets: tables

A cell is one scenario with one milter. Rosters are named by their part: `small`,
`main` and `big`, so that a quick run has smaller ones.
"""
import collections

import rosters

HEADERS = (
    "From: Billing <billing@example.org>",
    "To: undisclosed-recipients:;",
    "Subject: Planned work on your servers",
    "Date: Tue, 01 Jul 2025 10:00:00 +0000",
    "Message-ID: <20250701100000.%@example.org>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
)
TAG = f"X-Notify-Category: {rosters.CATEGORY}"


class Scenario:
    """A message: LETTER is the kind of account, RECIPIENTS have % for its
    number; ADDS and DELETES are the changes that notify-milter makes."""

    def __init__(self, title, letter, recipients, adds=0, deletes=0, tag=True):
        self.title, self.letter = title, letter
        self.recipients = recipients
        self.headers = HEADERS + ((TAG,) if tag else ())
        self.adds, self.deletes = adds, deletes

    def changes(self, number):
        """The changes that the contract asks for in the message about account
        NUMBER: +<address> and -<address>."""
        given = [f"-<{text.replace('%', str(number))}>"
                 for text in self.recipients]
        people = [rosters.address(self.letter, number, user)
                  for user in rosters.entitled(self.letter)]
        if not self.adds:
            stay = {f"-<{one}>" for one in people}
            return {one for one in given if one not in stay} \
                if self.deletes else set()
        return {*given, *(f"+<{one}>" for one in people)}


def _expand(letter, count):
    return Scenario(f"expanding to {count:,}", letter,
                    [f"{letter}%@{rosters.ACCOUNTS}"], count, 1)


SCENARIOS = {
    "untagged": Scenario("untagged", "a", ["user1@a%.example"], tag=False),
    "filter": Scenario("filtering 3 to 2", "a",
                       [f"user{i}@a%.example" for i in (0, 1, 6)], deletes=1),
    "5": _expand("a", 5),
    "100": _expand("h", 100),
    "1000": _expand("k", 1000),
}

# The milters: (title, whether it applies the policy, or else makes the same
# number of constant changes).
SUBJECTS = {
    "a": ("a: does nothing, negotiates nothing", False),
    "b": ("b: does nothing, negotiates away what is not needed", False),
    "b0": ("b0: does nothing, negotiates everything away", False),
    "c": ("c: the same edits from constants", False),
    "equal": ("c': c, with a header and a line to syslog, as notify-milter",
              False),
    "nm": ("notify-milter", True),
    "d": ("d: Python, python3-milter and SQLite", True),
    "e": ("e: MIMEDefang, Perl and SQLite", True),
}

# Users in the rosters.
FULL = {"small": 1000, "medium": 100000, "main": 1000000, "big": 10000000}
QUICK = {"small": 1000, "main": 100000}


def cells(quick):
    """(scenario, subject, roster, transport, connections) of all measurements
    at the milter protocol; those to compare follow each other."""
    found = []

    def add(scenario, subjects, transport="unix", connections=8):
        for subject in subjects.split():
            name, _, roster = subject.partition("@")
            found.append((scenario, name, roster or None, transport,
                          connections))

    rivals = "" if quick else " d@main e@main"
    large = "" if quick else " nm@medium nm@big"
    every = "" if quick else " nm@medium nm@small nm@big"
    add("untagged", "b nm@main" + ("" if quick else " a b0") + every + rivals)
    add("filter", "c equal nm@main" + every + rivals)
    add("5", "c equal nm@main" + every + rivals)
    add("100", "c equal nm@main" + large + rivals)
    add("1000", "c equal nm@main" + large + rivals)
    add("5", "equal nm@main", connections=1)
    if not quick:
        add("untagged", "a b nm@main", connections=1)
        add("untagged", "b nm@main", connections=50)
        add("5", "equal nm@main", connections=50)
        add("5", "c", "inet", connections=1)
        add("5", "nm@main", "inet", connections=1)
        add("5", "nm@main", "inet", connections=8)
        add("untagged", "nm@main", "inet", connections=1)
    return found


# The cells whose instructions and system calls are counted.
def counted(cell):
    return cell[1] in ("b", "c", "equal", "nm") \
        and cell[2:] in ((None, "unix", 8), ("main", "unix", 8))


# With a roster in PostgreSQL: (scenario, the way to the roster, milters).
SHARED_CONNECTIONS = 8      # of the MTA, in all
SHARED = [(scenario, way, milters) for scenario in ("untagged", "filter", "5",
                                                    "100")
          for way, milters in (("sqlite", 1), ("unix", 1), ("tcp", 1),
                               ("unix", 2), ("unix", 4))
          if scenario == "5" or (scenario != "untagged" and milters == 1)
          or way == "unix" and milters == 1]
WAYS = {
    "sqlite": "SQLite",
    "unix": "PostgreSQL, UNIX socket",
    "tcp": "PostgreSQL, TCP",
}

# Through Postfix: {fan-out: (letter of the accounts, recipients, tagged)}.
FanOut = collections.namedtuple("FanOut", "letter count tagged")
FAN_OUTS = {
    "untagged": FanOut("a", 1, False),
    "5": FanOut("a", 5, True),
    "1000": FanOut("k", 1000, True),
    "10000": FanOut("x", 10000, True),
}


def fan_out_title(name):
    count, tagged = FAN_OUTS[name][1:]
    return f"to {count:,}" if tagged else "untagged"


# {subject: (title, whether its edits are constants)}
MtaSubject = collections.namedtuple("MtaSubject", "title constant")
MTA_SUBJECTS = {
    "none": MtaSubject("no milter", False),
    "alias": MtaSubject("virtual_alias_maps = sqlite:", False),
    "b": MtaSubject("b: does nothing", False),
    "c": MtaSubject("c: the same edits from constants", True),
    "equal": MtaSubject("c': c, with a header and a line to syslog", True),
    "nm": MtaSubject("notify-milter", False),
    "ctcp": MtaSubject("c over TCP", True),
    "tcp": MtaSubject("notify-milter over TCP", False),
}
# {place of the queue: (title, sessions at once, the messages of a round where
# they are slow)}
Place = collections.namedtuple("Place", "title sessions messages")
PLACES = {
    "disk": Place("through Postfix on the disk, 20 sessions", 20,
                  {"1000": 40}),
    "memory": Place("through Postfix in memory, one session", 1,
                    {"1000": 5, "10000": 1}),
}


def mta_cells(place, quick=False):
    """(place, fan-out, subject) of all measurements through Postfix; those to
    compare follow each other."""
    if quick:
        wanted = (("untagged", "none nm alias"), ("5", "none nm alias"))
    elif place == "disk":
        wanted = (("untagged", "none b nm alias"),
                  ("5", "none c equal nm alias"),
                  ("1000", "none c equal nm alias"))
    else:
        wanted = (("untagged", "none b nm"), ("5", "c equal nm alias tcp ctcp"),
                  ("1000", "equal nm alias"), ("10000", "nm alias"))
    return [(place, fan_out, subject) for fan_out, some in wanted
            for subject in some.split()]


# Accounts of so many people, in the big roster: {letter: messages of a round}.
CROWDS = {"a": 400, "h": 200, "k": 40, "x": 5, "y": 1, "z": 1}


# Targets: (what, limit, at most or at least, measure, cell, cell to compare
# with). A measure is the name of a figure of a round.
def _cell(scenario, subject, roster=None, transport="unix", connections=8):
    return scenario, subject, roster, transport, connections


WANTED = (
    ("untagged, of b", ">=", 0.97, "per_second",
     _cell("untagged", "nm", "main"), _cell("untagged", "b")),
    ("untagged, of a", ">=", 3, "per_second",
     _cell("untagged", "nm", "main"), _cell("untagged", "a")),
    ("filtering 3 to 2, of c'", ">=", 0.8, "per_second",
     _cell("filter", "nm", "main"), _cell("filter", "equal")),
    ("expanding to 5, of c'", ">=", 0.8, "per_second",
     _cell("5", "nm", "main"), _cell("5", "equal")),
    ("expanding to 1,000, of c'", ">=", 0.85, "per_second",
     _cell("1000", "nm", "main"), _cell("1000", "equal")),
    ("expanding to 5, 8 connections, p99, times that of c'", "<=", 1.3, "p99",
     _cell("5", "nm", "main"), _cell("5", "equal")),
    ("expanding to 5, 1 connection, p99, times that of c'", "<=", 1.3, "p99",
     _cell("5", "nm", "main", connections=1),
     _cell("5", "equal", connections=1)),
    ("expanding to 5, 10 million users, of 1,000 users", ">=", 0.9,
     "per_second", _cell("5", "nm", "big"), _cell("5", "nm", "small")),
    *((f"{SCENARIOS[scenario].title}, of {rival}", ">=", 3, "per_second",
       _cell(scenario, "nm", "main"), _cell(scenario, rival, "main"))
      for rival in ("d", "e") for scenario in ("untagged", "filter", "5", "100",
                                               "1000")),
    ("expanding to 5 over TCP, p50, times that over a UNIX socket", "<=", 1.5,
     "p50",
     _cell("5", "nm", "main", "inet", 1),
     _cell("5", "nm", "main", connections=1)),
    ("through Postfix on the disk, untagged, of no milter", ">=", 0.98,
     "per_second", ("disk", "untagged", "nm"), ("disk", "untagged", "none")),
    ("through Postfix on the disk, to 5, of the alias map", ">=", 0.97,
     "per_second", ("disk", "5", "nm"), ("disk", "5", "alias")),
    ("through Postfix on the disk, to 1,000, of the alias map", ">=", 1,
     "per_second", ("disk", "1000", "nm"), ("disk", "1000", "alias")),
    ("through Postfix in memory, to 10,000, time, times that of the alias map",
     "<=", 1, "ms", ("memory", "10000", "nm"), ("memory", "10000", "alias")),
)

# Ratios of cells of SHARED.
SHARED_TOLD = (
    ("expanding to 5, PostgreSQL over a UNIX socket, of SQLite", "per_second",
     ("5", "unix", 1), ("5", "sqlite", 1)),
    ("expanding to 5, PostgreSQL over TCP, of a UNIX socket", "per_second",
     ("5", "tcp", 1), ("5", "unix", 1)),
    ("expanding to 5, 2 milters on a server, of 1", "per_second",
     ("5", "unix", 2), ("5", "unix", 1)),
    ("expanding to 5, 4 milters on a server, of 1", "per_second",
     ("5", "unix", 4), ("5", "unix", 1)),
    ("the same, the server's processor time", "server_us",
     ("5", "unix", 4), ("5", "unix", 1)),
)

# Targets for single figures: (name, at most, unit).
LIMITS = (
    ("resident, 200 idle connections, main roster", 12, "MB"),
    ("start, until ready", 50, "ms"),
    ("import of 1,000,000 users", 10, "s"),
)

# Ratios without a target, which show where the time goes.
TOLD = (
    *((f"{SCENARIOS[scenario].title}, processor time, times that of {title}",
       "cpu_us",
       _cell(scenario, "nm", "main"), _cell(scenario, rival))
      for scenario, rival, title in (
          ("untagged", "b", "b"), ("filter", "equal", "c'"),
          ("5", "equal", "c'"), ("100", "equal", "c'"),
          ("1000", "equal", "c'"))),
    *((f"{SCENARIOS[scenario].title}, of c", "per_second",
       _cell(scenario, "nm", "main"), _cell(scenario, "c"))
      for scenario in ("filter", "5", "100", "1000")),
    ("untagged, of b0", "per_second",
     _cell("untagged", "nm", "main"), _cell("untagged", "b0")),
    ("expanding to 100, of c'", "per_second",
     _cell("100", "nm", "main"), _cell("100", "equal")),
    ("expanding to 1,000, c of d", "per_second",
     _cell("1000", "c"), _cell("1000", "d", "main")),
    ("expanding to 1,000, c of e", "per_second",
     _cell("1000", "c"), _cell("1000", "e", "main")),
    *((f"through Postfix on the disk, {title}, processor time, times that "
       f"of {other}", "cpu_ms",
       ("disk", fan_out, "nm"), ("disk", fan_out, subject))
      for fan_out, title, subject, other in (
          ("untagged", "untagged", "none", "no milter"),
          ("5", "to 5", "equal", "c'"), ("5", "to 5", "alias", "the alias map"),
          ("1000", "to 1,000", "equal", "c'"),
          ("1000", "to 1,000", "alias", "the alias map"))),
    ("through Postfix in memory, untagged, time, times that of b", "p50",
     ("memory", "untagged", "nm"), ("memory", "untagged", "b")),
    ("through Postfix in memory, to 5, time, times that of c'", "p50",
     ("memory", "5", "nm"), ("memory", "5", "equal")),
    ("through Postfix in memory, to 1,000, time, times that of c'", "ms",
     ("memory", "1000", "nm"), ("memory", "1000", "equal")),
    ("through Postfix in memory, to 5, time, times that of c, both over TCP",
     "p50",
     ("memory", "5", "tcp"), ("memory", "5", "ctcp")),
)
