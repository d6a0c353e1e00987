/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_mirror - the chats that get the message (policy/README.md, What
 * happens to a message, 7)
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"
#include "terms/stamp.h"

/* What is done with a chat; nameless: it is not told the account. */
typedef int each_fn(struct deciding *, const struct member *, bool nameless);

static const char *mirror_address(
    struct deciding *, const struct member *, bool);
static int add_number(struct strmap *, int64_t);
static each_fn note_mirrored, mirror;
static bool has_mirror(struct deciding *, const struct member *);
static int each_of(struct deciding *, const struct member *, size_t, each_fn *);
static int each_other(struct deciding *, each_fn *);
static int each_mirrored(struct deciding *, each_fn *);

/* The address of a user's chat for this message, or NULL if out of memory. */
static const char *
mirror_address(struct deciding *d, const struct member *m, bool nameless)
{
	const char *key = d->facts->key;
	char check[STAMP_SIZE] = "";

	if (key != NULL)
		stamp_mirror(key, m->link, d->facts->category.slug,
		    d->message->id, nameless, check);
	return (arena_printf(d->arena, "%lld%s%s@%s", (long long)m->link,
	    key == NULL ? "" : "-", check, d->settings->telegram_domain));
}

/* Note the number: 1; 0 if it has been noted; -1. */
static int
add_number(struct strmap *numbers, int64_t number)
{
	char *text;

	text = arena_printf(numbers->arena, "%lld", (long long)number);
	return (text == NULL ? -1 : strmap_add(numbers, text, NULL));
}

int
decide_mirror_note(struct deciding *d, int64_t link)
{
	return (add_number(&d->mirrors, link) == -1 ? -1 : 0);
}

/* Note the chat of a final recipient, if a recipient is its mirror already. */
static int
note_mirrored(struct deciding *d, const struct member *m, bool nameless)
{
	const void *seen;
	char link[32];

	(void)nameless;
	snprintf(link, sizeof(link), "%lld", (long long)m->link);
	if (strmap_find(&d->mirrors, link, &seen) == 1)
		return (add_number(&d->chats, m->chat) == -1 ? -1 : 0);
	return (0);
}

/* Add the chat of a final recipient, once for each chat (rule 7). */
static int
mirror(struct deciding *d, const struct member *m, bool nameless)
{
	struct decision *decision = d->decision;
	struct decided_mirror *mirrored;
	int rc;

	rc = add_number(&d->chats, m->chat);
	if (rc != 1)
		return (rc == -1 ? -1 : 0);
	decision->mirrored = arena_grow(d->arena, decision->mirrored,
	    decision->nmirrored, &d->mirrored_cap, sizeof(*decision->mirrored));
	if (decision->mirrored == NULL)
		return (-1);
	mirrored = &decision->mirrored[decision->nmirrored++];
	mirrored->member = m;
	mirrored->address = mirror_address(d, m, nameless);
	return (mirrored->address == NULL ? -1 : 0);
}

static bool
has_mirror(struct deciding *d, const struct member *m)
{
	return (m->link != 0 &&
	    role_mirrored(m->role, m->subscribed, &d->facts->category));
}

/*
 * The chats of one person, who has these ${n} memberships. If some are in
 * accounts named, they alone count. If none is and there are several, the
 * message may be about any: a group of one account must not read it, and the
 * chat is told none.
 */
static int
each_of(struct deciding *d, const struct member *v, size_t n, each_fn *fn)
{
	bool concerned = decide_concerned(d->facts, v, n);
	bool nameless = !concerned && n > 1;
	size_t i;

	for (i = 0; i < n; i++) {
		if ((concerned && !v[i].named) ||
		    (nameless && v[i].chat <= 0) || !has_mirror(d, &v[i]))
			continue;
		if (fn(d, &v[i], nameless) != 0)
			return (-1);
	}
	return (0);
}

/* Of those who join by "expand" all memberships are known. */
static int
each_other(struct deciding *d, each_fn *fn)
{
	const struct member *v = d->facts->others;
	size_t i, j, n = d->nothers == 0 ? 0 : d->facts->nothers;

	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && strcmp(v[i].key, v[j].key) == 0; j++)
			;
		if (strmap_find(&d->final, v[i].key, NULL) == 1 &&
		    each_of(d, &v[i], j - i, fn) != 0)
			return (-1);
	}
	return (0);
}

/* Call ${fn} for each chat of a final recipient that gets the message. */
static int
each_mirrored(struct deciding *d, each_fn *fn)
{
	const struct facts *facts = d->facts;
	const struct fact_recipient *r;
	size_t i;

	for (i = 0; i < d->message->nrecipients; i++) {
		r = &facts->recipients[i];
		if (d->decision->recipients[i].fate == FATE_KEPT &&
		    each_of(d, r->members, r->nmembers, fn) != 0)
			return (-1);
	}
	/* Each is a user of an account named. */
	for (i = 0; i < facts->npeople && d->expands; i++) {
		if (strmap_find(&d->final, facts->people[i].key, NULL) == 1 &&
		    each_of(d, &facts->people[i], 1, fn) != 0)
			return (-1);
	}
	return (each_other(d, fn));
}

int
decide_mirror(struct deciding *d)
{
	if (!d->facts->category.mirrored)
		return (0);
	/* A chat of two users is the chat of either. */
	if (d->mirrors.n > 0 && each_mirrored(d, note_mirrored) != 0)
		return (-1);
	return (each_mirrored(d, mirror));
}
