# SPDX-License-Identifier: BSD-2-Clause
"""pq - PostgreSQL's client library, as far as tests need it.

    with Connection(url) as connection: connection.run("SELECT ?", 1)

libpq by ctypes: the Python that runs the tests needs no module for it.
"""
import ctypes

INTEGERS = (20, 21, 23, 26)     # the types of the server's catalogue
BOOLEAN = 16
FRACTIONS = (700, 701, 1700)
OK = (1, 2)                     # PGRES_COMMAND_OK, PGRES_TUPLES_OK


class Error(Exception):
    """The error text of the server, or of the library."""


def _library():
    library = ctypes.CDLL("libpq.so.5")
    for name, result in (("PQconnectdb", ctypes.c_void_p),
                         ("PQexec", ctypes.c_void_p),
                         ("PQerrorMessage", ctypes.c_char_p),
                         ("PQresultErrorMessage", ctypes.c_char_p),
                         ("PQgetvalue", ctypes.c_char_p)):
        getattr(library, name).restype = result
    return library


def quoted(value):
    """VALUE as SQL has it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


class Connection:
    library = None

    def __init__(self, url):
        if Connection.library is None:
            Connection.library = _library()
        self.handle = ctypes.c_void_p(self.library.PQconnectdb(url.encode()))
        if self.library.PQstatus(self.handle) != 0:
            why = self.library.PQerrorMessage(self.handle).decode()
            self.close()
            raise Error(why)
        self.run("SET client_min_messages = warning")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.handle is not None:
            self.library.PQfinish(self.handle)
            self.handle = None

    def run(self, text, *values):
        """Run the statements of TEXT, with VALUES for its question marks; the
        rows of the last."""
        parts = text.split("?") if values else [text]
        if len(parts) != len(values) + 1:
            raise ValueError(f"{len(values)} values for {text}")
        text = parts[0] + "".join(quoted(value) + part for value, part
                                  in zip(values, parts[1:]))
        result = ctypes.c_void_p(self.library.PQexec(self.handle,
                                                     text.encode()))
        try:
            if self.library.PQresultStatus(result) not in OK:
                why = (self.library.PQresultErrorMessage(result)
                       or self.library.PQerrorMessage(self.handle))
                raise Error(f"{text[:300]}: {why.decode().strip()}")
            return [tuple(self._value(result, row, column) for column
                          in range(self.library.PQnfields(result)))
                    for row in range(self.library.PQntuples(result))]
        finally:
            self.library.PQclear(result)

    def _value(self, result, row, column):
        if self.library.PQgetisnull(result, row, column):
            return None
        text = self.library.PQgetvalue(result, row, column).decode()
        kind = self.library.PQftype(result, column)
        if kind == BOOLEAN:
            return int(text == "t")
        if kind in FRACTIONS:
            return float(text)
        return int(text) if kind in INTEGERS else text
