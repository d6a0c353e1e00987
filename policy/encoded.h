/*
 * encoded - header values with encoded words in them (RFC 2047)
 *
 * GMime reads neighbouring words as one, so that a character may be cut in two
 * by them; but behind the padding of a base64 word it stops, and what the next
 * word says is lost. Here every word is read.
 *
 * Threads: any, after g_mime_init().
 */
#ifndef ENCODED_H
#define ENCODED_H

#include <stdbool.h>

#include "compiler.h"

struct _GMimeParserOptions;

/*
 * encoded_decode(options, value): ${value} as UTF-8, as far as it can be
 * decoded; to be given to g_free(). ${options} are GMime's, NULL for its
 * defaults.
 */
char *encoded_decode(
    struct _GMimeParserOptions *options, const char *value) WARN_UNUSED;

/* encoded_readable(value): is the charset of every word in it known? What is
 * in another one is guessed by encoded_decode(). */
bool encoded_readable(const char *value) WARN_UNUSED;

#endif
