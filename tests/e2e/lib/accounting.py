"""accounting - what must become of each message, whatever happens to a fleet.

A Trial has clients that send, and changes the roster meanwhile; what it is made
of, and what breaks, is its heirs' business. In the end wrong() says for each
message whether it went to exactly those who were entitled at one moment of its
transaction, once each, is on hold, or was discarded, each with the reason in
the log; and if it was not accepted, to nobody.
"""
import json
import os
import random
import threading
import time

from milter import fields
from smtp import marker, message

SENDER = "billing@example.org"
DOMAIN = "accounts.example"         # account_domain, as a Lab has it
ACCOUNTS = [f"a{n}" for n in range(6)]
USERS = 6
CATEGORY = "services"
OUTSIDE = "stranger@else.example"


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

    def changes(self):
        return sum(len(states) - 1 for states in self.states.values())

    def maybe(self, account, began, ended):
        """It may have been done or not: both are in force from then on."""
        return [state for since, until, state in self.states[account]
                if since <= ended and until >= began]


class Sent:
    """One message, and what the client was told."""

    def __init__(self, number, kind, account, rcpts):
        self.number, self.kind, self.account = number, kind, account
        self.rcpts, self.mark = rcpts, marker()
        self.began = self.ended = 0.0
        self.code = None        # None: the client does not know
        self.qid = self.lab = None

    def __repr__(self):
        return (f"message {self.number} ({self.kind} {self.account} to "
                f"{self.rcpts}, {self.mark}, reply {self.code}, "
                f"queue id {self.qid})")


class Trial:
    """COUNT messages from CLIENTS at once. An heir has notifyctl(), as a Lab
    has it, labs, and what happens meanwhile: trouble()."""

    def __init__(self, count, clients):
        self.seed = int(os.environ.get("NM_SEED") or time.time())
        print(f"# seed {self.seed}, {count} messages", flush=True)
        self.random = random.Random(self.seed)
        self.count, self.clients = count, clients
        self.roster, self.sent, self.failures = Roster(), [], []
        self.guard = threading.Lock()
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

    def change(self):
        """Subscribe or unsubscribe somebody, as notifyctl does it."""
        with self.roster.lock:
            account = self.random.choice(ACCOUNTS)
            who = user(account, self.random.randrange(USERS))
            now = self.roster.now(account)
            began = time.monotonic()
            if who in now:
                done = self.notifyctl(
                    "unsubscribe", account, CATEGORY, who, "--confirm", who,
                    as_=owner(account), check=False)
                after = now - {who}
            else:
                done = self.notifyctl("subscribe", account, CATEGORY, who,
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
            done = self.notifyctl("--json", "list", account, CATEGORY,
                                  check=time.monotonic() > deadline)
            if done.returncode == 0:
                return any(row["address"] == who and row["receives"]
                           for row in json.loads(done.stdout)["list"])
            time.sleep(0.1)

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
        rcpts = {"expand": [f"{account}@{DOMAIN}"],
                 "named": self.random.sample(
                     everybody, self.random.randrange(1, USERS)),
                 "filter": self.random.sample(
                     everybody, self.random.randrange(1, USERS)) + [OUTSIDE],
                 "untagged": self.random.sample(everybody, 2),
                 "bad": [owner(account)]}[kind]
        return Sent(number, kind, account, rcpts)

    def client(self, lab, numbers):
        connection = None
        for number in numbers:
            with self.guard:
                one = self.one(number)
                one.lab = lab
                self.sent.append(one)
            category = {"untagged": None, "bad": "lunch"}.get(
                one.kind, CATEGORY)
            try:
                if connection is None:
                    connection = lab.connect()
                one.began = time.monotonic()
                reply = connection.send(
                    SENDER, one.rcpts,
                    message(one.mark, category,
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

    def pause(self, number):
        """Seconds between two messages, of all clients."""
        return 0

    def numbers(self):
        """For all clients together."""
        numbers, share = iter(range(self.count)), threading.Lock()

        def shared():
            while True:
                with share:
                    number = next(numbers, None)
                if number is None:
                    return
                yield number
                time.sleep(self.pause(number) * self.clients)
        return shared

    def run(self):
        began = time.monotonic()
        others = [threading.Thread(target=self.guarded, args=(function,))
                  for function in (self.trouble, self.change_things)]
        numbers = self.numbers()
        clients = [threading.Thread(
            target=self.guarded,
            args=(self.client, self.labs[n % len(self.labs)], numbers()))
            for n in range(self.clients)]
        for thread in (*others, *clients):
            thread.start()
        for thread in clients:
            thread.join()
        self.over.set()
        for thread in others:
            thread.join()
        for lab in self.labs:
            if not lab.milter.running():
                lab.milter.start()
            lab.postfix.flush()
            lab.postfix.settle(60)
        self.seconds = time.monotonic() - began

    def guarded(self, function, *args):
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - told at the end
            self.failures.append(f"{function.__name__}: {error!r}")
            self.over.set()

    # The account

    def codes(self):
        codes = {}
        for one in self.sent:
            codes[one.code] = codes.get(one.code, 0) + 1
        return codes

    def faults(self):
        """What is wrong with what became of the messages."""
        log = {}        # queue id: fields of its last summary line
        held = set()
        for lab in self.labs:
            log.update((qid, fields(line))
                       for qid, line in lab.milter.summaries())
            held |= lab.postfix.held()
        return [f"{one}: {fault}" for one in self.sent
                if (fault := self.wrong(one, log.get(one.qid, {}),
                                        one.qid in held))]

    def copies(self, one):
        found = {}
        for lab in self.labs:
            for address, n in lab.receiver.copies(one.mark).items():
                found[address] = found.get(address, 0) + n
        return found

    def allowed(self, one):
        """The sets of people of which one must have got it."""
        states = self.roster.maybe(one.account, one.began, one.ended)
        if one.kind in ("expand", "named"):
            return states
        if one.kind == "filter":
            return [state & set(one.rcpts) for state in states]
        return [frozenset(one.rcpts)]

    def wrong(self, one, summary, held):
        """What is wrong with what became of a message, or None. SUMMARY are
        the fields of its log line."""
        copies = self.copies(one)
        allowed = self.allowed(one)
        if any(n > 1 for n in copies.values()):
            return f"more than one copy: {copies}"
        got = frozenset(copies)
        if one.code is None:
            # The reply was lost: nobody, or the right ones.
            if got and got not in allowed:
                return f"delivered to {sorted(got)}"
            return None
        if one.code != 250:
            return (f"refused, and delivered to {sorted(got)}" if got
                    else None)
        if held:
            if got:
                return f"on hold and delivered to {sorted(got)}"
            if one.kind != "bad" or not summary.get("reason"):
                return f"on hold, logged {summary}"
            return None
        if one.kind == "bad":
            return f"a bad tag, and not on hold; delivered to {sorted(got)}"
        if not got:
            if summary.get("verdict") == "discard" and summary.get("reason") \
                    and frozenset() in allowed:
                return None
            return f"lost: delivered to nobody, logged {summary}"
        if got not in allowed:
            return (f"delivered to {sorted(got)}; entitled: "
                    f"{[sorted(state) for state in allowed]}")
        return None
