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
struct category;
struct message;

/* The most spellings of its category that a message may have. */
#define TAG_SPELLINGS 8

struct tag {
	const char *problem; /* why it cannot be understood, or NULL */
	struct {
		const char *key;     /* as category_key() gives it */
		const char *text;    /* as written, decoded */
	} categories[TAG_SPELLINGS]; /* with different keys */
	size_t ncategories;
	const char *account; /* key of the X-Notify-Account, or NULL */
};

/* tag_present(message): is there an X-Notify-Category? */
bool tag_present(const struct message *) WARN_UNUSED;

/* tag_read(a, message, tag): 0, or -1 if out of memory. Without a problem
 * there is at least one category. */
int tag_read(struct arena *, const struct message *, struct tag *) WARN_UNUSED;

/*
 * tag_category(a, tag, found, problem):
 * Do all spellings of ${tag} mean one category? ${found} has what each of them
 * was looked up as, with the id 0 where it was not found. 1: yes, ${found[0]};
 * 0: no, see ${*problem}; -1: out of memory.
 */
int tag_category(struct arena *, const struct tag *,
    const struct category *found, const char **problem) WARN_UNUSED;

#endif
