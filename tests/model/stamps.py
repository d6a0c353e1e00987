# SPDX-License-Identifier: BSD-2-Clause
"""stamps - the keyed digests, with the key of a case's roster."""
from lib import stamps
from lib.stamps import HEADER, message_id

__all__ = ["HEADER", "PLANT", "decided", "message_id", "mirror"]

KEY = "00112233445566778899aabbccddeeff" * 2
PLANT = f"UPDATE secret SET value = '{KEY}'"


def mirror(link, category, id_, names=True):
    return stamps.mirror(KEY, link, category, id_, names)


def decided(category, account, id_):
    return stamps.decided(KEY, category, account, id_)
