/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headword - encoded words in the headers of a mail, for a reader
 *
 * More is understood than terms/rfc2047.h does, which reads tags: base64
 * without padding, words in the middle of a text, words that do not end,
 * charsets by every label. What is damaged is replaced, and the rest is read.
 *
 * Threads: any.
 */
#ifndef HEADWORD_H
#define HEADWORD_H

#include <gmime/gmime.h>

#include "base/compiler.h"

/* headword_decode(options, value): an unfolded header. Bytes outside of words
 * are in the charsets of ${options}. Free it with g_free(). */
char *headword_decode(GMimeParserOptions *, const char *value) WARN_UNUSED;

/*
 * headword_rewrite(head):
 * Write the encoded words in these headers, and the charsets of parameters (RFC
 * 2231), so that GMime decodes them: it has charsets of its own, and loses what
 * is not padded, or follows padding.
 */
void headword_rewrite(GString *head);

#endif
