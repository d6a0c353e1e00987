#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# needs: root postfix
# takes: 30 s
"A chat that guesses connect tokens has to wait, and no other chat does."
import base64
import re
import secrets
import time

from lib.roster import ANN, BEA, OLGA, OTTO
from lib.tap import contains, lacks, same, true
from lib.telegram import NAME, Site, case, expired, run

GUESSER, OTHER, THIRD = 7001, 7002, 7003
GROUP = -1001234567890
TRIES = 5           # wrong ones that are put up with
ANSWERS = 20        # that a chat gets at once
WAIT = "Too many links"


def guess():
    """A well-formed token that was never issued."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16))[:22].decode()


def chats(site):
    for chat in (GUESSER, OTHER, THIRD):
        site.api.person(chat)
    site.bot.start()


def exhaust(site, chat=GUESSER):
    """Guess until the chat is told to wait; its answers."""
    answers = [site.ask(chat, f"/start {guess()}") for _ in range(TRIES)]
    contains(answers[-1], WAIT, f"answer {TRIES}")
    for answer in answers[:-1]:
        lacks(answer, WAIT, "an answer before that")
    return answers


def silent(site, chat, text):
    """TEXT in CHAT is passed over: what is said behind it elsewhere is
    answered, and in CHAT nothing is."""
    before, links = len(site.api.texts(chat)), site.chats()
    site.api.say(chat, text)
    site.ask(THIRD, "/status")
    same(site.api.texts(chat)[before:], [], f"answers to {text!r}")
    same(site.chats(), links, f"links after {text!r}")


def handled(site):
    """Wait until every update is confirmed."""
    site.api.wait(lambda: not site.api.updates, "all are confirmed")


def forget_waiting(site):
    """End the refusals that the database has."""
    site.bot.kill()
    site.sql("UPDATE state SET value = 1 WHERE name LIKE 'bot_refused:%'")
    site.bot.start()


@case("after five wrong tokens a chat is told to wait, then gets no answer")
def _(site):
    chats(site)
    answers = exhaust(site)
    contains(answers[-1], "1 minute,", "how long")
    for _ in range(10):
        silent(site, GUESSER, f"/start {guess()}")


@case("unknown, used and expired tokens and those of removed users get one "
      "answer")
def _(site):
    chats(site)
    used = site.connect_token("acme", ANN)
    site.ask(OTHER, f"/start {used}")
    old = site.connect_token("beta", BEA)
    expired(site)
    removed = site.connect_token("acme", OLGA)
    site.ok("account", "transfer", "acme", ANN)
    site.ok("user", "remove", "acme", OLGA, as_=ANN)
    answers = {site.ask(GUESSER, f"/start {token}")
               for token in (guess(), used, old, removed)}
    same(len(answers), 1, f"different answers in {answers}")


@case("a chat that waits does not learn that a token is good, and the token "
      "stays valid")
def _(site):
    chats(site)
    exhaust(site)
    token = site.connect_token("acme", ANN)
    silent(site, GUESSER, f"/start {token}")
    silent(site, GUESSER, f"/start@{NAME} {token}")
    contains(site.ask(OTHER, f"/start {token}"), ANN, "answer elsewhere")
    same(site.chats(), {("acme", ANN): OTHER}, "links")


@case("a chat that waits still gets answers to other messages, and can stop")
def _(site):
    chats(site)
    site.ask(GUESSER, "/start " + site.connect_token("acme", ANN))
    exhaust(site)
    contains(site.ask(GUESSER, "/status"), ANN, "status")
    contains(site.ask(GUESSER, "/start"), "/stop", "help")
    contains(site.ask(GUESSER, "/stop"), ANN, "answer to /stop")
    same(site.chats(), {}, "links")


@case("a good token after some wrong ones links the chat, and resets the "
      "count")
def _(site):
    chats(site)
    for account, address in (("acme", ANN), ("beta", OTTO), ("beta", BEA)):
        for _ in range(TRIES - 1):
            lacks(site.ask(OTHER, f"/start {guess()}"), WAIT, "a slip")
        contains(site.ask(OTHER, "/start "
                          + site.connect_token(account, address)), address,
                 "answer")


@case("a restart makes nobody's wait shorter, and it ends when it is over")
def _(site):
    chats(site)
    exhaust(site)
    token = site.connect_token("acme", ANN)
    site.bot.kill()
    site.bot.start()
    contains(site.ask(GUESSER, f"/start {token}"), WAIT, "first answer")
    silent(site, GUESSER, f"/start {token}")
    # Over: one more wrong one, and the wait is twice as long.
    forget_waiting(site)
    contains(site.ask(GUESSER, f"/start {token}"), ANN, "when it is over")


def waits(site, name, ends):
    """The bot starts again, and the wait NAME ends at ENDS, Unix seconds."""
    site.bot.kill()
    site.sql("UPDATE state SET value = ? | (value & 255) WHERE name = ?",
             ends << 8, name)
    site.bot.start()
    site.ask(THIRD, "/status")      # with the first update it reads the waits


@case("each wrong token after a wait makes the next one longer")
def _(site):
    chats(site)
    exhaust(site)
    (name, value), = site.sql(
        "SELECT name, value FROM state WHERE name LIKE 'bot_refused:%'")
    same(name, f"bot_refused:{GUESSER}", "whose wait it is")
    for minutes in (2, 4):
        waits(site, name, int(time.time()) + 3600)
        contains(site.ask(GUESSER, f"/start {guess()}"), WAIT, "too early")
        ends = int(time.time()) + 5
        waits(site, name, ends)
        time.sleep(max(0, ends - time.time()) + 0.1)
        contains(site.ask(GUESSER, f"/start {guess()}"),
                 f"{minutes} minutes,", "how long")


@case("thousands of guesses delay nobody, and cost nearly nothing")
def _(site):
    chats(site)
    token = site.connect_token("acme", ANN)
    asked = site.api.mark()
    for number in range(4000):
        site.api.say(GUESSER, f"/start {guess()}")
        if number == 2000:
            site.api.say(OTHER, f"/start {token}")
    contains(site.api.wait_text(OTHER)[0], ANN, "answer")
    handled(site)
    same(len(site.api.texts(GUESSER)), TRIES, "answers to the guesser")
    same(site.chats(), {("acme", ANN): OTHER}, "links")
    sent = site.api.asked("sendMessage", asked)
    same(len(sent), TRIES + 1, "texts sent in all")
    contains(site.ask(OTHER, "/status"), ANN, "status afterwards")


@case("guesses from hundreds of chats are no longer answered, and logged",
      expect="wrong connect tokens")
def _(site):
    chats(site)
    since = site.bot.mark()
    token = site.connect_token("acme", ANN)
    for number in range(400):
        chat = site.api.person(100000 + number)
        site.api.say(chat, f"/start {guess()}")
    site.api.say(OTHER, f"/start {token}")
    contains(site.api.wait_text(OTHER)[0], ANN, "answer")
    answered = [c for c in range(100000, 100400) if site.api.texts(c)]
    # A minute may end among them.
    true(100 <= len(answered) <= 201, f"answered: {len(answered)}")
    troubles = site.bot.troubles(since)
    same(len(troubles), 1, f"warnings in {troubles}")
    contains(troubles[0], "guessing", "the warning")


@case("a chat that asks without end gets few answers, others at once")
def _(site):
    chats(site)
    site.ask(GUESSER, "/start " + site.connect_token("acme", ANN))
    texts = ["/status", "/help", "hello", "/start"]
    began = time.monotonic()
    for number in range(2000):
        site.api.say(GUESSER, texts[number % 4])
    contains(site.ask(OTHER, "/status"), "not linked", "another's answer")
    handled(site)
    most = 1 + ANSWERS + (time.monotonic() - began) / 3
    got = len(site.api.texts(GUESSER))
    true(ANSWERS <= got <= most + 1, f"got {got} answers, want {ANSWERS} "
         f"to {most:.0f}")
    # /stop is never ignored.
    contains(site.ask(GUESSER, "/stop"), ANN, "answer to /stop")
    same(site.chats(), {}, "links")


@case("nor does one that says /stop without end where nothing is linked")
def _(site):
    chats(site)
    for _ in range(500):
        site.api.say(GUESSER, "/stop")
    began = time.monotonic()
    contains(site.ask(OTHER, "/status"), "not linked", "another's answer")
    handled(site)
    most = ANSWERS + (time.monotonic() - began) / 3
    got = len(site.api.texts(GUESSER))
    true(ANSWERS <= got <= most + 1, f"got {got} answers, want {ANSWERS} "
         f"to {most:.0f}")


@case("a token works only unchanged, in one private chat, in time")
def _(site):
    chats(site)
    site.api.group(GROUP)
    token = site.connect_token("acme", ANN)
    half = len(token) // 2
    wrong = (token[:half] + " " + token[half:], token.upper(), token.lower(),
             token[::-1], f"\u00a0{token}", f"{token}\u200b", f"{token}=",
             f"{token}==", f"={token}", token[:half] + "\x00" + token[half:],
             f"<{token}>", f'"{token}"', f"{token};", f"start={token}",
             f"https://t.me/{NAME}?start={token}", f"{token[:-1]}",
             "%" * 22, "_" * 22, "' OR '1'='1", "x'); DELETE FROM link; --",
             "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
             "\u202e" + token, token.replace(token[0], token[0] + "\t"))
    for number, text in enumerate(wrong):
        chat = site.api.person(100000 + number)
        lacks(site.ask(chat, f"/start {text}"), ANN, f"answer to {text!r}")
    lacks(site.ask(GROUP, f"/start {token}", person=OTHER), ANN, "in a group")
    same(site.chats(), {}, "links")
    contains(site.ask(OTHER, f"/START   {token}\n"), ANN, "as it was given")


@case("a malformed update does not stop the bot")
def _(site):
    chats(site)
    for text in ("\x00", "/start \x00", "/status\x00x", "\x1b[2J", "a\rb\n",
                 "\u2028\u202e\u2066", "\ufeff/start x", "x" * 40000):
        site.api.say(GUESSER, text)
    for name in ("\x00", "\x1b]0;x\x07", "\u202e\u2066", "a\r\nb"):
        site.api.say(GUESSER, "/status", **{"from": {
            "id": 1, "is_bot": False, "first_name": name, "username": name}},
            forward_sender_name=name)
    site.api.chats[GUESSER]["title"] = "\x00\x1b[2J\r\n"
    site.api.say(GUESSER, "/status")
    contains(site.ask(OTHER, "/status"), "not linked", "another's answer")
    handled(site)
    for line in site.bot.since():
        true(line.isprintable(), f"a line of the log: {line!r}")
    for text in site.api.texts():
        true(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202a-\u202e"
                           "\u2066-\u2069]", text), f"an answer: {text!r}")


@case("fifty updates of the greatest length are read at once")
def _(site):
    for chat in (GUESSER, OTHER, THIRD):
        site.api.person(chat)
    long = {"text": "\U0001f600" * 2048,
            "entities": [{"type": "bot_command", "offset": 0, "length": 1}
                         ] * 100}
    for _ in range(150):
        site.api.say(GUESSER, "\u00fc" * 4096, reply_to_message=long,
                     quote=long)
    site.bot.start()
    contains(site.ask(OTHER, "/status"), "not linked", "another's answer")
    handled(site)


run(Site)
