/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store - rows of the roster in and out of the database
 *
 * Statements (sql.c) are prepared at their first use and live as long as the
 * store.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/store_private.h"
#include "terms/address.h"

#define UNWRITTEN_MAX ((size_t)16 << 20)
/* "{}", and of each account 19 digits, a sign and "":0, around them. */
#define ID_SET_SIZE (STORE_ACCOUNTS_MAX * 25 + 3)

static int each_category(
    struct store *, struct db_stmt *, store_category_fn *, void *);
static void read_account(struct db_stmt *, struct store_account *);
static int read_user(struct store *, struct db_stmt *, struct store_user *);
static int each_account(
    struct store *, struct db_stmt *, store_account_fn *, void *);
static const char *id_set(const int64_t *, size_t, char *);

int
store_note_failure(struct store *s)
{
	return (db_failure(s->db, &s->failure));
}

struct db_stmt *
store_bound(struct store *s, enum sql which, const char *types, ...)
{
	struct db_stmt **stmt = &s->stmts[which];
	const char *sql = sql_statements[which];
	va_list ap;
	int i;

	if (s->version == STORE_OLDEST && sql_statements_1[which] != NULL) {
		stmt += SQL_COUNT;
		sql = sql_statements_1[which];
	}
	if (*stmt == NULL)
		*stmt = db_prepare(s->db, sql);
	if (*stmt == NULL)
		return (NULL);
	va_start(ap, types);
	for (i = 1; *types != '\0'; types++, i++) {
		if (*types == 'i')
			db_bind_int(*stmt, i, va_arg(ap, int64_t));
		else
			db_bind_text(*stmt, i, va_arg(ap, const char *));
	}
	va_end(ap);
	return (*stmt);
}

int
store_row(struct store *s, struct db_stmt *stmt)
{
	int rc;

	if (stmt == NULL)
		return (store_note_failure(s));
	rc = db_step(stmt);
	if (rc == -1)
		store_note_failure(s);
	if (rc != 1)
		db_reset(stmt);
	return (rc);
}

int
store_only(struct store *s, struct db_stmt *stmt)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc == 1)
		db_reset(stmt);
	return (rc == -1 ? -1 : 1);
}

int
store_stop(struct db_stmt *stmt)
{
	db_reset(stmt);
	return (-1);
}

int
store_run(struct store *s, struct db_stmt *stmt)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc == 1)
		return (store_only(s, stmt));
	return (rc == 0 ? db_changes(s->db) > 0 : -1);
}

int
store_post(struct store *s, struct db_stmt *stmt, int64_t *id)
{
	int rc;

	if (stmt == NULL)
		return (store_note_failure(s));
	rc = db_post(stmt, id);
	rc = rc == 0 ? db_changes(s->db) > 0 : store_note_failure(s);
	db_reset(stmt);
	return (rc);
}

int
store_number(struct store *s, struct db_stmt *stmt, int64_t *n)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	*n = db_int(stmt, 0);
	return (store_only(s, stmt));
}

struct store *
store_open(
    const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct store *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL ||
	    (s->stmts = calloc((size_t)2 * SQL_COUNT, sizeof(*s->stmts))) ==
		NULL ||
	    (s->unwritten.arena = arena_new(UNWRITTEN_MAX)) == NULL) {
		failure_memory(failure);
		store_close(s);
		return (NULL);
	}
	s->schema = STORE_SCHEMA;
	s->steps = sql_upgrades;
	s->db = db_open(url, mode, wait, failure);
	if (s->db == NULL) {
		store_close(s);
		return (NULL);
	}
	db_tables(s->db, sql_tables);
	return (s);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	db_close(s->db);
	arena_free(s->unwritten.arena);
	failure_clear(&s->failure);
	free(s->stmts);
	free(s);
}

void
store_accept_older(struct store *s)
{
	s->oldest = STORE_OLDEST;
}

struct db *
store_db(struct store *s)
{
	return (s->db);
}

int
store_claim(struct store *s)
{
	int rc;

	rc = db_claim(s->db);
	return (rc == -1 ? store_note_failure(s) : rc);
}

const struct failure *
store_failure(const struct store *s)
{
	return (&s->failure);
}

int
store_failed(const struct store *s, struct failure *failure)
{
	if (s->failure.kind == FAILURE_NONE)
		return (failure_memory(failure));
	return (failure_copy(failure, &s->failure));
}

void
store_forgive(struct store *s)
{
	failure_clear(&s->failure);
}

int
store_begin(struct store *s, enum db_mode mode)
{
	enum db_content content;
	int64_t version;
	int rc;

	if (db_begin(s->db, mode) != 0)
		return (store_note_failure(s));
	if (db_schema(s->db, &content, &version) != 0)
		rc = store_note_failure(s);
	else
		rc = store_fits(s, content, version);
	if (rc != 0)
		store_end(s);
	return (rc);
}

int
store_settle(struct store *s)
{
	if (store_write_changes(s) != 0)
		return (-1);
	return (db_settle(s->db) == 0 ? 0 : store_note_failure(s));
}

int
store_commit(struct store *s)
{
	if (store_write_changes(s) != 0)
		return (-1);
	return (db_commit(s->db) == 0 ? 0 : store_note_failure(s));
}

void
store_end(struct store *s)
{
	store_forget_changes(s);
	/* After a failure here the store must not be used again. An earlier
	 * failure says more. */
	if (db_rollback(s->db) != 0 && s->failure.kind == FAILURE_NONE)
		store_note_failure(s);
}

int
store_scrub(struct store *s)
{
	return (db_scrub(s->db) == 0 ? 0 : store_note_failure(s));
}

int
store_bulk(struct store *s)
{
	/* Rows are collected by statement, and sent in this order. */
	static const enum sql order[] = {
	    SQL_ACCOUNT_ADD, SQL_USER_ADD, SQL_SUBSCRIBE, SQL_RECORD};
	size_t i;

	s->unwritten.singly = db_dialect(s->db) == DB_POSTGRESQL;
	for (i = 0; s->unwritten.singly && i < sizeof(order) / sizeof(order[0]);
	     i++) {
		if (store_bound(s, order[i], "") == NULL)
			return (store_note_failure(s));
	}
	return (db_bulk(s->db) == 0 ? 0 : store_note_failure(s));
}

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

static int
each_category(
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
	return (each_category(s, store_bound(s, SQL_CATEGORIES, ""), fn, ctx));
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
store_read_address(
    struct arena *a, const char *text, const char *key, const char **wire)
{
	struct address address;
	const char *s;
	int found;

	for (s = text; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return (0);
	}
	found = address_read(a, text, &address);
	if (found == 1 && strcmp(address.key, key) != 0 && !address_wide(key))
		found = 0;
	if (found == 1)
		*wire = address.wire;
	return (found);
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
	return (each_category(
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
store_secret(struct store *s, const char *name, char secret[STORE_SECRET_SIZE])
{
	struct db_stmt *stmt;
	const char *value;
	int rc;

	if (s->version < STORE_SECRET_SINCE)
		return (0);
	stmt = store_bound(s, SQL_SECRET, "t", name);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	value = db_text(stmt, 0);
	if (strlen(value) >= STORE_SECRET_SIZE) {
		failure_set(&s->failure, FAILURE_IO,
		    "database %s: a secret is too long", db_name(s->db));
		return (store_stop(stmt));
	}
	strcpy(secret, value);
	return (store_only(s, stmt));
}

int
store_link_end(struct store *s, int64_t user)
{
	return (store_run(s, store_bound(s, SQL_LINK_END, "i", user)));
}

int
store_counts(struct store *s, struct store_counts *counts)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_COUNTS, "");
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	counts->accounts = db_int(stmt, 0);
	counts->users = db_int(stmt, 1);
	counts->subscriptions = db_int(stmt, 2);
	return (store_only(s, stmt));
}

int
store_languages(struct store *s, int64_t account, bool *some)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_LANGUAGES, "i", account);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	*some = db_int(stmt, 0) != 0;
	return (store_only(s, stmt));
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
