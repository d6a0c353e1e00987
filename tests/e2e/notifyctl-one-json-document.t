#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# takes: 20 s
"""--json: one document for every command, and the same effect as without."""
from lib import ctl
from lib.ctl import case
from lib.roster import (ANN, BALANCE, BILL, CSV, MAINTENANCE, MIA, OLGA,
                        SERVICES, STRANGER, SUE, acting)
from lib.rosterdb import remote
from lib.tap import contains, same, true

NEW = "nina@acme.example"
MESSAGE = f"To: {ANN}\nX-Notify-Category: {BALANCE}\n\nHello.\n"
ROWS = CSV + f"acme,{NEW},member,{SERVICES}\ngamma,{NEW},owner,\n"

# The command with standard input, and what its document and its text name.
COMMANDS = [
    (["init"], "", ["postgresql://" if remote() else "roster.db"]),
    (["account", "add", "gamma", "--owner", NEW, "--title", "Gamma Ltd"], "",
     ["gamma", NEW, "Gamma Ltd"]),
    (["account", "list"], "", ["acme", OLGA, "beta"]),
    (["account", "show", "acme"], "", ["acme", OLGA, ANN, SUE, "subscriber"]),
    (["account", "transfer", "acme", ANN], "", [ANN, OLGA]),
    (["account", "transfer", "acme", OLGA], "", [OLGA]),
    (["account", "remove", "acme"], "", ["acme", ANN]),
    (["user", "add", "acme", NEW, "--role", "subscriber"], "",
     [NEW, "subscriber"]),
    (["user", "list", "acme"], "", [OLGA, ANN, BALANCE]),
    (["user", "role", "acme", ANN, "subscriber"], "", [ANN, "subscriber"]),
    (["user", "role", "acme", ANN, "member"], "", [ANN, "member"]),
    (["user", "remove", "acme", ANN], "", [ANN]),
    (["category", "list"], "", [BALANCE, "Balance and payments"]),
    (["category", "add", "alarms", "--title", "Alarms", "--telegram"], "",
     ["alarms", "Alarms"]),
    (["subscribe", "acme", SERVICES, ANN, MIA], "", [ANN, MIA, SERVICES]),
    (["subscribe", "acme", MAINTENANCE, ANN, OLGA], "", [ANN, OLGA]),
    (["unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL], "",
     [BILL, MAINTENANCE]),
    (["unsubscribe", "acme", MAINTENANCE, MIA, "--confirm", MIA], "", [MIA]),
    (["list", "acme"], "", [OLGA, ANN, SERVICES]),
    (["list", "acme", BALANCE], "", [OLGA, ANN, MIA, BALANCE]),
    (["import", "-"], ROWS, ["2"]),
    (["import", "--dry-run", "-"], ROWS, [NEW, "gamma"]),
    (["import", "-"], CSV, ["0"]),
    (["export"], "", [OLGA, ANN, MAINTENANCE]),
    (["export", "acme"], "", [OLGA, ANN, MAINTENANCE]),
    (["explain"], MESSAGE, [ANN, BALANCE, "deliver"]),
    (["explain", "--recipient", STRANGER], MESSAGE, [STRANGER, "hold"]),
    (["log"], "", [OLGA, ANN, "acme", "beta"]),
    (["log", "acme"], "", [OLGA, ANN, "acme"]),
]


def strings(value):
    """Every text in a document, and every number as text."""
    if isinstance(value, dict):
        return [s for one in value.values() for s in strings(one)]
    if isinstance(value, list):
        return [s for one in value for s in strings(one)]
    return [str(value)]


for command, text, words in COMMANDS:
    @case(f"{' '.join(command)}: both forms say it, and both do the same")
    def _(ctl_, command=command, text=text, words=words):
        after = []
        for json_ in (False, True):
            ctl_.reset()
            done = ctl_.ok(*command, as_=acting(command, OLGA), stdin=text,
                           json_=json_)
            after.append(ctl_.dump(times=False))
            said = "\n".join(strings(done.document)) if json_ else done.out
            for word in words:
                contains(said, word, f"what it says with json={json_}")
            true(done.out.endswith("\n"), "the last line ends")
        same(after[1], after[0], "the database with --json, and without")


@case("--json may stand anywhere among the words")
def _(ctl):
    want = ctl.json("list", "acme", BALANCE)
    for words in (["--json", "list", "acme", BALANCE],
                  ["list", "--json", "acme", BALANCE],
                  ["list", "acme", BALANCE, "--json"],
                  ["list", "acme", "--json", "--", BALANCE]):
        same(ctl.ok(*words).document, want, f"{words}")


@case("--json as the value of another option is only a value")
def _(ctl):
    out = ctl.ok("account", "add", "gamma", "--owner", ANN, "--title",
                 "--json").out
    same(out.splitlines()[0], "gamma: made account gamma (--json)", "output")


@case("options stand behind the command whatever the environment says")
def _(ctl):
    env = {"POSIXLY_CORRECT": "1"}
    same(ctl.ok("account", "show", "acme", "--json", env=env).document,
         ctl.json("account", "show", "acme"), "document")


@case("texts in JSON are unchanged")
def _(ctl):
    title = 'a "b" \\c/ \u00fc \u65e5 \U0001f4e7 <&>'
    ctl.ok("account", "add", "gamma", "--owner", '"a\\"b"@x.example',
           "--title", title)
    got = ctl.json("account", "show", "gamma")
    same((got["title"], got["owner"]), (title, '"a\\"b"@x.example'), "gamma")


@case("the document has each change with all its parts")
def _(ctl):
    got = ctl.json("user", "role", "acme", ANN, "subscriber", as_=OLGA)
    entries = ctl.log("acme")[-len(got["changes"]):]
    same(got["changes"], entries, "the changes, and the log")
    same({entry["action"] for entry in got["changes"]},
         {"user-role", "unsubscribe"}, "actions")


@case("a list that is empty is an empty list, for people just headings or "
      "nothing", roster=False)
def _(ctl):
    same(ctl.json("account", "list")["accounts"], [], "accounts")
    same(ctl.json("log")["log"], [], "log")
    for words in (["account", "list"], ["log"]):
        true(len(ctl.ok(*words).out.splitlines()) <= 1, "at most one line")


@case("yes and no are booleans, counts are numbers, categories a list")
def _(ctl):
    category = ctl.json("category", "list")["categories"][2]
    same((category["slug"], category["subscriber"], category["telegram"]),
         (BALANCE, True, True), "category")
    same(ctl.json("account", "list")["accounts"][0]["users"], 6, "users")
    user = next(user for user in ctl.json("user", "list", "acme")["users"]
                if user["address"] == ANN)
    same(user["categories"], [BALANCE, MAINTENANCE], "categories")
    same(ctl.json("list", "acme", BALANCE)["list"][0]["receives"], True,
         "receives")


@case("an error on the command line is a document too")
def _(ctl):
    for words in (["--json"], ["--json", "frobnicate"], ["list", "--json"],
                  ["--frobnicate", "--json", "list", "acme"],
                  ["--json", "list", "acme", "--frobnicate"],
                  ["list", "acme", "--json", "--as"],
                  ["--json", "-c", ctl.path("nosuch.conf"), "list", "acme"]):
        done = ctl(*words)
        true(done.code in (64, 78), f"exit: {done}")
        same(done.document, {"error": {"code": done.code,
                                       "message": done.line}}, f"{done}")


ctl.run()
