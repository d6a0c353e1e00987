# SPDX-License-Identifier: BSD-2-Clause
"""tap - the cases of one .t file, reported as TAP.

A case is a function whose name or title is a sentence that can be false. A
case passes when it returns; it fails with the exception that it raised, which
is printed, and the other cases still run. A program that cannot run here, by
what its head says (needs.py), is skipped when it imports this.
"""
import os
import sys
import traceback

from lib import needs

_cases = []
needs.check()


def case(title):
    """Register the decorated function as the case TITLE."""
    def register(function):
        _cases.append((title, function))
        return function
    return register


class Failed(AssertionError):
    """A case got another result than it wanted."""


class Skip(Exception):
    """The case cannot run here; the text says why."""


def same(got, want, what="value"):
    """GOT must equal WANT."""
    if got != want:
        raise Failed(f"{what}: got {got!r}, want {want!r}")


def true(condition, what):
    """CONDITION must hold; WHAT says what it is."""
    if not condition:
        raise Failed(what)


def contains(text, part, what="text"):
    """PART must stand in TEXT."""
    if part not in text:
        raise Failed(f"{what}: got {text!r}, want it to contain {part!r}")


def lacks(text, part, what="text"):
    """PART must not stand in TEXT."""
    if part in text:
        raise Failed(f"{what}: got {text!r}, want it without {part!r}")


def _comment(text):
    for line in text.rstrip().splitlines():
        print(f"# {line}", flush=True)


def run(*args, setup=None, teardown=None):
    """Run the cases in order with ARGS, then exit: 0 if all have passed.

    SETUP() may return one more argument for the cases; TEARDOWN gets it back.
    Environment: CASE=text runs only the cases whose title contains it.
    """
    wanted = os.environ.get("CASE", "")
    cases = [c for c in _cases if wanted in c[0]]
    failed = 0
    print(f"1..{len(cases)}" if cases else
          f"1..0 # SKIP no title contains {wanted!r}", flush=True)
    fixture = None
    try:
        if setup is not None:
            fixture = setup()
            args += (fixture,)
        for number, (title, function) in enumerate(cases, 1):
            try:
                function(*args)
            except Skip as reason:
                print(f"ok {number} - {title} # SKIP {reason}", flush=True)
            except Exception:  # a case may fail in any way; the rest still runs
                failed += 1
                print(f"not ok {number} - {title}", flush=True)
                _comment(traceback.format_exc())
            else:
                print(f"ok {number} - {title}", flush=True)
    finally:
        if teardown is not None and fixture is not None:
            teardown(fixture)
    sys.exit(1 if failed else 0)
