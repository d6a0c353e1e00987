/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_words - a decision in words: verdicts, reasons, accounts
 */
#include <string.h>

#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"

/* A list of names, each once. */
struct names {
	struct strmap seen;
	const char **v;
	size_t n, cap;
	size_t room; /* bytes that they need when joined */
};

static int name_account(struct names *, const char *);
static int name_recipient(
    struct names *, const struct deciding *, size_t, bool every);

static const char *const verdict_names[] = {
    [VERDICT_UNTOUCHED] = "untouched",
    [VERDICT_DELIVER] = "deliver",
    [VERDICT_DISCARD] = "discard",
    [VERDICT_HOLD] = "hold",
    [VERDICT_REJECT] = "reject",
    [VERDICT_TEMPFAIL] = "tempfail",
    [VERDICT_UNTRUSTED] = "untrusted",
};

const char *
decide_verdict_name(enum verdict verdict)
{
	return (verdict_names[verdict]);
}

const char *
decide_why(
    struct arena *a, enum why why, const struct member *m, const char *category)
{
	switch (why) {
	case WHY_OWNER:
		return (arena_printf(a, "owner of %s", m->account_name));
	case WHY_SUBSCRIBED:
		return (arena_printf(a, "%s of %s, subscribed to %s",
		    role_name(m->role), m->account_name, category));
	case WHY_UNKNOWN_KEPT:
		return ("no user of any account (unknown_recipients = keep)");
	case WHY_ALWAYS_KEPT:
		return ("named in always_keep");
	case WHY_AS_ADDRESSED:
		return ("as addressed");
	case WHY_ACCOUNT_ADDRESS:
		return ("the address of an account");
	case WHY_MIRROR:
		return ("a chat, added when the message was decided before");
	case WHY_DECIDED:
		return ("as decided before");
	case WHY_UNKNOWN:
		return ("no user of any account");
	case WHY_OTHER_ACCOUNT:
		return (arena_printf(a,
		    "no user of the account that the "
		    "header names, but of %s",
		    m->account_name));
	case WHY_NOT_SUBSCRIBED:
		return (arena_printf(a, "%s of %s, not subscribed to %s",
		    role_name(m->role), m->account_name, category));
	case WHY_NOT_OPEN:
		return (arena_printf(a,
		    "subscriber of %s, and %s is not open to subscribers",
		    m->account_name, category));
	case WHY_DUPLICATE:
		return ("duplicate of a recipient who gets it");
	case WHY_NOT_EXPANDED:
		return (arena_printf(a,
		    "not addressed, and expand = never (%s of %s)",
		    role_name(m->role), m->account_name));
	case WHY_RESERVED:
		return ("its address is in the domain of accounts or of chats");
	}
	return (NULL);
}

const char *
decide_why_added(
    struct arena *a, const struct decided_person *p, const char *category)
{
	const struct member *m = p->member;

	if (p->by == NULL)
		return (decide_why(a, p->why, m, category));
	if (p->why == WHY_OWNER)
		return (
		    arena_printf(a, "owner of %s, whose user %s was addressed",
			m->account_name, p->by->address));
	return (arena_printf(a,
	    "%s of %s, whose user %s was addressed, subscribed to %s",
	    role_name(m->role), m->account_name, p->by->address, category));
}

/* Add an account's name to a list, once. */
static int
name_account(struct names *names, const char *name)
{
	int rc;

	rc = strmap_add(&names->seen, name, NULL);
	if (rc != 1)
		return (rc);
	names->v = arena_grow(names->seen.arena, names->v, names->n,
	    &names->cap, sizeof(*names->v));
	if (names->v == NULL)
		return (-1);
	names->v[names->n++] = name;
	names->room += strlen(name) + 1;
	return (0);
}

/* Add the account by which recipient ${i} was decided, or ${every} one in which
 * he is a user. */
static int
name_recipient(
    struct names *names, const struct deciding *d, size_t i, bool every)
{
	const struct fact_recipient *r = &d->facts->recipients[i];
	const struct member *m = d->decision->recipients[i].member;
	size_t j;

	if (m == NULL)
		return (0);
	if (!every)
		return (name_account(names, m->account_name));
	for (j = 0; j < r->nmembers; j++) {
		if (name_account(names, r->members[j].account_name) == -1)
			return (-1);
	}
	return (0);
}

/* List the accounts that the message is about, for the log. */
int
decide_words_accounts(struct deciding *d, bool every)
{
	const struct facts *facts = d->facts;
	struct names names = {.seen.arena = d->arena};
	char *out;
	size_t i;

	for (i = 0; i < facts->naccounts; i++) {
		/* The name of an unknown account may be any text: the reason
		 * has it, this list of names must not. */
		if (facts->accounts[i]->id != 0 &&
		    name_account(&names, facts->accounts[i]->name) == -1)
			return (-1);
	}
	/* With a header, a dropped recipient's other accounts have nothing to
	 * do with the message. */
	for (i = 0; facts->header == NULL && i < d->message->nrecipients; i++) {
		if (name_recipient(&names, d, i, every) == -1)
			return (-1);
	}
	if (names.n == 0)
		return (0);
	out = arena_alloc(d->arena, names.room);
	if (out == NULL)
		return (-1);
	d->decision->accounts = out;
	for (i = 0; i < names.n; i++) {
		if (i > 0)
			*out++ = ',';
		out = stpcpy(out, names.v[i]);
	}
	return (0);
}
