#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# not with sanitizer: it is about documents
# not with postgresql: it has no roster
"""The RPM spec and the container file against the Makefile, the changelog and the
Debian package; parsed by rpmspec and rpmlint where they are installed."""
import glob
import os
import re
import shutil
import subprocess

from lib import TREE, tap
from lib.tap import Skip, case, same, true

SPEC = "tools/package/rpm/notify-milter.spec"
# The macros of systemd-rpm-macros, which Debian does not have.
MACROS = ("_unitdir /usr/lib/systemd/system",
          "_sysusersdir /usr/lib/sysusers.d", "_docdir /usr/share/doc",
          "dist .el10", "systemd_post() :", "systemd_preun() :",
          "systemd_postun() :")
# No BuildRoot since rpm 4.6; the source is made by git archive.
USUAL = re.compile(r"no-buildroot-tag|invalid-url Source0")


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


def words(name):
    """The words of the Makefile's variable NAME."""
    return re.search(rf"(?m)^{name} = ((?:.*\\\n)*.*)", read("Makefile"))[1] \
        .replace("\\\n", " ").split()


def tool(name):
    if shutil.which(name) is None:
        raise Skip(f"needs {name}")
    return name


def parsed():
    """What rpmspec makes of the spec."""
    done = subprocess.run(
        [tool("rpmspec"), "-P", *(f"--define={macro}" for macro in MACROS),
         os.path.join(TREE, SPEC)], capture_output=True, text=True, timeout=30)
    same((done.returncode, done.stderr), (0, ""), "rpmspec -P")
    return done.stdout


@case("the spec has the version of the list of changes")
def _():
    version = re.match(r"notify-milter \((\S+)\) ",
                       read("tools/package/changelog"))[1]
    same(re.findall(r"(?m)^Version: +(\S+)$", read(SPEC)), [version], "Version")
    same(re.findall(r"> - (\S+)-\d+\n", read(SPEC)), [version], "%changelog")
    true(f"notify-milter-{version}.tar.gz" in read("tools/package/README.md"),
         "the commands of the README have it")


@case("the spec asks for each library that the Makefile asks pkg-config for")
def _():
    want = {"libpq"}.union(*(words(name) for name in (
        "PACKAGES", "TOOL_PACKAGES", "TELEGRAM_PACKAGES")))
    found = re.findall(r"(?m)^BuildRequires: +pkgconfig\((.*?)\)", read(SPEC))
    same(sorted(found), sorted(want), "BuildRequires")


@case("the spec lists each program, unit and manual page")
def _():
    files = read(SPEC).partition("\n%files\n")[2]
    for name in words("PROGRAMS"):
        true(f"%{{_sbindir}}/{name}\n" in files, name)
    for name in words("UNITS"):
        true(f"%{{_unitdir}}/{name}\n" in files, name)
    for path in words("MAN8") + words("MAN5"):
        true(f"%{{_mandir}}/man{path[-1]}/{os.path.basename(path)}*\n" in files,
             path)


@case("the spec's directories have the owners and modes of Debian's postinst")
def _():
    postinst = read("tools/package/postinst").replace("\\\n", " ")
    found = dict((path, rights) for rights, path in re.findall(
        r"install -d -o (notify-milter -g \S+ -m \d+)\s+(/\S+)", postinst))
    same(len(found), 2, f"directories of postinst: {found}")
    spec = read(SPEC)
    post = spec.replace("\\\n", " ")
    for path, rights in found.items():
        _, _, group, _, mode = rights.split()
        true(re.search(rf"%attr\(0?{mode},notify-milter,{group}\) %dir "
                       rf"{path}\n", spec)
             or re.search(rf"install -d -o {rights}\s+{path}\n", post), path)


@case("rpmspec parses the spec, and each scriptlet is sh")
def _():
    text = parsed()
    for name in ("check", "post", "posttrans", "pre"):
        body = re.search(rf"(?ms)^%{name}\n(.*?)(?=^%[a-z]+)", text)
        true(body, f"%{name}")
        done = subprocess.run(["sh", "-n"], input=body[1], text=True,
                              capture_output=True, timeout=30)
        same((done.returncode, done.stderr), (0, ""), f"sh -n of %{name}")
    same(re.findall(r"%\{?_\w+", text), [], "macros that nothing defines")


@case("rpmlint finds no fault with the spec")
def _():
    done = subprocess.run([tool("rpmlint"), os.path.join(TREE, SPEC)],
                          capture_output=True, text=True, timeout=60)
    same([line for line in done.stdout.splitlines()
          if re.search(r"\.spec:.* [EW]: ", line) and not USUAL.search(line)],
         [], "what rpmlint says")


@case("the container file copies what exists, and each folder that make needs")
def _():
    text = read("tools/package/container/Containerfile")
    copied = [word for line in re.findall(r"(?m)^COPY (.*) \S+$", text)
              for word in line.split()]
    for path in copied:
        true(os.path.exists(os.path.join(TREE, path)), path)
    tops = {os.path.relpath(path, TREE).split("/")[0] for path in glob.glob(
        os.path.join(TREE, "*", "**", "*.[ch]"), recursive=True)}
    true({"milter", "policy", "tools"} <= tops, f"folders: {tops}")
    same(sorted((tops - {"tests", "build"}) - set(copied)), [],
         "folders with source that are not copied")


@case("the container runs the milter itself, in the foreground, as its user")
def _():
    text = read("tools/package/container/Containerfile")
    last = text.rpartition("\nFROM ")[2]
    same(re.findall(r"(?m)^(?:USER|ENTRYPOINT|CMD) .*", last),
         ["USER notify-milter", 'ENTRYPOINT ["/usr/sbin/notify-milter", "-f"]'],
         "how it runs")


tap.run()
