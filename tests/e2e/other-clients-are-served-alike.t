#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Clients written by others: swaks, and Postfix's smtp-source with many
sessions at once."""
import subprocess

from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, entitled
from lib.smtp import marker
from lib.tap import Skip, same

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
