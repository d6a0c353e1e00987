#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about the server
# not with postgresql: it starts servers of its own
"""notifyctl check: what is wrong with the road to a roster in PostgreSQL, with
what a role may do, and with a standby."""
import os
import time

from lib import postgresql, rosterdb
from lib.installation import case, chown, run
from lib.tap import contains, same, true

# Its own servers: one is held up, and has other roles.
PRIMARY = postgresql.Server().start()
STANDBY = postgresql.Server(primary=PRIMARY)
rosterdb.use_postgresql(PRIMARY)

STANDBY.start()
LOOKED_UP = ("notify_milter", "category", "category_key", "account",
             '"user"', "subscription", "link", "secret",
             "account_former")


def standby(s, **more):
    """Have the standby in the settings, when it has all."""
    STANDBY.catch_up()
    s.settings(**{"read_url": s.ctl.store.url.replace(PRIMARY.folder,
                                                      STANDBY.folder), **more})


def secret(s):
    """The milter's user, and nobody else, can read the settings."""
    chown(s.ctl.conf.file, 0o640, "root", "nogroup")


@case("a server that does not answer is found, and the fix removes nothing")
def _(s):
    s.settings(url="postgresql://me:s3cret@/r?host=/nowhere")
    secret(s)
    finding = s.fault("error", "/nowhere")
    for word in ("s3cret", "drop", "init", "backup"):
        true(word not in str(finding), f"{word} in {finding}")


@case("a standby as primary is found")
def _(s):
    s.settings(url=s.ctl.store.url.replace(PRIMARY.folder, STANDBY.folder))
    s.fault("error", "standby")


@case("a role that may look up is enough for a relay, and fewer rights are "
      "found")
def _(s):
    PRIMARY.sql("CREATE ROLE relay LOGIN")
    schema = s.ctl.store.schema
    PRIMARY.sql(f"GRANT USAGE ON SCHEMA {schema} TO relay")
    url = s.ctl.store.url.replace(postgresql.OWNER + "@", "relay@")
    s.settings(url=url)
    contains(s.fault("error", "permission denied")["fix"], "grants")
    for table in LOOKED_UP:
        s.ctl.sql(f"GRANT SELECT ON {table} TO relay")
    s.fault("note", "permission denied")
    for table in ("notify_milter", "link"):
        s.ctl.sql(f"REVOKE SELECT ON {table} FROM relay")
        s.fault("error", "permission denied")
        s.ctl.sql(f"GRANT SELECT ON {table} TO relay")
    same(s.ctl("account", "add", "new", "--owner", "ned@new.example").code,
         77, "exit of a change")
    s.settings()
    s.sound()
    s.ctl.sql("REASSIGN OWNED BY relay TO " + postgresql.OWNER
              + "; DROP OWNED BY relay; DROP ROLE relay")


@case("row security is found, whether or not it hides anything from this role")
def _(s):
    PRIMARY.sql("CREATE ROLE relay LOGIN")
    PRIMARY.sql(f"GRANT USAGE ON SCHEMA {s.ctl.store.schema} TO relay")
    PRIMARY.sql("GRANT SELECT ON ALL TABLES IN SCHEMA"
                f" {s.ctl.store.schema} TO relay")
    s.settings()
    s.sound()
    for table in ("subscription", '"user"', "notify_milter"):
        s.ctl.sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        finding = s.fault("warning", "row security", table.strip('"'))
        contains(finding["fix"], "DISABLE ROW LEVEL SECURITY")
        s.settings(url=s.ctl.store.url.replace(postgresql.OWNER + "@",
                                               "relay@"))
        finding = s.has("error", "row-level security policy")
        contains(finding["fix"], "DISABLE ROW LEVEL SECURITY")
        s.settings()
        s.ctl.sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    s.sound()
    s.ctl.sql("DROP OWNED BY relay; DROP ROLE relay")


@case("a table of the same name before ours changes nothing")
def _(s):
    PRIMARY.sql("CREATE SCHEMA earlier; CREATE TABLE earlier.subscription(LIKE"
                f" {s.ctl.store.schema}.subscription)")
    s.settings(url=s.ctl.store.url.replace("csearch_path%3D",
                                           "csearch_path%3Dearlier%2C"))
    s.sound()
    PRIMARY.sql("DROP SCHEMA earlier CASCADE")


@case("a password in settings that everyone can read is found, and the fix "
      "works")
def _(s):
    plain = s.ctl.store.url
    for url in (plain.replace("@", ":s3cret@"), plain + "&password=s3cret"):
        s.settings(url=url)
        os.chmod(s.ctl.conf.file, 0o644)
        finding = s.fixed("warning", s.ctl.conf.file, "password")
        true("s3cret" not in str(finding), str(finding))
        # Who is to read it can.
        same(s.ctl("account", "list", user="nobody").code, 0, "exit")
    standby(s)
    os.chmod(s.ctl.conf.file, 0o644)
    s.sound()


@case("a sound standby is no finding, even of an idle primary")
def _(s):
    standby(s, max_lag="1s")
    time.sleep(1.2)
    s.sound()


@case("a standby that lags is found")
def _(s):
    standby(s, max_lag="1s")
    STANDBY.sql("SELECT pg_wal_replay_pause()")
    PRIMARY.sql("SELECT txid_current()")
    time.sleep(1.2)
    finding = s.fault("warning", "behind", "max_lag")
    contains(finding["fix"], "pg_is_wal_replay_paused")
    STANDBY.sql("SELECT pg_wal_replay_resume()")
    s.sound()


@case("a standby that does not answer, or is not a standby, is found")
def _(s):
    s.settings(read_url="postgresql://me:s3cret@/r?host=/nowhere")
    secret(s)
    finding = s.fault("warning", "/nowhere")
    contains(finding["why"], "asks the primary")
    s.settings(read_url=s.ctl.store.url)
    s.fault("warning", "not name a standby")


run()
