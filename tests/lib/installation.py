# SPDX-License-Identifier: BSD-2-Clause
"""installation - an installation for notifyctl check, from postfix-sample.

    @case("a sentence")        a case with a sound installation
    def _(s): ...
    run()                           run the file's cases

Everything is in the directory of a Ctl: settings, roster, the configuration
of a Postfix like Debian's with the pieces of postfix-sample, and a real
notify-milter at its socket. Postfix itself does not run, but master(8)'s lock is
held: only its settings are read, by its own postconf(1) and postmap(1).
"""
import atexit
import contextlib
import fcntl
import glob
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading

from lib import TREE, ctl, needs, tap
from lib.ctl import NOBODY
from lib.milter import BUILD, Milter, program
from lib.waiting import until

SAMPLE = os.path.join(TREE, "postfix-sample")
MASTER = ("/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf.proto")
DOMAIN = "accounts.example.com"     # account_domain, as the sample has it
# How a milter that changes headers and bodies answers.
OTHER = bytes.fromhex("0000000d4f 00000006 0000003f 00000000")
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def sample(name):
    with open(os.path.join(SAMPLE, name), encoding="utf-8") as file:
        return file.read()


def chown(path, mode, user=NOBODY, group=None):
    os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
             if group else pwd.getpwnam(user).pw_gid)
    os.chmod(path, mode)


def serve_one(server, answer):
    """Give the next client of SERVER this ANSWER, and wait until it leaves."""
    with contextlib.suppress(OSError):
        client, _ = server.accept()
        with client:
            client.sendall(answer)
            client.settimeout(5)
            while client.recv(4096):
                pass


def _serve(server, answer=OTHER):
    """Give each client of SERVER this ANSWER, as long as the program runs."""
    server.listen()

    def serve():
        while True:
            serve_one(server, answer)
    threading.Thread(target=serve, daemon=True).start()


def beside(host="127.0.0.1", answer=OTHER):
    """Another milter, or what gives each client ANSWER, on a free port. Where
    Postfix finds it."""
    server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    server.bind((host, 0))
    _serve(server, answer)
    shown = f"[{host}]" if ":" in host else host
    return f"inet:{shown}:{server.getsockname()[1]}"


class Site:
    def __init__(self, ctl_):
        self.ctl = ctl_
        self.queue = ctl_.path("queue")
        self.config = ctl_.path("postfix")
        self.socket = os.path.join(self.queue, "notify-milter",
                                   "notify-milter.sock")
        self.token = ctl_.path("token")
        self.milter = getattr(ctl_, "milter", None)
        shutil.rmtree(self.config, ignore_errors=True)
        os.makedirs(os.path.dirname(self.socket), exist_ok=True)
        chown(os.path.dirname(self.socket), 0o2750, group="postfix")
        os.chmod(self.queue, 0o755)
        os.mkdir(self.config)
        chown(os.path.dirname(ctl_.database), 0o750)
        if os.path.exists(ctl_.database):
            chown(ctl_.database, 0o640)
        os.chmod(ctl_.folder, 0o755)
        self.ctl.path("token", TOKEN + "\n")
        chown(self.token, 0o600)
        # Other users may have no right to enter the build directory.
        self.programs = os.path.join(ctl_.folder, "sbin")
        os.makedirs(self.programs, exist_ok=True)
        for name in ("notify-telegram", "notifyctl"):
            shutil.copy(program(name), self.programs)
        ctl_.notifyctl = os.path.join(self.programs, "notifyctl")
        self.settings()
        chown(ctl_.conf.file, 0o644, "root")
        self.master()
        self.main()
        self.lock = self.locked()
        if self.milter is None:
            self.start()
        else:       # of the case before, which has left it alone
            chown(self.socket, 0o660, group="postfix")

    def beside(self, path):
        """Another milter, which answers at PATH in the queue directory. Where
        Postfix finds it."""
        path = os.path.join(self.queue, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.chmod(os.path.dirname(path), 0o755)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        os.chmod(path, 0o666)
        _serve(server)
        return f"unix:{os.path.relpath(path, self.queue)}"

    def locked(self, queue=None):
        """The lock of a master(8) that runs; close it, and none does."""
        folder = os.path.join(queue or self.queue, "pid")
        os.makedirs(folder, exist_ok=True)
        lock = open(os.path.join(folder, "master.pid"), "a")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    # What it consists of

    def settings(self, text=None, **changes):
        self.ctl.settings(text, **{
            "user": NOBODY, "socket": f"unix:{self.socket}",
            "account_domain": DOMAIN, **changes})

    def telegram(self, **changes):
        """The same, and Telegram in use."""
        self.settings(**{"bot": "TheBot", "token_file": self.token,
                         **changes})

    def main(self, **changes):
        """main.cf: the sample's, and what every Postfix has."""
        text = (f"compatibility_level = 3.6\nqueue_directory = {self.queue}\n"
                f"myhostname = a.example.com\nmydestination = a.example.com\n"
                f"relayhost = [relay.example.com]\n"
                f"mynetworks = 127.0.0.0/8 [::1]/128\n{sample('main.cf')}")
        text += "".join(f"{name} = {value}\n"
                        for name, value in changes.items())
        self.file("main.cf", text)

    def master(self, more=""):
        """master.cf: Debian's, chrooted, the sample's, and MORE."""
        with open(next(filter(os.path.exists, MASTER))) as file:
            text = file.read()
        ours = sample("master.cf")
        for old, new in (("/usr/local/sbin", self.programs),
                         ("user=notify-milter", f"user={NOBODY}"),
                         ("/etc/notify-milter/notify-milter.conf",
                          self.ctl.conf.file)):
            tap.contains(ours, old, "the sample's master.cf")
            ours = ours.replace(old, new)
        # The options that the sample tells to add to pickup.
        for option in re.findall(r"postconf -P 'pickup/unix/(.*)'", ours):
            text, found = re.subn(r"(?m)^pickup .*\n",
                                  lambda m: m[0] + "  -o "
                                  + option.replace(" ", "") + "\n", text)
            tap.same(found, 1, "services called pickup")
        self.file("master.cf", f"{text}\n{ours}\n{more}")

    def file(self, name, text):
        path = os.path.join(self.config, name)
        with open(path, "w") as out:
            out.write(text)
        self.age()
        return path

    def age(self):
        """Make the files older: Postfix's tools read one that was changed in
        this second again and again until the next."""
        for path in glob.glob(self.config + "/*"):
            os.utime(path, (1, 1))

    def table(self, name, text):
        return f"texthash:{self.file(name, text)}"

    def postconf(self, *args):
        """What postconf prints."""
        done = subprocess.run(["postconf", "-c", self.config, *args],
                              capture_output=True, text=True, timeout=20)
        tap.same(done.returncode, 0, f"exit of postconf {args}: {done.stderr}")
        return done.stdout

    def edit(self, *args):
        """postconf -e or the like."""
        self.postconf(*args)
        self.age()

    def value(self, service, name):
        """The setting in effect for SERVICE."""
        own = self.postconf("-P", f"{service}/{name}") if any(
            option.startswith(f"{name}=")
            for option in self.options(service)) else None
        return (own.split("=", 1)[1] if own else
                self.postconf("-h", name)).strip()

    def postmap(self, table):
        subprocess.run(["postmap", "-c", self.config, table], check=True,
                       timeout=20)

    def options(self, service):
        """What master.cf overrides for SERVICE: ["name=value"]."""
        done = subprocess.run(["postconf", "-c", self.config, "-P",
                               f"{service}/*"], capture_output=True, text=True,
                              timeout=20)
        return [line.replace(f"{service}/", "", 1).replace(" = ", "=").replace(
            " =", "=") for line in done.stdout.splitlines()]

    # The milter

    def start(self):
        self.milter = Milter(self.ctl.folder)
        self.milter.written = self.ctl.conf.written
        self.milter.start()
        atexit.register(self.stop)

    def stop(self):
        """End the milter, and those that a fix has started."""
        atexit.unregister(self.stop)
        if self.milter is not None:
            self.milter.kill()
            self.milter = None
        for pid in self.started():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.started(), "the milters end")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)

    def leave(self):
        """The milter is for the next case too, if it is as it was."""
        alone = (self.milter is not None and self.milter.running()
                 and self.milter.socket_path() == self.socket
                 and self.milter.answers() and len(self.started()) == 1)
        if not alone:
            self.stop()
        self.ctl.milter = self.milter

    def started(self):
        """The milters that run with our settings file."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                with open(path, "rb") as file:
                    words = file.read().split(b"\0")
                if (any(word.endswith(b"notify-milter") for word in words)
                        and self.ctl.conf.file.encode() in words):
                    found.append(int(path.split("/")[2]))
        return found

    # Looking

    def env(self, **more):
        return {"MAIL_CONFIG": self.config,
                "PATH": f"{BUILD}:{os.environ['PATH']}", **more}

    def check(self, user=None, **env):
        """(exit status, findings)."""
        done = self.ctl("check", json_=True, env=self.env(**env), user=user)
        tap.same(done.err, "", f"stderr of {done}")
        found = done.document["findings"]
        for finding in found:
            for name in ("what", "why", "fix"):
                tap.true(finding[name] and finding[name].isprintable(),
                         f"{name} in one line: {finding}")
        return done.code, found

    def sound(self, **env):
        code, found = self.check(**env)
        tap.same((code, found), (0, []), "exit and findings")

    def fault(self, severity, *words, **options):
        """The one finding that there must be: of SEVERITY, with WORDS in what
        is wrong."""
        code, found = self.check(**options)
        tap.same([f["severity"] for f in found], [severity],
                 f"severities of {found}")
        for word in words:
            tap.contains(found[0]["what"], word, "what is wrong")
        tap.same(code, 78 if severity == "error" else 0, f"exit for {found}")
        return found[0]

    def has(self, severity, *words, **options):
        """The finding of SEVERITY with WORDS, which must be among others."""
        _, found = self.check(**options)
        for finding in found:
            if finding["severity"] == severity and all(
                    word in finding["what"] for word in words):
                return finding
        raise tap.Failed(f"no {severity} with {words} in {found}")

    # The fix

    def apply(self, finding):
        """Apply the fix as it is printed: run the command, or add the line
        to the settings."""
        fix = finding["fix"]
        if finding["command"]:
            done = subprocess.run(
                ["sh", "-c", fix], capture_output=True, text=True, timeout=60,
                cwd=self.ctl.folder, env=self.ctl.environment(**self.env()))
            tap.same(done.returncode, 0, f"exit of {fix!r}: {done.stderr}")
            self.age()
            return
        found = re.fullmatch(r"in \[(\w+)\] of (\S+): (\w+) = (.*)", fix)
        tap.true(found, f"a line for the settings: {fix!r}")
        section, file, name, value = found.groups()
        tap.same(file, self.ctl.conf.file, "the file to change")
        with open(file) as lines:
            text = lines.read()
        text = re.sub(rf"(?m)^{name} = .*\n",
                      lambda m: "" if self._in(text, section, m.start())
                      else m[0], text)
        text = text.replace(f"[{section}]\n",
                            f"[{section}]\n{name} = {value}\n")
        self.ctl.conf.write(text)

    @staticmethod
    def _in(text, section, at):
        return text.rfind(f"[{section}]", 0, at) == text.rfind("[", 0, at)

    def fixed(self, severity, *words):
        """There must be one finding, and none once its fix is applied."""
        finding = self.fault(severity, *words)
        self.apply(finding)
        self.sound()
        return finding


def case(title):
    def register(function):
        @ctl.case(title)
        def _(ctl_):
            site = None
            try:
                site = Site(ctl_)
                function(site)
            finally:
                if site is not None:
                    site.lock.close()
                    site.leave()
        return function
    return register


def run():
    if not any(map(os.path.exists, MASTER)):
        needs.skip("needs the master.cf of Postfix's package")
    ctl.run()


__all__ = ["Site", "beside", "case", "run", "chown", "sample", "program", "DOMAIN",
           "TOKEN"]
