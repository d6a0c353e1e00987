# SPDX-License-Identifier: BSD-2-Clause
"""requeue - a lab whose held messages are submitted again with notifyctl.

    lab.run(...)        cases get a Lab
    requeue(lab, id)    notifyctl requeue for the lab's Postfix; a ctl.Done
"""
import contextlib
import os
import shutil
import subprocess

from lib import ctl, tap
from lib.milter import program

BAD = "Alarms"      # a category that nobody has made yet


def run(lab, *args, user=None, env=None, path=None):
    """notifyctl with the lab's settings, for the lab's Postfix."""
    env = {**os.environ, "MAIL_CONFIG": lab.postfix.config, **(env or {})}
    done = subprocess.run(
        [path or program("notifyctl"), "-c", lab.milter.file, *args],
        capture_output=True, text=True, timeout=60, env=env,
        errors="surrogateescape", **({"user": user} if user else {}))
    return ctl.Done(args, done.returncode, done.stdout, done.stderr)


def requeue(lab, *ids, **options):
    return run(lab, "requeue", *ids, **options)


def hold(lab, rcpts, category=BAD, account=None, submit=None, **options):
    """Send a message that is held; its Result."""
    result = (submit or lab.send)(rcpts, category, account, **options)
    tap.true(result.held(), f"{result.qid} is held")
    return result


def requeued(lab, result, *options):
    """Requeue it, which must succeed; the queue id of the new message."""
    held = result.qid       # from sendmail(1), the log has the new one later
    done = requeue(lab, *options, held)
    tap.same((done.code, done.err), (0, ""), f"exit and stderr of {done}")
    tap.contains(done.out, f"{held}: submitted again ", f"{done}")
    tap.true(held not in lab.postfix.files(*lab.postfix.queues),
             f"{held} is dropped")
    return done.out.split(" as ")[1].split(";")[0].split(",")[0]


def refused(lab, code, result, says, *options, **more):
    """Requeue must end with CODE and a line that has SAYS, and the message
    must still be held, and nobody must have got it."""
    done = requeue(lab, *options, result.qid, **more)
    tap.same((done.code, done.out), (code, ""), f"exit and stdout of {done}")
    tap.contains(done.line, says, f"{done}")
    tap.true(result.held(), f"{result.qid} is still held")
    tap.same(result.recipients(), [], "who has got it")
    return done.line


@contextlib.contextmanager
def settings(lab, **main):
    """Other main.cf settings meanwhile, in the file alone."""
    old = lab.postfix.main
    lab.postfix.main = {**old, **main}
    lab.postfix.write_settings()
    try:
        yield
    finally:
        lab.postfix.main = old
        lab.postfix.write_settings()


@contextlib.contextmanager
def tool(lab, name, script):
    """One of Postfix's commands is SCRIPT meanwhile; REAL in it is the real
    one."""
    folder = os.path.join(lab.folder, "commands")
    os.mkdir(folder)
    real = os.path.dirname(shutil.which("postcat") or "/usr/sbin/postcat")
    for command in ("postcat", "postconf", "postlog", "postmap", "postqueue",
                    "postsuper"):
        os.symlink(os.path.join(real, command), os.path.join(folder, command))
    path = os.path.join(folder, name)
    os.unlink(path)
    with open(path, "w") as out:
        out.write("#!/bin/sh\n"
                  + script.replace("REAL", os.path.join(real, name)))
    os.chmod(path, 0o755)
    try:
        with settings(lab, command_directory=folder):
            yield
    finally:
        shutil.rmtree(folder)
