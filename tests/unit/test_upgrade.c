/*
 * test_upgrade - the way from an older schema to a newer one, or not at all
 *
 * With steps that are planted here: to a version 2, in which a table that
 * others refer to is made anew, and to a version 3.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fixture.h"
#include "sql.h"
#include "store_health.h"
#include "store_link.h"
#include "store_private.h"
#include "suites.h"

#define NEW_USER                                                               \
	"CREATE TABLE user2("                                                  \
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"                              \
	"  account INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE," \
	"  address TEXT NOT NULL, key TEXT NOT NULL, role TEXT NOT NULL,"      \
	"  language TEXT NOT NULL DEFAULT '',"                                 \
	"  UNIQUE (account, key), UNIQUE (id, account));"                      \
	"INSERT INTO user2 SELECT id, account, address, key, role, 'en'"       \
	"  FROM user;"                                                         \
	"UPDATE sqlite_sequence SET seq ="                                     \
	"  (SELECT seq FROM sqlite_sequence WHERE name = 'user')"              \
	"  WHERE name = 'user2';"                                              \
	"DROP TABLE user;"                                                     \
	"ALTER TABLE user2 RENAME TO user;"                                    \
	"CREATE INDEX user_by_key ON user(key);"
#define MANY                                                                   \
	"CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"    \
	" SELECT i + 1 FROM n WHERE i < %s) SELECT i, hex(zeroblob(40)) FROM n;"

static const char *const to_three[] = {
    NEW_USER, "CREATE TABLE planted(x); INSERT INTO planted VALUES (3)", NULL};
static const char *const to_three_in_vain[] = {
    NEW_USER, "CREATE TABLE planted(x); INSERT INTO nowhere VALUES (3)", NULL};

static struct fixture f;

static void
setup(void)
{
	int64_t id;

	fixture_open(&f);
	/* Something in every table that refers to a user, and numbers that
	 * were given already. */
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, 3, 70, &id), 1);
	ck_assert_int_eq(store_token_add(f.store, "hash", 4, 2000), 1);
	ck_assert_int_eq(store_user_add(f.store, 1, "gone@acme.example",
			     "gone@acme.example", ROLE_MEMBER, &id),
	    1);
	ck_assert_int_eq(store_user_remove(f.store, id), 1);
	fixture_commit(&f);
}

static void
teardown(void)
{
	fixture_close(&f);
}

static void
plant(const char *const *steps, int version)
{
	f.store->steps = steps;
	f.store->schema = version;
}

/* What a query says, rows and columns behind each other, into ${out}. */
static void
say(sqlite3 *db, FILE *out, const char *query)
{
	sqlite3_stmt *stmt;
	int i;

	ck_assert_msg(
	    sqlite3_prepare_v2(db, query, -1, &stmt, NULL) == SQLITE_OK,
	    "%s: %s", query, sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(stmt); i++)
			fprintf(
			    out, "%s|", (char *)sqlite3_column_text(stmt, i));
		fprintf(out, "\n");
	}
	ck_assert_int_eq(sqlite3_finalize(stmt), SQLITE_OK);
}

/* All rows of version 1's tables and columns; with ${schema} the schema and
 * the pragmas too. The caller's to free. */
static char *
contents(bool schema)
{
	static const char *const queries[] = {"SELECT * FROM category",
	    "SELECT * FROM category_key", "SELECT * FROM account",
	    "SELECT id, account, address, key, role FROM user ORDER BY id",
	    "SELECT * FROM subscription", "SELECT * FROM link",
	    "SELECT * FROM token", "SELECT * FROM waiting",
	    "SELECT * FROM state", "SELECT * FROM change",
	    "SELECT * FROM notice",
	    "SELECT * FROM sqlite_sequence ORDER BY name"};
	sqlite3 *db;
	char *text;
	size_t len, i;
	FILE *out;

	out = open_memstream(&text, &len);
	ck_assert_int_eq(sqlite3_open(f.url, &db), SQLITE_OK);
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		say(db, out, queries[i]);
	if (schema) {
		say(db, out, "SELECT sql FROM sqlite_schema ORDER BY name");
		say(db, out, "PRAGMA user_version");
		say(db, out, "PRAGMA application_id");
		say(db, out, "PRAGMA journal_mode");
	}
	sqlite3_close(db);
	fclose(out);
	return (text);
}

/* The database is ${before}, to the letter, and serves this program. */
static void
as_before(char *before)
{
	char *after = contents(true);

	ck_assert_str_eq(after, before);
	free(after);
	free(before);
	plant(sql_upgrades, STORE_SCHEMA);
	ck_assert_int_eq(store_begin(f.store, DB_WRITE), 0);
	store_end(f.store);
	ck_assert_int_eq(store_check(f.store, 60), 0);
}

static int
none(void *ctx, const struct store_user *u)
{
	(void)u;
	++*(int *)ctx;
	return (0);
}

/* In a process of its own: upgrade by ${steps}. */
static pid_t
upgrading(const char *const *steps)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;
	pid_t pid;

	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid > 0)
		return (pid);
	s = store_open(f.url, DB_CREATE, 5000, &failure);
	if (s == NULL)
		_exit(1);
	s->steps = steps;
	s->schema = 3;
	_exit(store_upgrade(s) == 2 ? 0 : 2);
}

START_TEST(a_step_leads_to_each_version_up_to_the_present_one)
{
	int n;

	for (n = 0; sql_upgrades[n] != NULL; n++)
		;
	ck_assert_int_eq(n + 1, STORE_SCHEMA);
}
END_TEST

START_TEST(an_upgrade_takes_every_row_through_every_step)
{
	char *before = contents(false), *after;
	int rows = 0;

	plant(to_three, 3);
	ck_assert_int_eq(store_upgrade(f.store), 2);
	after = contents(false);
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
	ck_assert_int_eq(store_begin(f.store, DB_WRITE), 0);
	/* Statements that were made before serve after. */
	ck_assert_int_eq(store_users(f.store, 1, 3, none, &rows), 0);
	ck_assert_int_eq(rows, 5);
	/* References are watched again. */
	ck_assert_int_eq(store_subscribe(f.store, 2, 3, 1), -1);
	store_end(f.store);
	ck_assert_int_eq(store_upgrade(f.store), 0);
	/* Who was here before understands it no more, and says so. */
	plant(sql_upgrades, STORE_SCHEMA);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SETTINGS);
	ck_assert_int_eq(store_upgrade(f.store), -1);
}
END_TEST

START_TEST(an_older_schema_is_refused_with_what_upgrades_it)
{
	plant(to_three, 3);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SETTINGS);
	ck_assert_ptr_nonnull(strstr(failure_text(store_failure(f.store)),
	    "schema version 1, older than this program's 3; upgrade it with "
	    "\"notifyctl init\""));
}
END_TEST

START_TEST(an_error_in_the_second_step_undoes_the_first)
{
	char *before = contents(true);

	plant(to_three_in_vain, 3);
	ck_assert_int_eq(store_upgrade(f.store), -1);
	ck_assert_ptr_nonnull(strstr(
	    failure_text(store_failure(f.store)), "from schema version 2"));
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	as_before(before);
}
END_TEST

START_TEST(steps_that_leave_a_row_that_refers_to_nothing_are_undone)
{
	static const char *const steps[] = {
	    "DELETE FROM user WHERE address LIKE 'ann@%'", NULL};
	char *before = contents(true);

	plant(steps, 2);
	ck_assert_int_eq(store_upgrade(f.store), -1);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(f.store)), "refers to"));
	as_before(before);
}
END_TEST

START_TEST(killed_amid_the_steps_it_leaves_the_old_database)
{
	static char many[400];
	static const char *const steps[] = {NEW_USER, many, NULL};
	const struct timespec moment = {.tv_nsec = 1000000};
	char *before = contents(true);
	char wal[sizeof(f.url) + 8];
	struct stat st;
	pid_t pid;
	int status, i;

	snprintf(many, sizeof(many), MANY, "1e12");
	snprintf(wal, sizeof(wal), "%s-wal", f.url);
	pid = upgrading(steps);
	/* What does not fit into its memory is written before the end. */
	for (i = 0; i < 20000; i++) {
		if (stat(wal, &st) == 0 && st.st_size > 4 << 20)
			break;
		nanosleep(&moment, NULL);
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status), "it ended with status %d", status);
	ck_assert_int_lt(i, 20000);
	as_before(before);
}
END_TEST

START_TEST(who_looks_meanwhile_sees_the_old_roster_until_it_is_another_version)
{
	static char many[400];
	static const char *const steps[] = {NEW_USER, many, NULL};
	pid_t pid, ended;
	int rows, seen = 0, status;

	snprintf(many, sizeof(many), MANY, "200000");
	pid = upgrading(steps);
	do {
		ended = waitpid(pid, &status, WNOHANG);
		rows = 0;
		if (store_begin(f.store, DB_READ) != 0)
			continue;
		ck_assert_int_eq(
		    store_users(f.store, 1, 3, none, &rows), 0);
		ck_assert_int_eq(rows, 5);
		store_end(f.store);
		seen++;
	} while (ended == 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(seen, 1);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_ptr_nonnull(strstr(failure_text(store_failure(f.store)),
	    "schema version 3, newer than this program's 1"));
}
END_TEST

START_TEST(a_version_below_nothing_is_not_ours)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(f.url, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(db, "PRAGMA user_version = -1", NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_upgrade(f.store), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SETTINGS);
}
END_TEST

Suite *
test_upgrade(void)
{
	Suite *s = suite_create("upgrade");
	TCase *t = tcase_create("upgrade");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_step_leads_to_each_version_up_to_the_present_one);
	tcase_add_test(t, an_upgrade_takes_every_row_through_every_step);
	tcase_add_test(t, an_older_schema_is_refused_with_what_upgrades_it);
	tcase_add_test(t, an_error_in_the_second_step_undoes_the_first);
	tcase_add_test(
	    t, steps_that_leave_a_row_that_refers_to_nothing_are_undone);
	tcase_add_test(t, killed_amid_the_steps_it_leaves_the_old_database);
	tcase_add_test(t,
	    who_looks_meanwhile_sees_the_old_roster_until_it_is_another_version);
	tcase_add_test(t, a_version_below_nothing_is_not_ours);
	suite_add_tcase(s, t);
	return (s);
}
