# SPDX-License-Identifier: BSD-2-Clause
"""disk - how many files a second the queue's disk takes, synced

Postfix syncs the queue file of each message before it answers the client, so
this is the most that it can accept.
"""
import os
import threading
import time

from machine import filesystem

SECONDS = 1.5
SIZE = 4096
# One writer waits for the disk itself: no disk that keeps what it has synced
# is as fast as this.
IMPOSSIBLE = 20000


def sync_rate(folder, writers, seconds=SECONDS):
    """Files a second that WRITERS make in FOLDER, each written and synced."""
    counts = [0] * writers
    end = time.monotonic() + seconds

    def write(number):
        path = os.path.join(folder, f"synced{number}")
        while time.monotonic() < end:
            handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
            os.write(handle, b"x" * SIZE)
            os.fsync(handle)
            os.close(handle)
            os.unlink(path)
            counts[number] += 1

    threads = [threading.Thread(target=write, args=(i,))
               for i in range(writers)]
    began = time.monotonic()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(counts) / (time.monotonic() - began)


def describe(folder, writers):
    """The disk of FOLDER in a sentence."""
    kind = filesystem(folder)
    alone, together = sync_rate(folder, 1), sync_rate(folder, writers)
    text = (f"Postfix's queue is on {kind}, where a file of {SIZE:,} bytes is "
            f"made and synced {alone:,.0f} times a second by one writer, "
            f"{together:,.0f} times by {writers} at once")
    if kind in ("tmpfs", "ramfs") or alone > IMPOSSIBLE:
        text += (". **That is no disk that syncs**: what follows is without "
                 "the cost of a disk, so a milter's share looks too large")
    return text + "."
