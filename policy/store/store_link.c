/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_link - rows of Telegram links in and out of the database
 */
#include "base/arena.h"
#include "store/store_link.h"
#include "store/store_private.h"

int
store_link(struct store *s, struct arena *a, int64_t id, int64_t category,
    struct store_user *u)
{
	return (store_one_user(
	    s, a, store_bound(s, SQL_LINK, "ii", id, category), u));
}

int
store_link_add(
    struct store *s, int64_t id, int64_t user, int64_t chat, int64_t topic)
{
	return (store_run(
	    s, store_bound(s, SQL_LINK_ADD, "iiii", id, user, chat, topic)));
}

int
store_link_end(struct store *s, int64_t user)
{
	return (store_run(s, store_bound(s, SQL_LINK_END, "i", user)));
}

int
store_link_move(struct store *s, int64_t from, int64_t to)
{
	if (store_run(s, store_bound(s, SQL_WAITING_MOVE, "ii", from, to)) ==
	    -1)
		return (-1);
	return (store_run(s, store_bound(s, SQL_LINK_MOVE, "ii", from, to)));
}

int
store_link_strike(struct store *s, int64_t id, bool reset, int64_t *strikes)
{
	return (store_number(s,
	    store_bound(s, SQL_LINK_STRIKE, "ii", id, (int64_t)!reset),
	    strikes));
}

int
store_links_of_chat(struct store *s, int64_t chat, store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(s, SQL_LINKS_OF_CHAT, "ii", chat, (int64_t)0), fn,
	    ctx));
}

int
store_farewell_add(
    struct store *s, int64_t at, const struct store_user *u, const char *reason)
{
	return (store_run(s,
	    store_bound(s, SQL_FAREWELL_ADD, "iiittt", at, u->chat, u->topic,
		u->language == NULL ? "" : u->language, u->account_name,
		reason)));
}

int
store_farewell_next(
    struct store *s, struct arena *a, int64_t after, struct store_farewell *f)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_FAREWELL_NEXT, "i", after);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	f->id = db_int(stmt, 0);
	f->at = db_int(stmt, 1);
	f->chat = db_int(stmt, 2);
	f->topic = db_int(stmt, 3);
	f->language = db_text(stmt, 4);
	f->account = db_text(stmt, 5);
	f->reason = db_text(stmt, 6);
	if (arena_keep(a, &f->language, &f->account, &f->reason, NULL) != 0) {
		failure_memory(&s->failure);
		return (store_stop(stmt));
	}
	return (store_only(s, stmt));
}

int
store_farewell_remove(struct store *s, int64_t id)
{
	return (store_run(s, store_bound(s, SQL_FAREWELL_REMOVE, "i", id)));
}

int
store_farewell_expire(struct store *s, int64_t before)
{
	return (store_run(s, store_bound(s, SQL_FAREWELL_EXPIRE, "i", before)));
}

int
store_token_add(struct store *s, const char *hash, int64_t user,
    int64_t expires, const char *origin)
{
	return (store_run(s,
	    store_bound(
		s, SQL_TOKEN_ADD, "tiit", hash, user, expires, origin)));
}

int
store_token(struct store *s, struct arena *a, const char *hash, int64_t now,
    int64_t latest, struct store_user *u)
{
	return (store_one_user(s, a,
	    store_bound(
		s, SQL_TOKEN_FIND, "tiii", hash, (int64_t)0, now, latest),
	    u));
}

int
store_token_remove(struct store *s, const char *hash)
{
	return (store_run(s, store_bound(s, SQL_TOKEN_REMOVE, "t", hash)));
}

int
store_token_expire(struct store *s, int64_t now, int64_t latest, int64_t user,
    const char *origin)
{
	return (store_run(s,
	    store_bound(
		s, SQL_TOKEN_EXPIRE, "iiit", now, latest, user, origin)));
}

int
store_linkable(struct store *s, const char *key, store_user_fn *fn, void *ctx)
{
	return (store_each_user(
	    s, store_bound(s, SQL_LINKABLE, "ti", key, (int64_t)0), fn, ctx));
}

int
store_linkable_any(struct store *s, const char *key, bool *any)
{
	int64_t n = 0;
	int rc;

	rc = store_number(s, store_bound(s, SQL_LINKABLE_ANY, "t", key), &n);
	*any = n > 0;
	return (rc);
}

int
store_requests(
    struct store *s, int64_t chat, const char *key, struct store_requests *r)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_REQUESTS, "itiiii", chat, key, r->since_chat,
	    r->since_address, r->since_recent, r->latest);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	r->of_chat = db_int(stmt, 0);
	r->oldest = db_int(stmt, 1);
	r->to_address = db_int(stmt, 2);
	r->recent = db_int(stmt, 3);
	return (store_only(s, stmt));
}

int
store_request_add(
    struct store *s, int64_t at, int64_t chat, const char *key, bool sent)
{
	return (store_run(s,
	    store_bound(
		s, SQL_REQUEST_ADD, "iiti", at, chat, key, (int64_t)sent)));
}

int
store_request_expire(struct store *s, int64_t before, int64_t latest)
{
	return (store_run(
	    s, store_bound(s, SQL_REQUEST_EXPIRE, "ii", before, latest)));
}

int
store_waiting_add(struct store *s, int64_t link, int64_t chat,
    const char *message, int64_t arrived, int64_t now)
{
	return (store_run(s,
	    store_bound(s, SQL_WAITING_ADD, "iitii", link, chat, message,
		arrived, now)));
}

int
store_waiting_remove(struct store *s, int64_t link, const char *message)
{
	return (store_run(
	    s, store_bound(s, SQL_WAITING_REMOVE, "it", link, message)));
}

int
store_waiting_expire(struct store *s, int64_t from, int64_t to)
{
	return (
	    store_run(s, store_bound(s, SQL_WAITING_EXPIRE, "ii", from, to)));
}

int
store_waiting_before(struct store *s, int64_t chat, const char *message,
    int64_t arrived, int64_t from, int64_t to, int64_t *n)
{
	return (store_number(s,
	    store_bound(s, SQL_WAITING_BEFORE, "itiii", chat, message, arrived,
		from, to),
	    n));
}

int
store_state_get(struct store *s, const char *name, int64_t *value)
{
	return (
	    store_number(s, store_bound(s, SQL_STATE_GET, "t", name), value));
}

int
store_state_set(struct store *s, const char *name, int64_t value)
{
	return (store_run(s, store_bound(s, SQL_STATE_SET, "ti", name, value)));
}

int
store_state_each(
    struct store *s, const char *prefix, store_state_fn *fn, void *ctx)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_STATE_EACH, "t", prefix);
	while ((rc = store_row(s, stmt)) == 1) {
		if (fn(ctx, db_text(stmt, 0), db_int(stmt, 1)) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_state_expire(struct store *s, const char *prefix, int64_t least)
{
	return (store_run(
	    s, store_bound(s, SQL_STATE_EXPIRE, "ti", prefix, least)));
}
