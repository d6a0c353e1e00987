# SPDX-License-Identifier: BSD-2-Clause
"""rosters - the rosters of each size, made once and kept in build/bench

An account has eight users, five of whom are entitled to the category of the
messages. A roster of 100,000 users or more also has a few accounts with 100,
1,000 and 10,000 users, one of 10 million also an account with 100,000 and one
with a million, all entitled. Accounts are numbered, and messages are spread
over them at random. A roster is made by `notifyctl import`, and made again when
what it depends on has changed: this recipe, or the schema.
"""
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import time

from machine import KEPT, ROOT, program, say

USER = "nobody"     # the milter's
CATEGORY = "services"
ACCOUNTS = "accounts.example"
MIRROR = "telegram.invalid"

# The users of an account of eight: (role, categories), in order.
EIGHT = (
    ("owner", ""),
    ("user-admin", "services;balance-and-payments"),
    ("member", "services;balance-and-payments"),
    ("member", "services;scheduled-maintenance"),
    ("member", "services"),
    ("member", "accounting-documents;balance-and-payments"),
    ("member", "scheduled-maintenance"),
    ("subscriber", "accounting-documents;balance-and-payments"),
)
# The other accounts: {letter: (users, how many such accounts, in rosters of at
# least so many users)}.
LARGE = {"h": (100, 10, 10 ** 5), "k": (1000, 10, 10 ** 5),
         "x": (10000, 1, 10 ** 5), "y": (10 ** 5, 1, 10 ** 7),
         "z": (10 ** 6, 1, 10 ** 7)}
FIELDS = "account,email,role,categories\n"
ROOM = 1200     # bytes per user on disk while it is made, about half later


def accounts(users):
    """{letter: how many accounts} of a roster of USERS."""
    found = {letter: count if users >= least else 0
             for letter, (_, count, least) in LARGE.items()}
    users -= sum(size(letter) * count for letter, count in found.items())
    return {"a": users // len(EIGHT), **found}


def size(letter):
    return LARGE[letter][0] if letter in LARGE else len(EIGHT)


def entitled(letter):
    """The numbers of the users who get the category, in any such account."""
    if letter in LARGE:
        return range(size(letter))
    return [i for i, (role, categories) in enumerate(EIGHT)
            if role == "owner" or CATEGORY in categories.split(";")]


def address(letter, number, user):
    return f"user{user}@{letter}{number}.example"


def _rows(letter):
    """The rows of an account, with ~ for its name."""
    for i in range(size(letter)):
        role, categories = (EIGHT[i] if letter == "a" else
                            ("owner", "") if i == 0 else ("member", CATEGORY))
        yield f"~,user{i}@~.example,{role},{categories}\n"


def write(path, users):
    """The rows of a roster of USERS, as `notifyctl import` takes them."""
    with open(path, "w") as out:
        out.write(FIELDS)
        for letter, count in accounts(users).items():
            rows = "".join(_rows(letter)) if count else ""
            for start in range(0, count, 1000):
                out.write("".join(
                    rows.replace("~", f"{letter}{number}")
                    for number in range(start, min(start + 1000, count))))


def settings(url, socket, folder, more=""):
    """The text of a settings file."""
    return f"""\
[database]
url = {url}
[milter]
socket = {socket}
user = {USER}
account_domain = {ACCOUNTS}
stats_file = {folder}/notify-milter.prom
[telegram]
domain = {MIRROR}
stats_file = {folder}/notify-telegram.prom
{more}[mail]
from = notify@relay.example
"""


def _recipe():
    """What a roster depends on besides its size."""
    with open(os.path.join(ROOT, "policy", "store", "sql_schema.c")) as file:
        schema = file.read()
    return hashlib.sha256(
        repr((EIGHT, LARGE, CATEGORY, schema)).encode()).hexdigest()


def run(command):
    """(seconds, peak MB) of COMMAND, which must succeed."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def configure(folder):
    """Settings for notifyctl, for the roster in FOLDER."""
    path = os.path.join(folder, "notify-milter.conf")
    with open(path, "w") as out:
        out.write(settings(f"{folder}/roster.db", f"unix:{folder}/socket",
                           folder))
    return path


def _make(folder, users):
    """Make the roster in FOLDER; returns the cost."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    if shutil.disk_usage(folder).free < users * ROOM:
        raise RuntimeError(f"a roster of {users:,} users needs "
                           f"{users * ROOM / 1e9:.0f} GB in {KEPT}")
    shutil.chown(folder, USER, pwd.getpwnam(USER).pw_gid)
    rows = os.path.join(folder, "rows.csv")
    write(rows, users)
    conf = configure(folder)
    run([program("notifyctl"), "-c", conf, "init"])
    seconds, memory = run([program("notifyctl"), "-c", conf, "import", rows])
    os.unlink(rows)
    database = os.path.join(folder, "roster.db")
    return {"recipe": _recipe(), "users": users, "import_s": seconds,
            "import_mb": memory, "when": time.strftime("%Y-%m-%d"),
            "file_mb": os.path.getsize(database) / 2 ** 20}


def have(rosters, users, fresh=False):
    """The directory of the roster of USERS in ROSTERS, and the cost of making
    it: in this run, or when it was made. FRESH: make it in this run."""
    folder = os.path.join(rosters, str(users))
    stamp = os.path.join(folder, "stamp.json")
    try:
        with open(stamp) as file:
            made = json.load(file)
    except (OSError, ValueError):
        made = {}
    if fresh or made.get("recipe") != _recipe():
        say(f"a roster of {users:,} users")
        made = _make(folder, users)
        with open(stamp, "w") as out:
            json.dump(made, out)
    configure(folder)
    return folder, made
