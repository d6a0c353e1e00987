#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: the commands name one port
# needs: root postfix
# not with sanitizer: it is about Postfix
# not with postgresql: it is about Postfix
# takes: 8 s
"""notifyctl postfix: a Postfix that runs and knows no milter decides mail by
SMTP and by sendmail(1) after the printed commands."""
import os
import subprocess

from lib import lab
from lib.lab import ACCOUNTS, case
from lib.milter import BUILD
from lib.roster import BALANCE, BILL, entitled
from lib.tap import same

ACME = f"acme@{ACCOUNTS}"


def plain(one):
    """One listener, and no milter."""
    postfix = one.postfix
    _, port = postfix.addresses["smtp"]
    path = os.path.join(postfix.config, "master.cf")
    with open(path, "w", encoding="utf-8") as out:
        out.write(postfix.services
                  + f"\n127.0.0.1:{port} inet n - n - - smtpd\n")
    os.utime(path, (1, 1))
    postfix.reload()


@case("mail is decided after the commands, as it was delivered before")
def _(one):
    plain(one)
    env = {**os.environ, "MAIL_CONFIG": one.postfix.config,
           "PATH": f"{BUILD}:{os.environ['PATH']}"}
    for send in (one.send, one.sendmail):
        send([BILL], BALANCE).untouched([BILL])
    command = f"notifyctl -c '{one.milter.file}' postfix"

    def run_commands():
        done = subprocess.run(["sh", "-c", f"{command} | sh"], env=env,
                              text=True, capture_output=True, timeout=60)
        same(done.returncode, 0, f"exit; {done.stderr}")
        one.postfix.reload()    # no service has the old settings any more

    def decided():
        for send in (one.send, one.sendmail):
            send([ACME, BILL], BALANCE).must("deliver",
                                             entitled(BALANCE, "acme"))
        again = subprocess.run(["sh", "-c", command], env=env, text=True,
                               capture_output=True, timeout=60)
        same((again.returncode, again.stdout), (0, ""), "a second run")
    run_commands()
    one.postfix.by_listener = True
    decided()
    # The socket is changed, and only Postfix is told; then the milter.
    new = one.milter.defaults["socket"].replace("milter.sock", "other.sock")
    one.milter.write(socket=new)
    run_commands()
    one.milter.stop()
    one.milter.start()
    decided()


lab.run(by_listener=False, main={"smtpd_milters": "",
                                 "non_smtpd_milters": ""})
