/*
 * keyset - a set of strings, to find what has been seen before
 *
 * Threads: one at a time. The strings are borrowed, the memory is cut from the
 * arena that is given.
 */
#ifndef KEYSET_H
#define KEYSET_H

#include <stddef.h>

#include "base/compiler.h"

struct arena;

struct keyset {
	struct arena *arena;
	const char **slots;
	const void **values;
	size_t size; /* of slots: 0 or a power of two */
	size_t n;
};

/* keyset_reserve(set, n): room for ${n} strings, made at once. 0 or -1. */
int keyset_reserve(struct keyset *, size_t) WARN_UNUSED;

/* keyset_add(set, key, value): 1 added, 0 was there already, -1 no memory. */
int keyset_add(struct keyset *, const char *key, const void *value) WARN_UNUSED;

/* keyset_find(set, key, value): 1 and ${*value}, or 0. */
int keyset_find(
    const struct keyset *, const char *key, const void **value) WARN_UNUSED;

#endif
