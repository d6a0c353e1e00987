/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_person - all rows that hold somebody's address
 */
#include "store/store_person.h"
#include "store/store_private.h"

int
store_person_users(
    struct store *s, const char *key, store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(s, SQL_PERSON_USERS, "ti", key, (int64_t)0), fn, ctx));
}

int
store_person_tokens(
    struct store *s, const char *key, store_token_fn *fn, void *ctx)
{
	struct store_token token;
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_PERSON_TOKENS, "t", key);
	while ((rc = store_row(s, stmt)) == 1) {
		token.origin = db_text(stmt, 0);
		token.expires = db_int(stmt, 1);
		token.account = db_text(stmt, 2);
		if (fn(ctx, &token) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_person_requests(
    struct store *s, const char *key, store_request_fn *fn, void *ctx)
{
	struct store_request request;
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_PERSON_REQUESTS, "t", key);
	while ((rc = store_row(s, stmt)) == 1) {
		request.at = db_int(stmt, 0);
		request.chat = db_int(stmt, 1);
		request.sent = db_int(stmt, 2) != 0;
		if (fn(ctx, &request) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_person_requests_remove(struct store *s, const char *key)
{
	return (
	    store_run(s, store_bound(s, SQL_PERSON_REQUESTS_REMOVE, "t", key)));
}

int
store_titles(struct store *s, store_account_fn *fn, void *ctx)
{
	struct store_account account = {.owner = ""};
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_PERSON_TITLES, "");
	while ((rc = store_row(s, stmt)) == 1) {
		account.id = db_int(stmt, 0);
		account.name = db_text(stmt, 1);
		account.title = db_text(stmt, 2);
		if (fn(ctx, &account) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_changes_all(struct store *s, store_change_id_fn *fn, void *ctx)
{
	struct store_change c;
	struct db_stmt *stmt;
	int rc;

	if (store_write_changes(s) != 0)
		return (-1);
	stmt = store_bound(s, SQL_CHANGES_ALL, "");
	while ((rc = store_row(s, stmt)) == 1) {
		store_read_change(stmt, &c);
		if (fn(ctx, db_int(stmt, 6), &c) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_change_next(struct store *s, int64_t *id)
{
	if (store_write_changes(s) != 0)
		return (-1);
	return (store_number(s, store_bound(s, SQL_CHANGE_NEXT, ""), id));
}

int
store_change_reword(struct store *s, int64_t id, const char *actor,
    const char *subject, const char *detail)
{
	return (store_run(s,
	    store_bound(
		s, SQL_CHANGE_REWORD, "ittt", id, actor, subject, detail)));
}

int
store_notice_reword(
    struct store *s, int64_t id, const char *detail, const char *actor)
{
	return (store_run(
	    s, store_bound(s, SQL_NOTICE_REWORD, "itt", id, detail, actor)));
}

int
store_notice_remove(struct store *s, int64_t id)
{
	return (store_run(s, store_bound(s, SQL_NOTICE_REMOVE, "i", id)));
}
