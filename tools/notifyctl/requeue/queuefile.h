/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queuefile - a message in Postfix's hold queue
 *
 * Its queue file is locked from queuefile_open() to queuefile_close(), so that
 * two requeues of one message do not meet; the lock ends with the process. What
 * has become of an attempt is noted at the file itself (an extended attribute),
 * and goes with it.
 *
 * Threads: one at a time. Everything is cut from the arena of the struct mta.
 */
#ifndef QUEUEFILE_H
#define QUEUEFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/requeue/submit.h"

struct arena;
struct failure;
struct mta;

/* What an earlier attempt has left behind. */
enum queuefile_attempt {
	QUEUEFILE_NONE,
	QUEUEFILE_BEGUN,     /* it did not live to learn what became of it */
	QUEUEFILE_SUBMITTED, /* Postfix has it; only the held one is left over
			      */
};

struct queuefile {
	const char *id;
	const char *path; /* of the queue file */
	int file;	  /* the queue file, locked; or -1 */
	enum queuefile_attempt attempt;
	const char *attempt_id; /* the new queue id, or NULL */
	struct submit_message message;
	size_t done;	    /* recipients who have it already */
	const char *tag;    /* header line of the category, or NULL */
	const char *msg_id; /* Message-ID, or "" */
};

/* queuefile_now(a, mta, id): is it in the hold queue at this moment? */
bool queuefile_now(struct arena *, const struct mta *, const char *id);

/* queuefile_open(a, mta, id, h, failure): find, lock and read one. After -1
 * too, queuefile_close() it. */
int queuefile_open(struct arena *, const struct mta *, const char *id,
    struct queuefile *, struct failure *) WARN_UNUSED;
void queuefile_close(struct queuefile *);

/* queuefile_note(h, attempt, id): note what became of an attempt. Nothing is
 * noted on a file system without extended attributes. */
void queuefile_note(struct queuefile *, enum queuefile_attempt, const char *id);

/* queuefile_drop(a, mta, h, failure): 1 dropped, 0 somebody else has taken it
 * out of the hold queue, -1 could not. */
int queuefile_drop(struct arena *, const struct mta *, const struct queuefile *,
    struct failure *) WARN_UNUSED;

#endif
