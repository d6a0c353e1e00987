/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strmap - a set of strings, to find what has been seen before
 *
 * Threads: one at a time. The strings are borrowed, the memory is cut from the
 * arena that is given.
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

/* strmap_reserve(set, n): room for ${n} strings, made at once. 0 or -1. */
int strmap_reserve(struct strmap *, size_t) WARN_UNUSED;

/* strmap_add(set, key, value): 1 added, 0 was there already, -1 no memory. */
int strmap_add(struct strmap *, const char *key, const void *value) WARN_UNUSED;

/* strmap_find(set, key, value): 1 and ${*value}, or 0. */
int strmap_find(
    const struct strmap *, const char *key, const void **value) WARN_UNUSED;

#endif
