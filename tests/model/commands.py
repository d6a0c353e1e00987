# SPDX-License-Identifier: BSD-2-Clause
"""commands - runs a case through notifyctl, command by command."""
import csv
import json
import os
import subprocess

import compare
import stamps
from lib import rosterdb
from programs import BUILD, forced, settings_text
from reference import Reference

COLUMNS = ["account", "email", "role", "categories"]
KINDS = {0: "done", 64: "usage", 65: "data", 67: "unknown", 77: "denied"}
HOW = {"kept": "stays", "dropped": "dropped", "replaced": "replaced"}
USERS = """\
SELECT a.name, u.address, u.role, l.id, l.chat,
    (SELECT AGGREGATE(c.slug, ';') FROM subscription s
     JOIN category c ON c.id = s.category WHERE s.user = u.id)
FROM account a LEFT JOIN user u ON a.id = u.account
LEFT JOIN link l ON l.user = u.id""".replace(
    "AGGREGATE", "string_agg" if rosterdb.remote() else "group_concat")


def words(step, folder):
    """The command of a change, its options first."""
    do = step["do"]
    if do == "account-add":
        options = ["--owner", step["owner"]]
        if step["title"] is not None:
            options += ["--title", step["title"]]
        return [*options, "--", "account", "add", step["account"]]
    if do == "account-transfer":
        return ["--", "account", "transfer", step["account"], step["address"]]
    if do == "account-remove":
        return ["--", "account", "remove", step["account"]]
    if do == "user-add":
        return ["--role", step["role"], "--", "user", "add", step["account"],
                *step["addresses"]]
    if do == "user-role":
        return ["--", "user", "role", step["account"], step["address"],
                step["role"]]
    if do == "user-remove":
        return ["--", "user", "remove", step["account"], step["address"]]
    if do == "category-add":
        return ["--title", step["title"],
                *(["--subscriber"] if step["open"] else []),
                *(["--telegram"] if step["mirrored"] else []),
                "--", "category", "add", step["slug"]]
    if do == "subscribe":
        return ["--", "subscribe", step["account"], step["category"],
                *step["addresses"]]
    if do == "unsubscribe":
        return ["--confirm", step["confirm"], "--", "unsubscribe",
                step["account"], step["category"], step["address"]]
    assert do == "import"
    path = os.path.join(folder, "rows.csv")
    with open(path, "w", encoding="utf-8", errors="surrogateescape",
              newline="") as out:
        csv.writer(out).writerows([COLUMNS, *step["rows"]])
    return [*(["--sync", "--remove-many"] if step["sync"] else []), "--",
            "import", path]


class Commands:
    """notifyctl with a roster and settings of its own."""

    def __init__(self, case, store):
        self.store, self.folder = store, store.folder
        self.store.clear()
        self.settings = dict(case["settings"])
        self.configure({})
        self.run("init")
        self.sql(stamps.PLANT)

    def configure(self, settings):
        self.settings.update(settings)
        with open(os.path.join(self.folder, "conf"), "w",
                  encoding="utf-8") as out:
            out.write(settings_text(self.settings, self.folder,
                                    self.store.url))

    def run(self, *arguments):
        """Exit code, document and the line on standard error."""
        environment = {name: value for name, value in os.environ.items()
                       if name not in ("NOTIFYCTL_AS", "SUDO_USER")}
        done = subprocess.run(
            [os.path.join(BUILD, "notifyctl"), "-c",
             os.path.join(self.folder, "conf"), "--json", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
            env=environment)
        return (done.returncode, json.loads(done.stdout),
                done.stderr.decode("utf-8", "replace"))

    def sql(self, text, *values):
        return self.store.sql(text, *values)

    def since(self, table, columns, above):
        return self.sql(f"SELECT {columns} FROM {table} WHERE id > ?"
                        " ORDER BY id", above)

    def change(self, step):
        """What compare.change() needs."""
        marks = [self.sql(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0]
                 for table in ("change", "notice")]
        as_ = step.get("as")
        code, document, line = self.run(
            *(["--as", as_] if as_ is not None else []),
            *words(step, self.folder))
        log = [("operator" if actor.startswith("operator ") else actor, *rest)
               for actor, *rest in self.since(
                   "change", "actor, account, action, subject, detail",
                   marks[0]) if rest[1] != "tell"]
        said = [tuple(entry[k] for k in ("account", "action", "subject",
                                         "detail"))
                for entry in document.get("changes", ())]
        if step["do"] == "import":
            said = [entry[1:] for entry in log]
        return {"outcome": KINDS.get(code, code), "text": line, "log": log,
                "remarks": document.get("remarks", []),
                "changes": [(entry[0], *rest) for entry, rest
                            in zip(log, said)] if len(log) == len(said)
                else said, "count": document.get("changed", len(log)),
                "notices": self.since("notice", "account, address, kind,"
                                      " state", marks[1]),
                "users": self.sql(USERS)}

    def connect(self, step, key):
        """Set the chat of a user; the bot is tested elsewhere."""
        self.sql("INSERT INTO link(user, chat) SELECT u.id, ?"
                 " FROM user u JOIN account a ON a.id = u.account"
                 " WHERE a.key = ? AND u.key = ? ON CONFLICT (user)"
                 " DO UPDATE SET chat = excluded.chat", step["chat"],
                 step["account"].lower(), key)

    def explain(self, step):
        path = os.path.join(self.folder, "message")
        with open(path, "w", encoding="utf-8", errors="surrogateescape",
                  newline="") as out:
            for name, value in step["headers"]:
                out.write(f"{name}: {value}\n")
            out.write("\nText\n")
        recipients = [w for r in step["recipients"]
                      for w in ("--recipient", r)]
        return self.run(*recipients, "--", "explain", path)


def explained(step, want, told):
    """The differences between a Decision and `notifyctl explain`."""
    code, document, line = told
    if code != 0:
        return [f"explain: exit {code}, {line}"]
    found = compare.differ("verdict", document["verdict"], want.verdict)
    people = document["people"]
    n = len(step["recipients"])
    got = [person["how"] for person in people[:n]]
    found += compare.differ("recipients", got,
                            [HOW[fate] for fate, _ in want.recipients])
    found += compare.differ(
        "added", sorted(compare.key_of(p["address"]) for p in people[n:]
                        if p["how"] == "added"), sorted(want.added))
    fates = [fate for fate, _ in want.recipients]
    numbers = (fates.count("kept"), len(want.added), fates.count("dropped"),
               len(want.chats))
    found += compare.differ("numbers", tuple(
        document[k] for k in ("kept", "added", "dropped", "mirrored")),
        numbers)
    found += compare.differ("stamp", document["stamp"], want.stamp or "")
    found += compare.differ("decided", document["decided"], want.decided)
    goes = want.verdict in ("deliver", "untouched", "untrusted")
    for person in people:
        gets = goes and person["how"] in ("stays", "added", "mirrored")
        found += compare.differ(f"{person['address']} gets it",
                                person["gets"], gets)
    return found


def differences(case, store):
    """Where notifyctl and the rules differ, as (number of the step, what)."""
    reference = Reference(case)
    commands = Commands(case, store)
    for number, step in enumerate(case["steps"]):
        want = reference.step(step)
        found = []
        if step["do"] == "message":
            found = explained(step, reference.decide(step, explain=True),
                              commands.explain(step))
        elif step["do"] == "settings":
            commands.configure(step["settings"])
        elif step["do"] == "force":
            commands.sql(forced(step))
        elif step["do"] == "connect":
            if want.kinds == {"done"}:
                commands.connect(step, want.records[0][2])
        else:
            found = compare.change(step, want, commands.change(step),
                                   reference.roster)
        if found:
            return [(number, what) for what in found]
    return []
