#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix postgresql
# takes: 30 s
"""Relays share a roster: when its primary is killed and the standby promoted,
no message is lost and nobody gets somebody else's.

    tests/soak/a-fleet-outlives-its-primary.t
        NM_MESSAGES=20000 NM_FAILOVERS=20 for the long form

Three relays with a Postfix each are configured as postfix-sample says: one asks
the standby, one whichever server answers first, one only the primary. Clients
send to all three, the roster is changed through all three, and the standby
replays with a delay; before the primary is killed, replication stops. A change
that was reported as done is on the other server too.
"""
import os
import subprocess
import time

from lib import accounting, fleet, lab, pq, rosterdb, tap
from lib.accounting import SERVICES, owner, user
from lib.milter import program
from lib.roles import CTL, MILTER, OWNER
from lib.tap import case, contains, same, true
from lib.trial import ASKS, Trial, opposite

MESSAGES = int(os.environ.get("NM_MESSAGES", "1000"))
FAILOVERS = int(os.environ.get("NM_FAILOVERS", "1"))
CLIENTS = 9
PACE = 0.006 if MESSAGES < 5000 else 0.003      # seconds
DELAY = 0.1         # seconds
LAST = 0.7          # that the primary outlives the stream
GAP = 1.5           # without a primary
CHANGES = 4         # of the roster, before and after
RELAYS = {
    "asks a standby": lambda sample: {},
    "asks any": lambda sample: {"read_url": None},
    "asks the primary": lambda sample: {
        "read_url": None,
        "url": sample["url"] + "&target_session_attrs=primary"},
}


class FailOvers(Trial):
    def __init__(self):
        super().__init__(MESSAGES, CLIENTS, PACE)
        self.gaps = []
        self.fleet = fleet.Fleet(RELAYS.values(), (
            f"recovery_min_apply_delay = {DELAY * 1000:.0f}\n")).start()
        self.labs = self.fleet.relays
        self.fill()
        self.run()

    def stop(self):
        self.fleet.stop()

    def enough(self):
        """Were there enough changes since the last failover?"""
        return len(self.gaps) == FAILOVERS and \
            self.roster.changes(self.gaps[-1][1]) >= CHANGES

    def trouble(self):
        for n in range(FAILOVERS):
            since = self.gaps[-1][1] if n else 0.0
            while self.roster.changes(since) < CHANGES:
                if self.over.wait(0.1):
                    return
            if self.over.wait(1):
                return
            # What it does in its last moments reaches nobody.
            self.fleet.standby.cut_off()
            time.sleep(LAST)
            self.fleet.primary.crash()
            began = time.monotonic()
            time.sleep(GAP)
            self.gaps.append((began, time.monotonic()))
            self.fleet.fail_over()
            if n < FAILOVERS - 1:
                names = set(fleet.HOSTS) - {self.fleet.primary.name}
                self.fleet.attach(*names)

    def in_gap(self, lab_):
        """The messages that LAB_ decided without a primary."""
        return [one for one in self.sent if one.lab is lab_
                and one.kind in ASKS and any(
                    began < one.began and one.ended < ended
                    for began, ended in self.gaps)]


@case("every accepted message is accounted for, and no other was delivered")
def _(trial):
    accounting.check(trial)


@case("the roster was changed before and after, and has what was reported")
def _(trial):
    same(len(trial.gaps), FAILOVERS, "fail-overs")
    changes = trial.roster.changes
    true(changes(until=trial.gaps[0][0]) >= CHANGES, "changes before")
    true(changes(since=trial.gaps[-1][1]) >= CHANGES, "changes after")
    trial.roster_is_as_told()


@case("without a primary, mail was delivered where the standby is asked, and "
      "deferred where only the primary is")
def _(trial):
    for name, lab_ in zip(RELAYS, trial.labs):
        sent = trial.in_gap(lab_)
        codes = {one.code for one in sent}
        print(f"# the relay that {name}: {len(sent)} messages, {codes}")
        true(sent, f"there are messages of the relay that {name}")
        true((250 in codes) == (name != "asks the primary"),
             f"replies of the relay that {name}: {codes}")


@case("with a new standby attached, a change is done when the standby has it "
      "too")
def _(trial):
    names = set(fleet.HOSTS) - {trial.fleet.primary.name}
    trial.fleet.attach(*names)
    for n in range(3):
        who = f"new{n}@a0.example"
        began = time.monotonic()
        trial.notifyctl("user", "add", "a0", who)
        true(time.monotonic() - began > DELAY, "it has waited")
        with trial.fleet.standby.connect_as(OWNER) as standby:
            same(standby.run('SELECT count(*) FROM "user" WHERE key = ?', who),
                 [(1,)], "rows on the standby")


@case("without a standby mail is delivered, and a change waits for it")
def _(trial):
    standby = trial.fleet.standby
    who = user("a1", 0)
    now = set(trial.roster.now("a1", SERVICES))
    standby.end()
    process = subprocess.Popen(
        [program("notifyctl"), "-c", trial.labs[0].milter.file, "--as",
         owner("a1"), *opposite("a1", SERVICES, who, now)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(1)
        for lab_ in trial.labs:
            lab_.send([f"a1@{lab.ACCOUNTS}"], SERVICES).must(
                "deliver", to=sorted(now))
        same(process.poll(), None, "exit of notifyctl")
        standby.launch()
        out = process.communicate(timeout=30)
        same(process.returncode, 0, f"exit of notifyctl, which says {out}")
    finally:
        process.kill()
        process.wait()
    for lab_ in trial.labs:
        lab_.send([f"a1@{lab.ACCOUNTS}"], SERVICES).must(
            "deliver", to=sorted(now ^ {who}))


@case("a login without TLS, or with a wrong password or name, is refused")
def _(trial):
    url = trial.fleet.setting("url")
    with pq.Connection(url) as connection:
        same(connection.run("SELECT current_user"), [(CTL,)], "who I am")
    for change, says in (
            (("sslmode=verify-full", "sslmode=disable"), "no encryption"),
            (("db1.example.com,db2.example.com", "localhost,localhost"),
             "does not match host name"),
            (("/ca.crt", "/server.crt"), "certificate verify failed"),
            (("/notify?", "/postgres?"), "no pg_hba.conf entry")):
        try:
            pq.Connection(url.replace(*change)).close()
        except pq.Error as why:
            contains(str(why), says, f"what is said of {change}")
        else:
            raise tap.Failed(f"let in with {change[1]}")
    os.environ["PGPASSFILE"] = trial.fleet.passfile(CTL, "wrong")
    done = trial.notifyctl("account", "list", check=False)
    trial.fleet.passfile(CTL, fleet.PASSWORDS[CTL])
    same(done.returncode, 74, f"exit of {done}")
    contains(done.stderr, "password authentication failed", "what it says")


@case("with a service file the settings need only postgresql://")
def _(trial):
    text = "\n".join(line.removeprefix("#").strip() for line in fleet.sample(
        "fleet-relay.conf").split("[notify-milter]\n")[1].split("\n"))
    for old, new in (("/etc/notify-milter/pgpass-milter",
                      trial.fleet.passfile(MILTER)),
                     ("/etc/notify-milter/postgresql-ca.crt",
                      f"{trial.fleet.folder}/ca.crt")):
        true(old in text, f"{old} in the sample")
        text = text.replace(old, new)
    path = os.path.join(trial.fleet.folder, "service")
    with open(path, "w") as out:
        out.write(f"[notify-milter]\n{text}"
                  f"hostaddr={','.join(fleet.HOSTS.values())}\n")
    conf = lab.Milter(trial.fleet.folder, url="postgresql://")
    conf.beside = trial.fleet.folder
    conf.write()
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("PGUSER", "PGPASSFILE")}
    environment.update(PGSERVICE="notify-milter", PGSERVICEFILE=path)
    done = subprocess.run(
        [program("notifyctl"), "-c", conf.file, "export"], text=True,
        capture_output=True, timeout=60, env=environment)
    same((done.returncode, done.stdout),
         (0, trial.notifyctl("export").stdout), f"exit and export: {done}")
    done = subprocess.run(
        [program("notifyctl"), "-c", conf.file, "user", "remove", "a0",
         user("a0", 0)], text=True, capture_output=True, timeout=60,
        env=environment)
    contains(done.stderr, "permission denied", "what a change says")


@case("each milter exits cleanly, and no sanitizer reports anything")
def _(trial):
    trial.end()


rosterdb.use_postgresql()
tap.run(setup=FailOvers, teardown=FailOvers.stop)
