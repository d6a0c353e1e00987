/*
 * held - a message in Postfix's hold queue
 *
 * Its queue file is locked from held_open() to held_close(), so that two
 * requeues of one message do not meet; the lock ends with the process. What has
 * become of an attempt is noted at the file itself (an extended attribute), and
 * goes with it.
 *
 * Threads: one at a time. Everything is cut from the arena of the struct mta.
 */
#ifndef HELD_H
#define HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/requeue/submit.h"

struct arena;
struct failure;
struct mta;

/* What an earlier attempt has left behind. */
enum held_attempt {
	HELD_NONE,
	HELD_BEGUN,	/* it did not live to learn what became of it */
	HELD_SUBMITTED, /* Postfix has it; only the held one is left over */
};

struct held {
	const char *id;
	const char *path; /* of the queue file */
	int file;	  /* the queue file, locked; or -1 */
	enum held_attempt attempt;
	const char *attempt_id; /* the new queue id, or NULL */
	struct submit_message message;
	size_t done;	    /* recipients who have it already */
	const char *tag;    /* header line of the category, or NULL */
	const char *msg_id; /* Message-ID, or "" */
};

/* held_now(a, mta, id): is it in the hold queue at this moment? */
bool held_now(struct arena *, const struct mta *, const char *id);

/* held_open(a, mta, id, h, failure): find, lock and read one. After -1 too,
 * held_close() it. */
int held_open(struct arena *, const struct mta *, const char *id, struct held *,
    struct failure *) WARN_UNUSED;
void held_close(struct held *);

/* held_note(h, attempt, id): note what became of an attempt. Nothing is noted
 * on a file system without extended attributes. */
void held_note(struct held *, enum held_attempt, const char *id);

/* held_drop(a, mta, h, failure): 1 dropped, 0 somebody else has taken it out of
 * the hold queue, -1 could not. */
int held_drop(struct arena *, const struct mta *, const struct held *,
    struct failure *) WARN_UNUSED;

#endif
