#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it needs a PostgreSQL server and PgBouncer
# needs: root postfix postgresql pgbouncer
# not with sanitizer: it starts many programs
# not with postgresql: it starts a server of its own
# takes: 30 s
"""Behind PgBouncer, in transaction mode as in session mode, every program does
what it does without; where it cannot, it says so."""
import threading

from lib import lab, postgresql, rosterdb
from lib.lab import case
from lib.pgbouncer import Pooler
from lib.roster import (ADAM, ANN, BALANCE, BILL, CSV, MIA, OLGA, SERVICES,
                        entitled)
from lib.tap import contains, same, true

PRIMARY = postgresql.Server().start()
rosterdb.use_postgresql(PRIMARY)

ACME = "acme@accounts.example"


class Lab(lab.Lab):
    """The roster is in the schema that the database says, as in a fleet; what
    comes first in its search_path has other tables of the same names."""

    def _start(self):
        super()._start()
        schema = self.store.schema
        PRIMARY.sql(f"ALTER DATABASE postgres SET search_path = {schema}")
        self.poolers = {mode: Pooler(PRIMARY, mode).start()
                        for mode in ("transaction", "session")}

    def stop(self):
        for pooler in getattr(self, "poolers", {}).values():
            pooler.stop()
        super().stop()

    def through(self, mode):
        self.milter.settings(url=self.poolers[mode].url())


for mode in ("transaction", "session"):
    @case(f"{mode} mode: messages are decided as without a pooler")
    def _(lab_, mode=mode):
        lab_.through(mode)
        for _ in range(5):
            result = lab_.send([ACME, BILL], BALANCE)
            same(result.recipients(), sorted(entitled(BALANCE, "acme")),
                 "recipients")
            result = lab_.send([ANN, BILL], SERVICES, "acme")
            same(result.summary()["verdict"], "deliver", "verdict")

    @case(f"{mode} mode: many at once, more than the pooler has connections")
    def _(lab_, mode=mode):
        lab_.through(mode)
        results, threads = [], []
        for _ in range(2 if mode == "session" else 12):
            threads.append(threading.Thread(
                target=lambda: results.append(lab_.send([ACME], BALANCE))))
            threads[-1].start()
        for thread in threads:
            thread.join()
        for result in results:
            same(result.recipients(), sorted(entitled(BALANCE, "acme")),
                 "recipients")

    @case(f"{mode} mode: notifyctl changes the roster, imports and exports")
    def _(lab_, mode=mode):
        lab_.through(mode)
        new = f"new@{mode}.example"
        lab_.notifyctl("user", "add", "acme", new)
        lab_.notifyctl("subscribe", "acme", SERVICES, new, as_=OLGA)
        result = lab_.send([ACME], SERVICES)
        true(new in result.recipients(), "the new user gets it")
        path = lab_.folder + "/in.csv"
        with open(path, "w") as out:
            out.write(CSV)
            out.writelines(f"{mode},u{i}@{mode}.example,"
                           f"{'member' if i else 'owner'},{SERVICES}\n"
                           for i in range(3000))
        lab_.notifyctl("import", path)
        contains(lab_.notifyctl("import", path).stdout, "3000 rows, 0 changes")
        same(len(lab_.notifyctl("export", mode).stdout.splitlines()), 3001,
             "rows exported")
        contains(lab_.notifyctl("log", "acme").stdout, new, "the record")
        lab_.notifyctl("unsubscribe", "acme", SERVICES, new, "--confirm", new,
                       as_=OLGA)
        lab_.notifyctl("account", "remove", mode)
        lab_.notifyctl("init")

    @case(f"{mode} mode: rows that a policy hides are an error, not nobody")
    def _(lab_, mode=mode):
        lab_.through(mode)
        schema = lab_.store.schema
        PRIMARY.sql(f'CREATE ROLE reader_{mode} LOGIN')
        PRIMARY.sql(f"GRANT USAGE ON SCHEMA {schema} TO reader_{mode}")
        PRIMARY.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema}"
                    f" TO reader_{mode}")
        table = f'{schema}.subscription'
        PRIMARY.sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        with Pooler(PRIMARY, mode, role=f"reader_{mode}") as pooler:
            lab_.milter.settings(url=pooler.url())
            try:
                result = lab_.send([ACME], BALANCE).must("tempfail")
                contains(result.summary()["reason"], "row-level security",
                         "the reason")
            finally:
                PRIMARY.sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
            same(lab_.send([ACME], BALANCE).recipients(),
                 sorted(entitled(BALANCE, "acme")), "recipients afterwards")


@case("nothing is left in a session that others get after us")
def _(lab_):
    with Pooler(PRIMARY, "transaction", size=1) as pooler:
        lab_.milter.settings(url=pooler.url())
        lab_.send([ACME], BALANCE).recipients()
        lab_.notifyctl("user", "language", "acme", ANN, "de")
        for name, want in (("row_security", "on"), ("lock_timeout", "0"),
                           ("statement_timeout", "0"),
                           ("enable_hashjoin", "on"),
                           ("default_transaction_read_only", "off"),
                           ("search_path", lab_.store.schema)):
            same(pooler.ask(f"SHOW {name}"), want, name)
        same(pooler.ask("SELECT count(*) FROM pg_prepared_statements WHERE"
                        " name NOT LIKE 'PGBOUNCER%'"), "0",
             "prepared statements")
        same(pooler.ask("SELECT count(*) FROM pg_locks"
                        " WHERE locktype = 'advisory'"), "0", "locks")


@case("what others have left in a session is not ours")
def _(lab_):
    schema = lab_.store.schema
    PRIMARY.sql("CREATE SCHEMA staging")
    for (table,) in PRIMARY.sql(
            f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'"):
        PRIMARY.sql(f"CREATE TABLE staging.{table} AS TABLE {schema}.{table}")
    PRIMARY.sql("DELETE FROM staging.subscription")
    PRIMARY.sql("CREATE ROLE nobody_there; CREATE SCHEMA nothing")
    for left in ("search_path = staging", "search_path = nothing",
                 "role = nobody_there", "row_security = on",
                 "default_transaction_read_only = on",
                 "default_transaction_isolation = serializable",
                 "synchronous_commit = off",
                 "idle_in_transaction_session_timeout = '1ms'",
                 "session_replication_role = replica"):
        with Pooler(PRIMARY, "transaction", size=1) as pooler:
            pooler.ask(f"SET {left}; SELECT 1")
            lab_.milter.settings(url=pooler.url())
            same(lab_.send([ACME], BALANCE).recipients(),
                 sorted(entitled(BALANCE, "acme")), f"recipients, {left}")
            pooler.ask(f"SET {left}; SELECT 1")
            same(lab_.send([ACME], BALANCE).recipients(),
                 sorted(entitled(BALANCE, "acme")), f"recipients, {left} later")
            lab_.notifyctl("account", "add", "brief", "--owner", "a@b.example")
            lab_.notifyctl("account", "remove", "brief")
            same(pooler.ask(f"SHOW {left.split()[0]}"),
                 left.split()[-1].strip("'"), "it is left there")
        same(PRIMARY.sql(f'SELECT count(*) FROM {schema}."user" WHERE account'
                         f" NOT IN (SELECT id FROM {schema}.account)"), [(0,)],
             f"users without an account, {left}")


@case("temporary tables of others are not the roster")
def _(lab_):
    schema = lab_.store.schema
    tables = [name for name, in PRIMARY.sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = ?", schema)]
    copies = "; ".join(f'CREATE TEMP TABLE "{table}" AS TABLE'
                       f' {schema}."{table}"' for table in tables)
    with Pooler(PRIMARY, "transaction", size=1) as pooler:
        pooler.ask(f"{copies}; DELETE FROM pg_temp.subscription; SELECT 1")
        lab_.milter.settings(url=pooler.url())
        same(lab_.send([ACME], BALANCE).recipients(),
             sorted(entitled(BALANCE, "acme")), "recipients")
        lab_.notifyctl("user", "add", "acme", "temp@acme.example")
        same(PRIMARY.sql(f'SELECT count(*) FROM {schema}."user" WHERE address'
                         " = 'temp@acme.example'"), [(1,)], "users added")


lab.run(allow="database", lab=Lab)
