#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 60 s
"""What notify-telegram makes of each answer: sent, again later, or given up.

It is run here as pipe(8) runs it, with the message on standard input; with
Postfix around it: telegram-mirror-passes-postfix.t."""
import os
import re
import shutil
import subprocess
import threading
import time

from lib import botapi, rosterdb
from lib.roster import ANN, BALANCE, BEA, DOCUMENTS, OLGA, OTTO, SERVICES
from lib.tap import contains, lacks, same, true
from lib.telegram import (Site, Station, case, local_copy, mail, marker, run,
                          unprivileged)

CHAT, OTHER = 7001, 7002
GROUP, SUPERGROUP = -4001, -1001234567890


def unchanged(site, link):
    """The link stays, and nobody got a mail about it."""
    same([f"{i}@telegram.invalid" for i, in site.sql("SELECT id FROM link")],
         [link], "links")
    same(site.mails(), [], "mails")


# Sent

@case("the request has chat, text, entity, and no preview")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.agent(ann, mail(subject="Top-up failed")).must(0, "sent")
    (chat, text, params), = site.api.sent
    same(sorted(params), ["chat_id", "entities", "link_preview_options",
                          "text"], "members of the request")
    same((chat, type(params["chat_id"])), (CHAT, int), "chat_id")
    same(params["link_preview_options"], {"is_disabled": True}, "preview")
    same(params["entities"], [{"type": "bold", "offset": 0, "length": 13}],
         "entities")
    lines = text.split("\n")
    same(lines[0], "Top-up failed", "first line")
    contains(text, "Hello.", "text")
    true(lines[-1].startswith("Balance and payments \u00b7 acme"),
         f"last line: {lines[-1]!r}")


@case("the last line has category, the account's title and its name")
def _(site):
    site.ok("account", "add", "gamma", "--owner", OLGA,
            "--title", "Gamma & S\u00f6hne <GmbH>")
    link = site.link_to("gamma", OLGA, CHAT)
    site.agent(link, mail(account="gamma")).must(0, "sent")
    same(site.api.texts()[0].split("\n")[-1],
         "Balance and payments \u00b7 Gamma & S\u00f6hne <GmbH> (gamma)",
         "last line")


@case("the log line names queue id, mirror, account and outcome")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    done = site.agent(ann, qid="4XABCdef").must(0, "sent")
    contains(done.lines[0], f"4XABCdef: to=<{ann}> account=acme outcome=sent",
             "line")


@case("a group's number, negative and long, is sent as it is")
def _(site):
    link = site.link_to("acme", ANN, SUPERGROUP)
    site.agent(link).must(0, "sent")
    same([chat for chat, _, _ in site.api.sent], [SUPERGROUP], "chats")


@case("characters that are special in markup are sent as they are")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    text = "<b>5 < 6 & 7</b> _a_ *b [c](d) `e` 1.5! {} #x -- \\n \u2028\n"
    site.agent(ann, mail(subject="a_b*c <i>", body=text)).must(0, "sent")
    for part in (text.split("\u2028")[0].strip(), "a_b*c <i>"):
        contains(site.api.texts()[0], part, "text")


@case("a text of any length and any characters passes the API's checks")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    smiley, family = "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    for subject, body in (
            ("x", smiley * 5000), ("x", "a" + smiley * 5000),
            (smiley * 900, smiley * 4000), (smiley + " " + family, "x"),
            ("x" * 5000, "y"), ("x", "a\u0301" * 5000), ("x", "\n" * 9000),
            ("", ""), ("", "x"), (" ", " "), ("x", ""), ("x", "\0a\x07b\x1b"),
            ("x", family * 900), ("x", "\u00a0\u200b\ufeff"),
            ("x", ("word " * 30 + "\n") * 500)):
        done = site.agent(ann, mail(subject=subject, body=body))
        same((done.code, done.outcomes), (0, ["sent"]),
             f"exit and outcome for {subject[:9]!r}, {body[:9]!r}: {done}")
    same([r for r in site.api.asked() if r.status != 200], [],
         "requests that the API refused")


@case("input that is not a mail message is sent as far as it can be")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    tag = b"X-Notify-Category: balance-and-payments\nX-Notify-Account: acme\n"
    for data in (tag, tag + b"\n", tag + b"Subject: \xff\xfe\n\n\xff\xfe\x00",
                 tag + b"Content-Type: multipart/mixed\n\nx",
                 tag + b"Content-Type: text/plain; charset=nope\n\n\xe4",
                 tag + b"Content-Transfer-Encoding: base64\n\n!!!!",
                 tag + b"Subject: " + b"x" * 100000 + b"\n\n" + b"y" * 10**6):
        done = site.agent(ann, data)
        same((done.code, done.outcomes), (0, ["sent"]),
             f"exit and outcome for {data[-20:]!r}: {done}")


@case("a large attachment neither fails nor is sent")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    data = mail(headers=[
        "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b"],
        body="--b\n\nPlease pay.\n--b\nContent-Type: application/pdf\n"
        "Content-Disposition: attachment; filename=\"invoice 7.pdf\"\n"
        "Content-Transfer-Encoding: base64\n\n"
        + ("A" * 76 + "\n") * 130000 + "--b--\n")
    site.agent(ann, data).must(0, "sent")
    for part in ("Please pay.", "invoice 7.pdf"):
        contains(site.api.texts()[0], part, "text")


# Again later

LATER = {
    "500": botapi.INTERNAL, "502 page": botapi.BAD_GATEWAY,
    "503": botapi.error(503, "Service Unavailable"), "cut": botapi.CUT,
    "empty": botapi.EMPTY, "not JSON": botapi.NOT_JSON,
    "wrong JSON": botapi.WRONG_JSON,
    "true alone": botapi.text("true"),
    "no description": botapi.document(500, ok=False, error_code=500),
    "not ok without a code": botapi.text('{"ok":false}', 400),
    "half a JSON": botapi.text('{"ok":true,"result":{'),
    "redirect": botapi.Answer(302, b"", headers={"Location": "/"}),
    "no content": botapi.Answer(204),
    "a proxy's 400": botapi.text(botapi.HTML.format("400"), 400, "text/html"),
    "a proxy's 403": botapi.FORBIDDEN_PAGE,
    "a gateway's 403": botapi.document(502, ok=False, error_code=403,
                                       description="Forbidden: upstream"),
    "no result": botapi.text('{"ok":true}'),
    "another status": botapi.text('{"ok":true,"result":{}}', 201),
    "409": botapi.SECOND_POLLER,
    "the bot is logged out": botapi.LOGGED_OUT,
    "the bot is frozen": botapi.FROZEN,
}


@case("no valid answer: the message waits, the link stays")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    for name, answer in LATER.items():
        since = site.api.mark()
        site.api.fail(answer)
        done = site.agent(ann)
        same((done.code, done.outcomes), (75, ["again"]),
             f"exit and outcome for {name}: {done}")
        same(len(site.api.asked(since=since)), 1, f"requests for {name}")
        true(done.fields.get("reason"), f"a reason for {name}: {done}")
        unchanged(site, ann)
    site.agent(ann).must(0, "sent")
    same(len(site.api.sent), 1, "messages")


@case("no server: the message waits, with the reason")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    with site.api.away():
        done = site.agent(ann).must(75, "again")
        contains(done.fields["reason"].lower(), "connect", "reason")
        unchanged(site, ann)
    site.agent(ann).must(0, "sent")


@case("a rejected token waits, as an error that names the file, not the token")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    for answer in (botapi.UNAUTHORIZED, botapi.NO_METHOD,
                   botapi.text("nothing here", 404, "text/plain")):
        site.api.fail(answer)
        done = site.agent(ann).must(75, "token")
        contains(done.fields["reason"], site.token_file, "reason")
        lacks(done.err, site.api.secret, "standard error")
        unchanged(site, ann)


@case("without a usable token file the message waits, and nothing is asked")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    for content in (None, "", "two words"):
        os.unlink(site.token_file)
        if content is not None:
            site.write_token(content)
        done = site.agent(ann)
        same(done.code, 75, f"exit of {done}")
        contains(done.err, site.token_file, "standard error")
        site.write_token() if content is None else None
    same(site.api.asked(), [], "requests")
    unchanged(site, ann)


@case("an answer that is slow, or asks for a short pause, is waited for")
def _(site):
    links = {chat: site.link_to(account, address, chat)
             for account, address, chat in (
                 ("acme", ANN, 7001), ("acme", OLGA, 7002),
                 ("beta", OTTO, 7003))}
    site.api.fail(botapi.slow(1.5), chat=7001)
    site.api.fail(botapi.too_many(1), chat=7002)
    # Three times it is waited for, then it is left to the queue.
    site.api.fail(botapi.too_many(1), chat=7003, times=4)
    runs = {chat: site.agent_start(link) for chat, link in links.items()}
    for chat, code, outcome, seconds, answers in (
            (7001, 0, "sent", 1.5, [200]), (7002, 0, "sent", 1, [429, 200]),
            (7003, 75, "later", 3, [429] * 4)):
        done = site.agent_end(runs[chat]).must(code, outcome)
        true(seconds <= done.seconds < seconds + 60,
             f"{chat}: it took {done.seconds:.1f} s, want {seconds}")
        same([r.status for r in site.api.asked(chat=chat)], answers,
             f"answers for {chat}")
    same(len(site.chats()), 3, "links")


@case("a long retry_after is left to the queue")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    for seconds in (11, 60, 35000, 0, -5, 10**12):
        since = site.api.mark()
        site.api.fail(botapi.too_many(seconds))
        done = site.agent(ann).must(75, "later")
        true(done.seconds < 10, f"{seconds}: it took {done.seconds:.1f} s")
        same(len(site.api.asked(since=since)), 1, "requests")
    site.api.fail(botapi.error(429, "Too Many Requests"))
    site.agent(ann).must(75, "later")
    unchanged(site, ann)


# What takes the message from Ann: {what is done: (as whom, the outcome)}.
LOSSES = {
    ("category", "set", BALANCE, "--telegram", "no", "--yes"):
        (None, "not-entitled"),
    ("telegram", "disable", "acme"): (ANN, "no-link"),
    ("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN):
        (OLGA, "no-link"),
    ("user", "role", "acme", ANN, "subscriber"): (None, "no-link"),
    ("user", "remove", "acme", ANN): (None, "no-link"),
    ("account", "remove", "acme"): (None, "no-link"),
}


def meanwhile(site, answer, *changes):
    """CHANGES are made after the request for Ann's message, and before its
    ANSWER if that sleeps; how it ended. Nothing waits then."""
    site.reset()
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(answer)
    waiting = site.agent_start(ann)
    site.api.wait(site.api.asked, "a request")
    for change in changes:
        site.ok(*change, as_=LOSSES.get(change, (None,))[0])
    site.api.give(answer)
    done = site.agent_end(waiting)
    same(site.sql("SELECT message FROM waiting"), [],
         f"what waits after {changes}")
    return done


@case("whoever loses a message while it waits for Telegram gets none, and no "
      "other message waits for it")
def _(site):
    for change, (_, outcome) in list(LOSSES.items())[:2]:
        meanwhile(site, botapi.too_many(2), change).must(0, outcome)
        same((len(site.api.asked()), site.api.sent), (1, []),
             f"requests, and what came after {change}")


@case("whoever loses a message while it is being sent is not sent it again")
def _(site):
    for change, (_, outcome) in LOSSES.items():
        failed = botapi.error(500, "Internal Server Error: restart", sleep=30)
        meanwhile(site, failed, change).must(0, outcome)
        same(len(site.api.asked()), 1, f"requests after {change}")


@case("a user whose address, role or account's name changes meanwhile gets the "
      "message")
def _(site):
    meanwhile(site, botapi.too_many(2), ("account", "transfer", "acme", ANN),
              ("user", "address", "acme", ANN, "new@acme.example"),
              ("account", "rename", "acme", "newname")).must(0, "sent")
    same([chat for chat, _, _ in site.api.sent], [CHAT], "who has got it")


# The chat is gone

def told(site, address, account="acme"):
    """One mail has gone to ADDRESS on the end of its link in ACCOUNT."""
    sent = [m for m in site.mails() if m.to == address]
    same(len(sent), 1, f"mails to {address}")
    for part in (account, "Telegram"):
        contains(sent[0].text, part, "mail")
    for name in sent[0].message.keys():
        lacks(name.lower(), "x-notify", "headers")
    same(sent[0].message["Auto-Submitted"], "auto-generated", "its header")


@case("blocked, kicked or deactivated: the link ends, the user gets a mail")
def _(site):
    for answer, why in (
            (botapi.BLOCKED, "was blocked"), (botapi.KICKED, "no longer write"),
            (botapi.DEACTIVATED, "no longer exists"),
            (botapi.NOT_MEMBER, "no longer write"),
            (botapi.error(403, "Forbidden: bot can't talk"), "no longer write")):
        site.reset()
        ann = site.link_to("acme", ANN, CHAT)
        site.link_to("acme", OLGA, OTHER)
        site.api.fail(answer)
        got = site.new(lambda: site.agent(ann).must(0, "gone"))
        same(len(site.api.asked()), 1, "requests")
        same(site.chats(), {("acme", OLGA): OTHER}, "links")
        same([entry[1:4] for entry in got], [("acme", "telegram-end", ANN)],
             "changes")
        told(site, ANN)
        same(len(site.mails()), 1, "mails")
        contains(site.mails()[0].text, why, "the reason")
        lacks(site.mails()[0].text, "Forbidden", "the reason")
        site.agent(ann).must(0, "no-link")


@case("a notice that cannot be handed over is kept, and sent later")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.sendmail("exit 75")
    site.api.fail(botapi.BLOCKED)
    site.agent(ann).must(0, "gone")
    same(site.chats(), {}, "links")
    same([state for state in site.notices() if state == "sent"], [], "sent")
    site.sendmail()
    site.ok("init")
    told(site, ANN)


@case("blocked in the old chat does not end the link to a new one")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.person(OTHER)
    site.bot.start()
    site.api.fail(botapi.error(403, "Forbidden: bot was blocked by the user",
                               sleep=0.5), chat=CHAT)
    process = site.agent_start(ann)
    site.api.wait(lambda: site.api.asked(chat=CHAT), "it is being sent")
    site.ask(OTHER, "/start " + site.connect_token("acme", ANN))
    done = site.agent_end(process)
    same(done.code, 0, f"exit of {done}")
    same(site.chats(), {("acme", ANN): OTHER}, "links")


@case("chat not found ends the link at the third time in a row")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.NOT_FOUND, times=3)
    for _ in range(2):
        site.agent(ann).must(75, "strike")
        unchanged(site, ann)
    got = site.new(lambda: same(site.agent(ann).code, 0, "exit"))
    same(site.chats(), {}, "links")
    same([entry[1:4] for entry in got], [("acme", "telegram-end", ANN)],
         "changes")
    told(site, ANN)


@case("chat not found does not count if the link has ended meanwhile")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    answer = botapi.error(400, "Bad Request: chat not found", sleep=20)
    site.api.fail(answer, chat=CHAT)
    process = site.agent_start(ann)
    site.api.wait(lambda: site.api.asked(chat=CHAT), "it is being sent")
    site.ok("telegram", "disable", "acme", as_=ANN)
    site.api.give(answer)
    site.agent_end(process).must(0, "no-link")
    same(site.mails(), [], "mails")
    same(site.sql("SELECT count(*) FROM waiting"), [(0,)], "what waits")


@case("a success resets the count of chat not found")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.NOT_FOUND, times=2)
    for _ in range(2):
        site.agent(ann).must(75, "strike")
    site.agent(ann).must(0, "sent")
    same(site.sql("SELECT strikes FROM link"), [(0,)], "strikes")
    site.api.fail(botapi.NOT_FOUND, times=2)
    for _ in range(2):
        site.agent(ann).must(75, "strike")
    unchanged(site, ann)


@case("the strikes of one user do not count for another")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    site.api.fail(botapi.NOT_FOUND, times=4)
    for link in (ann, olga) * 2:
        site.agent(link).must(75, "strike")
    same(len(site.chats()), 2, "links")


@case("a new link begins without strikes")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.bot.start()
    site.api.fail(botapi.NOT_FOUND, times=2)
    for _ in range(2):
        site.agent(ann).must(75, "strike")
    site.ask(CHAT, "/start " + site.connect_token("acme", ANN))
    same(site.sql("SELECT strikes FROM link"), [(0,)], "strikes")


# The chat has moved

@case("a group that has moved gets the message, and all its links move")
def _(site):
    site.api.group(GROUP, "group")
    site.api.group(SUPERGROUP)
    ann = site.link_to("acme", ANN, GROUP)
    site.link_to("beta", OTTO, GROUP)
    site.link_to("beta", BEA, OTHER)
    site.api.blocked[GROUP] = botapi.migrated(SUPERGROUP)
    done = site.agent(ann)
    same((done.code, done.outcomes[-1]), (0, "sent"), f"{done}")
    contains(done.outcomes, "moved", "outcomes")
    same([chat for chat, _, _ in site.api.sent], [SUPERGROUP], "chats told")
    same(site.chats(), {("acme", ANN): SUPERGROUP, ("beta", OTTO): SUPERGROUP,
                        ("beta", BEA): OTHER}, "links")
    same(site.mails(), [], "mails")
    since = site.api.mark()
    site.agent(ann).must(0, "sent")
    same(len(site.api.asked(since=since, chat=GROUP)), 0, "tries at the old")


@case("the answer for the new chat decides")
def _(site):
    site.api.group(GROUP, "group")
    site.api.group(SUPERGROUP)
    for answer, code, outcome, left in (
            (botapi.INTERNAL, 75, "again", SUPERGROUP),
            (botapi.KICKED, 0, "gone", None),
            (botapi.NO_RIGHTS, 0, "refused", SUPERGROUP)):
        site.sql("DELETE FROM link")
        ann = site.link_to("acme", ANN, GROUP)
        site.api.blocked = {GROUP: botapi.migrated(SUPERGROUP),
                            SUPERGROUP: answer}
        done = site.agent(ann)
        same((done.code, done.outcomes[-1]), (code, outcome), f"{done}")
        same(site.chats().get(("acme", ANN)), left, f"link after {outcome}")


@case("a chat that moves to a person's is none that has moved")
def _(site):
    site.api.group(GROUP, "group")
    ann = site.link_to("acme", ANN, GROUP)
    site.api.person(OTHER)
    site.api.blocked[GROUP] = botapi.migrated(OTHER)
    site.agent(ann).must(75, "strike")
    same((site.chats(), site.api.sent), ({("acme", ANN): GROUP}, []),
         "links and messages")


@case("two groups that each name the other do not make a loop")
def _(site):
    site.api.group(GROUP, "group")
    site.api.group(SUPERGROUP)
    ann = site.link_to("acme", ANN, GROUP)
    site.api.blocked = {GROUP: botapi.migrated(SUPERGROUP),
                        SUPERGROUP: botapi.migrated(GROUP)}
    done = site.agent(ann)
    true(done.code in (0, 75), f"exit of {done}")
    true(len(site.api.asked()) <= 4, f"got {len(site.api.asked())} requests")


# The message is refused

@case("a message that is refused is retried without entities, then dropped")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.BAD_ENTITY)
    site.agent(ann, mail(subject="First")).must(0, "sent")
    first, second = site.api.asked()
    true("entities" in first.params, "the first has entities")
    lacks(second.params, "entities", "the second")
    same(second.params["text"], first.params["text"], "text of the second")
    for answer in (botapi.NO_RIGHTS,
                   botapi.error(400, "Bad Request: message is too long"),
                   botapi.error(400, "Bad Request: TOPIC_CLOSED"),
                   botapi.error(400, "Bad Request")):
        since = site.api.mark()
        site.api.fail(answer, times=2)
        done = site.agent(ann).must(0, "refused")
        same(len(site.api.asked(since=since)), 2, "requests")
        true(done.fields["reason"], "a reason")
        unchanged(site, ann)


@case("entities that are refused and a topic that is gone are both left out")
def _(site):
    site.api.group(GROUP)
    ann = site.link_to("acme", ANN, GROUP)
    site.sql("UPDATE link SET topic = 5")
    site.api.fail(botapi.BAD_ENTITY)
    site.agent(ann).must(0, "sent")
    same([["entities" in r.params, "message_thread_id" in r.params]
          for r in site.api.asked()],
         [[True, True], [False, True], [False, False]],
         "entities and topic in the requests")


@case("a link and struck words are entities, and written out in the second "
      "try")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.BAD_ENTITY)
    site.agent(ann, mail(
        subject="Due", headers=["Content-Type: text/html"],
        body="<p><s>99</s>49</p><a href='https://pay.example/i/7'>Pay</a>\n",
    )).must(0, "sent")
    first, second = site.api.asked()
    same(first.params["text"].split("\n")[:5],
         ["Due", "", "99 49", "", "Pay"], "lines of the first")
    same(first.params["entities"],
         [{"type": "bold", "offset": 0, "length": 3},
          {"type": "strikethrough", "offset": 5, "length": 2},
          {"type": "text_link", "offset": 12, "length": 3,
           "url": "https://pay.example/i/7"}], "entities")
    same(second.params["text"].split("\n")[2:5],
         ["~99~ 49", "", "Pay (https://pay.example/i/7)"],
         "lines of the second")
    lacks(second.params, "entities", "the second")


@case("the answer to the second try counts")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.api.fail(botapi.BAD_ENTITY, botapi.INTERNAL)
    site.agent(ann).must(75, "again")
    site.api.fail(botapi.BAD_ENTITY, botapi.too_many(60))
    site.agent(ann).must(75, "later")
    unchanged(site, ann)
    site.api.fail(botapi.BAD_ENTITY, botapi.BLOCKED)
    site.agent(ann).must(0, "gone")


# Too old, no link, not entitled

@case("in quiet_hours of the time zone in effect a message comes without a sound")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    now = time.time() + 5 * 3600    # what the clock says 5 hours east
    site.settings(quiet_hours="-".join(
        time.strftime("%H:%M", time.gmtime(now + s)) for s in (-3600, 3600)))
    for zone, quiet in (("UTC", None), ("EAST-5", True), ("WEST5", None)):
        site.agent(ann, env={"TZ": zone}).must(0, "sent")
        same(site.api.sent[-1][2].get("disable_notification"), quiet,
             f"disable_notification in {zone}")


@case("a message older than max_age is dropped without a request")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    now = time.time()
    for age, sent in ((86400 - 30, True), (86400 + 30, False),
                      (30 * 86400, False), (-3600, True)):
        site.agent(ann, mail(arrived=now - age)).must(
            0, "sent" if sent else "old")
    same(len(site.api.asked()), 2, "requests")
    site.settings(max_age="60s")
    site.agent(ann, mail(arrived=now - 90)).must(0, "old")
    site.agent(ann, mail(arrived=now - 20)).must(0, "sent")
    unchanged(site, ann)


@case("the newest Received header counts for the age, else Date, else now")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    # The Date of these is long ago.
    older = mail(arrived=time.time() - 9 * 86400)
    site.agent(ann, mail(arrived=time.time()).split(b"X-Lab")[0]
               + older).must(0, "sent")
    site.agent(ann, mail(arrived=0)).must(0, "old")
    site.agent(ann, re.sub(rb"(?m)^Date: .*\n", b"", mail(arrived=0))).must(
        0, "sent")
    site.agent(ann, re.sub(rb"(?m)^Date: .*$", b"Date: soon",
                           mail(arrived=0))).must(0, "sent")


@case("a link that has ended, or never existed, is not a failure")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.ok("telegram", "disable", "acme", as_=ANN)
    for recipient in (ann, "0@telegram.invalid", "99999@telegram.invalid",
                      "9223372036854775808@telegram.invalid",
                      "99999999999999999999999@telegram.invalid",
                      "+1@telegram.invalid",
                      "-1@telegram.invalid", "x@telegram.invalid",
                      "1x@telegram.invalid", "@telegram.invalid", "", "1",
                      "1@else.example", "1@@telegram.invalid",
                      "\u0661@telegram.invalid"):
        done = site.agent(recipient)
        same((done.code, done.outcomes), (0, ["no-link"]),
             f"exit and outcome for {recipient!r}: {done}")
    same(site.api.asked(), [], "requests")


@case("the largest link number is accepted")
def _(site):
    site.link_to("acme", ANN, CHAT)
    site.run_sql(f"UPDATE link SET id = {2 ** 63 - 1}")
    site.agent(f"{2 ** 63 - 1}@telegram.invalid").must(0, "sent")


@case("the mirror's address is recognised in capitals and without brackets")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.agent(ann.upper()).must(0, "sent")


@case("a user who is no longer entitled gets no waiting message")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.sql("DELETE FROM subscription WHERE user = (SELECT user FROM link)")
    same(site.agent(ann).must(0, "not-entitled").fields["reason"],
         f"{ANN} no longer receives {BALANCE}", "reason")
    site.reset()
    ann = site.link_to("acme", ANN, CHAT)
    site.sql("UPDATE user SET role = 'subscriber' WHERE address = ?"
             " AND account = 1", ANN)
    site.agent(ann).must(0, "not-entitled")
    site.reset()
    ann = site.link_to("acme", ANN, CHAT)
    site.sql("UPDATE category SET telegram = 0")
    same(site.agent(ann).must(0, "not-entitled").fields["reason"],
         f"{BALANCE} is no longer mirrored to Telegram", "reason")
    same(site.api.asked(), [], "requests")


@case("the user must be entitled to the category of the message")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    for category in (SERVICES, DOCUMENTS):
        for link in (ann, olga):
            site.agent(link, mail(category=category)).must(0, "not-entitled")
    for spelling in ("Balance & Payments", "BALANCE_AND_PAYMENTS",
                     "=?utf-8?q?Balance_and_payments?="):
        site.agent(ann, mail(category=spelling)).must(0, "sent")
    same(site.api.chats_of(""), [CHAT] * 3, "chats told")


@case("a message without a category, or with one unknown, is not sent")
def _(site):
    olga = site.link_to("acme", OLGA, CHAT)
    for data, reason in (
            (mail(category=None), "no X-Notify-Category header"),
            (mail(category="lunch"), "unknown category 'lunch'"),
            (mail(category=""), "no category can be read from ''")):
        done = site.agent(olga, data).must(0, "no-link")
        contains(done.fields["reason"], reason, "reason")
    same(site.api.asked(), [], "requests")


@case("a message whose tags do not agree is not sent, whichever comes first")
def _(site):
    olga = site.link_to("acme", OLGA, CHAT)
    for first, second, reason in (
            (BALANCE, SERVICES, "two different categories"),
            (SERVICES, BALANCE, "two different categories"),
            (BALANCE, "lunch", "unknown category 'lunch'"),
            (BALANCE, "x" * 5000, "too long")):
        done = site.agent(olga, mail(category=first, headers=[
            f"X-Notify-Category: {second}"])).must(0, "no-link")
        contains(done.fields["reason"], reason, "reason")
    same(site.api.asked(), [], "requests")
    site.agent(olga, mail(headers=[
        "X-Notify-Category: Balance & Payments"])).must(0, "sent")


@case("a message that cannot be read waits: standard input is closed, or a "
      "directory")
def _(site):
    ann = site.keyed(site.link_to("acme", ANN, CHAT), mail())
    for input_ in ("&-", "/"):
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" <{input_}', "sh",
             local_copy(site.folder, "notify-telegram"), "-c", site.conf.file,
             "4X", ann], capture_output=True, text=True, **unprivileged())
        same(done.returncode, 75, f"{done}")
        contains(done.stderr, "outcome=again reason=\"the message cannot be "
                 "read: ", f"{done}")
    same(site.api.asked(), [], "requests")


# The database

@case("a database that cannot be read now: the message waits")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    with site.store.locked():
        done = site.agent(ann)
        same(done.code, 75, f"exit of {done}")
        contains(done.err, "locked", "standard error")
    same(site.api.asked(), [], "requests")
    site.agent(ann).must(0, "sent")


@case("a database that is missing, odd or empty: the message waits")
def _(site):
    rosterdb.file_only("a file that is odd")
    ann = site.link_to("acme", ANN, CHAT)
    folder = os.path.dirname(site.database)
    os.rename(folder, folder + ".away")
    for content in ("no folder", None, b"", b"no database " * 1000):
        if content != "no folder":
            os.makedirs(folder, exist_ok=True)
            shutil.chown(folder, "nobody")
        if isinstance(content, bytes):
            with open(site.database, "wb") as out:
                out.write(content)
            shutil.chown(site.database, "nobody")
        done = site.agent(ann)
        same(done.code, 75, f"exit with {content!r}: {done}")
        if content is None:
            same([name for name in os.listdir(folder)
                  if not name.endswith(".prom")], [],
                 "files made in its place")
    shutil.rmtree(folder)
    os.rename(folder + ".away", folder)
    same(site.api.asked(), [], "requests")
    site.agent(ann).must(0, "sent")


@case("a busy database: nothing is sent twice, and every dead link ends")
def _(site):
    ann, olga = (site.link_to("acme", ANN, CHAT),
                 site.link_to("acme", OLGA, OTHER))
    site.api.blocked[OTHER] = botapi.BLOCKED
    with site.store.written():
        runs = [site.agent_start(link) for link in (ann, olga)]
        sent, gone = (site.agent_end(run) for run in runs)
    same(gone.code, 75, f"exit of {gone}")
    same(len(site.api.sent), 1 if sent.code == 0 else 0,
         f"messages sent, exit {sent.code}")
    site.agent(olga).must(0, "gone")
    told(site, OLGA)


# Arguments and environment

@case("with wrong arguments or bad settings it exits with 75, never anything "
      "else")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    settings = site.conf.file
    for args in ([], ["-c"], ["-x"], ["-c", settings], ["-c", settings, "Q"],
                 ["-c", settings, "Q", ann, "more"],
                 ["-c", settings + ".none", "Q", ann],
                 ["-c", site.folder, "Q", ann]):
        done = site.agent(None, args=args)
        same(done.code, 75, f"exit with {args}: {done}")
        true(done.err.strip(), f"says why: {args}")
    site.settings(site.conf.render() + "[nonsense]\n")
    same(site.agent(ann).code, 75, "exit with bad settings")
    same(site.api.asked(), [], "requests")


@case("several at a time, as a higher process limit has it, each send once")
def _(site):
    links = [site.link_to("acme", OLGA, CHAT),
             site.link_to("acme", ANN, OTHER),
             site.link_to("beta", OTTO, 7003), site.link_to("beta", BEA, 7004)]
    marks = [marker() for _ in range(12)]
    running = []
    for i, mark in enumerate(marks):
        running.append(site.agent_start(
            links[i % 4], mail(subject=mark), qid=f"4X{i:04}"))
    for process in running:
        site.agent_end(process).must(0, "sent")
    for mark in marks:
        same(len(site.api.chats_of(mark)), 1, "times sent")
    with open(counted(site)) as file:
        contains(file.read(), '{category="balance-and-payments",'
                 'outcome="sent"} 12\n', "what was counted")


def counted(site):
    return os.path.join(os.path.dirname(site.database),
                        "notify-telegram.prom")


@case("each outcome counts, and a file that cannot be written is no failure")
def _(site):
    olga = site.link_to("acme", OLGA, CHAT)
    site.agent(olga).must(0, "sent")
    site.agent(olga, mail(category="lunch")).must(0, "no-link")
    with open(counted(site)) as file:
        text = file.read()
    for category, outcome in ((BALANCE, "sent"), ("", "no-link")):
        contains(text, "notify_telegram_messages_total{"
                 f'category="{category}",outcome="{outcome}"}} 1\n',
                 "what was counted")
    same(site.json("stats")["telegram"], [
        {"category": BALANCE, "outcome": "sent", "tries": 1},
        {"category": "-", "outcome": "no-link", "tries": 1}],
        "notifyctl stats")
    # What 0.1.0 counted, without a category, goes on counting.
    with open(counted(site), "a") as file:
        file.write('notify_telegram_messages_total{outcome="sent"} 7\n')
    site.agent(olga).must(0, "sent")
    same({(row["category"], row["outcome"]): row["tries"]
          for row in site.json("stats")["telegram"]},
         {(BALANCE, "sent"): 2, ("-", "no-link"): 1, ("-", "sent"): 7},
         "with the counts of the version before")
    os.unlink(counted(site))
    os.mkdir(counted(site))
    try:
        site.agent(olga).must(0, "sent")
    finally:
        os.rmdir(counted(site))
    site.settings(telegram_stats_file="")
    site.agent(olga).must(0, "sent")
    same(os.path.exists(counted(site)), False, "the file is there")


@case("a credential of the service manager is read before token_file")
def _(site):
    olga = site.link_to("acme", OLGA, CHAT)
    site.write_token("1:wrong")
    folder = site.path("credentials")
    os.makedirs(folder, exist_ok=True)
    site.agent(olga, env={"CREDENTIALS_DIRECTORY": folder}).must(75, "token")
    path = os.path.join(folder, "bot-token")
    with open(path, "w") as file:
        file.write(site.api.token + "\n")
    try:
        site.agent(olga, env={"CREDENTIALS_DIRECTORY": folder}).must(0, "sent")
    finally:
        os.unlink(path)
        site.write_token()


@case("an address and a queue id with controls in them stay one log line")
def _(site):
    done = site.agent("1\n@telegram.invalid", qid="4X\x1b[2J\nok: to=<x>")
    same(done.code, 0, f"exit of {done}")
    same(len(done.err.splitlines()), 1, f"lines of {done}")
    lacks(done.err, "\x1b", "standard error")


@case("a call without an answer ends after 30 s")
def _(site):
    site.waiter.join()
    done = site.hung_end.must(75, "again")
    true(28 < done.seconds < 90, f"it took {done.seconds:.0f} s, want 30")


class WithHung(Site):
    """One run gets no answer from the beginning on, so that it need not be
    waited for."""

    def __init__(self):
        super().__init__()
        self.hung = Station(self, "hung")
        self.hung.api.person(CHAT)
        self.hung.api.fail(botapi.slow(90))
        self.hung.store.sql("INSERT INTO link(user, chat) SELECT id, ?"
                            " FROM user WHERE address = ?", CHAT, OLGA)
        self.hung_run = self.agent_start("1@telegram.invalid",
                                         conf=self.hung.conf)
        self.hung_end = None
        self.waiter = threading.Thread(target=self._wait, daemon=True)
        self.waiter.start()

    def _wait(self):
        self.hung_end = self.agent_end(self.hung_run)

    def stop(self):
        if getattr(self, "hung", None) is not None:
            self.hung.stop()
        super().stop()


run(WithHung)
