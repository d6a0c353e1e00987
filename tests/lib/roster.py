# SPDX-License-Identifier: BSD-2-Clause
"""roster - the accounts and users that most cases share.

The cases rely on the table. Entitlement is computed here from policy/README.md,
Roles, without the program under test.
"""
CATEGORIES = {
    # slug: (title, open to Subscriber, mirrored)
    "account-and-agreement": ("Account and agreement", False, False),
    "accounting-documents": ("Accounting documents", True, False),
    "balance-and-payments": ("Balance and payments", True, True),
    "scheduled-maintenance": ("Scheduled maintenance", False, False),
    "services": ("Services and services", False, False),
}

ACCOUNT, DOCUMENTS, BALANCE, MAINTENANCE, SERVICES = CATEGORIES

OLGA, ADAM, ANN, BILL, MIA, SUE = (
    f"{name}@acme.example"
    for name in ("olga", "adam", "ann", "bill", "mia", "sue"))
CSV = "account,email,role,categories\n"    # the header of an import
OTTO, BEA = "otto@beta.example", "bea@beta.example"
STRANGER = "stranger@else.example"

# account: {address: (role, categories)}
ROSTER = {
    "acme": {
        OLGA: ("owner", ()),
        ADAM: ("user-admin", (DOCUMENTS, SERVICES)),
        ANN: ("member", (BALANCE, MAINTENANCE)),
        BILL: ("member", (MAINTENANCE,)),
        MIA: ("member", ()),
        SUE: ("subscriber", (DOCUMENTS, BALANCE)),
    },
    "beta": {
        OTTO: ("owner", ()),
        BEA: ("member", (BALANCE, SERVICES)),
        ANN: ("member", (SERVICES,)),       # also a user of acme
    },
}


def entitled(category, *accounts):
    """The addresses entitled to CATEGORY in any of ACCOUNTS."""
    return {address for account in accounts
            for address, (role, categories) in ROSTER[account].items()
            if role == "owner" or category in categories}


def make(notifyctl):
    """Make the roster with NOTIFYCTL, a function."""
    for account, users in ROSTER.items():
        owner = next(a for a, (role, _) in users.items() if role == "owner")
        notifyctl("account", "add", account, "--owner", owner)
        for role in ("user-admin", "member", "subscriber"):
            these = [a for a, (r, _) in users.items() if r == role]
            if these:
                notifyctl("user", "add", account, *these, "--role", role)
        for category in CATEGORIES:
            these = [a for a, (r, c) in users.items() if category in c]
            if these:
                notifyctl("subscribe", account, category, *these, as_=owner)


# Commands that a person may use, if the role allows it (policy/README.md,
# Roles, 10); all others are the operator's.
PERSONS = {"account show", "account transfer", "user add", "user list",
           "user role", "user address", "user language", "user remove",
           "person show", "category list", "subscribe", "unsubscribe", "list",
           "telegram connect", "telegram disable", "telegram status", "log"}


def acting(words, who):
    """WHO, or None if the command with these WORDS is the operator's."""
    words = [word for word in words if not word.startswith("-")]
    if len(words) == 1 and words[0] == "log":
        return None
    return who if PERSONS & {*words[:1], " ".join(words[:2])} else None
