# SPDX-License-Identifier: BSD-2-Clause
"""rosterdb - the database of a test's roster.

    place(folder)       an SQLite; with NM_DATABASE=postgresql a PostgreSQL
    remote()            which of the two
    use_postgresql()    from here on it is PostgreSQL
    at(path)            the SQLite in a file
    shown(url)          the URL as programs show it
    file_only(why)      this case is about SQLite's file: skip it
    pages(data)         the pages of DATA, such a file, without the schema

SQLite's is roster.db in FOLDER. PostgreSQL's is a schema of its own in the
database $NM_POSTGRESQL; without that, of a server that is started here. Both
take the same SQL, with ? for the values; an order has to be asked for.
"""
import contextlib
import ctypes
import functools
import itertools
import os
import re
import shutil
import sqlite3

from lib import pq, tap
from lib.postgresql import Server

__all__ = ["at", "file_only", "page_size", "pages", "place", "remote", "shown",
           "use_postgresql"]

LOCK_CLASS = 1313690196     # of those who change something
READ = "SELECT 1 FROM sqlite_schema"    # opens all the files of SQLite
ENDS = ("", "-wal", "-shm")  # of SQLite's files
_numbers = itertools.count()


def remote():
    """Is it PostgreSQL?"""
    return os.environ.get("NM_DATABASE") == "postgresql"


def use_postgresql(server=None):
    """Place rosters in PostgreSQL from here on; in SERVER, if it is given."""
    os.environ["NM_DATABASE"] = "postgresql"
    if server is not None:
        os.environ["NM_POSTGRESQL"] = server.url()


def file_only(why):
    """Skip the case that runs, with WHY, if there is no file."""
    if remote():
        raise tap.Skip(f"is about SQLite: {why}")


def page_size(data):
    """The bytes of a page of DATA, an SQLite file."""
    return int.from_bytes(data[16:18], "big")


def pages(data):
    """(begin, end) of each page of DATA, an SQLite file, that holds no part of
    the schema: whoever opens it needs that whole."""
    size = page_size(data)
    return [(at, at + size) for at in range(size, len(data), size)
            if b"CREATE " not in data[at:at + size]]


def shown(url):
    """URL as programs show it."""
    return re.sub("[&?]options=.*", "", url)


def place(folder):
    return (PostgreSQL if remote() else SQLite)(folder)


@contextlib.contextmanager
def as_owner(path):
    """What this thread creates beside PATH belongs to its owner from the start,
    who may create files there. The files that SQLite makes as root beside a
    database are root's for a moment, in which a program of the owner cannot
    open it."""
    libc, owner = ctypes.CDLL(None), os.stat(path)
    if os.stat(os.path.dirname(path)).st_uid != owner.st_uid:
        yield
        return
    group, user = libc.setfsgid(owner.st_gid), libc.setfsuid(owner.st_uid)
    try:
        yield
    finally:
        libc.setfsuid(user)
        libc.setfsgid(group)


def at(path):
    """The SQLite database at PATH."""
    return SQLite(*os.path.split(path))


class SQLite:
    def __init__(self, folder, name="roster.db"):
        self.folder, self.path = folder, os.path.join(folder, name)

    @property
    def url(self):
        return self.path

    def exists(self):
        return os.path.exists(self.path)

    def clear(self):
        """Take it away: nothing is there for init to find."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)

    def remove(self):
        """Take it away, and leave what lies beside it."""
        for end in ENDS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path + end)

    def keep(self, path):
        """A copy of it, for restore()."""
        return shutil.copy(self.path, path)

    def restore(self, kept):
        self.clear()
        shutil.copy(kept, self.path)

    def twin(self, folder):
        """Another one with the same in it, in FOLDER."""
        other = SQLite(folder)
        self.sql("VACUUM INTO ?", other.path)
        return other

    @contextlib.contextmanager
    def away(self):
        """It is missing during the block. What the milter writes beside it
        stays, as it may do so at any moment."""
        kept = self.folder + ".away"
        os.mkdir(kept)
        self._move(self.folder, kept)
        try:
            yield
        finally:
            self.remove()
            self._move(kept, self.folder)
            os.rmdir(kept)

    def _move(self, source, target):
        name = os.path.basename(self.path)
        for end in ENDS:
            with contextlib.suppress(FileNotFoundError):
                os.rename(os.path.join(source, name + end),
                          os.path.join(target, name + end))

    @contextlib.contextmanager
    def transaction(self, begin=f"BEGIN; {READ}"):
        """A function that runs one statement in a transaction, which is
        rolled back at the end."""
        with contextlib.closing(sqlite3.connect(
                self.path, timeout=10, isolation_level=None)) as connection:
            with as_owner(self.path):
                for one in begin.split(";"):
                    connection.execute(one)
            yield lambda text, *values: connection.execute(
                text, values).fetchall()

    def sql(self, text, *values):
        """Run one statement; its rows."""
        with self.transaction(READ) as run:
            return run(text, *values)

    def locked(self):
        """A transaction that keeps everybody from reading. It is not possible
        while a program has the database open."""
        return self.transaction("PRAGMA locking_mode = EXCLUSIVE;"
                                "BEGIN EXCLUSIVE;"
                                "UPDATE account SET title = title")

    def written(self):
        """A transaction that keeps everybody else from changing it."""
        return self.transaction("BEGIN IMMEDIATE")

    def changing(self):
        """Does a program wait to change something?"""
        return os.path.exists(self.path + "-wal")

    def dump(self, times=True):
        """{table: rows} of all of it, without times if those do not count;
        None if there is none."""
        if not self.exists():
            return None
        with self.transaction() as sql:
            return {name: self._rows(sql, name, times) for name, in sql(
                "SELECT name FROM sqlite_schema WHERE type = 'table'")}

    @staticmethod
    def _rows(sql, table, times):
        columns = [row[1] for row in sql(f"PRAGMA table_info({table})")]
        kept = ", ".join(f'"{name}"' for name in columns
                         if times or name not in ("at", "sent_at"))
        return sorted(sql(f"SELECT {kept} FROM {table}"), key=repr)

    def end(self):
        """Remove what is left of it."""


@functools.cache
def server():
    """The URL of the database that has the schemas."""
    url = os.environ.get("NM_POSTGRESQL")
    return url or Server().start().url()


# All tables of the schema FROM_ into the schema TO_, with what they refer to
# and the numbers that come next.
COPY = """DO $$
DECLARE
  t name; c record;
BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'FROM_' LOOP
    EXECUTE format('CREATE TABLE TO_.%1$I (LIKE FROM_.%1$I INCLUDING ALL);
      INSERT INTO TO_.%1$I SELECT * FROM FROM_.%1$I', t);
  END LOOP;
  FOR t IN SELECT sequencename FROM pg_sequences
      WHERE schemaname = 'FROM_' LOOP
    EXECUTE format('SELECT setval(%L, last_value, is_called) FROM FROM_.%I',
      'TO_.' || quote_ident(t), t);
  END LOOP;
  PERFORM set_config('search_path', 'FROM_', true);
  FOR c IN SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s',
      conrelid::regclass, conname, pg_get_constraintdef(oid)) AS made
      FROM pg_constraint WHERE contype = 'f'
      AND connamespace = to_regnamespace('FROM_') LOOP
    PERFORM set_config('search_path', 'TO_', true);
    EXECUTE c.made;
    PERFORM set_config('search_path', 'FROM_', true);
  END LOOP;
END $$"""


def _words(text):
    """TEXT for PostgreSQL, where user has to be quoted outside strings."""
    parts = re.split(r"('(?:[^']|'')*')", text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r'(?<!")\buser\b', '"user"', parts[i])
        parts[i] = parts[i].replace("group_concat(", "string_agg(")
    return "".join(parts)


class PostgreSQL:
    """Its FOLDER has what else lies beside a roster."""

    def __init__(self, folder):
        self.folder, self.path = folder, os.path.join(folder, "roster.db")
        self.schema = self._make()
        self.kept = []

    @property
    def url(self):
        return f"{server()}&options=-csearch_path%3D{self.schema}"

    @classmethod
    def _make(cls):
        name = f"nm_{os.getpid()}_{next(_numbers)}"
        cls._run(None, f"CREATE SCHEMA {name}")
        return name

    @staticmethod
    def _connect(schema=None):
        return pq.Connection(server() + (
            f"&options=-csearch_path%3D{schema}" if schema else ""))

    @classmethod
    def _run(cls, schema, text, *values):
        with cls._connect(schema) as connection:
            return connection.run(_words(text), *values)

    def _tables(self, schema=None):
        return [name for name, in self._run(None, (
            "SELECT tablename FROM pg_tables WHERE schemaname = ?"
            " ORDER BY tablename"), schema or self.schema)]

    def exists(self):
        return bool(self._tables())

    def _drop(self, schema):
        """Drop it, unless a program still uses it."""
        with self._connect() as connection, contextlib.suppress(pq.Error):
            connection.run("SET lock_timeout = 2000;"
                           f"DROP SCHEMA {schema} CASCADE")

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, exist_ok=True)
        self._drop(self.schema)
        self.schema = self._make()

    def remove(self):
        self._drop(self.schema)

    def keep(self, _):
        """Keep the schema for restore(), and go on with a copy of it."""
        kept, self.schema = self.schema, self._make()
        self.kept.append(kept)
        self.restore(kept)
        return kept

    def restore(self, kept):
        self.clear()
        self._fill(kept)

    def _fill(self, kept):
        self._run(None, COPY.replace("FROM_", kept).replace("TO_",
                                                            self.schema))

    def twin(self, folder):
        other = PostgreSQL(folder)
        other._fill(self.schema)
        return other

    @contextlib.contextmanager
    def away(self):
        self._run(None, f"ALTER SCHEMA {self.schema} RENAME TO"
                  f" {self.schema}_away")
        try:
            yield
        finally:
            self._run(None, f"ALTER SCHEMA {self.schema}_away RENAME TO"
                      f" {self.schema}")

    @contextlib.contextmanager
    def transaction(self, begin=""):
        with self._connect(self.schema) as connection:
            connection.run(f"BEGIN; {begin}")
            yield lambda text, *values: connection.run(_words(text), *values)

    def sql(self, text, *values):
        return self._run(self.schema, text, *values)

    def locked(self):
        tables = ", ".join(f'"{name}"' for name in self._tables())
        return self.transaction(f"LOCK TABLE {tables}")

    def written(self):
        return self.transaction(
            f"SELECT pg_advisory_xact_lock({LOCK_CLASS},"
            " hashtext(current_schema()))")

    def changing(self):
        return self.sql(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
            f" AND classid = {LOCK_CLASS} AND objid = (hashtext(?)::bigint"
            " & 4294967295)", self.schema) != []

    def dump(self, times=True):
        with self.transaction("SET TRANSACTION ISOLATION LEVEL"
                              " REPEATABLE READ") as sql:
            tables = sql(
                "SELECT c.relname, string_agg(quote_ident(a.attname), ', '"
                "  ORDER BY a.attnum) FILTER (WHERE ?"
                "  OR a.attname NOT IN ('at', 'sent_at'))"
                " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE c.relkind = 'r' AND c.relnamespace ="
                "  to_regnamespace(?) AND a.attnum > 0"
                "  AND NOT a.attisdropped GROUP BY c.relname",
                bool(times), self.schema)
            return {name: sorted(sql(f'SELECT {columns} FROM "{name}"'),
                                 key=repr)
                    for name, columns in tables} or None

    def end(self):
        for schema in (self.schema, *self.kept):
            self._drop(schema)
