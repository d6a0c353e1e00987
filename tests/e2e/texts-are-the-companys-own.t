#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: the bot is started for each kind of file
# takes: 60 s
"What users read is in their language and in the company's words, and no text "
"that is wrong stops a program."
import configparser
import email
import os
import re
import shutil
import subprocess

from lib import TREE
from lib.milter import BUILD, program
from lib.roster import (ANN, BALANCE, BILL, DOCUMENTS, MAINTENANCE, OLGA, SUE)
from lib.tap import contains, lacks, same, true
from lib.telegram import Site, case, mail, run
from lib.waiting import until

CHAT, OTHER = 7001, 7002
SHIPPED = os.path.join(TREE, "postfix-sample", "texts")
DOT = "\u2024"
TRANSLATOR = 54321      # a user and a group without a name
REFUSED = "This link does not work"


def texts(site, language="en", **files):
    """Have FILES, by language, as the texts; True: the one that is shipped."""
    folder = site.path("texts")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    for name, text in files.items():
        path = os.path.join(folder, name.replace("_", "-") + ".conf")
        if text is True:
            shutil.copy(os.path.join(SHIPPED, f"{name}.conf"), path)
        else:
            with open(path, "wb") as out:
                out.write(text if isinstance(text, bytes) else text.encode())
    site.settings(folder=folder, language=language)
    return folder


def speaks(site, address, language, account="acme"):
    site.sql('UPDATE "user" SET language = ? WHERE address = ? AND account ='
             " (SELECT id FROM account WHERE name = ?)", language, address,
             account)


def unsubscribed(site, address=BILL, *categories):
    """The mail about it."""
    before = len(site.mails())
    for category in categories or (MAINTENANCE,):
        site.ok("unsubscribe", "acme", category, address, "--confirm", address,
                as_=OLGA)
    return site.mails()[before]


def unsubscribed_says(site):
    """What notifyctl says when it mails BILL."""
    site("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA)
    return site("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
                as_=OLGA).err


def verdict(site, name="notify-bot"):
    """Exit status and the lines on standard error of NAME -n."""
    done = subprocess.run([program(name), "-c", site.conf.file, "-n"],
                          capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr.splitlines()


def findings(site):
    document = site("check", json_=True).document
    return [(f["severity"], f["what"]) for f in document["findings"]
            if f["part"] == "texts"]


def parse(path):
    """{(section, key): text} by another parser."""
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"),
        empty_lines_in_values=True)
    parser.read(path, encoding="utf-8")
    return {(section, key): text.strip() for section in parser.sections()
            for key, text in parser[section].items()}


def places(text):
    return set(re.findall(r"{(\w+)}", text))


@case("the English file is the built-in texts, word for word")
def _(_site):
    done = subprocess.run([os.path.join(BUILD, "unit"), "texts"], check=True,
                          capture_output=True, text=True, timeout=30)
    with open(os.path.join(SHIPPED, "en.conf"), encoding="utf-8") as file:
        same(file.read(), done.stdout, "en.conf")


@case("each language that is shipped has each text, with the same places, and "
      "the five categories")
def _(site):
    english = parse(os.path.join(SHIPPED, "en.conf"))
    true(len(english) > 45, f"texts: {len(english)}")
    slugs = {f"category {c['slug']}" for c in
             site.json("category", "list")["categories"]}
    for language in ("de", "ru"):
        got = parse(os.path.join(SHIPPED, f"{language}.conf"))
        own = {key for key in got if key[0].startswith("category ")}
        same(own, {(slug, word) for slug in slugs
                   for word in ("title", "description")}, "categories")
        same({key: places(text) for key, text in got.items()
              if key not in own},
             {key: places(text) for key, text in english.items()},
             f"places of {language}")
        for key, text in got.items():
            true(text != english.get(key) or key[0] == "chat" or
                 text == "Administrator", f"{key} of {language}: {text}")
    texts(site, en=True, de=True, ru=True)
    same(verdict(site), (0, []), "notify-bot -n")
    same(verdict(site, "notify-telegram"), (0, []), "notify-telegram -n")
    same(findings(site), [], "findings")


@case("a notice is in the user's language: subject and text come back whole "
      "by two parsers")
def _(site):
    texts(site, en=True, de=True, ru=True)
    site.link_to("acme", ANN, CHAT)
    for language, subject, words in (
            ("de", "Sie erhalten „Geplante Wartung“ für das Konto acme nicht "
             "mehr", ("Guten Tag,", "Sie erhalten nicht mehr:\n\n  - "
                      "Geplante Wartung\n", "Störungen und Ausfälle", OLGA)),
            ("ru", "Вы больше не получаете сообщения «Плановые работы» по "
             "аккаунту acme", ("Здравствуйте!", "Плановые работы\n", OLGA)),
            ("", "You no longer receive \"Scheduled maintenance\" for account "
             "acme", ("Hello,", "Scheduled maintenance\n",
                      "crashes and outages"))):
        site.ok("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA)
        speaks(site, BILL, language)
        mail = unsubscribed(site)
        true(mail.data.isascii(), "the mail is ASCII")
        same(mail.message["Subject"], subject, "Subject by Python")
        same((mail.message.get_content_charset(),
              mail.message["Content-Transfer-Encoding"]),
             ("utf-8", "quoted-printable"), "the form of the text")
        text = mail.text.replace("\n\n  -", "\n  -")
        for part in words:
            contains(text, part.replace("\n\n  -", "\n  -"), "text by Python")
        head, _, body = mail.data.partition(b"\n\n")
        true(max(map(len, head.split(b"\n"))) < 999, "length of lines")
        # notify-telegram reads mail with GMime.
        tagged = (b"X-Notify-Category: balance-and-payments\n"
                  b"X-Notify-Account: acme\n" + mail.data)
        sent = len(site.api.texts(CHAT))
        (link,), = site.sql("SELECT id FROM link")
        site.agent(f"{link}@telegram.invalid", tagged).must(0, "sent")
        shown = site.api.texts(CHAT)[sent]
        contains(shown, subject, "Subject by GMime")
        for part in words:
            contains(shown.replace("\n\n", "\n"),
                     part.strip().replace("\n\n", "\n").split("\n")[0],
                     "text by GMime")


@case("a subject in any script, of any length, is encoded words as RFC 2047 "
      "has them, and comes back whole by two parsers")
def _(site):
    to = site.link_to("acme", ANN, CHAT)
    for subject in (
            "您在账户中不再收到余额和付款类别的消息请联系账户所有者或管理员" * 3,
            "אתה לא מקבל עוד הודעות " * 20 + ".", "ё" * 2000, "😀" * 1000,
            "x" * 2000, "word " * 390 + "x", "=?utf-8?q?Bcc?= {category}",
            "tschüß =?utf-8?B?", '"q" <a@b> (c); é', "x" * 990 + " ü"):
        texts(site, fr=f"[notice]\nunsubscribed_subject = {subject}\n")
        site.ok("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA)
        speaks(site, BILL, "fr")
        told = unsubscribed(site)
        want = subject.replace("{category}", "Scheduled maintenance")
        same(told.message["Subject"], want, "Subject by Python")
        head = told.data.partition(b"\n\n")[0]
        true(head.isascii(), "the header is ASCII")
        for line in head.split(b"\n"):
            true(len(line) <= (76 if b"=?" in line else 78), f"line {line}")
        sent = len(site.api.texts(CHAT))
        site.agent(to, b"X-Notify-Category: balance-and-payments\n"
                   b"X-Notify-Account: acme\n" + told.data).must(0, "sent")
        same(site.api.texts(CHAT)[sent].split("\n")[0].rstrip("…")[:99],
             want[:99], "Subject by GMime")


@case("one category has a text of its own, and many another")
def _(site):
    texts(site, de="[notice]\nunsubscribed_subject = eine: {category}\n"
          "unsubscribed_subject_many = viele: {count}\n")
    speaks(site, BILL, "de")
    same(unsubscribed(site).message["Subject"], "eine: Scheduled maintenance",
         "Subject")
    speaks(site, ANN, "de")
    site.ok("subscribe", "acme", DOCUMENTS, ANN, as_=OLGA)
    site.ok("subscribe", "acme", MAINTENANCE, ANN, as_=OLGA)
    site.ok("user", "role", "acme", ANN, "subscriber", as_=OLGA)
    before = len(site.mails())
    site.ok("user", "remove", "acme", ANN, as_=OLGA)
    true(len(site.mails()) > before, "a mail")


@case("the last line of a chat message is in the user's language")
def _(site):
    texts(site, de=True)
    to = site.link_to("acme", ANN, CHAT)
    for language, want in (("de", "Guthaben und Zahlungen"),
                           ("de-AT", "Guthaben und Zahlungen"),
                           ("fr", "Balance and payments"),
                           ("", "Balance and payments")):
        speaks(site, ANN, language)
        before = len(site.api.texts(CHAT))
        site.agent(to).must(0, "sent")
        last = site.api.texts(CHAT)[before].split("\n")[-1]
        true(last.startswith(f"{want} · ") and "acme" in last,
             f"last line in {language!r}: {last}")


def attached(n, text="Text.\n"):
    """The parts of a mail with N attachments."""
    parts = [f"--b\nContent-Type: text/plain\n\n{text}"] + [
        f"--b\nContent-Type: a/b; name=f{i}\n\nx" for i in range(n)]
    return {"headers": ["Content-Type: multipart/mixed; boundary=b"],
            "body": "\n".join(parts) + "\n--b--\n"}


@case("what is said about a mail in the chat is in the user's language, with "
      "one text for one and one for many")
def _(site):
    texts(site, en=True, de=True, ru=True)
    to = site.link_to("acme", ANN, CHAT)
    for language, want in (
            ("de", ("… (der Rest steht in der E-Mail)",
                    "(kein Betreff, kein Text)", "und 1 weiterer Anhang",
                    "und 2 weitere Anhänge")),
            ("ru", ("… (остальное — в письме)", "(нет ни темы, ни текста)",
                    "и ещё 1 вложение", "и ещё вложений: 2")),
            ("", ("… (the mail has the rest)", "(no subject, no text)",
                  "and 1 more attachment", "and 2 more attachments"))):
        speaks(site, ANN, language)
        for part, data in zip(want, (
                {"body": "word " * 2000}, {"subject": "", "body": ""},
                attached(11), attached(12))):
            sent = len(site.api.texts(CHAT))
            site.agent(to, mail(**data)).must(0, "sent")
            contains(site.api.texts(CHAT)[sent] + "\n", part + "\n",
                     f"text in {language!r}")


@case("no text is so long that Telegram refuses a message or the commands")
def _(site):
    long, emoji = "ё" * 256, "😀" * 128
    texts(site, de="[chat]\n" + "".join(
        f"{key} = {emoji}\n" for key in ("rest", "files", "files_many")) +
        "last_line_title = " + "{title}{category}" * 100 +
        f"\n[bot]\nmenu_status = {emoji}\nmenu_stop = {long}\n"
        "status_none = " + "😀" * 2000 + "\nlinked = " + "{account}" * 200 +
        "\nstatus = " + "😀" * 2000 + "\nask = " + "{account} 😀" * 150 +
        f"\n[category {BALANCE}]\ntitle = {'Ж' * 200}\n"
        f"description = {'😀' * 1000}\n")
    same(verdict(site), (0, []), "-n")
    site.sql("UPDATE account SET title = ?", "Ж" * 100)
    site.api.person(CHAT)
    for user in (ANN, OLGA, BILL):
        speaks(site, user, "de")
    site.bot.start()
    until(lambda: "de" in site.api.commands, "the commands in German")
    same([c["description"] for c in site.api.commands["de"]], [emoji, long],
         "descriptions")

    def asked(what):
        sent = len(site.api.texts(CHAT))
        site.api.say(CHAT, what, **{"from": {
            "id": CHAT, "is_bot": False, "first_name": "A",
            "language_code": "de"}})
        return site.api.wait_text(CHAT, sent + 1)[sent]
    true(asked("/status").startswith("😀😀"), "status_none")
    site.ok("account", "rename", "acme", "a" * 60)
    answer = asked("/start " + site.connect_token("acme", ANN))
    true(answer.startswith("aaaa") and len(answer) > 4000, "linked")
    true(asked("/status").startswith("😀😀"), "status")
    token = site.connect_token("acme", OLGA)
    site.sql('UPDATE "user" SET role = ? WHERE address = ?', "member", OLGA)
    contains(asked("/start " + token), "aaa 😀", "ask")
    (link,), = site.sql("SELECT id FROM link")
    sent = len(site.api.texts(CHAT))
    site.agent(f"{link}@telegram.invalid", mail(
        subject="Ж" * 300, **attached(12, "word " * 2000))).must(0, "sent")
    lines = site.api.texts(CHAT)[sent].split("\n")
    same("\n".join(lines).count(emoji), 2, "the notes")
    true(lines[2].startswith("word word"), "the text has room")
    true(lines[-1].startswith("Ж" * 200), "last line")


@case("the bot answers in the user's language, else in that of whoever writes, "
      "else in [texts] language")
def _(site):
    texts(site, "ru", de=True, ru=True)
    site.api.person(CHAT)
    site.api.person(OTHER)
    site.bot.start()

    def asked(code, text="/status", chat=CHAT):
        person = {"id": chat, "is_bot": False, "first_name": "A"}
        if code is not None:
            person["language_code"] = code
        before = len(site.api.texts(chat))
        site.api.say(chat, text, **{"from": person})
        return site.api.wait_text(chat, before + 1)[before]
    for code, want in (("de", "nicht verknüpft"), ("de-AT", "nicht verknüpft"),
                       ("en", "not linked"), ("en-GB", "not linked"),
                       ("fr", "не привязан"), (None, "не привязан"),
                       ("x" * 300, "не привязан")):
        contains(asked(code), want, f"answer to {code}")
    speaks(site, ANN, "de")
    answer = asked("en", "/start " + site.connect_token("acme", ANN))
    contains(answer, "jetzt mit dem Konto acme verknüpft", "answer to /start")
    contains(answer, ANN, "answer to /start")
    contains(asked("en"), "verknüpft mit:\nKonto acme", "answer to /status")
    speaks(site, ANN, "fr")
    contains(asked("en"), "is linked to:", "answer, the user speaks French")
    speaks(site, ANN, "de")
    contains(asked("en", "/stop"), "nicht mehr verknüpft", "answer to /stop")
    contains(asked("de", "hello", OTHER), "Dieser Bot", "help")
    # Whoever has a token that may not be used is that user, too.
    token = site.connect_token("acme", ANN)
    site.ok("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN, as_=OLGA)
    contains(asked("en", "/start " + token), "kann nicht mit dem Konto acme",
             "a refusal")


@case("a phone is offered the commands in its language: each that has a file, "
      "one of a region if it is alone, and English")
def _(site):
    site.api.person(CHAT)
    for default, files, want in (
            ("ru", {"ru": True, "pt_br": "[bot]\nmenu_stop = parar\n"},
             {"": "отвязать этот чат", "ru": "отвязать этот чат",
              "pt": "parar", "en": "unlink this chat"}),
            ("en", {"de": True, "de_at": "[bot]\nmenu_stop = aus\n",
                    "en": "[bot]\nmenu_stop = off\n",
                    "yue": "[bot]\nmenu_stop = x\n"},
             {"": "off", "en": "off",
              "de": "die Verknüpfung dieses Chats beenden"})):
        texts(site, default, **files)
        site.api.commands.clear()
        site.bot.start()
        site.ask(CHAT, "/status")
        same({code: commands[1]["description"]
              for code, commands in site.api.commands.items()}, want,
             f"descriptions of /stop, {default}")
        site.bot.end()


FAULTS = [
    # a file, the line of the fault, words of the fault
    ("[bot]\nhlp = x\n", 2, ['unknown key "hlp" in [bot]', "expected help"]),
    ("[bto]\nhelp = x\n", 1, ["unknown section [bto]", "[notice]"]),
    ("[bot\n", 1, ["unknown section"]),
    ("help = x\n", 1, ['"help" is in no section']),
    ("[bot]\n\nuser =\n\n  {account}\n", None, []),
    ("[bot]\nuser = {acount} {address}\n", 2,
     ['unknown place "{acount}"', "account address"]),
    ("[bot]\nhelp =\n  one\n\n  two {account}\n", 5,
     ['unknown place "{account}"', "none in this text"]),
    ("[bot]\nhelp = {\n", 2, ['a "{" alone']),
    ("[bot]\nhelp = }\n", 2, ['a "}" alone']),
    ("[bot]\nuser = {account {address}\n", 2, ["{account"]),
    ("[notice]\nhello =\n", 2, ["no text"]),
    ("[notice]\nhello = a\n  b\n", 2, ["several lines; expected one"]),
    ("[bot]\nhelp = a\nhelp = b\n", 3, ["set twice, first in line 2"]),
    ("[bot]\nhelp: a\n", 2, ["not a text"]),
    ("  help = a\n", 1, ["an indented line without a text"]),
    ("[bot]\nhelp = " + "x" * 2001, 2, ["at most 2000"]),
    ("[bot]\nmenu_stop = " + "ё" * 256 + "\n", None, []),
    ("[bot]\nmenu_stop = " + "ё" * 257 + "\n", 2, ["at most 256"]),
    ("[bot]\nmenu_stop = a\n  b\n", 2, ["several lines; expected one"]),
    ("[chat]\nrest = " + "😀" * 129 + "\n", 2, ["at most 256"]),
    ("[chat]\nempty = {count}\n", 2, ["unknown place", "none in this text"]),
    ("[chat]\nfiles_many = {number}\n", 2, ["unknown place", "count"]),
    ("[bot]\nhelp = a\x1b[31mb\n", 2, ["a control character"]),
    (b"[bot]\nhelp = a\0b\n", 2, ["NUL"]),
    (b"[bot]\nhelp = gr\xfc\xdfe\n", 2, ["not UTF-8"]),
    ("[category]\ntitle = x\n", 1, ["unknown section"]),
    ("[category --]\ntitle = x\n", 1, ["no slug"]),
    (f"[category {BALANCE}]\nname = x\n", 2, ['unknown key "name"',
                                              "title or description"]),
    (f"[category {BALANCE}]\ntitle = {{account}}\n", 2, ["unknown place"]),
    (f"[category {BALANCE}]\ntitle = {'x' * 201}\n", 2, ["at most 200"]),
    (f"[category {BALANCE}]\ntitle = a\n  b\n", 2, ["expected one"]),
    ("[notice]\nlink_account =\n  Konto {account}\n", 2, ["no {link}"]),
    ("[notice]\nlink_account = {account}: {link}\n", None, []),
]


@case("each fault is named with file and line by -n and check, and stops "
      "nothing")
def _(site):
    for text, line, words in FAULTS:
        folder = texts(site, de=text)
        code, lines = verdict(site)
        if line is None:
            same((code, lines), (0, []), f"-n of {text!r}")
            continue
        same((code, len(lines)), (78, 1), f"-n of {text!r}: {lines}")
        found = [what for severity, what in findings(site)
                 if severity == "error"]
        same(len(found), 1, f"errors of {text!r}")
        for part in [f"{folder}/de.conf:{line}: ", *words]:
            contains(lines[0], part, "-n")
            contains(found[0], part, "check")
        true(lines[0].isprintable(), f"a line of text: {lines[0]!r}")
        same(site("check").code, 78, "exit of check")
        same(verdict(site, "notify-telegram")[0], 78, "notify-telegram -n")


@case("at a start a fault is a warning, and that one text is the built-in one",
      expect=r"de\.conf:[25]: unknown place")
def _(site):
    texts(site, "de", de="[bot]\nhelp = Hallo {name}\nstatus_none = Nein.\n"
          "[notice]\nhello = Hallo {name}\n"
          "unsubscribed_subject = Weniger: {category}\n")
    site.api.person(CHAT)
    site.bot.start()
    warnings = site.bot.troubles()
    same([re.findall(r"de\.conf:(\d+): .*built-in", line)
          for line in warnings], [["2"], ["5"]], f"warnings {warnings}")
    contains(site.ask(CHAT, "hello"), "This bot brings you", "help")
    same(site.ask(CHAT, "/status"), "Nein.", "a good text of the same file")
    done = site("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
                as_=OLGA)
    same(done.code, 0, f"exit of {done}")
    for part in ("warning", "de.conf:2: ", "1 more"):
        contains(done.line, part, "the line")
    mail, = site.mails()
    same(mail.message["Subject"], "Weniger: Scheduled maintenance", "Subject")
    contains(mail.text, "Hello,", "text")
    to = site.link_to("acme", ANN, OTHER)
    got = site.agent(to).must(0, "sent")
    contains(got.err, "de.conf:2: ", "the log of notify-telegram")
    # Corrected, and reloaded.
    texts(site, "de", de="[bot]\nhelp = Hallo!\n")
    site.bot.reload()
    same(site.ask(CHAT, "hello"), "Hallo!", "help after a reload")


@case("a FIFO, a directory or a file without rights among the texts hangs and "
      "stops nothing")
def _(site):
    folder = texts(site, de=True)
    path = os.path.join(folder, "fr.conf")
    os.mkfifo(path)
    code, lines = verdict(site)
    same((code, len(lines)), (78, 1), f"{lines}")
    contains(lines[0], "fr.conf: not a regular file", "the line")
    os.unlink(path)
    os.mkdir(path)
    same(verdict(site)[0], 78, "a directory")
    os.rmdir(path)
    for to, what in (("/nonexistent", "No such file"),
                     ("fr.conf", "Too many levels")):
        os.symlink(to, path)
        code, lines = verdict(site)
        same((code, len(lines)), (78, 1), f"a link to {to}: {lines}")
        contains(lines[0], f"fr.conf: {what}", "the line")
        os.unlink(path)
    for name in ("README", ".de.conf.swp", "de.conf.dpkg-dist", "de.conf~"):
        with open(os.path.join(folder, name), "w") as out:
            out.write("[?\n")
    same(verdict(site), (0, []), "files that are no texts")
    with open(os.path.join(folder, "german text.conf"), "w"):
        contains(verdict(site)[1][0], "the name of no language", "the line")
    os.unlink(os.path.join(folder, "german text.conf"))
    with open(os.path.join(folder, "\x1b[2J\nerror: x.conf"), "w"):
        _code, lines = verdict(site)
        same([line.isprintable() for line in lines], [True], f"{lines}")
        same([what.isprintable() for _, what in findings(site)], [True],
             "check")
    os.unlink(os.path.join(folder, "\x1b[2J\nerror: x.conf"))
    os.chmod(os.path.join(folder, "de.conf"), 0o600)
    contains([what for severity, what in findings(site)
              if severity == "warning"][0], "cannot read", "check")
    site.settings(folder=site.path("roster-of-nobody"))
    same(verdict(site), (0, []), "a folder that is not there")
    site.settings(folder=site.conf.file)
    contains(verdict(site)[1][0], "expected a directory", "a file as folder")


@case("a file of texts leads root to no other file, and check gives nobody "
      "rights to one")
def _(site):
    secret = site.path("secret", b"[notice]\nhunter2 = x\n")
    os.chmod(secret, 0o600)
    folder = texts(site)
    for owner, group, mode in ((TRANSLATOR, -1, 0o755), (0, TRANSLATOR, 0o775),
                               (TRANSLATOR, TRANSLATOR, 0o2775)):
        os.chown(folder, owner, group)
        os.chmod(folder, mode)
        path = os.path.join(folder, "de.conf")
        os.symlink(secret, path)
        for document in (site("check", json_=True).out,
                         unsubscribed_says(site)):
            lacks(document, "hunter2", "what is said of the file")
            contains(document, "Permission denied", "what is said of the file")
            lacks(document, "chmod", "what is said of the file")
        os.unlink(path)
        shutil.copy(os.path.join(SHIPPED, "de.conf"), path)
        os.chmod(path, 0o644)
        same(findings(site), [], f"a good file, owner {owner}, mode {mode:o}")
        os.unlink(path)


@case("a file of a megabyte is read, a larger one is not, and of a fault in "
      "each line twenty are named")
def _(site):
    most = 1 << 20
    good = b"[bot]\nhelp = Hallo!\n"
    texts(site, de=good + b"#" * (most - len(good)))
    same(verdict(site), (0, []), "-n of the largest")
    folder = texts(site, de=good + b"#" * (most - len(good) + 1))
    code, lines = verdict(site)
    same((code, len(lines)), (78, 1), f"one that is too large: {lines}")
    contains(lines[0], f"{folder}/de.conf: too large", "the line")
    for junk in (b"x\n" * (most // 2), b"\xff\n" * (most // 2),
                 b"[bot]\nhelp = {\n" * (most // 16), b"\0\n" * (most // 2)):
        texts(site, "de", de=good + junk[len(good):])
        code, lines = verdict(site)
        same((code, len(lines)), (78, 21), f"of {junk[:9]}: {lines[:3]}")
        contains(lines[-1], "more faults", "the last line")
        same(len([what for severity, what in findings(site)
                  if severity == "error"]), 21, "errors of check")
    words = "".join(f"[category no-{n}]\ntitle = x\n" for n in range(9999))
    texts(site, de=words)
    found = [what for _, what in findings(site) if "[category" in what]
    same(len(found), 1, f"notes on categories: {found[:3]}")


@case("a text that is missing is that of [texts] language, then the built-in "
      "one, and check notes it")
def _(site):
    texts(site, "de", de="[notice]\nhello = Tag!\n", ru="[notice]\n"
          "unsubscribed_subject = Меньше\n", en="[notice]\nhello = Hi!\n")
    for language, subject, hello in (
            ("ru", "Меньше", "Tag!"), ("de", "You no longer", "Tag!"),
            ("fr", "You no longer", "Tag!"), ("en", "You no longer", "Hi!")):
        site.ok("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA)
        speaks(site, BILL, language)
        mail = unsubscribed(site)
        contains(mail.message["Subject"], subject, f"Subject, {language}")
        contains(mail.text, hello, f"text, {language}")
    found = findings(site)
    same([severity for severity, _ in found], ["note", "note"], f"{found}")
    true(all("lacks" in what for _, what in found), f"{found}")
    site.settings(language="fr")
    contains(str(findings(site)), "there is no", "a language without a file")


@case("a category has the words of the file for users, and the roster's in "
      "category list")
def _(site):
    site.ok("category", "add", "incidents", "--title", "Incidents")
    texts(site, de="[category Scheduled_Maintenance]\ntitle = Wartung; # 1\n"
          "description =\n  Arbeiten\n[category incidents]\n"
          "title = Störungen\n[category nowhere]\ntitle = x\n")
    speaks(site, BILL, "de")
    site.ok("subscribe", "acme", "incidents", BILL, as_=OLGA)
    mail = unsubscribed(site)
    contains(mail.message["Subject"], '"Wartung; # 1"', "Subject")
    contains(mail.text, "  - Wartung; # 1\n    Arbeiten\n", "text")
    contains(unsubscribed(site, BILL, "incidents").message["Subject"],
             "Störungen", "Subject")
    lacks(site.ok("category", "list").out, "Wartung", "category list")
    contains(str(findings(site)), "[category nowhere]", "check")


@case("a category's title and description are shown whole, as long as they may "
      "be, in a notice and by the bot")
def _(site):
    about = "Долги; возвраты; " * 40
    about = about.encode()[:1022].decode(errors="ignore") + "!"
    title, emoji = "Т" + "t" * 252 + "!", "😀" * 999 + "!"
    site.ok("category", "add", "long", "--title", title, "--telegram",
            "--description", about)
    site.ok("subscribe", "acme", "long", BILL, ANN, as_=OLGA)
    texts(site, de=f"[category long]\ndescription = {emoji}\n")
    to = site.link_to("acme", ANN, CHAT)
    for language, want in (("", about), ("de", emoji)):
        site.ok("subscribe", "acme", "long", BILL, as_=OLGA)
        speaks(site, BILL, language)
        told = unsubscribed(site, BILL, "long")
        contains(told.text, f"  - {title}\n    {want}\n", "text by Python")
        true(max(map(len, told.data.split(b"\n"))) < 999, "length of lines")
        tagged = (b"X-Notify-Category: balance-and-payments\n"
                  b"X-Notify-Account: acme\n" + told.data)
        sent = len(site.api.texts(CHAT))
        site.agent(to, tagged).must(0, "sent")
        contains(site.api.texts(CHAT)[sent], want, "text by GMime")
        speaks(site, ANN, language)
        site.bot.start()
        contains(site.ask(CHAT, "/status"), f"{title}: {want}", "/status")
        site.bot.end()


@case("a text of several lines keeps its empty lines, and ; and # in it")
def _(site):
    texts(site, en="\ufeff[bot]\r\n# a comment\r\nhelp = one ; two # three\r\n"
          "; a comment\r\n\tfour\r\n\r\n\r\n  # five = six\r\n\r\n"
          "status_none = =x\r\n")
    same(verdict(site), (0, []), "-n")
    site.api.person(CHAT)
    site.bot.start()
    same(site.ask(CHAT, "hello"),
         "one ; two # three\nfour\n\n\n# five = six", "help")
    same(site.ask(CHAT, "/status"), "=x", "status")


@case("what is put into a place stays one line, and makes no header and no "
      "link")
def _(site):
    texts(site)
    title = ("Acme\r\nBcc: eve@evil.example\u202e https://evil.example/x "
             "www.evil.example @eve ")
    site.sql("UPDATE account SET title = ? WHERE name = 'acme'",
             title + "x" * 300)
    site.sql("UPDATE category SET title = ? WHERE slug = ?",
             title + "x" * 150, MAINTENANCE)
    to = site.link_to("acme", ANN, CHAT)
    site.agent(to).must(0, "sent")
    last = site.api.texts(CHAT)[-1].split("\n")[-1]
    contains(last, "Acme", "last line")
    mail = unsubscribed(site)
    same([name for name in mail.message.keys() if name.lower() == "bcc"], [],
         "headers")
    site.sql("UPDATE category SET title = ?, description = ? WHERE slug = ?",
             title, title, BALANCE)
    site.bot.start()
    status = site.ask(CHAT, "/status")
    contains(status, f"- Acme  Bcc: eve@ evil{DOT}example", "/status")
    for text in (last, mail.text, mail.message["Subject"], status):
        for part in ("://evil", "evil.example", "@eve", "\u202e", "\r",
                     "x" * 200):
            lacks(text, part, "what is read")
    contains(last, f"evil{DOT}example", "last line")
    contains(mail.text, BILL, "text")
    # What is no link stays as it is written.
    title = "Störung e.V. & Co. KG, Version 2.0: und/oder 50 % (a@)"
    site.sql("UPDATE account SET title = ? WHERE name = 'acme'", title)
    site.agent(to).must(0, "sent")
    contains(site.api.texts(CHAT)[-1], f" · {title} (acme)", "last line")


@case("[texts] language must be a language")
def _(site):
    for value in ("german", "d", "de;", "", "../de"):
        site.settings(language=value)
        code, lines = verdict(site)
        same(code, 78, f"exit with language = {value!r}")
        contains(lines[0], "language", "the line")


run(Site)
