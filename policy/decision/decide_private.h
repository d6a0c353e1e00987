/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide_private - what the files of a decision share; for these only
 *
 * decide.c goes through the rules in their order. Beside it stand the accounts
 * that the recipients lead to (decide_found.c), what the MTA may read in
 * another way (decide_ambiguous.c), the chats (decide_mirror.c), the DSN
 * options of those who join (decide_notify.c), and words (decide_words.c).
 *
 * Results: 0, or -1 if out of memory.
 */
#ifndef DECIDE_PRIVATE_H
#define DECIDE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strmap.h"
#include "decision/decide.h"

struct fact_recipient;

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
	struct strmap mirrors; /* links whose mirrors are recipients */
	size_t added_cap, passed_cap, mirrored_cap;
	size_t always_kept; /* of those kept, by always_keep alone */
	bool expands;	    /* people of accounts join */
	/* Accounts found by their users alone: by id, each with a user. */
	const struct member **found;
	size_t nfound;
	/* Their people, by account, the owner first; and of these the ones who
	 * join, by key. */
	const struct member **others;
	size_t nothers;
	struct strmap joining;
	const struct member *unreachable; /* entitled, at a reserved domain */
	/* Stays or joins, and the MTA may send the mail elsewhere. */
	const char *hazard, *hazard_why;
};

/*
 * decide_concerned(facts, members, n): do only memberships in accounts named
 * count, of these ${n} of one person? decide_recipient_entitled(d, r): is ${r}
 * entitled to the category?
 */
bool decide_concerned(const struct facts *, const struct member *, size_t);
bool decide_recipient_entitled(
    const struct deciding *, const struct fact_recipient *);

/*
 * decide_found(d): rule 4, the accounts that the recipients lead to, and their
 * people who may join. decide_found_by(d, account): the recipient who led to
 * the account, or NULL.
 */
int decide_found(struct deciding *) WARN_UNUSED;
const struct member *decide_found_by(const struct deciding *, int64_t account);

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

/*
 * decide_mirror(d): rule 7, the chats of the final recipients.
 * decide_mirror_note(d, link): note that a recipient is the mirror of ${link}.
 */
int decide_mirror(struct deciding *) WARN_UNUSED;
int decide_mirror_note(struct deciding *, int64_t link) WARN_UNUSED;

/* decide_notify(d): rule 8, the NOTIFY of those who join for an address. */
int decide_notify(struct deciding *) WARN_UNUSED;

/* decide_words_accounts(d, every): list the accounts that the message is about.
 * Of a recipient this is the account by which it was decided; with ${every} all
 * accounts in which he is a user. */
int decide_words_accounts(struct deciding *, bool every) WARN_UNUSED;

#endif
