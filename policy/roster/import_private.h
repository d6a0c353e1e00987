/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_private - an import at work, for the files of import alone
 */
#ifndef IMPORT_PRIVATE_H
#define IMPORT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/strmap.h"
#include "roster/import.h"
#include "store/store.h"
#include "terms/account.h"
#include "terms/role.h"

struct address;
struct arena;
struct category;
struct changes;
struct sorter;

/* In the order in which they come, within one account. */
enum import_rank {
	IMPORT_HEAD = 1, /* where rows of the account begin; the first counts */
	IMPORT_OWNER,
	IMPORT_OTHER,
};

/* One row. Of a head there are number, account_key and account alone. */
struct import_line {
	enum import_rank rank;
	size_t number;
	const char *account_key;
	const char *account; /* as written */
	const char *key;     /* of the address */
	const char *wire;
	enum role role;
	const struct category **categories;
	size_t ncategories;
};

/* Some accounts of the roster, in the order of their keys; with those of their
 * owners. */
struct import_accounts {
	struct arena *arena;
	struct store_account *v;
	const char **keys;
	size_t n, next, seen;
	bool last; /* there are none behind them */
	char passed[ACCOUNT_KEY_SIZE];
};

struct import {
	struct changes *changes;
	const char *name;
	bool sync;
	struct arena *kept; /* lives as long as the import */
	struct arena *line; /* one row */
	struct arena *page; /* some users of an account */
	struct sorter *sorter;
	size_t n, done; /* rows, and those that are applied */
	/* Categories of the rows: by spelling, and by number. */
	struct strmap spellings;
	const struct category **categories;
	size_t ncategories, categories_cap;
	char account_key[ACCOUNT_KEY_SIZE]; /* of the row before */
	struct import_accounts accounts;
	/* The next row in order, and room for its categories. */
	struct import_line next;
	bool more;
	const struct category **listed;
	size_t listed_cap;
	import_watch_fn *watch;
	void *watch_ctx;
};

/* import_bad_row(im, number, fmt, ...): name the list and the row before what
 * is wrong; returns -1. */
int import_bad_row(struct import *, size_t number, const char *, ...)
    PRINTF_LIKE(3, 4);

/* import_progress(im, done, total): as import_watch() has it. */
void import_progress(struct import *, size_t done, size_t total);

/* import_put_head(im, number, key, account): rows of the account begin, unless
 * the row before was one. */
int import_put_head(struct import *, size_t number, const char *key,
    const char *account) WARN_UNUSED;

/* import_put(im, number, key, address, role, categories, n): a row of the
 * account with ${key}; the categories by their numbers. */
int import_put(struct import *, size_t number, const char *key,
    const struct address *, enum role, const uint32_t *categories,
    size_t n) WARN_UNUSED;

/* import_next(im): have the next row in order; im->more is false after the
 * last. The one before is no longer good. */
int import_next(struct import *) WARN_UNUSED;

/*
 * import_find(im, key, account): the account of the roster. Keys are asked for
 * in order; with im->sync those that are passed by are removed. 1, 0, -1. Its
 * strings are good until the next call.
 */
int import_find(
    struct import *, const char *key, struct store_account *) WARN_UNUSED;

/* import_account(im): bring the account of the next rows into line. */
int import_account(struct import *) WARN_UNUSED;

#endif
