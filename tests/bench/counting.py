# SPDX-License-Identifier: BSD-2-Clause
"""counting - what a message takes of a milter, on any machine: its instructions
in user space (callgrind) and its system calls (strace)"""
import glob
import os
import re
import shutil
import signal
import subprocess

import rosters

COUNT = re.compile(r"^events-\d+: (\d+)$", re.M)


def instructions(milter, command, messages):
    """Instructions per message of MILTER, which is started here, after its
    first messages; None if valgrind(1) is missing or cannot be asked.
    COMMAND(n) sends it n messages."""
    if not shutil.which("vgdb"):
        return None
    prefix = f"{milter.folder}/vgdb"
    # From the start as the user that the milter would become: callgrind's own
    # files belong to it, and only it may ask.
    user = ["setpriv", f"--reuid={rosters.USER}", "--clear-groups"]
    milter.command = [*user, "valgrind", "--tool=callgrind", "-q",
                      f"--vgdb-prefix={prefix}",
                      "--callgrind-out-file=/dev/null", *milter.command]

    def ask(*words):
        return subprocess.run(
            [*user, "vgdb", f"--vgdb-prefix={prefix}",
             f"--pid={milter.process.pid}", *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60)

    def send(count):
        subprocess.run(command(count), stdin=subprocess.DEVNULL, check=True,
                       stdout=subprocess.DEVNULL, timeout=120)

    try:
        milter.start()
        send(messages // 4)
        if ask("zero").returncode != 0:
            return None
        send(messages)
        counts = COUNT.findall(ask("status", "internal").stdout)
        return sum(map(int, counts)) / messages if counts else None
    finally:
        milter.stop()
        for path in glob.glob(f"{prefix}*"):
            os.unlink(path)


def system_calls(milter, command, messages):
    """System calls per message of a running milter; None if strace(1) is
    missing or not permitted. COMMAND sends it MESSAGES messages."""
    if not shutil.which("strace"):
        return None
    pids = milter.pids()
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-o", f"{milter.log}.calls",
         *(word for pid in pids for word in ("-p", str(pid)))],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in tracer.stderr:
            if "attached" not in line:
                return None
            pids.pop()
            if not pids:
                break
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True,
                       stdout=subprocess.DEVNULL, timeout=120)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=60)
    with open(f"{milter.log}.calls") as file:
        total = [line.split() for line in file if line.endswith("total\n")]
    return int(total[-1][3]) / messages
