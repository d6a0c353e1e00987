#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it needs a PostgreSQL server and PgBouncer
# needs: root postfix postgresql pgbouncer
# not with sanitizer: it starts many programs
# not with postgresql: it starts servers of its own
# takes: 60 s
"""Relays share a roster through the PgBouncer of postfix-sample: whatever fails
there, no message is decided wrongly, what was reported as done is done, and the
log says what is wrong."""
import contextlib
import os
import subprocess
import threading
import time
import types

from lib import fleet, pq, rosterdb, tap
from lib.lab import ACCOUNTS
from lib.milter import program
from lib.mta import Closed, Mta, tagged
from lib.roles import BOT, CTL, MILTER
from lib.roster import BALANCE
from lib.tap import case, contains, same
from lib.waiting import until

RCPTS = [f"<acme@{ACCOUNTS}>"]
OLGA, ANN, BILL = "olga@acme.example", "ann@acme.example", "bill@acme.example"
CSV = f"""account,email,role,categories
acme,{OLGA},owner,
acme,{ANN},member,{BALANCE}
acme,{BILL},member,
"""
WANT = [ANN, OLGA]
LAG = 2         # seconds
# A relay that asks the standby, and one that asks the first server of url.
KINDS = (lambda sample: {"max_lag": str(LAG)},
         lambda sample: {"read_url": None})


class Fleet(fleet.Fleet):
    def _start(self):
        super()._start()
        self.ctl("import", "-", input=CSV)

    def ctl(self, *args, **options):
        return self.database.ctl(*args, **options)

    def poolers_have(self, changes):
        for one in self.poolers:
            one.kill()
            one.changes = changes
            one.write()
            one.launch()

    @contextlib.contextmanager
    def pooling_with(self, **changes):
        """The poolers have other settings."""
        self.poolers_have({**self.pooling, **changes})
        try:
            yield self.poolers[0]
        finally:
            self.poolers_have(self.pooling)

    def decided(self, relay, want=WANT):
        """As it should be, by RELAY."""
        with Mta(relay.milter) as mta:
            answer = mta.message(RCPTS, tagged(BALANCE))
        same((answer.verdict, answer.to(RCPTS)), ("continue", sorted(want)),
             str(answer))

    def deferred(self, relay):
        """Why a message was."""
        since = relay.milter.mark()
        with Mta(relay.milter) as mta:
            answer = mta.message(RCPTS, tagged(BALANCE))
        same(answer.verdict, "tempfail", str(answer))
        return relay.milter.wait_line("verdict=tempfail", since)

    def running(self, *args):
        """notifyctl, not waited for."""
        return subprocess.Popen(
            [program("notifyctl"), "-c", self.database.conf.file, *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PGUSER": CTL})


def alike(title, **changes):
    """A case of messages and changes with these settings of the poolers."""
    @case(title)
    def _(all_):
        new = f"new@{'-'.join(map(str, changes.values()))}.example"
        with all_.pooling_with(**changes):
            for relay in all_.relays:
                all_.decided(relay)
            all_.ctl("user", "add", "acme", new)
            all_.ctl("subscribe", "acme", BALANCE, new, as_=OLGA)
            for relay in all_.relays:
                all_.decided(relay, [*WANT, new])
            all_.ctl("user", "remove", "acme", new)


alike("transaction mode: messages are decided, the roster is changed",
      pool_mode="transaction")
alike("session mode: the same", pool_mode="session")
alike("one session for each role: the same", default_pool_size=1)


@case("notify-bot has a session of its own")
def _(all_):
    for role, count in ((BOT, 2), (MILTER, 1)):
        url = all_.poolers[0].url(role)
        with pq.Connection(url) as one, pq.Connection(url) as other:
            same(len({some.run("SELECT pg_backend_pid()")[0]
                      for some in (one, other)}), count,
                 f"sessions of two connections of {role}")


@case("a change that is reported as done is one that a standby has, whatever "
      "another client has set")
def _(all_):
    with all_.pooling_with(default_pool_size=1) as pooler:
        with pq.Connection(pooler.url()) as other:
            other.run("SET synchronous_commit = off")
        all_.standby.sql("SELECT pg_wal_replay_pause()")
        doing = all_.running("user", "add", "acme", "sync@acme.example")
        try:
            until(lambda: all_.primary.sql(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                or doing.poll() is not None, "the change waits")
            same(doing.poll(), None, "exit of notifyctl before")
            all_.standby.sql("SELECT pg_wal_replay_resume()")
            same(doing.wait(60), 0, "exit of notifyctl")
        finally:
            all_.standby.sql("SELECT pg_wal_replay_resume()")
            doing.kill()
            doing.communicate()
        with pq.Connection(pooler.url()) as other:
            same(other.run("SHOW synchronous_commit"), [("off",)],
                 "what the other has set")


@case("a standby is asked how late it is, also if its pooler says that it is a "
      "primary")
def _(all_):
    link = os.path.join(all_.folder, "server")
    os.symlink(all_.primary.folder, link)
    server = types.SimpleNamespace(
        folder=link, fleet=all_, name=all_.standby.name,
        address=all_.standby.address, sql=all_.primary.sql)
    relay, port = all_.relays[0], fleet.free_port([all_.standby.address])
    with fleet.Pooler(server, port) as pooler:
        pq.Connection(pooler.url(MILTER)).close()
        os.unlink(link)
        os.symlink(all_.standby.folder, link)
        all_.primary.sql("SELECT pg_terminate_backend(pid)"
                         " FROM pg_stat_activity WHERE usename = ?", MILTER)

        def standby():
            with contextlib.suppress(pq.Error), \
                    pq.Connection(pooler.url(MILTER)) as one:
                return one.run("SELECT pg_is_in_recovery()")[0][0]
        until(standby, "the pooler asks the standby")
        relay.milter.settings(read_url=pooler.url(MILTER))
        all_.decided(relay)
        all_.primary.synchronous(None)
        all_.standby.sql("SELECT pg_wal_replay_pause()")
        try:
            all_.ctl("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN,
                     as_=OLGA)
            done = time.monotonic()
            until(lambda: time.monotonic() > done + LAG, "time passes")
            all_.decided(relay, [OLGA])
        finally:
            all_.standby.sql("SELECT pg_wal_replay_resume()")
            all_.primary.synchronous(all_.standby)
            relay.milter.settings()
            all_.ctl("subscribe", "acme", BALANCE, ANN, as_=OLGA)


@case("all sessions are busy: the message is deferred, and the log says why")
def _(all_):
    with all_.pooling_with(default_pool_size=1) as pooler:
        with pq.Connection(pooler.url(MILTER)) as other:
            other.run("BEGIN")
            contains(all_.deferred(all_.relays[1]),
                     "the connection pooler has no free session "
                     "(default_pool_size)", "the reason")
            other.run("COMMIT")
        all_.decided(all_.relays[1])


@case("statement mode is refused, and the right ones are named")
def _(all_):
    with all_.pooling_with(pool_mode="statement"):
        contains(all_.deferred(all_.relays[1]),
                 "expected pool_mode = transaction or session", "the reason")
        done = all_.ctl("account", "list", check=False)
        contains(done.stderr, "expected pool_mode = transaction or session",
                 "what notifyctl says")


@case("a password that the pooler does not know: the line says where to look")
def _(all_):
    all_.primary.sql(f"ALTER ROLE {CTL} PASSWORD 'new'")
    all_.passfile(CTL, "new")
    try:
        done = all_.ctl("account", "list", check=False)
        same(done.returncode, 74, f"exit of {done}")
        contains(done.stderr, "authentication failed; check the role (PGUSER) "
                 "and its password (PGPASSFILE), and auth_file of a pooler",
                 "what notifyctl says")
        same(done.stderr.count("\n"), 1, f"lines of {done.stderr}")

        def known():
            """It reads the list again if the second of its change is new."""
            all_.poolers[0].list_users()
            all_.poolers[0].console("RELOAD")
            all_.poolers[0].console("RECONNECT")
            return all_.ctl("account", "list", check=False).returncode == 0
        until(known, "the pooler knows the password")
    finally:
        all_.primary.sql(f"ALTER ROLE {CTL} PASSWORD ?", fleet.PASSWORDS[CTL])
        all_.passfile(CTL, fleet.PASSWORDS[CTL])
        all_.poolers_have(all_.pooling)


@case("while pooler and server restart each message is decided right, or "
      "deferred")
def _(all_):
    over, answers = threading.Event(), []

    def client(relay):
        while not over.is_set():
            with contextlib.suppress(Closed, OSError), \
                    Mta(relay.milter) as mta:
                while not over.is_set():
                    one = mta.message(RCPTS, tagged(BALANCE))
                    answers.append((one.verdict, *one.to(RCPTS)))

    def some():
        """Wait for a few answers that are right."""
        before = answers.count(right)
        until(lambda: answers.count(right) > before + 20, "messages are decided")

    right = ("continue", *WANT)
    clients = [threading.Thread(target=client, args=(relay,))
               for relay in all_.relays * 3]
    for one in clients:
        one.start()
    try:
        some()
        for pooler in all_.poolers:
            pooler.kill()
            pooler.launch()
            some()
        all_.primary.end()
        all_.primary.launch()
        some()
        all_.poolers[0].console("PAUSE")
        all_.poolers[0].console("RESUME")
        some()
    finally:
        over.set()
        for one in clients:
            one.join()
    same(set(answers) - {right, ("tempfail", RCPTS[0].strip("<>"))}, set(),
         "other answers")


@case("the primary is lost: mail goes on; changes go on when the standby is "
      "promoted and its pooler has RECONNECT")
def _(all_):
    all_.poolers.pop(0).stop()
    all_.primary.crash()
    for relay in all_.relays:
        relay.milter.settings(max_lag="1h")
        all_.decided(relay)
    all_.fail_over()
    done = all_.ctl("user", "add", "acme", "late@acme.example", check=False)
    same(done.returncode, 74, f"exit of {done}")
    contains(done.stderr, "if that server was promoted, its pooler needs "
             "RECONNECT", "what notifyctl says")
    all_.poolers[0].console("RECONNECT")
    all_.ctl("user", "add", "acme", "late@acme.example")
    all_.ctl("subscribe", "acme", BALANCE, "late@acme.example", as_=OLGA)
    for relay in all_.relays:
        all_.decided(relay, [*WANT, "late@acme.example"])


rosterdb.use_postgresql()
tap.run(setup=lambda: Fleet(KINDS, pooling={}).start(), teardown=Fleet.stop)
