/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chattext - a mail as the text of a chat message
 *
 * policy/README.md, How a message reaches Telegram: subject in bold, the text
 * part, charset and transfer encoding decoded, HTML reduced to text when there
 * is no text part, attachments named, cut below Telegram's limit of 4096 UTF-16
 * code units without splitting a character. Bold is an entity, counted in
 * UTF-16 code units; no markup is in the text, so nothing in a mail can break
 * it.
 *
 * A mail that is damaged still becomes a text: what cannot be read is replaced
 * or left out, never a reason to fail.
 *
 * Threads: any, after chattext_start().
 */
#ifndef CHATTEXT_H
#define CHATTEXT_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;

/* Telegram's limit for a message, in UTF-16 code units. */
#define CHATTEXT_UNITS_MAX 4096

struct chattext {
	char *text;	   /* UTF-8, ended by a NUL */
	size_t units;	   /* of the text, in UTF-16 code units */
	size_t bold_units; /* of the subject at its beginning; 0 for none */
};

/* chattext_start(): once, while there is one thread. */
void chattext_start(void);

/*
 * chattext_read(fd, footer, ct, failure):
 * Read the mail at ${fd} to its end, and make its text; ${footer} (UTF-8, no
 * newline) is its last line, whole whatever had to be cut. Memory does not
 * grow with the size of attachments. 0, or -1 and ${failure} for a read error
 * or lack of memory. The caller gives ${ct} to chattext_clear().
 */
int chattext_read(int fd, const char *footer, struct chattext *,
    struct failure *) WARN_UNUSED;

void chattext_clear(struct chattext *);

#endif
