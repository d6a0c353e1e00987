#!/usr/bin/env python3
"""notifyctl check: silent when all is well, else what is wrong and the cure."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/lib")

import contextlib  # noqa: E402
import grp  # noqa: E402
import pwd  # noqa: E402
import shutil  # noqa: E402
import socket  # noqa: E402
import sqlite3  # noqa: E402
import subprocess  # noqa: E402

import ctl  # noqa: E402
from ctl import MIRROR, NOBODY  # noqa: E402
from postfix import daemon_folder, free_ports  # noqa: E402
from roster import BILL, MAINTENANCE, OLGA  # noqa: E402
from tap import contains, same, true  # noqa: E402



class Site:
    """A healthy installation: settings, a database of the milter's user, a
    socket that somebody answers at, and the settings of a Postfix that does
    not run."""

    def __init__(self, ctl_):
        self.ctl = ctl_
        self.queue = ctl_.path("queue")
        self.socket = os.path.join(self.queue, "run", "milter.sock")
        self.config = ctl_.path("postfix")
        self.route = self.table("transport", f"{MIRROR} notify-telegram:\n")
        self.server = None
        for path in (self.queue, self.config):
            shutil.rmtree(path, ignore_errors=True)
        os.makedirs(os.path.dirname(self.socket))
        os.mkdir(self.config)
        uid, gid = pwd.getpwnam(NOBODY)[2:4]
        for path in (os.path.dirname(ctl_.database), ctl_.database):
            os.chown(path, uid, gid)
        self.listen()
        self.settings()
        self.postfix()

    def stop(self):
        if self.server:
            self.server.close()

    def listen(self, group="postfix"):
        self.stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.socket)
        self.server.listen()
        os.chown(self.socket, pwd.getpwnam(NOBODY).pw_uid,
                 grp.getgrnam(group).gr_gid)
        os.chmod(self.socket, 0o660)

    def settings(self, text=None, **changes):
        self.ctl.settings(text, **{"user": NOBODY, "bot": "TheBot",
                                   "socket": f"unix:{self.socket}", **changes})

    def postfix(self, **changes):
        settings = {"queue_directory": self.queue, "myhostname": "a.example",
                    "smtpd_milters": f"unix:{self.socket}",
                    "non_smtpd_milters": f"unix:{self.socket}",
                    "milter_default_action": "tempfail",
                    "transport_maps": self.route, **changes}
        self.table("postfix/main.cf", "".join(
            f"{name} = {value}\n" for name, value in settings.items()
            if value is not None))

    def table(self, name, text):
        """A file of Postfix's, not of this second: then it would be read
        again and again until the next one."""
        path = self.ctl.path(name, text)
        os.utime(path, (1, 1))
        return f"texthash:{path}"

    def check(self, **env):
        """The exit status, and [(grade, what, mend)] of what is not ok. For
        people it must say the same; and looking must change nothing."""
        env = {"MAIL_CONFIG": self.config, **env}
        before = self.seen()
        done = self.ctl("check", json_=True, env=env)
        same(done.err, "", f"stderr of {done}")
        shown = self.ctl("check", env=env)
        same((shown.code, shown.err), (done.code, ""), f"{shown}")
        found = done.document["findings"]
        true(found, "some findings")
        for finding in found:
            true(finding["what"].isprintable(), f"one line: {finding}")
            true([line for line in shown.out.splitlines()
                  if line.startswith(finding["grade"] + " ")
                  and finding["what"] in line and finding["mend"] in line],
                 f"a line for {finding} in {shown.out!r}")
        if before is not None:
            self.ctl.unchanged(before)
        return done.code, [(f["grade"], f["what"], f["mend"]) for f in found
                           if f["grade"] != "ok"]

    def seen(self):
        try:
            return self.ctl.dump()
        except sqlite3.DatabaseError:   # a damaged one
            return None

    def fault(self, grade, *words, **env):
        """There must be just one finding, of GRADE, with WORDS and a cure;
        the cure."""
        code, found = self.check(**env)
        same([f[0] for f in found], [grade], f"grades of {found}")
        for word in words:
            contains(found[0][1], word, "what is wrong")
        true(found[0][2], f"how to mend it: {found}")
        same(code != 0, grade == "error", f"exit {code} for {found}")
        return found[0][2]

    def mend(self, command):
        """Do what was said, and have no finding any more."""
        done = subprocess.run(["sh", "-c", command], capture_output=True,
                              text=True, timeout=20, env=self.ctl.environment(
                                  MAIL_CONFIG=self.config))
        same(done.returncode, 0, f"exit of {command!r}: {done.stderr}")
        os.utime(os.path.join(self.config, "main.cf"), (1, 1))
        self.healthy()

    def healthy(self, **env):
        same(self.check(**env), (0, []), "exit and findings")


def case(title):
    def register(function):
        @ctl.case(title)
        def _(ctl_):
            site = Site(ctl_)
            try:
                function(site)
            finally:
                site.stop()
        return function
    return register


@case("a healthy installation has no finding, and exit 0")
def _(site):
    site.healthy()
    site.settings(bot=None)
    site.postfix(transport_maps=None)
    site.healthy()


@case("the milter may be named from inside Postfix's queue directory")
def _(site):
    for name in ("unix:run/milter.sock", "local:run/milter.sock",
                 "inet:127.0.0.1:9, unix:run/milter.sock",
                 "inet:127.0.0.1:9 unix:run/milter.sock",
                 "{ unix:run/milter.sock, connect_timeout=5s }, inet:[::1]:9"):
        site.postfix(smtpd_milters=name, non_smtpd_milters="$smtpd_milters")
        site.healthy()


# Settings

@case("a mistake in the settings is found, with file and line")
def _(site):
    site.settings("[milter]\nexpnad = never\n")
    site.fault("error", f"{site.ctl.conf.file}:2: ", "expnad")
    os.unlink(site.ctl.conf.file)
    site.fault("error", site.ctl.conf.file)


@case("a user of the milter that does not exist is found")
def _(site):
    site.settings(user="nosuchuser")
    site.fault("error", "nosuchuser")


@case("a sendmail that is missing, or cannot be run, is found")
def _(site):
    for path in (site.ctl.path("nosuch"), site.ctl.path("text", "hello"),
                 site.ctl.folder):
        site.settings(sendmail=path)
        _, found = site.check()
        same(len([f for f in found if path in f[1] and f[2]]), 1,
             f"findings about {path}: {found}")


# Database

@case("a database that is missing is found, and what makes it")
def _(site):
    os.unlink(site.ctl.database)
    site.fault("error", site.ctl.database, "notifyctl init")
    true(not os.path.exists(site.ctl.database), "looking makes none")


@case("a database that is none, is empty, or is damaged is found")
def _(site):
    with open(site.ctl.database, "rb") as file:
        data = file.read()
    for broken in (b"hello\n" * 1000, b"", data[:4096] + b"\x5a" * 8192
                   + data[12288:], data[:len(data) // 2]):
        with open(site.ctl.database, "wb") as file:
            file.write(broken)
        site.fault("error", "database")


@case("damage in a table that no lookup reads is found too")
def _(site):
    root, = site.ctl.sql("SELECT rootpage FROM sqlite_schema"
                         " WHERE name = 'change_by_account'")[0]
    with open(site.ctl.database, "r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\x5a" * 100)
    site.fault("error", "damaged")


@case("a database of a newer program is found")
def _(site):
    site.ctl.sql("PRAGMA user_version = 2")
    site.fault("error", "version 2")


@case("a database that is not the milter's is found, and the cure works")
def _(site):
    os.chown(site.ctl.database, 0, 0)
    site.mend(site.fault("error", site.ctl.database, NOBODY))


@case("a folder in which the milter can make no file is found, and mended")
def _(site):
    os.chown(os.path.dirname(site.ctl.database), 0, 0)
    site.mend(site.fault("error", os.path.dirname(site.ctl.database), NOBODY))


@case("an account without an owner is found and named")
def _(site):
    site.ctl.sql("UPDATE user SET role = 'member' WHERE address = ?", OLGA)
    contains(site.fault("error", "owner"), "import", "the cure")


@case("notices that wait are found, and the cure works")
def _(site):
    site.ctl.sendmail("exit 75")
    same(site.ctl("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
                  as_=OLGA).code, 0, "exit of unsubscribe")
    site.ctl.sendmail()
    contains(site.fault("warning", "1 notice"), "notifyctl init", "the cure")
    site.ctl.ok("init")
    site.healthy()


# Socket

@case("a socket that is missing, or no socket, or has nobody behind, is found")
def _(site):
    site.stop()
    contains(site.fault("error", site.socket), "start", "the cure")
    os.unlink(site.socket)
    contains(site.fault("error", site.socket), "start", "the cure")
    with open(site.socket, "w"):
        pass
    site.fault("error", site.socket)


@case("a socket that Postfix may not use is found")
def _(site):
    site.listen("root")
    site.fault("warning", site.socket, "group")


@case("a TCP socket is checked like any other")
def _(site):
    port, = free_ports(["127.0.0.1"])
    site.settings(socket=f"inet:{port}@127.0.0.1")
    name = f"inet:127.0.0.1:{port}"
    site.postfix(smtpd_milters=name, non_smtpd_milters=name)
    with socket.create_server(("127.0.0.1", port)):
        code, found = site.check()
        same((code, [f for f in found if f[0] == "error"]), (0, []),
             "exit and errors while somebody answers")
        other = port % 30000 + 1
        site.postfix(smtpd_milters=f"inet:127.0.0.1:{other}",
                     non_smtpd_milters=name)
        same([f[0] for f in site.check()[1] if "smtpd_milters" in f[1]],
             ["error"], "findings about another port")
        site.postfix(smtpd_milters=name, non_smtpd_milters=name)
    code, found = site.check()
    errors = [f for f in found if f[0] == "error"]
    same(len(errors), 1, f"errors once nobody answers: {found}")
    contains(errors[0][1], str(port), "what is wrong")


# Postfix

@case("a Postfix that does not ask the milter is found, and the cure works")
def _(site):
    for name, value in (("smtpd_milters", None),
                        ("smtpd_milters", "unix:run/milter.sock2"),
                        ("non_smtpd_milters", ""),
                        ("non_smtpd_milters", "inet:127.0.0.1:9")):
        site.postfix(**{name: value})
        site.mend(site.fault("error", name))


@case("a Postfix that lets mail through while the milter is away is found")
def _(site):
    for action in ("accept", "reject", "quarantine"):
        site.postfix(milter_default_action=action)
        if action == "accept":
            site.mend(site.fault("error", "milter_default_action", action))
        else:
            true(site.check()[1], f"a finding about {action}")


@case("the same is found if it is set for this milter alone")
def _(site):
    site.postfix(smtpd_milters=f"{{ unix:{site.socket}, "
                               "default_action=accept }")
    site.fault("error", "accept")


@case("a map that rewrites recipients is found")
def _(site):
    for name in ("canonical_maps", "recipient_canonical_maps"):
        site.postfix(**{name: "static:x@y.example"})
        site.fault("warning", name)


@case("a missing route to Telegram is found where there is a bot")
def _(site):
    other = site.table("other", "other.invalid smtp:\n")
    for maps in ("", other):
        site.postfix(transport_maps=maps)
        contains(site.fault("warning", MIRROR, "transport_maps"), MIRROR,
                 "the cure")
    site.postfix(transport_maps=f"{other}, {site.route}")
    site.healthy()


@case("a route to Telegram is found in a map of any type")
def _(site):
    site.postfix(transport_maps="static:notify-telegram:")
    site.healthy()
    site.postfix(transport_maps=f"inline:{{ {{{MIRROR}=notify-telegram:}} }}")
    site.healthy()


@case("where there is no postconf, that is said and the rest is checked")
def _(site):
    empty = site.ctl.path("empty")
    os.makedirs(empty, exist_ok=True)
    code, found = site.check(PATH=empty)
    same(code, 0, "exit")
    same([f[0] for f in found], ["warning"], "grades")
    contains(found[0][1], "postconf", "what is wrong")
    os.unlink(site.ctl.database)
    same([f[0] for f in site.check(PATH=empty)[1]], ["error", "warning"],
         "grades without a database")


@case("several faults at once are all found")
def _(site):
    os.chown(site.ctl.database, 0, 0)
    site.stop()
    site.postfix(smtpd_milters="", milter_default_action="accept",
                 transport_maps="")
    code, found = site.check()
    same(code, 78, "exit")
    same(len(found), 5, f"findings: {found}")
    same([f for f in found if not f[2]], [], "findings without a cure")


if os.geteuid() != 0 or daemon_folder() is None:
    print("1..0 # SKIP needs root and Postfix")
    sys.exit(0)
ctl.run()
