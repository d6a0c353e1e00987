# SPDX-License-Identifier: BSD-2-Clause
"""shrink - the smallest case that still shows a difference."""
import copy

from roster import DEFAULTS

LISTS = ("recipients", "headers", "addresses", "rows")


def without(case):
    """CASE with less in it, in every way; the smallest first."""
    steps = case["steps"]
    size = len(steps)
    while size >= 1:
        for i in range(0, len(steps), size):
            yield {**case, "steps": steps[:i] + steps[i + size:]}
        size //= 2
    for i, step in enumerate(steps):
        for name in LISTS:
            for j in range(len(step.get(name, ()))):
                less = copy.deepcopy(case)
                del less["steps"][i][name][j]
                yield less
        for name in step.get("settings", ()):
            less = copy.deepcopy(case)
            del less["steps"][i]["settings"][name]
            yield less
    for name, value in case["settings"].items():
        if value != DEFAULTS[name]:
            yield {**case, "settings": {**case["settings"],
                                        name: DEFAULTS[name]}}


def fails(case, differences):
    """A case may have become invalid."""
    if any(step["do"] == "message" and not step["recipients"]
           for step in case["steps"]):
        return False
    try:
        return bool(differences(case))
    except (KeyError, StopIteration):
        return False


def shrink(case, differences, tries=600):
    """Remove what the difference does not need."""
    again = True
    while again:
        again = False
        for less in without(case):
            tries -= 1
            if tries < 0:
                return case
            if fails(less, differences):
                case, again = less, True
                break
    return case
