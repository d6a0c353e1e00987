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
 * escape_text(a, s): ${s} with every octet that is a control, a quote, a
 * backslash, an angle bracket or no UTF-8 written as \xHH; on one line whatever
 * was in it. Cut, with "..." after it, when it would be longer than 1,000
 * octets. NULL for no memory.
 */
const char *escape_text(struct arena *, const char *s) WARN_UNUSED;

/* escape_short(a, s): the same, cut at 160 octets: to show what was typed. */
const char *escape_short(struct arena *, const char *s) WARN_UNUSED;

/* escape_controls(a, s): a line of our own with words from outside in it: only
 * what would break the line or move the cursor is escaped. ${s} itself if
 * nothing would. */
const char *escape_controls(struct arena *, const char *s) WARN_UNUSED;

/* escape_line(out, size, s): ${s} in the ${size} octets of ${out}: what would
 * break the line or move the cursor, or is no UTF-8, becomes a "?", and what
 * does not fit is left out. */
void escape_line(char *out, size_t size, const char *s);

/* escape_is_line(s): is it UTF-8 without any control character? */
bool escape_is_line(const char *s);

#endif
