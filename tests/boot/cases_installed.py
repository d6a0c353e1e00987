# SPDX-License-Identifier: BSD-2-Clause
"""cases_installed - with Postfix, until the machine is rebooted: installed,
used, reloaded, killed, backed up, upgraded"""
import os
import pwd
import re
import time

from inside import (ACME, ANN, BALANCE, BOT, CHAT, CONF, DOC, LIMIT, MAIN,
                    MAINTENANCE, OLGA, README, SAMPLE, STATE, active, case,
                    drop_in, edit, follow, follow_whole, forms, journal,
                    package_is_built, run, show)
from lib import botapi
from lib.tap import contains, same, true
from lib.waiting import until


@case("README's lines install it beside Debian's own Postfix", needed=True)
def _(mail):
    package_is_built()
    edit(account_domain="accounts.example.com", monitor="yes",
         **{"from": "notify@example.com"})
    said = follow(README, "Install beside Postfix")
    contains("".join(said), "postconf", "what notifyctl postfix prints")
    same(run("notifyctl postfix"), "", "a second run")
    same(active(), "active", MAIN)
    same(show(MAIN, "UnitFileState")["UnitFileState"], "enabled", MAIN)


@case("the lines of the sample do the rest, and check finds no error",
      needed=True)
def _(mail):
    follow(SAMPLE, "Postfix")


@case("the first account and the first message", needed=True)
def _(mail):
    follow(SAMPLE, "The first account and a first message")
    mark = follow(SAMPLE, "The first account and a first message", 1)
    contains(" ".join(mark), "verdict=deliver", "what the log says")


@case("live after a reload, it reaches who is entitled, both ways", needed=True)
def _(mail):
    run(f"notifyctl --as {OLGA} subscribe acme {MAINTENANCE} {ANN}")
    edit(monitor=None)
    run(f"editor {CONF}; systemctl reload notify-milter")
    mail.flows()
    mail.got(mail.submit(ACME), ANN, OLGA)
    mark = len(mail.receiver.transactions)
    follow(SAMPLE, "The tag")
    until(lambda: [t for t in list(mail.receiver.transactions)[mark:]
                   if b"Subject: Your balance is low" in t.data
                   and sorted(t.addresses) == [ANN, OLGA]],
          "what the document sends comes", LIMIT)


@case("systemctl status says that it serves")
def _(mail):
    contains(run("systemctl status --no-pager notify-milter"),
             'Status: "serving"', "status")
    same(show(MAIN, "NRestarts")["NRestarts"], "0", "restarts")


@case("what is held is decided again by requeue")
def _(mail):
    mark, qid = mail.send(ACME, "power-cuts")
    until(lambda: qid in run("notifyctl held"), f"{qid} is held", LIMIT)
    run("notifyctl category add power-cuts --title 'Power cuts'; "
        f"notifyctl requeue {qid}")
    mail.got(mark, OLGA)


@case("trace reads the journal, and names the groups to who may not")
def _(mail):
    mark, qid = mail.send(ACME)
    mail.got(mark, ANN, OLGA)
    said = until(lambda: (lambda text: "sent" in text and text)(
        run(f"notifyctl trace {qid}", want=None)), "trace says sent", LIMIT)
    for part in ("verdict=deliver", ANN, OLGA):
        contains(said, part, "trace")
    other = ("setpriv --reuid=nobody --regid=nogroup --clear-groups "
             f"notifyctl trace {qid}")
    said = run(other, want=77)
    for group in ("adm", "systemd-journal"):
        contains(said, group, "what it says to nobody")
    contains(run(other.replace("--clear-groups", "--groups=adm")),
             "verdict=deliver", "trace for the group adm")


@case("the journal keeps every verdict of a burst")
def _(mail):
    path = "/etc/systemd/journald.conf.d/low.conf"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("[Journal]\nRateLimitIntervalSec=1h\nRateLimitBurst=2\n")
    run("systemctl restart systemd-journald")
    try:
        since = int(time.time())
        sent = [mail.send(ACME)[1] for _ in range(20)]
        until(lambda: set(re.findall(r"(\w+): category=",
                                     journal(MAIN, since))) >= set(sent),
              "20 verdicts in the journal", LIMIT)
    finally:
        os.unlink(path)
        run("systemctl restart systemd-journald")


@case("a reload with broken settings fails, and the old ones stay")
def _(mail):
    since = int(time.time())
    run(f"cp -p {CONF} {STATE}/conf; "
        f"sed -i '/^\\[milter\\]/a nonsense = 1' {CONF}")
    said = run("systemctl reload notify-milter", want=1)
    contains(said, "failed", "what systemctl says")
    contains(journal(MAIN, since), "nonsense", "the journal")
    same(active(), "active", MAIN)
    mail.flows()


@case("a restart with broken settings fails once and is not retried")
def _(mail):
    run("systemctl restart notify-milter", want=1)
    time.sleep(5)
    got = show(MAIN, "ActiveState", "NRestarts", "ExecMainStatus", "Result")
    same(got, {"ActiveState": "failed", "NRestarts": "0",
               "ExecMainStatus": "78", "Result": "exit-code"}, "the unit")
    run(f"cp -p {STATE}/conf {CONF}; systemctl start notify-milter")
    mail.flows()


@case("killed, it is back, and no mail is lost")
def _(mail):
    before = show(MAIN, "MainPID")["MainPID"]
    run(f"kill -9 {before}")
    until(lambda: active() == "active" and
          show(MAIN, "MainPID")["MainPID"] != before, "it is back", LIMIT)
    mail.flows()
    run("systemctl restart notify-milter")
    mail.flows()


@case("notify-bot without its token does not start, and says so")
def _(mail):
    run("systemctl start notify-bot", want=1)
    contains(run("systemctl status notify-bot", want=3),
             "/etc/notify-milter/secret/bot-token", "the status")


@case("the lines for Telegram set the bot up, and a chat is linked",
      needed=True)
def _(mail):
    mail.api = api = botapi.BotAPI().start()
    api.person(CHAT)
    edit(bot="nm_bot", token_file="/etc/notify-milter/secret/bot-token",
         api=api.url)
    said = follow(SAMPLE, "Telegram", data={"/dev/stdin": api.token + "\n"})
    same(show(BOT, "ActiveState", "StatusText"),
         {"ActiveState": "active", "StatusText": "polling"}, BOT)
    start = re.search(r"[?]start=([\w-]+)", said[-1])
    true(start, f"a link in {said[-1]!r}")
    api.say(CHAT, f"/start {start[1]}")
    contains(api.wait_text(CHAT, timeout=LIMIT)[0], "acme", "the answer")


@case("the milter can read neither the token's file nor the credential")
def _(mail):
    run("systemctl start notify-milter")
    pid = show(MAIN, "MainPID")["MainPID"]
    user = pwd.getpwnam("notify-milter")
    search = ("grep -rlsF -e '%s' /etc /run /var/lib /var/spool/postfix/"
              "notify-milter /tmp" % mail.api.secret)
    me = (f"setpriv --reuid={user.pw_uid} --regid={user.pw_gid} "
          "--clear-groups -- ")
    contains(run(me + search, want=None), "bot-token",
             "what the user finds elsewhere")
    same(run(f"nsenter -t {pid} -m -- {me}{search}", want=None), "",
         "where the milter can read the token")
    other = "/etc/notify-milter/secret/other"
    run(f"echo later >{other}")
    same(run(f"{me}cat {other}"), "later\n", "what the user finds elsewhere")
    contains(run(f"nsenter -t {pid} -m -- {me}cat {other}", want=1),
             f"cat: {other}: ", "what is put there later")
    run(f"rm {other}")


@case("the bot's status says what is wrong; a new token takes a restart")
def _(mail):
    api = mail.api
    path = "/etc/notify-milter/secret/bot-token"
    api.token = "77:new"
    until(lambda: "Unauthorized" in show(BOT, "StatusText")["StatusText"],
          "the status says Unauthorized", LIMIT)
    with open(path, "w") as file:
        file.write(api.token + "\n")
    # systemd of Debian 12 reads a credential again at a reload already.
    for command, those in (("reload", (401, None)), ("restart", (None,))):
        run(f"systemctl {command} notify-bot")
        mark = api.mark()
        api.wait(lambda mark=mark, those=those: [
            r for r in api.asked("getUpdates", mark) if r.status in those],
            f"after the {command} it polls", LIMIT)
    same(show(BOT, "StatusText")["StatusText"], "polling", "status")


@case("the chat gets its message, through Postfix as Debian confines it")
def _(mail):
    mark, _ = mail.send(ACME, BALANCE)
    mail.got(mark, ANN, OLGA)
    mail.api.wait(lambda: mail.api.chats_of("Notice") == [CHAT],
                  "the chat has it", LIMIT)
    until(lambda: run("postqueue -j") == "", "the queue is empty", LIMIT)


@case("/link has the timer mail a link, which links the chat that opens it")
def _(mail):
    api = mail.api
    for chat in (CHAT + 1, CHAT + 2):
        api.person(chat)
    run(f"sed -i 's|^#*link_by_mail = .*|link_by_mail = yes|' {CONF}; "
        "systemctl reload notify-bot; "
        "systemctl enable --now notify-notices.timer")

    def mailed():
        return [t.data for t in list(mail.receiver.transactions)
                if t.addresses == [OLGA] and b"t.me/nm_bot" in t.data]
    api.say(CHAT + 1, f"/link {OLGA}")
    contains(api.wait_text(CHAT + 1, timeout=LIMIT)[0], "a mail", "the answer")
    until(mailed, "the mail comes", LIMIT)
    start = re.search(rb"[?]start=3D((?:[\w-]|=\r\n)+)", mailed()[0])
    api.say(CHAT + 2, "/start " +
            start[1].replace(b"=\r\n", b"").decode())
    contains(api.wait_text(CHAT + 2, timeout=LIMIT)[0], "acme", "the answer")
    contains(journal(BOT), f"asker={CHAT + 1} chat={CHAT + 1} address={OLGA}: "
             "links go out by mail", "the journal")
    api.say(CHAT + 2, "/stop")
    api.wait_text(CHAT + 2, 2, timeout=LIMIT)


@case("each form that a comment of the units shows starts")
def _(mail):
    tcp, directory = forms(f"/usr/lib/systemd/system/{MAIN}")
    bot, = forms(f"{DOC}/fleet-units.conf")
    with open(f"{DOC}/fleet-units.conf") as file:
        fleet = file.read()
    where = "/var/spool/postfix/elsewhere"
    run(f"cp -p {CONF} {STATE}/conf")
    try:
        for unit, text, socket in (
                (MAIN, tcp, "inet:8899@localhost"),
                (MAIN, directory.replace("GROUP", "postfix").replace(
                    "DIRECTORY", where), f"unix:{where}/nm.sock"),
                (MAIN, "", "unix:/run/notify-milter/notify-milter.sock"),
                (MAIN, fleet, None), (BOT, bot, None)):
            drop_in(unit, text)
            if socket:
                run(f"sed -i 's|^#*socket = .*|socket = {socket}|' {CONF}")
            since = int(time.time())
            run(f"systemctl restart {unit}")
            same(active(unit), "active", f"{unit} with {text}")
            if socket:
                contains(journal(unit, since), f"ready on {socket}", "journal")
            run(f"cp -p {STATE}/conf {CONF}")
            drop_in(unit)
    finally:
        run(f"cp -p {STATE}/conf {CONF}")
        drop_in(MAIN)
        drop_in(BOT)
        run("systemctl restart notify-milter notify-bot")
    run("systemctl enable --now notify-notices.timer; "
        "systemctl start notify-notices")
    mail.flows()


@case("counters for Prometheus, in a directory that the unit may write to")
def _(mail):
    with open(SAMPLE) as file:
        command, folder = re.search(
            r"`(install -d [^`]* (/[^ `]+prometheus/[^ `]+))`",
            " ".join(file.read().split())).groups()
    run(f"{command}; cp -p {CONF} {STATE}/conf")
    drop_in(MAIN, f"[Service]\nReadWritePaths={folder}\n")
    try:
        run(f"sed -i 's|^#*stats_file = .*|stats_file = {folder}/nm.prom|' "
            f"{CONF}; systemctl restart notify-milter")
        mail.flows()
        until(lambda: "notify_milter_messages" in run(
            f"cat {folder}/nm.prom", want=None), "counters", LIMIT)
    finally:
        run(f"cp -p {STATE}/conf {CONF}")
        drop_in(MAIN)
        run(f"systemctl restart notify-milter; rm -r {folder}")


@case("the units that import users from another database bring them in")
def _(mail):
    with open(f"{DOC}/roster-from-your-database/notify-roster") as file:
        where = re.search("Put it into ([^,]+),", file.read())[1]
    run(f"cd {DOC}/roster-from-your-database; install notify-roster {where}; "
        "install -m 644 notify-roster.* /etc/systemd/system; "
        "systemctl daemon-reload; notifyctl export >/root/users.csv; "
        "echo acme,zoe@acme.example,member, >>/root/users.csv")
    # Stands for PostgreSQL's.
    with open("/usr/local/bin/psql", "w") as file:
        file.write("#!/bin/sh\ncat /root/users.csv\n")
    os.chmod("/usr/local/bin/psql", 0o755)
    run("systemctl enable --now notify-roster.timer; "
        "systemctl start notify-roster")
    contains(run("notifyctl user list acme"), "zoe@acme.example", "the users")
    run("systemctl disable --now notify-roster.timer; rm /usr/local/bin/psql "
        f"{where}/notify-roster /etc/systemd/system/notify-roster.* "
        "/var/lib/systemd/timers/stamp-notify-roster.timer; "
        "systemctl daemon-reload; "
        "notifyctl user remove acme zoe@acme.example --no-tell")


@case("without systemd they start in the background, reload and end")
def _(mail):
    run("systemctl stop notify-milter notify-bot; notify-milter")
    try:
        mail.flows()
        run("kill -USR1 $(pidof notify-milter)")
        mail.flows()
        for command in ("notify-bot", "kill -USR1 $(pidof notify-bot)"):
            mark = mail.api.mark()
            run(command)
            mail.api.wait(lambda mark=mark: [
                r for r in mail.api.asked("getUpdates", mark)
                if r.status is None], "it polls", LIMIT)
    finally:
        for name in ("notify-milter", "notify-bot"):
            run(f"kill $(pidof {name})", want=None)
            until(lambda name=name: not run(f"pidof {name}", want=None),
                  f"{name} ends", LIMIT)
        run("systemctl start notify-milter notify-bot")
    mail.flows()


@case("a backup is made while everything runs, and restored below it")
def _(mail):
    before = show(MAIN, "MainPID")["MainPID"]
    roster = run("notifyctl export")
    follow(SAMPLE, "Backing up and restoring the roster")
    same(run("cat roster.csv"), roster, "the copy as text")
    run(f"notifyctl user remove acme {ANN}")
    mail.got(mail.send(ACME)[0], OLGA)
    follow_whole(SAMPLE, "Backing up and restoring the roster", 1)
    same(run("notifyctl export"), roster, "the roster")
    mail.flows()
    same(show(MAIN, "MainPID")["MainPID"], before, "the milter's process")


@case("upgraded as README says it keeps settings, roster and token")
def _(mail):
    roster = run("notifyctl export")
    before = [show(unit, "MainPID")["MainPID"] for unit in (MAIN, BOT)]
    run("rm build/notify-milter_*.deb; "
        f"cp {STATE}/higher.deb build/notify-milter_higher.deb")
    follow(SAMPLE, "Upgrading", data={"apt install": "y\n"})
    contains(run("dpkg-query -W -f '${Version}' notify-milter"), "+1",
             "the version")
    for unit, old in zip((MAIN, BOT), before):
        same(active(unit), "active", unit)
        true(show(unit, "MainPID")["MainPID"] != old, f"the new {unit} runs")
    same(run("notifyctl export"), roster, "the roster")
    mail.flows()
