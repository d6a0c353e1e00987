# SPDX-License-Identifier: BSD-2-Clause
"""fleet - relays that share a roster, as postfix-sample says.

    with Fleet(3) as fleet: ...
    fleet.primary, fleet.standby    its servers: 127.0.0.2 and 127.0.0.3
    fleet.relays                    Labs at addresses of their own
    with Fleet(3, pooling={}) ...   a PgBouncer before each server

The servers are reached by TLS and password, by the names that the samples
have; their settings, who is let in, the roles and the relays' settings are
those of the samples, but for addresses and paths.
"""
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.parse

from lib import lab, pgbouncer, postfix, postgresql, pq
from lib.milter import Milter
from lib.postgresql import USER, Server
from lib.roles import BOT, CTL, MILTER, NAME, OWNER, SAMPLE, TELEGRAM, Database

PASSWORDS = {role: f"of {role}" for role in (
    OWNER, CTL, MILTER, TELEGRAM, BOT, "notify_standby")}
NETS = r"10\.0\.[01]\.0/24"
HOSTS = {"db1.example.com": "127.0.0.2", "db2.example.com": "127.0.0.3"}


def sample(name):
    with open(os.path.join(SAMPLE, name)) as file:
        return file.read()


def password(role):
    """As a URL has it."""
    return "password=" + urllib.parse.quote(PASSWORDS[role])


def free_port(hosts):
    """A port that is free on all of HOSTS."""
    for _ in range(100):
        port, = postfix.free_ports(hosts[:1])
        try:
            for host in hosts:
                with socket.socket() as probe:
                    probe.bind((host, port))
        except OSError:
            continue
        return port
    raise OSError(f"no free port on {hosts}")


def certificate(folder):
    """An authority, and a certificate of it for the servers."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True,
                       cwd=folder, timeout=60, stdin=subprocess.DEVNULL)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes", "-days", "2", "-x509"]
    openssl("req", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj",
            "/CN=authority")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.crt",
            "-subj", "/CN=server", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-addext", "subjectAltName=" + ",".join(
                f"DNS:{name}" for name in HOSTS))
    entry = pwd.getpwnam(USER)
    os.chown(os.path.join(folder, "server.key"), entry.pw_uid, entry.pw_gid)


class Node(Server):
    """One of the servers, by its NAME; a standby of PRIMARY if that is given.
    SETTINGS go behind those of the sample."""

    def __init__(self, fleet, name, primary=None, settings=""):
        self.fleet, self.name = fleet, name
        super().__init__(
            sample("fleet-postgresql.conf").replace("/etc/postgresql/fleet.",
                                                    f"{fleet.folder}/server.")
            + f"listen_addresses = '{HOSTS[name]}'\n"
            "wal_retrieve_retry_interval = 100\n"
            "synchronous_standby_names = ''\n" + settings, primary)

    @property
    def address(self):
        return HOSTS[self.name]

    def make(self):
        super().make()
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as out:
            out.write(f"local all {postgresql.OWNER},{OWNER} trust\n" + re.sub(
                NETS, "127.0.0.0/8", sample("fleet-hba.conf")))

    def copy(self, *_):
        path = os.path.join(self.folder, ".pgpass")
        with open(path, "w") as out:
            out.write(f"*:*:*:notify_standby:{PASSWORDS['notify_standby']}\n")
        os.chmod(path, 0o600)
        self._give(path)
        super().copy("-d", (
            f"host={self.primary.name} hostaddr={self.primary.address}"
            f" user=notify_standby application_name={self.name.split('.')[0]}"
            " sslmode=verify-full"
            f" sslrootcert={self.fleet.folder}/ca.crt"))

    def connect_as(self, role):
        """To the roster, as ROLE, or as the superuser (None)."""
        return pq.Connection(
            f"{self.url(NAME, role)}&{password(role)}" if role
            else self.url(NAME))

    def cut_off(self):
        """Cut the standby off: it receives no more changes."""
        self.sql("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
        self.sql("SELECT pg_reload_conf()")

    def synchronous(self, other):
        """Changes wait for the standby OTHER, or for none (None)."""
        names = f"ANY 1 ({other.name.split('.')[0]})" if other else ""
        self.sql("ALTER SYSTEM SET synchronous_standby_names = ?", names)
        self.sql("SELECT pg_reload_conf()")


class Pooler(pgbouncer.Pooler):
    """In front of NODE, as the sample says. CHANGES are settings that differ
    from those of its section [pgbouncer]."""

    def __init__(self, node, port, **changes):
        super().__init__(node, None)
        self.port, self.changes = port, changes
        self.address = node.address

    def write(self):
        text = sample("fleet-pgbouncer.ini")
        for there, here in (
                ("=/var/run/postgresql port=5432",
                 f"={self.server.folder} port={os.environ['PGPORT']}"),
                ("/etc/postgresql/fleet.",
                 f"{self.server.fleet.folder}/server."),
                ("/var/log/postgresql/pgbouncer.log", f"{self.folder}/log"),
                ("/etc/pgbouncer", self.folder),
                ("/var/run/postgresql", self.folder)):
            text = text.replace(there, here)
        changes = {"listen_addr": self.address, "listen_port": self.port,
                   **self.changes}
        for name, value in changes.items():
            text = re.sub(rf"(?m)^;?{name} = .*$", f"{name} = {value}", text)
        with open(self.conf, "w") as out:
            out.write(text)
        self.list_users()

    def list_users(self):
        """Write the file of users, by the command of the sample."""
        query = re.search(r'(?s)-c "(SELECT format.*?)"\n',
                          sample("fleet-pgbouncer.ini"))[1]
        query = query.replace("\\", "").replace("\n;", "\n")
        with open(os.path.join(self.folder, "userlist.txt"), "w") as out:
            out.writelines(f"{row}\n" for row, in self.server.sql(query))

    def console(self, command):
        """COMMAND on its console, which is open to its own user."""
        self.server.run("psql", "-X", "-h", self.folder, "-p", str(self.port),
                         "-U", "pgbouncer", "pgbouncer", "-c", command)

    def url(self, role=CTL):
        return (f"postgresql://{role}@{self.server.name}:{self.port}/{NAME}"
                f"?hostaddr={self.address}&{password(role)}"
                "&sslmode=verify-full"
                f"&sslrootcert={self.server.fleet.folder}/ca.crt")


class Shared:
    """The database of a relay, as a Lab uses it."""

    path = "/nonexistent/roster.db"

    def __init__(self, fleet, folder, url):
        self.fleet, self.url = fleet, url
        self.path = os.path.join(folder, "roster.db")

    def sql(self, text, *values):
        """Run one statement on the primary, as notify-bot; its rows."""
        with self.fleet.primary.connect_as(BOT) as connection:
            return connection.run(text, *values)

    def end(self):
        """It is the fleet's."""


class Relay(lab.Lab):
    """One of the relays, at ADDRESS, with those settings of [database]."""

    def __init__(self, fleet, address, **database):
        self.fleet, self.address = fleet, address
        super().__init__(roster=False, settings=database)
        self.url = database["url"]
        # As root's shell has it; the milter may not look there.
        self.before = ["env", f"HOME={fleet.home}", f"PGUSER={MILTER}",
                       f"PGPASSFILE={fleet.passfile(MILTER)}"]
        self.mta = type("At", (postfix.Postfix,), {"listeners": {
            name: (address, postfix.LISTENERS[name][1])
            for name in ("smtp", "xclient")}})

    def _place(self, folder):
        return Shared(self.fleet, folder, self.url)


class Fleet:
    """KINDS are dicts, one for each relay: how its settings differ from the
    sample's. STANDBY are more settings of a standby, POOLING those of a
    PgBouncer before each server, which is not there without."""

    def __init__(self, kinds, standby="", pooling=None):
        self.kinds, self.of_standby, self.pooling = kinds, standby, pooling
        self.folder = self.primary = self.standby = self.port = None
        self.nodes, self.relays, self.poolers = [], [], []
        self.kept = {}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self):
        self.folder = tempfile.mkdtemp(prefix="nm-fleet-")
        os.chmod(self.folder, 0o755)
        self.home = os.path.join(self.folder, "root")
        os.mkdir(self.home, 0o700)
        certificate(self.folder)
        self.port = free_port(list(HOSTS.values()))
        self._environment(PGPORT=str(self.port), PGUSER=CTL,
                          PGPASSFILE=self.passfile(CTL))
        self.primary = self.node("db1.example.com")
        conf = Milter(self.folder)
        conf.beside = self.folder
        self.database = Database(conf, self.primary)
        self.primary.psql(os.path.join(SAMPLE, "fleet-roles.sql"))
        for role, password in PASSWORDS.items():
            self.primary.sql(f"ALTER ROLE {role} PASSWORD ?", password)
        conf.defaults["url"] = self.setting("url")
        conf.write()
        os.environ["PGPASSFILE"] = self.passfile(OWNER)
        self.database.ctl("init", role=OWNER)
        os.environ["PGPASSFILE"] = self.passfile(CTL)
        self.database.grant()
        self.attach("db2.example.com")
        if self.pooling is not None:
            self.pool()
        for n, changes in enumerate(self.kinds):
            settings = {name: self.setting(name)
                        for name in ("url", "read_url", "max_lag")}
            settings.update(changes(settings))
            self.relays.append(Relay(self, f"127.0.0.{11 + n}", **settings))
            self.relays[-1].start()

    def _environment(self, **values):
        for name, value in values.items():
            self.kept[name] = os.environ.get(name)
            os.environ[name] = value

    def stop(self):
        for relay in reversed(self.relays):
            relay.stop()
        for one in reversed(self.nodes + self.poolers):
            one.stop()
        for name, value in self.kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.nodes, self.relays, self.poolers = [], [], []
        self.folder, self.kept = None, {}

    # Servers

    def node(self, name, primary=None, settings=""):
        node = Node(self, name, primary, settings)
        self.nodes.append(node)
        return node.start()

    def attach(self, name):
        """A standby, for which changes wait from now on."""
        self.standby = self.node(name, self.primary, self.of_standby)
        self.primary.synchronous(self.standby)

    def pool(self):
        """From now on everything goes through a PgBouncer for each server."""
        self.port = free_port(list(HOSTS.values()))
        for node in self.nodes:
            self.poolers.append(Pooler(node, self.port, **self.pooling))
            self.poolers[-1].start()
        self.database.conf.defaults["url"] = self.setting("url")
        self.database.conf.write()

    def fail_over(self):
        """The primary is gone: promote the standby. A pooler needs RECONNECT
        then."""
        old, self.primary = self.primary, self.standby
        self.standby = None
        self.primary.promote()
        self.nodes.remove(old)
        old.stop()

    # Relays

    def setting(self, name):
        """Of the sample, with our addresses and paths."""
        value = re.search(rf"(?m)^{name} = (.*)$",
                          sample("fleet-relay.conf"))[1]
        if "://" not in value:
            return value
        hosts = re.search("//(.*?)/", value)[1].split(",")
        value = value.replace("/etc/notify-milter/postgresql-ca.crt",
                              f"{self.folder}/ca.crt")
        addresses = ",".join(HOSTS[one] for one in hosts)
        return f"{value}&hostaddr={addresses}&port={self.port}"

    def passfile(self, role, other=None):
        """The file with the password of ROLE, as the sample has it, or with
        an OTHER one."""
        path = os.path.join(self.folder, f"pgpass-{role}")
        if not os.path.exists(path) or other:
            with open(path, "w") as out:
                out.write(f"*:*:{NAME}:{role}:{other or PASSWORDS[role]}\n")
            shutil.chown(path, lab.USER)
            os.chmod(path, 0o600)
        return path
