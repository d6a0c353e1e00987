#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about time
# not with postgresql: it starts servers of its own
# takes: 30 s
"""The milter asks a standby, unless that lags more than max_lag: then it asks
the primary, and without one it defers the message."""
import json
import time

from lib import lab, postgresql, rosterdb
from lib.lab import case
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, OLGA, SUE, entitled
from lib.tap import contains, same

# Its own servers: they are stopped, and the standby is held up.
PRIMARY = postgresql.Server().start()
STANDBY = postgresql.Server("wal_retrieve_retry_interval = 100\n",
                            primary=PRIMARY)
rosterdb.use_postgresql(PRIMARY)

LAG = 2             # seconds
RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
LONG = 300          # what takes any time is within this
TURNED = 0.6        # seconds until a standby that was late is asked again
AWAY = 5            # and one that was gone
LATE = "does not catch up"
CAUGHT_UP = "has caught up"
ASKED = ("SELECT extract(epoch FROM max(query_start)) FROM pg_stat_activity"
         " WHERE application_name = 'notify-milter'"
         # For a new connection to the other it is asked what it is.
         " AND query !~ 'pg_control_system'")


class Lab(lab.Lab):
    whole = True    # nobody is unsubscribed

    def _start(self):
        STANDBY.start()
        super()._start()
        STANDBY.catch_up()
        here, there = PRIMARY.folder, STANDBY.folder
        self.milter.defaults["read_url"] = self.store.url.replace(here, there)
        self.milter.defaults["max_lag"] = str(LAG)
        self.milter.settings()

    def message(self):
        with Mta(self.milter) as mta:
            return mta.message(RCPTS, tagged(BALANCE))

    def decided(self, want=None):
        answer = self.message()
        same((answer.verdict, answer.to(RCPTS)),
             ("continue", WANT if want is None else sorted(want)), str(answer))

    def by(self, want=None):
        """The server that a message is decided by."""
        began = time.time()
        self.decided(want)
        return {name for name, server in (("primary", PRIMARY),
                                          ("standby", STANDBY))
                if (server.sql(ASKED)[0][0] or 0) > began}

    def asks_the_standby(self, want=None):
        """It, and nobody else: on a busy machine its last change may be too
        old for a message, but not for the next one."""
        self.until(lambda: self.by(want) == {"standby"}, "it is asked alone")

    def said(self, since, word):
        """The lines with WORD, after one more message."""
        self.decided(None if self.whole else set(WANT) - {SUE})
        return [line for line in self.milter.since(since) if word in line]

    def unsubscribed(self, address):
        self.notifyctl("unsubscribe", "acme", BALANCE, address, "--confirm",
                       address, as_=OLGA)
        self.whole = False

    def subscribed(self, address):
        self.notifyctl("subscribe", "acme", BALANCE, address, as_=OLGA)
        STANDBY.catch_up()
        self.whole = True


@case("the standby is asked, and the primary is changed")
def _(lab_):
    STANDBY.catch_up()
    lab_.asks_the_standby()
    lab_.unsubscribed(SUE)
    STANDBY.catch_up()
    lab_.asks_the_standby(set(WANT) - {SUE})
    lab_.subscribed(SUE)
    lab_.asks_the_standby()


@case("while nothing is changed the primary is asked once in a while")
def _(lab_):
    STANDBY.catch_up()
    since = lab_.milter.mark()
    time.sleep(LAG + 0.2)
    same(lab_.by(), {"standby", "primary"}, "asked")
    time.sleep(TURNED)
    lab_.asks_the_standby()
    same(lab_.said(since, "standby"), [], "what is said of it")


def late(lab_):
    """While the standby does not get any further: by its roster, and as soon
    as that may be older than the bound by the primary's."""
    lab_.milter.settings(max_lag=LONG)
    lab_.unsubscribed(SUE)
    lab_.decided()
    lab_.milter.settings()
    time.sleep(LAG)
    same(lab_.by(set(WANT) - {SUE}), {"standby", "primary"}, "asked")
    # And is for some time, without asking again how late it is.
    turned = time.monotonic()
    asked = lab_.by(set(WANT) - {SUE})
    if time.monotonic() - turned < TURNED / 2:
        same(asked, {"primary"}, "asked")
    time.sleep(TURNED)
    same(lab_.by(set(WANT) - {SUE}), {"standby", "primary"}, "asked")


def stays_late(lab_, since):
    """The milter does not ask it, and logs that once."""
    lab_.until(lambda: lab_.said(since, LATE), "it is said")
    end = time.monotonic() + 3 * TURNED
    while time.monotonic() < end:
        lines = lab_.said(since, LATE)
    same(len(lines), 1, f"lines: {lines}")
    for word in (STANDBY.folder, "more than max_lag"):
        contains(lines[0], word, "line")
    same(lab_.said(since, CAUGHT_UP), [], "that it has caught up")


@case("a standby that does not apply what it receives is not asked; the log "
      "says so once, and when it is asked again")
def _(lab_):
    STANDBY.catch_up()
    STANDBY.sql("SELECT pg_wal_replay_pause()")
    since = lab_.milter.mark()
    late(lab_)
    stays_late(lab_, since)
    STANDBY.sql("SELECT pg_wal_replay_resume()")
    lab_.subscribed(SUE)
    time.sleep(TURNED)
    since = lab_.milter.mark()
    lab_.asks_the_standby()
    lines = lab_.said(since, CAUGHT_UP)
    same(len(lines), 1, f"lines: {lines}")


@case("a standby whose stream is cut is not asked, though it has applied all "
      "that it has")
def _(lab_):
    STANDBY.catch_up()
    conninfo, = STANDBY.sql("SHOW primary_conninfo")[0]
    STANDBY.sql("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
    STANDBY.sql("SELECT pg_reload_conf()")
    lab_.until(lambda: not PRIMARY.sql("SELECT 1 FROM pg_stat_replication"),
               "the stream is cut")
    late(lab_)
    same(STANDBY.sql("SELECT pg_last_wal_receive_lsn() IS NULL OR"
                     " pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()"),
         [(1,)], "it has applied all it has")
    STANDBY.sql("ALTER SYSTEM SET primary_conninfo = ?", conninfo)
    STANDBY.sql("SELECT pg_reload_conf()")
    lab_.subscribed(SUE)
    time.sleep(TURNED)
    lab_.asks_the_standby()


@case("a standby that is cut off in the middle, or gone, costs no message")
def _(lab_):
    STANDBY.catch_up()
    lab_.asks_the_standby()
    since = lab_.milter.mark()
    STANDBY.end()
    for _ in range(3):
        lab_.decided()
    said = [line for line in lab_.milter.since(since)
            if "the primary was asked instead" in line]
    same(len(said), 1, f"lines about it: {said}")
    contains(said[0], STANDBY.folder, "line")
    STANDBY.launch()
    time.sleep(AWAY)
    STANDBY.catch_up()
    lab_.asks_the_standby()


@case("explain asks the standby as the milter does, list asks the primary")
def _(lab_):
    lab_.milter.settings(max_lag=LONG)
    STANDBY.catch_up()
    STANDBY.sql("SELECT pg_wal_replay_pause()")
    lab_.unsubscribed(SUE)
    done = json.loads(lab_.notifyctl(
        "--json", "explain", "--recipient", SUE,
        input=f"X-Notify-Category: {BALANCE}\n\n").stdout)
    same(done["kept"], 1, "kept by the standby's roster")
    rows = json.loads(lab_.notifyctl("--json", "list", "acme",
                                     BALANCE).stdout)["list"]
    same([row["receives"] for row in rows if row["address"] == SUE], [False],
         "that she gets it by the primary's")
    STANDBY.sql("SELECT pg_wal_replay_resume()")
    lab_.subscribed(SUE)


@case("without a primary the standby decides within max_lag, then mail is "
      "deferred")
def _(lab_):
    STANDBY.catch_up()
    lab_.milter.settings(max_lag=LONG)
    lab_.asks_the_standby()
    PRIMARY.end()
    lab_.decided()
    lab_.milter.settings()
    time.sleep(LAG)
    since = lab_.milter.mark()
    answer = lab_.message()
    same((answer.verdict, answer.code[:3]), ("tempfail", "451"), str(answer))
    line = lab_.milter.summaries(since)[0][1]
    contains(line, "behind", "line")
    contains(line, PRIMARY.folder, "line")


@case("the standby that is promoted answers again")
def _(lab_):
    STANDBY.promote()
    lab_.until(lambda: lab_.message().verdict == "continue", "it answers")
    lab_.decided()
    PRIMARY.launch()


lab.run(allow="database", lab=Lab, postfix=False)
