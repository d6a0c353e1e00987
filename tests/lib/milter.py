# SPDX-License-Identifier: BSD-2-Clause
"""milter - notify-milter under test: its settings, its life and its log."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

from lib import TREE
from lib.waiting import LIMIT

BUILD = os.path.abspath(os.environ.get("NM_BUILD")
                        or os.path.join(TREE, "build"))

# Reports of ThreadSanitizer that are known and harmless.
os.environ.setdefault("TSAN_OPTIONS", "ignore_noninstrumented_modules=1:"
                      f"suppressions={TREE}/tests/suppressions/thread")

SECTIONS = {
    "database": ("url", "read_url", "max_lag"),
    "milter": ("socket", "user", "trusted_clients", "trust_authenticated",
               "account_domain", "expand", "unknown_recipients", "always_keep",
               "bad_tag", "max_removed", "monitor", "stats_file"),
    "telegram": ("domain", "bot", "token_file", "api", "max_age",
                 "quiet_hours", "proxy", "allow_groups", "link_by_mail",
                 "telegram_stats_file"),
    "mail": ("sendmail", "from", "tell"),
    "texts": ("folder", "language"),
}
STATS = {"stats_file": "notify-milter.prom",        # beside the roster
         "telegram_stats_file": "notify-telegram.prom"}

LEVEL = r"(?:(?:warning|error): )?"
SUMMARY = re.compile(LEVEL + r"(?P<qid>\w+): category=.* verdict=")
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


def program(name):
    return os.path.join(BUILD, name)


def fields(line):
    """The key=value pairs of a log line, quoted values without quotes."""
    return {key: value[1:-1] if value.startswith('"') else value
            for key, value in FIELD.findall(line)}


class Milter:
    """One notify-milter with its settings file and its log.

    DEFAULTS are settings by their names (`from_` for from); settings() gives
    others for a while, always starting from the defaults.
    """

    beside = None       # where the counters are; None: beside the roster

    def __init__(self, folder, **defaults):
        self.file = os.path.join(folder, "notify-milter.conf")
        self.log = os.path.join(folder, "notify-milter.log")
        self.defaults = defaults
        self.before = []        # a command that runs the milter
        self.env = {}           # what it has in its environment besides
        self.process = None
        self.written = None

    # Settings

    def render(self, **changes):
        values = {**self.defaults, **changes}
        values = {name.rstrip("_"): value for name, value in values.items()}
        folder = self.beside or os.path.dirname(values.get("url") or "")
        for name, file in STATS.items():
            values.setdefault(name, folder and os.path.join(folder, file))
        lines = []
        for section, names in SECTIONS.items():
            lines.append(f"[{section}]")
            lines += [f"{name.removeprefix('telegram_')} = {values.pop(name)}"
                      for name in names if values.get(name) is not None]
        if any(value is not None for value in values.values()):
            raise ValueError(f"no such settings: {sorted(values)}")
        return "\n".join(lines) + "\n"

    def write(self, text=None, **changes):
        """Write the settings file; TEXT writes exactly that."""
        self.written = self.render(**changes) if text is None else text
        # At once: others read it meanwhile.
        with open(self.file + ".new", "w", encoding="utf-8") as out:
            out.write(self.written)
        if os.path.exists(self.file):
            st = os.stat(self.file)
            os.chown(self.file + ".new", st.st_uid, st.st_gid)
            os.chmod(self.file + ".new", st.st_mode & 0o7777)
        os.replace(self.file + ".new", self.file)

    def settings(self, **changes):
        """Have exactly the defaults with CHANGES in force."""
        if self.render(**changes) != self.written:
            self.write(**changes)
            if self.running():
                self.reload()

    # Life

    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, wait=True, env=None):
        since = self.mark()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.before, program("notify-milter"), "-c", self.file,
                 "-f"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.env, **(env or {})})
        if wait:
            self.wait_line(r"\bready on ", since, alive=True)
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """SIGUSR1; the log line with the result."""
        since = self.mark()
        self.signal(signal.SIGUSR1)
        return self.wait_line(r"reload", since, alive=True)

    def stop(self, timeout=LIMIT):
        """SIGTERM, and its exit status. libmilter looks every 5 s whether it
        is to end, or when somebody connects."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.answers()
            try:
                return self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        return self.process.wait(0)

    def end(self):
        """For good. NM_GENTLY=1: in its own way, so that what watches its
        memory can say what it has left."""
        if self.running() and os.environ.get("NM_GENTLY"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        self.kill()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        path = self.socket_path()
        if path and os.path.exists(path):
            os.unlink(path)

    def socket_path(self):
        found = re.search(r"(?m)^socket = (?:unix|local):(.*)$",
                          self.written or "")
        return found and found.group(1)

    def postfix_socket(self):
        """The socket as smtpd_milters wants it."""
        where = self.defaults["socket"]
        inet = re.fullmatch(r"inet6?:(\d+)@(.*)", where)
        return f"inet:{inet[2]}:{inet[1]}" if inet else where

    def address(self):
        """What a program connects to."""
        inet = re.search(r"(?m)^socket = inet6?:(\d+)@(.*)$", self.written or "")
        return (inet[2], int(inet[1])) if inet else self.socket_path()

    def answers(self):
        """Whether somebody accepts connections on the socket."""
        where = self.address()
        if where is None:
            return False
        with socket.socket(socket.AF_UNIX if isinstance(where, str)
                           else socket.AF_INET) as probe:
            try:
                probe.connect(where)
            except OSError:
                return False
        return True

    # Log

    def mark(self):
        """A place in the log; what is written later is since()."""
        try:
            return os.path.getsize(self.log)
        except FileNotFoundError:
            return 0

    def since(self, mark=0):
        """The lines after MARK, without `notify-milter[PID]: `."""
        try:
            with open(self.log, "rb") as log:
                log.seek(mark)
                text = log.read()
        except FileNotFoundError:
            return []
        lines = text[:text.rfind(b"\n") + 1].split(b"\n")[:-1]
        return [re.sub(r"^notify-milter\[\d+\]: ", "",
                       line.decode("utf-8", "backslashreplace"))
                for line in lines]

    def wait_line(self, pattern, since=0, timeout=LIMIT, alive=False):
        """The first line after SINCE that PATTERN is found in."""
        deadline = time.monotonic() + timeout
        while True:
            dead = alive and not self.running()
            for line in self.since(since):
                if re.search(pattern, line):
                    return line
            if dead or time.monotonic() > deadline:
                raise TimeoutError(
                    f"no line with {pattern!r}"
                    + (f", exit {self.process.poll()}" if dead else "")
                    + ":\n" + "\n".join(self.since(since)[-20:]))
            time.sleep(0.01)

    def summaries(self, since=0):
        """[(queue id, line)] of the summary lines after SINCE."""
        found = ((SUMMARY.match(line), line) for line in self.since(since))
        return [(match["qid"], line) for match, line in found if match]

    def summary(self, qid, since=0):
        """The fields of the one summary line of QID, and the line as `line`
        without its level."""
        line = self.wait_line(rf"^{LEVEL}{re.escape(qid)}: category=", since)
        line = re.sub(f"^{LEVEL}", "", line)
        return {**fields(line), "line": line}

    def dropped(self, qid, since=0):
        """{address: reason} of the lines on dropped recipients of QID. They
        are complete once the summary is there: ask for that first."""
        found = {}
        for line in self.since(since):
            match = re.match(rf"{re.escape(qid)}: to=<(.*)> status=dropped ",
                             line)
            if match:
                found[match.group(1)] = fields(line[match.end():])["reason"]
        return found

    def complaints(self, since=0):
        """Warnings and errors that are not the verdict on a message, and what
        a sanitizer has to say."""
        return [line for line in self.since(since)
                if re.match(r"(warning|error|fatal|panic): ", line)
                and not SUMMARY.match(line)
                or "Sanitizer" in line or "runtime error:" in line]
