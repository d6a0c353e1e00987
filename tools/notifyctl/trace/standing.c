/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standing - how users stand in the roster as of now, and what was changed
 * since a decision
 *
 * The record of an account is read once, and kept by the address that a change
 * is about. That a category was opened or closed to Subscribers is recorded
 * without an account, and kept by its slug.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "base/strmap.h"
#include "decision/decide.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/standing.h"
#include "notifyctl/trace/trace_roster.h"
#include "notifyctl/when.h"
#include "store/store.h"
#include "terms/address.h"
#include "terms/category.h"
#include "terms/member.h"

/* A change as recorded; the next one about the same follows. */
struct change {
	int64_t at;
	const char *actor, *action, *subject, *detail;
	struct change *next;
};

struct list {
	struct change *first, *last;
};

/* The record of one account, or of none. */
struct record {
	struct standing *standing;
	struct strmap about; /* struct list, by address or slug */
	int64_t pruned;	     /* what is older was removed; 0: nothing */
	bool unknown;	     /* it could not be read */
};

/* What is looked for, and what was found. */
struct since {
	const char *category;
	int64_t decided;
	const struct change *first;
	size_t more;
};

struct standing {
	struct ctl *ctl;
	struct store *store;   /* or NULL */
	bool opened;	       /* it was tried to */
	const char *trouble;   /* why nothing is known; or NULL */
	struct strmap records; /* struct record, by the name of the account */
};

static void add(struct strmap *, const char *, const void *);
static void file(struct record *, const char *, const struct store_change *);
static void file_address(
    struct record *, const char *, const struct store_change *);
static int take_change(void *, const struct store_change *);
static const struct record *record_of(struct standing *, const char *);
static bool bears(const struct change *, const char *);
static void look(const struct record *, const char *, struct since *);

struct standing *
standing_new(struct ctl *ctl)
{
	struct standing *s = arena_alloc(ctl->arena, sizeof(*s));

	s->ctl = ctl;
	s->records.arena = ctl->arena;
	return (s);
}

void
standing_end(struct standing *s)
{
	trace_roster_close(s->ctl, s->store);
	s->store = NULL;
}

int
standing_people(
    struct standing *s, const struct history *m, struct trace_people *people)
{
	int rc;

	if (!s->opened)
		s->store = trace_roster_open(s->ctl, &s->trouble);
	s->opened = true;
	if (s->store == NULL)
		return (-1);
	rc = trace_roster_people(s->ctl, s->store, m, people);
	if (rc == -1)
		s->trouble = arena_strdup(
		    s->ctl->arena, failure_text(store_failure(s->store)));
	return (rc);
}

const char *
standing_trouble(const struct standing *s)
{
	return (s->trouble);
}

/* The arena of notifyctl is never out of memory. */
static void
add(struct strmap *map, const char *key, const void *value)
{
	if (strmap_add(map, key, value) == -1)
		abort();
}

/* Keep a change under ${key}. */
static void
file(struct record *r, const char *key, const struct store_change *c)
{
	struct arena *a = r->standing->ctl->arena;
	const void *found = NULL;
	struct change *change;
	struct list *list;

	if (strmap_find(&r->about, key, &found) == 1) {
		list = (struct list *)(uintptr_t)found;
	} else {
		list = arena_alloc(a, sizeof(*list));
		add(&r->about, arena_strdup(a, key), list);
	}
	change = arena_alloc(a, sizeof(*change));
	change->at = c->at;
	change->actor = arena_strdup(a, c->actor);
	change->action = arena_strdup(a, c->action);
	change->subject = arena_strdup(a, c->subject);
	change->detail = arena_strdup(a, c->detail);
	if (list->last == NULL)
		list->first = change;
	else
		list->last->next = change;
	list->last = change;
}

/* Keep it under the address at the beginning of ${text}, if there is one. */
static void
file_address(struct record *r, const char *text, const struct store_change *c)
{
	struct arena *a = r->standing->ctl->arena;
	struct address address;

	if (text != NULL && address_read(a, text, &address) == 1)
		file(r, address.key, c);
}

/* A transfer and a new address are about two. */
static int
take_change(void *ctx, const struct store_change *c)
{
	struct record *r = ctx;
	struct arena *a = r->standing->ctl->arena;
	const char *other = NULL;
	struct failure ignored = FAILURE_INIT;
	int64_t from, to;

	if (strcmp(c->action, "tell") == 0)
		return (0);
	if (strcmp(c->action, "log-prune") == 0) {
		other = strstr(c->detail, " before ");
		if (other != NULL &&
		    when_day(a, other + 8, &from, &to, &ignored) == 0 &&
		    from > r->pruned)
			r->pruned = from;
		failure_clear(&ignored);
		return (0);
	}
	if (*c->account == '\0') {
		file(r, c->subject, c);
		return (0);
	}
	file_address(r, c->subject, c);
	if (strcmp(c->action, "account-transfer") == 0)
		other = text_after(c->detail, "from ");
	else if (strcmp(c->action, "user-address") == 0)
		other = text_after(c->detail, "was ");
	if (other != NULL)
		file_address(r,
		    arena_strndup(a, other,
			strstr(other, ", ") == NULL
			    ? strlen(other)
			    : (size_t)(strstr(other, ", ") - other)),
		    c);
	return (0);
}

static const struct record *
record_of(struct standing *s, const char *account)
{
	const void *found = NULL;
	struct record *r;

	if (strmap_find(&s->records, account, &found) == 1)
		return (found);
	r = arena_alloc(s->ctl->arena, sizeof(*r));
	r->standing = s;
	r->about.arena = s->ctl->arena;
	add(&s->records, arena_strdup(s->ctl->arena, account), r);
	r->unknown = store_begin(s->store, DB_READ) != 0;
	if (!r->unknown) {
		r->unknown =
		    store_changes(s->store, account, take_change, r) != 0;
		store_end(s->store);
	}
	return (r);
}

/* Can it change who is entitled to the category? */
static bool
bears(const struct change *c, const char *category)
{
	static const char *const always[] = {"user-add", "user-role",
	    "user-remove", "user-address", "account-transfer"};
	const char *rest;
	size_t i;

	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (strcmp(c->action, always[i]) == 0)
			return (true);
	}
	if (strcmp(c->action, "category-set") == 0)
		return (strstr(c->detail, "open to Subscriber") != NULL);
	if (strcmp(c->action, "subscribe") != 0 &&
	    strcmp(c->action, "unsubscribe") != 0)
		return (false);
	rest = text_after(c->detail, category);
	return (rest != NULL && (*rest == '\0' || *rest == ','));
}

/* Note the changes of ${r} about ${key}. */
static void
look(const struct record *r, const char *key, struct since *s)
{
	const void *found = NULL;
	const struct list *list;
	const struct change *c;

	if (strmap_find(&r->about, key, &found) != 1)
		return;
	list = found;
	for (c = list->first; c != NULL; c = c->next) {
		if (c->at < s->decided || !bears(c, s->category))
			continue;
		s->more += s->first != NULL;
		if (s->first == NULL || c->at < s->first->at)
			s->first = c;
	}
}

const char *
standing_changed(struct standing *st, const char *account, const char *key,
    enum role role, const char *category, int64_t decided)
{
	struct since s = {.category = category, .decided = decided};
	struct arena *a = st->ctl->arena;
	const struct record *own, *all;
	char when[OUTPUT_WHEN_SIZE];
	const struct change *c;
	const char *text;

	if (decided == 0)
		return ("not known: the log does not say when it was decided");
	own = record_of(st, account);
	all = record_of(st, "");
	if (own->unknown || all->unknown)
		return ("not known: the record cannot be read");
	look(own, key, &s);
	if (role == ROLE_SUBSCRIBER)
		look(all, category, &s);
	if (s.first == NULL)
		return (own->pruned > decided || all->pruned > decided
			? "not known: the record of that time was removed"
			: "");
	c = s.first;
	text = arena_printf(a, "%s %s%s%s, by %s", output_when(when, c->at),
	    c->action, *c->detail == '\0' ? "" : " ", c->detail, c->actor);
	if (s.more > 0)
		text = arena_printf(a, "%s (and %zu later)", text, s.more);
	return (text);
}

struct standing_person
standing_person(struct standing *s, const struct member *m,
    const struct category *category, int64_t decided)
{
	enum why why = decide_member(category, m);
	struct standing_person p = {.account = m->account_name,
	    .address = m->address,
	    .role = role_name(m->role),
	    .entitled = decide_entitles(why),
	    .why = decide_why(s->ctl->arena, why, m, category->slug)};

	p.changed = standing_changed(
	    s, m->account_name, m->key, m->role, category->slug, decided);
	return (p);
}
