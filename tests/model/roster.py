# SPDX-License-Identifier: BSD-2-Clause
"""roster - who may change what: the reference's rules on changes.

Written from policy/README.md (Categories, Roles, Programs and settings), the
README and the headers' contracts, to be compared with the programs; it uses
nothing of the C.
"""
import copy
from dataclasses import dataclass, field

import reading

BUILTIN = (     # slug, title, open to Subscriber, mirrored to Telegram
    ("account-and-agreement", "Account and agreement", False, False),
    ("accounting-documents", "Accounting documents", True, False),
    ("balance-and-payments", "Balance and payments", True, True),
    ("scheduled-maintenance", "Scheduled maintenance", False, False),
    ("services", "Services and services", False, False),
)
ROLES = ("owner", "user-admin", "member", "subscriber")
MANAGERS = ("owner", "user-admin")

DEFAULTS = {
    "account_domain": "accounts.example", "domain": "telegram.invalid",
    "expand": "owner", "unknown_recipients": "drop", "bad_tag": "hold",
    "always_keep": "", "max_removed": "2000",
    "trusted_clients": "127.0.0.0/8, ::1", "trust_authenticated": "no",
    "monitor": "no",
}


@dataclass
class Category:
    slug: str
    title: str
    open: bool
    mirrored: bool


@dataclass
class User:
    address: reading.Address
    role: str
    slugs: set = field(default_factory=set)
    chat: int = None


@dataclass
class Account:
    name: str
    users: dict = field(default_factory=dict)   # by key

    @property
    def owner(self):
        return next(u for u in self.users.values() if u.role == "owner")


@dataclass
class Outcome:
    """The outcome that a change must have. KINDS: if the contract leaves open which of
    several errors is reported, all of them. RECORDS: (account, action, subject,
    what the detail contains). NAMED: what a refusal must name, or a change that
    was not needed."""
    kinds: set
    records: list = field(default_factory=list)
    notices: list = field(default_factory=list)
    named: list = field(default_factory=list)


# What a notice is about: of several things the last of these.
TOLD = ("unsubscribed", "handed-over", "role", "owner", "removed",
        "account-removed")
RIGHTS = ("owner", "user-admin", "member", "subscriber")    # fewer and fewer


class Refused(Exception):
    def __init__(self, *kinds, named=()):
        super().__init__(kinds)
        self.kinds, self.named = set(kinds), list(named)


class Roster:
    """All accounts, and changes to them."""

    def __init__(self):
        self.accounts = {}      # by key
        self.categories = [Category(*row) for row in BUILTIN]
        self.settings = dict(DEFAULTS)
        self.records, self.told, self.named = [], {}, []

    def change(self, step):
        """Make the change STEP, whole or not at all; its Outcome."""
        self.records, self.told, self.named = [], {}, []
        before = None
        if step["do"] == "import":      # the others look before they change
            before = copy.deepcopy(self.accounts)
        try:
            self.check_person(step)
            self.COMMANDS[step["do"]](self, step)
        except Refused as refused:
            if before is not None:
                self.accounts = before
            return Outcome(refused.kinds, named=refused.named)
        # An import tells nobody.
        notices = [] if step["do"] == "import" else [
            (*who, kind) for who, kind in self.told.items()]
        return Outcome({"done"}, self.records, notices, self.named)

    def force(self, step):
        """A change that no command would make."""
        account = self.accounts[reading.account_key(step["account"])]
        user = account.users[reading.address(step["address"]).key]
        if step["what"] == "chat":
            user.chat = step["chat"]
        else:
            user.slugs.add(step["slug"])

    # Look-ups

    def category(self, name):
        key = reading.category_key(name)
        return next((c for c in self.categories if key is not None and key in
                     (c.slug, reading.category_key(c.title))), None)

    def by_slug(self, slug):
        return next(c for c in self.categories if c.slug == slug)

    def members(self, key):
        """(account, user) of every user with the address KEY."""
        return [(a, a.users[key]) for a in self.accounts.values()
                if key in a.users]

    @staticmethod
    def allowed(role, category):
        """May this role be subscribed to it?"""
        return role != "subscriber" or category.open

    def entitled(self, user, category):
        return user.role == "owner" or (
            category.slug in user.slugs and self.allowed(user.role, category))

    def may_have_chat(self, user):
        return user.role != "subscriber" and any(
            self.entitled(user, c) for c in self.categories if c.mirrored)

    def reserved(self, domain):
        return domain in (reading.domain_key(self.settings["account_domain"]),
                          reading.domain_key(self.settings["domain"]))

    # Arguments of commands

    def find_account(self, name):
        key = reading.account_key(name)
        if key not in self.accounts:
            raise Refused("unknown")
        return self.accounts[key]

    def find_category(self, name):
        found = self.category(name)
        if found is None:
            raise Refused("unknown")
        return found

    def read_address(self, text):
        found = reading.typed(text)
        if (found is None or self.reserved(found.domain)
                or reading.is_hazard(found)):
            raise Refused("data", named=[text])
        return found

    def find_user(self, account, text):
        found = reading.typed(text)
        if found and found.key in account.users:
            return account.users[found.key]
        self.read_address(text)
        raise Refused("unknown", named=[text])

    def check_person(self, step):
        """May the person whom --as names do it?"""
        as_ = step.get("as")
        if as_ == "" or as_ is None and step["do"].endswith("subscribe"):
            raise Refused("usage")
        if as_ is None:
            return

        def permitted():
            may = {"account-transfer": ("owner",)}.get(
                step["do"], MANAGERS if step["do"].startswith("user-") or
                step["do"].endswith("subscribe") else ())
            account = self.accounts.get(reading.account_key(
                step.get("account") or ""))
            found = reading.typed(as_)
            user = account and found and account.users.get(found.key)
            if not user or user.role not in may:
                raise Refused("denied")
        self.together(lambda: self.read_address(as_), permitted)

    @staticmethod
    def together(*checks):
        """The results of CHECKS; of several errors any may be reported."""
        results, kinds, named = [], set(), []
        for check in checks:
            try:
                results.append(check())
            except Refused as refused:
                kinds |= refused.kinds
                named.append(refused.named)
        if kinds:
            raise Refused(*kinds, named=named[0] if len(named) == 1 else ())
        return results

    @staticmethod
    def each(check, texts):
        """CHECK every text; the first error of the worst kind counts, and every
        wrong text is named."""
        found, kinds, named = {}, set(), []
        for text in texts:
            try:
                user = check(text)
                found.setdefault(user.key if isinstance(user, reading.Address)
                                 else user.address.key, user)
            except Refused as refused:
                kinds |= refused.kinds
                named += refused.named
        for kind in ("data", "unknown", "denied"):
            if kind in kinds:
                raise Refused(kind, named=named)
        return list(found.values())

    # Parts of a change

    def record(self, account, action, subject, detail=""):
        self.records.append((account, action, subject, detail))

    def tell(self, account, user, kind):
        """Something is taken from the user."""
        who = account.name, user.address.key
        self.told[who] = max(kind, self.told.get(who, kind), key=TOLD.index)

    def add_user(self, account, address, role):
        account.users[address.key] = user = User(address, role)
        self.record(account.name, "user-add", address.key, role)
        return user

    def end_subscription(self, account, user, slug):
        user.slugs.discard(slug)
        self.tell(account, user, "unsubscribed")
        self.record(account.name, "unsubscribe", user.address.key, slug)

    def start_subscription(self, account, user, slug):
        user.slugs.add(slug)
        self.record(account.name, "subscribe", user.address.key, slug)

    def lose_chat(self, account, user):
        """The user has lost what a chat needs: the link ends."""
        if user.chat is not None and not self.may_have_chat(user):
            user.chat = None
            self.tell(account, user, "unsubscribed")
            self.record(account.name, "telegram-end", user.address.key)

    def unsubscribe_user(self, account, user, slug):
        self.end_subscription(account, user, slug)
        if self.by_slug(slug).mirrored:
            self.lose_chat(account, user)

    def set_role(self, account, user, role):
        """Set the role, and end what it does not allow."""
        if RIGHTS.index(role) > RIGHTS.index(user.role):
            self.tell(account, user, "role")
        user.role = role
        self.record(account.name, "user-role", user.address.key, role)
        for slug in sorted(user.slugs):
            if not self.allowed(role, self.by_slug(slug)):
                self.end_subscription(account, user, slug)
                self.tell(account, user, "role")
        if role == "subscriber":
            self.lose_chat(account, user)

    def remove_user(self, account, user, kind="removed"):
        self.tell(account, user, kind)
        for slug in sorted(user.slugs):
            self.end_subscription(account, user, slug)
        if user.chat is not None:
            self.record(account.name, "telegram-end", user.address.key)
        self.record(account.name, "user-remove", user.address.key, user.role)
        del account.users[user.address.key]

    def transfer(self, account, new):
        old = account.owner
        old.role = "user-admin"
        new.role, new.slugs = "owner", set()
        self.tell(account, new, "owner")
        self.tell(account, old, "handed-over")
        self.record(account.name, "account-transfer", new.address.key,
                    old.address.key)
        for category in self.categories:
            if category.slug not in old.slugs:
                self.start_subscription(account, old, category.slug)

    def remove_account(self, account):
        for user in list(account.users.values()):
            self.remove_user(account, user, "account-removed")
        self.record(account.name, "account-remove", account.name)
        del self.accounts[account.name.lower()]

    # Commands

    def account_add(self, step):
        def name_ok():
            if (reading.account_key(step["account"]) is None
                    or reading.account_key(step["account"]) in self.accounts
                    or not reading.title_ok(step.get("title") or "")):
                raise Refused("data")
        _, owner = self.together(
            name_ok, lambda: self.read_address(step["owner"]))
        account = Account(step["account"])
        self.accounts[reading.account_key(account.name)] = account
        self.record(account.name, "account-add", account.name,
                    step.get("title") or "")
        self.add_user(account, owner, "owner")

    def account_transfer(self, step):
        account = self.find_account(step["account"])
        self.read_address(step["address"])
        new = self.find_user(account, step["address"])
        if new.role == "owner":
            self.named.append(new.address.key)
            return
        self.transfer(account, new)

    def account_remove(self, step):
        self.remove_account(self.find_account(step["account"]))

    def user_add(self, step):
        def role_ok():
            if step["role"] not in ROLES:
                raise Refused("data", named=[step["role"]])
            if step["role"] == "owner":
                raise Refused("denied")

        def people():
            account = self.find_account(step["account"])

            def new(text):
                found = self.read_address(text)
                if found.key in account.users:
                    raise Refused("data", named=[text])
                return found
            return account, self.each(new, step["addresses"])
        _, (account, addresses) = self.together(role_ok, people)
        for address in addresses:
            self.add_user(account, address, step["role"])

    def user_role(self, step):
        def role_ok():
            if step["role"] not in ROLES:
                raise Refused("data", named=[step["role"]])

        def user_ok():
            account = self.find_account(step["account"])
            user = self.find_user(account, step["address"])
            if user.role != step["role"] and "owner" in (user.role,
                                                         step["role"]):
                raise Refused("denied")
            return account, user
        _, (account, user) = self.together(role_ok, user_ok)
        if user.role == step["role"]:
            self.named.append(user.address.key)
            return
        self.set_role(account, user, step["role"])

    def user_remove(self, step):
        account = self.find_account(step["account"])
        user = self.find_user(account, step["address"])
        if user.role == "owner":
            raise Refused("denied")
        self.remove_user(account, user)

    def category_add(self, step):
        keys = {reading.category_key(step["slug"]),
                reading.category_key(step["title"])}
        taken = {key for c in self.categories
                 for key in (c.slug, reading.category_key(c.title))}
        if (not reading.slug_ok(step["slug"]) or None in keys or keys & taken
                or not reading.title_ok(step["title"])):
            raise Refused("data")
        self.categories.append(Category(step["slug"], step["title"],
                                        step["open"], step["mirrored"]))
        self.record("", "category-add", step["slug"], step["title"])

    def subscribe(self, step):
        account, category = self.together(
            lambda: self.find_account(step["account"]),
            lambda: self.find_category(step["category"]))

        def user_ok(text):
            self.read_address(text)
            user = self.find_user(account, text)
            if not self.allowed(user.role, category):
                raise Refused("denied", named=[text])
            return user
        for user in self.each(user_ok, step["addresses"]):
            if self.entitled(user, category):
                self.named.append(user.address.key)
            else:
                self.start_subscription(account, user, category.slug)

    def unsubscribe(self, step):
        def user_ok():
            account = self.find_account(step["account"])
            user = self.find_user(account, step["address"])
            if user.role == "owner":
                raise Refused("denied")
            return user

        def confirmed():
            one, again = (reading.typed(step[x] or "")
                          for x in ("address", "confirm"))
            if one is None or again is None or one.key != again.key:
                raise Refused("data")
        account, category, user, _ = self.together(
            lambda: self.find_account(step["account"]),
            lambda: self.find_category(step["category"]), user_ok, confirmed)
        if category.slug not in user.slugs:
            self.named.append(user.address.key)
            return
        self.unsubscribe_user(account, user, category.slug)

    def connect(self, step):
        account = self.find_account(step["account"])
        user = self.find_user(account, step["address"])
        if not self.may_have_chat(user):
            raise Refused("denied")
        user.chat = step["chat"]
        self.record(account.name, "telegram-link", user.address.key)

    # import: whatever is wrong with a file is `data`

    def import_row(self, row):
        name, text, role, categories = row
        if reading.account_key(name) is None or role not in ROLES:
            raise Refused("data")
        address = self.read_address(text)
        slugs = set()
        for word in categories.split(";"):
            if not word.strip():
                continue
            category = self.category(word)
            if category is None or not self.allowed(role, category):
                raise Refused("data")
            slugs.add(category.slug)
        return reading.account_key(name), name, address, role, slugs

    def import_group(self, rows, sync):
        """Bring one account into line with its ROWS."""
        key, name = rows[0][:2]
        owners = [row for row in rows if row[3] == "owner"]
        if len(owners) > 1 or len({row[2].key for row in rows}) < len(rows):
            raise Refused("data")
        account = self.accounts.get(key)
        if account is None:
            if not owners:
                raise Refused("data")
            account = self.accounts[key] = Account(name)
            self.record(name, "account-add", name)
            self.add_user(account, owners[0][2], "owner")
        elif not owners:
            listed = account.owner.address.key in {row[2].key for row in rows}
            if listed or sync:
                raise Refused("data")
        elif owners[0][2].key != account.owner.address.key:
            new = account.users.get(owners[0][2].key)
            if new is None:
                new = self.add_user(account, owners[0][2], "member")
            self.transfer(account, new)
        for row in rows:
            self.import_user(account, row, sync)
        if sync:
            for user in list(account.users.values()):
                if user.address.key not in {row[2].key for row in rows}:
                    self.remove_user(account, user)

    def import_user(self, account, row, sync):
        _, _, address, role, slugs = row
        if role == "owner":
            return
        user = account.users.get(address.key)
        if user is None:
            user = self.add_user(account, address, role)
        elif user.role != role:
            self.set_role(account, user, role)
        for slug in sorted(slugs - user.slugs):
            self.start_subscription(account, user, slug)
        if sync:
            for slug in sorted(user.slugs - slugs):
                # One that sleeps is in no file.
                if self.allowed(role, self.by_slug(slug)):
                    self.unsubscribe_user(account, user, slug)

    def import_(self, step):
        rows = [self.import_row(row) for row in step["rows"]]
        if step["sync"] and not rows:
            raise Refused("data")
        groups = {}
        for row in rows:
            groups.setdefault(row[0], []).append(row)
        for group in groups.values():
            self.import_group(group, step["sync"])
        if step["sync"]:
            for key, account in list(self.accounts.items()):
                if key not in groups:
                    self.remove_account(account)

    COMMANDS = {
        "account-add": account_add, "account-transfer": account_transfer,
        "account-remove": account_remove, "user-add": user_add,
        "user-role": user_role, "user-remove": user_remove,
        "category-add": category_add, "subscribe": subscribe,
        "unsubscribe": unsubscribe, "connect": connect, "import": import_,
    }
