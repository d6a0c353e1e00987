# SPDX-License-Identifier: BSD-2-Clause
"""roles - a server with the roles and the database of postfix-sample.

    with Database(folder) as database: ...  made as the samples say
    database.run("notify_milter", text)     statements, as that role
"""
import os
import re
import subprocess

from lib import TREE, pq
from lib.milter import program
from lib.postgresql import OWNER as SUPERUSER, Server, client

SAMPLE = os.path.join(TREE, "postfix-sample")
INSTALLED = "/usr/share/doc/notify-milter/postfix-sample"
HOST = "-h db1.example.com "
NAME = "notify"
OWNER, CTL, MILTER, TELEGRAM, BOT = (
    f"notify_{word}" for word in ("owner", "ctl", "milter", "telegram", "bot"))


def commands():
    """The commands of the samples' README, on a fleet, in order."""
    with open(os.path.join(SAMPLE, "README.md")) as file:
        text = file.read().partition("\n## A fleet")[2].partition("\n## ")[0]
    text = text.replace("\\\n", "")
    return re.findall(r"(?m)^    (\S.*?)(?:  +#.*)?$", text)


class Database:
    """CONF is a Milter whose settings name it, without a role."""

    def __init__(self, conf, server=None):
        self.conf = conf
        self.server = server or Server()
        if self.server.process is None:
            self.server.start()
        conf.defaults["url"] = (f"postgresql:///{NAME}?host="
                                f"{self.server.folder}")
        conf.write()

    def make(self):
        """As the samples' README says."""
        for line in commands():
            if "roster.csv" not in line:
                self.shell(line)
        return self

    def shell(self, line):
        """Run LINE of that README, with the server at hand."""
        done = subprocess.run(
            ["bash", "-c", f"""
             psql() {{ '{client("psql")}' -X "$@"; }}
             notifyctl() {{
                 if [ "$1" = -c ]; then set -- "$@"
                 else set -- -c '{self.conf.file}' "$@"; fi
                 '{program("notifyctl")}' "$@"; }}
             cd '{os.path.dirname(self.conf.file)}' &&
             {line.replace(INSTALLED, SAMPLE).replace(HOST, "")}"""],
            capture_output=True, text=True, timeout=60, env={
                **os.environ, "PGHOST": self.server.folder,
                "PGUSER": SUPERUSER, "PGDATABASE": "postgres"})
        if done.returncode != 0 or "ERROR" in done.stderr:
            raise AssertionError(f"{line}: {done}")

    def grant(self):
        self.server.psql(os.path.join(SAMPLE, "fleet-grants.sql"), NAME, OWNER)

    def ctl(self, *args, role=CTL, as_=None, check=True, input=None):
        """Run notifyctl in ROLE."""
        command = [program("notifyctl"), "-c", self.conf.file]
        if as_:
            command += ["--as", as_]
        done = subprocess.run(
            [*command, *args], input=input, text=True, capture_output=True,
            timeout=60, env={**os.environ, "PGUSER": role})
        if check and done.returncode != 0:
            raise AssertionError(f"notifyctl {args}: {done}")
        return done

    def connect(self, role=None):
        return pq.Connection(self.server.url(NAME, role) if role
                             else self.server.url(NAME))

    def run(self, role, text, *values):
        with self.connect(role) as connection:
            return connection.run(text, *values)
