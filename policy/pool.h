/*
 * pool - database connections for threads that look things up
 *
 * libmilter runs the callbacks of one connection on changing threads and as
 * many at once as there are clients; a store is taken for the length of one
 * decision. A store whose database has been removed or replaced is closed, and
 * a new one opened, so that nothing is decided by a roster that is gone.
 *
 * Threads: any.
 */
#ifndef POOL_H
#define POOL_H

#include "compiler.h"

struct failure;
struct pool;
struct store;

/* Connections at once: enough for every core to look something up. */
#define POOL_MAX 8

/*
 * pool_new(url, wait): a pool over the database at ${url}; opens nothing yet.
 * ${wait} milliseconds are waited for a lock, and for a free connection. NULL
 * for no memory.
 */
struct pool *pool_new(const char *url, int wait) WARN_UNUSED;

/* pool_free(pool): when every store has been put back. NULL is fine. */
void pool_free(struct pool *);

/* pool_take(pool, failure): a store for lookups, or NULL and ${failure}. */
struct store *pool_take(struct pool *, struct failure *) WARN_UNUSED;

/* pool_put(pool, store): give it back. */
void pool_put(struct pool *, struct store *);

#endif
