/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_lookup - all that the roster says about one message
 *
 * The question depends on the message only, never on an earlier answer: so a
 * database on another machine gets all of it in one round trip, and one state
 * of the roster answers it.
 *
 * Threads as in store.h.
 */
#ifndef STORE_LOOKUP_H
#define STORE_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "terms/category.h"
#include "terms/member.h"
#include "terms/stamp.h"

struct arena;
struct store;

/* Keys without duplicates. */
struct store_keys {
	const char **v;
	size_t n;
};

enum store_people {
	STORE_NOBODY,
	STORE_OWNERS,	/* not for ${people} */
	STORE_ENTITLED, /* the owners and the subscribed */
	STORE_EVERYBODY,
};

struct store_question {
	struct store_keys categories; /* the first one is the message's */
	struct store_keys accounts;
	struct store_keys users; /* addresses */
	/* Who is wanted of ${accounts}, and of all accounts of ${users}. */
	enum store_people people;
	enum store_people others;
};

struct store_members {
	struct member *v;
	size_t n, cap;
};

/*
 * The answer, in the arena. categories[i] and accounts[i] belong to key ${i} of
 * the question; their id is 0 if there is none. ${users} have one of the
 * addresses, in any account; ${people} are those wanted of the accounts;
 * ${others} are those wanted of the users' accounts, with a row for each
 * account that they are users of. All come in any order. ${key} is that of the
 * stamps, "" if the roster has none yet.
 *
 * Of whose people anybody is wanted, the owner is in the answer: an account
 * without one is a failure. If former names of an account are
 * among the keys, ${first} is its first key, and the people are returned for
 * that one.
 */
struct store_answer {
	struct category *categories;
	struct {
		int64_t id;
		const char *name;
		size_t first;
	} * accounts;
	struct store_members users, people, others;
	char key[STAMP_KEY_SIZE];
};

/* store_lookup(s, a, question, answer): 0 or -1; outside transactions. */
int store_lookup(struct store *, struct arena *, const struct store_question *,
    struct store_answer *) WARN_UNUSED;

#endif
