# SPDX-License-Identifier: BSD-2-Clause
"""trial - clients send, and the roster changes, while things fail.

    class Mine(Trial):
        labs            started by the subclass, which then calls fill(), run()
        trouble(self)   what happens meanwhile, until self.over is set
        enough(self)    has everything happened that must happen?

What became of the messages then is accounting.py's.
"""
import itertools
import json
import os
import random
import sqlite3
import threading
import time

from lib import lab, pq
from lib.accounting import (ACCOUNTS, BALANCE, CATEGORIES, SERVICES, USERS,
                            Roster, Sent, owner, user)
from lib.tap import same
from lib.waiting import until

OUTSIDE = "stranger@else.example"
TIRED = 2000        # attempts after which a client gives up

# kind: how often
KINDS = {"expand": 40, "named": 30, "filter": 30, "untagged": 15, "bad": 5,
         "untrusted": 3, "reserved": 3, "sendmail": 2}
ASKS = ("expand", "named", "filter", "bad")     # the roster, at the end of DATA


def opposite(account, category, who, now):
    """What to tell notifyctl so that WHO gets it if not among NOW, who get it,
    and else gets it no more."""
    if who in now:
        return ["unsubscribe", account, category, who, "--confirm", who]
    return ["subscribe", account, category, who]


class Trial:
    """At least COUNT messages from CLIENTS at once, who all together wait PACE
    seconds from one to the next. What is answered 4xx they send again, until
    it is not."""

    def __init__(self, count, clients, pace):
        self.seed = int(os.environ.get("NM_SEED") or time.time())
        print(f"# seed {self.seed}, at least {count} messages", flush=True)
        self.random = random.Random(self.seed)
        self.count, self.clients, self.pace = count, clients, pace
        self.roster, self.sent, self.failures = Roster(), [], []
        self.numbers = itertools.count()
        self.over = threading.Event()
        self.labs = []

    # The roster

    def fill(self):
        rows = ["account,email,role,categories"]
        for account in ACCOUNTS:
            rows.append(f"{account},{owner(account)},owner,")
            rows += [f"{account},{user(account, n)},member,"
                     for n in range(USERS)]
        self.notifyctl("import", "-", input="\n".join(rows) + "\n")
        for account in ACCOUNTS[:2]:
            self.link(account, owner(account))
            self.know(account, 0.0, {})     # no change: it was always so

    def notifyctl(self, *args, **options):
        return self.random.choice(self.labs).notifyctl(*args, **options)

    def changed(self, *args, as_):
        """Whether notifyctl has made a change, which may be refused for now;
        None: it says that it does not know."""
        done = self.notifyctl(*args, as_=as_, check=False)
        if done.returncode not in (0, 74, 75):
            raise AssertionError(f"notifyctl: {done}")
        if done.returncode != 0 and "unknown whether" in done.stderr:
            return None
        return done.returncode == 0

    def sql(self, statement, *values):
        """The rows; None if the database is busy, gone, or the disk full."""
        try:
            return self.labs[0].sql((statement, values))
        except (pq.Error, sqlite3.OperationalError):
            return None

    def link(self, account, who):
        """Link a chat, as notify-bot does; but it may be anybody's."""
        self.sql('INSERT INTO link(id, "user", chat) SELECT ?, u.id,'
                 ' 1000 + u.id FROM "user" u JOIN account a ON a.id ='
                 ' u.account WHERE a.name = ? AND u.address = ?',
                 self.random.randrange(1, 2**31), account, who)

    def chats(self, account):
        """{person: the address of their chat}; None if it cannot be read."""
        rows = self.sql('SELECT u.address, l.id FROM link l JOIN "user" u ON'
                        ' u.id = l."user" JOIN account a ON a.id = u.account'
                        ' WHERE a.name = ?', account)
        return None if rows is None else {
            who: f"{link}@{lab.MIRROR}" for who, link in rows}

    def receivers(self, account, category):
        """Who gets it; None if notifyctl cannot tell."""
        done = self.notifyctl("--json", "list", account, category, check=False)
        return None if done.returncode != 0 else {
            row["address"] for row in json.loads(done.stdout)["list"]
            if row["receives"]}

    @staticmethod
    def answer(question, *args):
        """Asked until there is one."""
        found = None

        def answered():
            nonlocal found
            found = question(*args)
            return found is not None
        until(answered, f"{question.__name__} of {args}", pause=0.1)
        return found

    def change(self):
        """Subscribe or unsubscribe somebody, link or end a chat, if the
        database is there."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            category = self.random.choice(CATEGORIES)
            who = user(account, self.random.randrange(USERS))
            if category == BALANCE and self.random.random() < 0.4:
                self.change_chat(account,
                                 self.random.choice([who, owner(account)]))
            else:
                self.change_subscription(account, category, who)

    def change_chat(self, account, who):
        began, chats = time.monotonic(), self.chats(account)
        if chats is None:
            return
        if who in chats:
            self.changed("telegram", "disable", account, as_=who)
        else:
            self.link(account, who)
        self.know(account, began, {})

    def change_subscription(self, account, category, who):
        began = time.monotonic()
        now = set(self.roster.now(account, category))
        after = now ^ {who}
        done = self.changed(*opposite(account, category, who, now),
                            as_=owner(account))
        if done is None:
            done = self.answer(self.receivers, account, category) == after
        if done:
            self.know(account, began, {category: after})

    def know(self, account, began, people):
        """Since a change that BEGAN then PEOPLE, {category: who}, are entitled,
        and have the chats that are found."""
        chats, ended = self.answer(self.chats, account), time.monotonic()
        for category in CATEGORIES:
            who = people.get(category, self.roster.now(account, category))
            self.roster.changed(account, category, began, ended, {
                one: chats.get(one) if category == BALANCE else None
                for one in who})

    def change_things(self):
        while not self.over.wait(0.02):
            self.change()

    def roster_is_as_told(self):
        """All changes that notifyctl has reported are made, and no others."""
        for account in ACCOUNTS:
            for category in CATEGORIES:
                same(self.receivers(account, category),
                     set(self.roster.now(account, category)),
                     f"who of {account} gets {category}")
            now, chats = self.roster.now(account, BALANCE), self.chats(account)
            same({who: chats.get(who) for who in now}, now,
                 f"the chats of {account}")

    # The clients

    def one(self, number, to):
        account = self.random.choice(ACCOUNTS)
        category = self.random.choice([SERVICES, SERVICES, BALANCE])
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        everybody = [owner(account)] + [user(account, n) for n in range(USERS)]
        some = self.random.sample(everybody, self.random.randrange(1, USERS))
        address = f"{account}@{lab.ACCOUNTS}"
        rcpts = {"expand": [address], "sendmail": [address],
                 "filter": some + [OUTSIDE], "bad": [owner(account)],
                 "reserved": some + [f"5@{lab.MIRROR}"]}.get(kind, some)
        return Sent(number, to, kind, account, category, rcpts)

    @staticmethod
    def submit(one):
        """By sendmail(1): it is decided later, without an answer."""
        if one.lab.postfix.sendmail(["-i", "-f", lab.SENDER, *one.rcpts],
                                    one.data()).returncode == 0:
            one.code = 250

    @staticmethod
    def transact(one, connection):
        one.began = time.monotonic()
        reply = connection.send(lab.SENDER, one.rcpts, one.data())
        one.code, one.qid = reply.code, reply.qid

    def attempt(self, one, connection):
        """Send a message once; the connection for the next."""
        one.began = time.monotonic()
        try:
            if one.kind == "sendmail":
                self.submit(one)
            elif one.kind == "untrusted":
                with one.lab.connect("xclient") as stranger:
                    stranger.xclient(addr="192.0.2.9")
                    self.transact(one, stranger)
            else:
                connection = connection or one.lab.connect()
                self.transact(one, connection)
        except OSError:
            pass
        one.ended = time.monotonic()
        if connection and (one.code in (None, 421)
                           or self.random.random() < 0.2):
            connection.close()
            connection = None
        return connection

    def client(self, to):
        connection = None
        while not self.over.is_set():
            number = next(self.numbers)
            if number >= self.count and self.enough():
                break
            one = self.one(number, to)
            for _ in range(TIRED):
                self.sent.append(one)
                connection = self.attempt(one, connection)
                if one.settled() or self.over.is_set():
                    break
                # The client keeps it, and tries again.
                time.sleep(self.random.uniform(0.05, 0.5))
                one = one.again()
            time.sleep(self.pace * self.clients)
        if connection:
            connection.close()

    # All of it

    def run(self):
        began = time.monotonic()
        others = [self.thread(self.trouble), self.thread(self.change_things)]
        clients = [self.thread(self.client, self.labs[n % len(self.labs)])
                   for n in range(self.clients)]
        for thread in clients:
            thread.join()
        self.over.set()
        for thread in others:
            thread.join()
        for one in self.labs:
            if not one.milter.running():
                self.failures.append("a milter has died")
                one.milter.start()
            self.settle(one.postfix)
        self.seconds = time.monotonic() - began

    def thread(self, function, *args):
        thread = threading.Thread(target=self.guarded, daemon=True,
                                  args=(function, *args))
        thread.start()
        return thread

    def guarded(self, function, *args):
        try:
            function(*args)
        except Exception as error:  # told at the end
            self.failures.append(f"{function.__name__}: {error!r}")
            self.over.set()

    @staticmethod
    def settle(postfix):
        """Until nothing is on its way; what sendmail(1) took and the milter
        deferred waits to be tried again."""
        deadline = time.monotonic() + 120
        while True:
            postfix.flush()
            try:
                postfix.settle(2)
                return
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def end(self):
        """Each milter ends by itself; no sanitizer reports anything."""
        for one in self.labs:
            same(one.milter.stop(), 0, "exit status")
            same([line for line in one.milter.since() if "Sanitizer" in line
                  or "runtime error" in line], [], "what a sanitizer says")
