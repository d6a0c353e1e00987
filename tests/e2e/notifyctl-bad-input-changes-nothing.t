#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# takes: 20 s
"""Bad input: one line, the right exit code, nothing on stdout, no change."""
import os
import resource
import signal
import subprocess

from lib import ctl
from lib.ctl import ACCOUNTS, MIRROR, NOBODY, case
from lib.milter import program
from lib.roster import ANN, BILL, MAINTENANCE, OLGA, SERVICES, STRANGER, \
    acting
from lib.tap import contains, lacks, same, true

NEW = "nina@acme.example"

# Every command as it should be; those that need it are given --as OLGA.
COMMANDS = [
    ["init"],
    ["account", "add", "gamma", "--owner", NEW],
    ["account", "list"],
    ["account", "show", "acme"],
    ["account", "transfer", "acme", ANN],
    ["account", "remove", "acme"],
    ["user", "add", "acme", NEW],
    ["user", "list", "acme"],
    ["user", "role", "acme", ANN, "user-admin"],
    ["user", "remove", "acme", ANN],
    ["category", "list"],
    ["category", "add", "alarms", "--title", "Alarms"],
    ["subscribe", "acme", SERVICES, ANN],
    ["unsubscribe", "acme", MAINTENANCE, ANN, "--confirm", ANN],
    ["list", "acme"],
    ["import", "FILE"],
    ["export"],
    ["explain", "FILE"],
    ["log"],
    ["check"],
]
# The greatest number of words of a command.
MOST = {"init": 1, "account add": 3, "account list": 2, "account show": 3,
        "account transfer": 4, "account remove": 3, "user list": 3,
        "user role": 5, "user remove": 4, "category list": 2,
        "category add": 3, "unsubscribe": 4, "list": 3, "import": 2,
        "export": 2, "explain": 2, "log": 2, "check": 1}


def words_of(command):
    """The name of COMMAND, its plain words and its options."""
    name = " ".join(command[:2]) if command[0] in (
        "account", "user", "category") else command[0]
    plain = command
    for i, word in enumerate(command):
        if word.startswith("--"):
            plain = command[:i]
            break
    return name, plain, command[len(plain):]


# The command line

@case("every command succeeds with good arguments")
def _(ctl):
    for command in COMMANDS:
        ctl.reset()
        file = ctl.path("message", f"To: {ANN}\n\n" if command[0] == "explain"
                        else f"account,email\nacme,{NEW}\n")
        if command != ["check"]:
            ctl.ok(*[file if word == "FILE" else word for word in command],
                   as_=acting(command, OLGA))


@case("an unknown or incomplete command is refused with 64")
def _(ctl):
    for words in (["frobnicate"], ["accounts"], ["Account", "list"],
                  ["account"], ["user"], ["category"], ["account", "frob"],
                  ["user", "show", "acme"], [""], ["subscribe "],
                  ["add", "acme"], ["account list"]):
        ctl.refused(64, *words,
                    says=("unknown", " ".join(words[:2]), "expected"))
    ctl.refused(64, says=("command", "expected"))
    for words in (["account"], ["account", "frob"]):
        ctl.refused(64, *words, says="expected account and one of add, list, "
                    "show, rename, title, transfer, remove")


@case("too few and too many arguments are refused with 64 and the usage")
def _(ctl):
    for command in COMMANDS:
        name, plain, options = words_of(command)
        if len(plain) > len(name.split()) and name != "explain":
            ctl.refused(64, *plain[:-1], *options, as_=OLGA,
                        says=f"notifyctl {name} ")
        if name in MOST:
            extra = MOST[name] + 1 - len(plain)
            ctl.refused(64, *plain, *["x"] * extra, *options, as_=OLGA,
                        says=f"notifyctl {name}")


@case("an unknown option is refused with 64 and named")
def _(ctl):
    for command in COMMANDS:
        ctl.refused(64, *command, "--frobnicate", says="--frobnicate")
    for words, wrong in ((["-x", "list", "acme"], "-x"),
                         (["list", "-xy", "acme"], "-x"),
                         (["list", "-x@acme.example", "acme"], "-x"),
                         (["list", "acme", "--json=yes"], "takes no value"),
                         (["import", "x", "--sync=yes"], "--sync=yes"),
                         (["list", "-\u00e9", "acme"], '"-\u00e9"'),
                         (["-\u00e9x", "list", "acme"], '"-\u00e9x"'),
                         (["--", "--list"], "--list")):
        ctl.refused(64, *words, says=wrong)


@case("a file without a name is seen in the error")
def _(ctl):
    for code, words in ((65, ["import", ""]), (65, ["explain", ""]),
                        (65, ["trace", "4X", "--log", ""]),
                        (65, ["trace", "4X", "--journal", ""]),
                        (74, ["telegram", "connect", "acme", "--png", ""])):
        ctl.settings(bot="acme_notify_bot")
        true(ctl.refused(code, *words, as_=acting(words, OLGA)).startswith(
            '"": No such file'), f"the line of {words}")
    done = subprocess.run([program("notifyctl"), "-c", ctl.path("none"),
                           "list", ""], capture_output=True, text=True)
    same(done.returncode, 78, f"{done}")


@case("a standard input that is closed is an error, not an empty file")
def _(ctl):
    for code, words in ((74, ["import", "-"]), (65, ["explain"]),
                        (65, ["explain", "--recipient", ANN, "-"])):
        done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh",
                               *ctl.command(*words)],
                              capture_output=True, text=True)
        same((done.returncode, done.stdout), (code, ""), f"{done}")
        contains(done.stderr, "standard input: Bad file descriptor", words)


@case("an option of another command is refused with 64 and named")
def _(ctl):
    for words, wrong in ((["list", "acme", "--title", "x"], "--title"),
                         (["user", "add", "acme", NEW, "--owner", NEW],
                          "--owner"),
                         (["subscribe", "acme", SERVICES, ANN, "--confirm",
                           ANN], "--confirm"),
                         (["export", "--dry-run"], "--dry-run"),
                         (["import", "x", "--recipient", ANN], "--recipient"),
                         (["category", "add", "x", "--title", "x", "--role",
                           "member"], "--role")):
        ctl.refused(64, *words, as_=OLGA, says=wrong)


@case("an option without its value is refused with 64 and named")
def _(ctl):
    for words in (["account", "add", "gamma", "--owner"],
                  ["user", "add", "acme", NEW, "--role"],
                  ["unsubscribe", "acme", SERVICES, ANN, "--confirm"],
                  ["list", "acme", "--as"], ["explain", "--sender"],
                  ["explain", "--recipient"], ["list", "acme", "-c"]):
        ctl.refused(64, *words, says=words[-1])
    ctl.refused(64, "account", "add", "gamma", says="--owner")


@case("--help and --version exit with 0")
def _(ctl):
    for words in (["--help"], ["-h"], ["list", "--help"]):
        text = ctl.ok(*words).out
        for command in COMMANDS:
            contains(text, words_of(command)[0], "help")
    for words in (["--version"], ["-V"]):
        true(ctl.ok(*words).out.startswith("notifyctl "), "version")


# Names

@case("an unknown account is named by every command: with 67 to the operator, "
      "with 77 to a person, who might learn that another one exists")
def _(ctl):
    for command in COMMANDS:
        for name in ("nosuch", "acme ", "no such", "", "acme\n", "acme@x"):
            if "acme" not in command:
                continue
            words = [name if word == "acme" else word for word in command]
            says = ("account", name.rstrip("\n"))
            ctl.refused(64 if "subscribe" in command[0] else 67, *words,
                        says=() if "subscribe" in command[0] else says)
            ctl.refused(77, *words, as_=OLGA,
                        says=says if acting(words, OLGA) else "operator")
    ctl.refused(67, "export", "nosuch", says="nosuch")
    ctl.refused(67, "log", "nosuch", says="nosuch")


@case("an unknown user is named with 67, by every command")
def _(ctl):
    for command in COMMANDS:
        for address in (STRANGER, "otto@beta.example"):
            words = [address if word == ANN else word for word in command]
            if words != command:
                ctl.refused(67, *words, as_=acting(words, OLGA),
                            says=(address, "acme"))


@case("an unknown role is refused with 65, and the known ones are named")
def _(ctl):
    for role in ("boss", "", "Members", "owner ", "user_admin", "admin"):
        for words in (["user", "add", "acme", NEW, "--role", role],
                      ["user", "role", "acme", ANN, role]):
            ctl.refused(65, *words, says=("user-admin", "member",
                                          "subscriber"))


@case("a malformed account name is refused with 65")
def _(ctl):
    for name in ("", "a b", "a@b", "ä", "a/b", "x" * 65, "a\nb", "a,b", "a;b",
                 "*", "a\x1b[2J", "\udcff"):
        ctl.refused(65, "account", "add", name, "--owner", NEW,
                    says=("account", "letters"))


@case("a title with control characters, or without end, is refused with 65")
def _(ctl):
    for title in ("a\nb", "a\tb", "\x1b[2J", "\x7f", "\x80", "\udcff",
                  "\u202ea", "x" * 5000):
        ctl.refused(65, "account", "add", "gamma", "--owner", NEW, "--title",
                    title, says="title")


MALFORMED = {
    "nothing": "",
    "a blank": " ",
    "no @": "nina",
    "no domain": "nina@",
    "no local part": "@acme.example",
    "an empty quoted local part": '""@acme.example',
    "two @": "nina@@acme.example",
    "two @ apart": "nina@acme@acme.example",
    "a space in the local part": "nina smith@acme.example",
    "a space in the domain": "nina@acme .example",
    "a space before the @": "nina @acme.example",
    "a display name": "Nina <nina@acme.example>",
    "a bracket too many": "<nina@acme.example",
    "a bracket behind": "nina@acme.example>",
    "two addresses": "nina@acme.example,noel@acme.example",
    "two addresses apart": "nina@acme.example, noel@acme.example",
    "two addresses with a semicolon": "nina@acme.example;noel@acme.example",
    "an empty label": "nina@acme..example",
    "a dot at the start of the domain": "nina@.acme.example",
    "a label with a hyphen in front": "nina@-acme.example",
    "a label with a hyphen behind": "nina@acme-.example",
    "a label too long": f"nina@{'x' * 64}.example",
    "a domain too long": f"nina@{'.'.join(['x' * 60] * 5)}",
    "a local part too long": f"{'x' * 65}@acme.example",
    "an address without end": "x" * 5000 + "@acme.example",
    "a slash in the domain": "nina@acme/example",
    "a newline": "nina\n@acme.example",
    "a newline at the end": "nina@acme.example\n",
    "a carriage return": "nina@acme.example\r",
    "a tabulator": "nina\t@acme.example",
    "an escape": "nina\x1b[2J@acme.example",
    "a delete": "nina\x7f@acme.example",
    "a C1 control": "nina\x85@acme.example",
    "no UTF-8": "nina\udcff@acme.example",
    "no UTF-8 in the domain": "nina@acme\udcff.example",
    "a quote that does not end": '"nina@acme.example',
    "a header": "nina@acme.example\r\nBcc: x@y.example",
    "a chat": f"7@{MIRROR}",
    "a chat in capitals": f"7@{MIRROR.upper()}",
    "a chat with a dot behind": f"7@{MIRROR}.",
    "an account": f"acme@{ACCOUNTS}",
    "an account in capitals": f"nosuch@{ACCOUNTS.upper()}",
}


for kind, text in MALFORMED.items():
    @case(f"an address is refused with 65: {kind}")
    def _(ctl_, text=text):
        line = ctl_.refused(65, "user", "add", "acme", "--", text,
                            says="expected")
        true(len(line) < 2000, f"length of the line: {len(line)}")
        ctl_.refused(65, "account", "add", "gamma", f"--owner={text}",
                     says="expected")


@case("a malformed address is refused with 65 by every command")
def _(ctl):
    for command in COMMANDS:
        words = [word.replace(ANN, "ann@@acme").replace(NEW, "ann@@acme")
                 for word in command]
        if words != command:
            ctl.refused(65, *words, as_=acting(words, OLGA),
                        says="ann@@acme")


@case("--as is an address: nothing else gets into the record of a change")
def _(ctl):
    for command in COMMANDS:
        words_ = words_of(command)[0]
        if words_.split()[-1] in ("add", "transfer", "remove", "role",
                                  "subscribe", "unsubscribe"):
            for actor in ("operator root", "adam", "a\nb@acme.example"):
                code, says = (65, "expected") if acting(command, actor) else (
                    77, "operator")
                ctl.refused(code, *command, as_=actor, says=says)
                ctl.refused(code, *command, env={"NOTIFYCTL_AS": actor},
                            says=says)


@case("no argument breaks the error line")
def _(ctl):
    broken = set()
    for word in ("a\nb", "a\rb", "a\x1b[2Jb", "\udcff\udcfe", "\u202eab",
                 "%s%n%d", 'a"b\\c', "x" * 3000):
        for words in (["WORD"], ["account", "WORD"], ["list", "WORD"],
                      ["list", "acme", "WORD"], ["--WORD"],
                      ["user", "role", "acme", ANN, "WORD"],
                      ["user", "role", "acme", "WORD", "member"],
                      ["user", "add", "acme", NEW, "--role", "WORD"],
                      ["import", "WORD"], ["explain", "WORD"],
                      ["log", "WORD"], ["export", "WORD"],
                      ["subscribe", "acme", SERVICES, "WORD"],
                      ["subscribe", "acme", SERVICES, ANN, "--as", "WORD"],
                      ["unsubscribe", "acme", SERVICES, ANN, "--confirm",
                       "WORD"],
                      ["unsubscribe", "acme", SERVICES, "WORD"],
                      ["-c", "WORD", "account", "list"]):
            words_ = [w.replace("WORD", word) for w in words]
            done = ctl(*words_, as_=acting(words, OLGA), json_=True)
            true(done.code in (64, 65, 67, 77, 78), f"exit: {done}")
            true(done.document["error"]["message"], f"message of {done}")
            if not (done.err[:-1].isprintable() and done.err[-1] == "\n"):
                broken.add((" ".join(words), word))
    same(sorted(broken), [], "commands, and words that broke their line")


# Settings

def run(ctl_, *words):
    """notifyctl with these words alone."""
    return subprocess.run([program("notifyctl"), *words], text=True,
                          capture_output=True, timeout=20, cwd=ctl_.folder,
                          env=ctl_.environment())


SETTINGS = {
    "an unknown key": ("[milter]\nexpnad = never\n", 2, "expnad", "expand"),
    "a key of another section": ("[mail]\nurl = /x\n", 2, "url", "sendmail"),
    "an unknown section": ("[database]\nurl = /x\n[mitler]\nuser = x\n", 3,
                           "mitler", "[milter]"),
    "a bad choice": ("\n\n[milter]\nbad_tag = drop\n", 4, "drop", "hold"),
    "a bad switch": ("[milter]\nmonitor = maybe\n", 2, "maybe", "yes"),
    "a relative path": ("[database]\nurl = roster.db\n", 2, "roster.db", "/"),
    "no value": ("[database]\nurl =\n", 2, "url", "expected"),
    "a sendmail with arguments": ("[mail]\nsendmail = sendmail -t\n", 2,
                                  "sendmail -t", "expected"),
    "a sender that is none": ("[mail]\nfrom = nobody\n", 2, "nobody",
                              "address"),
    "the same key twice": ("[database]\nurl = /a\nurl = /b\n", 3, "url",
                           "twice"),
    "no setting at all": ("hello\n", 1, "", "expected"),
}


for kind, (text, number, wrong, right) in SETTINGS.items():
    @case(f"settings are refused with 78, file and line: {kind}")
    def _(ctl_, text=text, number=number, wrong=wrong, right=right):
        ctl_.settings(text)
        for command in (["account", "list"], ["user", "add", "acme", NEW],
                        ["init"], ["explain"]):
            ctl_.refused(78, *command, says=(
                f"{ctl_.conf.file}:{number}: ", wrong, right))


@case("settings that are missing or unreadable are named with 78")
def _(ctl):
    for path in (ctl.path("nosuch.conf"), ctl.folder, "/dev/null/x"):
        for command in (["account", "list"], ["init"]):
            done = run(ctl, "-c", path, *command)
            same(done.returncode, 78, f"exit of {done}")
            for part in (path, "expected"):
                contains(done.stderr, part, "the line")


@case("-c and --as count once, and are not empty: a second one, or a variable "
      "that is set and empty, is refused with 64")
def _(ctl):
    conf = ["-c", ctl.conf.file]
    for words, wrong in ((["-c", ctl.path("nosuch.conf")], "-c"),
                         (conf, "-c"), (["-c", ""], "-c"),
                         (["--as", OLGA, "--as", OLGA], "--as"),
                         (["--as", OLGA, f"--as={ANN}"], "--as"),
                         (["--as="], "--as"), (["--as", ""], "--as"),
                         (["--as", "", "--as", OLGA], "--as")):
        for line in ([*words, "list", "acme"], ["list", "acme", *words],
                     ["list", *words, "acme"]):
            ctl.refused(64, *line, says=(wrong, "expected"))
    same(run(ctl, "-c", "", "list", "acme").returncode, 64, "an empty -c")
    ctl.refused(64, "list", "acme", env={"NOTIFYCTL_AS": ""},
                says=("$NOTIFYCTL_AS", "expected"))
    ctl.refused(64, "list", "acme", as_=OLGA, env={"NOTIFYCTL_AS": ""},
                says=("$NOTIFYCTL_AS", "expected"))


@case("an option with a value is given once, too, unless each value counts")
def _(ctl):
    for words in (["--owner", NEW, "account", "add", "gamma", "--owner", ANN],
                  ["--role", "member", "user", "add", "acme", NEW,
                   "--role=subscriber"],
                  ["--sender", ANN, "explain", "--sender", ANN],
                  ["--recipient", ANN, "trace", "--recipient", BILL,
                   "--on", "2026-11-29"]):
        ctl.refused(64, *words, says=(words[0], "twice"))
    ctl.ok("explain", "--recipient", ANN, "--recipient", BILL,
           ctl.path("message", "\n"))


@case("the settings are not looked for elsewhere")
def _(ctl):
    done = run(ctl, "-c", ctl.conf.file, "account", "list")
    same((done.returncode, done.stderr), (0, ""), "account list")


# Output

@case("output that cannot be written is an error")
def _(ctl):
    for words in (["log"], ["export"], ["list", "acme"], ["account", "list"]):
        for json_ in (False, True):
            with open("/dev/full", "wb") as full:
                done = ctl(*words, json_=json_, stdout=full)
            same(done.code, 74, f"exit of {done}")
            contains(done.line, "standard output", "line")
            lacks(done.line, "change", "line of what only looks")


@case("--help and --version that cannot be written are errors, too")
def _(ctl):
    for words in (["--help"], ["--help", "roles"], ["--version"]):
        with open("/dev/full", "wb") as full:
            done = ctl(*words, stdout=full)
        same(done.code, 74, f"exit of {done}")
        contains(done.line, "standard output", "line")


def closed():
    os.close(1)


@case("what is printed to a closed standard output is an error, of every command "
      "and program")
def _(ctl):
    for words in (["log"], ["export"], ["list", "acme"], ["account", "list"],
                  ["category", "list"], ["person", "show", BILL], ["stats"],
                  ["check"], ["user", "list", "acme"], ["--help"],
                  ["--help", "roles"], ["--version"]):
        for json_ in (False, True):
            done = ctl(*words, json_=json_, preexec_fn=closed)
            same((done.code, done.out), (74, ""), f"exit and output of {done}")
            contains(done.line, "standard output: it is closed", "line")
    # An error of its own stays what it is, and so does silence.
    same(ctl("list", "nosuch", preexec_fn=closed).code, 67, "exit")
    same(ctl("init", preexec_fn=closed).code,
         0 if ctl.ok("init").out == "" else 74, "exit of init")
    done = ctl("account", "title", "acme", "New", preexec_fn=closed)
    contains(done.line, "it is closed; the change is made", "line")
    for name in ("notify-milter", "notify-bot", "notify-telegram"):
        for option in ("-h", "-V"):
            for place, code in ((closed, 74), ("/dev/full", 74), (None, 0)):
                with open(place if isinstance(place, str) else os.devnull,
                          "wb") as out:
                    done = subprocess.run(
                        [program(name), option], stdout=out, timeout=20,
                        stderr=subprocess.PIPE, text=True,
                        preexec_fn=closed if place is closed else None)
                same((done.returncode, done.stderr.count("\n")),
                     (code, 0 if code == 0 else 1), f"{name} {option} {place}")
    # -n reads the settings, and opens nothing.
    ctl.settings(user=NOBODY)
    done = subprocess.run(
        [program("notify-milter"), "-n", "-c", ctl.conf.file], timeout=20,
        stderr=subprocess.PIPE, text=True, preexec_fn=closed)
    same(done.returncode, 74, f"exit of {done}")


@case("a long report without room for its temporary file is not begun")
def _(ctl):
    ctl.sql("INSERT INTO change(at, actor, account, action, subject, detail)"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            "  WHERE i < 25000) SELECT i, 'x', 'acme', 'user-add', 'u', ''"
            " FROM n")
    done = ctl("log", json_=True, env={"TMPDIR": "/nonexistent"})
    same((done.code, done.document["error"]["code"]), (74, 74), "exits")
    contains(done.line, "temporary file", f"line of {done}")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    done = ctl("log", json_=True, preexec_fn=limit)
    same((done.code, done.out), (74, ""), "exit and output")
    contains(done.line, "temporary file", f"line of {done}")


@case("a change whose report cannot be written is made all the same")
def _(ctl):
    with open("/dev/full", "wb") as full:
        done = ctl("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
                   as_=OLGA, stdout=full)
    for part in ("standard output", "the change is made"):
        contains(done.line, part, "line")
    same(ctl.user("acme", BILL), ("member", set()), "bill")
    same([mail.to for mail in ctl.mails()], [BILL], "mails")


ctl.run()
