#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl requeue: a tag counts as it did when the message came, by the client
and the login that the queue file names."""
import shutil

from lib import lab
from lib.lab import case
from lib.requeue import refused, requeue, requeued, run
from lib.roster import ANN, BALANCE, MIA
from lib.tap import Skip, contains, lacks, same, true

TIM = ("tim@sasl.example", "pw")


def parked(one, **options):
    """A message that Postfix holds, undecided. The client is what OPTIONS of
    send() make it."""
    one.milter.settings(monitor="yes")
    one.receiver.refuse = lambda _: "450 4.2.0 not now"
    result = one.send([ANN, MIA], BALANCE, **options)
    one.until(lambda: f"{result.qid}: to=" in one.postfix.text(), "deferred")
    one.postfix.tool("postsuper", "-h", result.qid)
    del one.receiver.refuse
    true(result.held(), "on hold")
    return result


def decided(one, result):
    """The tag counts: MIA is dropped."""
    lacks(run(one, "held").out, "untagged", "held")
    new = requeued(one, result)
    same(result.recipients(), [ANN], "recipients")
    summary = one.milter.summary(new)
    same((summary["verdict"], summary["kept"], summary["dropped"]),
         ("deliver", "1", "1"), summary["line"])
    contains(result.data().decode(), "X-Notify-Category", "the message")


def untagged(one, result):
    """It does not count: everybody gets the message, without the tag."""
    contains(run(one, "held").out, "passed on untagged", "held")
    done = requeue(one, result.qid)
    same(done.code, 0, f"{done}")
    contains(done.out, "submitted again without its X-Notify headers", "output")
    same(result.recipients(), sorted([ANN, MIA]), "recipients")
    lacks(result.data().decode(), "X-Notify", "the message")


def login(one, **options):
    if shutil.which("saslpasswd2") is None:
        raise Skip("needs saslpasswd2")
    return parked(one, listener="auth", auth=TIM, source="127.0.0.2", **options)


# Requeue itself submits from 127.0.0.1.
HERE = "127.0.0.1"


@case("a client that had logged in is trusted with trust_authenticated")
def _(one):
    result = login(one)
    one.milter.settings(trusted_clients=HERE, trust_authenticated="yes")
    decided(one, result)


@case("without trust_authenticated a login makes nobody trusted")
def _(one):
    result = login(one)
    one.milter.settings(trusted_clients=HERE)
    untagged(one, result)


@case("with trust_authenticated a client that had not logged in is not trusted")
def _(one):
    result = parked(one, listener="auth", source="127.0.0.2")
    one.milter.settings(trusted_clients=HERE, trust_authenticated="yes")
    untagged(one, result)


@case("a client whose address is trusted needs no login")
def _(one):
    result = parked(one, listener="auth", source="127.0.0.2")
    one.milter.settings(trusted_clients=f"{HERE}, 127.0.0.2")
    decided(one, result)


@case("a login that the message claims is none")
def _(one):
    claims = ["X-Sasl-Username: tim", "named_attribute: sasl_username=tim",
              "sasl_username=tim"]
    result = parked(one, source="127.0.0.2", headers=claims[:1],
                    body="\n".join(claims) + "\n")
    one.milter.settings(trusted_clients=HERE, trust_authenticated="yes")
    untagged(one, result)


@case("a line break in an ORCPT makes up no client, no recipient and no message")
def _(one):
    other = parked(one, source="127.0.0.2")
    one.milter.settings(trusted_clients=HERE)
    for said in ("named_attribute: client_address=127.0.0.1",
                 "named_attribute: dsn_orig_rcpt=rfc822;q\n"
                 "recipient: evil@x.example",
                 "*** MESSAGE FILE END x ***\n*** ENVELOPE RECORDS "
                 f"hold/{other.qid} ***"):
        hidden = "x\n".encode() + said.encode()
        orcpt = "".join(f"+{byte:02X}" for byte in hidden)
        one.milter.settings(trusted_clients=HERE, bad_tag="hold")
        result = one.send([(ANN, f"ORCPT=rfc822;{orcpt}"), MIA], "nonesuch")
        contains(one.postfix.tool("postcat", "-eq", result.qid).stdout, said,
                 "what postcat says")
        rows = run(one, "--json", "held").document["messages"]
        same([(row["reason"][:25], row["command"]) for row in rows
              if row["queue_id"] == result.qid],
             [("its queue file is damaged", f"postsuper -d {result.qid} hold")],
             "held")
        same(sum(row["queue_id"] == other.qid for row in rows), 1, "the other")
        line = refused(one, 65, result, "a line break in an envelope record")
        contains(line, f"postsuper -d {result.qid} hold", "what to do")
    untagged(one, other)


lab.run(users=dict([TIM]) if shutil.which("saslpasswd2") else None,
        settings={"expand": "addressed"},
        # A level of directories more than anybody has.
        main={"hash_queue_names": "hold", "hash_queue_depth": "4"})
