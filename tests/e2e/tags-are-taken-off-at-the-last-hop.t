#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 8 s
"""With smtp_header_checks of the sample on the last hop, customers get no
X-Notify header; whoever decides still sees it."""
import json
import os
import subprocess

from lib import TREE, lab
from lib.lab import ACCOUNTS, case
from lib.milter import program
from lib.postfix import Postfix
from lib.roster import ANN, BALANCE, BILL, entitled
from lib.tap import contains, lacks, same

CHECKS = "regexp:" + os.path.join(TREE, "postfix-sample/smtp_header_checks")


class Lab(lab.Lab):
    class mta(Postfix):
        """With a listener whose mail a content filter hands to the other."""

        listeners = {**Postfix.listeners,
                     "filtered": ("127.0.0.1", "smtpd_milters=MILTER"),
                     "back": ("127.0.0.1",
                              "smtpd_milters=MILTER content_filter=")}


@case("mail by SMTP and by sendmail(1) is decided, and arrives without tags")
def _(one):
    one.postfix.tool("postconf", "-P", f"smtp/unix/smtp_header_checks={CHECKS}")
    one.postfix.reload()
    for send in (one.send, one.sendmail):
        result = send([f"acme@{ACCOUNTS}", BILL], BALANCE, "acme",
                      headers=["X-Notifying: x"])
        result.must("deliver", entitled(BALANCE, "acme"), account="acme")
        data = result.data().lower()
        same(data.count(b"x-notify-"), 0, "tags that arrive")
        contains(data, b"x-notifying: x", "another header")


@case("without it they arrive")
def _(one):
    one.postfix.tool("postconf", "-PX", "smtp/unix/smtp_header_checks")
    one.postfix.reload()
    result = one.send([ANN], BALANCE)
    result.must("deliver", [ANN])
    contains(result.data().lower(), b"x-notify-category:", "the tag")


def fix(one, *words):
    """Run the fix of check's finding with WORDS."""
    env = {**os.environ, "MAIL_CONFIG": one.postfix.config}
    done = subprocess.run(
        [program("notifyctl"), "--json", "-c", one.milter.file, "check"],
        env=env, text=True, capture_output=True, timeout=60)
    found, = [f["fix"] for f in json.loads(done.stdout)["findings"]
              if all(word in f["what"] for word in words)]
    subprocess.run(["sh", "-c", found], env=env, check=True, timeout=60)
    one.postfix.reload()


@case("behind a content filter by the same transport a message is known again "
      "after check's fix, and still arrives without tags")
def _(one):
    tool, ports = one.postfix.tool, one.postfix.addresses
    filtered = f"127.0.0.1:{ports['filtered'][1]}/inet"
    tool("postconf", "-P", f"smtp/unix/smtp_header_checks={CHECKS}")
    tool("postconf", "-P", f"{filtered}/content_filter="
         f"smtp:[127.0.0.1]:{ports['back'][1]}")
    one.postfix.reload()

    def known_again():
        """How often the milter knew again what it had decided."""
        result = one.send([f"acme@{ACCOUNTS}", BILL], BALANCE, "acme",
                          listener="filtered")
        one.postfix.settle()
        same(result.recipients(), sorted(entitled(BALANCE, "acme")),
             "recipients")
        lacks(result.data().lower(), b"x-notify-", "what arrives")
        return sum("decided=before" in line
                   for _, line in one.milter.summaries(result.since))

    same(known_again(), 0, "before, the filter returns it without the header")
    fix(one, "smtp_header_checks", "Decided")
    same(known_again(), 1, "after")


lab.run(settings={"expand": "addressed"}, lab=Lab)
