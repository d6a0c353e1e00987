#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about what a stranger sees
# not with postgresql: it has a roster of its own
"""`make demo`: what a stranger runs first shows each message, and leaves nothing."""
import os
import re
import subprocess
import tempfile

from lib import TREE, tap
from lib.tap import case, contains, same


@case("the demo shows its nine messages, each with those who got it")
def _():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        done = subprocess.run([os.path.join(TREE, "tests/demo/demo")],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120,
                              env={**os.environ, "TMPDIR": folder})
        same(os.listdir(folder), [], "what is left")
    same((done.returncode, done.stderr), (0, ""), "exit status, error output")
    same([int(n) for n in re.findall(r"(?m)^(\d+)\. ", done.stdout)],
         list(range(1, 10)), "the messages")
    for outcome in ("got it", "did not", "mirrored", "on hold",
                    "owner of acme, whose user bill@acme.example was addressed",
                    "X-Notify headers left in what arrived: 0",
                    "This chat is linked to:", "Dieser Chat ist verknüpft",
                    "Subject: Sie erhalten „Guthaben und Zahlungen“ für das "
                    "Konto acme\n", "  - Guthaben und Zahlungen\n",
                    'Subject: You no longer receive "Balance and payments" for '
                    "account acme\n", "  - Balance and payments\n"):
        contains(done.stdout, outcome)
    installed = os.path.join(TREE, "build", "installed")
    if os.path.exists(installed):
        with open(installed) as file:
            for package in file.read().split():
                contains(done.stdout.split("This removes them:")[1].split(),
                         package, "packages that the last words name")
    else:
        contains(done.stdout, "Nothing of this stays but the programs in build/")


tap.run()
