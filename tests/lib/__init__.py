# SPDX-License-Identifier: BSD-2-Clause
"""lib - what the test programs share.

A folder of programs that use it has a link to it, `lib`, since Python looks
for modules where the program lies.
"""
import os

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
UNPACKED = os.path.join(TREE, "build", "unpacked")     # by tests/packages
