/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * person - what the roster holds about somebody, in every account at once
 *
 * policy/README.md, Roles. The caller has begun a transaction. Threads: as
 * struct store.
 * Results: 0 done, -1 refused or failed, with changes->failure.
 */
#ifndef PERSON_H
#define PERSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/store_person.h"
#include "terms/address.h"

struct category;
struct changes;

/* A change that names the person: as author, as user or in its detail. */
struct person_change {
	int64_t id;
	struct store_change change;
};

struct person_notice {
	struct store_notice notice;
	bool own; /* it is addressed to the person, and does not only name it */
};

/* All that is held, in the arena of the changes. */
struct person {
	struct changes *changes;
	struct address address;
	struct store_user *users;
	struct store_token *tokens;
	struct store_request *requests;
	struct person_change *records;
	struct person_notice *notices;
	/* Accounts whose title, and categories whose words have the address. */
	struct store_account *titles;
	struct category *categories;
	size_t nusers, ntokens, nrequests, nrecords, nnotices;
	size_t ntitles, ncategories;
	size_t users_cap, tokens_cap, requests_cap, records_cap, notices_cap;
	size_t titles_cap, categories_cap;
};

/* person_find(c, text, p): FAILURE_UNKNOWN if nothing is held. */
int person_find(
    struct changes *, const char *text, struct person *) WARN_UNUSED;

/*
 * person_forget(c, text): remove the person from every account, and the address
 * from every row. Categories are not changed: a remark names each that has it.
 * A notice tells the person once; it goes when it is sent. In the record of
 * changes the person is called forgotten-N from then on. An owner is refused.
 */
int person_forget(struct changes *, const char *text) WARN_UNUSED;

/* person_replace(a, address, text, alias): ${text} with ${alias} for the
 * address, in either spelling; ${text} itself if it does not name it; NULL: out
 * of memory. */
struct arena;
const char *person_replace(struct arena *, const struct address *,
    const char *text, const char *alias) WARN_UNUSED;

#endif
