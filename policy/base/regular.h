/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regular - open a file that must be a regular one
 *
 * A FIFO or a device that somebody has put in its place neither waits for
 * anybody nor does anything.
 *
 * Threads: any.
 */
#ifndef REGULAR_H
#define REGULAR_H

#include <stdio.h>
#include <sys/types.h>

#include "base/compiler.h"

/*
 * regular_open(path, flags, mode): as open(2), never inherited by a program. -1
 * with errno; EMEDIUMTYPE if it is neither a regular file nor a directory.
 */
int regular_open(const char *path, int flags, mode_t) WARN_UNUSED;

/* regular_stream(path): for reading; NULL with errno. */
FILE *regular_stream(const char *path) WARN_UNUSED;

#endif
