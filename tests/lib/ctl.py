# SPDX-License-Identifier: BSD-2-Clause
"""ctl - notifyctl with a database, settings and a sendmail(1) of its own.

    @case("a sentence")             a case with a fresh shared roster
    def _(ctl): ...                 (roster=False: with an empty database)
    run()                           run the file's cases

No Postfix takes part: sendmail(1) is a script that keeps what it is given and
then does what the case wants. Everything is in one temporary directory.
"""
import atexit
import contextlib
import email
import email.policy
import functools
import glob
import json
import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from lib import roster, rosterdb, tap
from lib.milter import Milter, program
from lib.waiting import LIMIT, until

__all__ = ["Ctl", "case", "run", "FROM", "ACCOUNTS", "MIRROR", "NOBODY"]

FROM = "notify@relay.example"
ACCOUNTS = "accounts.example"       # account_domain
MIRROR = "telegram.invalid"
NOBODY = "nobody"                   # a user without any rights

# A file is called new. until it is complete, then trying., in the end sent.
SENDMAIL = """\
#!/bin/sh
new=$(mktemp MAIL/new.XXXXXXXXXX) || exit 71
{ echo $#; printf '%s\\n' "$@"; cat; } >"$new"
name=${new##*/new.}
mv "$new" MAIL/trying.$name
BEHAVIOUR
mv MAIL/trying.$name MAIL/sent.$name
"""


class Done:
    """The result of a run of notifyctl."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        words = " ".join(map(repr, self.args))
        return (f"notifyctl {words[:300]}: exit {self.code}, "
                f"stdout {self.out[:600]!r}, stderr {self.err[:600]!r}")

    @property
    def document(self):
        """The one JSON document on standard output."""
        try:
            found = json.loads(self.out)
        except ValueError as why:
            raise tap.Failed(f"not one JSON document ({why}): {self}") from why
        tap.true(isinstance(found, dict), f"a JSON object: {self}")
        return found

    @property
    def line(self):
        """The one line on standard error, without the program's name."""
        lines = self.err.split("\n")
        tap.true(lines[0].isprintable() and lines[1:] == [""],
                 f"one line of text on standard error: {self}")
        tap.true(lines[0].startswith("notifyctl: "),
                 f"standard error names the program: {self}")
        return lines[0][len("notifyctl: "):]


class Mail:
    """The input of sendmail(1): its arguments and the message."""

    def __init__(self, path):
        with open(path, "rb") as file:
            count = int(file.readline())
            self.args = [file.readline().decode()[:-1] for _ in range(count)]
            self.data = file.read()
        self.message = email.message_from_bytes(self.data,
                                                policy=email.policy.default)

    @property
    def text(self):
        return self.message.get_content()

    @property
    def to(self):
        return self.args[-1]


class Ctl:
    """One directory with all that notifyctl needs; call it to run notifyctl."""

    def __init__(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _exit)
        self.running = set()
        self.folder = tempfile.mkdtemp(prefix="nm-ctl-")
        atexit.register(self.stop)
        os.chmod(self.folder, 0o755)    # an unprivileged user must get in
        folder = os.path.join(self.folder, "db")
        os.mkdir(folder)
        self.store = rosterdb.place(folder)
        self.database = self.store.path     # as far as it is a file
        self.conf = Milter(self.folder, url=self.store.url,
                           socket=f"unix:{self.folder}/milter.sock",
                           account_domain=ACCOUNTS, domain=MIRROR,
                           sendmail=f"{self.folder}/sendmail", from_=FROM)
        self.conf.beside = folder
        self.settings()
        self.notifyctl = program("notifyctl")
        self.mailbox = None
        self.templates = {}
        for name in ("empty", "roster"):
            if name == "empty":
                self.ok("init")
            else:
                roster.make(self.ok)
            self.keep(name)

    def stop(self):
        """End what still runs and remove the directory; harmless when done
        twice."""
        atexit.unregister(self.stop)
        for process in list(self.running):
            process.kill()
            process.wait()
        self.running.clear()
        self.store.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, name):
        """Make the database as it is now a template for reset()."""
        self.templates[name] = self.store.keep(self.path(name + ".db"))
        self.conf.defaults["url"] = self.store.url
        self.settings()

    def reset(self, name="roster"):
        """The settings, database and mail that a case begins with."""
        if name:
            self.store.restore(self.templates[name])
        else:
            self.store.clear()
        self.conf.defaults["url"] = self.store.url
        # A new one: a program of a failed case may still be running.
        self.mailbox = tempfile.mkdtemp(prefix="mail.", dir=self.folder)
        os.chmod(self.mailbox, 0o755)
        self.settings()
        self.sendmail()

    # What notifyctl is run with

    def path(self, name, data=None):
        """NAME in the directory; with DATA a file that has it."""
        path = os.path.join(self.folder, name)
        if data is not None:
            with open(path, "wb") as out:
                out.write(data if isinstance(data, bytes) else data.encode())
        return path

    def settings(self, text=None, **changes):
        """Write the settings: the defaults with CHANGES, or TEXT."""
        self.conf.write(text, **changes)

    def sendmail(self, behaviour=""):
        """What sendmail(1) does after it has read the message, as shell
        commands: `exit 75` refuses it."""
        script = self.path("sendmail.new", SENDMAIL.replace(
            "MAIL", self.mailbox).replace("BEHAVIOUR", behaviour))
        os.chmod(script, 0o755)
        os.replace(script, self.path("sendmail"))

    # Running it

    def command(self, *args, as_=None, json_=False, user=None):
        binary = self.notifyctl
        if user is not None:    # may have no right to enter build/
            binary = self.path("notifyctl")
            if not os.path.exists(binary):
                shutil.copy(program("notifyctl"), binary)
        return [binary, "-c", self.conf.file,
                *(["--as", as_] if as_ is not None else []),
                *(["--json"] if json_ else []), *args]

    @staticmethod
    def environment(**more):
        keep = {name: value for name, value in os.environ.items()
                if name not in ("NOTIFYCTL_AS", "SUDO_USER", "MAIL_CONFIG")
                and not name.lower().endswith("_proxy")}
        return {**keep, **more}

    def start(self, *args, as_=None, json_=False, user=None, env=None,
              **options):
        """notifyctl, running. Its output is bytes."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **options}
        if user is not None:
            entry = pwd.getpwnam(user)
            options.update(user=entry.pw_uid, group=entry.pw_gid,
                           extra_groups=[])
        process = subprocess.Popen(
            self.command(*args, as_=as_, json_=json_, user=user),
            env=self.environment(**(env or {})), **options)
        self.running.add(process)
        return process

    def finish(self, process, args=(), input=None, timeout=LIMIT):
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired as why:
            process.kill()
            process.wait()
            raise tap.Failed(f"notifyctl {args} does not end") from why
        finally:
            self.running.discard(process)
        return Done(args, process.returncode, *(
            (text or b"").decode("utf-8", "surrogateescape")
            for text in (out, err)))

    def __call__(self, *args, stdin=None, timeout=LIMIT, **options):
        """Run notifyctl to its end. STDIN is bytes or text it can read."""
        if stdin is not None:
            stdin = stdin.encode() if isinstance(stdin, str) else stdin
            options["stdin"] = subprocess.PIPE
        return self.finish(self.start(*args, **options), args, stdin, timeout)

    def ok(self, *args, **options):
        """Run notifyctl, which must succeed with nothing on stderr."""
        done = self(*args, **options)
        tap.same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
        return done

    def json(self, *args, **options):
        """The same with --json; its document."""
        return self.ok(*args, json_=True, **options).document

    def refused(self, code, *args, says=(), **options):
        """notifyctl must refuse this with CODE, in one line that has SAYS,
        the same with --json, and must have changed nothing; the line."""
        before = self.dump()
        done = self(*args, **options)
        tap.same((done.code, done.out), (code, ""),
                 f"exit and stdout of {done}")
        for part in [says] if isinstance(says, str) else says:
            tap.contains(done.line, part, f"the line of {done}")
        again = self(*args, json_=True, **options)
        tap.same(again.code, code, f"exit with --json of {again}")
        tap.same(again.line, done.line, f"the line with --json of {again}")
        tap.same(again.document,
                 {"error": {"code": code, "message": done.line}},
                 f"the document of {again}")
        self.unchanged(before, f"database after {done}")
        return done.line

    def at_once(self, *commands, **options):
        """Run COMMANDS, each a list of arguments or (arguments, options), all
        at the same time; their Done in that order."""
        done = [None] * len(commands)

        def one(i, command):
            args, more = (command if isinstance(command, tuple)
                          else (command, {}))
            done[i] = self(*args, **{**options, **more})
        threads = [threading.Thread(target=one, args=pair)
                   for pair in enumerate(commands)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tap.true(None not in done, "all have ended")
        return done

    @contextlib.contextmanager
    def terminal(self, *args, **options):
        """notifyctl with a terminal for all three, once it has asked: a
        Terminal. It must have ended at the end of the block."""
        try:
            master, slave = pty.openpty()
        except OSError as reason:
            raise tap.Skip(f"no terminal can be had: {reason}") from None
        process = None
        try:
            process = self.start(*args, stdin=slave, stdout=slave,
                                 stderr=slave, start_new_session=True,
                                 **options)
            os.close(slave)
            slave = None
            yield Terminal(process, master)
            tap.true(process.poll() is not None, "notifyctl has ended")
        finally:
            for number in (master, slave):
                if number is not None:
                    os.close(number)
            if process is not None:
                process.kill()
                process.wait()
                self.running.discard(process)

    # What is in the database

    def sql(self, text, *values):
        """Run one statement; its rows."""
        return self.store.sql(text, *values)

    def dump(self, times=True):
        """{table: rows} of the whole database, None if there is none."""
        return self.store.dump(times)

    def unchanged(self, before, what="database"):
        """The database must be as BEFORE, a dump()."""
        after = self.dump()
        if after == before:
            return
        if before is None or after is None:
            raise tap.Failed(f"{what}: got {after and 'one'}, "
                             f"want {before and 'one'}")
        for table in before:
            old, new = set(before[table]), set(after.get(table, ()))
            if old != new:
                raise tap.Failed(
                    f"{what}: in {table} got {sorted(new - old)[:5]}, "
                    f"want {sorted(old - new)[:5]}")
        raise tap.Failed(f"{what}: got tables {sorted(after)}, "
                         f"want {sorted(before)}")

    def roster(self):
        """{account: {address: (role, categories)}} as it is now."""
        found = {name: {} for name, in self.sql("SELECT name FROM account")}
        for name, address, role in self.sql(
                "SELECT a.name, u.address, u.role"
                " FROM user u JOIN account a ON a.id = u.account"
                " ORDER BY u.id"):
            found[name][address] = (role, set())
        for name, address, slug in self.sql(
                "SELECT a.name, u.address, c.slug FROM subscription s"
                " JOIN user u ON u.id = s.user"
                " JOIN account a ON a.id = u.account"
                " JOIN category c ON c.id = s.category"):
            found[name][address][1].add(slug)
        return found

    def user(self, account, address):
        """(role, categories) of one user, None if there is no such user."""
        return self.roster()[account].get(address)

    def link(self, account, address, chat=4711):
        """Give a user a Telegram link."""
        self.sql("INSERT INTO link(user, chat) SELECT u.id, ? FROM user u"
                 " JOIN account a ON a.id = u.account"
                 " WHERE a.name = ? AND u.address = ?", chat, account, address)

    def links(self):
        """{(account, address)} of those who have a Telegram link."""
        return set(self.sql("SELECT a.name, u.address FROM link l"
                            " JOIN user u ON u.id = l.user"
                            " JOIN account a ON a.id = u.account"))

    def log(self, *args):
        """The changes as `notifyctl log` gives them, without who was told."""
        return [entry for entry in self.json("log", *args)["log"]
                if entry["action"] != "tell"]

    def told(self):
        """Who was told what, as `notifyctl log` gives it: (account, address,
        what)."""
        return [(entry["account"], entry["subject"], entry["detail"])
                for entry in self.json("log")["log"]
                if entry["action"] == "tell"]

    def new(self, function):
        """The log entries that FUNCTION() added: (author, account, action,
        user, detail)."""
        before = len(self.log())
        function()
        return [tuple(entry[key] for key in ("actor", "account", "action",
                                             "subject", "detail"))
                for entry in self.log()[before:]]

    def owners(self):
        """{account: number of owners}; anything but 1 is a fault."""
        return dict(self.sql(
            "SELECT a.name, count(u.id) FROM account a LEFT JOIN user u"
            " ON u.account = a.id AND u.role = 'owner' GROUP BY a.name"))

    # Mail

    def mails(self, state="sent"):
        """What sendmail(1) has taken, oldest first; or was `trying`, which
        includes what it has refused."""
        found = glob.glob(os.path.join(self.mailbox, f"{state}.*"))
        return [Mail(path) for path in sorted(
            found, key=lambda path: os.stat(path).st_mtime_ns)]

    def notices(self):
        """The states of the notices in the database."""
        return [state for state, in self.sql(
            "SELECT state FROM notice ORDER BY id")]

    until = staticmethod(until)


class Terminal:
    """The other end of a terminal at which notifyctl asks."""

    def __init__(self, process, master):
        self.process, self.master, self.shown = process, master, ""

    def read(self, end=None, timeout=LIMIT):
        """Read until END, a pattern, is shown last, or to the end."""
        deadline = time.monotonic() + timeout
        while not (end and re.search(end + r"\s*\Z", self.shown)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise tap.Failed(f"the terminal shows {self.shown!r}, "
                                 f"want {end or 'the end'}")
            try:
                data = os.read(self.master, 65536)
            except OSError:     # Linux says so at the end
                data = b""
            if not data:
                if end:
                    raise tap.Failed(f"it ended after {self.shown!r}, "
                                     f"want {end}")
                break
            self.shown += data.decode()
        return self.shown

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Its exit status and all that was shown."""
        self.read()
        return self.process.wait(LIMIT), self.shown


def case(title, roster=True):
    """Register a case that begins with the shared roster, or an empty one."""
    def register(function):
        @functools.wraps(function)
        def fresh(ctl):
            ctl.reset("roster" if roster else "empty")
            function(ctl)
        return tap.case(title)(fresh)
    return register


def needs_root():
    if os.geteuid() != 0:
        raise tap.Skip("needs root")


def run():
    """Run the file's cases."""
    sys.stdout.reconfigure(errors="backslashreplace")
    tap.run(setup=Ctl, teardown=Ctl.stop)


def _exit(number, _):
    sys.exit(128 + number)
