/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * category - the kinds of messages that users subscribe to
 *
 * policy/README.md, Categories. They are rows of the store, matched by slug or
 * title in any spelling. Pure.
 */
#ifndef CATEGORY_H
#define CATEGORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* Bytes of a slug, a title or tag, and a key, with the NUL. */
#define CATEGORY_SLUG_SIZE 65
#define CATEGORY_TITLE_SIZE 256
#define CATEGORY_KEY_SIZE 1024
/* Bytes of a description, with the NUL. */
#define CATEGORY_DESCRIPTION_SIZE 1024

struct category {
	int64_t id;
	char slug[CATEGORY_SLUG_SIZE];
	char title[CATEGORY_TITLE_SIZE];
	bool open;				     /* to Subscribers */
	bool mirrored;				     /* to Telegram */
	char description[CATEGORY_DESCRIPTION_SIZE]; /* what falls in it */
};

/* The categories of a new database; ends with an empty slug. */
extern const struct category category_builtin[];

/*
 * category_key(name, key):
 * The form in which slugs, titles and tags are compared: in lower case, with
 * "and" for "&", and one hyphen for any run of spaces, hyphens and underscores.
 * 1, or 0 if the key is empty or too long, or ${name} is not UTF-8.
 */
int category_key(const char *name, char key[CATEGORY_KEY_SIZE]) WARN_UNUSED;

/* category_slug_ok(slug): is it words of a-z and 0-9 joined by single hyphens,
 * of at most 64 bytes? */
bool category_slug_ok(const char *slug);

#endif
