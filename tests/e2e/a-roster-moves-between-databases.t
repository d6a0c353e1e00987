#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: postgresql
# not with postgresql: it starts servers of its own
"""notifyctl export and import move a roster from SQLite to PostgreSQL and back,
whole."""
import os

from lib import ctl, rosterdb
from lib.ctl import case
from lib.roster import BALANCE, BILL, CSV, MIA, OLGA, OTTO, SERVICES
from lib.tap import same, true

JÜRGEN = "jürgen@xn--exmple-cua.example"
QUOTED = '"b, \\"c\'"@acme.example'


def fill(ctl_):
    """300 accounts, with names that are special or sort differently."""
    ctl_.ok("category", "add", "outages", "--title", "Störungen & more",
            "--subscriber")
    ctl_.ok("account", "add", "Gamma", "--owner", OTTO)
    ctl_.ok("account", "add", "a-b", "--owner", "_x@z.example")
    ctl_.ok("account", "add", "a_b", "--owner", "x-y@z.example")
    ctl_.ok("user", "add", "gamma", JÜRGEN, QUOTED, "Z@b.example",
            "a.z@b.example", "a-z@b.example", "az@b.example")
    ctl_.ok("subscribe", "gamma", "outages", JÜRGEN, QUOTED, as_=OTTO)
    rows = CSV + "".join(f"n{i},u{i % 7}@{i}.example,owner,\n"
                   f"n{i},v@{i}.example,member,{SERVICES};{BALANCE}\n"
                   for i in range(300))
    ctl_.ok("import", ctl_.path("many.csv", rows))


def target(ctl_, kind, name):
    """Another database, made, with the categories that a file has not."""
    folder = ctl_.path(name)
    os.makedirs(folder)
    store = kind(folder)
    ctl_.settings(url=store.url)
    ctl_.ok("init")
    ctl_.ok("category", "add", "outages", "--title", "Störungen & more",
            "--subscriber")
    return store


def moved(ctl_, there, back):
    """The roster goes to a database THERE, is changed there, and BACK."""
    fill(ctl_)
    roster, export = ctl_.roster(), ctl_.ok("export").out
    path = ctl_.path("roster.csv", export)
    first = target(ctl_, there, "there")
    true(ctl_.json("import", path)["changed"] > 0, "it changes something")
    same(ctl_.ok("export").out, export, "the export from there")
    same(ctl_.json("import", "--sync", path)["changed"], 0,
         "changes of a second import")
    ctl_.ok("user", "remove", "acme", MIA)
    ctl_.ok("subscribe", "acme", SERVICES, BILL, as_=OLGA)
    ctl_.ok("account", "remove", "n7")
    path = ctl_.path("roster.csv", ctl_.ok("export").out)
    second = target(ctl_, back, "back")
    ctl_.ok("import", path)
    del roster["acme"][MIA], roster["n7"]
    roster["acme"][BILL][1].add(SERVICES)
    kept, ctl_.store = ctl_.store, second
    try:
        same(ctl_.roster(), roster, "the roster back again")
    finally:
        ctl_.store = kept
    ctl_.settings()
    ctl_.ok("import", "--sync", "--remove-many", path)
    same(ctl_.roster(), roster, "the first one, made the same")
    same(ctl_.ok("export").out, open(path, encoding="utf-8").read(),
         "its export")
    for store in (first, second):
        store.end()


@case("from PostgreSQL to SQLite and back: every account, user, role and "
      "subscription, in the same order")
def _(ctl):
    moved(ctl, rosterdb.SQLite, rosterdb.PostgreSQL)


@case("from SQLite to PostgreSQL and back, likewise")
def _(ctl):
    store, folder = ctl.store, ctl.path("sqlite")
    os.mkdir(folder)
    ctl.store = rosterdb.SQLite(folder)
    kept, ctl.conf.defaults["url"] = ctl.conf.defaults["url"], ctl.store.url
    try:
        ctl.settings()
        ctl.ok("init")
        ctl.ok("import", ctl.path("shared.csv", SHARED[0]))
        for name in ("there", "back"):
            os.rename(ctl.path(name), ctl.path(name + "-before"))
        moved(ctl, rosterdb.PostgreSQL, rosterdb.SQLite)
    finally:
        ctl.store, ctl.conf.defaults["url"] = store, kept


SHARED = []


class Both(ctl.Ctl):
    def __init__(self):
        super().__init__()
        SHARED.append(self.ok("export").out)


rosterdb.use_postgresql()
ctl.Ctl = Both
ctl.run()
