#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it is about documents
# not with postgresql: it has no roster
"""Manuals, samples and READMEs against the programs: settings, commands, options,
exit statuses, layers, modules, version; and the examples, run as they stand."""
import fnmatch
import os
import re
import shlex
import subprocess

from lib import TREE, ctl
from lib.ctl import case
from lib.milter import BUILD, program
from lib.tap import same, true

PAGES = {"notify-milter": "milter/notify-milter.8",
         "notify-telegram": "tools/telegram/notify-telegram.8",
         "notify-bot": "tools/telegram/notify-bot.8",
         "notifyctl": "tools/notifyctl/notifyctl.8",
         "notify-milter.conf": "policy/settings/notify-milter.conf.5"}
READMES = ("README.md", "milter/README.md", "policy/README.md",
           "postfix-sample/README.md", "postfix-sample/control-panel/README.md",
           "tests/README.md", "tests/bench/README.md", "tools/README.md",
           "tools/package/README.md")
# Not in a manual of ours, or not in mandoc's index of this machine.
PASSED_OVER = re.compile(r"referenced manual not found|outdated mandoc\.db")


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


def table():
    """{(section, name): (default, choices)} of the settings in the code."""
    done = subprocess.run([os.path.join(BUILD, "unit"), "settings"],
                          capture_output=True, text=True, check=True,
                          timeout=30)
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {(section, name): (default, set(choices.split()))
            for section, name, default, choices in rows}


def page_settings():
    """The same of the manual."""
    found = {}
    section = None
    text = read(PAGES["notify-milter.conf"])
    for block in re.split(r"(?m)^(?=\.Ss |\.It Ic |\.Sh )", text):
        head, _, body = block.partition("\n")
        if head.startswith(".Sh "):
            section = None
        if head.startswith(".Ss Section "):
            section = head.split()[2]
        match = re.match(r"\.It Ic (\w+) No = (.*)", head)
        if match is None or section is None:
            continue
        default = re.search(r"The default is\n\.(?:Li|Pa) (.*?)(?: \.)?$",
                            body, re.M)
        true(default or "Empty" in body and "default" in body,
             f"a default in the manual for {match[1]}")
        choices = re.match(r"Li (.*)", match[2])
        found[section, match[1]] = (
            default[1] if default else "",
            set(choices[1].split(" | ")) if choices else set())
    return found


def sample_settings():
    """{(section, name): value} of the sample, those behind a # too."""
    found, section = {}, None
    for line in read("postfix-sample/notify-milter.conf").splitlines():
        head = re.fullmatch(r"\[(\w+)\]", line)
        value = re.fullmatch(r"#?(\w+) =(?: (.*))?", line)
        if head:
            section = head[1]
        elif value:
            true((section, value[1]) not in found, f"{value[1]} stands once")
            found[section, value[1]] = value[2] or ""
    return found


def readme_settings():
    found, section = {}, None
    text = read("README.md").partition("| section | key |")[2]
    for line in text.splitlines()[2:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        section = cells[0].strip("`") or section
        for name in re.findall(r"`(\w+)`", cells[1]):
            found[section, name] = cells[2].strip("`")
    return found


@case("mandoc finds no fault with any page")
def _(_ctl):
    for page in PAGES.values():
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "style", os.path.join(TREE, page)],
            capture_output=True, text=True, timeout=30)
        faults = [line for line in (done.stdout + done.stderr).splitlines()
                  if not PASSED_OVER.search(line)]
        same(faults, [], f"faults of {page}")
        true(re.search(rf"(?m)^\.Dt {os.path.basename(page)[:-2].upper()} "
                       rf"{page[-1]}$", read(page)), f"the title of {page}")


@case("the settings in the manual are those of the code, with their defaults")
def _(_ctl):
    same(page_settings(), table(), "settings of the manual")


@case("the settings in the sample are those of the code, with their defaults")
def _(_ctl):
    want = {key: value for key, (value, _) in table().items()}
    want["milter", "user"] = "notify-milter"    # must be set, and is
    same(sample_settings(), want, "settings of the sample")


@case("the settings in README have the names and defaults of the code")
def _(_ctl):
    found = readme_settings()
    true(len(found) >= 10, f"settings: {found}")
    want = {key: value for key, (value, _) in table().items()}
    same(found, {key: want.get(key) for key in found}, "settings of README")
    same(re.findall(r"have all (\d+)", read("README.md")), [str(len(want))],
         "how many there are")


@case("the commands in the manual are those of the table, with their options")
def _(ctl_):
    want = {}
    for line in ctl_.ok("--help").out.splitlines():
        if re.match(r"  [a-z]", line):
            words = line.split()
            name = [w for w in words[:2] if w.isalpha() and w.islower()]
            want[" ".join(name)] = {
                w.strip("[].") for w in words
                if w.strip("[").startswith("--")}
    found = {}
    for line in read(PAGES["notifyctl"]).splitlines():
        match = re.match(r"\.It Ic ((?:[a-z]+ ?)+)(.*)", line)
        if match:
            found[match[1].strip()] = {
                "--" + name for name in re.findall(r"Fl -([\w-]+)", match[2])}
    same(found, want, "commands of the manual")


@case("who may use which command: the manual has the table of --help roles")
def _(ctl_):
    want = re.findall(r"(?m)^  ([a-z].*?)  +(\S+) +(\S+) +(\S+) +(\S+)$",
                      ctl_.ok("--help", "roles").out.partition("\n\n  yes")[0])
    true(len(want) > 30, f"rows: {want}")
    text = read(PAGES["notifyctl"]).partition(".Bl -column")[2]
    found = [tuple(line.replace("\\-", "-").split(" Ta ")) for line in
             re.findall(r"(?m)^\.It (.*)$", text.partition("\n.El")[0])]
    same(found[0][1:], tuple(re.search(r"(?m)^ {10,}(.*)$", ctl_.ok(
        "--help", "roles").out)[1].split()), "the roles")
    same(found[1:], want, "rows of the manual")


@case("the daemons' options are those of their manuals")
def _(_ctl):
    for name in ("notify-milter", "notify-telegram", "notify-bot"):
        usage = subprocess.run([program(name), "-h"], capture_output=True,
                               text=True, timeout=30)
        same(usage.returncode, 0, f"exit status of {name} -h")
        want = sorted(re.findall(r"(?m)^  -(\w)", usage.stdout))
        true(len(want) >= 5, f"options in {usage.stdout!r}")
        text = read(PAGES[name])
        same(sorted(re.findall(r"(?m)^\.It Fl (\w)", text)), want,
             f"options described for {name}")
        synopsis = "".join(re.findall(r"(?m)^\.Op Fl (\w+)", text))
        same(sorted(synopsis), want, f"options in the synopsis of {name}")


@case("exit statuses are the same in the manual, the rules and the code")
def _(_ctl):
    text = read(PAGES["notifyctl"]).partition(".Sh EXIT STATUS")[2]
    page = re.findall(r"(?m)^\.It (\d+)$", text.partition(".Sh ")[0])
    rows = re.findall(r"(?m)^ *\| (\d+) \|", read("policy/README.md"))
    same(rows, page, "exit statuses")
    code = "".join(read(os.path.join("tools/notifyctl", name)) for name in
                   os.listdir(os.path.join(TREE, "tools/notifyctl"))
                   if name.endswith(".c")).partition("\nctl_exit_code(")[2]
    names = set(re.findall(r"return \((EX_\w+)\)", code.partition("\n}")[0]))
    same(sorted(getattr(os, name) for name in names - {"EX_SOFTWARE"}),
         sorted(map(int, page)), "exit statuses of the code")


@case("README names each verdict, and the rules do")
def _(_ctl):
    verdicts = re.findall(r'\[VERDICT_\w+\] = "(\w+)"',
                          read("policy/decision/decide_words.c"))
    for path in ("README.md", "policy/README.md"):
        for verdict in set(verdicts) - {"untouched"}:
            true(f"`{verdict}`" in read(path), f"{verdict} in {path}")


@case("the layers in the rules are those that make layers checks")
def _(_ctl):
    known = {}
    exec(read("tests/layers").partition("# What a folder")[2].partition(
        "# Headers of")[0].partition("\n")[2], known)
    rows = re.findall(r"(?m)^\| `(\w+)/` \| [^|]* \| ([^|]*) \|$", read(
        "policy/README.md").partition("## Layers")[2])
    short = {f"policy/{name}": {f"policy/{layer}" for layer in
                                re.findall(r"\w+", text)} - {"policy/nothing"}
             for name, text in rows}
    same(short, {name: set(known["ALLOWED"][name]) for name in
                 known["ALLOWED"] if name.startswith("policy/")}, "layers")


@case("-V prints the version of the list of changes")
def _(ctl_):
    version = re.match(r"notify-milter \((\S+)\) \w+; urgency=",
                       read("tools/package/changelog"))[1]
    same(ctl_.ok("--version").out, f"notifyctl {version}\n", "notifyctl")
    for name in ("notify-milter", "notify-telegram", "notify-bot"):
        done = subprocess.run([program(name), "-V"], capture_output=True,
                              text=True, timeout=30)
        same(done.stdout, f"{name} {version}\n", f"{name} -V")


def anchors(text):
    """What a link to a heading may say."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"(?m)^#+ (.*)$", text)}


@case("each link of a README leads to a file and a heading that exist")
def _(_ctl):
    for path in READMES:
        for target in re.findall(r"\]\(([^)]+)\)", read(path)):
            name, _, heading = target.partition("#")
            file = os.path.normpath(os.path.join(os.path.dirname(path), name)
                                    if name else path)
            true(os.path.exists(os.path.join(TREE, file)),
                 f"{target} of {path}")
            true(not heading or heading in anchors(read(file)),
                 f"the heading of {target} in {path}")


def tree():
    """Files and directories, the latter with a / at the end."""
    for where, folders, names in os.walk(TREE):
        folders[:] = [f for f in folders if f not in (".git", "build")]
        here = os.path.relpath(where, TREE)
        yield from (os.path.normpath(os.path.join(here, name))
                    for name in names)
        yield from (os.path.normpath(os.path.join(here, name)) + "/"
                    for name in folders)


def quoted(text):
    return set(re.findall(r"`([^`\n]+)`", text))


def rows(path):
    """[(first cell, the other cells)] of the tables of a README."""
    return [line.strip("| ").partition(" | ")[::2]
            for line in read(path).splitlines() if line.startswith("|")]


@case("each module has its place in a table of its README")
def _(_ctl):
    for top in ("policy", "milter", "tools"):
        path = f"{top}/README.md"
        named = {re.sub(r"\.c$", "", word) for row in rows(path)
                 for cell in row for word in quoted(cell)}
        modules = [os.path.basename(file)[:-2] for file in tree()
                   if file.startswith(f"{top}/") and file.endswith(".c")]
        true(len(modules) >= 6, f"modules of {top}: {modules}")
        for module in modules:
            true(any(fnmatch.fnmatch(module, word) for word in named
                     if re.fullmatch(r"[\w-]+\*?", word)),
                 f"{module} in {path}")


@case("a README names no file, directory or module that is not there")
def _(_ctl):
    there = ["/" + path for path in tree()]

    def find(word):
        word = re.sub("SUBJECT|NAME|MODULE", "*", word)
        return fnmatch.filter(there, f"*/{word}") or \
            fnmatch.filter(there, f"*/{word}/")

    for path in READMES:
        for word in quoted(read(path)):
            if re.fullmatch(r"[a-z][\w.*-]*(/[\w.*-]*)+|"
                            r"[\w*-]+\.(c|h|t|py|sql|service)", word) and \
                    not word.startswith("build/"):
                true(find(word), f"{word}, which {path} names")
    for path in ("policy/README.md", "tools/README.md"):
        for first, rest in rows(path):
            for word in quoted(rest):
                if first.endswith("/`") and re.fullmatch(r"\w+\*?", word):
                    true(find(f"{first.strip('`')}{word}.*") or
                         find(f"{first.strip('`')}{word}"),
                         f"{word}, which {path} has in {first}")


@case("each subject of check has its line, and no other has")
def _(_ctl):
    text = read("tools/README.md").partition("| subject |")[2]
    subjects = {word for line in text.partition("\n\n")[0].splitlines()[2:]
                for word in quoted(line.split("|")[1])}
    same(sorted(subjects), sorted(
        re.match("check_(.*)\\.c", name)[1] for name in
        os.listdir(os.path.join(TREE, "tools/notifyctl/check"))
        if re.match("check_.*\\.c", name)), "subjects of check")


@case("each citation of the rules names a section of them")
def _(_ctl):
    sections = re.findall(r"(?m)^## (.*)$", read("policy/README.md"))
    true("What happens to a message" in sections, f"sections: {sections}")
    cited = 0
    for top in ("policy", "milter", "tools", "tests"):
        for where, _, names in os.walk(os.path.join(TREE, top)):
            for name in names:
                if not name.endswith((".c", ".h", ".py")):
                    continue
                text = re.sub(r"[ \n*#]+", " ",
                              read(os.path.join(where, name)))
                for rest in re.findall(r"policy/README\.md[,(] ?\(?(.{30})",
                                       text):
                    cited += 1
                    true(any(rest.startswith(section[:25]) for section in
                             sections), f"{name} cites {rest!r}")
    true(cited >= 15, f"citations: {cited}")


@case("README is a page: at most 220 lines, each section in its contents")
def _(_ctl):
    text = read("README.md")
    true(len(text.splitlines()) <= 220, f"{len(text.splitlines())} lines")
    contents = text.partition("\n## ")[0]
    for heading in re.findall(r"(?m)^## (.*)$", text):
        anchor = heading.lower().replace(" ", "-")
        true(f"(#{anchor})" in contents, f"{heading} in the contents")


@case("each verdict and outcome that the code knows is explained")
def _(_ctl):
    page = read(PAGES["notify-milter"])
    verdicts = re.findall(r'\[VERDICT_\w+\] = "(\w+)"',
                          read("policy/decision/decide_words.c"))
    true(len(verdicts) == 7, f"verdicts: {verdicts}")
    for verdict in set(verdicts) - {"untouched"}:
        true(f".It Li {verdict}\n" in page, f"{verdict} in the manual")
    code = "".join(read(f"tools/telegram/{name}.c") for name in (
        "notify-telegram", "lookup", "order", "delivery"))
    outcomes = set(re.findall(
        r'delivery_end\(\s*d, EX_\w+, "([\w-]+)"', code))
    true(len(outcomes) >= 10, f"outcomes: {outcomes}")
    page = read(PAGES["notify-telegram"])
    same(set(re.findall(r"(?m)^\.It Li ([\w-]+)$", page)), outcomes,
         "outcomes in the manual")
    names = set(re.findall(r'"(notify_\w+)"', read("policy/base/counters.c")))
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    pages = "".join(read(page) for page in PAGES.values())
    for name in names:
        true(name in pages, f"the counter {name} in a manual")


@case("the most runs of notify-telegram are the same number for it, for check and "
      "in the sample")
def _(_ctl):
    for path, pattern in (
            ("tools/telegram/agents.h", r"#define AGENTS_MAX (\d+)"),
            ("tools/notifyctl/check/check_telegram.c",
             r"#define PROCESSES_MAX (\d+)"),
            ("postfix-sample/master.cf", r"With more than (\d+) the others"),
            ("tests/lib/telegram.py", r"AGENTS_SIZE = 4096 \+ (\d+) \* 64")):
        same(re.findall(pattern, read(path)), ["256"], path)


@case("the examples of notifyctl(8) run as they stand, one after the other")
def _(ctl_):
    os.unlink(ctl_.database)
    lines = re.findall(r"(?m)^\.Dl notifyctl (.*)$", read(PAGES["notifyctl"]))
    true(len(lines) >= 10, f"examples: {lines}")
    for line in lines:
        ctl_.ok(*shlex.split(line))


def command_lines(path, heading):
    text = read(path).partition(f"\n## {heading}\n")[2]
    return re.findall(r"(?m)^    (notifyctl .*?)(?:  +#.*)?$",
                      text.partition("\n## ")[0])


def run_lines(ctl_, lines):
    """Run command lines, except those that are for an installation."""
    os.unlink(ctl_.database)
    ctl_.ok("init")
    ctl_.path("message.eml", "X-Notify-Category: services\n"
              "X-Notify-Account: acme\n\ntext\n")
    for line in lines:
        if re.match("notifyctl (check|postfix|requeue|trace)", line):
            continue
        if " unsubscribe " in line and "--confirm" not in line:
            line += " --confirm " + line.split()[-1]    # asks at a terminal
        command = (f"cd {shlex.quote(ctl_.folder)} && notifyctl() {{ "
                   f"{program('notifyctl')} -c {ctl_.conf.file} \"$@\"; }}; "
                   + line)
        done = subprocess.run(["bash", "-c", command], capture_output=True,
                              text=True, timeout=30, env=ctl_.environment())
        same((done.returncode, done.stderr), (0, ""), f"exit of {line!r}")


@case("README's command lines run as they stand")
def _(ctl_):
    lines = command_lines("README.md", "Commands")
    true(len(lines) >= 12, f"command lines: {lines}")
    run_lines(ctl_, lines)


@case("the command lines for the first account and message run as they stand")
def _(ctl_):
    lines = command_lines("postfix-sample/README.md", "The first account and a first message")
    true(len(lines) >= 6, f"command lines: {lines}")
    run_lines(ctl_, lines)


ctl.run()
