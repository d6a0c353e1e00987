#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with postgresql: it is about a file that fails
"""Whatever is wrong with the database, each command that changes something
reports it and changes nothing, and succeeds when the fault is gone."""
import contextlib
import errno
import os
import pwd
import sqlite3

from lib import ctl, faults, tap
from lib.changes import CHANGES, INIT, linked
from lib.ctl import NOBODY, needs_root
from lib.tap import contains, same, true

# A fault is a generator: it makes the fault and says with what options
# notifyctl runs; then it ends the fault and says so again; then it cleans up.


def fault(title, code, *says, init=True):
    """Register a case: each change meets the decorated fault, and ends with
    CODE and a line that has the database and SAYS."""
    def register(function):
        @tap.case(title)
        def _(ctl_):
            for change in [*([INIT] if init else []), *CHANGES]:
                ctl_.reset(None if change is INIT else "linked")
                meet(ctl_, change, function, code, says)
    return register


def contents(ctl_):
    """All rows; None for no database, or one with nothing in it."""
    return ctl_.dump() or None


def meet(ctl_, change, function, code, says):
    before = contents(ctl_)
    own(ctl_.mailbox)
    phases = function(ctl_)
    try:
        options = next(phases)
        done = change(ctl_, **options)
        options = next(phases)
        same((done.code, done.out), (code, ""), f"exit and stdout of {done}")
        for part in (ctl_.database, *says):
            contains(done.line, part, f"line of {done}")
        if contents(ctl_) is not None or before is not None:
            ctl_.unchanged(before, f"database after {done}")
        same(ctl_.mails("*"), [], f"mails after {done}")
        done = change(ctl_, **options)
        same((done.code, done.err), (0, ""), f"once it is gone: {done}")
        true(contents(ctl_) != before, f"it is done: {done}")
        same(ctl_.sql("PRAGMA integrity_check"), [("ok",)], "integrity")
    finally:
        phases.close()


def own(*paths):
    entry = pwd.getpwnam(NOBODY)
    for path in paths:
        os.chown(path, entry.pw_uid, entry.pw_gid)


@fault("locked beyond the timeout: 75", 75, "locked", "again")
def _(ctl_):
    with contextlib.closing(sqlite3.connect(
            ctl_.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield {"env": faults.preload(haste=100, clock=100)}
    yield {}


@fault("missing: 78, and none is created", 78, "notifyctl init", init=False)
def _(ctl_):
    folder = os.path.dirname(ctl_.database)
    os.rename(folder, folder + ".away")
    os.mkdir(folder)
    yield {}
    same(os.listdir(folder), [], "files made")
    os.rmdir(folder)
    os.rename(folder + ".away", folder)
    yield {}


@fault("permission denied to read it: 74", 74, "ermission denied")
def _(ctl_):
    needs_root()
    os.chmod(os.path.dirname(ctl_.database), 0o700)
    yield {"user": NOBODY}
    own(os.path.dirname(ctl_.database))
    if os.path.exists(ctl_.database):
        own(ctl_.database)
    yield {"user": NOBODY}


@fault("permission denied to write it: 74", 74, "ermission denied",
       init=False)
def _(ctl_):
    needs_root()
    os.chmod(ctl_.database, 0o644)
    own(os.path.dirname(ctl_.database))
    yield {"user": NOBODY}
    own(ctl_.database)
    yield {"user": NOBODY}


@fault("permission denied to create files beside it: 74", 74,
       "ermission denied")
def _(ctl_):
    needs_root()
    if os.path.exists(ctl_.database):
        own(ctl_.database)
    yield {"user": NOBODY}
    own(os.path.dirname(ctl_.database))
    yield {"user": NOBODY}


@fault("corrupt in the middle of its pages: 74", 74, init=False)
def _(ctl_):
    with faults.damaged(ctl_.database):
        yield {}
    yield {}


@fault("the disk is full: 74", 74, "the disk is full")
def _(ctl_):
    with faults.own_disk(ctl_.database) as disk:
        disk.fill()
        yield {}
        disk.clear()
        yield {}


@fault("the disk has no room for another file: 74", 74, "No space left")
def _(ctl_):
    yield {"env": faults.preload(ctl_.database, errno=errno.ENOSPC, only="o")}
    yield {}


@fault("the file system is read-only: 74", 74, "ead-only file system")
def _(ctl_):
    with faults.own_disk(ctl_.database) as disk:
        disk.remount("ro")
        yield {}
        disk.remount("rw")
        yield {}


@fault("the disk fails at each write: 74", 74, "Input/output error")
def _(ctl_):
    yield {"env": faults.preload(ctl_.database, errno=errno.EIO, only="w")}
    yield {}


@fault("the disk does not sync: 74", 74, "Input/output error")
def _(ctl_):
    yield {"env": faults.preload(ctl_.database, errno=errno.EIO, only="s")}
    yield {}


def ready():
    with contextlib.suppress(tap.Skip):
        faults.own_mounts()
    ctl_ = ctl.Ctl()
    linked(ctl_)
    return ctl_


tap.run(setup=ready, teardown=ctl.Ctl.stop)
