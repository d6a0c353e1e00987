/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool - what comes through a pipe, kept so that it can be read twice
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
 * The rest of ${fd}, up to SPOOL_MAX octets of it, in a file without a name in
 * $TMPDIR or /tmp, to be read from its beginning. What goes beyond is read, and
 * not kept. A descriptor, or -1 and ${failure}.
 */
#define SPOOL_MAX ((int64_t)64 << 20)
int spool(int fd, struct failure *) WARN_UNUSED;

#endif
