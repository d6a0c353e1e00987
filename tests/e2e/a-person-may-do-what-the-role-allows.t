#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Which commands a person may use: --as and $NOTIFYCTL_AS, role by role."""
import re
import time

from lib import ctl
from lib.ctl import case
from lib.roster import (ADAM, ANN, BALANCE, BEA, MAINTENANCE, MIA, OLGA,
                        OTTO, ROSTER, SERVICES, STRANGER, SUE)
from lib.rosterdb import remote
from lib.tap import Failed, contains, lacks, same, true
from lib.waiting import spent

NEW = "nina@acme.example"
ALIKE = {OLGA: "owner", ADAM: "user-admin", MIA: "member", SUE: "subscriber"}
# What a person of acme does there: the command, and who may.
MANAGERS, ALL = (OLGA, ADAM), (OLGA, ADAM, MIA, SUE)
PERSONS = [
    (["account", "show", "acme"], ALL),
    (["account", "transfer", "acme", ANN], (OLGA,)),
    (["user", "add", "acme", NEW], MANAGERS),
    (["user", "add", "acme", NEW, "--role", "user-admin"], MANAGERS),
    (["user", "list", "acme"], ALL),
    (["user", "role", "acme", ANN, "user-admin"], MANAGERS),
    (["user", "role", "acme", ADAM, "member"], MANAGERS),
    (["user", "remove", "acme", ANN], MANAGERS),
    (["category", "list"], ALL),
    (["subscribe", "acme", SERVICES, ANN], MANAGERS),
    (["unsubscribe", "acme", MAINTENANCE, ANN, "--confirm", ANN], MANAGERS),
    (["list", "acme"], ALL),
    (["list", "acme", BALANCE], ALL),
    (["telegram", "status", "acme"], ALL),
    (["telegram", "disable", "acme"], ALL),
    (["log", "acme"], MANAGERS),
]
# What is the operator's.
OPERATORS = [
    ["init"], ["account", "add", "gamma", "--owner", OLGA],
    ["account", "list"], ["account", "remove", "acme"],
    ["category", "add", "alarms", "--title", "Alarms"],
    ["import", "-"], ["import", "--sync", "-"], ["import", "--dry-run", "-"],
    ["export"], ["export", "acme"], ["explain", "--recipient", ANN], ["held"],
    ["requeue", "ABC"], ["trace", "ABC"], ["stats"], ["log"], ["check"],
]
# Likewise, once there are such commands.
LATER = [
    (["account", "rename", "acme", "acme2"], ()),
    (["account", "rename", "acme", "--forget-former"], ()),
    (["account", "title", "acme", "Acme"], ()),
    (["user", "address", "acme", ANN, NEW], MANAGERS),
    (["user", "address", "acme", OLGA, NEW], (OLGA,)),
    (["user", "address", "acme", OLGA.upper(), NEW], (OLGA,)),
    (["user", "language", "acme", ANN, "de"], MANAGERS),
    (["user", "language", "acme", MIA, "de"], (*MANAGERS, MIA)),
    (["user", "language", "acme", SUE.upper(), "de"], (*MANAGERS, SUE)),
    (["person", "show", MIA], (MIA,)),
    (["person", "show", OLGA.title()], (OLGA,)),
    (["person", "show", STRANGER], ()),
    (["person", "forget", MIA], ()),
    (["category", "set", SERVICES, "--title", "Other"], ()),
    (["category", "remove", SERVICES, "--yes"], ()),
    (["log", "acme", "--before", "2020-01-01", "--prune"], ()),
    (["notices", "list"], ()), (["notices", "send"], ()), (["postfix"], ()),
]
OTHERS = (OTTO, BEA, STRANGER)


def known(ctl_, words):
    """Is there such a command?"""
    name = " ".join(words[:2]) if words[0] in (
        "account", "user", "person", "category", "notices") else words[0]
    lines = re.findall(rf"(?m)^  {name}\b.*$", ctl_.ok("--help").out)
    return bool(lines) and all(word in lines[0] for word in words
                               if word.startswith("--"))


def cases(ctl_):
    return [*PERSONS, *((words, ()) for words in OPERATORS),
            *(entry for entry in LATER if known(ctl_, entry[0]))]


@case("each role may use the commands of its column, and no other role may")
def _(ctl):
    for words, may in cases(ctl):
        for actor in ALL:
            ctl.reset()
            if actor in may:
                ctl.ok(*words, as_=actor, stdin="")
                continue
            line = ctl.refused(77, *words, as_=actor, stdin="")
            true("needs" in line or "operator" in line,
                 f"who may, in {line!r} for {words}")


@case("a user of another account, a stranger, and an account that does not "
      "exist: all the same to a person")
def _(ctl):
    for words, _ in cases(ctl):
        if "acme" not in words:
            continue
        for actor in OTHERS:
            there = ctl.refused(77, *words, as_=actor, stdin="")
            none = [word.replace("acme", "acne") if word == "acme" else word
                    for word in words]
            same(ctl.refused(77, *none, as_=actor, stdin=""),
                 there.replace("account acme", "account acne"),
                 f"what {actor} hears of {words}")


@case("an account without a name is seen in the refusal")
def _(ctl):
    ctl.refused(77, "user", "list", "", as_=ANN,
                says='is not a user of account ""; ')


@case("it takes no longer to refuse an account that exists")
def _(ctl):
    people = [f"u{number}@acme.example" for number in range(8000)]
    ctl.ok("user", "add", "acme", *people)

    def clock():
        """The processor's time, unless a server needs some of it."""
        return time.monotonic() if remote() else spent()

    def seconds(name):
        begin = clock()
        ctl("user", "list", name, as_=OTTO)
        return clock() - begin
    there = none = 1000
    for _ in range(100):        # a busy machine needs more of them
        there, none = min(there, seconds("acme")), min(none, seconds("acne"))
        if abs(there - none) < 0.015:
            return
    raise Failed(f"{there:.4f} s and {none:.4f} s")


@case("nothing that a stranger types beside the account changes the refusal")
def _(ctl):
    for account in ("acme", "acne", "ac me", "", "x" * 300, "acme\n",
                    "../acme", "acme@accounts.example", "%s"):
        for words in (["user", "role", account, "no address", "boss"],
                      ["user", "add", account, "@", "--role", "boss"],
                      ["subscribe", account, "lunch", "@@"],
                      ["unsubscribe", account, "lunch", "@", "--confirm", "x"],
                      ["account", "transfer", account, "-"],
                      ["list", account, "lunch"]):
            ctl.refused(77, *words, as_=OTTO, says="is not a user of account")


@case("a member and a Subscriber see their own line, and no other address")
def _(ctl):
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=OLGA)
    for actor in (MIA, SUE):
        others = {a for users in ROSTER.values() for a in users} - {actor}
        for words in (["account", "show", "acme"], ["user", "list", "acme"],
                      ["list", "acme"], ["list", "acme", BALANCE],
                      ["telegram", "status", "acme"]):
            text = ctl.ok(*words, as_=actor.upper()).out
            document = ctl.json(*words, as_=actor)
            for address in others:
                lacks(text, address, f"{words} for {actor}")
                lacks(str(document), address, f"{words} for {actor} as JSON")
            contains(text, actor, f"{words} for {actor}")
            contains(str(document), actor, f"{words} for {actor} as JSON")
        shown = ctl.json("account", "show", "acme", as_=actor)
        same([user["address"] for user in shown["users"]], [actor], "users")
        lacks(ctl.ok("account", "show", "acme", as_=actor).out, "users  ",
              "how many there are")
    same([(row["category"], row["receives"]) for row in
          ctl.json("list", "acme", as_=MIA)["list"] if row["receives"]],
         [(SERVICES, True)], "what mia gets")


@case("owner and user-admins see all of their account")
def _(ctl):
    for words in (["account", "show", "acme"], ["user", "list", "acme"],
                  ["list", "acme"], ["list", "acme", SERVICES],
                  ["log", "acme"]):
        want = ctl.ok(*words).out
        for actor in MANAGERS:
            same(ctl.ok(*words, as_=actor).out, want, f"{words} for {actor}")


@case("the log of an account has nothing of a former one with its name")
def _(ctl):
    ctl.ok("account", "remove", "acme")
    ctl.ok("account", "add", "ACME", "--owner", OTTO)
    ctl.ok("user", "add", "acme", NEW)
    same([(entry["action"], entry["subject"]) for entry in
          ctl.json("log", "acme", as_=OTTO)["log"]],
         [("account-add", "ACME"), ("user-add", OTTO), ("user-add", NEW)],
         "the log for otto")
    text = ctl.ok("log", "acme", as_=OTTO).out
    for address in ROSTER["acme"]:
        lacks(text, address, "the log for otto")
    contains(ctl.ok("log", "acme").out, OLGA, "the operator's log")


@case("who is a user of several accounts has in each what the role there "
      "allows")
def _(ctl):
    ctl.ok("user", "role", "beta", ANN, "user-admin")
    ctl.ok("user", "add", "beta", NEW, as_=ANN)
    ctl.refused(77, "user", "add", "acme", NEW, as_=ANN, says=(ANN, "member"))
    same([user["address"] for user in
          ctl.json("user", "list", "acme", as_=ANN)["users"]], [ANN], "acme")
    same(len(ctl.json("user", "list", "beta", as_=ANN)["users"]), 4, "beta")


@case("a role that is lost while the command waits for the database counts")
def _(ctl):
    with ctl.store.written() as other:
        waiting = ctl.start("user", "remove", "acme", ANN, as_=ADAM)
        time.sleep(0.5)         # nothing shows that it waits for the lock
        same(waiting.poll(), None, "it waits")
        other("UPDATE user SET role = 'member' WHERE address = ?", ADAM)
        other("COMMIT")
    done = ctl.finish(waiting)
    same(done.code, 77, f"exit of {done}")
    contains(done.line, "member", "the line")
    true(ctl.user("acme", ANN), "ann is still there")


@case("--as may differ from $NOTIFYCTL_AS in its spelling only")
def _(ctl):
    for spelling in (MIA.upper(), '"mia"@acme.example', "mia@ACME.example"):
        ctl.ok("list", "acme", as_=spelling, env={"NOTIFYCTL_AS": MIA})
        ctl.ok("list", "acme", as_=MIA, env={"NOTIFYCTL_AS": spelling})
    for set_, given in ((MIA, OLGA), (OLGA, MIA), (MIA, "mia"), ("mia", MIA),
                        (MIA, "mia+x@acme.example"),
                        (MIA, "m\u0131a@acme.example"), ("nobody", "nobody")):
        ctl.refused(77, "list", "acme", as_=given, env={"NOTIFYCTL_AS": set_},
                    says="$NOTIFYCTL_AS")
    for words in (["init"], ["check"], ["account", "list"]):
        ctl.refused(77, *words, env={"NOTIFYCTL_AS": MIA}, says="operator")


@case("an address that only resembles a user's is a stranger's")
def _(ctl):
    for actor in ("olga+x@acme.example", "olga@acme.example.example",
                  "o\u0142ga@acme.example", "olga@acme.examp1e",
                  '"olga "@acme.example', "lga@acme.example"):
        ctl.refused(77, "user", "list", "acme", as_=actor, says="acme")
    for actor in ("olga", "olga@", "", " ", "olga@acme.example,",
                  "olga@acme.example mia@acme.example", "-", "--json",
                  "x" * 70 + "@acme.example", "olga@acme.example\n--json",
                  "<olga@acme.example"):
        done = ctl("user", "list", "acme", as_=actor)
        true(done.code in (64, 65) and done.out == "", f"{done}")
        true(done.line, "one line")


@case("--as counts wherever it stands, and words behind -- are no options")
def _(ctl):
    for words in (["--as", MIA, "user", "remove", "acme", ANN],
                  ["user", "--as", MIA, "remove", "acme", ANN],
                  ["user", "remove", "acme", ANN, "--as", MIA],
                  [f"--as={MIA}", "--", "user", "remove", "acme", ANN]):
        ctl.refused(77, *words, says=MIA)
    for words in (["--", "user", "list", "acme", "--as", OLGA],
                  ["--", "user", "list", "acme", f"--as={OLGA}"]):
        ctl.refused(64, *words, as_=MIA, says="too many")
    ctl.refused(77, "--", "user", "list", "--as", as_=MIA, says="--as")
    same(ctl.ok("--", "user", "list", "acme", as_=MIA).out,
         ctl.ok("user", "list", "acme", as_=MIA).out, "behind --")


@case("--help roles has a row for each command, and each row is the table's")
def _(ctl):
    text = ctl.ok("--help", "roles").out
    same(ctl.ok("-h", "roles").out, text, "-h roles")
    rows = {row[0]: row[1:] for row in re.findall(
        r"(?m)^  (\S.*?)  +(\S+) +(\S+) +(\S+) +(\S+)$", text)}
    commands = re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)(?= |$)(?! {8})",
                          ctl.ok("--help").out)
    true(len(commands) > 20, f"commands: {commands}")
    same([name for name in commands if name not in rows], [],
         "commands without a row")
    for words, may in [*PERSONS, *((words, ()) for words in OPERATORS),
                       *LATER]:
        name = next(n for n in (" ".join(words[:2]), words[0]) if n in rows)
        if "--prune" in words:
            name += " --prune"
        for actor, word in zip(ALL, rows[name]):
            if actor in may and words != ["log"]:
                true(word != "-", f"{name} for {ALIKE[actor]}: {word}")
            elif may and word == "yes":
                true(False, f"yes for {ALIKE[actor]} in {name}")


@case("the person who acts is who the record names")
def _(ctl):
    new = ctl.new(lambda: ctl.ok("user", "add", "acme", NEW, as_=ADAM.upper(),
                                 env={"SUDO_USER": "root"}))
    same([entry[0].lower() for entry in new], [ADAM], "actors")


ctl.run()
