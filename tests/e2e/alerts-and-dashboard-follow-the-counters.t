#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix promtool
# not with sanitizer: it is about documents
# not with postgresql: the counters are the same
"""Alerts and dashboard for Prometheus: each alert is raised when it must be, and
each query finds something in the counters that the programs have written."""
import glob
import json
import os
import re
import subprocess

from lib import TREE, lab, needs
from lib.lab import case
from lib.milter import program
from lib.requeue import run
from lib.roster import ANN, BALANCE, BILL, MAINTENANCE
from lib.tap import same, true

FOLDER = os.path.join(TREE, "tools/package/monitoring")
SCRIPT = os.path.join(TREE, "postfix-sample/roster-from-your-database",
                      "notify-roster")
# Of node_exporter, and of the rules themselves.
OTHERS = {"node_systemd_unit_state", "node_textfile_mtime_seconds",
          "node_textfile_scrape_error",
          "instance_verdict:notify_milter_messages:increase15m",
          "instance_outcome:notify_telegram_messages:increase15m"}


def promtool(*args):
    return subprocess.run([needs.program("promtool"), *args], capture_output=True,
                          text=True, timeout=60)


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def queries():
    """[(title, query)] of the dashboard, as Grafana would send them."""
    return [(panel["title"], target["expr"]
             .replace("$__rate_interval", "5m")
             .replace("$job", ".*").replace("$instance", ".*"))
            for panel in json.loads(read("dashboard.json"))["panels"]
            for target in panel["targets"]]


def metrics(text):
    return set(re.findall(r"\b(?:instance_\w+:\w+:\w+|(?:notify|node)_\w+)\b",
                          text))


def recorded(lab_):
    """{series: value, as text} of all files that the programs leave."""
    lab_.milter.reload()
    want = len(lab_.milter.summaries(0))
    folder = os.path.dirname(lab_.database)
    found = {}

    def complete():
        found.clear()
        for path in glob.glob(os.path.join(folder, "*.prom")):
            with open(path) as file:
                found.update(line.rstrip("\n").rsplit(" ", 1)
                             for line in file if not line.startswith("#"))
        return sum(float(value) for name, value in found.items()
                   if name.startswith("notify_milter_messages_total")) >= want
    lab_.until(complete, "everything counted")
    return dict(found)


def work(lab_):
    """Have each program count something."""
    folder = os.path.dirname(lab_.database)
    lab_.send([ANN, BILL], BALANCE, "acme")
    lab_.send([BILL], MAINTENANCE)
    lab_.send([ANN], "lunch").must("hold")
    lab_.send([ANN]).untouched([ANN])
    with lab_.database_away():
        lab_.send([ANN], BALANCE).must("tempfail")
    same(run(lab_, "held").code, 0, "notifyctl held")
    same(subprocess.run(
        [program("notify-telegram"), "-c", lab_.milter.file, "4X",
         "1-2@telegram.invalid"], input=b"Subject: x\n\nx\n",
        capture_output=True, timeout=30).returncode, 0, "notify-telegram")
    subprocess.run([SCRIPT], capture_output=True, timeout=30, env={
        **os.environ, "FROM": "nowhere", "SETTINGS": lab_.milter.file,
        "METRICS": os.path.join(folder, "notify-roster.prom")})


@case("promtool finds no fault with the rules")
def _(_lab):
    done = promtool("check", "rules", os.path.join(FOLDER, "alerts.yml"))
    same((done.returncode, done.stderr), (0, ""), "promtool check rules")


@case("each alert is raised by what it is for, and not by what is usual")
def _(_lab):
    path = os.path.join(FOLDER, "alerts-test.yml")
    done = promtool("test", "rules", path)
    same(done.returncode, 0, f"promtool test rules: {done.stdout}{done.stderr}")
    names = re.findall(r"alert: (\w+)", read("alerts.yml"))
    raised = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:",
                            read("alerts-test.yml")))
    quiet = set(re.findall(r"alertname: (\w+)}", read("alerts-test.yml")))
    same(sorted(names), sorted(raised), "alerts that a test raises")
    same(sorted(names), sorted(quiet), "alerts that a test does not raise")


@case("each query of the dashboard finds something in recorded counters; no "
      "rule has another name")
def _(lab_):
    series = {}
    for _ in range(2):
        work(lab_)
        series = {name: (series.get(name, ("0", "0"))[1], value)
                  for name, value in recorded(lab_).items()}
    names = {name.partition("{")[0] for name in series}
    shown = metrics(" ".join(query for _, query in queries()))
    same(sorted(shown - names), [], "names that nothing counts")
    same(sorted(names - shown), ["notify_roster_timestamp_seconds"],
         "what is counted and not shown")
    alerts = re.sub(r"(?m)^ *(#|- (name|record):|(summary|action):).*", "",
                    read("alerts.yml"))
    same(sorted(metrics(alerts) - names - OTHERS), [],
         "names in alerts that nothing counts")

    def labelled(name):
        name, _, labels = name.partition("{")
        return f'{name}{{job="node",instance="mx1",{labels or "}"}'
    tests = {
        "rule_files": [], "evaluation_interval": "1m", "tests": [{
            "interval": "1m",
            "input_series": [
                {"series": labelled(name),
                 "values": " ".join([value[0]] * 10 + [value[1]] * 3)}
                for name, value in series.items()],
            "promql_expr_test": [
                {"expr": f"count(({query}) > -Inf) > bool 0",
                 "eval_time": "12m", "exp_samples": [
                     {"labels": "{}", "value": 1}]}
                for _, query in queries()]}]}
    path = os.path.join(lab_.folder, "queries.json")    # JSON is YAML
    with open(path, "w") as file:
        json.dump(tests, file)
    done = promtool("test", "rules", path)
    same(done.returncode, 0, f"promtool: {done.stdout}{done.stderr}")


@case("the rules name verdicts and outcomes that the programs have")
def _(_lab):
    with open(os.path.join(TREE, "policy/decision/decide_words.c")) as file:
        known = file.read()
    for path in glob.glob(os.path.join(TREE, "tools/telegram/*.c")):
        with open(path) as file:
            known += file.read()
    found = re.findall(r'(?:verdict|outcome)=~?"([\w|-]+)"', read("alerts.yml"))
    true(len(found) >= 6, f"labels: {found}")
    for word in "|".join(found).split("|"):
        true(f'"{word}"' in known, f"{word} is a verdict or an outcome")


@case("dashboard: its panels have a number and a place of their own")
def _(_lab):
    panels = json.loads(read("dashboard.json"))["panels"]
    same(len({panel["id"] for panel in panels}), len(panels), "numbers")
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                true(x < 24 and (x, y) not in taken,
                     f"room for {panel['title']}")
                taken.add((x, y))


lab.run(allow=r"tempfail|verdict=hold|outcome=")
