/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content - the header of a message that is to be submitted again
 *
 * The message is a file in memory, with newlines, as postcat(1) prints it. Its
 * header ends with the first line that is neither a header nor the continuation
 * of one: Postfix sees no header after it.
 *
 * Threads: one. Results: 0, or -1 with errno.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>

#include "base/compiler.h"

struct arena;

/* content_strip(fd, name, whole): remove the headers with this name, or with
 * !${whole} those whose name begins with it; in any case of letters. */
int content_strip(int fd, const char *name, bool whole) WARN_UNUSED;

/* content_read(a, fd, tag, id): ${*tag} is the last X-Notify-Category, a line,
 * or NULL; ${*id} the value of Message-ID, or "". */
int content_read(
    struct arena *, int fd, const char **tag, const char **id) WARN_UNUSED;

#endif
