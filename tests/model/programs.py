# SPDX-License-Identifier: BSD-2-Clause
"""programs - runs cases through the programs: the driver and notifyctl."""
import json
import os
import subprocess

import reading

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.path.abspath(os.environ.get("NM_BUILD")
                        or os.path.join(HERE, "..", "..", "build"))
SETTINGS = """\
[database]
url = {url}
[milter]
socket = unix:{folder}/milter.sock
stats_file =
{milter}
[telegram]
domain = {domain}
stats_file =
[mail]
sendmail = /bin/true
"""


def settings_text(settings, folder, url):
    milter = "\n".join(f"{name} = {value}" for name, value
                       in sorted(settings.items()) if name != "domain")
    return SETTINGS.format(folder=folder, url=url, milter=milter,
                           domain=settings["domain"])


def to_octets(what):
    """WHAT, each string as one whose characters are its bytes."""
    if isinstance(what, str):
        return what.encode("utf-8", "surrogateescape").decode("latin-1")
    if isinstance(what, dict):
        return {name: to_octets(value) for name, value in what.items()}
    if isinstance(what, (list, tuple)):
        return [to_octets(value) for value in what]
    return what


def from_octets(what):
    if isinstance(what, str):
        return what.encode("latin-1").decode("utf-8", "surrogateescape")
    if isinstance(what, dict):
        return {name: from_octets(value) for name, value in what.items()}
    if isinstance(what, list):
        return [from_octets(value) for value in what]
    return what


def forced(step):
    """The SQL of a step that no command would make."""
    key = reading.address(step["address"]).key.replace("'", "''")
    user = (f"FROM user u JOIN account a ON a.id = u.account WHERE u.key ="
            f" '{key}' AND a.name = '{step['account']}'")
    if step["what"] == "chat":
        return (f"INSERT INTO link(user, chat) SELECT u.id,"
                f" {int(step['chat'])} {user}"
                " ON CONFLICT (user) DO UPDATE SET chat = excluded.chat")
    return (f"INSERT INTO subscription(account, category, user)"
            f" SELECT a.id, (SELECT id FROM category WHERE slug ="
            f" '{step['slug']}'), u.id {user} ON CONFLICT DO NOTHING")


class Died(Exception):
    """The driver died during a case."""


class Driver:
    """A running tests/model/driver.c."""

    def __init__(self, folder, url):
        self.folder, self.url, self.process = folder, url, None

    def start(self):
        self.errors = open(os.path.join(self.folder, "errors"), "w+b")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "model"), self.folder, self.url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.errors.close()
            self.process = None

    def finish(self):
        """Let it exit by itself, so that it reports leaks."""
        if self.process is not None:
            self.process.stdin.close()
            status = self.process.wait(60)
            if status != 0:
                raise Died(self.last_words(status))
            self.stop()

    def last_words(self, status):
        self.errors.seek(0)
        text = self.errors.read().decode("utf-8", "replace")
        return f"the driver ended with {status}: {text[:3000]}"

    def wire(self, case):
        settings = dict(case["settings"])
        steps = []
        for step in case["steps"]:
            if step["do"] == "settings":
                settings.update(step["settings"])
                step = {"do": "settings",
                        "text": settings_text(settings, self.folder, self.url)}
            elif step["do"] == "force":
                step = {"do": "force", "sql": forced(step)}
            steps.append(step)
        return {"settings": settings_text(case["settings"], self.folder,
                                          self.url),
                "steps": steps}

    def run(self, case):
        """What became of each step."""
        if self.process is None:
            self.start()
        line = json.dumps(to_octets(self.wire(case))).encode() + b"\n"
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
            told = self.process.stdout.readline()
        except BrokenPipeError:
            told = b""
        if not told:
            words = self.last_words(self.process.wait())
            self.stop()
            raise Died(words)
        return from_octets(json.loads(told))
