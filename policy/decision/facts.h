/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts - what the roster says about one message
 *
 * A message needs one lookup (store_lookup.h), so that one state of the roster
 * answers all of it; decide.c needs nothing else. If the lookup fails there are
 * no facts.
 *
 * Threads: one struct store per thread. Strings are cut from the arena.
 */
#ifndef FACTS_H
#define FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "decision/tag.h"
#include "terms/address.h"
#include "terms/category.h"
#include "terms/member.h"

struct arena;
struct failure;
struct message;
struct settings;
struct store;

/* An account that the message names. */
struct fact_account {
	const char *key;  /* as named */
	int64_t id;	  /* 0: there is no such account */
	const char *name; /* as the roster has it */
	size_t index;	  /* in facts.accounts */
};

/* A recipient. */
struct fact_recipient {
	bool readable;
	struct address address;
	bool always_keep;		    /* named in that setting */
	const struct fact_account *account; /* whose address it is, or NULL */
	const struct member *members;	    /* the users with this address */
	size_t nmembers;
	/* The other address that Postfix may take it for; key NULL: none. */
	struct address folded;
	bool alike;	   /* that is a user's */
	int64_t link;	   /* whose chat's address it may be, or 0 */
	const char *check; /* in that address */
};

struct facts {
	struct tag tag;
	struct category category;	   /* id 0: unknown */
	const char *category_problem;	   /* why not; else NULL */
	const struct fact_account *header; /* X-Notify-Account, or NULL */
	struct fact_account **accounts;	   /* named by header or address */
	size_t naccounts;
	struct fact_recipient *recipients; /* as in the message */
	struct member *people;		   /* users of the accounts named */
	size_t npeople;
	/* Who may join besides (expand), with a row for each account that they
	 * are users of: by key, then by account. */
	struct member *others;
	size_t nothers;
	const char *key; /* of the stamps; NULL: the roster has none yet */
	/* What X-Notify-Decided must say; NULL: such a message has none. */
	const char *stamp;
};

/*
 * facts_gather(settings, store, message, everybody, a, facts, failure):
 * Look up what a decision about the tagged ${message} needs. With ${everybody}
 * there are also users who are not entitled, for an explanation. 0, or -1 and
 * ${failure}.
 */
int facts_gather(const struct settings *, struct store *,
    const struct message *, bool everybody, struct arena *, struct facts *,
    struct failure *) WARN_UNUSED;

#endif
