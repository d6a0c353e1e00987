/* fixture - a roster in a temporary folder, for one test */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "arena.h"
#include "failure.h"
#include "membership.h"
#include "roster.h"
#include "settings.h"
#include "store.h"

struct fixture {
	char folder[64];
	char url[96];
	struct settings settings;
	struct arena *arena;
	struct store *store;
	struct failure failure;
	struct changes changes;
};

/* Accounts acme (owner olga, user-admin adam, members ann and bill, Subscriber
 * sue; ann and sue get balance-and-payments) and beta (owner otto, ann), all
 * at acme.example and beta.example. */
void fixture_open(struct fixture *);
void fixture_close(struct fixture *);

/* fixture_begin, fixture_commit: a transaction that writes. */
void fixture_begin(struct fixture *);
void fixture_commit(struct fixture *);

/* fixture_sql(f, text): run statements past the store. */
void fixture_sql(struct fixture *, const char *text);

#endif
