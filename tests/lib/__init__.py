# SPDX-License-Identifier: BSD-2-Clause
"""lib - what the test programs share.

Each directory whose programs use it has a link to it, `lib`: Python looks for
modules in the directory of the program.
"""
import os

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
UNPACKED = os.path.join(TREE, "build", "unpacked")     # by tests/packages
