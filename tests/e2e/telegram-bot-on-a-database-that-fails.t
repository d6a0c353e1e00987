#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with postgresql: it is about a file that fails
"""Whatever is wrong with the database, notify-bot says so once, and takes what
was said to it when the change that it caused is stored, and not before."""
import contextlib
import os
import re
import signal
import time

from lib import faults, tap
from lib.milter import BUILD
from lib.roster import ANN
from lib.tap import contains, same, true
from lib.telegram import Site, case, run
from lib.troubles import DISK, TROUBLES, on_disk

# Of all writes each ninth is tried; of programs that watch their own memory,
# which are slow, fewer.
STEP = 9 if os.path.basename(BUILD) == "build" else 27
CHAT, OTHER, GUESSER = 7001, 7002, 7003
WRONG = 5           # after so many a chat must wait
TOKEN = "/start TOKEN"      # a new one in its place

# What is said, each of which makes another write: (chat, text, what is in the
# answer, whose link is which chat then). None: it is not answered.
LINKED, MOVED = {("acme", ANN): CHAT}, {("acme", ANN): OTHER}
SAID = (
    (CHAT, TOKEN, "now linked", LINKED),
    (OTHER, TOKEN, "now linked", MOVED),
    (OTHER, "/status", ANN, MOVED),
    (OTHER, "/stop", None, MOVED),                  # an edited message
    (OTHER, "/stop", "no longer linked", {}),
    (CHAT, "/start wrong", "does not work", {}),
    (GUESSER, "/start wrong", "Wait for", {}),      # the fifth one
)


def state(site):
    """The database but for what is remembered of the time."""
    return {table: [row for row in rows if row[0] != "bot_offset_at"]
            for table, rows in site.dump().items()}


def tried(site, trouble, since):
    """It has tried some times, as far as that can be seen."""
    if trouble.reads and trouble.soon:
        site.api.wait(lambda: len(site.api.asked("getUpdates", since)) > 2,
                      "it asks again")
    else:
        time.sleep(0.05)


def halt(process):
    """Stop it for a while, where it keeps nobody else from reading."""
    own = re.compile(rf"(?m) WRITE +{process.pid} ")
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        with open("/proc/locks") as file:
            if not own.search(file.read()):
                return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.002)


def meets(site, trouble, chat, text, part, chats):
    """TEXT is said while the database is in TROUBLE."""
    what = f"{trouble.name}: {text}"
    if text == TOKEN:
        text = f"/start {site.connect_token('acme', ANN)}"
    if not trouble.soon:
        site.bot.kill()
    before, since = state(site), site.bot.mark()
    answers = len(site.api.texts(chat))
    with trouble(site):
        asked = site.api.mark()
        if not site.bot.running():
            site.bot.start(env=trouble.env(site))
        number = site.api.say(chat, text, kind="message" if part is not None
                              else "edited_message")
        said = site.bot.wait_line("error: ", since)
        for one in ("roster: ", site.database, *trouble.says):
            contains(said, one, f"what is said, {what}")
        tried(site, trouble, asked)
        same(len(site.bot.troubles(since)), 1,
             f"errors, {what}: {site.bot.troubles(since)}")
        same([u["update_id"] for u in site.api.updates], [number],
             f"updates that are not confirmed, {what}")
        halt(site.bot.process)      # until all is well again
    same((len(site.api.texts(chat)), state(site)), (answers, before),
         f"answers and database, {what}")
    site.bot.signal(signal.SIGCONT)
    site.api.wait(lambda: not site.api.updates, f"it is confirmed, {what}")
    if part is not None:
        contains(site.api.wait_text(chat, answers + 1)[answers], part,
                 f"answer, {what}")
    same((len(site.api.texts(chat)), site.chats()),
         (answers + (part is not None), chats), f"answers and links, {what}")
    true(state(site) != before, f"it is stored, {what}")


def all_of(site, trouble):
    for chat in (CHAT, OTHER, GUESSER):
        site.api.person(chat)
    site.bot.start(env=trouble.env(site))
    for _ in range(WRONG - 1):
        contains(site.ask(GUESSER, "/start wrong"), "does not work", "answer")
    site.api.wait(lambda: not site.api.updates, "it is confirmed")
    for words in SAID:
        # A bot that starts again does not know the wrong tokens so far.
        if words[0] != GUESSER or trouble.soon:
            meets(site, trouble, *words)
    same([entry["action"] for entry in site.log()
          if "telegram" in entry["action"]],
         ["telegram-link", "telegram-link", "telegram-end"], "records")
    site.bot.kill()


for trouble_ in TROUBLES:
    @case(f"{trouble_.name}: it says so once, and confirms nothing that is "
          "not stored", expect="roster: ")
    def _(site, trouble=trouble_):
        all_of(site, trouble)


for trouble_ in DISK:
    @case(f"{trouble_.name}: it says so once, and confirms nothing that is "
          "not stored", expect="roster: ")
    def _(site, trouble=trouble_):
        with on_disk(site):
            try:
                all_of(site, trouble)
            finally:
                site.bot.kill()


@case("killed at whichever write of a /start, it links the chat once",
      expect="not sent")
def _(site):
    number = 1
    while True:
        site.reset()
        site.api.person(CHAT)
        token = site.connect_token("acme", ANN)
        site.api.say(CHAT, f"/start {token}")
        site.bot.start(wait=False, env=faults.preload(
            site.database, site.folder, at=number, kill=1))
        site.until(lambda: site.api.texts(CHAT) or not site.bot.running(),
                   "it has answered, or was killed")
        if site.bot.running():
            break
        site.bot.start()
        site.api.wait(lambda: not site.api.updates, "it is confirmed")
        same(site.chats(), {("acme", ANN): CHAT}, f"links, write {number}")
        same([e["action"] for e in site.log() if "telegram" in e["action"]],
             ["telegram-link"], "records")
        for text in site.api.texts(CHAT):
            contains(text, ANN, "answer")
        site.bot.kill()
        number += STEP
    true(number > 10, f"got {number} writes")


with contextlib.suppress(tap.Skip):
    faults.own_mounts()
run(Site)
