# SPDX-License-Identifier: BSD-2-Clause
"""usage - the processor time of a server that is many processes"""
import contextlib
import glob
import os

TICK = os.sysconf("SC_CLK_TCK")


def _stat(path):
    """The fields of a /proc/PID/stat from the state on: the third one is the
    first."""
    with open(path) as file:
        return file.read().rpartition(")")[2].split()


def children(parent):
    """The processes that PARENT has started: {process id: command line}."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(_stat(path)[1]) == parent:
                folder = os.path.dirname(path)
                with open(f"{folder}/cmdline") as file:
                    found[int(os.path.basename(folder))] = file.read()
    return found


def spent(parent):
    """Seconds of processor time of PARENT and its children, with those that
    have ended."""
    with contextlib.suppress(OSError):
        fields = _stat(f"/proc/{parent}/stat")
        total = (int(fields[13]) + int(fields[14])) / TICK
        for number in [parent, *children(parent)]:
            with contextlib.suppress(OSError), \
                    open(f"/proc/{number}/schedstat") as file:
                total += int(file.read().split()[0]) / 1e9
        return total
    return 0
