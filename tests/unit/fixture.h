/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture - a roster for one test
 *
 * An SQLite database in a temporary directory; or, if $NM_POSTGRESQL is the URL
 * of a database, a schema of its own in that.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "base/arena.h"
#include "base/failure.h"
#include "decision/pool.h"
#include "roster/membership.h"
#include "roster/roster.h"
#include "settings/settings.h"
#include "store/store.h"

struct fixture {
	char folder[64];
	char url[512];
	struct settings settings;
	struct arena *arena;
	struct store *store;
	struct failure failure;
	struct changes changes;
};

/* fixture_postgresql(): the URL in $NM_POSTGRESQL, or NULL for SQLite. */
const char *fixture_postgresql(void);

/* fixture_sql(f, sql): run it on the database, by another connection. */
void fixture_sql(struct fixture *, const char *);

/* Accounts acme (owner olga, user-admin adam, members ann and bill, Subscriber
 * sue; ann and sue get balance-and-payments) and beta (owner otto, ann), all
 * at acme.example and beta.example. */
void fixture_open(struct fixture *);
void fixture_close(struct fixture *);

/* fixture_pool(url, wait): a pool for ${url}. */
struct pool *fixture_pool(const char *url, int wait);

/* fixture_begin, fixture_commit: a transaction that writes. */
void fixture_begin(struct fixture *);
void fixture_commit(struct fixture *);

#endif
