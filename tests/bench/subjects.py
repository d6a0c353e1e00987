# SPDX-License-Identifier: BSD-2-Clause
"""subjects - the milters that are measured, as processes"""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import rosters
from lib.postfix import free_ports
from machine import HERE, program

READY = 30      # seconds
PYTHON = "/usr/bin/python3"     # Debian's, which has python3-milter
WORKERS = 4


class Subject:
    """A running milter. COMMAND starts it in FOLDER; WHERE is its socket, as
    libmilter writes it. PROCESSES: it has several."""

    def __init__(self, name, folder, where, command, environment=None,
                 processes=1):
        self.name, self.folder, self.where = name, folder, where
        self.command, self.environment = command, environment or {}
        self.processes = processes
        self.log = os.path.join(folder, name + ".log")
        self.process = None

    def launch(self):
        with open(self.log, "wb") as log:
            environment = {**os.environ, **self.environment}
            st = os.fstat(log.fileno())
            # As under systemd: syslog lines do not go to standard error too.
            environment["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=environment, start_new_session=True)

    def start(self):
        """Start it, and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + READY
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not start: "
                                   + self._excuse())
            time.sleep(0.005)
        return self

    def _answers(self):
        with contextlib.suppress(OSError):
            dial(self.where).close()
            return len(self.pids()) >= self.processes
        return False

    def _excuse(self):
        """Its output."""
        with open(self.log, errors="replace") as log:
            text = log.read().strip()
        if text or self.process.poll() is None:
            return text
        return subprocess.run(self.command, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, cwd=self.folder,
                              timeout=READY).stderr.strip()

    def pids(self):
        """Its process, and all children."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as file:
                        found += map(int, file.read().split())
        return found

    def cpu(self):
        """The seconds of processor time used so far."""
        return sum(cpu_time(pid) for pid in self.pids())

    def resident(self):
        """MB in memory."""
        return sum(resident(pid) for pid in self.pids())

    def peak(self):
        """The most MB that its first process ever had in memory."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file
                        if line.startswith("VmHWM:"))

    def stop(self):
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        if self.where.startswith("unix:"):
            with contextlib.suppress(OSError):
                os.unlink(self.where[5:])


def cpu_time(pid):
    """The processor time of PID in seconds, with that of ended threads."""
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)      # clock_getcpuclockid(3)
    return 0


def resident(pid):
    """Resident MB of PID; statm is not exact."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) / 1024 for line in file
                    if line.startswith("Rss:"))


def free_port():
    return free_ports(["127.0.0.1"])[0]


def dial(where):
    """A connection to WHERE, as libmilter writes it."""
    kind, _, rest = where.partition(":")
    if kind == "unix":
        one = socket.socket(socket.AF_UNIX)
        one.connect(rest)
        return one
    port, _, host = rest.partition("@")
    return socket.create_connection((host, int(port)), 5)


def rival(name, folder, where, away="unneeded", adds=0, deletes=0,
          equal=False):
    """tests/bench/rival.c; EQUAL: with a header and a line to syslog."""
    return Subject(name, folder, where, [
        program("rival"), "-s", where, "-n", away, "-a", str(adds),
        "-d", str(deletes), *(["-m", "-l"] if equal else [])])


def notify_milter(name, folder, where, database, more=""):
    """notify-milter itself, as systemd would start it."""
    conf = os.path.join(folder, name + ".conf")
    with open(conf, "w") as out:
        out.write(rosters.settings(database, where, folder, more))
    return Subject(name, folder, where, [program("notify-milter"),
                                         "-c", conf, "-f"])


def python(name, folder, where, database):
    """tests/bench/rival_python.py"""
    return Subject(name, folder, where, [
        PYTHON, "-B", os.path.join(HERE, "rival_python.py"), where, database,
        rosters.ACCOUNTS, rosters.MIRROR])


MIMEDEFANG = """\
"$1"/usr/bin/mimedefang-multiplexor -D -E -U {user} -z "$2" -s "$2"/mx \\
    -m {workers} -x {workers} -q 100 -w 1 -r 1000000 -f "$2"/mimedefang.pl \\
    -F "$2"/filter &
exec "$1"/usr/bin/mimedefang -D -y -X -q -G -U {user} -z "$2" -m "$2"/mx \\
    -p "$3"
"""


def mimedefang(name, folder, where, database, unpacked):
    """tests/bench/rival_mimedefang.pl, in a MIMEDefang that is unpacked in
    UNPACKED. Its spool is in FOLDER, in memory, as its manual advises."""
    spool = os.path.join(folder, name)
    os.mkdir(spool, 0o700)
    with open(os.path.join(unpacked, "usr/bin/mimedefang.pl")) as file:
        text = file.read()
    for path, data in (
            ("mimedefang.pl", text.replace("/etc/mail/",
                                           f"{unpacked}/etc/mail/")),
            ("filter", open(os.path.join(HERE,
                                         "rival_mimedefang.pl")).read())):
        with open(os.path.join(spool, path), "w") as out:
            out.write(data)
        os.chmod(out.name, 0o755)
    shutil.chown(spool, rosters.USER)
    return Subject(name, folder, where, [
        "sh", "-c", MIMEDEFANG.format(user=rosters.USER, workers=WORKERS),
        "sh", unpacked, spool, where],
        {"PERL5LIB": f"{unpacked}/usr/share/perl5", "RIVAL_DATABASE": database,
         "RIVAL_DOMAIN": rosters.ACCOUNTS, "RIVAL_MIRROR": rosters.MIRROR},
        processes=2 + WORKERS)
