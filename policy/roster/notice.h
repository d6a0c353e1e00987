/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notice - mail that tells a user of a change
 *
 * policy/README.md, Roles: "the notice is not lost if mail cannot be handed
 * over at that moment: it is recorded with the change and sent later". And
 * never twice: a notice is marked as being handed over before that is tried, so
 * if the program dies in between, it is not tried again; `notifyctl check`
 * reports such a one.
 *
 * Threads: as struct store.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;
struct store;
struct store_notice;

/* So long it is tried to note what became of one, if the database cannot be
 * written to; the last try may wait for a lock beyond that. */
#define NOTICE_NOTE_SECONDS 10

/* Hand one over: 0, or -1 and ${failure}: FAILURE_DATA if just this one was
 * refused, another kind if none can be handed over now. */
typedef int notice_fn(void *, const struct store_notice *, struct failure *);

/*
 * notice_flush(store, a, fn, ctx, failure):
 * Hand over the notices that are pending, outside any transaction. How many
 * could not be, or -1 if the database failed; then ${failure} says so of the
 * last one, and whether it is kept. Nothing is waited for longer than
 * NOTICE_NOTE_SECONDS and once as long as for a lock.
 */
int notice_flush(struct store *, struct arena *, notice_fn *, void *,
    struct failure *) WARN_UNUSED;

#endif
