/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - database connections for threads that look things up
 *
 * libmilter runs the callbacks of one connection on changing threads and as
 * many at once as there are clients; a store is taken for the length of one
 * decision. A store whose database has been removed or replaced is closed, and
 * a new one opened, so that nothing is decided by a roster that is gone.
 *
 * Where a standby is asked there is somebody to ask in its place when it is
 * gone, fails or is too far behind: the primary, for the same message and for
 * some time on.
 *
 * Threads: any.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "decision/standby.h"

struct pool;
struct store;

/* Connections at once to a server: enough for every core to look something up.
 */
#define POOL_MAX 8

struct pool_options {
	const char *url;
	const char *read_url; /* of a standby to be asked; "" or NULL: none */
	long max_lag;	      /* seconds that a standby may be behind; 0: any */
	int wait; /* milliseconds, for a lock and for a free connection */
};

/* pool_new(options): opens nothing yet. NULL for no memory. */
struct pool *pool_new(const struct pool_options *) WARN_UNUSED;

/* pool_free(pool): when every store has been put back. NULL is fine. */
void pool_free(struct pool *);

/* Whom a message asks: as it is set, or the primary in its place. */
enum pool_side { POOL_ASKED, POOL_PRIMARY, POOL_SIDES };
enum pool_side pool_side(struct pool *) WARN_UNUSED;

/* pool_take(pool, side, failure): a store for lookups, or NULL and ${failure}.
 */
struct store *pool_take(
    struct pool *, enum pool_side, struct failure *) WARN_UNUSED;

/* pool_put(pool, side, store): give it back. What somebody is to be told of the
 * standby that it asked. */
enum standby_news pool_put(struct pool *, enum pool_side, struct store *);

/*
 * pool_turn(pool, kind): after such a failure of POOL_ASKED, is the primary to
 * be asked? If so messages ask that one for some time.
 */
bool pool_turn(struct pool *, enum failure_kind) WARN_UNUSED;

#endif
