#!/usr/bin/env python3
"""Several notifyctl at once lose nothing; one that is killed breaks nothing."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)) + "/lib")

import random  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

import ctl  # noqa: E402
from ctl import case  # noqa: E402
from roster import (ADAM, ANN, BALANCE, BILL, CATEGORIES, MIA,  # noqa: E402
                    OLGA, SERVICES)
from tap import contains, same, true  # noqa: E402

EIGHT = [f"p{number}@acme.example" for number in range(8)]


def sound(ctl_):
    """The database is whole, and so is each account."""
    same(ctl_.sql("PRAGMA integrity_check"), [("ok",)], "integrity")
    same(ctl_.sql("PRAGMA foreign_key_check"), [], "foreign keys")
    same(set(ctl_.owners().values()) - {1}, set(), "numbers of owners")


def all_ok(done):
    for one in done:
        same((one.code, one.err), (0, ""), f"exit and stderr of {one}")


@case("eight that subscribe at once all succeed, and all are recorded")
def _(ctl):
    ctl.ok("user", "add", "acme", *EIGHT)
    for category in CATEGORIES:
        before = len(ctl.log())
        all_ok(ctl.at_once(*[["subscribe", "acme", category, address]
                             for address in EIGHT], as_=OLGA))
        same(sorted((e["action"], e["subject"], e["detail"])
                    for e in ctl.log()[before:]),
             [("subscribe", address, category) for address in EIGHT],
             "records")
    for address in EIGHT:
        same(ctl.user("acme", address)[1], set(CATEGORIES), address)
    sound(ctl)


@case("eight that unsubscribe at once send eight mails, one to each")
def _(ctl):
    ctl.ok("user", "add", "acme", *EIGHT)
    ctl.ok("subscribe", "acme", SERVICES, *EIGHT, as_=OLGA)
    all_ok(ctl.at_once(*[["unsubscribe", "acme", SERVICES, address,
                          "--confirm", address] for address in EIGHT],
                       as_=OLGA))
    same(sorted(mail.to for mail in ctl.mails()), EIGHT, "mails")
    same(ctl.notices(), ["sent"] * 8, "notices")
    sound(ctl)


@case("of eight that add the same user, account or category, one succeeds")
def _(ctl):
    for words in (["user", "add", "acme", EIGHT[0]],
                  ["account", "add", "gamma", "--owner", EIGHT[0]],
                  ["category", "add", "alarms", "--title", "Alarms"]):
        done = ctl.at_once(*[words] * 8, json_=True)
        same(sorted(one.code for one in done), [0] + [65] * 7,
             f"exits of {words}")
        for one in done:
            true(one.document, "a document")
    sound(ctl)


@case("of eight that unsubscribe the same user, one does, and one mail goes")
def _(ctl):
    before = len(ctl.log())
    all_ok(ctl.at_once(*[["unsubscribe", "acme", BALANCE, ANN, "--confirm",
                          ANN]] * 8, as_=OLGA))
    same(len(ctl.log()) - before, 1, "records")
    same([mail.to for mail in ctl.mails()], [ANN], "mails")


@case("transfers, roles and removals at once leave one owner in each account")
def _(ctl):
    for _ in range(3):
        ctl.reset()
        done = ctl.at_once(
            ["account", "transfer", "acme", ANN],
            ["account", "transfer", "acme", BILL],
            ["user", "remove", "acme", ANN],
            ["user", "role", "acme", BILL, "subscriber"],
            ["user", "role", "acme", OLGA, "member"],
            ["user", "remove", "acme", OLGA],
            ["import", ctl.path("a.csv", f"acme,{MIA},owner,\n")],
            ["import", ctl.path("b.csv", f"acme,{ADAM},owner,\n")])
        for one in done:
            true(one.code in (0, 67, 77), f"{one}")
        sound(ctl)
        same(sum(role == "owner" for role, _ in
                 ctl.roster()["acme"].values()), 1, "owners of acme")


@case("eight that make the database at once make one", roster=False)
def _(ctl):
    ctl.reset(None)
    all_ok(ctl.at_once(*[["init"]] * 8))
    same(len(ctl.json("category", "list")["categories"]), 5, "categories")
    sound(ctl)


@case("those who look meanwhile see the roster before or after, never half")
def _(ctl):
    old = ctl.ok("export").out
    rows = "".join(f"acme,u{number:04}@acme.example,member,{SERVICES}\n"
                   for number in range(3000))
    path = ctl.path("many.csv", rows)
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            done = ctl("export")
            seen.add((done.code, done.err, done.out))
    thread = threading.Thread(target=look)
    thread.start()
    try:
        ctl.ok("import", path)
    finally:
        stop.set()
        thread.join()
    new = ctl.ok("export").out
    same({text for _, _, text in seen} - {old, new}, set(), "other rosters")
    same({(code, err) for code, err, _ in seen}, {(0, "")}, "exits")


@case("a notifyctl killed at any moment has done all of its change or nothing")
def _(ctl):
    rows = "".join(f"a{number // 10},u{number}@a.example,"
                   f"{'member' if number % 10 else 'owner'},"
                   f"{SERVICES if number % 10 else ''}\n"
                   for number in range(5000))
    path = ctl.path("many.csv", rows)
    start = time.monotonic()
    ctl.ok("import", path)
    whole = time.monotonic() - start
    ends = []
    for number in range(16):
        ctl.reset()
        before = ctl.ok("export").out
        process = ctl.start("import", path)
        # Spread over the run; where the blow falls is the machine's choice.
        time.sleep(whole * (number + random.random()) / 16)
        process.send_signal(signal.SIGKILL)
        done = ctl.finish(process)
        if number % 2:
            ctl.ok("user", "add", "acme", EIGHT[0])
            ctl.ok("user", "remove", "acme", EIGHT[0])
        got = ctl.ok("export").out
        count = len(got.splitlines()) - len(before.splitlines())
        true(count in (0, 5000), f"rows after a kill: {count}")
        if count == 0:
            same(got, before, "export after a kill")
        sound(ctl)
        ends.append((done.code, count))
    true((-signal.SIGKILL, 0) in ends, f"one was killed in time: {ends}")


@case("who unsubscribes is killed: the change and its notice go together")
def _(ctl):
    start = time.monotonic()
    ctl.ok("unsubscribe", "acme", BALANCE, ANN, "--confirm", ANN, as_=OLGA)
    whole = time.monotonic() - start
    killed = 0
    for number in range(20):
        ctl.reset()
        process = ctl.start("unsubscribe", "acme", BALANCE, ANN, "--confirm",
                            ANN, as_=OLGA)
        time.sleep(whole * (number + random.random()) / 20)
        process.send_signal(signal.SIGKILL)
        killed += ctl.finish(process).code != 0
        ended = BALANCE not in ctl.user("acme", ANN)[1]
        same(len(ctl.notices()), int(ended), "notices for the change")
        same([e["subject"] for e in ctl.log("acme")
              if e["action"] == "unsubscribe"], [ANN] * ended, "records")
        for _ in range(2):
            ctl.ok("init")
        true(set(ctl.notices()) <= {"sent", "handing"}, "no notice waits")
        if ctl.notices() == ["sent"]:
            same([mail.to for mail in ctl.mails()], [ANN], "mails")
        sound(ctl)
    true(killed > 0, "one was killed in time")


@case("an interrupted notifyctl says nothing half and breaks nothing")
def _(ctl):
    path = ctl.path("many.csv", "".join(
        f"acme,u{number}@acme.example,member,{SERVICES}\n"
        for number in range(5000)))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        ctl.reset()
        before = ctl.ok("export").out
        process = ctl.start("import", path, json_=True)
        ctl.until(lambda: os.path.exists(ctl.database + "-wal")
                  or process.poll() is not None, "it has begun")
        process.send_signal(number)
        done = ctl.finish(process)
        if done.code == 0:
            true(done.document, "a document")
        else:
            same(done.out, "", "standard output")
            same(ctl.ok("export").out, before, "export")
        sound(ctl)
    contains(ctl.ok("list", "acme").out, BILL, "list afterwards")


ctl.run()
