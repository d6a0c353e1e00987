# SPDX-License-Identifier: BSD-2-Clause
"""faults - disks and memory that fail, clocks that jump: see tests/faults."""
import contextlib
import ctypes
import mmap
import os
import shutil
import struct
import subprocess
import tempfile

from lib import rosterdb, tap
from lib.milter import program

CLONE_NEWNS = 0x00020000
_mounts = []        # not empty: they are our own


def _library(name, folder=None):
    """The path of the library; a copy of it in FOLDER."""
    path = program(name)
    if not os.path.exists(path):
        raise RuntimeError(f"make {os.path.relpath(path)}")
    if folder is None:
        return path
    copy = os.path.join(folder, name)
    return copy if os.path.exists(copy) else shutil.copy(path, copy)


def preload(database=None, folder=None, **faults):
    """The environment of a program that meets FAULTS: at=3 is FAULT_AT=3. In
    FOLDER everybody can read the library that does it."""
    library = _library("system.so", folder)
    values = {f"FAULT_{name.upper()}": str(value)
              for name, value in faults.items() if value is not None}
    if database is not None:
        values["FAULT_FILES"] = database
    # The sanitizer wants to be the first library, but can do without.
    return {"LD_PRELOAD": library, **values, "ASAN_OPTIONS": ":".join(filter(
        None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))}


def own_mounts():
    """Give this process and its children a mount namespace of their own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0:
        raise tap.Skip("no mounts of its own")
    mount("--make-rprivate", "/")
    _mounts.append("own")


def mount(*words):
    """Run mount(8); the case is skipped where that is not permitted."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise tap.Skip(f"mounting is not permitted: {done.stderr.strip()}")


@contextlib.contextmanager
def damaged(database):
    """Meanwhile each page of the database, but for the schema, is damaged in
    its middle; nobody may write to it."""
    with open(database, "rb") as file:
        sound = file.read()
    broken = bytearray(sound)
    for begin, end in rosterdb.pages(sound):
        half = (end - begin) // 2
        broken[begin + half:end] = b"\xff" * half
    with open(database, "r+b") as file:
        file.write(broken)
    try:
        yield
        with open(database, "rb") as file:
            tap.same(file.read() == broken, True, "it stays as it is")
    finally:
        with open(database, "r+b") as file:
            file.write(sound)
            file.truncate()


def changes(ctl, *args, **options):
    """What the command changes on the disk, in its order: (letter, file) as
    tests/faults/system.c has them."""
    log = ctl.path("changes", "")
    done = ctl(*args, env=preload(ctl.database, log=log), **options)
    tap.same(done.code, 0, f"exit of {done}")
    with open(log) as file:
        return [tuple(line.split()[1:]) for line in file]


class Clock:
    """A time of day that jumps, for programs that run in environment `env`."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "clock")
        self.env = {"LD_PRELOAD": _library("clock.so", folder),
                    "NM_CLOCK": self.path}
        self.set(0)

    def set(self, seconds):
        """From now on it is wrong by SECONDS."""
        # In its place: running programs have it mapped.
        with open(self.path, "r+b" if os.path.exists(self.path)
                  else "wb") as file:
            file.write(struct.pack("q", seconds))


class Memory:
    """malloc(3) that fails (tests/faults/memory.h), for programs that run in
    environment `env`."""

    FIELDS = ("armed", "first", "last", "calls", "failed", "live")

    def __init__(self, folder):
        path = os.path.join(folder, "memory")
        with open(path, "wb") as out:
            out.write(bytes(8 * len(self.FIELDS)))
        with open(path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 0)
        self.env = {"LD_PRELOAD": _library("memory.so"), "NM_MEMORY": path}

    def get(self, name):
        return struct.unpack_from("q", self.shared,
                                  8 * self.FIELDS.index(name))[0]

    def set(self, name, value):
        struct.pack_into("q", self.shared, 8 * self.FIELDS.index(name), value)

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
        return self.get("failed")


class Disk:
    """The directory of a database, as a file system of its own of 2 MiB."""

    def __init__(self, folder):
        self.folder = folder
        self.filler = os.path.join(folder, "filler")

    def fill(self, pages=0):
        """Leave room for PAGES of 4096 bytes."""
        with open(self.filler, "wb", 0) as filler:
            with contextlib.suppress(OSError):
                while True:
                    filler.write(bytes(4096))
            filler.truncate(max(0, filler.tell() - pages * 4096))

    def clear(self):
        os.unlink(self.filler)

    @contextlib.contextmanager
    def read_only(self):
        """Read-only for files that are opened from now on; an open file stays
        writable."""
        mount("--bind", self.folder, self.folder)
        try:
            mount("-o", "remount,bind,ro", self.folder)
            yield
        finally:
            # Files that are still open stay as they are.
            subprocess.run(["umount", "-l", self.folder], check=True)

    def remount(self, how):
        mount("-o", f"remount,{how}", self.folder)


@contextlib.contextmanager
def own_disk(database):
    """Put the DATABASE on a Disk for a while. Needs own_mounts()."""
    if not _mounts:
        raise tap.Skip("no mounts of its own")
    folder = os.path.dirname(database)
    kept = tempfile.mkdtemp(prefix="nm-disk-")
    try:
        subprocess.run(["cp", "-a", f"{folder}/.", kept], check=True)
        mount("-t", "tmpfs", "-o", "size=2m", "none", folder)
        try:
            subprocess.run(["cp", "-a", f"{kept}/.", folder], check=True)
            shutil.copystat(kept, folder)
            yield Disk(folder)
        finally:
            subprocess.run(["umount", folder], check=True)
    finally:
        shutil.rmtree(kept)
