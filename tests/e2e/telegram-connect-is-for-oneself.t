#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl telegram connect, disable and status: who may, and what is shown.

What becomes of a link that is opened: telegram-chat-is-linked-by-its-user.t."""
import base64
import datetime
import os
import re
import shutil
import subprocess
import time

from lib.roster import (ADAM, ANN, BALANCE, BEA, BILL, MIA, OLGA, OTTO,
                        STRANGER, SUE)
from lib.tap import Skip, contains, lacks, same, true
from lib.telegram import NAME, Site, case, run

LINK = re.compile(rf"https://t\.me/{NAME}\?start=[A-Za-z0-9_-]{{22}}")
CHAT = 7001


def link_in(text):
    found = LINK.findall(text)
    same(len(found), 1, f"links in {text!r}")
    return found[0]


def decoded(path):
    """The text that zbarimg reads in the picture."""
    if shutil.which("zbarimg") is None:
        raise Skip("needs zbarimg (zbar-tools)")
    done = subprocess.run(["zbarimg", "--quiet", "--raw", path], text=True,
                          capture_output=True, timeout=60)
    return done.stdout.strip()


def picture(lines, light):
    """The code drawn with half blocks as a PGM; LIGHT: blocks are light."""
    halves = {" ": (0, 0), "\u2580": (1, 0), "\u2584": (0, 1),
              "\u2588": (1, 1)}
    rows = []
    for line in lines:
        for half in (0, 1):
            bits = [halves[character][half] for character in line]
            rows.append(bytes(255 if bit == light else 0 for bit in bits))
    width = max(map(len, rows))
    paper = b"\xff"
    rows = [row.ljust(width, paper) for row in rows]
    scaled = b"".join(bytes(v for v in row for _ in range(4)) * 4
                      for row in [paper * width] * 4 + rows
                      + [paper * width] * 4)
    return (f"P5 {4 * width} {4 * (len(rows) + 8)} 255\n".encode() + scaled)


def when(value):
    """Unix seconds of a time in JSON."""
    if isinstance(value, (int, float)):
        return value
    return datetime.datetime.fromisoformat(
        value.replace("Z", "+00:00")).replace(
            tzinfo=datetime.timezone.utc).timestamp()


@case("connect prints the link, its expiry and its QR code")
def _(site):
    text = site.connected("acme", ANN)
    link = link_in(text)
    (expires,), = site.sql("SELECT expires FROM token")
    until = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc)
    contains(text, until.strftime("%H:%M"), "output")
    code = [line for line in text.split("\n")
            if re.fullmatch("[ \u2580\u2584\u2588]{20,}", line)]
    true(len(code) > 12, f"a code in {text}")
    same(len({len(line) for line in code}), 1, "widths of the code's lines")
    read = {decoded(site.path("code.pgm", picture(code, light)))
            for light in (0, 1)}
    contains(read, link, "what is read from the code")


@case("connect --png writes the link's QR code into a file")
def _(site):
    path = site.path("code.png")
    text = site.connected("acme", OLGA, "--png", path)
    same(decoded(path), link_in(text), "what is read from the file")
    same(oct(os.stat(path).st_mode & 0o777), oct(0o600), "its mode")
    again = site.connected("acme", OLGA, "--png", path)
    same(decoded(path), link_in(again), "what is read from the newer file")


@case("connect --png to an impossible path keeps the old token valid")
def _(site):
    site.connected("acme", ANN)
    for path in (site.path("none") + "/code.png", site.folder):
        before = site.dump()
        done = site("telegram", "connect", "acme", "--png", path, as_=ANN)
        true(done.code not in (0, 64), f"an error: {done}")
        contains(done.line, path, f"the line of {done}")
        lacks(done.out, "start=", "output")
        site.unchanged(before)


@case("connect --png removes nothing that it cannot write to")
def _(site):
    full = site.path("full")
    os.symlink("/dev/full", full)
    before = site.dump()
    done = site("telegram", "connect", "acme", "--png", full, as_=ANN)
    same(done.code, 74, f"exit of {done}")
    contains(done.line, full, "line")
    true(os.path.islink(full), "it is still there")
    site.unchanged(before)


@case("connect --json is one document with link and expiry, and no code")
def _(site):
    found = site.json("telegram", "connect", "acme", as_=ANN)
    link_in(found["link"])
    left = when(found["expires"]) - time.time()
    true(870 <= left <= 905, f"expires in {left:.0f} s, want 15 minutes")
    lacks(str(found), "\u2588", "document")
    (expires,), = site.sql("SELECT expires FROM token")
    true(abs(when(found["expires"]) - expires) < 60, "the time of the token")


@case("connect --png - prints the picture alone, and with --json beside the "
      "link")
def _(site):
    process = site.start("telegram", "connect", "acme", "--png", "-", as_=ANN)
    out, err = process.communicate(timeout=60)
    same((process.returncode, err), (0, b""), "exit and stderr")
    same(out[:8], b"\x89PNG\r\n\x1a\n", "how the picture begins")
    link_in(decoded(site.path("a.png", out)))
    document = site.json("telegram", "connect", "acme", "--png", "-", as_=ANN)
    picture_ = base64.b64decode(document["png"], validate=True)
    same(decoded(site.path("b.png", picture_)), document["link"],
         "the link in the picture")
    true(not os.path.exists("-"), "no file is made")
    lacks(str(site.json("telegram", "connect", "acme", as_=ANN)), "png",
          "without --png")


@case("no two tokens are alike, and each user has one at most")
def _(site):
    links = {link_in(site.connected("acme", who)) for who in [ANN, OLGA] * 10}
    same(len(links), 20, "different links")
    same(site.sql("SELECT count(*) FROM token"), [(2,)], "tokens")


@case("--as may come from the environment, and any spelling of the address")
def _(site):
    link_in(site.ok("telegram", "connect", "acme",
                    env={"NOTIFYCTL_AS": ANN}).out)
    link_in(site.connected("ACME", ANN.upper()))


@case("the owner and a user subscribed to a mirrored category may connect")
def _(site):
    for account, who in (("acme", OLGA), ("acme", ANN), ("beta", OTTO),
                         ("beta", BEA)):
        link_in(site.connected(account, who))
    site.ok("subscribe", "acme", BALANCE, ADAM, BILL, as_=OLGA)
    for who in (ADAM, BILL):
        link_in(site.connected("acme", who))


@case("a user without a subscription to a mirrored category gets the "
      "addresses to ask")
def _(site):
    for who in (ADAM, BILL, MIA):
        site.refused(77, "telegram", "connect", "acme", as_=who,
                     says=[who, OLGA, ADAM])
    line = site.refused(77, "telegram", "connect", "beta", as_=ANN,
                        says=[OTTO])
    for other in (OLGA, ADAM):
        lacks(line, other, "line")


@case("a Subscriber is refused, whatever it is subscribed to")
def _(site):
    site.refused(77, "telegram", "connect", "acme", as_=SUE, says="Subscriber")


@case("somebody who is not a user of the account is refused")
def _(site):
    for command in ("connect", "disable", "status"):
        for who in (BEA, STRANGER):
            site.refused(77, "telegram", command, "acme", as_=who, says=who)


@case("each of the commands needs --as")
def _(site):
    for command in ("connect", "disable", "status"):
        site.refused(64, "telegram", command, "acme", says="--as")


@case("an unknown account, a missing one and a fourth command are errors")
def _(site):
    for command in ("connect", "disable", "status"):
        site.refused(77, "telegram", command, "nope", as_=ANN, says="nope")
        done = site("telegram", command, as_=ANN)
        same((done.code, done.out), (64, ""), f"{done}")
        done = site("telegram", command, "acme", "more", as_=ANN)
        same((done.code, done.out), (64, ""), f"{done}")
    for words in ([], ["reconnect", "acme"], ["connect", "acme", "--png"],
                  ["status", "acme", "--png", "x"]):
        done = site("telegram", *words, as_=ANN)
        same((done.code, done.out), (64, ""), f"{done}")


@case("without a bot nobody can connect, and the line names the setting")
def _(site):
    site.settings(bot=None)
    site.refused(78, "telegram", "connect", "acme", as_=ANN,
                 says=["bot", "[telegram]"])


@case("connect needs neither the token file nor the API")
def _(site):
    site.api.stop()
    os.unlink(site.token_file)
    link_in(site.connected("acme", ANN))


@case("disable ends one's own link and no other, and is recorded")
def _(site):
    for account, who, chat in (("acme", ANN, CHAT), ("acme", OLGA, CHAT),
                               ("beta", BEA, 7002)):
        site.link_to(account, who, chat)
    got = site.new(lambda: site.ok("telegram", "disable", "acme", as_=ANN))
    same([entry[:4] for entry in got], [(ANN, "acme", "telegram-end", ANN)],
         "changes")
    same(site.chats(), {("acme", OLGA): CHAT, ("beta", BEA): 7002}, "links")
    same(site.mails(), [], "mails")


@case("disable without a link says so, succeeds and records nothing")
def _(site):
    site.link_to("acme", OLGA, CHAT)
    for who in (ANN, SUE, MIA):
        before = site.dump()
        done = site.ok("telegram", "disable", "acme", as_=who)
        contains(done.out, "linked", "output")
        site.unchanged(before)
        site.json("telegram", "disable", "acme", as_=who)


@case("a Subscriber who still has a link can end it")
def _(site):
    site.link_to("acme", SUE, CHAT)
    site.ok("telegram", "disable", "acme", as_=SUE)
    same(site.chats(), {}, "links")


@case("status says linked or not, and whether a link is possible")
def _(site):
    site.link_to("acme", ANN, CHAT)
    for who, linked, word in ((ANN, True, "linked"), (OLGA, False, "connect"),
                              (SUE, False, "Subscriber"),
                              (MIA, False, "not subscribed")):
        before = site.dump()
        contains(site.ok("telegram", "status", "acme", as_=who).out, word,
                 f"status of {who}")
        found = site.json("telegram", "status", "acme", as_=who)
        same(found["linked"], linked, f"linked of {who}")
        site.unchanged(before)
    lacks(site.ok("telegram", "status", "acme", as_=ANN).out, "no chat",
          "status of who is linked")


@case("no command on the account shows chat or token")
def _(site):
    token = site.connect_token("acme", ANN)
    site.link_to("acme", ANN, 987654321)
    for words in (["list", "acme"], ["user", "list", "acme"], ["log"],
                  ["account", "show", "acme"], ["export"],
                  ["telegram", "status", "acme"]):
        for json_ in (False, True):
            done = site(*words, json_=json_, as_=ANN)
            lacks(done.out + done.err, token, f"{words}")
            lacks(done.out + done.err, "987654321", f"{words}")


@case("no command shows the bot's token, whatever is wrong with its file")
def _(site):
    for content in (None, site.api.token + " x"):
        site.write_token(content)
        for words, json_ in ((["check"], content is None), (["init"], True),
                             (["telegram", "connect", "acme"], False),
                             (["telegram", "status", "acme"], True)):
            done = site(*words, json_=json_, as_=ANN)
            lacks(done.out + done.err, site.api.secret, f"{words}")
        os.unlink(site.token_file)


@case("whatever ends the entitlement ends the link, and says so")
def _(site):
    for words in (["unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN],
                  ["user", "role", "acme", ANN, "subscriber"],
                  ["user", "remove", "acme", ANN]):
        site.reset()
        site.link_to("acme", ANN, CHAT)
        site.link_to("acme", OLGA, CHAT)
        done = site.ok(*words, as_=OLGA)
        contains(done.out, "Telegram", f"{done}")
        same(site.chats(), {("acme", OLGA): CHAT}, f"links after {words}")
        contains([entry["action"] for entry in site.log()], "telegram-end",
                 "changes")


@case("a user who stays entitled keeps the link: another role, a transfer")
def _(site):
    site.link_to("acme", ANN, CHAT)
    site.ok("user", "role", "acme", ANN, "user-admin")
    site.ok("account", "transfer", "acme", ANN, as_=OLGA)
    same(site.chats(), {("acme", ANN): CHAT}, "links")
    same([b"chat was unlinked" in mail.data for mail in site.mails()],
         [False, False], "mails to the two owners")


run(Site)
