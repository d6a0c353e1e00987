# SPDX-License-Identifier: BSD-2-Clause
"""cases_sendmail - with Sendmail in place of Postfix"""
import re

from inside import (ACME, ANN, CONF, DOC, LIMIT, MAIN, MAINTENANCE, OLGA,
                    README, SAMPLE, STATE, block, case, drop_in, edit, forms,
                    package_is_built, run)
from lib.smtp import Client, marker, message
from lib.tap import contains, same, true

MC = "/etc/mail/sendmail.mc"
SOCKET = "unix:/run/notify-milter/notify-milter.sock"


def sendmail_mc(sample):
    """sendmail.mc of Debian, with the lines of SAMPLE where it says."""
    first, end = re.split(r"(?m)^(?=MAILER_DEFINITIONS)", sample)
    with open(f"{STATE}/sendmail.mc") as file:
        debian = file.read()
    before, mailers = re.split(r"(?m)^(?=MAILER_DEFINITIONS)", debian)
    with open(MC, "w") as file:
        file.write(f"{before}{first}{mailers}\n{end}")
    # An emulated machine is always under load.
    run("yes | sendmailconfig --no-reload; sed -Ei "
        "'s/^#?O ((Queue|Refuse|Delay)LA)=.*/O \\1=1000/' "
        "/etc/mail/sendmail.cf /etc/mail/submit.cf; "
        "systemctl restart sendmail")


@case("a site with Sendmail, and no group postfix, delivers mail", needed=True)
def _(mail):
    run("getent group postfix", want=2)
    run("test ! -e /var/spool/postfix; systemctl enable --now sendmail")
    route = ("define(`SMART_HOST', `relay:[127.0.0.1]')dnl\n"
             "define(`RELAY_MAILER_ARGS', "
             f"`TCP $h {mail.receiver.port}')dnl\n"
             "FEATURE(`nocanonify')dnl\n"
             "FEATURE(`accept_unresolvable_domains')dnl\n"
             "FEATURE(`mailertable')dnl\n")
    with open(MC) as file:
        text = file.read()
    true("\nMAILER_DEFINITIONS\n" in text, "Debian's sendmail.mc")
    with open(f"{STATE}/sendmail.mc", "w") as file:
        file.write(text.replace("MAILER_DEFINITIONS\n",
                                route + "MAILER_DEFINITIONS\n"))
    # There is no network, so no names can be looked up.
    run("sed -i \"/^FEATURE(.msp/i FEATURE(\\`nocanonify')dnl\" "
        "/etc/mail/submit.mc; "
        "cp /etc/mail/service.switch-nodns /etc/mail/service.switch")
    with open("/etc/mail/mailertable", "w") as file:
        file.write("telegram.invalid\tnotify-telegram:telegram.invalid\n")
    sendmail_mc("MAILER_DEFINITIONS\n")
    for send in (lambda to: mail.send(to, None)[0],
                 lambda to: mail.submit(to, None)):
        mail.got(send("else@other.example"), "else@other.example")


@case("the lines for Sendmail install it, and mail is decided both ways",
      needed=True)
def _(mail):
    package_is_built()
    edit(account_domain="accounts.example.com", socket=SOCKET,
         **{"from": "notify@example.com"})
    contains(block(SAMPLE, "Sendmail"), f"socket = {SOCKET}", "what it says")
    for command in block(README, "Install beside Postfix"):
        if "notifyctl postfix" not in command and "check" not in command:
            run(command, data="y\n")
    run("test -S /run/notify-milter/notify-milter.sock")
    run(f"notifyctl account add acme --owner {OLGA}; "
        f"notifyctl user add acme {ANN}; "
        f"notifyctl --as {OLGA} subscribe acme {MAINTENANCE} {ANN}")
    with open(f"{DOC}/sendmail.mc") as file:
        sendmail_mc(file.read())
    run("notifyctl check")
    mail.flows()
    mail.got(mail.submit(ACME), ANN, OLGA)


@case("without Postfix each form that a comment of the unit shows starts")
def _(mail):
    tcp, directory = forms(f"/usr/lib/systemd/system/{MAIN}")
    where = "/var/spool/elsewhere"
    run(f"cp -p {CONF} {STATE}/conf; cp -p /etc/mail/sendmail.cf {STATE}/cf")
    try:
        for text, socket in (
                (tcp, "inet:8899@localhost"),
                (directory.replace("GROUP", "smmsp").replace(
                    "DIRECTORY", where), f"unix:{where}/nm.sock")):
            drop_in(MAIN, text)
            run(f"sed -i 's|^socket = .*|socket = {socket}|' {CONF}; "
                f"systemctl restart {MAIN}; "
                f"sed -i 's|{SOCKET}|{socket}|' /etc/mail/sendmail.cf; "
                "systemctl restart sendmail")
            mail.flows()
            run(f"cp -p {STATE}/cf /etc/mail/sendmail.cf")
    finally:
        run(f"cp -p {STATE}/conf {CONF}; cp -p {STATE}/cf "
            "/etc/mail/sendmail.cf")
        drop_in(MAIN)
        run(f"systemctl restart {MAIN} sendmail")
    mail.flows()


@case("while the milter is down Sendmail defers, and afterwards it delivers")
def _(mail):
    run("systemctl stop notify-milter")
    with Client(("127.0.0.1", 25), timeout=LIMIT) as client:
        reply = client.send("billing@example.com", "else@other.example",
                            message(marker(), None))
    same(reply.code // 100, 4, f"the answer, {reply}")
    run("systemctl start notify-milter")
    mail.flows()


@case("a removal is refused while Sendmail names it; then mail passes")
def _(mail):
    said = run("apt-get remove -y notify-milter", want=100)
    contains(said, "INPUT_MAIL_FILTER", "what it says")
    mail.flows()
    sendmail_mc("MAILER_DEFINITIONS\n")
    run("apt-get remove -y notify-milter")
    for send in (lambda to: mail.send(to, None)[0],
                 lambda to: mail.submit(to, None)):
        mail.got(send("else@other.example"), "else@other.example")
    run("apt-get purge -y notify-milter")
