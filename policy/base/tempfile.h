/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tempfile - a file that has no name
 *
 * Threads: any.
 */
#ifndef TEMPFILE_H
#define TEMPFILE_H

#include "base/compiler.h"

/*
 * tempfile_open(): an empty file in $TMPDIR or /tmp, to be written and read; it
 * is gone when it is closed. A descriptor, or -1 with errno.
 */
int tempfile_open(void) WARN_UNUSED;

#endif
