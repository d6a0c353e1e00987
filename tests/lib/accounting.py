# SPDX-License-Identifier: BSD-2-Clause
"""accounting - checks the outcome of each message, whatever failed.

    check(trial)        of a Trial (trial.py) that has run

A message that was accepted went to exactly those who were entitled at one
moment of its transaction, and to their chats, once each, or is on hold, or was
discarded, each with the reason in the log. What was not accepted was answered
4xx until it was, or refused for good, and went to nobody. No sender heard of
anything else.
"""
import re
import threading
from collections import Counter

from lib import stamps
from lib.lab import MIRROR
from lib.milter import fields
from lib.smtp import marker, message
from lib.tap import same, true

ACCOUNTS = [f"a{n}" for n in range(6)]
USERS = 6
SERVICES, BALANCE = "services", "balance-and-payments"  # the second: mirrored
CATEGORIES = (SERVICES, BALANCE)


def owner(account):
    return f"owner@{account}.example"


def user(account, n):
    return f"u{n}@{account}.example"


class Roster:
    """Who is entitled, and since when: what is decided must be a state that
    was in force at one moment of the message's transaction. A state is a set
    of (person, address of their chat or None)."""

    def __init__(self):
        self.lock = threading.Lock()
        # (account, category): [[from, until, state]]; a change is in force at
        # the earliest when it was begun, and the old state at the latest when
        # it was done.
        self.states = {(account, category): [[0.0, float("inf"), frozenset(
            {(owner(account), None)})]]
            for account in ACCOUNTS for category in CATEGORIES}

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
        """All states that may have been in force then."""
        return [dict(state) for since, until, state
                in self.states[account, category]
                if since <= ended and until >= began]

    def changes(self, since=0.0, until=float("inf")):
        return sum(since < at < until for states in self.states.values()
                   for at, _, _ in states)


class Sent:
    """One message, sent once to LAB, and the answer to the client."""

    def __init__(self, number, lab, kind, account, category, rcpts):
        self.number, self.lab, self.kind = number, lab, kind
        self.account, self.category, self.rcpts = account, category, rcpts
        self.mark = marker()
        self.began = self.ended = 0.0
        self.code = None        # None: the client does not know
        self.qid = None

    def again(self):
        return Sent(self.number, self.lab, self.kind, self.account,
                    self.category, self.rcpts)

    def data(self):
        tag = {"untagged": None, "bad": "lunch"}.get(self.kind, self.category)
        return message(self.mark, tag,
                       self.account if self.kind == "named" else None)

    def settled(self):
        """Whether the client is told, for good, what becomes of it."""
        return self.code is not None and not 400 <= self.code < 500

    def __repr__(self):
        return (f"message {self.number} ({self.kind} {self.account} "
                f"{self.category} to {self.rcpts}, {self.mark}, reply "
                f"{self.code}, queue id {self.qid})")


def filters(lab):
    """Does nobody join for a recipient, so that nobody may be left?"""
    return lab.milter.defaults.get("expand") == "addressed"


class Account:
    """The outcome of every message."""

    def __init__(self, trial):
        self.roster, self.labs = trial.roster, trial.labs
        self.log = {qid: fields(line) for lab in self.labs
                    for qid, line in lab.milter.summaries()}
        self.held = set().union(*(lab.postfix.held() for lab in self.labs))
        self.ends = Counter()       # what became of those accepted
        self.copies = Counter()
        # sendmail(1) does not tell the queue id, the mail log does; the last
        # one, if cleanup had to take it more than once.
        self.qids = {mark: qid for lab in self.labs for qid, mark in re.findall(
            r" (\w+): message-id=<(mk-\w+)@", lab.postfix.caught_up())}

    def allowed(self, one):
        """The sets of addresses of which one must have got it."""
        if one.kind in ("bad", "reserved"):
            return []
        if one.kind in ("untagged", "untrusted"):
            return [frozenset(one.rcpts)]
        ended = float("inf") if one.kind == "sendmail" else one.ended
        found = []
        for state in self.roster.between(one.account, one.category, one.began,
                                         ended):
            if one.kind == "filter":
                joins = set() if filters(one.lab) else {owner(one.account)}
                state = {who: chat for who, chat in state.items()
                         if who in joins.union(one.rcpts)}
            found.append(frozenset({*state, *state.values()} - {None}))
        return found

    def arrived(self, one):
        return [t for lab in self.labs for t in lab.receiver.all(one.mark)]

    def wrong(self, one):
        """What is wrong with what became of a message, or None."""
        copies = Counter(stamps.bare(a) for t in self.arrived(one)
                         for a in t.addresses)
        self.copies.update("chats" if a.endswith("@" + MIRROR) else "people"
                           for a in copies)
        if any(n > 1 for n in copies.values()):
            return f"more than one copy: {dict(copies)}"
        got = frozenset(copies)
        if one.code == 250 or one.code is None and got:
            return self.wrong_end(one, got)
        if not (one.code is None or 400 <= one.code < 500
                or one.kind == "reserved" and one.code == 550):
            return f"answered {one.code}"
        return f"refused, and delivered to {sorted(got)}" if got else None

    def wrong_end(self, one, got):
        """The same for a message that was accepted."""
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
        allowed = self.allowed(one)
        if not got:
            self.ends["discarded"] += 1
            if summary.get("verdict") == "discard" and \
                    summary.get("reason") and frozenset() in allowed:
                return None
            return f"lost: delivered to nobody, logged {summary}"
        self.ends["delivered"] += 1
        if got not in allowed:
            return (f"delivered to {sorted(got)}; entitled: "
                    f"{[sorted(s) for s in allowed]}")
        return self.wrong_words(one, got, summary)

    def wrong_words(self, one, got, summary):
        """The same for its log line and its headers."""
        if one.kind == "untagged":
            return f"logged: {summary}" if summary else None
        tags = [b"x-notify-" in t.head.lower() for t in self.arrived(one)]
        if one.kind == "untrusted":
            if summary.get("verdict") != "untrusted":
                return f"untrusted, logged {summary}"
            return "untrusted, and still tagged" if any(tags) else None
        if summary.get("verdict") != "deliver" or len(got) != sum(
                int(summary[name]) for name in ("kept", "added", "mirrored")):
            return f"delivered to {sorted(got)}, logged {summary}"
        return None if all(tags) else "delivered without its tag"


def check(trial):
    """Every message is accounted for, and everything has occurred."""
    same(trial.failures, [], "what went wrong with the trial itself")
    last = {one.number: one for one in trial.sent}
    true(len(last) >= trial.count, f"messages sent: {len(last)}")
    same([one for one in last.values() if not one.settled()], [],
         "messages that were never answered for good")
    account = Account(trial)
    found = [f"{one}: {fault}" for one in trial.sent
             if (fault := account.wrong(one))]
    codes = Counter(one.code for one in trial.sent)
    print(f"# {trial.seconds:.0f} s, {len(trial.sent)} attempts, replies "
          f"{dict(codes)}, {trial.roster.changes()} changes of the roster\n"
          f"# accepted: {dict(account.ends)}; copies {dict(account.copies)}",
          flush=True)
    same(found[:5], [], f"{len(found)} messages went wrong")
    same([t.addresses for lab in trial.labs
          for t in lab.receiver.transactions if t.sender == ""], [],
         "senders who heard of anything else")
    true(account.ends["on hold"] > 0 and (
        account.ends["discarded"] > 0 or not any(map(filters, trial.labs)))
         and account.copies["chats"] > 0, "something has not occurred")
    true(codes[250] > trial.count * 0.8, f"accepted: {codes}")
    true(codes[451] > 0, f"refused for a while: {codes}")
