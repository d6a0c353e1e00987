# SPDX-License-Identifier: BSD-2-Clause
"""telegram - notify-telegram and notify-bot under test, with a stand-in API.

    @case("a sentence")     a case with a fresh roster, without Postfix:
    def _(site): ...        site is a ctl.Ctl with .api, .bot and .agent()
    run(Site)               run the file's cases

    run(ChatLab)            the cases get a lab.Lab whose Postfix delivers to
                            notify-telegram, with .api and .bot

A last case looks for the bot's token where it must not appear: in any file of
the directory but its own, and in the argument lists of all processes at each
request to the API.
"""
import contextlib
import email.utils
import functools
import glob
import os
import pwd
import re
import shutil
import subprocess
import sys
import time

from lib import TREE, ctl, lab, milter, postfix, rosterdb, stamps, tap
from lib.botapi import BotAPI
from lib.milter import Milter, program
from lib.roster import BALANCE
from lib.smtp import marker, message
from lib.waiting import LIMIT, until

__all__ = ["Bot", "ChatLab", "Site", "Station", "case", "expired", "mail",
           "marker", "run"]

NAME = "acme_notify_bot"
DOMAIN = "telegram.invalid"
USER = "nobody"
SAMPLE = os.path.join(TREE, "postfix-sample")
AGENTS = "notify-telegram.agents"   # the file of the runs there are
AGENTS_SIZE = 4096 + 256 * 64       # of that of them which says what they do


def unprivileged():
    """The options that make a subprocess one of USER."""
    entry = pwd.getpwnam(USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def mail(mark=None, category=BALANCE, account="acme", arrived=None,
         headers=(), **parts):
    """A message as pipe(8) hands it over; ARRIVED is when, 0 leaves the
    Received header out."""
    data = message(mark or marker(), category, account, headers, **parts)
    if arrived == 0:
        return data
    return (f"Received: from client.example (localhost [127.0.0.1])\n"
            f"\tby relay.example (Postfix) with ESMTP id 4X; "
            f"{email.utils.formatdate(arrived, localtime=True)}\n"
            ).encode() + data


def local_copy(folder, name):
    """The path of a copy of the program NAME that USER can run: other users may
    have no right to enter the build directory."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        # By another process: what a thread has open for writing, a program
        # that another one starts has too, and so the copy cannot be run.
        subprocess.run(["cp", program(name), path], check=True)
    return path


def command_lines():
    """(path, argument list) of every process there is."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            yield path, file.read()


class Bot(Milter):
    """One notify-bot; its settings are those of CONF, a Milter."""

    def __init__(self, folder, conf):
        super().__init__(folder)
        self.folder, self.conf = folder, conf
        self.log = os.path.join(folder, "notify-bot.log")

    def start(self, wait=True, root=False, env=None):
        since = self.mark()
        path = local_copy(self.folder, "notify-bot")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [path, "-c", self.conf.file, "-f"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd="/",
                env={**os.environ, **(env or {})},
                **({} if root else unprivileged()))
        if wait:
            self.wait_line(r"\bready\b", since, alive=True)
        return self

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def since(self, mark=0):
        return [re.sub(r"^notify-bot\[\d+\]: ", "", line)
                for line in super().since(mark)]

    def troubles(self, mark=0):
        """Its warnings and errors after MARK."""
        return [line for line in self.since(mark)
                if re.match(r"(warning|error): ", line)]


class Delivery:
    """The result of one run of notify-telegram."""

    def __init__(self, code, err, seconds=0.0):
        self.code, self.err, self.seconds = code, err, seconds
        # The chat's address without its check.
        self.lines = re.findall(r"\S+: to=<.* outcome=.*", stamps.bare(err))

    def __repr__(self):
        return f"notify-telegram: exit {self.code}, stderr {self.err!r}"

    @property
    def outcomes(self):
        return [milter.fields(line)["outcome"] for line in self.lines]

    def must(self, code, *outcomes):
        """It ended with CODE, and logged OUTCOMES, in this order."""
        tap.same((self.code, self.outcomes), (code, list(outcomes)),
                 f"exit and outcomes of {self}")
        return self

    @property
    def fields(self):
        """The fields of the last line."""
        return milter.fields(self.lines[-1])


class _Chats:
    """What Site and ChatLab have in common: sql() and conf are theirs."""

    def set_up(self, folder, conf):
        """Add to CONF what the Telegram programs need."""
        self.leaked = getattr(self, "leaked", [])   # where the token stood
        self.api = BotAPI().start()
        self.secret = self.api.secret.encode()
        self.api.on_request = self._look
        self.token_file = os.path.join(folder, "token")
        self.write_token()
        conf.defaults.update(bot=NAME, token_file=self.token_file,
                             api=self.api.url, user=USER)
        self.bot = Bot(folder, conf)

    def tear_down(self):
        if getattr(self, "api", None) is not None:
            self.leaked += self.leaks()
        for part, end in (("bot", "end"), ("api", "stop")):
            if getattr(self, part, None) is not None:
                getattr(getattr(self, part), end)()
                setattr(self, part, None)

    def write_token(self, token=None):
        with open(self.token_file, "w") as out:
            out.write((self.api.token if token is None else token) + "\n")
        shutil.chown(self.token_file, USER)
        os.chmod(self.token_file, 0o400)

    def _look(self):
        """Keep the argument list of any process that has the token in it."""
        self.leaked += [words for _, words in command_lines()
                        if self.secret in words]

    def leaks(self):
        """The files in the directory that have the token in them."""
        found = []
        for where, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(where, name)
                if path == self.token_file or not os.path.isfile(path):
                    continue
                with contextlib.suppress(FileNotFoundError), \
                        open(path, "rb") as file:
                    if self.secret in file.read():
                        found.append(os.path.relpath(path, self.folder))
        return found

    # Links

    def link_to(self, account, address, chat):
        """Link a user to CHAT, which can be written to; the mirror's
        address."""
        if chat not in self.api.chats:
            (self.api.person if chat > 0 else self.api.group)(chat)
        self.run_sql("INSERT INTO link(user, chat) SELECT u.id, ? FROM user u"
                     " JOIN account a ON a.id = u.account"
                     " WHERE a.name = ? AND u.address = ?",
                     chat, account, address)
        (number,), = self.run_sql(
            "SELECT l.id FROM link l JOIN user u ON u.id = l.user"
            " JOIN account a ON a.id = u.account"
            " WHERE a.name = ? AND u.address = ?", account, address)
        return f"{number}@{DOMAIN}"

    def chats(self):
        """{(account, address): chat} as linked now."""
        return {(account, address): chat for account, address, chat
                in self.run_sql(
                    "SELECT a.name, u.address, l.chat FROM link l JOIN user u"
                    " ON u.id = l.user JOIN account a ON a.id = u.account")}

    def ask(self, chat, text, **more):
        """Write TEXT to the bot; its answer."""
        before = len(self.api.texts(chat))
        self.api.say(chat, text, **more)
        return self.api.wait_text(chat, before + 1)[before]

    def connected(self, account, address, *args):
        """The output of connect, as text."""
        return self.run_ctl("telegram", "connect", account, *args,
                            as_=address)

    def connect_token(self, account, address):
        """The token in the link that the user is given."""
        return re.search(r"[?]start=(\S+)", self.connected(account, address))[1]


class Site(_Chats, ctl.Ctl):
    """A database, settings, sendmail(1) and the API, without Postfix."""

    paced = False       # does a run know when the last one sent?

    def __init__(self):
        super().__init__()
        self.set_up(self.folder, self.conf)
        self.settings()

    @classmethod
    def ready(cls):
        return cls()

    def stop(self):
        self.tear_down()
        super().stop()

    def forget_pace(self):
        """When each chat got a message is at the end of the file."""
        path = os.path.join(os.path.dirname(self.database), AGENTS)
        with contextlib.suppress(OSError):
            if os.path.getsize(path) > AGENTS_SIZE:
                os.truncate(path, AGENTS_SIZE)

    def reset(self, name="roster"):
        """Everything as at the beginning."""
        self.tear_down()
        self.paced = False
        super().reset(name)
        self.set_up(self.folder, self.conf)
        self.settings()
        for path in (os.path.dirname(self.database), self.database,
                     self.mailbox):
            if path != self.database or os.path.exists(path):
                shutil.chown(path, USER, pwd.getpwnam(USER).pw_gid)

    def run_sql(self, text, *values):
        return self.sql(text, *values)

    def run_ctl(self, *args, **options):
        return self.ok(*args, **options).out

    def agent(self, recipient, data=None, qid="4XQueueId", **options):
        """Run notify-telegram to its end, as pipe(8) would; a Delivery. The
        address of a chat gets the check for this mail."""
        return self.agent_end(self.agent_start(recipient, data, qid,
                                               **options))

    def agent_start(self, recipient, data=None, qid="4XQueueId", args=None,
                    conf=None, env=None, **options):
        data = mail() if data is None else data
        recipient = self.keyed(recipient, data)
        if not self.paced:
            self.forget_pace()
        path = self.path("message", data)
        with open(path, "rb") as file:
            os.unlink(path)     # the next one gets a file of its own
            process = subprocess.Popen(
                [local_copy(self.folder, "notify-telegram"),
                 *(args if args is not None else
                   ["-c", (conf or self.conf).file, "-f", qid, recipient])],
                stdin=file, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd="/", env={**os.environ, **(env or {})}, **unprivileged(),
                **options)
        process.began = time.monotonic()
        self.running.add(process)
        return process

    def keyed(self, recipient, data):
        # A case may have broken the database, and must not find a new one.
        with contextlib.suppress(Exception):
            if rosterdb.remote():   # and may have locked it
                with self.store.transaction(
                        "SET LOCAL lock_timeout = '1s'") as sql:
                    return stamps.keyed(sql, recipient, data)
            if os.path.exists(self.database):
                return stamps.keyed(self.sql, recipient, data)
        return recipient

    def agent_end(self, process, timeout=60):
        out, _ = process.communicate(timeout=timeout)
        self.running.discard(process)
        if self.secret in out:
            self.leaked.append(out)
        return Delivery(process.returncode, out.decode("utf-8", "replace"),
                        time.monotonic() - process.began)


class Station:
    """A database, settings, an API and a bot in a directory of their own below
    SITE's, for what happens at the same time as something else."""

    def __init__(self, site, name):
        self.folder = os.path.join(site.folder, "station-" + name)
        os.mkdir(self.folder)
        folder = os.path.join(self.folder, "db")
        os.mkdir(folder)
        self.store = rosterdb.place(folder)
        self.store.restore(site.templates["roster"])
        self.database = self.store.path     # as far as it is a file
        self.api = BotAPI().start()
        token = os.path.join(self.folder, "token")
        with open(token, "w") as out:
            out.write(self.api.token)
        self.conf = Milter(
            self.folder, url=self.store.url, token_file=token, bot=NAME,
            api=self.api.url, user=USER,
            socket=f"unix:{self.folder}/milter.sock")
        self.conf.beside = folder
        self.conf.write()
        for path in (self.folder, folder, *glob.glob(self.database), token):
            shutil.chown(path, USER, pwd.getpwnam(USER).pw_gid)
        self.bot = Bot(self.folder, self.conf)

    def stop(self):
        self.bot.end()
        self.api.stop()
        self.store.end()


# notify-telegram as master(8) starts it; a copy of its output is kept.
AGENT = """\
#!/bin/sh
out=$(mktemp FOLDER/agent/run.XXXXXXXX) || exit 75
FOLDER/notify-telegram -f "$@" >"$out" 2>&1
code=$?
cat "$out"
{ echo "exit $code $3 $4"; cat "$out"; echo; } >>FOLDER/agent/log
rm "$out"
exit $code
"""

# sendmail(1) for USER: Postfix's own refuses a private instance to anybody but
# root.
SENDMAIL = """\
#!/usr/bin/env python3
import os, smtplib, sys
if os.path.exists("FOLDER/refuse-mail"):
    sys.exit(75)
words = sys.argv[1:]
assert words[0] == "-i" and words[-2] == "--", words
sender = words[words.index("-f") + 1].strip("<>")
with open("FOLDER/smtp-port") as file:
    port = int(file.read())
with smtplib.SMTP("127.0.0.1", port) as server:
    server.sendmail(sender, words[-1:], sys.stdin.buffer.read(),
                    [] if words[-1].isascii() else ["SMTPUTF8"])
"""


class _Postfix(postfix.Postfix):
    """With the service and the settings that the sample files have for it."""

    def settings(self):
        with open(os.path.join(SAMPLE, "main.cf")) as file:
            sample = re.findall(
                r"(?m)^(transport_maps|notify-telegram_\w+) *= *(.*)$",
                file.read())
        # A second between two messages to one chat would only take time.
        return {**super().settings(), **dict(sample),
                "notify-telegram_destination_rate_delay": "0s", **self.main}

    def write_settings(self):
        super().write_settings()
        with open(os.path.join(SAMPLE, "master.cf")) as file:
            service = re.search(r"(?m)^notify-telegram\s.*\n(?:[ \t].*\n)*",
                                file.read())[0]
        folder = os.path.dirname(self.folder)
        service, found = re.subn(
            r"argv=\S*/notify-telegram\s+-c\s+\S+",
            f"argv={folder}/agent/run -c {folder}/notify-milter.conf", service)
        service, more = re.subn(r"user=\S+", f"user={USER}", service)
        if (found, more) != (1, 1):
            raise RuntimeError(f"cannot use the sample: {service}")
        path = os.path.join(self.config, "master.cf")
        with open(path, "a") as out:
            out.write(service)
        past = time.time() - 60
        os.utime(path, (past, past))


class ChatLab(_Chats, lab.Lab):
    """A Lab whose mirror goes to notify-telegram, and on to the API."""

    mta = _Postfix

    @classmethod
    def ready(cls, **options):
        return cls(**options).start()

    def _start(self):
        super()._start()
        agent = os.path.join(self.folder, "agent")
        os.mkdir(agent)
        self.own(agent)
        self.script("agent/run", AGENT)
        local_copy(self.folder, "notify-telegram")
        with open(os.path.join(self.folder, "smtp-port"), "w") as out:
            out.write(str(self.postfix.addresses["smtp"][1]))
        self.set_up(self.folder, self.milter)
        self.milter.settings()

    def script(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as out:
            out.write(text.replace("FOLDER", self.folder))
        os.chmod(path, 0o755)
        return path

    def _sendmail_script(self):
        return self.script("sendmail", SENDMAIL)

    def stop(self):
        self.tear_down()
        super().stop()

    def fresh(self):
        """The settings, links, chats and queue that a case begins with."""
        if self.postfix.files(*self.postfix.queues):
            self.postfix.tool("postsuper", "-d", "ALL")
            self.postfix.settle()
        # What a run in progress notes of its message would hold up the next.
        self.until(lambda: not self.agents(), "notify-telegram has ended")
        self.bot.kill()
        self.sql("DELETE FROM link", "DELETE FROM waiting",
                 "DELETE FROM state", "DELETE FROM token")
        self.tear_down()
        self.set_up(self.folder, self.milter)
        self.milter.settings()

    def run_sql(self, text, *values):
        return self.sql((text, values))

    def run_ctl(self, *args, **options):
        return self.notifyctl(*args, **options).stdout

    def tell(self, rcpts, category=BALANCE, account="acme", submit=None,
             **options):
        """Send a message whose subject has its mark; a Result."""
        mark = marker()
        options.setdefault("subject", f"Notice {mark}")
        return (submit or self.send)(rcpts, category, account, mark=mark,
                                     **options)

    def told(self, result, chats, timeout=LIMIT):
        """Wait until CHATS have got the message, each once, and nothing of it
        waits any more."""
        self.api.wait(
            lambda: len(self.api.chats_of(result.mark)) >= len(chats),
            f"{len(chats)} chats told", timeout)
        self.postfix.settle()
        tap.same(sorted(self.api.chats_of(result.mark)), sorted(chats),
                 "chats told")

    def deliveries(self, result):
        """The Deliveries of the message so far, oldest first."""
        try:
            with open(os.path.join(self.folder, "agent", "log"),
                      errors="replace") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        found = re.findall(r"(?ms)^exit (\d+) (\S+) \S+\n(.*?)\n\n", text)
        return [Delivery(int(code), err + "\n") for code, qid, err in found
                if qid == result.qid]

    def deferred(self, result):
        """Wait until the mirror of the message waits in the queue; the reason
        that mailq gives."""
        def reasons():
            return [r.get("delay_reason", "") for e in self.postfix.listing()
                    if e["queue_id"] == result.qid
                    and e["queue_name"] == "deferred"
                    for r in e["recipients"]]
        return self.until(reasons, f"{result.qid} is deferred")

    def agents(self):
        """The process ids of the lab's notify-telegram that run now."""
        return [int(path.split("/")[2]) for path, words in command_lines()
                if f"{self.folder}/notify-telegram".encode() in words]

    def flushed(self):
        """Flush the queue until it is empty."""
        def empty():
            self.postfix.tool("postqueue", "-f")
            return not self.postfix.files(*self.postfix.queues)
        until(empty, lambda: f"the queue is empty, not "
              f"{self.postfix.listing()}", pause=0.1)


def expired(site):
    """Let all connect tokens be a second too old."""
    site.run_sql("UPDATE token SET expires = ?", int(time.time()) - 1)


def case(title, expect=None):
    """Register a case that begins with everything as at the start. EXPECT is
    a pattern of the bot's warnings and errors that the case provokes."""
    def register(function):
        @functools.wraps(function)
        def fresh(site):
            if isinstance(site, Site):
                site.reset()
            else:
                site.fresh()
            since = site.bot.mark()
            function(site)
            tap.same([line for line in site.bot.troubles(since)
                      if not (expect and re.search(expect, line))], [],
                     "what the bot complains of")
        return tap.case(title)(fresh)
    return register


def run(kind, **options):
    """Run the file's cases with a Site or a ChatLab made from OPTIONS."""
    sys.stdout.reconfigure(errors="backslashreplace")

    @tap.case("the bot's token is in no file but its own, no argument list")
    def _(site):
        site.tear_down()
        tap.same(site.leaked, [], "files and argument lists with the token")

    @tap.case("nothing that a sanitizer watches for has happened")
    def _(site):
        if isinstance(site, ChatLab):
            site.milter.end()
        done = subprocess.run(
            ["grep", "-raE", "(Address|Leak|UndefinedBehavior)Sanitizer"
             "|runtime error:", site.folder], capture_output=True, text=True)
        tap.same(done.stdout, "", "what a sanitizer says")

    tap.run(setup=lambda: kind.ready(**options), teardown=kind.stop)
