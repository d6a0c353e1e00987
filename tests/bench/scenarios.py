# SPDX-License-Identifier: BSD-2-Clause
"""scenarios - what is measured, for which milters, and the targets: tables

A cell is one scenario with one milter. Rosters are named by their part: `small`,
`main` and `big`, so that a quick run has smaller ones.
"""
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
    "clog": ("c, with a line to syslog", False),
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
    add("untagged", "b0 b nm@main a" + every + rivals)
    add("filter", "c nm@main" + every + rivals)
    add("5", "c nm@main clog" + (every or " nm@small") + rivals)
    add("100", "c nm@main" + large + rivals)
    add("1000", "c nm@main" + large + rivals)
    add("5", "c nm@main", connections=1)
    add("5", "nm@main", "inet", connections=1)
    if not quick:
        add("untagged", "a b nm@main", connections=1)
        add("untagged", "b nm@main", connections=50)
        add("5", "c nm@main", connections=50)
        add("5", "c", "inet", connections=1)
        add("5", "nm@main", "inet", connections=8)
        add("untagged", "nm@main", "inet", connections=1)
    return found


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

# Through Postfix: {fan-out: (letter of the accounts, recipients, tagged)}, and
# {subject: (title, whether it makes them)}.
FAN_OUTS = {
    "untagged": ("a", 1, False),
    "5": ("a", 5, True),
    "1000": ("k", 1000, True),
    "10000": ("x", 10000, True),
}
MTA_SUBJECTS = {
    "none": ("no milter", False),
    "b": ("b: does nothing", False),
    "c": ("c: the same edits from constants", True),
    "nm": ("notify-milter", True),
    "alias": ("virtual_alias_maps = sqlite:", True),
    "ctcp": ("c over TCP", True),
    "tcp": ("notify-milter over TCP", True),
}


def mta_cells():
    """(fan-out, subject) of all measurements through Postfix."""
    return [(fan_out, subject) for fan_out, some in (
        ("untagged", "none b nm"), ("5", "c nm alias tcp ctcp"),
        ("1000", "c nm alias"), ("10000", "c nm alias"))
        for subject in some.split()]


# Targets: (what, limit, at most or at least, measure, cell, cell to compare
# with). A measure is the name of a figure of a round.
def _cell(scenario, subject, roster=None, transport="unix", connections=8):
    return scenario, subject, roster, transport, connections


WANTED = (
    ("untagged, of b", ">=", 0.97, "per_second",
     _cell("untagged", "nm", "main"), _cell("untagged", "b")),
    ("untagged, of a", ">=", 3, "per_second",
     _cell("untagged", "nm", "main"), _cell("untagged", "a")),
    ("expanding to 5, of c", ">=", 0.92, "per_second",
     _cell("5", "nm", "main"), _cell("5", "c")),
    ("expanding to 5, p99 of c's, 8 connections", "<=", 1.15, "p99",
     _cell("5", "nm", "main"), _cell("5", "c")),
    ("expanding to 5, p99 of c's, 1 connection", "<=", 1.15, "p99",
     _cell("5", "nm", "main", connections=1), _cell("5", "c", connections=1)),
    ("expanding to 5, the big roster of the small one", ">=", 0.95,
     "per_second", _cell("5", "nm", "big"), _cell("5", "nm", "small")),
    ("expanding to 1,000, of c", ">=", 0.95, "per_second",
     _cell("1000", "nm", "main"), _cell("1000", "c")),
    *((f"{SCENARIOS[scenario].title}, of {rival}", ">=", 3, "per_second",
       _cell(scenario, "nm", "main"), _cell(scenario, rival, "main"))
      for rival in ("d", "e") for scenario in ("untagged", "filter", "5", "100",
                                               "1000")),
    ("expanding to 5 over TCP, p50 of the UNIX socket's", "<=", 1.5, "p50",
     _cell("5", "nm", "main", "inet", 1),
     _cell("5", "nm", "main", connections=1)),
    ("through Postfix, expanding to 5, time of c's", "<=", 1.03, "p50",
     ("5", "nm"), ("5", "c")),
    ("through Postfix, to 10,000, time of the alias map's", "<=", 1, "ms",
     ("10000", "nm"), ("10000", "alias")),
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
    ("untagged, processor time of b's", "cpu_us",
     _cell("untagged", "nm", "main"), _cell("untagged", "b")),
    ("expanding to 5, processor time of c's", "cpu_us",
     _cell("5", "nm", "main"), _cell("5", "c")),
    ("expanding to 1,000, processor time of c's", "cpu_us",
     _cell("1000", "nm", "main"), _cell("1000", "c")),
    ("untagged, of b0", "per_second",
     _cell("untagged", "nm", "main"), _cell("untagged", "b0")),
    ("filtering, of c", "per_second",
     _cell("filter", "nm", "main"), _cell("filter", "c")),
    ("expanding to 5, of c with a line to syslog", "per_second",
     _cell("5", "nm", "main"), _cell("5", "clog")),
    ("expanding to 5, 1 connection, of c", "per_second",
     _cell("5", "nm", "main", connections=1), _cell("5", "c", connections=1)),
    ("expanding to 100, of c", "per_second",
     _cell("100", "nm", "main"), _cell("100", "c")),
    ("expanding to 1,000, c of d", "per_second",
     _cell("1000", "c"), _cell("1000", "d", "main")),
    ("expanding to 1,000, c of e", "per_second",
     _cell("1000", "c"), _cell("1000", "e", "main")),
    ("through Postfix, untagged, time of b's", "p50",
     ("untagged", "nm"), ("untagged", "b")),
    ("through Postfix, expanding to 5, time of the alias map's", "p50",
     ("5", "nm"), ("5", "alias")),
    ("through Postfix, expanding to 1,000, time of c's", "ms",
     ("1000", "nm"), ("1000", "c")),
    ("through Postfix, expanding to 1,000, time of the alias map's", "ms",
     ("1000", "nm"), ("1000", "alias")),
    ("through Postfix, expanding to 10,000, time of c's", "ms",
     ("10000", "nm"), ("10000", "c")),
    ("through Postfix over TCP, expanding to 5, time of c's over TCP", "p50",
     ("5", "tcp"), ("5", "ctcp")),
)
