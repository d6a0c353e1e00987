#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it preloads a library
"""notify-telegram that is out of memory at its start says so, and exits 75."""
import os
import subprocess
import tempfile

from lib import faults, tap
from lib.milter import program
from lib.tap import case, same, true


@case("the log line of a failed allocation says what failed")
def _():
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "conf")
        with open(conf, "w") as file:
            file.write(f"[database]\nurl = {folder}/none.db\n")
        memory = faults.Memory(folder)

        def run(call):
            memory.arm(call, call)
            done = subprocess.run(
                [program("notify-telegram"), "-c", conf, "4X", "1@t.invalid"],
                input=b"Subject: x\n\n", capture_output=True,
                env={**os.environ, **memory.env})
            return done, memory.get("calls"), memory.disarm()

        done, calls, _ = run(1 << 40)
        same(done.returncode, 75, "exit without a database")
        said = set()
        # Before these come the libraries, which abort.
        for call in range(calls - 60, calls + 1):
            done, _, failed = run(call)
            if failed and done.returncode == 75:
                said.add(done.stderr.decode().strip().split("]: ")[-1])
        true("error: no failure" not in said, f"got {said}")
        true("error: out of memory" in said, f"got {said}")


tap.run()
