#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about size
"Postfix delivers what notifyctl explain predicts."
import json
import os

from lib import lab
from lib.lab import case
from lib.roster import (ANN, BALANCE, BEA, BILL, DOCUMENTS, MAINTENANCE, MIA,
                        OLGA, OTTO, SERVICES, STRANGER, SUE)
from lib.tap import contains, lacks, same, true

ACME, BETA = "acme@accounts.example", "beta@accounts.example"

# (recipients, category, account, more headers)
MESSAGES = [
    ([ANN, BILL, STRANGER], BALANCE, "acme", ()),
    ([ACME], DOCUMENTS, None, ()),
    ([ACME, BETA, ANN], BALANCE, None, ()),
    ([ANN, BEA, OTTO, STRANGER], SERVICES, None, ()),
    ([ANN], SERVICES, "acme", ()),
    (["ANN@ACME.example", "ann+x@acme.example", BILL], MAINTENANCE, "acme",
     ()),
    (['"ann"@acme.example', "Bill@acme.example"], BALANCE, None, ()),
    ([STRANGER], BALANCE, None, ()),
    ([STRANGER], BALANCE, "beta", ()),
    ([BILL, MIA], DOCUMENTS, None, ()),
    ([SUE], MAINTENANCE, None, ()),
    ([ANN], "lunch", "acme", ()),
    ([ANN], "", "acme", ()),
    ([ANN], BALANCE, "nosuch", ()),
    ([ANN, BETA], BALANCE, "acme", ()),
    ([ANN, "nosuch@accounts.example"], BALANCE, None, ()),
    ([ANN, ACME], "=?utf-8?Q?Balance?=\n =?utf-8?Q?_&_payments?=", None, ()),
    ([ANN], BALANCE, "acme", [f"X-Notify-Category: {SERVICES}"]),
    ([ANN], BALANCE, "acme", ["x-notify-category: Balance & Payments"]),
    ([ANN, "1@telegram.invalid"], BALANCE, "acme", ()),
    (["1@TELEGRAM.INVALID."], None, None, ()),
    ([ANN, STRANGER], None, None, ()),
    ([ANN, STRANGER], None, "acme", ()),
]

SETTINGS = [
    {},
    {"expand": "always"},
    {"expand": "never"},
    {"unknown_recipients": "keep"},
    {"max_removed": "1"},
    {"max_removed": "0"},
    {"bad_tag": "reject"},
    {"bad_tag": "tempfail"},
    {"account_domain": ""},
]


def explain(lab_, data, rcpts, *args):
    path = os.path.join(lab_.folder, "message")
    with open(path, "wb") as out:
        out.write(data)
    words = [w for rcpt in rcpts for w in ("--recipient", rcpt)]
    text = lab_.notifyctl("explain", path, "--sender", lab.SENDER, *args,
                          *words).stdout
    return text, json.loads(lab_.notifyctl(
        "--json", "explain", path, "--sender", lab.SENDER, *args,
        *words).stdout)


def told(document):
    # Postfix removes quotes that an address does not need.
    return sorted(p["address"].replace('"ann"', "ann")
                  for p in document["people"] if p["gets"])


def agree(lab_, message):
    rcpts, category, account, headers = message
    mark = lab.marker()
    data = lab.message(mark, category, account, headers)
    text, document = explain(lab_, data, rcpts)
    result = lab_.send(rcpts, data=data, mark=mark)
    same(told(document), result.addresses(), f"explained for {message}")
    first = text.splitlines()[0]
    same(first.split()[:2], ["verdict", document["verdict"]
                             + (":" if document["reason"] else "")],
         "the first line for people")
    for person in document["people"]:
        row = next(line for line in text.splitlines()
                   if line.startswith(person["address"] + " ")
                   and person["how"] in line)
        same(row.split()[1], "yes" if person["gets"] else "no",
             f"the line for people {row!r}")
        contains(row, person["why"], "the line for people")
    if not lab_.milter.summaries(result.since):
        same(document["verdict"], "untouched", f"verdict for {message}")
        same(result.reply.code, 250, "reply")
        return
    summary = result.summary()
    for name in ("verdict", "kept", "added", "dropped", "mirrored"):
        same(str(document[name]), summary[name], f"{name} for {message}")
    for name in ("category", "account"):
        same(document[name] or "-", summary[name], f"{name} for {message}")
    true(bool(document["reason"]) == ("reason" in summary),
         "a reason in both or in neither")


for settings in SETTINGS:
    words = ", ".join(f"{k} = {v}" for k, v in settings.items()) or "defaults"

    @case(f"explain and Postfix agree on every message with {words}")
    def _(lab_, settings=settings):
        lab_.milter.settings(**settings)
        for message in MESSAGES:
            agree(lab_, message)


@case("explain and Postfix agree on linked chats")
def _(lab_):
    for address, chat in ((OLGA, 5), (ANN, 5), (SUE, 6), (OTTO, 7), (BILL, 8)):
        lab_.sql(("INSERT INTO link(user, chat) SELECT id, ? FROM user"
                  " WHERE address = ? LIMIT 1", (chat, address)))
    for message in MESSAGES[:10]:
        agree(lab_, message)


@case("explain agrees after each kind of change to the roster")
def _(lab_):
    for command, as_ in (
            (("user", "role", "acme", ANN, "subscriber"), OLGA),
            (("subscribe", "acme", DOCUMENTS, BILL, MIA), OLGA),
            (("unsubscribe", "acme", BALANCE, SUE, "--confirm", SUE), OLGA),
            (("account", "transfer", "acme", MIA), OLGA),
            (("user", "remove", "beta", BEA), OTTO),
            (("account", "remove", "beta"), None)):
        lab_.notifyctl(*command, as_=as_)
        for message in MESSAGES[:10]:
            agree(lab_, message)


@case("monitor = yes is predicted, and changes nothing")
def _(lab_):
    lab_.milter.settings(monitor="yes")
    data = lab.message(lab.marker(), BALANCE, "acme")
    same(explain(lab_, data, [BILL])[1]["monitor"], True, "monitor")


@case("without --recipient the recipients are those of the header")
def _(lab_):
    mark = lab.marker()
    data = lab.message(mark, MAINTENANCE).replace(
        b"To: undisclosed-recipients:;",
        b"To: Ann <ann@acme.example>, stranger@else.example\n"
        b"Cc: team: \"Bill, B.\" <bill@acme.example>;\n"
        b"Bcc: =?utf-8?Q?Mi=C3=A4?= <mia@acme.example>")
    _, document = explain(lab_, data, [])
    result = lab_.sendmail([], data=data, mark=mark, args=["-t"])
    same(told(document), result.addresses(), "explained")


# (lines before all, lines among the others)
BALANCED = f"X-Notify-Category: {BALANCE}"
ACMES = "X-Notify-Account: acme"
HEADERS = [
    ("", f"this is no header\n{BALANCED}\n{ACMES}"),
    ("", f"{BALANCED}\nthis is no header\n{ACMES}"),
    ("", f"X-A\u00e4: 8 bit in a name\n{BALANCED}"),
    ("", f"X-\x01A: a control character\n{BALANCED}"),
    ("", f": no name\n{BALANCED}"),
    ("", f"X Y: two names\n{BALANCED}"),
    ("", f"From ann@x.example Mon Jan  1 00:00:00 2024\n{BALANCED}"),
    ("", f"X-{'a' * 3000}: a long name\n{BALANCED}"),
    ("", f"X-A: {'a' * 200000}\n{BALANCED}"),
    ("", f"{BALANCED}\x00x\n{ACMES}"),
    ("", f"{BALANCED}\x00x\n lunch"),
    ("", f"X-Notify-Category:\x00x\n {BALANCE}"),
    ("", f"X-Notify-Category: \x00{'x' * (2048 - 20)}{BALANCE}\n{ACMES}"),
    ("", f"X-A: a\n\r\x00{BALANCED}"),
    ("", f"X-Notify-Category :\n\t{BALANCE}\n \n{ACMES}"),
    ("", f"X-A: a\r{ACMES}\n{BALANCED}"),
    (">From a@x Mon\n", BALANCED),
    ("", f"X-A: a\n\rthis goes on\n{BALANCED}"),
    ("", f"X-A: a\n\r{BALANCED}"),
    ("", f"X-Notify-Category\r: {BALANCE}\n{ACMES}"),
    ("", f"X-Notify-\rCategory: {BALANCE}\n{ACMES}"),
    ("", f"{BALANCED}\r\r\n{ACMES}\r"),
    ("\rthis goes on behind Received:\n", BALANCED),
]


@case("explain takes for a header what Postfix takes for one")
def _(lab_):
    for first, lines in HEADERS:
        mark = lab.marker()
        data = first.encode() + lab.message(mark).replace(
            b"Subject:", lines.encode() + b"\nSubject:")
        _, document = explain(lab_, data, [ANN, BILL])
        result = lab_.send([ANN, BILL], data=data, mark=mark)
        same(told(document), result.addresses(), f"explained for {lines!r}")
        found = lab_.milter.summaries(result.since)
        verdict = result.summary()["verdict"] if found else "untouched"
        same(document["verdict"], verdict, f"verdict for {lines!r}")
    # Nothing but a body.
    for data in (b"", b"\nX-Notify-Category: services\n", b" X-A: b\n",
                 f" X-A: b\n{BALANCED}\n".encode()):
        _, document = explain(lab_, data, [ANN])
        same(document["verdict"], "untouched", f"verdict for {data!r}")


@case("where a line that is no header ends the headers, explain says so")
def _(lab_):
    for line, said in (("this is no \x1b[2J header", "this is no \\x1b[2J header"),
                       ("*** ENVELOPE RECORDS held/X ***",) * 2,
                       ("X-\u00e4" + "x" * 200, "X-\u00e4" + "x" * 56)):
        data = f"X-A: b\n{line}\n{BALANCED}\n\nbody\n".encode()
        text, document = explain(lab_, data, [ANN])
        same(document["headers_end_at"], line.encode()[:60].decode(), "the line")
        contains(text, f'headers   end at the line "{said}", which is no '
                 "header: nothing after it counts\n", "for people")
    # One line of a mailbox file is skipped. Postfix differs about a second,
    # and about one that goes on.
    for lines, end in (("", ""), ("From a@x Mon\n", ""),
                       ("From a@x Mon\n goes on\n", ""),
                       ("From a@x Mon\n>From b@x Tue\n", ">From b@x Tue")):
        data = f"{lines}{BALANCED}\n\nbody\n".encode()
        text, document = explain(lab_, data, [ANN])
        same(document["headers_end_at"], end, repr(lines))
    text, _ = explain(lab_, f"{BALANCED}\n\nbody\n".encode(), [ANN])
    lacks(text, "headers ", "for people")


TO = ["Ann <ann@acme.example>, bill@acme.example (Bill)",
      "bill@acme.example <ann@acme.example>, mia@acme.example",
      "'ann@acme.example' <ann@acme.example>",
      '"Bill, B. <b@x.example>" <bill@acme.example>, (c@d) ann@acme.example,',
      "=?utf-8?q?A@b?= <ann@acme.example>",
      "team: ann@acme.example, bill@acme.example;, mia@acme.example",
      "ann@acme.example\n\t, <bill@acme.example>",
      '"a@b"@x.example, ann@acme.example']
UNCLEAR = ["ann@acme.example; bill@acme.example", "Ann ann@acme.example",
           "Ann <ann@acme.example", "ann@acme.example>", "Smith, Bill <b@x.example>",
           "mailto:ann@acme.example", "Ann: <ann@acme.example>",
           "<ann@acme.example><bill@acme.example>", '"ann@acme.example',
           "=?utf-8?q?A,b?= <ann@acme.example>", "ann@acme.example (x",
           "a\\@b@acme.example", "ann@acme.example\x0b",
           # Postfix appends its own domain, which explain does not know.
           "ann", "Ann <ann>", "ann@acme.example, root", "team: ann;"]


@case("the recipients of the header are those of sendmail -t, or explain says "
      "that it cannot tell")
def _(lab_):
    def message(more):
        mark = lab.marker()
        return mark, lab.message(mark, BALANCE).replace(
            b"To: undisclosed-recipients:;", more.encode())

    for more in (*(f"To: {to}" for to in TO),
                 f"To: {BILL}\nResent-Cc: {ANN}\nCc: {MIA}",
                 f"To: {UNCLEAR[0]}\nResent-To: {ANN}\nResent-Bcc: {OTTO}"):
        mark, data = message(more)
        _, document = explain(lab_, data, [])
        result = lab_.sendmail([], data=data, mark=mark, args=["-t"])
        same(told(document), result.addresses(), f"explained for {more}")
        same(str(document["dropped"]), result.summary()["dropped"],
             f"dropped of {more}")
    for to in UNCLEAR:
        _, data = message(f"To: {to}")
        path = os.path.join(lab_.folder, "message")
        with open(path, "wb") as out:
            out.write(data)
        done = lab_.notifyctl("explain", path, check=False)
        same((done.returncode, done.stdout), (65, ""), f"exit for {to}")
        contains(done.stderr, "the header To cannot be read with certainty; "
                 "expected --recipient ADDR", f"for {to}")
        same(explain(lab_, data, [ANN])[1]["verdict"], "deliver", "ann alone")


@case("the message may come on standard input, with CRLF as well")
def _(lab_):
    data = lab.message(lab.marker(), MAINTENANCE, "acme").decode()
    for text in (data, data.replace("\n", "\r\n")):
        done = lab_.notifyctl("--json", "explain", "--recipient", BILL,
                              input=text)
        same(json.loads(done.stdout)["verdict"], "deliver", "verdict")


@case("explaining sends nothing and leaves no line in the milter's log")
def _(lab_):
    since, before = lab_.milter.mark(), len(lab_.receiver.transactions)
    explain(lab_, lab.message(lab.marker(), BALANCE, "acme"), [BILL])
    lab_.postfix.settle()
    same(len(lab_.receiver.transactions), before, "messages received")
    same(lab_.milter.since(since), [], "lines")


@case("without the database explain predicts a delay, not that nobody gets it")
def _(lab_):
    path = os.path.join(lab_.folder, "message")
    with open(path, "wb") as out:
        out.write(lab.message(lab.marker(), BALANCE, "acme"))
    with lab_.database_away():
        for json_ in ((), ("--json",)):
            done = lab_.notifyctl(*json_, "explain", path, "--recipient", BILL,
                                  check=False)
            true(done.returncode in (75, 78), f"exit: got {done.returncode}")
            contains(done.stdout + done.stderr, "database", "what it says")
            contains(done.stdout + done.stderr, "tempfail", "what it says")
            lacks(done.stdout, "yes", "what it says")


lab.run()
