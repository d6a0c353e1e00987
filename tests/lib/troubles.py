# SPDX-License-Identifier: BSD-2-Clause
"""troubles - faults of the database of a telegram.Site.

    for trouble in TROUBLES:
        env = trouble.env(site)             of a program that is to meet it
        with trouble(site): ...             it is so

DISK has those that need a file system of their own: within on_disk(site).
"""
import contextlib
import errno
import os
import shutil
import sqlite3

from lib import faults, tap
from lib.telegram import USER

HASTE = 100


class Trouble:
    """READS: the database can be read all the same, and somebody else has it
    open, as the milter has. SOON: a program that runs already meets it too.
    SAYS: what is said of it, besides the name of the database. BROKEN: what
    faults.preload() is told, for as long as the trouble lasts."""

    def __init__(self, name, function, *says, reads=False, soon=False,
                 broken=None):
        self.name, self.function, self.says = name, function, says
        self.reads, self.soon, self.broken = reads, soon, broken

    def env(self, site):
        more = {"while": site.path("broken"), **self.broken} \
            if self.broken else {}
        return faults.preload(site.database, site.folder, haste=HASTE, **more)

    @contextlib.contextmanager
    def __call__(self, site):
        with contextlib.ExitStack() as stack:
            other = stack.enter_context(opened(site)) if self.reads else None
            stack.enter_context(self.function(site, other))
            yield


@contextlib.contextmanager
def opened(site):
    """Somebody else, like the milter, has the database open: all the files
    are there, and it can be read."""
    with contextlib.closing(sqlite3.connect(
            site.database, isolation_level=None)) as other:
        other.execute("SELECT count(*) FROM user").fetchall()
        for end in ("-wal", "-shm"):
            os.chmod(site.database + end, 0o666)
        yield other


@contextlib.contextmanager
def _locked(_, other):
    other.execute("BEGIN IMMEDIATE")
    yield       # its connection is closed in the end


@contextlib.contextmanager
def _broken(site, _):
    path = site.path("broken", "")
    try:
        yield
    finally:
        os.unlink(path)


@contextlib.contextmanager
def _owned_by_root(path, mode):
    before = os.stat(path)
    os.chown(path, 0, 0)
    os.chmod(path, mode)
    yield
    os.chown(path, before.st_uid, before.st_gid)
    os.chmod(path, before.st_mode & 0o7777)


@contextlib.contextmanager
def _missing(site, _):
    folder = os.path.dirname(site.database)
    os.rename(folder, folder + ".away")
    os.mkdir(folder)
    shutil.chown(folder, USER)
    try:
        yield
        tap.same([name for name in os.listdir(folder) if "roster" in name],
                 [], "files made in place of the database")
    finally:
        shutil.rmtree(folder)
        os.rename(folder + ".away", folder)


@contextlib.contextmanager
def _full(site, _):
    site.disk.fill()
    yield
    site.disk.clear()


TROUBLES = (
    Trouble("locked beyond the timeout", _locked, "locked",
            reads=True, soon=True),
    Trouble("the disk is full", _broken, "the disk is full", reads=True,
            soon=True, broken={"only": "w", "errno": errno.ENOSPC}),
    Trouble("the disk does not sync", _broken, "Input/output error",
            reads=True, soon=True,
            broken={"only": "s", "errno": errno.EIO}),
    Trouble("permission denied to write",
            lambda site, _: _owned_by_root(site.database, 0o644),
            "ermission denied", reads=True),
    Trouble("permission denied to read",
            lambda site, _: _owned_by_root(site.database, 0o600),
            "ermission denied"),
    Trouble("missing", _missing, "notifyctl init", soon=True),
    Trouble("corrupt in the middle of its pages",
            lambda site, _: faults.damaged(site.database)),
    Trouble("no room for another file", _broken, "No space left",
            broken={"only": "o", "errno": errno.ENOSPC}),
    Trouble("it cannot be read", _broken, "Input/output error",
            broken={"only": "r", "errno": errno.EIO}),
)
DISK = (
    Trouble("a disk that is full", _full, "the disk is full", reads=True,
            soon=True),
    Trouble("a full disk, and nobody has the database open", _full,
            "the disk is full"),
    Trouble("a read-only file system",
            lambda site, _: site.disk.read_only(), "ead-only file system",
            reads=True),
    Trouble("a read-only file system, and nobody has the database open",
            lambda site, _: site.disk.read_only(), "ead-only file system"),
)


@contextlib.contextmanager
def on_disk(site):
    """The database lies on a disk of its own."""
    with faults.own_disk(site.database) as site.disk:
        yield
