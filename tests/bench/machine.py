# SPDX-License-Identifier: BSD-2-Clause
"""machine - the machine that measures, and its preparation."""
import contextlib
import fcntl
import grp
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
KEPT = os.path.join(BUILD, "bench")     # between runs
QUEUE = os.path.join(KEPT, "queue")     # Postfix's, on the disk

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DATAGRAMS = 512     # in a queue; what systemd sets, the kernel's own is 10
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def program(name):
    return os.path.join(BUILD, name)


def say(text):
    """Report progress on standard error."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Machine:
    """WORK is a directory of this run. With APART its mounts and ports are
    private."""

    def __init__(self, work, apart):
        self.work, self.apart = work, apart
        self.sink = None
        self.rosters = os.path.join(work, "rosters")
        self.mimedefang = os.path.join(work, "mimedefang")
        self.memory = os.path.join(work, "memory")
        self.disk = os.path.join(work, "disk")
        kept = os.path.join(KEPT, "rosters")
        unpacked = os.path.join(BUILD, "unpacked", "mimedefang")
        os.makedirs(kept, exist_ok=True)
        shutil.rmtree(QUEUE, ignore_errors=True)
        os.makedirs(QUEUE)
        if apart:
            # The milter's user may not be able to read the build directory.
            self._mount("--bind", kept, self.rosters)
            self._mount("--bind", QUEUE, self.disk)
            if os.path.exists(unpacked):
                self._mount("--bind", unpacked, self.mimedefang)
            self._mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", self.memory)
            self._devices()
            _loopback_up()
            self.sink = subprocess.Popen([program("logsink"), "/dev/log"],
                                         stdout=subprocess.PIPE, text=True)
        else:
            os.symlink(kept, self.rosters)
            os.symlink(QUEUE, self.disk)
            os.symlink(unpacked, self.mimedefang)
            os.mkdir(self.memory)

    @staticmethod
    def _mount(*words):
        os.makedirs(words[-1], exist_ok=True)
        subprocess.run(["mount", *words], check=True, timeout=20)

    def _devices(self):
        """A private /dev, for a private /dev/log."""
        with open("/proc/sys/net/unix/max_dgram_qlen", "w") as out:
            out.write(str(DATAGRAMS))
        folder = os.path.join(self.work, "dev")
        self._mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        for name in DEVICES:
            path = os.path.join(folder, name)
            open(path, "w").close()
            subprocess.run(["mount", "--bind", f"/dev/{name}", path],
                           check=True, timeout=20)
        os.symlink("/proc/self/fd", os.path.join(folder, "fd"))
        for name in ("shm", "pts"):
            os.mkdir(os.path.join(folder, name))
        os.chmod(os.path.join(folder, "shm"), 0o1777)
        subprocess.run(["mount", "--move", folder, "/dev"], check=True,
                       timeout=20)

    def milters(self):
        """The directory of the milters' sockets and settings. A socket belongs
        to its group, so that Postfix can connect."""
        folder = os.path.join(self.work, "milters")
        if not os.path.exists(folder):
            os.mkdir(folder)
            with contextlib.suppress(KeyError):
                os.chown(folder, -1, grp.getgrnam("postfix").gr_gid)
            os.chmod(folder, 0o2777)
        return folder

    def stop(self):
        """The number of lines logged, or None."""
        if self.sink is None:
            return None
        self.sink.terminate()
        lines, _ = self.sink.communicate(timeout=20)
        self.sink = None
        return int(lines)

    def syslog(self):
        """The receiver of the log, in words."""
        if self.apart:
            return "a /dev/log that is read and thrown away"
        if os.path.exists("/dev/log"):
            return "the machine's own /dev/log"
        return "no /dev/log: each line is an attempt in vain"

    def memory_place(self):
        """Where the queue is that is not to be slowed down by a disk."""
        return "in memory" if self.apart else f"on {filesystem(self.memory)}"


def filesystem(path):
    """The kind of file system that PATH is on."""
    done = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", path],
                          text=True, capture_output=True)
    return done.stdout.split("\n")[0] or "an unknown file system"


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(s, SIOCSIFFLAGS,
                    struct.pack("16sh14x", b"lo", flags | IFF_UP))


def describe():
    """The machine, in a line."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file
                  if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        total = int(file.readline().split()[1]) / 2 ** 20
    with open("/etc/os-release") as file:
        name = next((line.split("=")[1].strip().strip('"') for line in file
                     if line.startswith("PRETTY_NAME=")), "?")
    return (f"{len(os.sched_getaffinity(0))} x {(models or ['?'])[0]}, "
            f"{total:.0f} GiB, Linux {platform.release()}, {name}")


def version():
    """The version and commit of the measured programs."""
    shown = subprocess.run([program("notify-milter"), "-V"], text=True,
                           capture_output=True).stdout.strip()
    if shutil.which("git"):
        done = subprocess.run(["git", "-C", ROOT, "describe", "--always",
                               "--dirty"], text=True, capture_output=True)
        if done.returncode == 0:
            shown += f" ({done.stdout.strip()})"
    return shown
