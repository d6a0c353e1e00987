# SPDX-License-Identifier: BSD-2-Clause
"""generate - random cases: rosters, changes to them, settings, messages.

A case is made step by step along with the reference's own roster, so that most
steps have an effect; errors in a step are there on purpose.
"""
import base64
import quopri
import random
import unicodedata

import reading
import stamps
from reference import Reference
from roster import DEFAULTS, ROLES

ACCOUNTS = ("acme", "beta", "Gamma-1", "big.corp", "x_1")
PEOPLE = (
    "ann@acme.example", "bill@acme.example", "olga@acme.example",
    "otto@beta.example", "ann@beta.example", "Upper.Case@Acme.Example",
    '"john doe"@odd.example', "j\u00f6rg@odd.example",
    "info@b\u00fccher.example", "ann+private@acme.example",
    "o'brien@odd.example", "acme@acme.example", '"a b"@odd.example',
    "sue@accounts.example", "tim@telegram.example", "mia@acme.example",
    "x@stra\u00dfe.example", "mass@acme.example", "x@strasse.example",
)
STRANGERS = ("stranger@else.example", "other@else.example",
             "Who+x@else.example", "ann@else.example", "\u00fc@else.example",
             "bob", "a b@else.example", "", "x@[192.0.2.1]", "<oops@x.example",
             "ann%acme.example@else.example", "acme.example!ann", "caf\udce9@x",
             "postmaster", "archive@office.example", "x%y@office.example",
             "stra\u00dfe@else.example", "strasse@else.example",
             "x@stra\u00dfe.example", "x@strasse.example",
             "ma\u00df@acme.example", "Ma\u00df+x@acme.example",
             "oli\u212a@else.example", "olik@else.example",
             "otto+a%b.example@beta.example")
CATEGORIES = (  # that an operator adds
    ("alarms", "Alarms & more", False, True),
    ("trouble", "St\u00f6rungen und W\u00fcnsche", True, True),
    ("digest", "Digest", True, False),
    ("vip-news", "VIP news", False, False),
)
MALFORMED = (
    "nobody", "ann@", "@acme.example", "", "ann@@acme.example",
    "ann b@acme.example", "ann@acme..example", "ann@-acme.example",
    "Ann <ann@acme.example>", "<ann@acme.example", "ann@acme.example>",
    "ann@acme.example,bill@acme.example", "ann@acme.example\n",
    "ann\x85@acme.example", "ann\udcff@acme.example", '"ann@acme.example',
    '""@acme.example', "x" * 65 + "@acme.example", "ann@" + "x" * 64 + ".de",
    "ann@acme/example", '"a@b"@odd.example', "ann%x.example@acme.example",
    "-ann@acme.example", "x.example!ann@acme.example", "ann@[192.0.2.1]", "@x.example:")
NO_CATEGORY = ("lunch", "", "   ", "-_-", "balance", "balanceandpayments",
               "balance-and-payments, services", "balance-and-payments!",
               "services and services and services", "x" * 3000, "ser\udcffvices",
               "=?x-nosuch?Q?services?=", "=?utf-8?B?!!!!?=",
               "=?utf-8?Q?=FF=FE?=", "&", "%")
NO_ACCOUNT = ("nosuch", "", "ac me", "acme@x", "acme;beta", "x" * 65, ".acme",
              "ac..me", "\u00e4", "acme+x", "ac\udcffme")
CLIENTS = ("127.0.0.1", "127.0.0.1", "127.0.0.1", "::1", "192.0.2.7",
           "10.1.2.3", "::ffff:10.1.2.3", "::ffff:127.0.0.1", "2001:db8::7",
           "2001:db8:8000::7", None)
TRUSTED = ("127.0.0.0/8, ::1", "127.0.0.0/8 ::1", "192.0.2.0/29,[2001:db8::]/33",
           "10.0.0.0/8", "::/0", "0.0.0.0/0", "::ffff:10.0.0.0/104", "127.0.0.1",
           "[::1]/128 127.0.0.0/31")

# Of no link that a case has.
NO_LINK = 10 ** 17 + 7


class Spelling:
    """Spellings of the same thing."""

    def __init__(self, rng):
        self.rng = rng

    def case(self, text):
        """TEXT in other letters that give the same key."""
        new = self.rng.choice((str.upper, str.title, str.swapcase, str.lower,
                               str, str, str))(text)
        return new if len(new) == len(text) else text

    def domain(self, domain):
        kind = self.rng.randrange(5)
        if kind == 0:
            domain = domain.encode("idna").decode()
        elif kind == 1 and domain == "xn--strae-oqa.example":
            domain = "stra\u00dfe.example"     # none of Python's IDNA 2003
        elif kind == 1 and domain.startswith("xn--"):
            domain = domain.encode().decode("idna")
        return self.case(domain)

    def local(self, local):
        """A local part, quoted if it must or may be."""
        text = self.case(local)
        if self.rng.random() < 0.1:
            text = unicodedata.normalize("NFD", text)
        special = any(c in ' "\\@' for c in text)
        if not special and self.rng.random() < 0.85:
            return text
        quoted = ""
        for c in text:
            odd = self.rng.random() < 0.1 and c.isascii()
            quoted += "\\" + c if c in '"\\' or odd else c
        return f'"{quoted}"'

    def person(self, text, detail=True):
        """An address in another spelling, with or without a detail part."""
        if self.rng.random() < 0.3:
            return text
        found = reading.address(text)
        if not found or not found.domain:
            return text
        local = found.local
        if detail and self.rng.random() < 0.2:
            local += self.rng.choice(("+", "+bill", "+a+b", "+Private", "+x"))
        return f"{self.local(local)}@{self.domain(found.domain)}"

    def recipient(self, text, brackets):
        """As an MTA would show it."""
        chance = self.rng.random()
        if chance < 0.05 and "@" in text:
            text += "."
        elif chance < 0.10 and "@" in text:
            text = self.rng.choice(("@a.example:", "@a.example,@b.example:")) \
                + text
        return f"<{text}>" if brackets else text

    def name(self, text):
        """A category's slug or title in another spelling."""
        rng = self.rng
        words = text.replace("&", "and").replace("-", " ").split()
        out = ""
        for i, word in enumerate(words):
            if word.lower() == "and" and rng.random() < 0.5:
                word = "&"
            run = "".join(rng.choice(" -_") for _ in range(rng.choice((1, 1,
                                                                       2, 3))))
            tight = i and "&" in (word, words[i - 1]) and rng.random() < 0.3
            out += ("" if tight or not i else run) + word
            words[i] = word
        return self.case(rng.choice(("", "", " ", "_- ")) + out)

    def header(self, text):
        """A header's value in another encoding, folded or not."""
        rng, words = self.rng, None
        kind = rng.random()
        if not reading.is_utf8(text) or "=?" in text:
            return text
        if kind < 0.25:
            cut = rng.randrange(len(text) + 1)
            parts = [p for p in (text[:cut], text[cut:]) if p]
            words = [self.encoded(p) for p in parts]
            text = rng.choice((" ", "\n ", "\n\t")).join(words)
        elif kind < 0.35 and " and " in text:
            left, right = text.split(" and ", 1)
            text = f"{left} {self.encoded('and')} {right}"
        if kind > 0.8 and " " in text:
            text = text.replace(" ", rng.choice(("\n ", "\n\t", "\r\n ")), 1)
        return rng.choice(("", " ", "  ")) + text + rng.choice(("", "", " "))

    def encoded(self, text):
        rng = self.rng
        for charset in rng.sample(("utf-8", "iso-8859-1", "us-ascii", "UTF-8",
                                   "utf-8*en", "windows-1252"), 6):
            try:
                octets = text.encode(charset.partition("*")[0])
                break
            except UnicodeEncodeError:
                continue
        if rng.random() < 0.5:
            return f"=?{charset}?{rng.choice('bB')}?" \
                f"{base64.b64encode(octets).decode()}?="
        data = "".join(
            "_" if o == 32 and rng.random() < 0.7 else chr(o)
            if chr(o).isalnum() and o < 128 else f"={o:02X}" for o in octets)
        assert quopri.decodestring(data, header=True) == octets
        return f"=?{charset}?{rng.choice('qQ')}?{data}?="


class Generator:
    """One case."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.spell = Spelling(self.rng)
        self.case = {"settings": self.settings(0.6), "steps": []}
        self.reference = Reference(self.case)
        self.roster = self.reference.roster
        self.people = self.rng.sample(PEOPLE, self.rng.randint(4, 10))
        self.chat_ids = [self.rng.choice((5, 6, 7, -100123, 2**40))
                         for _ in range(4)]

    def make(self):
        rng = self.rng
        for _ in range(rng.randint(1, 4)):
            self.take(self.account_add(right=True))
        while self.roster.accounts and rng.random() < 0.4:
            self.take(self.join_another())
        for _ in range(rng.randint(6, 22)):
            self.take(self.change())
            if rng.random() < 0.15:
                self.take(self.message())
            if rng.random() < 0.04:
                self.take({"do": "settings", "settings": self.settings(0.3)})
        if rng.random() < 0.3:
            for _ in range(rng.randint(1, 3)):
                self.take(self.force())
        for _ in range(rng.randint(3, 8)):
            if rng.random() < 0.3:
                self.take({"do": "settings", "settings": self.settings(0.4)})
            self.take(self.message())
        return self.case

    def take(self, step):
        if step is not None:
            self.reference.step(step)
            self.case["steps"].append(step)

    def chance(self, p):
        return self.rng.random() < p

    def settings(self, share):
        """Some settings, each with the chance SHARE."""
        choice = self.rng.choice
        values = {
            "account_domain": choice((
                "accounts.example", "accounts.example", "Accounts.EXAMPLE",
                "b\u00fccher.example", "xn--bcher-kva.example", "",
                "acme.example")),
            "domain": choice(("telegram.invalid", "Telegram.INVALID",
                              "chat.example", "telegram.example",
                              "caf\u00e9.example")),
            "expand": choice(("owner", "addressed", "always", "never")),
            "unknown_recipients": choice(("drop", "keep")),
            "always_keep": choice((
                "", "", "@office.example", "archive@office.example @x",
                "ann@beta.example", "@odd.example,@beta.example",
                "Otto@beta.example, @else.example",
                '@b\u00fc.example,"John.Doe"@odd.example')),
            "bad_tag": choice(("hold", "reject", "tempfail")),
            "max_removed": choice(("0", "1", "2", "3")),
            "trusted_clients": choice(TRUSTED),
            "trust_authenticated": choice(("yes", "no")),
            "monitor": choice(("no", "no", "no", "no", "yes")),
        }
        if values["account_domain"].lower() == values["domain"].lower():
            del values["domain"]
        rare = {"trusted_clients": 0.3, "max_removed": 0.3, "monitor": 0.3, "domain": 0.4,
                "account_domain": 0.4}
        return {name: value for name, value in values.items()
                if self.chance(share * rare.get(name, 1))}

    # Pieces of steps

    def account(self, wrong=0.05):
        """The name of an account, mostly of one that exists."""
        names = [a.name for a in self.roster.accounts.values()]
        if not names or self.chance(wrong):
            return self.rng.choice((*NO_ACCOUNT, *ACCOUNTS))
        return self.spell.case(self.rng.choice(names))

    def users(self, name, role=None):
        account = self.roster.accounts.get(name.lower())
        return [u.address for u in account.users.values()
                if role is None or u.role in role] if account else []

    def typed(self, key):
        """An address as a person may type it."""
        return self.spell.person(key, detail=False)

    def user(self, name, wrong=0.1):
        """The address of a user of the account, mostly."""
        users = self.users(name)
        if not users or self.chance(wrong):
            return self.rng.choice((self.rng.choice(self.people),
                                    self.rng.choice(MALFORMED),
                                    "stranger@else.example"))
        return self.typed(self.quoted(self.rng.choice(users)))

    @staticmethod
    def quoted(address):
        """The key of an Address, as an address."""
        local = address.local
        if any(c in ' "\\@' for c in local):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{address.domain}"

    def actor(self, name, wrong=0.15):
        managers = self.users(name, ("owner", "user-admin"))
        if not managers or self.chance(wrong):
            return self.rng.choice((None, self.user(name),
                                    self.rng.choice(PEOPLE),
                                    self.rng.choice(MALFORMED)))
        return self.typed(self.quoted(self.rng.choice(managers)))

    def operator(self, account=None):
        """The actor of a command that needs no --as."""
        if self.chance(0.1):
            return self.rng.choice(self.people)
        return self.actor(account) if account and self.chance(0.2) else None

    def category(self, wrong=0.05):
        if self.chance(wrong):
            return self.rng.choice([c for c in NO_CATEGORY if "=?" not in c])
        found = self.rng.choice(self.roster.categories)
        return self.spell.name(self.rng.choice((found.slug, found.title)))

    # Changes

    def change(self):
        kinds = {self.account_add: 1, self.user_add: 6, self.user_role: 4,
                 self.user_remove: 2, self.transfer: 2, self.account_remove: 1,
                 self.category_add: 1, self.subscribe: 9, self.unsubscribe: 5,
                 self.connect: 5, self.import_: 4}
        return self.rng.choices(list(kinds), list(kinds.values()))[0]()

    def account_add(self, right=False):
        free = [n for n in ACCOUNTS if n.lower() not in self.roster.accounts]
        name = self.rng.choice(free) if free and (
            right or self.chance(0.8)) else self.account(0.5)
        owner = self.rng.choice(self.people) if right or self.chance(0.9) \
            else self.rng.choice(MALFORMED)
        return {"do": "account-add", "account": name, "owner": owner,
                "title": self.rng.choice((None, "Acme Ltd", "a\nb"
                                          if not right else "B\u00fcro"))}

    def transfer(self):
        account = self.account()
        return {"do": "account-transfer", "account": account,
                "address": self.user(account), "as": self.operator(account)}

    def account_remove(self):
        return {"do": "account-remove", "account": self.account(0.4)}

    def user_add(self):
        account = self.account()
        fresh = [p for p in self.people if reading.address(p).key not in
                 {u.key for u in self.users(account)}] or self.people
        n = self.rng.choice((1, 1, 2, 3))
        addresses = [self.typed(self.rng.choice(fresh)) for _ in range(n)]
        if self.chance(0.1):
            addresses.insert(0, self.user(account, 0.5))
        role = self.rng.choice(ROLES[1:]) if self.chance(0.93) else \
            self.rng.choice(("owner", "boss", ""))
        return {"do": "user-add", "account": account, "role": role,
                "addresses": addresses, "as": self.operator(account)}

    def join_another(self):
        """Somebody who is a user becomes one of another account, too."""
        everybody = [u.address for a in self.roster.accounts.values()
                     for u in a.users.values()]
        return {"do": "user-add", "account": self.account(),
                "addresses": [self.quoted(self.rng.choice(everybody))],
                "role": self.rng.choice(ROLES[1:])}

    def user_role(self):
        account = self.account()
        return {"do": "user-role", "account": account,
                "address": self.user(account), "role":
                self.rng.choice((*ROLES[1:], *ROLES[1:], "owner", "boss")),
                "as": self.operator(account)}

    def user_remove(self):
        account = self.account()
        return {"do": "user-remove", "account": account,
                "address": self.user(account), "as": self.operator(account)}

    def category_add(self):
        slug, title, is_open, mirrored = self.rng.choice(CATEGORIES)
        if self.chance(0.2):
            slug = self.rng.choice(("a b", "Services", "services", "-a", ""))
        elif self.chance(0.2):
            title = self.rng.choice((self.category(0), "", "a\nb", "x" * 256))
        return {"do": "category-add", "slug": slug, "title": title,
                "open": is_open, "mirrored": mirrored}

    def subscribe(self):
        account = self.account()
        n = self.rng.choice((1, 1, 2, 3))
        return {"do": "subscribe", "account": account,
                "category": self.category(), "as": self.actor(account),
                "addresses": [self.user(account, 0.05) for _ in range(n)]}

    def unsubscribe(self):
        account = self.account()
        address, category = self.user(account), self.category()
        held = [(u, slug) for u in self.users(account) for slug in
                self.roster.accounts[account.lower()].users[u.key].slugs]
        if held and self.chance(0.8):
            user, slug = self.rng.choice(held)
            address, category = self.typed(self.quoted(user)), slug
        confirm = self.typed(address) if self.chance(0.9) else \
            self.rng.choice((self.user(account), "yes", None))
        if confirm is not None and not confirm.strip():
            confirm = None
        return {"do": "unsubscribe", "account": account, "category": category,
                "address": address, "as": self.actor(account),
                "confirm": confirm or "-"}

    def connect(self):
        account = self.account()
        address = self.user(account, 0.03)
        able = [u.address for a in self.roster.accounts.values()
                if a.name.lower() == account.lower()
                for u in a.users.values() if self.roster.may_have_chat(u)]
        if able and self.chance(0.7):
            address = self.typed(self.quoted(self.rng.choice(able)))
        return {"do": "connect", "account": account, "address": address,
                "chat": self.rng.choice(self.chat_ids)}

    def import_(self):
        rows = []
        for account in list(self.roster.accounts.values()):
            if self.chance(0.75):
                rows += self.rows_of(account)
        if self.chance(0.15):
            name = self.rng.choice(ACCOUNTS)
            rows.append([name, self.rng.choice(self.people), "owner", ""])
        if self.chance(0.3):
            self.rng.shuffle(rows)
        if rows and self.chance(0.1):
            row, column = self.rng.choice(rows), self.rng.randrange(4)
            row[column] = self.rng.choice((NO_ACCOUNT, MALFORMED, (
                "boss", "", "owner"), ("lunch", "services;nosuch"))[column])
        return {"do": "import", "sync": self.chance(0.5), "rows": rows,
                "as": self.operator()}

    def rows_of(self, account):
        """Rows for an account, close to its present state."""
        users = list(account.users.values())
        owner = account.owner
        if self.chance(0.3):
            owner = self.rng.choice(users)
        rows = []
        for user in users:
            role = "owner" if user is owner else \
                "user-admin" if user.role == "owner" else user.role
            if role != "owner" and self.chance(0.2):
                role = self.rng.choice(ROLES[1:])
            if (user is owner and self.chance(0.9)) or self.chance(0.8):
                rows.append([self.spell.case(account.name),
                             self.typed(self.quoted(user.address)), role,
                             self.slugs(user.slugs, role)])
        if self.chance(0.3):
            role = self.rng.choice(ROLES if self.chance(0.1) else ROLES[1:])
            rows.append([account.name, self.rng.choice(self.people), role,
                         self.slugs(set(), role)])
        return rows

    def slugs(self, now, role):
        """Categories for a row, close to those of NOW."""
        found = {c.slug for c in self.roster.categories
                 if (c.slug in now) != self.chance(0.2)
                 and (c.open or role != "subscriber" or self.chance(0.05))}
        return self.rng.choice((";", " ; ")).join(
            self.spell.name(s) if self.chance(0.3) else s
            for s in self.rng.sample(sorted(found), len(found)))

    def force(self):
        """A link or subscription that no command would make."""
        users = [(a, u) for a in self.roster.accounts.values()
                 for u in a.users.values()]
        if not users:
            return None
        account, user = self.rng.choice(users)
        step = {"do": "force", "account": account.name,
                "address": self.quoted(user.address)}
        if self.chance(0.5):
            return {**step, "what": "chat",
                    "chat": self.rng.choice(self.chat_ids)}
        return {**step, "what": "subscription",
                "slug": self.rng.choice(self.roster.categories).slug}

    # Messages

    def message(self):
        brackets = self.chance(0.8)
        n = self.rng.choice((1, 1, 2, 2, 3, 4, 6))
        recipients = [self.spell.recipient(self.recipient(), brackets)
                      for _ in range(n)]
        if self.chance(0.2):
            recipients.append(self.rng.choice(recipients))
        headers = self.tags() + self.account_headers()
        if self.chance(0.3):
            headers += [["Subject", "x"], ["x-NOTIFY-Other", "y"],
                        ["X-Notify", "z"]]
        if self.chance(0.7):
            headers += self.ids()
        self.come_again(recipients, headers)
        if self.chance(0.3):
            self.rng.shuffle(headers)
        return {"do": "message", "recipients": recipients, "headers": headers,
                "client": "127.0.0.1" if self.chance(0.6)
                else self.rng.choice(CLIENTS),
                "authenticated": self.chance(0.15),
                "cleanup": not brackets and self.chance(0.7)}

    def ids(self):
        """Message-ID headers."""
        name = self.rng.choice(("Message-ID", "Message-Id", "MESSAGE-ID"))
        found = [[name, self.rng.choice((
            "<1@acme.example>", "<2@acme.example>", "<2@acme.example> ",
            "\n\t<3@acme.example>", "<4@\n acme.example>", "", " \n\t",
            "<b\u00fccher@acme.example>"))]]
        if self.chance(0.1):
            found.append([name, "<other@acme.example>"])
        return found

    def come_again(self, recipients, headers):
        """Perhaps the message was decided before, or looks as if it was."""
        if self.chance(0.7):
            return
        values = {name.rstrip(" \t").lower(): value
                  for name, value in reversed(headers)}
        text = reading.header(values.get("x-notify-category", ""))
        category = text and self.roster.category(text)
        account = reading.header(values.get("x-notify-account", ""))
        slug = category.slug if category else "services"
        id_ = stamps.message_id([values.get("message-id", "")])
        if self.chance(0.1):
            id_ = "<other@acme.example>"
        if self.chance(0.5):
            link = self.rng.choice((NO_LINK, NO_LINK, 0))
            check = stamps.mirror(link, slug, id_, self.chance(0.7))
            if self.chance(0.2):
                check = self.rng.choice((check[:-1], "0" * 32,
                                         check[::-1], ""))
            domain = self.spell.case(self.roster.settings["domain"])
            recipients.append(f"<{link}-{check}@{domain}>")
        if self.chance(0.7):
            stamp = stamps.decided(
                slug, reading.account_key(account or "") or "", id_ or "x")
            if self.chance(0.2):
                stamp = self.rng.choice(("", "x", stamp[:-1], "0" * 32))
            name = self.spell.case(stamps.HEADER)
            headers.append([name, self.rng.choice(("", " ", "\n\t")) + stamp])
            if self.chance(0.1):
                headers.append([name, "x"])

    def recipient(self):
        kind = self.rng.random()
        members = [u.address for a in self.roster.accounts.values()
                   for u in a.users.values()]
        domain = self.roster.settings["account_domain"] or "accounts.example"
        if kind < 0.55 and members:
            return self.spell.person(self.quoted(self.rng.choice(members)))
        if kind < 0.80:
            local = self.spell.local(self.account(0.05))
            if self.chance(0.1):
                local = self.account(0) + "+Invoice-7"
            return f"{local}@{self.spell.domain(domain)}"
        if kind < 0.82:
            return self.chat()
        if kind < 0.92:
            return self.spell.person(self.rng.choice(PEOPLE))
        return self.rng.choice(STRANGERS)

    def chat(self):
        """The reserved domain, or one that looks like it."""
        domain = self.spell.case(self.roster.settings["domain"])
        return self.rng.choice((
            "5@{}", "5@{}", "5+x@{}", '"a b"@{}', "5@{}.", "{}!5",
            "@{}:5@else.example", "5%{}@else.example", "5@{}.example",
            "5@my-{}", "{}@else.example", "5@x.{}")).format(domain)

    def tags(self):
        """X-Notify-Category headers: mostly one that is valid."""
        kind = self.rng.random()
        name = self.spell.case("X-Notify-Category")
        if self.chance(0.03):
            name += " "     # is that header too (RFC 5322, 4.5)
        if kind < 0.05:
            return []
        if kind < 0.12:
            return [[name, self.rng.choice(NO_CATEGORY)]]
        category = self.rng.choice([
            c for c in self.roster.categories if c.mirrored] if
            self.chance(0.4) else self.roster.categories)
        found = [[name, self.tag(category)]]
        while self.chance(0.12):
            found.append([self.spell.case(name), self.tag(category)])
        if self.chance(0.05):
            found.append([name, self.rng.choice((
                self.tag(self.rng.choice(self.roster.categories)),
                self.rng.choice(NO_CATEGORY)))])
        return found

    def tag(self, category):
        text = self.rng.choice((category.slug, category.title))
        return self.spell.header(self.spell.name(text))

    def account_headers(self):
        name = self.spell.case("X-Notify-Account")
        if self.chance(0.6):
            return []
        account = self.account(0.08)
        found = [[name, self.spell.header(account)]]
        if self.chance(0.1):
            other = account if self.chance(0.6) else self.account(0.3)
            found.append([name, self.spell.header(self.spell.case(other))])
        return found


def make(seed):
    """The case that SEED gives."""
    case = Generator(seed).make()
    return {**case, "settings": {**DEFAULTS, **case["settings"]}}
