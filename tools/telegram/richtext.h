/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * richtext - text with links and struck words
 *
 * The text has the words alone. A mark says which of them are a link, or
 * struck; how it is shown is decided where the room is known (chattext.c).
 *
 * Threads: any.
 */
#ifndef RICHTEXT_H
#define RICHTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/compiler.h"

enum richtext_kind {
	RICHTEXT_LINK,
	RICHTEXT_STRUCK,
};

struct richtext_mark {
	enum richtext_kind kind;
	size_t from; /* bytes of the text; not empty */
	size_t to;
	char *url; /* RICHTEXT_LINK */
	bool said; /* the words are the address */
};

struct richtext {
	GString *text; /* valid UTF-8 */
	GArray *marks; /* of struct richtext_mark, in order of their ends */
};

struct richtext *richtext_new(void) WARN_UNUSED;
void richtext_free(struct richtext *);

/* richtext_mark(rt, kind, from, to, url): mark words; takes over ${url}. */
void richtext_mark(
    struct richtext *, enum richtext_kind, size_t from, size_t to, char *url);

/* richtext_append(rt, more): append after an empty line. */
void richtext_append(struct richtext *, const struct richtext *more);

/* richtext_cut(rt, len): keep the first ${len} bytes of the text, and the marks
 * of what is left. */
void richtext_cut(struct richtext *, size_t len);

#endif
