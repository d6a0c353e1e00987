/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_lookup - all that the roster says about one message
 *
 * The question depends on the message only, never on an earlier answer: so a
 * database on another machine gets all of it in one round trip, and one state
 * of the roster answers it.
 *
 * Threads as in store.h. Strings are borrowed.
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "store/store.h"
#include "terms/category.h"

struct arena;
struct store;

/* Keys without duplicates. */
struct store_keys {
	const char **v;
	size_t n;
};

enum store_people {
	STORE_NOBODY,
	STORE_ENTITLED, /* the owners and the subscribed */
	STORE_EVERYBODY,
};

struct store_question {
	struct store_keys categories; /* the first one is the message's */
	struct store_keys accounts;
	struct store_keys users; /* addresses */
	/* The people to return: those of ${accounts}, and with ${also_theirs}
	 * those of all accounts of ${users}. */
	enum store_people people;
	bool also_theirs;
};

/*
 * Callbacks for the rows of the answer, as in store.h.
 *
 * category(), account(): the row for key ${i} of the question; no call if there
 * is none. user(): a user with one of the addresses, in any account. person():
 * one of the people to return. Both come in any order, and have the id 0.
 */
struct store_answer {
	int (*category)(void *, size_t i, const struct category *);
	int (*account)(void *, size_t i, int64_t id, const char *name);
	int (*user)(void *, const struct store_user *);
	int (*person)(void *, const struct store_user *);
};

/* store_lookup(s, a, question, answer, ctx): 0 or -1; outside transactions.
 * ${a} is for working memory. */
int store_lookup(struct store *, struct arena *, const struct store_question *,
    const struct store_answer *, void *ctx) WARN_UNUSED;

#endif
