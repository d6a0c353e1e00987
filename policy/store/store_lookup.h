/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_lookup - what the roster says about one message, asked at once
 *
 * The question is made of what the message says alone, never of an earlier
 * answer: a database on another machine is asked all of it in one go, and one
 * state of the roster answers all of it.
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

/* Each once. */
struct store_keys {
	const char **v;
	size_t n;
};

enum store_people {
	STORE_NOBODY,
	STORE_ENTITLED, /* the owners, and who is subscribed */
	STORE_EVERYBODY,
};

struct store_question {
	struct store_keys categories; /* spellings; the first one counts */
	struct store_keys accounts;
	struct store_keys users; /* addresses */
	/* Whom to tell of: of ${accounts}, and with ${also_theirs} also of the
	 * accounts that ${users} are in. */
	enum store_people people;
	bool also_theirs;
};

/*
 * What takes the answer, a row at a time. Strings are borrowed for the length
 * of the call, which must not use the store. 0 goes on; -1 stops, and
 * store_lookup() returns -1 without a failure of its own.
 *
 * category(), account(): the one that key ${i} of the question names; what is
 * not there is not called for. user(): one with an address asked about, in
 * whichever account. person(): one who is told of. Both in any order, and
 * without their ids.
 */
struct store_answer {
	int (*category)(void *, size_t i, const struct category *);
	int (*account)(void *, size_t i, int64_t id, const char *name);
	int (*user)(void *, const struct store_user *);
	int (*person)(void *, const struct store_user *);
};

/* store_lookup(s, a, question, answer, ctx): 0 or -1; outside transactions.
 * ${a}: for what is needed meanwhile. */
int store_lookup(struct store *, struct arena *, const struct store_question *,
    const struct store_answer *, void *ctx) WARN_UNUSED;

#endif
