# SPDX-License-Identifier: BSD-2-Clause
"""changes - every command of notifyctl that changes something, once.

They fit the roster that linked() makes from the shared one.
"""
from lib.roster import (ANN, BALANCE, BILL, CSV, MAINTENANCE, MIA, OLGA,
                        SERVICES, acting)

NEW = "nina@acme.example"
ROWS = (f"{CSV}acme,{OLGA},owner,\nacme,{NEW},member,{SERVICES}\n"
        f"acme,{BILL},subscriber,\ngamma,{NEW},owner,\n")


class Change:
    """A command, its --as, and its input."""

    def __init__(self, *args, as_=OLGA, stdin=""):
        self.args, self.as_, self.stdin = args, acting(args, as_), stdin

    def __str__(self):
        return " ".join(self.args)

    def __call__(self, ctl, **options):
        return ctl(*self.args, as_=self.as_, stdin=self.stdin, **options)


CHANGES = [
    Change("account", "add", "gamma", "--owner", NEW, "--title", "Gamma Ltd"),
    Change("account", "transfer", "acme", ANN),
    Change("account", "remove", "acme"),
    Change("account", "rename", "acme", "alpha"),
    Change("account", "title", "acme", "Acme Ltd"),
    Change("user", "address", "acme", ANN, NEW),
    Change("user", "language", "acme", ANN, "de"),
    Change("person", "forget", ANN),
    Change("category", "set", BALANCE, "--title", "Money", "--telegram", "no",
           "--yes"),
    Change("user", "add", "acme", NEW, "nick@acme.example"),
    Change("user", "role", "acme", ANN, "subscriber"),
    Change("user", "remove", "acme", ANN),
    Change("category", "add", "alarms", "--title", "The alarms"),
    Change("subscribe", "acme", SERVICES, MIA, BILL),
    Change("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL),
    Change("telegram", "connect", "acme", as_=ANN),
    Change("telegram", "disable", "acme"),
    Change("import", "-", stdin=ROWS),
    Change("import", "--sync", "--remove-many", "-", stdin=ROWS),
]
# It is made where there is none.
INIT = Change("init")


def linked(ctl):
    """Make the template `linked`: two of the roster have a chat. And there is
    a bot that more can be linked with."""
    ctl.conf.defaults["bot"] = "acme_notify_bot"
    ctl.reset()
    ctl.link("acme", OLGA, 4711)
    ctl.link("acme", ANN, 4712)
    ctl.keep("linked")
