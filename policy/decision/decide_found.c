/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_found - the accounts that the recipients lead to, and their people
 * (policy/README.md, What happens to a message, 4)
 *
 * A recipient leads to an account if he is a user of that one alone: of
 * somebody who is a user of several, nothing says which one is meant.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"

static int compare_accounts(const void *, const void *);
static int compare_people(const void *, const void *);
static bool leads(const struct deciding *, const struct fact_recipient *);
static int find_accounts(struct deciding *);
static int find_people(struct deciding *);

static int
compare_accounts(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a,
			    *y = *(const struct member *const *)b;

	return (x->account < y->account ? -1 : x->account > y->account);
}

/* By account, the owner first. */
static int
compare_people(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a,
			    *y = *(const struct member *const *)b;
	int order = compare_accounts(a, b);

	if (order != 0)
		return (order);
	if ((x->role == ROLE_OWNER) != (y->role == ROLE_OWNER))
		return (x->role == ROLE_OWNER ? -1 : 1);
	return (strcmp(x->key, y->key));
}

/* Who stays by always_keep alone leads nowhere. */
static bool
leads(const struct deciding *d, const struct fact_recipient *r)
{
	return (r->nmembers == 1 && !r->members[0].named &&
	    (!r->always_keep || decide_recipient_entitled(d, r)));
}

/* Of the recipients who lead to one account, one stands for all. */
static int
find_accounts(struct deciding *d)
{
	const struct fact_recipient *r;
	size_t i, n = 0;

	d->found =
	    arena_array(d->arena, d->message->nrecipients, sizeof(*d->found));
	if (d->found == NULL)
		return (-1);
	for (i = 0; i < d->message->nrecipients; i++) {
		r = &d->facts->recipients[i];
		if (leads(d, r))
			d->found[n++] = r->members;
	}
	qsort(d->found, n, sizeof(*d->found), compare_people);
	for (i = 0; i < n; i++) {
		if (i == 0 ||
		    d->found[i]->account != d->found[d->nfound - 1]->account)
			d->found[d->nfound++] = d->found[i];
	}
	return (0);
}

const struct member *
decide_found_by(const struct deciding *d, int64_t account)
{
	const struct member key = {.account = account}, *p = &key, **found;

	if (d->nfound == 0)
		return (NULL);
	found = bsearch(
	    &p, d->found, d->nfound, sizeof(*d->found), compare_accounts);
	return (found == NULL ? NULL : *found);
}

/* The people of the accounts found. */
static int
find_people(struct deciding *d)
{
	const struct facts *facts = d->facts;
	const struct member *m;
	size_t i;

	d->others = arena_array(d->arena, facts->nothers, sizeof(*d->others));
	if (d->others == NULL)
		return (-1);
	for (i = 0; i < facts->nothers; i++) {
		m = &facts->others[i];
		if (decide_found_by(d, m->account) == NULL ||
		    (d->settings->expand == EXPAND_OWNER &&
			m->role != ROLE_OWNER))
			continue;
		d->others[d->nothers++] = m;
		if (decide_entitles(decide_member(&facts->category, m)) &&
		    strmap_add(&d->joining, m->key, m) == -1)
			return (-1);
	}
	qsort(d->others, d->nothers, sizeof(*d->others), compare_people);
	return (0);
}

int
decide_found(struct deciding *d)
{
	if (d->facts->header != NULL ||
	    (d->settings->expand != EXPAND_OWNER &&
		d->settings->expand != EXPAND_ALWAYS))
		return (0);
	return (find_accounts(d) == 0 ? find_people(d) : -1);
}
