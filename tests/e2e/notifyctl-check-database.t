#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
"""notifyctl check: faults of the roster, and their fixes."""
import os
import shutil
import subprocess

from lib import rosterdb
from lib.ctl import NOBODY
from lib.installation import case, chown, run
from lib.roster import ADAM, BILL, MAINTENANCE, MIA, OLGA, SUE
from lib.tap import Skip, contains, lacks, same, true


@case("a missing database is found and not created by the check; the fix works")
def _(s):
    rosterdb.file_only("its files")
    os.unlink(s.ctl.database)
    finding = s.fault("error", s.ctl.database, "notifyctl init")
    true(not os.path.exists(s.ctl.database), "the check creates none")
    s.apply(finding)
    os.chmod(s.ctl.database, 0o640)
    s.sound()


@case("a file that is no database, is empty or is damaged is found")
def _(s):
    rosterdb.file_only("its files")
    with open(s.ctl.database, "rb") as file:
        data = file.read()
    begin, end = rosterdb.pages(data)[0]
    for broken in (b"hello\n" * 1000, b"", data[:begin] + b"\x5a"
                   * (end - begin) + data[end:], data[:len(data) // 2]):
        with open(s.ctl.database, "wb") as file:
            file.write(broken)
        s.fault("error", "database")


@case("damage in a table that no lookup reads is found, and the fix keeps "
      "what can be read")
def _(s):
    rosterdb.file_only("its files")
    root, = s.ctl.sql("SELECT rootpage FROM sqlite_schema"
                      " WHERE name = 'change_by_account'")[0]
    before = s.ctl.roster()
    with open(s.ctl.database, "r+b") as file:
        file.seek((root - 1) * rosterdb.page_size(file.read(100)))
        file.write(b"\x5a" * 100)
    s.apply(s.fault("error", "damaged"))
    same(s.ctl.roster(), before, "roster after the fix")
    s.sound()


@case("a row with a dangling reference is found, and the fix works")
def _(s):
    rosterdb.file_only("its files")
    s.ctl.sql("DELETE FROM user WHERE address = ?", MIA)
    s.ctl.sql("INSERT INTO subscription SELECT a.id, c.id, 999 FROM account a,"
              " category c WHERE a.name = 'acme' AND c.slug = 'services'")
    s.fixed("error", "refers to")


@case("a missing table is found, and the fix works")
def _(s):
    if rosterdb.remote() and shutil.which("psql") is None:
        raise Skip("needs psql")
    before = s.ctl.roster()
    for table in ("notice", "waiting"):     # nothing is counted in that
        s.ctl.sql(f"DROP TABLE {table}")
        s.fixed("error", table)
        same(s.ctl.roster(), before, "roster after the cure")
        if rosterdb.remote():
            break


@case("a database without a roster is found, and the fix works")
def _(s):
    s.ctl.store.clear()
    s.ctl.conf.defaults["url"] = s.ctl.store.url
    s.settings()
    if not rosterdb.remote():
        chown(os.path.dirname(s.ctl.database), 0o750)
    s.apply(s.fault("error", "notifyctl init" if rosterdb.remote()
                    else s.ctl.database))
    if not rosterdb.remote():
        os.chmod(s.ctl.database, 0o640)
    s.sound()


@case("a database of a newer program is found")
def _(s):
    rosterdb.file_only("its files")
    s.ctl.sql("PRAGMA user_version = 99")
    s.fault("error", "version 99")


@case("a database that the milter cannot write is found, and the fix works")
def _(s):
    rosterdb.file_only("its files")
    chown(s.ctl.database, 0o640, "root")
    s.fixed("error", s.ctl.database, NOBODY)
    chown(s.ctl.database, 0o440)
    s.fixed("error", s.ctl.database, NOBODY)


@case("a -wal or -shm file of another user is found, and the fix works")
def _(s):
    rosterdb.file_only("its files")
    for end in ("-wal", "-shm"):
        for other in ("-wal", "-shm"):
            open(s.ctl.database + other, "ab").close()
            chown(s.ctl.database + other, 0o640)
        chown(s.ctl.database + end, 0o600, "root")
        s.apply(s.has("error", s.ctl.database + end, NOBODY))
        s.sound()


@case("a directory in which the milter cannot create files is found, and the "
      "fix works")
def _(s):
    rosterdb.file_only("its files")
    folder = os.path.dirname(s.ctl.database)
    chown(folder, 0o755, "root")
    s.fixed("error", f"create files in {folder}", NOBODY)
    chown(folder, 0o550)
    s.fixed("error", f"create files in {folder}", NOBODY)


@case("a directory that is missing is found, and the fix makes it with a "
      "roster")
def _(s):
    rosterdb.file_only("its files")
    folder = os.path.dirname(s.ctl.database)
    shutil.rmtree(folder)
    s.fixed("error", f"no directory {folder}")


@case("a directory that the milter cannot search is found, and the fix works")
def _(s):
    rosterdb.file_only("its files")
    deep = s.ctl.path("deep")
    os.mkdir(deep, 0o700)
    try:
        os.rename(os.path.dirname(s.ctl.database), os.path.join(deep, "db"))
        s.settings(url=os.path.join(deep, "db", "roster.db"))
        s.fixed("error", NOBODY, f"search {deep} for the database")
        os.chmod(s.ctl.folder, 0o700)
        # Settings and socket lie there too: each has its fix.
        for finding in s.check()[1]:
            s.apply(finding)
        s.sound()
    finally:
        shutil.rmtree(deep)


@case("a roster that everyone can read or write is found, and the fix works")
def _(s):
    rosterdb.file_only("its files")
    folder = os.path.dirname(s.ctl.database)
    os.chmod(folder, 0o751)
    s.sound()
    os.chmod(s.ctl.database, 0o644)
    s.fixed("warning", "readable by everyone")
    os.chmod(folder, 0o755)
    os.chmod(s.ctl.database, 0o666)
    s.fixed("error", "writable by everyone")
    os.chmod(folder, 0o757)
    s.fixed("error", folder, "writable by everyone")


@case("a directory that others use too keeps its owner and mode: the roster needs "
      "another one")
def _(s):
    rosterdb.file_only("its files")
    folder = os.path.dirname(s.ctl.database)
    words = "move the roster to a directory of its own"
    with open(os.path.join(folder, "others"), "w"):
        pass
    chown(folder, 0o755, "root")
    contains(s.has("error", f"create files in {folder}")["fix"], words)
    chown(folder, 0o757)
    contains(s.has("error", folder, "writable by everyone")["fix"], words)
    chown(folder, 0o755)
    os.chmod(s.ctl.database, 0o644)
    s.fixed("warning", "readable by everyone")
    same(os.stat(folder).st_mode & 0o777, 0o755, "the directory's mode")
    os.unlink(os.path.join(folder, "others"))
    for name in ("roster.old", "notify-milter.prom"):   # ours
        with open(os.path.join(folder, name), "w"):
            pass
    chown(folder, 0o755, "root")
    s.fixed("error", f"create files in {folder}")
    chown(folder, 0o1757)                               # such as /tmp
    contains(s.has("error", folder, "writable by everyone")["fix"], words)


@case("a file system that is nearly full is found")
def _(s):
    rosterdb.file_only("its files")
    folder = os.path.dirname(s.ctl.database)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", "cp -a $0 $0.kept && mount -t tmpfs"
         " -o size=2m none $0 && cp -a $0.kept/. $0 && chown --reference"
         " $0.kept $0 && chmod 750 $0 && exec \"$@\"", folder,
         *s.ctl.command("check")], text=True, capture_output=True, timeout=60,
        env=s.ctl.environment(**s.env()))
    if "mount" in done.stderr or "unshare" in done.stderr:
        raise Skip("no mount namespace can be had")
    contains(done.stdout, f"warning: database: {folder}: 1 MiB")
    same(done.returncode, 0, "exit")


def rename(s, old, new):
    """Give a user another address, by SQL."""
    s.ctl.sql("UPDATE user SET address = ?, key = ? WHERE address = ?", new,
              new, old)


@case("entitled users with undeliverable addresses are found and named")
def _(s):
    for address, why in (("ann@acme.invalid", "reserved"),
                         ("ann@localhost", "reserved"),
                         ("ann b@acme.example", ""),
                         ("ann@-acme.example", ""),
                         ("a" * 70 + "@acme.example", "")):
        rename(s, OLGA, address)
        find = s.has if " " in address else s.fault
        finding = find("warning", "1 entitled", address, why)
        contains(finding["fix"], address.split("@")[0])
        rename(s, address, OLGA)
    s.sound()


@case("a user whose address was written past notifyctl is found")
def _(s):
    for address, key in (("ann@evil.example", OLGA), (OLGA, BILL + "x"),
                         ("olga (x)@acme.example", "olga (x)@acme.example"),
                         ("<olga@acme.example>", "<olga@acme.example>")):
        s.ctl.sql("UPDATE user SET address = ?, key = ? WHERE address = ?",
                  address, key, OLGA)
        finding = s.has("error", "1 users", address, key)
        contains(finding["why"], "defers")
        s.ctl.sql("UPDATE user SET address = ?, key = ? WHERE address = ?",
                  OLGA, OLGA, address)
    s.sound()


@case("a user whose address Postfix may take for another's is found, and the "
      "fix works")
def _(s):
    for address in ("-ann@acme.example", "ann%evil.example@acme.example",
                    "evil.example!ann@acme.example", "\"@a:b\"@acme.example",
                    "\"-ann b\"@acme.example"):
        s.ctl.sql("UPDATE user SET address = ?, key = ? WHERE address = ?",
                  address, address.replace('"', ""), BILL)
        s.fixed("error", "1 users", address, "acme")
        same(s.ctl("user", "add", "acme", BILL).code, 0, "exit of user add")
        same(s.ctl("subscribe", "acme", MAINTENANCE, BILL, as_=OLGA).code, 0,
             "exit of subscribe")
        s.sound()
    rename(s, MIA, "mia%x@acme.example")    # not entitled to anything
    s.fixed("warning", "1 users", "mia%x@acme.example")
    rename(s, OLGA, "olga%x@acme.example")
    finding = s.fault("error", "1 users", "olga%x@acme.example")
    s.apply({**finding, "command": True, "fix": finding["fix"].split(
        ": ", 1)[1].replace("NEW", OLGA)})
    s.sound()


@case("a fix works for an account whose name begins with a hyphen")
def _(s):
    s.ctl.sql("UPDATE account SET name = '-acme', key = '-acme'"
              " WHERE name = 'acme'")
    s.sound()
    for address in (BILL, OLGA):
        rename(s, address, "x%" + address)
        finding = s.fault("error", "1 users", "x%" + address)
        s.apply({**finding, "command": True, "fix": finding["fix"].split(
            ": ", 1)[-1].replace("NEW", address)})
        s.sound()
    s.ctl.sql("UPDATE user SET role = 'member' WHERE address = ?", OLGA)
    s.fixed("error", "1 accounts have no owner")
    s.telegram()
    s.ctl.link("-acme", SUE)
    s.fixed("warning", "1 users", "Telegram")


@case("however many users have such an address, check names a few and counts "
      "all, in bounded memory")
def _(s):
    account = "(SELECT id FROM account WHERE name = 'acme')"
    s.ctl.sql("INSERT INTO user(account, address, key, role) SELECT "
              f"{account}, address, address, 'member' FROM (WITH RECURSIVE"
              " n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)"
              " SELECT i || '%' || 'x@acme.example' AS address FROM n) AS t")
    finding = s.has("warning", "30000 users", "...")
    true(len(finding["what"]) < 1000, "a few are named")
    process = subprocess.Popen(
        s.ctl.command("check"), env=s.ctl.environment(**s.env()),
        stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    true(usage.ru_maxrss < 60000, f"kB of memory: {usage.ru_maxrss}")


@case("a user whose local part is not ASCII makes smtputf8_autodetect_classes "
      "a finding, for each listener; the fix works")
def _(s):
    s.main(smtputf8_autodetect_classes="sendmail, verify")
    s.sound()
    rename(s, OLGA, "ölga@acme.example")
    for value in ("sendmail, verify", "", "verify", "forward"):
        s.main(**({"smtputf8_autodetect_classes": value} if value else {}))
        contains(s.fixed("warning", "smtputf8_autodetect_classes",
                         value)["fix"], "smtpd")
    for value in ("all", "smtpd", "sendmail verify smtpd"):
        s.main(smtputf8_autodetect_classes=value)
        s.sound()
        s.master("2525 inet n - y - - smtpd\n"
                 "  -o smtputf8_autodetect_classes=sendmail,verify\n")
        s.fixed("warning", "smtputf8_autodetect_classes of 2525/inet")
        s.master()
    for no in ("no", "No"):
        s.main(smtputf8_enable=no)
        s.fault("warning", "ölga@acme.example", "smtputf8_enable")
        lacks(str(s.check()[1]), "smtputf8_autodetect_classes", no)


@case("a domain outside ASCII needs no SMTPUTF8")
def _(s):
    s.ctl.sql("UPDATE user SET address = ?, key = ? WHERE address = ?",
              "olga@bücher.example", "olga@xn--bcher-kva.example", OLGA)
    s.sound()


@case("example domains are a finding if Postfix asks the DNS for them")
def _(s):
    s.main(relayhost="")
    finding = s.fault("warning", "8 entitled", "reserved", "...")
    contains(finding["fix"], "notifyctl -c ")


@case("a reserved domain that Postfix delivers or routes is no finding")
def _(s):
    names = s.file("names", "# ours\nacme.example\n")
    table = s.table("domains", "acme.example x\n")
    away = s.table("away", "acme.example error:no\nbeta.example smtp:\n")
    beta = "beta.example, gamma.example"
    for name in ("mydestination", "relay_domains", "virtual_alias_domains",
                 "virtual_mailbox_domains"):
        for value in (f"acme.example, {beta}", f"{names} {beta}",
                      f"{table}, {beta}", "!x.example static:all"):
            if (name, "static" in value) in (
                    ("mydestination", True), ("virtual_alias_domains", True)):
                continue        # account_domain must not be in these
            main = {"relayhost": "", "recipient_delimiter": "+", name: value}
            if name == "relay_domains":
                main[name] += ", accounts.example.com"
            s.main(**main)
            s.sound()
    for table in ("acme.example smtp:[192.0.2.1]\n.example lmtp:unix:x\n",
                  "* local:\n", "acme.example :[192.0.2.1]\n* discard:\n"):
        s.main(relayhost="", transport_maps=s.table("transport", table))
        s.sound()
    s.main(relayhost="", transport_maps=s.table("transport", "".join(
        f"{a} smtp:[192.0.2.1]\n" for a, in s.ctl.sql(
            "SELECT DISTINCT address FROM user"))))
    s.sound()
    s.main(relayhost="", virtual_alias_maps=s.table(
        "virtual", "@acme.example x@real.org\n@beta.example x@real.org\n"))
    s.sound()
    s.main(relayhost="", transport_maps=away)
    s.fault("warning", "8 entitled")
    s.main(relayhost="", mydestination="!acme.example, beta.example",
           recipient_delimiter="+")
    s.fault("warning", "6 entitled")
    s.main(relayhost="", mydestination="localhost", virtual_mailbox_domains=
           "lab.invalid", recipient_delimiter="+")
    rename(s, OLGA, "olga@localhost")
    rename(s, BILL, "bill@lab.invalid")
    s.fault("warning", "6 entitled")
    s.main(relayhost="[192.0.2.1]", mydestination="localhost",
           recipient_delimiter="+")
    s.fault("warning", "1 entitled", "bill@lab.invalid")


@case("an empty recipient_delimiter is a finding if Postfix delivers a user's "
      "domain itself; the fix works")
def _(s):
    s.main(recipient_delimiter="")
    s.sound()
    for name in ("mydestination", "virtual_alias_domains",
                 "virtual_mailbox_domains"):
        s.main(**{name: "acme.example", "recipient_delimiter": ""})
        s.fixed("warning", "recipient_delimiter is empty", "acme.example")
    s.main(relay_domains="acme.example accounts.example.com")
    s.sound()
    s.main(mydestination="acme.example", recipient_delimiter="+")
    for service in ("cleanup/unix", "local/unix", "virtual/unix",
                    "smtp/inet"):
        s.master()
        s.edit("-P", f"{service}/recipient_delimiter=")
        s.fixed("warning", f"recipient_delimiter of {service} is empty")


@case("a user who is not entitled to anything may have any address")
def _(s):
    rename(s, MIA, "mia@acme.invalid")
    s.sound()


@case("an account without an owner is found and named, and the fix works")
def _(s):
    s.ctl.sql("UPDATE user SET role = 'member' WHERE address = ?", OLGA)
    finding = s.fixed("error", "no owner: acme")
    contains(finding["fix"], ADAM, "the fix takes a User Administrator")
    for table in ("subscription", "user"):
        s.ctl.sql(f"DELETE FROM {table} WHERE account ="
                  " (SELECT id FROM account WHERE name = 'beta')")
    s.fixed("error", "no owner: beta")


@case("a chat of a user who is no longer entitled is found, and the fix works")
def _(s):
    s.telegram()
    s.ctl.link("acme", SUE)
    s.ctl.link("acme", BILL)
    s.ctl.link("acme", OLGA)
    s.apply(s.fault("warning", "2 users", "Telegram"))
    s.fixed("warning", "1 users", "Telegram")
    same(s.ctl.links(), {("acme", OLGA)}, "links that are left")


@case("pending notices are found, and the fix works")
def _(s):
    s.ctl.sendmail("exit 75")
    same(s.ctl("unsubscribe", "acme", MAINTENANCE, BILL, "--confirm", BILL,
               as_=OLGA).code, 0, "exit of unsubscribe")
    s.ctl.sendmail()
    s.ctl.sql("UPDATE notice SET at = at - 7200")
    s.fixed("warning", "1 notices", "120 minutes")
    s.ctl.sql("UPDATE notice SET state = 'handing'")
    s.fault("warning", "being handed to sendmail")


@case("users in a reserved domain are found")
def _(s):
    s.settings(account_domain="acme.example")
    s.main(relay_domains="acme.example")
    s.fault("error", "7 users", "account_domain")


run()
