#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"An error in the settings, or at the start, is reported in one line, with "
"its place."
import glob
import os
import re
import shutil
import signal
import socket
import subprocess

from lib import lab
from lib.lab import case
from lib.mta import Mta, tagged
from lib.roster import BALANCE, BILL, OLGA, entitled
from lib.tap import contains, lacks, same, true


def run(lab_, *args, file=None, timeout=20):
    """notify-milter with ARGS that is expected to end by itself."""
    return subprocess.run(
        [lab.program("notify-milter"), "-c", file or lab_.milter.file, *args],
        capture_output=True, text=True, timeout=timeout,
        stdin=subprocess.DEVNULL)


def other(lab_, text=None, **changes):
    """Another settings file, with a socket of its own."""
    path = os.path.join(lab_.folder, "other.conf")
    changes.setdefault("socket", f"unix:{lab_.folder}/run/other.sock")
    with open(path, "w", encoding="utf-8") as out:
        out.write(lab_.milter.render(**changes) if text is None else text)
    return path


def ended(done, status):
    # LeakSanitizer, where it cannot look for leaks, has a status of its own.
    same(done.returncode, 1 if "LeakSanitizer" in done.stderr else status,
         f"exit: {done.stderr!r}")


def one_line(done, *parts):
    # Leaks cannot be looked for in a process that has changed its user.
    lines = [line for line in done.stderr.splitlines()
             if not re.match(r"==\d+==(LeakSanitizer has|HINT: )", line)]
    same(len(lines), 1, f"lines of {done.stderr!r}")
    for part in parts:
        contains(lines[0], part, "the line")
    return lines[0]


# what is wrong: (the lines, the number of the wrong one, a word of what was
# wrong, a word of what was expected)
WRONG = {
    "an unknown key": ("[milter]\nexpnad = never\n", 2, "expnad", ""),
    "an unknown section": ("[database]\nurl = /x/y.db\n\n[mitler]\n"
                           "expand = never\n", 4, "mitler", ""),
    "a key of another section": ("[database]\nexpand = never\n", 2, "expand",
                                 ""),
    "a key before any section": ("url = /x/y.db\n", 1, "url", ""),
    "a bad choice": ("[milter]\nuser = nobody\nexpand = sometimes\n", 3,
                     "sometimes", "addressed"),
    "a bad switch": ("[milter]\nmonitor = perhaps\n", 2, "perhaps", "yes"),
    "a bad network": ("[milter]\ntrusted_clients = 127.0.0.1 10.0.0.0/33\n",
                      2, "10.0.0.0/33", ""),
    "a name for a network": ("[milter]\ntrusted_clients = localhost\n", 2,
                             "localhost", ""),
    "an IPv6 prefix that is too long": (
        "[milter]\ntrusted_clients = ::1/129\n", 2, "::1/129", ""),
    "a bad action": ("[milter]\nbad_tag = discard\n", 2, "discard",
                     "tempfail"),
    "a bad answer for strangers": ("[milter]\nunknown_recipients = hold\n", 2,
                                   "hold", "keep"),
    "a socket that is none": ("[milter]\nsocket = nowhere\n", 2, "nowhere",
                              "unix:"),
    "a relative path of the database": ("[database]\nurl = roster.db\n", 2,
                                        "roster.db", ""),
    "a bad account domain": ("[milter]\naccount_domain = a b\n", 2, "a b",
                             "domain"),
    "a bad Telegram domain": ("[telegram]\ndomain = @telegram\n", 2,
                              "@telegram", "domain"),
    "a bot that is a link": ("[telegram]\nbot = https://t.me/TheBot\n", 2,
                             "https://t.me/TheBot", "user name"),
    "an API that is no URL": ("[telegram]\napi = api.telegram.org\n", 2,
                              "api.telegram.org", "https://"),
    "a setting behind a NUL": ("[milter]\n\0monitor = yes\n", 2, "NUL",
                               "text"),
    "an age without sense": ("[telegram]\nmax_age = soon\n", 2, "soon", ""),
    "a sender that is no address": ("[mail]\nfrom = nobody there\n", 2,
                                    "nobody there", "address"),
    "a line that is no setting": ("[milter]\nuser = nobody\nwhat is this\n",
                                  3, "", ""),
    "the same key twice": ("[milter]\nexpand = never\nexpand = always\n", 3,
                           "expand", ""),
}


for name, wrong in WRONG.items():
    @case(f"{name} stops the start with 78, file, line and what was expected")
    def _(lab_, wrong=wrong):
        text, number, got, want = wrong
        path = other(lab_, text)
        for args in (("-n",), ("-f",)):
            done = run(lab_, *args, file=path)
            same(done.returncode, 78, f"exit with {args}: {done.stderr!r}")
            one_line(done, f"{path}:{number}: ", got, want)
            same(done.stdout, "", "standard output")


@case("an unknown section without keys stops the start as well")
def _(lab_):
    path = other(lab_, lab_.milter.render() + "\n[mitler]\n")
    done = run(lab_, "-n", file=path)
    same(done.returncode, 78, "exit")
    one_line(done, path, "mitler")


@case("notifyctl stops at the same settings with 78 and the same place")
def _(lab_):
    for text, number, got, _ in WRONG.values():
        path = other(lab_, text)
        done = subprocess.run([lab.program("notifyctl"), "-c", path,
                               "account", "list"], capture_output=True,
                              text=True, timeout=20)
        same(done.returncode, 78, f"exit: {done.stderr!r}")
        one_line(done, f"{path}:{number}: ", got)


@case("a settings file that is missing or unreadable is named with 78")
def _(lab_):
    for path in (f"{lab_.folder}/nosuch.conf", lab_.folder):
        done = run(lab_, "-n", file=path)
        same(done.returncode, 78, "exit")
        one_line(done, path)


@case("good settings pass -n, which starts nothing")
def _(lab_):
    path = other(lab_)
    done = run(lab_, "-n", file=path)
    same((done.returncode, done.stderr), (0, ""), "exit and complaints")
    true(not os.path.exists(f"{lab_.folder}/run/other.sock"), "no socket")
    same(run(lab_, "-n").returncode, 0, "exit beside the running one")


@case("white space, comments and CRLF are accepted")
def _(lab_):
    text = lab_.milter.render(socket=f"unix:{lab_.folder}/run/other.sock")
    text = ("; first\n# second\n\n" + text.replace(" = ", "=", 1)
            .replace("[milter]", "  \n[milter]")).replace("\n", "\r\n")
    same(run(lab_, "-n", file=other(lab_, text)).returncode, 0, "exit")


@case("-V prints the version, wrong options are refused with 64")
def _(lab_):
    done = run(lab_, "-V")
    same(done.returncode, 0, "exit")
    true(re.fullmatch(r"notify-milter \S+\n", done.stdout),
         f"version: {done.stdout!r}")
    for args in (("-x",), ("more",), ("-f", "-c")):
        done = run(lab_, *args)
        same(done.returncode, 64, f"exit with {args}")
        contains(done.stderr, "usage: notify-milter", "standard error")


@case("as root without a user it does not start, and says which line to add")
def _(lab_):
    for args in (("-f",), ("-n",), ()):
        done = run(lab_, *args, file=other(lab_, user=None))
        same(done.returncode, 78, f"exit with {args}")
        contains(one_line(done), "user = ", "the line")
    for user in ("nosuchuser", "root"):
        path = other(lab_, user=user)
        done = run(lab_, "-f", file=path)
        same(done.returncode, 78, "exit")
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        one_line(done, f"{path}:{lines.index('user = ' + user) + 1}: ",
                 user, "expected")


@case("-n says that good settings are good, whoever runs it")
def _(lab_):
    path = other(lab_, user="daemon")
    os.chmod(path, 0o644)
    os.chmod(lab_.folder, 0o755)
    copy = shutil.copy(lab.program("notify-milter"), lab_.folder)
    for user in ("root", "daemon", "nobody"):
        done = subprocess.run([copy, "-c", path, "-n"], capture_output=True,
                              text=True, timeout=20, user=user)
        same((done.returncode, done.stderr), (0, ""), f"exit for {user}")
    done = subprocess.run([copy, "-c", path, "-f"], capture_output=True,
                          text=True, timeout=20, user="nobody")
    same(done.returncode, 78, "exit of a start by somebody else")
    one_line(done, "daemon", "started as root")


@case("a socket that cannot be created is named in one line")
def _(lab_):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for where in (f"unix:{lab_.folder}/nosuch/x.sock",
                      f"unix:{lab_.milter.file}/x.sock",
                      "unix:/proc/x.sock", f"unix:{lab_.folder}/run",
                      f"inet:{port}@127.0.0.1",
                      f"unix:{lab_.folder}/{'x' * 100}"):
            done = run(lab_, "-f", file=other(lab_, socket=where))
            true(done.returncode not in (0, 64) and done.returncode > 0,
                 f"exit for {where}: got {done.returncode}")
            one_line(done, where.partition(":")[2].partition("@")[0][:100])


@case("a second milter does not replace the socket of the first")
def _(lab_):
    done = run(lab_, "-f")
    true(done.returncode not in (0, 64), f"exit: got {done.returncode}")
    one_line(done, lab_.milter.socket_path())
    lab_.send([BILL], BALANCE, "acme").must("deliver",
                                            entitled(BALANCE, "acme"))


@case("the socket of a killed milter is replaced")
def _(lab_):
    lab_.milter.process.kill()
    lab_.milter.process.wait()
    true(os.path.exists(lab_.milter.socket_path()), "the socket is left")
    lab_.milter.start()
    lab_.send([BILL], BALANCE, "acme").must("deliver",
                                            entitled(BALANCE, "acme"))


@case("the socket has mode 0660, the user as owner and its directory's group")
def _(lab_):
    info = os.stat(lab_.milter.socket_path())
    folder = os.stat(os.path.dirname(lab_.milter.socket_path()))
    same((oct(info.st_mode & 0o7777), info.st_uid, info.st_gid),
         ("0o660", folder.st_uid, folder.st_gid), "mode, owner, group")


@case("what is at the socket's place and is no socket stays there, and is named")
def _(lab_):
    where = f"{lab_.folder}/run/other.sock"
    for make, remove in ((lambda: open(where, "w").close(), os.unlink),
                         (lambda: os.mkdir(where), os.rmdir),
                         (lambda: os.symlink("/nosuch", where), os.unlink)):
        make()
        done = run(lab_, "-f", file=other(lab_))
        ended(done, 71)
        one_line(done, where, "is not a socket", "remove it")
        remove(where)
    done = run(lab_, "-f", file=other(
        lab_, socket=f"unix:{lab_.folder}/nosuch/other.sock"))
    ended(done, 71)
    one_line(done, "No such file or directory", "an existing directory")
    done = run(lab_, "-f")
    ended(done, 69)
    one_line(done, lab_.milter.socket_path(), "another program is serving it")


@case("it runs as its user, without root's rights and groups")
def _(lab_):
    with open(f"/proc/{lab_.milter.process.pid}/status") as status:
        text = status.read()
    uid = str(os.stat(os.path.dirname(lab_.database)).st_uid)
    same(set(re.search(r"Uid:\s+(.*)", text)[1].split()), {uid}, "uids")
    lacks(re.search(r"Groups:(.*)", text)[1].split(), "0", "groups")
    same(re.search(r"CapEff:\s+(\w+)", text)[1].strip("0"), "", "rights")


@case("without -f it goes into the background once it accepts connections")
def _(lab_):
    path = other(lab_)
    where = f"{lab_.folder}/run/other.sock"
    done = subprocess.run([lab.program("notify-milter"), "-c", path],
                          stdin=subprocess.DEVNULL, timeout=20,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    same((done.returncode, done.stdout), (0, b""), "exit and output")
    found = [pid for pid in os.listdir("/proc") if pid.isdigit()
             and command(pid)[-3:] == ["-c", path, ""]]
    try:
        same(len(found), 1, f"processes with {path}")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(where)
    finally:
        for pid in found:
            os.kill(int(pid), signal.SIGTERM)
    lab_.until(lambda: not any(command(pid) for pid in found), "it ends")


class Other:
    """Another milter, for an Mta."""

    def __init__(self, lab_):
        self.where = f"{lab_.folder}/run/other.sock"

    def address(self):
        return self.where


@case("a reload in the background reads the file that has the name by then")
def _(lab_):
    path = other(lab_)
    link, second = os.path.join(lab_.folder, "link.conf"), path + ".second"
    with open(second, "w", encoding="utf-8") as out:
        out.write(lab_.milter.render(
            socket=f"unix:{lab_.folder}/run/other.sock", bad_tag="reject"))
    os.symlink(path, link)
    subprocess.run([lab.program("notify-milter"), "-c", "link.conf"],
                   cwd=lab_.folder, stdin=subprocess.DEVNULL, timeout=20,
                   check=True)
    pid, = (pid for pid in os.listdir("/proc") if pid.isdigit()
            and command(pid)[-3:] == ["-c", "link.conf", ""])

    def verdict():
        with Mta(Other(lab_)) as mta:
            return mta.message([f"<{BILL}>"], tagged("lunch")).verdict

    try:
        same(verdict(), "continue", "of a bad tag, which is held")
        os.unlink(link)
        os.symlink(second, link)
        os.kill(int(pid), signal.SIGUSR1)
        lab_.until(lambda: verdict() == "reject", "the other settings hold")
    finally:
        os.kill(int(pid), signal.SIGKILL)
    lab_.until(lambda: not command(pid), "it ends")


@case("a signal that comes as soon as it is in the background does not end it")
def _(lab_):
    path = other(lab_)
    for _ in range(3):
        subprocess.run([lab.program("notify-milter"), "-c", path],
                       stdin=subprocess.DEVNULL, timeout=20, check=True)
        pid, = (pid for pid in os.listdir("/proc") if pid.isdigit()
                and command(pid)[-3:] == ["-c", path, ""])
        os.kill(int(pid), signal.SIGUSR1)
        with Mta(Other(lab_)) as mta:
            same(mta.message([f"<{BILL}>"], tagged("lunch")).verdict,
                 "continue", "of a bad tag, which is held")
        os.kill(int(pid), signal.SIGKILL)
        lab_.until(lambda pid=pid: not command(pid), "it ends")


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            return line.read().decode().split("\0")
    except OSError:
        return []


@case("settings are reloaded on SIGUSR1, not before")
def _(lab_):
    lab_.send([BILL], BALANCE).must("deliver", [OLGA])
    lab_.milter.write(expand="always")
    lab_.send([BILL], BALANCE).must("deliver", [OLGA])
    line = lab_.milter.reload()
    contains(line, lab_.milter.file, "the line on the reload")
    lab_.send([BILL], BALANCE).must("deliver", entitled(BALANCE, "acme"))
    lab_.milter.settings()
    lab_.send([BILL], BALANCE).must("deliver", [OLGA])


@case("a reload holds for connections that are open already")
def _(lab_):
    with lab_.connect() as client:
        lab_.send([BILL], "lunch", client=client).must("hold")
        lab_.milter.settings(bad_tag="reject")
        lab_.send([BILL], "lunch", client=client).must("reject")
        lab_.milter.settings(trusted_clients="192.0.2.1")
        lab_.send([BILL], "lunch", client=client).must("untrusted", [BILL])
        lab_.milter.settings()
        lab_.send([BILL], "lunch", client=client).must("hold")


@case("a broken file at a reload leaves the old settings in force")
def _(lab_):
    lab_.milter.settings(expand="always")
    for text, number, got, _ in WRONG.values():
        lab_.milter.write(text)
        line = lab_.milter.reload()
        for part in (f"{lab_.milter.file}:{number}: ", got, "error"):
            contains(line, part, "the line on the reload")
    os.unlink(lab_.milter.file)
    contains(lab_.milter.reload(), lab_.milter.file, "the line on the reload")
    for text in ("", "[milter]\nmonitor = no\n"):     # emptied, or cut short
        lab_.milter.write(text)
        contains(lab_.milter.reload(), f"error: reload: {lab_.milter.file}: "
                 "there is no user any more", "the line on the reload")
    lab_.send([BILL], BALANCE).must("deliver", entitled(BALANCE, "acme"))
    lab_.milter.settings()
    lab_.send([BILL], BALANCE).must("deliver", [OLGA])


@case("a reload uses the new database")
def _(lab_):
    folder = os.path.join(lab_.folder, "second")
    os.mkdir(folder)
    other = lab_.store.twin(folder)
    other.sql("DELETE FROM subscription")
    for path in (folder, *glob.glob(other.path)):
        lab_.own(path)
    lab_.milter.settings(url=other.url)
    lab_.send([BILL], BALANCE, "acme").must("deliver", [OLGA])
    lab_.milter.settings()
    other.end()
    lab_.send([BILL], BALANCE, "acme").must("deliver",
                                            entitled(BALANCE, "acme"))


# A url of PostgreSQL that is none: nothing that reads it may show the password.
MALFORMED = (
    "host=db password=hunter2", "host=db PASSWORD = hunter2",
    "POSTGRESQL://me:hunter2@db/r", "mysql://me:hunter2@db/r",
    "\"postgresql://me:hunter2@db/r\"", "postgresql:/me:hunter2@db/r",
    "postgresql//me:hunter2@db/r", "me:hunter2@db/r", "//me:hunter2@db/r",
    "/r password=hunter2", "postgresql://me:hun@ter2@db/r",
    "postgresql://me:hunter2@db:x/r", "postgresql://me:hunter2%@db/r",
    "postgresql://db/r?password=hunter2%", "postgresql://db/r?passwd=hunter2",
    "postgresql://[::1/r?password=hunter2")


@case("no password is shown, whatever is wrong with the url")
def _(lab_):
    def said(*words, **options):
        done = subprocess.run(words, capture_output=True, text=True,
                              timeout=60, **options)
        true(done.returncode != 0, f"refused: {done}")
        lacks(done.stdout + done.stderr, "ter2", f"{words}")

    good = lab_.milter.render()
    for number, url in enumerate(MALFORMED):
        for key in ("url", "read_url", "socket", "nonsense"):
            section = "milter" if key == "socket" else "database"
            path = other(lab_, good.replace(f"[{section}]\n",
                                            f"[{section}]\n{key} = {url}\n"))
            said(lab.program("notify-milter"), "-n", "-c", path)
            if number % 4 == 0 or key == "url":
                said(lab.program("notifyctl"), "-c", path, "account", "list")
        path = other(lab_, url=url)
        said(lab.program("notify-milter"), "-f", "-c", path)
        said(lab.program("notify-bot"), "-n", "-c", path)
        for words in (("check",), ("--json", "check"), ("init",),
                      ("explain", "--recipient", BILL)):
            said(lab.program("notifyctl"), "-c", path, *words,
                 input="X-Notify-Category: services\n\n")
        since = lab_.milter.mark()
        lab_.milter.write(url=url)
        line = lab_.milter.reload()
        contains(line, "the old settings stay", "the line on the reload")
        lacks("\n".join(lab_.milter.since(since)), "ter2", "the log")
    lab_.milter.settings()


@case("no password is shown that stands in the name of a section, and no token "
      "that stands where its file is to be named, or elsewhere")
def _(lab_):
    token = "123456789:AAF-hunter2_Xyhunter2Xyhunter2Xyz12"
    for text in ("[database postgresql://me:hunter2@db/r]\n",
                 f"[{token}]\n", "[telegram]\ntoken_file = 12:hunter2\n",
                 *(f"[telegram]\n{key} = {value}\n" for key in (
                     "token_file", "bot", "api", "proxy", "max_age", "token",
                     "domain", "stats_file") for value in (
                         token, f"https://api.example/bot{token}/getMe x")
                   if (key, value[:5]) != ("proxy", "https"))):
        for name in ("notify-milter", "notify-bot"):
            done = subprocess.run(
                [lab.program(name), "-n", "-c", other(lab_, text)],
                capture_output=True, text=True, timeout=20)
            true(done.returncode != 0, f"{text} is refused: {done}")
            lacks(done.stdout + done.stderr, "ter2", text)
    # What is no secret is shown.
    done = run(lab_, "-n", file=other(
        lab_, "[milter]\nstats_file = run:10:20-30\n"))
    one_line(done, '"run:10:20-30"')


@case("many reloads while mail flows lose nothing")
def _(lab_):
    with lab_.connect() as client:
        for i in range(60):
            lab_.milter.signal(signal.SIGUSR1)
            if i % 3 == 0:
                lab_.send([BILL], BALANCE, "acme", client=client).must(
                    "deliver", entitled(BALANCE, "acme"))
    true(lab_.milter.running(), "the milter runs")


lab.run(allow=r"reload: .*(\.conf|old settings)|\.sock")
