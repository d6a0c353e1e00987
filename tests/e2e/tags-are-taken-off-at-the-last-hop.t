#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 5 s
"""With smtp_header_checks of the sample on the last hop, customers get no
X-Notify header; whoever decides still sees it."""
import os

from lib import TREE, lab
from lib.lab import ACCOUNTS, case
from lib.roster import ANN, BALANCE, BILL, entitled
from lib.tap import contains, same

CHECKS = "regexp:" + os.path.join(TREE, "postfix-sample/smtp_header_checks")


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


lab.run(settings={"expand": "addressed"})
