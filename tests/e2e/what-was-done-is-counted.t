#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Counters of the milter: in a file for Prometheus, and in notifyctl stats."""
import json
import os
import subprocess

from lib import lab, needs
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, MAINTENANCE, STRANGER
from lib.tap import contains, lacks, same, true



def path(lab_):
    return os.path.join(os.path.dirname(lab_.database), "notify-milter.prom")


def read(lab_, since=0):
    """{series: value} after all that was done, as logged after SINCE, is
    written: a reload writes."""
    lab_.milter.reload()
    want = lab_.milter.summaries(since)
    found = {}

    def complete():
        found.clear()
        with open(path(lab_)) as file:
            for line in file:
                if not line.startswith("#"):
                    name, _, value = line.rpartition(" ")
                    found[name] = float(value)
        return sum(n for name, n in found.items()
                   if name.startswith("notify_milter_messages_total")
                   ) >= len(want)
    lab_.until(complete, "everything counted")
    return found


def messages(category, verdict):
    return (f'notify_milter_messages_total{{category="{category}",'
            f'verdict="{verdict}"}}')


def recipients(change):
    return f'notify_milter_recipients_total{{change="{change}"}}'


@case("each message counts once, by category and verdict; recipients too")
def _(lab_):
    lab_.send([ANN, BILL], BALANCE, "acme").must("deliver", [
        ANN, "olga@acme.example", "sue@acme.example"])
    lab_.send([BILL], MAINTENANCE).must("deliver", [BILL])
    lab_.send([STRANGER], "lunch").must("hold")
    lab_.send([ANN]).untouched([ANN])
    lab_.send([ANN]).untouched([ANN])
    got = read(lab_)
    same(got[messages(BALANCE, "deliver")], 1, "delivered")
    same(got[messages(MAINTENANCE, "deliver")], 1, "delivered")
    same(got[messages("", "hold")], 1, "held")
    same(got["notify_milter_untagged_messages_total"], 2, "untagged")
    same({change: got[recipients(change)]
          for change in ("kept", "added", "dropped", "mirrored")},
         {"kept": 2, "added": 2, "dropped": 1, "mirrored": 0}, "recipients")
    same(got["notify_milter_lookup_failures_total"], 0, "failures")
    same(got["notify_milter_decision_seconds_count"], 3, "decisions")
    same(got['notify_milter_decision_seconds_bucket{le="+Inf"}'], 3,
         "decisions in the last bucket")
    true(got["notify_milter_decision_seconds_sum"] > 0, "they took time")


@case("a bad tag answered 4xx is a decision; a database that is away is not")
def _(lab_):
    before = read(lab_)
    lab_.milter.settings(bad_tag="tempfail")
    lab_.send([ANN], "lunch").must("tempfail")
    failures = "notify_milter_lookup_failures_total"
    after = read(lab_)
    same(after[failures], before[failures], "failures after a bad tag")
    lab_.milter.settings()
    with lab_.database_away():
        lab_.send([ANN], BALANCE).must("tempfail")
    same(read(lab_)[failures], before[failures] + 1, "failures")


@case("the buckets only grow, as Prometheus wants them")
def _(lab_):
    got = [value for name, value in read(lab_).items()
           if name.startswith("notify_milter_decision_seconds_bucket")]
    same(len(got), 16, "buckets")
    same(got, sorted(got), "the buckets in their order")


@case("promtool finds no fault with the file")
def _(lab_):
    tool = needs.program("promtool")
    read(lab_)
    with open(path(lab_)) as file:
        done = subprocess.run([tool, "check", "metrics"], stdin=file,
                              capture_output=True, text=True, timeout=30)
    same((done.returncode, done.stdout, done.stderr), (0, "", ""), "promtool")
    broken = "notify_milter_messages_total{category=} 1\n"
    done = subprocess.run([tool, "check", "metrics"], input=broken, text=True,
                          capture_output=True, timeout=30)
    true(done.returncode != 0, "promtool finds a fault where there is one")


@case("notifyctl stats says the same, to people and as JSON")
def _(lab_):
    got = read(lab_)
    document = json.loads(lab_.notifyctl("--json", "stats").stdout)
    counted = {messages("" if row["category"] == "-" else row["category"],
                        row["verdict"]): row["messages"]
               for row in document["messages"]}
    same(counted, {name: value for name, value in got.items()
                   if name.startswith("notify_milter_messages_total")},
         "messages")
    same(document["untagged"], 2, "untagged")
    same(document["recipients_dropped"], 1, "dropped")
    text = lab_.notifyctl("stats").stdout
    contains(text, f"{BALANCE}", "text")
    contains(text, "2 messages without a tag", "text")


@case("counting goes on over a restart, also after SIGKILL")
def _(lab_):
    before = read(lab_)
    lab_.milter.kill()
    lab_.milter.start()
    lab_.send([BILL], MAINTENANCE).must("deliver", [BILL])
    got = read(lab_)
    same(got[messages(MAINTENANCE, "deliver")],
         before[messages(MAINTENANCE, "deliver")] + 1, "delivered")
    same(got["notify_milter_decision_seconds_count"],
         before["notify_milter_decision_seconds_count"] + 1, "decisions")
    true(got["notify_milter_start_time_seconds"]
         >= before["notify_milter_start_time_seconds"], "a new start time")


@case("SIGTERM writes the last counts")
def _(lab_):
    before = read(lab_)
    lab_.send([BILL], MAINTENANCE).must("deliver", [BILL])
    lab_.milter.stop()
    with open(path(lab_)) as file:
        contains(file.read(), messages(MAINTENANCE, "deliver")
                 + f" {before[messages(MAINTENANCE, 'deliver')] + 1:.0f}\n",
                 "file")
    lab_.milter.start()


@case("everybody can read the file, and no temporary file stays beside it")
def _(lab_):
    read(lab_)
    same(oct(os.stat(path(lab_)).st_mode & 0o777), oct(0o644), "mode")
    same([name for name in os.listdir(os.path.dirname(path(lab_)))
          if name.startswith("notify-milter.prom.")], [], "left behind")


@case("a file that cannot be parsed is reported once, and counting begins at "
      "0")
def _(lab_):
    lab_.milter.kill()
    with open(path(lab_), "w") as file:
        file.write("notify_milter_messages_total nonsense\n")
    since = lab_.milter.mark()
    lab_.milter.start()
    lab_.milter.wait_line(r"warning: stats: .*:1: expected .*from 0", since)
    lab_.send([BILL], MAINTENANCE).must("deliver", [BILL])
    same(read(lab_, since)[messages(MAINTENANCE, "deliver")], 1, "delivered")


@case("a directory that cannot be written to is reported once and affects no "
      "mail")
def _(lab_):
    since = lab_.milter.mark()
    lab_.milter.settings(stats_file="/nonexistent/notify-milter.prom")
    for _ in range(2):
        lab_.send([BILL], MAINTENANCE).must("deliver", [BILL])
        lab_.milter.reload()
        lab_.milter.wait_line(r"warning: stats: /nonexistent", since)
    same(len([line for line in lab_.milter.since(since)
              if "warning: stats" in line]), 1, "warnings")


@case("without stats_file nothing is written, and notifyctl stats says why")
def _(lab_):
    lab_.milter.settings(stats_file="")
    os.unlink(path(lab_))
    lab_.send([BILL], MAINTENANCE).must("deliver", [BILL])
    lab_.milter.reload()
    done = lab_.notifyctl("stats", check=False)
    same(done.returncode, 78, "exit status")
    contains(done.stderr, 'expected a line "stats_file = ', "error")
    lacks(done.stdout, "messages", "output")
    same(os.path.exists(path(lab_)), False, "the file is there")


# It counts those who stay and leave; who joins for them is another matter.
lab.run(allow=r"warning: stats: |tempfail|category=- .*verdict=hold",
        settings={"expand": "addressed"})
