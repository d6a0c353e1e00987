#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""Users and recipients are the same person however the address is written."""
from lib import lab
from lib.lab import case
from lib.roster import ANN, BALANCE, BILL, OLGA, SERVICES, STRANGER, entitled
from lib.tap import contains, same, true

# The users of the account `odd`, all subscribed.
QUOTED = '"john doe"@odd.example'
DOT = "first.last@odd.example"
QUOTE = "o'brien@odd.example"
SIGNS = "#$&'*/=?^_`{|}~-@odd.example"
LOCAL = "j\u00f6rg@odd.example"
DOMAIN = "info@b\u00fccher.example"
A_LABEL = "info@xn--bcher-kva.example"
ODD = (QUOTED, DOT, QUOTE, LOCAL, DOMAIN, SIGNS)
# Postfix delivers to another address, or returns the message: a route, "%" and
# "!" of a local domain (origin.example), an option.
HAZARDS = {'"@a:b"@x.example': ["b@x.example"],
           '"a@else.example"@origin.example': ["a@else.example"],
           "ann%else.example@origin.example": ["ann@else.example"],
           "else.example!ann@origin.example": ["ann@else.example"],
           "-ann@x.example": []}
BOSS = "boss@odd.example"
UTF8 = {"options": "SMTPUTF8"}


def setup_odd(lab_):
    lab_.notifyctl("account", "add", "odd", "--owner", BOSS)
    lab_.notifyctl("user", "add", "odd", *ODD)
    lab_.notifyctl("subscribe", "odd", BALANCE, *ODD, as_=BOSS)


def plain(address):
    """One spelling for the domain that Postfix may give either way."""
    return address.replace("xn--bcher-kva", "b\u00fccher")


def reached(result, want):
    same(sorted(map(plain, result.recipients())), sorted(map(plain, want)),
         f"recipients of {result.summary()['line']!r}")
    same(result.summary()["verdict"], "deliver", "verdict")


@case("users with odd addresses are added to a message")
def _(lab_):
    setup_odd(lab_)
    reached(lab_.send(["odd@accounts.example"], BALANCE, **UTF8),
            {*ODD, BOSS})
    reached(lab_.sendmail(["odd@accounts.example"], BALANCE), {*ODD, BOSS})


@case("users with odd addresses are added to a message that is all ASCII")
def _(lab_):
    reached(lab_.send(["odd@accounts.example"], BALANCE), {*ODD, BOSS})


@case("a user who is addressed by an odd address stays, and is not added "
      "again")
def _(lab_):
    for address in ODD:
        result = lab_.send([address], BALANCE, "odd", **UTF8)
        reached(result, {*ODD, BOSS})
        same(result.summary()["kept"], "1", f"kept= for {address}")
        reached(lab_.sendmail([address], BALANCE, "odd"), {*ODD, BOSS})


@case("other spellings of an odd address mean the same user")
def _(lab_):
    for address, user in (
            ("\"john\\ doe\"@odd.example", QUOTED),
            ("\"JOHN DOE\"@ODD.EXAMPLE", QUOTED),
            ("\"first.last\"@odd.example", DOT),
            ("\"f\\irst.last\"@odd.example", DOT),
            ("First.Last+list@odd.example", DOT),
            ("O'Brien@odd.example", QUOTE),
            ("J\u00d6RG@odd.example", LOCAL),
            ("jo\u0308rg@odd.example", LOCAL),
            (A_LABEL, DOMAIN),
            ("INFO@XN--BCHER-KVA.EXAMPLE", DOMAIN),
            ("info@B\u00dcCHER.example", DOMAIN),
            ("first.last@odd.example.", DOT),
            ("@relay.example:first.last@odd.example", DOT)):
        result = lab_.send([address], BALANCE, "odd", **UTF8)
        same(result.summary()["kept"], "1", f"kept= for {address}")
        same(len(result.recipients()), len(ODD) + 1,
             f"copies for {address}: {result.recipients()}")
        others = {*ODD, BOSS} - {user}
        same(sorted(others - set(map(plain, result.recipients()))), [],
             f"who else is missing with {address}")


@case("a user who is not entitled is dropped in every spelling")
def _(lab_):
    lab_.notifyctl("user", "add", "odd", "lose me@odd.example".replace(
        "lose me", '"lose me"'), "j\u00fcrgen@odd.example",
        "x@b\u00fccher.example")
    for address in ('"bill"@acme.example', "BILL@ACME.EXAMPLE",
                    "bill+x@acme.example", "Bill@acme.example.",
                    "@relay.example:bill@acme.example",
                    "@a.example,@b.example:bill@acme.example",
                    '"lose me"@odd.example', '"lose\\ me"@odd.example',
                    '@relay.example:"lose me"@odd.example',
                    '@a.example,@b.example:"lose\\ me"@ODD.example',
                    '@relay.example:"unknown stranger"@else.example',
                    '@relay.example:"a,b:c"@else.example',
                    '@relay.example:"bill"@acme.example',
                    "j\u00fcrgen@odd.example", "J\u00dcRGEN@odd.example",
                    "x@b\u00fccher.example", "x@xn--bcher-kva.example",
                    '"<bill>"@acme.example', "acme.example!bill",
                    "postmaster", "bill",
                    '"unknown stranger"@else.example',
                    "\u03c7\u03c1\u03ae\u03c3\u03c4\u03b7\u03c2@else.example"):
        result = lab_.send([ANN, address], BALANCE, **UTF8)
        same(result.recipients(), [ANN], f"recipients beside {address}")
        same(result.summary()["dropped"], "1", f"dropped= for {address}")


@case("sendmail(1) gives addresses without brackets, and they count the same")
def _(lab_):
    for address in ("bill@acme.example", "BILL@acme.example",
                    '"bill"@acme.example', "<bill@acme.example>",
                    "Bill Gates <bill@acme.example>", "bill+x@acme.example",
                    "bill@acme.example (Bill)", '"lose me"@odd.example',
                    "j\u00fcrgen@odd.example", "x@b\u00fccher.example",
                    "bill@acme.example.", "acme.example!bill",
                    "bill%acme.example"):
        result = lab_.sendmail([ANN, address], BALANCE)
        same(result.recipients(), [ANN], f"recipients beside {address}")
    for address in ("ANN@acme.example", "<ann@acme.example>",
                    "ann+x@acme.example", "Ann <ann@acme.example>"):
        result = lab_.sendmail([BILL, address], BALANCE, "acme")
        same(len(result.recipients()), len(entitled(BALANCE, "acme")),
             f"copies: {result.recipients()}")


@case("recipients that sendmail(1) takes from the header count the same")
def _(lab_):
    mark = lab.marker()
    data = lab.message(mark, BALANCE).replace(
        b"To: undisclosed-recipients:;",
        b"To: Ann <ann@acme.example>, Bill <bill@acme.example>,\n"
        b" stranger@else.example (who), bob")
    result = lab_.sendmail([], data=data, mark=mark, args=["-t"])
    same(result.recipients(), [ANN], "recipients")


@case("a bare name from sendmail(1) that is not entitled gets nothing")
def _(lab_):
    for name in ("bob", "Bob", "bob+x", '"bob"', "root"):
        result = lab_.sendmail([ANN, name], BALANCE)
        same(result.recipients(), [ANN], f"recipients beside {name}")
    lab_.notifyctl("user", "add", "acme", "bob@origin.example")
    result = lab_.sendmail([ANN, "bob"], BALANCE)
    same(result.recipients(), [ANN], "recipients beside a user's bare name")


@case("an entitled user who is addressed by a bare name gets one copy")
def _(lab_):
    lab_.notifyctl("subscribe", "acme", BALANCE, "bob@origin.example",
                   as_=OLGA)
    want = sorted(entitled(BALANCE, "acme") | {"bob@origin.example"})
    for result in (lab_.sendmail(["bob"], BALANCE, "acme"),
                   lab_.sendmail(["bob@origin.example"], BALANCE, "acme"),
                   lab_.send(["acme@accounts.example"], BALANCE)):
        same(result.recipients(), want, "recipients")
    lab_.notifyctl("user", "remove", "acme", "bob@origin.example", as_=OLGA)


# Not an address in RFC 5321, but Postfix accepts it.
UNREADABLE = ["<bill@acme.example>>", "<<bill@acme.example>>",
              "<bill@acme.example ()>", "<(c)bill@acme.example>",
              "< bill@acme.example >", "<bill @acme.example>",
              "<bill@acme.example;>", "<x:bill@acme.example;>",
              "<bill@acme.example,>", "<bill@acme.ex\\ample>",
              "<b\\ill@acme.example>", "<@x.example:<bill@acme.example>>",
              "bill@acme.example>"]


@case("a recipient that cannot be read as an address holds the message")
def _(lab_):
    accepted = 0
    for text in UNREADABLE:
        with lab_.connect() as client:
            client.mail("<sender@example.org>")
            code = client.command(f"RCPT TO:{text}").code
            if code != 250:
                same(code, 501, f"reply to {text}")
                continue
            accepted += 1
            client.rcpt(ANN)
            mark = lab.marker()
            reply = client.data(lab.message(mark, SERVICES))
        result = lab.Result(lab_, mark, reply)
        result.must("hold")
        contains(result.summary()["line"], "cannot be read", text)
        same(result.recipients(), [], f"who has got it, for {text}")
    true(accepted > 8, f"accepted: {accepted}")


@case("a recipient that the MTA may read as somebody else holds a message "
      "that keeps it")
def _(lab_):
    lab_.milter.settings(unknown_recipients="keep")
    for text in ("acme.example!bill", "bill%acme.example", "bill", "root"):
        result = lab_.send([ANN, text], BALANCE).must("hold")
        contains(result.summary()["line"], "cannot be read", text)
        same(result.recipients(), [], f"who has got it, for {text}")
    for text in ("bill%acme.example", "acme.example!bill"):
        same(lab_.sendmail([ANN, text], BALANCE).recipients(), [ANN],
             f"recipients beside {text} of sendmail(1)")
    # A user stays that user, whatever characters the name has.
    result = lab_.sendmail([SIGNS], BALANCE)
    reached(result, [SIGNS])
    lab_.milter.settings()


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def with_user(address, key):
    """The SQL for a user of acme who gets Services and services."""
    return (("INSERT INTO user(account, address, key, role) SELECT id, ?, ?,"
             " 'member' FROM account WHERE name = 'acme'", (address, key)),
            ("INSERT INTO subscription(account, category, user) SELECT"
             " u.account, c.id, u.id FROM user u, category c WHERE u.key = ?"
             " AND c.slug = 'services'", (key,)))


def without_user(key):
    return (("DELETE FROM subscription WHERE user = (SELECT id FROM user"
             " WHERE key = ?)", (key,)),
            ("DELETE FROM user WHERE key = ?", (key,)))


@case("a user whose address Postfix reads as another's is refused, and holds "
      "the message where the roster has one")
def _(lab_):
    for address in HAZARDS:
        done = lab_.notifyctl("user", "add", "acme", "--", address,
                              check=False)
        same(done.returncode, 65, f"exit status for {address}")
        contains(done.stderr, "begins with" if address[0] == "-"
                 else "local part", "why")
        rows = f"account,email,role,categories\nacme,{quoted(address)},member,\n"
        done = lab_.notifyctl("import", "-", input=rows, check=False)
        same(done.returncode, 65, f"exit status of import for {address}")
        key = address.replace('"', "")
        lab_.sql(*with_user(address, key))
        for rcpts in (["acme@accounts.example"], [ANN]):
            result = lab_.send(rcpts, SERVICES, "acme").must("hold")
            same(result.recipients(), [], f"recipients beside {address}")
        result = lab_.sendmail([address], SERVICES)
        if address != "-ann@x.example":
            same(result.recipients(), [], f"recipients of {address}")
            same(result.summary()["verdict"], "hold", f"for {address}")
        # Whoever is not entitled is removed, as anybody is.
        result = lab_.send([ANN, "acme@accounts.example"], BALANCE)
        result.must("deliver", entitled(BALANCE, "acme"))
        lab_.sql(*without_user(key))


@case("a detail part cannot route the message of a user")
def _(lab_):
    for text in ("ann+x%else.example@acme.example",
                 '"ann+@else.example"@acme.example'):
        result = lab_.sendmail([text], BALANCE)
        same(result.recipients(), [], f"recipients of {text}")
        same(result.summary()["verdict"], "hold", f"for {text}")


@case("a sign that only looks like a letter is another mailbox")
def _(lab_):
    for text in ("mar\u212a@acme.example", "ma\u017f@acme.example"):
        plain = text.replace("\u212a", "k").replace("\u017f", "s")
        lab_.notifyctl("user", "add", "acme", plain)
        lab_.notifyctl("subscribe", "acme", BALANCE, plain, as_=OLGA)
        result = lab_.send([ANN, text], BALANCE, **UTF8)
        result.must("deliver", [ANN], dropped="1")
        # Postfix folds both into one; deleting the first would delete both.
        for rcpts in ([text, plain], [plain, text]):
            result = lab_.send(rcpts, BALANCE, **UTF8).must("hold")
            contains(result.summary()["reason"], "for one", "reason")
        lab_.notifyctl("user", "remove", "acme", plain, as_=OLGA)


@case("of two domains that Postfix folds into one, nobody's copy is lost")
def _(lab_):
    sharp, plain = "tom@stra\u00dfe.example", "tom@strasse.example"
    lab_.notifyctl("user", "add", "acme", plain, sharp)
    lab_.notifyctl("subscribe", "acme", BALANCE, plain, as_=OLGA)
    lab_.send([ANN, plain], BALANCE).must("deliver", [ANN, plain])
    lab_.send([ANN, sharp], BALANCE, **UTF8).must("deliver", [ANN])
    # Postfix keeps the first of them: deleting it would delete both.
    for rcpts in ([sharp, plain], [plain, sharp], ["TOM" + sharp[3:], ANN, plain]):
        for account in (None, "acme"):
            result = lab_.send(rcpts, BALANCE, account, **UTF8).must("hold")
            contains(result.summary()["reason"], "for one", "reason")
    # It is added by its A-label, which Postfix does not fold.
    lab_.notifyctl("subscribe", "acme", BALANCE, sharp, as_=OLGA)
    lab_.send([plain], BALANCE, "acme").must(
        "deliver", entitled(BALANCE, "acme")
        | {plain, "tom@xn--strae-oqa.example"})
    lab_.notifyctl("user", "remove", "acme", plain)
    lab_.notifyctl("user", "remove", "acme", sharp)


@case("a stranger whom Postfix takes for a user holds a message that keeps him")
def _(lab_):
    sharp, plain = "ma\u00df@acme.example", "mass@acme.example"
    lab_.milter.settings(unknown_recipients="keep")
    lab_.send([ANN, sharp], BALANCE, **UTF8).must("deliver", [ANN, sharp])
    lab_.notifyctl("user", "add", "acme", plain)
    for text in (sharp, "Ma\u00df+x@acme.example"):
        result = lab_.send([ANN, text], BALANCE, **UTF8).must("hold")
        contains(result.summary()["reason"], "cannot be read", text)
    lab_.milter.settings()
    lab_.send([ANN, sharp], BALANCE, **UTF8).must("deliver", [ANN])
    lab_.notifyctl("user", "remove", "acme", plain)


@case("two spellings that are one text to Postfix stay both or leave both")
def _(lab_):
    for rcpts in (['"ann"@acme.example', ANN], [ANN, '"ann"@acme.example']):
        result = lab_.send(rcpts, BALANCE)
        same(set(result.recipients()), {ANN}, f"recipients of {rcpts}")
        same(result.summary()["dropped"], "0", "dropped=")
    for rcpts in (['"bill"@acme.example', BILL, ANN],
                  [ANN, BILL, '"bill"@acme.example']):
        result = lab_.send(rcpts, BALANCE)
        same(result.recipients(), [ANN], f"recipients of {rcpts}")
        same(result.summary()["dropped"], "2", "dropped=")


@case("a message from the null sender may have a tag")
def _(lab_):
    lab_.send([BILL], BALANCE, "acme", sender="").must(
        "deliver", entitled(BALANCE, "acme"))
    lab_.sendmail([BILL], BALANCE, "acme", sender="").must(
        "deliver", entitled(BALANCE, "acme"))


@case("the sender's address makes no difference")
def _(lab_):
    for sender in (OLGA, BILL, STRANGER, "j\u00f6rg@odd.example",
                   '"a b"@c.example'):
        lab_.send([BILL], BALANCE, "acme", sender=sender, **UTF8).must(
            "deliver", entitled(BALANCE, "acme"))


OTHERS = {"e@x.example", "f@x.example", "i@x.example", "b@x.example",
          "a@origin.example", "l@origin.example", "k@origin.example"}


@case("an invalid address in the database is not added to a message")
def _(lab_):
    # No command stores these; Postfix could make other people of them.
    for text in ("e@x.example, f@x.example", "a b@x.example",
                 "<g@x.example>", "h@x.example\nRCPT TO:<i@x.example>",
                 "j@x.example (k)"):
        lab_.sql(("INSERT INTO user(account, address, key, role) SELECT id,"
                  " ?, 'wrong@x.example', 'member' FROM account"
                  " WHERE name = 'acme'", (text,)),
                 "INSERT INTO subscription(account, category, user)"
                 " SELECT u.account, c.id, u.id FROM user u, category c"
                 " WHERE u.key = 'wrong@x.example' AND c.slug = 'services'")
        result = lab_.send(["acme@accounts.example"], SERVICES)
        got = set(result.recipients())
        same(sorted(got & OTHERS), [], f"other people, for {text!r}")
        if not got:
            same(result.reply.code, 451, "reply")
        else:
            same(sorted(entitled(SERVICES, "acme") - got), [], "missing")
        lab_.sql("DELETE FROM subscription WHERE user = (SELECT id FROM user"
                 " WHERE key = 'wrong@x.example')",
                 "DELETE FROM user WHERE key = 'wrong@x.example'")


@case("the log names a dropped recipient as it was written")
def _(lab_):
    result = lab_.send([ANN, '"Lose me"@odd.example'], BALANCE)
    true(any("ose me" in a for a in result.dropped()),
         f"in {list(result.dropped())}")
    contains(str(lab_.milter.since(result.since)), "status=dropped", "log")


# It is about recipients who leave; who joins for them is another matter.
lab.run(settings={"expand": "addressed"})
