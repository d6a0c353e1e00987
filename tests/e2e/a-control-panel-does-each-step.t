#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""postfix-sample/control-panel: its page, run as it stands, and its program."""
import base64
import json
import os
import re
import shlex
import shutil
import subprocess

from lib import TREE, needs
from lib.roster import ANN, BILL, MAINTENANCE, MIA, OLGA, SERVICES
from lib.tap import Failed, Skip, contains, lacks, same, true
from lib.telegram import NAME, Site, case, run

FOLDER = os.path.join(TREE, "postfix-sample", "control-panel")
CHAT = 7001


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


class Panel:
    """notify-panel with the site's notifyctl; a call runs it."""

    def __init__(self, site):
        self.site = site
        # Its environment must not count.
        ctl_ = site.path("notifyctl-of-the-site", "#!/bin/sh\n"
                         f'exec {site.notifyctl} -c {site.conf.file} "$@"\n')
        text = read("notify-panel").replace("/usr/local/sbin/notifyctl", ctl_)
        self.path = site.path("notify-panel", text)
        for path in (ctl_, self.path):
            os.chmod(path, 0o755)

    def __call__(self, *words, env=None, **options):
        return subprocess.run([self.path, *words], capture_output=True,
                              text=True, errors="surrogateescape", timeout=60,
                              stdin=subprocess.DEVNULL, cwd=self.site.folder,
                              env={**os.environ, **(env or {})}, **options)

    def document(self, *words, code=0, **options):
        """The answer, one JSON document, after that exit status."""
        done = self(*words, **options)
        same(done.returncode, code, f"exit of {words}: {done.stderr!r}")
        try:
            return json.loads(done.stdout)
        except ValueError as why:
            raise Failed(f"{words}: {why}: {done.stdout[:300]!r}") from why


def fits(want, got):
    """Is GOT what the page shows? It may have more."""
    if isinstance(want, dict):
        return isinstance(got, dict) and all(
            name in got and fits(value, got[name])
            for name, value in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and bool(want or not got) and all(
            any(fits(one, other) for other in got) for one in want)
    if isinstance(want, str) and want.endswith("..."):
        return isinstance(got, str) and got.startswith(want[:-3])
    return want == got


def steps():
    """[(command line, exit status, document as text)] of the page."""
    blocks = re.findall(r"(?m)^    ([$>]) (.*?)(?:  +# (\d+))?\n((?:    +\S.*\n)*)",
                        read("README.md"))
    return [(kind, line, int(code or 0), text)
            for kind, line, code, text in blocks]


@case("each step of the page does what the page says, one after the other")
def _(site):
    site.conf.defaults["bot"] = NAME
    site.settings()
    site.api.person(CHAT)
    site.bot.start()
    panel = Panel(site)
    done, link = [], ""
    for kind, line, code, text in steps():
        if kind == ">":
            token = link.partition("?start=")[2]
            contains(site.ask(CHAT, line.replace("TOKEN", token)), ANN,
                     "what the bot answers")
            continue
        words = shlex.split(line)
        same(words[0], "panel", f"the command of {line!r}")
        got = panel.document(*words[1:], code=code)
        true(fits(json.loads(text), got), f"{line}: got {got}, want {text}")
        done.append(" ".join(words[2:4]))
        if "link" in got:
            link = got["link"]
            code_of(site, got)
    for step in ("account show", "category list", "list acme", "telegram "
                 "connect", "subscribe acme", "unsubscribe acme",
                 "telegram disable"):
        true(step in done, f"{step} on the page: {done}")
    true(len(done) >= 24, f"steps: {len(done)}")


def code_of(site, document):
    """The picture has the link."""
    if shutil.which("zbarimg") is None:
        return
    path = site.path("code.png", base64.b64decode(document["png"],
                                                  validate=True))
    read_ = subprocess.run(["zbarimg", "--quiet", "--raw", path], text=True,
                           capture_output=True, timeout=60)
    same(read_.stdout.strip(), document["link"], "the link in the picture")


@case("the page has each command of the program, and no other")
def _(_site):
    text = read("notify-panel")
    names = set(re.findall(r'"([a-z]+ [a-z]+)"(?= \||\)| \| )', text)) | set(
        re.findall(r"(?m)^(?:\"[^\n]* \| )?([a-z]+)\)", text))
    page = read("README.md")
    true({"log", "list", "user add", "telegram connect"} <= names,
         f"commands: {sorted(names)}")
    for name in names:
        true(re.search(rf"(panel \S+ |`){name}\b", page), f"{name} on the page")


@case("whatever the person and the words are, nobody acts as the operator")
def _(site):
    panel = Panel(site)
    for person in (MIA, "", "-", "--json", "--help", "-h", "root", "operator",
                   "olga@acme.example\n--json", "--as=olga@acme.example",
                   "mia@acme.example --as olga@acme.example", "x" * 5000,
                   "\udcff@acme.example", '"$(id)"@acme.example', "*"):
        done = panel(person, "user", "remove", "acme", BILL)
        true(done.returncode in (64, 65, 77), f"{person!r}: {done}")
        json.loads(done.stdout)
        true(done.stderr[:-1].isprintable() and done.stderr.endswith("\n"),
             f"one line for {person!r}: {done.stderr!r}")
    true(site.user("acme", BILL), "bill is still there")


@case("no word of the caller's is an option, and none names a file")
def _(site):
    panel = Panel(site)
    file = site.path("planted.png")
    before = site.dump()
    for words in (["account", "show", "-c", file],
                  ["account", "show", "--help"], ["--help", "x"],
                  ["--version", "x"], ["-c", file, "account", "show", "acme"],
                  ["--as", OLGA, "account", "show", "acme"],
                  ["account", "show", f"--as={OLGA}"],
                  ["list", "acme", f"--as={OLGA}"],
                  ["log", "--prune"], ["log"],
                  ["log", "acme", "--before"],
                  ["telegram", "connect", "acme", "--png", file],
                  ["telegram", "connect", f"--png={file}"],
                  ["subscribe", "acme", SERVICES, "--confirm", BILL],
                  ["subscribe", "acme", SERVICES, "--no-tell"],
                  ["user", "add", "acme", "--role", BILL],
                  ["user", "add", "acme", "member --json", "n@acme.example"],
                  ["unsubscribe", "acme", MAINTENANCE, BILL, "--json"],
                  ["unsubscribe", "acme", MAINTENANCE, BILL, ""],
                  ["unsubscribe", "acme", MAINTENANCE, "--confirm", BILL],
                  ["user", "remove", "acme", "--", BILL],
                  ["--", "account", "show", "acme"]):
        done = panel(OLGA, *words)
        true(done.returncode in (64, 65, 67, 77), f"{words}: {done}")
        same(json.loads(done.stdout)["error"]["code"], done.returncode,
             f"code of {words}")
    site.unchanged(before)
    true(not os.path.exists(file), "no file is made")


@case("what the program does not list is refused, in every disguise")
def _(site):
    panel = Panel(site)
    for words in (["init"], ["export"], ["export", "acme"], ["import", "-"],
                  ["check"], ["stats"], ["held"], ["requeue", "ABC"],
                  ["account", "list"], ["account", "remove", "acme"],
                  ["account", "add", "x", OLGA], ["person", "forget", MIA],
                  ["category", "add", "x"], ["notices", "send"], ["postfix"],
                  ["account show"], ["account show", "acme"], ["account"],
                  ["account", "show acme"], ["account", "show\n", "acme"],
                  ["account", "show", "acme", "beta"], ["Account", "show"],
                  ["list\nexport", "acme"], ["log;id", "acme"], ["", "acme"],
                  ["account", "", "acme"], ["*", "acme"], ["list|log", "x"],
                  ["user", "list", "acme", "x"], ["account", "*", "acme"],
                  ["[a-z]*", "acme"], ["\\list", "acme"], ["$first", "acme"]):
        same(panel.document(OLGA, *words, code=64)["error"]["code"], 64,
             f"code of {words}")
    same(panel().returncode, 64, "without a word")
    same(panel(OLGA).returncode, 64, "without a command")


@case("newlines, patterns, quotes and long values are values, and change no "
      "other word")
def _(site):
    panel = Panel(site)
    for value in ("a\nb", "acme\n", "\n", "*", "?", "$(id)", "`id`", "'", '"',
                  "a b", " acme", "~root", "\\n", "%s", "\x1b[2J", "\udcff",
                  "x" * 100000, "-", "--", "-c", "acme --as " + OLGA):
        for words in (["account", "show", value],
                      ["user", "add", "acme", value, "n@acme.example"],
                      ["unsubscribe", "acme", MAINTENANCE, BILL, value]):
            done = panel(OLGA, *words)
            true(done.returncode in (65, 67, 77), f"{words}: {done}"[:900])
            found = json.loads(done.stdout)["error"]
            same(found["code"], done.returncode, "code")
            true(len(done.stderr) < 2000 and done.stderr[:-1].isprintable(),
                 f"one line for {words}: {done.stderr!r}"[:900])
    same(set(site.roster()["acme"]) >= {BILL, ANN}, True, "users")


@case("the caller's environment does not count")
def _(site):
    panel = Panel(site)
    trap = site.path("trap")
    for name in ("env", "notifyctl", "echo", "["):
        os.makedirs(trap, exist_ok=True)
        with open(os.path.join(trap, name), "w") as out:
            out.write("#!/bin/sh\necho trapped\n")
        os.chmod(os.path.join(trap, name), 0o755)
    want = panel.document(MIA, "account", "show", "acme")
    for env in ({"NOTIFYCTL_AS": OLGA}, {"NOTIFYCTL_AS": ""},
                {"IFS": "a", "ENV": trap + "/env", "BASH_ENV": trap + "/env"},
                {"PATH": trap}, {"POSIXLY_CORRECT": "1"}, {"SUDO_USER": "root"},
                {"option": "--help", "second": "x", "person": OLGA,
                 "notifyctl": "/bin/echo"}, {"LC_ALL": "tr_TR.UTF-8"},
                {"PGHOST": "/nowhere", "PGSERVICE": "x"},
                {"MAIL_CONFIG": "/nowhere", "TMPDIR": "/nowhere"}):
        same(panel.document(MIA, "account", "show", "acme", env=env), want,
             f"the answer with {env}")


@case("sudoers has no wildcard, and sudo finds no fault with it")
def _(site):
    rules = [line for line in read("sudoers").splitlines()
             if line and not line.startswith("#")]
    for line in rules:
        for character in "*?[]!^":
            lacks(line.replace("Defaults!", "").replace("!setenv", ""),
                  character, "a rule")
    same([rule.split()[-1] for rule in rules if "NOPASSWD" in rule],
         ["/usr/local/libexec/notify-panel"], "what may be run")
    visudo = needs.program("visudo")
    if visudo is None:
        raise Skip("needs visudo (sudo)")
    done = subprocess.run(
        [visudo, "-c", "-f", site.path("sudoers", read("sudoers"))],
        capture_output=True, text=True, env={
            **os.environ, "LD_LIBRARY_PATH": os.path.join(
                os.path.dirname(visudo), "../libexec/sudo")})
    same(done.returncode, 0, f"exit of visudo: {done}")


run(Site)
