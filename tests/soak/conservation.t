#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 20 s
"""Whatever breaks, no message is lost and nobody gets somebody else's.

    tests/soak/conservation.t            NM_MESSAGES=20000 for the long form

Clients send through a real Postfix while the milter is killed, stopped and
reloaded, the database is locked, replaced and filled up, and the roster
changes. On PostgreSQL the server is killed, and its connections are cut, in
place of what happens to a file. What must have become of every message then is
told in tests/lib/accounting.py.
"""
import contextlib
import os
import pwd
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter

from lib import accounting, faults, lab, postgresql, rosterdb, tap
from lib.accounting import ACCOUNTS, CATEGORIES, owner
from lib.tap import case, same, true
from lib.trial import Trial

# Its own server: it is killed.
SERVER = None
if rosterdb.remote():
    SERVER = postgresql.Server().start()
    rosterdb.use_postgresql(SERVER)

# Mounts of its own, where they can be had: a file system to be filled up.
MOUNTS = False
if not SERVER:
    with contextlib.suppress(tap.Skip):
        faults.own_mounts()
        MOUNTS = True

MESSAGES = int(os.environ.get("NM_MESSAGES", "1000"))
CLIENTS = int(os.environ.get("NM_CLIENTS", "12"))
LONG = MESSAGES >= 5000
PACE = 0 if LONG else 0.006     # so that all troubles have their time
PAUSE = 0.25                    # between two of them


class Lab(lab.Lab):
    """A lab whose database is on a small file system of its own."""

    def _own(self, name, mode, group=None):
        path = super()._own(name, mode, group)
        if name == "db" and MOUNTS:
            entry = pwd.getpwnam(lab.USER)
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o",
                 f"size=6m,mode=0750,uid={entry.pw_uid},gid={entry.pw_gid}",
                 "nm-db", path], check=True)
            self.mounted = path
        return path

    def stop(self):
        mounted, self.mounted = getattr(self, "mounted", None), None
        if self.milter is not None:
            self.milter.kill()
        if mounted:
            subprocess.run(["umount", "-l", mounted], check=False)
        super().stop()


class Troubles(Trial):
    def __init__(self):
        super().__init__(MESSAGES, CLIENTS, PACE)
        self.broken, self.rounds = Counter(), 0
        self.lab = Lab(roster=False, settings={"expand": "addressed"}).start()
        self.labs = [self.lab]
        self.fill()
        self.run()

    def stop(self):
        self.lab.stop()

    def enough(self):
        return self.rounds > 0

    def trouble(self):
        while not self.over.is_set():
            for trouble in self.troubles():
                if self.over.wait(PAUSE):
                    break
                true(self.lab.milter.running(), "the milter has died")
                trouble()
                self.broken[trouble.__name__] += 1
            self.rounds += 1

    def troubles(self):
        if SERVER:
            return [self.kill, self.cut, self.reload, self.crash, self.cut,
                    self.locked, self.crash, self.stopped]
        rounds = [self.kill, self.reload, self.full, self.replaced, self.kill,
                  self.locked, self.reload, self.unreadable, self.stopped,
                  self.writing]
        if not MOUNTS:
            rounds.remove(self.full)
        return rounds

    def kill(self):
        self.lab.milter.kill()
        time.sleep(0.1)
        self.lab.milter.start()

    def stopped(self):
        same(self.lab.milter.stop(), 0, "exit status at SIGTERM")
        time.sleep(0.1)
        self.lab.milter.start()

    def reload(self):
        # With another setting that decides nothing here.
        self.lab.milter.write(max_age=f"{self.random.randrange(1, 50)}h")
        self.lab.milter.signal(signal.SIGUSR1)

    def locked(self):
        """A milter that starts cannot open its database for longer than its
        timeout."""
        with self.roster.lock, self.lab.locked():
            time.sleep(3.6)

    def unreadable(self):
        """A running milter, with its connections open, cannot read: for a
        moment, or in the long form for longer than SQLite's timeout."""
        with self.roster.lock, self.lab.unreadable():
            time.sleep(11 if LONG else 1)

    def writing(self):
        """Another process holds the write lock."""
        other = sqlite3.connect(self.lab.database, timeout=5,
                                isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE account SET title = 'locked'")
            time.sleep(1)
            other.execute("ROLLBACK")
        except sqlite3.OperationalError:
            pass
        finally:
            other.close()

    def cut(self):
        """The server ends every connection of a program."""
        self.lab.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE pid <> pg_backend_pid()"
                     " AND application_name LIKE 'notify%'")

    @staticmethod
    def crash():
        """The server is killed, and started again."""
        SERVER.crash()
        time.sleep(0.3)
        SERVER.launch()

    def full(self):
        """The disk is full; the database can be read, also by a milter that
        starts."""
        path = os.path.join(os.path.dirname(self.lab.database), "filler")
        try:
            with open(path, "wb") as file:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
        except OSError:
            pass
        room = threading.Timer(1.5, os.unlink, [path])
        room.start()
        for _ in range(3):
            self.change()
        self.kill()
        room.join()

    def replaced(self):
        """Another database is moved into its place."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            other = os.path.join(self.lab.folder, "other.db")
            source = sqlite3.connect(self.lab.database, timeout=10,
                                     isolation_level=None)
            # All into the file itself: what lies beside it will be gone.
            while source.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                time.sleep(0.01)
            target = sqlite3.connect(other)
            with target:
                source.backup(target)
            target.execute("DELETE FROM subscription WHERE account = (SELECT "
                           "id FROM account WHERE name = ?)", (account,))
            target.commit()
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            target.close()
            source.close()
            near = self.lab.database + ".new"
            with open(other, "rb") as file, open(near, "wb") as out:
                out.write(file.read())
            os.unlink(other)
            self.lab.own(near)
            began = time.monotonic()
            for suffix in ("-wal", "-shm"):
                if os.path.exists(self.lab.database + suffix):
                    os.unlink(self.lab.database + suffix)
            os.rename(near, self.lab.database)
            self.lab.notifyctl("init")
            self.know(account, began,
                      {category: {owner(account)} for category in CATEGORIES})
        time.sleep(1)       # for who would decide by the old one


@case("every accepted message is accounted for, and no other was delivered")
def _(trial):
    accounting.check(trial)


@case("the roster was changed, has what was reported, and every fault has "
      "occurred")
def _(trial):
    print(f"# troubles {dict(trial.broken)}", flush=True)
    true(trial.roster.changes() > 20, "changes of the roster")
    trial.roster_is_as_told()
    same({trouble.__name__ for trouble in trial.troubles()} - set(trial.broken),
         set(), "what has not broken")
    if not MOUNTS and not SERVER:
        print("# no mounts here: the disk was not filled up", flush=True)


@case("the milter exits cleanly, and no sanitizer reports anything")
def _(trial):
    trial.end()


tap.run(setup=Troubles, teardown=Troubles.stop)
