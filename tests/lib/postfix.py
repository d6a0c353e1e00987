# SPDX-License-Identifier: BSD-2-Clause
"""postfix - a private Postfix in a directory of the lab.

It has its own settings, queue, log and listeners, all on loopback; it relays
every domain to the receiver and asks no DNS. master(8) is run directly rather
than through postfix(1): it starts at once, and its process group is ours.
"""
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

from lib import TREE
from lib.waiting import LIMIT, until

DAEMONS = ("/usr/lib/postfix/sbin", "/usr/libexec/postfix",
           "/usr/lib/postfix/bin", "/usr/lib/postfix")

# listener: (address, its smtpd settings; MILTER stands for the milter)
LISTENERS = {
    "smtp": ("127.0.0.1", "smtpd_milters=MILTER"),
    "smtp6": ("::1", "smtpd_milters=MILTER"),
    "plain": ("127.0.0.1", "smtpd_milters="),
    "auth": ("127.0.0.1", "smtpd_milters=MILTER smtpd_sasl_auth_enable=yes"),
    "xclient": ("127.0.0.1", "smtpd_milters=MILTER"
                " smtpd_authorized_xclient_hosts=127.0.0.0/8"),
}

MASTER = """\
pickup    unix  n  -  n  60    1  pickup
cleanup   unix  n  -  n  -     0  cleanup
qmgr      unix  n  -  n  300   1  qmgr
rewrite   unix  -  -  n  -     -  trivial-rewrite
bounce    unix  -  -  n  -     0  bounce
defer     unix  -  -  n  -     0  bounce
trace     unix  -  -  n  -     0  bounce
flush     unix  n  -  n  1000? 0  flush
proxymap  unix  -  -  n  -     -  proxymap
smtp      unix  -  -  n  -     -  smtp
relay     unix  -  -  n  -     -  smtp
showq     unix  n  -  n  -     -  showq
error     unix  -  -  n  -     -  error
retry     unix  -  -  n  -     -  error
discard   unix  -  -  n  -     -  discard
scache    unix  -  -  n  -     1  scache
anvil     unix  -  -  n  -     1  anvil
postlog   unix-dgram n - n -   1  postlogd
"""


# The services by which mail from sendmail(1) reaches the milter, as the sample
# has them: its transport, and the options of the listener.
SAMPLE = os.path.join(TREE, "postfix-sample", "master.cf")
IN = "127.0.0.1:10028"
PICKUP = ("content_filter=notify-in:[127.0.0.1]:PORT",
          "receive_override_options=no_milters,no_address_mappings")


def sample_options(service):
    """The options of SERVICE in the sample's master.cf."""
    with open(SAMPLE, encoding="utf-8") as file:
        lines = iter(file)
        next(line for line in lines if line.startswith(service + " "))
        return [line.split()[1] for line in
                itertools.takewhile(lambda one: one.startswith("  -o "),
                                    lines)]


def daemon_folder():
    for folder in DAEMONS:
        if os.path.exists(os.path.join(folder, "master")):
            return folder
    return None


def free_ports(hosts):
    """A port for each of HOSTS that nobody listens on now. Below the range
    from which outgoing connections are given theirs."""
    ports = []
    for host in hosts:
        for _ in range(1000):
            port = random.randrange(10000, 32000)
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family) as probe:
                try:
                    probe.bind((host, port))
                except OSError:
                    continue
            if port not in ports:
                ports.append(port)
                break
        else:
            raise OSError(f"no free port on {host}")
    return ports


class Server:
    """What a mail server of the lab has: `process`, the first of its process
    group, `addresses`, at which it listens, and `log`, a file."""

    process = None
    by_listener = False     # mail from sendmail(1): see Postfix

    def listens(self):
        """Wait until it listens at all its addresses; False if it ends."""
        deadline = time.monotonic() + LIMIT
        for address in self.addresses.values():
            while True:
                if self.process.poll() is not None:
                    return False
                try:
                    socket.create_connection(address, 5).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.02)
        return True

    def stop(self):
        """Kill the server and all that it has started. The queue goes with
        the directory, so it need not end in its own way."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def text(self):
        """Its log so far."""
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def caught_up(self):
        """Its log, with each line that was logged before this was called."""
        return self.text()


class Postfix(Server):
    """start() and stop() it. MILTER is a socket in Postfix's notation, or
    None; MAIN are more main.cf settings; USERS are {name@realm: password} of
    the listener `auth`."""

    # Does mail from sendmail(1) reach the milter by a listener, as the sample
    # has it, or by non_smtpd_milters?
    by_listener = True
    queues = ("maildrop", "incoming", "active", "deferred", "hold")
    listeners, services = LISTENERS, MASTER

    def __init__(self, folder, receiver_port, milter=None, main=None,
                 users=None):
        self.folder = folder
        self.config = os.path.join(folder, "etc")
        self.queue = os.path.join(folder, "queue")
        self.log = os.path.join(folder, "maillog")
        self.receiver_port = receiver_port
        self.milter = milter or ""
        self.main = dict(main or {})
        self.users = users or {}
        self.addresses = {}     # listener: (host, port)
        self.lines = itertools.count()

    def settings(self):
        route = f"smtp:[127.0.0.1]:{self.receiver_port}"
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": os.path.join(self.folder, "data"),
            "daemon_directory": daemon_folder(),
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": self.log,
            "maillog_file_prefixes": self.folder,
            "enable_long_queue_ids": "yes",     # no id serves two messages
            "myhostname": "relay.example",
            "myorigin": "origin.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8 [::1]/128",
            "relay_domains": "static:all",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_peername_lookup": "no",
            "alias_maps": "",
            "local_recipient_maps": "",
            "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4, ipv6",
            "default_transport": route,
            "relay_transport": route,
            "transport_maps": f"inline:{{ {{telegram.invalid={route}}} }}",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "smtputf8_enable": "yes",
            "smtpd_tls_security_level": "none",
            "smtp_tls_security_level": "none",
            # Nothing is added to a message that came over SMTP.
            "local_header_rewrite_clients": "",
            "smtpd_recipient_limit": "30000",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_error_sleep_time": "0",
            "smtpd_hard_error_limit": "1000",
            "smtpd_junk_command_limit": "10000",
            "default_destination_recipient_limit": "30000",
            "message_size_limit": "20000000",
            "in_flow_delay": "0",
            # A whole second later than a delivery has ended, in whole seconds:
            # one that still has the queue file puts it off for a minute.
            "queue_run_delay": "1s",
            "minimal_backoff_time": "2s",
            "maximal_backoff_time": "2s",
            "milter_default_action": "tempfail",
            "milter_connect_timeout": "10s",
            "milter_command_timeout": "30s",
            "non_smtpd_milters": "" if self.by_listener else self.milter,
            "notify-in_destination_recipient_limit": "0",
            "notify-in_destination_rate_delay": "0s",
            "notify-in_transport_rate_delay": "0s",
            "cyrus_sasl_config_path": os.path.join(self.config, "sasl"),
            "smtpd_sasl_security_options": "noanonymous",
        }
        settings.update(self.main)
        return settings

    def write_settings(self):
        with open(os.path.join(self.config, "main.cf"), "w") as out:
            for name, value in self.settings().items():
                value = str(value).replace("MILTER", self.milter)
                out.write(f"{name} = {value}\n")
        with open(os.path.join(self.config, "master.cf"), "w") as out:
            out.write(self._services())
            for name, (host, port) in self.addresses.items():
                if ":" in host:
                    host = f"[{host}]"
                out.write(f"{host}:{port} inet n - n - 300 smtpd\n")
                for word in self._options(name):
                    out.write(f"  -o {word}\n")
        for name in ("main.cf", "master.cf"):   # of this second, it is read
            past = time.time() - 60             # again until the next one
            os.utime(os.path.join(self.config, name), (past, past))

    def _options(self, listener):
        if listener == "sendmail":
            return [f"smtpd_milters={self.milter}", *sample_options(IN)]
        return self.listeners[listener][1].replace(
            "MILTER", self.milter).split(" ")

    def _services(self):
        if not self.by_listener:
            return self.services
        pickup, services = self.services.split("\n", 1)
        port = str(self.addresses["sendmail"][1])
        return "\n".join([
            pickup, *(f"  -o {o.replace('PORT', port)}" for o in PICKUP),
            "notify-in unix  -  -  n  -  10 smtp",
            *(f"  -o {o}" for o in sample_options("notify-in")), services])

    def make_folders(self):
        os.makedirs(self.config)
        os.makedirs(self.queue)
        os.mkdir(os.path.join(self.queue, "pid"))
        for name in ("active", "bounce", "corrupt", "defer", "deferred",
                     "flush", "hold", "incoming", "private", "saved",
                     "trace"):
            self._folder(os.path.join("queue", name), 0o700)
        self._folder("data", 0o700)
        self._folder("queue/maildrop", 0o1730, "postdrop")
        self._folder("queue/public", 0o2710, "postdrop")

    def _folder(self, name, mode, group=None):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        shutil.chown(path, "postfix", group)
        os.chmod(path, mode)

    def _add_users(self):
        """The SASL users of the listener `auth`. Before the start: a server
        that has found no database does not look again."""
        folder = os.path.join(self.config, "sasl")
        database = os.path.join(folder, "sasldb2")
        os.mkdir(folder)
        with open(os.path.join(folder, "smtpd.conf"), "w") as out:
            out.write("pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                      f"sasldb_path: {database}\nmech_list: PLAIN LOGIN\n")
        for name, password in self.users.items():
            name, _, realm = name.partition("@")
            subprocess.run(["saslpasswd2", "-p", "-c", "-f", database,
                            "-u", realm, name], check=True, text=True,
                           input=password, capture_output=True, timeout=20)
        shutil.chown(database, "root", "postfix")
        os.chmod(database, 0o640)

    def start(self):
        if not os.path.exists(self.config):     # else it has been stopped
            self.make_folders()
            if self.users:
                self._add_users()
        hosts = {name: host for name, (host, _) in self.listeners.items()}
        if self.by_listener:
            hosts["sendmail"] = "127.0.0.1"
        for _ in range(5):      # another program may take a port meanwhile
            ports = free_ports(hosts.values())
            self.addresses = dict(zip(hosts, zip(hosts.values(), ports)))
            self.write_settings()
            self.process = subprocess.Popen(
                [os.path.join(daemon_folder(), "master"), "-c", self.config],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True)
            if self.listens():
                return self
            self.stop()
        raise RuntimeError("Postfix does not start:\n" + self.text()[-2000:])

    def caught_up(self):
        # postlogd(8) writes the lines later, but in their order.
        last = f"line {next(self.lines)} of this test"
        self.tool("postlog", "-t", "test", last)
        until(lambda: last in self.text(), "the log has caught up")
        return self.text()

    def files(self, *queues):
        """The ids in QUEUES, in the order in which a message passes them, so
        that one that moves meanwhile is not missed."""
        return [name for queue in queues
                for _, _, names in os.walk(os.path.join(self.queue, queue))
                for name in names]

    def held(self):
        return set(self.files("hold"))

    def settle(self, timeout=LIMIT, ignore=("hold",)):
        """Wait until nothing is on its way; what IGNOREd queues hold stays."""
        queues = [q for q in self.queues if q not in ignore]
        # Twice: what is in one queue for the second time, having passed a
        # listener, may have been in a later one when that was looked at.
        until(lambda: not self.files(*queues) and not self.files(*queues),
              lambda: f"the queue is empty, not {self.listing()}", timeout)

    def listing(self):
        """The queue as `postqueue -j` gives it."""
        done = self.tool("postqueue", "-j")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def tool(self, name, *args, **options):
        """Run a Postfix command on this instance."""
        return subprocess.run([name, "-c", self.config, *args], text=True,
                              capture_output=True, timeout=60, **options)

    def reload(self):
        """postfix reload, and wait until the services that run have ended:
        one that takes a connection meanwhile has the old settings."""
        before = self.text().count("reload -- version")
        self.tool("postfix", "reload")
        until(lambda: self.text().count("reload -- version") > before,
              "Postfix reloads")
        time.sleep(1)

    def flush(self):
        """Retry all mail in the queue, that of sendmail(1) too."""
        self.tool("postqueue", "-f")
        self.tool("postkick", "public", "pickup", "W")

    def release(self, qid):
        """Release held mail, as an operator would."""
        self.tool("postsuper", "-H", qid)
        self.tool("postqueue", "-i", qid)

    def sendmail(self, args, data):
        """sendmail(1); its output is in the result."""
        return subprocess.run(["sendmail", "-C", self.config, *args],
                              input=data, capture_output=True, timeout=60)
