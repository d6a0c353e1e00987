/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_health - the state of the database, for `notifyctl check`
 */
#include <time.h>

#include "base/arena.h"
#include "db/db.h"
#include "store/store_health.h"
#include "store/store_private.h"

/* Links wait for a timer that runs each minute. */
#define LINKS_SECONDS 120
#define ADDRESS_ARENA ((size_t)1 << 20) /* for one address */

static int each_wrong(
    struct store *, struct arena *, store_address_fn *, void *);

int
store_check(struct store *s, int seconds)
{
	struct db_stmt *stmt;
	int which, rc;

	rc = db_check(s->db, seconds, &s->failure);
	for (which = 0; rc != -1 && which < SQL_COUNT; which++) {
		stmt = store_bound(s, (enum sql)which, "");
		if (stmt == NULL || db_understands(stmt) != 0)
			rc = store_note_failure(s);
	}
	return (rc);
}

int
store_server(struct store *s, struct db_server *server)
{
	int rc;

	rc = db_server(s->db, server);
	return (rc == -1 ? store_note_failure(s) : rc);
}

int
store_health(struct store *s, const char *telegram_domain,
    const char *account_domain, struct store_health *h)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_HEALTH, "tti", telegram_domain,
	    account_domain, (int64_t)time(NULL) - LINKS_SECONDS);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	h->accounts_without_owner = db_int(stmt, 0);
	h->notices_pending = db_int(stmt, 1);
	h->notices_in_doubt = db_int(stmt, 2);
	h->accounts = db_int(stmt, 3);
	h->users = db_int(stmt, 4);
	h->subscriptions = db_int(stmt, 5);
	h->reserved = db_int(stmt, 6);
	h->links = db_int(stmt, 7);
	h->notice_oldest = db_int(stmt, 8);
	return (store_only(s, stmt));
}

int
store_links_stray(struct store *s, store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(s, SQL_LINKS_STRAY, "ii", (int64_t)0, (int64_t)0), fn,
	    ctx));
}

static int
each_wrong(struct store *s, struct arena *a, store_address_fn *fn, void *ctx)
{
	struct store_address row;
	struct db_stmt *stmt;
	const char *address, *key;
	int rc, good;

	stmt = store_bound(s, SQL_ADDRESSES, "");
	while ((rc = store_row(s, stmt)) == 1) {
		row.account = db_text(stmt, 0);
		row.address = address = db_text(stmt, 1);
		row.key = key = db_text(stmt, 2);
		arena_reset(a);
		good = store_read_address(a, &address, &key);
		if (good == -1)
			failure_memory(&s->failure);
		if (good == -1 || (good == 0 && fn(ctx, &row) != 0))
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_addresses_wrong(struct store *s, store_address_fn *fn, void *ctx)
{
	struct arena *a = arena_new(ADDRESS_ARENA);
	int rc;

	rc =
	    a == NULL ? failure_memory(&s->failure) : each_wrong(s, a, fn, ctx);
	arena_free(a);
	return (rc);
}
