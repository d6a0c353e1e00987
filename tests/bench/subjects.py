"""subjects - the milters that are measured, as processes"""
import contextlib
import os
import signal
import socket
import subprocess
import time

import rosters
from machine import program

READY = 30      # seconds


class Subject:
    """One milter that runs. COMMAND is what starts it, in FOLDER; WHERE it
    listens, as libmilter writes it. PROCESSES: it consists of several."""

    def __init__(self, name, folder, where, command, environment=None,
                 processes=1):
        self.name, self.folder, self.where = name, folder, where
        self.command, self.environment = command, environment or {}
        self.processes = processes
        self.log = os.path.join(folder, name + ".log")
        self.process = None

    def start(self):
        with open(self.log, "wb") as log:
            environment = {**os.environ, **self.environment}
            st = os.fstat(log.fileno())
            # As under systemd: what goes to syslog does not go there too.
            environment["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=environment, start_new_session=True)
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
        """What it says of itself."""
        with open(self.log, errors="replace") as log:
            text = log.read().strip()
        if text or self.process.poll() is None:
            return text
        return subprocess.run(self.command, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, cwd=self.folder,
                              timeout=READY).stderr.strip()

    def pids(self):
        """Its process, and all that it has started."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as file:
                        found += map(int, file.read().split())
        return found

    def cpu(self):
        """The seconds of processor time that it has taken so far."""
        return sum(cpu_time(pid) for pid in self.pids())

    def resident(self):
        """MB in memory."""
        pages = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/statm") as file:
                pages += int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2 ** 20

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
    """The processor's clock of PID, in seconds; threads that have ended count
    too."""
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)      # clock_getcpuclockid(3)
    return 0


def dial(where):
    """A connection to WHERE, as libmilter writes it."""
    kind, _, rest = where.partition(":")
    if kind == "unix":
        one = socket.socket(socket.AF_UNIX)
        one.connect(rest)
        return one
    port, _, host = rest.partition("@")
    return socket.create_connection((host, int(port)), 5)


def rival(name, folder, where, away="unneeded", adds=0, deletes=0, log=False):
    """tests/bench/rival.c"""
    return Subject(name, folder, where, [
        program("rival"), "-s", where, "-n", away, "-a", str(adds),
        "-d", str(deletes), *(["-l"] if log else [])])


def notify_milter(name, folder, where, database, more=""):
    """notify-milter itself, as systemd would start it."""
    conf = os.path.join(folder, name + ".conf")
    with open(conf, "w") as out:
        out.write(rosters.settings(database, where, folder, more))
    return Subject(name, folder, where, [program("notify-milter"),
                                         "-c", conf, "-f"])
