"""roles - a server with the roles and the database of postfix-sample.

    with Database(folder) as database: ...  made as the samples say
    database.run("notify_milter", text)     statements, as that role
"""
import os
import subprocess

import pq
from milter import HERE, program
from postgresql import Server

SAMPLE = os.path.join(HERE, "..", "..", "..", "postfix-sample")
NAME = "notify"
OWNER, CTL, MILTER, TELEGRAM, BOT = (
    f"notify_{word}" for word in ("owner", "ctl", "milter", "telegram", "bot"))


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
        self.server.psql(os.path.join(SAMPLE, "fleet-roles.sql"))
        self.ctl("init", role=OWNER)
        self.grant()
        return self

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
