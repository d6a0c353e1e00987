#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# deep: it takes long
# not with sanitizer: it is about size
# not with postgresql: it is about a disk that fails
"""At whichever write a disk fails or is full: a change is made whole or not
at all, what is said of it is true, and no notice is lost."""
import contextlib
import errno
import os

from lib import ctl, faults, tap
from lib.ctl import case
from lib.milter import BUILD
from lib.roster import BALANCE, BILL, CSV, MAINTENANCE, OLGA, SERVICES
from lib.tap import contains, lacks, same, true

# Of all writes each third is tried; of programs that watch their own memory,
# which are slow, fewer.
STEP = 3 if os.path.basename(BUILD) == "build" else 5
UNSUBSCRIBE = ("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL)


def unsubscribe(ctl_, **options):
    return ctl_(*UNSUBSCRIBE, as_=OLGA, **options)


def failing(ctl_, number, kind, only=None, once=False):
    # What passes is soon over, and must be: a busy machine needs its time for
    # another try, and for sendmail.
    haste = 20 if once else 500
    return faults.preload(ctl_.database, at=number, errno=kind, haste=haste,
                          clock=haste, only=only,
                          to=number if once else None)


def true_to_its_word(ctl_, before, done):
    """What DONE, who unsubscribed while something was wrong, has said is so,
    and stays so."""
    same(ctl_.sql("PRAGMA integrity_check"), [("ok",)], "integrity")
    # With the notice, whatever its outcome.
    made = ctl_.user("acme", BILL)[1] == set()
    actions = [action for action, in ctl_.sql(
        "SELECT action FROM change ORDER BY id")][len(before["change"]):]
    same((ctl_.notices() != [], actions),
         (made, ["unsubscribe", "tell"] if made else []),
         f"notices and records after {done}")
    if done.code != 0:
        same((done.code, done.out), (74, ""), f"exit and stdout of {done}")
        contains(done.line, ctl_.database, "line")
        same(ctl_.mails("*"), [], f"mails after {done}")
        if "unknown whether" not in done.line:
            ctl_.unchanged(before, f"database after {done}")
        ctl_.sendmail()
        same(unsubscribe(ctl_).code, 0, f"exit of another try after {done}")
    else:
        same(made, True, f"the change is made: {done}")
        ctl_.sendmail()
    if "notifyctl check" in done.err:
        # A human is asked to look: so it is not sent twice, and if it is not
        # sent, then it waits, or is said to have been under way.
        told = "was handed over" in done.line
        same(len(ctl_.mails()), told, f"mails after {done}")
        true(ctl_.notices()[0] in ("handing", "sent" if told else "pending"),
             f"notices {ctl_.notices()} after {done}")
        return
    if done.code == 0 and done.err:
        contains(done.line, " kept, and retried", "line")
    ctl_.ok("init")
    if (done.err and "unknown whether" in done.line and
            ctl_.notices() == ["handing"]):
        return
    same(([mail.to for mail in ctl_.mails()], ctl_.notices()),
         ([BILL], ["sent"]), f"mails and notices in the end, after {done}")


def writes(ctl_):
    """The numbers of the writes of who unsubscribes: all of those to the
    database and its log, and the first to what it has them share."""
    files = [file for _, file in faults.changes(ctl_, *UNSUBSCRIBE, as_=OLGA)]
    return [number for number, file in enumerate(files, 1)
            if file != "-shm" or "-shm" not in files[:number - 1]]


def sweep(ctl_, numbers, kind, sendmail="", **options):
    """Unsubscribe with a disk that fails at each of NUMBERS; how they
    ended."""
    ends = []
    # Of a failure that passes and of one that stays, others.
    for number in numbers[options.get("once", 0)::STEP]:
        ctl_.reset()
        ctl_.sendmail(sendmail)
        before = ctl_.dump()
        done = unsubscribe(ctl_, env=failing(ctl_, number, kind, **options))
        true_to_its_word(ctl_, before, done)
        if options.get("once"):
            lacks(done.err, "notifyctl check", "what is tried again is noted")
        ends.append((done.code, bool(done.err)))
    return ends


def many(ctl_):
    """A roster of many rows, and the export with them."""
    path = ctl_.path("many.csv", CSV + "".join(
        f"acme,u{number}@acme.example,member,{SERVICES};{BALANCE}\n"
        for number in range(2000)))
    ctl_.ok("import", path)
    after = ctl_.ok("export").out
    ctl_.reset()
    return path, after


def whole(ctl_, done, old, new):
    """The import is done and said to be, or neither."""
    same(ctl_.sql("PRAGMA integrity_check"), [("ok",)], "integrity")
    got = ctl_.ok("export").out
    if done.code == 0:
        same((got == new, done.err), (True, ""), f"all is there: {done}")
        return
    same((done.code, done.out), (74, ""), f"exit and stdout of {done}")
    contains(done.line, ctl_.database, "line")
    may = (old, new) if "unknown whether" in done.line else (old,)
    same(got in may, True, f"nothing is there: {done}")


@case("the disk is full from any write on: a user is unsubscribed and "
      "mailed, or neither")
def _(ctl):
    ends = sweep(ctl, writes(ctl), errno.ENOSPC)
    same({(74, True), (0, True), (0, False)} - set(ends), set(), "ends")


@case("any one write fails: a user is unsubscribed and mailed, or neither")
def _(ctl):
    ends = sweep(ctl, writes(ctl), errno.EIO, once=True)
    same({(74, True), (0, True), (0, False)} - set(ends), set(), "ends")


@case("fsync fails from any time on: a change that was not reported as made "
      "is not found later")
def _(ctl):
    ctl.reset()
    syncs = [letter for letter, _ in faults.changes(
        ctl, *UNSUBSCRIBE, as_=OLGA)].count("s")
    for once in (False, True):
        ends = sweep(ctl, range(1, syncs + 1), errno.EIO, only="s", once=once)
        same(ends[0][0], 74, "the first exit")


@case("nothing can be written from an fsync on: what may have been made is not "
      "reported as not made")
def _(ctl):
    ctl.reset()
    letters = [letter for letter, _ in faults.changes(
        ctl, *UNSUBSCRIBE, as_=OLGA)]
    at = [number for number, letter in enumerate(letters, 1) if letter == "s"]
    # The second one is that of the commit.
    for kind in (errno.EIO, errno.ENOSPC):
        ctl.reset()
        ctl.sendmail()
        before = ctl.dump()
        done = unsubscribe(ctl, env=failing(ctl, at[1], kind))
        contains(done.line, "it is unknown whether the change was made", "line")
        true_to_its_word(ctl, before, done)


@case("a disk fails while sendmail refuses: no notice is lost without an "
      "error")
def _(ctl):
    ctl.sendmail("exit 75")
    letters = "".join(letter for letter, _ in faults.changes(
        ctl, *UNSUBSCRIBE, as_=OLGA))
    # From the end of the change on: the notice is taken and given back.
    first = letters.index("s", letters.index("s") + 1) + 1
    for once in (False, True):
        sweep(ctl, range(first, len(letters) + 1), errno.EIO,
              sendmail="exit 75", once=once)


@case("a disk with any number of free pages: a user is unsubscribed and "
      "mailed, or neither")
def _(ctl):
    for pages in range(0, 40):
        ctl.reset()
        before = ctl.dump()
        with faults.own_disk(ctl.database) as disk:
            disk.fill(pages)
            done = unsubscribe(ctl, env=faults.preload(haste=500,
                                                         clock=500))
            disk.clear()
            true_to_its_word(ctl, before, done)
            if done.code == 0 and not done.err:
                break
    true(5 < pages < 39, f"got {pages} pages that are enough")


@case("a large import fails at any write: all of it is applied, or nothing")
def _(ctl):
    path, new = many(ctl)
    old = ctl.ok("export").out
    letters = [letter for letter, _ in faults.changes(ctl, "import", path)]
    true(len(letters) > 300, f"got {len(letters)} writes, want many")
    syncs = [i for i, letter in enumerate(letters, 1) if letter in "st"]
    numbers = {*syncs[-4:], *range(20, len(letters), len(letters) // 10)}
    codes = set()
    for i, number in enumerate(sorted(numbers)[::-max(1, STEP - 2)]):
        ctl.reset()
        done = ctl("import", path, env=failing(
            ctl, number, (errno.ENOSPC, errno.EIO)[i % 2], once=i % 3 == 0))
        whole(ctl, done, old, new)
        codes.add(done.code)
    same(codes, {0, 74}, "exits")


@case("the index of the log cannot grow after a commit: what may have been "
      "made is not reported as not made")
def _(ctl):
    # 4,096 pages, which the first part of the index is for.
    path = ctl.path("many.csv", CSV + "".join(
        f"acme,{number:064}@{'x' * 63}.{'y' * 63}.example,member,"
        f"{SERVICES};{BALANCE}\n" for number in range(20000)))
    old = ctl.ok("export").out
    ctl.reset()
    changes = faults.changes(ctl, "import", path)
    new = ctl.ok("export").out
    letters = [letter for letter, _ in changes]
    commit = letters.index("s", letters.index("s") + 1) + 1
    same(changes[commit], ("w", "-shm"), "what comes after the commit's sync")
    for once in (False, True):
        ctl.reset()
        done = ctl("import", path, env=failing(
            ctl, commit + 1, errno.ENOSPC, once=once))
        same("unknown whether" in done.line, not once, f"doubt of {done}")
        whole(ctl, done, old, new)


@case("a disk fills up in the middle of a large import: nothing is applied")
def _(ctl):
    path, new = many(ctl)
    old = ctl.ok("export").out
    codes = []
    for pages in (0, 9, 20, 60, 120, 240, 480):
        ctl.reset()
        with faults.own_disk(ctl.database) as disk:
            disk.fill(pages)
            done = ctl("import", path)
            disk.clear()
            whole(ctl, done, old, new)
        codes.append(done.code)
        if done.code == 74:
            contains(done.line, "the disk is full", "line")
    same((codes[:4], codes[-1]), ([74] * 4, 0), "exits")


@case("no room for the temporary file of a very large import: nothing is "
      "applied")
def _(ctl):
    if os.path.basename(BUILD) != "build":
        raise tap.Skip("so many rows take a program that is watched too long")
    path = ctl.path("large.csv", CSV + "".join(
        f"acme,{number:064}@{'x' * 63}.{'y' * 63}.example,member,\n"
        for number in range(220000)))
    before = ctl.dump()
    nowhere = ctl.path("nowhere")
    ends = [ctl("import", path, env={"TMPDIR": nowhere})]
    os.mkdir(nowhere)
    with faults.own_disk(os.path.join(nowhere, "x")) as disk:
        disk.fill()
        ends.append(ctl("import", path, env={"TMPDIR": nowhere}))
    for done, says in zip(ends, ("No such file", "No space left")):
        same((done.code, done.out), (74, ""), f"exit and stdout of {done}")
        for part in ("temporary file", says):
            contains(done.line, part, "line")
        ctl.unchanged(before)


def ready():
    with contextlib.suppress(tap.Skip):
        faults.own_mounts()
    return ctl.Ctl()


tap.run(setup=ready, teardown=ctl.Ctl.stop)
