/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addressees - the recipients that the headers of a message name
 *
 * As sendmail(1) -t takes them: those of To, Cc and Bcc, or, if there is any
 * Resent header, those of these alone. Where Postfix may read another address
 * than the library does, the header is unclear: who gets the message is then
 * not told by guessing.
 *
 * Threads: one, after g_mime_init(). Memory comes from the arena, which must end
 * the program if there is none.
 */
#ifndef ADDRESSEES_H
#define ADDRESSEES_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct addressees {
	struct arena *arena;
	const char **v;
	size_t n, cap;
	const char *unclear; /* the name of such a header, or NULL */
	bool resent;
};

/* addressees_take(who, name, value): the next header, unfolded or not. */
void addressees_take(struct addressees *, const char *name, const char *value);

#endif
