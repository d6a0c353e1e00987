/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_user - users and what they are subscribed to
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "store/store_private.h"
#include "terms/address.h"

/* "{}", and of each account 19 digits, a sign and "":0, around them. */
#define ID_SET_SIZE (STORE_ACCOUNTS_MAX * 25 + 3)

static int read_user(struct store *, struct db_stmt *, struct store_user *);
static const char *id_set(const int64_t *, size_t, char *);

int
store_read_role(
    struct store *s, struct db_stmt *stmt, int column, enum role *role)
{
	const char *text = db_text(stmt, column);

	if (role_parse(text, role) == 1)
		return (0);
	return (failure_set(&s->failure, FAILURE_IO,
	    "database %s: unknown role \"%s\"", db_name(s->db), text));
}

/* The row, in the order of USER_COLUMNS. */
static int
read_user(struct store *s, struct db_stmt *stmt, struct store_user *u)
{
	u->id = db_int(stmt, 0);
	u->account = db_int(stmt, 1);
	u->account_name = db_text(stmt, 2);
	u->address = db_text(stmt, 3);
	u->key = db_text(stmt, 4);
	u->subscribed = db_int(stmt, 6) != 0;
	u->link = db_int(stmt, 7);
	u->chat = db_int(stmt, 8);
	u->language = db_text(stmt, 9);
	u->topic = db_int(stmt, 10);
	return (store_read_role(s, stmt, 5, &u->role));
}

/* A key with letters outside ASCII may differ: their lower case depends on the
 * version of the library. */
int
store_read_address(struct arena *a, const char **text, const char **key)
{
	struct address address;
	const char *s;
	int found;

	for (s = *text; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return (0);
	}
	found = address_read(a, *text, &address);
	if (found != 1)
		return (found);
	if (strcmp(address.key, *key) == 0)
		*key = address.key;
	else if (address_wide(*key))
		*key = arena_strdup(a, *key);
	else
		return (0);
	*text = address.wire;
	return (*key == NULL ? -1 : 1);
}

int
store_each_user(
    struct store *s, struct db_stmt *stmt, store_user_fn *fn, void *ctx)
{
	struct store_user u;
	int rc;

	while ((rc = store_row(s, stmt)) == 1) {
		if (read_user(s, stmt, &u) != 0 || fn(ctx, &u) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_users(struct store *s, int64_t account, int64_t category,
    store_user_fn *fn, void *ctx)
{
	return (store_each_user(
	    s, store_bound(s, SQL_USERS, "ii", account, category), fn, ctx));
}

int
store_members(struct store *s, int64_t account, const char *key, int limit,
    store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(s, SQL_MEMBERS, "iiti", account, (int64_t)0, key,
		(int64_t)limit),
	    fn, ctx));
}

int
store_members_subscriptions(struct store *s, int64_t account, const char *from,
    const char *to, store_subscription_fn *fn, void *ctx)
{
	struct category c;
	struct db_stmt *stmt;
	int rc;

	stmt =
	    store_bound(s, SQL_MEMBERS_SUBSCRIPTIONS, "itt", account, from, to);
	while ((rc = store_row(s, stmt)) == 1) {
		if (store_read_category(s, stmt, &c) != 0 ||
		    fn(ctx, db_int(stmt, 6), &c) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

/* The ids as keys of a JSON object, in ID_SET_SIZE bytes. */
static const char *
id_set(const int64_t *ids, size_t n, char *set)
{
	char *out = set;
	size_t i;

	*out++ = '{';
	for (i = 0; i < n; i++)
		out += sprintf(
		    out, "%s\"%lld\":0", i == 0 ? "" : ",", (long long)ids[i]);
	strcpy(out, "}");
	return (set);
}

int
store_users_of(struct store *s, const int64_t *accounts, size_t n,
    store_user_fn *fn, void *ctx)
{
	char set[ID_SET_SIZE];

	return (store_each_user(s,
	    store_bound(
		s, SQL_USERS_OF_ACCOUNTS, "t", id_set(accounts, n, set)),
	    fn, ctx));
}

int
store_subscriptions_of(struct store *s, const int64_t *accounts, size_t n,
    store_ids_fn *fn, void *ctx)
{
	char set[ID_SET_SIZE];
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(
	    s, SQL_SUBSCRIPTIONS_OF_ACCOUNTS, "t", id_set(accounts, n, set));
	while ((rc = store_row(s, stmt)) == 1) {
		if (fn(ctx, db_int(stmt, 0), db_int(stmt, 1),
			db_int(stmt, 2)) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}

int
store_one_user(struct store *s, struct arena *a, struct db_stmt *stmt,
    struct store_user *u)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	if (read_user(s, stmt, u) != 0)
		return (store_stop(stmt));
	if (store_user_copy(a, u, u) != 0) {
		failure_memory(&s->failure);
		return (store_stop(stmt));
	}
	return (store_only(s, stmt));
}

int
store_user_copy(
    struct arena *a, const struct store_user *from, struct store_user *to)
{
	*to = *from;
	return (arena_keep(
	    a, &to->account_name, &to->address, &to->key, &to->language, NULL));
}

int
store_user_keep(void *list, const struct store_user *user)
{
	struct store_user_list *l = list;

	l->v = arena_grow(l->arena, l->v, l->n, &l->cap, sizeof(*l->v));
	if (l->v == NULL || store_user_copy(l->arena, user, &l->v[l->n]) != 0)
		return (-1);
	l->n++;
	return (0);
}

int
store_user(struct store *s, struct arena *a, int64_t account, const char *key,
    int64_t category, struct store_user *u)
{
	return (store_one_user(
	    s, a, store_bound(s, SQL_USER, "iit", account, category, key), u));
}

int
store_owner(
    struct store *s, struct arena *a, int64_t account, struct store_user *u)
{
	return (store_one_user(
	    s, a, store_bound(s, SQL_OWNER, "ii", account, (int64_t)0), u));
}

int
store_managers(
    struct store *s, int64_t account, int limit, store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(
		s, SQL_MANAGERS, "iii", account, (int64_t)0, (int64_t)limit),
	    fn, ctx));
}

int
store_user_add(struct store *s, const struct store_account *account,
    const char *address, const char *key, enum role role, const char *language,
    int64_t *id)
{
	return (store_post(s,
	    store_bound(s, SQL_USER_ADD, "ittttt", account->id, address, key,
		role_name(role), account->id == 0 ? account->key : NULL,
		language),
	    id));
}

int
store_user_set_role(struct store *s, int64_t user, enum role role)
{
	return (store_post(s,
	    store_bound(s, SQL_USER_SET_ROLE, "it", user, role_name(role)),
	    NULL));
}

int
store_user_remove(struct store *s, int64_t user)
{
	return (
	    store_post(s, store_bound(s, SQL_USER_REMOVE, "i", user), NULL));
}

int
store_subscriptions(
    struct store *s, int64_t user, store_category_fn *fn, void *ctx)
{
	return (store_each_category(
	    s, store_bound(s, SQL_SUBSCRIPTIONS, "i", user), fn, ctx));
}

int
store_subscribe(struct store *s, const struct store_account *account,
    int64_t category, const struct store_user *user)
{
	bool by_key = account->id == 0 || user->id == 0;

	return (store_post(s,
	    store_bound(s, SQL_SUBSCRIBE, "iiitt", account->id, category,
		user->id, by_key ? account->key : NULL,
		by_key ? user->key : NULL),
	    NULL));
}

int
store_unsubscribe(
    struct store *s, int64_t account, int64_t category, int64_t user)
{
	return (store_post(s,
	    store_bound(s, SQL_UNSUBSCRIBE, "iii", account, category, user),
	    NULL));
}

int
store_export(struct store *s, int64_t account, store_export_fn *fn, void *ctx)
{
	struct store_export row;
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_EXPORT, "i", account);
	while ((rc = store_row(s, stmt)) == 1) {
		row.account = db_text(stmt, 0);
		row.address = db_text(stmt, 1);
		row.category = db_text(stmt, 3);
		row.language = db_text(stmt, 4);
		if (store_read_role(s, stmt, 2, &row.role) != 0 ||
		    fn(ctx, &row) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}
