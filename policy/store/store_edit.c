/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_edit - names and properties of rows that exist
 */
#include "store/store_edit.h"
#include "store/store_private.h"

int
store_account_rename(struct store *s, int64_t account, const char *from,
    const char *name, const char *key)
{
	if (store_write_changes(s) != 0 ||
	    store_run(
		s, store_bound(s, SQL_CHANGES_RENAME, "tt", from, name)) == -1)
		return (-1);
	return (store_run(
	    s, store_bound(s, SQL_ACCOUNT_RENAME, "itt", account, name, key)));
}

int
store_account_set_title(struct store *s, int64_t account, const char *title)
{
	return (store_run(
	    s, store_bound(s, SQL_ACCOUNT_TITLE, "it", account, title)));
}

int
store_former_add(struct store *s, int64_t account, const char *key,
    const char *name, int64_t now)
{
	return (store_run(s,
	    store_bound(s, SQL_FORMER_ADD, "titi", key, account, name, now)));
}

int
store_former_remove(struct store *s, int64_t account, const char *key)
{
	return (store_run(
	    s, store_bound(s, SQL_FORMER_REMOVE, "it", account, key)));
}

int
store_formers(struct store *s, int64_t account, store_former_fn *fn, void *ctx)
{
	struct store_former former;
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_FORMERS, "i", account);
	while ((rc = store_row(s, stmt)) == 1) {
		former.key = db_text(stmt, 0);
		former.name = db_text(stmt, 1);
		former.account = db_text(stmt, 2);
		if (fn(ctx, &former) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_user_set_address(
    struct store *s, int64_t user, const char *address, const char *key)
{
	if (store_run(s, store_bound(s, SQL_TOKENS_REMOVE, "i", user)) == -1)
		return (-1);
	return (store_run(s,
	    store_bound(s, SQL_USER_SET_ADDRESS, "itt", user, address, key)));
}

int
store_user_set_language(struct store *s, int64_t user, const char *language)
{
	return (store_run(
	    s, store_bound(s, SQL_USER_SET_LANGUAGE, "it", user, language)));
}

int
store_category_set(struct store *s, const struct category *c, const char *key)
{
	if (key != NULL &&
	    store_run(s,
		store_bound(s, SQL_CATEGORY_KEY_ADD, "ti", key, c->id)) == -1)
		return (-1);
	return (store_run(s,
	    store_bound(s, SQL_CATEGORY_SET, "ittii", c->id, c->title,
		c->description, (int64_t)c->open, (int64_t)c->mirrored)));
}

int
store_category_remove(struct store *s, int64_t id)
{
	return (store_run(s, store_bound(s, SQL_CATEGORY_REMOVE, "i", id)));
}

int
store_category_users(
    struct store *s, int64_t id, bool subscribers, int64_t *users)
{
	return (store_number(s,
	    store_bound(s, SQL_CATEGORY_USERS, "ii", id, (int64_t)subscribers),
	    users));
}

int
store_category_chats(
    struct store *s, int64_t id, int64_t *users, int64_t *chats)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_CATEGORY_CHATS, "i", id);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	*users = db_int(stmt, 0);
	*chats = db_int(stmt, 1);
	return (store_only(s, stmt));
}

int
store_category_people(struct store *s, int64_t id, int64_t after, int limit,
    store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(
		s, SQL_CATEGORY_PEOPLE, "iii", after, id, (int64_t)limit),
	    fn, ctx));
}

int
store_changes_prune(
    struct store *s, const char *account, int64_t before, int64_t *n)
{
	if (store_write_changes(s) != 0 ||
	    store_run(s,
		store_bound(s, SQL_CHANGES_PRUNE, "ti", account, before)) == -1)
		return (-1);
	*n = db_changes(s->db);
	return (1);
}
