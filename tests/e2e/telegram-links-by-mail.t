#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# takes: 15 s
"""/link ADDRESS mails connect links to whoever may link a chat, tells the asker
nothing, and costs nobody else anything."""
import os
import re
import shutil
import time

from lib import TREE
from lib.botapi import BLOCKED
from lib.roster import ADAM, ANN, BALANCE, BEA, BILL, MIA, OLGA, OTTO, SUE
from lib.tap import contains, lacks, same, true
from lib.telegram import NAME, Site, case, run

CHAT, OTHER, THIRD = 7001, 7002, 7003
GROUP = -1001234567890
STRANGER = "stranger@else.example"
ASKED = "If a chat may be linked for this address"
QUARTER, HOUR, DAY = 15 * 60, 3600, 24 * 3600


def begin(site, **settings):
    site.settings(link_by_mail="yes", **settings)
    for chat in (CHAT, OTHER, THIRD):
        site.api.person(chat, "Eve")
    site.bot.start()


def texts(site):
    """The shipped texts, where every user may read them."""
    folder = os.path.join(site.folder, "texts")
    shutil.copytree(os.path.join(TREE, "postfix-sample", "texts"), folder,
                    dirs_exist_ok=True)
    return folder


def send(site, count=None):
    """What the timer does; the mails that it sent."""
    before = len(site.mails())
    site.ok("notices", "send")
    mails = site.mails()[before:]
    if count is not None:
        same(len(mails), count, "mails")
    return mails


def tokens(mail):
    """{account: token} in the mail."""
    return dict(re.findall(r"Account (\S+):\s+https://t\.me/" + NAME +
                           r"\?start=(\S{22})\s", mail.text))


def later(site, seconds):
    """Let what was asked be older."""
    site.sql("UPDATE link_request SET at = at - ?", seconds)


def forget(site):
    site.sql("DELETE FROM link_request")
    site.sql("DELETE FROM notice")


def recorded(site):
    """Whom the record says a link was mailed to."""
    return [r["subject"] for r in site.log() if r["action"] == "telegram-mail"]


def done(site, since=0):
    """What the log says was done, (asker, chat, address, what)."""
    return [(int(asker), int(chat), address, what) for asker, chat, address,
            what in re.findall(
                r"(?m)link by mail: asker=(\d+) chat=(-?\d+) address=(\S+): "
                r"(.*)$", "\n".join(site.bot.since(since)))]


@case("a mail with a link for each account goes to the address, and the link "
      "links the chat that opens it")
def _(site):
    site.ok("subscribe", "beta", BALANCE, ANN, as_=OTTO)
    begin(site)
    contains(site.ask(CHAT, f"/link {ANN}"), ASKED, "answer")
    same(site.mails(), [], "mails before the timer")
    mail, = send(site, 1)
    same(mail.to, ANN, "recipient")
    for name, want in (("Auto-Submitted", "auto-generated"), ("To", ANN),
                       ("Subject", "Link a Telegram chat")):
        same(mail.message[name], want, name)
    for part in ("Somebody asked in Telegram on ", "nothing happens", ANN):
        contains(mail.text, part, "text")
    for part in (str(CHAT), "Eve", "@acme_notify_bot", BALANCE):
        lacks(mail.data.decode(), part, "the mail")
    found = tokens(mail)
    same(sorted(found), ["acme", "beta"], "accounts")
    contains(site.ask(OTHER, "/start " + found["acme"]), ANN, "answer")
    same(site.chats(), {("acme", ANN): OTHER}, "links")
    contains(site.ask(THIRD, "/start " + found["acme"]), "does not work",
             "answer to the second who opens it")
    same(done(site), [(CHAT, CHAT, ANN, "links go out by mail")], "the log")
    same([(r["account"], r["actor"], r["subject"], r["detail"]) for r in
          site.log() if r["action"] == "telegram-mail"],
         [(a, "telegram chat", ANN,
           f"by mail, asked for by {CHAT} in chat {CHAT}")
          for a in ("acme", "beta")], "the record")
    same(send(site), [], "mails of the next round")


@case("no token is stored in the clear, and none is made before the mail")
def _(site):
    begin(site)
    site.ask(CHAT, f"/link {ANN}")
    same(site.sql("SELECT count(*) FROM token"), [(0,)], "tokens")
    (kind, address, detail), = site.sql(
        "SELECT kind, address, detail FROM notice")
    same((kind, address, detail), ("link", ANN, f"by {CHAT} in chat {CHAT}\n"),
         "the notice")
    mail, = send(site, 1)
    token, = tokens(mail).values()
    lacks(str(site.dump()), token, "the roster")
    (expires, origin), = site.sql("SELECT expires, origin FROM token")
    same(origin, "mail", "origin")
    true(890 <= expires - time.time() <= 901, "15 minutes from the mail on")


@case("the answer is one and the same for an address that may and for any "
      "other, and the log tells them apart")
def _(site):
    begin(site)
    wanted = site.ask(CHAT, f"/link {ANN}")
    site.link_to("acme", OLGA, THIRD)
    site.ok("user", "role", "acme", ADAM, "subscriber")
    for chat, address in ((CHAT, SUE), (CHAT, MIA), (CHAT, BILL), (CHAT, ADAM),
                          (CHAT, STRANGER), (OTHER, ANN), (CHAT, ANN),
                          (OTHER, OLGA), (OTHER, BEA), (THIRD, "x@y.z")):
        same(site.ask(chat, f"/link {address}"), wanted, f"answer: {address}")
    same(site.sql("SELECT address FROM notice WHERE kind = 'link'"
                  " ORDER BY address"), [(ANN,), (BEA,), (OLGA,)], "notices")
    same(sorted(mail.to for mail in send(site)), sorted((ANN, OLGA, BEA)),
         "who gets a mail")
    none = "no mail: no user who may link a chat has it"
    same({(address, what) for _, _, address, what in done(site)},
         {(a, none) for a in (SUE, MIA, BILL, ADAM, STRANGER, "x@y.z")} |
         {(a, "links go out by mail") for a in (ANN, OLGA, BEA)} |
         {(ANN, "no mail: one was asked for in the last 15 minutes")},
         "the log")


@case("an owner may, also one whose chat is linked already, and a category of "
      "the operator's own counts")
def _(site):
    site.ok("category", "add", "alerts", "--title", "Alerts", "--telegram")
    site.ok("subscribe", "acme", "alerts", MIA, as_=OLGA)
    site.link_to("acme", OLGA, CHAT)
    begin(site)
    for address in (OLGA, MIA):
        site.ask(CHAT, f"/link {address}")
    found = {mail.to: tokens(mail) for mail in send(site, 2)}
    site.ask(CHAT, "/start " + found[OLGA]["acme"])
    site.ask(OTHER, "/start " + found[MIA]["acme"])
    same(site.chats(), {("acme", OLGA): CHAT, ("acme", MIA): OTHER}, "links")


@case("what may link a chat by mail is what may by connect, for every user")
def _(site):
    begin(site)
    users = site.sql("SELECT a.name, u.address FROM \"user\" u JOIN account a"
                     " ON a.id = u.account ORDER BY a.name, u.address")
    for number, address in enumerate({address for _, address in users}):
        site.api.person(8000 + number)
        site.ask(8000 + number, f"/link {address}")
    got = {(account, mail.to) for mail in send(site) for account in
           tokens(mail)}
    want = {(account, address) for account, address in users
            if site("telegram", "connect", account, as_=address).code == 0}
    same(got, want, "account and user")


@case("an address gets a mail in 15 minutes and five in a day, whatever chats "
      "and bots ask, and connect is never blocked")
def _(site):
    begin(site)
    count = 0
    for number in range(7):
        for chat in (CHAT, OTHER):
            if chat == OTHER:       # a restart forgets nothing
                site.bot.end()
                site.bot.start()
            contains(site.ask(chat, f"/link {ANN}"), ASKED, "answer")
        count += len(send(site))
        same(count, min(number + 1, 5), f"mails after round {number}")
        token = site.connect_token("acme", ANN)
        later(site, QUARTER + 1)
        # Hours pass for the chats, too.
        site.sql("UPDATE link_request SET chat = chat + 100")
    same(done(site)[-1][3], "no mail: five were asked for in a day", "the log")
    contains(site.ask(CHAT, f"/start {token}"), "now linked", "by connect")
    later(site, DAY)
    site.ask(CHAT, f"/link {ANN}")
    send(site, 1)


@case("requests that brought no mail do not count for the address")
def _(site):
    begin(site)
    for _ in range(6):
        site.ask(CHAT, f"/link {BILL}")
    site.ok("subscribe", "acme", BALANCE, BILL, as_=OLGA)
    site.ask(CHAT, f"/link {BILL}")
    send(site, 1)


@case("a chat asks ten times in an hour; then it is told once, also after a "
      "restart, and /start and connect go on")
def _(site):
    begin(site)
    for number in range(10):
        contains(site.ask(CHAT, f"/link x{number}@else.example"), ASKED,
                 f"answer {number}")
    answer = site.ask(CHAT, f"/link {ANN}")
    contains(answer, "Wait for 60 minutes", "answer to the eleventh")
    for _ in range(5):
        site.api.say(CHAT, f"/link {ANN}")
    contains(site.ask(CHAT, "/status"), "not linked", "the next answer")
    same(len(site.api.texts(CHAT)), 12, "answers")
    same(done(site)[-1][3], "the chat has asked ten times in an hour",
         "the log")
    site.bot.end()
    site.bot.start()
    same(site.ask(CHAT, f"/link {ANN}"), answer, "answer after a restart")
    contains(site.ask(OTHER, f"/link {BEA}"), ASKED, "in another chat")
    mail, = send(site, 1)
    same(mail.to, BEA, "who gets a mail")
    contains(site.ask(CHAT, "/start " + site.connect_token("acme", ANN)),
             "now linked", "answer to connect's token")
    site.sql("UPDATE link_request SET at = at - ? WHERE chat = ?", HOUR, CHAT)
    site.bot.end()
    site.bot.start()
    contains(site.ask(CHAT, f"/link {ANN}"), ASKED, "an hour later")


@case("old requests are removed, also those of a clock that was wrong")
def _(site):
    begin(site)
    site.ask(CHAT, f"/link {ANN}")
    later(site, DAY + 1)
    site.ask(CHAT, f"/link {BEA}")
    site.sql("UPDATE link_request SET at = at + 5000")
    site.ask(CHAT, f"/link {OLGA}")
    same(site.sql("SELECT address_key FROM link_request"), [(OLGA,)], "rows")
    same({mail.to for mail in send(site)}, {ANN, BEA, OLGA}, "mails")
    later(site, DAY)
    send(site, 0)
    same(site.sql("SELECT count(*) FROM link_request"), [(0,)],
         "rows when nobody asks any more")


@case("a flood of requests is ignored after ten of each chat, and no notice to "
      "anybody else waits for what it asks")
def _(site):
    begin(site)
    for chat in range(9000, 9004):
        site.api.person(chat)
        for number in range(100):
            site.api.say(chat, f"/link x{number}@else.example")
    contains(site.ask(CHAT, f"/link {ANN}"), ASKED, "answer")
    # Of each chat ten are taken, one is told to wait, the others ignored.
    same(len(site.api.texts()), 4 * 11 + 1, "answers")
    same(site.sql("SELECT count(*) FROM link_request"), [(41,)], "rows")
    for number in range(60):
        site.sql("INSERT INTO notice(at, account, address, kind, detail,"
                 " actor) VALUES (?, '', ?, 'link', 'by 1 in chat 1', '')",
                 time.time() - DAY - 10, f"x{number}@else.example")
    site.ok("user", "role", "acme", SUE, "member")
    site.ok("user", "role", "acme", SUE, "subscriber")
    same([mail.to for mail in site.mails()], [SUE], "mails of the commands")
    same({mail.to for mail in send(site)}, {ANN}, "mails of the timer")
    same(site.sql("SELECT count(*) FROM notice WHERE state <> 'sent'"),
         [(0,)], "what still waits")


@case("a link by mail lives beside that of connect, and the newer of two by "
      "mail counts")
def _(site):
    begin(site)
    by_connect = site.connect_token("acme", ANN)
    found = []
    for _ in range(2):
        site.ask(CHAT, f"/link {ANN}")
        found.append(tokens(send(site, 1)[0])["acme"])
        later(site, QUARTER)
    same(site.sql("SELECT origin FROM token ORDER BY origin"),
         [("connect",), ("mail",)], "tokens")
    contains(site.ask(CHAT, f"/start {found[0]}"), "does not work", "older")
    contains(site.ask(CHAT, f"/start {by_connect}"), "now linked", "connect's")
    contains(site.ask(OTHER, f"/start {found[1]}"), "now linked", "newer")
    site.connect_token("acme", ANN)
    site.ask(THIRD, f"/link {ANN}")
    mail, = send(site, 1)
    site.connect_token("acme", ANN)
    contains(site.ask(THIRD, "/start " + tokens(mail)["acme"]), "now linked",
             "that by mail after a new one of connect")


@case("who may not any more when the mail is sent gets none")
def _(site):
    begin(site)
    for commands in (
            [("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN)],
            [("user", "role", "acme", ANN, "subscriber")],
            [("user", "address", "acme", ANN, "anna@acme.example"),
             ("user", "role", "acme", "anna@acme.example", "member")],
            [("user", "remove", "acme", "anna@acme.example")]):
        if commands[0][1] == "address":
            site.ok("user", "role", "acme", ANN, "member")
            site.ok("subscribe", "acme", BALANCE, ANN, as_=OLGA)
        address = commands[-1][-1] if commands[0][1] == "remove" else ANN
        site.ask(CHAT, f"/link {address}")
        same(done(site)[-1][3], "links go out by mail", "the log")
        for command in commands:
            site.ok(*command, as_=OLGA)
        send(site, 0)
        same(site.sql("SELECT count(*) FROM notice WHERE kind = 'link'"),
             [(0,)], "notices with links")
        if commands[0][0] == "unsubscribe":
            site.ok("subscribe", "acme", BALANCE, ANN, as_=OLGA)
        forget(site)
    same(site.sql("SELECT count(*) FROM token"), [(0,)], "tokens")


@case("one account of several in which the user may not any more is left out, "
      "and a person who is forgotten gets no link")
def _(site):
    site.ok("subscribe", "beta", BALANCE, ANN, as_=OTTO)
    begin(site)
    site.ask(CHAT, f"/link {ANN}")
    site.ok("user", "role", "beta", ANN, "subscriber", "--no-tell")
    same(list(tokens(send(site, 1)[0])), ["acme"], "accounts")
    site.ask(CHAT, f"/link {BEA}")
    site.ok("person", "forget", BEA)
    same([mail.message["Subject"] for mail in site.mails()[1:]],
         ["Your data was removed"], "mails")
    send(site, 0)
    lacks(str([row for table, rows in site.dump().items() for row in rows]),
          BEA, "the roster")


@case("what waited longer than the mail could be sent is one mail, and none "
      "after a day")
def _(site):
    begin(site)
    site.sendmail("exit 75")
    for _ in range(3):
        site.ask(CHAT, f"/link {ANN}")
        done_ = site("notices", "send")
        same(done_.code, 75, "exit while mail fails")
        lacks(done_.line, "next change", "what is said of a retry")
        later(site, QUARTER)
    same(recorded(site), [], "the record while nothing was mailed")
    site.ask(CHAT, f"/link {BEA}")
    site.sql("UPDATE notice SET at = at - ? WHERE address = ?", DAY + 9, BEA)
    site.sendmail()
    mail, = send(site, 1)
    same(mail.to, ANN, "recipient")
    same(site.sql("SELECT state, kind FROM notice"), [("sent", "link")],
         "notices")
    same(recorded(site), [ANN], "the record")
    (count,), = site.sql("SELECT count(*) FROM token WHERE origin = 'mail'")
    same(count, 1, "tokens")
    contains(site.ask(CHAT, "/start " + tokens(mail)["acme"]), "now linked",
             "answer")


@case("an address is understood in any spelling, and anything else gets the "
      "same help and is not counted")
def _(site):
    site.ok("user", "add", "acme", "jörg@bücher.example")
    site.ok("subscribe", "acme", BALANCE, "jörg@bücher.example", as_=OLGA)
    begin(site)
    for text, to in ((ANN.upper(), ANN), (f"<{ANN}>", ANN), (f"  {ANN} \n", ANN),
                     ('"ann"@acme.example', ANN),
                     ("JÖRG@BÜCHER.example", "jörg@bücher.example"),
                     ("jörg@xn--bcher-kva.example", "jörg@bücher.example")):
        forget(site)
        contains(site.ask(CHAT, f"/link {text}"), ASKED, f"answer to {text}")
        mail, = send(site, 1)
        contains(mail.to.replace("xn--bcher-kva", "bücher"), to,
                 f"recipient for {text}")
    forget(site)
    helps = site.ask(OTHER, "/link")
    contains(helps, "/link ann@acme.example", "help")
    for text in ("ann", "@", f"{ANN} {BEA}", f"{ANN}, {BEA}", f"{ANN};{BEA}",
                 "a" * 300 + "@x.example", "a@" + "b" * 300, f"{ANN}\n{BEA}",
                 "ann@acme.example; DROP TABLE link", "ann@acme.example\x7f",
                 "ann@[127.0.0.1", "\U0001f600", "x" * 4000):
        same(site.ask(OTHER, f"/link {text}"), helps, f"answer to {text[:50]}")
    same(site.sql("SELECT count(*) FROM link_request"), [(0,)], "requests")
    long = "a" * 60 + "@" + ".".join(["b" * 58] * 4)
    contains(site.ask(THIRD, f"/link {long}"), ASKED, "a long address")
    contains(site.ask(THIRD, f"/link@{NAME} {ANN}"), ASKED, "our name")
    send(site, 1)


@case("a mail goes to the user's address, not to how it was spelled, and "
      "never to one that SQL wrote beside another's key")
def _(site):
    begin(site)
    site.sql("UPDATE \"user\" SET address = 'Ann@ACME.example' WHERE address ="
             " ?", ANN)
    site.ask(CHAT, "/link aNN@acme.EXAMPLE")
    same(send(site, 1)[0].to, "Ann@ACME.example", "recipient")
    site.sql("UPDATE \"user\" SET address = 'eve@evil.example'"
             " WHERE address = ?", BEA)
    site.ask(CHAT, f"/link {BEA}")
    send(site, 0)


@case("in a group it is refused, with allow_groups taken, and for another bot "
      "not answered")
def _(site):
    begin(site)
    site.api.group(GROUP)
    contains(site.ask(GROUP, f"/link@{NAME} {ANN}", person=CHAT),
             "private chat", "answer")
    send(site, 0)
    site.settings(link_by_mail="yes", allow_groups="yes")
    site.bot.reload()
    contains(site.ask(GROUP, f"/link@{NAME} {ANN}", person=CHAT), ASKED,
             "answer")
    same(done(site)[-1][:2], (CHAT, GROUP), "who asked, and where")
    token = tokens(send(site, 1)[0])["acme"]
    site.ask(OTHER, f"/start {token}")
    same(site.chats(), {("acme", ANN): OTHER}, "links")
    site.api.say(GROUP, f"/link@OtherBot {ANN}", person=CHAT)
    site.ask(CHAT, "/status")
    same(len(site.api.texts(GROUP)), 2, "answers")


@case("the mail is in the user's language, the answer in the asker's")
def _(site):
    site.ok("subscribe", "beta", BALANCE, ANN, as_=OTTO)
    site.ok("user", "language", "beta", ANN, "de")
    begin(site, folder=texts(site))
    before = len(site.api.texts(CHAT))
    site.api.say(CHAT, f"/link {ANN}", **{"from": {
        "id": CHAT, "is_bot": False, "first_name": "A",
        "language_code": "ru"}})
    contains(site.api.wait_text(CHAT, before + 1)[before], "придёт письмо",
             "answer")
    mail, = send(site, 1)
    same(mail.message["Subject"], "Einen Telegram-Chat verknüpfen", "Subject")
    for part in ("Konto acme:\nhttps://t.me/", "Konto beta:\nhttps://t.me/",
                 "brauchen Sie nichts zu tun"):
        contains(mail.text, part, "text")


@case("without link_by_mail, or without the bot's name, there is no /link: "
      "neither in the help nor on phones")
def _(site):
    def offered(language=""):
        return [c["command"] for c in site.api.commands.get(language, ())]
    begin(site, folder=texts(site))
    contains(site.ask(CHAT, "hello"), "/link and your mail address", "help")
    contains(site.ask(CHAT, "/status"), "/link and your mail", "status")
    for language in ("", "de", "ru", "en"):
        site.api.wait(lambda: "link" in offered(language), "it is offered")
    same(offered(), ["status", "link", "stop"], "commands")
    same([c["description"] for c in site.api.commands["de"]][1],
         "einen Verknüpfungslink per E-Mail erhalten", "in German")
    for settings in ({"link_by_mail": "no"}, {},
                     {"link_by_mail": "yes", "bot": ""}):
        site.settings(**settings)
        site.api.commands.clear()
        site.bot.reload()
        lacks(site.ask(CHAT, f"/link {ANN}"), "address", "answer to /link")
        site.api.wait(offered, "commands are set")
        same(offered(), ["status", "stop"], "commands")
    send(site, 0)
    same(site.sql("SELECT count(*) FROM link_request"), [(0,)], "requests")


@case("without the bot's name links wait, and other notices do not")
def _(site):
    begin(site)
    site.ask(CHAT, f"/link {ANN}")
    site.settings(bot="")
    site.sendmail("exit 75")
    site("user", "role", "acme", ADAM, "subscriber")
    site.sendmail()
    done_ = site("notices", "send")
    same((done_.code, [mail.to for mail in site.mails()]), (75, [ADAM]),
         f"exit and mails of {done_}")
    contains(done_.line, "bot is not set", "the line")
    site.settings()
    send(site, 1)


@case("notify-telegram, whose role may make no tokens, leaves the links to "
      "the timer")
def _(site):
    begin(site)
    site.ask(CHAT, f"/link {ANN}")
    to = site.link_to("beta", BEA, OTHER)
    site.api.fail(BLOCKED, chat=OTHER)
    site.agent(to).must(0, "gone")
    same([mail.to for mail in site.mails()], [BEA], "mails")
    send(site, 1)


run(Site)
