/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passed - who of a message's accounts did not get it, and why
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "notifyctl/ctl.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/passed.h"
#include "notifyctl/trace/trace_roster.h"
#include "settings/settings.h"
#include "terms/address.h"

static struct strmap *among(struct ctl *, const struct history *);
static void add(struct strmap *, const char *);
static bool is_among(struct ctl *, const struct strmap *, const char *);
static const char *not_joined(enum expand, enum role);
static int by_entitled(const void *, const void *);

/* The arena of notifyctl is never out of memory. */
static void
add(struct strmap *map, const char *key)
{
	if (strmap_add(map, key, NULL) == -1)
		abort();
}

/* The keys of all recipients in the log, with the aliases they come from. */
static struct strmap *
among(struct ctl *ctl, const struct history *m)
{
	struct strmap *keys = arena_alloc(ctl->arena, sizeof(*keys));
	const char *text;
	struct address address;
	size_t i;

	keys->arena = ctl->arena;
	for (i = 0; i < 2 * m->ncopies; i++) {
		text = i % 2 == 0 ? m->copies[i / 2].recipient
				  : m->copies[i / 2].original;
		if (*text != '\0' &&
		    address_read(ctl->arena, text, &address) == 1) {
			add(keys, address.key);
			if (address.base != NULL)
				add(keys, address.base);
		}
	}
	return (keys);
}

static bool
is_among(struct ctl *ctl, const struct strmap *keys, const char *address)
{
	struct address a;

	return (address_read(ctl->arena, address, &a) == 1 &&
	    strmap_find(keys, a.key, NULL) == 1);
}

/* Why somebody who is entitled has no copy, as far as the settings tell: the
 * log does not say whether the message named the account. */
static const char *
not_joined(enum expand expand, enum role role)
{
	switch (expand) {
	case EXPAND_OWNER:
		if (role != ROLE_OWNER)
			return ("entitled; only the owner joins unless the "
				"message names the account (expand = owner)");
		break;
	case EXPAND_ADDRESSED:
		return ("entitled; nobody joins unless the message names the "
			"account (expand = addressed)");
	case EXPAND_NEVER:
		return ("entitled; nobody joins (expand = never)");
	case EXPAND_ALWAYS:
		break;
	}
	return ("entitled; no copy is logged");
}

static int
by_entitled(const void *a, const void *b)
{
	const struct standing_person *x = a, *y = b;
	int rc;

	if (x->entitled != y->entitled)
		return (x->entitled ? -1 : 1);
	rc = strcmp(x->account, y->account);
	return (rc != 0 ? rc : strcmp(x->address, y->address));
}

struct standing_person *
passed_over(struct ctl *ctl, struct standing *st, const struct history *m,
    const struct trace_people *people, size_t *n)
{
	struct standing_person *v, *one;
	const struct strmap *copies;
	const struct member *u;
	size_t i;

	*n = 0;
	copies = among(ctl, m);
	v = arena_array(ctl->arena, people->users.n + 1, sizeof(*v));
	for (i = 0; i < people->users.n; i++) {
		u = &people->users.v[i];
		if (is_among(ctl, copies, u->address))
			continue;
		one = &v[(*n)++];
		*one = standing_person(
		    st, u, &people->category, history_decided(m));
		if (one->entitled)
			one->why = m->state == HISTORY_DONE
			    ? not_joined(ctl->settings->expand, u->role)
			    : "entitled; no copy is logged yet";
	}
	qsort(v, *n, sizeof(*v), by_entitled);
	return (v);
}
