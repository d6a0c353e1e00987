#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""No text from outside breaks a header, a log line, a chat or a terminal, or
becomes SQL, even if it stands in the database already."""
import base64
import json
import re

from lib import rosterdb
from lib.roster import ANN, BALANCE, BILL, MAINTENANCE, MIA, OLGA, SERVICES
from lib.tap import contains, same, true
from lib.telegram import DOMAIN, Site, case, mail, run

CHAT = 7001
# Moves a cursor, changes the direction of text, ends a line or a string.
# PostgreSQL keeps no NUL.
NUL = "" if rosterdb.remote() else "\x00"
HARM = "a\x1b[2Jb\r\nBcc: eve@evil.example\r\n\r\nc" + NUL + "d\x07\x7f\x85\u202ee\u2066f"
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
SQL = ("'; DROP TABLE user; --", "' OR '1'='1", '" OR ""="', "\\'; DELETE FROM "
       "account; --", "x') UNION SELECT * FROM link --", "%", "_", "*", "?1",
       ":name", "1; PRAGMA writable_schema = 1")


def poison(site):
    """Texts that notifyctl would not take, where it keeps its own."""
    site.sql("UPDATE account SET title = ? WHERE name = 'acme'", HARM)
    site.sql("UPDATE category SET title = ? || slug", HARM)
    site.sql("INSERT INTO change(at, actor, account, action, subject, detail)"
             " VALUES (1, ?, 'acme', ?, ?, ?)", *[HARM] * 4)


def clean(text, what):
    true(not BAD.search(text), f"{what}: {text!r}")


def encoded(text):
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


@case("no text in the roster controls the terminal")
def _(site):
    poison(site)
    site.sql("UPDATE user SET address = ? WHERE address = ?",
             HARM + "@acme.example", MIA)
    site.link_to("acme", ANN, CHAT)
    message = f"X-Notify-Category: {BALANCE}\nX-Notify-Account: acme\n\n"
    for words in (["account", "list"], ["account", "show", "acme"],
                  ["user", "list", "acme"], ["category", "list"],
                  ["list", "acme"], ["list", "acme", BALANCE],
                  ["log"], ["log", "acme"], ["check"], ["export"],
                  ["explain", "-", "--recipient", ANN],
                  ["telegram", "status", "acme"],
                  ["subscribe", "acme", SERVICES, BILL]):
        as_ = ANN if words[0] == "telegram" else OLGA
        stdin = message if words[0] == "explain" else None
        done = site(*words, as_=as_, stdin=stdin)
        if words[0] == "export":    # a file: bytes must stay
            continue
        clean(done.out + done.err, f"what {words} shows")
        done = site(*words, as_=as_, stdin=stdin, json_=True)
        json.loads(done.out)
        true(not re.search("[\x00-\x09\x0b-\x1f]", done.out),
             f"what --json {words} shows: {done.out!r}")


@case("a title breaks no header of a notice, and adds none")
def _(site):
    poison(site)
    site("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL, as_=OLGA)
    notice, = site.mails()
    same(notice.args[-2:], ["--", BILL], "recipients that sendmail gets")
    head, _, text = notice.data.partition(b"\n\n")
    names = re.findall(rb"(?m)^([!-9;-~]+):", head)
    same(sorted(names), sorted(set(names)), "each header is there once")
    true(b"Bcc" not in names, f"headers: {names}")
    true(re.fullmatch(rb"[\n\x20-\x7e]*", head), f"headers: {head!r}")
    for name, value in notice.message.items():
        clean(str(value), name)
    clean(notice.text, "the text")


@case("a mail and the roster put no control characters into a chat or the log")
def _(site):
    poison(site)
    mirror = site.link_to("acme", ANN, CHAT)
    name = encoded(HARM)
    data = (f"Subject: {name}\nX-Notify-Category: {BALANCE}\n"
            "X-Notify-Account: acme\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
            "Content-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: base64\n\n"
            f"{base64.b64encode(HARM.encode()).decode()}\n--b\n"
            f"Content-Type: application/pdf; name=\"{name}\"\n\nx\n--b--\n")
    for message in (mail(), data.encode()):
        done = site.agent(mirror, message)
        done.must(0, "sent")
        clean(done.err, "the log")
    for sent in site.api.texts(CHAT):
        clean(sent, "the chat")
    # The subject is one line; what looked like a header is a part of it.
    contains(site.api.texts(CHAT)[1].split("\n")[0], "Bcc", "subject")


@case("the bot puts no control characters of the roster into a chat")
def _(site):
    site.api.person(CHAT)
    token = site.connect_token("acme", ANN)
    poison(site)
    site.sql("UPDATE account SET name = ? || name", HARM.replace("\0", ""))
    site.sql("UPDATE user SET address = ? || address", HARM.replace("\0", ""))
    site.bot.start()
    # /status has a line for the category, too.
    for text, ends in ((f"/start {token}", 2), ("/status", 2), ("/stop", 1)):
        answer = site.ask(CHAT, text)
        contains(answer, ANN, f"answer to {text[:7]}")
        clean(answer, f"answer to {text[:7]}")
        same(answer.count("\n"), ends, f"ends of lines in {answer!r}")
    for line in site.bot.since():
        true(line.isprintable(), f"a line of the log: {line!r}")


def words_of(site):
    """Commands as they should be."""
    path = site.path("empty.eml", "Subject: x\n\n")
    return (["account", "add", "new", "--owner", MIA, "--title", "T"],
            ["account", "show", "acme"], ["account", "remove", "acme"],
            ["account", "transfer", "acme", ANN],
            ["user", "add", "acme", "new@acme.example", "--role", "member"],
            ["user", "list", "acme"], ["user", "role", "acme", ANN, "member"],
            ["user", "remove", "acme", ANN],
            ["category", "add", "new", "--title", "T"],
            ["subscribe", "acme", SERVICES, BILL],
            ["unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN],
            ["list", "acme", BALANCE], ["log", "acme"],
            ["telegram", "connect", "acme"], ["telegram", "status", "acme"],
            ["telegram", "disable", "acme"], ["export", "acme"],
            ["explain", path, "--recipient", ANN], ["trace", "4X"],
            ["requeue", "4X"])


# It is an address, and so comes through to the database.
SQL_ADDRESS = "x'OR'1'!='1@acme.example"


@case("SQL in any argument of a command is only text")
def _(site):
    before = site.dump()
    fixed = {"add", "show", "remove", "transfer", "list", "role", "connect",
             "status", "disable"}
    for words in words_of(site):
        for i in range(1, len(words)):
            if words[i].startswith("--") or (i == 1 and words[1] in fixed):
                continue
            if words[i - 1] == "--title":
                continue            # is kept as it is: see below
            for text in (*SQL[:2], SQL_ADDRESS):
                if text == SQL_ADDRESS and "add" in words and "@" in words[i]:
                    continue    # it may well be added: see below
                changed = [*words[:i], text, *words[i + 1:]]
                done = site(*changed, as_=OLGA)
                # A recipient may be anything: the answer is "nobody". 74: the
                # database did not understand the SQL.
                true(done.code not in (0, 70, 74) or words[0] == "explain"
                     and done.code == 0, f"exit of {done}")
                same(site.dump(), before, f"database after {changed}")
    for text in SQL:
        site.refused(65, "subscribe", "acme", SERVICES,
                     BILL, as_=text)


@case("SQL where any text is allowed is stored as it is, and found again")
def _(site):
    before = site.dump()
    for n, text in enumerate(SQL):
        local = text.replace("\\", "\\\\").replace('"', '\\"')
        # A percent sign in a local part is refused.
        who = f'"{local}"@acme.example'.replace("%", "percent")
        site.ok("account", "add", f"sql-{n}", "--owner", who, "--title", text)
        site.ok("category", "add", f"sql-{n}", "--title", f"{text} {n}")
        same(site.json("account", "show", f"sql-{n}")["title"], text, "title")
        found = site.json("list", f"sql-{n}", f"{text} {n}")
        same(len(str(found).split("acme.example")) - 1, 1, "who gets it")
        site.ok("user", "add", "acme", who)
        site.ok("subscribe", "acme", f"{text} {n}", who, as_=OLGA)
        site.ok("user", "remove", "acme", who)
        site.ok("account", "remove", f"sql-{n}")
    site.sql("DELETE FROM category WHERE slug LIKE 'sql-%'")
    after = site.dump()
    for table in ("account", "user", "subscription", "link", "category"):
        same(after[table], before[table], f"table {table}")


@case("SQL in a roster file, a message or a chat changes nothing")
def _(site):
    before = site.dump()
    for text in SQL[:6]:
        field = '"' + text.replace('"', '""') + '"'
        for row in (f"{field},x@acme.example,member,", f"acme,{field},member,",
                    f"acme,{MIA},{field},", f"acme,{MIA},member,{field}"):
            site.refused(65, "import", site.path(
                "sql.csv", f"account,email,role,categories\n{row}\n"))
        for message in (mail(category=text), mail(account=text)):
            site.agent(f"1@{DOMAIN}", message, qid=text)
        site.agent(f"{text}@{DOMAIN}")
    same({k: v for k, v in site.dump().items() if k != "waiting"},
         {k: v for k, v in before.items() if k != "waiting"}, "database")
    site.api.person(CHAT)
    site.bot.start()
    for text in SQL[:4]:
        site.ask(CHAT, f"/start {text}")
    after = site.dump()
    for table in ("account", "user", "subscription", "link", "category"):
        same(after[table], before[table], f"table {table}")


run(Site)
