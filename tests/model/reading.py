# SPDX-License-Identifier: BSD-2-Clause
"""reading - what a spelling means: addresses, tags, names, networks.

Written from policy/README.md (Categories, What happens to a message) and the
headers' contracts, not from the C; slow and plain. Text is a str in which bytes
that are not UTF-8 are surrogates (Python's "surrogateescape").
"""
import base64
import binascii
import ipaddress
import quopri
import re
import string
import unicodedata
from dataclasses import dataclass


def is_utf8(text):
    return not any("\ud800" <= c <= "\udfff" for c in text)


# Addresses

@dataclass(frozen=True)
class Address:
    """KEY: one for all spellings of a person. BASE: KEY without the detail
    part, or None. EXACT: without quoting, otherwise as written."""
    key: str
    base: str
    exact: str
    local: str
    domain: str


def domain_key(name):
    """A domain in lower case and A-labels; None if it cannot be one."""
    name = name.removesuffix(".")
    try:
        # Python has IDNA 2003, which makes "ss" of a sharp s.
        name = ".".join(
            "xn--" + label.lower().encode("punycode").decode("ascii")
            if "\u00df" in label else label for label in name.split("."))
        key = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return key


ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"


def split_local(text):
    """(local part without its quoting, what follows the last @ or None), or
    None if this is not an address."""
    local, quoted, i, found = "", False, 0, None
    while i < len(text):
        c = text[i]
        if c == "\\" and quoted:
            i += 1
            if i == len(text):
                return None
            local += text[i]
        elif c == '"':
            quoted = not quoted
        elif c == "@" and not quoted and found:
            return None
        elif c == "@" and not quoted:
            found = local, text[i + 1:]
            local += c
        elif not quoted and not (c in ATEXT + "." or ord(c) > 127
                                 or (found and c in "[]:")):
            return None
        else:
            local += c
        i += 1
    return None if quoted else found or (local, None)


def address(text):
    """The Address in TEXT as an MTA gives it, or None."""
    text = text.strip(" \t")
    if text.startswith("<"):
        if not text.endswith(">"):
            return None
        text = text[1:-1].strip(" \t")
    if not is_utf8(text):
        return None
    if text.startswith("@"):            # a source route
        _, colon, text = text.partition(":")
        if not colon:
            return None
    parts = split_local(text)
    if parts is None or not parts[0]:
        return None
    local, domain = parts
    # A Kelvin sign is no k.
    key = "\u212a".join(unicodedata.normalize("NFC", part.lower())
                        for part in local.split("\u212a"))
    if domain is None:
        return Address(key, None, local, key, "")
    host = domain_key(domain)
    if not host:
        return None
    plus = key.find("+")
    base = f"{key[:plus]}@{host}" if plus > 0 else None
    return Address(f"{key}@{host}", base, f"{local}@{domain}", key, host)


def is_hazard(found):
    """Could an MTA deliver mail for this Address to another one, or return
    it?"""
    return found.local.startswith("-") or any(c in found.local for c in "@%!")


def fold(text):
    """What Postfix compares recipients by."""
    return unicodedata.normalize("NFC", text.rstrip(".").casefold())


def kept_always(text, found):
    """Is the Address in a setting always_keep?"""
    if not found or not found.domain:
        return False
    entries = text.replace(",", " ").split()
    keys = {"@" + domain_key(e[1:]) if e.startswith("@") else address(e).key
            for e in entries}
    return bool({found.key, found.base, "@" + found.domain} & keys)


LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def typed(text):
    """The Address that a person typed and mail can be sent to, or None; a
    source route (RFC 5321, C) is ignored."""
    if (any(unicodedata.category(c) == "Cc" for c in text)
            or text != text.strip() or "<" in text or ">" in text):
        return None
    found = address(text)
    if found is None or not found.domain:
        return None
    if not all(LABEL.fullmatch(x) for x in found.domain.split(".")):
        return None
    if "@" in found.local and '"' not in text:
        return None
    if len(found.local.encode()) > 64 or len(found.domain) > 255:
        return None
    return found


def reaches(text, domain):
    """Could mail to TEXT reach DOMAIN, a domain_key()? White space, quotes and
    comments do not count; %, ! and routes do. In doubt, yes."""
    text = re.sub(r"\([^()]*\)", "", text)
    text = re.sub(r'[\s"<>\\]', "", text)
    if not is_utf8(text):
        text = text.encode("utf-8", "surrogateescape").decode("utf-8",
                                                              "replace")
    words = re.split(r"([@%!,:])", text)
    for i in range(0, len(words), 2):
        after = words[i + 1] if i + 1 < len(words) else ""
        if (i > 0 or after == "!") and \
                domain_key(words[i].rstrip(".") or "-") == domain:
            return True
    return False


# Names

def category_key(text):
    """One form for all spellings of a slug, title or tag, or None."""
    if not is_utf8(text):
        return None
    text = text.lower().replace("&", " and ")
    return re.sub(r"[\s_-]+", "-", text).strip("-") or None


SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ACCOUNT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def slug_ok(text):
    return bool(SLUG.fullmatch(text)) and len(text) <= 64


def title_ok(text):
    """One line of UTF-8, not too long."""
    return (is_utf8(text) and len(text.encode()) <= 255
            and not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")
                        for c in text))


def account_key(text):
    """The form in which names of accounts compare, or None."""
    if len(text) > 64 or not ACCOUNT.fullmatch(text):
        return None
    return text.lower()


# Headers

WORD = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=")


def decode_word(match):
    """The text of one RFC 2047 encoded word; LookupError, ValueError if it
    cannot be decoded."""
    charset, how, data = match.groups()
    charset = charset.partition("*")[0]
    if how in "bB":
        if not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", data):
            raise ValueError(data)
        octets = base64.b64decode(data, validate=True)
    else:
        octets = quopri.decodestring(data.replace("_", " ").encode(),
                                     header=True)
    return octets.decode(charset)


def header(value):
    """The text of a header's VALUE, unfolded and decoded, or None."""
    value = re.sub(r"\r?\n(?=[ \t])", "", value)
    if not is_utf8(value):
        return None
    value = re.sub(r"(\?=)[ \t]+(?==\?)", r"\1", value)
    try:
        value = WORD.sub(decode_word, value)
    except (LookupError, ValueError, binascii.Error):
        return None
    return value.strip()


# Clients

def networks(text):
    """The networks of a trusted_clients setting; IPv4 ones as IPv4."""
    found = []
    for word in re.split(r"[\s,]+", text.strip()):
        if not word:
            continue
        network = ipaddress.ip_network(word.replace("[", "").replace("]", ""))
        if network.version == 6 and network.prefixlen >= 96:
            four = network.network_address.ipv4_mapped
            if four:
                network = ipaddress.ip_network((four, network.prefixlen - 96))
        found.append(network)
    return found


def client_in(text, client):
    """Is CLIENT, an address or None, in the networks of TEXT?"""
    if client is None:
        return False
    client = ipaddress.ip_address(client)
    if client.version == 6 and client.ipv4_mapped:
        client = client.ipv4_mapped
    return any(client.version == n.version and client in n
               for n in networks(text))
