/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_private - what store.c and its store_*.c share
 *
 * For those alone, and for tests of upgrades.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include <stdint.h>

#include "base/failure.h"
#include "store/sql.h"
#include "store/store.h"

struct arena;
struct db_stmt;

/* Changes that are recorded, and not written yet. */
#define STORE_UNWRITTEN 16 /* as many as SQL_RECORDS takes */
struct store_unwritten {
	struct arena *arena;
	struct store_change v[STORE_UNWRITTEN];
	size_t n;
};

struct store {
	struct db *db;
	struct failure failure;
	struct db_stmt **stmts;
	/* The version that is read, and the steps that lead to it: that from
	 * version n, which is 1 or more, is steps[n - 1]. */
	int64_t schema;
	const struct sql_step *steps;
	struct store_unwritten unwritten;
};

/* store_note_failure(s): note what the database says; returns -1. */
int store_note_failure(struct store *);

/* store_bound(s, which, types, ...): the statement with its parameters: "i"
 * an int64_t, "t" text, NULL for SQL's NULL. */
struct db_stmt *store_bound(struct store *, enum sql, const char *, ...);

/*
 * These take what store_bound() returns, NULL for its failure.
 *
 * store_row(s, stmt): the next row: 1; 0 after the last; -1. After 0 and -1 the
 * statement is reset. Who wants no more rows calls one of the next two.
 *
 * store_only(s, stmt): after the only row: 1, or -1 if the statement fails on
 * the way to its end: a change is not made before, and a text for which there
 * was no memory has read as "".
 *
 * store_stop(stmt): give up; returns -1.
 */
int store_row(struct store *, struct db_stmt *) WARN_UNUSED;
int store_only(struct store *, struct db_stmt *) WARN_UNUSED;
int store_stop(struct db_stmt *);

/* store_run(s, stmt): one without rows: 1 if it changed any, else 0. */
int store_run(struct store *, struct db_stmt *);

/* store_post(s, stmt, id): a change that need not be waited for, as db_post();
 * 1 if it changed any row, or may have, else 0. */
int store_post(struct store *, struct db_stmt *, int64_t *id);

/* store_number(s, stmt, n): the one number that it returns, often an id. */
int store_number(struct store *, struct db_stmt *, int64_t *);

/* store_read_category(s, stmt, c): the row, in the order of CATEGORY_COLUMNS.
 */
int store_read_category(struct store *, struct db_stmt *, struct category *);

/* store_read_role(s, stmt, column, role): 0 or -1. */
int store_read_role(struct store *, struct db_stmt *, int column, enum role *);

/* store_one_user(s, a, stmt, u): the one row, its strings copied. */
int store_one_user(
    struct store *, struct arena *, struct db_stmt *, struct store_user *);

/* store_each_user(s, stmt, fn, ctx) */
int store_each_user(struct store *, struct db_stmt *, store_user_fn *, void *);

/* store_fits(s, content, version): is what db_schema() gave a roster of the
 * version that this program reads? 0 or -1. */
int store_fits(struct store *, enum db_content, int64_t version);

/* store_write_changes(s): those that are not yet. 0 or -1.
 * store_forget_changes(s): they are given up. */
int store_write_changes(struct store *);
void store_forget_changes(struct store *);

/* store_copy(s, a, text): copy a borrowed string into ${a}. */
int store_copy(struct store *, struct arena *, const char **);

#endif
