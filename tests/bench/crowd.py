# SPDX-License-Identifier: BSD-2-Clause
"""crowd - messages to accounts of more and more people, up to a million

Time and memory of a person should not depend on how many there are.
"""
import json
import subprocess

import rosters
import subjects
from machine import program, say
from scenarios import CROWDS, HEADERS, TAG

TIMEOUT = 300       # seconds
SEED = 2025


class Crowd:
    """ROSTER: folder and users of the biggest one. The measurements are by
    (letter, subject): notify-milter, and c' with as many constants."""

    def __init__(self, machine, roster):
        self.machine, (self.roster, self.users) = machine, roster
        self.rounds = {
            (letter, subject): []
            for letter, count in rosters.accounts(self.users).items() if count
            for subject in ("equal", "nm")}

    def measure(self, count):
        for i in range(count):
            say(f"large accounts, round {i + 1} of {count}")
            for cell in self.rounds:
                self.rounds[cell].append(self._round(*cell, SEED + i))

    def _round(self, letter, subject, seed):
        """A fresh milter, so that its memory is that of this account."""
        folder = self.machine.milters()
        where = f"unix:{folder}/crowd.sock"
        people = len(rosters.entitled(letter))
        one = (subjects.rival("crowd", folder, where, adds=people, deletes=1,
                              equal=True) if subject == "equal" else
               subjects.notify_milter("crowd", folder, where,
                                      f"{self.roster}/roster.db"))
        try:
            one.start()
            if subject == "nm":
                self._send("a", one, seed, 8)   # opens the roster
            fresh, before = one.resident(), one.cpu()
            said = self._send(letter, one, seed, CROWDS[letter])
            messages = said["messages"]
            if said["changes"]["added"] != people * messages:
                raise RuntimeError(f"an account of {people:,}: {said}")
            return {"people": people,
                    "us": said["seconds"] * 1e6 / messages / people,
                    "cpu_us": (one.cpu() - before) * 1e6 / messages / people,
                    "ms": said["latency_ms"]["p50"],
                    "mb": one.peak() - fresh}
        finally:
            one.stop()

    def _send(self, letter, milter, seed, messages):
        words = [program("loadgen"), "-s", milter.where, "-c", "1",
                 "-n", str(messages), "-x", str(seed), "-v",
                 str(rosters.accounts(self.users)[letter]),
                 "-r", f"{letter}%@{rosters.ACCOUNTS}"]
        for header in HEADERS + (TAG,):
            words += ["-H", header]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=TIMEOUT)
        if done.returncode != 0:
            raise RuntimeError(f"loadgen: {done.stderr.strip()}")
        return json.loads(done.stdout)
