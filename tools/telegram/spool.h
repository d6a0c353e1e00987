/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool - a pipe's content in a temporary file, to be read more than once
 *
 * Threads: any.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdint.h>

#include "base/compiler.h"

struct failure;

/*
 * spool(fd, failure):
 * Copy at most SPOOL_MAX bytes of ${fd} into an unnamed file in $TMPDIR or
 * /tmp; the rest is read and dropped. The file's descriptor, at its beginning,
 * or -1 and ${failure}.
 */
#define SPOOL_MAX ((int64_t)64 << 20)
int spool(int fd, struct failure *) WARN_UNUSED;

#endif
