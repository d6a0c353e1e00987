/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgconn - a connection to a PostgreSQL server
 *
 * For db_postgres.c and its files only. The answer to each statement is read to
 * its end before the next one is sent, except in pipeline mode: for the
 * questions about a message, and for very many changes. Sending does not block;
 * it goes on while waiting for an answer. If the server is gone, or silent for
 * too long, the connection is broken: every later call fails, and nothing is
 * ever taken for the end of an answer.
 *
 * Threads: a struct pgconn belongs to one thread at a time.
 * Results: 0, or -1 after noting the failure.
 */
#ifndef PGCONN_H
#define PGCONN_H

#include "base/failure.h"
#include "db/db.h"
#include "db/libpq.h"

struct pgconn_failure {
	enum failure_kind kind;
	char message[512]; /* one line */
};

struct pgconn {
	PGconn *handle;
	bool broken;
	/* A pooler stands between: the session may be another one with each
	 * transaction, and others use it in between. So nothing is left in it,
	 * neither settings nor prepared statements. */
	bool pooled;
	/* But it keeps prepared statements, and prepares them again in each
	 * session where they are used (PgBouncer 1.21 and later). */
	bool named;
	int64_t pid; /* of the server's process, when it was connected */
	enum db_mode mode;
	bool bulk;	     /* do not wait for changes */
	bool single;	     /* the last statement was in single-row mode */
	struct pgmany *many; /* what was collected, in pgmany.c */
	int posted;	     /* changes whose answers are pending */
	int wait;	     /* milliseconds, for a lock */
	int silence;	     /* milliseconds, for the server to say anything */
	int64_t changes;     /* rows that the last statement changed */
	struct pgconn_failure why; /* the last failure */
};

/*
 * pgconn_open(c, url, mode, wait):
 * Connect, and set the timeouts and access of ${mode} at the server. ${c} must
 * be zeroed; call pgconn_close() after a failure too.
 */
int pgconn_open(
    struct pgconn *, const char *url, enum db_mode, int wait) WARN_UNUSED;
void pgconn_close(struct pgconn *);

/* pgconn_setting(c, i): "SET LOCAL ..." number ${i} of those that a transaction
 * of a pooled connection begins with, before anything that reads; NULL after
 * the last one. Lookups that are asked all at once need only the first
 * PGCONN_SETTINGS. */
#define PGCONN_SETTING 64
#define PGCONN_SETTINGS 7
const char *pgconn_setting(
    const struct pgconn *, size_t i, char text[PGCONN_SETTING]);

/* pgconn_quiet(c): is the idle connection alive? A server sends something on an
 * idle connection only to close it. */
bool pgconn_quiet(const struct pgconn *) WARN_UNUSED;

/* pgconn_post(c): do not wait for the answer to the change that is sent next.
 * The connection is in pipeline mode until pgconn_ready(). */
int pgconn_post(struct pgconn *) WARN_UNUSED;

/* pgconn_ready(c): send what was collected, and read the answers to what was
 * posted. Call it before sending anything that is waited for.
 * pgconn_drain(c): only the latter. */
int pgconn_ready(struct pgconn *) WARN_UNUSED;
int pgconn_drain(struct pgconn *) WARN_UNUSED;

/* pgconn_note(c, kind, fmt, ...): note a failure; pgconn_memory(c): note out of
 * memory. Both return -1. */
int pgconn_memory(struct pgconn *);
int pgconn_note(struct pgconn *, enum failure_kind, const char *, ...)
    PRINTF_LIKE(3, 4);

/* pgconn_lost(c): libpq could not send or receive: note it, and the connection
 * is broken; returns -1. */
int pgconn_lost(struct pgconn *);

/* pgconn_refused(c, result): note the error in ${result}; returns -1. */
int pgconn_refused(struct pgconn *, const PGresult *);

/* pgconn_next(c, result): the next part of the answer, yours to clear; NULL
 * after the last one. */
int pgconn_next(struct pgconn *, PGresult **) WARN_UNUSED;

/* pgconn_finish(c): skip the rest of the answer. */
int pgconn_finish(struct pgconn *) WARN_UNUSED;

/* pgconn_done(c, tag): read the answer to a statement without rows, whose
 * command tag must be ${tag} unless that is NULL. */
int pgconn_done(struct pgconn *, const char *tag) WARN_UNUSED;

/* pgconn_answer(c, result): the answer to one statement with all its rows,
 * yours to clear. -1 without a note if the server skipped it after an error. */
int pgconn_answer(struct pgconn *, PGresult **) WARN_UNUSED;

/*
 * Pipeline mode. pgconn_enter(c): the statements that follow are answered after
 * pgconn_sync(c); after an error the server skips those up to there.
 * pgconn_synced(c): read the end of the answers up to there. pgconn_leave(c):
 * all answers were read.
 */
int pgconn_enter(struct pgconn *) WARN_UNUSED;
int pgconn_sync(struct pgconn *) WARN_UNUSED;
int pgconn_synced(struct pgconn *) WARN_UNUSED;
int pgconn_leave(struct pgconn *) WARN_UNUSED;

/* pgconn_exec(c, sql, tag): send statements without parameters; the rest as
 * pgconn_done(). */
int pgconn_exec(struct pgconn *, const char *sql, const char *tag) WARN_UNUSED;

#endif
