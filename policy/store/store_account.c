/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_account - categories and accounts
 */
#include <string.h>

#include "base/arena.h"
#include "store/store_private.h"

static void read_account(struct db_stmt *, struct store_account *);
static int each_account(
    struct store *, struct db_stmt *, store_account_fn *, void *);

int
store_read_category(struct store *s, struct db_stmt *stmt, struct category *c)
{
	const char *slug = db_text(stmt, 1), *title = db_text(stmt, 2),
		   *description = db_text(stmt, 5);

	c->id = db_int(stmt, 0);
	if (strlen(slug) >= sizeof(c->slug) ||
	    strlen(title) >= sizeof(c->title) ||
	    strlen(description) >= sizeof(c->description))
		return (failure_set(&s->failure, FAILURE_IO,
		    "database %s: a text of a category is too long",
		    db_name(s->db)));
	strcpy(c->slug, slug);
	strcpy(c->title, title);
	strcpy(c->description, description);
	c->open = db_int(stmt, 3) != 0;
	c->mirrored = db_int(stmt, 4) != 0;
	return (0);
}

int
store_category(struct store *s, const char *key, struct category *c)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_CATEGORY, "t", key);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	if (store_read_category(s, stmt, c) != 0)
		return (store_stop(stmt));
	return (store_only(s, stmt));
}

int
store_each_category(
    struct store *s, struct db_stmt *stmt, store_category_fn *fn, void *ctx)
{
	struct category c;
	int rc;

	while ((rc = store_row(s, stmt)) == 1) {
		if (store_read_category(s, stmt, &c) != 0 || fn(ctx, &c) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_categories(struct store *s, store_category_fn *fn, void *ctx)
{
	return (store_each_category(
	    s, store_bound(s, SQL_CATEGORIES, ""), fn, ctx));
}

int
store_category_add(struct store *s, const struct category *c,
    const char *slug_key, const char *title_key)
{
	int64_t id;

	if (store_number(s,
		store_bound(s, SQL_CATEGORY_ADD, "ttiit", c->slug, c->title,
		    (int64_t)c->open, (int64_t)c->mirrored, c->description),
		&id) != 1 ||
	    store_run(s,
		store_bound(s, SQL_CATEGORY_KEY_ADD, "ti", slug_key, id)) == -1)
		return (-1);
	if (strcmp(slug_key, title_key) == 0)
		return (1);
	return (store_run(
	    s, store_bound(s, SQL_CATEGORY_KEY_ADD, "ti", title_key, id)));
}

static void
read_account(struct db_stmt *stmt, struct store_account *account)
{
	account->id = db_int(stmt, 0);
	account->name = db_text(stmt, 1);
	account->title = db_text(stmt, 2);
	account->owner = db_text(stmt, 3);
	account->users = db_int(stmt, 4);
}

int
store_account(struct store *s, struct arena *a, const char *key,
    struct store_account *account)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_ACCOUNT, "t", key);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	read_account(stmt, account);
	if (store_account_copy(a, account, account) != 0) {
		failure_memory(&s->failure);
		return (store_stop(stmt));
	}
	return (store_only(s, stmt));
}

int
store_account_id(struct store *s, const char *key, int64_t *id)
{
	return (
	    store_number(s, store_bound(s, SQL_LOOKUP_ACCOUNT, "t", key), id));
}

int
store_account_copy(
    struct arena *a, const struct store_account *from, struct store_account *to)
{
	*to = *from;
	return (arena_keep(a, &to->name, &to->title, &to->owner, NULL));
}

static int
each_account(
    struct store *s, struct db_stmt *stmt, store_account_fn *fn, void *ctx)
{
	struct store_account account;
	int rc;

	while ((rc = store_row(s, stmt)) == 1) {
		read_account(stmt, &account);
		if (fn(ctx, &account) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_accounts(struct store *s, store_account_fn *fn, void *ctx)
{
	return (each_account(s, store_bound(s, SQL_ACCOUNTS, ""), fn, ctx));
}

int
store_accounts_from(struct store *s, const char *key, int limit, int count,
    store_account_fn *fn, void *ctx)
{
	return (each_account(s,
	    store_bound(s, SQL_ACCOUNTS_FROM, "tii", key, (int64_t)limit,
		(int64_t)count),
	    fn, ctx));
}

int
store_account_add(struct store *s, const char *name, const char *key,
    const char *title, int64_t *id)
{
	return (store_post(
	    s, store_bound(s, SQL_ACCOUNT_ADD, "ttt", name, key, title), id));
}

int
store_account_remove(struct store *s, int64_t id)
{
	return (
	    store_post(s, store_bound(s, SQL_ACCOUNT_REMOVE, "i", id), NULL));
}
