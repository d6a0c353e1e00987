#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix mounts
# not with sanitizer: a package is made of the ordinary programs
# not with postgresql: it has no roster
# takes: 40 s
"""The Debian package on this machine in a box: installed, configured from its
own samples, used, upgraded, removed and purged; and its systemd units."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

from lib import TREE, needs, tap, versions
from lib.box import Box, Refused
from lib.milter import BUILD
from lib.tap import case, contains, lacks, same, true

UNITS = ("notify-milter.service", "notify-bot.service")
DOC = "/usr/share/doc/notify-milter/postfix-sample"
with open(os.path.join(TREE, "tools/package/changelog")) as changelog:
    VERSION = re.match(r"notify-milter \((\S+)\) ", changelog.readline())[1]
HIGHER = VERSION + "+1"
# main.cf of a machine with a Postfix of its own, beside the sample.
MAIN = """\
compatibility_level = 3.6
maillog_file = /var/log/nm-mail.log
myhostname = relay.example.com
mydestination =
inet_interfaces = loopback-only
relayhost = [127.0.0.1]:2525
"""
MESSAGE = """\
From: billing@example.com
To: acme@accounts.example.com
Subject: {mark}
X-Notify-Category: Scheduled maintenance

text
"""


class Machine:
    """The box, and the state that its cases share."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="nm-deb-")
        self.box = Box()
        self.versions = {}
        self.before = None
        self.started = []

    def stop(self):
        self.box.stop()
        for process in self.started:
            process.wait()
        shutil.rmtree(self.folder)

    def package(self, version):
        """The path of a package of VERSION, built in a copy of the tree."""
        tree = os.path.join(self.folder, "tree")
        if not os.path.exists(tree):
            os.mkdir(tree)
            for name in os.listdir(TREE):
                if name not in ("build", ".git"):
                    path = os.path.join(TREE, name)
                    (shutil.copytree if os.path.isdir(path)
                     else shutil.copy2)(path, os.path.join(tree, name))
            shutil.copytree(BUILD, os.path.join(tree, "build"),
                            ignore=shutil.ignore_patterns(
                                "unpacked", "san", "tests", "package",
                                "fuzz", "tsan", "*.deb"))
        subprocess.run(["tools/package/build",
                        *([] if version == VERSION else [version])], cwd=tree,
                       check=True, capture_output=True, timeout=120)
        return glob.glob(os.path.join(
            tree, "build", f"notify-milter_{version}_*.deb"))[0]

    def install(self, version):
        with open(self.package(version), "rb") as file:
            self.box.put("/root/notify-milter.deb", file.read())
        return self.box.run(
            "dpkg -i /root/notify-milter.deb </dev/null 2>&1").stdout

    def files(self):
        """The files in directories where a package may put files."""
        found = self.box.run(
            "find /etc /usr /var /root -xdev -path /var/lib/dpkg -prune -o "
            "-path /var/cache -prune -o -path /var/spool/postfix -prune -o "
            "-path /var/log -prune -o -path /var/tmp -prune -o -print; "
            "find /var/spool/postfix -name 'notify-milter*'"
        ).stdout.splitlines()
        return {path for path in found
                if not re.match(r"/etc/(passwd|group|shadow|gshadow|subuid|"
                                r"subgid|\.pwd\.lock)|/root/notify-milter.deb"
                                r"|/root/\."        # other programs' caches
                                r"|/var/lib/(adduser|mandb|postfix/)"
                                r"|/etc/postfix/",
                                path)}

    def unit(self, name, key):
        """The commands of the installed unit's KEY."""
        text = self.box.run(f"cat /usr/lib/systemd/system/{name}").stdout
        text = text.replace("\\\n", " ")
        return re.findall(rf"(?m)^{key}=(.*)$", text)

    def start_milter(self):
        """As the unit does it: the same commands by the same user."""
        for command in self.unit("notify-milter.service", "ExecStartPre"):
            true(command.startswith("+"), f"root runs {command}")
            self.box.run(command[1:])
        command, = self.unit("notify-milter.service", "ExecStart")
        user, = self.unit("notify-milter.service", "User")
        self.box.run("rm -f /tmp/milter.log")   # what the last one has said
        self.started.append(self.box.start(
            f"umask 0027; exec setpriv --reuid={user} --regid={user} "
            f"--init-groups --no-new-privs --bounding-set=-all {command} "
            ">/tmp/milter.log 2>&1", stdin=subprocess.DEVNULL))
        self.box.until("grep -q 'ready on' /tmp/milter.log",
                       "the milter is ready")

    def stop_milter(self):
        self.box.run("pkill -KILL -x notify-milter; "
                     "while pgrep -x notify-milter; do sleep 0.05; done")

    def recipients(self, mark):
        """The recipients of the message MARK."""
        self.box.until(f"grep -q 'Subject: {mark}$' /tmp/sink",
                       f"{mark} is delivered")
        self.box.until("test -z \"$(postqueue -j)\"", "the queue is empty")
        text = self.box.run("cat /tmp/sink").stdout
        mails = [part for part in text.split("\nX-Client-Addr: ")
                 if f"Subject: {mark}\n" in part]
        return sorted(to for part in mails for to in
                      re.findall(r"(?m)^X-Rcpt-Args: <(.*?)>", part))


@case("lintian reports no error and no warning")
def _(machine):
    with tempfile.TemporaryDirectory() as folder:   # it leaves a file there
        done = subprocess.run(
            ["lintian", machine.package(VERSION)], text=True,
            capture_output=True, timeout=120,
            env={**os.environ, "TMPDIR": folder})
    same([line for line in done.stdout.splitlines()
          if re.match("[EW]:", line)], [], "what lintian says")


@case("it makes its user and directories, and neither enables nor starts a unit")
def _(machine):
    machine.before = machine.files()
    machine.install(VERSION)
    run = machine.box.run
    contains(run("getent passwd notify-milter").stdout, "nologin", "user")
    for path, want in (
            ("/var/lib/notify-milter", "750 notify-milter notify-milter"),
            ("/var/spool/postfix/notify-milter", "2750 notify-milter postfix"),
            ("/etc/notify-milter/secret", "750 root notify-milter"),
            ("/etc/notify-milter/notify-milter.conf", "644 root root"),
            *((f"/etc/notify-milter/texts/{name}.conf", "644 root root")
              for name in ("de", "en", "ru"))):
        same(run(f"stat -c '%a %U %G' {path}").stdout.strip(), want, path)
    same(run("dpkg-query -W -f '${Conffiles}' notify-milter"
             " | grep -c texts/").stdout, "3\n", "texts that stay")
    same(run("find /etc/systemd -name 'notify-*'").stdout, "", "enabled")
    same(run("pgrep -l notify-", check=False).stdout, "", "running")
    for unit in UNITS:
        lacks(run(f"cat /usr/lib/systemd/system/{unit}").stdout, "/usr/local",
              unit)
    for page in ("notify-milter", "notifyctl", "notify-milter.conf"):
        true(run(f"zcat /usr/share/man/man?/{page}.?.gz").stdout,
             f"the manual {page}")


@case("its version, and what -V prints, is that of the changelog it installs")
def _(machine):
    run = machine.box.run
    same(run("dpkg-query -W -f '${Version}' notify-milter").stdout, VERSION,
         "of the package")
    for command in ("notify-milter -V", "notify-bot -V", "notify-telegram -V",
                    "notifyctl --version"):
        same(run(command).stdout, f"{command.split()[0]} {VERSION}\n", command)
    for name in ("changelog.gz", "copyright"):
        contains(run(f"zcat -f /usr/share/doc/notify-milter/{name}").stdout,
                 {"changelog.gz": f"notify-milter ({VERSION})",
                  "copyright": "License: BSD-2-Clause"}[name], name)


@case("without \"user\" it does not run as root, and names the line to add")
def _(machine):
    machine.box.run("grep -v ^user /etc/notify-milter/notify-milter.conf "
                    ">/tmp/nobody.conf")
    done = machine.box.run("notify-milter -f -c /tmp/nobody.conf", check=False)
    same(done.returncode, 78, "exit status")
    contains(done.stderr, '"user = notify-milter"', "error")


@case("configured as the samples say, it expands mail by SMTP and sendmail(1)")
def _(machine):
    run = machine.box.run
    machine.box.put("/etc/postfix/main.cf", MAIN.encode())
    run(f"cat {DOC}/main.cf >>/etc/postfix/main.cf; "
        "cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf; "
        f"cat {DOC}/master.cf >>/etc/postfix/master.cf; "
        f"sed -n 's/^#   postconf -P/postconf -P/p' {DOC}/master.cf | sh -e; "
        "sed -i 's/^#account_domain =$/account_domain = accounts.example.com/'"
        " /etc/notify-milter/notify-milter.conf; newaliases; notifyctl init; "
        "notifyctl account add acme --owner olga@acme.example; "
        "notifyctl user add acme ann@acme.example bill@acme.example; "
        "notifyctl --as olga@acme.example subscribe acme services "
        "bill@acme.example; notifyctl --as olga@acme.example subscribe acme "
        "scheduled-maintenance ann@acme.example")
    machine.start_milter()
    machine.started.append(machine.box.start(
        "exec smtp-sink -c -u nobody -D /tmp/sink 127.0.0.1:2525 100",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL))
    run("postfix start 2>&1")
    same(run("notifyctl check", check=False).returncode, 0, "notifyctl check")
    run("sendmail -f billing@example.com acme@accounts.example.com",
        MESSAGE.format(mark="by-sendmail").encode())
    same(machine.recipients("by-sendmail"),
         ["ann@acme.example", "olga@acme.example"], "by sendmail(1)")
    run("swaks --server 127.0.0.1 -f billing@example.com -t "
        "acme@accounts.example.com --data - --silent 2",
        MESSAGE.format(mark="by-smtp").encode())
    same(machine.recipients("by-smtp"),
         ["ann@acme.example", "olga@acme.example"], "by SMTP")


@case("roster and socket have the permissions that they need and no more")
def _(machine):
    for path, want in (
            ("/var/lib/notify-milter/roster.db",
             "640 notify-milter notify-milter"),
            ("/var/spool/postfix/notify-milter/notify-milter.sock",
             "660 notify-milter postfix")):
        same(machine.box.run(f"stat -c '%a %U %G' {path}").stdout.strip(),
             want, path)
    same(machine.box.run("find /var/lib/notify-milter ! -user notify-milter "
                         "-o -perm /027 ! -name '*.prom'").stdout, "",
         "what somebody else owns, or others may read")


@case("upgraded over itself, and to a higher version, it keeps settings and "
      "roster")
def _(machine):
    run = machine.box.run
    roster = run("notifyctl export").stdout
    contains(roster, "ann@acme.example", "roster")
    settings = run("cat /etc/notify-milter/notify-milter.conf").stdout
    for version in (VERSION, HIGHER):
        machine.install(version)
        same(run("notifyctl export").stdout, roster, f"roster at {version}")
        same(run("cat /etc/notify-milter/notify-milter.conf").stdout, settings,
             f"settings at {version}")
        machine.stop_milter()
        machine.start_milter()
        run("sendmail -f billing@example.com acme@accounts.example.com",
            MESSAGE.format(mark=f"after-{version}").encode())
        same(machine.recipients(f"after-{version}"),
             ["ann@acme.example", "olga@acme.example"], "recipients")
    contains(run("dpkg -s notify-milter").stdout, f"Version: {HIGHER}\n",
             "status")


@case("the roster of the version before is upgraded, one in PostgreSQL never")
def _(machine):
    run = machine.box.run
    roster, conf = "/var/lib/notify-milter/roster.db", \
        "/etc/notify-milter/notify-milter.conf"
    postinst = "/var/lib/dpkg/info/notify-milter.postinst configure 0.1.0 2>&1"
    kept = run("notifyctl export").stdout
    run(f"sqlite3 {roster} '{'; '.join(versions.BACK_TO_1)};"
        " PRAGMA user_version = 1'")
    run(f"cp {conf} {conf}.kept; sed -i '/^\\[database\\]/a url ="
        f" postgresql:///nowhere' {conf}")
    said = run(postinst).stdout
    contains(said, '"notifyctl init" as the owner of the roster', "what it says")
    run(f"mv {conf}.kept {conf}")
    same(run(f"sqlite3 {roster} 'PRAGMA user_version'").stdout, "1\n",
         "the file that was not named")
    same(run(postinst).stdout, "", "what it says")
    same(run(f"sqlite3 {roster} 'PRAGMA user_version'").stdout, "2\n",
         "the roster's version")
    same(run("notifyctl export").stdout, kept, "the roster")


@case("while a milter of the version before runs, which systemd does not "
      "restart, the roster is not upgraded, and the commands are named")
def _(machine):
    run = machine.box.run
    roster = "/var/lib/notify-milter/roster.db"
    version = f"sqlite3 {roster} 'PRAGMA user_version'"
    run(f"sqlite3 {roster} '{'; '.join(versions.BACK_TO_1)};"
        " PRAGMA user_version = 1'")
    pid = run("pidof notify-milter").stdout.strip()
    said = machine.install(HIGHER)
    contains(said, f"run \"kill {pid}\", wait until it has ended (up to 10 s), "
                   "then run \"notify-milter\" and \"notifyctl init\"",
             "what it says")
    same(run(version).stdout, "1\n", "the roster's version")
    contains(run("notifyctl check", check=False).stdout,
             f"notify-milter runs as process {pid}, whose program has been "
             "replaced", "notifyctl check")
    run(f"kill {pid}; while pgrep -x notify-milter; do sleep 0.05; done; "
        "notify-milter; notifyctl init")
    same(run(version).stdout, "2\n", "the roster's version after that")
    same(run("notifyctl check", check=False).returncode, 0, "notifyctl check")


@case("a bot's token of 0.1.0 is moved to where the milter cannot read it")
def _(machine):
    run, folder = machine.box.run, "/etc/notify-milter"
    machine.box.put(f"{folder}/bot-token", b"1:x\n")
    run(f"chgrp notify-milter {folder}/bot-token; "
        f"chmod 640 {folder}/bot-token")
    for _ in range(2):
        machine.install(HIGHER)
        same(run(f"stat -c '%a %U %G' {folder}/secret/bot-token; "
                 f"readlink {folder}/bot-token; cat {folder}/bot-token").stdout,
             "640 root notify-milter\nsecret/bot-token\n1:x\n", "the token")


@case("a removal is refused while an MTA names it, with the commands")
def _(machine):
    run = machine.box.run
    run("systemctl -q enable notify-milter notify-bot notify-notices.timer; "
        "postconf -e 'smtpd_milters = inet:127.0.0.1:8891, "
        "{ unix:notify-milter/notify-milter.sock, connect_timeout=9s } "
        "unix:opendkim/opendkim.sock'; "
        "postconf -P smtp/inet/smtpd_milters="
        "unix:notify-milter/notify-milter.sock; "
        "mkdir /etc/postfix-out; cd /etc/postfix-out; "
        "cp ../postfix/master.cf.proto master.cf; touch main.cf; "
        "postconf -e multi_instance_directories=/etc/postfix-out; "
        "postconf -c . -e 'smtpd_milters = { unix:/var/spool/postfix/"
        "notify-milter/notify-milter.sock, { default_action = tempfail } } "
        "{ inet:127.0.0.1:8891, { default_action = accept } }'")
    for want in ("  postconf -e 'smtpd_milters = inet:127.0.0.1:8891, "
                 "unix:opendkim/opendkim.sock'\n",
                 "  postconf -P 'smtp/inet/smtpd_milters ='\n"
                 "  postfix reload\n",
                 "  postconf -c /etc/postfix-out -e 'smtpd_milters = "
                 "{ inet:127.0.0.1:8891, { default_action = accept } }'\n"
                 "  postfix -c /etc/postfix-out reload\n"):
        done = run("dpkg --remove notify-milter 2>&1", check=False)
        true(done.returncode != 0, "it is refused")
        contains(done.stdout, want, "what it says")
        contains(run("dpkg -s notify-milter").stdout, "install ok installed",
                 "status")
        run(want.splitlines()[0])
    run("rm -r /etc/postfix-out; postconf -X multi_instance_directories")
    run("mkdir -p /etc/mail; echo 'Xnotify-milter, S=unix:/run/notify-milter/"
        "notify-milter.sock, F=T' >/etc/mail/sendmail.cf")
    done = run("dpkg --remove notify-milter 2>&1", check=False)
    contains(done.stdout, "sendmail.mc", "what it says of Sendmail")
    run("rm -r /etc/mail")


@case("removed, it leaves settings and roster; purged, nothing but its user")
def _(machine):
    run = machine.box.run
    run("postfix stop 2>&1")
    same(run("pgrep -c -x notify-milter").stdout, "1\n", "started by hand")
    run("rm /etc/postfix/main.cf /etc/postfix/master.cf /etc/aliases.db; "
        "dpkg --remove notify-milter")
    same(run("pgrep -r D,R,S -l notify-", check=False).stdout, "", "what runs")
    same(run("ls /usr/sbin/notify*", check=False).stdout, "", "programs")
    true("roster.db" in run("ls /var/lib/notify-milter").stdout, "the roster")
    run("test -e /etc/notify-milter/notify-milter.conf")
    same(run("find /etc/systemd -name 'notify-*'").stdout, "", "links to units")
    run("dpkg --purge notify-milter")
    same(sorted(machine.files() - machine.before), [], "left behind")
    same(sorted(machine.before - machine.files()
                - {"/etc/aliases.db"}), [], "taken away")
    contains(run("getent passwd notify-milter").stdout, "notify-milter",
             "user")
    lacks(run("dpkg -l notify-milter", check=False).stdout, "\nrc", "dpkg")


@case("make uninstall leaves the settings alone, and no link to a unit")
def _(machine):
    machine.package(VERSION)
    root = os.path.join(machine.folder, "root")
    wants = os.path.join(root, "etc/systemd/system/multi-user.target.wants")
    os.makedirs(wants)
    for target in "install", "uninstall":
        subprocess.run(["make", "-s", target, f"DESTDIR={root}",
                        "SYSCONFDIR=/etc"], check=True, timeout=60,
                       cwd=os.path.join(machine.folder, "tree"))
        for unit in UNITS if target == "install" else ():
            path = f"/usr/local/lib/systemd/system/{unit}"
            true(os.path.exists(root + path), f"{path} is installed")
            os.symlink(path, os.path.join(wants, unit))
    same(sorted(os.path.join(where, name)[len(root):]
                for where, _, names in os.walk(root) for name in names),
         ["/etc/notify-milter/notify-milter.conf",
          *(f"/etc/notify-milter/texts/{name}.conf"
            for name in ("de", "en", "ru"))], "what is left")


@case("the exposure that systemd-analyze finds is at most 2.0 for each unit")
def _(_machine):
    for unit in UNITS:
        path = os.path.join(TREE, "postfix-sample", unit)
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager",
             path], capture_output=True, text=True, timeout=60)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)",
                          done.stdout)
        true(found, f"an exposure for {unit}: {done.stdout}{done.stderr}")
        true(float(found[1]) <= 2.0, f"{unit}: exposure {found[1]}")


@case("the units have the settings that systemd and the operator rely on")
def _(_machine):
    for unit in UNITS:
        with open(os.path.join(TREE, "postfix-sample", unit)) as file:
            text = file.read()
        daemon = unit.removesuffix(".service")
        for line in ("Type=notify",
                     f"ExecReload=/usr/local/sbin/{daemon} -n -c "
                     "/etc/notify-milter/notify-milter.conf\n"
                     "ExecReload=/bin/kill -USR1 $MAINPID",
                     "Restart=on-failure", "RestartPreventExitStatus=78",
                     "LogRateLimitIntervalSec=1s\nLogRateLimitBurst=1000000",
                     "NoNewPrivileges=yes",
                     "ProtectSystem=strict", "User=notify-milter"):
            contains(text, f"\n{line}\n", unit)
    with open(os.path.join(TREE, "postfix-sample", UNITS[0])) as file:
        text = file.read()
    for line in ("Before=postfix.service postfix@-.service sendmail.service",
                 "StartLimitIntervalSec=0", "RestartSec=1",
                 "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX",
                 "InaccessiblePaths=-/etc/notify-milter/secret "
                 "-/run/credentials"):
        contains(text, f"\n{line}\n", UNITS[0])
    lacks(text, "LoadCredential", UNITS[0])


@case("systemd-analyze verify finds no fault with a unit")
def _(machine):
    for unit in UNITS:
        path = os.path.join(machine.folder, unit)
        with open(os.path.join(TREE, "postfix-sample", unit)) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("/usr/local/sbin", BUILD))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", path],
            capture_output=True, text=True, timeout=60)
        mine = [line for line in done.stderr.splitlines() if unit in line]
        same((done.returncode, mine), (0, []), f"what is said of {unit}")


@case("with the additions for a fleet the milter's unit is valid, and may "
      "reach servers")
def _(machine):
    path = os.path.join(machine.folder, UNITS[0])
    with open(os.path.join(TREE, "postfix-sample", UNITS[0])) as file:
        text = file.read().replace("/usr/local/sbin", BUILD)
    with open(path, "w") as file:
        file.write(text)
    os.mkdir(path + ".d")
    shutil.copy(os.path.join(TREE, "postfix-sample", "fleet-units.conf"),
                path + ".d")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                          capture_output=True, text=True, timeout=60)
    mine = [line for line in done.stderr.splitlines()
            if UNITS[0] in line or "fleet-units" in line]
    same((done.returncode, mine), (0, []), "what is said of it")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", path],
        capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    true(found and float(found[1]) <= 2.0, f"exposure: {done.stdout}")
    contains(done.stdout, "access to the host's network", "what is found")


try:
    Box().stop()
except Refused as refused:
    needs.skip(f"needs mounts: {refused}")
tap.run(setup=Machine, teardown=Machine.stop)
