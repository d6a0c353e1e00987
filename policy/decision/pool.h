/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - database connections for threads that look things up
 *
 * libmilter runs the callbacks of one connection on changing threads, and as
 * many at once as there are clients: a store is taken for the length of one
 * decision. If its database has been removed or replaced, the store is closed
 * and a new one opened, so that no removed roster decides.
 *
 * If a standby is asked and it is gone, fails or lags too much, the primary is
 * asked instead, for this message and for some time on. So it is if what is
 * there is no standby of that primary (db_foreign()): each new connection to it
 * is compared with the primary, or with what that was when it last answered,
 * and connections to it are renewed every 20 seconds. A primary that never
 * answered says nothing.
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
struct settings;
struct store;

/* Connections to a server: enough to keep every core busy. */
#define POOL_MAX 8
/* How long a message may wait. */
#define POOL_WAIT_MS 3000

/* pool_new(settings, wait): of the database that the settings name; wait up to
 * ${wait} milliseconds for a lock and for a free connection. Opens nothing yet.
 * NULL if out of memory. */
struct pool *pool_new(const struct settings *, int wait) WARN_UNUSED;

/* pool_free(pool): every store must have been put back. NULL is fine. */
void pool_free(struct pool *);

enum pool_side { POOL_ASKED, POOL_PRIMARY, POOL_SIDES };

/* pool_side(pool): the server to ask now: the one that the settings name, or
 * the primary in its place. */
enum pool_side pool_side(struct pool *) WARN_UNUSED;

/* pool_take(pool, side, failure): a store for lookups, or NULL and ${failure}.
 */
struct store *pool_take(
    struct pool *, enum pool_side, struct failure *) WARN_UNUSED;

/* pool_put(pool, side, store): return the store to the pool. Returns the news
 * to report about the standby that it asked. */
enum standby_news pool_put(struct pool *, enum pool_side, struct store *);

/*
 * pool_turn(pool, kind): POOL_ASKED failed with ${kind}: should the primary be
 * asked? If true, pool_side() returns POOL_PRIMARY for some time.
 */
bool pool_turn(struct pool *, enum failure_kind) WARN_UNUSED;

#endif
