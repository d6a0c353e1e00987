/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strmap - a map from strings to pointers
 *
 * An empty map is {.arena = a}. Keys and values are borrowed and must live as
 * long as the map; its memory comes from the arena and is freed with that. Keys
 * are never removed.
 *
 * Threads: one at a time.
 */
#ifndef STRMAP_H
#define STRMAP_H

#include <stddef.h>

#include "base/compiler.h"

struct arena;

struct strmap {
	struct arena *arena;
	const char **slots;
	const void **values;
	size_t size; /* of slots: 0 or a power of two */
	size_t n;
};

/* strmap_reserve(map, n): make room for ${n} keys in all. 0, or -1 if out of
 * memory. */
int strmap_reserve(struct strmap *, size_t) WARN_UNUSED;

/* strmap_add(map, key, value): 1 added; 0 if ${key} was there, which keeps its
 * value; -1 if out of memory. */
int strmap_add(struct strmap *, const char *key, const void *value) WARN_UNUSED;

/* strmap_find(map, key, value): 1, and ${*value} unless it is NULL; or 0. */
int strmap_find(
    const struct strmap *, const char *key, const void **value) WARN_UNUSED;

#endif
