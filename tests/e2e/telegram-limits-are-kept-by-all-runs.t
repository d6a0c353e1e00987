#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 25 s
# deep: it waits as long as Telegram's limits ask for
# not with sanitizer: it is about the pace
"""All notify-telegram together keep Telegram's limits."""
import signal
import time

from lib import botapi
from lib.roster import ANN, OLGA, OTTO
from lib.tap import contains, same, true
from lib.telegram import Site, case, mail, run

CHAT, OTHER, THIRD = 7001, 7002, 7003
GROUP = -100700
BEGAN = int(time.time()) - 60


def start(site, link, number, **options):
    """A run with the message that arrived as NUMBER."""
    data = mail(subject=f"Notice {number}", arrived=BEGAN + number)
    return site.agent_start(link, data, f"4X{number:04}", **options)


def gaps(site, chat):
    """The seconds between the requests for CHAT."""
    times = [r.at for r in site.api.asked(chat=chat)]
    return [b - a for a, b in zip(times, times[1:])]


@case("more than twenty do not wait for one chat, but in the queue")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    hung = botapi.slow(60)
    site.api.fail(hung, chat=CHAT)
    runs = [start(site, ann, 1)]
    site.api.wait(lambda: site.api.asked(), "it hangs")
    runs += [start(site, ann, number) for number in range(2, 23)]
    done = site.agent_end(runs.pop()).must(75, "waiting")
    contains(done.err, "21 earlier messages", "why")
    site.agent_end(start(site, olga, 1)).must(0, "sent")
    for process in runs[1:]:
        process.send_signal(signal.SIGKILL)
        site.agent_end(process)
    site.api.give(hung)
    site.agent_end(runs[0]).must(0, "sent")
    same(site.sql("SELECT message FROM waiting"), [("4X0022",)], "what waits")


@case("a chat gets a message a second, a group one in three, also one run "
      "after the other")
def _(site):
    site.paced = True
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, GROUP))
    for link, chat, least in ((ann, CHAT, 1), (olga, GROUP, 3)):
        for number in (1, 2):
            site.agent_end(start(site, link, number)).must(0, "sent")
        true(least <= gaps(site, chat)[0] < least + 1.5,
             f"seconds between: {gaps(site, chat)}")
    began = time.monotonic()
    site.agent_end(start(site, ann, 3)).must(0, "sent")
    true(time.monotonic() - began < 2, "it is over")


@case("all together they make less than 30 requests a second")
def _(site):
    links = [site.link_to("acme", OLGA, CHAT), site.link_to("acme", ANN, OTHER),
             site.link_to("beta", OTTO, THIRD)]
    spans = []
    for number in range(1, 6):      # a busy machine may keep the first one
        mark = site.api.mark()
        for process in [start(site, link, number) for link in links]:
            site.agent_end(process).must(0, "sent")
        times = sorted(r.at for r in site.api.asked(since=mark))
        spans.append(times[-1] - times[0])
        if spans[-1] > 0.06:
            return
    true(False, f"seconds between the first and the last of three: {spans}")


@case("a chat that Telegram refuses (429) delays no other; if it refuses three "
      "in a row, all wait as long as it says, but ten seconds at most")
def _(site):
    site.paced = True
    links = {chat: site.link_to("acme", OLGA, chat) if chat == CHAT else
             site.link_to("acme", ANN, chat) if chat == OTHER else
             site.link_to("beta", OTTO, chat) for chat in (CHAT, OTHER, THIRD)}
    site.api.fail(botapi.too_many(3000), chat=CHAT)
    site.agent_end(start(site, links[CHAT], 1)).must(75, "later")
    began = time.monotonic()
    site.agent_end(start(site, links[OTHER], 1)).must(0, "sent")
    # It would be ten seconds. A busy machine takes one of itself.
    true(time.monotonic() - began < 5, "the other chat")
    time.sleep(1.1)
    with site.api.failing(botapi.too_many(9)):
        runs = [start(site, link, 2 if chat != CHAT else 1)
                for chat, link in links.items()]
        mark = site.api.mark()
        site.api.wait(lambda: len(site.api.asked()) >= 5, "three are refused")
    for process in runs:
        site.agent_end(process).must(0, "sent")
    refused = [r for r in site.api.asked(since=mark) if r.status == 429]
    later = [r for r in site.api.asked(since=mark) if r.status != 429]
    true(min(r.at for r in later) - max(r.at for r in refused) > 8,
         "the pause")


run(Site)
