/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_postgres - a server that is locked, silent, gone, or cut off
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/db.h"
#include "decision/pool.h"
#include "store/store_health.h"
#include "store/store_link.h"
#include "store/store_lookup.h"
#include "store/store_private.h"
#include "unit/fixture.h"
#include "unit/pgproxy.h"
#include "unit/suites.h"

static struct fixture f;
static struct pgproxy proxy;

static void
setup(void)
{
	fixture_open(&f);
}

static void
teardown(void)
{
	fixture_close(&f);
}

/* End all other connections to the roster of this schema. */
static void
terminate(void)
{
	char sql[160];

	snprintf(sql, sizeof(sql),
	    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	    " WHERE application_name = 'unit_%d' AND pid <> pg_backend_pid()",
	    (int)getpid());
	fixture_sql(&f, sql);
}

/* The same URL, with a name that terminate() finds. */
static const char *
named_url(void)
{
	static char url[600];

	snprintf(url, sizeof(url), "%s&application_name=unit_%d", f.url,
	    (int)getpid());
	return (url);
}

static int
count(void *ctx, const struct store_user *u)
{
	*(int *)ctx += u->role == ROLE_OWNER || u->subscribed;
	return (0);
}

/* Add to ${rows} how many of account ${account} get balance-and-payments. */
static int
entitled(struct store *s, int64_t account, int *rows)
{
	return (store_users(s, account, 3, count, rows));
}

static struct store *
opened(const char *url, enum db_mode mode, int wait)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;

	s = store_open(url, mode, wait, &failure);
	ck_assert_msg(s != NULL, "%s", failure_text(&failure));
	return (s);
}

START_TEST(the_second_of_two_changes_at_once_waits_and_is_busy)
{
	struct store *other = opened(f.url, DB_WRITE, 100);

	fixture_begin(&f);
	ck_assert_int_eq(store_begin(other, DB_WRITE), -1);
	ck_assert_int_eq(store_failure(other)->kind, FAILURE_BUSY);
	fixture_commit(&f);
	ck_assert_int_eq(store_begin(other, DB_WRITE), 0);
	ck_assert_int_eq(store_user_set_role(other, 2, ROLE_SUBSCRIBER), 1);
	ck_assert_int_eq(store_commit(other), 0);
	store_close(other);
}
END_TEST

START_TEST(a_pending_change_neither_delays_a_lookup_nor_shows_in_it)
{
	struct store *reader = opened(f.url, DB_LOOKUP, 100);
	int rows = 0;

	fixture_begin(&f);
	ck_assert_int_eq(store_account_remove(f.store, 1), 1);
	ck_assert_int_eq(store_begin(reader, DB_READ), 0);
	ck_assert_int_eq(entitled(reader, 1, &rows), 0);
	ck_assert_int_eq(rows, 3);
	store_end(reader);
	store_end(f.store);
	store_close(reader);
}
END_TEST

START_TEST(a_locked_table_is_reported_not_taken_as_no_subscription)
{
	struct store *reader = opened(f.url, DB_LOOKUP, 100);
	struct db *db = db_open(f.url, DB_WRITE, 100, &f.failure);
	int rows = 0;

	ck_assert_int_eq(db_exec(db, "BEGIN; LOCK TABLE subscription"), 0);
	ck_assert_int_eq(store_begin(reader, DB_READ), -1);
	ck_assert_int_eq(store_failure(reader)->kind, FAILURE_BUSY);
	ck_assert_int_eq(db_rollback(db), 0);
	ck_assert_int_eq(store_begin(reader, DB_READ), 0);
	ck_assert_int_eq(entitled(reader, 1, &rows), 0);
	ck_assert_int_eq(rows, 3);
	store_end(reader);
	store_close(reader);
	db_close(db);
}
END_TEST

START_TEST(lookups_cannot_change_anything)
{
	struct store *reader = opened(f.url, DB_READ, 100);

	ck_assert_int_eq(store_begin(reader, DB_READ), 0);
	ck_assert_int_eq(store_account_remove(reader, 1), -1);
	store_end(reader);
	store_close(reader);
}
END_TEST

START_TEST(a_schema_that_is_not_ours_is_refused_before_any_lookup)
{
	struct store *s;

	fixture_sql(&f, "UPDATE notify_milter SET version = 99");
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SETTINGS);
	fixture_sql(&f, "DROP TABLE notify_milter");
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	s = opened(f.url, DB_CREATE, 100);
	ck_assert_int_eq(store_upgrade(s), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_SETTINGS);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(s)), "another program"));
	store_close(s);
}
END_TEST

START_TEST(a_database_without_a_roster_names_init)
{
	fixture_sql(&f,
	    "DO $$ BEGIN EXECUTE 'DROP SCHEMA ' || current_schema() ||"
	    " ' CASCADE; CREATE SCHEMA ' || current_schema(); END $$");
	store_close(f.store);
	f.store = opened(f.url, DB_WRITE, 100);
	ck_assert_int_eq(store_begin(f.store, DB_WRITE), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SCHEMA);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(f.store)), "notifyctl init"));
	ck_assert_int_eq(store_upgrade(f.store), 1);
	ck_assert_int_eq(store_upgrade(f.store), 0);
}
END_TEST

static void *
upgrade(void *arg)
{
	struct store *s = opened(f.url, DB_CREATE, 3000);

	*(int *)arg = store_upgrade(s);
	store_close(s);
	return (NULL);
}

START_TEST(of_many_inits_at_once_one_creates_the_roster)
{
	pthread_t threads[6];
	int made[6], sum = 0, i;

	fixture_sql(&f,
	    "DO $$ BEGIN EXECUTE 'DROP SCHEMA ' || current_schema() ||"
	    " ' CASCADE; CREATE SCHEMA ' || current_schema(); END $$");
	for (i = 0; i < 6; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, upgrade, &made[i]), 0);
	for (i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_ne(made[i], -1);
		sum += made[i];
	}
	ck_assert_int_eq(sum, 1);
}
END_TEST

START_TEST(after_an_error_a_commit_fails_and_changes_nothing)
{
	int rows = 0;

	fixture_begin(&f);
	ck_assert_int_eq(store_account_remove(f.store, 2), 1);
	/* User 1 is acme's. */
	ck_assert_int_eq(
	    store_subscribe(f.store, &(struct store_account){.id = 2}, 3,
		&(struct store_user){.id = 1}),
	    -1);
	ck_assert_int_eq(store_commit(f.store), -1);
	store_end(f.store);
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(entitled(f.store, 2, &rows), 0);
	ck_assert_int_eq(rows, 1);
	store_end(f.store);
}
END_TEST

/* How much of the answer is there. */
static int
answered(
    const struct store_question *question, const struct store_answer *answer)
{
	return ((question->categories.n > 0 && answer->categories[0].id != 0) +
	    (question->accounts.n > 0 && answer->accounts[0].id == 1) +
	    (int)(answer->users.n + answer->people.n + answer->others.n));
}

START_TEST(malformed_text_finds_nobody_and_is_no_error)
{
	const char *keys[] = {
	    "\xff@acme.example", "ann@acme.example", "\xc3@\x01"};
	struct store_question question = {.users = {keys, 3}};
	struct store_answer answer;
	struct store_user user;

	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_user(f.store, f.arena, 1, keys[0], 3, &user), 0);
	ck_assert_int_eq(store_user(f.store, f.arena, 1, keys[1], 3, &user), 1);
	store_end(f.store);
	ck_assert_int_eq(store_lookup(f.store, f.arena, &question, &answer), 0);
	ck_assert_uint_eq(answer.users.n, 2);
}
END_TEST

/* With ${way} cut after ${i} bytes there is the whole answer, or an error. */
static int
look_up_cut_at(const char *url, atomic_long *way, long i)
{
	const char *category = "balance-and-payments", *account = "acme",
		   *user = "ann@acme.example";
	const struct store_question question = {.categories = {&category, 1},
	    .accounts = {&account, 1},
	    .users = {&user, 1},
	    .people = STORE_ENTITLED};
	struct failure failure = FAILURE_INIT;
	struct store_answer answer;
	struct store *s;
	int rows, rc;

	*way = PGPROXY_ALL;
	s = store_open(url, DB_LOOKUP, 2000, &failure);
	ck_assert_msg(s != NULL, "%s", failure_text(&failure));
	*way = i;
	rc = store_lookup(s, f.arena, &question, &answer);
	rows = answered(&question, &answer);
	/* A category, an account, two users, three people. */
	if (rc == 0)
		ck_assert_msg(
		    rows == 7, "cut at %ld: got %d rows, want 7", i, rows);
	else
		ck_assert_int_eq(store_failure(s)->kind, FAILURE_IO);
	ck_assert(rc != 0 || i > 400);
	/* Nor does it answer anything from then on. */
	if (rc != 0)
		ck_assert_int_eq(
		    store_lookup(s, f.arena, &question, &answer), -1);
	store_close(s);
	*way = PGPROXY_ALL;
	return (rc);
}

START_TEST(an_answer_that_is_cut_is_never_the_end_of_the_rows)
{
	char url[600];
	long i;

	pgproxy_open(&proxy, f.url, url, sizeof(url));
	for (i = 0; look_up_cut_at(url, &proxy.allowed, i) != 0; i += 3)
		ck_assert_int_lt(i, 5000);
	pgproxy_close(&proxy);
}
END_TEST

START_TEST(a_question_that_is_cut_has_no_answer)
{
	char url[600];
	long i;

	pgproxy_open(&proxy, f.url, url, sizeof(url));
	for (i = 0; look_up_cut_at(url, &proxy.asked, i) != 0; i += 19)
		ck_assert_int_lt(i, 9000);
	pgproxy_close(&proxy);
}
END_TEST

/* What rewrites a table, and leaves its rows as they are. */
static const struct {
	const char *sql;
} rewrites[] = {
    {"ALTER TABLE \"user\" ALTER address TYPE text COLLATE \"C\""
     " USING address || ''"},
    {"ALTER TABLE account ADD x float DEFAULT random()"},
    {"ALTER TABLE subscription SET UNLOGGED"},
    {"ALTER TABLE category_key SET UNLOGGED"},
    {"CREATE TEMPORARY TABLE kept AS TABLE subscription;"
     "TRUNCATE subscription; INSERT INTO subscription TABLE kept"},
    {"CREATE TEMPORARY TABLE kept AS TABLE category_key;"
     "TRUNCATE category_key; INSERT INTO category_key TABLE kept"},
};

static int
count_export(void *ctx, const struct store_export *row)
{
	*(int *)ctx += *row->address != '\0';
	return (0);
}

/* A reading that waits for a lock. */
static int read_by_lookup(struct store *, struct arena *);
static int read_by_users(struct store *, struct arena *);
static int read_by_export(struct store *, struct arena *);

static int
read_by_lookup(struct store *s, struct arena *a)
{
	const char *category = "balance-and-payments", *account = "acme",
		   *user = "ann@acme.example";
	const struct store_question question = {.categories = {&category, 1},
	    .accounts = {&account, 1},
	    .users = {&user, 1},
	    .people = STORE_ENTITLED};
	struct store_answer answer;

	if (store_lookup(s, a, &question, &answer) != 0)
		return (-1);
	return (answered(&question, &answer));
}

static int
read_by_users(struct store *s, struct arena *a)
{
	int rows = 0, rc;

	(void)a;
	rc = store_begin(s, DB_READ);
	if (rc == 0)
		rc = entitled(s, 1, &rows);
	store_end(s);
	return (rc == 0 ? rows : -1);
}

static int
read_by_export(struct store *s, struct arena *a)
{
	int rows = 0, rc;

	(void)a;
	rc = store_begin(s, DB_READ);
	if (rc == 0)
		rc = store_export(s, 0, count_export, &rows);
	store_end(s);
	return (rc == 0 ? rows : -1);
}

static const struct {
	int (*read)(struct store *, struct arena *);
	int want;
} readings[] = {{read_by_lookup, 7}, {read_by_users, 3}, {read_by_export, 7}};

struct waiting {
	struct store *store;
	struct arena *arena;
	int which, got;
};

static void *
read_waiting(void *arg)
{
	struct waiting *w = arg;

	w->got = readings[w->which].read(w->store, w->arena);
	return (NULL);
}

/* Has somebody asked for a lock of a table that is not granted? */
static bool
waited_for(struct db *db)
{
	struct db_stmt *stmt = db_prepare(db,
	    "SELECT count(*) FROM pg_locks l JOIN pg_class c"
	    " ON c.oid = l.relation WHERE NOT l.granted AND"
	    " c.relnamespace = current_schema()::regnamespace");
	bool waits;

	ck_assert_int_eq(db_step(stmt), 1);
	waits = db_int(stmt, 0) > 0;
	db_reset(stmt);
	return (waits);
}

START_TEST(a_table_that_is_rewritten_meanwhile_is_not_empty)
{
	struct waiting w = {.which = _i % 3, .arena = arena_new(1 << 20)};
	struct db *db = db_open(f.url, DB_WRITE, 100, &f.failure);
	char sql[400];
	pthread_t thread;

	w.store = opened(f.url, DB_LOOKUP, 10000);
	/* The connection has been used, as those of a milter have. */
	ck_assert_int_eq(
	    readings[w.which].read(w.store, w.arena), readings[w.which].want);
	snprintf(sql, sizeof(sql), "BEGIN; %s", rewrites[_i / 3].sql);
	ck_assert_int_eq(db_exec(db, sql), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_waiting, &w), 0);
	while (!waited_for(db))
		usleep(1000);
	ck_assert_int_eq(db_exec(db, "COMMIT"), 0);
	pthread_join(thread, NULL);
	ck_assert_msg(w.got == readings[w.which].want, "%s: got %d, want %d",
	    rewrites[_i / 3].sql, w.got, readings[w.which].want);
	store_close(w.store);
	db_close(db);
	arena_free(w.arena);
}
END_TEST

START_TEST(vacuum_and_readers_do_not_wait_for_a_lookup)
{
	struct store *s = opened(f.url, DB_READ, 100);

	ck_assert_int_eq(store_begin(s, DB_READ), 0);
	fixture_sql(&f, "VACUUM ANALYZE \"user\"");
	fixture_sql(&f, "CREATE INDEX x ON account(title)");
	store_end(s);
	store_close(s);
}
END_TEST

START_TEST(tables_that_an_upgrade_makes_are_locked_from_the_next_question_on)
{
	struct waiting w = {.which = 0, .arena = arena_new(1 << 20)};
	struct db *db = db_open(f.url, DB_WRITE, 100, &f.failure);
	pthread_t thread;

	/* Before the upgrade this table was elsewhere. */
	fixture_sql(&f, "ALTER TABLE token RENAME TO elsewhere");
	w.store = opened(f.url, DB_LOOKUP, 10000);
	ck_assert_int_eq(readings[0].read(w.store, w.arena), 7);
	fixture_sql(&f,
	    "ALTER TABLE elsewhere RENAME TO token;"
	    "UPDATE notify_milter SET version = version + 1");
	w.store->schema++;
	ck_assert_int_eq(
	    db_exec(db, "BEGIN; LOCK TABLE token IN ACCESS EXCLUSIVE MODE"), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_waiting, &w), 0);
	while (!waited_for(db))
		usleep(1000);
	ck_assert_int_eq(db_exec(db, "COMMIT"), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(w.got, 7);
	store_close(w.store);
	db_close(db);
	arena_free(w.arena);
}
END_TEST

/* A url with ${first} before the schema of the roster. */
static const char *
url_with_path(const char *first)
{
	static char url[700];
	const char *path = strstr(f.url, "csearch_path%3D");

	ck_assert_ptr_nonnull(path);
	path += strlen("csearch_path%3D");
	snprintf(url, sizeof(url), "%.*s%s%%2C%s", (int)(path - f.url), f.url,
	    first, path);
	return (url);
}

START_TEST(all_tables_are_those_of_one_schema)
{
	struct failure failure = FAILURE_INIT;
	struct store *s, *other;
	char first[40], sql[400];

	snprintf(first, sizeof(first), "before_%d", (int)getpid());
	snprintf(sql, sizeof(sql),
	    "CREATE SCHEMA %s; CREATE TABLE %s.subscription"
	    " (LIKE subscription); CREATE TABLE %s.\"user\""
	    " (LIKE \"user\"); CREATE TABLE %s.category_key"
	    " (LIKE category_key)",
	    first, first, first, first);
	fixture_sql(&f, sql);
	s = opened(url_with_path(first), DB_LOOKUP, 1000);
	ck_assert_int_eq(read_by_lookup(s, f.arena), 7);
	ck_assert_int_eq(read_by_users(s, f.arena), 3);
	ck_assert_int_eq(read_by_export(s, f.arena), 7);
	store_close(s);
	/* After a transaction that was rolled back, too. */
	s = opened(url_with_path(first), DB_WRITE, 1000);
	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	ck_assert_int_eq(store_account_remove(s, 2), 1);
	store_end(s);
	ck_assert_int_eq(read_by_export(s, f.arena), 7);
	/* One claim, whatever the path. */
	other = opened(f.url, DB_WRITE, 1000);
	ck_assert_int_eq(store_claim(s), 1);
	ck_assert_int_eq(store_claim(other), 0);
	store_close(other);
	store_close(s);
	/* One lock. */
	fixture_begin(&f);
	s = opened(url_with_path(first), DB_WRITE, 100);
	ck_assert_int_eq(store_begin(s, DB_WRITE), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_BUSY);
	store_close(s);
	store_end(f.store);
	s = store_open(url_with_path(first), DB_CREATE, 1000, &failure);
	ck_assert_int_eq(store_upgrade(s), 0);
	store_close(s);
	snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE", first);
	fixture_sql(&f, sql);
}
END_TEST

START_TEST(rows_that_a_policy_hides_are_an_error)
{
	struct store *s;
	char sql[500], url[700];

	snprintf(sql, sizeof(sql),
	    "CREATE ROLE role_%d; DO $$ BEGIN EXECUTE 'GRANT USAGE ON SCHEMA '"
	    " || current_schema() || ' TO role_%d; GRANT SELECT ON ALL TABLES"
	    " IN SCHEMA ' || current_schema() || ' TO role_%d'; END $$;"
	    "ALTER TABLE subscription ENABLE ROW LEVEL SECURITY",
	    (int)getpid(), (int)getpid(), (int)getpid());
	fixture_sql(&f, sql);
	snprintf(
	    url, sizeof(url), "%s%%20-crole%%3Drole_%d", f.url, (int)getpid());
	s = opened(url, DB_LOOKUP, 1000);
	ck_assert_int_eq(read_by_lookup(s, f.arena), -1);
	ck_assert_ptr_nonnull(strstr(
	    failure_text(store_failure(s)), "row-level security policy"));
	ck_assert_int_eq(read_by_export(s, f.arena), -1);
	store_close(s);
	snprintf(sql, sizeof(sql), "DROP OWNED BY role_%d; DROP ROLE role_%d",
	    (int)getpid(), (int)getpid());
	fixture_sql(&f, sql);
}
END_TEST

/* What a prepared statement of another client may be. */
static const char *const strangers[] = {"SELECT 1", "SELECT 1, 2",
    "SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12", "SELECT", "VALUES (1)",
    "SELECT 1 WHERE false", "INSERT INTO token SELECT WHERE false",
    "DELETE FROM token"};

START_TEST(an_answer_of_another_shape_is_a_failure)
{
	struct store *s = opened(f.url, DB_WRITE, 1000);
	char sql[700];
	int how;

	snprintf(sql, sizeof(sql),
	    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT name, CASE WHEN"
	    " parameter_types = '{}' THEN '' ELSE '(' || array_to_string("
	    "  parameter_types, ',') || ')' END AS types"
	    " FROM pg_prepared_statements WHERE statement LIKE 'SELECT %%'"
	    " LOOP EXECUTE 'DEALLOCATE ' || r.name;"
	    " EXECUTE 'PREPARE ' || r.name || r.types || ' AS %s';"
	    " END LOOP; END $$",
	    strangers[_i]);
	for (how = 0; how < 3; how++) {
		ck_assert_int_gt(readings[how].read(s, f.arena), 0);
		ck_assert_int_eq(db_exec(s->db, sql), 0);
		ck_assert_int_eq(readings[how].read(s, f.arena), -1);
		ck_assert_int_ne(store_failure(s)->kind, FAILURE_NONE);
		store_close(s);
		s = opened(f.url, DB_WRITE, 1000);
	}
	store_close(s);
}
END_TEST

#define MANY 20000 /* more than all buffers on the way hold */

/* Questions about a message; the last one finds a row. */
static const struct {
	size_t categories, accounts, users;
	enum store_people people;
	enum store_people others;
	int rows;
} questions[] = {
    {1, 0, 1, STORE_NOBODY, STORE_NOBODY, 1 + 2},
    {1, 1, 1, STORE_ENTITLED, STORE_NOBODY, 1 + 1 + 2 + 3},
    {2, 2, 3, STORE_ENTITLED, STORE_NOBODY, 1 + 1 + 2 + 3},
    {1, 1, 1, STORE_ENTITLED, STORE_OWNERS, 1 + 1 + 2 + 3 + 2},
    {1, 1, 1, STORE_ENTITLED, STORE_ENTITLED, 1 + 1 + 2 + 3 + 5},
    {1, 2, 2, STORE_EVERYBODY, STORE_EVERYBODY, 1 + 1 + 2 + 5 + 7},
    {2, 40, MANY, STORE_ENTITLED, STORE_ENTITLED, 1 + 1 + 2 + 3 + 5},
};

static const char **
keys(size_t n, const char *name)
{
	const char **v = arena_array(f.arena, n + 1, sizeof(*v));
	size_t i;

	for (i = 1; i < n; i++)
		v[i] = arena_printf(
		    f.arena, "nobody-at-all-%zu@nowhere.example", i);
	v[0] = name;
	return (v);
}

START_TEST(a_lookup_takes_one_round_trip)
{
	const struct store_question question = {
	    .categories = {keys(questions[_i].categories,
			       "balance-and-payments"),
		questions[_i].categories},
	    .accounts = {keys(questions[_i].accounts, "acme"),
		questions[_i].accounts},
	    .users = {keys(questions[_i].users, "ann@acme.example"),
		questions[_i].users},
	    .people = questions[_i].people,
	    .others = questions[_i].others,
	};
	struct store_answer answer;
	struct store *s;
	char url[600];
	int i;

	pgproxy_open(&proxy, f.url, url, sizeof(url));
	s = opened(url, DB_LOOKUP, 5000);
	db_bound_lag(store_db(s), 10);
	proxy.counting = true;
	for (i = 0; i < 3; i++) {
		proxy.waits = 0;
		if (i == 1)
			db_mark(store_db(s));
		ck_assert_msg(store_lookup(s, f.arena, &question, &answer) == 0,
		    "%s", failure_text(store_failure(s)));
		ck_assert_int_eq(
		    answered(&question, &answer), questions[_i].rows);
		/* At first it also looks for a roster, and of which version. */
		ck_assert_int_eq(proxy.waits, i == 0 ? 4 : 1);
	}
	store_close(s);
	pgproxy_close(&proxy);
}
END_TEST

START_TEST(after_a_failed_lookup_the_next_one_is_answered)
{
	const char *category = "balance-and-payments";
	const struct store_question question = {.categories = {&category, 1}};
	struct store *s = opened(f.url, DB_LOOKUP, 1000);
	struct store_answer answer;

	ck_assert_int_eq(store_lookup(s, f.arena, &question, &answer), 0);
	ck_assert_int_eq(answered(&question, &answer), 1);
	fixture_sql(&f, "ALTER TABLE category RENAME TO elsewhere");
	ck_assert_int_eq(store_lookup(s, f.arena, &question, &answer), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_IO);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(s)), "category"));
	fixture_sql(&f, "ALTER TABLE elsewhere RENAME TO category");
	fixture_sql(&f, "UPDATE notify_milter SET version = 99");
	ck_assert_int_eq(store_lookup(s, f.arena, &question, &answer), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_SETTINGS);
	fixture_sql(&f, "UPDATE notify_milter SET version = 2");
	ck_assert_int_eq(store_lookup(s, f.arena, &question, &answer), 0);
	ck_assert_int_eq(answered(&question, &answer), 1);
	store_close(s);
}
END_TEST

START_TEST(a_silent_server_is_given_up)
{
	struct store *s;
	char url[600];
	int rows = 0;

	pgproxy_open(&proxy, f.url, url, sizeof(url));
	s = opened(url, DB_LOOKUP, 50);
	ck_assert_int_eq(store_begin(s, DB_READ), 0);
	proxy.cut = false;
	proxy.allowed = 30;
	ck_assert_int_eq(entitled(s, 1, &rows), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_BUSY);
	/* What comes late is no answer to the next question. */
	proxy.allowed = PGPROXY_ALL;
	ck_assert_int_eq(entitled(s, 2, &rows), -1);
	ck_assert_int_eq(rows, 0);
	store_end(s);
	store_close(s);
	pgproxy_close(&proxy);
}
END_TEST

START_TEST(a_server_that_reads_nothing_is_given_up)
{
	struct arena *arena = arena_new((size_t)256 << 20);
	struct store_question question = {.users = {NULL, 200000}};
	struct store_answer answer;
	struct store *s;
	char url[600];
	size_t i;

	question.users.v =
	    arena_array(arena, question.users.n, sizeof(*question.users.v));
	for (i = 0; i < question.users.n; i++)
		question.users.v[i] =
		    arena_printf(arena, "nobody-at-all-%zu@nowhere.example", i);
	pgproxy_open(&proxy, f.url, url, sizeof(url));
	s = opened(url, DB_LOOKUP, 50);
	question.users.n = 1;
	ck_assert_int_eq(store_lookup(s, f.arena, &question, &answer), 0);
	question.users.n = 200000;
	proxy.deaf = true;
	ck_assert_int_eq(store_lookup(s, arena, &question, &answer), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_BUSY);
	store_close(s);
	pgproxy_close(&proxy);
	arena_free(arena);
}
END_TEST

START_TEST(a_commit_without_an_answer_is_reported_as_not_known)
{
	struct store *s;
	char url[600];

	pgproxy_open(&proxy, f.url, url, sizeof(url));
	s = opened(url, DB_WRITE, 1000);
	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	ck_assert_int_eq(store_account_remove(s, 2), 1);
	proxy.allowed = 0;
	ck_assert_int_eq(store_commit(s), -1);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(s)), "unknown whether"));
	store_close(s);
	pgproxy_close(&proxy);
}
END_TEST

START_TEST(a_pool_replaces_connections_that_the_server_closed)
{
	struct failure failure = FAILURE_INIT;
	struct pool *pool = fixture_pool(named_url(), 1000);
	struct store *s[3];
	int i, rows = 0;

	for (i = 0; i < 3; i++) {
		s[i] = pool_take(pool, POOL_ASKED, &failure);
		ck_assert_msg(s[i] != NULL, "%s", failure_text(&failure));
	}
	/* One is in the middle of something. */
	ck_assert_int_eq(store_begin(s[2], DB_READ), 0);
	pool_put(pool, POOL_ASKED, s[0]);
	pool_put(pool, POOL_ASKED, s[1]);
	terminate();
	ck_assert_int_eq(entitled(s[2], 1, &rows), -1);
	ck_assert_int_eq(rows, 0);
	store_end(s[2]);
	pool_put(pool, POOL_ASKED, s[2]);
	for (i = 0; i < 3; i++) {
		s[i] = pool_take(pool, POOL_ASKED, &failure);
		ck_assert_msg(s[i] != NULL, "%s", failure_text(&failure));
		ck_assert_int_eq(store_begin(s[i], DB_READ), 0);
		ck_assert_int_eq(entitled(s[i], 1, &rows), 0);
		store_end(s[i]);
	}
	ck_assert_int_eq(rows, 9);
	for (i = 0; i < 3; i++)
		pool_put(pool, POOL_ASKED, s[i]);
	pool_free(pool);
}
END_TEST

/* A server scans tables that it has no statistics of, to join them. */
START_TEST(lookups_use_indexes_without_statistics_too)
{
	struct failure failure = FAILURE_INIT;
	struct db *db = db_open(f.url, DB_WRITE, 100, &failure);
	struct db_stmt *stmt;

	ck_assert_ptr_nonnull(db);
	fixture_sql(&f,
	    "INSERT INTO \"user\"(account, address, key, role)"
	    " SELECT 1, n || '@x.example', n || '@x.example', 'member'"
	    " FROM generate_series(1, 5000) n;"
	    "INSERT INTO subscription(account, category, \"user\")"
	    " SELECT account, 2, id FROM \"user\" WHERE key LIKE '%@x.example'");
	stmt = db_prepare(db,
	    "EXPLAIN SELECT s.category FROM \"user\" u"
	    " JOIN subscription s ON s.\"user\" = u.id WHERE u.account = 1");
	ck_assert_ptr_nonnull(stmt);
	ck_assert_int_eq(db_step(stmt), 1);
	do
		ck_assert_msg(strstr(db_text(stmt, 0), "Hash Join") == NULL &&
			strstr(db_text(stmt, 0), "Merge Join") == NULL,
		    "got \"%s\", want a nested loop", db_text(stmt, 0));
	while (db_step(stmt) == 1);
	db_close(db);
}
END_TEST

START_TEST(an_older_roster_that_is_put_in_place_fails_one_lookup)
{
	const struct store_question nothing = {.people = STORE_NOBODY};
	struct failure failure = FAILURE_INIT;
	struct pool *pool = fixture_pool(named_url(), 1000);
	struct store_answer answer;
	struct store *s[4];
	int i, failed = 0;

	for (i = 0; i < 4; i++) {
		s[i] = pool_take(pool, POOL_ASKED, &failure);
		ck_assert_msg(s[i] != NULL, "%s", failure_text(&failure));
	}
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(
		    store_lookup(s[i], f.arena, &nothing, &answer), 0);
		pool_put(pool, POOL_ASKED, s[i]);
	}
	fixture_sql(&f, "DROP TABLE secret");
	fixture_sql(&f, "UPDATE notify_milter SET version = 1");
	for (i = 0; i < 8; i++) {
		s[0] = pool_take(pool, POOL_ASKED, &failure);
		ck_assert_msg(s[0] != NULL, "%s", failure_text(&failure));
		failed += store_lookup(s[0], f.arena, &nothing, &answer) != 0;
		pool_put(pool, POOL_ASKED, s[0]);
	}
	ck_assert_int_le(failed, 1);
	pool_free(pool);
}
END_TEST

START_TEST(a_missing_server_is_a_failure_that_shows_no_password)
{
	struct failure failure = FAILURE_INIT;
	struct pool *pool;

	pool = fixture_pool("postgresql://me:secret@/r?host=/nowhere", 100);
	ck_assert_ptr_null(pool_take(pool, POOL_ASKED, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_ptr_nonnull(strstr(failure_text(&failure), "/nowhere"));
	ck_assert_ptr_null(strstr(failure_text(&failure), "secret"));
	failure_clear(&failure);
	pool_free(pool);
}
END_TEST

Suite *
test_postgres(void)
{
	Suite *s = suite_create("postgres");
	TCase *t = tcase_create("postgres");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_second_of_two_changes_at_once_waits_and_is_busy);
	tcase_add_test(
	    t, a_pending_change_neither_delays_a_lookup_nor_shows_in_it);
	tcase_add_test(
	    t, a_locked_table_is_reported_not_taken_as_no_subscription);
	tcase_add_test(t, lookups_cannot_change_anything);
	tcase_add_test(
	    t, a_schema_that_is_not_ours_is_refused_before_any_lookup);
	tcase_add_test(t, a_database_without_a_roster_names_init);
	tcase_add_test(t, of_many_inits_at_once_one_creates_the_roster);
	tcase_add_test(t, after_an_error_a_commit_fails_and_changes_nothing);
	tcase_add_test(t, malformed_text_finds_nobody_and_is_no_error);
	tcase_add_test(t, an_answer_that_is_cut_is_never_the_end_of_the_rows);
	tcase_add_test(t, a_question_that_is_cut_has_no_answer);
	tcase_add_loop_test(t, a_lookup_takes_one_round_trip, 0,
	    sizeof(questions) / sizeof(questions[0]));
	tcase_add_loop_test(t, a_table_that_is_rewritten_meanwhile_is_not_empty,
	    0, 3 * sizeof(rewrites) / sizeof(rewrites[0]));
	tcase_add_test(t, vacuum_and_readers_do_not_wait_for_a_lookup);
	tcase_add_test(t,
	    tables_that_an_upgrade_makes_are_locked_from_the_next_question_on);
	tcase_add_test(t, all_tables_are_those_of_one_schema);
	tcase_add_test(t, rows_that_a_policy_hides_are_an_error);
	tcase_add_loop_test(t, an_answer_of_another_shape_is_a_failure, 0,
	    sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_test(t, after_a_failed_lookup_the_next_one_is_answered);
	tcase_add_test(t, a_silent_server_is_given_up);
	tcase_add_test(t, a_server_that_reads_nothing_is_given_up);
	tcase_add_test(t, a_commit_without_an_answer_is_reported_as_not_known);
	tcase_add_test(t, a_pool_replaces_connections_that_the_server_closed);
	tcase_add_test(
	    t, an_older_roster_that_is_put_in_place_fails_one_lookup);
	tcase_add_test(t, a_missing_server_is_a_failure_that_shows_no_password);
	tcase_add_test(t, lookups_use_indexes_without_statistics_too);
	suite_add_tcase(s, t);
	return (s);
}
