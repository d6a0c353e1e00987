/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strmap - a map from strings to pointers
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

/* The slot that has ${key}, or the empty one for it. */
static size_t
slot_of(const struct strmap *map, const char *key)
{
	const unsigned char *s;
	uint64_t hash;
	size_t i;

	hash = 14695981039346656037u;
	for (s = (const unsigned char *)key; *s != '\0'; s++)
		hash = (hash ^ *s) * 1099511628211u;
	i = (size_t)(hash ^ hash >> 32) & (map->size - 1);
	while (map->slots[i] != NULL && strcmp(map->slots[i], key) != 0)
		i = (i + 1) & (map->size - 1);
	return (i);
}

static int
enlarge(struct strmap *map, size_t size)
{
	struct strmap bigger = {.arena = map->arena, .size = size};
	size_t i, slot;

	bigger.slots =
	    arena_array(map->arena, bigger.size, sizeof(*bigger.slots));
	bigger.values =
	    arena_array(map->arena, bigger.size, sizeof(*bigger.values));
	if (bigger.slots == NULL || bigger.values == NULL)
		return (-1);
	for (i = 0; i < map->size; i++) {
		if (map->slots[i] == NULL)
			continue;
		slot = slot_of(&bigger, map->slots[i]);
		bigger.slots[slot] = map->slots[i];
		bigger.values[slot] = map->values[i];
	}
	bigger.n = map->n;
	*map = bigger;
	return (0);
}

int
strmap_reserve(struct strmap *map, size_t n)
{
	size_t size;

	for (size = map->size == 0 ? SMALLEST : map->size; size / 2 < n;
	     size *= 2)
		;
	return (size == map->size ? 0 : enlarge(map, size));
}

int
strmap_add(struct strmap *map, const char *key, const void *value)
{
	size_t i;

	if (strmap_reserve(map, map->n + 1) != 0)
		return (-1);
	i = slot_of(map, key);
	if (map->slots[i] != NULL)
		return (0);
	map->slots[i] = key;
	map->values[i] = value;
	map->n++;
	return (1);
}

int
strmap_find(const struct strmap *map, const char *key, const void **value)
{
	size_t i;

	if (map->size == 0)
		return (0);
	i = slot_of(map, key);
	if (map->slots[i] == NULL)
		return (0);
	if (value != NULL)
		*value = map->values[i];
	return (1);
}
