/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db - a database: open, prepare, bind, step, transactions, errors
 *
 * No more than store.c needs, so that SQL is in sql.c only, and what is special
 * to one kind of database is in its driver only (db_driver.h).
 *
 * Whatever is not "a row" or "no more rows" is an error: a database that is
 * locked, missing, damaged or not ours never reads as one without rows.
 *
 * Threads: a struct db and its statements belong to one thread at a time;
 * different ones are independent.
 * Results: 1 a row, 0 done, -1 error; after -1, db_failure() has the text.
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

/* For SQL that differs between them. */
enum db_dialect { DB_SQLITE, DB_POSTGRESQL, DB_DIALECTS };

/* Whose tables a database has. */
enum db_content { DB_EMPTY, DB_OURS, DB_FOREIGN };

enum db_mode {
	DB_LOOKUP,  /* lookups that must not take long; a standby will do */
	DB_PRIMARY, /* the same, but not by a standby */
	DB_READ,    /* lookups; the database must exist */
	DB_WRITE,   /* changes too; the database must exist */
	DB_CREATE,  /* changes too; the database is created if it is missing */
};

/*
 * db_expected(url): NULL if ${url} can name a database, else what is expected
 * instead (constant text): a path for SQLite, postgresql://... for PostgreSQL.
 */
const char *db_expected(const char *url) WARN_UNUSED;

/*
 * db_open(url, mode, wait, failure):
 * Open the database at ${url}. Here and later, wait up to ${wait} milliseconds
 * for a lock. NULL and ${failure} if that fails.
 */
struct db *db_open(
    const char *url, enum db_mode, int wait, struct failure *) WARN_UNUSED;

/* db_close(db): finish all its statements and close. NULL is fine. */
void db_close(struct db *);

/*
 * db_current(db): does the url still name the database that was opened? False
 * if the file, or one that SQLite has beside it, was removed or replaced, or
 * the server is gone: then reopen it. What a file that was overwritten had
 * before is forgotten.
 */
bool db_current(struct db *) WARN_UNUSED;

/*
 * db_bound_lag(db, seconds):
 * From now on db_ask() fails with FAILURE_STALE if a standby answers whose lag
 * is, or may be, greater. 0, the initial value: no bound.
 *
 * db_lag(db): the lag of the server that answered last, in milliseconds; -1 if
 * it is unknown, or there was no db_ask() since db_bound_lag().
 *
 * db_mark(db): the next db_ask() of a primary also commits a mark that tells
 * its standbys the time: without commits they do not know their lag.
 */
void db_bound_lag(struct db *, long seconds);
int64_t db_lag(const struct db *) WARN_UNUSED;
void db_mark(struct db *);

/*
 * db_tables(db, names):
 * The tables that lookups read, with commas between; borrowed. A table that is
 * rewritten (ALTER TABLE, TRUNCATE) reads as empty in a transaction that looked
 * at anything before it got the table's lock. So from now on DB_READ
 * transactions and db_ask() take the locks of those tables that they may read,
 * and then look. It is the lock of every reader: VACUUM does not wait for it.
 */
void db_tables(struct db *, const char *names);

/* db_exec(db, sql): run statements that return no rows. 0 or -1. */
int db_exec(struct db *, const char *sql) WARN_UNUSED;

/* db_prepare(db, sql): a statement, which db_close() frees; NULL for an error.
 */
struct db_stmt *db_prepare(struct db *, const char *sql) WARN_UNUSED;

/*
 * db_bind_int, db_bind_text(stmt, i, value):
 * Set parameter ?${i}, counted from 1. Text is borrowed until db_reset(); NULL
 * is SQL's NULL. The next db_step() reports an error.
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

/* db_reset(stmt): end the statement, and forget its parameters. */
void db_reset(struct db_stmt *);

/*
 * db_post(stmt, id): run a change that returns no rows, or one number, which
 * goes to ${*id} unless ${id} is NULL; 0 without one. 0 or -1. After db_bulk(),
 * in a transaction, the result may be pending: then ${*id} is 0, and a later
 * function reports an error, at the latest db_commit().
 */
int db_post(struct db_stmt *, int64_t *id) WARN_UNUSED;

/* db_settle(db): wait for all pending results: 0, or -1 if one is an error.
 * db_commit() does that too. */
int db_settle(struct db *) WARN_UNUSED;

/*
 * db_begin(db, mode), db_commit(db): 0 or -1. A DB_READ transaction sees one
 * state of the database from its first lookup to its end; a DB_WRITE one holds
 * the write lock from the beginning. db_rollback(db) ends a transaction; after
 * -1 it may last until db_close().
 */
int db_begin(struct db *, enum db_mode) WARN_UNUSED;
int db_commit(struct db *) WARN_UNUSED;
int db_rollback(struct db *) WARN_UNUSED;

/*
 * db_ask(db, asking): ask ${n} questions together, in a DB_READ transaction of
 * their own. It calls, with ${ctx} as the first argument:
 *
 * schema(): with the result of db_schema(), before the first row.
 * question(i): returns a statement with its parameters, or NULL for an error of
 * the database. One statement may be several questions.
 * row(i, stmt): for each row of the answer to question i, in order.
 * needed(i): only where the questions before i have been answered: 1 to ask
 * question i, 0 not to.
 *
 * 0; -1; or 1 if schema() or row() stopped it by not returning 0, or needed()
 * by returning -1. needed may be NULL.
 */
struct db_asking {
	size_t n;
	int (*schema)(void *, enum db_content, int64_t version);
	struct db_stmt *(*question)(void *, size_t i);
	int (*row)(void *, size_t i, struct db_stmt *);
	int (*needed)(void *, size_t i);
	void *ctx;
};
int db_ask(struct db *, const struct db_asking *) WARN_UNUSED;

/*
 * db_share(db): from now on lookups and a change do not wait for each other
 * (SQLite: WAL mode). The database keeps this. Outside transactions. 0 or -1.
 */
int db_share(struct db *) WARN_UNUSED;

/* db_scrub(db): outside transactions: overwrite what was deleted before
 * (SQLite: VACUUM, and an empty log). 0 or -1. */
int db_scrub(struct db *) WARN_UNUSED;

/* db_survey(db): outside transactions, after very many changes: let the planner
 * of the server know what the tables hold now (PostgreSQL: ANALYZE, for whoever
 * owns them; others leave that to the server). 0 or -1. */
int db_survey(struct db *) WARN_UNUSED;

/*
 * db_references(db, watched): enforce foreign keys, or not. Outside
 * transactions. 0 or -1. PostgreSQL always enforces them.
 * db_check_references(db, failure): 0, or -1 and ${failure} if a row refers to
 * one that does not exist.
 */
int db_references(struct db *, bool watched) WARN_UNUSED;
int db_check_references(struct db *, struct failure *) WARN_UNUSED;

/*
 * db_claim(db): 1 if ${db} now has the claim on the database, which only one
 * can have, until it is closed or lost; 0 if another has it; -1.
 */
int db_claim(struct db *) WARN_UNUSED;

/* db_bulk(db): prepare for very many changes: use more memory, and do not wait
 * in db_post(). */
int db_bulk(struct db *) WARN_UNUSED;

/*
 * db_schema(db, content, version): whose tables the database has, and of which
 * version if they are ours. 0 or -1.
 * db_set_schema(db, version): note that they are ours, of ${version}. 0 or -1.
 * Call it in the transaction that makes or changes them, before that does: it
 * keeps out lookups that would see half of the change.
 */
int db_schema(struct db *, enum db_content *, int64_t *version) WARN_UNUSED;
int db_set_schema(struct db *, int64_t version) WARN_UNUSED;

/* db_understands(stmt): does the database have the tables and columns that the
 * statement names? 0 or -1. */
int db_understands(struct db_stmt *) WARN_UNUSED;

/*
 * db_server(db, server): the state of the server, outside transactions: 1; 0 if
 * there is none, as with SQLite; -1.
 *
 * db_foreign(primary, other): why ${other} is no standby of ${primary}, nor it
 * itself (constant text); NULL if nothing says so. A timeline of 0 says
 * nothing.
 */
struct db_server {
	bool standby;
	int64_t lag;   /* milliseconds; -1: a standby that does not know */
	int64_t clock; /* Unix milliseconds */
	char schema[64];
	/* Which tables have row security, with commas between. */
	char row_security[128];
	char system[24]; /* of the cluster; "" if the server does not say */
	int64_t timeline;
	int64_t database, roster; /* numbers that a cluster gave them */
};
int db_server(struct db *, struct db_server *) WARN_UNUSED;
const char *db_foreign(
    const struct db_server *primary, const struct db_server *) WARN_UNUSED;

/* db_changes(db): rows that the last statement inserted, changed or deleted; 1
 * while that is pending. */
int64_t db_changes(const struct db *);

/* db_failure(db, failure): copy the last error to ${failure}; returns -1. */
int db_failure(const struct db *, struct failure *);

/* db_dialect(db): its dialect of SQL. */
enum db_dialect db_dialect(const struct db *);

/* db_name(db): its path or URL for messages, without a password. */
const char *db_name(const struct db *);

/*
 * db_check(db, seconds, failure): check every page and every foreign key. 0 if
 * all are sound; 1 if ${seconds} were not enough; -1 and ${failure}.
 */
int db_check(struct db *, int seconds, struct failure *) WARN_UNUSED;

#endif
