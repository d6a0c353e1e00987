/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * category - the kinds of messages that one can be subscribed to
 *
 * policy/README.md, Categories: the five are rows of a table, matched by slug
 * or title in any spelling. Pure; the rows live in the store.
 */
#ifndef CATEGORY_H
#define CATEGORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Octets in a slug, and in a title or a tag, and in a key, with the NUL. */
#define CATEGORY_SLUG_SIZE 65
#define CATEGORY_TITLE_SIZE 256
#define CATEGORY_KEY_SIZE 1024

struct category {
	int64_t id;
	char slug[CATEGORY_SLUG_SIZE];
	char title[CATEGORY_TITLE_SIZE];
	bool open;     /* to Subscribers */
	bool mirrored; /* to Telegram */
};

/* The categories of a new database; ends with an empty slug. */
extern const struct category category_builtin[];

/*
 * category_key(name, key):
 * The form in which slugs, titles and tags are compared: lower case, "&" as
 * "and", any run of spaces, hyphens and underscores as one hyphen. 1, or 0 if
 * nothing is left, it is too long, or it is not UTF-8.
 */
int category_key(const char *name, char key[CATEGORY_KEY_SIZE]) WARN_UNUSED;

/* category_slug_ok(slug): lower-case words of a-z and 0-9 joined by hyphens,
 * at most 64 octets? */
bool category_slug_ok(const char *slug);

#endif
