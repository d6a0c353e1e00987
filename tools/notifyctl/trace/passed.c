/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passed - who of a message's accounts did not get it, and why
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "decision/decide.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/passed.h"
#include "notifyctl/trace/trace_roster.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_lookup.h"
#include "terms/address.h"

/* A change of one user, as recorded; the one before it follows. */
struct change {
	int64_t at;
	const char *text;
	struct change *before;
};

/* The record of one account. */
struct record {
	struct passed *passed;
	struct strmap users; /* struct user, by address */
	bool unknown;	     /* it could not be read */
};

struct user {
	struct change *last;
};

struct passed {
	struct ctl *ctl;
	struct store *store;   /* or NULL */
	bool opened;	       /* it was tried to */
	struct strmap records; /* by the name of the account */
};

static void add(struct strmap *, const char *, const void *);
static bool applies(const struct history *);
static struct strmap *among(struct ctl *, const struct history *);
static bool is_among(struct ctl *, const struct strmap *, const char *);
static int take_change(void *, const struct store_change *);
static const struct record *record_of(struct passed *, const char *);
static const char *changed(
    struct passed *, const struct member *, const struct history *);
static const char *reason(struct passed *, const struct member *,
    const struct history *, const struct category *, bool *);
static const char *not_joined(enum expand, enum role);
static int by_entitled(const void *, const void *);

struct passed *
passed_new(struct ctl *ctl)
{
	struct passed *p = arena_alloc(ctl->arena, sizeof(*p));

	p->ctl = ctl;
	p->records.arena = ctl->arena;
	return (p);
}

void
passed_end(struct passed *p)
{
	trace_roster_close(p->ctl, p->store);
	p->store = NULL;
}

/* The arena of notifyctl is never out of memory. */
static void
add(struct strmap *map, const char *key, const void *value)
{
	if (strmap_add(map, key, value) == -1)
		abort();
}

static bool
applies(const struct history *m)
{
	return (strcmp(m->verdict, "deliver") == 0 && !m->monitor &&
	    !m->decided_before && strcmp(m->accounts, "-") != 0);
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
			add(keys, address.key, NULL);
			if (address.base != NULL)
				add(keys, address.base, NULL);
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

static int
take_change(void *ctx, const struct store_change *c)
{
	struct record *r = ctx;
	struct arena *a = r->passed->ctl->arena;
	char when[OUTPUT_WHEN_SIZE];
	struct change *change;
	const void *found = NULL;
	struct user *user;

	if (strcmp(c->action, "tell") == 0)
		return (0);
	if (strmap_find(&r->users, c->subject, &found) == 1) {
		user = (struct user *)(uintptr_t)found;
	} else {
		user = arena_alloc(a, sizeof(*user));
		add(&r->users, arena_strdup(a, c->subject), user);
	}
	change = arena_alloc(a, sizeof(*change));
	change->at = c->at;
	change->text =
	    arena_printf(a, "%s %s%s%s, by %s", output_when(when, c->at),
		c->action, *c->detail == '\0' ? "" : " ", c->detail, c->actor);
	change->before = user->last;
	user->last = change;
	return (0);
}

static const struct record *
record_of(struct passed *p, const char *account)
{
	const void *found = NULL;
	struct record *r;

	if (strmap_find(&p->records, account, &found) == 1)
		return (found);
	r = arena_alloc(p->ctl->arena, sizeof(*r));
	r->passed = p;
	r->users.arena = p->ctl->arena;
	add(&p->records, arena_strdup(p->ctl->arena, account), r);
	r->unknown = store_begin(p->store, DB_READ) != 0;
	if (!r->unknown) {
		r->unknown =
		    store_changes(p->store, account, take_change, r) != 0;
		store_end(p->store);
	}
	return (r);
}

/* The last change of the user since the decision; or "". */
static const char *
changed(struct passed *p, const struct member *u, const struct history *m)
{
	const void *found = NULL;
	const struct record *r;
	const struct user *user;

	if (m->decided == 0)
		return ("");
	r = record_of(p, u->account_name);
	if (r->unknown)
		return ("not known: the record cannot be read");
	if (strmap_find(&r->users, u->address, &found) != 1)
		return ("");
	user = found;
	return (user->last->at >= m->decided ? user->last->text : "");
}

static const char *
reason(struct passed *p, const struct member *u, const struct history *m,
    const struct category *category, bool *entitled)
{
	*entitled = role_entitled(u->role, u->subscribed, category->open);
	if (!*entitled)
		return (decide_why(p->ctl->arena,
		    role_may_receive(u->role, category->open)
			? WHY_NOT_SUBSCRIBED
			: WHY_NOT_OPEN,
		    u, category->slug));
	if (m->state != HISTORY_DONE)
		return ("entitled; no copy is logged yet");
	return (not_joined(p->ctl->settings->expand, u->role));
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
	const struct passed_person *x = a, *y = b;
	int rc;

	if (x->entitled != y->entitled)
		return (x->entitled ? -1 : 1);
	rc = strcmp(x->account, y->account);
	return (rc != 0 ? rc : strcmp(x->address, y->address));
}

struct passed_person *
passed_over(
    struct passed *p, const struct history *m, const char *only, size_t *n)
{
	struct store_members people;
	struct category category;
	struct passed_person *v, *one;
	const struct strmap *copies;
	const struct member *u;
	size_t i;

	*n = 0;
	if (!applies(m))
		return (NULL);
	if (!p->opened)
		p->store = trace_roster_open(p->ctl);
	p->opened = true;
	if (trace_roster_people(p->ctl, p->store, m, &category, &people) != 0)
		return (NULL);
	copies = among(p->ctl, m);
	v = arena_array(p->ctl->arena, people.n + 1, sizeof(*v));
	for (i = 0; i < people.n; i++) {
		u = &people.v[i];
		if (is_among(p->ctl, copies, u->address) ||
		    (only != NULL && strcmp(only, u->key) != 0))
			continue;
		one = &v[(*n)++];
		one->account = u->account_name;
		one->address = u->address;
		one->role = role_name(u->role);
		one->why = reason(p, u, m, &category, &one->entitled);
		one->changed = changed(p, u, m);
	}
	qsort(v, *n, sizeof(*v), by_entitled);
	return (v);
}
