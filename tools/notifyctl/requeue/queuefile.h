/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queuefile - a message in Postfix's hold queue
 *
 * The queue file is locked from queuefile_open() to queuefile_close(), so that
 * a message is requeued once at a time; the lock ends with the process. The
 * result of an attempt is an extended attribute of the file, and is deleted
 * with it.
 *
 * Threads: one at a time. Memory comes from the arena that is given, which must
 * end the program if there is none.
 */
#ifndef QUEUEFILE_H
#define QUEUEFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/requeue/submit.h"

struct arena;
struct failure;
struct postconf;
struct settings;

/* The result of an earlier attempt. */
enum queuefile_attempt {
	QUEUEFILE_NONE,
	QUEUEFILE_BEGUN,     /* ended before Postfix answered */
	QUEUEFILE_SUBMITTED, /* taken by Postfix; this one was not deleted */
};

struct queuefile {
	const char *id;
	const char *path; /* of the queue file */
	int fd;		  /* of the queue file, locked; or -1 */
	enum queuefile_attempt attempt;
	const char *attempt_id; /* the new queue id, or NULL */
	struct submit_message message;
	/* Who submitted it, as the milter saw: NULL if sendmail(1) did, or the
	 * address; and the name it logged in with, or NULL. */
	const char *client, *login;
	size_t done;	    /* recipients that it was delivered to */
	const char *tag;    /* the X-Notify-Category line, or NULL */
	const char *msg_id; /* Message-ID, or "" */
};

/* queuefile_open(a, mta, id, q, failure): find, lock and read one. Needs
 * queuefile_close() after -1 too. */
int queuefile_open(struct arena *, const struct postconf *, const char *id,
    struct queuefile *, struct failure *) WARN_UNUSED;
void queuefile_close(struct queuefile *);

/*
 * queuefile_trusted(settings, client, login): may whoever submitted the message
 * tag? ${client} and ${login} are those of a struct queuefile.
 */
bool queuefile_trusted(
    const struct settings *, const char *client, const char *login);

/* queuefile_untag(q, failure): leave every X-Notify header out of what is
 * submitted. 0 or -1. */
int queuefile_untag(struct queuefile *, struct failure *) WARN_UNUSED;

/* queuefile_note(q, attempt, id): store the result of an attempt. Does nothing
 * on a file system without extended attributes. */
void queuefile_note(struct queuefile *, enum queuefile_attempt, const char *id);

/* queuefile_drop(a, mta, q, failure): 1 deleted, 0 no longer in the hold queue,
 * -1 failed. */
int queuefile_drop(struct arena *, const struct postconf *,
    const struct queuefile *, struct failure *) WARN_UNUSED;

#endif
