#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""A tag counts however it is written, and nothing else counts as a tag."""
from lib import lab, postfix
from lib.lab import case
from lib.mta import Closed, Mta, tagged
from lib.roster import ANN, BALANCE, BILL, STRANGER, entitled
from lib.tap import contains, lacks, same, true

RCPTS = [ANN, BILL]         # Ann alone gets services, in beta
TAG = b"X-Notify-Category: services\r\n"
NOBODY = "192.0.2.1"        # trusted_clients that no client here is among
FILL = b"".join(b"X-Fill-%d: %s\r\n" % (i, b"f" * 900) for i in range(70))

# As a client may write a tag that counts: (before it, it, behind it).
TAGS = {
    "in small letters": (b"", TAG.lower(), b""),
    "in capitals": (b"", TAG.upper(), b""),
    "in mixed letters": (b"", b"x-nOTIFY-cATEGORY: sErvices\r\n", b""),
    "without a blank": (b"", b"X-Notify-Category:services\r\n", b""),
    "with a blank before the colon":
        (b"", b"X-Notify-Category : services\r\n", b""),
    "with blanks and tabs around the colon":
        (b"", b"X-Notify-Category \t \t:\t services \t\r\n", b""),
    "folded before the value":
        (b"", b"X-Notify-Category:\r\n\tservices\r\n", b""),
    "folded over many lines":
        (b"", b"X-Notify-Category:" + b"\r\n " * 500 + b"services\r\n", b""),
    "twice": (b"", TAG + b"x-notify-CATEGORY : SERVICES\r\n", b""),
    "twice, apart": (TAG + b"X-Keep: 1\r\n", TAG, b"X-Keep: 2\r\n"),
    "first of all, folded": (b" folded\r\n", TAG, b""),
    "behind a line that ends with LF alone": (b"X-Keep: 1\n", TAG, b""),
    "ended with LF alone": (b"", TAG.replace(b"\r", b""), b"X-Keep: 1\r\n"),
    "as an encoded word":
        (b"", b"X-Notify-Category: =?utf-8?q?s=65rvices?=\r\n", b""),
    "behind 60,000 bytes of other headers": (FILL, TAG, FILL),
    "behind a line longer than Postfix keeps one":
        (b"X-Long: " + b"a" * 5000 + b"\r\n", TAG, b""),
    "behind a header longer than Postfix keeps one":
        (b"X-Long: " + b"\r\n ".join([b"a" * 900] * 200) + b"\r\n", TAG, b""),
    "behind a line of 200,000 bytes":
        (b"X-Long: " + b"a" * 200000 + b"\r\n", TAG, b""),
    "behind 5,000 other headers": (b"X-Keep: 1\r\n" * 5000, TAG, b""),
}
# Tags that cannot be understood; from outside they are removed too.
UNREADABLE = {
    "with no value": b"X-Notify-Category:\r\n",
    "with blanks for a value": b"X-Notify-Category:   \r\n \t\r\n",
    "cut short by a NUL": b"X-Notify-Category: serv\0ices\r\n",
    "with a CR inside": b"X-Notify-Category: services\rX-Other: x\r\n",
    "in no charset": b"X-Notify-Category: \xff\xfe\r\n",
}
# Not in the header to Postfix: the milter leaves the message alone.
PART = (b"\r\n--b\r\nContent-Type: text/plain\r\n" + TAG + b"\r\nHello\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + TAG
        + b"Subject: x\r\n\r\nHello\r\n--b--\r\n")
NO_TAGS = {
    "in a MIME part, and in an attached message":
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        + PART,
    "in a message that is another one, whole":
        b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + TAG
        + b"\r\nHello\r\n",
    "in the first line of the text": b"\r\n" + TAG,
    "behind a line that is no header": b"no header\r\n" + TAG,
    "behind a header without a name": b": x\r\n" + TAG,
    "behind the From line of a mailbox": b"From x@example.org 1\r\n" + TAG,
    "in a line that goes on": b"X-Other: x\r\n " + TAG,
    "behind a bare CR": b"X-Other: x\r" + TAG,
    "where Postfix cuts a line": b"X-Long: " + b"a" * (2048 - 8) + TAG,
    "a byte before that": b"X-Long: " + b"a" * (2047 - 8) + TAG,
    "with its name folded": b"X-Notify-\r\n Category: services\r\n",
    "with a NUL in its name": b"X-Notify-Cat\0egory: services\r\n",
    "with a NUL before its name": b"\0" + TAG,
    "with a NUL behind its name": b"X-Notify-Category\0: services\r\n",
    "with a control in its name": b"X-Notify-Category\x01: services\r\n",
    "with no ASCII in its name": b"X-Notify-Categor\xc3\xbf: services\r\n",
    "with no UTF-8 in its name": b"X-Notify-Category\xa0: services\r\n",
    "without a colon": b"X-Notify-Category services\r\n",
    "with another name": b"X-Notify: services\r\nXX-Notify-Category: services"
                         b"\r\nX-Notify_Category: services\r\nX-NotifyCategory"
                         b": services\r\nX Notify-Category: services\r\n",
}


def data(mark, head):
    return (f"X-Lab-Marker: {mark}\r\nFrom: a@example.org\r\n".encode() + head
            + b"\r\nHello.\r\n")


def send(lab_, head, **options):
    mark = lab.marker()
    return lab_.send(RCPTS, data=data(mark, head), mark=mark, raw=True,
                     **options)


def sendmail(lab_, head):
    mark = lab.marker()
    return lab_.sendmail(RCPTS, mark=mark,
                         data=data(mark, head).replace(b"\r\n", b"\n"))


def goes(lab_, how, before, tag, behind):
    """The tag of an untrusted client is gone, and nothing but it is."""
    want = send(lab_, before.replace(TAG, b"") + behind, listener="plain")
    got = how(lab_, before + tag + behind)
    got.must("untrusted", RCPTS)
    if how is send:
        same(lab.marks_gone(got.data()), lab.marks_gone(want.data()), "data")
    lacks(got.data().lower(), b"x-notify-", "data")


for kind, parts in TAGS.items():
    @case(f"a tag counts, and one from outside goes: {kind}")
    def _(lab_, parts=parts):
        for how in (send, sendmail):
            lab_.milter.settings()
            how(lab_, b"".join(parts)).must("deliver", [ANN],
                                            category="services")
            lab_.milter.settings(trusted_clients=NOBODY)
            goes(lab_, how, *parts)


for kind, tag in UNREADABLE.items():
    @case(f"a tag that cannot be read is held, and one from outside goes: "
          f"{kind}")
    def _(lab_, tag=tag):
        send(lab_, tag).must("hold")
        lab_.milter.settings(trusted_clients=NOBODY)
        goes(lab_, send, b"X-Keep: 1\r\n", tag, b"X-Keep: 2\r\n")


for kind, head in NO_TAGS.items():
    @case(f"what is no tag passes as it came, whoever sends it: {kind}")
    def _(lab_, head=head):
        want = send(lab_, head, listener="plain")
        contains(want.data(), b"otify", "what arrives without the milter")
        for settings in ({}, {"trusted_clients": NOBODY}):
            lab_.milter.settings(**settings)
            got = send(lab_, head)
            got.untouched(RCPTS)
            same(lab.marks_gone(got.data()), lab.marks_gone(want.data()),
                 f"data with {settings}")


@case("an account header counts by the same rules")
def _(lab_):
    for header in (b"x-notify-ACCOUNT : acme\r\n",
                   b"X-Notify-Account:\r\n\tacme\r\n",
                   b"X-Notify-Account: =?us-ascii?b?YWNtZQ==?=\r\n"):
        send(lab_, b"X-Notify-Category: balance-and-payments\r\n"
             + header).must("deliver", entitled(BALANCE, "acme"),
                            account="acme")
    lab_.milter.settings(trusted_clients=NOBODY)
    goes(lab_, send, b"", TAG + b"x-notify-ACCOUNT : acme\r\n"
         b"X-NOTIFY-SOMETHING\t: else\r\n", b"")


# Which client it is. As libmilter has it: (trusted_clients, client, trusted?)
CLIENTS = [
    ("127.0.0.0/8", "::ffff:127.0.0.1", True),
    ("192.0.2.0/24", "::ffff:192.0.2.7", True),
    ("192.0.2.0/24", "::FFFF:C000:0207", True),
    ("192.0.2.0/24", "::ffff:192.0.3.7", False),
    ("::ffff:192.0.2.0/120", "192.0.2.7", True),
    ("::ffff:192.0.2.0/120", "::ffff:192.0.2.7", True),
    ("::ffff:192.0.2.0/120", "192.0.3.7", False),
    ("[::ffff:192.0.2.7]", "192.0.2.7", True),
    ("0.0.0.0/0", "::ffff:192.0.2.7", True),
    ("::/0", "::ffff:192.0.2.7", False),
    # Other ways to put an IPv4 address into an IPv6 one are another's.
    ("0.0.0.0/0", "::192.0.2.7", False),
    ("0.0.0.0/0", "::ffff:0:192.0.2.7", False),
    ("0.0.0.0/0", "64:ff9b::192.0.2.7", False),
    ("0.0.0.0/0", "2002:c000:207::1", False),
    ("0.0.0.0/0", "fe80::ffff:c000:207", False),
    ("127.0.0.0/8 ::1", "::127.0.0.1", False),
    ("127.0.0.0/8", "::1", False),
    ("::1", "127.0.0.1", False),
    ("::1", "0:0:0:0:0:0:0:1", True),
    # An invalid address belongs to no user.
    ("0.0.0.0/0 ::/0", "fe80::1%eth0", False),
    ("0.0.0.0/0 ::/0", "unknown", False),
    ("0.0.0.0/0 ::/0", "", False),
    ("0.0.0.0/0 ::/0", None, False),
]


@case("an IPv4-mapped address is the IPv4 address, and no other notation is")
def _(lab_):
    for networks, client, may in CLIENTS:
        lab_.milter.settings(trusted_clients=networks)
        with Mta(lab_.milter, client=client) as mta:
            try:
                answer = mta.message([f"<{BILL}>"], tagged(BALANCE, "acme"))
            except (Closed, ConnectionError):   # 4xx, to the client
                answer = None
            # Without an address it is refused.
            if client is None:
                same(answer.verdict, "reject", "without an address")
                continue
            trusted = answer is not None and not answer.removed
            same(trusted, may, f"{client} is trusted with {networks}")
            if answer is not None and not may:
                same(len(answer.removed), 2, f"removed for {client}")


@case("a header name followed by blanks, as some MTAs pass it on, counts")
def _(lab_):
    for blanks in (" ", "\t", " \t "):
        headers = [("x-Notify-CATEGORY" + blanks, BALANCE),
                   ("X-Notify-Account" + blanks, "acme")]
        lab_.milter.settings()
        with Mta(lab_.milter) as mta:
            same(mta.message([f"<{BILL}>"], headers).to([f"<{BILL}>"]),
                 sorted(entitled(BALANCE, "acme")), f"who gets it: {blanks!r}")
        lab_.milter.settings(trusted_clients=NOBODY)
        with Mta(lab_.milter) as mta:
            same(len(mta.message([f"<{BILL}>"], headers).removed), 2,
                 f"headers removed: {blanks!r}")


@case("XCLIENT makes a mapped address the one it is")
def _(lab_):
    lab_.milter.settings(trusted_clients="192.0.2.0/24")
    for address, may in (("192.0.2.7", True), ("192.0.3.7", False),
                         ("IPV6:::ffff:192.0.2.7", True),
                         ("IPV6:::ffff:192.0.3.7", False),
                         ("IPV6:::192.0.2.7", False)):
        result = lab_.send(RCPTS, "services", listener="xclient",
                           xclient={"addr": address})
        same(result.summary()["verdict"], "deliver" if may else "untrusted",
             f"verdict for {address}")


@case("XFORWARD, a host name, HELO and LOGIN make no client trusted")
def _(lab_):
    lab_.milter.settings(trusted_clients="127.0.0.1")
    for command in ("XFORWARD NAME=localhost ADDR=127.0.0.1 PROTO=ESMTP"
                    " HELO=localhost SOURCE=LOCAL", "EHLO localhost",
                    "EHLO [127.0.0.1]", "HELO 127.0.0.1"):
        with lab_.connect("xforward", source="127.0.0.9",
                          ehlo="client.example") as client:
            same(client.command(command).code, 250, f"reply to {command}")
            result = lab_.send(RCPTS, "services", client=client)
            result.must("untrusted", RCPTS)
            lacks(result.data().lower(), b"x-notify-", "data")
    lab_.milter.settings(trusted_clients=NOBODY)
    with lab_.connect("xclient") as client:
        same(client.xclient(name="localhost", helo="localhost",
                            reverse_name="localhost").code, 220, "XCLIENT")
        lab_.send(RCPTS, "services", client=client).must("untrusted", RCPTS)


@case("XCLIENT LOGIN makes an authenticated client, and nothing more")
def _(lab_):
    for settings, may in (({}, False), ({"trust_authenticated": "yes"}, True)):
        lab_.milter.settings(trusted_clients=NOBODY, **settings)
        result = lab_.send([BILL], BALANCE, "acme", listener="xclient",
                           xclient={"login": "app"})
        same(result.summary()["verdict"], "deliver" if may else "untrusted",
             f"verdict with {settings}")


@case("no recipient acts as a tag")
def _(lab_):
    for address in (f"x-notify-category@{STRANGER.split('@')[1]}",
                    '"x\\"X-Notify-Category: services"@else.example'):
        lab_.send([BILL, address]).untouched([BILL, address])
    true(lab_.milter.running(), "it runs")


postfix.LISTENERS["xforward"] = (
    "127.0.0.1", "smtpd_milters=MILTER"
    " smtpd_authorized_xforward_hosts=127.0.0.0/8")
# It is about recipients who leave; who joins for them is another matter.
lab.run(settings={"expand": "addressed"})
