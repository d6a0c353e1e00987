#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Untagged mail arrives byte for byte as without the milter."""
from lib import lab
from lib.lab import case
from lib.roster import BILL, OLGA, STRANGER
from lib.tap import same, true

HEAD = ("From: a@b.example\r\nTo: c@d.example\r\nSubject: s\r\n"
        "Message-ID: <MARK@example.org>\r\n"
        "Date: Tue, 01 Jul 2025 10:00:00 +0000\r\n")

# Messages as systems send them, also broken ones. MARK becomes the marker.
MESSAGES = {
    "an ordinary message": HEAD + "\r\nHello.\r\n",
    "eight-bit text": (HEAD + "\r\nGr\u00fc\u00dfe\r\n").encode()
    + bytes(range(128, 256)) + b"\r\n",
    "an eight-bit header":
        HEAD.encode() + b"X-Who: J\xfcrgen \xff\r\n\r\n.\r\n",
    "control characters": HEAD.encode() + b"\r\n\x00\x01\x07\x08\x0b\x0c\x1b\r\n",
    "long lines": HEAD + "\r\n" + "x" * 5000 + "\r\n" + "y" * 998 + "\r\n",
    "a long header": HEAD + "X-Long: " + "z" * 4000 + "\r\n\r\nbody\r\n",
    "odd folding": HEAD + "X-A:\r\n one\r\n\ttwo  \r\n   \t three\r\n"
    "X-B:none\r\nX-C:\r\nX-D:   \r\nX-E: a\r\n \r\n b\r\n"
    "x-a : late\r\n\r\n.\r\n",
    "leading dots": HEAD + "\r\n.\r\n..\r\n...a\r\n. \r\n",
    "white space at line ends": HEAD + "\r\n \r\n\t \r\na  \r\n\r\n\r\n",
    "an empty body": HEAD + "\r\n",
    "a header without an end": HEAD,
    "no header": "\r\nonly a body, MARK\r\n",
    "text instead of a header": "Hello there\r\nFrom: nobody\r\n\r\nMARK\r\n",
    "nothing at all": "",
    "the tag in the body": HEAD + "\r\nX-Notify-Category: services\r\n",
    "the tag in an attached message":
        HEAD + "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        "Content-Type: message/rfc822\r\n\r\n"
        "X-Notify-Category: services\r\nSubject: in\r\n\r\nx\r\n--b--\r\n",
    "the tag within another header":
        HEAD + "X-Other: a\r\n X-Notify-Category: services\r\n\r\n.\r\n",
    "names that are nearly the tag":
        HEAD + "X-Notify-Categories: services\r\nX-Notify: services\r\n"
        "XX-Notify-Category: services\r\nNotify-Category: services\r\n"
        "\r\n.\r\n",
    "an account header alone": HEAD + "X-Notify-Account: acme\r\n\r\n.\r\n",
    "a body of 5 MB": (HEAD + "\r\n").encode()
    + (b"0123456789" * 7 + b"\r\n") * 70000,
}

# Some have no place for a marker: it is in the sender of each.
RCPTS = [OLGA, BILL, STRANGER, "acme@accounts.example", "nosuch@acme.example"]


def fill(data, mark):
    data = data if isinstance(data, bytes) else data.encode()
    return data.replace(b"MARK", mark.encode())


def arrived(lab_, data, listener, mark, **options):
    """(data, [(rcpt, options)], sender options) as the receiver saw it."""
    result = lab_.send(RCPTS, data=data, sender=f"{mark}@example.org",
                       mark=mark, raw=True, listener=listener, **options)
    same(result.reply.code, 250, f"reply {result.reply}")
    found = result.transactions()
    same(len(found), 1, "transactions")
    # SIZE counts the stamp of Postfix too
    words = {k: v for k, v in found[0].options.items() if k != "SIZE"}
    return result, (found[0].bare(), sorted(found[0].rcpts, key=str), words)


def compare(lab_, data, what, **options):
    mark = lab.marker()
    data = fill(data, mark)
    _, want = arrived(lab_, data, "plain", mark, **options)
    other = lab.marker()
    result, got = arrived(lab_, data.replace(mark.encode(), other.encode()),
                          "smtp", other, **options)
    for i, part in enumerate(("data", "recipients", "sender's options")):
        a, b = got[i], want[i]
        if part == "data":
            a = a.replace(other.encode(), mark.encode())
            if len(a) > 100000:
                true(a == b, f"{what}: the data is not the same")
                continue
        same(a, b, f"{what}: {part}")
    result.untouched(RCPTS)
    return want


for name, text in MESSAGES.items():
    @case(f"{name} arrives as without the milter")
    def _(lab_, name=name, text=text):
        compare(lab_, text, name, options="BODY=8BITMIME")


@case("the comparison sees a message that was changed")
def _(lab_):
    # An untrusted client's tag goes: the same comparison must notice.
    lab_.milter.settings(trusted_clients="192.0.2.1")
    try:
        compare(lab_, HEAD + "X-Notify-Category: services\r\n\r\n.\r\n", "")
    except AssertionError:
        return
    finally:
        lab_.milter.settings()
    true(False, "a removed header went unnoticed")


@case("a client that may not tag sends untagged mail as any other")
def _(lab_):
    lab_.milter.settings(trusted_clients="192.0.2.1")
    compare(lab_, HEAD + "X-Notify-Account: acme\r\nX-Notify-Foo: 1\r\n\r\n.",
            "untrusted")


@case("a null sender and SMTPUTF8 pass")
def _(lab_):
    result = lab_.send(["\u00fcser@d\u00f6m.example", BILL], sender="",
                       options="SMTPUTF8")
    result.untouched(["\u00fcser@d\u00f6m.example", BILL])
    true("SMTPUTF8" in result.transactions()[0].options, "SMTPUTF8 is kept")


@case("untagged mail from sendmail(1) arrives as it was given")
def _(lab_):
    for name in ("an ordinary message", "eight-bit text", "odd folding",
                 "leading dots", "long lines", "an empty body",
                 "an account header alone", "the tag in the body"):
        mark = lab.marker()
        data = fill(MESSAGES[name], mark)
        # Postfix without a milter makes the same of it over SMTP.
        want = lab_.send(RCPTS, data=data, mark=mark, raw=True,
                         listener="plain").data()
        mark = lab.marker()
        data = fill(MESSAGES[name], mark).replace(b"\r\n", b"\n")
        result = lab_.sendmail(RCPTS, data=data, mark=mark)
        got = result.untouched(RCPTS).data()
        same(lab.marks_gone(got), lab.marks_gone(want), name)


lab.run()
