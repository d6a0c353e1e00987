#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 60 s
"""Whatever fails, notify-bot logs it once, waits, and loses nothing."""
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import threading
import time
import urllib.request

from lib import botapi, rosterdb
from lib.roster import ANN, BALANCE, OLGA
from lib.tap import contains, lacks, same, true
from lib.telegram import Site, Station, case, local_copy, run, unprivileged
from lib.waiting import LIMIT

CHAT = 7001


def endless(api):
    """As after a fault of the API itself: it says that there is news, and
    there is none that makes sense."""
    return api.failing(botapi.text('{"ok":true,"result":[{"news":1}]}'),
                       method="getUpdates")


def rejected(api):
    @contextlib.contextmanager
    def other_token():
        api.token, kept = api.token[:-1] + "#", api.token
        yield
        api.token = kept
    return other_token()


def hooked(api):
    @contextlib.contextmanager
    def webhook():
        api.set_webhook()
        yield
        api.set_webhook(False)
    return webhook()


def polls(answer):
    return lambda api: api.failing(answer, method="getUpdates")


def AWAY(api):
    return api.away()


# kind: (makes it, what its log line must name)
TROUBLES = {
    "away": (AWAY, "onnect"),
    "second-poller": (polls(botapi.SECOND_POLLER), "getUpdates"),
    "webhook": (hooked, "webhook"),
    "token-rejected": (rejected, "token|Unauthorized"),
    "token-no-such-bot": (polls(botapi.NO_METHOD), "token|Not Found"),
    "internal-error": (polls(botapi.INTERNAL), "Internal"),
    "proxy-page": (polls(botapi.BAD_GATEWAY), "502"),
    "cut": (polls(botapi.CUT), "."),
    "empty": (polls(botapi.EMPTY), "."),
    "login-page": (polls(botapi.NOT_JSON), "."),
    "wrong-json": (polls(botapi.WRONG_JSON), "."),
    "no-list": (polls(botapi.text('{"ok":true,"result":{"a":1}}')), "."),
    "no-update": (endless, "."),
}
WINDOW = 2          # seconds: two tries, with 1 s between them, fall in it
STORIES = {}        # title: function of a Station
ENDED = {}          # title: what the function has raised, or None


def story(title):
    """A case that takes time: it gets a Station and runs at the same time as
    all other stories."""
    def register(function):
        STORIES[title] = function

        @case(title)
        def _(site):
            if not ENDED:
                tell_all(site)
            if ENDED[title] is not None:
                raise ENDED[title]
    return register


def tell_all(site):
    stations = {title: Station(site, str(i))
                for i, title in enumerate(STORIES)}
    for station in stations.values():
        station.api.person(CHAT)

    def tell(title):
        ENDED[title] = TimeoutError("the story does not end")
        try:
            STORIES[title](stations[title])
            ENDED[title] = None
        except Exception as why:    # of any kind; its case raises it
            ENDED[title] = why
    try:
        threads = [threading.Thread(target=tell, args=(title,), daemon=True)
                   for title in STORIES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * LIMIT)
    finally:
        for station in stations.values():
            station.stop()
    for station in stations.values():
        with open(station.bot.log, "rb") as log:
            if station.api.secret.encode() in log.read():
                site.leaked.append(station.bot.log)


def suffer(station, trouble, words):
    """The bot begins while TROUBLE is there, and it ends after two tries."""
    api, bot = station.api, station.bot
    began = time.monotonic()
    with trouble(api):
        bot.start()
        if trouble is AWAY:     # a try that nobody sees
            bot.wait_line("error: ")
            time.sleep(WINDOW)
        else:
            api.wait(lambda: api.asked("getUpdates")[1:], "a second try")
        lines = bot.troubles()
        after = bot.mark()
    api.say(CHAT, "/status")
    api.wait_text(CHAT)
    asked = [request.at for request in api.asked("getUpdates")]
    true(len(lines) == 1 and re.search(words, lines[0]),
         f"log: got {lines}, want one line with {words!r}")
    bot.wait_line("again", after)
    same(bot.troubles(after), [], "complaints after it has ended")
    # The pauses are 1 and 2 s.
    if trouble is not AWAY:
        true(0.9 < asked[1] - asked[0] < 10,
             f"first pause: got {asked[1] - asked[0]:.1f} s, want 1")
        began = asked[0]
    third = asked[0 if trouble is AWAY else 2] - began
    true(2.9 < third < 20, f"third try: got {third:.1f} s, want 3")
    # Nothing to do any more: it waits at the API.
    since = api.mark()
    time.sleep(0.5)
    true(len(api.asked("getUpdates", since)) <= 1, "it is at rest")
    true(bot.running(), "it runs")


def troubles():
    for name, (trouble, words) in TROUBLES.items():
        story(f"{name}: it says so once, waits longer and longer, goes on")(
            lambda station, t=trouble, w=words: suffer(station, t, w))


troubles()


@story("an API that never waits is not asked without a pause")
def _(station):
    with station.api.failing(botapi.document(200, ok=True, result=[]),
                             method="getUpdates"):
        station.bot.start()
        since = station.api.mark()
        time.sleep(1)
        asked = len(station.api.asked("getUpdates", since))
    true(asked <= 10, f"got {asked} requests in a second, want 10 at most")


@story("troubles that take turns are logged once each")
def _(station):
    # The pauses are 1 and 2 s: three in all, of two kinds.
    station.api.fail(botapi.INTERNAL, botapi.CUT, botapi.INTERNAL,
                     method="getUpdates")
    station.bot.start()
    station.api.wait(lambda: station.api.asked("getUpdates")[2:], "3 polls")
    station.bot.wait_line("again")
    same(len(station.bot.troubles()), 2, f"{station.bot.troubles()}")


@story("429 is waited for as long as it says")
def _(station):
    station.api.fail(botapi.too_many(3), method="getUpdates")
    station.bot.start()
    station.api.wait(lambda: station.api.asked("getUpdates")[1:], "2 polls")
    first, second = station.api.asked("getUpdates")[:2]
    true(2.9 < second.at - first.at < 6,
         f"asked again after {second.at - first.at:.1f} s, want 3")


@story("a second poller is told off by turns, and named in the log")
def _(station):
    api, bot = station.api, station.bot
    bot.start()
    api.wait(lambda: api.asked("getUpdates"), "the bot polls")
    ending = threading.Event()

    def poll():
        while not ending.is_set():
            request = urllib.request.Request(
                f"{api.url}/bot{api.token}/getUpdates",
                b'{"timeout":1}', {"Content-Type": "application/json"})
            with contextlib.suppress(OSError):
                urllib.request.urlopen(request, timeout=10).read()
    other = threading.Thread(target=poll)
    other.start()
    try:
        bot.wait_line("error: .*getUpdates")
        time.sleep(1.5)
        same(len(bot.troubles()), 1, "lines on it")
    finally:
        ending.set()
        other.join()
    api.say(CHAT, "/status")
    contains(api.wait_text(CHAT)[0], "not linked", "answer")


@story("an update that comes while the database is locked is handled after")
def _(station):
    api, bot = station.api, station.bot
    bot.start()
    api.say(CHAT, "/status")
    api.wait_text(CHAT)
    with station.store.written():
        api.say(CHAT, "/status")
        bot.wait_line("error: .*locked")
        same(len(api.texts(CHAT)), 1, "answers meanwhile")
    api.wait_text(CHAT, 2)
    api.wait(lambda: not api.updates, "it is confirmed")
    same((len(api.texts(CHAT)), len(bot.troubles())), (2, 1),
         "answers, complaints")


# Nothing lost, nothing twice

def crowd(site, count):
    """COUNT users with a chat and a token each: [(address, chat, token)]."""
    people = [f"p{i}@acme.example" for i in range(count)]
    site.ok("user", "add", "acme", *people)
    site.ok("subscribe", "acme", BALANCE, *people, as_=OLGA)
    tokens = {}

    def connect(address):
        tokens[address] = site.connect_token("acme", address)
    for address in people:
        connect(address)
    return [(address, site.api.person(8000 + i), tokens[address])
            for i, address in enumerate(people)]


@case("killed again and again, it handles every update once",
      expect="not sent")
def _(site):
    people = crowd(site, 24)
    for _, chat, token in people:
        site.api.say(chat, f"/start {token}")
    kills = 0
    while True:
        site.bot.start(wait=False)
        with contextlib.suppress(TimeoutError):
            before = len(site.api.sent)
            site.api.wait(
                lambda: len(site.api.sent) >= before + 1 + kills % 4
                or not site.api.updates, "answers", timeout=5)
        done = not site.api.updates
        time.sleep(kills % 6 * 0.004)   # not always at the same step
        site.bot.kill()
        kills += 1
        if done:
            break
        true(kills < 50, "it comes to an end")
    true(kills > 1, f"got {kills} kills")
    same(site.chats(), {("acme", a): chat for a, chat, _ in people}, "links")
    same(len([e for e in site.log() if e["action"] == "telegram-link"]), 24,
         "changes")
    for address, chat, _ in people:
        for text in site.api.texts(chat):
            contains(text, address, "answer")
        true(len(site.api.texts(chat)) <= 1, "one answer at most")


@case("after a restart it asks for what it has not handled")
def _(site):
    site.api.person(CHAT)
    site.bot.start()
    site.ask(CHAT, "/status")
    last = site.api.next_update
    site.bot.kill()
    number = site.api.say(CHAT, "/status")
    since = site.api.mark()
    site.bot.start()
    site.api.wait_text(CHAT, 2)
    first = site.api.asked("getUpdates", since)[0]
    same((first.params.get("offset"), number), (last, last), "offset")
    true(first.params["timeout"] >= 30, f"long polls: {first.params}")
    same(first.params["allowed_updates"], ["message"], "allowed_updates")
    site.api.wait(lambda: not site.api.updates, "it is confirmed")
    same(len(site.api.texts(CHAT)), 2, "answers")


@case("after six idle days it starts without an offset")
def _(site):
    site.api.person(CHAT)
    site.bot.start()
    site.ask(CHAT, "/status")
    site.bot.kill()
    for days, offset in ((5.9, True), (6.1, False)):
        site.sql("UPDATE state SET value = ? WHERE value > ?",
                 int(time.time() - days * 86400), 10**9)
        since = site.api.mark()
        site.bot.start()
        site.api.wait(lambda: site.api.asked("getUpdates", since), "a poll")
        first = site.api.asked("getUpdates", since)[0]
        same("offset" in first.params, offset, f"offset after {days} days")
        site.bot.kill()
    # The numbers start again.
    site.api.next_update = 1000
    site.bot.start()
    site.ask(CHAT, "/status")
    site.api.wait(lambda: not site.api.updates, "it is confirmed")
    same(len(site.api.texts(CHAT)), 2, "answers")


@case("without its database it creates no new one, and continues with the "
      "old one later",
      expect="database")
def _(site):
    rosterdb.file_only("a file that is away")
    site.api.person(CHAT)
    token = site.connect_token("acme", ANN)
    site.bot.start()
    site.ask(CHAT, "/status")
    folder = os.path.dirname(site.database)
    os.rename(folder, folder + ".away")
    os.mkdir(folder)
    shutil.chown(folder, "nobody")
    site.api.say(CHAT, f"/start {token}")
    site.bot.wait_line("error: .*database")
    same(os.listdir(folder), [], "files in its place")
    os.rmdir(folder)
    os.rename(folder + ".away", folder)
    contains(site.api.wait_text(CHAT, 2)[1], ANN, "answer")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


# Its life

def ends(bot, seconds):
    began = time.monotonic()
    same(bot.stop(10), 0, "exit status")
    took = time.monotonic() - began
    true(took < seconds, f"it ended after {took:.1f} s, want {seconds}")


@case("SIGTERM ends it within 2 s, waiting at the API or between two tries",
      expect="Internal")
def _(site):
    site.bot.start()
    site.api.wait(lambda: site.api.asked("getUpdates"), "it polls")
    ends(site.bot, 2)
    with site.api.failing(botapi.INTERNAL, method="getUpdates"):
        site.bot.start()
        site.api.wait(lambda: site.api.asked("getUpdates")[1:], "it polls")
        site.bot.wait_line("error: .*Internal")
        ends(site.bot, 2)


@case("SIGTERM ends it within 2 s while an answer is slow; nothing is lost",
      expect="not sent")
def _(site):
    site.api.person(CHAT)
    token = site.connect_token("acme", ANN)
    site.bot.start()
    site.api.fail(botapi.slow(20))
    site.api.say(CHAT, f"/start {token}")
    site.api.wait(site.api.asked, "it answers")
    ends(site.bot, 2)
    same(site.chats(), {("acme", ANN): CHAT}, "links")
    site.bot.start()
    contains(site.ask(CHAT, "/status"), ANN, "status")
    lacks("".join(site.api.texts(CHAT)), "not work", "answers")


@case("SIGTERM ends it within 2 s while the database is locked",
      expect="locked")
def _(site):
    site.api.person(CHAT)
    site.bot.start()
    site.ask(CHAT, "/status")
    with site.store.written():
        site.api.wait(lambda: site.api.asked("getUpdates")[-1].status is None,
                      "it polls again")
        since = site.api.mark()
        site.api.say(CHAT, "/status")
        time.sleep(0.3)         # it has the update, and waits for the lock
        same(site.api.asked("getUpdates", since), [], "more polls")
        ends(site.bot, 2)


@case("SIGUSR1 takes a new token from the file, without a restart",
      expect="Unauthorized|Conflict")
def _(site):
    site.api.person(CHAT)
    site.bot.start()
    site.ask(CHAT, "/status")
    site.api.token = "1:" + site.api.secret     # revoked, and a new one made
    site.write_token()
    since = site.api.mark()
    site.bot.reload()
    contains(site.ask(CHAT, "/status"), "not linked", "answer")
    same([r.status for r in site.api.asked("sendMessage", since)], [200],
         "statuses")


# A poll that is given up for a reload may still be open at the API when the
# next one comes; that one is then refused, and tried again.
AGAIN = "terminated by other"


@case("SIGUSR1 with bad settings is logged, and the old ones stay",
      expect=f"reload|{AGAIN}")
def _(site):
    site.api.person(CHAT)
    site.bot.start()
    site.settings(site.conf.render() + "[nonsense]\na = b\n")
    contains(site.bot.reload(), "nonsense", "line")
    contains(site.ask(CHAT, "/status"), "not linked", "answer")


@case("started as root it runs as the user that the settings name")
def _(site):
    site.api.person(CHAT)
    site.bot.start(root=True)
    with open(f"/proc/{site.bot.process.pid}/status") as file:
        status = file.read()
    uid = pwd.getpwnam("nobody").pw_uid
    same(re.search(r"Uid:(.*)", status)[1].split(), [str(uid)] * 4, "uids")
    same(re.search(r"Groups:(.*)", status)[1].split() in ([], [str(
        pwd.getpwnam("nobody").pw_gid)]), True, "no more groups")
    contains(site.ask(CHAT, "/status"), "not linked", "answer")


def program(site, name, *args):
    return subprocess.run([local_copy(site.folder, name), *args], text=True,
                          capture_output=True, timeout=20,
                          stdin=subprocess.DEVNULL, **unprivileged())


@case("-n checks settings and token file and asks nobody; -V prints the "
      "version")
def _(site):
    for name in ("notify-bot", "notify-telegram"):
        since = site.api.mark()
        done = program(site, name, "-c", site.conf.file, "-n")
        same(done.returncode, 0, f"exit of {done}")
        done = program(site, name, "-V")
        same(done.returncode, 0, f"exit of {done}")
        true(re.fullmatch(rf"{name} \d\S*\n", done.stdout), done.stdout)
        same(site.api.mark(), since, "requests")


@case("-n finds the errors that a start as root would have")
def _(site):
    site.settings(user=None)
    for args in (["-n"], ["-f"]):
        done = subprocess.run(
            [local_copy(site.folder, "notify-bot"), "-c", site.conf.file,
             *args], capture_output=True, text=True, timeout=20)
        same(done.returncode, 78, f"exit with {args}: {done}")
        contains(done.stderr, "user = ", "standard error")


@case("an extra argument is named")
def _(site):
    done = program(site, "notify-bot", "-c", site.conf.file, "more")
    same(done.returncode, 64, f"exit of {done}")
    contains(done.stderr, '"more"', "standard error")


@case("where standard error is closed, what it logs goes into no file of its")
def _(site):
    def close():
        for number in range(3):
            os.close(number)
    process = subprocess.Popen(
        [local_copy(site.folder, "notify-bot"), "-c", site.conf.file, "-f"],
        preexec_fn=close, **unprivileged())
    try:
        site.api.wait(lambda: site.api.asked("getUpdates"), "it polls")
        where = f"/proc/{process.pid}"
        same([os.readlink(f"{where}/fd/{number}") for number in range(3)],
             ["/dev/null"] * 3, "descriptors")
        # SQLite too puts it there, but to read from. Nothing is read from ours.
        for number in range(3):
            with open(f"{where}/fdinfo/{number}") as info:
                flags = int(re.search(r"flags:\s*(\d+)", info.read())[1], 8)
            same(flags & os.O_ACCMODE, os.O_WRONLY, f"mode of {number}")
    finally:
        process.terminate()
        process.wait()


@case("a token file that is missing, empty, malformed or not set stops the "
      "start")
def _(site):
    secret = site.api.token
    for content in (None, "", "\n", "two words", secret + "\n" + secret,
                    secret + "/x", "x" * 5000, secret[:-1] + "\u00fc"):
        os.unlink(site.token_file)
        if content is not None:
            site.write_token(content)
        for args in (["-n"], ["-f"]):
            done = program(site, "notify-bot", "-c", site.conf.file, *args)
            same(done.returncode, 78, f"exit with {content!r}: {done}")
            contains(done.stderr, site.token_file, "standard error")
            lacks(done.stderr + done.stdout, site.api.secret, "output")
        if content is None:
            site.write_token("x")
    site.settings(token_file=None)
    done = program(site, "notify-bot", "-c", site.conf.file, "-f")
    same(done.returncode, 78, f"exit of {done}")
    contains(done.stderr, "token_file", "standard error")


run(Site)
