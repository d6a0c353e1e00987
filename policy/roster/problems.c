/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * problems - all faults in the addresses of one command, for one message
 *
 * A command may name thousands of addresses: it reports all faults at once, so
 * that the user need not find them one by one.
 */
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "roster/membership.h"
#include "roster/problems.h"

static const char *join(struct problems *);

int
problems_add(struct problems *p, enum failure_kind kind, const char *address,
    const char *why)
{
	struct arena *a = p->changes->arena;
	const char *text = NULL;

	if (p->n == 0 || kind < p->kind)
		p->kind = kind;
	if (why != NULL)
		text =
		    arena_printf(a, "\"%s\" %s", escape_short(a, address), why);
	p->v = arena_grow(a, p->v, p->n, &p->cap, sizeof(*p->v));
	if (text == NULL || p->v == NULL)
		return (failure_memory(p->changes->failure));
	p->v[p->n++] = text;
	p->room += strlen(text) + strlen(", ");
	return (0);
}

static const char *
join(struct problems *p)
{
	char *text, *end;
	size_t i;

	text = end = arena_alloc(p->changes->arena, p->room + 1);
	for (i = 0; i < p->n && text != NULL; i++)
		end = stpcpy(i == 0 ? end : stpcpy(end, ", "), p->v[i]);
	return (text);
}

int
problems_refuse(struct problems *p, const char *what, const char *expected, ...)
{
	struct failure *failure = p->changes->failure;
	const char *all = join(p);
	va_list ap;

	if (all == NULL)
		return (failure_memory(failure));
	va_start(ap, expected);
	failure_vset(failure, p->kind, expected, ap);
	va_end(ap);
	return (failure_set(failure, p->kind, "%s: %s; expected %s", what, all,
	    failure_text(failure)));
}
