#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"What users write to the bot links their chats, and ends the links."
import hashlib
import os
import re
import time

from lib import botapi
from lib.botapi import BLOCKED, INTERNAL
from lib.roster import ADAM, ANN, BALANCE, BEA, OLGA, OTTO
from lib.tap import contains, lacks, same, true
from lib.telegram import DOMAIN, NAME, Site, case, expired, mail, run

CHAT, OTHER = 7001, 7002
GROUP, SUPERGROUP = -1001234567890, -1001234567891
TOKEN = "AAAAbbbbCCCCdddd0000-_"        # well-formed, but unknown


def two_chats(site):
    site.api.person(CHAT)
    site.api.person(OTHER, "Bea")
    site.bot.start()


def linked(site, account, address, chat):
    """The user gets a link and opens it in CHAT; the bot's answer."""
    answer = site.ask(chat, "/start " + site.connect_token(account, address))
    same(site.chats().get((account, address)), chat, f"chat of {address}")
    return answer


def refuses(site, chat, token):
    """The bot must link nothing for TOKEN and say how to get another; its
    answer."""
    before = site.chats()
    answer = site.ask(chat, f"/start {token}")
    same(site.chats(), before, f"links after /start {token}")
    contains(answer.lower(), "new", f"answer to /start {token}")
    lacks(answer, "now linked", f"answer to /start {token}")
    return answer


@case("a user who opens the link from connect is linked, and the answer "
      "names the user")
def _(site):
    two_chats(site)
    text = site.connected("acme", ANN)
    found = re.search(r"https://t\.me/(\w+)\?start=([A-Za-z0-9_-]+)(?=\s)",
                      text)
    same((found[1], len(found[2])), (NAME, 22), "bot and length of the token")
    answer = site.ask(CHAT, "/start " + found[2])
    same(site.chats(), {("acme", ANN): CHAT}, "links")
    for part in ("acme", ANN):
        contains(answer, part, "answer")


@case("the record of a link has user, account and author")
def _(site):
    two_chats(site)
    got = site.new(lambda: linked(site, "acme", ANN, CHAT))
    same([entry[1:4] for entry in got], [("acme", "telegram-link", ANN)],
         "changes")
    true(got[0][0], "an actor")


@case("a token is good once")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    site.ask(CHAT, f"/start {token}")
    refuses(site, OTHER, token)
    refuses(site, CHAT, token)
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("one link opened twice at the same time links one chat")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    site.api.say(CHAT, f"/start {token}")
    site.api.say(OTHER, f"/start {token}")
    site.api.wait_text(CHAT)
    contains(site.api.wait_text(OTHER)[0].lower(), "new", "second answer")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("a token that has expired links nothing")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    (expires,), = site.sql("SELECT expires - ? FROM token", time.time())
    true(880 < expires <= 900, f"expires in {expires:.0f} s, want 15 minutes")
    expired(site)
    refuses(site, CHAT, token)


@case("a token that was never issued links nothing")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    digest = hashlib.sha256(token.encode()).hexdigest()
    for number, wrong in enumerate(
            (TOKEN, token[:-1], token + "A", token.swapcase(), digest,
             "x" * 64, "x" * 3000, "'; DROP TABLE link; --", "%s%n",
             "\u00fc" * 22, "\U0001f600")):
        # Somebody else each time: one chat would soon have to wait.
        refuses(site, site.api.person(8000 + number), wrong)
    answer = site.ask(CHAT, f"/start {token}")
    contains(answer, ANN, "answer to the right one")


@case("a token of a user who was removed links nothing")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    site.ok("user", "remove", "acme", ANN, as_=OLGA)
    refuses(site, CHAT, token)
    site.ok("user", "add", "acme", ANN)
    refuses(site, CHAT, token)


@case("a token of a user who may not have a chat any more links nothing")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    site.ok("user", "role", "acme", ANN, "subscriber")
    refuses(site, CHAT, token)
    token = site.connect_token("beta", BEA)
    site.ok("unsubscribe", "beta", BALANCE, BEA, "--confirm", BEA, as_=OTTO)
    refuses(site, CHAT, token)


@case("a new token invalidates the older one of the same user")
def _(site):
    two_chats(site)
    old, new = (site.connect_token("acme", ANN) for _ in range(2))
    other = site.connect_token("beta", BEA)
    refuses(site, CHAT, old)
    contains(site.ask(CHAT, f"/start {new}"), ANN, "answer")
    contains(site.ask(OTHER, f"/start {other}"), BEA, "answer")


@case("a user who links another chat has only the new one")
def _(site):
    two_chats(site)
    linked(site, "acme", ANN, CHAT)
    linked(site, "acme", ANN, OTHER)
    same(site.chats(), {("acme", ANN): OTHER}, "links")
    lacks(site.ask(CHAT, "/status"), ANN, "status in the old chat")


@case("a user who links the same chat again gets there what waited for it")
def _(site):
    site.api.person(CHAT)
    site.bot.start()
    linked(site, "acme", ANN, CHAT)
    link, data = f"{site.sql('SELECT id FROM link')[0][0]}@{DOMAIN}", mail()
    site.api.fail(INTERNAL)
    site.agent(link, data).must(75, "again")
    linked(site, "acme", ANN, CHAT)
    site.agent(link, data).must(0, "sent")
    same(site.log()[-1]["detail"], "the same chat again", "in the record")


@case("a group that has got a new id keeps its link: /stop there ends it")
def _(site):
    site.settings(allow_groups="yes")
    site.bot.start()
    site.api.group(SUPERGROUP)
    for service in ((GROUP, {"migrate_to_chat_id": SUPERGROUP}),
                    (SUPERGROUP, {"migrate_from_chat_id": GROUP})):
        site.api.group(GROUP, "group")
        link = site.link_to("acme", ANN, GROUP)
        data = mail()
        site.api.fail(INTERNAL)
        site.agent(link, data, "A1").must(75, "again")
        chat, members = service
        site.api.say(chat, **members)
        contains(site.ask(SUPERGROUP, "/status"), ANN, "status")
        # What waits keeps its place, too.
        later = mail()
        site.agent(link, later, "A2").must(75, "waiting")
        site.agent(link, data, "A1").must(0, "sent")
        contains(site.ask(SUPERGROUP, "/stop"), ANN, "answer to /stop")
        same(site.chats(), {}, "links")
        site.agent(link, later, "A2").must(0, "no-link")


@case("/status and /stop in a chat of two users are about both")
def _(site):
    two_chats(site)
    linked(site, "acme", OLGA, CHAT)
    linked(site, "beta", OTTO, CHAT)
    linked(site, "beta", BEA, OTHER)
    status = site.ask(CHAT, "/status")
    for part in ("acme", OLGA, "beta", OTTO):
        contains(status, part, "status")
    lacks(status, BEA, "status")
    answers = []
    got = site.new(lambda: answers.append(site.ask(CHAT, "/stop")))
    same(sorted(entry[1:4] for entry in got),
         [("acme", "telegram-end", OLGA), ("beta", "telegram-end", OTTO)],
         "changes")
    for part in ("acme", "beta"):
        contains(answers[0], part, "answer to /stop")
    same(site.chats(), {("beta", BEA): OTHER}, "links")
    same(site.notices(), [], "notices to who has ended it")


@case("/status names account and address of the link, /stop forgets it")
def _(site):
    two_chats(site)
    linked(site, "acme", ANN, CHAT)
    for part in ("acme", ANN):
        contains(site.ask(CHAT, "/status"), part, "status")
    site.ask(CHAT, "/stop")
    same(site.chats(), {}, "links")
    lacks(site.ask(CHAT, "/status"), ANN, "status afterwards")


@case("/status and /stop in a chat without a link say that there is none")
def _(site):
    two_chats(site)
    linked(site, "acme", ANN, OTHER)
    for command in ("/status", "/stop"):
        got = site.new(lambda: contains(site.ask(CHAT, command), "not linked",
                                        f"answer to {command}"))
        same(got, [], "changes")
    same(site.chats(), {("acme", ANN): OTHER}, "links")


@case("anything else is answered with help, and changes nothing")
def _(site):
    two_chats(site)
    linked(site, "acme", ANN, CHAT)
    wanted = site.ask(CHAT, "/start")
    for part in ("/stop", "/status"):
        contains(wanted, part, "help")
    for text in ("/help", "hello", "/stopp", "/stopping", "stop", "/ stop",
                 "/starting", "/statuses", "x" * 4096, "/", "\u00ab/stop\u00bb",
                 "please /stop"):
        same(site.ask(CHAT, text), wanted, f"answer to {text[:40]}")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("commands may be followed by spaces, or by the bot's name")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    contains(site.ask(CHAT, f"/start@{NAME}  {token} "), ANN, "answer")
    contains(site.ask(CHAT, f"/status@{NAME}"), ANN, "answer")
    contains(site.ask(CHAT, "/status \n"), ANN, "answer")
    contains(site.ask(CHAT, "/stop  now"), ANN, "answer")
    same(site.chats(), {}, "links")


@case("a command for another bot ends nothing, links nothing and, in a group, "
      "gets no answer")
def _(site):
    site.settings(allow_groups="yes")
    two_chats(site)
    site.api.group(GROUP)
    site.link_to("beta", BEA, GROUP)
    site.link_to("beta", OTTO, CHAT)
    token = site.connect_token("acme", ANN)
    wanted = site.ask(CHAT, "/help")
    for name in ("OtherBot", NAME + "x", NAME[:-1], "", NAME + "@x"):
        for text in (f"/stop@{name}", f"/status@{name} now",
                     f"/start@{name} {token}", f"/help@{name}"):
            site.api.say(GROUP, text, person=CHAT)
        same(site.ask(CHAT, f"/stop@{name}"), wanted, f"/stop@{name} alone")
    site.ask(OTHER, "/status")
    same(site.api.texts(GROUP), [], "texts to the group")
    same(site.chats(), {("beta", BEA): GROUP, ("beta", OTTO): CHAT}, "links")
    contains(site.ask(GROUP, f"/stop@{NAME.upper()}", person=CHAT), BEA,
             "answer to ours")


@case("/status shows the categories that come, with what falls in them, and "
      "/stop does not")
def _(site):
    site.ok("category", "add", "alerts", "--title", "Alerts", "--telegram")
    site.sql("UPDATE category SET description = 'what broke'"
             " WHERE slug = 'alerts'")
    site.ok("category", "add", "plain", "--title", "Plain", "--telegram")
    site.link_to("acme", OLGA, CHAT)
    site.link_to("beta", BEA, CHAT)
    two_chats(site)
    status = site.ask(CHAT, "/status")
    first, second = status.split("account beta")
    for part in ("Balance and payments: debts;", "Alerts: what broke",
                 "- Plain\n"):
        contains(first, part, "status of an owner")
    contains(second, "- Balance and payments", "status of a member")
    for part in ("debts", "Alerts", "Plain"):
        lacks(second, part, "status of a member")
    lacks(status, "Services", "status")
    lacks(site.ask(CHAT, "/stop"), "Balance", "answer to /stop")


@case("a chat of very many accounts and categories gets an answer that Telegram "
      "takes")
def _(site):
    boss = "boss@boss.example"
    for number in range(30):
        site.ok("category", "add", f"alarm-{number}", "--title",
                f"Alarm {number}", "--telegram")
    site.ok("import", "-", stdin="account,email,role\n" + "".join(
        f"a-rather-long-account-name-{number},{boss},owner\n"
        for number in range(1500)))
    site.sql("INSERT INTO link(id, user, chat) SELECT id, id, ? FROM user"
             " WHERE address = ?", CHAT, boss)
    two_chats(site)
    for command in ("/status", "/stop"):
        answer = site.ask(CHAT, command)
        contains(answer, "a-rather-long-account-name-0,", "answer")
        same(answer[-4:], "\n...", f"end of the answer to {command}")
    same(site.chats(), {}, "links")


@case("who may not have a chat any more is told whom to ask, nobody else is")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    other = site.connect_token("beta", BEA)
    site.ok("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN, as_=OLGA)
    answer = refuses(site, CHAT, token)
    for part in ("account acme", ANN, OLGA, ADAM):
        contains(answer, part, "answer")
    lacks(answer, OTTO, "answer")
    for wrong in (token, TOKEN):
        lacks(refuses(site, CHAT, wrong), "@", f"answer to {wrong}")
    contains(site.ask(OTHER, f"/start {other}"), BEA, "answer")


@case("a phone is given the bot's commands, also once Telegram is back, and "
      "a refusal is logged once", expect="list of the bot's commands")
def _(site):
    def offered():
        return [c["command"] for c in site.api.commands.get("", ())]
    since = site.bot.mark()
    two_chats(site)
    site.api.wait(offered, "they are set")
    same(offered(), ["status", "stop"], "commands")
    same(site.bot.troubles(since), [], "what the bot complains of")
    site.bot.end()
    site.api.commands.clear()
    # No pause is longer than an hour, whatever Telegram asks for.
    site.api.fail(botapi.too_many(2 ** 62), method="setMyCommands", times=2)
    with site.api.failing(botapi.BAD_GATEWAY, method="setMyCommands"):
        site.bot.start()
        for _ in range(3):
            contains(site.ask(CHAT, "/status"), "not linked", "answer")
    same(len(site.bot.troubles(since)), 1, "warnings")
    # Two at the first start, for all and in English; then one, or two.
    true(len(site.api.asked("setMyCommands")) <= 4, "they are not tried often")
    site.bot.reload()
    site.ask(CHAT, "/status")
    site.api.wait(offered, "they are set")


@case("a picture, a sticker or a voice is answered with help as well")
def _(site):
    two_chats(site)
    linked(site, "acme", ANN, CHAT)
    wanted = site.ask(CHAT, "/help")
    for what in ({"sticker": {"emoji": "\U0001f600"}},
                 {"photo": [], "caption": "/stop"}, {"voice": {}},
                 {"contact": {"first_name": "Ann"}}):
        same(site.ask(CHAT, None, **what), wanted, f"answer to {what}")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("messages in other kinds of chats are ignored, and the next one is "
      "answered")
def _(site):
    site.settings(allow_groups="yes")
    two_chats(site)
    site.api.group(GROUP)
    site.api.say(GROUP, sticker={"emoji": "\U0001f600"}, person=CHAT)
    site.api.say(GROUP, new_chat_title="x", person=CHAT)
    site.api.say(CHAT, "/status", kind="edited_message")
    site.api.say(CHAT, "/status", kind="channel_post")
    contains(site.ask(OTHER, "/status"), "not linked", "answer")
    same(site.api.texts(GROUP) + site.api.texts(CHAT), [], "other answers")
    last = site.api.next_update
    site.api.wait(lambda: not site.api.updates, "all are confirmed")
    same(site.api.asked("getUpdates")[-1].params.get("offset"), last,
         "offset")


@case("a chat whose number is not one of Telegram's, or not of its kind, is not "
      "linked")
def _(site):
    site.settings(allow_groups="yes")
    two_chats(site)
    token = site.connect_token("acme", ANN)
    for number, kind in ((0, "private"), (2**52, "private"),
                         (-2**63, "supergroup"), (-CHAT, "private"),
                         (CHAT, "supergroup"), (str(CHAT), "private"),
                         (float(CHAT), "private"), (True, "private")):
        site.api.chats[9] = {"id": number, "type": kind}
        site.api.say(9, f"/start {token}")
    contains(site.ask(OTHER, "/status"), "not linked", "answer")
    same((site.chats(), len(site.api.sent)), ({}, 1), "links, answers")
    site.ask(CHAT, f"/start {token}")
    same(site.chats(), {("acme", ANN): CHAT}, "links with the token")


@case("a group is refused, and its members cannot link it by another")
def _(site):
    two_chats(site)
    for kind in ("group", "supergroup"):
        site.api.group(GROUP, kind)
        token = site.connect_token("acme", ANN)
        answer = site.ask(GROUP, f"/start@{NAME} {token}", person=CHAT)
        contains(answer.lower(), "private", f"answer in a {kind}")
        same(site.chats(), {}, "links")


@case("with allow_groups a group is linked")
def _(site):
    site.settings(allow_groups="yes")
    two_chats(site)
    site.api.group(GROUP)
    token = site.connect_token("acme", ANN)
    answer = site.ask(GROUP, f"/start@{NAME} {token}", person=CHAT)
    contains(answer, ANN, "answer")
    same(site.chats(), {("acme", ANN): GROUP}, "links")
    contains(site.ask(GROUP, f"/stop@{NAME}", person=CHAT), "acme", "answer")
    same(site.chats(), {}, "links")


@case("a group with topics is linked in one: answers, messages and the end "
      "of the link come there")
def _(site):
    site.settings(allow_groups="yes")
    two_chats(site)
    site.api.group(GROUP)
    site.api.topics[GROUP, 5] = "open"
    token = site.connect_token("acme", ANN)
    contains(site.ask(GROUP, f"/start {token}", person=CHAT,
                      message_thread_id=5, is_topic_message=True), ANN,
             "answer")
    (number, topic), = site.sql("SELECT id, topic FROM link")
    same(topic, 5, "topic")

    def sent():
        return [r.params.get("message_thread_id")
                for r in site.api.asked(chat=GROUP) if r.status == 200]
    mirror = f"{number}@{DOMAIN}"
    site.agent(mirror).must(0, "sent")
    same(sent(), [5, 5], "topics of answer and message")
    # A reply in a group without topics has a number, too.
    contains(site.ask(GROUP, f"/status@{NAME}", person=CHAT,
                      message_thread_id=77), ANN, "answer")
    for state in ("closed", "deleted"):
        site.api.topics[GROUP, 5] = state
        site.agent(mirror).must(0, "sent")
    contains(site.ask(GROUP, "/status", person=CHAT, message_thread_id=5,
                      is_topic_message=True), ANN, "answer")
    same(sent(), [5, 5, None, None, None, None], "topics")
    site.api.topics[GROUP, 5] = "open"
    site.ok("user", "remove", "acme", ANN, as_=OLGA)
    site.ask(OTHER, "/status")
    site.ask(OTHER, "/status")
    same(sent()[-1], 5, "topic of the end of the link")


@case("what people say to each other in a group is not answered")
def _(site):
    site.settings(allow_groups="yes")
    two_chats(site)
    site.api.group(GROUP)
    for text in ("hello", "stop", "see /status"):
        site.api.say(GROUP, text, person=CHAT)
    site.ask(CHAT, "/status")
    same(site.api.texts(GROUP), [], "texts to the group")


@case("a link stays although the answer could not be sent, and who blocks the "
      "bot is no warning")
def _(site):
    two_chats(site)
    site.api.fail(BLOCKED)
    token = site.connect_token("acme", ANN)
    site.api.say(CHAT, f"/start {token}")
    contains(site.ask(OTHER, "/status"), "not linked", "next answer")
    same(site.chats(), {("acme", ANN): CHAT}, "links")


@case("the database has a token's SHA-256, and no file has the token")
def _(site):
    two_chats(site)
    token = site.connect_token("acme", ANN)
    digest = hashlib.sha256(token.encode()).hexdigest()
    same(site.sql("SELECT hash FROM token"), [(digest,)], "hashes")

    def seen():
        return [name for where, _, names in os.walk(site.folder)
                for name in names
                if token.encode() in open(os.path.join(where, name),
                                          "rb").read()]
    same(seen(), [], "files with the token")
    site.ask(CHAT, f"/start {token}x")
    site.ask(CHAT, f"/start {token}")
    same(seen(), [], "files with the token, once it was used")
    same(site.sql("SELECT count(*) FROM token"), [(0,)], "tokens left")


@case("texts go to the chat as they are, without a parse_mode")
def _(site):
    two_chats(site)
    address = "a_b*c`d&f@acme.example"
    site.ok("user", "add", "acme", address)
    site.ok("subscribe", "acme", BALANCE, address, as_=ADAM)
    contains(linked(site, "acme", address, CHAT), address, "answer")
    contains(site.ask(CHAT, "/status"), address, "status")
    for request in site.api.asked():
        lacks(request.params, "parse_mode", "request")
        same(request.status, 200, f"status of {request}")


run(Site)
