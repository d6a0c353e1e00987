/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * problems - what is wrong with the addresses of one command, all of it
 *
 * Somebody who is told of one wrong address after the other, among thousands,
 * would give up.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "roster/membership.h"
#include "roster/problems.h"

static const char *join(struct problems *);

int
problems_add(struct problems *f, enum failure_kind kind, const char *address,
    const char *why)
{
	struct arena *a = f->changes->arena;
	const char *shown = escape_short(a, address), *text = NULL;

	if (f->n == 0 || kind < f->kind)
		f->kind = kind;
	if (shown != NULL && why != NULL)
		text = arena_printf(a, "\"%s\" %s", shown, why);
	f->v = arena_grow(a, f->v, f->n, &f->cap, sizeof(*f->v));
	if (text == NULL || f->v == NULL)
		return (failure_memory(f->changes->failure));
	f->v[f->n++] = text;
	f->room += strlen(text) + strlen(", ");
	return (0);
}

static const char *
join(struct problems *f)
{
	char *text, *end;
	size_t i;

	text = end = arena_alloc(f->changes->arena, f->room + 1);
	for (i = 0; i < f->n && text != NULL; i++)
		end = stpcpy(i == 0 ? end : stpcpy(end, ", "), f->v[i]);
	return (text);
}

int
problems_refuse(struct problems *f, const char *what, const char *expected, ...)
{
	const char *all = join(f);
	char *want;
	va_list ap;

	va_start(ap, expected);
	if (vasprintf(&want, expected, ap) < 0)
		want = NULL;
	va_end(ap);
	if (all == NULL || want == NULL)
		failure_memory(f->changes->failure);
	else
		failure_set(f->changes->failure, f->kind, "%s: %s; expected %s",
		    what, all, want);
	free(want);
	return (-1);
}
