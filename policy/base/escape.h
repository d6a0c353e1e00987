/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape - text from outside on its way to a log or a terminal
 *
 * Pure. Threads: any.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;

/*
 * escape_text(a, s): ${s} on one line: every byte of a control character, a
 * quote, a backslash, an angle bracket or malformed UTF-8 is written as \xHH.
 * If ${s} is longer than 1,000 bytes, the rest becomes "...". NULL if out of
 * memory.
 */
const char *escape_text(struct arena *, const char *s) WARN_UNUSED;

/* escape_short(a, s): the same for at most 160 bytes of ${s}, for a message;
 * "(out of memory)" instead of NULL. */
const char *escape_short(struct arena *, const char *s) WARN_UNUSED;

/* escape_undo(a, s): ${s} with the quotes, backslashes and angle brackets that
 * escape_text() has escaped. NULL if out of memory. */
const char *escape_undo(struct arena *, const char *s) WARN_UNUSED;

/* escape_name(s): ${s}, the name of a file or an account, for a message: an
 * empty one becomes two quotes. */
const char *escape_name(const char *s);

/* escape_controls(a, s): the same for a line of ours that quotes text from
 * outside: only controls and malformed UTF-8 are escaped, and nothing is cut.
 * ${s} itself if it has neither. */
const char *escape_controls(struct arena *, const char *s) WARN_UNUSED;

/* escape_line(out, size, s): write ${s} to the ${size} bytes of ${out}: each
 * control character and each byte of malformed UTF-8 becomes "?". Cut between
 * two characters if it does not fit; always ends with a NUL. */
void escape_line(char *out, size_t size, const char *s);

/* escape_is_line(s): is ${s} well-formed UTF-8 without control characters? */
bool escape_is_line(const char *s);

#endif
