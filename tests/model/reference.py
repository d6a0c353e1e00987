# SPDX-License-Identifier: BSD-2-Clause
"""reference - who gets a message, and why: the rules, written a second time.

Written from policy/README.md (What happens to a message), the README and the
headers' contracts, slowly and in their order, to be compared with the programs;
it uses nothing of the C. Changes are in roster.py, spellings in reading.py.
"""
import re
from dataclasses import dataclass, field

import reading
import stamps
from roster import Roster

AS_IT_CAME = ("kept", {"as-addressed"})


@dataclass
class Decision:
    """The outcome that a message must have. RECIPIENTS: for each a fate and the
    reasons that are right. ADDED: for the key of each added user the (account,
    reason) that are right. ACCOUNTS: keys of those it must name. OTHERS: keys
    of those that it may name, because of the recipients. CHATS: by number."""
    verdict: str
    recipients: list
    category: str = None
    accounts: set = None
    others: set = field(default_factory=set)
    added: dict = field(default_factory=dict)
    chats: dict = field(default_factory=dict)
    reserved: bool = False      # refused because of the Telegram domain
    decided: bool = False       # before: it brought its stamp
    stamp: str = None           # the one that it gets
    id: str = ""                # its Message-ID
    account: str = None         # the key of its header


class BadTag(Exception):
    """The tag cannot be understood."""


class Person:
    """A recipient: its spelling, and who it is."""

    def __init__(self, roster, text):
        self.text = text
        self.address = reading.address(text)
        self.account = None     # the name in an account's address
        self.mirror = False     # a chat, added by the milter itself
        self.members = []
        self.always = reading.kept_always(roster.settings["always_keep"],
                                          self.address)
        a = self.address
        domain = reading.domain_key(roster.settings["account_domain"])
        if a and domain and a.domain == domain:
            plus = a.local.find("+")
            self.account = a.local[:plus] if plus > 0 else a.local
        elif a:
            self.members = roster.members(a.key)
            if not self.members and a.base:
                self.members = roster.members(a.base)
        # Whom Postfix may take it for.
        self.alike = a and self.account is None and self.other(roster, a)

    @staticmethod
    def other(roster, found):
        """Is it a user's when Postfix has folded it?"""
        folded = None if found.exact.isascii() else \
            reading.address(reading.fold(found.exact))
        return bool(folded and folded.key != found.key and (
            roster.members(folded.key)
            or folded.base and roster.members(folded.base)))

    @property
    def key(self):
        """One for all spellings of the same person."""
        if self.members:
            return self.members[0][1].address.key
        return self.address.key if self.address else self.text

    def may_be_another(self):
        """Is it unknown here, and could an MTA take it for somebody?"""
        if self.account is not None or self.members:
            return False
        return (not self.address.domain or self.alike
                or reading.is_hazard(self.address))

    @property
    def octets(self):
        """What the MTA compares recipients by."""
        return self.address.exact if self.address else self.text


class Message:
    """One message, decided step by step."""

    def __init__(self, roster, message):
        self.roster, self.settings = roster, roster.settings
        self.message = message
        self.people = [Person(roster, text) for text in message["recipients"]]

    def header(self, name):
        return [value for n, value in self.message["headers"]
                if n.rstrip(" \t").lower() == name.lower()]

    def decide(self, explain=False):
        """EXPLAIN: as if the client were trusted."""
        tags = self.header("X-Notify-Category")
        domain = reading.domain_key(self.settings["domain"])
        chats = [p for p in self.people if reading.reaches(p.text, domain)]
        trusted = explain or self.trusted()
        if chats and not (tags and trusted):
            return self.refused()
        if not tags:
            return self.as_it_came("untouched")
        if not trusted:
            return self.as_it_came("reject" if self.message["client"] is None
                                   else "untrusted")
        try:
            category = self.category(tags)
            account = self.account()
        except BadTag:
            return self.refused() if chats else \
                self.as_it_came(self.settings["bad_tag"])
        for person in chats:
            person.mirror = self.is_mirror(person, category, domain)
            if not person.mirror:
                return self.refused()
        stamp = stamps.decided(category.slug, account, self.id)
        if stamp and any(value.strip(" \t\r\n") == stamp
                         for value in self.header(stamps.HEADER)):
            return Decision("deliver", [("kept", {"decided"})]
                            * len(self.people), category.slug, decided=True)
        try:
            header, accounts = self.accounts(account)
        except BadTag:
            return self.as_it_came(self.settings["bad_tag"])
        keep = self.settings["unknown_recipients"] == "keep"
        if any(person.address is None or
               ((keep or person.always) and person.may_be_another())
               for person in self.people):
            # An MTA may take it for anybody.
            return self.as_it_came("hold")
        decision = Delivery(self, category, header, accounts).decide()
        decision.id, decision.account = self.id, account
        if decision.verdict == "deliver":
            decision.stamp = stamp
        return decision

    @property
    def id(self):
        return stamps.message_id(self.header("Message-ID"))

    def refused(self):
        decision = self.as_it_came("reject")
        decision.reserved = True
        return decision

    def is_mirror(self, person, category, domain):
        """Has the milter added this recipient to this message?"""
        a = person.address
        found = a and a.domain == domain and re.fullmatch(
            r"([1-9][0-9]*)-([0-9a-f]{32})", a.key.rpartition("@")[0])
        return bool(found and self.id) and int(found[1]) < 2 ** 63 and any(
            found[2] == stamps.mirror(found[1], category.slug, self.id, names)
            for names in (True, False))

    def as_it_came(self, verdict):
        return Decision(verdict, [AS_IT_CAME] * len(self.people))

    def trusted(self):
        return (reading.client_in(self.settings["trusted_clients"],
                                  self.message["client"])
                or (self.message["authenticated"]
                    and self.settings["trust_authenticated"] == "yes"))

    def category(self, tags):
        """All tags must name one and the same category."""
        found = {}
        for tag in tags:
            text = reading.header(tag)
            category = text and self.roster.category(text)
            if not category:
                raise BadTag(tag)
            found[category.slug] = category
        if len(found) > 1:
            raise BadTag(tags)
        return next(iter(found.values()))

    def account(self):
        """The account that the headers say, or None."""
        header = None
        for value in self.header("X-Notify-Account"):
            text = reading.header(value)
            key = text and reading.account_key(text)
            if not key or header not in (None, key):
                raise BadTag(value)
            header = key
        return header

    def accounts(self, header):
        """The account of the header or None, and all accounts named."""
        if header is not None and header not in self.roster.accounts:
            raise BadTag(header)
        named = {header} - {None}
        for person in self.people:
            if person.account is not None:
                if person.account not in self.roster.accounts:
                    raise BadTag(person.text)
                named.add(person.account)
        if header and named != {header}:
            raise BadTag("contradiction")
        return header, named


class Delivery:
    """A message whose tag and accounts are understood."""

    def __init__(self, message, category, header, named):
        self.roster, self.settings = message.roster, message.settings
        self.people, self.category = message.people, category
        self.header, self.named = header, named
        self.expand = self.settings["expand"]
        self.found = named | self.of_users()

    def of_users(self):
        """The accounts of those recipients who are users of exactly one; the
        header says it alone, and who is only always kept says nothing."""
        if self.header:
            return set()
        return {person.members[0][0].name.lower() for person in self.people
                if len(person.members) == 1
                and (not person.always or self.entitled(person))}

    def why(self, user):
        """Why a user is, or is not, entitled; all reasons that are right."""
        if user.role == "owner":
            return {"owner"}
        if self.roster.entitled(user, self.category):
            return {"subscribed"}
        if user.role == "subscriber" and not self.category.open:
            return {"not-open"}
        return {"not-subscribed"}

    # Rule 4: who stays

    @staticmethod
    def within(members, accounts):
        return [(account, user) for account, user in members
                if account.name.lower() in accounts]

    def concerned(self, person):
        """The memberships that count for a recipient: in the header's account;
        else in the accounts named, if he is a user of one; else all."""
        if self.header:
            return self.within(person.members, {self.header})
        return self.within(person.members, self.named) or person.members

    def entitled(self, person):
        return any(self.roster.entitled(user, self.category)
                   for _, user in self.concerned(person))

    def judge(self, person):
        """The fate of one recipient, before anybody joins, and why."""
        if person.mirror:
            return "kept", {"mirror"}
        if person.account is not None:
            return "replaced", {"account-address", "not-expanded"}
        users = [user for _, user in self.concerned(person)]
        good = [u for u in users if self.roster.entitled(u, self.category)]
        if good:
            return "kept", set().union(*map(self.why, good))
        if not person.members \
                and self.settings["unknown_recipients"] == "keep":
            return "kept", {"unknown-kept"}
        if person.always:
            return "kept", {"always-kept"}
        if not person.members:
            return "dropped", {"unknown"}
        if not users:
            return "dropped", {"other-account"}
        return "dropped", set().union(*map(self.why, users))

    # Rule 4: who joins

    def joining(self):
        """For the key of each who joins, the (account, reason) for it."""
        if self.expand == "never":
            return {}
        accounts = self.named if self.expand == "addressed" else self.found
        joins = {}
        for name in accounts:
            everybody = name in self.named or self.expand == "always"
            for user in self.roster.accounts[name].users.values():
                if user.role == "owner" or (everybody and self.roster.entitled(
                        user, self.category)):
                    joins.setdefault(user.address.key, set()).update(
                        (name, why) for why in self.why(user))
        return joins

    def envelope(self):
        """The fates of all recipients, and who is added. Somebody who joins and
        is a recipient stays. Of the spellings of one person the first stays,
        with those that the MTA cannot tell from it."""
        joins = self.joining()
        fates, first = [], {}
        for person in self.people:
            fate, why = self.judge(person)
            if person.members and person.key in joins and (
                    fate == "dropped" or why == {"always-kept"}):
                fate, why = "kept", {w for _, w in joins[person.key]}
            if fate == "kept" and not person.mirror:
                octets = first.setdefault(person.key, person.octets)
                if octets != person.octets:
                    fate, why = "dropped", {"duplicate"}
            fates.append((fate, why))
        return fates, {key: whys for key, whys in joins.items()
                       if key not in first}

    # Rule 7

    def chats(self, fates, added):
        """The chats of all who get the message. Memberships in accounts named
        count alone, if there are any, or if the header names it. Who is a user
        of several accounts, none of them named, has it in a private chat only,
        without the account."""
        chats = {}
        if not self.category.mirrored:
            return chats
        keys = {person.key for person, (fate, _) in zip(self.people, fates)
                if fate == "kept" and person.members} | set(added)
        for key in keys:
            members = self.roster.members(key)
            named = self.within(members, self.named)
            if self.header:
                members = named
            says = bool(named) or len(members) == 1
            for _, user in named or members:
                if (user.chat is not None and (says or user.chat > 0)
                        and user.role != "subscriber"
                        and self.roster.entitled(user, self.category)):
                    chats.setdefault(user.chat, set()).add(says)
        return chats

    # Rule 6

    def is_wrong(self):
        """Nobody is left: is something wrong, so that nothing may be lost?"""
        users = [person for person in self.people if person.members]
        if not users:       # strangers, or addresses that are nobody's (never)
            return not self.named or (
                any(person.account is not None for person in self.people)
                and not any(person.always and person.account is None
                            for person in self.people))
        return (self.expand in ("owner", "always") and not self.named
                and any(len(person.members) > 1 for person in users))

    def is_unsafe(self, fates, added):
        """Would the MTA send it to another, or nowhere?"""
        # Of those who are added the key is the text: an A-label.
        texts = {(p.address.key, reading.fold(p.address.exact))
                 for p in self.people}
        texts |= {(key, reading.fold(key)) for key in added}
        keys = {}
        for key, folded in texts:
            keys.setdefault(folded, set()).add(key)
        return (any(self.roster.reserved(key.rpartition("@")[2])
                    for key in added)
                or any(fate == "kept" and reading.is_hazard(person.address)
                       for person, (fate, _) in zip(self.people, fates))
                # Postfix would take two of them for one.
                or any(len(those) > 1 for those in keys.values()))

    # Rule 10

    def is_crowded(self, fates):
        """Would the MTA have to remove too many?"""
        most = int(self.settings["max_removed"])
        return 0 < most < sum(fate != "kept" for fate, _ in fates)

    def decide(self):
        fates, added = self.envelope()
        accounts = self.named if self.expand in ("addressed", "never") \
            else self.found
        others = set() if self.header else {
            account.name.lower() for p in self.people for account, _ in
            p.members}
        about = (self.category.slug, accounts, others)
        kept = [why for fate, why in fates if fate == "kept"]
        nobody = not added and all(why == {"always-kept"} for why in kept)
        if self.is_unsafe(fates, added) or (nobody and self.is_wrong()):
            return Decision("hold", [AS_IT_CAME] * len(self.people), *about)
        if nobody and not kept:
            return Decision("discard", fates, *about)
        if self.is_crowded(fates):
            return Decision("hold", [AS_IT_CAME] * len(self.people), *about)
        return Decision("deliver", fates, *about, added,
                        self.chats(fates, added))


class Reference:
    """A case run by the rules: what must become of each step."""

    def __init__(self, case):
        self.roster = Roster()
        self.roster.settings.update(case["settings"])

    def step(self, step):
        """An Outcome, a Decision, or None."""
        if step["do"] == "message":
            return self.decide(step)
        if step["do"] == "settings":
            self.roster.settings.update(step["settings"])
        elif step["do"] == "force":
            self.roster.force(step)
        else:
            return self.roster.change(step)
        return None

    def decide(self, message, explain=False):
        return Message(self.roster, message).decide(explain)
