# SPDX-License-Identifier: BSD-2-Clause
"""pgserver - a private PostgreSQL server, and the processor time it takes"""
import usage
from lib import postgresql, pq
from lib.postfix import free_ports

# The roster fits into memory, as in production.
MEMORY = "shared_buffers = 512MB\n"


class Server(postgresql.Server):
    """Listens on a UNIX socket, and on loopback."""

    def __init__(self):
        self.port = free_ports(["127.0.0.1"])[0]
        super().__init__(MEMORY + "listen_addresses = '127.0.0.1'\n"
                         f"port = {self.port}\n")

    def url(self, database="postgres", role=postgresql.OWNER, tcp=False):
        if tcp:
            return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"
        return f"{super().url(database, role)}&port={self.port}"

    def settle(self):
        """After many changes: update statistics, and vacuum."""
        with pq.Connection(self.url()) as connection:
            connection.run("VACUUM ANALYZE")
            connection.run("CHECKPOINT")

    def spent(self):
        return usage.spent(self.process.pid)
