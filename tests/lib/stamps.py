# SPDX-License-Identifier: BSD-2-Clause
"""stamps - the keyed digests of policy/README.md, What happens to a message, 7,
by Python's own HMAC.

    key(sql)                    that of a roster; SQL runs a query
    mirror(key, link, category, id), decided(key, category, account, id)
    mirror(key, link, category, id, False)  of a chat that is told no account
    bare("7-0123...@telegram.invalid")      "7@telegram.invalid"
    keyed(sql, "7@telegram.invalid", data)  its address for this mail
"""
import email
import email.header
import hashlib
import hmac
import re

HEADER = "X-Notify-Decided"
CHECKED = re.compile(r"(\d+)-[0-9a-f]{32}(?=@)")


def key(sql):
    """The key of the roster, or None."""
    rows = sql("SELECT value FROM secret WHERE name = 'stamp'")
    return rows[0][0] if rows else None


def digest(key_, *fields):
    text = b""
    for field in fields:
        octets = field.encode("utf-8", "surrogateescape")
        text += b"%d:%s" % (len(octets), octets)
    return hmac.new(key_.encode(), text, hashlib.sha256).hexdigest()[:32]


def message_id(values):
    """The first Message-ID that is not blank, without white space; "" if there
    is none."""
    found = (re.sub(r"[ \t\r\n]+", "", value) for value in values)
    return next(filter(None, found), "")


def mirror(key_, link, category, id_, names=True):
    """The check in the address of a chat; NAMES: it is told the account."""
    return digest(key_, "mirror" if names else "nameless", str(link), category,
                  id_)


def decided(key_, category, account, id_):
    """X-Notify-Decided, or None: a message without an ID has none."""
    if not id_:
        return None
    return digest(key_, "decided", category, account or "", id_)


def bare(address):
    """The address of a chat without its check."""
    return CHECKED.sub(r"\1", address)


def keyed(sql, recipient, data):
    """The address of a chat with the check for the mail DATA; RECIPIENT as it
    is if it is no bare one, or the mail has no category."""
    number, at, domain = recipient.partition("@")
    if not re.fullmatch("[0-9]+", number) or not at:
        return recipient
    head = email.message_from_bytes(re.split(rb"\r?\n\r?\n", data, 1)[0])
    words = email.header.decode_header(re.sub(
        r"\s+", " ", str(head["X-Notify-Category"] or "")))
    name = str(email.header.make_header(words)).lower().replace("&", " and ")
    name = re.sub("[-_ ]+", "-", name).strip("-")
    rows = sql("SELECT c.slug FROM category c JOIN category_key k"
               " ON k.category = c.id WHERE k.key = ?", name)
    made = key(sql)
    if not rows or made is None:
        return recipient
    check = mirror(made, int(number), rows[0][0],
                   message_id(head.get_all("Message-ID", [])))
    return f"{number}-{check}@{domain}"
