/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rfc2047 - decode encoded words in header values (RFC 2047)
 *
 * Adjacent words in one charset are converted together, since many programs
 * split a character between two. Blanks within a word are kept: people write
 * them, although the RFC does not allow it.
 *
 * Threads: any. The text is in the arena.
 */
#ifndef RFC2047_H
#define RFC2047_H

#include "base/compiler.h"

struct arena;

/* rfc2047_start(): make the C library load its list of charsets, which it does
 * once, while there is memory and a descriptor for that. Call it before threads
 * start. */
void rfc2047_start(void);

/*
 * rfc2047_decode(a, value, text):
 * ${value} in UTF-8, unchanged outside of encoded words. 1; 0 if a word is
 * malformed, is in an unknown charset, is not text of that charset, or has a
 * NUL; -1 if out of memory.
 */
int rfc2047_decode(struct arena *, const char *value, char **text) WARN_UNUSED;

#endif
