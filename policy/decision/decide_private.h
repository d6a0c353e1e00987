/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_private - what the files of a decision share; for these only
 *
 * decide.c goes through the rules in their order. Beside it stand what the MTA
 * may read in another way (decide_ambiguous.c), the chats (decide_mirror.c),
 * the DSN options of those who join (decide_notify.c), and words
 * (decide_words.c).
 *
 * Results: 0, or -1 if out of memory.
 */
#ifndef DECIDE_PRIVATE_H
#define DECIDE_PRIVATE_H

#include "base/strmap.h"
#include "decision/decide.h"

struct category;

/* What the steps of one decision share. */
struct deciding {
	const struct settings *settings;
	const struct message *message;
	const struct facts *facts;
	struct arena *arena;
	struct decision *decision;
	struct strmap final; /* keys of the final recipients */
	struct strmap gone;  /* keys of the dropped ones */
	struct strmap chats;
	struct strmap mirrors; /* recipients that are mirrors */
	size_t added_cap, passed_cap, mirrored_cap;
	size_t always_kept; /* of those kept, by always_keep alone */
	bool account_found; /* by header, address or user */
	const struct member *unreachable; /* entitled, at a reserved domain */
	/* Stays or joins, and the MTA may send the mail elsewhere. */
	const char *hazard, *hazard_why;
};

/* decide_member(category, m): why ${m} gets the messages of ${category}, or
 * does not. decide_entitles(why): does it mean that somebody gets the message?
 */
enum why decide_member(const struct category *, const struct member *);
bool decide_entitles(enum why);

/*
 * decide_ambiguous_recipient(d): a recipient whose mailbox is uncertain, or
 * NULL. decide_ambiguous_note(d, key, shown): note that ${shown}, the recipient
 * or user with ${key}, gets the message, in d->hazard. decide_ambiguous_pair(d,
 * text): ${*text} is a recipient or user that the MTA does not tell from
 * another one, so that one of the two would not get the message; or NULL.
 */
const char *decide_ambiguous_recipient(const struct deciding *);
void decide_ambiguous_note(
    struct deciding *, const char *key, const char *shown);
int decide_ambiguous_pair(struct deciding *, const char **text) WARN_UNUSED;

/* decide_mirror(d): rule 7, the chats of the final recipients. */
int decide_mirror(struct deciding *) WARN_UNUSED;

/* decide_notify(d): rule 8, the NOTIFY of those who join for an address. */
int decide_notify(struct deciding *) WARN_UNUSED;

/* decide_words_accounts(d): list the accounts that the message is about. */
int decide_words_accounts(struct deciding *) WARN_UNUSED;

#endif
