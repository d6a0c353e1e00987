#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with postgresql: it starts servers of its own
# takes: 30 s
"""The roles of postfix-sample: each program does all that it does in its own
role, and the role can do nothing else. Each grant is taken away once, to see
that something needs it."""
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time

from lib import botapi, lab, pq, roster, stamps, tap, versions
from lib.milter import Milter
from lib.mta import Mta, tagged
from lib.roles import BOT, CTL, MILTER, OWNER, TELEGRAM, Database, commands
from lib.roster import ANN, BALANCE, BILL, MIA, OLGA, SERVICES
from lib.tap import case, contains, same, true
from lib.telegram import (NAME, USER, Bot, Delivery, local_copy, mail,
                          unprivileged)

DOMAIN = "telegram.invalid"
# What the roles may do, worked out from what the programs are for: the table,
# and the letters of Select, Insert, Update, Delete.
MAY = {
    MILTER: {"notify_milter": "S", "category": "S", "category_key": "S",
             "account": "S", "user": "S", "subscription": "S", "link": "S",
             "secret": "S", "account_former": "S"},
    TELEGRAM: {"notify_milter": "S", "category": "S", "category_key": "S",
               "account": "S", "user": "S", "subscription": "S",
               "link": "SUD", "waiting": "SIUD", "change": "I",
               "notice": "SIU", "secret": "S", "account_former": "S"},
    BOT: {"notify_milter": "S", "category": "S", "account": "S", "user": "S",
          "subscription": "S", "link": "SIUD", "token": "SD", "change": "I",
          "waiting": "SU", "state": "SIUD", "farewell": "SID",
          "link_request": "SID", "notice": "I"},
    CTL: {"notify_milter": "S", "category": "SIUD", "category_key": "SI",
          "account": "SIUD", "account_former": "SID", "user": "SIUD",
          "subscription": "SID", "link": "SD", "token": "SID",
          "change": "SIUD", "notice": "SIUD", "secret": "S",
          "farewell": "I", "link_request": "SD"},
}
VERBS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}


# fleet-grants.sql of 0.1.0.
GRANTS_1 = [
    f"GRANT SELECT ON notify_milter TO {CTL}, {MILTER}, {TELEGRAM}, {BOT}",
    'GRANT SELECT ON category, category_key, account, "user", subscription,'
    f" link TO {MILTER}",
    'GRANT SELECT ON category, category_key, account, "user", subscription'
    f" TO {TELEGRAM}",
    f"GRANT SELECT, UPDATE (chat, strikes), DELETE ON link TO {TELEGRAM}",
    "GRANT SELECT, INSERT, UPDATE (chat, tried), DELETE ON waiting"
    f" TO {TELEGRAM}",
    f"GRANT INSERT ON change TO {TELEGRAM}",
    "GRANT SELECT, INSERT, UPDATE (state, tries, error) ON notice"
    f" TO {TELEGRAM}",
    f'GRANT SELECT ON category, account, "user", subscription TO {BOT}',
    f"GRANT SELECT, DELETE ON token TO {BOT}",
    f"GRANT SELECT, INSERT, DELETE ON link TO {BOT}",
    f"GRANT SELECT, INSERT, UPDATE (value), DELETE ON state TO {BOT}",
    f"GRANT INSERT ON change TO {BOT}",
    f"GRANT SELECT, INSERT ON category, category_key TO {CTL}",
    f"GRANT SELECT, INSERT, DELETE ON account, subscription, token TO {CTL}",
    f'GRANT SELECT, INSERT, UPDATE (role), DELETE ON "user" TO {CTL}',
    f"GRANT SELECT, DELETE ON link TO {CTL}",
    f"GRANT SELECT, INSERT ON change TO {CTL}",
    f"GRANT SELECT, INSERT, UPDATE (state, tries, error) ON notice TO {CTL}"]


class Place:
    """A database with its roles, a milter, a bot and an API."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nm-roles-")
        os.chmod(self.folder, 0o755)
        for name in ("run", "state"):
            path = os.path.join(self.folder, name)
            os.mkdir(path)
            self.give(path)
        self.api = None
        self.token = os.path.join(self.folder, "token")
        self.settings = Milter(
            self.folder, url="/", user=USER, account_domain=lab.ACCOUNTS,
            socket=f"unix:{self.folder}/run/milter.sock", domain=DOMAIN,
            bot=NAME, token_file=self.token, link_by_mail="yes",
            sendmail=shutil.which("true"), from_="notify@relay.example")
        self.settings.beside = os.path.join(self.folder, "state")
        self.database = Database(self.settings).make()
        self.bot = Bot(self.folder, self.settings)
        roster.make(self.ctl)
        self.kept = self.rows()

    def stop(self):
        self.settings.kill()
        self.bot.kill()
        if self.api is not None:
            self.api.stop()
        self.database.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def give(path):
        entry = pwd.getpwnam(USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def ctl(self, *args, as_=None, **options):
        return self.database.ctl(*args, as_=as_, **options)

    # The database

    def tables(self):
        return [name for name, in self.sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'notify'"
            " ORDER BY tablename")]

    def sql(self, text, *values):
        return self.database.run(None, text, *values)

    def rows(self):
        return {name: self.sql(f'SELECT * FROM "{name}"')
                for name in self.tables()}

    def fresh(self):
        """As at the beginning; what was told the bot is forgotten too."""
        self.bot.kill()
        if self.api is not None:
            self.api.stop()
        self.api = botapi.BotAPI().start()
        with open(self.token, "w") as out:
            out.write(self.api.token + "\n")
        self.give(self.token)
        self.settings.defaults["api"] = self.api.url
        self.settings.settings()
        names = ", ".join(f'"{name}"' for name in self.kept)
        with self.database.connect() as connection:
            connection.run(f"BEGIN; TRUNCATE {names};"
                           "SET LOCAL session_replication_role = replica")
            for name, rows in self.kept.items():
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    connection.run(f'INSERT INTO "{name}" VALUES ({marks})',
                                   *row)
            connection.run("COMMIT")

    def link(self, account, address, chat):
        self.api.person(chat)
        return self.sql(
            'INSERT INTO link(id, "user", chat) SELECT ?, u.id, ? FROM "user"'
            " u JOIN account a ON a.id = u.account WHERE a.name = ?"
            " AND u.address = ? RETURNING id", chat * 10, chat, account,
            address)[0][0]

    # The work of each program. Each returns what has failed, or None.

    @contextlib.contextmanager
    def as_role(self, role):
        os.environ["PGUSER"] = role
        try:
            yield
        finally:
            del os.environ["PGUSER"]

    def milter(self):
        """Expands, also people's accounts, filters, and mirrors."""
        number = self.link("acme", ANN, 501)
        if not self.settings.running():
            with self.as_role(MILTER):
                self.settings.start()
        # Other messages ask other statements.
        with Mta(self.settings) as mta:
            for expand, to, headers, want in (
                    ("addressed", [f"<acme@{lab.ACCOUNTS}>"],
                     tagged(BALANCE),
                     roster.entitled(BALANCE, "acme")),
                    ("addressed", [f"<{ANN}>", f"<{BILL}>"],
                     tagged(roster.MAINTENANCE), [ANN, BILL]),
                    ("always", [f"<{BILL}>"], tagged(roster.MAINTENANCE),
                     roster.entitled(roster.MAINTENANCE, "acme"))):
                self.settings.settings(expand=expand)
                answer = mta.message(to, headers)
                if answer.verdict not in ("continue", "accept"):
                    return (f"{expand}: {answer} "
                            f"{self.settings.since()[-1:]}")
                same(answer.to(to), sorted(want), f"recipients, {expand}")
                same(any(a.strip("<>") == f"{number}@{DOMAIN}"
                         for a, _ in answer.added),
                     headers == tagged(BALANCE), "it is mirrored")
        return None

    def deliver(self, recipient, *answers, want=0):
        """One run of notify-telegram; it ends with WANT."""
        for answer in answers:
            self.api.fail(answer)
        path = os.path.join(self.folder, "message")
        data = mail()
        recipient = stamps.keyed(self.sql, recipient, data)
        with open(path, "wb") as out:
            out.write(data)
        with open(path, "rb") as file:
            done = subprocess.run(
                [local_copy(self.folder, "notify-telegram"), "-c",
                 self.settings.file, "-f", "4XQueueId", recipient],
                stdin=file, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, timeout=60, env={**os.environ, "PGUSER": TELEGRAM},
                **unprivileged())
        one = Delivery(done.returncode, done.stdout)
        if one.code != want or "denied" in one.err:
            return repr(one)
        return None

    def telegram(self):
        """Sends, waits, follows a chat, and ends those that are gone."""
        ann, bill, olga = (
            self.link("acme", address, chat)
            for address, chat in ((ANN, 501), (MIA, 502), (OLGA, 503)))
        self.ctl("subscribe", "acme", BALANCE, MIA, as_=OLGA)
        self.api.group(-1503)
        missing = botapi.error(400, "Bad Request: chat not found")
        blocked = botapi.error(403, "Forbidden: bot was blocked by the user")
        return (self.deliver(f"{ann}@{DOMAIN}")
                or self.deliver(f"{ann}@{DOMAIN}", botapi.too_many(60),
                                want=75)
                or self.deliver(f"{ann}@{DOMAIN}")
                or self.deliver(f"{olga}@{DOMAIN}", botapi.migrated(-1503))
                or self.deliver(f"{ann}@{DOMAIN}", missing, want=75)
                or self.deliver(f"{bill}@{DOMAIN}", blocked)
                or (None if self.sql("SELECT count(*) FROM link")[0][0] == 2
                    and self.sql("SELECT count(*) FROM notice"
                                 " WHERE state = 'sent'")[0][0] == 1
                    else f"links and notices: {self.rows()}"))

    def say(self, text, count):
        """Say TEXT to the bot; its complaint, or None once it has given its
        COUNTth answer."""
        self.api.say(601, text)

        def done():
            return (self.bot.troubles(self.told)
                    or len(self.api.texts(601)) >= count)
        lab.Lab.until(done, f"an answer to {text}")
        return next(iter(self.bot.troubles(self.told)), None)

    def bots(self):
        """Follows a group, links, shows and ends links, has one mailed, tells
        a chat that its link has ended, and continues after a restart."""
        self.api.person(601)
        self.told = self.bot.mark()
        token = re.search("start=(\\S+)", self.ctl(
            "telegram", "connect", "acme", as_=ANN).stdout)[1]
        self.api.person(603)
        self.link("acme", ANN, 603)     # which is told of the other chat
        self.link("acme", OLGA, -1604)
        self.api.group(-1604, "group")
        self.api.say(-1604, migrate_to_chat_id=-1605)
        with self.as_role(BOT):
            self.bot.start(wait=False)
        try:
            lab.Lab.until(lambda: self.bot.troubles(self.told) or self.sql(
                "SELECT 1 FROM link WHERE chat = -1605"), "the group's new id")
            found = next(iter(self.bot.troubles(self.told)), None)
            for count, text in enumerate(
                    (f"/start {token}", "/status", "/stop", f"/link {ANN}"),
                    1):
                found = found or self.say(text, count)
            # "Further than" is only stored once it has been answered.
            if not found:
                lab.Lab.until(lambda: self.bot.troubles(self.told)
                              or self.sql("SELECT count(*) FROM state")
                              [0][0] == 2, "how far it has read")
                lab.Lab.until(lambda: self.bot.troubles(self.told)
                              or not self.sql("SELECT 1 FROM farewell"),
                              "the chat is told")
                found = next(iter(self.bot.troubles(self.told)), None)
            if not found and not self.sql("SELECT 1 FROM notice"):
                found = "no notice"
        finally:
            self.bot.kill()
        return found

    def commands(self):
        """Every command of notifyctl that asks the database."""
        self.link("acme", ANN, 501)
        self.sql("INSERT INTO notice(at, account, address, kind, detail,"
                 " actor) VALUES (?, '', ?, 'link', 'by 1 in chat 1', '')",
                 time.time(), ANN)
        message = mail().decode()
        export = self.ctl("export", check=False)
        if export.returncode:
            return repr(export)
        rows = export.stdout + f"gamma,g@gamma.example,owner,{SERVICES}\n"
        for args, as_, input_ in (
                (("account", "add", "delta", "--owner", "d@delta.example"),
                 None, None),
                (("account", "list"), None, None),
                (("notices", "send"), None, None),
                (("account", "show", "acme"), None, None),
                (("user", "add", "acme", "new@acme.example"), None, None),
                (("user", "list", "acme"), None, None),
                (("account", "rename", "acme", "alpha"), None, None),
                (("account", "rename", "acme", "acme"), None, None),
                (("account", "rename", "acme", "--forget-former"), None, None),
                (("account", "title", "acme", "Acme"), None, None),
                (("user", "address", "acme", BILL, "b2@acme.example"), None,
                 None),
                (("user", "address", "acme", "b2@acme.example", BILL), None,
                 None),
                (("user", "language", "acme", BILL, "de"), None, None),
                (("category", "list"), None, None),
                (("category", "add", "less", "--title", "Less"), None, None),
                (("category", "set", "less", "--title", "Lesser",
                  "--description", "x", "--subscriber", "yes", "--telegram",
                  "yes", "--yes"), None, None),
                (("category", "remove", "less", "--yes"), None, None),
                (("category", "add", "more", "--title", "More"), None, None),
                (("subscribe", "acme", SERVICES, MIA), OLGA, None),
                (("unsubscribe", "acme", SERVICES, MIA, "--confirm", MIA),
                 OLGA, None),
                (("list", "acme", SERVICES), None, None),
                (("telegram", "status", "acme"), ANN, None),
                (("telegram", "connect", "acme"), ANN, None),
                (("telegram", "connect", "acme"), ANN, None),
                (("telegram", "disable", "acme"), ANN, None),
                (("user", "role", "acme", MIA, "user-admin"), OLGA, None),
                (("user", "remove", "acme", MIA), None, None),
                (("account", "transfer", "acme", BILL), None, None),
                (("account", "remove", "delta"), None, None),
                (("import", "--dry-run", "-"), None, rows),
                (("import", "--sync", "--remove-many", "-"), None, rows),
                (("explain", "--recipient", f"acme@{lab.ACCOUNTS}"), None,
                 message),
                (("person", "show", OLGA), None, None),
                (("account", "transfer", "acme", OLGA), None, None),
                (("user", "add", "acme", "x@acme.example"), None, None),
                (("user", "address", "acme", "x@acme.example",
                  "y@acme.example"), None, None),
                (("person", "forget", "y@acme.example"), None, None),
                (("log", "--before", "2026-01-01", "--prune"), None, None),
                (("log",), None, None), (("log", "acme"), None, None)):
            done = self.ctl(*args, as_=as_, input=input_, check=False)
            if done.returncode or "denied" in done.stderr:
                return (f"{args}: exit {done.returncode}: {done.stderr}"
                        f"{done.stdout}")
        if self.sql("SELECT count(*) FROM notice WHERE state = 'sent'") == [
                (0,)]:
            return "no notice was sent"
        done = self.ctl("check", check=False)
        return done.stdout + done.stderr if "denied" in (
            done.stdout + done.stderr) else None

    def grants(self, role):
        """[(table, verb, column)] that ROLE was granted."""
        return self.sql(
            "SELECT c.relname, x.privilege_type, '' FROM pg_class c,"
            " aclexplode(c.relacl) x WHERE c.relnamespace = 'notify'::"
            "regnamespace AND x.grantee = ?::regrole UNION ALL "
            "SELECT c.relname, x.privilege_type, '(' || a.attname || ')'"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid,"
            " aclexplode(a.attacl) x WHERE c.relnamespace = 'notify'::"
            "regnamespace AND x.grantee = ?::regrole ORDER BY 1, 2, 3", role,
            role)


PROGRAMS = {MILTER: Place.milter, TELEGRAM: Place.telegram, BOT: Place.bots,
            CTL: Place.commands}
NAMES = {MILTER: "notify-milter", TELEGRAM: "notify-telegram",
         BOT: "notify-bot", CTL: "notifyctl"}


def refused(connection, text):
    """Was it refused because a right is missing?"""
    try:
        connection.run(f"BEGIN; {text}")
    except pq.Error as why:
        return "permission denied" in str(why) or "must be owner" in str(why)
    finally:
        connection.run("ROLLBACK")
    return False


def can(place, connection, table):
    """The rights on TABLE, found by trying each."""
    columns = [name for name, in place.sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass"
        " AND attnum > 0", f'notify."{table}"')]
    tries = {"S": [f'SELECT FROM "{table}"']
             + [f'SELECT "{one}" FROM "{table}"' for one in columns],
             "I": [f'INSERT INTO "{table}" DEFAULT VALUES'],
             "U": [f'UPDATE "{table}" SET "{one}" = NULL'
                   for one in columns],
             "D": [f'DELETE FROM "{table}"']}
    found = "".join(verb for verb, texts in tries.items()
                    if not all(refused(connection, one) for one in texts))
    for text in (f'TRUNCATE "{table}"', f'DROP TABLE "{table}"',
                 f'ALTER TABLE "{table}" ADD x bigint',
                 f'CREATE INDEX ON "{table}" ("{columns[0]}")'):
        if not refused(connection, text):
            found += f" {text}"
    return found


for one in PROGRAMS:
    @case(f"{NAMES[one]} does all that it does in the role {one}")
    def _(place, role=one):
        place.fresh()
        same(PROGRAMS[role](place), None, "what was refused")

    @case(f"{one} can do nothing else to any table")
    def _(place, role=one):
        place.fresh()
        with place.database.connect(role) as connection:
            found = {table: what for table in place.tables()
                     if (what := can(place, connection, table))}
        same(found, MAY[role], f"what {role} can do")

    @case(f"{one} needs each of its grants")
    def _(place, role=one):
        spare = []
        grants = place.grants(role)
        true(len(grants) >= len(MAY[role]), f"there are grants: {grants}")
        for table, verb, column in grants:
            if (table, column) == ("notice", "(error)"):
                continue    # what became of a mail is noted for ten seconds
            place.fresh()
            right = f'{verb} {column} ON notify."{table}"'
            place.sql(f"REVOKE {right} FROM {role}")
            try:
                why = PROGRAMS[role](place)
                if why is None:
                    spare.append(right)
                elif "denied" not in why:
                    raise tap.Failed(f"without {right}: {why}")
            finally:
                place.sql(f"GRANT {right} TO {role}")
        same(spare, [], "grants that nothing needs")


@case("no role but the owner can create a table, even a temporary one, or a "
      "schema")
def _(place):
    for role in PROGRAMS:
        with place.database.connect(role) as connection:
            for text in ("CREATE TABLE notify.x(a int)",
                         "CREATE TEMPORARY TABLE x(a int)",
                         "CREATE SCHEMA x",
                         "CREATE FUNCTION notify.f() RETURNS int LANGUAGE sql"
                         " RETURN 1", f"SET ROLE {OWNER}"):
                true(refused(connection, text), f"{role}: {text} is refused")


@case("no role can fill the disk, or take a lock that it does not need")
def _(place):
    own = {"pg_advisory_xact_lock(1, 2)": (CTL, TELEGRAM, BOT),
           "pg_try_advisory_lock(1, 2)": (BOT,)}
    locks = [f"pg_{try_}advisory_{xact}lock{shared}({args})"
             for try_ in ("", "try_") for xact in ("", "xact_")
             for shared in ("", "_shared") for args in ("1", "1, 2")]
    for role in PROGRAMS:
        with place.database.connect(role) as connection:
            for text in ("lo_create(0)", "lo_creat(-1)",
                         "lo_from_bytea(0, 'x')",
                         "pg_logical_emit_message(false, 'x', 'y')",
                         "pg_logical_emit_message(false, 'x', 'y'::bytea)",
                         "pg_notify('x', 'y')", *locks):
                same(refused(connection, f"SELECT {text}"),
                     role not in own.get(text, ()), f"{role}: {text}")


@case("what a role sets for itself changes no decision")
def _(place):
    for role in PROGRAMS:
        for setting in ("search_path = pg_catalog, notify",
                        "default_transaction_isolation = serializable",
                        "default_transaction_deferrable = on",
                        "row_security = on"):
            place.database.run(role, f"ALTER ROLE {role} SET {setting}")
    try:
        for role, work in PROGRAMS.items():
            place.fresh()
            same(work(place), None, f"what {role} could not do")
    finally:
        place.settings.kill()
        for role in PROGRAMS:
            place.sql(f"ALTER ROLE {role} RESET ALL")


@case("notifyctl in the milter's role reads, and changes nothing")
def _(place):
    place.fresh()
    same(place.ctl("export", role=MILTER).stdout, place.ctl("export").stdout,
         "the export")
    before = place.rows()
    for args in (("account", "remove", "beta"), ("user", "remove", "acme", MIA),
                 ("user", "add", "acme", "x@acme.example"),
                 ("category", "add", "x", "--title", "X")):
        done = place.ctl(*args, role=MILTER, check=False)
        same(done.returncode, 77, f"exit of {done}")
        for part in ("permission denied for", "expected a role that may"):
            contains(done.stderr, part, "what it says")
    same(place.rows(), before, "the database")


@case("no other role can connect to the database")
def _(place):
    place.sql("CREATE ROLE somebody LOGIN")
    try:
        place.database.run("somebody", "SELECT 1")
    except pq.Error as why:
        contains(str(why), "does not have CONNECT", "what the server says")
    else:
        raise tap.Failed("somebody was let in")


@case("after an upgrade of the tables each program has its rights at once")
def _(place):
    place.fresh()
    before = {role: place.grants(role) for role in PROGRAMS}
    place.sql("SET search_path = notify;"
              "REVOKE ALL ON ALL TABLES IN SCHEMA notify"
              f" FROM {', '.join(PROGRAMS)};"
              f"{'; '.join(versions.BACK_TO_1 + GRANTS_1)};"
              "UPDATE notify_milter SET version = 1;"
              "RESET search_path")
    # Who was granted something by hand keeps it, and who has no need gets
    # nothing.
    place.sql('CREATE ROLE "Odd one"; CREATE ROLE watcher;'
              'GRANT SELECT ON notify.link, notify.category_key TO "Odd one";'
              "GRANT SELECT ON notify.account, notify.link TO watcher")
    place.ctl("init", role=OWNER)
    same({role: place.grants(role) for role in PROGRAMS}, before, "grants")
    same([t for t, _, _ in place.grants('"Odd one"')],
         ["category_key", "link", "secret"], "of a role with other names")
    same([t for t, _, _ in place.grants("watcher")], ["account", "link"],
         "of a role that reads no categories")
    place.sql('DROP OWNED BY "Odd one", watcher;'
              'DROP ROLE "Odd one"; DROP ROLE watcher')


@case("only the owner of the tables can create them again")
def _(place):
    done = place.ctl("init", role=CTL, check=False)
    same((done.returncode, place.ctl("init", role=OWNER).returncode), (0, 0),
         "exit where there is nothing to do")
    place.sql("DROP SCHEMA notify CASCADE;"
              f"CREATE SCHEMA notify AUTHORIZATION {OWNER};"
              f"GRANT USAGE ON SCHEMA notify TO {CTL}")
    done = place.ctl("init", role=CTL, check=False)
    same(done.returncode, 77, f"exit of {done}")
    same(place.tables(), [], "tables")
    place.ctl("init", role=OWNER)
    place.database.grant()
    roster.make(place.ctl)


@case("a roster moves there from SQLite as README says, and back")
def _(place):
    lines = [line for line in commands() if "roster.csv" in line]
    same(len(lines), 3, f"README's lines: {lines}")
    for name in ("old", "new"):
        conf = Milter(place.folder, url=os.path.join(place.folder,
                                                     f"{name}.db"))
        conf.file = os.path.join(place.folder, f"{name}.conf")
        conf.write(sendmail=shutil.which("true"))
        place.database.shell(f"notifyctl -c {name}.conf init")
    place.fresh()
    want = place.ctl("export").stdout + "gamma,g@gamma.example,owner,\n"
    with open(os.path.join(place.folder, "wanted.csv"), "w") as out:
        out.write(want)
    place.database.shell("notifyctl -c old.conf import wanted.csv")
    for account in roster.ROSTER:
        place.ctl("account", "remove", account)
    for line in lines:
        place.database.shell(line)
    same(place.ctl("export").stdout, want, "the roster there")
    place.database.shell("PGUSER=notify_ctl notifyctl export > roster.csv &&"
                         " notifyctl -c new.conf import roster.csv &&"
                         " notifyctl -c new.conf export > back.csv")
    with open(os.path.join(place.folder, "back.csv")) as file:
        same(file.read(), want, "the roster back again")


tap.run(setup=Place, teardown=Place.stop)
