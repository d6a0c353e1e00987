#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postgresql mounts
# not with sanitizer: it is about the server
# not with postgresql: it starts a server of its own
# takes: 30 s
# deep: it makes a server with small disks
"""Where the disk of a PostgreSQL server is full, a change is made whole or not
at all, what is said of it is true, and it succeeds once there is room."""
import os
import shutil
import subprocess
import tempfile

from lib import faults, rosterdb, tap
from lib.ctl import Ctl
from lib.postgresql import OWNER, Server
from lib.roster import CSV
from lib.tap import contains, same, true
from lib.waiting import until

ROWS = 3000
SMALL = """
min_wal_size = 2MB
max_wal_size = 4MB
wal_keep_size = 0
autovacuum = off
"""


class Disk:
    """A file system of some megabytes."""

    def __init__(self, size):
        self.folder = tempfile.mkdtemp(prefix="nm-small-")
        faults.mount("-t", "tmpfs", "-o", f"size={size}m,mode=777", "none",
                     self.folder)
        self.filler = os.path.join(self.folder, "filler")

    def fill(self, left):
        """Leave LEFT bytes."""
        free = os.statvfs(self.folder)
        with open(self.filler, "wb") as filler:
            filler.write(bytes(max(0, free.f_bavail * free.f_bsize - left)))

    def clear(self):
        os.unlink(self.filler)


class Crowded(Server):
    """Its data and its log are on disks of their own."""

    def __init__(self):
        super().__init__(SMALL)
        faults.own_mounts()
        self.rows, self.wal = Disk(80), Disk(12)

    @property
    def data(self):
        return os.path.join(self.rows.folder, "data")

    def make(self):
        self.run("initdb", "-D", self.data, "-X",
                 os.path.join(self.wal.folder, "log"), "-U", OWNER, "-A",
                 "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8",
                 "--wal-segsize=1")

    def ready(self):
        """Since its last panic. One that has just panicked may answer until
        all its processes are ended."""
        with open(self.log, errors="replace") as log:
            return "ready to accept connections" in log.read().rpartition(
                " PANIC: ")[2]

    def recover(self):
        """It may have ended, and is started then."""
        until(lambda: self.process.poll() is not None or self.ready(),
              lambda: f"the server ends, or recovers: {self.said()}")
        if self.process.poll() is not None:
            self.launch()

    def stop(self):
        super().stop()
        for disk in self.rows, self.wal:
            subprocess.run(["umount", "--lazy", disk.folder])
            shutil.rmtree(disk.folder, ignore_errors=True)


class Lab:
    def __init__(self):
        self.server = Crowded()
        rosterdb.use_postgresql(self.server.start())
        self.ctl = Ctl()

    def stop(self):
        self.ctl.stop()
        self.server.stop()

    def imports(self, name, n, *options):
        return self.ctl("import", *options, "-", stdin=CSV + "".join(
            f"acme,{name}-{i}@x.example,member,services\n" for i in range(n)))

    def users(self, name):
        return len([1 for address in self.ctl.roster()["acme"]
                    if address.startswith(f"{name}-")])


@tap.case("a full disk ends an import, and it is said whose disk is full")
def _(lab):
    lab.ctl.reset("roster")
    before = lab.ctl.dump()
    lab.server.rows.fill(0)
    for options in ["--dry-run"], [], ["--sync", "--remove-many"]:
        done = lab.imports("n", ROWS, *options)
        same((done.code, done.out), (74, ""), f"{done}")
        contains(done.line, "the disk of the server is full: could not",
                 f"{done}")
        lab.ctl.unchanged(before, f"database after {done}")
    lab.ctl.ok("user", "list", "acme")
    lab.server.rows.clear()
    same(lab.imports("n", ROWS).code, 0, "exit once there is room")
    same(lab.users("n"), ROWS, "users")


@tap.case("a server that ends for want of room for its log leaves no half")
def _(lab):
    lab.ctl.reset("roster")
    for left in 0, 100_000, 900_000:
        lab.server.wal.fill(left)
        said = []
        while len(said) < 100 and not (said and said[-1].code):
            said.append(lab.imports(f"{left}-{len(said)}", 200))
        lab.server.wal.clear()
        lab.server.recover()
        same((said[-1].code, said[-1].out), (74, ""), f"{said[-1]}")
        contains(said[-1].line, "database", f"{said[-1]}")
        for i, done in enumerate(said):
            got = lab.users(f"{left}-{i}")
            if "unknown whether" in done.err:
                true(got in (0, 200), f"{got} users after {done}")
            else:
                same(got, 0 if done.code else 200, f"users after {done}")
    same(lab.imports("later", ROWS).code, 0, "exit once there is room")


tap.run(setup=Lab, teardown=Lab.stop)
