/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_notify - the NOTIFY of those who join (policy/README.md, What happens
 * to a message, 8; RFC 3461, 4.1)
 */
#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"

/* Beside the bits of message.h: an address had no NOTIFY. */
#define NOTIFY_DEFAULT 16

static const char *notify_text(unsigned);
static unsigned *notify_of_accounts(struct deciding *);
static size_t find_named(const struct facts *, int64_t, size_t);

/* The union of the NOTIFY of several addresses as a parameter of RCPT, NULL for
 * the MTA's default, which is to report failures and delays. */
static const char *
notify_text(unsigned notify)
{
	unsigned wanted = notify &
	    (MESSAGE_NOTIFY_SUCCESS | MESSAGE_NOTIFY_FAILURE |
		MESSAGE_NOTIFY_DELAY);

	if (wanted == 0)
		wanted = notify == MESSAGE_NOTIFY_NEVER ? notify : 0;
	else if (notify & NOTIFY_DEFAULT)
		wanted |= MESSAGE_NOTIFY_FAILURE | MESSAGE_NOTIFY_DELAY;
	return (message_notify_text((unsigned char)wanted));
}

/* The union of the NOTIFY of the addresses of each account named; NULL if out
 * of memory. */
static unsigned *
notify_of_accounts(struct deciding *d)
{
	const struct fact_account *account;
	unsigned *notify;
	size_t i;

	notify = arena_array(d->arena, d->facts->naccounts, sizeof(*notify));
	for (i = 0; notify != NULL && i < d->message->nrecipients; i++) {
		account = d->facts->recipients[i].account;
		if (account != NULL)
			notify[account->index] |= d->message->notify[i] == 0
			    ? NOTIFY_DEFAULT
			    : d->message->notify[i];
	}
	return (notify);
}

/* The account named with this id, as an index; naccounts if it is not named.
 * ${hint}: an index that is probably right. */
static size_t
find_named(const struct facts *facts, int64_t id, size_t hint)
{
	size_t i;

	if (hint < facts->naccounts && facts->accounts[hint]->id == id)
		return (hint);
	for (i = 0; i < facts->naccounts; i++) {
		if (facts->accounts[i]->id == id)
			break;
	}
	return (i);
}

/* Rule 8: who joins for an account's address gets its NOTIFY. */
int
decide_notify(struct deciding *d)
{
	const struct facts *facts = d->facts;
	const struct decision *decision = d->decision;
	struct strmap joined = {.arena = d->arena};
	const struct member *m;
	const void *found;
	unsigned *notify, *unions;
	size_t i, account = 0;

	if (d->message->notify == NULL || decision->nadded == 0)
		return (0);
	notify = notify_of_accounts(d);
	unions = arena_array(d->arena, decision->nadded, sizeof(*unions));
	if (notify == NULL || unions == NULL)
		return (-1);
	for (i = 0; i < decision->nadded; i++) {
		if (strmap_add(&joined, decision->added[i].member->key,
			&unions[i]) == -1)
			return (-1);
	}
	for (i = 0; i < facts->npeople; i++) {
		m = &facts->people[i];
		account = find_named(facts, m->account, account);
		if (account == facts->naccounts ||
		    !decide_entitles(decide_member(&facts->category, m)) ||
		    strmap_find(&joined, m->key, &found) != 1)
			continue;
		unions[(const unsigned *)found - unions] |= notify[account];
	}
	for (i = 0; i < decision->nadded; i++)
		decision->added[i].notify = notify_text(unions[i]);
	return (0);
}
