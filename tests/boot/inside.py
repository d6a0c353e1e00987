# SPDX-License-Identifier: BSD-2-Clause
"""inside - what the cases in the machine share

    @case("a sentence that can be false")     in cases_*.py, in order
    def _(mail): ...                          mail is a Mail

Commands of the shell, those of the documents, systemd's units, mail.
"""
import glob
import os
import re
import subprocess

from lib import TREE
from lib.receiver import Receiver
from lib.smtp import Client, marker, message
from lib.tap import Failed, contains, same, true
from lib.waiting import until

LIMIT = 300                 # seconds, for one event on an emulated machine
STATE = "/var/lib/try"      # outlives the reboot
README = os.path.join(TREE, "README.md")
SAMPLE = os.path.join(TREE, "postfix-sample", "README.md")
DOC = "/usr/share/doc/notify-milter/postfix-sample"
CONF = "/etc/notify-milter/notify-milter.conf"
MAIN, BOT = "notify-milter.service", "notify-bot.service"
MAINTENANCE, BALANCE = "scheduled-maintenance", "Balance & Payments"
OLGA, ANN = "olga@acme.example", "ann@acme.example"
ACME = "acme@accounts.example.com"
CHAT = 7
MTA = os.environ.get("NM_MTA", "postfix")
CASES = {}                  # of each module: [(title, function)]


def case(title, needed=False):
    """A case. NEEDED: others build on it."""
    def register(function):
        if needed or os.environ.get("CASE", "") in title:
            CASES.setdefault(function.__module__, []).append((title, function))
        return function
    return register


# Commands

def run(command, want=0, data=None, **environment):
    """The output of the shell's COMMAND, of which every part must succeed
    (set -e). WANT: its exit status, several that are right, or None."""
    done = subprocess.run(
        ["bash", "-e", "-c", command], input=data, text=True, cwd=TREE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT * 3,
        env={**os.environ, **environment, "PATH": f"{STATE}:/usr/local/sbin:"
             "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        **({} if data is not None else {"stdin": subprocess.DEVNULL}))
    if want is not None and done.returncode not in (
            want if isinstance(want, tuple) else (want,)):
        raise Failed(f"{command}: exit status {done.returncode}, want {want}: "
                     f"{done.stdout}")
    return done.stdout


def tool(name, script):
    """Let NAME be a program that runs the shell's SCRIPT."""
    path = os.path.join(STATE, name)
    with open(path, "w") as file:
        file.write(f"#!/bin/sh -e\n{script}\n")
    os.chmod(path, 0o755)


def package_is_built():
    """Let `make deb` be done; the package with the higher version waits."""
    tool("make", "test \"$*\" = deb")
    for path in glob.glob(f"{TREE}/build/*+1_*.deb"):
        os.rename(path, f"{STATE}/higher.deb")


def edit(**settings):
    """What `editor FILE` does next: set these; None comments one out."""
    tool("editor", "\n".join(
        f"sed -i 's|^#*{key} = *.*|#{key} =|' \"$1\"" if value is None else
        f"sed -i 's|^#*{key} =.*|{key} = {value}|' \"$1\"; "
        f"grep -q '^{key} = ' \"$1\"" for key, value in settings.items()))


# Documents

def block(path, heading, number=0):
    """The commands of the NUMBERth block below HEADING; a line that ends with
    a backslash or a pipe goes on."""
    with open(path) as file:
        text = file.read()
    found = re.search(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text)
    true(found, f"a section {heading!r} in {path}")
    blocks = re.findall(r"(?m)(?:^    .*\n)+", found[1])
    true(len(blocks) > number, f"a block {number} in {heading!r}")
    commands, now = [], ""
    for line in blocks[number].splitlines():
        now += line[4:]
        if now.rstrip().endswith("\\"):
            now = now.rstrip()[:-1]
        elif now.rstrip().endswith("|"):
            now += " "
        else:
            commands.append(now)
            now = ""
    return commands


def follow(path, heading, number=0, data=None, allowed=None):
    """Run a block of a document. DATA: {part of a command: its input};
    ALLOWED: {part of a command: other exit statuses}. The outputs."""
    outputs = []
    for command in block(path, heading, number):
        given = next((d for part, d in (data or {}).items()
                      if part in command), None)
        also = next((a for part, a in (allowed or {}).items()
                     if part in command), ())
        outputs.append(run(f"set -o pipefail\n{command}", (0, *also), given))
    return outputs


def follow_whole(path, heading, number=0):
    """Run a block of a document as one script, which ends at the first command
    that fails."""
    # By itself `set -e` goes on after a failure in the midst of `a && b`.
    return run("".join(f"{command}\n(exit $?)\n"
                       for command in block(path, heading, number)))


# Units

def show(unit, *names):
    """The properties of a unit."""
    lines = run(f"systemctl show {unit} -p {','.join(names)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def active(unit=MAIN):
    return show(unit, "ActiveState")["ActiveState"]


def journal(unit, since=0):
    return run(f"journalctl -q -o cat -u {unit} --since=@{since}")


def drop_in(unit, text=None):
    """Give UNIT a drop-in, or take it away, as `systemctl edit` does."""
    folder = f"/etc/systemd/system/{unit}.d"
    if text is None:
        run(f"rm -rf {folder}")
    else:
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/override.conf", "w") as file:
            file.write(text)
    run("systemctl daemon-reload")


def forms(path):
    """The drop-ins that comments of a unit's file show."""
    with open(path) as file:
        found = re.findall(r"(?m)^#   \[Service\]\n((?:#   .*\n)+)",
                           file.read())
    return ["[Service]\n" + re.sub("(?m)^#   ", "", one) for one in found]


# Mail

class Mail:
    """What comes and goes."""

    def __init__(self):
        self.receiver = Receiver().start()
        if MTA == "postfix":
            run(f"postconf -e relayhost=[127.0.0.1]:{self.receiver.port}; "
                "postfix reload || true", want=None)

    def send(self, to, category=MAINTENANCE):
        """By SMTP; the marker and the queue id."""
        mark = marker()
        with Client(("127.0.0.1", 25), timeout=LIMIT) as client:
            reply = client.send("billing@example.com", to,
                                message(mark, category))
            same(reply.code, 250, f"the answer, {reply}")
        return mark, reply.qid

    def submit(self, to, category=MAINTENANCE):
        """By sendmail(1); the marker."""
        mark = marker()
        text = message(mark, category).decode()
        run(f"sendmail -i -f billing@example.com {to}", data=text)
        return mark

    def got(self, mark, *people):
        """These people, and nobody else, get the message."""
        self.receiver.wait(mark, len(people), timeout=LIMIT)
        until(lambda: "is empty" in run("mailq"),
              lambda: f"the queue is empty: {run('mailq')}", LIMIT)
        same(self.receiver.copies(mark), {one: 1 for one in people},
             "who has got it")

    def signed(self, mark):
        """Each copy has a signature of DKIM."""
        for copy in self.receiver.wait(mark, 1, timeout=LIMIT):
            contains(b"\r\n" + copy.head.lower(), b"\r\ndkim-signature:",
                     "a copy")

    def flows(self):
        """A tagged and an untagged message arrive."""
        self.got(self.send(ACME)[0], ANN, OLGA)
        self.got(self.send("else@other.example", None)[0],
                 "else@other.example")
