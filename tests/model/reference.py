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
    chats: set = field(default_factory=set)
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
        return (not self.address.domain or reading.is_hazard(self.address))

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
        return bool(found and self.id) and int(found[1]) < 2 ** 63 and found[2] == \
            stamps.mirror(found[1], category.slug, self.id)

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

    def __init__(self, message, category, header, accounts):
        self.roster, self.settings = message.roster, message.settings
        self.people, self.category = message.people, category
        self.header, self.accounts = header, accounts
        if self.settings["expand"] == "always" and not header:
            self.accounts = accounts | {
                account.name.lower() for person in self.people
                if not person.always or self.entitled(person)
                for account, _ in person.members}

    def why(self, user):
        """Why a user is, or is not, entitled; all reasons that are right."""
        if user.role == "owner":
            return {"owner"}
        if self.roster.entitled(user, self.category):
            return {"subscribed"}
        if user.role == "subscriber" and not self.category.open:
            return {"not-open"}
        return {"not-subscribed"}

    def concerned(self, person):
        """The memberships of a person that count."""
        return [(account, user) for account, user in person.members
                if not self.header or account.name.lower() == self.header]

    def entitled(self, person):
        return any(self.roster.entitled(user, self.category)
                   for _, user in self.concerned(person))

    def judge(self, person):
        """The fate of one recipient, and why."""
        if person.mirror:
            return "kept", {"mirror"}
        keep = self.settings["unknown_recipients"] == "keep"
        if (person.account is None and person.always
                and not self.entitled(person)
                and (person.members or not keep)):
            return "kept", {"always-kept"}
        if person.account is not None:
            return "replaced", {"account-address", "not-expanded"}
        if not person.members:
            if self.settings["unknown_recipients"] == "keep":
                return "kept", {"unknown-kept"}
            return "dropped", {"unknown"}
        users = [user for _, user in self.concerned(person)]
        if not users:
            return "dropped", {"other-account"}
        good = [u for u in users if self.roster.entitled(u, self.category)]
        return ("kept" if good else "dropped",
                set().union(*map(self.why, good or users)))

    def recipients(self):
        """All fates; of the spellings of one person the first stays, with those
        that the MTA cannot tell from it."""
        fates, first = [], {}
        for person in self.people:
            fate, why = self.judge(person)
            if fate == "kept" and not person.mirror:
                octets = first.setdefault(person.key, person.octets)
                if octets != person.octets:
                    fate, why = "dropped", {"duplicate"}
            fates.append((fate, why))
        return fates, set(first)

    def joining(self, present):
        """Entitled users of the named accounts who are not yet recipients."""
        if self.settings["expand"] == "never":
            return {}
        added = {}
        for key in self.accounts:
            account = self.roster.accounts[key]
            for user in account.users.values():
                if (self.roster.entitled(user, self.category)
                        and user.address.key not in present):
                    added.setdefault(user.address.key, set()).update(
                        (key, why) for why in self.why(user))
        return added

    def chats(self, fates, added):
        """The chats of all who get the message, in the accounts for which they
        get it."""
        if not self.category.mirrored:
            return set()
        users = [user for person, (fate, _) in zip(self.people, fates)
                 if fate == "kept" and not person.mirror for _, user in self.concerned(person)]
        users += [self.roster.accounts[account].users[key]
                  for key, whys in added.items() for account, _ in whys]
        return {user.chat for user in users if user.chat is not None
                and user.role != "subscriber"
                and self.roster.entitled(user, self.category)}

    def decide(self):
        fates, present = self.recipients()
        added = self.joining(present)
        slug = self.category.slug
        as_it_came = [AS_IT_CAME] * len(self.people)
        others = set() if self.header else {
            account.name.lower() for p in self.people for account, _ in
            p.members}
        if any(self.roster.reserved(key.rpartition("@")[2]) for key in added):
            return Decision("hold", as_it_came, slug, self.accounts, others)
        if any(fate == "kept" and reading.is_hazard(person.address)
               for person, (fate, _) in zip(self.people, fates)):
            return Decision("hold", as_it_came, slug, self.accounts, others)
        keys = {p.address.key for p in self.people if p.account is None}
        keys |= set(added)
        if len({reading.fold(key) for key in keys}) < len(keys):
            # Postfix would take two of them for one.
            return Decision("hold", as_it_came, slug, self.accounts, others)
        alone = not added and all(
            why == {"always-kept"} for fate, why in fates if fate == "kept")
        if alone:
            known = self.accounts or others or any(
                p.members or p.account is not None for p in self.people)
            if not known:
                return Decision("hold", as_it_came, slug, set())
        if not present and not added and not any(
                p.mirror for p in self.people):
            return Decision("discard", fates, slug, self.accounts, others)
        return Decision("deliver", fates, slug, self.accounts, others, added,
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
