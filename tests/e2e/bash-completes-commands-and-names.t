#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it is about bash
"""What bash offers after notifyctl, by its command table and the roster."""
import os
import subprocess

from lib import ctl
from lib.ctl import case
from lib.milter import BUILD, program
from lib.roster import ADAM, ANN, BILL, OLGA
from lib.tap import same, true

# Do as bash does on a tab, with the same breaks between words.
DRIVER = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
_notifyctl
for word in "${COMPREPLY[@]}"; do printf '%s\n' "$word"; done
"""


def offered(ctl_, typed, settings=None):
    """What is offered after `notifyctl -c FILE ` and TYPED, and no noise."""
    line = f"notifyctl -c {settings or ctl_.conf.file} {typed}"
    done = subprocess.run(
        ["bash", "--norc", "-c", DRIVER, "bash",
         os.path.join(BUILD, "notifyctl.bash"), line],
        capture_output=True, text=True, timeout=30, cwd=ctl_.folder,
        env=ctl_.environment(PATH=f"{os.path.dirname(program('notifyctl'))}:"
                             + os.environ["PATH"]))
    same((done.returncode in (0, 1), done.stderr), (True, ""),
         f"how completing {typed!r} ends")
    return sorted(done.stdout.splitlines())


def commands(ctl_):
    """{command: arguments} of the table, as --help has it."""
    lines = [line[2:] for line in ctl_.ok("--help").out.splitlines()
             if line[:2] == "  " and line[2:3].islower()]
    found = {}
    for line in lines:
        words = line.split()
        name = [word for word in words[:2] if word.isalpha() and word.islower()]
        found[" ".join(name)] = " ".join(words[len(name):])
    return found


@case("every command of the table is offered, word by word")
def _(ctl_):
    table = commands(ctl_)
    true(len(table) > 20, f"commands: {table}")
    same(offered(ctl_, ""), sorted({name.split()[0] for name in table}),
         "first words")
    for first in {name.split()[0] for name in table if " " in name}:
        same(offered(ctl_, first + " "),
             sorted(name.split()[1] for name in table
                    if name.startswith(first + " ")), f"after {first}")
    same(offered(ctl_, "unsu"), ["unsubscribe"], "after unsu")


@case("every option is offered with its command, and the common ones")
def _(ctl_):
    for name, arguments in commands(ctl_).items():
        own = {word.strip("[].") for word in arguments.split()
               if word.strip("[").startswith("--")}
        same(offered(ctl_, name + " -"),
             sorted(own | {"-c", "--as", "--json", "--help", "--version"}),
             f"options of {name}")


@case("accounts, people, categories and roles come from the roster")
def _(ctl_):
    same(offered(ctl_, "account show "), ["acme", "beta"], "accounts")
    same(offered(ctl_, "list b"), ["beta"], "accounts")
    same(offered(ctl_, "list acme bal"), ["balance-and-payments"],
         "categories")
    people = offered(ctl_, "user remove acme ")
    true({OLGA, ADAM, ANN, BILL} <= set(people), f"people: {people}")
    same(offered(ctl_, "user role acme ann@acme.example s"), ["subscriber"],
         "roles")
    same(offered(ctl_, "user add acme x@y.example --role u"), ["user-admin"],
         "roles")
    same(offered(ctl_, "subscribe acme services bill@acme.example an"),
         [ANN], "the last place repeats")
    same(offered(ctl_, "list acme services "), [], "nothing more to give")


@case("an account whose name begins with a hyphen is offered with -- before it")
def _(ctl_):
    ctl_.ok("account", "rename", "--", "acme", "-acme")
    same(offered(ctl_, "account show "), ["-- -acme", "beta"], "accounts")
    same(offered(ctl_, "account show -- "), ["-acme", "beta"], "after --")
    same(offered(ctl_, "account show -- -a"), ["-acme"], "after -- -a")
    same(offered(ctl_, "-- account show -"), ["-acme"], "after -- and more")
    same(offered(ctl_, "user remove -- -acme bi"), [BILL], "its people")
    true("--json" in offered(ctl_, "account show -"), "options")


@case("an address is completed after its @, where bash splits words")
def _(ctl_):
    same(offered(ctl_, "user remove acme ann@ac"), ["acme.example"],
         "offered")


@case("files are offered where a file is wanted")
def _(ctl_):
    ctl_.path("roster.csv", "x")
    same(offered(ctl_, "import roster.c"), ["roster.csv"], "files")
    same(offered(ctl_, "import --sync roster.c"), ["roster.csv"], "files")


@case("titles and names with shell syntax stay text")
def _(ctl_):
    mark = ctl_.path("harm")
    for i, title in enumerate((f"$(touch {mark})", f"`touch {mark}`",
                               '", "account": "evil', "a\\nb", "; exit 1")):
        ctl_.ok("account", "add", f"harm{i}", "--owner", OLGA, "--title",
                title)
    same(offered(ctl_, "account show "),
         ["acme", "beta", *(f"harm{i}" for i in range(5))], "accounts")
    same(os.path.exists(mark), False, "a title was run")


@case("with a roster that cannot be read nothing is offered and nothing "
      "printed")
def _(ctl_):
    ctl_.store.remove()
    same(offered(ctl_, "account show "), [], "accounts")
    same(offered(ctl_, "account show ", "/nonexistent"), [], "accounts")
    same(offered(ctl_, "account re"), ["remove", "rename"], "commands")


ctl.run()
