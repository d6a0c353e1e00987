#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it starts a PostgreSQL server
# needs: postgresql
# takes: 15 s
"""postfix-sample/roster-from-your-database brings the roster into line with
another database, and imports nothing that was not read to its end."""
import os
import subprocess

from lib import TREE, ctl, rosterdb
from lib.ctl import case
from lib.milter import BUILD
from lib.roster import ANN, BALANCE, OLGA, OTTO
from lib.tap import contains, same, true

SCRIPT = os.path.join(TREE, "postfix-sample/roster-from-your-database",
                      "notify-roster")
TABLES = """
DROP SCHEMA IF EXISTS billing CASCADE; CREATE SCHEMA billing;
SET search_path = billing;
CREATE TABLE customer(id int, login text, owner int);
CREATE TABLE person(id int, customer int, mail text, admin bool);
INSERT INTO customer VALUES (1, 'acme', 1), (2, 'beta', 3);
INSERT INTO person VALUES (1, 1, 'olga@acme.example', false),
    (2, 1, 'ann@acme.example', true), (3, 2, 'otto@beta.example', false),
    (4, 2, '"b, c"@beta.example', false);
"""
# What mysql(1) of MariaDB 10.11 and ldapsearch(1) of OpenLDAP 2.5 have printed.
TABS = ("account\temail\trole\nacme\tolga@acme.example\towner\n"
        'acme\t"b, c"@acme.example\tmember\n')
LDIF = ("dn: uid=olga,ou=people,dc=example,dc=com\no: acme\n"
        "mail: olga@acme.example\nmail: olga.second@acme.example\n\n"
        "dn: uid=nina,ou=people,dc=example,dc=com\no: acme\n"
        'mail: "b, c"@acme.example\n\n')


def psql(text):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                    rosterdb.server()], input=text, text=True, check=True,
                   capture_output=True, timeout=30)


def run(ctl_, *args, path=None, **env):
    """(exit status, output, error) of notify-roster."""
    url = rosterdb.server()
    done = subprocess.run(
        [SCRIPT, *args], capture_output=True, text=True, timeout=60, env={
            **ctl_.environment(), "SETTINGS": ctl_.conf.file,
            "METRICS": ctl_.path("roster.prom"),
            "PATH": ":".join(filter(None, [path, BUILD, os.environ["PATH"]])),
            "SOURCE": url, "PGOPTIONS": "-c search_path=billing", **env})
    return done.returncode, done.stdout, done.stderr


def metric(ctl_, name):
    with open(ctl_.path("roster.prom"), encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith(f"notify_roster_{name} "))


def stand_in(ctl_, name, text, status=0):
    """A program NAME that prints TEXT; the directory that it is in."""
    folder = ctl_.path("bin")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {status}\n")
    os.chmod(path, 0o755)
    return folder


@case("psql: users come and go; subscriptions and what else there is stay",
      roster=False)
def _(ctl):
    psql(TABLES)
    same(run(ctl), (0, "", ""), "what it says")
    same(ctl.roster(), {
        "acme": {OLGA: ("owner", set()), ANN: ("user-admin", set())},
        "beta": {OTTO: ("owner", set()),
                 '"b, c"@beta.example': ("member", set())}}, "roster")
    true(metric(ctl, "status") == 0 and metric(ctl, "success_timestamp_seconds")
         > 0, "metrics")
    ctl.ok("subscribe", "acme", BALANCE, ANN, as_=OLGA)
    psql("DELETE FROM billing.person WHERE id = 4")
    same(run(ctl), (0, "", ""), "what it says")
    same(ctl.roster(), {
        "acme": {OLGA: ("owner", set()), ANN: ("user-admin", {BALANCE})},
        "beta": {OTTO: ("owner", set())}}, "roster")


@case("psql: too many removals are refused, named and measured", roster=False)
def _(ctl):
    psql(TABLES)
    run(ctl)
    psql("DELETE FROM billing.person WHERE id IN (2, 4)")
    before = ctl.dump()
    code, out, err = run(ctl)
    same((code, out, err.count("\n")), (65, "", 1), "exit, output, lines")
    contains(err, "--remove-many", "the line")
    same(metric(ctl, "status"), 65, "status")
    true(metric(ctl, "success_timestamp_seconds") > 0, "the last success")
    code, out, err = run(ctl, "--dry-run", "--remove-many")
    same((code, err), (0, ""), "a dry run")
    contains(out, "2 changes would be made", "a dry run")
    ctl.unchanged(before)
    same(run(ctl, "--remove-many"), (0, "", ""), "when it is meant")


@case("psql: a query that fails imports nothing", roster=False)
def _(ctl):
    psql(TABLES)
    run(ctl)
    before = ctl.dump()
    psql("ALTER TABLE billing.person DROP COLUMN admin")
    code, out, err = run(ctl)
    same((code, out, err.count("\n")), (75, "", 1), "exit, output, lines")
    contains(err, "nothing is imported", "the line")
    code, _, err = run(ctl, JOURNAL_STREAM="8:1")
    true(err.startswith("<3>notify-roster: "), f"for the journal: {err}")
    ctl.unchanged(before)
    same(run(ctl, "--sync")[0], 64, "another option")


@case("mysql: tabs become CSV; a part of the rows is not imported")
def _(ctl):
    folder = stand_in(ctl, "mysql", TABS)
    same(run(ctl, "--remove-many", path=folder, FROM="mysql"), (0, "", ""),
         "what it says")
    same(set(ctl.roster()["acme"]), {OLGA, '"b, c"@acme.example'}, "users")
    before = ctl.dump()
    stand_in(ctl, "mysql", TABS[:60] + "\n", 1)
    same(run(ctl, path=folder, FROM="mysql")[0], 75, "exit")
    ctl.unchanged(before)


@case("ldapsearch: the first address counts, roles stay, a limit imports "
      "nothing")
def _(ctl):
    folder = stand_in(ctl, "ldapsearch", LDIF)
    before = ctl.roster()["acme"]
    same(run(ctl, "--remove-many", path=folder, FROM="ldap"), (0, "", ""),
         "what it says")
    same(ctl.roster()["acme"], {OLGA: before[OLGA],
                                '"b, c"@acme.example': ("member", set())},
         "users")
    before = ctl.dump()
    for text, status in ((LDIF[:100] + "\n", 4),
                         (LDIF.replace("mail: \"b", "mail:: Imii"), 0)):
        stand_in(ctl, "ldapsearch", text, status)
        same(run(ctl, path=folder, FROM="ldap")[0], 75, "exit")
        ctl.unchanged(before)


ctl.run()
