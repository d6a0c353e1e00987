/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_notice - rows of mail to users that is not sent yet
 */
#include "base/arena.h"
#include "store/store_notice.h"
#include "store/store_private.h"

static int each(struct store *, struct db_stmt *, store_notice_fn *, void *);

int
store_notice_add(struct store *s, const struct store_notice *n)
{
	bool old = s->version < STORE_SECRET_SINCE;

	return (store_run(s,
	    store_bound(s, SQL_NOTICE_ADD, old ? "ittttt" : "itttttt", n->at,
		n->account, n->address, n->kind, n->detail, n->actor,
		n->language == NULL ? "" : n->language)));
}

int
store_notice_add_if(struct store *s, const struct store_notice *n, bool wanted)
{
	return (store_run(s,
	    store_bound(s, SQL_NOTICE_ADD_IF, "itttttti", n->at, n->account,
		n->address, n->kind, n->detail, n->actor, n->language,
		(int64_t)wanted)));
}

static int
each(struct store *s, struct db_stmt *stmt, store_notice_fn *fn, void *ctx)
{
	struct store_notice n;
	int rc;

	while ((rc = store_row(s, stmt)) == 1) {
		n = (struct store_notice){
		    .id = db_int(stmt, 0),
		    .at = db_int(stmt, 1),
		    .account = db_text(stmt, 2),
		    .address = db_text(stmt, 3),
		    .kind = db_text(stmt, 4),
		    .detail = db_text(stmt, 5),
		    .actor = db_text(stmt, 6),
		    .language = db_text(stmt, 7),
		    .state = db_text(stmt, 8),
		    .tries = db_int(stmt, 9),
		    .error = db_text(stmt, 10),
		};
		if (fn(ctx, &n) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_notices(struct store *s, store_notice_fn *fn, void *ctx)
{
	return (each(s, store_bound(s, SQL_NOTICES, ""), fn, ctx));
}

int
store_notices_all(struct store *s, store_notice_fn *fn, void *ctx)
{
	return (each(s, store_bound(s, SQL_NOTICES_ALL, ""), fn, ctx));
}

int
store_notice_take(struct store *s, struct arena *a, int64_t after, bool links,
    struct store_notice *n)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_NOTICE_TAKE, "ii", after, (int64_t)links);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	n->id = db_int(stmt, 0);
	n->at = db_int(stmt, 1);
	n->account = db_text(stmt, 2);
	n->address = db_text(stmt, 3);
	n->kind = db_text(stmt, 4);
	n->detail = db_text(stmt, 5);
	n->actor = db_text(stmt, 6);
	n->language = db_text(stmt, 7);
	if (arena_keep(a, &n->account, &n->address, &n->kind, &n->detail,
		&n->actor, &n->language, NULL) != 0) {
		failure_memory(&s->failure);
		return (store_stop(stmt));
	}
	return (store_only(s, stmt));
}

int
store_notice_sent(struct store *s, int64_t id, int64_t now)
{
	bool old = s->version < STORE_SECRET_SINCE;

	return (store_run(
	    s, store_bound(s, SQL_NOTICE_SENT, old ? "i" : "ii", id, now)));
}

int
store_notice_expire(struct store *s, int64_t before)
{
	if (s->version < STORE_SECRET_SINCE)
		return (0);
	return (store_run(s, store_bound(s, SQL_NOTICE_EXPIRE, "i", before)));
}

int
store_notice_later(
    struct store *s, const struct store_notice *n, int64_t *later)
{
	return (store_number(s,
	    store_bound(s, SQL_NOTICE_LATER, "itt", n->id, n->kind, n->address),
	    later));
}

int
store_notice_failed(struct store *s, int64_t id, const char *error)
{
	return (
	    store_run(s, store_bound(s, SQL_NOTICE_FAILED, "it", id, error)));
}
