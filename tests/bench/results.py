# SPDX-License-Identifier: BSD-2-Clause
"""results - what was measured, kept in build/bench.json after each part, so
that a run that was broken off can go on"""
import json
import os

from machine import BUILD
from report import Spread

FILE = os.path.join(BUILD, "bench.json")
BY_CELL = ("rounds", "shares", "crowds", "counts")


class Results:
    def __init__(self, of):
        self.of = of            # what must be the same to go on
        self.rounds = {}        # {cell of scenarios.py: [{measure: figure}]}
        self.shares = {}        # the same, of a roster in PostgreSQL
        self.crowds = {}        # {(letter, subject): [{measure: figure}]}
        self.counts = {}        # {cell: [instructions, system calls]}
        self.curve = []         # [removed, seconds, processor time]
        self.figures = {}       # {what: [values, unit, remark]}
        self.notes = {}         # {what: sentence}
        self.parts = {}         # {part: seconds that it took}

    def single(self, what, values, unit, remark=""):
        self.figures[what] = [list(values), unit, remark]

    def singles(self):
        """{what: (Spread, unit, remark)}"""
        return {what: (Spread(values), unit, remark)
                for what, (values, unit, remark) in self.figures.items()}

    def save(self):
        document = dict(vars(self))
        for name in BY_CELL:
            document[name] = list(document[name].items())
        with open(FILE + ".new", "w") as out:
            json.dump(document, out, indent=1)
            out.write("\n")
        os.replace(FILE + ".new", FILE)

    def resume(self):
        """Take what an earlier run of the same kind has measured; False if
        there is none."""
        try:
            with open(FILE) as file:
                document = json.load(file)
        except (OSError, ValueError):
            return False
        if document.get("of") != self.of:
            return False
        for name in BY_CELL:
            document[name] = {tuple(cell): values
                              for cell, values in document[name]}
        vars(self).update(document)
        return True
