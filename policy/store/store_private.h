/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_private - what store.c and store_*.c share
 *
 * For those only, and for tests of upgrades.
 */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "base/failure.h"
#include "store/sql.h"
#include "store/store.h"

/* Changes for the record that are not written yet. */
#define STORE_UNWRITTEN 16 /* as many as SQL_RECORDS takes */
struct store_unwritten {
	struct arena *arena;
	struct store_change v[STORE_UNWRITTEN];
	size_t n;
	bool singly; /* the driver collects rows itself */
};

struct store {
	struct db *db;
	struct failure failure;
	struct db_stmt **stmts; /* those for version 1 after the others */
	/* STORE_SCHEMA and sql_upgrades, unless a test has its own. */
	int64_t schema;
	const struct sql_step *steps;
	int64_t oldest;	 /* the oldest version that is read, or 0: ${schema} */
	int64_t version; /* of the roster when it was last read, or 0 */
	struct store_unwritten unwritten;
};

/* store_note_failure(s): note the error of the database; returns -1. */
int store_note_failure(struct store *);

/* store_bound(s, which, types, ...): the statement with its parameters: "i" an
 * int64_t, "t" text, NULL for SQL's NULL. NULL if it cannot be prepared. */
struct db_stmt *store_bound(struct store *, enum sql, const char *, ...);

/*
 * These take the result of store_bound(), also NULL.
 *
 * store_row(s, stmt): the next row: 1; 0 after the last one; -1. After 0 and -1
 * the statement is reset; to end it before, call one of the next two.
 *
 * store_only(s, stmt): after the only row, run the statement to its end: 1, or
 * -1 if that fails. Only then a change is made, and only then it is certain
 * that no text has read as "" because memory ran out.
 *
 * store_stop(stmt): reset the statement; returns -1.
 */
int store_row(struct store *, struct db_stmt *) WARN_UNUSED;
int store_only(struct store *, struct db_stmt *) WARN_UNUSED;
int store_stop(struct db_stmt *);

/* store_run(s, stmt): a change: 1 if it changed any row, 0 if not, -1. */
int store_run(struct store *, struct db_stmt *);

/* store_post(s, stmt, id): as db_post(): 1 if it changed any row, or may have;
 * 0 if not; -1. */
int store_post(struct store *, struct db_stmt *, int64_t *id);

/* store_number(s, stmt, n): 1 and the number in its only row; 0; -1. */
int store_number(struct store *, struct db_stmt *, int64_t *);

/* store_read_category(s, stmt, c): read CATEGORY_COLUMNS. 0 or -1. */
int store_read_category(struct store *, struct db_stmt *, struct category *);

/* store_read_role(s, stmt, column, role): 0 or -1. */
int store_read_role(struct store *, struct db_stmt *, int column, enum role *);

/* store_one_user(s, a, stmt, u): the only row, its strings copied into ${a}: 1;
 * 0; -1. */
int store_one_user(
    struct store *, struct arena *, struct db_stmt *, struct store_user *);

/* store_each_category(), store_each_user(s, stmt, fn, ctx): call ${fn} for each
 * row. 0 or -1. */
int store_each_category(
    struct store *, struct db_stmt *, store_category_fn *, void *);
int store_each_user(struct store *, struct db_stmt *, store_user_fn *, void *);

/* Versions from this one on have secrets, and all that is not asked by
 * sql_statements_1. */
#define STORE_SECRET_SINCE 2

/* store_fits(s, content, version): 0 if the result of db_schema() is a roster
 * of a version that this program reads, which is noted; or -1. */
int store_fits(struct store *, enum db_content, int64_t version);

/* store_write_changes(s): write the unwritten changes. 0 or -1.
 * store_forget_changes(s): drop them. */
int store_write_changes(struct store *);
void store_forget_changes(struct store *);

/* store_read_change(stmt, c): the row, its strings borrowed. */
void store_read_change(struct db_stmt *, struct store_change *);

/*
 * store_read_address(a, address, key): read the address of a user, which may
 * have been written by other means than ours. 1, and both are in ${a}, the
 * address as mail is sent to it; 0 if it is no address, or ${*key} is not its
 * key; -1 out of memory.
 */
int store_read_address(
    struct arena *, const char **address, const char **key) WARN_UNUSED;

#endif
