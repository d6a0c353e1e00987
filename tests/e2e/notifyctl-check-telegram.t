#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl check: faults of the route to the chats, and their fixes."""
import os
import shutil
import subprocess
import time

from lib.botapi import BAD_GATEWAY, BotAPI, CUT, HTML, NOT_JSON, NO_METHOD, \
    UNAUTHORIZED, document, error, text, too_many
from lib.ctl import MIRROR, NOBODY
from lib.installation import TOKEN, case, chown, program, run
from lib.roster import OLGA
from lib.tap import contains, lacks, same

KEY = "notify-telegram/unix"
MASTER = (f"{KEY} = notify-telegram unix - n n - 100 pipe -o soft_bounce=yes"
          f" user={NOBODY} argv=PROGRAM -c FILE ${{queue_id}} ${{recipient}}")


def entry(s, old="", new=""):
    """The entry in master.cf, with OLD changed to NEW."""
    text = MASTER.replace("PROGRAM", f"{s.programs}/notify-telegram")
    text = text.replace("FILE", s.ctl.conf.file)
    contains(text, old, "the entry")
    s.edit("-M", text.replace(old, new, 1))


@case("without a bot and links Telegram is not checked")
def _(s):
    s.main(transport_maps="")
    s.edit("-MX", KEY)
    s.sound()
    s.ctl.link("acme", OLGA)
    s.has("error", MIRROR)


@case("a token that is missing or malformed is found")
def _(s):
    s.telegram(token_file=None)
    s.fault("error", "token_file is not set")
    s.telegram(token_file=s.ctl.path("nosuch"))
    s.fault("error", "token_file", "No such file")
    s.telegram()
    for text in ("", "\n", "not a token\n", f"{TOKEN}\n{TOKEN}\n", "abc\n",
                 "1:\0\n"):
        s.ctl.path("token", text)
        s.fault("error", "has no token")


@case("a token that others can read, or the milter cannot, is found, and the "
      "fix works")
def _(s):
    s.telegram()
    for mode, user in ((0o644, NOBODY), (0o604, NOBODY), (0o620, NOBODY),
                       (0o660, NOBODY)):
        chown(s.token, mode, user)
        s.fixed("error", s.token, "open to users other than")
    chown(s.token, 0o600, "root")
    s.fixed("error", NOBODY, s.token)
    chown(s.token, 0o640, "root", "nogroup")
    s.sound()


def asked(s, api, **changes):
    """Telegram in use, with API in its place."""
    shutil.copy(program("notify-bot"), s.programs)
    s.ctl.path("token", api.token + "\n")
    chown(s.token, 0o600)
    s.telegram(**{"api": api.url, "bot": "acme_notify_bot", **changes})


def forget(s):
    os.unlink(os.path.join(s.programs, "notify-bot"))


@case("Telegram is asked whose the token is: what it refuses is an error, what "
      "cannot be asked a warning, each in one line without the token")
def _(s):
    api = BotAPI().start()
    try:
        asked(s, api)
        s.sound()
        asked(s, api, bot="ACME_Notify_Bot")
        s.sound()
        secret = api.token.split(":")[1]
        shows = f"no {api.url}/bot{api.token}/getMe " * 9
        for answer, severity, words in (
                (UNAUTHORIZED, "error", "Telegram refuses the token: Unauth"),
                (NO_METHOD, "warning", "could not be asked: Not Found"),
                (error(401, shows), "error", "Telegram refuses the token: no "),
                (error(400, "x" * 230 + shows), "warning", "could not be asked"),
                (BAD_GATEWAY, "warning", "HTTP status 502"),
                (text(HTML.format("404 Not Found"), 404, "text/html"),
                 "warning", "HTTP status 404 without a Bot API answer"),
                (NOT_JSON, "warning", "without a Bot API answer"),
                (too_many(5), "warning", "Too Many Requests"),
                (document(200, ok=True, result={}), "warning", "without a name"),
                (CUT, "warning", api.url)):
            with api.failing(answer, method="getMe"):
                finding = s.fault(severity, words)
                lacks(str(finding), secret[:8], "the finding")
                lacks(s.ctl("check", env=s.env()).out, secret[:8], "check")
                lacks(s.ctl("postfix", env=s.env()).out, "oken",
                      "what postfix prints, which asks nobody")
        with api.away():
            finding = s.fault("warning", api.url, "Connection refused")
            contains(finding["fix"], "[telegram] proxy", "the advice")
        s.telegram(api="http://nosuchhost.invalid")
        s.has("warning", "Telegram at http://nosuchhost.invalid could not")
        asked(s, api, bot="OtherBot")
        s.fixed("warning", "is that of the bot acme_notify_bot, not of OtherBot")
        # The bot's name is not needed to ask.
        s.ctl.path("token", api.token[:-1] + ("b" if api.token[-1] == "a" else "a")
                   + "\n")
        s.fault("error", "Telegram refuses the token: Unauthorized")
    finally:
        api.stop()
        forget(s)
    done = s.ctl.ok("check", env=s.env())
    contains(done.out, "the token, without asking Telegram", "what was checked")


@case("notify-bot -t prints the bot's name, or exits with what is wrong")
def _(s):
    api = BotAPI().start()

    def ask():
        done = subprocess.run([program("notify-bot"), "-t", "-c",
                               s.ctl.conf.file], capture_output=True,
                              text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr
    try:
        asked(s, api)
        same(ask(), (0, "acme_notify_bot\n", ""), "the name")
        with api.failing(UNAUTHORIZED, method="getMe"):
            same(ask(), (77, "", "notify-bot: Telegram refuses the token: "
                         "Unauthorized\n"), "a token that is refused")
        with api.away():
            code, out, err = ask()
            same((code, out, err.count("\n")), (75, "", 1), "nobody answers")
        s.ctl.path("token", "x\n")
        code, out, err = ask()
        same((code, out, err.count("\n")), (78, "", 1), "no token")
        contains(err, "not a bot token", "the error")
    finally:
        api.stop()
        forget(s)


@case("a bot without a name is found")
def _(s):
    s.settings(token_file=s.token)
    s.fault("warning", "bot is not")


@case("links by mail without the bot's name, a sender or the timer are found, and "
      "the fixes work")
def _(s):
    folder = s.ctl.path("systemctl")
    os.mkdir(folder)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    log = os.path.join(folder, "log")
    for status, state in ((3, "inactive"), (4, "inactive"), (0, "active"),
                          (1, "Failed to connect to bus")):
        with open(os.path.join(folder, "systemctl"), "w") as out:
            out.write(f"#!/bin/sh\necho \"$@\" >>{log}\necho {state}\n"
                      f"exit {status}\n")
        os.chmod(out.name, 0o755)
        s.telegram(link_by_mail="yes")
        if status in (3, 4):
            finding = s.fault("warning", "notify-notices.timer is not active",
                              **path)
            same(finding["fix"],
                 "systemctl enable --now notify-notices.timer", "the fix")
        else:
            s.sound(**path)
        s.telegram(link_by_mail="no")
        s.sound(**path)
    with open(log) as file:
        same(set(file.read().splitlines()),
             {"is-active notify-notices.timer"}, "what systemctl is asked")
    s.settings(link_by_mail="yes", bot="")
    s.fault("error", "link_by_mail is yes, bot is not set")
    s.telegram(link_by_mail="yes", from_="")
    s.fault("note", "[mail] from is not set")
    s.ctl.path("nosuch")
    s.telegram(link_by_mail="yes", sendmail=s.ctl.path("nosuch"))
    s.fault("warning", "not an executable file")


@case("a link that waits is a finding after two minutes, and the fix sends it")
def _(s):
    s.telegram(link_by_mail="yes")
    s.ctl.sql("INSERT INTO notice(at, account, address, kind, detail, actor)"
              " VALUES (?, '', ?, 'link', 'by 1 in chat 1', '')",
              int(time.time()), OLGA)
    s.sound()
    s.ctl.sql("UPDATE notice SET at = at - 180")
    s.fixed("warning", "1 notices", "3 minutes")


@case("an API without encryption is found, and the fix works")
def _(s):
    s.telegram(api="http://api.example")
    s.fixed("warning", "http://api.example")
    s.telegram(api="http://127.0.0.1:8081")
    s.sound()


@case("a proxy that is set in the environment alone is named")
def _(s):
    s.telegram()
    for name in ("https_proxy", "ALL_PROXY"):
        finding = s.fault("note", name, "[telegram] proxy is not",
                          **{name: "http://u:s3cret@proxy:3128"})
        lacks(str(finding), "s3cret", "the finding")
    os.chmod(s.ctl.conf.file, 0o644)
    s.telegram(proxy="http://proxy:3128")
    s.sound(https_proxy="http://proxy:3128")


@case("a proxy's password that everyone can read is found, and the fix works")
def _(s):
    s.telegram(proxy="http://u:s3cret@proxy:3128")
    os.chmod(s.ctl.conf.file, 0o644)
    finding = s.fixed("warning", "a password of the proxy")
    lacks(str(finding), "s3cret", "the finding")


@case("a missing route to Telegram is found, and the fix works")
def _(s):
    s.telegram()
    for maps in ("", s.table("other", "other.invalid smtp:\n"),
                 "inline:{ {other.invalid=smtp:} }"):
        s.main(transport_maps=maps)
        s.fixed("error", MIRROR, "transport_maps")


@case("a route to Telegram is found in a map of any type")
def _(s):
    s.telegram()
    for maps in (s.table("transport", f"{MIRROR} notify-telegram:\n"),
                 f"inline:{{ {{{MIRROR}=notify-telegram:}} }}",
                 "regexp:" + s.file("re", f"/@{MIRROR}$/ notify-telegram:\n"),
                 f"inline:{{ {{a.invalid=smtp:}} }}, inline:{{ {{{MIRROR}="
                 "notify-telegram}}"):
        s.main(transport_maps=maps)
        s.sound()


@case("a route to a service that is not a pipe is found, and the fix works")
def _(s):
    s.telegram()
    s.main(transport_maps=f"inline:{{ {{{MIRROR}=smtp:[127.0.0.1]:9}} }}")
    finding = s.fault("error", MIRROR, "smtp:[127.0.0.1]:9")
    s.main(transport_maps=s.table("transport", finding["fix"] + "\n"))
    s.sound()


@case("a missing transport is found, and the fix works")
def _(s):
    s.telegram()
    s.edit("-MX", KEY)
    s.apply(s.has("error", "master.cf has no notify-telegram"))
    s.sound()


@case("a transport that cannot work is found, and the fix works")
def _(s):
    s.telegram()
    for old, new, word in (
            ("n n -", "n y -", "unix cannot run"),
            ("- n n", "- y n", "unix cannot run"),
            (f"user={NOBODY} ", "", "unix cannot run"),
            ("100 pipe", "1 lmtp", "smtp"),
            (f"user={NOBODY}", "user=daemon", "runs as daemon"),
            (f"user={NOBODY}", "user=nob", "runs as nob"),
            ("/notify-telegram", "/nosuch", "cannot run"),
            (" ${queue_id} ${recipient}", "", "does not end"),
            ("${queue_id} ${recipient}", "${recipient}", "does not end"),
            (f"-c {s.ctl.conf.file} ", "", "/etc/notify-milter"),
            (s.ctl.conf.file, "/etc/other.conf", "/etc/other.conf")):
        entry(s, old, new)
        if new == "1 lmtp":
            s.fault("error", MIRROR, "notify-telegram")
        else:
            s.fixed("error", word)
    entry(s, "-o soft_bounce=yes ")
    s.fixed("warning", "soft_bounce")
    entry(s, "soft_bounce=yes", "soft_bounce=Yes")
    s.sound()
    entry(s)
    s.main(soft_bounce="yes")
    s.sound()


@case("the fix names no program that the milter's user cannot run")
def _(s):
    s.telegram()
    os.chmod(s.programs, 0o700)
    try:
        fix = s.fault("error", "cannot run", s.programs)["fix"]
    finally:
        os.chmod(s.programs, 0o755)
    lacks(fix, s.programs)
    s.sound()


@case("a user with a group, and flags, are no finding")
def _(s):
    s.telegram()
    entry(s, f"user={NOBODY}", f"flags=q user={NOBODY}:nogroup")
    s.sound()


@case("a transport that gets several chats at once is found, and the fix works")
def _(s):
    s.telegram()
    s.main(**{"notify-telegram_destination_recipient_limit": "50"})
    s.fixed("error", "recipient_limit", "50")
    s.edit("-X", "notify-telegram_destination_recipient_limit")
    same(s.fixed("error", "recipient_limit")["part"], "telegram", "part")


@case("an alias that takes mail for chats is found")
def _(s):
    s.telegram()
    for maps in ("static:postmaster@b.example",
                 s.table("virtual", f"@{MIRROR} postmaster@b.example\n")):
        s.main(virtual_alias_maps=maps, virtual_alias_domains="b.example")
        s.fault("error", "virtual_alias_maps", MIRROR)
    s.main(virtual_alias_maps=s.table("virtual", "x@b.example y@b.example\n"))
    s.sound()


@case("a transport that runs one process, or too many, is named, and the fix "
      "works")
def _(s):
    s.telegram()
    for value, default, severity in (("1", "100", "note"), ("-", "1", "note"),
                                     ("0", "100", "warning"),
                                     ("257", "100", "warning")):
        s.main(default_process_limit=default)
        entry(s, "- 100 pipe", f"- {value} pipe")
        s.fixed(severity, "process limit")
    for value in ("2", "256", "-"):
        s.main(default_process_limit="100")
        entry(s, "- 100 pipe", f"- {value} pipe")
        s.sound()


run()
