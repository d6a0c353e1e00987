/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgstmt - a statement on a connection to a PostgreSQL server
 *
 * db_driver.h's functions on statements, for the driver of db_postgres.c: one
 * is sent at its first step, and its rows are taken as they come. For many that
 * are sent together, pgstmt_send() and pgstmt_take() are the two halves.
 *
 * Statements are prepared at their first use, when the types of their
 * parameters are known: bigint or text, and nothing is left to be guessed.
 *
 * Threads and results as in pgconn.h.
 */
#ifndef PGSTMT_H
#define PGSTMT_H

#include <stdbool.h>

#include "db/db_driver.h"
#include "db/pgconn.h"

#define PGSTMT_PARAMETERS 96 /* at most */

struct pgstmt {
	struct db_stmt stmt;
	struct pgstmt *next;
	struct pgconn *conn;
	char *sql;
	char name[16];
	enum { UNPREPARED, PREPARING, PREPARED } state;
	enum { READY, RUNNING, ENDED } progress;
	PGresult *rows;
	int row; /* the current one of them */
	int n;
	Oid types[PGSTMT_PARAMETERS];
	const char *values[PGSTMT_PARAMETERS];
	char numbers[PGSTMT_PARAMETERS][24];
	char *copies[PGSTMT_PARAMETERS]; /* of what is no UTF-8 */
	bool unbound;			 /* a parameter could not be set */
};

/*
 * pgstmt_new(driver, conn, sql, number): ${number} is no other's of the
 * connection. NULL for no memory. pgstmt_free(): what is on its way is not
 * waited for.
 */
struct pgstmt *pgstmt_new(const struct db_driver *, struct pgconn *,
    const char *sql, unsigned number) WARN_UNUSED;
void pgstmt_free(struct pgstmt *);

void pgstmt_bind_int(struct db_stmt *, int, int64_t);
void pgstmt_bind_text(struct db_stmt *, int, const char *);
int pgstmt_step(struct db_stmt *);
int64_t pgstmt_int(struct db_stmt *, int);
const char *pgstmt_text(struct db_stmt *, int);
void pgstmt_reset(struct db_stmt *);
int pgstmt_post(struct db_stmt *);

/* pgstmt_understands(stmt): the server makes of it what it can; nothing stays.
 */
int pgstmt_understands(struct db_stmt *);

/* pgstmt_send(stmt): on a connection in pipeline mode, send it with the
 * parameters that it has, and forget those. */
int pgstmt_send(struct pgstmt *) WARN_UNUSED;

/*
 * pgstmt_take(stmt): the answer to what was sent first and is not taken yet,
 * which was ${stmt}. Its rows are there all at once; pgstmt_next() goes from
 * one to the next: 1, or 0 behind the last. -1: also when it was not done since
 * another before it had failed.
 */
int pgstmt_take(struct pgstmt *) WARN_UNUSED;
int pgstmt_next(struct pgstmt *);

#endif
