#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients written by others: swaks, and Postfix's smtp-source with many
sessions at once."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "lib"))

import lab  # noqa: E402
from lab import case  # noqa: E402
from roster import ANN, BALANCE, BILL, entitled  # noqa: E402
from smtp import marker  # noqa: E402
from tap import Skip, same  # noqa: E402

SESSIONS, MESSAGES = 50, 500


def run(name, *args):
    try:
        done = subprocess.run([name, *args], capture_output=True, text=True,
                              timeout=60)
    except FileNotFoundError:
        raise Skip(f"no {name}") from None
    same((done.returncode, done.stderr), (0, ""), f"exit and words of {name}")
    return done.stdout


@case("what swaks sends with a tag reaches exactly those entitled")
def _(lab_):
    mark = marker()
    host, port = lab_.postfix.addresses["smtp"]
    run("swaks", "--server", f"{host}:{port}", "--silent", "2", "--suppress-data",
        "--from", "old@system.example", "--to", f"{ANN},{BILL}",
        "--header", f"X-Lab-Marker: {mark}",
        "--header", "X-Notify-Category: Balance & Payments",
        "--header", "X-Notify-Account: ACME")
    result = lab.Result(lab_, mark)
    same(result.recipients(), sorted(entitled(BALANCE, "acme")), "recipients")


@case("five hundred untagged messages on fifty sessions all arrive once")
def _(lab_):
    mark = marker()
    host, port = lab_.postfix.addresses["smtp"]
    run("smtp-source", "-s", str(SESSIONS), "-m", str(MESSAGES), "-f",
        f"{mark}@system.example", "-t", BILL, f"{host}:{port}")
    same(lab.Result(lab_, mark).recipients(), [BILL] * MESSAGES, "copies")


lab.run()
