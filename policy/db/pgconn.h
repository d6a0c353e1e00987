/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgconn - a connection to a PostgreSQL server
 *
 * What is sent and what is answered, for db_postgres.c and its files alone. The
 * answer to each thing that was sent is taken to its end before the next is
 * sent, but for what is sent together in pipeline mode: the questions about a
 * message, and the changes of which there are very many. Nothing that is sent
 * blocks: it goes while an answer is waited for. A server that is gone, or
 * silent for too long, breaks the connection: from then on everything fails,
 * and nothing is ever taken for the end of an answer.
 *
 * Threads: a struct pgconn belongs to one thread at a time.
 * Results: 0, or -1 after which the failure is noted.
 */
#ifndef PGCONN_H
#define PGCONN_H

#include <stdbool.h>

#include "base/compiler.h"
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
	bool bulk;		   /* changes need not be waited for */
	int posted;		   /* those whose answers are on their way */
	int wait;		   /* milliseconds, for a lock */
	int silence;		   /* milliseconds, for a word of the server */
	int64_t changes;	   /* rows that the last statement changed */
	struct pgconn_failure why; /* the last failure */
};

/*
 * pgconn_open(c, url, mode, wait):
 * Connect, and tell the server how long we wait and what we may do. ${c} is
 * zeroed before; pgconn_close() also after a failure.
 */
int pgconn_open(
    struct pgconn *, const char *url, enum db_mode, int wait) WARN_UNUSED;
void pgconn_close(struct pgconn *);

/* pgconn_quiet(c): an idle server has nothing to say but that it goes. */
bool pgconn_quiet(const struct pgconn *) WARN_UNUSED;

/* pgconn_post(c): what is sent next is a change whose answer is not waited for:
 * the connection is in pipeline mode until pgconn_ready(). */
int pgconn_post(struct pgconn *) WARN_UNUSED;

/* pgconn_ready(c): all of those were made. Before whatever is waited for. */
int pgconn_ready(struct pgconn *) WARN_UNUSED;

/* pgconn_note(c, kind, fmt, ...): note a failure; pgconn_memory(c): that one.
 * Both return -1. */
int pgconn_memory(struct pgconn *);
int pgconn_note(struct pgconn *, enum failure_kind, const char *, ...)
    PRINTF_LIKE(3, 4);

/* pgconn_lost(c): libpq could not send or read; returns -1. */
int pgconn_lost(struct pgconn *);

/* pgconn_refused(c, result): note what an answer that is neither rows nor
 * "done" says; returns -1. */
int pgconn_refused(struct pgconn *, const PGresult *);

/* pgconn_next(c, result): the next piece of the answer, yours to clear; NULL
 * behind the last one. */
int pgconn_next(struct pgconn *, PGresult **) WARN_UNUSED;

/* pgconn_finish(c): pass over the rest of the answer. */
int pgconn_finish(struct pgconn *) WARN_UNUSED;

/* pgconn_done(c, tag): take the answer to something without rows; ${tag}: what
 * must have been done, or NULL. */
int pgconn_done(struct pgconn *, const char *tag) WARN_UNUSED;

/* pgconn_answer(c, result): the answer to one statement, with all its rows at
 * once; yours to clear. -1 without a note if it was passed over after an error.
 */
int pgconn_answer(struct pgconn *, PGresult **) WARN_UNUSED;

/*
 * pgconn_enter(c): what is sent from now on is not answered before
 * pgconn_sync(c), which sends it. An error in it passes over all up to there.
 * pgconn_synced(c): the answers up to there were taken. pgconn_leave(c): all
 * were.
 */
int pgconn_enter(struct pgconn *) WARN_UNUSED;
int pgconn_sync(struct pgconn *) WARN_UNUSED;
int pgconn_synced(struct pgconn *) WARN_UNUSED;
int pgconn_leave(struct pgconn *) WARN_UNUSED;

/* pgconn_exec(c, sql, tag): send statements without parameters, and the same.
 */
int pgconn_exec(struct pgconn *, const char *sql, const char *tag) WARN_UNUSED;

#endif
