/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena - memory that lives as long as one message, or one command
 *
 * A list of blocks, newest first. Blocks double in size up to a limit, so
 * that ten thousand recipients cost a few dozen calls to malloc(3), and a
 * message with three recipients costs one, once per connection.
 */
#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* AddressSanitizer knows blocks only: tell it which parts are in use, and leave
 * a gap between two pieces. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WATCHED
#endif
#endif
#if defined(WATCHED) || defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define GAP alignof(max_align_t)
#else
#define ASAN_POISON_MEMORY_REGION(p, size) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#define GAP 0
#endif

/* The tests that run out of memory have one block for each piece. */
#ifndef FIRST_BLOCK
#define FIRST_BLOCK ((size_t)4096)
#define LARGEST_BLOCK ((size_t)1 << 20)
#endif

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct block *newest;
	size_t max;
	size_t taken;
	void (*fail)(void *); /* of arena_require(), or NULL */
	void *ctx;
};

static struct block *block_new(size_t);
static void *out_of_memory(struct arena *);
static void *cut(struct arena *, size_t);

static struct block *
block_new(size_t size)
{
	struct block *b;

	b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return (NULL);
	b->next = NULL;
	b->size = size;
	b->used = 0;
	ASAN_POISON_MEMORY_REGION(b->data, size);
	return (b);
}

struct arena *
arena_new(size_t max)
{
	struct arena *a;

	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return (NULL);
	a->max = max;
	return (a);
}

void
arena_require(struct arena *a, void (*fail)(void *), void *ctx)
{
	a->fail = fail;
	a->ctx = ctx;
}

static void *
out_of_memory(struct arena *a)
{
	if (a->fail != NULL)
		a->fail(a->ctx);
	return (NULL);
}

void
arena_free(struct arena *a)
{
	struct block *b, *next;

	if (a == NULL)
		return;
	for (b = a->newest; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void
arena_reset(struct arena *a)
{
	struct block *b, *next;

	for (b = a->newest; b != NULL && b->next != NULL; b = next) {
		next = b->next;
		free(b);
	}
	if (b != NULL) {
		b->used = 0;
		ASAN_POISON_MEMORY_REGION(b->data, b->size);
	}
	a->newest = b;
	a->taken = 0;
}

/* Uninitialised bytes. */
static void *
cut(struct arena *a, size_t size)
{
	struct block *b;
	size_t asked, want;
	void *p;

	if (size > a->max - a->taken)
		return (out_of_memory(a));
	asked = size;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	b = a->newest;
	if (b == NULL || b->size - b->used < size + GAP) {
		want = b == NULL ? FIRST_BLOCK : b->size * 2;
		if (want > LARGEST_BLOCK)
			want = LARGEST_BLOCK;
		if (want < size + GAP)
			want = size + GAP;
		b = block_new(want);
		if (b == NULL)
			return (out_of_memory(a));
		b->next = a->newest;
		a->newest = b;
	}
	p = b->data + b->used;
	b->used += size + GAP;
	a->taken += size > a->max - a->taken ? a->max - a->taken : size;
	ASAN_UNPOISON_MEMORY_REGION(p, asked);
	return (p);
}

void *
arena_alloc(struct arena *a, size_t size)
{
	void *p;

	p = cut(a, size);
	return (p == NULL ? NULL : memset(p, 0, size));
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / 2 / size)
		return (out_of_memory(a));
	return (arena_alloc(a, n * size));
}

void *
arena_grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	unsigned char *grown;
	size_t want;

	if (n < *cap)
		return (v);
	want = *cap == 0 ? 8 : *cap * 2;
	if (want > SIZE_MAX / 2 / size)
		return (out_of_memory(a));
	grown = cut(a, want * size);
	if (grown == NULL)
		return (NULL);
	if (n > 0)
		memcpy(grown, v, n * size);
	memset(grown + n * size, 0, (want - n) * size);
	*cap = want;
	return (grown);
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy;

	if (n == SIZE_MAX)
		return (out_of_memory(a));
	copy = cut(a, n + 1);
	if (copy == NULL)
		return (NULL);
	memcpy(copy, s, n);
	copy[n] = '\0';
	return (copy);
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return (arena_strndup(a, s, strlen(s)));
}

int
arena_keep(struct arena *a, const char **s, ...)
{
	va_list ap;

	va_start(ap, s);
	for (; s != NULL && (*s = arena_strdup(a, *s)) != NULL;
	     s = va_arg(ap, const char **))
		;
	va_end(ap);
	return (s == NULL ? 0 : -1);
}

char *
arena_concat(struct arena *a, const char *first, ...)
{
	va_list ap;
	const char *s;
	char *text, *out;
	size_t len;

	len = 0;
	va_start(ap, first);
	for (s = first; s != NULL; s = va_arg(ap, const char *))
		len += strlen(s);
	va_end(ap);
	text = out = cut(a, len + 1);
	if (text == NULL)
		return (NULL);
	*out = '\0';
	va_start(ap, first);
	for (s = first; s != NULL; s = va_arg(ap, const char *))
		out = stpcpy(out, s);
	va_end(ap);
	return (text);
}

char *
arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return (out_of_memory(a));
	s = cut(a, (size_t)n + 1);
	if (s != NULL)
		vsnprintf(s, (size_t)n + 1, fmt, ap);
	return (s);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return (s);
}
