#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it is about the Makefile
# not with postgresql: it has no roster
"""The Makefile with the compiler and on the machine that a user has: warnings
of a compiler newer than this tree, and no pkg-config yet."""
import os
import subprocess
import tempfile

from lib import TREE
from lib.tap import case, contains, run, same, true

OBJECT = "policy/base/strmap.o"
WARN = "-O0 -Wstack-usage=1"


def make(*args, **more):
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "WERROR")}
    return subprocess.run(["make", *args], cwd=TREE, capture_output=True,
                          text=True, env={**env, **more}, timeout=120)


def compile_one(*args):
    with tempfile.TemporaryDirectory(prefix="nm-build-") as folder:
        return make("-s", f"BUILD={folder}", f"CFLAGS={WARN}", *args,
                    f"{folder}/{OBJECT}")


@case("a warning stops no build of a user's")
def _():
    done = compile_one()
    contains(done.stderr, "[-Wstack-usage=]", "words of the compiler")
    same(done.returncode, 0, f"exit after {done.stderr}")


@case("a warning stops a build for this tree's own checks")
def _():
    done = compile_one("WERROR=-Werror")
    contains(done.stderr, "[-Werror=stack-usage=]", "words of the compiler")
    true(done.returncode != 0, "make fails")
    for target in ("check", "check-deep"):
        contains(make("-n", "-B", target).stdout, " -Werror ", target)


@case("where there is no pkg-config yet, make says nothing of it")
def _():
    done = make("-n", "deps", "PKG_CONFIG=/nowhere/pkg-config")
    same(done.stderr, "", "errors")


run()
