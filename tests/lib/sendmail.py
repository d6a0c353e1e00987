# SPDX-License-Identifier: BSD-2-Clause
"""sendmail - a private Sendmail in a directory of the lab.

Made from the sample as it is shipped, with other paths and ports. It has what
lab.py asks of a Postfix; the program may be a package that is only unpacked,
since it cannot be installed beside Postfix.
"""
import os
import re
import shutil
import subprocess

from lib import TREE, UNPACKED
from lib.postfix import Server, free_ports
from lib.waiting import LIMIT, until

PLACES = (("/usr/libexec/sendmail", "/usr/share/sendmail/cf"),
          (os.path.join(UNPACKED, "sendmail-bin/usr/libexec/sendmail"),
           os.path.join(UNPACKED, "sendmail-cf/usr/share/sendmail/cf")))

MC = """\
divert(0)dnl
include(`CF/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`ALIAS_FILE', `')dnl
define(`confDOMAIN_NAME', `relay.example')dnl
define(`confPID_FILE', `FOLDER/pid')dnl
define(`QUEUE_DIR', `FOLDER/queue')dnl
define(`STATUS_FILE', `FOLDER/statistics')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`confDONT_BLAME_SENDMAIL', `MapInUnsafeDirPath')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confTO_IDENT', `0')dnl
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port=PORT')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
FEATURE(`mailertable', `hash -o FOLDER/mailertable.db')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h RECEIVER')dnl
define(`LOCAL_MAILER_PATH', `[IPC]')dnl
define(`LOCAL_MAILER_ARGS', `TCP [127.0.0.1] RECEIVER')dnl
define(`LOCAL_MAILER_DSN_DIAGNOSTIC_CODE', `SMTP')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-wfS')dnl
"""

# sendmail(1) for users: it hands mail to the daemon by SMTP, so the milter sees
# it.
SUBMIT = """\
divert(0)dnl
include(`CF/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`ALIAS_FILE', `')dnl
define(`confDOMAIN_NAME', `relay.example')dnl
define(`confPID_FILE', `FOLDER/msp-pid')dnl
define(`MSP_QUEUE_DIR', `FOLDER/msp')dnl
define(`STATUS_FILE', `FOLDER/statistics')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confRUN_AS_USER', `nobody:mail')dnl
define(`confDELIVERY_MODE', `i')dnl
define(`RELAY_MAILER_ARGS', `TCP $h PORT')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""


def place():
    """The directories of the programs and of the .mc pieces, or None."""
    for programs, pieces in PLACES:
        if os.access(os.path.join(programs, "sendmail"), os.X_OK) and \
                os.path.isdir(pieces):
            return programs, os.path.realpath(pieces)
    return None


# Where the host's name has no dot Sendmail sleeps for a minute.
NAMED = ("unshare", "--uts", "sh", "-c",
         'hostname relay.example && exec "$@"', "sh")


class Sendmail(Server):
    """start() and stop() it. MILTER is a socket in the milter's notation."""

    queues = ("queue",)
    # .mc lines before the mailers, and {path below the folder: what makemap
    # makes a hash of}.
    more = ""
    maps = {}

    def __init__(self, folder, receiver_port, milter=None, _main=None,
                 _users=None):
        self.folder = folder
        self.receiver_port, self.milter = receiver_port, milter
        self.installed, self.pieces = place()
        self.programs = os.path.join(folder, "programs")
        self.config = os.path.join(folder, "sendmail.cf")
        self.submit = os.path.join(folder, "submit.cf")
        self.queue = os.path.join(folder, "queue")
        self.log = os.path.join(folder, "log")
        self.addresses = {}
        # Text of the sample, and what takes its place.
        self.replaced = {
            "unix:/run/notify-milter/notify-milter.sock": milter,
            "accounts.example.com": "accounts.example",
            "U=notify-milter:notify-milter": "U=nobody:nogroup",
        }

    def _write_settings(self, port):
        with open(os.path.join(TREE, "postfix-sample", "sendmail.mc")) as file:
            sample = file.read()
        for old, new in self.replaced.items():
            if old not in sample:
                raise RuntimeError(f"{old} is not in sendmail.mc")
            sample = sample.replace(old, new)
        first, end = re.split(r"(?m)^(?=MAILER_DEFINITIONS)", sample)
        self._make(self.config, MC + self.more + first +
                   "MAILER(`local')dnl\nMAILER(`smtp')dnl\n" + end, port)
        self._make(self.submit, SUBMIT, port)
        for name, lines in {
                "mailertable":
                    "telegram.invalid\tnotify-telegram:telegram.invalid\n",
                **self.maps}.items():
            subprocess.run(
                [os.path.join(self.programs, "makemap"), "-C", self.config,
                 "hash", os.path.join(self.folder, f"{name}.db")],
                input=lines.encode(), check=True, capture_output=True,
                timeout=30)

    def _make(self, path, mc, port):
        """Make PATH from the text MC with m4."""
        mc = mc.replace("CF/", self.pieces + "/").replace(
            "FOLDER", self.folder).replace("PORT", str(port)).replace(
                "RECEIVER", str(self.receiver_port))
        with open(path, "w") as out:
            subprocess.run(["m4", f"-D_CF_DIR_={self.pieces}/"], input=mc,
                           text=True, stdout=out, stderr=subprocess.DEVNULL,
                           check=True, timeout=30)

    def _copy_programs(self):
        """Other users may have no right to enter build/."""
        os.mkdir(self.programs)
        for name in ("sendmail", "makemap"):
            path = shutil.copy(os.path.join(self.installed, name),
                               self.programs)
            shutil.chown(path, "root", "mail")
            os.chmod(path, 0o2755)

    def start(self):
        self._copy_programs()
        os.mkdir(self.queue)
        os.chmod(self.queue, 0o700)
        os.mkdir(os.path.join(self.folder, "msp"), 0o770)
        shutil.chown(os.path.join(self.folder, "msp"), "nobody", "mail")
        os.chmod(os.path.join(self.folder, "msp"), 0o2770)
        os.chmod(self.folder, 0o755)
        with open(os.path.join(self.folder, "statistics"), "w"):
            pass
        for _ in range(5):
            port, = free_ports(["127.0.0.1"])
            self.addresses = {"smtp": ("127.0.0.1", port)}
            self._write_settings(port)
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [*NAMED, os.path.join(self.programs, "sendmail"), "-C",
                     self.config, "-bD", "-q1s"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True)
            if self.listens():
                return self
            self.stop()
        raise RuntimeError("Sendmail does not start:\n" + self.text())

    def files(self, *_queues):
        """The ids of what is queued and not in quarantine."""
        return [name[2:] for name in os.listdir(self.queue)
                if re.match("[qQt]f", name)]

    def held(self):
        """The ids in quarantine, by the names of their files."""
        return {name[2:] for name in os.listdir(self.queue)
                if name.startswith("hf")}

    def settle(self, timeout=LIMIT):
        until(lambda: not self.files() and not any(
                  name.startswith("xf") for name in os.listdir(self.queue)),
              lambda: f"the queue is empty, not {os.listdir(self.queue)}",
              timeout)

    def tool(self, *args, **options):
        """sendmail(8) with ARGS on this instance."""
        return subprocess.run(
            [*NAMED, os.path.join(self.programs, "sendmail"), "-C",
             self.config, *args], capture_output=True, timeout=60, **options)

    def sendmail(self, args, data):
        return subprocess.run(
            [*NAMED, *self.submission(), *args], capture_output=True,
            timeout=60, input=data)

    def submission(self):
        """The sendmail(1) command of this instance."""
        return (os.path.join(self.programs, "sendmail"), "-Ac", "-C",
                self.submit)

    def flush(self):
        self.tool("-q")


def missing():
    if place() is None:
        return "needs Sendmail"
    return None if shutil.which("m4") else "needs m4"
