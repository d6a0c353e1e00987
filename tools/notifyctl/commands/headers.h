/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headers - the headers of a message in a file, as Postfix takes them
 *
 * Libraries for mail are kinder than Postfix: they skip a line that is no
 * header, for instance, where Postfix ends the headers. Then they see a tag
 * that the milter never gets.
 *
 * Threads: one. Memory comes from the arena that is given, which must end the
 * program if there is none.
 */
#ifndef HEADERS_H
#define HEADERS_H

#include <stdio.h>

#include "base/compiler.h"

struct arena;

/* Longer headers are not those of a message. */
#define HEADERS_MAX ((size_t)4 << 20)

/* A header; the value may be folded. */
typedef void headers_fn(void *, const char *name, const char *value);

/*
 * headers_read(in, a, fn, ctx, end):
 * Give ${fn} each header, in order; the text is borrowed. Lines may end with
 * CRLF; any other CR is a blank. The headers end with the first line that is
 * neither a header nor the continuation of one; ${*end} is its beginning, "" if
 * it is empty, and nothing is read after it. One "From " line of a mailbox file
 * before them is skipped; at a second, today's Postfix ends them. 0, or -1:
 * longer than HEADERS_MAX. A failure to read is an end: see ferror(3).
 */
int headers_read(
    FILE *, struct arena *, headers_fn *, void *, const char **end) WARN_UNUSED;

#endif
