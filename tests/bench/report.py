# SPDX-License-Identifier: BSD-2-Clause
"""report - figures of several rounds, and Markdown with tables"""
import statistics


class Spread:
    """Figures of several rounds."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)
        self.least, self.most = min(self.values), max(self.values)

    def __str__(self):
        return format(self)

    def __format__(self, spec):
        spec = spec or ".2f"
        if len(self.values) == 1:
            return format(self.median, spec)
        return (f"{self.median:{spec}} ({self.least:{spec}} .. "
                f"{self.most:{spec}})")


def ratio(rounds, measure, one, other):
    """The figure of cell ONE divided by that of OTHER, for every round."""
    return Spread(a[measure] / b[measure]
                  for a, b in zip(rounds[one], rounds[other]))


def spread(rounds, measure):
    return Spread(one[measure] for one in rounds)


class Report:
    """Markdown, in sections of one table each."""

    def __init__(self):
        self.lines = []

    def text(self, text):
        self.lines += [text, ""]

    def title(self, text):
        self.text(f"### {text}")

    def table(self, head, rows):
        """A table with aligned columns."""
        rows = [[str(cell) for cell in row] for row in rows]
        wide = [max(len(row[i]) for row in [head, *rows])
                for i in range(len(head))]
        numeric = [all(row[i][:1].isdigit() or not row[i] for row in rows)
                   and any(row[i] for row in rows) for i in range(len(head))]

        def line(row):
            return "| " + " | ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, wide, numeric)) + " |"

        self.lines += [
            line(head),
            "|" + "|".join("-" * (width + 1) + (":" if right else "-")
                           for width, right in zip(wide, numeric)) + "|",
            *map(line, rows), ""]

    def write(self, path):
        text = "\n".join(self.lines)
        with open(path, "w") as out:
            out.write(text)
        return text
