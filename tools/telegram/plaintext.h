/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plaintext - text made fit for a chat message
 *
 * Lines are ended by "\n". Threads: any. Strings to be given to g_free() or
 * g_string_free().
 */
#ifndef PLAINTEXT_H
#define PLAINTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/compiler.h"

/* plaintext_units(s): UTF-16 code units of valid UTF-8. */
size_t plaintext_units(const char *);

/*
 * plaintext_clean(s, len): what may be shown of ${s}: valid UTF-8 (what is not
 * becomes U+FFFD) without controls, invisible fillers and what overrides the
 * direction of text; the only white space is blanks and newlines.
 */
GString *plaintext_clean(const char *, size_t len) WARN_UNUSED;

/* plaintext_line(s): the same on one line, without blanks at its ends or two
 * in a row; cut, with "…", above ${max} units. */
char *plaintext_line(const char *, size_t max) WARN_UNUSED;

/* plaintext_tidy(text): no blanks at the end of a line, at most two empty lines
 * in a row, none at the beginning and the end. */
void plaintext_tidy(GString *);

/* plaintext_unflow(text, delsp): format=flowed (RFC 3676) as lines of any
 * length. */
void plaintext_unflow(GString *, bool delsp);

/*
 * plaintext_cut(text, max, note, always):
 * If ${text} is longer than ${max} units, or ${always}, end it with ${note},
 * so that both are not longer: at the end of a line, or else of a word, if
 * that does not lose half of it, and never inside what a reader takes for one
 * character. ${note} fits into ${max}.
 */
void plaintext_cut(GString *, size_t max, const char *note, bool always);

#endif
