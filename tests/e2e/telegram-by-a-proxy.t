#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it goes by time
# needs: root postfix
"""notify-telegram and notify-bot reach the API by the proxy of the settings
alone; whatever stands between, the log says what to do, and nothing is lost."""
import base64
import contextlib
import os
import socket
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lib.roster import ANN
from lib.tap import Skip, contains, lacks, same
from lib.telegram import Delivery, Site, case, local_copy, mail, run

CHAT = 7001
SECRET = "s3cr@t"
PAGE = b"<html><body>Please log in</body></html>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="text/html"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        self.answer(self.server.status or 403, PAGE)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers.get("Proxy-Authorization"))
        if self.server.status:
            self.answer(self.server.status, PAGE)
            return
        request = urllib.request.Request(
            self.server.api + self.path, body, {"Content-Type": self.headers["Content-Type"]})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as answer:
            self.answer(answer.status, answer.read(), "application/json")

    def log_message(self, *_):
        pass


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host, status):
        self.address_family = (socket.AF_INET6 if ":" in host
                               else socket.AF_INET)
        self.seen, self.status = [], status
        self.api = ""       # in front of a path, where it is no proxy
        super().__init__((host, 0), _Handler)

    def handle_error(self, *_):
        pass


@contextlib.contextmanager
def proxy(host="127.0.0.1", status=0):
    """A proxy; STATUS is its answer to anything."""
    server = _Proxy(host, status)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    host = f"[{host}]" if ":" in host else host
    server.place = f"{host}:{server.server_address[1]}"
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def defers(site, link, *words, **options):
    """The message is deferred, in one line with WORDS, and is sent later."""
    got = site.agent(link, **options).must(75, "again")
    for word in words:
        contains(got.lines[0], word, "log line")
    return got


@case("both programs use the proxy, with its password, which is shown nowhere")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    with proxy() as p:
        site.settings(proxy=f"http://user:s3cr%40t@{p.place}")
        got = site.agent(ann).must(0, "sent")
        want = "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()
        same(p.seen, [want], "what the proxy was told by notify-telegram")
        site.bot.start()
        contains(site.ask(CHAT, "/status"), ANN, "answer")
        same(set(p.seen), {want}, "what the proxy was told")
        site.bot.end()
        for text in (got.err, "\n".join(site.bot.since())):
            lacks(text, "s3cr", "log")


@case("variables of the environment count for neither program")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    env = {name: "http://127.0.0.1:1" for name in
           ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY")}
    site.agent(ann, env=env).must(0, "sent")
    site.bot.start(env=env)
    contains(site.ask(CHAT, "/status"), ANN, "answer")
    site.bot.end()
    with proxy() as p:
        site.settings(proxy=p.place)
        site.agent(ann, env={"no_proxy": "*", "NO_PROXY": "*"}).must(0, "sent")
        same(len(p.seen), 1, "requests by the proxy")


@case("a proxy that wants a password, answers with a page or is away defers, "
      "and the line says what to do")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    for status, word in ((407, "asks for a user and a password"),
                         (200, "answers in its place"),
                         (403, "answers in its place"), (503, "503")):
        with proxy(status=status) as p:
            site.settings(proxy=p.place)
            defers(site, ann, word)
    site.settings(proxy=p.place)
    defers(site, ann, "onnect", "see proxy in [telegram]")
    for status, word in ((407, "asks for a user and a password"),
                         (403, "the proxy does not connect")):
        with proxy(status=status) as p:
            site.settings(proxy=f"http://u:{SECRET[:4]}@{p.place}",
                          api="https://api.invalid")
            got = defers(site, ann, word)
            lacks(got.err, "s3cr", "output")
    site.settings()
    site.agent(ann).must(0, "sent")
    same(len(site.api.texts(CHAT)), 1, "texts")


@case("the bot outlasts a proxy that wants a password, and says so once",
      expect="asks for a user and a password")
def _(site):
    site.link_to("acme", ANN, CHAT)
    since = site.bot.mark()
    with proxy(status=407) as p:
        site.settings(proxy=p.place)
        site.api.say(CHAT, "/status")
        site.bot.start()
        site.bot.wait_line("asks for a user", since)
        p.status = 0
        site.api.wait_text(CHAT)
        site.bot.wait_line("it works again", since)
        site.bot.end()
    same(len(site.bot.troubles(since)), 1, "lines")


@case("a proxy, or an API, with an IPv6 address alone is used")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    try:
        with proxy("::1") as p:
            site.settings(proxy=f"http://{p.place}/")
            site.agent(ann).must(0, "sent")
            same(len(p.seen), 1, "requests by the proxy")
            p.api = site.api.url
            site.settings(api=f"http://{p.place}")
            site.agent(ann).must(0, "sent")
            site.bot.start()
            contains(site.ask(CHAT, "/status"), ANN, "answer")
            site.bot.end()
    except OSError as why:
        raise Skip(f"no IPv6: {why}") from why


def apart(site, link, *words, namespace):
    """The message is deferred in one line with WORDS, by an agent that the
    command NAMESPACE runs."""
    data = mail()
    with open(site.path("a-mail", data), "rb") as file:
        done = subprocess.run(
            [*namespace, local_copy(site.folder, "notify-telegram"),
             "-c", site.conf.file, "4XQueueId", site.keyed(link, data)],
            stdin=file, capture_output=True, text=True, timeout=60)
    if done.returncode not in (0, 75):
        raise Skip(f"no namespace: {done.stderr}")
    got = Delivery(done.returncode, done.stderr).must(75, "again")
    for word in words:
        contains(got.lines[0], word, "log line")


@case("without a route to the API the line says so")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    for host in ("[2001:db8::1]", "192.0.2.1"):
        site.settings(api=f"https://{host}")
        apart(site, ann, "onnect to server (", "set proxy in [telegram]",
              namespace=["unshare", "-n"])


@case("without certificates the line says which package to install")
def _(site):
    ann = site.link_to("acme", ANN, CHAT)
    site.settings(api=site.api.url.replace("http:", "https:"))
    empty = os.path.join(site.folder, "empty")
    os.makedirs(empty, exist_ok=True)
    apart(site, ann, "install the package ca-certificates",
          namespace=["unshare", "-m", "sh", "-c", 'mount --bind "$1"'
                     ' /etc/ssl/certs && shift && exec "$@"', "sh", empty])


run(Site)
