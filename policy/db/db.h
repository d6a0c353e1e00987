/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db - a database: open, prepare, bind, step, transactions, errors
 *
 * The least that store.c needs of one, so that SQL stands in sql.c alone and
 * what is peculiar to one kind of database in its driver alone (db_driver.h).
 *
 * Whatever is not "a row" or "no more rows" is an error: a database that is
 * locked, gone, damaged or not ours never reads as one without rows.
 *
 * Threads: a struct db and its statements belong to one thread at a time;
 * different ones are independent.
 * Results: 1 a row, 0 done, -1 error; after -1, db_failure() tells.
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct db;
struct db_stmt;
struct failure;

/* Where they do not say the same thing in the same words. */
enum db_dialect { DB_SQLITE, DB_POSTGRESQL, DB_DIALECTS };

/* Whose tables are in a database? */
enum db_content { DB_EMPTY, DB_OURS, DB_FOREIGN };

enum db_mode {
	DB_LOOKUP,  /* lookups that are answered at once, or fail; also by a
		       standby */
	DB_PRIMARY, /* the same, but not by a standby */
	DB_READ,    /* lookups only; the database must be there */
	DB_WRITE,   /* changes too; the database must be there */
	DB_CREATE,  /* changes too; made if it is not there */
};

/*
 * db_expected(url): NULL if a database may be at ${url}, else what is expected
 * instead (constant text): a path for SQLite, postgresql://... for PostgreSQL.
 */
const char *db_expected(const char *url) WARN_UNUSED;

/*
 * db_open(url, mode, wait, failure):
 * Open the database at ${url}. A lock that somebody else holds is waited for
 * ${wait} milliseconds, here and later. NULL and ${failure} if it cannot be.
 */
struct db *db_open(
    const char *url, enum db_mode, int wait, struct failure *) WARN_UNUSED;

/* db_close(db): finish all its statements and close. NULL is fine. */
void db_close(struct db *);

/*
 * db_current(db): is what was opened still what the url names? False when the
 * file was removed or replaced, or the server has gone: then open anew.
 */
bool db_current(const struct db *) WARN_UNUSED;

/*
 * db_bound_lag(db, seconds):
 * From now on db_ask() fails with FAILURE_STALE if what answers is a standby
 * that is further behind, or may be. 0, as at first: no bound.
 *
 * db_lag(db): how far behind what has answered was, in milliseconds; -1: it did
 * not know, or nothing was asked since db_bound_lag().
 *
 * db_mark(db): the next db_ask() of a primary also leaves a mark that tells its
 * standbys the time: without changes they cannot tell how far behind they are.
 */
void db_bound_lag(struct db *, long seconds);
int64_t db_lag(const struct db *) WARN_UNUSED;
void db_mark(struct db *);

/* db_exec(db, sql): run statements that return no rows. 0 or -1. */
int db_exec(struct db *, const char *sql) WARN_UNUSED;

/* db_prepare(db, sql): a statement that lives as long as ${db}, or NULL. */
struct db_stmt *db_prepare(struct db *, const char *sql) WARN_UNUSED;

/*
 * db_bind_int, db_bind_text(stmt, i, value):
 * Set parameter ?${i}, counted from 1. Text is borrowed until db_reset(); NULL
 * is SQL's NULL. What goes wrong here is reported by the next db_step().
 */
void db_bind_int(struct db_stmt *, int i, int64_t value);
void db_bind_text(struct db_stmt *, int i, const char *value);

/* db_step(stmt): the next row. */
int db_step(struct db_stmt *) WARN_UNUSED;

/*
 * db_int, db_text(stmt, column):
 * A column of the current row, counted from 0; NULL reads as 0 and "". Text is
 * borrowed until the next db_step() or db_reset().
 */
int64_t db_int(struct db_stmt *, int column);
const char *db_text(struct db_stmt *, int column);

/* db_reset(stmt): done with the rows and the parameters. */
void db_reset(struct db_stmt *);

/*
 * db_post(stmt, id): run a change that gives no rows, or one number. 0 or -1.
 * After db_bulk(), and in a transaction, its outcome may still be on its way:
 * then ${*id} is 0, as without a number, and what goes wrong is told by a later
 * function, at the latest by db_commit(). NULL: nobody wants the number.
 */
int db_post(struct db_stmt *, int64_t *id) WARN_UNUSED;

/* db_settle(db): nothing is on its way any more: 0 if all that was is done, or
 * -1. db_commit() sees to that, too. */
int db_settle(struct db *) WARN_UNUSED;

/*
 * db_begin(db, mode), db_commit(db): 0 or -1. A transaction in DB_READ sees
 * one state of the database from its first lookup to its end; one in DB_WRITE
 * has the right to write from its beginning. db_rollback(db) ends it; after -1
 * it may go on until db_close().
 */
int db_begin(struct db *, enum db_mode) WARN_UNUSED;
int db_commit(struct db *) WARN_UNUSED;
int db_rollback(struct db *) WARN_UNUSED;

/*
 * db_ask(db, asking): ask ${n} questions at once, outside transactions, in one
 * of DB_READ. Each function has ${ctx} first:
 *
 * schema(): what db_schema() gives; before the first row.
 * question(i): a statement with its parameters, or NULL if there is none for a
 * failure of the database. One statement may be several questions.
 * row(i, stmt): for each row of the answer to question i; in their order.
 *
 * 0, or -1, or 1 if schema() or row() has stopped it by not returning 0.
 */
struct db_asking {
	size_t n;
	int (*schema)(void *, enum db_content, int64_t version);
	struct db_stmt *(*question)(void *, size_t i);
	int (*row)(void *, size_t i, struct db_stmt *);
	void *ctx;
};
int db_ask(struct db *, const struct db_asking *) WARN_UNUSED;

/*
 * db_share(db): from now on lookups and a change may go on at the same time;
 * a property of the database, kept in it. Outside transactions. 0 or -1.
 */
int db_share(struct db *) WARN_UNUSED;

/*
 * db_references(db, watched): may rows refer to what is not there, and are
 * those removed that refer to what is removed? Outside transactions; 0 or -1.
 * PostgreSQL goes on watching.
 * db_check_references(db, failure): 0, or -1 and ${failure}: one does.
 */
int db_references(struct db *, bool watched) WARN_UNUSED;
int db_check_references(struct db *, struct failure *) WARN_UNUSED;

/*
 * db_claim(db): 1 if this is the only one that has claimed the database, from
 * now on until it is closed or lost; 0 if another has; -1.
 */
int db_claim(struct db *) WARN_UNUSED;

/* db_bulk(db): very many changes are to come; memory may be used for them, and
 * db_post() need not wait. */
int db_bulk(struct db *) WARN_UNUSED;

/*
 * db_schema(db, content, version): whose tables are in it, and if they are
 * ours, of which version? 0 or -1. db_set_schema(db, version): they are ours,
 * of ${version}; in the transaction that makes or changes them, and before it
 * does: from here on nobody looks who could see half of it. 0 or -1.
 */
int db_schema(struct db *, enum db_content *, int64_t *version) WARN_UNUSED;
int db_set_schema(struct db *, int64_t version) WARN_UNUSED;

/* db_understands(stmt): has the database what it speaks of? 0 or -1. */
int db_understands(struct db_stmt *) WARN_UNUSED;

/* db_server(db, server): what a server says of itself; 1, or 0 where there is
 * none, or -1. */
struct db_server {
	bool standby;
	int64_t lag;   /* milliseconds; -1: a standby that cannot tell */
	int64_t clock; /* Unix milliseconds */
	char schema[64];
};
int db_server(struct db *, struct db_server *) WARN_UNUSED;

/* db_changes(db): rows that the last statement inserted, changed or deleted; 1
 * while that is on its way. */
int64_t db_changes(const struct db *);

/* db_failure(db, failure): note what the last error was; returns -1. */
int db_failure(const struct db *, struct failure *);

/* db_dialect(db): which SQL it speaks. */
enum db_dialect db_dialect(const struct db *);

/* db_name(db): what people know it by; without a password. */
const char *db_name(const struct db *);

/*
 * db_check(db, seconds, failure): is every page sound, and does every row
 * refer to one that is there? 0, or 1 if ${seconds} were not enough to tell,
 * or -1 and ${failure}.
 */
int db_check(struct db *, int seconds, struct failure *) WARN_UNUSED;

#endif
