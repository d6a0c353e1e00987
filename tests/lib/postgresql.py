# SPDX-License-Identifier: BSD-2-Clause
"""postgresql - a private PostgreSQL server.

    with Server() as server: ...    server.url() is a database of it
    Server(primary=server)          a standby of it, by streaming replication

Debian's package, of which no cluster is used: everything lies in one temporary
directory, the server listens on a UNIX socket there, belongs to an unprivileged
user, and ends with the program. Nothing is synced to the disk; a standby that
is started again finds the log that it lacks. Its locale is one that does not
compare by octets, as a server's in the field.
"""
import atexit
import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from lib import UNPACKED, pq
from lib.waiting import LIMIT, until

USER = "nobody"     # the server refuses to be root's
OWNER = "roster"    # the role that owns everything

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 200
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
fsync = off
full_page_writes = off
wal_keep_size = 64MB
logging_collector = off
log_min_messages = warning
"""


def places(package):
    """The roots below which the files of PACKAGE-VERSION may lie."""
    return "/", *glob.glob(os.path.join(UNPACKED, f"{package}-[0-9]*"))


def installation():
    """The directory usr/lib/postgresql/VERSION, and the version; or None."""
    for root in places("postgresql"):
        found = glob.glob(os.path.join(
            root, "usr/lib/postgresql/*/bin/postgres"))
        if found:
            return os.path.realpath(root), max(
                (path.split("/")[-3] for path in found), key=float)
    return None


def client(name):
    """The path of NAME, one of the programs of the client's package."""
    for root in places("postgresql-client"):
        found = glob.glob(os.path.join(root, "usr/lib/postgresql/*/bin", name))
        if found:
            return max(found)
    raise FileNotFoundError(f"needs {name}")


def open_to_all(path):
    """Can other users reach PATH?"""
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


class Server:
    def __init__(self, settings="", primary=None):
        self.settings, self.primary = settings, primary
        self.folder = self.process = self.programs = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        found = installation()
        if found is None:
            raise FileNotFoundError("needs a PostgreSQL server's programs")
        atexit.register(self.stop)
        self.folder = tempfile.mkdtemp(prefix="nm-pg-")
        os.chmod(self.folder, 0o755)    # for clients
        self._give(self.folder)
        self._find(*found)
        if self.primary is None:
            self.make()
        else:
            self.copy()
        with open(os.path.join(self.data, "postgresql.conf"), "a") as out:
            out.write(SETTINGS.format(folder=self.folder) + self.settings)
        self.launch()
        return self

    def make(self):
        self.run("initdb", "-D", self.data, "-U", OWNER, "-A", "trust", "-N",
                 "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu",
                 "--icu-locale=en-US")

    def copy(self, *options):
        """Be a standby of the primary; OPTIONS say how that is reached."""
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c",
                 "fast", "--no-sync",
                 *(options or ("-h", self.primary.folder, "-U", OWNER)))

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    @property
    def log(self):
        return os.path.join(self.folder, "log")

    def url(self, database="postgres", role=OWNER):
        return f"postgresql://{role}@/{database}?host={self.folder}"

    # Its programs

    def _find(self, root, version):
        """The directory of its programs, which find the rest from there."""
        parts = (f"usr/lib/postgresql/{version}",
                 f"usr/share/postgresql/{version}")
        if os.geteuid() == 0 and not open_to_all(root):
            for part in parts:
                shutil.copytree(os.path.join(root, part),
                                os.path.join(self.folder, part))
            root = self.folder
        self.programs = os.path.join(root, parts[0], "bin")

    def _client(self, name):
        """Where the server's user can run it."""
        path = client(name)
        if os.geteuid() == 0 and not open_to_all(path):
            path = shutil.copy(path, os.path.join(self.folder, name))
        return path

    @staticmethod
    def _give(path):
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _options(self):
        """Of a process that is the server's."""
        options = {"cwd": self.folder,
                   "env": {"PATH": os.environ["PATH"], "HOME": self.folder,
                           "PGPORT": os.environ.get("PGPORT", "5432"),
                           "LC_ALL": "C.UTF-8"}}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            options.update(user=entry.pw_uid, group=entry.pw_gid,
                           extra_groups=[])
        return options

    def run(self, name, *args):
        path = os.path.join(self.programs, name)
        done = subprocess.run(
            [path if os.path.exists(path) else self._client(name), *args],
            capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL, **self._options())
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stdout}{done.stderr}")
        return done.stdout

    def psql(self, path, database="postgres", role=OWNER):
        """Run the file PATH, as psql -f does; its output."""
        with open(path) as file:
            done = subprocess.run(
                [self._client("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-h",
                 self.folder, "-U", role, "-d", database], text=True,
                capture_output=True, timeout=60, stdin=file,
                **self._options())
        if done.returncode != 0:
            raise RuntimeError(f"psql {path}: {done.stdout}{done.stderr}")
        return done.stdout

    # Its life

    def launch(self):
        """Start it, and wait until it answers."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.programs, "postgres"), "-D", self.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                **self._options())
        until(lambda: self.answers() or self.process.poll() is not None,
              lambda: f"the server is ready: {self.said()}")
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended: {self.said()}")

    def answers(self):
        """Does it take connections? Its file says so in the last line."""
        try:
            with open(os.path.join(self.data, "postmaster.pid")) as file:
                lines = file.read().split("\n")
        except FileNotFoundError:
            return False
        return lines[0] == str(self.process.pid) and lines[7:8] == ["ready   "]

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()[-2000:]

    def end(self, number=signal.SIGQUIT):
        """End it: at once (SIGQUIT), orderly (SIGINT), or as by a crash
        (SIGKILL)."""
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def crash(self):
        """All of its processes are killed, as by the machine's end."""
        group = self._children(self.process.pid)
        self.process.kill()
        self.process.wait()
        self.process = None
        for number in group:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        # Its memory is nobody's once they are gone.
        until(lambda: not any(os.path.exists(f"/proc/{number}")
                              for number in group), "all its processes end")

    @staticmethod
    def _children(parent):
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError), open(path) as file:
                fields = file.read().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(path.split("/")[2]))
        return found

    def sql(self, text, *values):
        with pq.Connection(self.url()) as connection:
            return connection.run(text, *values)

    def catch_up(self):
        """A standby has applied all that its primary has committed so far."""
        at, _ = self.primary.sql(
            "SELECT clock_timestamp()::text, txid_current()")[0]
        until(lambda: self.sql("SELECT pg_last_xact_replay_timestamp() >="
                               " ?::timestamptz", at)[0][0],
              lambda: f"the standby catches up: {self.said()[-700:]}", 20)

    def follow(self, primary):
        """A standby follows another primary from now on."""
        self.primary = primary
        self.end(signal.SIGINT)
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a") as out:
            out.write("primary_conninfo ="
                      f" 'host={primary.folder} user={OWNER}'\n")
        self.launch()

    def promote(self):
        """A standby becomes a primary."""
        self.run("pg_ctl", "promote", "-w", "-D", self.data)

    def stop(self):
        """End it and remove the directory; harmless when done twice."""
        atexit.unregister(self.stop)
        self.end()
        if self.folder is not None:
            self._release()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _release(self):
        """Of one that was killed, the system keeps a piece of memory."""
        with contextlib.suppress(FileNotFoundError, IndexError), \
                open(os.path.join(self.data, "postmaster.pid")) as file:
            number = file.read().split("\n")[6].split()[1]
            subprocess.run(["ipcrm", "-m", number], capture_output=True)
