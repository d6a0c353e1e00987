/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notice - mail that tells a user of a change
 *
 * policy/README.md, Roles, 5. A notice is recorded with the change, so it is
 * not lost if mail cannot be handed over now. Nor is it sent twice: it is
 * marked before it is handed over, so if the program is killed in between it is
 * not retried, and `notifyctl check` reports it. SIGHUP, SIGINT and SIGTERM
 * wait until the notice that is being handed over is done with.
 *
 * Threads: as struct store.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;
struct store;
struct store_notice;

/* How long to retry storing the outcome of a notice while the database cannot
 * be written; the last try may also wait for a lock. */
#define NOTICE_NOTE_SECONDS 10

/* Hand a notice over to sendmail: 0; 1 if there is nothing to say any more; -1
 * and ${failure}: FAILURE_DATA if only this one was refused, another kind if
 * none can be handed over now. */
typedef int notice_fn(void *, const struct store_notice *, struct failure *);

/* What sends notices. */
struct notice_sender {
	notice_fn *send;
	/* In the transaction that notes that it was handed over, which is
	 * tried until it commits: note more. 0, or -1 and ${failure}. Or NULL.
	 */
	notice_fn *handed;
	void *ctx;
};

/*
 * notice_flush(store, a, links, limit, sender, sent, failure):
 * Hand over the pending notices, outside any transaction: those with ${links}
 * (linkmail.h), or the others, which therefore never wait for what strangers
 * ask for. At most ${limit}, or all if that is 0. ${*sent} (or NULL) grows by
 * how many were handed over. Returns how many could not be, or -1 if the
 * database failed; then ${failure} is about the last one and says whether it is
 * kept. Takes no longer than NOTICE_NOTE_SECONDS and one wait for a lock.
 */
int notice_flush(struct store *, struct arena *, bool links, size_t limit,
    const struct notice_sender *, size_t *sent, struct failure *) WARN_UNUSED;

#endif
