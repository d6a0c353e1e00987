/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tempfile - an unnamed temporary file
 *
 * Threads: any.
 */
#ifndef TEMPFILE_H
#define TEMPFILE_H

#include "base/compiler.h"

/*
 * tempfile_open(): a descriptor of an empty file in $TMPDIR or /tmp, open for
 * reading and writing, which is gone when it is closed; -1 with errno.
 */
int tempfile_open(void) WARN_UNUSED;

#endif
