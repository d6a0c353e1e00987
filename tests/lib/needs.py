# SPDX-License-Identifier: BSD-2-Clause
"""needs - what a test program needs, and whether the machine has it

A test program states it in comment lines above its docstring:

    # needs: root postfix         all of it, or the program is skipped
    # not with sanitizer: it preloads a library
                                  this form is left out, for this reason
    # takes: 30 s                 about; tests/run starts long ones first
    # deep: it takes long         make check leaves it to make check-deep

The words after `needs` are the keys of LOOK, the forms are those of FORMS.
tests/run reads these lines, and so does tap.py in each program: a program that
cannot run here says so at once, before it starts anything.
"""
import glob
import os
import pwd
import re
import shutil
import subprocess
import sys

from lib import (TREE, UNPACKED, pgbouncer, postfix, postgresql,
                 sendmail)

# form: the environment of a program that runs in it
FORMS = {
    "plain": {},
    "sanitizer": {"NM_BUILD": os.path.join(TREE, "build", "san"),
                  "NM_GENTLY": "1"},
    "postgresql": {"NM_DATABASE": "postgresql"},
}


def _root():
    return None if os.geteuid() == 0 else "needs root"


def _postfix():
    if postfix.daemon_folder() is None:
        return "needs Postfix"
    for name in ("postfix", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            return f"needs the user {name}"
    return None


def _postgresql():
    if postgresql.installation() is None:
        return "needs the programs of a PostgreSQL server"
    return None


def _node():
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            return f"needs {name}"
    return None


def program(name):
    """The path of the program NAME, installed or unpacked; or None."""
    return shutil.which(name) or next(iter(glob.glob(
        os.path.join(UNPACKED, "*", "usr", "*bin", name))), None)


def _promtool():
    return None if program("promtool") else "needs promtool"


def _pgbouncer():
    return None if pgbouncer.program() else "needs PgBouncer"


def _mounts():
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "nm", "/mnt"],
        capture_output=True, text=True)
    return done.returncode and f"needs mounts: {done.stderr.strip()}"


LOOK = {"root": _root, "postfix": _postfix, "postgresql": _postgresql,
        "sendmail": sendmail.missing, "node": _node, "promtool": _promtool,
        "mounts": _mounts, "pgbouncer": _pgbouncer}


class Head:
    """A program's statements: NEEDS, a set of words; WITHOUT, {form: why it
    does not run in that}; TAKES, seconds."""

    def __init__(self):
        self.needs, self.without, self.takes = set(), {}, 0


def stated(path):
    """The Head of the program at PATH."""
    head = Head()
    with open(path, "rb") as file:
        for line in file:
            if not line.startswith(b"#"):
                break       # of a program in C the first line does
            line = line.decode()
            if found := re.fullmatch(r"# needs: (.*)\n", line):
                head.needs.update(found[1].split())
            elif found := re.fullmatch(r"# not with (\w+): (.*)\n", line):
                head.without[found[1]] = found[2]
            elif found := re.fullmatch(r"# takes: (\d+) s\n", line):
                head.takes = int(found[1])
    unknown = (head.needs - LOOK.keys()) | (head.without.keys() - FORMS.keys())
    if unknown:
        raise ValueError(f"{path}: unknown in its head: {sorted(unknown)}")
    return head


def forms():
    """The forms that this process runs in."""
    if os.environ.get("NM_DATABASE") == "postgresql":
        yield "postgresql"
    if os.path.basename(os.environ.get("NM_BUILD", "")) == "san":
        yield "sanitizer"


def missing(path):
    """Why the program at PATH cannot run here, or None."""
    head = stated(path)
    for form in forms():
        if form in head.without:
            return f"not with {form}: {head.without[form]}"
    return next(filter(None, (look() for name, look in LOOK.items()
                              if name in head.needs)), None)


def skip(reason):
    """End the program: it is skipped for this REASON."""
    print(f"1..0 # SKIP {reason}", flush=True)
    sys.exit(0)


def check():
    """Skip this program if it cannot run here."""
    reason = missing(sys.modules["__main__"].__file__)
    if reason:
        skip(reason)
