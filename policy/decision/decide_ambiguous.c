/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_ambiguous - addresses that the MTA may read in another way than we do
 *
 * A message with such a recipient is held: what is delivered, or deleted, may
 * be another person's.
 */
#include <string.h>

#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"
#include "terms/address.h"

static bool ambiguous(const struct fact_recipient *);
static int fuse(struct strmap *, const char *, const char *);
static int fuse_member(struct strmap *, const struct member *);
static bool any_wide(const struct deciding *);

/* May the MTA read the address as another one? It appends a domain where there
 * is none, may take "acme.example!bill" and "bill%acme.example" for bill's,
 * even in front of a domain, and folds case as Unicode does when it looks an
 * address up. */
static bool
ambiguous(const struct fact_recipient *r)
{
	return (*r->address.domain == '\0' || r->alike ||
	    address_hazard(r->address.key) != NULL);
}

/* Note that ${shown}, the recipient or user with ${key}, gets the message. */
void
decide_ambiguous_note(struct deciding *d, const char *key, const char *shown)
{
	const char *why = address_hazard(key);

	if (why == NULL || d->hazard != NULL)
		return;
	d->hazard = shown;
	d->hazard_why = why;
}

/* A recipient whose mailbox is uncertain, or NULL. What we cannot read as an
 * address may be a mailbox to the MTA, and deleting it may delete another
 * recipient or none. An ambiguous address matters only if it is no user's and
 * would be kept. */
const char *
decide_ambiguous_recipient(const struct deciding *d)
{
	bool keep = d->settings->unknown_recipients == UNKNOWN_KEEP;
	const struct fact_recipient *r;
	size_t i;

	for (i = 0; i < d->message->nrecipients; i++) {
		r = &d->facts->recipients[i];
		if (!r->readable ||
		    ((keep || r->always_keep) && r->account == NULL &&
			r->nmembers == 0 && ambiguous(r)))
			return (d->message->recipients[i]);
	}
	return (NULL);
}

/* Note the address ${text} with ${key} among ${folds}: 1 if the MTA takes it
 * for one of another key, 0 if not, -1 if out of memory. */
static int
fuse(struct strmap *folds, const char *key, const char *text)
{
	const char *folded;
	const void *other;

	if (address_fold(folds->arena, text, &folded) != 0)
		return (-1);
	if (strmap_find(folds, folded, &other) == 1)
		return (strcmp(other, key) != 0);
	return (strmap_add(folds, folded, key) == -1 ? -1 : 0);
}

/* As fuse(), for a user who is added. */
static int
fuse_member(struct strmap *folds, const struct member *m)
{
	struct address address;
	int found;

	found = address_read(folds->arena, m->address, &address);
	if (found == -1)
		return (-1);
	return (fuse(folds, m->key, found == 1 ? address.exact : m->key));
}

/* Does the text of a recipient, or of a user who is added, have a byte outside
 * ASCII? Without one no two addresses are fused. */
static bool
any_wide(const struct deciding *d)
{
	const struct decision *decision = d->decision;
	size_t i;

	for (i = 0; i < d->message->nrecipients; i++) {
		if (address_wide(d->message->recipients[i]))
			return (true);
	}
	for (i = 0; i < decision->nadded; i++) {
		if (address_wide(decision->added[i].member->address))
			return (true);
	}
	return (false);
}

/* ${*text} is a recipient or user that the MTA takes for the same as another,
 * so that one of them would not get the message; or NULL. The MTA compares the
 * addresses as they were given, so keys do not do: in a key each domain is an
 * A-label. 0, or -1 if out of memory. */
int
decide_ambiguous_pair(struct deciding *d, const char **text)
{
	const struct decision *decision = d->decision;
	struct strmap folds = {.arena = d->arena};
	bool wide = any_wide(d);
	const struct fact_recipient *r;
	size_t i;
	int rc = 0;

	*text = NULL;
	for (i = 0; wide && i < d->message->nrecipients && rc == 0; i++) {
		r = &d->facts->recipients[i];
		rc = fuse(&folds, r->address.key, r->address.exact);
		*text = d->message->recipients[i];
	}
	for (i = 0; wide && i < decision->nadded && rc == 0; i++) {
		rc = fuse_member(&folds, decision->added[i].member);
		*text = decision->added[i].member->address;
	}
	if (rc == 0)
		*text = NULL;
	return (rc == -1 ? -1 : 0);
}
