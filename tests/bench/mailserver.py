# SPDX-License-Identifier: BSD-2-Clause
"""mailserver - a private Postfix (tests/lib) with a listener for each milter,
and where its mail goes: smtp-sink, which discards it"""
import os
import subprocess

import rosters
import subjects
from lib import postfix

# cleanup(8) with an alias map, for what does without a milter.
ALIAS_SERVICE = ("alias unix n - n - 0 cleanup\n"
                 "  -o virtual_alias_maps=sqlite:{}\n")


class Sink:
    """smtp-sink(1)."""

    def __init__(self):
        self.port = subjects.free_port()
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["smtp-sink", "-u", rosters.USER, f"127.0.0.1:{self.port}", "500"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        return self

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class BenchPostfix(postfix.Postfix):
    """In FOLDER, which it makes. MILTERS: {listener: its milter's socket, as
    libmilter writes it, or None}. A listener whose name begins with "alias" has
    the alias map that is configured in the file ALIAS."""

    by_listener = False

    def __init__(self, folder, sink, milters, alias=None):
        super().__init__(folder, sink.port, main={
            "virtual_alias_expansion_limit": "30000",
            "milter_content_timeout": "600s"})
        self.listeners = {
            name: ("127.0.0.1", f"smtpd_milters={_as_postfix_writes(milter)}"
                   + (" cleanup_service_name=alias"
                      if name.startswith("alias") else ""))
            for name, milter in milters.items()}
        if alias is not None:
            self.services = postfix.MASTER + ALIAS_SERVICE.format(alias)

    def start(self):
        os.mkdir(self.folder)
        return super().start()


def _as_postfix_writes(where):
    kind, _, rest = (where or "").partition(":")
    if kind != "inet":
        return where or ""
    port, _, host = rest.partition("@")
    return f"inet:{host}:{port}"
