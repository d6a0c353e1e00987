/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * received - why somebody was a recipient of a message
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "notifyctl/ctl.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/received.h"
#include "notifyctl/trace/trace_chats.h"
#include "notifyctl/trace/trace_roster.h"
#include "settings/settings.h"
#include "terms/address.h"
#include "terms/member.h"

/* One message. */
struct receiving {
	struct ctl *ctl;
	struct standing *standing;
	const struct history *m;
	const struct trace_people *people;
	const struct member **users; /* by key */
	struct strmap seen;
	struct standing_person *v;
	size_t n, cap;
};

static int by_key(const void *, const void *);
static size_t first_of(const struct receiving *, const char *);
static void append(struct receiving *, const struct standing_person *);
static bool as_user(struct receiving *, const char *);
static const char *why_stranger(
    const struct receiving *, const struct address *);
static void as_stranger(
    struct receiving *, const char *, const struct address *);
static void recipient(struct receiving *, const char *);

static int
by_key(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a,
			    *y = *(const struct member *const *)b;
	int rc;

	rc = strcmp(x->key, y->key);
	return (rc != 0 ? rc : strcmp(x->account_name, y->account_name));
}

/* Where the users with ${key} begin, if there are any. */
static size_t
first_of(const struct receiving *r, const char *key)
{
	size_t low = 0, high = r->people->users.n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(r->users[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (low);
}

static void
append(struct receiving *r, const struct standing_person *p)
{
	r->v = arena_grow(r->ctl->arena, r->v, r->n, &r->cap, sizeof(*r->v));
	r->v[r->n++] = *p;
}

/* The user with ${key} in each account that entitles him; if none does, in each
 * of all. False if there is none. */
static bool
as_user(struct receiving *r, const char *key)
{
	const struct category *category = &r->people->category;
	size_t first = first_of(r, key), i, end, kept = 0;
	struct standing_person *p;

	for (end = first;
	     end < r->people->users.n && strcmp(r->users[end]->key, key) == 0;
	     end++)
		;
	p = arena_array(r->ctl->arena, end - first + 1, sizeof(*p));
	for (i = first; i < end; i++) {
		p[i - first] = standing_person(
		    r->standing, r->users[i], category, history_decided(r->m));
		kept += p[i - first].entitled;
	}
	for (i = 0; i < end - first; i++) {
		if (kept > 0 && !p[i].entitled)
			continue;
		if (kept == 0)
			p[i].why = arena_concat(r->ctl->arena,
			    "not entitled now: ", p[i].why, NULL);
		append(r, &p[i]);
	}
	return (end > first);
}

/* Why somebody stays who is no user of the accounts of the message. */
static const char *
why_stranger(const struct receiving *r, const struct address *address)
{
	const struct settings *settings = r->ctl->settings;

	if (addrlist_has(&settings->always_keep, address))
		return ("named in always_keep");
	if (settings->unknown_recipients == UNKNOWN_KEEP)
		return (arena_printf(r->ctl->arena,
		    "no user of %s (unknown_recipients = keep)",
		    r->people->naccounts == 0 ? "any account"
					      : r->m->accounts));
	return (arena_printf(r->ctl->arena,
	    "no user of %s now; the MTA may have added it (alias, always_bcc)",
	    r->people->naccounts == 0 ? "any account" : r->m->accounts));
}

static void
as_stranger(
    struct receiving *r, const char *text, const struct address *address)
{
	const struct trace_people *people = r->people;
	struct standing_person p = {
	    .account = "", .address = text, .role = "", .changed = ""};
	size_t i;

	p.why = why_stranger(r, address);
	for (i = 0; i < people->naccounts && *p.changed == '\0'; i++)
		p.changed = standing_changed(r->standing, people->accounts[i],
		    address->key, ROLE_MEMBER, people->category.slug,
		    history_decided(r->m));
	append(r, &p);
}

static void
recipient(struct receiving *r, const char *text)
{
	struct address address;

	if (address_read(r->ctl->arena, text, &address) != 1 ||
	    strmap_add(&r->seen, address.key, NULL) != 1)
		return;
	if (as_user(r, address.key) ||
	    (address.base != NULL && as_user(r, address.base)))
		return;
	as_stranger(r, text, &address);
}

struct standing_person *
received(struct ctl *ctl, struct standing *st, const struct history *m,
    const struct trace_people *people, size_t *n)
{
	struct receiving r = {
	    .ctl = ctl, .standing = st, .m = m, .people = people};
	const struct history_copy *c;
	size_t i;

	r.seen.arena = ctl->arena;
	r.users =
	    arena_array(ctl->arena, people->users.n + 1, sizeof(*r.users));
	for (i = 0; i < people->users.n; i++)
		r.users[i] = &people->users.v[i];
	qsort(r.users, people->users.n, sizeof(*r.users), by_key);
	for (i = 0; i < m->ncopies; i++) {
		c = &m->copies[i];
		if (!c->dropped && !trace_chats_is(ctl, c->recipient))
			recipient(&r,
			    *c->original != '\0' ? c->original : c->recipient);
	}
	*n = r.n;
	return (r.v);
}
