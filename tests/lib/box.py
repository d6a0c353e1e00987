# SPDX-License-Identifier: BSD-2-Clause
"""box - this machine in a box: all changes to it are gone at the end.

    with Box() as box:
        box.run("dpkg -i ...")

Its own mounts (this machine's files under a layer of their own), network
(loopback alone) and processes.
"""
import os
import shutil
import subprocess
import tempfile

from lib.waiting import until

SCRIPT = r"""
set -e
base=$1
mount --make-rprivate /
mount -t tmpfs -o mode=755 nm-box "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" \
    nm-box "$base/root"
mount -t proc proc "$base/root/proc"
mount --rbind /dev "$base/root/dev"
mount -t tmpfs -o mode=1777 nm-box "$base/root/tmp"
mount -t tmpfs -o mode=755 nm-box "$base/root/run"
ip link set lo up 2>/dev/null || ifconfig lo up
exec chroot "$base/root" sh -c 'echo ready; exec sleep 600'
"""


class Refused(Exception):
    """The machine does not allow it, for this reason."""


class Box:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nm-box-")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork",
             "--kill-child=KILL", "sh", "-c", SCRIPT, "sh", self.folder],
            cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            why = self.process.stderr.read().decode(errors="replace").strip()
            self.stop()
            raise Refused(why or "no mounts of its own")
        self.inside = self._child()

    def _child(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return file.read().split()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()
        # Its mounts went with its last process.
        def gone():
            shutil.rmtree(self.folder, ignore_errors=True)
            return not os.path.isdir(self.folder)
        until(gone, f"{self.folder} can be removed")

    def start(self, script, **options):
        """A shell script in the box, as Popen has it."""
        return subprocess.Popen(
            ["nsenter", "-t", self.inside, "-m", "-n", "-p", "-r", "-w",
             "sh", "-c", script], **options)

    def run(self, script, input=None, check=True, timeout=60):
        """Its output; with CHECK it must end with 0."""
        process = self.start(script, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(input or b"", timeout)
        if check and process.returncode != 0:
            raise AssertionError(
                f"{script!r} ended with {process.returncode}: "
                f"{(out + err).decode(errors='replace')}")
        return subprocess.CompletedProcess(
            script, process.returncode, out.decode(errors="replace"),
            err.decode(errors="replace"))

    def put(self, path, data):
        self.run(f"cat >{path}", data)

    def until(self, script, what):
        """Wait until SCRIPT ends with 0; its output."""
        done = None

        def ended():
            nonlocal done
            done = self.run(script, check=False)
            return done.returncode == 0
        until(ended, lambda: f"{what}: {done.stdout}{done.stderr}", pause=0.05)
        return done.stdout
