/*
 * store - what the database knows: every SQL statement, once
 *
 * Statements are one table, prepared at their first use and kept for the life
 * of the store. Subscriptions carry their account, so that "who in this
 * account gets this category" reads just those rows, however many users there
 * are; the foreign key on (user, account) keeps the copy true. Ids of links
 * are never used twice: a message that waits in the queue for link 7 must not
 * reach somebody who is given a 7 later.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "failure.h"
#include "store.h"

#define APPLICATION_ID 1313690196 /* "NMRT" */

struct store {
	struct db *db;
	struct failure failure;
	struct db_stmt **stmts;
};

static const char schema[] =
    "CREATE TABLE category("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  slug TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL,"
    "  subscriber INTEGER NOT NULL CHECK (subscriber IN (0, 1)),"
    "  telegram INTEGER NOT NULL CHECK (telegram IN (0, 1)));"
    "CREATE TABLE category_key("
    "  key TEXT NOT NULL PRIMARY KEY,"
    "  category INTEGER NOT NULL REFERENCES category(id)"
    "    ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE TABLE account("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL,"
    "  key TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL);"
    "CREATE TABLE user("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  account INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE,"
    "  address TEXT NOT NULL CHECK (address LIKE '_%@_%'),"
    "  key TEXT NOT NULL CHECK (key LIKE '_%@_%'),"
    "  role TEXT NOT NULL CHECK"
    "    (role IN ('owner', 'user-admin', 'member', 'subscriber')),"
    "  UNIQUE (account, key),"
    "  UNIQUE (id, account));"
    "CREATE INDEX user_by_key ON user(key);"
    "CREATE UNIQUE INDEX user_owner ON user(account) WHERE role = 'owner';"
    "CREATE TABLE subscription("
    "  account INTEGER NOT NULL,"
    "  category INTEGER NOT NULL REFERENCES category(id) ON DELETE CASCADE,"
    "  user INTEGER NOT NULL,"
    "  PRIMARY KEY (account, category, user),"
    "  FOREIGN KEY (user, account) REFERENCES user(id, account)"
    "    ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE INDEX subscription_by_user ON subscription(user);"
    "CREATE TABLE link("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user INTEGER NOT NULL UNIQUE REFERENCES user(id) ON DELETE CASCADE,"
    "  chat INTEGER NOT NULL);"
    "CREATE TABLE change("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  account TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  detail TEXT NOT NULL);"
    "CREATE INDEX change_by_account ON change(account, id);"
    "CREATE TABLE notice("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL,"
    "  account TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  category TEXT NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  state TEXT NOT NULL DEFAULT 'pending'"
    "    CHECK (state IN ('pending', 'handing', 'sent')),"
    "  tries INTEGER NOT NULL DEFAULT 0,"
    "  error TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX notice_waiting ON notice(id) WHERE state <> 'sent';";

#define USER_COLUMNS                                                           \
	"u.id, u.account, a.name, u.address, u.key, u.role,"                   \
	" EXISTS (SELECT 1 FROM subscription s WHERE s.account = u.account"    \
	"  AND s.category = ?2 AND s.user = u.id),"                            \
	" coalesce(l.id, 0), coalesce(l.chat, 0)"
#define USER_TABLES                                                            \
	" FROM user u JOIN account a ON a.id = u.account"                      \
	" LEFT JOIN link l ON l.user = u.id "
#define CATEGORY_COLUMNS "c.id, c.slug, c.title, c.subscriber, c.telegram"
#define ACCOUNT_COLUMNS                                                        \
	"a.id, a.name, a.title, coalesce((SELECT u.address FROM user u"        \
	" WHERE u.account = a.id AND u.role = 'owner'), ''),"                  \
	" (SELECT count(*) FROM user u WHERE u.account = a.id)"

enum sql {
	SQL_VERSION,
	SQL_APPLICATION,
	SQL_TABLES,
	SQL_CATEGORY,
	SQL_CATEGORIES,
	SQL_CATEGORY_ADD,
	SQL_CATEGORY_KEY_ADD,
	SQL_ACCOUNT,
	SQL_ACCOUNTS,
	SQL_ACCOUNT_ADD,
	SQL_ACCOUNT_REMOVE,
	SQL_MEMBERSHIPS,
	SQL_RECIPIENTS,
	SQL_USERS,
	SQL_USER,
	SQL_USER_ADD,
	SQL_USER_SET_ROLE,
	SQL_USER_REMOVE,
	SQL_SUBSCRIPTIONS,
	SQL_SUBSCRIBE,
	SQL_UNSUBSCRIBE,
	SQL_LINK_END,
	SQL_RECORD,
	SQL_CHANGES,
	SQL_EXPORT,
	SQL_NOTICE_ADD,
	SQL_NOTICE_TAKE,
	SQL_NOTICE_SENT,
	SQL_NOTICE_FAILED,
	SQL_HEALTH,
	SQL_COUNT
};

static const char *const statements[SQL_COUNT] = {
    [SQL_VERSION] = "PRAGMA user_version",
    [SQL_APPLICATION] = "PRAGMA application_id",
    [SQL_TABLES] = "SELECT count(*) FROM sqlite_schema",
    [SQL_CATEGORY] = "SELECT " CATEGORY_COLUMNS
		     " FROM category_key k JOIN category c ON c.id = k.category"
		     " WHERE k.key = ?1",
    [SQL_CATEGORIES] =
	"SELECT " CATEGORY_COLUMNS " FROM category c ORDER BY c.id",
    [SQL_CATEGORY_ADD] =
	"INSERT INTO category(slug, title, subscriber, telegram)"
	" VALUES (?1, ?2, ?3, ?4) RETURNING id",
    [SQL_CATEGORY_KEY_ADD] =
	"INSERT INTO category_key(key, category) VALUES (?1, ?2)",
    [SQL_ACCOUNT] =
	"SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.key = ?1",
    [SQL_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS " FROM account a ORDER BY a.key",
    [SQL_ACCOUNT_ADD] = "INSERT INTO account(name, key, title)"
			" VALUES (?1, ?2, ?3) RETURNING id",
    [SQL_ACCOUNT_REMOVE] = "DELETE FROM account WHERE id = ?1",
    [SQL_MEMBERSHIPS] = "SELECT " USER_COLUMNS USER_TABLES
			"WHERE u.key = ?1 ORDER BY u.account",
    [SQL_RECIPIENTS] =
	"SELECT " USER_COLUMNS USER_TABLES
	"WHERE u.account = ?1 AND u.role = 'owner' UNION ALL "
	"SELECT u.id, u.account, a.name, u.address, u.key, u.role, 1,"
	" coalesce(l.id, 0), coalesce(l.chat, 0)"
	" FROM subscription s JOIN user u ON u.id = s.user"
	" JOIN account a ON a.id = u.account"
	" LEFT JOIN link l ON l.user = u.id"
	" WHERE s.account = ?1 AND s.category = ?2",
    [SQL_USERS] = "SELECT " USER_COLUMNS USER_TABLES
		  "WHERE u.account = ?1 ORDER BY u.role <> 'owner', u.key",
    [SQL_USER] = "SELECT " USER_COLUMNS USER_TABLES
		 "WHERE u.account = ?1 AND u.key = ?3",
    [SQL_USER_ADD] = "INSERT INTO user(account, address, key, role)"
		     " VALUES (?1, ?2, ?3, ?4) RETURNING id",
    [SQL_USER_SET_ROLE] = "UPDATE user SET role = ?2 WHERE id = ?1",
    [SQL_USER_REMOVE] = "DELETE FROM user WHERE id = ?1",
    [SQL_SUBSCRIPTIONS] =
	"SELECT " CATEGORY_COLUMNS
	" FROM subscription s JOIN category c ON c.id = s.category"
	" WHERE s.user = ?1 ORDER BY c.id",
    [SQL_SUBSCRIBE] = "INSERT INTO subscription(account, category, user)"
		      " VALUES (?1, ?2, ?3)",
    [SQL_UNSUBSCRIBE] = "DELETE FROM subscription"
			" WHERE account = ?1 AND category = ?2 AND user = ?3",
    [SQL_LINK_END] = "DELETE FROM link WHERE user = ?1",
    [SQL_RECORD] =
	"INSERT INTO change(at, actor, account, action, subject, detail)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_CHANGES] = "SELECT at, actor, account, action, subject, detail"
		    " FROM change WHERE ?1 IS NULL OR account = ?1"
		    " ORDER BY id",
    [SQL_EXPORT] = "SELECT a.name, u.address, u.role, coalesce(c.slug, '')"
		   " FROM account a JOIN user u ON u.account = a.id"
		   " LEFT JOIN subscription s ON s.user = u.id"
		   " LEFT JOIN category c ON c.id = s.category"
		   " WHERE ?1 = 0 OR a.id = ?1"
		   " ORDER BY a.key, u.role <> 'owner', u.key, c.id",
    [SQL_NOTICE_ADD] = "INSERT INTO notice(at, account, address, category,"
		       " actor) VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_NOTICE_TAKE] = "UPDATE notice SET state = 'handing', tries = tries + 1"
			" WHERE id = (SELECT min(id) FROM notice"
			"  WHERE state = 'pending' AND id > ?1)"
			" RETURNING id, at, account, address, category, actor",
    [SQL_NOTICE_SENT] =
	"UPDATE notice SET state = 'sent', error = '' WHERE id = ?1",
    [SQL_NOTICE_FAILED] =
	"UPDATE notice SET state = 'pending', error = ?2 WHERE id = ?1",
    [SQL_HEALTH] =
	"SELECT (SELECT count(*) FROM account a WHERE NOT EXISTS"
	"  (SELECT 1 FROM user u WHERE u.account = a.id AND u.role = 'owner')),"
	" (SELECT count(*) FROM notice WHERE state = 'pending'),"
	" (SELECT count(*) FROM notice WHERE state = 'handing'),"
	" (SELECT count(*) FROM account), (SELECT count(*) FROM user),"
	" (SELECT count(*) FROM subscription)",
};

static int failed(struct store *);
static struct db_stmt *bound(struct store *, enum sql, const char *, ...);
static int finish(struct store *, struct db_stmt *, int);
static int run(struct store *, struct db_stmt *);
static int run_for_id(struct store *, struct db_stmt *, int64_t *);
static int number(struct store *, enum sql, int64_t *);
static int make_schema(struct store *);
static int check_schema(struct store *, int64_t *);
static int read_category(struct db_stmt *, struct category *);
static int each_category(
    struct store *, struct db_stmt *, store_category_fn *, void *);
static void read_account(struct db_stmt *, struct store_account *);
static int read_user(struct store *, struct db_stmt *, struct store_user *);
static int each_user(struct store *, struct db_stmt *, store_user_fn *, void *);
static int copy(struct store *, struct arena *, const char **);

static int
failed(struct store *s)
{
	return (db_failure(s->db, &s->failure));
}

/* The statement ${which} with its parameters: "i" an int64_t, "t" text, NULL
 * for SQL's NULL. */
static struct db_stmt *
bound(struct store *s, enum sql which, const char *types, ...)
{
	va_list ap;
	int i;

	if (s->stmts[which] == NULL)
		s->stmts[which] = db_prepare(s->db, statements[which]);
	if (s->stmts[which] == NULL)
		return (NULL);
	va_start(ap, types);
	for (i = 1; *types != '\0'; types++, i++) {
		if (*types == 'i')
			db_bind_int(s->stmts[which], i, va_arg(ap, int64_t));
		else
			db_bind_text(
			    s->stmts[which], i, va_arg(ap, const char *));
	}
	va_end(ap);
	return (s->stmts[which]);
}

/* Note a failure of ${rc} before the statement forgets it, and reset it. */
static int
finish(struct store *s, struct db_stmt *stmt, int rc)
{
	if (rc == -1)
		failed(s);
	db_reset(stmt);
	return (rc);
}

/* Run a statement without rows: 1 if it changed any, else 0. */
static int
run(struct store *s, struct db_stmt *stmt)
{
	int rc;

	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 0)
		rc = db_changes(s->db) > 0;
	return (finish(s, stmt, rc));
}

/* Run an INSERT ... RETURNING id. */
static int
run_for_id(struct store *s, struct db_stmt *stmt, int64_t *id)
{
	int rc;

	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 1) {
		*id = db_int(stmt, 0);
		/* The change is made when the statement is done. */
		rc = db_step(stmt) == -1 ? -1 : 1;
	}
	return (finish(s, stmt, rc));
}

static int
number(struct store *s, enum sql which, int64_t *n)
{
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, which, "");
	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	*n = rc == 1 ? db_int(stmt, 0) : 0;
	return (finish(s, stmt, rc));
}

struct store *
store_open(
    const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct store *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL ||
	    (s->stmts = calloc(SQL_COUNT, sizeof(*s->stmts))) == NULL) {
		failure_set(failure, FAILURE_MEMORY, "no memory");
		store_close(s);
		return (NULL);
	}
	s->db = db_open(url, mode, wait, failure);
	if (s->db == NULL) {
		store_close(s);
		return (NULL);
	}
	return (s);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	db_close(s->db);
	failure_clear(&s->failure);
	free(s->stmts);
	free(s);
}

bool
store_current(const struct store *s)
{
	return (db_current(s->db));
}

const struct failure *
store_failure(const struct store *s)
{
	return (&s->failure);
}

/* Is the database ours, and of which version? 0 and version 0: an empty one. */
static int
check_schema(struct store *s, int64_t *version)
{
	int64_t application, tables;

	if (number(s, SQL_VERSION, version) == -1)
		return (-1);
	if (*version == STORE_SCHEMA)
		return (0);
	if (number(s, SQL_APPLICATION, &application) == -1 ||
	    number(s, SQL_TABLES, &tables) == -1)
		return (-1);
	if (application != APPLICATION_ID && (tables > 0 || *version != 0))
		return (failure_set(&s->failure, FAILURE_SETTINGS,
		    "the database is not one of notify-milter; expected [database] "
		    "url to name its own"));
	if (*version > STORE_SCHEMA)
		return (failure_set(&s->failure, FAILURE_SETTINGS,
		    "the database has schema version %lld, newer than this "
		    "program's %d; upgrade notify-milter",
		    (long long)*version, STORE_SCHEMA));
	return (0);
}

static int
make_schema(struct store *s)
{
	const struct category *c;
	char key[2][CATEGORY_KEY_SIZE];

	if (db_exec(s->db, schema) != 0)
		return (failed(s));
	for (c = category_builtin; c->slug[0] != '\0'; c++) {
		if (category_key(c->slug, key[0]) != 1 ||
		    category_key(c->title, key[1]) != 1 ||
		    store_category_add(s, c, key[0], key[1]) == -1)
			return (-1);
	}
	if (db_exec(s->db,
		"PRAGMA application_id = 1313690196;"
		"PRAGMA user_version = 1") != 0)
		return (failed(s));
	return (0);
}

int
store_upgrade(struct store *s)
{
	int64_t version;

	if (db_begin(s->db, DB_WRITE) != 0)
		return (failed(s));
	if (check_schema(s, &version) != 0)
		goto fail;
	if (version == STORE_SCHEMA) {
		db_rollback(s->db);
		return (0);
	}
	if (make_schema(s) != 0)
		goto fail;
	if (db_commit(s->db) != 0) {
		failed(s);
		goto fail;
	}
	return (db_share(s->db) == 0 ? 1 : failed(s));
fail:
	db_rollback(s->db);
	return (-1);
}

int
store_begin(struct store *s, enum db_mode mode)
{
	int64_t version;

	if (db_begin(s->db, mode) != 0)
		return (failed(s));
	if (check_schema(s, &version) != 0)
		goto fail;
	if (version != STORE_SCHEMA) {
		failure_set(&s->failure, FAILURE_SETTINGS,
		    "the database has no roster in it (schema version %lld); "
		    "make it with \"notifyctl init\"",
		    (long long)version);
		goto fail;
	}
	return (0);
fail:
	db_rollback(s->db);
	return (-1);
}

int
store_commit(struct store *s)
{
	return (db_commit(s->db) == 0 ? 0 : failed(s));
}

void
store_end(struct store *s)
{
	db_rollback(s->db);
}

int
store_check(struct store *s)
{
	return (db_check(s->db, &s->failure));
}

/* Fill ${c}; -1 if the row is not what the schema allows. */
static int
read_category(struct db_stmt *stmt, struct category *c)
{
	const char *slug = db_text(stmt, 1), *title = db_text(stmt, 2);

	c->id = db_int(stmt, 0);
	if (strlen(slug) >= sizeof(c->slug) ||
	    strlen(title) >= sizeof(c->title))
		return (-1);
	strcpy(c->slug, slug);
	strcpy(c->title, title);
	c->open = db_int(stmt, 3) != 0;
	c->mirrored = db_int(stmt, 4) != 0;
	return (0);
}

int
store_category(struct store *s, const char *key, struct category *c)
{
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_CATEGORY, "t", key);
	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 1 && read_category(stmt, c) != 0) {
		db_reset(stmt);
		return (failure_set(&s->failure, FAILURE_IO,
		    "the database has a category that is too long"));
	}
	return (finish(s, stmt, rc));
}

static int
each_category(
    struct store *s, struct db_stmt *stmt, store_category_fn *fn, void *ctx)
{
	struct category c;
	int rc;

	if (stmt == NULL)
		return (failed(s));
	while ((rc = db_step(stmt)) == 1) {
		if (read_category(stmt, &c) != 0 || fn(ctx, &c) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_categories(struct store *s, store_category_fn *fn, void *ctx)
{
	return (each_category(s, bound(s, SQL_CATEGORIES, ""), fn, ctx));
}

int
store_category_add(struct store *s, const struct category *c,
    const char *slug_key, const char *title_key)
{
	int64_t id;

	if (run_for_id(s,
		bound(s, SQL_CATEGORY_ADD, "ttii", c->slug, c->title,
		    (int64_t)c->open, (int64_t)c->mirrored),
		&id) == -1 ||
	    run(s, bound(s, SQL_CATEGORY_KEY_ADD, "ti", slug_key, id)) == -1)
		return (-1);
	if (strcmp(slug_key, title_key) == 0)
		return (1);
	return (run(s, bound(s, SQL_CATEGORY_KEY_ADD, "ti", title_key, id)));
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

/* Copy a borrowed string into ${a}. */
static int
copy(struct store *s, struct arena *a, const char **text)
{
	*text = arena_strdup(a, *text);
	if (*text == NULL)
		return (failure_set(&s->failure, FAILURE_MEMORY, "no memory"));
	return (0);
}

int
store_account(struct store *s, struct arena *a, const char *key,
    struct store_account *account)
{
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_ACCOUNT, "t", key);
	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 1) {
		read_account(stmt, account);
		if (copy(s, a, &account->name) != 0 ||
		    copy(s, a, &account->title) != 0 ||
		    copy(s, a, &account->owner) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_accounts(struct store *s, store_account_fn *fn, void *ctx)
{
	struct store_account account;
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_ACCOUNTS, "");
	if (stmt == NULL)
		return (failed(s));
	while ((rc = db_step(stmt)) == 1) {
		read_account(stmt, &account);
		if (fn(ctx, &account) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_account_add(struct store *s, const char *name, const char *key,
    const char *title, int64_t *id)
{
	return (run_for_id(
	    s, bound(s, SQL_ACCOUNT_ADD, "ttt", name, key, title), id));
}

int
store_account_remove(struct store *s, int64_t id)
{
	return (run(s, bound(s, SQL_ACCOUNT_REMOVE, "i", id)));
}

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
	if (role_parse(db_text(stmt, 5), &u->role) == 1)
		return (0);
	return (failure_set(&s->failure, FAILURE_IO,
	    "the database has an unknown role \"%s\"", db_text(stmt, 5)));
}

static int
each_user(struct store *s, struct db_stmt *stmt, store_user_fn *fn, void *ctx)
{
	struct store_user u;
	int rc;

	if (stmt == NULL)
		return (failed(s));
	while ((rc = db_step(stmt)) == 1) {
		if (read_user(s, stmt, &u) != 0 || fn(ctx, &u) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_memberships(struct store *s, const char *key, int64_t category,
    store_user_fn *fn, void *ctx)
{
	return (each_user(
	    s, bound(s, SQL_MEMBERSHIPS, "ti", key, category), fn, ctx));
}

int
store_recipients(struct store *s, int64_t account, int64_t category,
    store_user_fn *fn, void *ctx)
{
	return (each_user(
	    s, bound(s, SQL_RECIPIENTS, "ii", account, category), fn, ctx));
}

int
store_users(struct store *s, int64_t account, int64_t category,
    store_user_fn *fn, void *ctx)
{
	return (each_user(
	    s, bound(s, SQL_USERS, "ii", account, category), fn, ctx));
}

int
store_user(struct store *s, struct arena *a, int64_t account, const char *key,
    int64_t category, struct store_user *u)
{
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_USER, "iit", account, category, key);
	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 1) {
		if (read_user(s, stmt, u) != 0 ||
		    copy(s, a, &u->account_name) != 0 ||
		    copy(s, a, &u->address) != 0 || copy(s, a, &u->key) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_user_add(struct store *s, int64_t account, const char *address,
    const char *key, enum role role, int64_t *id)
{
	return (run_for_id(s,
	    bound(s, SQL_USER_ADD, "ittt", account, address, key,
		role_name(role)),
	    id));
}

int
store_user_set_role(struct store *s, int64_t user, enum role role)
{
	return (
	    run(s, bound(s, SQL_USER_SET_ROLE, "it", user, role_name(role))));
}

int
store_user_remove(struct store *s, int64_t user)
{
	return (run(s, bound(s, SQL_USER_REMOVE, "i", user)));
}

int
store_subscriptions(
    struct store *s, int64_t user, store_category_fn *fn, void *ctx)
{
	return (
	    each_category(s, bound(s, SQL_SUBSCRIPTIONS, "i", user), fn, ctx));
}

int
store_subscribe(
    struct store *s, int64_t account, int64_t category, int64_t user)
{
	return (
	    run(s, bound(s, SQL_SUBSCRIBE, "iii", account, category, user)));
}

int
store_unsubscribe(
    struct store *s, int64_t account, int64_t category, int64_t user)
{
	return (
	    run(s, bound(s, SQL_UNSUBSCRIBE, "iii", account, category, user)));
}

int
store_link_end(struct store *s, int64_t user)
{
	return (run(s, bound(s, SQL_LINK_END, "i", user)));
}

int
store_record(struct store *s, const struct store_change *c)
{
	return (run(s,
	    bound(s, SQL_RECORD, "ittttt", c->at, c->actor, c->account,
		c->action, c->subject, c->detail)));
}

int
store_changes(
    struct store *s, const char *account, store_change_fn *fn, void *ctx)
{
	struct store_change c;
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_CHANGES, "t", account);
	if (stmt == NULL)
		return (failed(s));
	while ((rc = db_step(stmt)) == 1) {
		c.at = db_int(stmt, 0);
		c.actor = db_text(stmt, 1);
		c.account = db_text(stmt, 2);
		c.action = db_text(stmt, 3);
		c.subject = db_text(stmt, 4);
		c.detail = db_text(stmt, 5);
		if (fn(ctx, &c) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_export(struct store *s, int64_t account, store_export_fn *fn, void *ctx)
{
	struct store_export row;
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_EXPORT, "i", account);
	if (stmt == NULL)
		return (failed(s));
	while ((rc = db_step(stmt)) == 1) {
		row.account = db_text(stmt, 0);
		row.address = db_text(stmt, 1);
		row.category = db_text(stmt, 3);
		if (role_parse(db_text(stmt, 2), &row.role) != 1 ||
		    fn(ctx, &row) != 0) {
			db_reset(stmt);
			return (-1);
		}
	}
	return (finish(s, stmt, rc));
}

int
store_notice_add(struct store *s, const struct store_notice *n)
{
	return (run(s,
	    bound(s, SQL_NOTICE_ADD, "itttt", n->at, n->account, n->address,
		n->category, n->actor)));
}

int
store_notice_take(
    struct store *s, struct arena *a, int64_t after, struct store_notice *n)
{
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_NOTICE_TAKE, "i", after);
	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 1) {
		n->id = db_int(stmt, 0);
		n->at = db_int(stmt, 1);
		n->account = db_text(stmt, 2);
		n->address = db_text(stmt, 3);
		n->category = db_text(stmt, 4);
		n->actor = db_text(stmt, 5);
		if (copy(s, a, &n->account) != 0 ||
		    copy(s, a, &n->address) != 0 ||
		    copy(s, a, &n->category) != 0 ||
		    copy(s, a, &n->actor) != 0) {
			db_reset(stmt);
			return (-1);
		}
		rc = db_step(stmt) == -1 ? -1 : 1;
	}
	return (finish(s, stmt, rc));
}

int
store_notice_sent(struct store *s, int64_t id)
{
	return (run(s, bound(s, SQL_NOTICE_SENT, "i", id)));
}

int
store_notice_failed(struct store *s, int64_t id, const char *error)
{
	return (run(s, bound(s, SQL_NOTICE_FAILED, "it", id, error)));
}

int
store_health(struct store *s, struct store_health *h)
{
	struct db_stmt *stmt;
	int rc;

	stmt = bound(s, SQL_HEALTH, "");
	if (stmt == NULL)
		return (failed(s));
	rc = db_step(stmt);
	if (rc == 1) {
		h->accounts_without_owner = db_int(stmt, 0);
		h->notices_pending = db_int(stmt, 1);
		h->notices_in_doubt = db_int(stmt, 2);
		h->accounts = db_int(stmt, 3);
		h->users = db_int(stmt, 4);
		h->subscriptions = db_int(stmt, 5);
	}
	return (finish(s, stmt, rc));
}
