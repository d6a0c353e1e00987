#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix node
# not with sanitizer: it is about another program
"""The ordinary path against an API that was written elsewhere.

telegram-test-api (npm) is installed into the directory $NM_NODE, build/node by
default, if it is not there. It injects no errors, and ignores offset and
timeout."""
import fcntl
import json
import os
import socket
import subprocess
import time
import urllib.request

from lib import TREE, needs
from lib.postfix import free_ports
from lib.roster import ANN, BALANCE, OLGA, entitled
from lib.tap import contains, same, true
from lib.telegram import ChatLab, case, run

PACKAGE = "telegram-test-api@4.2.1"
NODE = os.path.abspath(os.environ.get("NM_NODE") or os.path.join(
    TREE, "build", "node"))
SERVER = """\
const Server = require("telegram-test-api");
new (Server.default || Server)({host: "127.0.0.1", storeTimeout: 600,
    port: Number(process.argv[1])}).start();
"""
CHAT = 7001


def missing():
    """Why the package cannot be had, or None once it is there."""
    os.makedirs(NODE, exist_ok=True)
    with open(os.path.join(NODE, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # another test may be at it
        if os.path.isdir(os.path.join(NODE, "node_modules",
                                      "telegram-test-api", "lib")):
            return None
        # Where the registry cannot be reached npm retries for over a minute.
        done = subprocess.run(
            ["npm", "install", "--prefix", NODE, "--no-audit", "--no-fund",
             "--fetch-retries=0", "--fetch-timeout=10000", PACKAGE],
            capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        return f"npm does not install {PACKAGE}: " + " ".join(
            done.stderr.split())[-200:]
    return None


class Elsewhere(ChatLab):
    """A lab whose API is the other one."""

    node = None

    def _start(self):
        super()._start()
        self.port = free_ports(["127.0.0.1"])[0]
        self.node = subprocess.Popen(
            ["node", "-e", SERVER, str(self.port)], cwd=NODE,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "NODE_PATH": os.path.join(NODE,
                                                         "node_modules")})
        self.until(self.listens, "node listens", timeout=30)

    def listens(self):
        if self.node.poll() is not None:
            raise RuntimeError(f"node ends with {self.node.returncode}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.node is not None:
            self.node.kill()
            self.node.wait()
            self.node = None
        super().stop()

    def set_up(self, folder, conf):
        super().set_up(folder, conf)
        if self.node is not None:
            conf.defaults.update(api=f"http://127.0.0.1:{self.port}")

    def client(self, method, **body):
        """The client's side of it, as its telegramClient does it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{method}",
            json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def write(self, text):
        person = {"id": CHAT, "first_name": "Ann", "username": "ann"}
        self.client(
            "sendCommand", botToken=self.api.token, date=int(time.time()),
            text=text, chat={**person, "type": "private"},
            entities=[{"type": "bot_command", "offset": 0,
                       "length": len(text.split(" ")[0])}],
            **{"from": {**person, "is_bot": False}})

    def read(self):
        """What the chat has got since it was read."""
        found = self.client("getUpdates", token=self.api.token, chatId=CHAT)
        return [update["message"] for update in found["result"]]

    def wait_read(self):
        return self.until(self.read, "a message in the chat")

# It knows no setMyCommands.
NO_MENU = "list of the bot's commands"


@case("a chat that opens the link from connect is linked, and gets an answer",
      expect=NO_MENU)
def _(site):
    site.bot.start()
    site.write("/start " + site.connect_token("acme", ANN))
    message, = site.wait_read()
    contains(message["text"], ANN, "answer")
    same(site.chats(), {("acme", ANN): CHAT}, "links")
    site.write("/status")
    contains(site.wait_read()[0]["text"], "acme", "answer to /status")
    site.write("/stop")
    contains(site.wait_read()[0]["text"], "acme", "answer to /stop")
    same(site.chats(), {}, "links")


@case("a message arrives in the chat as text, once",
      expect=NO_MENU)
def _(site):
    site.bot.start()
    site.write("/start " + site.connect_token("acme", ANN))
    site.wait_read()
    result = site.tell([OLGA], body="You owe 5 < 6 & 7 \u20ac.\n", headers=(
        "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit"))
    message, = site.wait_read()
    site.postfix.settle()
    same(result.recipients(), sorted(entitled(BALANCE, "acme")), "by mail")
    same(site.read(), [], "more messages")
    lines = message["text"].split("\n")
    same(lines[0], f"Notice {result.mark}", "first line")
    contains(lines, "You owe 5 < 6 & 7 \u20ac.", "lines")
    true(lines[-1].startswith("Balance and payments \u00b7 acme"), "last line")
    same(message["entities"], [{"type": "bold", "offset": 0,
                                "length": len(lines[0])}], "entities")
    same([d.outcomes for d in site.deliveries(result)], [["sent"]],
         "outcomes")


reason = missing()
if reason:
    needs.skip(reason)
run(Elsewhere)
