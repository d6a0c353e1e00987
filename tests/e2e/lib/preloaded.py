"""preloaded - what a preloaded library takes away from the milter under test.

    faults = Memory(lab)        before the milter starts
"""
import mmap
import os
import struct

from milter import program


class Preloaded:
    """A library of tests/faults in LAB's milter, and the file that both share:
    FIELDS of 64 bits each."""

    library, variable, fields = None, None, ()

    def __init__(self, lab):
        path = os.path.join(lab.folder, f"shared-{self.library}")
        with open(path, "wb") as out:
            out.write(bytes(8 * len(self.fields)))
        with open(path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 0)
        lab.milter.before = [*lab.milter.before, "env",
                             f"LD_PRELOAD={program(self.library)}",
                             f"{self.variable}={path}"]

    @classmethod
    def missing(cls):
        """Why it cannot be had, or None."""
        if not os.path.exists(program(cls.library)):
            return f"needs {cls.library}, which make check builds"
        return None

    def __getattr__(self, name):
        at = 8 * type(self).fields.index(name)
        return struct.unpack("q", self.shared[at:at + 8])[0]

    def set(self, name, value):
        at = 8 * self.fields.index(name)
        self.shared[at:at + 8] = struct.pack("q", value)


class Memory(Preloaded):
    """malloc(3) that fails (tests/faults/memory.h)."""

    library, variable = "memory.so", "NM_MEMORY"
    fields = ("armed", "first", "last", "calls", "failed", "live")

    def arm(self, first, last):
        """From now on calls count; those from FIRST to LAST fail."""
        for name in ("armed", "calls", "failed"):
            self.set(name, 0)
        self.set("first", first)
        self.set("last", last)
        self.set("armed", 1)

    def disarm(self):
        """How many calls have failed."""
        self.set("armed", 0)
        return self.failed


class Clock(Preloaded):
    """The time of day, which jumps (tests/faults/clock.c)."""

    library, variable = "clock.so", "NM_CLOCK"
    fields = ("jump",)
