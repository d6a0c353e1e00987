#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: postgresql
# not with postgresql: it starts a server of its own
"""On PostgreSQL a message to users reads the rows of their accounts, however
many accounts there are."""
import os

from lib import ctl, rosterdb
from lib.ctl import case
from lib.roster import CSV, SERVICES
from lib.tap import same
from lib.waiting import until

COUNT = 2000
TABLES = "('account', 'user', 'subscription', 'link')"
MESSAGE = (f"X-Notify-Category: {SERVICES}\n"
           "Message-ID: <1@x.example>\n\nHello.\n")


def fill(ctl_):
    """Accounts of an owner and six, five of them subscribed; all have chats."""
    folder = ctl_.path("remote")
    os.makedirs(folder)
    store = rosterdb.PostgreSQL(folder)
    ctl_.settings(url=store.url)
    ctl_.ok("init")
    ctl_.ok("import", ctl_.path("many.csv", CSV + "".join(
        f"n{i},u0@{i}.example,owner,\n" + "".join(
            f"n{i},u{j}@{i}.example,member,{SERVICES if j < 6 else ''}\n"
            for j in range(1, 7)) for i in range(COUNT))))
    store.sql("INSERT INTO link(user, chat) SELECT id, id FROM user")
    store.sql("ANALYZE link")
    return store


def known(store):
    """{table: the rows that the planner takes it to have}"""
    return dict(store.sql(
        f"SELECT relname, reltuples::bigint FROM pg_class WHERE relname IN"
        f" {TABLES} AND relnamespace = ?::regnamespace", store.schema))


def reads(store):
    """(rows that were read in whole tables, look-ups by an index)"""
    return store.sql(
        "SELECT sum(seq_tup_read)::bigint, sum(idx_scan)::bigint"
        " FROM pg_stat_user_tables"
        f" WHERE schemaname = ? AND relname IN {TABLES}", store.schema)[0]


@case("whatever joins, no whole table of people is read")
def _(ctl_):
    store = fill(ctl_)
    same(known(store), {"account": COUNT, "user": 7 * COUNT, "link": 7 * COUNT,
                        "subscription": 5 * COUNT}, "rows, after the import")
    for expand in ("owner", "always", "addressed", "never"):
        ctl_.settings(url=store.url, expand=expand)
        for words in (["u1@7.example", "u6@7.example"], ["u3@8.example"],
                      [f"n9@{ctl.ACCOUNTS}"]):
            before = reads(store)
            ctl_.ok("explain", *(w for word in words
                                 for w in ("--recipient", word)),
                    stdin=MESSAGE)
            until(lambda: reads(store)[1] > before[1], "the server has counted")
            same(reads(store)[0], before[0],
                 f"expand = {expand}, to {words}: rows of whole tables")


ctl.run()
