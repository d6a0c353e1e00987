/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - database connections for threads that look things up
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/failure.h"
#include "db/db_url.h"
#include "decision/pool.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_health.h"

/* How long the primary is asked instead of a standby that lagged too much (a
 * mark reaches it sooner), or that could not be asked. */
#define STALE_MS 500
#define AWAY_MS 5000
/* How long what the primary said of itself is good for new connections. */
#define KNOWN_MS 1000
/* How long a connection to a standby may wait for its next question: it is
 * compared when it is new, and after a failover it may follow another primary.
 */
#define RENEW_MS 20000

/* Connections to one server. */
struct side {
	char *url, *name; /* the name may be shown */
	enum db_mode mode;
	pthread_cond_t freed;
	struct store *idle[POOL_MAX];
	int nidle;
	int taken;
};

struct pool {
	pthread_mutex_t lock;
	int wait; /* milliseconds */
	long max_lag;
	struct side sides[POOL_SIDES];
	bool standby;	      /* POOL_ASKED is one */
	int64_t until;	      /* the primary is asked: as clock_ms() */
	bool mark;	      /* a mark is due at the primary */
	struct store *marker; /* the store that leaves it, */
	int64_t marking;      /* since when */
	struct standby health;
	/* What the primary last said of itself, and when it was last asked,
	 * which may have failed. */
	struct db_server primary;
	bool known, answered;
	int64_t known_at;
	int64_t renewed; /* when the connections to the standby were */
};

static int side_init(struct side *, const char *, enum db_mode);
static void side_clear(struct side *);
static int enter(struct pool *, struct side *, struct store **);
static void leave(struct pool *, struct side *, struct store *);
static void close_idle(struct pool *, struct side *);
static struct store *take(struct pool *, struct side *, struct failure *);
static void ask_primary(struct pool *);
static bool primary_known(struct pool *, struct db_server *);
static bool renewal_due(struct pool *);
static int compare(
    struct pool *, struct side *, struct store *, struct failure *);
static bool take_mark(struct pool *, struct store *);
static enum standby_news learn(struct pool *, enum pool_side, struct store *);

static int
side_init(struct side *side, const char *url, enum db_mode mode)
{
	pthread_condattr_t attr;

	side->mode = mode;
	side->url = strdup(url);
	side->name = db_url_shown(url);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&side->freed, &attr);
	pthread_condattr_destroy(&attr);
	return (side->url == NULL || side->name == NULL ? -1 : 0);
}

static void
side_clear(struct side *side)
{
	while (side->nidle > 0)
		store_close(side->idle[--side->nidle]);
	pthread_cond_destroy(&side->freed);
	free(side->url);
	free(side->name);
}

struct pool *
pool_new(const struct settings *settings, int wait)
{
	struct pool *pool;
	const char *asked = settings->read_url;
	int rc;

	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return (NULL);
	pool->wait = wait;
	pool->max_lag = settings->max_lag;
	pool->standby = *asked != '\0';
	if (!pool->standby)
		asked = settings->url;
	pthread_mutex_init(&pool->lock, NULL);
	rc = side_init(&pool->sides[POOL_ASKED], asked, DB_LOOKUP);
	rc |= side_init(&pool->sides[POOL_PRIMARY], settings->url, DB_PRIMARY);
	if (rc == 0)
		return (pool);
	pool_free(pool);
	return (NULL);
}

void
pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	side_clear(&pool->sides[POOL_ASKED]);
	side_clear(&pool->sides[POOL_PRIMARY]);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

enum pool_side
pool_side(struct pool *pool)
{
	bool asked;

	pthread_mutex_lock(&pool->lock);
	asked = clock_ms() >= pool->until;
	pthread_mutex_unlock(&pool->lock);
	return (asked ? POOL_ASKED : POOL_PRIMARY);
}

/* Never the same server a second time. */
bool
pool_turn(struct pool *pool, enum failure_kind kind)
{
	bool stale = kind == FAILURE_STALE;

	if (kind == FAILURE_MEMORY || (!stale && !pool->standby))
		return (false);
	pthread_mutex_lock(&pool->lock);
	pool->until = clock_ms() + (stale ? STALE_MS : AWAY_MS);
	pool->mark = pool->mark || stale;
	pthread_mutex_unlock(&pool->lock);
	return (true);
}

/* Wait for one of the POOL_MAX places, and take an idle store if there is one.
 * 0, or -1 if no place was free in time. */
static int
enter(struct pool *pool, struct side *side, struct store **idle)
{
	struct timespec until = clock_deadline(pool->wait);
	int rc;

	*idle = NULL;
	rc = 0;
	pthread_mutex_lock(&pool->lock);
	while (side->taken == POOL_MAX && rc == 0)
		rc = pthread_cond_timedwait(&side->freed, &pool->lock, &until);
	if (side->taken < POOL_MAX) {
		rc = 0;
		side->taken++;
		if (side->nidle > 0)
			*idle = side->idle[--side->nidle];
	}
	pthread_mutex_unlock(&pool->lock);
	return (rc == 0 ? 0 : -1);
}

/* Give a place back, and with it a store to use again, or NULL. */
static void
leave(struct pool *pool, struct side *side, struct store *store)
{
	pthread_mutex_lock(&pool->lock);
	if (store != NULL)
		side->idle[side->nidle++] = store;
	side->taken--;
	pthread_cond_signal(&side->freed);
	pthread_mutex_unlock(&pool->lock);
}

/* Close idle stores of a database that is gone, which frees its files. */
static void
close_idle(struct pool *pool, struct side *side)
{
	struct store *gone[POOL_MAX];
	int n;

	pthread_mutex_lock(&pool->lock);
	n = side->nidle;
	memcpy(gone, side->idle, sizeof(gone));
	side->nidle = 0;
	pthread_mutex_unlock(&pool->lock);
	while (n > 0)
		store_close(gone[--n]);
}

/* Is a mark due? Then ${store} is the one to leave it. */
static bool
take_mark(struct pool *pool, struct store *store)
{
	bool mark;

	pthread_mutex_lock(&pool->lock);
	mark = pool->mark;
	pool->mark = false;
	if (mark) {
		pool->marker = store;
		pool->marking = clock_ms();
	}
	pthread_mutex_unlock(&pool->lock);
	return (mark);
}

/* Learn about the standby from the answer that ${store} had. */
static enum standby_news
learn(struct pool *pool, enum pool_side which, struct store *store)
{
	enum failure_kind kind = store_failure(store)->kind;
	enum standby_news news = STANDBY_NONE;
	bool answered = kind == FAILURE_NONE && db_lag(store_db(store)) != -1;

	pthread_mutex_lock(&pool->lock);
	if (pool->marker == store) {
		pool->marker = NULL;
		if (answered)
			standby_marked(&pool->health, pool->marking);
	}
	if (which == POOL_ASKED && kind == FAILURE_STALE)
		news = standby_stale(&pool->health, clock_ms(),
		    pool->max_lag * 1000, db_lag(store_db(store)));
	else if (which == POOL_ASKED && answered)
		news = standby_fresh(&pool->health);
	pthread_mutex_unlock(&pool->lock);
	return (news);
}

/* Ask the primary what it is: whoever is at its address now. */
static void
ask_primary(struct pool *pool)
{
	struct side *side = &pool->sides[POOL_PRIMARY];
	struct failure ignored = FAILURE_INIT;
	struct db_server server = {.lag = 0};
	struct store *store;
	bool answered = false;

	close_idle(pool, side);
	store = take(pool, side, &ignored);
	if (store != NULL) {
		answered = store_server(store, &server) == 1;
		if (!answered) {
			store_close(store);
			store = NULL;
		}
		leave(pool, side, store);
	}
	failure_clear(&ignored);
	pthread_mutex_lock(&pool->lock);
	pool->known_at = clock_ms();
	pool->answered = answered;
	if (answered) {
		pool->primary = server;
		pool->known = true;
	}
	pthread_mutex_unlock(&pool->lock);
}

/* What the primary is. If it is away, another may have taken its place: then
 * its timeline says nothing. False if it never answered. */
static bool
primary_known(struct pool *pool, struct db_server *primary)
{
	int64_t good;
	bool known;

	pthread_mutex_lock(&pool->lock);
	good = pool->known_at == 0
	    ? 0
	    : pool->known_at + (pool->answered ? KNOWN_MS : AWAY_MS);
	pthread_mutex_unlock(&pool->lock);
	if (clock_ms() >= good)
		ask_primary(pool);
	pthread_mutex_lock(&pool->lock);
	*primary = pool->primary;
	if (!pool->answered)
		primary->timeline = 0;
	known = pool->known;
	pthread_mutex_unlock(&pool->lock);
	return (known);
}

static bool
renewal_due(struct pool *pool)
{
	int64_t now = clock_ms();
	bool due;

	pthread_mutex_lock(&pool->lock);
	due = pool->standby && now - pool->renewed >= RENEW_MS;
	if (due)
		pool->renewed = now;
	pthread_mutex_unlock(&pool->lock);
	return (due);
}

/* Is the server that is to be asked one of the primary's? 0, or -1. */
static int
compare(struct pool *pool, struct side *side, struct store *store,
    struct failure *failure)
{
	struct db_server primary, server;
	const char *why;

	if (!primary_known(pool, &primary))
		return (0);
	switch (store_server(store, &server)) {
	case -1:
		return (store_failed(store, failure));
	case 0:
		return (0);
	}
	why = db_foreign(&primary, &server);
	if (why == NULL)
		return (0);
	return (failure_set(failure, FAILURE_SETTINGS,
	    "database %s: %s than that of url; it is not asked", side->name,
	    why));
}

/* A place, and a store. NULL and ${failure} if there is none. */
static struct store *
take(struct pool *pool, struct side *side, struct failure *failure)
{
	struct store *store;

	if (side == &pool->sides[POOL_ASKED] && renewal_due(pool))
		close_idle(pool, side);
	if (enter(pool, side, &store) != 0) {
		failure_set(failure, FAILURE_BUSY,
		    "database %s: no connection was free within %d ms",
		    side->name, pool->wait);
		return (NULL);
	}
	if (store != NULL && !db_current(store_db(store))) {
		store_close(store);
		store = NULL;
		close_idle(pool, side);
	}
	if (store == NULL) {
		store = store_open(side->url, side->mode, pool->wait, failure);
		if (store != NULL)
			store_accept_older(store);
		if (store != NULL && side == &pool->sides[POOL_ASKED] &&
		    pool->standby && compare(pool, side, store, failure) != 0) {
			store_close(store);
			store = NULL;
		}
		if (store == NULL)
			leave(pool, side, NULL);
	}
	return (store);
}

struct store *
pool_take(struct pool *pool, enum pool_side which, struct failure *failure)
{
	struct store *store = take(pool, &pool->sides[which], failure);

	if (store == NULL)
		return (NULL);
	db_bound_lag(store_db(store), pool->max_lag);
	if (which == POOL_PRIMARY && take_mark(pool, store))
		db_mark(store_db(store));
	return (store);
}

enum standby_news
pool_put(struct pool *pool, enum pool_side which, struct store *store)
{
	enum standby_news news = learn(pool, which, store);
	enum failure_kind kind = store_failure(store)->kind;

	if (kind == FAILURE_STALE) {
		store_forgive(store);
	} else if (kind != FAILURE_NONE) {
		/* A new connection is safer; and what it met, such as an older
		 * roster that was put in place, the others would meet, too. */
		store_close(store);
		store = NULL;
		if (kind != FAILURE_BUSY && kind != FAILURE_MEMORY)
			close_idle(pool, &pool->sides[which]);
	}
	leave(pool, &pool->sides[which], store);
	return (news);
}
