/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rfc2047 - header values with encoded words in them (RFC 2047)
 *
 * Neighbouring words in one charset are converted as one: many a program cuts a
 * character in two with them. Blanks within a word are taken as they are, which
 * people write and the RFC does not allow.
 *
 * Threads: any. The text is cut from the arena that is given.
 */
#ifndef RFC2047_H
#define RFC2047_H

#include "base/compiler.h"

struct arena;

/* rfc2047_start(): let the C library learn its charsets, which it does once for
 * good, while there is memory and a descriptor for it. */
void rfc2047_start(void);

/*
 * rfc2047_decode(a, value, text):
 * ${value} in UTF-8, what is outside of words as it is. 1; 0 if a word in it
 * cannot be decoded: it is broken, its charset is unknown, its octets are none
 * of that charset, or there is a NUL in it; -1 for no memory.
 */
int rfc2047_decode(struct arena *, const char *value, char **text) WARN_UNUSED;

#endif
