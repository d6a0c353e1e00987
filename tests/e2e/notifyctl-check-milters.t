#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: BSD-2-Clause
# needs: root postfix
# not with sanitizer: it is about Postfix
# takes: 20 s
"""notifyctl check: the entries of Postfix's lists of milters that are not the
milter's, or are not any more."""
import os
import socket
import subprocess

from lib.installation import beside, case, chown, run
from lib.milter import Milter
from lib.postfix import free_ports
from lib.tap import contains, lacks, same

SOCKET = "unix:notify-milter/notify-milter.sock"
OTHER = beside()
taken = []


def free():
    """A port that nobody has."""
    return f"inet:127.0.0.1:{free_ports(['127.0.0.1'])[0]}"


def dead():
    """A port at which nothing listens, nor will."""
    taken.append(socket.socket())
    taken[-1].bind(("127.0.0.1", 0))
    return f"inet:127.0.0.1:{taken[-1].getsockname()[1]}"


def place(s, name):
    """Set [milter] socket to what Postfix calls NAME, with its directory."""
    if name.startswith("inet:"):
        s.settings(socket=f"inet:{name.rsplit(':', 1)[1]}@127.0.0.1")
        return
    path = os.path.join(s.queue, name.removeprefix("unix:"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    chown(os.path.dirname(path), 0o2750, group="postfix")
    s.settings(socket=f"unix:{path}")


def restart(s):
    s.stop()
    s.start()


def setup(s):
    """Run the script of notifyctl postfix, without the reload."""
    text = s.ctl("postfix", env=s.env()).out
    lines = [line for line in text.splitlines() if " reload" not in line]
    done = subprocess.run(["sh", "-c", "\n".join(lines)], text=True,
                          capture_output=True, timeout=60,
                          env=s.ctl.environment(**s.env()))
    same(done.returncode, 0, f"exit of {text!r}: {done.stderr}")
    s.age()
    return text


def milters(s, name="smtpd_milters"):
    return s.postconf("-xh", name).strip()


# Former sockets of the milter

@case("when the socket has changed, notifyctl postfix puts the new one in the "
      "place of the former, before the milter is restarted and after")
def _(s):
    for name in ("unix:notify-milter/new.sock", "unix:other/nm.sock", free()):
        for first in (True, False):     # the restart
            s.settings()
            restart(s)
            s.main(smtpd_milters=f"{SOCKET}, {OTHER}")
            place(s, name)
            if first:
                restart(s)
            finding = s.has("error", f"smtpd_milters has {SOCKET}, a former "
                            "socket of the milter")
            contains(finding["why"], "Postfix defers all mail", "why")
            text = setup(s)
            same(milters(s), f"{name}, {OTHER}", f"milters, restart {first}")
            same(text.count("smtpd_milters = "), 1, "commands for the list")
            same(setup(s), "", "a second run")
            if not first:
                restart(s)
            lacks(str(s.check()[1]), "milters", "what is found")
            s.stop()


@case("TCP that was the milter's is known by who answers there, until that is "
      "restarted")
def _(s):
    port = free()
    place(s, port)
    restart(s)
    s.settings()
    s.main(smtpd_milters=f"{port}, {OTHER}")
    setup(s)
    same(milters(s), f"{SOCKET}, {OTHER}", "milters")
    # Restarted first: nobody can know whose that port was.
    restart(s)
    s.main(smtpd_milters=port)
    setup(s)
    same(milters(s), f"{SOCKET}, {port}", "milters")
    contains(s.fault("warning", "no milter answers at " + port)["fix"],
             f"a former socket of notify-milter, run: postconf -c {s.config} "
             f"-e 'smtpd_milters = {SOCKET}'", "the advice")


@case("a former socket beside the present one is found, however it is written, "
      "and the fix takes it out")
def _(s):
    gone = "unix:notify-milter/old.sock"
    stale = os.path.join(os.path.dirname(s.socket), "notify-milter-2.sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(stale)    # and nobody listens
    chown(stale, 0o660, group="postfix")
    for value, want in (
            (f"{gone}, {SOCKET}, {OTHER}", f"{SOCKET}, {OTHER}"),
            (f"{{ {SOCKET}, connect_timeout=9s }} {gone}",
             f"{{ {SOCKET}, connect_timeout=9s }}"),
            (f"{SOCKET},\n  {{ {gone}, connect_timeout=9s }},\n  {OTHER}",
             f"{SOCKET}, {OTHER}"),
            (f"$old, {SOCKET}\nold = {gone}", SOCKET),
            (f"{SOCKET}, unix:/notify-milter/notify-milter-2.sock", SOCKET),
            (f"{SOCKET}, local:notify-milter/notify-milter-2.sock", SOCKET),
            (f"{SOCKET} unix:/nonexistent/notify-milter/x {OTHER}",
             f"{SOCKET}, {OTHER}")):
        s.main(smtpd_milters=value)
        s.fixed("error", "smtpd_milters has ", "a former socket of the milter")
        same(milters(s), want, f"milters after {value!r}")
    left.close()
    os.unlink(stale)
    s.main()
    s.edit("-P", f"smtp/inet/smtpd_milters={SOCKET},{gone}")
    s.fixed("error", "smtpd_milters of smtp/inet has", "former")
    s.main(non_smtpd_milters=f"{gone}, {OTHER}")
    s.fixed("error", "non_smtpd_milters names the milter")
    same(milters(s, "non_smtpd_milters"), OTHER, "non_smtpd_milters")


@case("where mail goes on without a milter that is away, a former socket is a "
      "warning; the list is set right at once, whatever else is wrong in it")
def _(s):
    gone = "{ unix:notify-milter/old.sock, default_action=accept }"
    s.main(smtpd_milters=f"{SOCKET}, {gone}")
    contains(s.fixed("warning", "a former socket")["why"], "goes on without it")
    signer = s.beside("opendkim/opendkim.sock")
    s.main(smtpd_milters=f"{gone}, {signer}, {{ {SOCKET}, "
           f"default_action=accept, connect_timeout=9s }}, {SOCKET}")
    setup(s)
    same(milters(s), f"{{ {SOCKET}, default_action=tempfail, "
         f"connect_timeout=9s }}, {signer}", "milters")
    same(setup(s), "", "a second run")
    s.sound()
    # The directory of the socket is misspelt, and its options stay.
    s.main(smtpd_milters="{ unix:notify_milter/notify-milter.sock, "
           "default_action=accept, connect_timeout=9s }")
    setup(s)
    same(milters(s), f"{{ {SOCKET}, default_action=tempfail, "
         "connect_timeout=9s }", "milters")
    s.sound()


@case("a milter that is named twice is found, and the fix works")
def _(s):
    for again in (SOCKET, "local:/notify-milter/notify-milter.sock"):
        s.main(smtpd_milters=f"{SOCKET}, {OTHER}, {again}")
        s.fixed("warning", "smtpd_milters names the milter twice")
        same(milters(s), f"{SOCKET}, {OTHER}", "milters")


@case("a notify-milter with other settings is another milter, and stays where it "
      "is")
def _(s):
    folder = s.ctl.path("second")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    port = free()
    second = Milter(folder)
    second.write(s.ctl.conf.written.replace(
        f"unix:{s.socket}", f"inet:{port.rsplit(':', 1)[1]}@127.0.0.1"))
    second.start()
    try:
        s.main(smtpd_milters=f"{SOCKET}, {port}")
        s.fault("warning", f"another notify-milter answers at {port}, which "
                "smtpd_milters names")
        s.stop()        # and ours does not run
        setup(s)
        same(milters(s), f"{SOCKET}, {port}", "milters")
    finally:
        second.kill()


# Other milters

@case("a milter at which nothing answers is a warning that says what becomes of "
      "mail, and no command takes it out")
def _(s):
    gone = dead()
    for value, action, does in (
            (gone, "tempfail", "defers all mail"),
            (gone, "shutdown", "defers all mail"),
            ("unix:away/away.sock", "tempfail", "defers all mail"),
            (f"{{ {gone}, connect_timeout=5s }}", "tempfail", "defers"),
            (f"{{ {gone}, default_action=accept }}", "tempfail",
             "goes on without it"),
            (f"{{ {gone}, default_action = reject }}", "tempfail", "rejects"),
            (f"{{ {gone} default_action=quarantine }}", "tempfail", "holds"),
            (f"$other\nother =\n  {gone}", "tempfail", "defers"),
            ("inet:nosuchhost.invalid:25", "tempfail", "defers")):
        s.main(smtpd_milters=f"{SOCKET}, {value}", milter_default_action=action)
        finding = s.fault("warning", "no milter answers at ",
                          "which smtpd_milters names")
        contains(finding["why"], does, "why")
        contains(finding["fix"], "start that milter", "the advice")
        contains(finding["fix"], f"'smtpd_milters = {SOCKET}'", "the advice")
        same(finding["command"], False, "is it a command")
        same(s.ctl("postfix", env=s.env()).out, "", "what postfix prints")


@case("of several milters that are away each is named, and no command brings "
      "one back that another takes out")
def _(s):
    gone, away = "unix:notify-milter/gone.sock", dead()
    s.main(smtpd_milters=f"{SOCKET}, {away}, {dead()}")
    code, found = s.check()
    same((code, [f["severity"] for f in found]), (0, ["warning"] * 2), "findings")
    for finding in found:
        contains(finding["fix"], "take it out of smtpd_milters", "the advice")
    s.main(smtpd_milters=f"{SOCKET}, {gone}, {away}")
    lacks(s.has("warning", away)["fix"], "gone", "the advice")
    s.apply(s.has("error", f"smtpd_milters has {gone}"))
    contains(s.fault("warning", away)["fix"], "postconf", "the advice")
    s.main(non_smtpd_milters=f"$smtpd_milters {gone} {OTHER}")
    setup(s)
    same(milters(s, "non_smtpd_milters"), OTHER, "non_smtpd_milters")
    same(setup(s), "", "a second run")


@case("a path inside the chroot is looked for there, and outside it outside")
def _(s):
    s.beside("clam/av")
    s.main(smtpd_milters=f"{SOCKET}, unix:/clam/av")
    s.sound()
    s.main(smtpd_milters=f"{SOCKET}, unix:{s.queue}/clam/av")
    s.fault("warning", f"no milter answers at unix:{s.queue}/clam/av")
    s.edit("-F", "*/*/chroot=n")
    s.sound()
    s.main(smtpd_milters=f"{SOCKET}, unix:/clam/av")
    s.fault("warning", "no milter answers at unix:/clam/av")


@case("a milter of one service, of mail that comes otherwise, or of some clients, "
      "is found too")
def _(s):
    gone = dead()
    s.master("2525 inet n - y - - smtpd\n"
             f"  -o {{ smtpd_milters = {SOCKET}, {gone} }}\n")
    s.fault("warning", f"{gone}, which smtpd_milters of 2525/inet names")
    s.master("127.0.0.1:2525 inet n - y - - smtpd\n"
             f"  -o {{ smtpd_milters = {gone} }}\n"
             "  -o receive_override_options=no_milters\n")
    s.sound()
    s.master()
    s.main(non_smtpd_milters=gone)
    s.sound()       # the sample's pickup does not ask it
    s.edit("-P", "pickup/unix/receive_override_options=no_address_mappings")
    s.has("warning", f"{gone}, which non_smtpd_milters names")
    s.master()
    for maps in (f"cidr:{{ {{192.0.2.7 {gone}}} }}",
                 "cidr:" + s.file("maps", "192.0.2.1 DISABLE\n"
                                  f"192.0.2.7 {SOCKET}, {gone}\n")):
        s.main(smtpd_milter_maps=maps)
        s.has("warning", f"{gone}, which smtpd_milter_maps names")


@case("what is no milter, does not answer, lets Postfix not in, or is no address, "
      "is found")
def _(s):
    for answer, words in ((b"220 a.example ESMTP Postfix\r\n", "is not a milter"),
                          (b"", "does not answer")):
        s.main(smtpd_milters=f"{SOCKET}, {beside(answer=answer)}")
        s.fault("warning", "the program at ", words)
    name = s.beside("clam/av")
    os.chmod(os.path.join(s.queue, "clam/av"), 0o600)
    s.main(smtpd_milters=f"{SOCKET}, {name}")
    s.fault("warning", f"postfix cannot connect to {name}, which smtpd_milters")
    for name in ("tcp:127.0.0.1:25", "127.0.0.1:25", "INET:127.0.0.1:25",
                 "inet:", "opendkim", "{ unix:clam/av"):
        s.main(smtpd_milters=f"{SOCKET}, {name}")
        s.fault("warning", f"smtpd_milters has {name.lstrip('{ ')}, which is "
                "not Postfix's")


@case("who may not ask gets a note")
def _(s):
    name = s.beside("clam/av")
    chown(os.path.join(s.queue, "clam/av"), 0o660, group="postfix")
    s.main(smtpd_milters=f"{SOCKET}, {name}")
    s.sound()
    contains(s.has("note", f"at {name}, which smtpd_milters names, is not "
                   "checked", user="daemon")["fix"], "sudo ")


run()
