# SPDX-License-Identifier: BSD-2-Clause
"""pgbouncer - a PgBouncer in front of a PostgreSQL server of the tests.

    with Pooler(server, "transaction") as pooler: pooler.url()

It has two connections to the server, so that clients exchange their sessions.
"""
import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile

from lib import UNPACKED
from lib.postfix import free_ports
from lib.postgresql import OWNER, USER, open_to_all
from lib.pq import Connection
from lib.waiting import until

SETTINGS = """\
[databases]
postgres = host={server} port=5432 user={role}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
server_round_robin = {turns}
max_client_conn = 3000
pidfile = {folder}/pid
logfile = {folder}/log
"""


def program():
    """Its path, or None. $NM_PGBOUNCER names another one."""
    if "NM_PGBOUNCER" in os.environ:
        return shutil.which(os.environ["NM_PGBOUNCER"])
    found = glob.glob(os.path.join(UNPACKED, "pgbouncer", "usr/sbin/pgbouncer"))
    return shutil.which("pgbouncer") or (found[0] if found else None)


def version():
    """What it says of itself: PgBouncer 1.24.1."""
    return subprocess.run([program(), "--version"], text=True, check=True,
                          capture_output=True).stdout.split("\n")[0]


class Pooler:
    address = "127.0.0.1"

    def __init__(self, server, mode, size=2, turns=1, role=OWNER):
        self.server, self.mode, self.role = server, mode, role
        self.size, self.turns = size, turns
        self.process = self.folder = self.port = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="nm-pooler-")
        if self.port is None:
            self.port = free_ports([self.address])[0]
        if os.geteuid() == 0:       # which it refuses to be
            entry = pwd.getpwnam(USER)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.write()
        self.launch()
        return self

    @property
    def conf(self):
        return os.path.join(self.folder, "pgbouncer.ini")

    def write(self):
        """Its settings."""
        with open(self.conf, "w") as out:
            out.write(SETTINGS.format(
                server=self.server.folder, role=self.role, port=self.port,
                mode=self.mode, size=self.size, turns=self.turns,
                folder=self.folder))

    def launch(self):
        """Start it, and wait until it answers."""
        path, options = program(), {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            options = {"user": entry.pw_uid, "group": entry.pw_gid,
                       "extra_groups": []}
            if not open_to_all(path):
                path = shutil.copy(path, self.folder)
        self.process = subprocess.Popen(
            [path, "-q", self.conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        until(self.answers, lambda: f"PgBouncer answers: {self.said()}")

    def said(self):
        """The end of its log."""
        with contextlib.suppress(FileNotFoundError), \
                open(os.path.join(self.folder, "log")) as log:
            return log.read()[-2000:]
        return ""

    def ask(self, text):
        """The first value of the answer."""
        with Connection(self.url()) as one:
            return str(one.run(text)[0][0])

    def answers(self):
        with contextlib.suppress(Exception), Connection(self.url()) as one:
            one.run("SELECT 1")
            return True
        return False

    def url(self):
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/postgres"

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        self.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
