#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""notifyctl trace, and stats --since: the mail log may have any usual form and
place, and anything may stand in it."""
import gzip
import json
import os
import re
import subprocess
import tempfile
import time

from lib import ctl
from lib.box import Box, Refused
from lib.ctl import NOBODY, case, needs_root
from lib.milter import program
from lib.roster import (ADAM, ANN, BILL, MAINTENANCE, MIA, OLGA, OTTO,
                        SERVICES, STRANGER, SUE)
from lib.tap import Skip, contains, lacks, same, true
from lib.waiting import spent

QID = "4jYGXP5YkLz1d61F"
REMOTE = "/lib/systemd/systemd-journal-remote"


def life(qid=QID, rcpt="ann@acme.example", name="postfix", sender="s@x.example",
         milter=True):
    """The lines of a message that was kept for one recipient: (program,
    text)."""
    lines = [
        (f"{name}/smtpd", f"{qid}: client=old.example[192.0.2.7]"),
        (f"{name}/cleanup", f"{qid}: message-id=<m@x.example>"),
        ("notify-milter", f"{qid}: category=services account=acme kept=1 "
         "added=0 dropped=0 mirrored=0 verdict=deliver"),
        (f"{name}/qmgr", f"{qid}: from=<{sender}>, size=9, nrcpt=1 (queue"
         " active)"),
        (f"{name}/smtp", f"{qid}: to=<{rcpt}>, relay=mx.example[192.0.2.9]:25,"
         " delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 Ok)"),
        (f"{name}/qmgr", f"{qid}: removed")]
    return lines if milter else lines[:2] + lines[3:]


def stamp(at, form):
    """The time AT at the beginning of a line."""
    if form == "traditional":
        day = time.localtime(at).tm_mday
        return time.strftime(f"%b {day:2} %H:%M:%S ", time.localtime(at))
    if form == "rfc3339":
        return time.strftime("%Y-%m-%dT%H:%M:%S.123456+02:00 ",
                             time.gmtime(at + 7200))
    if form == "utc":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime(at))
    raise ValueError(form)


def text(lines, at, form="traditional"):
    """LINES as a log has them, one a second from AT on."""
    return "".join(f"{stamp(at + i, form)}relay {program}[{100 + i}]: {said}\n"
                   for i, (program, said) in enumerate(lines))


def log(ctl, content, name="mail.log", opened=open):
    path = os.path.join(ctl.folder, name)
    with opened(path, "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def journal_file(ctl, at, lines, others=()):
    """A journal with LINES, one a second from AT on, and OTHERS, which are not
    of the mail facility."""
    path = os.path.join(tempfile.mkdtemp(dir=ctl.folder), "a.journal")
    entries = ""
    for i, (program, said) in enumerate([*lines, *others]):
        fields = {"__REALTIME_TIMESTAMP": (at + i) * 1000000,
                  "__MONOTONIC_TIMESTAMP": 1000000 + i,
                  "_BOOT_ID": "0" * 31 + "1",
                  "SYSLOG_FACILITY": 2 if i < len(lines) else 3,
                  "SYSLOG_IDENTIFIER": program, "SYSLOG_PID": 100,
                  "MESSAGE": said}
        entries += "".join(f"{k}={v}\n" for k, v in fields.items()) + "\n"
    done = subprocess.run([REMOTE, "-o", path, "-"], input=entries.encode(),
                          capture_output=True, timeout=30)
    same(done.returncode, 0, f"the journal: {done.stderr}")
    return path


def trace(ctl, *paths, qid=QID):
    """The document on QID from the logs at PATHS."""
    return ctl.json("trace", qid,
                    *(word for path in paths for word in ("--log", path)))


def delivered(found, at=None):
    """FOUND must tell of life()."""
    message, = found["messages"]
    same((message["queue_id"], message["sender"], message["verdict"],
          message["state"]), (QID, "s@x.example", "deliver", "done"),
         "the message")
    row, = found["recipients"]
    same((row["recipient"], row["decision"], row["outcome"], row["detail"]),
         ("ann@acme.example", "kept", "sent", "250 2.0.0 Ok"), "its copy")
    if at is not None:
        same((message["arrived"], row["at"]),
             tuple(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at + i))
                   for i in (0, 4)), "when")


@case("the sender of a held message is that of its envelope, whatever the "
      "reason or an address quotes")
def _(ctl):
    client = "from unknown[192.0.2.7]"
    real = "from=<s@x.example> to=<ann@acme.example> proto=ESMTP helo=<old>"
    forged = "from=<e@evil.example> to=<b@x.example> proto=ESMTP helo=<x>"
    quoted = "from=<\"a from=<e@evil.example>\"@x.example>"
    for said, want in (
            # Postfix 3.7, and 3.10 with the milter's reason
            (f"milter-hold: END-OF-MESSAGE {client}: milter triggers HOLD "
             f"action; {real}", "s@x.example"),
            (f"milter-hold: END-OF-MESSAGE {client}: unknown category 'x'; "
             f"{real}", "s@x.example"),
            (f"milter-hold: END-OF-MESSAGE {client}: unknown category 'x; "
             f"{forged}'; {real}", "s@x.example"),
            (f"milter-hold: END-OF-MESSAGE {client}: unknown category 'x; "
             f"{forged}: y'; {real}", "s@x.example"),
            (f"milter-hold: END-OF-MESSAGE {client}: why; {quoted}",
             "\"a from=<e@evil.example>\"@x.example"),
            (f"milter-hold: END-OF-MESSAGE {client}: why; from=<s@x.example> "
             f"to=<\"a; {forged}\"@x.example> proto=ESMTP helo=<old>",
             "s@x.example"),
            (f"milter-hold: END-OF-MESSAGE {client}: why; from=<> proto=SMTP",
             ""),
            (f"hold: header Subject: x; {forged}: y {client}; {real}: text",
             "s@x.example"),
            # Postfix 3.10, of a client that logged in
            (f"hold: RCPT {client}: <ann@acme.example>: Recipient address "
             f"triggers HOLD action; {real} sasl_method=PLAIN "
             "sasl_username=app sasl_sender=a+3Db@x.example", "s@x.example"),
            (f"hold: RCPT {client}: x; {forged} sasl_method=PLAIN "
             f"sasl_username=evil: y; {real} sasl_username=app",
             "s@x.example")):
        path = log(ctl, text([
            ("postfix/smtpd", f"{QID}: client=old.example[192.0.2.7]"),
            ("postfix/cleanup", f"{QID}: message-id=<m@x.example>"),
            ("postfix/cleanup", f"{QID}: {said}")], time.time() - 60))
        message, = trace(ctl, path)["messages"]
        same(message["sender"], want, f"sender by {said}")


@case("each kind of timestamp is read")
def _(ctl):
    at = int(time.time()) - 3600
    for form in ("traditional", "rfc3339", "utc"):
        delivered(trace(ctl, log(ctl, text(life(), at, form))), at)


@case("what other programs write of a log is read, too")
def _(ctl):
    at = int(time.time()) - 3600
    rfc3339 = text(life(), at, "rfc3339")
    traditional = text(life(), at)
    for name, content in (
            ("journalctl -o short-iso", rfc3339.replace(".123456+02:00",
                                                        "+0200")),
            ("an hour alone as the zone", rfc3339.replace("+02:00 ", "+0200 ")),
            ("journalctl -o short-precise", "-- Journal begins --\n" + re.sub(
                r"(:\d\d:\d\d) relay", r"\1.123456 relay", traditional)),
            ("a priority", re.sub("(?m)^", "<22>", traditional)),
            ("syslogd -vv of BSD", traditional.replace(" relay ",
                                                       " <mail.info> relay ")),
            ("RFC 5424", re.sub(r"(?m)^(.*? relay \S+)\[(\d+)\]:",
                                r"<22>1 \1 \2 - -", rfc3339)),
            ("RFC 5424, with data", re.sub(
                r"(?m)^(.*? relay \S+)\[(\d+)\]: ",
                lambda m: f'<22>1 {m[1]} {m[2]} ID [a b="c"][d] \ufeff',
                rfc3339)),
            ("RFC 5424, no priority", re.sub(
                r"(?m)^(.*? relay \S+)\[(\d+)\]:", r"1 \1 - - -", rfc3339))):
        found = trace(ctl, log(ctl, content))
        true(found["messages"][0]["arrived"], name)
        delivered(found, at)


@case("a file that is no mail log is named, and so is what cannot be read")
def _(ctl):
    at = int(time.time()) - 3600
    xz = b"\xfd7zXZ\0\0\4\xe6\xd6\xb4F\2\0\x21\1\x16\0\0\0"
    for content in (b"root:x:0:0:root:/root:/bin/sh\n", xz + b"\n\n",
                    b"Message-ID: <a@b>\n\nHello.\n"):
        ctl.refused(65, "trace", QID, "--log", log(ctl, content, "other"),
                    says=["has no line as syslog", "only gzip(1)"])
    os.makedirs(os.path.join(ctl.folder, "etc"), exist_ok=True)
    log(ctl, f"maillog_file = {ctl.folder}/own.log\n", "etc/main.cf")
    env = {"MAIL_CONFIG": os.path.join(ctl.folder, "etc")}
    log(ctl, text(life(), at), "own.log")
    same(ctl.json("trace", QID, env=env)["unread"], [], "all was read")
    path = log(ctl, xz + b"\n\n", "own.log.1.xz")
    found = ctl.json("trace", QID, env=env)
    delivered(found)
    same([path in row["trouble"] for row in found["unread"]], [True], "unread")
    contains(ctl.ok("trace", QID, env=env).out, "NOT READ\n" + path,
             "for people")
    contains(ctl.ok("stats", "--since", "2026-03-05", env=env).out,
             "NOT READ\n" + path, "stats")


@case("the hour that comes twice in autumn: the order is that of the file")
def _(ctl):
    client, _, _, active, _, _ = life()
    hold = ("postfix/postsuper", f"{QID}: placed on hold")
    released = ("postfix/postsuper", f"{QID}: released from hold")
    lines = [("Oct 25 02:59:30", client), ("Oct 25 02:59:58", hold),
             ("Oct 25 02:00:03", released), ("Oct 25 02:00:05", active)]
    path = log(ctl, "".join(f"{when} relay {program}[1]: {said}\n"
                            for when, (program, said) in lines))
    at = int(time.mktime((2026, 11, 20, 12, 0, 0, 0, 0, -1)))
    os.utime(path, (at, at))
    message, = ctl.json("trace", QID, "--log", path,
                        env={"TZ": "Europe/Berlin"})["messages"]
    same((message["state"], message["arrived"], message["state_at"]),
         ("queued", "2026-10-25T00:59:30Z", "2026-10-25T01:00:05Z"),
         "the message")


@case("a timestamp without a year is of the year in which the file was written")
def _(ctl):
    at = int(time.mktime((2020, 12, 31, 23, 59, 58, 0, 0, -1)))
    path = log(ctl, text(life(), at))
    os.utime(path, (at + 86400 * 20,) * 2)      # in January
    delivered(trace(ctl, path), at)
    at = int(time.mktime((2020, 2, 29, 12, 0, 0, 0, 0, -1)))
    path = log(ctl, text(life(), at))
    os.utime(path, (int(time.mktime((2022, 5, 1, 0, 0, 0, 0, 0, -1))),) * 2)
    delivered(trace(ctl, path), at)


@case("Sendmail's lines tell what became of each copy, and where the message is")
def _(ctl):
    qid, at = "6ASHt8QQ022082", int(time.time()) - 3600
    rest = "delay=00:00:01, xdelay=00:00:00, mailer=relay, pri=30, relay=[192.0.2.9]"
    begin = [
        ("sm-mta", f"{qid}: from=<s@x.example>, size=9, class=0, nrcpts=3, "
         "msgid=<m@x.example>, proto=ESMTP, daemon=MTA, relay=old.example "
         "[192.0.2.7]"),
        ("notify-milter", f"{qid}: category=services account=acme kept=3 "
         "added=0 dropped=0 mirrored=0 verdict=deliver")]
    sent = f"{rest}, dsn=2.0.0, stat=Sent (250 2.0.0 Ok)"
    some = begin + [
        ("sm-mta", f"{qid}: to=<ann@acme.example>,<bob@acme.example>, {sent}"),
        ("sm-mta", f"{qid}: to=<eve@acme.example>, {rest}, dsn=4.0.0, "
         "stat=Deferred: Connection refused by [192.0.2.9]")]

    def outcomes(lines):
        found = trace(ctl, log(ctl, text(lines, at)), qid=qid)
        return found["messages"][0]["state"], {
            row["recipient"].split("@")[0]: row["outcome"]
            for row in found["recipients"]}

    same(outcomes(some), ("queued", {"ann": "sent", "bob": "sent",
                                     "eve": "deferred"}), "the first attempt")
    same(outcomes(some + [("sm-mta", f"{qid}: to=<eve@acme.example>, {sent}")]),
         ("done", {"ann": "sent", "bob": "sent", "eve": "sent"}), "the second")
    same(outcomes(some + [("sm-mta", f"{qid}: to=<eve@acme.example>, {rest}, "
                           "dsn=5.1.1, stat=User unknown")]),
         ("done", {"ann": "sent", "bob": "sent", "eve": "bounced"}), "a bounce")
    same(outcomes(begin + [("sm-mta", f"{qid}: to=ann, {rest}, stat=queued")]),
         ("queued", {"ann": "deferred"}), "queued")
    hold = ("sm-mta", f"{qid}: milter=notify-milter, quarantine=no such "
            "category")
    same(outcomes(begin + [hold, (
        "sm-mta", f"{qid}: to=<ann@acme.example>, delay=00:00:01, pri=30, "
        "quarantine=no such category, stat=quarantined")]),
        ("held", {}), "quarantined")
    same(outcomes(begin + [("sm-mta", f"{qid}: Milter: data, discard"),
                           ("sm-mta", f"{qid}: discarded")])[0],
         "discarded", "discarded")
    same(outcomes(begin + [
        ("sm-mta", f"{qid}: Milter: data, reject=550 5.7.1 no such category"),
        ("sm-mta", f"{qid}: to=<ann@acme.example>, delay=00:00:00, pri=30, "
         "stat=no such category")]), ("refused", {}), "rejected")
    message = trace(ctl, log(ctl, text(some, at)), qid=qid)["messages"][0]
    same((message["message_id"], message["source"], message["sender"],
          bool(message["arrived"])),
         ("<m@x.example>", "relay=old.example [192.0.2.7]", "s@x.example",
          True), "where it came from")


@case("standard error of our programs is read, though it has no time")
def _(ctl):
    at = int(time.time()) - 3600
    milter = [said for said in life() if said[0] == "notify-milter"]
    one = log(ctl, text(life(milter=False), at))
    two = log(ctl, "".join(f"{program}[7]: {said}\n"
                           for program, said in milter), "milter.log")
    for paths in ((one, two), (two, one)):
        delivered(trace(ctl, *paths))


@case("a compressed log, and one that is cut off in the middle")
def _(ctl):
    at = int(time.time()) - 3600
    path = log(ctl, text(life(), at), "mail.log.2.gz", gzip.open)
    delivered(trace(ctl, path), at)
    with open(path, "rb") as file:
        data = file.read()
    found = trace(ctl, log(ctl, data[:len(data) // 2], "half.gz"),
                  log(ctl, text(life(), at)))
    delivered(found)


@case("lines spread over rotated logs, in any order of files")
def _(ctl):
    at = int(time.time()) - 3600
    lines = text(life(), at).splitlines(True)
    paths = [log(ctl, "".join(lines[:2]), "1", gzip.open),
             log(ctl, "".join(lines[2:5]), "2"),
             log(ctl, "".join(lines[5:]), "3")]
    for order in (paths, paths[::-1]):
        delivered(trace(ctl, *order), at)


@case("without options it reads Postfix's maillog_file and what was rotated")
def _(ctl):
    at = int(time.time()) - 3600
    os.makedirs(os.path.join(ctl.folder, "etc"), exist_ok=True)
    log(ctl, f"maillog_file = {ctl.folder}/own.log\n", "etc/main.cf")
    lines = text(life(), at).splitlines(True)
    log(ctl, "".join(lines[:3]), "own.log.1.gz", gzip.open)
    log(ctl, "".join(lines[3:5]), "own.log-20260101")
    path = log(ctl, "".join(lines[5:]), "own.log")
    found = ctl.json("trace", QID,
                     env={"MAIL_CONFIG": os.path.join(ctl.folder, "etc")})
    delivered(found, at)
    true({"source": path} in found["sources"], f"{found['sources']}")


@case("where maillog_file has the name of syslog's file, the milter's lines "
      "come from the journal, as far as no syslog daemon writes them there")
def _(ctl):
    needs_root()
    if not os.path.exists(REMOTE):
        raise Skip("needs systemd-journal-remote")
    at = int(time.time()) - 3600
    lines = text(life(), at).splitlines(True)
    journal = journal_file(ctl, at, [life()[2]])
    try:
        box = Box()
    except Refused as why:
        raise Skip(str(why))
    with box:
        machine = box.run("test -s /etc/machine-id || echo "
                          + "1" * 32 + " >/etc/machine-id;"
                          "cat /etc/machine-id").stdout.strip()
        box.put("/root/notifyctl", read(program("notifyctl")))
        box.put("/root/a.conf", b"[database]\nurl = /root/none.db\n")
        box.run("chmod 755 /root/notifyctl; mkdir -p /etc/postfix "
                f"/var/log/journal/{machine}")
        box.put("/etc/postfix/main.cf", b"maillog_file = /var/log/mail.log\n")
        box.put(f"/var/log/journal/{machine}/system.journal", read(journal))
        for name, kept, want in (
                ("Postfix alone", lines[:2] + lines[3:], "journal"),
                ("a syslog daemon that was removed", [
                    stamp(at - 7 * 86400, form="rfc3339")
                    + "relay notify-milter[1]: AAAAAAAAAA: old\n",
                    *lines[:2], *lines[3:]], "journal"),
                ("both", lines, "journal")):
            box.put("/var/log/mail.log", "".join(kept).encode())
            found = json.loads(box.run(
                f"/root/notifyctl -c /root/a.conf --json trace {QID}").stdout)
            delivered(found)
            same([row["source"] for row in found["sources"][1:]],
                 [want] if want else [], f"beside the file: {name}")
            counted = json.loads(box.run(
                "/root/notifyctl -c /root/a.conf --json stats --since "
                + time.strftime("%Y-%m-%d", time.localtime(at))).stdout)
            same([row["messages"] for row in counted["messages"]], [1],
                 f"messages that stats counts: {name}")


@case("a hold that was logged without an id is that of the next message of the "
      "same smtpd(8), whatever is said of its recipients, unless another client "
      "came")
def _(ctl):
    at = int(time.time()) - 3600
    hold = ("NOQUEUE: hold: RCPT from a[192.0.2.7]: <s@x.example>: Sender "
            "address triggers HOLD action; from=<s@x.example> "
            "to=<ann@acme.example> proto=ESMTP helo=<old>")
    said = [(7, hold), (7, f"{QID}: client=a[192.0.2.7]")]
    other = (7, "connect from b[192.0.2.8]")
    for name, lines, want in (
            ("held", said, "held"),
            *((f"with a recipient that has {word}", [
                said[0], (7, hold.replace(": hold", f": {word}")), said[1]],
               "held") for word in ("reject", "reject_warning", "filter",
                                    "redirect", "warn", "info", "bcc")),
            ("among others", [said[0], (8, "4jYGXP5YkLz1d62G: client=b[::1]"),
                              (9, hold), said[1]], "held"),
            ("another process", [(8, hold), said[1]], "unknown"),
            ("of the message before", [
                said[0], (7, "4jYGXP5YkLz1d62G: client=a[192.0.2.7]"),
                said[1]], "unknown"),
            ("of the message before, and of one that came to nothing", [
                said[0], said[0],
                (7, "4jYGXP5YkLz1d62G: client=a[192.0.2.7]"), said[1]],
             "unknown"),
            ("another client", [said[0], other, said[1]], "unknown")):
        content = "".join(
            f"{stamp(at, 'rfc3339')}relay postfix/submission/smtpd[{process}]: "
            f"{text_}\n" for process, text_ in lines)
        for form in (content, re.sub(
                r"(?m)^(.*? relay \S+)\[(\d+)\]:", r"<22>1 \1 \2 - -",
                content)):
            message, = trace(ctl, log(ctl, form))["messages"]
            same(message["state"], want, f"{name}: {form}")


@case("another syslog_name, and several parts in it")
def _(ctl):
    for name in ("postfix-out", "postfix/submission", "mta-7"):
        delivered(trace(ctl, log(ctl, text(life(name=name), 1700000000))))


@case("an id that was used again: the newest message is shown, with the "
      "number of others")
def _(ctl):
    qid, at = "A1B2C3D4E5", int(time.time()) - 9000
    lines = text(life(qid, "old@x.example"), at) \
        + text(life(qid, "older@x.example"), at + 60) \
        + text(life(qid, "new@x.example"), at + 120)
    found = trace(ctl, log(ctl, lines), qid=qid)
    same([row["recipient"] for row in found["recipients"]], ["new@x.example"],
         "recipients")
    same(found["messages"][0]["earlier"], 2, "earlier")
    contains(ctl.ok("trace", qid, "--log", log(ctl, lines)).out,
             "2 earlier messages had the same id", "for people")


@case("of several messages with an id that a log line names, the one of that "
      "time is shown")
def _(ctl):
    at = int(time.time()) - 9000
    lines = text([("postfix/smtpd", f"{QID}: client=a[192.0.2.1]"),
                  ("postfix/smtp", f"{QID}: to=<f@x.example>, relay=127.0.0.1"
                   "[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
                   "status=sent (250 2.0.0 Ok: queued as 0123456789)")], at)
    lines += text(life("0123456789", "right@x.example"), at) \
        + text(life("0123456789", "wrong@x.example"), at + 5000)
    found = trace(ctl, log(ctl, lines))
    same([(row["queue_id"], row["recipient"]) for row in found["recipients"]],
         [(QID, "f@x.example"), ("0123456789", "right@x.example")],
         "recipients")


@case("a message that passes the same Postfix again is followed, once, in a "
      "loop too; an id of another host is not")
def _(ctl):
    def hop(qid, to):
        return [("postfix/smtpd", f"{qid}: client=a[192.0.2.1]"),
                ("postfix/smtp", f"{qid}: to=<f@x.example>, relay=127.0.0.1"
                 "[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
                 f"status=sent (250 2.0.0 Ok: queued as {to})")]
    lines = hop(QID, "BBBBBBBBBB") + hop("BBBBBBBBBB", "CCCCCCCCCC") \
        + hop("CCCCCCCCCC", QID)
    found = trace(ctl, log(ctl, text(lines, 1700000000)))
    same([(m["queue_id"], m["relation"], m["of"]) for m in found["messages"]],
         [(QID, "", ""), ("BBBBBBBBBB", "handed on as", QID),
          ("CCCCCCCCCC", "handed on as", "BBBBBBBBBB")], "messages")
    found = trace(ctl, log(ctl, text(hop(QID, "0OTHERHOST"), 1700000000)))
    same(len(found["messages"]), 1, "messages")


@case("an id of another host that was used here at another time is not "
      "followed")
def _(ctl):
    at = int(time.time()) - 90000
    lines = life()
    lines[4] = (lines[4][0], lines[4][1].replace(
        "250 2.0.0 Ok", "250 2.0.0 Ok: queued as 0123456789"))
    path = log(ctl, text(life("0123456789"), at) + text(lines, at + 80000))
    same(len(trace(ctl, path)["messages"]), 1, "messages")


@case("many copies that become one, and one that becomes another, are "
      "followed")
def _(ctl):
    def to(number, qid):
        return ("postfix/smtp", f"{QID}: to=<{number}@x.example>, relay=a, "
                f"delay=1, status=sent (250 2.0.0 Ok: queued as {qid})")
    lines = life()[:2] + [to(i, "BBBBBBBBBB") for i in range(200)] \
        + [to(200, "CCCCCCCCCC")]
    path = log(ctl, text(lines, 1700000000)
               + text(life("BBBBBBBBBB"), 1700000000)
               + text(life("CCCCCCCCCC"), 1700000000))
    found = trace(ctl, path)
    same([m["queue_id"] for m in found["messages"]],
         [QID, "BBBBBBBBBB", "CCCCCCCCCC"], "messages")


@case("more messages than are shown: the output says so")
def _(ctl):
    lines = life()[:2]
    for i in range(100):
        lines += [("postfix/smtpd", f"ID{i:06}: client=a[192.0.2.1]"),
                  ("postfix/smtp", f"{QID}: to=<{i}@x.example>, relay=a, "
                   f"delay=1, status=sent (250 Ok: queued as ID{i:06})")]
    path = log(ctl, text(lines, 1700000000))
    found = trace(ctl, path)
    same((len(found["messages"]), found["complete"]), (64, False), "messages")
    same(sum(row["queue_id"] == QID for row in found["recipients"]), 100,
         "recipients")
    contains(ctl.ok("trace", QID, "--log", path).out, "it became more "
             "messages than are shown here", "for people")


@case("more copies than the milter logged: none is called kept or added")
def _(ctl):
    lines = life()
    lines[4:4] = [(lines[4][0], lines[4][1].replace("ann@", "archive@"))]
    found = trace(ctl, log(ctl, text(lines, 1700000000)))
    same([row["decision"] for row in found["recipients"]], ["not known"] * 2,
         "decisions")


@case("a message with thousands of recipients is shown at once")
def _(ctl):
    path = log(ctl, copies(QID, 1700000000, *(
        f"<u{i}@x.example>" for i in range(5000))).replace(
            "kept=1 added=0", "kept=0 added=5000"))
    began = time.monotonic()
    found = trace(ctl, path)
    same({row["decision"] for row in found["recipients"]}, {"added"},
         "decisions")
    same((len(found["recipients"]), len(found["reasons"])), (5000, 5000),
         "rows")
    true(time.monotonic() - began < 10, "it took more than 10 s")


@case("a long chain is cut")
def _(ctl):
    lines = []
    for i in range(500):
        lines += [("postfix/smtpd", f"ID{i:06}: client=a[192.0.2.1]"),
                  ("postfix/smtp", f"ID{i:06}: to=<f@x.example>, relay=a, "
                   "delay=1, dsn=2.0.0, status=sent (250 Ok: queued as "
                   f"ID{i + 1:06})")]
    same_second = "".join(text([line], 1700000000) for line in lines)
    found = trace(ctl, log(ctl, same_second), qid="ID000000")
    true(2 < len(found["messages"]) <= 64, f"{len(found['messages'])} messages")


@case("a recipient that was dropped and got it all the same is shown")
def _(ctl):
    lines = life()
    lines[2:2] = [("notify-milter", f"{QID}: to=<ann@acme.example> "
                   'status=dropped reason="not subscribed"')]
    row, = trace(ctl, log(ctl, text(lines, 1700000000)))["recipients"]
    same((row["decision"], row["outcome"], row["detail"]),
         ("dropped", "sent", "not subscribed; 250 2.0.0 Ok"), "the copy")


@case("hostile text reaches the terminal escaped, JSON as it is")
def _(ctl):
    bad = '"a\x1b[2J\u202e>, relay=x, status=sent (y) \\"b"@x.example'
    path = log(ctl, text(life(rcpt=bad, sender="\x07@x"), 1700000000))
    row, = trace(ctl, path)["recipients"]
    same((row["recipient"], row["outcome"]), (bad, "sent"), "the copy")
    out = ctl.ok("trace", QID, "--log", path).out
    for part in ("\x1b", "\x07", "\u202e"):
        lacks(out, part, "for people")


@case("incomplete, giant, binary and empty lines are skipped")
def _(ctl):
    at = int(time.time()) - 3600
    good = text(life(), at).encode()
    giant = f"{stamp(at, 'utc')}relay postfix/smtp[1]: {QID}: to=<".encode() \
        + b"x" * 300000 + f" {QID}: removed\n".encode()
    head = f"{stamp(at + 3, 'utc')}relay postfix/smtp[1]: {QID}: ".encode()
    evil = head + b"to=<evil@x>, relay=a, status=sent (b)\n"
    giant += head + b"x" * (65535 - len(head)) + evil
    junk = [b"\n", b":\n", b"Nov\n", b"Nov 99 99:99:99 a b: c\n", b"\0\0\n",
            b"\xff\xfe\x80\n", b"<22>", giant, b"2026-13-45T99:99:99Z x y: z\n",
            f"{stamp(at, 'utc')}relay postfix/smtp[1]: {QID}: to=\n".encode(),
            f"{stamp(at, 'utc')}relay postfix/smtp[1]: {QID}: to=<a\n".encode(),
            f"{stamp(at, 'utc')}relay postfix/smtp[1]: {QID}: \n".encode(),
            f"{stamp(at, 'utc')}relay notify-milter: {QID}: to=<>\n".encode(),
            f"{stamp(at, 'utc')}relay notify-telegram: {QID}: to=<b".encode()]
    path = log(ctl, b"".join(junk[:-1]) + good + junk[-1])
    delivered(trace(ctl, path))
    for cut in range(0, len(good), 97):
        ctl("trace", QID, "--log", log(ctl, good[:cut]))


@case("what is logged later than it happened changes no end")
def _(ctl):
    client, first, decision, active, sent, removed = life()
    hold = ("postfix/cleanup", f"{QID}: milter-hold: END-OF-MESSAGE from "
            "a[192.0.2.7]: why; from=<s@x.example> to=<ann@acme.example>")
    access = ("postfix/smtpd", f"{QID}: hold: RCPT from a[192.0.2.7]: <a>: "
              "Client host wants this; from=<s@x.example> to=<b@x.example>")
    reject = ("postfix/smtpd", f"{QID}: reject: RCPT from a[192.0.2.7]: 550 "
              "5.1.1 <b@x.example>; from=<s@x.example> to=<b@x.example>")
    milter_reject = (reject[0], reject[1].replace(" reject", " milter-reject"))
    deleted = ("postfix/postsuper", f"{QID}: removed")
    released = ("postfix/postsuper", f"{QID}: released from hold")
    again = ("notifyctl", f"{QID}: requeued as 0123456789")
    refused = (first[0], f"{QID}: milter-reject: END-OF-MESSAGE from a[192.0"
               ".2.7]: 4.3.0 try again later; from=<s@x.example>")
    # Postfix 3.10
    canceled, discarded = ((first[0], f"{QID}: removed ({why})")
                           for why in ("canceled", "discarded"))
    begin = [client, first, decision]
    for lines, want in (
            ([], "unknown"),
            ([canceled], "canceled"),
            ([hold, canceled], "canceled"),
            ([refused, canceled], "refused"),
            ([canceled, refused], "refused"),
            ([discarded], "discarded"),
            ([hold, active, sent, removed, released], "done"),
            ([hold, active, released], "queued"),
            ([deleted, active], "deleted"),
            ([active, deleted, sent], "deleted"),
            ([access, reject], "held"),
            ([access, milter_reject], "held"),
            ([reject, active], "queued"),
            ([hold, again], "requeued"),
            ([hold, deleted, again], "requeued"),
            ([hold, again, deleted], "requeued"),
            ([hold, again, released, active], "queued"),
            ([hold, released, active, again], "queued"),
            ([hold, released, active, removed, again], "done")):
        found = trace(ctl, log(ctl, text(begin + lines, 1700000000)))
        same(found["messages"][0]["state"], want, f"state after {lines}")


@case("a line that is being written is not read")
def _(ctl):
    lines = text(life()[:-1], 1700000000)
    for whole, want in ((False, "queued"), (True, "done")):
        more = text([life()[-1]], 1700000009)
        found = trace(ctl, log(ctl, lines + more[:None if whole else -1]))
        same(found["messages"][0]["state"], want, f"whole: {whole}")
    lines = text(life()[:-2] + [(
        "postfix/smtp", f"{QID}: to=<ann@acme.example>, relay=a, delay=1, "
        "status=sent (250 Ok: queued as 01234")], 1700000000)
    found = trace(ctl, log(ctl, text(life("01234"), 1700000000), "other"),
                  log(ctl, lines[:-1], "half"))
    same(ids(found), [QID], "messages")


@case("a message of postsuper -r is followed through rotated logs, in any "
      "order of files")
def _(ctl):
    at = int(time.time()) - 3600
    old = log(ctl, text(life()[:2] + [
        ("postfix/cleanup", f"{QID}: hold: header Subject: x from a[192.0.2.7];"
         " from=<s@x.example> to=<ann@acme.example>"),
        ("postfix/postsuper", f"{QID}: requeued"),
        ("postfix/pickup", f"0123456789: uid=102 from=<s@x.example> "
         f"orig_id={QID}")], at), "1")
    new = log(ctl, text(life("0123456789")[1:], at + 9), "2")
    for paths in ((old, new), (new, old)):
        found = trace(ctl, *paths)
        same([(m["queue_id"], m["relation"], m["state"])
              for m in found["messages"]],
             [(QID, "", "requeued"), ("0123456789", "resubmitted as", "done")],
             "messages")
        same(trace(ctl, *paths, qid="0123456789")["messages"][0]["state"],
             "done", "the new one")


@case("a message that the client is to send again is not said to be rejected "
      "for good")
def _(ctl):
    for program, said, want in (
            ("postfix/cleanup", "milter-reject: END-OF-MESSAGE from "
             "a[192.0.2.7]: 4.3.0 try again later; from=<s@x>", "for now"),
            ("postfix/cleanup", "milter-reject: END-OF-MESSAGE from "
             "a[2001:db8::5]: 5.7.1 unknown category '4'; from=<s@x>",
             "the client was told so"),
            ("sm-mta", "Milter: data, reject=451 4.3.0 try again", "for now"),
            ("sm-mta", "Milter: data, reject=550 5.7.1 451 no",
             "the client was told so")):
        path = log(ctl, text(life()[:2] + [(program, f"{QID}: {said}")], NOON))
        same(trace(ctl, path)["messages"][0]["state"], "refused", said)
        contains(ctl.ok("trace", QID, "--log", path).out, want, said)


@case("of a message that was decided before, the command that shows where is "
      "told")
def _(ctl):
    lines = decided(QID, ANN, NOON, more=" decided=before",
                    message_id="<a'$(b)@x>")
    out = ctl.ok("trace", QID, "--log", log(ctl, lines)).out
    contains(out, "notifyctl trace '<a'\\''$(b)@x>'", "for people")


@case("a chat of which notify-telegram's line is missing: nobody knows whether "
      "it was sent")
def _(ctl):
    chat = "1-0a1b2c@telegram.invalid"
    lines = life(rcpt=chat)
    lines[4] = ("postfix/pipe", f"{QID}: to=<{chat}>, relay=notify-telegram, "
                "delay=1, dsn=2.0.0, status=sent (delivered via "
                "notify-telegram service)")
    path = log(ctl, text(lines, 1700000000))
    row, = trace(ctl, path)["recipients"]
    same(row["outcome"], "not known", "by Postfix alone")
    other = log(ctl, text([("notify-telegram", f"{QID}: to=<{chat}> "
                            'account=acme outcome=gone reason="blocked"')],
                          1700000003), "telegram.log")
    for paths in ((path, other), (other, path)):
        row, = trace(ctl, *paths)["recipients"]
        same((row["outcome"], row["detail"]), ("chat gone", "blocked"), "both")
    with open(path) as file:
        later = file.read().replace("status=sent (delivered via "
                                    "notify-telegram service)",
                                    "status=deferred (temporary failure)")
    row, = trace(ctl, log(ctl, later, "later.log"))["recipients"]
    same(row["outcome"], "deferred", "another try will be made")


@case("an id that no log has: 67, with the logs that were read")
def _(ctl):
    path = log(ctl, text(life(), 1700000000))
    line = ctl.refused(67, "trace", "0123456789", "--log", path)
    same(line, "the mail log has no lines of 0123456789; looked in "
         f"{path}", "the line")
    ctl.refused(67, "trace", "NOSUCH", "--log", log(ctl, b"", "empty"))


@case("a missing log, a directory, a FIFO: an error at once")
def _(ctl):
    ctl.refused(65, "trace", QID, "--log", ctl.folder + "/nosuch",
                says=["nosuch: No such file", "expected a mail log"])
    ctl.refused(65, "trace", QID, "--log", ctl.folder,
                says="is not a regular file")
    folder = ctl.path("old")
    os.mkdir(folder)
    os.utime(folder, (1, 1))
    ctl.refused(65, "stats", "--since", "00:00", "--log", folder,
                says="is not a regular file")
    fifo = os.path.join(ctl.folder, "fifo")
    os.mkfifo(fifo)
    ctl.refused(65, "trace", QID, "--log", fifo, says="is not a regular file")


@case("where there is no mail log, root is not told to become root")
def _(ctl):
    needs_root()
    env = {"MAIL_CONFIG": ctl.path("no-postfix")}
    for words in (["trace", "4XNoSuch"], ["stats", "--since", "00:00"]):
        done = ctl(*words, env=env)
        if "no mail log can be read" not in done.err:
            raise Skip("this machine has a mail log")
        same(done.code, 67, f"exit of {done}")
        lacks(done.line, "as root", "line")
        contains(done.line, "name one with --log", "line")
        done = ctl(*words, env=env, user=NOBODY)
        same(done.code, 77, f"exit of {done}")
        contains(done.line, "as root", "line")


@case("a log without read permission: 77")
def _(ctl):
    needs_root()
    path = log(ctl, text(life(), 1700000000))
    os.chmod(path, 0o600)
    done = ctl("trace", QID, "--log", path, user=NOBODY)
    same(done.code, 77, f"{done}")
    contains(done.line, f"{path}: Permission denied", f"{done}")


@case("text that is not a queue id: 64")
def _(ctl):
    for word in ("", "a b", "../x", "x" * 65, "ALL"):
        ctl.refused(64, "trace", "--", word, says="is not a queue id")


@case("a journal is read as a file is")
def _(ctl):
    if not os.path.exists(REMOTE):
        raise Skip("needs systemd-journal-remote")
    at = int(time.time()) - 3600
    folder = os.path.dirname(journal_file(
        ctl, at, life(), [("postfix/smtp", f"{QID}: to=<other@x.example>, "
                           "relay=a, status=sent (b)")]))
    delivered(ctl.json("trace", QID, "--journal", folder), at)
    ctl.refused(67, "trace", "NOSUCH", "--journal", folder)
    held = os.path.dirname(journal_file(ctl, at, [
        ("postfix/smtpd", "NOQUEUE: hold: RCPT from a[192.0.2.7]: why; "
         "from=<s@x.example>"), life()[0]]))
    message, = ctl.json("trace", QID, "--journal", held)["messages"]
    same(message["state"], "held", "the process is that of the entry")
    empty = os.path.join(ctl.folder, "none")
    os.mkdir(empty)
    ctl.refused(65, "trace", QID, "--journal", empty, says="mail facility")
    ctl.refused(65, "trace", QID, "--journal", empty + "/nosuch")


# By Message-ID, or by a person and a day

NOON = int(time.mktime((2026, 3, 5, 12, 0, 0, 0, 0, -1)))


def decided(qid, rcpt, at, account="acme", category=SERVICES, dropped=None,
            verdict="deliver", more="", added=0, message_id=None):
    """The log of one message; DROPPED is (address, reason)."""
    lines = life(qid, rcpt)
    lines[1] = ("postfix/cleanup",
                f"{qid}: message-id={message_id or f'<{qid}@x.example>'}")
    lines[2] = ("notify-milter", f"{qid}: category={category} account={account}"
                f" kept=1 added={added} dropped={int(bool(dropped))} mirrored=0"
                f" verdict={verdict}{more}")
    if dropped:
        lines.insert(2, ("notify-milter", f"{qid}: to=<{dropped[0]}> "
                         f'status=dropped reason="{dropped[1]}"'))
    return text(lines, at)


def person(ctl, path, email, day="2026-03-05"):
    return ctl.json("trace", "--recipient", email, "--on", day, "--log", path)


@case("an address that the milter's log has in escapes is shown and found as it "
      "is")
def _(ctl):
    for address, logged in (
            ('"a b"@acme.example', "\\x22a b\\x22@acme.example"),
            ('"a\\"<>"@acme.example',
             "\\x22a\\x5c\\x22\\x3c\\x3e\\x22@acme.example"),
            ('"bill"@acme.example', "\\x22bill\\x22@acme.example"),
            ("a\\x0ab@acme.example", "a\\x0ab@acme.example")):
        path = log(ctl, decided("AAAAAAAAAA", ANN, NOON,
                                dropped=(logged, "no user of any account")))
        same([row["recipient"] for row in trace(
            ctl, path, qid="AAAAAAAAAA")["recipients"]], [address, ANN],
            "recipients")
    path = log(ctl, decided("AAAAAAAAAA", ANN, NOON, dropped=(
        "\\x22bill\\x22@acme.example", "no user")))
    found = person(ctl, path, BILL)
    same([row["recipient"] for row in found["recipients"]],
         ['"bill"@acme.example'], "bill's")
    chat = "to=<1-a@telegram.invalid> account=acme outcome=sent user=<%s>"
    path = log(ctl, decided("AAAAAAAAAA", ANN, NOON) + text(
        [("notify-telegram", "AAAAAAAAAA: " + chat % "\\x22a b\\x22@x.example")],
        NOON))
    same([row["chat_of"] for row in
          person(ctl, path, '"a b"@x.example')["recipients"]],
         ['"a b"@x.example'], "whose chat")


def ids(found):
    return [message["queue_id"] for message in found["messages"]]


@case("a message is found by its Message-ID, with brackets or without")
def _(ctl):
    path = log(ctl, decided("AAAAAAAAAA", ANN, NOON, message_id="<M$1@x>")
               + decided("BBBBBBBBBB", ANN, NOON, message_id="<M$1@x.example>")
               + decided("CCCCCCCCCC", ANN, NOON, message_id="<m$1@x>"))
    for name in ("<M$1@x>", "M$1@x"):
        same(ids(trace(ctl, path, qid=name)), ["AAAAAAAAAA"], name)
    bare = log(ctl, decided("DDDDDDDDDD", ANN, NOON, message_id="a@x")
               + decided("EEEEEEEEEE", ANN, NOON, message_id="1234")
               + decided("FFFFFFFFFF", ANN, NOON, message_id="a@x.example")
               + decided("GGGGGGGGGG", ANN, NOON, message_id="<>"), "bare")
    for name, want in (("a@x", "DDDDDDDDDD"), ("<a@x>", "DDDDDDDDDD"),
                       ("<1234>", "EEEEEEEEEE")):
        same(ids(trace(ctl, bare, qid=name)), [want], name)
    for name in ("<123>", "<a@>"):
        ctl.refused(67, "trace", name, "--log", bare, says="Message-ID")
    line = ctl.refused(67, "trace", "<M$1@y>", "--log", path,
                       says=["<M$1@y>", path])
    lacks(line, "lines of", "line")
    sendmail = log(ctl, text([("sm-mta", "58TEST00000001: from=<s@x.example>, "
                               "size=9, class=0, nrcpts=1, msgid=<s@x>, "
                               "proto=ESMTP, relay=a [192.0.2.7]")], NOON), "sm")
    same(ids(trace(ctl, sendmail, qid="s@x")), ["58TEST00000001"], "Sendmail")


@case("a Message-ID finds each message that had it, in order, and what is "
      "the other's work")
def _(ctl):
    first = life("AAAAAAAAAA")
    first[1] = ("postfix/cleanup", "AAAAAAAAAA: message-id=<m@x>")
    first[4] = (first[4][0], first[4][1].replace(
        "250 2.0.0 Ok", "250 2.0.0 Ok: queued as BBBBBBBBBB"))
    path = log(ctl, decided("BBBBBBBBBB", ANN, NOON + 4, message_id="<m@x>")
               + decided("DDDDDDDDDD", ANN, NOON + 90000, message_id="<m@x>")
               + text(first, NOON))
    found = trace(ctl, path, qid="<m@x>")
    same([(m["queue_id"], m["relation"], m["of"]) for m in found["messages"]],
         [("AAAAAAAAAA", "", ""), ("BBBBBBBBBB", "handed on as", "AAAAAAAAAA"),
          ("DDDDDDDDDD", "", "")], "messages")


@case("a short queue id that was used again is that of the message asked for")
def _(ctl):
    path = log(ctl, decided("AAAAAAAAAA", ANN, NOON, message_id="<one@x>")
               + decided("AAAAAAAAAA", BILL, NOON + 9000, message_id="<two@x>"))
    for name, rcpt in (("<one@x>", ANN), ("<two@x>", BILL)):
        found = trace(ctl, path, qid=name)
        same([r["recipient"] for r in found["recipients"]], [rcpt], name)


@case("a person's day has each decision about the person, and no other mail")
def _(ctl):
    why = "member of acme, not subscribed to services"
    path = log(ctl, decided("AAAAAAAAAA", ANN, NOON)
               + decided("BBBBBBBBBB", OTTO, NOON + 10, "gamma",
                         dropped=(STRANGER, "no user of any account"))
               + decided("CCCCCCCCCC", OLGA, NOON + 20, dropped=(ANN, why))
               + text(life("DDDDDDDDDD", ANN, milter=False), NOON + 30)
               + decided("EEEEEEEEEE", "Ann+news@ACME.example", NOON + 40)
               + decided("FFFFFFFFFF", ANN, NOON + 86400)
               + decided("GGGGGGGGGG", OLGA, NOON + 50, "gamma,acme",
                         verdict="hold", more=' reason="why"')
               + decided("HHHHHHHHHH", ANN, NOON - 86400))
    found = person(ctl, path, ANN)
    same(ids(found), ["AAAAAAAAAA", "CCCCCCCCCC", "EEEEEEEEEE", "GGGGGGGGGG"],
         "ann's day")
    same({(r["queue_id"], r["decision"]) for r in found["recipients"]},
         {("AAAAAAAAAA", "kept"), ("CCCCCCCCCC", "dropped"),
          ("EEEEEEEEEE", "kept")}, "her copies alone")
    same(ids(person(ctl, path, "ANN@acme.example", "2026-03-06")),
         ["FFFFFFFFFF"], "the day after")
    same(ids(person(ctl, path, STRANGER)), ["BBBBBBBBBB"], "a stranger")
    contains(ctl.ok("trace", "--recipient", ANN, "--on", "2026-03-05", "--log",
                    path).out, why, "for people")
    ctl.refused(67, "trace", "--recipient", STRANGER, "--on", "2026-03-04",
                "--log", path, says=[STRANGER, path])


@case("a person is found however the address is spelled, and by a former name "
      "of the account")
def _(ctl):
    lines = "".join(decided(f"{i}AAAAAAAAA", rcpt, NOON + i, "-")
                    for i, rcpt in enumerate(
                        ("Stranger+x@else.EXAMPLE", '"stranger"@else.example',
                         "stranger@else.example.", "ann@else.example",
                         "strange+r@else.example", "stranger@else.example")))
    same(ids(person(ctl, log(ctl, lines), STRANGER)),
         ["0AAAAAAAAA", "1AAAAAAAAA", "2AAAAAAAAA", "5AAAAAAAAA"], "messages")
    lines = "".join(decided(f"{i}AAAAAAAAA", rcpt, NOON + i, "-")
                    for i, rcpt in enumerate(("J\u00f6rg@m\u00fcnchen.example",
                                              "j\u00f6rg@XN--mnchen-3ya.example")))
    for email in ("j\u00f6rg@m\u00fcnchen.example",
                  "J\u00d6RG@xn--mnchen-3ya.example"):
        same(ids(person(ctl, log(ctl, lines), email)),
             ["0AAAAAAAAA", "1AAAAAAAAA"], email)
    ctl.ok("account", "rename", "acme", "apex")
    path = log(ctl, decided("AAAAAAAAAA", OLGA, NOON))
    found = person(ctl, path, MIA)
    same(ids(found), ["AAAAAAAAAA"], "by the former name")
    same(list(passed(found)), [MIA], "she was passed over")


@case("a person's day is found in letters outside ASCII of either case")
def _(ctl):
    path = log(ctl, decided("AAAAAAAAAA", "ЖАННА@else.example", NOON, "gamma")
               + decided("BBBBBBBBBB", "Жан@else.example", NOON + 5, "gamma")
               + decided("CCCCCCCCCC", "жанна@else.example", NOON + 9, "gamma"))
    same(ids(person(ctl, path, "Жанна@else.example")),
         ["AAAAAAAAAA", "CCCCCCCCCC"], "messages")


@case("a person's day begins and ends at midnight, local time")
def _(ctl):
    midnight = NOON - 12 * 3600
    path = log(ctl, text(life("AAAAAAAAAA"), midnight - 6, "utc")
               + text(life("BBBBBBBBBB"), midnight, "utc")
               + text(life("CCCCCCCCCC"), midnight + 86394, "utc")
               + text(life("DDDDDDDDDD"), midnight + 86400, "utc"))
    same(ids(person(ctl, path, ANN)), ["BBBBBBBBBB", "CCCCCCCCCC"], "messages")


@case("more messages of a day than are shown: the output says so")
def _(ctl):
    path = log(ctl, "".join(decided(f"ID{i:06}", ANN, NOON + i)
                            for i in range(1010)))
    found = person(ctl, path, ANN)
    same((len(found["messages"]), found["complete"]), (1000, False), "messages")
    contains(ctl.ok("trace", "--recipient", ANN, "--on", "2026-03-05", "--log",
                    path).out, "there are more messages than", "for people")


@case("what a trace is about is given once, and is what it is said to be")
def _(ctl):
    path = log(ctl, text(life(), NOON))
    for words in ([], [QID, "--recipient", ANN], [QID, "--on", "2026-03-05"],
                  ["--recipient", ANN], ["--on", "2026-03-05"],
                  [QID, "--recipient", ANN, "--on", "2026-03-05"]):
        ctl.refused(64, "trace", *words, "--log", path,
                    says=("queue id", "Message-ID", "--on DATE"))
    for day in ("yesterday", "2026-03-05 12:00", "12:00", "2026-02-30"):
        ctl.refused(65, "trace", "--recipient", ANN, "--on", day, "--log", path,
                    says=("not a day", "2026-11-28"))
    ctl.refused(65, "trace", "--recipient", "ann", "--on", "2026-03-05",
                "--log", path, says="not a mail address")


# Why somebody got it

def reasons(found):
    return [(row["account"], row["address"], row["entitled"], row["why"],
             row["changed"]) for row in found["reasons"]]


def copies(qid, at, *recipients):
    """A message that was delivered to these RECIPIENTS, whoever they are."""
    lines = life(qid)
    sent = lines.pop(4)
    lines[4:4] = [(sent[0], sent[1].replace("<ann@acme.example>", rcpt))
                  for rcpt in recipients]
    return text(lines, at)


@case("why somebody got it is told, as of now")
def _(ctl):
    ctl.sql("DELETE FROM change")
    ctl.settings(always_keep="archive@x.example")
    path = log(ctl, copies(
        QID, NOON, f"<{OLGA}>", "<Adam+x@ACME.example>",
        f"<mailbox@x.example>, orig_to=<{ADAM}>", "<archive@x.example>",
        f"<{ANN}>", f"<{STRANGER}>", "<1-0a@telegram.invalid>"))
    want = [
        ("acme", OLGA, True, "owner of acme", ""),
        ("acme", ADAM, True, "user-admin of acme, subscribed to services", ""),
        ("acme", ADAM, True, "user-admin of acme, subscribed to services", ""),
        ("", "archive@x.example", False, "named in always_keep", ""),
        ("acme", ANN, False,
         "not entitled now: member of acme, not subscribed to services", ""),
        ("", STRANGER, False, "no user of acme now; the MTA may have added it "
         "(alias, always_bcc)", "")]
    same(reasons(trace(ctl, path)), want, "the reasons")
    out = ctl.ok("trace", QID, "--log", path).out
    contains(out, "WHY (ROSTER AS OF NOW)", "for people")
    contains(out, "user-admin of acme, subscribed to services", "for people")
    # A person's day shows that person.
    same(reasons(person(ctl, path, ADAM)), want[1:3], "adam's day")
    ctl.settings(unknown_recipients="keep")
    same(reasons(trace(ctl, path))[-1][3],
         "no user of acme (unknown_recipients = keep)", "an unknown recipient")
    # By each account that the message was about.
    two = log(ctl, copies(QID, NOON, f"<{ANN}>").replace(
        "account=acme", "account=acme,beta"), "two.log")
    same(reasons(trace(ctl, two)), [
        ("beta", ANN, True, "member of beta, subscribed to services", "")],
         "ann, who is a user of both")
    # Nothing of it was decided by the roster.
    for old, new in (("=deliver", "=deliver decided=before"),
                     ("=deliver", "=deliver monitor=yes"),
                     ("=deliver", '=hold reason="x"'),
                     ("=deliver", '=untrusted reason="x"'),
                     ("category=services", "category=lunch")):
        other = log(ctl, copies(QID, NOON, f"<{OLGA}>").replace(old, new),
                    "other.log")
        same(reasons(trace(ctl, other)), [], new)
    ctl.settings(url=ctl.path("none.db"))
    same(reasons(trace(ctl, path)), [], "no roster")


@case("what was changed since the decision is the first that bears on it, by "
      "any road")
def _(ctl):
    ctl.sql("DELETE FROM change")
    ann = decided("AAAAAAAAAA", ANN, NOON, category=MAINTENANCE)

    def changed(recipient=ANN, lines=ann):
        path = log(ctl, lines.replace(ANN, recipient))
        found = trace(ctl, path, qid="AAAAAAAAAA")
        return {row["address"]: (row["entitled"], row["changed"])
                for row in found["reasons"] + found["passed"]}

    same(changed()[ANN], (True, ""), "nothing was changed")
    # What has nothing to do with it is not shown.
    ctl.ok("user", "language", "acme", ANN, "de")
    ctl.ok("subscribe", "acme", SERVICES, ANN, as_=OLGA)
    ctl.ok("unsubscribe", "acme", SERVICES, BILL, "--confirm", BILL, as_=OLGA)
    same(changed()[ANN], (True, ""), "another category, and a language")
    ctl.ok("unsubscribe", "acme", MAINTENANCE, ANN, "--confirm", ANN, as_=OLGA)
    contains(changed()[ANN][1], f"unsubscribe {MAINTENANCE}, by {OLGA}", "ann")
    ctl.ok("user", "role", "acme", ANN, "subscriber")
    ctl.ok("user", "remove", "acme", ANN)
    entitled, what = changed()[ANN]
    same(entitled, False, "ann, who is a user no more")
    contains(what, f"unsubscribe {MAINTENANCE}, by {OLGA} (and 2 later)", "ann")
    # The former owner, and who was known by another address.
    ctl.ok("account", "transfer", "acme", MIA)
    for who in (OLGA, MIA):
        contains(changed()[who][1], f"account-transfer from {OLGA}", who)
    ctl.ok("user", "address", "acme", BILL, "william@acme.example")
    contains(changed(BILL)[BILL][1], f"user-address was {BILL}", "bill")
    # A category that is opened is nothing to a member.
    ctl.ok("category", "set", MAINTENANCE, "--subscriber", "yes", "--yes")
    contains(changed()[SUE][1], "category-set open to Subscriber", "sue")
    same(changed()[ADAM], (False, ""), "adam")
    # In a log without times all since its first line counts.
    no_time = "".join(line.split(" relay ", 1)[1]
                      for line in ann.splitlines(True))
    same({what for _, what in changed(lines=no_time).values()},
         {"not known: the log does not say when it was decided"}, "no time")
    # What was removed from the record may have had a change.
    ctl.sql("UPDATE change SET at = ?", NOON - 10)
    same(changed()[ANN][1], "", "all was changed before")
    ctl.ok("log", "--before", "2026-03-05", "--prune")
    same(changed()[ANN][1], "", "what is before the message was removed")
    ctl.ok("log", "--before", "2026-03-06", "--prune")
    contains(changed()[ANN][1], "not known: the record of that time", "ann")


# Who was passed over

def passed(found):
    return {row["address"]: (row["why"], row["entitled"], row["changed"])
            for row in found["passed"]}


@case("who of the account did not get it is told, and why, as of now")
def _(ctl):
    ctl.sql("DELETE FROM change")
    lines = decided("AAAAAAAAAA", OLGA, NOON, added=1, dropped=(
        BILL, "member of acme, not subscribed to services"))
    path = log(ctl, lines + text([life("AAAAAAAAAA", ADAM)[4]], NOON + 3))
    found = trace(ctl, path, qid="AAAAAAAAAA")
    why = "not subscribed to services"
    same(passed(found), {
        ANN: (f"member of acme, {why}", False, ""),
        MIA: (f"member of acme, {why}", False, ""),
        SUE: ("subscriber of acme, and services is not open to subscribers",
              False, "")}, "passed over")
    out = ctl.ok("trace", "AAAAAAAAAA", "--log", path).out
    contains(out, "WHY (ROSTER AS OF NOW)", "for people")
    contains(out, f"member of acme, {why}", "for people")
    # A person's day shows that person.
    same(list(passed(person(ctl, path, MIA))), [MIA], "mia's day")
    with_none = log(ctl, lines.replace("account=acme", "account=-"), "plain.log")
    same(passed(trace(ctl, with_none, qid="AAAAAAAAAA")), {}, "no account")
    for more in (" decided=before", " monitor=yes"):
        path = log(ctl, decided("AAAAAAAAAA", OLGA, NOON, more=more))
        same(passed(trace(ctl, path, qid="AAAAAAAAAA")), {}, more)


@case("who is entitled now and has no copy: whether that changed since")
def _(ctl):
    ctl.sql("DELETE FROM change")
    path = log(ctl, decided("AAAAAAAAAA", OLGA, NOON))
    rows = passed(trace(ctl, path, qid="AAAAAAAAAA"))
    same(rows[ADAM][1:], (True, ""), "adam, who was subscribed then")
    for expand, why in (("owner", "only the owner joins unless"),
                        ("addressed", "nobody joins unless"),
                        ("never", "nobody joins (expand = never)"),
                        ("always", "entitled; no copy is logged")):
        ctl.settings(expand=expand)
        rows = passed(trace(ctl, path, qid="AAAAAAAAAA"))
        contains(rows[ADAM][0], why, f"why, with expand = {expand}")
    other = log(ctl, decided("BBBBBBBBBB", ANN, NOON), "other.log")
    ctl.settings()
    same(passed(trace(ctl, other, qid="BBBBBBBBBB"))[OLGA][0],
         "entitled; no copy is logged", "the owner")
    ctl.ok("subscribe", "acme", SERVICES, MIA, as_=OLGA)
    found = trace(ctl, path, qid="AAAAAAAAAA")
    same([row["address"] for row in found["passed"]],
         [ADAM, MIA, ANN, BILL, SUE], "the entitled first")
    contains(passed(found)[MIA][2], f"subscribe services, by {OLGA}", "change")
    same(passed(found)[ANN][2], "", "ann, who was not changed")
    # What was changed before the decision is none since then.
    ctl.sql("UPDATE change SET at = ?", NOON - 10)
    same(passed(trace(ctl, path, qid="AAAAAAAAAA"))[MIA][2], "", "before")
    # On its way: not every copy has been tried.
    path = log(ctl, "".join(decided("AAAAAAAAAA", OLGA, NOON).splitlines(
        True)[:-1]))
    contains(passed(trace(ctl, path, qid="AAAAAAAAAA"))[ADAM][0],
             "no copy is logged yet", "why")


@case("without a roster, or without the account, nobody is said to be "
      "passed over")
def _(ctl):
    path = log(ctl, decided("AAAAAAAAAA", OLGA, NOON)
               + decided("BBBBBBBBBB", OLGA, NOON + 9, account="gone"))
    found = trace(ctl, path, qid="BBBBBBBBBB")
    same((found["passed"], found["roster_trouble"]), ([], ""),
         "no such account")
    ctl.settings(url=ctl.path("none.db"))
    found = trace(ctl, path, qid="AAAAAAAAAA")
    same(found["passed"], [], "no roster")
    contains(found["roster_trouble"], "none.db: not found", "why")
    contains(ctl.ok("trace", "AAAAAAAAAA", "--log", path).out,
             "(why somebody got it cannot be told: ", "for people")
    line = ctl.refused(67, "trace", "--recipient", STRANGER, "--on",
                       "2026-03-05", "--log", path, says="none.db")
    contains(line, "of whose accounts nothing is known", "the line")
    same(ids(person(ctl, path, OLGA)), ["AAAAAAAAAA", "BBBBBBBBBB"], "her day")


# stats --since

def since(ctl, when, *paths):
    return ctl.json("stats", "--since", when,
                    *(word for path in paths for word in ("--log", path)))


def mirror(qid, outcome, at, more=""):
    return text([("notify-telegram", f"{qid}: to=<1-0a@telegram.invalid> "
                  f"account=acme outcome={outcome}{more}")], at)


@case("stats --since counts messages and chats by category, from that time on")
def _(ctl):
    path = log(ctl, decided("AAAAAAAAAA", ANN, NOON - 9)
               + decided("BBBBBBBBBB", ANN, NOON, added=2)
               + decided("CCCCCCCCCC", ANN, NOON + 10, dropped=(BILL, "why"))
               + decided("DDDDDDDDDD", ANN, NOON + 20, category="-",
                         verdict="reject", more=' reason="bad"')
               + mirror("BBBBBBBBBB", "sent", NOON - 8, " category=services")
               + mirror("BBBBBBBBBB", "sent", NOON + 1, " category=services")
               + mirror("BBBBBBBBBB", "sent", NOON + 2, " category=services")
               + mirror("CCCCCCCCCC", "gone", NOON + 2, " category=x user=<a>"
                        ' reason="outcome=sent"')
               + mirror("CCCCCCCCCC", "sent", NOON + 2))
    found = since(ctl, "2026-03-05 12:00", path)
    same({(r["category"], r["verdict"]): r["messages"]
          for r in found["messages"]},
         {(SERVICES, "deliver"): 2, ("-", "reject"): 1}, "messages")
    same({(r["category"], r["outcome"]): r["tries"]
          for r in found["telegram"]},
         {(SERVICES, "sent"): 2, ("x", "gone"): 1, ("-", "sent"): 1}, "chats")
    same((found["recipients_kept"], found["recipients_added"], found["recipients_dropped"], found["stopped"]),
         (2, 2, 1, []), "recipients")
    same(since(ctl, "2026-03-05", path)["messages"][0]["messages"], 3, "the day")
    same(since(ctl, "2026-03-06", path)["messages"], [], "the day after")


@case("stats --since lists what was discarded or held, the owner who would "
      "have had it, and what an operator did")
def _(ctl):
    stop = ' reason="nobody addressed is entitled to the category"'
    early = log(ctl, text(
        [("notifyctl", "CCCCCCCCCC: requeued as 4jNEW"),
         ("postfix/postsuper", "CCCCCCCCCC: removed"),
         ("postfix/postsuper", "DDDDDDDDDD: released from hold"),
         ("postfix/postsuper", "EEEEEEEEEE: removed"),
         ("postfix/postsuper", "FFFFFFFFFF: removed"),
         ("postfix/postsuper", "IIIIIIIIII: released from hold"),
         ("postfix/postsuper", "IIIIIIIIII: placed on hold"),
         ("postfix/postsuper", "JJJJJJJJJJ: released from hold"),
         ("postfix/postsuper", "JJJJJJJJJJ: removed")], NOON + 60), "new.log")
    late = log(ctl, decided("EEEEEEEEEE", ANN, NOON + 8, "-", verdict="hold",
                            more=' reason="unknown account x"')
               + decided("AAAAAAAAAA", ANN, NOON - 9, verdict="discard",
                         more=stop)
               + decided("BBBBBBBBBB", ANN, NOON, verdict="discard", more=stop)
               + decided("CCCCCCCCCC", ANN, NOON + 2, "acme,Beta",
                         verdict="hold", more=stop)
               + decided("DDDDDDDDDD", ANN, NOON + 4, "gone", verdict="hold",
                         more=stop)
               + decided("FFFFFFFFFF", ANN, NOON + 6, verdict="hold",
                         more=stop + " monitor=yes")
               + decided("GGGGGGGGGG", ANN, NOON + 9, verdict="tempfail",
                         more=stop) + decided("HHHHHHHHHH", ANN, NOON + 9)
               + decided("IIIIIIIIII", ANN, NOON + 20, verdict="hold", more=stop)
               + decided("JJJJJJJJJJ", ANN, NOON + 30, verdict="hold",
                         more=stop))
    found = since(ctl, "2026-03-05 12:00", early, late)
    same([(r["queue_id"], r["verdict"], r["account"],
           sorted(filter(None, r["owner"].split(","))), r["became"])
          for r in found["stopped"]],
         [("BBBBBBBBBB", "discard", "acme", [OLGA], ""),
          ("CCCCCCCCCC", "hold", "acme,Beta", [OLGA, OTTO],
           "requeued as 4jNEW"),
          ("DDDDDDDDDD", "hold", "gone", [], "released"),
          ("FFFFFFFFFF", "hold", "acme", [OLGA], "monitor mode"),
          ("EEEEEEEEEE", "hold", "-", [], "deleted"),
          ("IIIIIIIIII", "hold", "acme", [OLGA], ""),
          ("JJJJJJJJJJ", "hold", "acme", [OLGA], "deleted")], "stopped")
    contains(found["stopped"][0]["reason"], "nobody addressed", "why")
    out = ctl.ok("stats", "--since", "2026-03-05 12:00", "--log", late).out
    for part in ("BBBBBBBBBB", OLGA, "nobody addressed is entitled"):
        contains(out, part, "for people")
    ctl.settings(url=ctl.path("none.db"))
    same({r["owner"] for r in since(ctl, "2026-03-05", late)["stopped"]}, {""},
         "owners, without a roster")


@case("a message with very many recipients, each tried several times, is traced "
      "in seconds")
def _(ctl):
    *first, (program, sent), last = life()
    tried = text([(program, sent.replace("=sent (250", "=deferred (450"))],
                 NOON + 5)
    copies = [tried.replace(ANN, f"u{i}@x.example") for i in range(40000)]
    done = "".join(copies).replace("=deferred (450", "=sent (250")
    path = log(ctl, text(first, NOON) + "".join(copies) * 3 + done
               + text([last], NOON + 6))
    began = spent()
    found = trace(ctl, path)
    true(spent() - began < 10, f"it took {spent() - began:.1f} s")
    same((len(found["recipients"]),
          {row["outcome"] for row in found["recipients"]}),
         (40000, {"sent"}), "recipients, outcomes")


@case("stats --since has few labels, whatever somebody writes into the log")
def _(ctl):
    lines = "".join(
        decided(f"ID{i:06}", ANN, NOON + i, category=category)
        for i, category in enumerate(('x"y', "x{y", "X", "ä", "x" * 99,
                                      "a=b", "services")))
    found = since(ctl, "2026-03-05", log(ctl, lines))
    same({r["category"]: r["messages"] for r in found["messages"]},
         {"-": 6, "services": 1}, "categories")


@case("many messages that were held are counted, and 10,000 are listed")
def _(ctl):
    path = log(ctl, "".join(text([life(f"ID{i:06}")[2]], NOON).replace(
        "=deliver", '=hold reason="x"') for i in range(10100)))
    found = since(ctl, "2026-03-05", path)
    same((len(found["stopped"]), found["complete"],
          found["messages"][0]["messages"]), (10000, False, 10100), "messages")


@case("stats --since needs a time, and a log that can be read")
def _(ctl):
    path = log(ctl, text(life(), NOON))
    ctl.refused(65, "stats", "--since", "soon", "--log", path, says="not a time")
    ctl.refused(64, "stats", "--log", path, says="--since")
    ctl.refused(65, "stats", "--since", "2026-03-05", "--log", path + ".none",
                says="No such file")


ctl.run()
