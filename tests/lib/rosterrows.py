# SPDX-License-Identifier: BSD-2-Clause
"""rosterrows - what `notifyctl import` does to a roster, by its manual.

    roster = Roster(categories)
    done = roster.apply(rows, columns, sync=..., many=..., tell_all=...)

A plain second account of the rules (notifyctl(8), import; policy/README.md,
Roles and Programs and settings, 4), in memory and without any database. Rows
come with their meaning: what a cell means is the business of whoever writes it.
"""
import copy
import dataclasses

OWNER, ADMIN, MEMBER, SUBSCRIBER = "owner", "user-admin", "member", "subscriber"
RANK = [OWNER, ADMIN, MEMBER, SUBSCRIBER]   # from most rights to fewest
BAD_MAX = 20
NOT_ENTITLED = "no longer entitled to a mirrored category"
KINDS = ["subscribed", "unsubscribed", "handed-over", "role", "owner",
         "removed", "account-removed"]      # a notice is of the last of them


@dataclasses.dataclass
class Category:
    slug: str
    title: str
    open: bool
    mirrored: bool
    description: str = ""


@dataclasses.dataclass
class User:
    address: str
    role: str
    language: str = ""
    held: set = dataclasses.field(default_factory=set)  # also what sleeps
    chat: int = 0


@dataclasses.dataclass
class Account:
    name: str
    users: dict = dataclasses.field(default_factory=dict)   # key: User
    former: set = dataclasses.field(default_factory=set)    # keys

    def owner(self):
        return next((key for key, user in self.users.items()
                     if user.role == OWNER), None)


@dataclasses.dataclass
class Row:
    """Cells as written, and what they mean. A faulty row says its FAULT."""
    cells: dict
    account: str = ""       # key of the name, which may be a former one
    name: str = ""          # as written
    key: str = ""           # of the address
    address: str = ""       # as it is stored
    role: str = MEMBER
    categories: tuple = ()
    language: str = ""
    fault: str = ""
    number: int = 0


class Outcome:
    """What an import has done, or why it was refused."""

    def __init__(self):
        self.records = []       # (account, action, user, detail)
        self.notices = {}       # (account, address): Notice
        self.farewells = []     # (chat, account, reason)
        self.removed = {"accounts": 0, "users": 0, "subscriptions": 0}
        self.bad = None         # numbers of rows that may be named as wrong
        self.named = 0          # how many of them are
        self.refusal = None     # the words of another refusal


class Notice:
    def __init__(self):
        self.kinds, self.lost, self.gained = set(), set(), set()
        self.loss = False

    def kind(self):
        return max(self.kinds, key=KINDS.index)


class Roster:
    def __init__(self, categories):
        self.categories = {category.slug: category for category in categories}
        self.accounts = {}      # key: Account

    def counts(self):
        users = [user for account in self.accounts.values()
                 for user in account.users.values()]
        return {"accounts": len(self.accounts), "users": len(users),
                "subscriptions": sum(len(user.held) for user in users)}

    def present(self, key):
        """The key of the account that is, or was, called KEY."""
        if key in self.accounts:
            return key
        return next((one for one, account in self.accounts.items()
                     if key in account.former), key)

    def may_receive(self, role, slug):
        return role != SUBSCRIBER or self.categories[slug].open

    def may_link(self, user):
        return user.role == OWNER or (user.role != SUBSCRIBER and any(
            self.categories[slug].mirrored for slug in user.held))

    def rows(self):
        """{(account, address): (role, categories, language)}, as exported."""
        return {(account.name, user.address): (user.role, frozenset(
            slug for slug in user.held if self.may_receive(user.role, slug)),
            user.language)
            for account in self.accounts.values()
            for user in account.users.values()}

    # Import

    def apply(self, rows, columns, sync=False, many=False):
        """Apply ROWS, of which all have the COLUMNS, or refuse them; the
        Outcome. The roster is as before after a refusal."""
        out = Outcome()
        faults = [row.number for row in rows if row.fault]
        if faults:
            out.bad, out.named = faults[:BAD_MAX], min(len(faults), BAD_MAX)
            return out
        if not rows and sync:
            out.refusal = "no rows"
            return out
        trial = copy.deepcopy(self)
        groups = {}
        for row in rows:
            groups.setdefault(trial.present(row.account), []).append(row)
        bad = [numbers for numbers in (
            trial._faults(key, group, columns, sync)
            for key, group in groups.items()) if numbers]
        if bad:
            out.bad = sorted(set().union(*bad))
            out.named = min(len(bad), BAD_MAX)
            return out
        for key, group in groups.items():
            _Account(trial, out, key, columns, sync).apply(group)
        if sync:
            for key in set(trial.accounts) - set(groups):
                _Account(trial, out, key, columns, sync).remove()
        before = self.counts()
        for what in ("accounts", "users", "subscriptions"):
            gone = out.removed[what]
            if sync and not many and gone > 1 and gone > before[what] // 10:
                out.refusal = (f"--sync would remove {gone} of {before[what]}"
                               f" {what};")
                return out
        self.accounts = trial.accounts
        return out

    def _faults(self, key, rows, columns, sync):
        """The numbers of rows that are wrong beside the others of the account,
        or beside the roster."""
        account = self.accounts.get(key)
        users = account.users if account else {}
        owners = [row for row in rows
                  if "role" in columns and row.role == OWNER]
        found, seen = set(), {}
        for row in sorted(rows, key=lambda row: row.number):
            if row.key in seen:
                found.add(row.number)
            seen.setdefault(row.key, row)
        if len(owners) > 1:
            found.update(sorted(row.number for row in owners)[1:])
        first = min(row.number for row in rows)
        if not owners:
            if account is None:
                found.add(first)
            elif sync and account.owner() not in seen:
                found.add(first)
        for row in rows:
            user = users.get(row.key)
            if "role" in columns:
                role = row.role
            else:
                role = user.role if user else MEMBER
            if (user and user.role == OWNER and role != OWNER
                    and not owners):
                found.add(row.number)
            if role != SUBSCRIBER or "categories" not in columns:
                continue
            held = user.held if user and user.role == role else ()
            found.update(row.number for slug in row.categories
                         if slug not in held and
                         not self.categories[slug].open)
        return found


class _Account:
    """One account, and the rows of an import for it."""

    def __init__(self, roster, out, key, columns, sync):
        self.roster, self.out, self.key = roster, out, key
        self.columns, self.sync = columns, sync
        self.account = roster.accounts.get(key)

    def record(self, action, subject, detail=""):
        self.out.records.append((self.account.name, action, subject, detail))

    def tell(self, user, kind, loss, lost=None, gained=None):
        notice = self.out.notices.setdefault(
            (self.account.name, user.address), Notice())
        notice.kinds.add(kind)
        notice.loss |= loss
        if lost:
            notice.lost.add(lost)
            notice.gained.discard(lost)
        if gained:
            notice.gained.add(gained)

    # One change each

    def add(self, row, role):
        user = User(row.address, role,
                    row.language if "language" in self.columns else "")
        self.account.users[row.key] = user
        self.record("user-add", user.address, role)
        if user.language:
            self.record("user-language", user.address, user.language)
        return user

    def subscribe(self, user, slug):
        user.held.add(slug)
        self.record("subscribe", user.address, slug)
        self.tell(user, "subscribed", False, gained=slug)

    def unsubscribe(self, user, slug, why=""):
        user.held.discard(slug)
        self.out.removed["subscriptions"] += 1
        self.record("unsubscribe", user.address, slug + why)
        self.tell(user, "unsubscribed", True, lost=slug)

    def end_chat(self, user, why=NOT_ENTITLED):
        if user.chat:
            self.out.farewells.append((user.chat, self.account.name, why))
            self.record("telegram-end", user.address, why)
            user.chat = 0

    def give_role(self, user, role):
        self.record("user-role", user.address, f"{role}, was {user.role}")
        self.tell(user, "role", RANK.index(role) > RANK.index(user.role))
        user.role = role
        for slug in sorted(user.held):
            if not self.roster.may_receive(role, slug):
                self.unsubscribe(user, slug, ", not open to subscribers")
        if role == SUBSCRIBER:
            self.end_chat(user)

    def hand_over(self, old, new):
        old.role, new.role = ADMIN, OWNER
        new.held.clear()
        self.record("account-transfer", new.address, f"from {old.address}, now"
                    " user-admin and subscribed to everything")
        self.tell(new, "owner", True)
        self.tell(old, "handed-over", True)
        for slug in set(self.roster.categories) - old.held:
            self.subscribe(old, slug)

    def leave(self, key, kind):
        user = self.account.users.pop(key)
        for slug in user.held:
            self.record("unsubscribe", user.address, slug + ", removed")
            self.out.removed["subscriptions"] += 1
            self.tell(user, "unsubscribed", True, lost=slug)
        self.end_chat(user, "removed")
        self.out.removed["users"] += 1
        self.record("user-remove", user.address, user.role)
        self.tell(user, kind, True)

    def remove(self):
        for key in list(self.account.users):
            self.leave(key, "account-removed")
        self.record("account-remove", self.account.name, "")
        self.out.removed["accounts"] += 1
        del self.roster.accounts[self.key]

    # The rows

    def apply(self, rows):
        new = self.account is None
        if new:
            first = min(rows, key=lambda row: row.number)
            self.account = Account(first.name)
            self.roster.accounts[self.key] = self.account
            self.record("account-add", first.name)
        owner = next((row for row in rows
                      if "role" in self.columns and row.role == OWNER), None)
        if owner is not None:
            self.own(owner, new)
        for row in rows:
            if row is not owner:
                self.one(row)
        if self.sync:
            for key in set(self.account.users) - {row.key for row in rows}:
                self.leave(key, "removed")

    def own(self, row, new):
        users = self.account.users
        if new:
            self.add(row, OWNER)
            return
        had = self.account.owner()
        if had != row.key:
            if row.key not in users:
                self.add(row, MEMBER)
            self.hand_over(users[had], users[row.key])
        self.language(users[row.key], row)

    def language(self, user, row):
        if "language" in self.columns and user.language != row.language:
            user.language = row.language
            self.record("user-language", user.address, row.language)

    def one(self, row):
        user = self.account.users.get(row.key)
        if user is None:
            user = self.add(row, row.role if "role" in self.columns
                            else MEMBER)
        elif user.role == OWNER:
            self.language(user, row)
            return
        elif "role" in self.columns and user.role != row.role:
            self.give_role(user, row.role)
        self.language(user, row)
        if "categories" not in self.columns:
            return
        for slug in set(row.categories) - user.held:
            self.subscribe(user, slug)
        if not self.sync:
            return
        for slug in user.held - set(row.categories):
            if not self.roster.may_receive(user.role, slug):
                continue    # it sleeps
            self.unsubscribe(user, slug)
            if (self.roster.categories[slug].mirrored
                    and not self.roster.may_link(user)):
                self.end_chat(user)
