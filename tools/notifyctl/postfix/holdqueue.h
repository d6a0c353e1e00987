/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holdqueue - the messages in Postfix's hold queue
 *
 * Listed by postqueue(1) and read by postcat(1), many at a time. Memory is that
 * of one message's envelope and header, however many there are.
 *
 * Threads: one.
 */
#ifndef HOLDQUEUE_H
#define HOLDQUEUE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct failure;
struct postconf;

/* One message, which was there a moment ago; it lasts as long as the call. */
struct holdqueue_message {
	const char *id;
	int64_t arrived; /* Unix seconds */
	/* Its envelope and header, as postcat(1) prints them; may be written
	 * to. NULL if that cannot be believed: see records.h. */
	char *text;
};

typedef int holdqueue_fn(
    void *ctx, struct holdqueue_message *, struct failure *);

/*
 * holdqueue_each(pc, fn, ctx, failure):
 * Call ${fn} for each message on hold, in the order of the queue, until it
 * returns other than 0. 0, or -1 and ${failure}.
 */
int holdqueue_each(const struct postconf *, holdqueue_fn *, void *ctx,
    struct failure *) WARN_UNUSED;

/* holdqueue_file(pc, id, path): the queue file of a message. 1, 0 if it is not
 * on hold now, or -1 if that cannot be looked at. postcat(1) takes a second to
 * find none. */
int holdqueue_file(
    const struct postconf *, const char *id, char path[PATH_MAX]) WARN_UNUSED;

/* holdqueue_count(pc, n, oldest, failure): how many there are, ours or not, and
 * when the oldest arrived. Needs no root. 0, or -1 and ${failure}. */
int holdqueue_count(const struct postconf *, int64_t *n, int64_t *oldest,
    struct failure *) WARN_UNUSED;

#endif
