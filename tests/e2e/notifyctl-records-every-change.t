#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""notifyctl log: each change, with time, author, action and user."""
import glob
import os
import pwd
import re
import time
from datetime import datetime

from lib import ctl
from lib.ctl import case, needs_root
from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, CATEGORIES, CSV,
                        DOCUMENTS, MAINTENANCE, MIA, OLGA, OTTO, SERVICES,
                        SUE, acting)
from lib.tap import contains, lacks, same, true

ME = "operator " + pwd.getpwuid(os.getuid()).pw_name
NEW = "nina@acme.example"

# the command, its author, its records: (account, action, user, in the detail)
CHANGES = [
    (["account", "add", "gamma", "--owner", NEW, "--title", "Gamma"], None,
     [("gamma", "account-add", "gamma", "Gamma"),
      ("gamma", "user-add", NEW, "owner")]),
    (["user", "add", "acme", NEW, "n2@acme.example", "--role", "subscriber"],
     None, [("acme", "user-add", NEW, "subscriber"),
            ("acme", "user-add", "n2@acme.example", "subscriber")]),
    (["subscribe", "acme", "Services & Services", BILL, MIA], ADAM,
     [("acme", "subscribe", BILL, SERVICES),
      ("acme", "subscribe", MIA, SERVICES)]),
    (["unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN], OLGA,
     [("acme", "unsubscribe", ANN, BALANCE),
      ("acme", "telegram-end", ANN, "")]),
    (["user", "role", "acme", ANN, "user-admin"], None,
     [("acme", "user-role", ANN, "user-admin")]),
    (["user", "role", "acme", ANN, "subscriber"], None,
     [("acme", "user-role", ANN, "subscriber"),
      ("acme", "unsubscribe", ANN, MAINTENANCE),
      ("acme", "telegram-end", ANN, "")]),
    (["user", "remove", "acme", ANN], None,
     [("acme", "unsubscribe", ANN, BALANCE),
      ("acme", "unsubscribe", ANN, MAINTENANCE),
      ("acme", "telegram-end", ANN, ""),
      ("acme", "user-remove", ANN, "member")]),
    (["account", "transfer", "acme", MIA], None,
     [("acme", "account-transfer", MIA, OLGA),
      *(("acme", "subscribe", OLGA, slug) for slug in CATEGORIES)]),
    (["account", "rename", "acme", "alpha"], None,
     [("alpha", "account-rename", "alpha", "acme")]),
    (["account", "title", "acme", "Acme Ltd"], None,
     [("acme", "account-title", "acme", "Acme Ltd")]),
    (["user", "address", "acme", ANN, NEW], None,
     [("acme", "user-address", NEW, ANN)]),
    (["user", "language", "acme", ANN, "de"], None,
     [("acme", "user-language", ANN, "de")]),
    (["category", "set", SERVICES, "--title", "Other"], None,
     [("", "category-set", SERVICES, "Other")]),
    (["account", "remove", "beta"], None,
     [("beta", "unsubscribe", BEA, BALANCE),
      ("beta", "unsubscribe", BEA, SERVICES),
      ("beta", "user-remove", BEA, "member"),
      ("beta", "unsubscribe", ANN, SERVICES),
      ("beta", "user-remove", ANN, "member"),
      ("beta", "user-remove", OTTO, "owner"),
      ("beta", "account-remove", "beta", "")]),
    (["category", "add", "alarms", "--title", "Alarms"], None,
     [("", "category-add", "alarms", "Alarms")]),
]


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@case("each change is recorded with its author, the action and the user")
def _(ctl):
    for words, actor, want in CHANGES:
        ctl.reset()
        ctl.link("acme", ANN)
        got = ctl.new(lambda: ctl.ok(*words, as_=actor))
        same(sorted(entry[:4] for entry in got),
             sorted((actor or ME, *entry[:3]) for entry in want),
             f"records of {words}")
        for entry in want:
            found = [g for g in got if g[1:4] == entry[:3]
                     and entry[3] in g[4]]
            true(found, f"a record with the detail of {entry}: {got}")


@case("the record has the time in UTC, to the second")
def _(ctl):
    before = int(time.time())
    ctl.ok("user", "add", "acme", NEW, env={"TZ": "Asia/Tokyo"})
    true(before <= seconds(ctl.log()[-1]["at"]) <= time.time(),
         f"time of {ctl.log()[-1]}")
    line = ctl.ok("log", env={"TZ": "Asia/Tokyo"}).out.splitlines()[-1]
    contains(line, ctl.log()[-1]["at"], "line")


@case("the log is in the order of the changes")
def _(ctl):
    for number in range(5):
        ctl.ok("user", "add", "acme", f"u{number}@acme.example")
    log = ctl.log()
    same([entry["subject"] for entry in log[-5:]],
         [f"u{number}@acme.example" for number in range(5)], "the last five")
    same(sorted(log, key=lambda entry: entry["at"]), log, "log by its times")


@case("the actor is --as, or the operator's login, also behind sudo")
def _(ctl):
    new = iter(f"u{number}@acme.example" for number in range(9))

    def who(**options):
        ctl.ok("user", "add", "acme", next(new), **options)
        return ctl.log()[-1]["actor"]
    same(who(), ME, "actor")
    same(who(as_=ADAM), ADAM, "actor with --as")
    same(who(env={"NOTIFYCTL_AS": OLGA}), OLGA, "actor with NOTIFYCTL_AS")
    needs_root()
    same(who(env={"SUDO_USER": "carol"}), "operator carol",
         "actor behind sudo")


@case("sudo's user counts only for root")
def _(ctl):
    needs_root()
    uid = pwd.getpwnam("nobody").pw_uid
    for path in (os.path.dirname(ctl.database), *glob.glob(ctl.database)):
        os.chown(path, uid, -1)
    ctl.ok("user", "add", "acme", NEW, user="nobody",
           env={"SUDO_USER": "carol"})
    same(ctl.log()[-1]["actor"], "operator nobody", "actor")


@case("an import is recorded change by change, with account and actor")
def _(ctl):
    path = ctl.path("roster.csv", f"""\
{CSV}acme,{OLGA},member,{DOCUMENTS}
acme,{ADAM},owner,
acme,{NEW},subscriber,{DOCUMENTS};{BALANCE}
gamma,{NEW},owner,
""")
    new = ctl.new(lambda: ctl.ok("import", path))
    same({entry[0] for entry in new}, {ME}, "actors")
    same({entry[1:4] for entry in new},
         {("acme", "account-transfer", ADAM), ("acme", "user-role", OLGA),
          ("acme", "subscribe", OLGA), ("acme", "user-add", NEW),
          ("acme", "subscribe", NEW), ("gamma", "account-add", "gamma"),
          ("gamma", "user-add", NEW)}, "records")
    new = ctl.new(lambda: ctl.ok("import", "--sync", "--remove-many", ctl.path(
        "roster.csv", f"{CSV}acme,{ADAM},owner,\nacme,{SUE},subscriber,{BALANCE}"
        "\n")))
    found = {entry[1:4] for entry in new}
    for entry in (("acme", "unsubscribe", SUE), ("acme", "user-remove", BILL),
                  ("beta", "user-remove", OTTO),
                  ("beta", "account-remove", "beta"),
                  ("gamma", "account-remove", "gamma")):
        true(entry in found, f"a record {entry}: {found}")


@case("a command that is refused, changes nothing or only looks is not "
      "recorded")
def _(ctl):
    before = ctl.log()
    for words in (["user", "add", "acme", ANN],
                  ["user", "role", "acme", ANN, "member"],
                  ["account", "transfer", "acme", OLGA],
                  ["account", "add", "acme", "--owner", NEW],
                  ["category", "add", "services", "--title", "X"],
                  ["subscribe", "acme", MAINTENANCE, BILL],
                  ["subscribe", "acme", SERVICES, SUE],
                  ["unsubscribe", "acme", SERVICES, BILL, "--confirm", BILL],
                  ["unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", ""],
                  ["import", ctl.path("a.csv", ctl.ok("export").out)],
                  ["import", "--dry-run", ctl.path("b.csv",
                                                   f"{CSV}acme,{NEW},member,\n")],
                  ["import", ctl.path("c.csv", f"{CSV}acme,{NEW},x,\n")],
                  ["init"], ["list", "acme"], ["export"], ["log"]):
        ctl(*words, as_=acting(words, OLGA))
    same(ctl.log(), before, "log")


@case("log ACCOUNT shows that account's changes, in any case of letters")
def _(ctl):
    ctl.ok("category", "add", "alarms", "--title", "Alarms")
    everything = ctl.log()
    for name in ("acme", "beta"):
        for spelling in (name, name.upper()):
            got = ctl.log(spelling)
            same(got, [e for e in everything if e["account"] == name],
                 f"log of {spelling}")
            true(got, "some")
        text = ctl.ok("log", name).out
        lacks(text, "alarms", "log")
        lacks(text, OTTO if name == "acme" else OLGA, "log")


@case("an account that was removed keeps its history, in any case of letters")
def _(ctl):
    before = ctl.log("acme")
    ctl.ok("account", "remove", "acme")
    after = ctl.log("acme")
    same(after[:len(before)], before, "history")
    same(after[-1]["action"], "account-remove", "the last change")
    same(ctl.log("ACME"), after, "log of ACME")


@case("an account that is created again in another spelling keeps the "
      "history too")
def _(ctl):
    ctl.ok("account", "remove", "acme")
    ctl.ok("account", "add", "ACME", "--owner", NEW)
    log = ctl.log("acme")
    for action in ("account-remove", "subscribe"):
        true([e for e in log if e["action"] == action], f"a record {action}")
    same(log[-1]["subject"], NEW, "the last change")


@case("the log of an account that never existed is refused with 67")
def _(ctl):
    for name in ("nosuch", "", "no such", ANN):
        ctl.refused(67, "log", name, says=name)


@case("the log has one line for each change, with all that is recorded")
def _(ctl):
    ctl.ok("account", "add", "gamma", "--owner", NEW, "--title", "a  b, \"c\"")
    log, lines = ctl.log(), ctl.ok("log").out.splitlines()
    same(len(lines), len(log) + 1, "lines")
    for entry, line in zip(log, lines[1:]):
        for value in entry.values():
            contains(re.sub(" +", " ", line), re.sub(" +", " ", value), "line")


@case("terminal control sequences in the log do not reach the terminal")
def _(ctl):
    ctl("user", "add", "acme", NEW, as_="x\x1b[2J\r\ny\u202e")
    ctl.sql("INSERT INTO change(at, actor, account, action, subject, detail)"
            " VALUES (1, 'a\x1b[2J', 'acme', 'b', 'c\r\nd', '\u202e\t')")
    for words in (["log"], ["log", "acme"]):
        done = ctl.ok(*words)
        same([char for char in done.out if not char.isprintable()
              and char != "\n"], [], "characters")
        same(len(done.out.splitlines()), len(ctl.log(*words[1:])) + 1, "lines")


@case("a long log is shown whole")
def _(ctl):
    before = len(ctl.log())
    ctl.sql("INSERT INTO change(at, actor, account, action, subject, detail)"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            "  WHERE i < 25000) SELECT i, 'x', 'acme', 'user-add', 'u', ''"
            " FROM n")
    same([entry["at"] for entry in ctl.log()[before:]],
         [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(i))
          for i in range(1, 25001)], "the log")


def at(text, zone=""):
    """The Unix time of TEXT, local time, or with an ISO zone."""
    then = datetime.fromisoformat(text + zone)
    return int(then.timestamp())


@case("--since shows the changes from a local time on, as the mail log has it")
def _(ctl):
    now = time.localtime()
    # So that March is over, less than a year ago.
    year = now.tm_year - (now.tm_mon < 4)
    for place in ("Europe/Berlin", "America/New_York", "UTC"):
        os.environ["TZ"] = place
        time.tzset()
        times = {"d1": at(f"{year}-03-01 00:00:00"), "d2": at(f"{year}-03-01 14:05:07"),
                 "d3": at(f"{year}-03-02 00:00:00"), "n": int(time.time())}
        ctl.sql("DELETE FROM change")
        for i, (name, when) in enumerate(times.items()):
            ctl.sql("INSERT INTO change(at, actor, account, action, subject,"
                    " detail) VALUES (?, 'x', 'acme', 'user-add', ?, '')",
                    when, name)
        printed = {row["subject"]: row["at"] for row in ctl.json("log")["log"]}
        zone = datetime.fromtimestamp(times["d2"]).astimezone().strftime("%z")
        for since, first in (
                (f"{year}-03-01", "d1"), (f"{year}-03-02", "d3"),
                (f"{year}-02-28", "d1"), (f"{year}-03-03", "n"),
                (f"{year}-03-01 14:05", "d2"), (f"{year}-03-01 14:05:07", "d2"),
                (f"{year}-03-01 14:05:08", "d3"), (f"{year}-03-01T14:05:07", "d2"),
                (f"{year}-03-01T14:05:07.250", "d2"),
                (f"{year}-03-01T14:05:07" + zone, "d2"),
                (f"{year}-03-01T14:05:08" + zone[:3] + ":" + zone[3:], "d3"),
                (printed["d2"], "d2"), (printed["d3"], "d3"),
                ("00:00", "n"), ("00:00:00", "n"),
                ("Mar  1 14:05:07", "d2"), ("Mar 2 00:00", "d3")):
            want = list(times)[list(times).index(first):]
            for account in ([], ["acme"]):
                done = ctl.json("log", *account, "--since", since,
                                env={"TZ": place})
                same([row["subject"] for row in done["log"]], want,
                     f"since {since} in {place}")
    same(ctl.json("log", "--since", "2126-01-01")["log"], [], "the future")
    del os.environ["TZ"]
    time.tzset()


@case("a time that is none is refused, and one line says what is right")
def _(ctl):
    for since in ("", "yesterday", "2026-02-30", "2026-13-01", "2026-3-1",
                  "26-03-01", "2026-03-01x", "2026-03-01 25:00", "24:61",
                  "2026-03-01 14:05+1", "2026-03-01 14", "14", "-1",
                  "2026-02-30T10:00Z", "Feb 30 10:00", "\x1b[2J"):
        ctl.refused(65, "log", "--since", since, says=("2026-11-28", "14:05"))
    ctl.refused(64, "user", "list", "acme", "--since", "14:05", says="--since")
    ctl.refused(67, "log", "nowhere", "--since", "2026-01-01", says="nowhere")
    ctl.refused(64, "log", "--since", "2026-01-01", "--before", "2026-01-01",
                "--prune", says=("--since", "--prune"))


@case("who was told what is in the record, also since a time")
def _(ctl):
    ctl.ok("user", "remove", "acme", BILL)
    for words in (["log"], ["log", "acme", "--since", "2026-01-01"]):
        (row,) = [r for r in ctl.json(*words)["log"] if r["action"] == "tell"]
        same((row["subject"], row["actor"]), (BILL, ME), "who was told")
        contains(row["detail"], "removed", "what")
        contains(ctl.ok(*words).out, " tell ", "for people")


ctl.run()
