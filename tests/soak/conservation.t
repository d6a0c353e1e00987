#!/usr/bin/env python3
"""Nothing is lost and nobody gets what is not theirs, whatever breaks.

    tests/soak/conservation.t            NM_MESSAGES=20000 for the long form

Clients send through a real Postfix while the milter is killed, stopped and
reloaded, the database is locked, replaced and filled up, and the roster
changes; what is answered 4xx they send again, until it is accepted. On
PostgreSQL the server is killed, and its connections are cut, in place of what
happens to a file. At the end every message is accounted for: one that was
accepted went to exactly those who were entitled at one moment of its
transaction, and to their chats, once each, or is on hold, or was discarded,
each with the reason in the log; everything else was answered 4xx or 5xx, and
went to nobody.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e", "lib"))

import re  # noqa: E402
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

import itertools  # noqa: E402
import json  # noqa: E402
import pwd  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sqlite3  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402

import lab  # noqa: E402
import pq  # noqa: E402
import tap  # noqa: E402
from accounting import ACCOUNTS, OUTSIDE, USERS, owner, user  # noqa: E402
from milter import fields  # noqa: E402
from tap import case, same, true  # noqa: E402

MESSAGES = int(os.environ.get("NM_MESSAGES", "1000"))
CLIENTS = int(os.environ.get("NM_CLIENTS", "12"))
LONG = MESSAGES >= 5000
SERVICES, BALANCE = "services", "balance-and-payments"  # the second: mirrored
PAUSE = 0.25        # between two troubles
TIRED = 2000        # attempts after which a client gives up

# kind: how often
KINDS = {"expand": 40, "named": 30, "filter": 30, "untagged": 15, "bad": 5,
         "untrusted": 3, "reserved": 3, "sendmail": 2}


def everybody(account):
    return [owner(account)] + [user(account, n) for n in range(USERS)]


class Roster:
    """Who is entitled, and since when: what is decided must be a state that
    was in force at one moment of the message's transaction. A state is a set
    of (person, address of their chat or None)."""

    def __init__(self):
        self.lock = threading.Lock()
        # (account, category): [[from, until, state]]; a change is in force at
        # the earliest when it was begun, and the old state at the latest when
        # it was done.
        self.states = {(name, category): [[0.0, float("inf"), frozenset(
            {(owner(name), None)})]]
            for name in ACCOUNTS for category in (SERVICES, BALANCE)}

    def now(self, account, category):
        """{person: chat}"""
        return dict(self.states[account, category][-1][2])

    def changed(self, account, category, began, ended, people):
        states, after = self.states[account, category], frozenset(
            people.items())
        if states[-1][2] != after:
            states[-1][1] = ended
            states.append([began, float("inf"), after])

    def between(self, account, category, began, ended):
        """All that may have been in force then."""
        return [dict(state) for since, until, state
                in self.states[account, category]
                if since <= ended and until >= began]

    def changes(self):
        return sum(len(states) - 1 for states in self.states.values())


class Sent:
    """One message, sent once, and what the client was told."""

    def __init__(self, number, kind, account, category, rcpts):
        self.number, self.kind = number, kind
        self.account, self.category, self.rcpts = account, category, rcpts
        self.mark = lab.marker()
        self.began = self.ended = 0.0
        self.code = None        # None: the client does not know
        self.qid = None

    def again(self):
        return Sent(self.number, self.kind, self.account, self.category,
                    self.rcpts)

    def data(self):
        tag = {"untagged": None, "bad": "lunch"}.get(self.kind, self.category)
        return lab.message(self.mark, tag,
                           self.account if self.kind == "named" else None)

    def settled(self):
        """Whether the client is told, for good, what becomes of it."""
        return self.code is not None and not 400 <= self.code < 500

    def __repr__(self):
        return (f"message {self.number} ({self.kind} {self.account} "
                f"{self.category} to {self.rcpts}, {self.mark}, reply "
                f"{self.code}, queue id {self.qid})")


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
        print(f"# seed {self.seed}, at least {MESSAGES} messages", flush=True)
        self.random = random.Random(self.seed)
        self.roster, self.sent, self.trouble = Roster(), [], Counter()
        self.guard = threading.Lock()
        self.over = threading.Event()
        self.failures, self.rounds = [], 0
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

    def ctl(self, *args, as_):
        """Whether notifyctl has made the change; it may be refused for now."""
        done = self.lab.notifyctl(*args, as_=as_, check=False)
        if done.returncode not in (0, 74, 75):
            raise AssertionError(f"notifyctl: {done}")
        return done.returncode == 0

    def sql(self, statement, values=()):
        """The rows; None if the database is busy, gone, or the disk full."""
        if SERVER:
            try:
                return self.lab.sql((statement, values))
            except (pq.Error, OSError):
                return None
        database = sqlite3.connect(self.lab.database, timeout=1)
        try:
            with database:
                return database.execute(statement, values).fetchall()
        except sqlite3.OperationalError:
            return None
        finally:
            database.close()

    def link(self, account, who):
        """Link a chat, as notify-bot does; but it may be anybody's."""
        return self.sql(
            "INSERT INTO link(user, chat) SELECT u.id, 1000 + u.id FROM user u"
            " JOIN account a ON a.id = u.account WHERE a.name = ? AND"
            " u.address = ?", (account, who)) is not None

    def chats(self, account):
        """{person: the address of their chat}; None if it cannot be read."""
        rows = self.sql(
            "SELECT u.address, l.id FROM link l JOIN user u ON u.id = l.user"
            " JOIN account a ON a.id = u.account WHERE a.name = ?", (account,))
        return None if rows is None else {
            who: f"{link}@telegram.invalid" for who, link in rows}

    def change(self):
        """Subscribe or unsubscribe somebody, link or end a chat. Whether it
        was done."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            category = self.random.choice([SERVICES, BALANCE])
            after = set(self.roster.now(account, category))
            who = user(account, self.random.randrange(USERS))
            chats = self.chats(account)
            if chats is None:
                return False
            began = time.monotonic()
            if category == BALANCE and self.random.random() < 0.4:
                who = self.random.choice([who, owner(account)])
                if who in chats:
                    done = self.ctl("telegram", "disable", account, as_=who)
                else:
                    done = self.link(account, who)
            elif who in after:
                after.remove(who)
                done = self.ctl("unsubscribe", account, category, who,
                                "--confirm", who, as_=owner(account))
            else:
                after.add(who)
                done = self.ctl("subscribe", account, category, who,
                                as_=owner(account))
            if not done and SERVER:
                # Who lost the connection may have been told of no failure.
                after = self.receivers(account, category)
                done = True
            if done:
                self.known(account, category, began, after)
            return done

    def known(self, account, category, began, people):
        """Who is entitled, since the change that was BEGAN then."""
        found = []
        self.lab.until(lambda: found.append(self.chats(account))
                       or found[-1] is not None, "who has a chat")
        chats, ended = found[-1], time.monotonic()
        for one in (SERVICES, BALANCE):     # what ends a chat does for both
            who = people if one == category else self.roster.now(account, one)
            self.roster.changed(account, one, began, ended,
                                {w: chats.get(w) for w in who})

    def receivers(self, account, category):
        """Who gets it, asked until there is an answer."""
        deadline = time.monotonic() + 30
        while True:
            done = self.lab.notifyctl("--json", "list", account, category,
                                      check=time.monotonic() > deadline)
            if done.returncode == 0:
                return {row["address"] for row in json.loads(done.stdout)[
                    "list"] if row["receives"]}
            time.sleep(0.1)

    # What breaks

    def kill(self):
        self.lab.milter.kill()
        time.sleep(0.1)
        self.lab.milter.start()

    def end(self):
        same(self.lab.milter.stop(), 0, "exit status at SIGTERM")
        time.sleep(0.1)
        self.lab.milter.start()

    def reload(self):
        # With another setting that decides nothing here.
        self.lab.milter.write(max_age=f"{self.random.randrange(1, 50)}h")
        self.lab.milter.signal(signal.SIGUSR1)

    def locked(self):
        """A milter that starts cannot open its database for longer than it
        waits."""
        with self.roster.lock, self.lab.locked():
            time.sleep(3.6)

    def unreadable(self):
        """A milter that runs, with its connections open, cannot read: for a
        moment, or in the long form for longer than SQLite tries."""
        with self.roster.lock, self.lab.unreadable():
            time.sleep(11 if LONG else 1)

    def writing(self):
        """Somebody has the right to write and does not let go of it."""
        other = sqlite3.connect(self.lab.database, timeout=5,
                                isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE account SET title = 'locked'")
            time.sleep(1)
            other.execute("ROLLBACK")
        except sqlite3.OperationalError:
            pass
        finally:
            other.close()
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
        """No room for any change; what is there can be read, also by a milter
        that starts."""
        path = os.path.join(os.path.dirname(self.lab.database), "filler")
        try:
            with open(path, "wb") as file:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
        except OSError:
            pass
        room = threading.Timer(1.5, os.unlink, [path])
        room.start()
        for _ in range(3):
            self.change()
        self.kill()
        room.join()

    def replaced(self):
        """Another roster is moved into its place."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            other = os.path.join(self.lab.folder, "other.db")
            source = sqlite3.connect(self.lab.database, timeout=10,
                                     isolation_level=None)
            # All into the file itself: what lies beside it will be gone.
            while source.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                time.sleep(0.01)
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
            for category in (SERVICES, BALANCE):
                self.known(account, category, began, {owner(account)})
        time.sleep(1)       # for who would decide by the old one

    def troubles(self):
        if SERVER:
            return [self.kill, self.cut, self.reload, self.crash, self.cut,
                    self.locked, self.crash, self.end]
        rounds = [self.kill, self.reload, self.full, self.replaced, self.kill,
                  self.locked, self.reload, self.unreadable, self.end,
                  self.writing]
        if not MOUNTS:
            rounds.remove(self.full)
        return rounds

    def break_things(self):
        while not self.over.is_set():
            for trouble in self.troubles():
                if self.over.wait(PAUSE):
                    break
                true(self.lab.milter.running(), "the milter has died")
                trouble()
                self.trouble[trouble.__name__] += 1
            self.rounds += 1

    def change_things(self):
        while not self.over.wait(0.02):
            self.change()

    # The clients

    def one(self, number):
        account = self.random.choice(ACCOUNTS)
        category = self.random.choice([SERVICES, SERVICES, BALANCE])
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        some = self.random.sample(everybody(account),
                                  self.random.randrange(1, USERS))
        rcpts = {"expand": [f"{account}@{lab.ACCOUNTS}"], "named": some,
                 "filter": some + [OUTSIDE], "untagged": some,
                 "bad": [owner(account)], "untrusted": some,
                 "reserved": some + ["5@telegram.invalid"],
                 "sendmail": [f"{account}@{lab.ACCOUNTS}"]}[kind]
        return Sent(number, kind, account, category, rcpts)

    def submit(self, one):
        """By sendmail(1): it is decided later, and told nobody."""
        if self.lab.postfix.sendmail(["-i", "-f", lab.SENDER, *one.rcpts],
                                     one.data()).returncode == 0:
            one.code = 250

    def transact(self, one, connection):
        reply = connection.send(lab.SENDER, one.rcpts, one.data())
        one.code, one.qid = reply.code, reply.qid

    def attempt(self, one, connection):
        """Send a message once; the connection for the next."""
        one.began = time.monotonic()
        try:
            if one.kind == "sendmail":
                self.submit(one)
            elif one.kind == "untrusted":
                with self.lab.connect("xclient") as stranger:
                    stranger.xclient(addr="192.0.2.9")
                    one.began = time.monotonic()
                    self.transact(one, stranger)
            else:
                connection = connection or self.lab.connect()
                self.transact(one, connection)
        except OSError:
            pass
        one.ended = time.monotonic()
        if connection and (one.code in (None, 421)
                           or self.random.random() < 0.2):
            connection.close()
            connection = None
        return connection

    def client(self, numbers):
        connection = None
        for number in numbers:
            one = self.one(number)
            for _ in range(TIRED):
                with self.guard:
                    self.sent.append(one)
                connection = self.attempt(one, connection)
                if one.settled() or self.over.is_set():
                    break
                # The client keeps it, and tries again.
                time.sleep(self.random.uniform(0.05, 0.5))
                one = one.again()
        if connection:
            connection.close()

    def shared(self):
        """Numbers that all clients share; they go on until all has broken."""
        numbers, share = itertools.count(), threading.Lock()

        def each():
            while not self.over.is_set():
                with share:
                    number = next(numbers)
                if number >= MESSAGES and self.rounds > 0:
                    return
                yield number
                if not LONG:    # so that all troubles have their time
                    time.sleep(0.006 * CLIENTS)
        return each

    def run(self):
        began = time.monotonic()
        each = self.shared()
        others = [threading.Thread(target=self.guarded, args=(function,),
                                   daemon=True)
                  for function in (self.break_things, self.change_things)]
        clients = [threading.Thread(target=self.guarded, daemon=True,
                                    args=(self.client, each()))
                   for _ in range(CLIENTS)]
        for thread in (*others, *clients):
            thread.start()
        for thread in clients:
            thread.join()
        self.over.set()
        for thread in others:
            thread.join()
        if not self.lab.milter.running():
            self.lab.milter.start()
        self.settle()
        self.status = self.lab.milter.stop()
        self.seconds = time.monotonic() - began

    def settle(self):
        """Until nothing is on its way; what sendmail(1) took and the milter
        deferred waits to be tried again."""
        deadline = time.monotonic() + 120
        while True:
            self.lab.postfix.flush()
            try:
                self.lab.postfix.settle(2)
                return
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def guarded(self, function, *args):
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - told at the end
            self.failures.append(f"{function.__name__}: {error!r}")
            self.over.set()


class Account:
    """What became of every message."""

    def __init__(self, trial):
        self.trial, self.lab = trial, trial.lab
        self.log = {qid: fields(line)
                    for qid, line in self.lab.milter.summaries()}
        self.held = self.lab.postfix.held()
        self.ends = Counter()       # what became of those accepted
        self.copies = Counter()
        # sendmail(1) does not tell the queue id, the mail log does; the last
        # one, if cleanup had to take it more than once.
        self.qids = dict(re.findall(
            r" (\w+): message-id=<(mk-\w+)@", self.lab.postfix.text()))
        self.qids = {mark: qid for qid, mark in self.qids.items()}

    def allowed(self, one):
        """The sets of addresses of which one must have got it."""
        if one.kind in ("untagged", "untrusted"):
            return [frozenset(one.rcpts)]
        ended = float("inf") if one.kind == "sendmail" else one.ended
        found = []
        for state in self.trial.roster.between(one.account, one.category,
                                               one.began, ended):
            if one.kind == "filter":
                state = {who: chat for who, chat in state.items()
                         if who in one.rcpts}
            chats = set(state.values()) if one.category == BALANCE else set()
            found.append(frozenset(set(state) | chats - {None}))
        return found

    def wrong(self, one):
        """What is wrong with what became of a message, or None."""
        copies = self.lab.receiver.copies(one.mark)
        self.copies.update(
            "chats" if a.endswith("@telegram.invalid") else "people"
            for a in copies)
        if any(n > 1 for n in copies.values()):
            return f"more than one copy: {copies}"
        got = frozenset(copies)
        if one.code is None:
            # The reply was lost: nobody, or the right ones.
            return (f"delivered to {sorted(got)}"
                    if got and got not in self.allowed(one) else None)
        if one.code != 250:
            if not (400 <= one.code < 500
                    or one.kind == "reserved" and one.code == 550):
                return f"answered {one.code}"
            return f"refused, and delivered to {sorted(got)}" if got else None
        return self.wrong_end(one, got)

    def wrong_end(self, one, got):
        """The same of one that was accepted."""
        qid = one.qid or self.qids.get(one.mark)
        summary = self.log.get(qid, {})
        if qid in self.held:
            self.ends["on hold"] += 1
            if got:
                return f"on hold and delivered to {sorted(got)}"
            if one.kind != "bad" or summary.get("verdict") != "hold" or \
                    not summary.get("reason"):
                return f"on hold, logged {summary}"
            return None
        if one.kind in ("bad", "reserved"):
            return f"not on hold or refused; delivered to {sorted(got)}"
        if not got:
            self.ends["discarded"] += 1
            if summary.get("verdict") == "discard" and \
                    summary.get("reason") and \
                    frozenset() in self.allowed(one):
                return None
            return f"lost: delivered to nobody, logged {summary}"
        self.ends["delivered"] += 1
        if got not in self.allowed(one):
            return (f"delivered to {sorted(got)}; entitled: "
                    f"{[sorted(s) for s in self.allowed(one)]}")
        return self.wrong_words(one, got, summary)

    def wrong_words(self, one, got, summary):
        """The same of its log line, and of its headers."""
        if one.kind == "untagged":
            return f"logged: {summary}" if summary else None
        tags = [b"x-notify-" in t.head.lower()
                for t in self.lab.receiver.all(one.mark)]
        if one.kind == "untrusted":
            if summary.get("verdict") != "untrusted":
                return f"untrusted, logged {summary}"
            return "untrusted, and still tagged" if any(tags) else None
        if summary.get("verdict") != "deliver" or len(got) != sum(
                int(summary[name]) for name in ("kept", "added", "mirrored")):
            return f"delivered to {sorted(got)}, logged {summary}"
        return None if all(tags) else "delivered without its tag"


@case("every message that was accepted is accounted for, and no other went out")
def _(trial):
    same(trial.failures, [], "what went wrong with the trial itself")
    last = {one.number: one for one in trial.sent}
    true(len(last) >= MESSAGES, f"messages sent: {len(last)}")
    same([one for one in last.values() if not one.settled()], [],
         "messages that were never answered for good")
    account = Account(trial)
    found = [f"{one}: {fault}" for one in trial.sent
             if (fault := account.wrong(one))]
    print(f"# accepted: {dict(account.ends)}; copies {dict(account.copies)}",
          flush=True)
    same(found[:5], [], f"{len(found)} messages went wrong")
    bounces = [t.addresses for t in trial.lab.receiver.transactions
               if t.sender == ""]
    same(bounces, [], "senders who heard of anything else")
    true(account.ends["discarded"] > 0 and account.ends["on hold"] > 0
         and account.copies["chats"] > 0, "something has not occurred")


@case("mail went through, mail was refused, and all that breaks has broken")
def _(trial):
    codes = Counter(one.code for one in trial.sent)
    changes = trial.roster.changes()
    print(f"# {trial.seconds:.0f} s, {len(trial.sent)} attempts, replies "
          f"{dict(codes)}, {changes} changes of the roster, troubles "
          f"{dict(trial.trouble)}", flush=True)
    true(codes[250] > MESSAGES * 0.8, f"accepted: {codes}")
    true(codes[451] > 0, f"refused for a while: {codes}")
    true(changes > 20, f"changes of the roster: {changes}")
    same({trouble.__name__ for trouble in trial.troubles()}
         - set(trial.trouble), set(), "what has not broken")
    if not MOUNTS and not SERVER:
        print("# no mounts here: the disk was not filled up", flush=True)


@case("the milter has ended by itself, and no sanitizer has a word to say")
def _(trial):
    same(trial.status, 0, "exit status")
    found = [line for line in trial.lab.milter.since()
             if "Sanitizer" in line or "runtime error" in line]
    same(found, [], "what a sanitizer says")


reason = lab.missing()
if reason:
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)
tap.run(setup=Trial, teardown=Trial.stop)
