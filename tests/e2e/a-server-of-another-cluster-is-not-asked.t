#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about the server
# not with postgresql: it starts servers of its own
# takes: 60 s
"""What stands behind read_url decides only if it is a standby of url's primary:
not a server of another cluster, not another database, not a second primary. A
standby is asked whatever the settings of the database and of its roles are."""
import json
import os

from lib import lab, postgresql, pq, rosterdb
from lib.lab import case
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, entitled
from lib.tap import contains, same
from lib.waiting import until

PRIMARY = postgresql.Server().start()
STANDBY = postgresql.Server("wal_retrieve_retry_interval = 100\n",
                            primary=PRIMARY)
OTHER = postgresql.Server()
NEXT = postgresql.Server("wal_keep_size = '1GB'\n", primary=PRIMARY)
LATER = postgresql.Server()
LATEST = postgresql.Server(primary=PRIMARY)
rosterdb.use_postgresql(PRIMARY)

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
ASKED = ("SELECT count(*) FROM pg_stat_activity WHERE"
         " application_name = 'notify-milter'")


class Lab(lab.Lab):
    def _start(self):
        STANDBY.start()
        OTHER.start()
        super()._start()
        STANDBY.catch_up()

    def at(self, server):
        return self.store.url.replace(PRIMARY.folder, server.folder)

    @staticmethod
    def standby(text):
        """One number of the standby."""
        with pq.Connection(STANDBY.url()) as connection:
            connection.run("SET default_transaction_isolation ="
                           " 'read committed'")
            return connection.run(text)[0][0]

    def right(self):
        with Mta(self.milter) as mta:
            answer = mta.message(RCPTS, tagged(BALANCE))
        same((answer.verdict, answer.to(RCPTS)), ("continue", WANT),
             str(answer))

    def refused(self, there, *words, **settings):
        """Is what is at THERE not asked, with WORDS in the log and in what check
        finds?"""
        since = self.milter.mark()
        self.milter.settings(read_url=there, max_lag="1h", **settings)
        for _ in range(3):
            self.right()
        line = self.milter.wait_line("the primary was asked", since)
        contains(line, words[0], "the log")
        self.found(*words)

    def found(self, *words):
        """WORDS are in what check finds."""
        done = self.notifyctl("--json", "check", check=False)
        said = [one["what"] for one in json.loads(done.stdout)["findings"]
                if "read_url" in one["what"]]
        for word in words:
            contains(" ".join(said), word, "what check finds")


@case("a standby is asked where every transaction is serializable")
def _(lab_):
    name = f"DATABASE {PRIMARY.sql('SELECT current_database()')[0][0]}"
    for setting in ("default_transaction_isolation = serializable",
                    "default_transaction_deferrable = on"):
        PRIMARY.sql(f"ALTER {name} SET {setting}")
    try:
        lab_.until(lambda: lab_.standby(
            "SELECT count(*) FROM pg_db_role_setting WHERE"
            " array_length(setconfig, 1) = 2"), "the standby has the settings")
        since = lab_.milter.mark()
        lab_.milter.settings(read_url=lab_.at(STANDBY), max_lag="1h")
        lab_.right()
        same([line for line in lab_.milter.since(since)
              if "the primary was asked" in line], [], "detours")
        same(lab_.standby(ASKED), 1, "connections to the standby")
        same(lab_.notifyctl("explain", "--recipient", "acme@accounts.example",
                            input=f"X-Notify-Category: {BALANCE}\n\n"
                            ).returncode, 0, "exit of explain")
    finally:
        PRIMARY.sql(f"ALTER {name} RESET ALL")
        lab_.until(lambda: lab_.standby("SELECT count(*) FROM"
                                        " pg_db_role_setting") == 0,
                   "the standby has them no more")


@case("a server of another cluster is not asked")
def _(lab_):
    # The same roster, but that nobody is subscribed.
    url = lab_.at(OTHER)
    # Clusters that were filled alike give their tables the same numbers.
    OTHER.sql("CREATE TABLE public.more()")
    OTHER.sql(f"CREATE SCHEMA {lab_.store.schema}")
    lab_.milter.settings(url=url)
    lab_.notifyctl("init")
    for account in ("acme", "beta"):
        lab_.notifyctl("account", "add", account, "--owner",
                       f"other@{account}.example")
    lab_.milter.settings()
    lab_.refused(url, "belongs to another cluster")


@case("another database of the same cluster is not asked")
def _(lab_):
    lab_.milter.kill()
    PRIMARY.sql("CREATE DATABASE empty")
    with pq.Connection(PRIMARY.url("empty")) as empty:
        empty.run("DROP DATABASE IF EXISTS twin")
        empty.run("CREATE DATABASE twin TEMPLATE postgres")
    lab_.milter.start()
    with pq.Connection(PRIMARY.url("twin")) as twin:
        twin.run(f"DELETE FROM {lab_.store.schema}.subscription")
    lab_.refused(lab_.store.url.replace("/postgres?", "/twin?"),
                 "has another roster")


@case("a server that may not tell its cluster is told by its roster")
def _(lab_):
    for function in ("pg_control_system()", "pg_control_checkpoint()"):
        for server in (PRIMARY, OTHER):
            server.sql(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    try:
        for server in (PRIMARY, OTHER):
            server.sql("CREATE ROLE relay LOGIN")
            server.sql(f"GRANT USAGE ON SCHEMA {lab_.store.schema} TO relay;"
                       "GRANT SELECT ON ALL TABLES IN SCHEMA"
                       f" {lab_.store.schema} TO relay")
        STANDBY.catch_up()
        url = lab_.store.url.replace(f"{postgresql.OWNER}@", "relay@")
        lab_.milter.settings(url=url, max_lag="1h", read_url=url.replace(
            PRIMARY.folder, STANDBY.folder))
        lab_.right()
        same(STANDBY.sql(ASKED)[0][0], 1, "connections to the standby")
        since = lab_.milter.mark()
        lab_.milter.settings(url=url, max_lag="1h", read_url=url.replace(
            PRIMARY.folder, OTHER.folder))
        lab_.right()
        lab_.milter.wait_line("has another roster", since)
    finally:
        for function in ("pg_control_system()", "pg_control_checkpoint()"):
            PRIMARY.sql(f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC")


@case("without a primary that ever answered, the standby decides")
def _(lab_):
    lab_.milter.settings(url=lab_.store.url.replace(PRIMARY.folder,
                                                    "/nowhere"),
                         read_url=lab_.at(STANDBY), max_lag="1h")
    lab_.right()


@case("a standby that still follows the former primary is not asked, though it "
      "was before")
def _(lab_):
    # What url names moves, as a name or an address does in a failover.
    moving = os.path.join(lab_.folder, "primary")
    os.symlink(PRIMARY.folder, moving)
    url = lab_.store.url.replace(PRIMARY.folder, moving)
    NEXT.start()
    NEXT.catch_up()
    LATEST.start()
    LATEST.end()
    lab_.milter.settings(url=url, read_url=lab_.at(STANDBY), max_lag="1h")
    lab_.right()
    same(lab_.standby(ASKED), 1, "connections to the standby")
    NEXT.promote()
    os.unlink(moving)
    os.symlink(NEXT.folder, moving)
    # It is no longer fresh, and nothing else tells.
    with pq.Connection(lab_.at(PRIMARY)) as connection:
        connection.run("UPDATE account SET title = 'changed'")
    STANDBY.catch_up()
    since = lab_.milter.mark()

    def detour():
        lab_.right()
        return [line for line in lab_.milter.since(since)
                if "is on an older timeline than that of url" in line]

    until(detour, "the failover is noticed", 50)
    lab_.found("is on an older timeline")


@case("a standby that follows the new primary is asked")
def _(lab_):
    url = lab_.at(NEXT)
    LATER.primary = NEXT
    LATER.start()
    LATER.catch_up()
    since = lab_.milter.mark()
    lab_.milter.settings(url=url, read_url=lab_.at(LATER), max_lag="1h")
    lab_.right()
    same([line for line in lab_.milter.since(since)
          if "the primary was asked" in line], [], "detours")
    same(LATER.sql(ASKED)[0][0], 1, "connections to the standby")
    # One that has yet to note it.
    LATEST.follow(NEXT)
    role = url.replace(f"{postgresql.OWNER}@", "relay@")
    NEXT.sql("GRANT USAGE ON SCHEMA"
             f" {lab_.store.schema} TO relay; GRANT SELECT ON ALL TABLES IN"
             f" SCHEMA {lab_.store.schema} TO relay")
    LATEST.catch_up()
    there = role.replace(NEXT.folder, LATEST.folder)
    lab_.refused(there, "is on an older timeline", url=role)
    NEXT.sql("CHECKPOINT")
    LATEST.catch_up()
    LATEST.sql("CHECKPOINT")
    since = lab_.milter.mark()
    lab_.milter.settings(url=role, read_url=there, max_lag="1h")
    lab_.right()
    same([line for line in lab_.milter.since(since)
          if "the primary was asked" in line], [], "detours")


@case("of two primaries the one in url decides")
def _(lab_):
    lab_.milter.settings()
    lab_.right()
    STANDBY.promote()
    with pq.Connection(lab_.at(STANDBY)) as connection:
        connection.run("DELETE FROM subscription")
    lab_.refused(lab_.at(STANDBY), "another primary")


lab.run(allow="database", lab=Lab, postfix=False)
