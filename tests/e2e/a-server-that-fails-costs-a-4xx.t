#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# not with sanitizer: it is about time
# not with postgresql: it starts servers of its own
# takes: 30 s
"""A connection that is cut in the middle of an answer, a server that is
restarted, and one whose place another takes: each costs some messages a 4xx, and
nobody gets what is not theirs. What opens the server is shown nowhere."""
import os
import signal
import threading
import time

from lib import lab, postgresql, rosterdb
from lib.lab import case
from lib.mta import Closed, Mta, tagged
from lib.pgproxy import Proxy
from lib.roster import BALANCE, BILL, OLGA, SUE, entitled
from lib.tap import contains, same, true

# Its own servers: they are killed.
PRIMARY = postgresql.Server().start()
STANDBY = postgresql.Server(primary=PRIMARY)
rosterdb.use_postgresql(PRIMARY)

RCPTS = [f"<{BILL}>", "<acme@accounts.example>"]
WANT = sorted(entitled(BALANCE, "acme"))
CLIENTS = 4
PASSWORDS = ("s3cret-1", "s3cret/2@x")      # the right one, and one with more


class Lab(lab.Lab):
    def _start(self):
        STANDBY.start()
        super()._start()
        STANDBY.catch_up()
        self.proxy = Proxy(PRIMARY.folder).start()

    def url(self, hosts, more=""):
        """The roster at HOSTS, directories of sockets."""
        return self.store.url.replace(PRIMARY.folder, hosts) + more

    def by_proxy(self, proxy):
        return self.store.url.replace(
            "@/", f"@127.0.0.1:{proxy.port}/").replace(
                f"host={PRIMARY.folder}&", "")

    def message(self):
        with Mta(self.milter) as mta:
            return mta.message(RCPTS, tagged(BALANCE))

    def right(self):
        """Whether it was decided; if so as it should be."""
        answer = self.message()
        if answer.verdict == "tempfail":
            same((answer.code[:3], answer.changes()),
                 ("451", ([], [], [], None)), str(answer))
            return False
        same((answer.verdict, answer.to(RCPTS)), ("continue", WANT),
             str(answer))
        return True

    def under_load(self, trouble):
        """The answers during TROUBLE()."""
        over, told, wrong = threading.Event(), [], []

        def client():
            while not over.is_set():
                try:
                    told.append(self.right())
                except Closed:
                    wrong.append("hung up")
                except Exception as why:    # pylint: disable=broad-except
                    wrong.append(str(why))
        clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for one in clients:
            one.start()
        try:
            self.until(lambda: len(told) > CLIENTS, "some are answered")
            trouble()
            seen = len(told)
            self.until(lambda: sum(told[seen:]) > CLIENTS,
                       "they are decided again")
        finally:
            over.set()
            for one in clients:
                one.join(30)
        same(wrong, [], "what is neither right nor deferred")
        return told


@case("a connection is cut anywhere in an answer")
def _(lab_):
    lab_.milter.settings(url=lab_.by_proxy(lab_.proxy))
    cut = 0
    while True:
        true(lab_.right(), f"decided again after a cut at {cut}")
        lab_.proxy.allow(cut)
        decided = lab_.right()
        lab_.proxy.allow(None)
        if decided:
            break
        cut += 23
    true(cut > 500, f"the whole answer has more than {cut} bytes")


@case("one message is one round trip, to the primary and to a standby")
def _(lab_):
    standby = Proxy(STANDBY.folder).start()
    for proxy, changes in ((lab_.proxy, {"url": lab_.by_proxy(lab_.proxy)}),
                           (standby, {"read_url": lab_.by_proxy(standby)})):
        lab_.milter.settings(**changes)
        STANDBY.catch_up()
        true(lab_.right(), "connected")
        for _ in range(3):
            proxy.count()
            true(lab_.right(), "decided")
            same(proxy.waits, 1, "round trips")
        proxy.waits = None
    standby.stop()


@case("a server that is restarted, stopped or killed under load costs some "
      "messages a 4xx, and nothing else")
def _(lab_):
    def restart():
        for number in (signal.SIGINT, signal.SIGQUIT, None):
            if number is None:
                PRIMARY.crash()
            else:
                PRIMARY.end(number)
            time.sleep(0.3)
            PRIMARY.launch()
            time.sleep(0.3)
    told = lab_.under_load(restart)
    true(False in told, "some were deferred")
    true(lab_.milter.running(), "the milter runs")


@case("connections that the server ends again and again cost a 4xx at most")
def _(lab_):
    def end():
        for _ in range(20):
            PRIMARY.sql("SELECT pg_terminate_backend(pid) FROM"
                        " pg_stat_activity WHERE application_name ="
                        " 'notify-milter'")
            time.sleep(0.02)
    lab_.under_load(end)


def scram(lab_):
    """A role that has to say its password."""
    with open(os.path.join(PRIMARY.data, "pg_hba.conf")) as file:
        text = file.read()
    with open(os.path.join(PRIMARY.data, "pg_hba.conf"), "w") as file:
        file.write("local all locked scram-sha-256\n" + text)
    PRIMARY.sql("SELECT pg_reload_conf()")
    PRIMARY.sql(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORDS[0]}'")
    PRIMARY.sql(f"GRANT {postgresql.OWNER} TO locked")
    return lab_.store.url.replace(f"{postgresql.OWNER}@", "{}@")


@case("a password is in no log, no message and no argument list")
def _(lab_):
    url = scram(lab_)
    passfile = os.path.join(lab_.folder, "passfile")
    with open(passfile, "w") as file:
        file.write(f"*:*:*:locked:{PASSWORDS[0]}\n")
    lab_.own(passfile)
    os.chmod(passfile, 0o600)
    since = lab_.milter.mark()
    said = ""
    quoted = PASSWORDS[1].replace("/", "%2F").replace("@", "%40")
    for full, works in (
            (url.format(f"locked:{PASSWORDS[0]}"), True),
            (url.format("locked") + f"&password={PASSWORDS[0]}", True),
            (url.format("locked") + f"&passfile={passfile}", True),
            (url.format(f"locked:{quoted}"), False),
            (url.format("locked") + f"&password={quoted}", False),
            (url.format(f"locked:{PASSWORDS[0]}").replace(
                PRIMARY.folder, "/nowhere"), False),
            (url.format(f"locked:{PASSWORDS[1]}"), None)):
        lab_.milter.write(url=full)
        if works is None:       # what no reload takes
            lab_.milter.signal(signal.SIGUSR1)
            lab_.milter.wait_line("reload: ", since)
        else:
            lab_.milter.reload()
            same(lab_.right(), works, "decided")
            with open(f"/proc/{lab_.milter.process.pid}/cmdline") as file:
                said += file.read()
        for words in (("list", "acme"), ("check",), ("--json", "check"),
                      ("explain", "--recipient", BILL), ("init",)):
            done = lab_.notifyctl(*words, check=False,
                                  input="X-Notify-Category: services\n\n")
            said += done.stdout + done.stderr
            if words[0] == "list":
                same(done.returncode == 0, bool(works), f"list: {done}")
    said += "\n".join(lab_.milter.since(since))
    with open(PRIMARY.log, errors="replace") as file:
        said += file.read()
    for word in (*PASSWORDS, quoted, "s3cret"):
        true(word not in said, f"{word!r} in: {said}")
    contains(said, "locked", "what was said")


@case("of several hosts the next is asked, and the promoted one is changed")
def _(lab_):
    hosts = f"{PRIMARY.folder},{STANDBY.folder}"
    lab_.milter.settings(url=lab_.url(hosts), max_lag="1h")
    true(lab_.right(), "decided")
    change = ("unsubscribe", "acme", BALANCE, SUE, "--confirm", SUE)

    def fail_over():
        PRIMARY.crash()
        lab_.until(lab_.right, "by the standby, which is not too old")
        done = lab_.notifyctl(*change, as_=OLGA, check=False)
        true(done.returncode in (74, 75), f"a change without a primary: {done}")
        STANDBY.promote()
    try:
        lab_.under_load(fail_over)
        lab_.notifyctl(*change, as_=OLGA)
        same(lab_.message().to(RCPTS), sorted(set(WANT) - {SUE}), "to")
    finally:
        PRIMARY.launch()


lab.run(allow="database|reload", lab=Lab, postfix=False)
