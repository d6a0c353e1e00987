#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl check: faults of the settings, and their fixes."""
import os
import re
import shutil
import subprocess

from lib.ctl import NOBODY
from lib.installation import DOMAIN, case, chown, run, sample
from lib.rosterdb import remote, shown
from lib.tap import Skip, contains, lacks, same, true


@case("an installation made from postfix-sample is sound, in one line that "
      "says what was checked")
def _(s):
    text = sample("notify-milter.conf")
    for name, value in (("url", s.ctl.store.url),
                        ("socket", f"unix:{s.socket}"),
                        ("account_domain", DOMAIN), ("bot", "TheBot"),
                        ("token_file", s.token),
                        ("sendmail", f"{s.ctl.folder}/sendmail")):
        text, n = re.subn(rf"(?m)^#{name} =.*$", f"{name} = {value}", text)
        same(n, 1, f"lines of the sample with {name}")
    s.settings(text.replace("user = notify-milter", f"user = {NOBODY}"))
    s.sound()
    done = s.ctl.ok("check", env=s.env())
    same(done.out.count("\n"), 1, f"lines of {done.out!r}")
    contains(done.out, "nothing wrong; looked at: ")
    for part in (s.ctl.conf.file, s.config, shown(s.ctl.store.url), s.socket,
                 "Telegram", "9 users"):
        contains(done.out, part, "what was looked at")
    same(s.milter.complaints(), [], "what the milter thinks of being asked")


@case("the text has the same findings as --json, errors first, and --json is "
      "one document")
def _(s):
    s.settings(monitor="yes", trusted_clients="0.0.0.0/0 ::1",
               sendmail="/nonexistent")
    _, found = s.check()
    same(sorted(f["severity"] for f in found), ["error", "note", "warning"],
         f"severities of {found}")
    shown = s.ctl("check", env=s.env())
    same((shown.code, shown.err), (78, ""), f"{shown}")
    for f in found:
        contains(shown.out, f"{f['severity']}: {f['part']}: {f['what']}\n"
                 f"  why: {f['why']}\n  put: {f['fix']}\n")
    places = [shown.out.index(f"{word}: ") for word in
              ("error", "warning", "note")]
    same(places, sorted(places), "order")
    contains(shown.out, "\nafter changes to the settings: reload "
             "notify-milter\n1 errors, 1 warnings, 1 notes; looked at: ")
    s.settings()
    s.main(milter_default_action="accept")
    contains(s.ctl("check", env=s.env()).out,
             f"\nafter changes to Postfix: postfix -c {s.config} reload\n")


@case("a restart is asked for where a reload is not enough: socket and user")
def _(s):
    s.settings(monitor="yes", user=None)
    contains(s.ctl("check", env=s.env()).out,
             "\nafter changes to the settings: restart notify-milter\n")


@case("the check changes nothing")
def _(s):
    before = s.ctl.dump()
    names = sorted(os.listdir(os.path.dirname(s.ctl.database)))
    s.check()
    s.ctl.unchanged(before)
    same(sorted(os.listdir(os.path.dirname(s.ctl.database))), names, "files")


@case("a mistake in the settings is found, with file and line")
def _(s):
    s.settings("[milter]\nexpnad = never\n")
    s.fault("error", f"{s.ctl.conf.file}:2: ", "expnad")
    done = s.ctl("postfix", env=s.env())
    same((done.code, done.err.count("\n")), (78, 1), "exit and lines")
    same(done.err.count(s.ctl.conf.file), 2, f"names of the file: {done.err}")


@case("settings that are missing, or no file, or that the user may not read, "
      "are found, and the advice says what to do")
def _(s):
    file = s.ctl.conf.file
    with open(file) as old:
        text = old.read()
    os.unlink(file)
    contains(s.fault("error", f"{file} does not exist")["fix"],
             f"copy postfix-sample/notify-milter.conf to {file}")
    for command in (("list", "acme"), ("postfix",)):
        done = s.ctl(*command, env=s.env())
        same((done.code, done.err.count("\n")), (78, 1), "exit and lines")
        contains(done.err, "postfix-sample/notify-milter.conf", "the error")
    # Beside an installed one there is its sample.
    share = os.path.join(s.ctl.folder, "share/doc/notify-milter/postfix-sample")
    os.makedirs(share, exist_ok=True)
    with open(os.path.join(share, "notify-milter.conf"), "w") as out:
        out.write(text)
    s.fixed("error", f"{file} does not exist")
    shutil.rmtree(os.path.join(s.ctl.folder, "share"))
    os.unlink(file)
    for make, words, advice in (
            (lambda: os.mkdir(file), "is a directory", "notify-milter.conf in"),
            (lambda: os.mkfifo(file), "is not a file", "-c FILE"),
            (lambda: os.symlink("/dev/null", file), "is not a file", "-c FILE"),
            (lambda: os.symlink("/nowhere", file), "a symbolic link to /nowhere",
             "correct the link"),
            (lambda: os.symlink(file, file), "a symbolic link to",
             "correct the link")):
        make()
        contains(s.fault("error", file, words)["fix"], advice, "the advice")
        os.rmdir(file) if words == "is a directory" else os.unlink(file)
    s.settings(text)
    chown(file, 0o600, "root")
    finding = s.fault("error", f"{file}: Permission denied", user="daemon")
    same(finding["fix"], f"sudo notifyctl -c {file} check", "the fix")
    chown(file, 0o644, "root")
    s.sound()


@case("settings that set nothing are found")
def _(s):
    for text in ("", "\n", "# [milter]\n\n  ; user = x\n[milter]\n"):
        s.settings(text)
        s.has("warning", f"{s.ctl.conf.file} sets nothing")


@case("settings that others can write are found, and the fix works")
def _(s):
    for mode in (0o646, 0o666):
        os.chmod(s.ctl.conf.file, mode)
        contains(s.fixed("error", s.ctl.conf.file)["fix"], "chmod")
    chown(s.ctl.conf.file, 0o664, "root", "postfix")
    s.fixed("error", s.ctl.conf.file)
    os.chmod(s.ctl.folder, 0o777)
    s.fixed("error", f"{s.ctl.folder} is writable")
    os.chmod(s.ctl.folder, 0o1777)      # such as /tmp, which must stay so
    found = s.has("error", f"{s.ctl.folder} is writable")
    contains(found["fix"], "move the settings")
    os.chmod(s.ctl.folder, 0o755)


@case("settings that the milter's user cannot read are found, and the fix "
      "works")
def _(s):
    os.chmod(s.ctl.conf.file, 0o600)
    s.fixed("error", NOBODY, s.ctl.conf.file)
    folder = s.ctl.path("locked")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    path = shutil.copy(s.ctl.conf.file, folder)
    os.chmod(path, 0o644)
    old, s.ctl.conf.file = s.ctl.conf.file, path
    try:
        s.fixed("error", NOBODY, path)
    finally:
        s.ctl.conf.file = old
        shutil.rmtree(folder)


@case("a user that is not set, does not exist, is root or is Postfix's is "
      "found")
def _(s):
    s.settings(user=None)
    finding = s.fault("warning", "user is not set")
    contains(finding["fix"], "in [milter]")
    contains(finding["fix"], "user = notify-milter")
    s.settings(user="nosuchuser")
    contains(s.fault("error", "nosuchuser")["fix"], "useradd --system")
    s.settings(user="root")
    s.fault("error", "user = root")
    s.settings(user="postfix")
    s.has("error", "user = postfix")


@case("a sendmail that is missing or not executable is found, and the fix "
      "works")
def _(s):
    for path in (s.ctl.path("nosuch"), s.ctl.path("text", "hello"),
                 s.ctl.folder):
        s.settings(sendmail=path)
        s.fixed("warning", path)


@case("monitor = yes is a note")
def _(s):
    s.settings(monitor="yes")
    s.fixed("note", "monitor")


@case("trusted_clients that match everyone are found, and the fix works")
def _(s):
    for wide in ("0.0.0.0/0", "::/0"):
        s.settings(trusted_clients=f"127.0.0.0/8 ::1 {wide}")
        contains(s.fixed("error", wide)["fix"], "127.0.0.0/8, ::1/128")


@case("trusted clients outside mynetworks are found, and the fix works")
def _(s):
    for wide in ("192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "10.0.0.0/8"):
        s.settings(trusted_clients=f"127.0.0.0/8 {wide}")
        s.main(mynetworks="127.0.0.0/8 10.1.0.0/16 192.0.2.128/25")
        s.fixed("warning", wide.split("/")[0], "mynetworks")


@case("trusted clients within mynetworks are no finding, and mynetworks with "
      "a table is not checked")
def _(s):
    s.settings(trusted_clients="127.0.0.1, 10.1.2.0/24, [2001:db8::1]")
    s.main(mynetworks="127.0.0.0/8 10.1.0.0/16, [2001:db8::]/32")
    s.sound()
    s.main(mynetworks="127.0.0.0/8 cidr:/etc/nosuch")
    s.sound()


@case("empty trusted_clients are found, and the fix works")
def _(s):
    s.settings(trusted_clients="")
    s.fixed("warning", "trusted_clients")
    s.settings(trusted_clients="", trust_authenticated="yes")
    s.sound()


@case("a domain for chats inside account_domain is found, and the fix works")
def _(s):
    s.settings(domain=f"chat.{DOMAIN}")
    s.fixed("error", "overlap")
    s.settings(domain=DOMAIN)
    s.has("error", "overlap")


@case("a postconf that fails is a warning, and the rest is checked")
def _(s):
    folder = s.ctl.path("failing")
    os.makedirs(folder, exist_ok=True)
    script = os.path.join(folder, "postconf")
    with open(script, "w") as out:
        out.write("#!/bin/sh\necho postconf: fatal: a reason >&2\nexit 1\n")
    os.chmod(script, 0o755)
    s.fault("warning", "a reason", PATH=folder)
    s.ctl.store.remove()
    same([f["severity"] for f in s.check(PATH=folder)[1]],
         ["warning", "error"], "severities without a database")


@case("a postconf that prints without end is stopped")
def _(s):
    folder = s.ctl.path("slow")
    os.makedirs(folder, exist_ok=True)
    script = os.path.join(folder, "postconf")
    with open(script, "w") as out:
        out.write("#!/bin/sh\nexec cat /dev/zero\n")
    os.chmod(script, 0o755)
    s.fault("warning", "postconf", PATH=f"{folder}:{os.environ['PATH']}")


@case("a main.cf or master.cf that Postfix cannot read is found, with what it "
      "says and what to do; notifyctl postfix says the same")
def _(s):
    def found(words, advice, **env):
        contains(s.fault("warning", words, **env)["fix"], advice, "the advice")
        done = s.ctl("postfix", env=s.env(**env))
        same((done.code, done.err.count("\n")), (78, 1), "exit and lines")
        contains(done.err, words, "the error")
        contains(done.err, advice, "the error")
    s.file("main.cf", "smtpd_milters = x\nsome words\n")
    found("main.cf, line 2: missing '='", "correct main.cf or master.cf")
    s.file("main.cf", "smtpd_milters = $smtpd_milters\n")
    found("macro processing error", "correct main.cf or master.cf")
    os.unlink(os.path.join(s.config, "main.cf"))
    found("main.cf: No such file", "restore that file")
    found("/nowhere/main.cf", "set $MAIL_CONFIG", MAIL_CONFIG="/nowhere")
    s.main()
    s.file("master.cf", "smtp inet n\n")
    found("master.cf: line 1: bad field count", "correct main.cf or master.cf")
    os.unlink(os.path.join(s.config, "master.cf"))
    found("master.cf: No such file", "restore that file")
    s.master()
    os.chmod(os.path.join(s.config, "main.cf"), 0o600)
    done = s.ctl("postfix", env=s.env(), user="daemon")
    contains(done.err, "main.cf: Permission denied; run: sudo notifyctl", "error")


@case("a master.cf without any service is found")
def _(s):
    s.file("master.cf", "# smtp inet n - y - - smtpd\n")
    s.fault("error", "master.cf has no service")


@case("without root, what can be checked is checked, and the rest is named")
def _(s):
    code, found = s.check(user="daemon")
    same((code, {f["severity"] for f in found}), (0, {"note"}),
         f"exit and severities of {found}")
    for word in (f"permissions of {NOBODY}", s.socket,
                 *([] if remote() else [s.ctl.database])):
        contains(" ".join(f["what"] for f in found), word)
    for finding in found:
        contains(finding["fix"], "sudo notifyctl -c ")
    contains(s.fault("note", s.socket, user=NOBODY)["what"], "postfix")
    s.main(milter_default_action="accept")
    s.has("error", "milter_default_action", user="daemon")


@case("a unit that systemd does not run, or not after the next boot, is found")
def _(s):
    folder = s.ctl.path("systemd")
    os.makedirs(folder, exist_ok=True)
    script = os.path.join(folder, "systemctl")

    def check(answers):
        with open(script, "w") as out:
            out.write('#!/bin/sh\ncase "$1 $2" in\n' + "".join(
                f'"{words}") exit {code} ;;\n'
                for words, code in answers.items()) + "*) exit 9 ;;\nesac\n")
        os.chmod(script, 0o755)
        # A /run of its own, which ends with the process.
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /run &&"
             " mkdir -p /run/systemd/system && exec \"$@\"", "sh",
             *s.ctl.command("check")], text=True, capture_output=True,
            timeout=60, env=s.ctl.environment(**s.env(
                PATH=f"{folder}:{os.environ['PATH']}")))

    unit = "notify-milter.service"
    done = check({f"cat {unit}": 0, f"is-active {unit}": 0,
                  f"is-enabled {unit}": 0})
    if "mount" in done.stderr or "unshare" in done.stderr:
        raise Skip("no mount namespace can be had")
    contains(done.stdout, "nothing wrong")
    contains(done.stdout, unit)
    same(check({}).stdout.count(unit), 0, "mentions of a unit that is none")
    done = check({f"cat {unit}": 0, f"is-active {unit}": 3})
    contains(done.stdout, f"error: socket: {unit} is not active")
    contains(done.stdout, "run: systemctl enable --now notify-milter\n")
    done = check({f"cat {unit}": 0, f"is-active {unit}": 0,
                  f"is-enabled {unit}": 1})
    contains(done.stdout, f"warning: socket: {unit} is not enabled")
    lacks(done.stdout, "error:")
    true(done.returncode == 0, "exit 0")


run()
