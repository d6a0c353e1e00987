#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""rival_python - the policy as an operator would write it in Python

    rival_python.py SOCKET DATABASE ACCOUNT_DOMAIN TELEGRAM_DOMAIN

With python3-milter and sqlite3, on notify-milter's own database: the rules for
deliver, discard, hold and untrusted, in their order, and one line to syslog. It
is written to be fast: it negotiates away unneeded steps and answers, keeps its
connections to the database, and uses one transaction per message.
"""
import ipaddress
import re
import sqlite3
import sys
import syslog
from collections import deque
from email.header import decode_header, make_header

import Milter

TRUSTED = [ipaddress.ip_network(net) for net in ("127.0.0.0/8", "::1/128")]

CATEGORY = """
    SELECT c.id, c.slug, c.subscriber, c.telegram
    FROM category_key k JOIN category c ON c.id = k.category WHERE k.key = ?"""
ACCOUNT = "SELECT id, name FROM account WHERE key = ?"
PEOPLE = """
    SELECT u.address, u.key, u.role, l.id, l.chat
    FROM user u LEFT JOIN link l ON l.user = u.id
    WHERE u.account = ?1 AND u.role = 'owner'
    UNION ALL
    SELECT u.address, u.key, u.role, l.id, l.chat
    FROM subscription s JOIN user u ON u.id = s.user
    LEFT JOIN link l ON l.user = u.id
    WHERE s.account = ?1 AND s.category = ?2"""
MEMBER = """
    SELECT u.account, u.role, l.id, l.chat, EXISTS (
        SELECT 1 FROM subscription s WHERE s.account = u.account
        AND s.category = ?2 AND s.user = u.id)
    FROM user u LEFT JOIN link l ON l.user = u.id WHERE u.key = ?1"""


def fold(text):
    """A category as it is looked up."""
    text = str(make_header(decode_header(text))).lower().replace("&", " and ")
    return re.sub(r"[\s_-]+", "-", text).strip("-")


class Roster:
    """The database: a pool of connections for all threads."""

    def __init__(self, path):
        self.path, self.idle = path, deque()

    def take(self):
        try:
            return self.idle.pop()
        except IndexError:
            return sqlite3.connect(f"file:{self.path}?mode=ro", uri=True,
                                   timeout=3, isolation_level=None,
                                   check_same_thread=False)

    def put(self, db):
        self.idle.append(db)


class Decision:
    """What to do to one message."""

    def __init__(self, verdict, reason="", category="-"):
        self.verdict, self.reason, self.category = verdict, reason, category
        self.accounts, self.dropped = [], []
        self.deletes, self.adds, self.chats = [], {}, {}
        self.kept = set()

    def mirror(self, telegram, role, link, chat):
        if telegram and link is not None and role != "subscriber":
            self.chats.setdefault(chat, link)


def decide(db, tags, account, recipients):
    """The rules, in their order."""
    categories = {db.execute(CATEGORY, (fold(tag),)).fetchone()
                  for tag in tags}
    if len(categories) != 1 or None in categories:
        return Decision("hold", "unknown or different categories")
    category, slug, open_, telegram = categories.pop()
    decision = Decision("deliver", category=slug)
    header, addressed, people = None, {}, []
    if account:
        header = db.execute(ACCOUNT, (account.lower(),)).fetchone()
        if header is None:
            return Decision("hold", "unknown account")
        addressed[header[0]] = header[1]
    for text in recipients:
        key = text.strip("<>").lower()
        local, _, domain = key.rpartition("@")
        if domain != DOMAIN:
            people.append((text, key))
            continue
        row = db.execute(ACCOUNT, (local,)).fetchone()
        if row is None or (header is not None and row != header):
            return Decision("hold", "unknown or another account")
        addressed[row[0]] = row[1]
        decision.deletes.append(text)
    known = bool(addressed)
    for text, key in people:
        found = filtered(db, decision, header, (category, open_, telegram),
                         text, key)
        known = known or found
    for number, name in addressed.items():
        decision.accounts.append(name)
        for address, key, role, link, chat in db.execute(PEOPLE,
                                                         (number, category)):
            if role == "subscriber" and not open_:
                continue
            if key not in decision.kept:
                decision.adds[key] = address
            decision.mirror(telegram, role, link, chat)
    if not decision.kept and not decision.adds:
        return Decision("discard" if known else "hold", "nobody is left", slug)
    return decision


def filtered(db, decision, header, category, text, key):
    """Keep or drop a recipient; returns whether it is known."""
    known, (number, open_, telegram) = False, category
    for account, role, link, chat, subscribed in db.execute(MEMBER,
                                                            (key, number)):
        known = True
        if header is not None and account != header[0]:
            continue
        if role == "owner" or (subscribed
                               and (role != "subscriber" or open_)):
            decision.kept.add(key)
            decision.mirror(telegram, role, link, chat)
    if key not in decision.kept:
        decision.deletes.append(text)
        decision.dropped.append(text)
    return known


class PolicyMilter(Milter.Base):
    def __init__(self):
        self.trusted = False
        self.clear()

    def clear(self):
        self.recipients, self.tags, self.account = [], [], None
        self.names = []

    @Milter.noreply
    def connect(self, hostname, family, hostaddr):
        if isinstance(hostaddr, tuple):
            client = ipaddress.ip_address(hostaddr[0])
            self.trusted = any(client in net for net in TRUSTED)
        return Milter.CONTINUE

    @Milter.noreply
    def envfrom(self, sender, *parameters):
        self.clear()
        return Milter.CONTINUE

    @Milter.noreply
    def envrcpt(self, recipient, *parameters):
        self.recipients.append(recipient)
        return Milter.CONTINUE

    @Milter.noreply
    def header(self, name, value):
        name = name.lower()
        if name.startswith("x-notify-"):
            self.names.append(name)
            if name == "x-notify-category":
                self.tags.append(value)
            elif name == "x-notify-account":
                self.account = value.strip()
        return Milter.CONTINUE

    def eom(self):
        if not self.tags:
            return Milter.CONTINUE
        if not self.trusted:
            for name in reversed(self.names):
                self.chgheader(name, 1, "")
            return self.log("untrusted")
        db = None
        try:
            db = ROSTER.take()
            db.execute("BEGIN")
            decision = decide(db, self.tags, self.account, self.recipients)
            db.execute("COMMIT")
            ROSTER.put(db)
        except sqlite3.Error as error:
            if db is not None:
                db.close()
            return self.log("tempfail", str(error), Milter.TEMPFAIL)
        return self.apply(decision)

    def apply(self, decision):
        answer = Milter.CONTINUE
        if decision.verdict == "hold":
            self.quarantine(decision.reason)
        elif decision.verdict == "discard":
            answer = Milter.DISCARD
        else:
            for text in decision.deletes:
                self.delrcpt(text)
            for address in decision.adds.values():
                self.addrcpt(f"<{address}>")
            for link in decision.chats.values():
                self.addrcpt(f"<{link}@{MIRROR}>", "NOTIFY=NEVER")
        syslog.syslog(
            f"{self.getsymval('i')}: category={decision.category} "
            f"account={','.join(decision.accounts) or '-'} "
            f"kept={len(decision.kept)} added={len(decision.adds)} "
            f"dropped={len(decision.dropped)} mirrored={len(decision.chats)} "
            f"verdict={decision.verdict} {decision.reason}".rstrip())
        return answer

    def log(self, verdict, reason="", answer=Milter.CONTINUE):
        syslog.syslog(f"{self.getsymval('i')}: verdict={verdict} {reason}")
        return answer


if __name__ == "__main__":
    where, database, DOMAIN, MIRROR = sys.argv[1:]
    ROSTER = Roster(database)
    syslog.openlog("rival", syslog.LOG_PID, syslog.LOG_MAIL)
    Milter.factory = PolicyMilter
    Milter.set_flags(Milter.ADDRCPT | Milter.ADDRCPT_PAR | Milter.DELRCPT
                     | Milter.CHGHDRS | Milter.QUARANTINE)
    Milter.runmilter("rival", where, 60)
