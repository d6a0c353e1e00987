#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 300 s
# deep: it sends 1,000 messages at the pace that Telegram allows
# not with sanitizer: it is about the pace
# not with postgresql: it is about the pace
"""Many messages to many chats at once: as fast as Telegram's limits allow, and
in each chat in the order in which they came.

Postfix delivers with the sample's transport. The stand-in refuses what exceeds
30 messages a second in all, one a second to a chat and 20 a minute to a group,
and takes 0.2 s for each answer."""
import collections
import re
import time

from lib import botapi
from lib.roster import BALANCE, CSV, OLGA
from lib.tap import same, true
from lib.telegram import ChatLab, case, run

CHATS = 200
EACH = 5
LATENCY = 0.2
HUNG = 5             # chats whose requests hang


class Burst:
    """Messages to users who are linked to a chat each."""

    def __init__(self, site, chats=CHATS):
        self.site = site
        site.milter.settings(expand="never")
        users = [f"chat{i}@acme.example" for i in range(chats)]
        site.notifyctl("import", "-", input=CSV + "".join(
            f"acme,{user},member,{BALANCE}\n" for user in users))
        site.sql("INSERT INTO link(user, chat) SELECT id, 10000 + id FROM user"
                 " WHERE address LIKE 'chat%'")
        self.chat = dict(site.sql("SELECT address, 10000 + id FROM user"
                                  " WHERE address LIKE 'chat%'"))
        self.users = users
        for chat in self.chat.values():
            site.api.person(chat)
        site.api.limits, site.api.latency = True, LATENCY
        site.api.on_request = None      # it would look at each process
        self.want = collections.defaultdict(list)

    def send(self, user, number):
        self.want[self.chat.get(user)].append(f"Notice {number}")
        self.site.send([user], BALANCE, "acme", subject=f"Notice {number}")

    def arrived(self):
        return sum(chat in self.want for chat, _, _ in self.site.api.sent)

    def through(self, total, seconds, settle=True):
        """TOTAL are in their chats SECONDS after the last was sent, in order
        in nearly all, and hardly a request was refused."""
        site = self.site
        began = time.monotonic()
        site.api.wait(lambda: self.arrived() >= total, "all are told", 900)
        took = time.monotonic() - began
        if settle:
            site.postfix.settle(120)
        got = collections.defaultdict(list)
        for chat, text, _ in site.api.sent:
            got[chat].append(re.match(r"Notice \d+", text)[0])
        requests = site.api.asked()
        print(f"# {total} messages in {took:.1f} s, {len(requests)} requests, "
              f"{sum(r.status == 429 for r in requests)} answered with 429",
              flush=True)
        wrong = [c for c in self.want if got[c] != self.want[c]]
        print(f"# order wrong in {len(wrong)} of {len(self.want)} chats",
              flush=True)
        same({c: sorted(got[c]) for c in wrong},
             {c: sorted(self.want[c]) for c in wrong}, "what came")
        # Nobody knows of a run that the MTA has not started yet: on a busy
        # machine a later message may be there before it.
        true(len(wrong) <= len(self.want) / 50, f"order wrong in {wrong}")
        # On a busy machine some start late, and then at once.
        true(sum(r.status == 429 for r in requests) < total / 50, "refused")
        # A minute, if nothing else runs here.
        true(took < seconds, f"{took:.0f} s")


def send(burst, order):
    began = time.monotonic()
    for number, user in enumerate(order):
        burst.send(user, number)
    print(f"# sent in {time.monotonic() - began:.1f} s, "
          f"{burst.arrived()} are in their chats", flush=True)


@case("a thousand messages to 200 chats are through in a minute, each chat's "
      "in order")
def _(site):
    burst = Burst(site)
    send(burst, burst.users * EACH)
    burst.through(CHATS * EACH, 120)


@case("also if those to a chat come one right after the other")
def _(site):
    burst = Burst(site)
    send(burst, [user for user in burst.users for _ in range(EACH)])
    burst.through(CHATS * EACH, 120)


@case("while the requests for five chats hang, all others are through in a "
      "minute")
def _(site):
    burst = Burst(site)
    hung = burst.users[::CHATS // HUNG]
    for user in hung:
        site.api.fail(botapi.slow(90), chat=burst.chat[user])
        del burst.chat[user]
    send(burst, hung)
    burst.want.clear()
    send(burst, [user for user in burst.users if user not in hung] * EACH)
    burst.through((CHATS - HUNG) * EACH, 120, settle=False)


run(ChatLab)
