/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_private - what the files of import share
 */
#ifndef IMPORT_PRIVATE_H
#define IMPORT_PRIVATE_H

#include "base/strmap.h"
#include "roster/import.h"
#include "roster/tell.h"
#include "store/store.h"
#include "terms/account.h"

struct address;
struct sorter;

/* Kinds of records, in their order within one account. */
enum import_rank {
	IMPORT_HEAD = 1, /* rows of the account begin; the first one counts */
	IMPORT_OWNER,
	IMPORT_OTHER,
};

/* One row. A head has number, account_key and account only. */
struct import_line {
	enum import_rank rank;
	size_t number;
	const char *account_key;
	const char *account; /* as written */
	const char *key;     /* of the address */
	const char *wire;
	/* Else the list has no such column. */
	bool has_role, has_categories, has_language;
	enum role role;
	const char *language;
	const struct category **categories;
	size_t ncategories;
};

/* Categories to which a user of the roster is subscribed, by their ids. */
struct import_held {
	const struct category **v;
	size_t n, cap;
};

/* Users of an account of the roster in the order of their keys, with their
 * subscriptions. */
struct import_users {
	struct store_user_list list;
	struct import_held *held; /* of each */
	bool last;		  /* no others follow */
};

/* A page of the roster's accounts, in the order of their keys. */
struct import_accounts {
	struct arena *arena;
	struct store_account *v;
	const char **keys;
	struct import_users *users; /* of the small ones */
	size_t n, next, seen, limit;
	size_t found; /* so many of them have rows */
	bool last;    /* no page follows */
	char passed[ACCOUNT_KEY_SIZE];
};

struct import {
	struct changes *changes;
	const char *name;
	bool sync; /* remove what no row has */
	/* Wrong rows; the last failure was about one. */
	const char *bad[IMPORT_BAD_MAX];
	size_t nbad;
	bool bad_row;
	struct arena *kept; /* lives as long as the import */
	struct arena *line; /* one row */
	struct arena *page; /* some users of a large account */
	struct sorter *sorter;
	size_t n, done; /* rows, and rows applied */
	/* Categories of the rows: by spelling, and by number. */
	struct strmap spellings;
	const struct category **categories;
	size_t ncategories, categories_cap;
	struct category *all; /* of the roster */
	size_t nall, all_cap;
	bool damaged;	       /* the roster contradicts itself */
	struct strmap formers; /* accounts by their former names */
	bool formers_read;
	char account_key[ACCOUNT_KEY_SIZE]; /* of the row before */
	struct import_accounts accounts;
	/* The next row in order, and room for its categories. */
	struct import_line next;
	bool more;
	const struct category **listed;
	size_t listed_cap;
	struct tell_state put_off; /* what a former owner is told */
	import_watch_fn *watch;
	void *watch_ctx;
};

/* import_progress(im, done, total): report to the import_watch_fn. */
void import_progress(struct import *, size_t done, size_t total);

/* import_put_head(im, number, key, account): before a row of the account: add a
 * head, unless the row before was of the same account. */
int import_put_head(struct import *, size_t number, const char *key,
    const char *account) WARN_UNUSED;

/* import_put(im, key, line, categories): add a row of the account with ${key};
 * ${categories} are indexes of im->categories, line->ncategories of them. */
int import_put(struct import *, const char *key, const struct import_line *,
    const uint32_t *categories) WARN_UNUSED;

/* import_next(im): read the next row in order into im->next; im->more is false
 * after the last. The row before is no longer valid. */
int import_next(struct import *) WARN_UNUSED;

/* import_begin(im): before the next two: read the roster's categories. */
int import_begin(struct import *) WARN_UNUSED;

/*
 * import_find(im, key, account, users): look up the roster's account; its users
 * too, if they are few, else ${*users} is empty, and not the last. Calls are in
 * the order of keys; with im->sync the accounts in between are removed. 1, 0,
 * -1. All is valid until the next call.
 */
int import_find(struct import *, const char *key, struct store_account *,
    struct import_users *) WARN_UNUSED;

/* import_users_from(im, account, key, users): some users of an account, from
 * ${key} on. Valid until the next call. */
int import_users_from(struct import *, int64_t account, const char *key,
    struct import_users *) WARN_UNUSED;

/* import_account(im): bring the account of the next rows into line. */
int import_account(struct import *) WARN_UNUSED;

#endif
