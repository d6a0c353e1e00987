/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tag - what the X-Notify headers of a message say
 *
 * policy/README.md, Categories and What happens to a message, 1 to 3. Header
 * values are unfolded (RFC 5322, 2.2.3) and decoded (RFC 2047) here.
 *
 * Threads: any. Strings are cut from the arena that is given.
 */
#ifndef TAG_H
#define TAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct header;

/* Spellings of one category in one message: more are not honest any more. */
#define TAG_SPELLINGS 8

struct tag {
	bool present;	     /* is there an X-Notify-Category at all? */
	const char *problem; /* why it cannot be understood, or NULL */
	struct {
		const char *key;     /* as category_key() gives it */
		const char *text;    /* as it was written, decoded */
	} categories[TAG_SPELLINGS]; /* with different keys */
	size_t ncategories;
	const char *account; /* key of the X-Notify-Account, or NULL */
};

/* tag_present(headers, n): is there an X-Notify-Category? */
bool tag_present(const struct header *, size_t) WARN_UNUSED;

/* tag_read(a, headers, n, tag): 0, or -1 for no memory. */
int tag_read(
    struct arena *, const struct header *, size_t, struct tag *) WARN_UNUSED;

/* tag_start(): before the first tag_read(), while there is one thread. */
void tag_start(void);

#endif
