#!/usr/bin/env python3
"""Nothing is lost and nobody gets what is not theirs, whatever breaks.

    tests/soak/conservation.t            NM_MESSAGES=20000 for the long form

Clients send through a real Postfix while the milter is killed, stopped and
reloaded, the database is locked, replaced and filled up, and the roster
changes. On PostgreSQL the server is killed and its connections are cut, in
place of the last two. At the end every message is accounted for: one that was accepted went to
exactly those who were entitled at one moment of its transaction, once each, or
is on hold, or was discarded, each with the reason in the log; one that was not
accepted went to nobody.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "lib"))

import subprocess  # noqa: E402

# Mounts of its own, where they can be had: a file system to be filled up.
OWN = ["unshare", "--mount"]
if "NM_MOUNTS" not in os.environ:
    try:
        can = subprocess.run([*OWN, "mount", "-t", "tmpfs", "nm", "/mnt"],
                             capture_output=True).returncode == 0
    except OSError:
        can = False
    os.environ["NM_MOUNTS"] = "own" if can else "none"
    if can:
        os.execvp(OWN[0], [*OWN, sys.executable, *sys.argv])
MOUNTS = os.environ["NM_MOUNTS"] == "own"

# Its own server: it is killed.
SERVER = None
if os.environ.get("NM_DATABASE") == "postgresql":
    import postgresql  # noqa: E402
    SERVER = postgresql.Server().start()
    os.environ["NM_POSTGRESQL"] = SERVER.url()
    MOUNTS = False

import json  # noqa: E402
import pwd  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sqlite3  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

import lab  # noqa: E402
import tap  # noqa: E402
from milter import fields  # noqa: E402
from tap import case, same, true  # noqa: E402

MESSAGES = int(os.environ.get("NM_MESSAGES", "2500" if SERVER else "1500"))
CLIENTS = int(os.environ.get("NM_CLIENTS", "12"))
ACCOUNTS = [f"a{n}" for n in range(6)]
USERS = 6
CATEGORY = "services"
OUTSIDE = "stranger@else.example"
PAUSE = 0.25        # between two troubles
TROUBLES = ["kill", "reload", "full", "replaced", "kill", "locked", "reload",
            "end"] if SERVER is None else [
    "kill", "cut", "reload", "crash", "cut", "locked", "crash", "end"]


def owner(account):
    return f"owner@{account}.example"


def user(account, n):
    return f"u{n}@{account}.example"


class Roster:
    """Who is entitled, and since when: what is decided must be a state that
    was in force at one moment of the message's transaction."""

    def __init__(self):
        self.lock = threading.Lock()
        # account: [(from, until, entitled)]; a change is in force at the
        # earliest when it was begun, and the old state at the latest when it
        # was done.
        self.states = {name: [[0.0, float("inf"), frozenset({owner(name)})]]
                       for name in ACCOUNTS}

    def now(self, account):
        return self.states[account][-1][2]

    def changed(self, account, began, ended, entitled):
        states = self.states[account]
        if states[-1][2] != entitled:
            states[-1][1] = ended
            states.append([began, float("inf"), frozenset(entitled)])

    def maybe(self, account, began, ended):
        """It may have been done or not: both are in force from then on."""
        return [state for since, until, state in self.states[account]
                if since <= ended and until >= began]


class Sent:
    """One message, and what the client was told."""

    def __init__(self, number, kind, account, rcpts):
        self.number, self.kind, self.account = number, kind, account
        self.rcpts, self.mark = rcpts, lab.marker()
        self.began = self.ended = 0.0
        self.code = None        # None: the client does not know
        self.qid = None

    def __repr__(self):
        return (f"message {self.number} ({self.kind} {self.account} to "
                f"{self.rcpts}, {self.mark}, reply {self.code}, "
                f"queue id {self.qid})")


class Lab(lab.Lab):
    """A lab whose database lies on a small file system of its own."""

    def _own(self, name, mode, group=None):
        path = super()._own(name, mode, group)
        if name == "db" and MOUNTS:
            entry = pwd.getpwnam(lab.USER)
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o",
                 f"size=6m,mode=0750,uid={entry.pw_uid},gid={entry.pw_gid}",
                 "nm-db", path], check=True)
            self.mounted = path
        return path

    def stop(self):
        mounted, self.mounted = getattr(self, "mounted", None), None
        if self.milter is not None:
            self.milter.kill()
        if mounted:
            subprocess.run(["umount", "-l", mounted], check=False)
        super().stop()


class Trial:
    """The clients, those who change the roster, and those who break things."""

    def __init__(self):
        self.seed = int(os.environ.get("NM_SEED") or time.time())
        print(f"# seed {self.seed}, {MESSAGES} messages", flush=True)
        self.random = random.Random(self.seed)
        self.roster, self.sent, self.trouble = Roster(), [], []
        self.guard = threading.Lock()
        self.over = threading.Event()
        self.lab = Lab(roster=False).start()
        self.fill()
        self.run()

    def stop(self):
        self.lab.stop()

    # The roster

    def fill(self):
        rows = ["account,email,role,categories"]
        for account in ACCOUNTS:
            rows.append(f"{account},{owner(account)},owner,")
            rows += [f"{account},{user(account, n)},member,"
                     for n in range(USERS)]
        self.lab.notifyctl("import", "-", input="\n".join(rows) + "\n")

    def change(self):
        """Subscribe or unsubscribe somebody, as notifyctl does it."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            who = user(account, self.random.randrange(USERS))
            now = self.roster.now(account)
            began = time.monotonic()
            if who in now:
                done = self.lab.notifyctl(
                    "unsubscribe", account, CATEGORY, who, "--confirm", who,
                    as_=owner(account), check=False)
                after = now - {who}
            else:
                done = self.lab.notifyctl("subscribe", account, CATEGORY, who,
                                          as_=owner(account), check=False)
                after = now | {who}
            ended = time.monotonic()
            if done.returncode == 0 or "not known" in done.stderr and \
                    self.subscribed(account, who) == (who in after):
                self.roster.changed(account, began, ended, after)
            elif done.returncode not in (74, 75):
                raise AssertionError(f"notifyctl: {done}")
            return done.returncode == 0

    def subscribed(self, account, who):
        """Is that so? Asked until there is an answer."""
        deadline = time.monotonic() + 30
        while True:
            done = self.lab.notifyctl("--json", "list", account, CATEGORY,
                                      check=time.monotonic() > deadline)
            if done.returncode == 0:
                return any(row["address"] == who and row["receives"]
                           for row in json.loads(done.stdout)["list"])
            time.sleep(0.1)

    # What breaks

    def kill(self):
        self.lab.milter.kill()
        time.sleep(0.1)
        self.lab.milter.start()

    def end(self):
        self.lab.milter.stop()
        time.sleep(0.1)
        self.lab.milter.start()

    def reload(self):
        # With another setting that decides nothing here.
        self.lab.milter.write(max_age=f"{self.random.randrange(1, 50)}h")
        self.lab.milter.signal(signal.SIGUSR1)

    def locked(self):
        """Nobody can read for longer than the milter waits."""
        with self.roster.lock, self.lab.locked():
            time.sleep(3.6)

    def cut(self):
        """Every connection of a program is ended by the server."""
        self.lab.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE pid <> pg_backend_pid()"
                     " AND application_name LIKE 'notify%'")

    @staticmethod
    def crash():
        """The server is killed, and started anew."""
        SERVER.crash()
        time.sleep(0.3)
        SERVER.launch()

    def full(self):
        """No room for any change; what is there can be read."""
        path = os.path.join(os.path.dirname(self.lab.database), "filler")
        try:
            with open(path, "wb") as file:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
        except OSError:
            pass
        refused = sum(not self.change() for _ in range(3))
        os.unlink(path)
        return refused

    def replaced(self):
        """Another roster is moved into its place."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            other = os.path.join(self.lab.folder, "other.db")
            source = sqlite3.connect(self.lab.database, timeout=10)
            target = sqlite3.connect(other)
            with target:
                source.backup(target)
            target.execute("DELETE FROM subscription WHERE account = (SELECT "
                           "id FROM account WHERE name = ?)", (account,))
            target.commit()
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            target.close()
            source.close()
            near = self.lab.database + ".new"
            with open(other, "rb") as file, open(near, "wb") as out:
                out.write(file.read())
            os.unlink(other)
            self.lab.own(near)
            began = time.monotonic()
            for suffix in ("-wal", "-shm"):
                if os.path.exists(self.lab.database + suffix):
                    os.unlink(self.lab.database + suffix)
            os.rename(near, self.lab.database)
            self.lab.notifyctl("init")
            self.roster.changed(account, began, time.monotonic(),
                                {owner(account)})

    def break_things(self):
        rounds = [getattr(self, name) for name in TROUBLES]
        if not MOUNTS and not SERVER:
            rounds.remove(self.full)
        while not self.over.is_set():
            for trouble in rounds:
                if self.over.wait(PAUSE):
                    break
                trouble()
                self.trouble.append(trouble.__name__)

    def change_things(self):
        while not self.over.wait(0.02):
            self.change()

    # The clients

    def one(self, number):
        account = self.random.choice(ACCOUNTS)
        everybody = [owner(account)] + [user(account, n)
                                        for n in range(USERS)]
        kind = self.random.choices(
            ["expand", "named", "filter", "untagged", "bad"],
            [4, 3, 3, 2, 1])[0]
        rcpts = {"expand": [f"{account}@{lab.ACCOUNTS}"],
                 "named": self.random.sample(
                     everybody, self.random.randrange(1, USERS)),
                 "filter": self.random.sample(
                     everybody, self.random.randrange(1, USERS)) + [OUTSIDE],
                 "untagged": self.random.sample(everybody, 2),
                 "bad": [owner(account)]}[kind]
        return Sent(number, kind, account, rcpts)

    def client(self, numbers):
        connection = None
        for number in numbers:
            with self.guard:
                one = self.one(number)
                self.sent.append(one)
            category = {"untagged": None, "bad": "lunch"}.get(
                one.kind, CATEGORY)
            try:
                if connection is None:
                    connection = self.lab.connect()
                one.began = time.monotonic()
                reply = connection.send(
                    lab.SENDER, one.rcpts,
                    lab.message(one.mark, category,
                                one.account if one.kind == "named" else None))
                one.code, one.qid = reply.code, reply.qid
            except OSError:
                pass
            one.ended = time.monotonic()
            if connection is not None and (
                    one.code is None or number % 5 == 0 or one.code == 421):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def run(self):
        began = time.monotonic()
        breaker = threading.Thread(target=self.guarded,
                                   args=(self.break_things,))
        changer = threading.Thread(target=self.guarded,
                                   args=(self.change_things,))
        self.failures = []
        numbers = iter(range(MESSAGES))
        share = threading.Lock()

        def shared():
            while True:
                with share:
                    number = next(numbers, None)
                if number is None:
                    return
                yield number
                if MESSAGES < 5000:     # so that all troubles have their time
                    late = number > 0.8 * MESSAGES and \
                        len(self.trouble) < len(TROUBLES)
                    time.sleep((0.03 if late else 0.006) * CLIENTS)
        clients = [threading.Thread(target=self.guarded,
                                    args=(self.client, shared()))
                   for _ in range(CLIENTS)]
        for thread in (breaker, changer, *clients):
            thread.start()
        for thread in clients:
            thread.join()
        self.over.set()
        breaker.join()
        changer.join()
        if not self.lab.milter.running():
            self.lab.milter.start()
        self.lab.postfix.flush()
        self.lab.postfix.settle(60)
        self.seconds = time.monotonic() - began

    def guarded(self, function, *args):
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - told at the end
            self.failures.append(f"{function.__name__}: {error!r}")
            self.over.set()

    # The account

    def log(self):
        """{queue id: fields of its last summary line}"""
        found = {}
        for qid, line in self.lab.milter.summaries():
            found[qid] = fields(line)
        return found


def allowed(trial, one):
    """The sets of people of which one must have got it."""
    states = trial.roster.maybe(one.account, one.began, one.ended)
    if one.kind in ("expand", "named"):
        return states
    if one.kind == "filter":
        return [state & set(one.rcpts) for state in states]
    return [frozenset(one.rcpts)]


def wrong(trial, one, log, held):
    """What is wrong with what became of a message, or None."""
    copies = trial.lab.receiver.copies(one.mark)
    if any(n > 1 for n in copies.values()):
        return f"more than one copy: {copies}"
    got = frozenset(copies)
    if one.code is None:
        # The reply was lost: nobody, or the right ones.
        if got and got not in allowed(trial, one):
            return f"delivered to {sorted(got)}"
        return None
    if one.code != 250:
        return f"refused, and delivered to {sorted(got)}" if got else None
    summary = log.get(one.qid, {})
    if one.qid in held:
        if got:
            return f"on hold and delivered to {sorted(got)}"
        if one.kind != "bad" or not summary.get("reason"):
            return f"on hold, logged {summary}"
        return None
    if one.kind == "bad":
        return f"a bad tag, and not on hold; delivered to {sorted(got)}"
    if not got:
        if summary.get("verdict") == "discard" and summary.get("reason") \
                and frozenset() in allowed(trial, one):
            return None
        return f"lost: delivered to nobody, logged {summary}"
    if got not in allowed(trial, one):
        return (f"delivered to {sorted(got)}; entitled: "
                f"{[sorted(s) for s in allowed(trial, one)]}")
    return None


@case("every message that was accepted is accounted for, and no other went out")
def _(trial):
    same(trial.failures, [], "what went wrong with the trial itself")
    same(len(trial.sent), MESSAGES, "messages sent")
    log, held = trial.log(), trial.lab.postfix.held()
    found = [f"{one}: {fault}" for one in trial.sent
             if (fault := wrong(trial, one, log, held))]
    same(found[:5], [], f"{len(found)} messages went wrong")


@case("mail went through, mail was refused, and all that breaks has broken")
def _(trial):
    codes = {}
    for one in trial.sent:
        codes[one.code] = codes.get(one.code, 0) + 1
    changes = sum(len(s) - 1 for s in trial.roster.states.values())
    print(f"# {trial.seconds:.0f} s, replies {codes}, {changes} changes of the "
          f"roster, troubles {len(trial.trouble)}", flush=True)
    true(codes.get(250, 0) > MESSAGES / 5, f"accepted: {codes}")
    true(codes.get(451, 0) > 0, f"refused for a while: {codes}")
    true(changes > 20, f"changes of the roster: {changes}")
    want = {"kill", "reload", "locked", "end"} | (
        {"cut", "crash"} if SERVER else {"replaced"}) | (
        {"full"} if MOUNTS else set())
    same(want - set(trial.trouble), set(), "what has not broken")
    if not MOUNTS and not SERVER:
        print("# no mounts here: the disk was not filled up", flush=True)


@case("nothing that a sanitizer watches for has happened")
def _(trial):
    # libmilter ends while its own threads still use its locks: the report is
    # about a lock of libmilter's. One about ours names a file of ours.
    found = [line for line in trial.lab.milter.since()
             if ("SUMMARY" in line or "runtime error" in line)
             and "libmilter.so" not in line
             and "in cxa_at_exit_wrapper" not in line]
    same(found, [], "what a sanitizer says")


reason = lab.missing()
if reason:
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)
tap.run(setup=Trial, teardown=Trial.stop)
