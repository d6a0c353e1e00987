# SPDX-License-Identifier: BSD-2-Clause
"""cases_rebooted - with Postfix, after the reboot: removed, installed beside
DKIM and routes, purged, installed by hand, without a mail server"""
import re

from inside import (ACME, ANN, CONF, LIMIT, MAIN, MAINTENANCE, OLGA, README,
                    SAMPLE, STATE, active, case, edit, follow, run, show, tool)
from lib import TREE
from lib.receiver import Receiver
from lib.tap import contains, same, true
from lib.waiting import until


@case("after a reboot the milter is there before Postfix, and mail flows")
def _(mail):
    until(lambda: active() == active("postfix.service") == "active",
          "milter and Postfix run", LIMIT)
    ready = int(show(MAIN, "ActiveEnterTimestampMonotonic")
                ["ActiveEnterTimestampMonotonic"])
    starts = [int(show(unit, "InactiveExitTimestampMonotonic")
                  ["InactiveExitTimestampMonotonic"])
              for unit in ("postfix.service", "postfix@-.service")]
    true(0 < ready <= min(filter(None, starts)),
         f"the milter is ready at {ready}, Postfix starts at {starts}")
    mail.flows()
    mail.got(mail.submit(ACME), ANN, OLGA)


@case("a removal is refused while Postfix names it, with the commands")
def _(mail):
    said = run("apt-get remove -y notify-milter", want=100)
    contains(said, "postconf -e 'smtpd_milters ='", "what it says")
    same(run("dpkg-query -W -f '${db:Status-Status}' notify-milter"),
         "installed", "the package")
    same(active(), "active", MAIN)
    mail.flows()


@case("taken out as the document says, it is removed, and mail passes")
def _(mail):
    follow(SAMPLE, "Taking it out")
    follow(SAMPLE, "Taking it out", 1, data={"apt remove": "y\n"})
    same(run("find /etc/systemd/system -name 'notify-*'"), "", "links")
    mail.got(mail.send("else@other.example", None)[0], "else@other.example")
    mail.got(mail.submit("else@other.example", None), "else@other.example")
    run("test -e /var/lib/notify-milter/roster.db")


SIGNER = """\
Domain example.org
Selector one
KeyFile /etc/dkim.key
Socket inet:8891@localhost
UserID opendkim
PidFile /run/opendkim/opendkim.pid
"""


@case("a Postfix that signs, routes and relays goes on, before the package is "
      "back", needed=True)
def _(mail):
    mail.routed = Receiver().start()
    run("openssl genrsa -out /etc/dkim.key 1024 && "
        "chown opendkim: /etc/dkim.key && chmod 600 /etc/dkim.key")
    with open("/etc/opendkim.conf", "w") as file:
        file.write(SIGNER)
    with open("/etc/postfix/routes", "w") as file:
        file.write(f"routed.example smtp:[127.0.0.1]:{mail.routed.port}\n")
    run("systemctl start opendkim; postmap /etc/postfix/routes; postconf -e "
        "smtpd_milters=inet:127.0.0.1:8891 "
        "non_smtpd_milters=inet:127.0.0.1:8891 "
        "transport_maps=hash:/etc/postfix/routes "
        "'relay_domains = partner.example'; postfix reload")
    mail.signed(mail.send("else@other.example", None)[0])


@case("installed again it neither runs nor is enabled", needed=True)
def _(mail):
    run(f"apt-get install -y {STATE}/higher.deb")
    same(show(MAIN, "ActiveState", "UnitFileState"),
         {"ActiveState": "inactive", "UnitFileState": "disabled"}, MAIN)


@case("README's lines install it beside what signs, routes and relays")
def _(mail):
    edit(account_domain="accounts.example.com")
    said = follow(README, "Install beside Postfix",
                  allowed={"notifyctl check": [78]})
    # The settings name a bot, which is not started again.
    same(re.findall("(?m)^error: (.*)", said[-1]),
         ["socket: notify-bot.service is not active"], "what check finds")
    same(run("notifyctl postfix"), "", "a second run")
    contains(run("postconf -h relay_domains"), "partner.example",
             "relay_domains")
    mail.flows()
    for mark in (mail.send(ACME)[0], mail.submit(ACME),
                 mail.submit("else@other.example", None)):
        mail.signed(mark)
    mark, _ = mail.send("some@routed.example", None)
    mail.routed.wait(mark, 1, timeout=LIMIT)


@case("purged, nothing is left but its user")
def _(mail):
    follow(SAMPLE, "Taking it out", 0)
    run("postconf -X smtpd_milters non_smtpd_milters; postfix reload; "
        "apt-get purge -y notify-milter; systemctl stop opendkim")
    left = run("find /etc /usr /var/lib /run -xdev "
               f"-path {STATE} -prune -o -name '*notify-*' -print; "
               "find /var/spool/postfix -name 'notify-milter*'")
    same([path for path in left.splitlines()
          if not path.startswith("/run/systemd/")], [], "what is left")
    run("getent passwd notify-milter")
    same(run("find /etc/systemd -xtype l -name 'notify*'"), "", "links")


@case("installed by hand as the document says it decides mail; uninstalled, "
      "settings and roster stay")
def _(mail):
    run("userdel notify-milter")
    tool("make", "case \"$*\" in '' | deps) ;; "
         f"install) cp -a {TREE}/build/by-hand/. / ;; "
         "*) exec /usr/bin/make \"$@\" ;; esac")
    edit(account_domain="accounts.example.com")
    follow(SAMPLE, "Programs", 1)
    follow(SAMPLE, "Settings and database")
    follow(SAMPLE, "The service")
    follow(SAMPLE, "Postfix")
    follow(SAMPLE, "The first account and a first message")
    run(f"notifyctl --as {OLGA} subscribe acme {MAINTENANCE} {ANN}")
    contains(run("systemctl show -p ExecStart notify-milter"), "/usr/local/",
             "what runs")
    mail.flows()
    mail.got(mail.submit(ACME), ANN, OLGA)
    follow(SAMPLE, "Taking it out")
    run("systemctl disable --now notify-milter notify-bot; make uninstall")
    same(run("find /usr/local /etc/systemd -name '*notify*'"), "",
         "what is left")
    run("test -e /var/lib/notify-milter/roster.db; "
        f"grep '^account_domain = accounts' {CONF}")
    mail.got(mail.submit("else@other.example", None), "else@other.example")
    run("rm -r /etc/notify-milter /var/lib/notify-milter "
        "/var/spool/postfix/notify-milter; systemctl daemon-reload")


@case("without Postfix it starts, with its socket in /run/notify-milter")
def _(mail):
    # userdel(8) refuses where a process is left.
    run("apt-get purge -y postfix; rm -rf /var/spool/postfix; "
        "sed -i '/^postfix:/d' /etc/passwd /etc/group")
    run(f"dpkg -i {STATE}/higher.deb")
    run("getent group postfix", want=2)
    run("sed -i 's|^#socket = .*|socket = "
        f"unix:/run/notify-milter/notify-milter.sock|' {CONF}; "
        "notifyctl init; systemctl enable --now notify-milter")
    same(active(), "active", MAIN)
    run("test -S /run/notify-milter/notify-milter.sock")
    run("apt-get purge -y notify-milter")
