/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plaintext - text made fit for a chat message
 *
 * Lines end with "\n". Threads: any. Free strings with g_free() or
 * g_string_free().
 */
#ifndef PLAINTEXT_H
#define PLAINTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/compiler.h"

/* plaintext_units(s): UTF-16 code units of valid UTF-8. */
size_t plaintext_units(const char *);

/*
 * plaintext_clean(s, len): ${s} as valid UTF-8 (each invalid byte becomes
 * U+FFFD) without controls, overrides of the direction of text, and what
 * senders fill lines with to push text out of sight; the only white space is
 * blanks and newlines.
 */
GString *plaintext_clean(const char *, size_t len) WARN_UNUSED;

/* plaintext_line(s, max): the same on one line, without blanks at its ends or
 * two in a row; cut with "…" if longer than ${max} units. */
char *plaintext_line(const char *, size_t max) WARN_UNUSED;

/* plaintext_tidy(text): remove blanks at the end of lines, empty lines at the
 * beginning and the end, and all but two of those in a row. */
void plaintext_tidy(GString *);

/* plaintext_uncss(text): remove the rules of a style sheet that ${text} begins
 * with. */
void plaintext_uncss(GString *);

/* plaintext_is_html(text): is it the source of an HTML page? */
bool plaintext_is_html(const char *) WARN_UNUSED;

/* plaintext_is_marked_up(text): does it have tags, references or style rules of
 * HTML anywhere? */
bool plaintext_is_marked_up(const char *) WARN_UNUSED;

/*
 * plaintext_uuencoded(text, name, size):
 * Remove the first file in uuencode, or what replaced it (yEnc, base64), from
 * ${text}; false if there is none.
 * ${*size} is that of the file, or -1 if the text ends before it does. Free
 * ${*name} with g_free().
 */
bool plaintext_uuencoded(GString *, char **name, int64_t *size) WARN_UNUSED;

/* plaintext_unflow(text, delsp): join the lines of format=flowed (RFC
 * 3676). */
void plaintext_unflow(GString *, bool delsp);

/*
 * plaintext_cut(text, max, note, always):
 * If ${text} is longer than ${max} units, or ${always}, end it with ${note}, so
 * that both fit: cut at the end of a line, or else of a word, unless that loses
 * half of it, and never inside a grapheme. ${note} must fit into ${max}.
 * Returns how many bytes of the text were kept.
 */
size_t plaintext_cut(GString *, size_t max, const char *note, bool always);

#endif
