# SPDX-License-Identifier: BSD-2-Clause
"""botapi - a small stand-in for the Telegram Bot API, on loopback.

    api = BotAPI().start()          answers at api.url, to the token api.token
    api.person(7)                   a chat that can be written to
    api.say(7, "/start")            an update that getUpdates gives
    api.texts(7)                    what has been sent to the chat
    api.fail(BLOCKED)               the next sendMessage is answered with that
    with api.failing(BAD_GATEWAY, method="getUpdates"): ...
    with api.away(): ...            nobody listens meanwhile

It follows the server's source (tdlib/telegram-bot-api, Client.cpp) where a
client can tell: what confirms updates, who of two pollers gets 409, which
texts and entities are refused and with which words.
"""
import contextlib
import json
import math
import random
import re
import secrets
import socket
import string
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lib.postfix import free_ports
from lib.waiting import LIMIT

TEXT_MAX = 4096             # UTF-16 code units, after entities
TEXT_BYTES_MAX = 1 << 15
AHEAD = 10                  # an offset further ahead is taken for a mistake
# Telegram's limits: so many messages in so many seconds.
ALL, CHAT, GROUP = (30, 1), (1, 1), (20, 60)

CONFLICT = ("Conflict: terminated by other getUpdates request; make sure that "
            "only one bot instance is running")
WEBHOOK = ("Conflict: can't use getUpdates method while webhook is active; "
           "use deleteWebhook to delete the webhook first")


class Answer:
    """What goes back: a status and a body. SLEEP s pass before it; with CUT
    the connection ends in the middle of it; with TRUTH the request is carried
    out and answered as usual, only later."""

    def __init__(self, status=200, body=b"", kind="application/json",
                 sleep=0, cut=False, truth=False, headers=()):
        self.status, self.body, self.kind = status, body, kind
        self.sleep, self.cut, self.truth = sleep, cut, truth
        self.headers = dict(headers)


def document(status, **members):
    return Answer(status, json.dumps(members).encode())


def error(code, description, sleep=0, **parameters):
    """An error as the API reports it."""
    more = {"parameters": parameters} if parameters else {}
    answer = document(code, ok=False, error_code=code,
                      description=description, **more)
    answer.sleep = sleep
    if "retry_after" in parameters:
        answer.headers["Retry-After"] = str(parameters["retry_after"])
    return answer


def too_many(seconds):
    return error(429, f"Too Many Requests: retry after {seconds}",
                 retry_after=seconds)


def migrated(chat):
    return error(400, "Bad Request: group chat was upgraded to a supergroup "
                 "chat", migrate_to_chat_id=chat)


def text(body, status=200, kind="application/json"):
    """A body that the API would not send."""
    return Answer(status, body.encode(), kind)


def slow(seconds):
    """The usual answer, but late."""
    return Answer(sleep=seconds, truth=True)


HTML = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center>" \
       "<h1>{0}</h1></center>\r\n<hr><center>nginx</center>\r\n</body></html>"

BLOCKED = error(403, "Forbidden: bot was blocked by the user")
KICKED = error(403, "Forbidden: bot was kicked from the supergroup chat")
DEACTIVATED = error(403, "Forbidden: user is deactivated")
NOT_MEMBER = error(403, "Forbidden: bot is not a member of the channel chat")
NOT_FOUND = error(400, "Bad Request: chat not found")
NO_RIGHTS = error(400, "Bad Request: not enough rights to send text messages "
                  "to the chat")
BAD_ENTITY = error(400, "Bad Request: entity beginning at UTF-16 offset 0 ends"
                   " after the end of the text at UTF-16 offset 9")
UNAUTHORIZED = error(401, "Unauthorized")
LOGGED_OUT = error(400, "Logged out")       # logOut was called
FROZEN = error(400, "Bad Request: FROZEN_METHOD_INVALID")
NO_METHOD = error(404, "Not Found")
SECOND_POLLER = error(409, CONFLICT)
INTERNAL = error(500, "Internal Server Error: restart")
BAD_GATEWAY = text(HTML.format("502 Bad Gateway"), 502, "text/html")
FORBIDDEN_PAGE = text(HTML.format("403 Forbidden"), 403, "text/html")
CUT = Answer(200, b'{"ok":true,"result":{"message_id":1,"date":', cut=True)
NOT_JSON = text("<html>Please log in to the hotel's network</html>",
                kind="text/html")
WRONG_JSON = text('{"ok":"yes","result":7}')
EMPTY = text("")


class Request:
    """One request as it came."""

    def __init__(self, method, params):
        self.method, self.params = method, params
        self.at = time.monotonic()
        self.status = None      # of the answer

    def __repr__(self):
        return f"<{self.method} {self.params} {self.status}>"


class _Refused(Exception):
    def __init__(self, answer):
        super().__init__(answer.body)
        self.answer = answer


def bad_request(description):
    return _Refused(error(400, f"Bad Request: {description}"))


def units(string_):
    """Its length in UTF-16 code units."""
    return len(string_.encode("utf-16-le")) // 2


def _inside(string_, unit):
    """Whether UNIT is in the middle of a character."""
    at = 0
    for character in string_:
        if at >= unit:
            break
        at += units(character)
    return at > unit


def _integer(value, default, low, high):
    try:
        return min(max(int(value), low), high)
    except (TypeError, ValueError):
        return default


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "")
        answer = self.server.api.handle(self.path, kind, body)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) + (100 if answer.cut else 0)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        if answer.cut:
            self.close_connection = True

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 50

    def __init__(self, address, api):
        self.api = api
        self.connections = set()
        super().__init__(address, _Handler)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_):
        pass        # the client has gone

    def hang_up(self):
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class BotAPI:
    """The server; start() and stop() it."""

    def __init__(self, host="127.0.0.1"):
        alphabet = string.ascii_letters + string.digits + "_-"
        self.secret = "".join(secrets.choice(alphabet) for _ in range(35))
        self.token = f"{random.randrange(10**9, 10**10)}:{self.secret}"
        self.address = (host, free_ports([host])[0])
        self.requests = []
        self.sent = []              # (chat, text, params) in order
        self.chats = {}             # id: what updates say of the chat
        self.blocked = {}           # id: the answer to whoever writes there
        self.topics = {}            # (chat, number): "open" or "closed"
        self.commands = {}          # language: what phones offer
        self.updates = []           # not confirmed yet
        self.next_update = random.randrange(10**8, 9 * 10**8)
        self.next_message = 1
        self.webhook = False
        self.on_request = None      # called with each request
        self.limits = False         # is what exceeds them answered with 429?
        self.latency = 0            # of each sendMessage
        self._accepted = {}         # who: when
        self._faults = []           # [method, chat, answer, how many times]
        self._poller = None         # who waits in getUpdates
        self._changed = threading.Condition()
        self._server = self._thread = None

    @property
    def url(self):
        return "http://{}:{}".format(*self.address)

    # Life

    def start(self):
        self._server = _Server(self.address, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """Stop listening and cut every connection; harmless when done
        twice."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._server = None
        with self._changed:
            self._poller = None
            self._changed.notify_all()

    @contextlib.contextmanager
    def away(self):
        """Nobody listens during the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    # Chats

    def person(self, chat, name="Ann"):
        self.chats[chat] = {"id": chat, "type": "private", "first_name": name}
        return chat

    def group(self, chat, kind="supergroup"):
        self.chats[chat] = {"id": chat, "type": kind, "title": "Everybody"}
        return chat

    def say(self, chat, text_=None, kind="message", person=None, **more):
        """A message in CHAT; the update's number."""
        person = person or (chat if chat > 0 else 4711)
        with self._changed:
            message = {"message_id": self.next_message,
                       "from": {"id": person, "is_bot": False,
                                "first_name": "Ann"},
                       "chat": self.chats[chat], "date": int(time.time()),
                       **more}
            self.next_message += 1
            if text_ is not None:
                message["text"] = text_
            if text_ and text_.startswith("/"):
                message["entities"] = [
                    {"type": "bot_command", "offset": 0,
                     "length": units(text_.split(None, 1)[0])}]
            number = self.next_update
            self.next_update += 1
            self.updates.append({"update_id": number, kind: message})
            self._changed.notify_all()
        return number

    def texts(self, chat=None):
        """What was sent to CHAT, or to all, oldest first."""
        with self._changed:
            return [t for c, t, _ in self.sent if chat in (None, c)]

    def chats_of(self, part):
        """The chats that got a text with PART, one for each time."""
        with self._changed:
            return [c for c, t, _ in self.sent if part in t]

    # Faults

    def fail(self, *answers, method="sendMessage", chat=None, times=1):
        """Answer the next requests with ANSWERS, one after the other; each
        so many TIMES. CHAT: only those to it."""
        with self._changed:
            self._faults += [[method, chat, a, times] for a in answers]

    @contextlib.contextmanager
    def failing(self, answer, method="sendMessage", chat=None):
        """Answer every request with ANSWER during the block."""
        rule = [method, chat, answer, float("inf")]
        with self._changed:
            self._faults.append(rule)
        try:
            yield
        finally:
            with self._changed:
                # Pending updates are dropped, too.
                self._faults = [f for f in self._faults if f is not rule]

    def _fault(self, method, params):
        with self._changed:
            for rule in self._faults:
                if rule[0] != method or rule[1] not in (
                        None, params.get("chat_id")):
                    continue
                rule[3] -= 1
                if rule[3] <= 0:
                    self._faults.remove(rule)
                return rule[2]
        return None

    # Requests so far

    def asked(self, method="sendMessage", since=0, chat=None):
        """The requests for METHOD from the index SINCE on."""
        with self._changed:
            return [r for r in self.requests[since:] if r.method == method
                    and chat in (None, r.params.get("chat_id"))]

    def mark(self):
        with self._changed:
            return len(self.requests)

    def wait(self, condition, what, timeout=LIMIT):
        """Wait until CONDITION() is true, and return what it said."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                value = condition()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{what}: not within {timeout} s; "
                                       f"last asked: {self.requests[-5:]}")
                self._changed.wait(left)

    def wait_text(self, chat, count=1, timeout=LIMIT):
        """The texts sent to CHAT, once there are COUNT."""
        return self.wait(
            lambda: len(self.texts(chat)) >= count and self.texts(chat),
            f"{count} texts to {chat}", timeout)

    # Requests

    def handle(self, path, kind, body):
        """Answer one request; None hangs up."""
        if self.on_request is not None:
            self.on_request()
        found = re.fullmatch(r"/bot([^/]*)/(\w+)", path)
        request = Request(found[2] if found else path, None)
        try:
            request.params = self._params(kind, body)
            answer = self._answer(found, request)
        except _Refused as why:
            answer = why.answer
        except ConnectionAbortedError:
            return None
        request.status = answer.status
        with self._changed:
            self._changed.notify_all()
        return answer

    @staticmethod
    def _params(kind, body):
        if kind.split(";")[0].strip().lower() != "application/json":
            raise bad_request(f"the stand-in takes JSON only, not {kind}")
        try:
            params = json.loads(body.decode("utf-8"))
        except UnicodeDecodeError:
            raise bad_request("strings must be encoded in UTF-8") from None
        except ValueError:
            raise bad_request("can't parse JSON") from None
        if not isinstance(params, dict):
            raise bad_request("expected an Object")
        return params

    def _answer(self, found, request):
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        if not found or not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", found[1]):
            raise _Refused(NO_METHOD)
        if found[1] != self.token:
            raise _Refused(UNAUTHORIZED)
        fault = self._fault(request.method, request.params)
        if fault is not None:
            self._sleep(fault)
            if not fault.truth:
                return fault
        method = {"getUpdates": self._get_updates, "getMe": self._get_me,
                  "sendMessage": self._send_message,
                  "setMyCommands": self._set_my_commands}.get(request.method)
        if method is None:
            raise _Refused(error(404, "Not Found: method not found"))
        return document(200, ok=True, result=method(request.params))

    def _sleep(self, answer):
        """Wait, unless the server stops meanwhile."""
        server, began = self._server, time.monotonic()
        with self._changed:
            while (left := began + answer.sleep - time.monotonic()) > 0:
                if self._server is not server:
                    raise ConnectionAbortedError
                self._changed.wait(left)

    def give(self, answer):
        """Now, however long it was to sleep."""
        with self._changed:
            answer.sleep = 0
            self._changed.notify_all()

    def _set_my_commands(self, params):
        commands = params.get("commands")
        if not isinstance(commands, list) or len(commands) > 100:
            raise bad_request("can't parse commands: expected an Array")
        for command in commands:
            if not re.fullmatch(r"/?[a-z0-9_]{1,32}",
                                command.get("command", "")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= units(command.get("description", "")) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        with self._changed:
            self.commands[params.get("language_code", "")] = commands
        return True

    def _get_me(self, _):
        return {"id": int(self.token.split(":")[0]), "is_bot": True,
                "first_name": "Bot", "username": "acme_notify_bot"}

    # getUpdates

    def _get_updates(self, params):
        offset = _integer(params.get("offset"), 0, -2**31, 2**31 - 1)
        limit = _integer(params.get("limit"), 100, 1, 100)
        timeout = _integer(params.get("timeout"), 0, 0, 50)
        deadline = time.monotonic() + timeout
        with self._changed:
            if self.webhook:
                raise _Refused(error(409, WEBHOOK))
            self._confirm(offset)
            server = self._server
            me = None
            while not self.updates and time.monotonic() < deadline:
                if me is None:
                    # Whoever waited until now is told off.
                    me = self._poller = object()
                    self._changed.notify_all()
                self._changed.wait(deadline - time.monotonic())
                if self._server is not server:
                    raise ConnectionAbortedError
                if self._poller is not me:
                    raise _Refused(SECOND_POLLER)
                if self.webhook:
                    raise _Refused(error(409, "Conflict: terminated by "
                                         "setWebhook request"))
            return self.updates[:limit]

    def _confirm(self, offset):
        if offset < 0:
            self.updates = self.updates[offset:]
        elif offset <= self.next_update + AHEAD:
            self.updates = [u for u in self.updates
                            if u["update_id"] >= offset]

    def set_webhook(self, on=True):
        with self._changed:
            self.webhook = on
            self._changed.notify_all()

    # sendMessage

    def _send_message(self, params):
        chat = params.get("chat_id")
        if chat in (None, ""):
            raise bad_request("chat_id is empty")
        content = params.get("text")
        if not content:
            raise bad_request("message text is empty")
        if not isinstance(content, str):
            raise bad_request("text must be a string")
        self._check_text(content, params.get("parse_mode") or "")
        entities = [self._entity(e) for e in params.get("entities") or ()]
        if isinstance(chat, bool) or not re.fullmatch(r"-?\d+", str(chat)) \
                or int(chat) not in self.chats:
            raise _Refused(NOT_FOUND)
        if int(chat) in self.blocked:
            raise _Refused(self.blocked[int(chat)])
        if self.latency:
            time.sleep(self.latency)
        if self.limits:
            self._limit(int(chat))
        self._check_topic(int(chat), params.get("message_thread_id"))
        self._check_entities(content, entities)
        if units(content.strip()) > TEXT_MAX:
            raise bad_request("message is too long")
        if not content.strip():
            raise bad_request("text must be non-empty")
        with self._changed:
            message = {"message_id": self.next_message,
                       "chat": self.chats[int(chat)],
                       "date": int(time.time()), "text": content.strip()}
            self.next_message += 1
            self.sent.append((int(chat), content, params))
            self._changed.notify_all()
        return message

    def _limit(self, chat):
        """Refuse what Telegram's limits do not allow now."""
        limits = [("all", *ALL), (chat, *CHAT)]
        if chat < 0:
            limits.append((("group", chat), *GROUP))
        with self._changed:
            now = time.monotonic()
            for who, count, seconds in limits:
                times = self._accepted.setdefault(who, [])
                del times[:-count]
                if len(times) == count and now - times[0] < seconds:
                    raise _Refused(too_many(
                        math.ceil(seconds - (now - times[0]))))
            for who, _, _ in limits:
                self._accepted[who].append(now)

    def _check_topic(self, chat, topic):
        state = self.topics.get((chat, topic), "none")
        if topic is not None and state != "open":
            raise bad_request("TOPIC_CLOSED" if state == "closed" else
                              "message thread not found")

    @staticmethod
    def _check_text(content, mode):
        try:
            size = len(content.encode("utf-8"))
        except UnicodeEncodeError:      # a lone surrogate
            raise bad_request("strings must be encoded in UTF-8") from None
        if size > TEXT_BYTES_MAX:
            raise bad_request("text is too long")
        mode = mode.lower()
        if mode not in ("", "none", "html", "markdown", "markdownv2"):
            raise bad_request("unsupported parse_mode")
        if mode == "html":
            known = r"<(?!/?(?:b|i|u|s|a|code|pre)\b[^<>]*>)"
            found = re.search(known, content)
            if found:
                raise bad_request("can't parse entities: Unsupported start "
                                  f"tag at byte offset {found.start()}")
        elif mode == "markdown" and content.count("_") % 2:
            raise bad_request("can't parse entities: Can't find end of the "
                              "entity starting at byte offset "
                              f"{content.rindex('_')}")
        elif mode == "markdownv2":
            found = re.search(r"(?<!\\)[>#+=|{}.!-]", content)
            if found:
                raise bad_request("can't parse entities: Character "
                                  f"'{found[0]}' is reserved and must be "
                                  "escaped with the preceding '\\'")

    @staticmethod
    def _entity(entity):
        if not isinstance(entity, dict):
            raise bad_request("can't parse MessageEntity: expected an Object")
        for name in ("offset", "length"):
            if type(entity.get(name)) is not int:
                raise bad_request("can't parse MessageEntity: Can't find "
                                  f"field \"{name}\"")
        if entity.get("type") not in ("bold", "italic", "underline", "code",
                                      "pre", "strikethrough", "spoiler",
                                      "text_link"):
            raise bad_request("can't parse MessageEntity: Unsupported type "
                              "specified")
        if entity["type"] == "text_link" and not re.match(
                r"https?://[^/?#]*\.", str(entity.get("url"))):
            raise bad_request("can't parse MessageEntity: wrong HTTP URL")
        return entity["offset"], entity["length"]

    @staticmethod
    def _check_entities(content, entities):
        total = units(content)
        for offset, length in entities:
            if offset < 0 or length <= 0 or offset > total:
                raise bad_request("receive an entity with incorrect offset "
                                  f"{offset} or length {length}")
            begin = f"entity beginning at UTF-16 offset {offset}"
            if offset + length > total:
                raise bad_request(f"{begin} ends after the end of the text at "
                                  f"UTF-16 offset {offset + length}")
            if _inside(content, offset):
                raise bad_request("entity begins in a middle of a UTF-16 "
                                  f"symbol at offset {offset}")
            if _inside(content, offset + length):
                raise bad_request(f"{begin} ends in a middle of a UTF-16 "
                                  "symbol")
