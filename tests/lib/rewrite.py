# SPDX-License-Identifier: BSD-2-Clause
"""rewrite - a table of the roster is rewritten while a program waits for it.

    REWRITES                        statements that do so
    meanwhile(url, rewrite, action) what ACTION returns, which waits meanwhile
"""
import itertools
import threading

from lib import pq
from lib.waiting import until

COLUMNS = itertools.count()
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation <> 0"


def refill(table):
    return (f"CREATE TEMPORARY TABLE kept AS TABLE {table};"
            f"TRUNCATE {table}; INSERT INTO {table} TABLE kept")


REWRITES = (
    "ALTER TABLE \"user\" ALTER key TYPE text COLLATE \"C\" USING key || ''",
    "ALTER TABLE \"user\" ADD x float DEFAULT random()",
    "ALTER TABLE account ADD x float DEFAULT random()",
    "ALTER TABLE category_key ADD x float DEFAULT random()",
    "ALTER TABLE link ADD x float DEFAULT random()",
    refill("subscription"), refill("category_key"), refill("link"),
    "ALTER TABLE notify_milter ADD x float DEFAULT random()")
UNLOGGED = ("ALTER TABLE subscription SET UNLOGGED",
            "ALTER TABLE category_key SET UNLOGGED")


def meanwhile(url, rewrite, action, standby=None, waits=True):
    """REWRITE runs at URL, and ends when ACTION waits for it, on STANDBY if that
    is given. WAITS=False: or when ACTION has ended."""
    told = []

    def act():
        try:
            told.append(action())
        except Exception as why:    # pylint: disable=broad-except
            told.append(why)
    with pq.Connection(url) as connection, pq.Connection(url) as other:
        connection.run("BEGIN; "
                       + rewrite.replace(" x ", f" x{next(COLUMNS)} "))
        # What a standby is to have must be written.
        other.run("CREATE TABLE IF NOT EXISTS public.nothing();"
                  "DROP TABLE public.nothing")
        if standby is not None:
            standby.catch_up()
            run = standby.sql
        else:
            run = other.run
        thread = threading.Thread(target=act)
        thread.start()
        until(lambda: run(WAITS)[0][0] > 0 or told, f"it waits for {rewrite}")
        early = bool(told) and waits
        connection.run("COMMIT")
        thread.join(60)
    if isinstance(told[0], Exception):
        raise told[0]
    if early:
        raise AssertionError(f"did not wait for {rewrite}: {told}")
    return told[0]
