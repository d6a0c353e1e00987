/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_mirror - the chats that get the message (policy/README.md, What
 * happens to a message, 7)
 */
#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"
#include "terms/stamp.h"

static const char *mirror_address(struct deciding *, const struct member *);
static int note_chat(struct deciding *, const struct member *);
static int note_mirrored(struct deciding *, const struct member *);
static int mirror(struct deciding *, const struct member *);
static bool has_mirror(struct deciding *, const struct member *);
static int each_mirrored(
    struct deciding *, int (*)(struct deciding *, const struct member *));

/* The address of a user's chat for this message, or NULL if out of memory. */
static const char *
mirror_address(struct deciding *d, const struct member *m)
{
	const char *key = d->facts->key;
	char check[STAMP_SIZE] = "";

	if (key != NULL)
		stamp_mirror(key, m->link, d->facts->category.slug,
		    d->message->id, check);
	return (arena_printf(d->arena, "%lld%s%s@%s", (long long)m->link,
	    key == NULL ? "" : "-", check, d->settings->telegram_domain));
}

/* Note the chat: 1; 0 if it has been noted; -1. */
static int
note_chat(struct deciding *d, const struct member *m)
{
	char *chat;

	chat = arena_printf(d->arena, "%lld", (long long)m->chat);
	return (chat == NULL ? -1 : strmap_add(&d->chats, chat, NULL));
}

/* The chat of a final recipient, if a recipient is its address already. */
static int
note_mirrored(struct deciding *d, const struct member *m)
{
	const char *address;
	const void *seen;

	address = mirror_address(d, m);
	if (address == NULL)
		return (-1);
	if (strmap_find(&d->mirrors, address, &seen) == 1)
		return (note_chat(d, m) == -1 ? -1 : 0);
	return (0);
}

/* Add the chat of a final recipient, once for each chat (rule 7). */
static int
mirror(struct deciding *d, const struct member *m)
{
	struct decision *decision = d->decision;
	struct decided_mirror *mirrored;
	int rc;

	rc = note_chat(d, m);
	if (rc != 1)
		return (rc);
	decision->mirrored = arena_grow(d->arena, decision->mirrored,
	    decision->nmirrored, &d->mirrored_cap, sizeof(*decision->mirrored));
	if (decision->mirrored == NULL)
		return (-1);
	mirrored = &decision->mirrored[decision->nmirrored++];
	mirrored->member = m;
	mirrored->address = mirror_address(d, m);
	return (mirrored->address == NULL ? -1 : 0);
}

static bool
has_mirror(struct deciding *d, const struct member *m)
{
	return (m->link != 0 &&
	    role_mirrored(m->role, m->subscribed, &d->facts->category));
}

/* Call ${fn} for each final recipient with a chat that gets the message. */
static int
each_mirrored(
    struct deciding *d, int (*fn)(struct deciding *, const struct member *))
{
	const struct facts *facts = d->facts;
	const struct fact_recipient *r;
	size_t i, j;

	for (i = 0; i < d->message->nrecipients; i++) {
		r = &facts->recipients[i];
		if (d->decision->recipients[i].fate != FATE_KEPT)
			continue;
		for (j = 0; j < r->nmembers; j++) {
			if (facts->header != NULL &&
			    r->members[j].account != facts->header->id)
				continue;
			if (has_mirror(d, &r->members[j]) &&
			    fn(d, &r->members[j]) != 0)
				return (-1);
		}
	}
	for (i = 0; i < facts->npeople && d->decision->expanded; i++) {
		if (strmap_find(&d->final, facts->people[i].key, NULL) == 1 &&
		    has_mirror(d, &facts->people[i]) &&
		    fn(d, &facts->people[i]) != 0)
			return (-1);
	}
	return (0);
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
