# SPDX-License-Identifier: BSD-2-Clause
"""pgproxy - stands between a program and a PostgreSQL server.

    proxy = Proxy(server.folder).start()    proxy.port, on loopback
    proxy.allow(80)         bytes of answers, then the connections are cut
    proxy.count()           from now on, how often an answer is waited for

It does not parse the protocol.
"""
import contextlib
import os
import select
import socket
import threading

HOLD = 0.04     # seconds that an answer is kept back, to see if more is asked


class Proxy:
    def __init__(self, folder):
        self.path = os.path.join(folder, ".s.PGSQL.5432")
        self.left = None
        self.waits = None
        self.lock = threading.Lock()
        self.listening = self.port = None

    def start(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self):
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def allow(self, octets):
        """None: all of them."""
        with self.lock:
            self.left = octets

    def count(self):
        self.waits = 0

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                threading.Thread(target=self._serve, args=(client,),
                                 daemon=True).start()

    def _serve(self, client):
        server = socket.socket(socket.AF_UNIX)
        with client, server, contextlib.suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.connect(self.path)
            asked = False
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if client in ready:
                    data = client.recv(65536)
                    if not data:
                        return
                    server.sendall(data)
                    asked = True
                elif self._more(client):
                    continue
                else:
                    if asked and self.waits is not None:
                        self.waits += 1
                    asked = False
                    if not self._answer(server, client):
                        return

    def _more(self, client):
        """Does the client send more before it gets an answer?"""
        return (self.waits is not None
                and select.select([client], [], [], HOLD)[0])

    def _answer(self, server, client):
        data = server.recv(65536)
        with self.lock:
            if self.left is not None:
                cut = self.left < len(data)
                data = data[:self.left]
                self.left -= len(data)
            else:
                cut = False
        client.sendall(data)
        return data and not cut
