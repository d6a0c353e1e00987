/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgstmt - a statement on a connection to a PostgreSQL server
 *
 * The functions of db_driver.h on statements, for db_postgres.c: a statement is
 * sent at its first step, and its rows are read as they arrive. For statements
 * that are sent together, pgstmt_send() and pgstmt_take() are the two halves.
 *
 * Statements are prepared at their first use, when the types of their
 * parameters are known: bigint or text, so that the server need not guess.
 *
 * Threads and results as in pgconn.h.
 */
#ifndef PGSTMT_H
#define PGSTMT_H

#include "db/db_driver.h"
#include "db/pgconn.h"

#define PGSTMT_PARAMETERS 96 /* at most */

struct pgstmt {
	struct db_stmt stmt;
	struct pgstmt *next;
	struct pgconn *conn;
	char *sql;
	unsigned number;
	char name[16];
	struct pgmany *many; /* rows that are collected, or NULL */
	enum { UNPREPARED, PREPARING, PREPARED } state;
	enum { READY, RUNNING, ENDED } progress;
	PGresult *rows;
	int row;       /* the current one of them */
	int columns;   /* that an answer has; -1: not known */
	int64_t count; /* rows that were read one at a time */
	int n;
	Oid types[PGSTMT_PARAMETERS];
	const char *values[PGSTMT_PARAMETERS];
	char numbers[PGSTMT_PARAMETERS][24];
	char *copies[PGSTMT_PARAMETERS]; /* of malformed text */
	bool unbound;			 /* a parameter could not be set */
};

/*
 * pgstmt_new(driver, conn, sql, number, letter): ${number} must be unique on
 * the connection among those with the ${letter}, and grow. NULL if out of
 * memory. pgstmt_free(): does not wait for answers.
 */
struct pgstmt *pgstmt_new(const struct db_driver *, struct pgconn *,
    const char *sql, unsigned number, const char *letter) WARN_UNUSED;
void pgstmt_free(struct pgstmt *);

void pgstmt_bind_int(struct db_stmt *, int, int64_t);
void pgstmt_bind_text(struct db_stmt *, int, const char *);
int pgstmt_step(struct db_stmt *);
int64_t pgstmt_int(struct db_stmt *, int);
const char *pgstmt_text(struct db_stmt *, int);
void pgstmt_reset(struct db_stmt *);
int pgstmt_post(struct db_stmt *);

/* pgstmt_post_now(stmt): send it, and do not wait, as pgconn_post(); prepare it
 * likewise. pgstmt_is_text(stmt, i): of parameter ${i}, from 0. */
int pgstmt_post_now(struct pgstmt *) WARN_UNUSED;
bool pgstmt_is_text(const struct pgstmt *, int i);

/* pgstmt_understands(stmt): as db_understands(): the server parses it. */
int pgstmt_understands(struct db_stmt *);

/* pgstmt_send(stmt): in pipeline mode, send it with its parameters, and forget
 * those. */
int pgstmt_send(struct pgstmt *) WARN_UNUSED;

/*
 * pgstmt_take(stmt): read the next answer, which must be to ${stmt}, with all
 * its rows. -1 also if the server skipped it after an error. pgstmt_next() goes
 * to the next row: 1, or 0 after the last one.
 */
int pgstmt_take(struct pgstmt *) WARN_UNUSED;
int pgstmt_next(struct pgstmt *);

#endif
