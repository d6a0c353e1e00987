#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about Postfix
# takes: 10 s
"""notifyctl postfix prints the commands that a Postfix lacks, whatever it has
already; after them check finds nothing, and a second run prints nothing."""
import os
import re
import subprocess

from lib.installation import DOMAIN, MASTER, case, run
from lib.tap import contains, lacks, same

# As Debian's package makes it for an "Internet Site".
BARE = """compatibility_level = 3.6
myhostname = a.example.com
myorigin = a.example.com
mydestination = $myhostname, localhost.example.com, localhost
relayhost = [relay.example.com]
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""

# And one that has what an operator sets up beside it.
BESIDE = BARE + """smtpd_milters = unix:opendkim/opendkim.sock
non_smtpd_milters = $smtpd_milters
milter_default_action = accept
transport_maps = inline:{ partner.example=smtp:[192.0.2.7] }
relay_domains = partner.example, $mydestination
smtp_generic_maps = inline:{ root@a.example.com=admin@example.com }
default_destination_recipient_limit = 20
header_checks = regexp:{ {/^X-Loop:/ HOLD} }
"""


def plain(s, main):
    with open(next(filter(os.path.exists, MASTER))) as file:
        s.file("master.cf", file.read())
    s.file("main.cf", f"queue_directory = {s.queue}\n{main}")


def script(s):
    done = s.ctl("postfix", env=s.env())
    same((done.code, done.err), (0, ""), "exit and standard error")
    return done.out


def apply(s, text):
    """Run the script. Postfix does not run here, so without the last line."""
    same(text.splitlines()[-1], f"postfix -c {s.config} reload",
         "the last line")
    text = text.rsplit("\n", 2)[0]
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True,
                          timeout=60, cwd=s.ctl.folder,
                          env=s.ctl.environment(**s.env()))
    same(done.returncode, 0, f"exit of {text!r}: {done.stderr}")
    s.age()


def value(s, name):
    return subprocess.run(["postconf", "-c", s.config, "-h", name], text=True,
                          capture_output=True, timeout=20).stdout.strip()


@case("a Postfix as Debian installs it, with Telegram and without")
def _(s):
    for telegram in (False, True):
        (s.telegram if telegram else s.settings)()
        plain(s, BARE)
        text = script(s)
        same("telegram" in text, telegram, "commands for Telegram")
        apply(s, text)
        same(script(s), "", "a second run")
        s.sound()


@case("one that signs, has routes, relay domains and checks of its own keeps "
      "them")
def _(s):
    s.telegram()
    s.beside("opendkim/opendkim.sock")
    plain(s, BESIDE)
    apply(s, script(s))
    same(script(s), "", "a second run")
    same(value(s, "smtpd_milters"), "unix:notify-milter/notify-milter.sock, "
         "unix:opendkim/opendkim.sock", "ours comes before the one that signs")
    contains(value(s, "transport_maps"), "partner.example=smtp:[192.0.2.7]",
             "routes")
    same(value(s, "relay_domains"),
         f"partner.example, $mydestination, {DOMAIN}", "relay_domains")
    same(value(s, "milter_default_action"), "tempfail", "default action")
    for name in ("smtp_generic_maps", "header_checks"):
        contains(BESIDE, f"{name} = {value(s, name)}\n", "what was there")
    s.sound()


@case("only what is wrong is printed")
def _(s):
    s.main()
    s.master()
    same(script(s), "", "commands for the sample")
    s.main(milter_default_action="accept")
    same([line for line in script(s).splitlines() if line[0] != "#"],
         ["set -e", f"postconf -c {s.config} -e "
          "'milter_default_action = tempfail'", f"postfix -c {s.config} reload"],
         "the commands")


@case("the listener behind a content filter is left out at once")
def _(s):
    plain(s, BARE + "content_filter = scan:[127.0.0.1]:10024\n")
    s.edit("-M", "127.0.0.1:10025/inet=127.0.0.1:10025 inet n - y - - "
           "smtpd -o content_filter=")
    s.edit("-M", "scan/unix=scan unix - - y - - smtp")
    text = script(s)
    contains(text, "no_milters", "the commands")
    apply(s, text)
    same(script(s), "", "a second run")


@case("behind a filter before the queue the second listener asks the milter, and "
      "the first does not")
def _(s):
    for main, own in ((True, ""), (False, ""), (True, " -o smtpd_milters="),
                      (False, " -o smtpd_milters=")):
        plain(s, BARE + ("smtpd_proxy_filter = 127.0.0.1:10024\n"
                         if main else ""))
        if not main:
            s.edit("-P", "smtp/inet/smtpd_proxy_filter=127.0.0.1:10024")
        s.edit("-M", "127.0.0.1:10025/inet=127.0.0.1:10025 inet n - y - - "
               f"smtpd -o smtpd_proxy_filter={own}")
        contains(script(s), "XCLIENT", "the comment")
        s.edit("-P", "127.0.0.1:10025/inet/smtpd_authorized_xclient_hosts="
               "127.0.0.0/8")
        apply(s, script(s))
        what = f"{main} {own}"
        same(script(s), "", f"a second run, {what}")
        contains(s.value("127.0.0.1:10025/inet", "smtpd_milters"),
                 "notify-milter.sock", f"behind the filter, {what}")
        lacks(s.value("smtp/inet", "smtpd_milters"), "notify-milter",
              f"before it, {what}")
        lacks(s.value("127.0.0.1:10025/inet", "receive_override_options"),
              "no_milters", what)


@case("beside another instance of Postfix, whose chroot has the socket, it takes "
      "another port, and smtpd out of its own chroot")
def _(s):
    first = os.path.join(s.config, "first")
    os.makedirs(first, exist_ok=True)
    more = (f"multi_instance_directories = {first}\n"
            f"queue_directory = {s.queue}-2\n")
    lock = s.locked(f"{s.queue}-2")
    for listener in ("127.0.0.1:10028", "10028", "[::1]:10028"):
        with open(os.path.join(first, "main.cf"), "w") as file:
            file.write(f"queue_directory = {s.queue}\n")
        with open(os.path.join(first, "master.cf"), "w") as file:
            file.write(f"{listener}  inet n - y - - smtpd\n")
        plain(s, BARE + more)
        text = script(s)
        contains(text, "/chroot = n", "the commands")
        contains(text, "127.0.0.1:10029", "the commands")
        lacks(text, "10028", "the commands")
        apply(s, text)
        same(script(s), "", "a second run")
        s.sound()
    # The other instance gets its listener later.
    with open(os.path.join(first, "master.cf"), "w") as file:
        file.write("127.0.0.1:10029 inet n - y - - smtpd\n")
    s.fixed("error", f"the Postfix in {first} listens on the port of "
            "127.0.0.1:10029/inet, too")
    lacks(s.postconf("-M"), "10029", "master.cf")
    lock.close()


@case("what no command can mend is a comment, and stays one")
def _(s):
    s.main(transport_maps=f"inline:{{ {DOMAIN}=error:no }}")
    s.master()
    text = script(s)
    contains(text, "# not a command: transport_maps", "the script")
    same(re.findall(r"(?m)^[^#].*", text), [], "commands")
    document = s.ctl("postfix", json_=True, env=s.env()).document
    same([c["command"] for c in document["commands"]], [False], "in JSON")


@case("a Postfix that cannot be read, and settings that are wrong, are said in "
      "one line")
def _(s):
    done = s.ctl("postfix", env=s.env(MAIL_CONFIG="/nonexistent"))
    same((done.code, done.out), (78, ""), "exit and output")
    contains(done.err, "postconf", "the error")
    same(done.err.count("\n"), 1, "lines")
    s.settings(expand="sometimes")
    done = s.ctl("postfix", env=s.env())
    same((done.code, done.out), (78, ""), "exit and output")
    contains(done.err, "expand", "the error")
    lacks(done.err, "postconf", "the error")


@case("a Postfix that does not run is set up, and not reloaded")
def _(s):
    plain(s, BARE)
    s.lock.close()
    text = script(s)
    contains(text, "smtpd_milters = ", "the script")
    lacks(text, "reload", "the script")
    lacks(text, " start", "the script")
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True,
                          timeout=60, env=s.ctl.environment(**s.env()))
    same((done.returncode, done.stderr), (0, ""), "exit and stderr of it")
    s.age()
    same(script(s), "", "the second time")
    lacks(s.ctl("check", env=s.env()).out, "reload", "check")


run()
