/*
 * spool - what comes through a pipe, kept so that it can be read twice
 *
 * Threads: any.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "compiler.h"

struct failure;

/*
 * spool(fd, failure):
 * The rest of ${fd} in a file without a name in $TMPDIR or /tmp, to be read
 * from its beginning. A descriptor, or -1 and ${failure}.
 */
int spool(int fd, struct failure *) WARN_UNUSED;

#endif
