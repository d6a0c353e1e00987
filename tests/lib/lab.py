# SPDX-License-Identifier: BSD-2-Clause
"""lab - a private Postfix, a receiving server, notify-milter and a database.

    lab.run()                       cases with a lab each file
    with Lab() as lab: ...          the same in a program

Everything is in one temporary directory and listens on loopback; it ends
with the program, also if that fails or gets a signal.
"""
import atexit
import contextlib
import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from lib import roster, rosterdb, stamps, tap
from lib.milter import SUMMARY, Milter, program
from lib.postfix import Postfix, free_ports
from lib.receiver import MARKER, Receiver
from lib.smtp import Client, marker, message
from lib.waiting import until

__all__ = ["Lab", "Result", "case", "run", "marks_gone", "program",
           "free_ports", "marker", "message"]

SENDER = "billing@example.org"
ACCOUNTS = "accounts.example"       # account_domain
MIRROR = "telegram.invalid"
USER = "nobody"                     # the milter's

# Keeps every reader of a WAL database out: the locks on the -shm file that
# SQLite itself takes (walformat, 2.3.1), in another process.
LOCK = """
import fcntl, os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT count(*) FROM account").fetchall()
fd = os.open(sys.argv[1] + "-shm", os.O_RDWR)
fcntl.lockf(fd, fcntl.LOCK_EX, 5, 123)
print("locked", flush=True)
sys.stdin.read()
"""


def marks_gone(data):
    """DATA with every marker the same, to compare two messages."""
    return MARKER.sub(b"mk-" + b"0" * 12, data)


def case(title):
    """As tap.case, and the milter's settings are the defaults again."""
    def register(function):
        @tap.case(title)
        def fresh(lab):
            if lab.with_milter:
                lab.milter.settings()
            function(lab)
        return fresh
    return register


def run(allow=None, lab=None, **options):
    """Run the file's cases with a Lab made from OPTIONS, or with one of the
    class LAB. A last case looks for warnings and errors of the milter; ALLOW
    is a pattern of announced ones."""
    if options.get("milter", True):
        @tap.case("the milter complains of nothing that no case has provoked")
        def _(one):
            one.milter.end()
            found = [line for line in one.milter.complaints()
                     if not (allow and re.search(allow, line))]
            tap.same(found, [], "complaints")

    tap.run(setup=lambda: (lab or Lab)(**options).start(),
            teardown=lambda one: one.stop())


class Result:
    """The outcome of a message: its marker, the reply, the queue id."""

    def __init__(self, lab, mark, reply=None, since=0):
        self.lab, self.mark, self.reply, self.since = lab, mark, reply, since

    @property
    def qid(self):
        """Its queue id. sendmail(1) does not tell, but the mail log does: by
        the listener, it is the second one."""
        if self.reply is not None:
            return self.reply.qid
        log = self.lab.postfix.caught_up()
        found = re.findall(r" ([0-9A-Za-z]+): message-id=<"
                           + re.escape(self.mark) + "@", log)
        if self.lab.postfix.by_listener:
            found = [qid for qid in found
                     if f": {qid}: uid=" not in log]
        return found[-1] if found else None

    def recipients(self):
        """The sorted recipients after everything on its way has arrived; a
        second copy makes one appear twice. Those of chats are without their
        checks."""
        return sorted(stamps.bare(a) for a in self.addresses())

    def addresses(self):
        """The same, with the checks."""
        self.lab.postfix.settle()
        copies = self.lab.receiver.copies(self.mark)
        return sorted(a for a, n in copies.items() for _ in range(n))

    def transactions(self):
        self.lab.postfix.settle()
        return self.lab.receiver.all(self.mark)

    def data(self):
        """The message as it arrived, without what Postfix stamps on it."""
        found = {t.bare() for t in self.transactions()}
        tap.same(len(found), 1, "different messages received")
        return found.pop()

    def log_id(self):
        """The queue id in the milter's log: the reply lacks it when the
        message was refused."""
        if self.qid:
            return self.qid
        self.lab.milter.wait_line(SUMMARY, self.since)
        return self.lab.milter.summaries(self.since)[0][0]

    def summary(self):
        """The fields of the milter's line on this message."""
        return self.lab.milter.summary(self.log_id(), self.since)

    def dropped(self):
        """{address: reason} as logged."""
        self.summary()
        return self.lab.milter.dropped(self.log_id(), self.since)

    def held(self):
        self.lab.postfix.settle()
        return self.qid in self.lab.postfix.held()

    def must(self, verdict, to=(), **fields):
        """VERDICT is what the log says and what has happened: exactly TO have
        received it, once each. FIELDS are others of the log line, as text."""
        summary = self.summary()
        tap.same(summary["verdict"], verdict,
                 f"verdict of {summary['line']!r}")
        if self.reply is not None:
            want = {"reject": "550 5.7.1 ", "tempfail": "451 4."}.get(
                verdict, "250 2.0.0 ")
            got = f"{self.reply.code} {self.reply.text}"
            tap.same(got[:len(want)], want, "reply")
        tap.same(self.recipients(), sorted(to),
                 f"recipients of {summary['line']!r}")
        tap.same(self.held(), verdict == "hold", "message is on hold")
        if verdict == "deliver":
            count = sum(int(summary[key])
                        for key in ("kept", "added", "mirrored"))
            tap.same(count, len(to), f"count of {summary['line']!r}")
        elif not summary.get("reason"):
            raise tap.Failed(f"no reason in {summary['line']!r}")
        if verdict in ("deliver", "discard"):
            tap.same(summary["dropped"], str(len(self.dropped())),
                     "dropped= and the lines on dropped recipients")
        for name, value in fields.items():
            tap.same(summary.get(name), value,
                     f"{name}= of {summary['line']!r}")
        return self

    def untouched(self, to):
        """Exactly TO have received it and the milter has not logged it."""
        tap.same(self.recipients(), sorted(to), "recipients")
        lines = [line for qid, line in self.lab.milter.summaries(self.since)
                 if qid == self.qid]
        tap.same(lines, [], "lines on an untagged message")
        return self


class Lab:
    """MILTER=False leaves the milter out, POSTFIX=False all but the milter:
    mta.py plays the MTA. BY_LISTENER=False: mail from sendmail(1) reaches the
    milter by non_smtpd_milters. ROSTER makes the shared accounts. MAIN are main.cf
    settings, SETTINGS those of the milter, USERS those who
    may log in at the listener `auth`. TCP: the milter listens on that."""

    mta = Postfix
    where = None        # the parent of its directory; None: the usual one
    before = ()         # a command that starts the milter

    def __init__(self, milter=True, roster=True, main=None, settings=None,
                 tcp=False, users=None, postfix=True, by_listener=True):
        self.users = users
        self.with_milter, self.with_roster = milter, roster
        self.with_postfix = postfix
        self.by_listener = by_listener
        self.main, self.more, self.tcp = main, settings or {}, tcp
        self.folder = self.receiver = self.postfix = self.milter = None
        self.store = None
        self.signals = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.signals[number] = signal.signal(number, _exit)
        atexit.register(self.stop)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self):
        self.folder = tempfile.mkdtemp(prefix="nm-lab-", dir=self.where)
        os.chmod(self.folder, 0o755)    # Postfix must get through
        self.store = self._place(self._own("db", 0o750))
        self.database = self.store.path     # as far as it is a file
        socket_folder = self._own("run", 0o2750, "postfix")
        if self.tcp:
            where = f"inet:{free_ports(['127.0.0.1'])[0]}@127.0.0.1"
        else:
            where = f"unix:{socket_folder}/milter.sock"
        self.milter = Milter(self.folder, **{
            "url": self.store.url, "socket": where, "user": USER,
            "account_domain": ACCOUNTS, "domain": MIRROR,
            "sendmail": self._sendmail_script(),
            "from_": "notify@relay.example", **self.more})
        self.milter.beside = os.path.dirname(self.database)
        self.milter.before = list(self.before)
        if self.with_postfix:
            self.receiver = Receiver().start()
            self.postfix = self.mta(
                os.path.join(self.folder, "mta"), self.receiver.port,
                self.milter.postfix_socket() if self.with_milter else None,
                self.main, self.users)
            self.postfix.by_listener &= self.by_listener
            os.mkdir(self.postfix.folder)
            self.postfix.start()
        if self.with_milter:
            self.milter.write()
            self.notifyctl("init")
            if self.with_roster:
                roster.make(self.notifyctl)
            self.milter.start()

    @staticmethod
    def _place(folder):
        return rosterdb.place(folder)

    def _own(self, name, mode, group=None):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        gid = (grp.getgrnam(group).gr_gid if group
               else pwd.getpwnam(USER).pw_gid)
        os.chown(path, pwd.getpwnam(USER).pw_uid, gid)
        os.chmod(path, mode)
        return path

    def _sendmail_script(self):
        """A sendmail(1) that knows this lab without arguments of its own."""
        path = os.path.join(self.folder, "sendmail")
        with open(path, "w") as out:
            out.write("#!/bin/sh\nexec sendmail -C "
                      f"'{self.folder}/mta/etc' \"$@\"\n")
        os.chmod(path, 0o755)
        return path

    def stop(self):
        """End all of it and remove the directory; harmless when done twice."""
        for number, old in self.signals.items():
            signal.signal(number, old)
        self.signals = {}
        atexit.unregister(self.stop)
        if self.milter is not None:
            self.milter.end()
        if self.postfix is not None:
            self.postfix.stop()
        if self.receiver is not None:
            self.receiver.stop()
        if self.store is not None:
            self.store.end()
        if self.folder is not None and os.environ.get("NM_KEEP"):
            print(f"# kept: {self.folder}", flush=True)
        elif self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.milter = self.postfix = self.receiver = self.folder = None
        self.store = None

    # The database

    def notifyctl(self, *args, as_=None, check=True, input=None):
        """Run notifyctl with the lab's settings."""
        command = [program("notifyctl"), "-c", self.milter.file]
        if as_:
            command += ["--as", as_]
        done = subprocess.run([*command, *args], input=input, text=True,
                              capture_output=True, timeout=120)
        if check and done.returncode != 0:
            raise tap.Failed(f"notifyctl {' '.join(args)[:300]}: exit "
                             f"{done.returncode}: {done.stderr.strip()}")
        return done

    def sql(self, *statements, path=None):
        """Run STATEMENTS, each a text or (text, values); the rows of the
        last. PATH: an SQLite's, in place of the lab's."""
        store = rosterdb.at(path) if path else self.store
        rows = []
        for one in statements:
            text, values = one if isinstance(one, tuple) else (one, ())
            rows = store.sql(text, *values)
        return rows

    def database_away(self):
        """The database is missing during the block."""
        return self.store.away()

    @contextlib.contextmanager
    def locked(self):
        """Nobody else can even read the database. Such a lock is not possible
        while the milter has it open, so the milter is restarted."""
        self.milter.kill()
        with self.store.locked() as sql:
            self.milter.start()
            yield sql

    @contextlib.contextmanager
    def unreadable(self):
        """Nobody can begin to read the database meanwhile, those that have it
        open neither."""
        if rosterdb.remote():
            with self.store.locked():
                yield
            return
        with subprocess.Popen([sys.executable, "-c", LOCK, self.database],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as holder:
            tap.same(holder.stdout.readline(), "locked\n", "the lock")
            yield

    @staticmethod
    def empty(folder):
        for name in os.listdir(folder):
            # The milter may write its counters at any moment.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))

    def own(self, path):
        """Make PATH the milter's."""
        shutil.chown(path, USER, pwd.getpwnam(USER).pw_gid)

    # Mail

    def connect(self, listener="smtp", source=None, **options):
        return Client(self.postfix.addresses[listener], source, **options)

    def send(self, rcpts, category=None, account=None, headers=(),
             sender=SENDER, listener="smtp", source=None, options="",
             data=None, mark=None, auth=None, xclient=None, client=None,
             raw=False, **parts):
        """Send one message over SMTP; a Result. DATA is the whole message
        instead of one made from the tags, HEADERS and PARTS. RCPTS may hold
        (address, options) pairs. CLIENT is a connection to use again."""
        mark = mark or marker()
        if data is None:
            data = message(mark, category, account, headers, **parts)
        since = self.milter.mark()
        one = client or self.connect(listener, source)
        try:
            if xclient:
                tap.same(one.xclient(**xclient).code, 220, "XCLIENT")
            if auth:
                tap.same(one.auth(*auth).code, 235, "AUTH")
            reply = one.send(sender, rcpts, data, options, raw)
        finally:
            if client is None:
                one.close()
        return Result(self, mark, reply, since)

    def sendmail(self, rcpts, category=None, account=None, headers=(),
                 sender=SENDER, data=None, mark=None, args=(), **parts):
        """Submit one message with sendmail(1); a Result."""
        mark = mark or marker()
        if data is None:
            data = message(mark, category, account, headers, **parts)
        since = self.milter.mark()
        done = self.postfix.sendmail(["-i", "-f", sender, *args, "--", *rcpts],
                                     data)
        if done.returncode != 0:
            raise tap.Failed(f"sendmail: exit {done.returncode}: "
                             + done.stderr.decode())
        return Result(self, mark, None, since)

    until = staticmethod(until)


def _exit(number, _):
    sys.exit(128 + number)
