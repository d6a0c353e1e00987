/*
 * pool - database connections for threads that look things up
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db_url.h"
#include "failure.h"
#include "pool.h"
#include "store.h"

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	char *url, *name; /* the name may be shown */
	int wait;	  /* milliseconds */
	struct store *idle[POOL_MAX];
	int nidle;
	int taken;
};

static int enter(struct pool *, struct store **);
static void leave(struct pool *, struct store *);

struct pool *
pool_new(const char *url, int wait)
{
	pthread_condattr_t attr;
	struct pool *pool;

	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return (NULL);
	pool->url = strdup(url);
	pool->name = db_url_shown(url);
	if (pool->url == NULL || pool->name == NULL) {
		free(pool->url);
		free(pool->name);
		free(pool);
		return (NULL);
	}
	pool->wait = wait;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->freed, &attr);
	pthread_condattr_destroy(&attr);
	return (pool);
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->nidle > 0)
		store_close(pool->idle[--pool->nidle]);
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	free(pool->url);
	free(pool->name);
	free(pool);
}

/* Wait for one of the POOL_MAX places; an idle store comes with it if there is
 * one. 0, or -1 if none was free in time. */
static int
enter(struct pool *pool, struct store **idle)
{
	struct timespec until;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += pool->wait / 1000;
	until.tv_nsec += pool->wait % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	*idle = NULL;
	rc = 0;
	pthread_mutex_lock(&pool->lock);
	while (pool->taken == POOL_MAX && rc == 0)
		rc = pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
	if (pool->taken < POOL_MAX) {
		rc = 0;
		pool->taken++;
		if (pool->nidle > 0)
			*idle = pool->idle[--pool->nidle];
	}
	pthread_mutex_unlock(&pool->lock);
	return (rc == 0 ? 0 : -1);
}

/* Give a place back, and with it a store that may serve again, or NULL. */
static void
leave(struct pool *pool, struct store *store)
{
	pthread_mutex_lock(&pool->lock);
	if (store != NULL)
		pool->idle[pool->nidle++] = store;
	pool->taken--;
	pthread_cond_signal(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

struct store *
pool_take(struct pool *pool, struct failure *failure)
{
	struct store *store;

	if (enter(pool, &store) != 0) {
		failure_set(failure, FAILURE_BUSY,
		    "database %s: no connection was free within %d ms",
		    pool->name, pool->wait);
		return (NULL);
	}
	if (store != NULL && !store_current(store)) {
		store_close(store);
		store = NULL;
	}
	if (store == NULL)
		store = store_open(pool->url, DB_LOOKUP, pool->wait, failure);
	if (store == NULL)
		leave(pool, NULL);
	return (store);
}

void
pool_put(struct pool *pool, struct store *store)
{
	/* After a failure a fresh connection is the safer one. */
	if (store_failure(store)->kind != FAILURE_NONE) {
		store_close(store);
		store = NULL;
	}
	leave(pool, store);
}
