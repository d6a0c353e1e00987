#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix
# not with postgresql: it is about the files of SQLite
"""Whatever the service user puts where root's programs expect a file: they
change no file that this user could not change, make none elsewhere, tell
nothing, and end."""
import contextlib
import os
import pwd
import shutil
import socket
import stat
import subprocess
import threading
import time

from lib import lab
from lib.lab import USER, case, program
from lib.milter import Milter
from lib.roster import ADAM, ANN, OLGA
from lib.tap import contains, lacks, same, true

UID = pwd.getpwnam(USER).pw_uid
SECRET = "root:$6$hunter2"
LINE = f"{SECRET}:1:0:99999:7:::\n"


class Site:
    """A directory of root's, and one of the service user's."""

    def __init__(self, lab_):
        self.lab = lab_
        self.root = os.path.join(lab_.folder, "root")
        self.theirs = os.path.join(lab_.folder, "theirs")
        self.victim = os.path.join(self.root, "shadow")
        self.new = os.path.join(self.root, "new")

    def begin(self):
        for path in (self.root, self.theirs):
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path)
        os.chmod(self.root, 0o755)
        with open(self.victim, "w") as out:
            out.write(LINE)
        os.chmod(self.victim, 0o600)
        os.chown(self.theirs, UID, -1)
        os.chmod(self.theirs, 0o755)
        return self

    def file(self, name):
        return os.path.join(self.theirs, name)

    def state(self):
        """All that must stay as it is."""
        found = {}
        for name in sorted(os.listdir(self.root)):
            st = os.lstat(os.path.join(self.root, name))
            found[name] = (st.st_uid, st.st_gid, st.st_mode, st.st_size,
                           st.st_mtime_ns)
        st = os.stat(self.root)
        return found, (st.st_uid, st.st_gid, st.st_mode)

    def conf(self, **changes):
        milter = Milter(self.lab.folder, **{
            **self.lab.milter.defaults, "url": self.file("roster.db"),
            "stats_file": self.file("m.prom"), **changes})
        milter.file = os.path.join(self.lab.folder, "attacked.conf")
        milter.write()
        return milter.file

    def run(self, name, *args, input="X-Notify-Category: services\n\n",
            conf=None, env=None, **changes):
        conf = conf or self.conf(**changes)
        try:
            done = subprocess.run(
                [program(name), "-c", conf, *args], input=input,
                capture_output=True, text=True, timeout=40,
                env={**os.environ, **(env or {})})
        except subprocess.TimeoutExpired:
            true(False, f"{name} {args} ends")
        lacks(done.stdout + done.stderr, SECRET, f"{name} {args}")
        return done


def site(lab_):
    if not hasattr(lab_, "site"):
        lab_.site = Site(lab_)
    return lab_.site.begin()


def symlink(s, path):
    os.symlink(s.victim, path)
    os.lchown(path, UID, -1)


def dangling(s, path):
    os.symlink(s.new, path)
    os.lchown(path, UID, -1)


def fifo(_, path):
    os.mkfifo(path)
    os.chown(path, UID, -1)


def hard(s, path):
    os.link(s.victim, path)


def endless(_, path):
    os.symlink("/dev/zero", path)


def directory(_, path):
    os.mkdir(path)


PLANTS = (symlink, dangling, fifo, hard, endless, directory)
COMMANDS = (("init",), ("account", "list"), ("check",), ("export",),
            ("account", "add", "shop", "--owner", OLGA),
            ("explain", "--recipient", ANN), ("log",))


def attacked(s, *args, **options):
    before = s.state()
    done = s.run("notifyctl", *args, **options)
    same(s.state(), before, f"root's files after {args}: {done}")
    for name in os.listdir(s.theirs):
        path = s.file(name)
        if os.path.isfile(path) and os.stat(path).st_nlink == 1 \
                and not os.path.islink(path):
            same(os.stat(path).st_uid, UID, f"owner of {path} after {args}")
    return done


@case("nothing in the place of the database leads notifyctl elsewhere")
def _(lab_):
    for plant in PLANTS:
        for suffix in ("", "-wal", "-shm", "-journal"):
            s = site(lab_)
            if suffix:
                same(s.run("notifyctl", "init").returncode, 0, "init")
            plant(s, s.file("roster.db" + suffix))
            for args in COMMANDS:
                attacked(s, *args)


@case("a directory that is swapped in between leads notifyctl nowhere")
def _(lab_):
    s = site(lab_)
    inner, other = s.file("inner"), s.file("other")
    os.mkdir(inner)
    os.chown(inner, UID, -1)
    os.symlink(s.root, other)
    os.chmod(s.root, 0o755)
    conf = s.conf(url=os.path.join(inner, "roster.db"),
                  stats_file=os.path.join(inner, "m.prom"))
    before, stop = s.state(), threading.Event()

    def swap():
        spare = s.file("spare")
        while not stop.is_set():
            os.rename(inner, spare)
            os.rename(other, inner)
            os.rename(inner, other)
            os.rename(spare, inner)
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(40):
            s.run("notifyctl", "init", conf=conf)
            s.run("notifyctl", "account", "add", f"a{number}", "--owner",
                  OLGA, conf=conf)
            s.run("notifyctl", "stats", conf=conf)
            s.run("notifyctl", "held", conf=conf, env=queue(lab_))
            same(s.state(), before, "root's files")
    finally:
        stop.set()
        thread.join()


@case("what root makes in the service user's directory is that user's, and in "
      "root's own the database is given away")
def _(lab_):
    s = site(lab_)
    for args in (("init",), ("account", "add", "shop", "--owner", OLGA),
                 ("check",)):
        attacked(s, *args)
    mine = s.run("notifyctl", "init", url=os.path.join(s.root, "roster.db"))
    same(mine.returncode, 0, f"{mine}")
    st = os.stat(os.path.join(s.root, "roster.db"))
    same((st.st_uid, stat.S_IMODE(st.st_mode)), (UID, 0o640), "of the database")


@case("the database that root made there earlier is named, and not given away")
def _(lab_):
    s = site(lab_)
    shutil.copy(s.victim, s.file("roster.db"))
    os.chmod(s.file("roster.db"), 0o600)
    done = s.run("notifyctl", "init")
    true(done.returncode != 0, f"{done}")
    contains(done.stderr, s.file("roster.db"), "the error")
    same(os.stat(s.file("roster.db")).st_uid, 0, "the owner")


@case("no file of counters hangs stats, shows another file or is followed")
def _(lab_):
    for plant in PLANTS:
        s = site(lab_)
        plant(s, s.file("m.prom"))
        done = attacked(s, "stats")
        if plant is not dangling:
            same(done.returncode in (65, 74), True, f"{plant}: {done}")
            contains(done.stderr, "m.prom", "the error")


def queue(lab_):
    """The environment of who asks a Postfix that holds no mail."""
    folder = os.path.join(lab_.folder, "postfix")
    if not os.path.exists(folder):
        os.makedirs(os.path.join(folder, "queue/hold"))
        with open(os.path.join(folder, "main.cf"), "w") as out:
            out.write(f"queue_directory = {folder}/queue\n"
                      "compatibility_level = 3.6\n")
        with open(os.path.join(folder, "master.cf"), "w") as out:
            out.write("cleanup unix n - n - 0 cleanup\n")
    return {"MAIL_CONFIG": folder}


@case("what held leaves for Prometheus is written to no other file")
def _(lab_):
    for plant in PLANTS:
        for suffix in ("", ".new"):
            s = site(lab_)
            s.run("notifyctl", "init")
            path = s.file("notify-held.prom")
            plant(s, path + suffix)
            done = attacked(s, "held", env=queue(lab_))
            same(done.returncode, 0, f"{plant} {suffix}: {done}")
            if plant is directory:
                contains(done.stdout, "notify-held.prom", f"{suffix}: {done}")
                continue
            st = os.lstat(path)
            same((stat.S_ISREG(st.st_mode), st.st_nlink, st.st_uid),
                 (True, 1, UID), f"{plant} {suffix}")
    # The directory itself leads elsewhere.
    s = site(lab_)
    s.run("notifyctl", "init")
    os.symlink(s.root, s.file("inner"))
    done = attacked(s, "held", env=queue(lab_),
                    stats_file=s.file("inner/m.prom"))
    contains(done.stdout, "not left for Prometheus", f"{done}")


@case("--png writes to no file of another")
def _(lab_):
    for plant in PLANTS:
        s = site(lab_)
        plant(s, s.file("qr.png"))
        done = attacked(s, "--as", OLGA, "telegram", "connect", "acme", "--png",
                        s.file("qr.png"), url=lab_.database, bot="notify_bot")
        true(done.returncode != 0, f"{plant}: {done}")
    s = site(lab_)
    for folder, owner in ((s.theirs, UID), (s.root, 0)):
        path = os.path.join(folder, "qr.png")
        done = s.run("notifyctl", "--as", OLGA, "telegram", "connect", "acme",
                     "--png", path, url=lab_.database, bot="notify_bot")
        same((done.returncode, os.stat(path).st_uid), (0, owner), f"{done}")
        true(os.path.getsize(path) > 100, "a picture")


@case("import reads what root may read, into the service user's roster")
def _(lab_):
    s = site(lab_)
    s.run("notifyctl", "init")
    path = os.path.join(s.root, "users.csv")
    with open(path, "w") as out:
        out.write(f"account,email,role,categories\nshop,{ADAM},owner,\n")
    os.chmod(path, 0o600)
    same(attacked(s, "import", path).returncode, 0, "import")


@case("a token file of the service user's hangs no program and is not followed")
def _(lab_):
    for plant in PLANTS:
        s = site(lab_)
        s.run("notifyctl", "init")
        plant(s, s.file("token"))
        attacked(s, "check", token_file=s.file("token"), bot="notify_bot")
        done = s.run("notify-bot", "-n", token_file=s.file("token"),
                     bot="notify_bot")
        true(done.returncode != 0, f"{plant}: {done}")


@contextlib.contextmanager
def milter(s, where):
    """One that is started as root."""
    process = subprocess.Popen(
        [program("notify-milter"), "-f", "-c",
         s.conf(socket=f"unix:{where}", stats_file="")],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def outcome(process, path):
    """Whether it serves at PATH, or its error."""
    for _ in range(400):
        if process.poll() is not None:
            return process.stderr.read()
        with socket.socket(socket.AF_UNIX) as probe, \
                contextlib.suppress(OSError):
            probe.connect(path)
            return "ready"
        time.sleep(0.02)
    true(False, "the milter starts or ends")


@case("no socket is made or given away where the service user leads")
def _(lab_):
    for plant in (symlink, dangling, hard, fifo, endless, directory):
        s = site(lab_)
        s.run("notifyctl", "init")
        plant(s, s.file("m.sock"))
        before = s.state()
        with milter(s, s.file("m.sock")) as process:
            said = outcome(process, s.file("m.sock"))
            contains(said, "socket ", f"the error with {plant}")
        same(s.state(), before, f"root's files with {plant}")
    s = site(lab_)
    s.run("notifyctl", "init")
    os.symlink(s.root, s.file("run"))
    before = s.state()
    with milter(s, s.file("run/m.sock")) as process:
        contains(outcome(process, s.file("run/m.sock")), "socket ", "the error")
    same(s.state(), before, "root's files")


@case("a socket that is replaced as soon as it is there gives no file away")
def _(lab_):
    s = site(lab_)
    s.run("notifyctl", "init")
    path, stop = s.file("m.sock"), threading.Event()

    def replace():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    os.unlink(path)
                    os.symlink(s.victim, path)
    thread = threading.Thread(target=replace)
    thread.start()
    before = s.state()
    try:
        for _ in range(20):
            with milter(s, path):
                for _ in range(100):
                    if os.path.islink(path):
                        break
                    time.sleep(0.01)
                time.sleep(0.05)
            same(s.state(), before, "root's files")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    finally:
        stop.set()
        thread.join()


@case("the socket has the user, and the group of its directory, whoever owns it")
def _(lab_):
    group = 12
    for owner, mode in ((UID, 0o750), (UID, 0o2750), (0, 0o755), (0, 0o2755)):
        s = site(lab_)
        s.run("notifyctl", "init")
        run = os.path.join(lab_.folder, f"run-{owner}-{mode:o}")
        os.mkdir(run)
        os.chown(run, owner, group)
        os.chmod(run, mode)
        path = os.path.join(run, "m.sock")
        with milter(s, path) as process:
            same(outcome(process, path), "ready", f"in {owner} {mode:o}")
            st = os.stat(path)
            same((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)),
                 (UID, group, 0o660), f"the socket in {owner} {mode:o}")


@case("a directory that everybody can write to is none for root")
def _(lab_):
    s = site(lab_)
    os.chown(s.theirs, 0, 0)
    for mode in (0o777, 0o1777):
        os.chmod(s.theirs, mode)
        dangling(s, s.file("roster.db"))
        before = s.state()
        for args in COMMANDS:
            s.run("notifyctl", *args)
            s.run("notifyctl", *args, user="")
        same(s.state(), before, "root's files")
        os.unlink(s.file("roster.db"))


@case("check talks to no socket that the service user leads to")
def _(lab_):
    s = site(lab_)
    s.run("notifyctl", "init")
    with socket.socket(socket.AF_UNIX) as victim:
        victim.bind(os.path.join(s.root, "docker.sock"))
        os.chmod(os.path.join(s.root, "docker.sock"), 0o600)
        victim.listen(1)
        victim.settimeout(0.1)
        os.symlink(os.path.join(s.root, "docker.sock"), s.file("m.sock"))
        s.run("notifyctl", "check", socket=f"unix:{s.file('m.sock')}")
        try:
            victim.accept()
        except TimeoutError:
            return
        true(False, "nobody connects")


lab.run(lab=lab.Lab, postfix=False, settings={"bot": "notify_bot"})
