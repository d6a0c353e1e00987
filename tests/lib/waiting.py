# SPDX-License-Identifier: BSD-2-Clause
"""waiting - wait for an event, for as long as a busy machine may need

A test waits for what it expects, never for a time in which it should have
happened. LIMIT only ends a test whose event does not come. What a program may
take is measured by spent(), which other programs do not lengthen.
"""
import resource
import time

LIMIT = 60          # seconds


def until(condition, what, timeout=LIMIT, pause=0.01):
    """Wait until CONDITION() is true, and return its value. WHAT, a text or a
    function that makes it, is what did not happen."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what() if callable(what) else what}: "
                               f"not within {timeout} s")
        time.sleep(pause)
    return value


def spent():
    """The processor's seconds of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
