#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about the server
# not with postgresql: it starts servers of its own
"""A table that somebody rewrites (ALTER TABLE, TRUNCATE and refill) while a
program waits for it is read as it is then, and never as empty: by the milter, on
the primary and on a standby, and by notifyctl."""
from lib import lab, postgresql, rewrite as rewritten, rosterdb
from lib.lab import case
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, STRANGER, entitled
from lib.rewrite import REWRITES, UNLOGGED, refill
from lib.tap import same

PRIMARY = postgresql.Server().start()
STANDBY = postgresql.Server("wal_retrieve_retry_interval = 100\n"
                            "max_standby_streaming_delay = 60s\n",
                            primary=PRIMARY)
rosterdb.use_postgresql(PRIMARY)

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))


class Lab(lab.Lab):
    def _start(self):
        STANDBY.start()
        super()._start()
        STANDBY.catch_up()

    def message(self, rcpts=None):
        with Mta(self.milter) as mta:
            return mta.message(rcpts or RCPTS, tagged(BALANCE))

    def right(self, rcpts=None, want=None):
        answer = self.message(rcpts)
        same((answer.verdict, answer.to(rcpts or RCPTS)),
             ("continue", want or WANT), str(answer))

    def meanwhile(self, rewrite, action, standby=None):
        return rewritten.meanwhile(self.store.url, rewrite, action, standby)


@case("the milter decides by the table as it is afterwards")
def _(lab_):
    for rewrite in REWRITES + UNLOGGED:
        lab_.right()
        lab_.meanwhile(rewrite, lab_.right)
        lab_.right()
    for table in ("subscription", "category_key"):
        lab_.store.sql(f"ALTER TABLE {table} SET LOGGED")


@case("nobody gets mail as a stranger who is a user")
def _(lab_):
    lab_.milter.settings(unknown_recipients="keep", expand="never")
    rcpts = [f"<{BILL}>", f"<{STRANGER}>"]
    for rewrite in (REWRITES[0], refill("subscription")):
        lab_.meanwhile(rewrite, lambda: lab_.right(rcpts, [STRANGER]))


@case("so it is through a standby that applies it")
def _(lab_):
    lab_.milter.settings(read_url=lab_.store.url.replace(
        PRIMARY.folder, STANDBY.folder), max_lag="1h")
    STANDBY.catch_up()
    lab_.right()
    asked = STANDBY.sql("SELECT count(*) FROM pg_stat_activity WHERE"
                        " application_name = 'notify-milter'")[0][0]
    same(asked, 1, "connections of the milter to the standby")
    for rewrite in REWRITES:
        lab_.meanwhile(rewrite, lab_.right, STANDBY)
        STANDBY.catch_up()


@case("the primary is asked where a standby has no table any more")
def _(lab_):
    lab_.milter.settings(read_url=lab_.store.url.replace(
        PRIMARY.folder, STANDBY.folder), max_lag="1h")
    lab_.right()
    lab_.meanwhile(UNLOGGED[0], lab_.right, STANDBY)
    lab_.right()
    lab_.store.sql("ALTER TABLE subscription SET LOGGED")


@case("export has every row, and import --sync removes none")
def _(lab_):
    want = lab_.notifyctl("export").stdout
    for rewrite in REWRITES:
        same(lab_.meanwhile(rewrite, lambda: lab_.notifyctl("export").stdout),
             want, f"the export, {rewrite}")
        done = lab_.meanwhile(rewrite, lambda: lab_.notifyctl(
            "import", "--sync", "-", input=want))
        same(lab_.notifyctl("export").stdout, want,
             f"the roster after an import, {rewrite}: {done}")


@case("VACUUM does not wait for those who read, nor they for it")
def _(lab_):
    with lab_.store.transaction("SET TRANSACTION ISOLATION LEVEL REPEATABLE"
                                " READ") as sql:
        sql("LOCK TABLE notify_milter, account, \"user\", subscription"
            " IN SHARE UPDATE EXCLUSIVE MODE")
        lab_.right()
        same(lab_.notifyctl("export").stdout.count("\n") > 9, True, "export")


lab.run(allow="database", lab=Lab, postfix=False)
