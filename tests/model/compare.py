# SPDX-License-Identifier: BSD-2-Clause
"""compare - compares the programs' results of a step with the rules.

Each function returns the differences, one sentence each.
"""
import re
import unicodedata

import reading
import roster
import stamps

SUMMARY = re.compile(
    r"\w+: category=(\S+) account=(\S+) kept=(\d+) added=(\d+) dropped=(\d+) "
    r"mirrored=(\d+) verdict=(\S+)( reason=\".+\")?( decided=before)?"
    r"( message-id=\S+)?( monitor=yes)?$")
GIVEN = re.compile(r"Message-ID: <\d{14}\.\w+@relay\.example>")
PLAIN = re.compile(r"[A-Za-z0-9@.+_-]{1,80}")
ANSWERS = {"discard": "discard", "reject": "reject", "tempfail": "tempfail"}


def differ(what, got, want):
    return [] if got == want else [f"{what}: got {got!r}, want {want!r}"]


def key_of(text):
    """The key of an address, or the text if it is not one."""
    found = reading.address(text) if "@" in text else None
    return found.key if found else text


# Changes

def users_told(told):
    """{account: {key: (role, slugs, chat)}} of what the driver saw."""
    found = {}
    for account, address, role, link, chat, slugs in told["users"]:
        users = found.setdefault(account, {})
        if address:
            users[key_of(address)] = (role, frozenset(
                (slugs or "").split(";")) - {""}, int(chat) if chat else None)
    return found


def users_wanted(state):
    return {a.name: {u.address.key: (u.role, frozenset(u.slugs), u.chat)
                     for u in a.users.values()}
            for a in state.accounts.values()}


def plain(text):
    """Text in which the key of an address is found in any spelling."""
    return unicodedata.normalize("NFC", text.lower().replace('"', ""))


def records(got, want):
    """The log of a change: each record once, with the right detail."""
    got = [(account, action, key_of(subject), plain(detail))
           for _, account, action, subject, detail in got]
    missing = []
    for account, action, subject, detail in want:
        found = next((g for g in got if g[:3] == (account, action, subject)
                      and plain(detail) in g[3]), None)
        if found:
            got.remove(found)
        else:
            missing.append((account, action, subject, detail))
    return ([f"records missing: {missing}"] if missing else []) + (
        [f"records too many: {got}"] if got else [])


def change(step, outcome, told, state):
    """A change: its outcome, its records, its notices, and the roster."""
    found = []
    if told["outcome"] not in outcome.kinds:
        found.append(f"outcome: got {told['outcome']} ({told['text']}), "
                     f"want {'/'.join(sorted(outcome.kinds))}")
    found += differ("users", users_told(told), users_wanted(state))
    if told["outcome"] == "done":
        found += differ("what it said it changed", told["changes"],
                        told["log"])
        found += differ("number of changes", told["count"], len(told["log"]))
        actor = step.get("as") and key_of(step["as"])
        found += differ("actors", {key_of(r[0]) for r in told["log"]}
                        - {actor or "operator"}, set())
        said = "\n".join(told["remarks"])
    else:
        said = told["text"]
    found += records(told["log"], outcome.records)
    found += differ("notices", sorted((a, key_of(b), kind) for a, b, kind, _
                                      in told["notices"]),
                    sorted(outcome.notices))
    for text in outcome.named:
        if PLAIN.fullmatch(text) and plain(text) not in plain(said):
            found.append(f"not named: {text} in {said!r}")
    return found


# Messages

def decision(step, want, got, links):
    """The decision, as `notifyctl explain` asks for it. LINKS: {id: chat}."""
    found = differ("verdict", got["verdict"], want.verdict)
    if found:
        return [f"{found[0]} ({got['reason']})"]
    recipients = got["recipients"] or [
        ["kept", "as-addressed"] for _ in step["recipients"]]
    for text, mine, (fate, whys) in zip(step["recipients"], recipients,
                                        want.recipients):
        if mine[0] != fate or mine[1] not in whys:
            found.append(f"{text}: got {mine}, want {fate} for one of "
                         f"{sorted(whys)}")
    keys = [key_of(address) for _, address, _ in got["added"]]
    found += differ("added twice", sorted(k for k in set(keys)
                                          if keys.count(k) > 1), [])
    found += differ("added", sorted(keys), sorted(want.added))
    for account, address, why in got["added"]:
        if (account.lower(), why) not in want.added.get(key_of(address), ()):
            found.append(f"{address} added as {why} of {account}, want one of "
                         f"{sorted(want.added.get(key_of(address), ()))}")
    found += chats("chats", [reading.address(a).local
                             for a in got["mirrored"]], want, links)
    found += differ("stamp", got["stamp"], want.stamp)
    found += differ("decided", got["decided"], want.decided)
    if want.verdict in ("deliver", "discard"):
        found += differ("category", got["category"], want.category)
    if want.accounts is not None:
        accounts = {a.lower() for a in (got["accounts"] or "").split(",")}
        found += differ("accounts", accounts - {""} - want.others,
                        want.accounts - want.others)
    found += differ("kept", got["kept"], sum(
        f == "kept" for f, _ in want.recipients))
    found += differ("dropped", got["dropped"], sum(
        f == "dropped" for f, _ in want.recipients))
    return found


def chat(local, want, links):
    """(the chat of a mirror, whether it is told the account), if its check is
    right; else what is wrong."""
    link, _, check = local.partition("-")
    for names in (True, False):
        if check == stamps.mirror(link, want.category, want.id, names):
            return links.get(link, f"link {link}"), names
    return f"check of {local}", None


def chats(what, locals_, want, links):
    """Each chat once, told of the account or not as the rules say."""
    got = [chat(local, want, links) for local in locals_]
    found = differ(what, sorted(str(c) for c, _ in got),
                   sorted(map(str, want.chats)))
    return found or [
        f"{what}: {c} told the account: got {names}, want one of "
        f"{sorted(want.chats[c])}" for c, names in got
        if names not in want.chats[c]]


def goes(name, want, do):
    """Is a header of that name removed?"""
    name = name.rstrip(" \t").lower()
    if do == "untrusted":
        return name.startswith("x-notify-")
    return (name == stamps.HEADER.lower() and do in ("deliver", "hold")
            and not want.decided)


def octets(text):
    """What an MTA compares when it deletes a recipient."""
    found = reading.address(text)
    return found.exact if found else text


def envelope(step, told):
    """Who gets the message after the changes that the milter asked for."""
    gone = {octets(text) for text in told["deleted"]}
    return ([r for r in step["recipients"] if octets(r) not in gone]
            + [address for address, _ in told["added"]])


def headers_left(step, told):
    """The headers after the changes: a removal renumbers those that follow."""
    left = [(name, value) for name, value in step["headers"]]
    for name, index in told["removed"]:
        same = [h for h in left if h[0].rstrip(" \t").lower() == name.lower()]
        if not 1 <= index <= len(same):
            return f"no header {name} {index}"
        place = [i for i, h in enumerate(left) if h is same[index - 1]][0]
        del left[place]
    return left


def headers_added(want, told):
    """What a message that is delivered gets. One without a Message-ID gets that
    from the milter: WANT goes by it from now on."""
    if want.decided:
        return []
    given = []
    if not want.id:
        given = [h for h in told["headers"] if GIVEN.fullmatch(": ".join(h))]
        want.id = given[0][1] if len(given) == 1 else "none"
        want.stamp = stamps.decided(want.category, want.account, want.id)
    return given + [[stamps.HEADER, want.stamp]]


def unreliable(step, want):
    """Would a recipient have to be removed where that cannot be relied on?"""
    return step.get("cleanup") and any(
        fate != "kept" for fate, _ in want.recipients)


def summary(told, want, verdict, monitor):
    """The log: a line for each dropped recipient, and one for the message."""
    if verdict == "untouched":
        return differ("log", told["log"], [])
    line = SUMMARY.match(told["log"][-1]) if told["log"] else None
    if line is None:
        return [f"log: {told['log']}"]
    fates = [fate for fate, _ in want.recipients]
    added = len(want.added)
    found = differ("the logged verdict", line[7], verdict)
    if verdict == want.verdict:
        found += differ("the logged numbers", [int(n) for n in line.groups()[2:6]],
                        [fates.count("kept"), added, fates.count("dropped"),
                         len(want.chats)])
    found += differ("a reason is logged", bool(line[8]), verdict != "deliver")
    found += differ("decided is logged", bool(line[9]),
                    want.decided and verdict == "deliver")
    found += differ("the Message-ID is logged", bool(line[10]),
                    verdict == want.verdict == "deliver" and not want.decided
                    and not want.id)
    found += differ("monitor is logged", bool(line[11]), monitor)
    return found + differ("lines of dropped recipients", len(told["log"]) - 1,
                          fates.count("dropped") if verdict == want.verdict
                          else 0)


def effects(step, want, told, state, links):
    """What the milter asked the MTA for."""
    monitor = state.settings["monitor"] == "yes"
    verdict = want.verdict
    if verdict == "deliver" and unreliable(step, want):
        verdict = "hold"
    found = summary(told, want, verdict, monitor and not want.reserved)
    do = "nothing" if monitor and not want.reserved else verdict
    found += differ("answer", told["answer"], ANSWERS.get(do, "continue"))
    found += differ("held", told["quarantine"] is not None, do == "hold")
    found += differ("reply", (told["reply"] or "")[:1],
                    {"reject": "5", "tempfail": "4"}.get(do, ""))
    left = [(n, v) for n, v in step["headers"] if not goes(n, want, do)]
    found += differ("headers", headers_left(step, told), left)
    found += differ("headers added", told["headers"],
                    headers_added(want, told) if do == "deliver" else [])
    if do != "deliver":
        found += differ("envelope", envelope(step, told), step["recipients"])
        return found + differ("added", told["added"], [])
    kept = [r for r, (fate, _) in zip(step["recipients"], want.recipients)
            if fate == "kept"]
    got = envelope(step, told)
    found += differ("who stays", got[:len(got) - len(told["added"])], kept)
    domain = reading.domain_key(state.settings["domain"])
    people, mirrors = [], []
    for address, options in told["added"]:
        read = reading.address(address)
        if read and read.domain == domain:
            mirrors.append(read.local)
            found += differ("options of a chat", options, "NOTIFY=NEVER")
        else:
            people.append(read.key if read else address)
            found += differ("options of who joins", options, None)
    found += differ("who joins", sorted(people), sorted(want.added))
    return found + chats("chats told", mirrors, want, links)


def invariants(step, want, told, state):
    """What must hold for every message."""
    found = []
    got = envelope(step, told)
    everybody = [u for a in state.accounts.values() for u in a.users.values()]
    category = next((c for c in state.categories if c.slug == want.category),
                    None)
    for address, options in told["added"]:
        if options is None and not any(
                u.address.key == key_of(address) and category
                and state.entitled(u, category) for u in everybody):
            found.append(f"{address} joins, entitled to nothing")
    if want.verdict in ("hold", "tempfail", "reject") and \
            got != step["recipients"]:
        found.append(f"a message that is not delivered was changed: {got}")
    if told["answer"] == "continue" and not told["quarantine"] and not got:
        found.append("a message vanishes without a word")
    return found


def message(step, want, told, reference):
    """A message: decision, effects, invariants."""
    links = {link: int(chat) for link, chat in told["links"]}
    explained = reference.decide(step, explain=True)
    return (decision(step, explained, told["decision"], links)
            + effects(step, want, told, reference.roster, links)
            + invariants(step, want, told, reference.roster))


def step(one, want, told, reference):
    """The differences in any step."""
    if isinstance(want, roster.Outcome):
        return change(one, want, told, reference.roster)
    if want is not None:
        return message(one, want, told, reference)
    return []
