/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strmap - a set of strings, to find what has been seen before
 *
 * Open addressing with linear probing, at most half full. The hash is FNV-1a;
 * the strings come from the roster and one envelope, so the worst that crafted
 * ones can do is make their own message slow.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"

#define SMALLEST ((size_t)32) /* slots */

static size_t slot_of(const struct strmap *, const char *);
static int enlarge(struct strmap *, size_t);

/* Where ${key} is, or would go. */
static size_t
slot_of(const struct strmap *set, const char *key)
{
	const unsigned char *s;
	uint64_t hash;
	size_t i;

	hash = 14695981039346656037u;
	for (s = (const unsigned char *)key; *s != '\0'; s++)
		hash = (hash ^ *s) * 1099511628211u;
	i = (size_t)(hash ^ hash >> 32) & (set->size - 1);
	while (set->slots[i] != NULL && strcmp(set->slots[i], key) != 0)
		i = (i + 1) & (set->size - 1);
	return (i);
}

static int
enlarge(struct strmap *set, size_t size)
{
	struct strmap bigger = {.arena = set->arena, .size = size};
	size_t i, slot;

	bigger.slots =
	    arena_array(set->arena, bigger.size, sizeof(*bigger.slots));
	bigger.values =
	    arena_array(set->arena, bigger.size, sizeof(*bigger.values));
	if (bigger.slots == NULL || bigger.values == NULL)
		return (-1);
	for (i = 0; i < set->size; i++) {
		if (set->slots[i] == NULL)
			continue;
		slot = slot_of(&bigger, set->slots[i]);
		bigger.slots[slot] = set->slots[i];
		bigger.values[slot] = set->values[i];
	}
	bigger.n = set->n;
	*set = bigger;
	return (0);
}

int
strmap_reserve(struct strmap *set, size_t n)
{
	size_t size;

	for (size = set->size == 0 ? SMALLEST : set->size; size / 2 < n;
	     size *= 2)
		;
	return (size == set->size ? 0 : enlarge(set, size));
}

int
strmap_add(struct strmap *set, const char *key, const void *value)
{
	size_t i;

	if (strmap_reserve(set, set->n + 1) != 0)
		return (-1);
	i = slot_of(set, key);
	if (set->slots[i] != NULL)
		return (0);
	set->slots[i] = key;
	set->values[i] = value;
	set->n++;
	return (1);
}

int
strmap_find(const struct strmap *set, const char *key, const void **value)
{
	size_t i;

	if (set->size == 0)
		return (0);
	i = slot_of(set, key);
	if (set->slots[i] == NULL)
		return (0);
	*value = set->values[i];
	return (1);
}
