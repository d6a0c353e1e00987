/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_upgrade - an older schema is upgraded whole, or not at all
 *
 * By steps for the test: to the version after the present one, which replaces a
 * table that others refer to, and to the one after that. PostgreSQL rewrites
 * that table itself, for a new column with different values.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/sql.h"
#include "store/store_health.h"
#include "store/store_link.h"
#include "store/store_lookup.h"
#include "store/store_private.h"
#include "terms/stamp.h"
#include "unit/fixture.h"
#include "unit/suites.h"

#define NEW_USER                                                               \
	"CREATE TABLE user2("                                                  \
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"                              \
	"  account INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE," \
	"  address TEXT NOT NULL, key TEXT NOT NULL, role TEXT NOT NULL,"      \
	"  language TEXT NOT NULL DEFAULT '', mark TEXT NOT NULL DEFAULT '',"  \
	"  UNIQUE (account, key), UNIQUE (id, account));"                      \
	"INSERT INTO user2 SELECT id, account, address, key, role, language,"  \
	"  'en'"                                                               \
	"  FROM user;"                                                         \
	"UPDATE sqlite_sequence SET seq ="                                     \
	"  (SELECT seq FROM sqlite_sequence WHERE name = 'user')"              \
	"  WHERE name = 'user2';"                                              \
	"DROP TABLE user;"                                                     \
	"ALTER TABLE user2 RENAME TO user;"                                    \
	"CREATE INDEX user_by_key ON user(key);"
#define NEW_USER_POSTGRESQL                                                    \
	"ALTER TABLE user ADD COLUMN mark float8 NOT NULL DEFAULT random();"
#define MANY                                                                   \
	"CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"    \
	" SELECT i + 1 FROM n WHERE i < %s) SELECT i, hex(zeroblob(40)) FROM n;"

#define SLOWLY "SELECT pg_sleep(%s)"
#define PLANTED "CREATE TABLE planted(x INTEGER);"

/* Steps that a database of the present version does not take. */
#define BEFORE                                                                 \
	{                                                                      \
		{                                                              \
			"nonsense", "nonsense"                                 \
		}                                                              \
	}
#define NEXT (STORE_SCHEMA + 1)
#define AFTER_NEXT (STORE_SCHEMA + 2)

static const struct sql_step to_the_second[] = {BEFORE,
    {{NEW_USER, NEW_USER_POSTGRESQL}},
    {{PLANTED "INSERT INTO planted VALUES (3)",
	PLANTED "INSERT INTO planted VALUES (3)"}}};
static const struct sql_step to_the_second_in_vain[] = {BEFORE,
    {{NEW_USER, NEW_USER_POSTGRESQL}},
    {{PLANTED "INSERT INTO nowhere VALUES (3)",
	PLANTED "INSERT INTO nowhere VALUES (3)"}}};

/* Take from a roster of version 2 what it adds. */
#define BACK_TO_1                                                              \
	"DROP TABLE secret; DROP TABLE account_former; DROP TABLE farewell;"   \
	"DROP TABLE link_request; DROP INDEX subscription_by_user;"            \
	"CREATE INDEX subscription_by_user ON subscription(user);"             \
	"ALTER TABLE category DROP COLUMN description;"                        \
	"ALTER TABLE user DROP COLUMN language;"                               \
	"ALTER TABLE link DROP COLUMN topic;"                                  \
	"ALTER TABLE token DROP COLUMN origin;"                                \
	"ALTER TABLE notice DROP COLUMN language;"                             \
	"ALTER TABLE notice DROP COLUMN sent_at;"

static struct fixture f;

static void
setup(void)
{
	int64_t id;

	fixture_open(&f);
	/* Something in every table that refers to a user, and numbers that
	 * were given already. */
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, 9, 3, 70, 0), 1);
	ck_assert_int_eq(
	    store_token_add(f.store, "hash", 4, 2000, STORE_BY_CONNECT), 1);
	ck_assert_int_eq(
	    store_user_add(f.store, &(struct store_account){.id = 1},
		"gone@acme.example", "gone@acme.example", ROLE_MEMBER, "", &id),
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
plant(const struct sql_step *steps, int version)
{
	f.store->steps = steps;
	f.store->schema = version;
}

/* Write the result of a query of one column to ${out}, a line for each row. */
static void
say(struct db *db, FILE *out, const char *query)
{
	struct failure failure = FAILURE_INIT;
	struct db_stmt *stmt;
	int rc;

	stmt = db_prepare(db, query);
	if (stmt != NULL) {
		while ((rc = db_step(stmt)) == 1)
			fprintf(out, "%s\n", db_text(stmt, 0));
		if (rc == 0)
			return;
	}
	db_failure(db, &failure);
	ck_abort_msg("%s: %s", query, failure_text(&failure));
}

/* The SQL that creates the tables. */
static void
say_schema(struct db *db, FILE *out)
{
	if (db_dialect(db) == DB_SQLITE) {
		say(db, out, "SELECT sql FROM sqlite_schema ORDER BY name");
		say(db, out, "PRAGMA user_version");
		say(db, out, "PRAGMA application_id");
		say(db, out, "PRAGMA journal_mode");
		return;
	}
	say(db, out,
	    "SELECT table_name || '.' || column_name || ' ' || data_type"
	    " || coalesce(collation_name, '') || is_nullable"
	    " || coalesce(column_default, '') FROM information_schema.columns"
	    " WHERE table_schema = current_schema() ORDER BY 1");
	say(db, out,
	    "SELECT conname || ' ' || pg_get_constraintdef(oid)"
	    " FROM pg_constraint WHERE connamespace ="
	    "  to_regnamespace(current_schema()) ORDER BY 1");
	say(db, out,
	    "SELECT indexdef FROM pg_indexes"
	    " WHERE schemaname = current_schema() ORDER BY 1");
	say(db, out, "SELECT version FROM notify_milter");
}

/* All rows of the tables and columns of the present version, with ${schema} the
 * schema too; yours to free. */
static char *
contents(bool schema)
{
	static const char *const queries[] = {
	    "SELECT id || ' ' || slug || ' ' || title || ' ' || subscriber"
	    " || telegram FROM category ORDER BY id",
	    "SELECT key || ' ' || category FROM category_key ORDER BY key",
	    "SELECT id || ' ' || name || ' ' || key || ' ' || title"
	    " FROM account ORDER BY id",
	    "SELECT id || ' ' || account || ' ' || address || ' ' || key"
	    " || ' ' || role FROM user ORDER BY id",
	    "SELECT account || ' ' || category || ' ' || user"
	    " FROM subscription ORDER BY user, category",
	    "SELECT id || ' ' || user || ' ' || chat || ' ' || strikes"
	    " FROM link ORDER BY id",
	    "SELECT hash || ' ' || user || ' ' || expires FROM token",
	    "SELECT id || ' ' || at || ' ' || actor || ' ' || account || ' '"
	    " || action || ' ' || subject || ' ' || detail FROM change"
	    " ORDER BY id",
	    "SELECT name || value FROM secret", "SELECT count(*) FROM waiting",
	    "SELECT count(*) FROM state", "SELECT count(*) FROM notice",
	    "SELECT count(*) FROM account_former",
	    "SELECT count(*) FROM farewell",
	    "SELECT count(*) FROM link_request"};
	static const char *const numbers[DB_DIALECTS] = {
	    [DB_SQLITE] = "SELECT name || ' ' || seq FROM sqlite_sequence"
			  " ORDER BY name",
	    [DB_POSTGRESQL] =
		"SELECT sequencename || ' ' || coalesce(last_value, 0)"
		" FROM pg_sequences WHERE schemaname = current_schema()"
		" ORDER BY 1"};
	struct failure failure = FAILURE_INIT;
	struct db *db;
	char *text;
	size_t len, i;
	FILE *out;

	out = open_memstream(&text, &len);
	db = db_open(f.url, DB_READ, 5000, &failure);
	ck_assert_msg(db != NULL, "%s", failure_text(&failure));
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		say(db, out, queries[i]);
	say(db, out, numbers[db_dialect(db)]);
	if (schema)
		say_schema(db, out);
	db_close(db);
	fclose(out);
	return (text);
}

/* The database is ${before}, byte by byte, and can be used. */
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

/* Upgrade by ${steps} in another process. */
static pid_t
upgrading(const struct sql_step *steps)
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
	s->schema = AFTER_NEXT;
	_exit(store_upgrade(s) == 2 ? 0 : 2);
}

START_TEST(every_version_has_a_step_to_the_next)
{
	int n;

	for (n = 0; sql_upgrades[n].sql[DB_SQLITE] != NULL; n++)
		ck_assert_ptr_nonnull(sql_upgrades[n].sql[DB_POSTGRESQL]);
	ck_assert_int_eq(n + 1, STORE_SCHEMA);
}
END_TEST

START_TEST(an_upgrade_keeps_every_row_in_every_step)
{
	char *before = contents(false), *after;
	int rows = 0;

	plant(to_the_second, AFTER_NEXT);
	ck_assert_msg(store_upgrade(f.store) == 2, "%s",
	    failure_text(store_failure(f.store)));
	after = contents(false);
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
	ck_assert_int_eq(store_begin(f.store, DB_WRITE), 0);
	/* Statements that were made before serve after. */
	ck_assert_int_eq(store_users(f.store, 1, 3, none, &rows), 0);
	ck_assert_int_eq(rows, 5);
	/* References are watched again. */
	ck_assert_int_eq(
	    store_subscribe(f.store, &(struct store_account){.id = 2}, 3,
		&(struct store_user){.id = 1}),
	    -1);
	store_end(f.store);
	ck_assert_int_eq(store_upgrade(f.store), 0);
	/* A store that was opened before reports the new version. */
	plant(sql_upgrades, STORE_SCHEMA);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SETTINGS);
	ck_assert_int_eq(store_upgrade(f.store), -1);
}
END_TEST

START_TEST(an_older_schema_is_refused_and_init_is_named)
{
	plant(to_the_second, AFTER_NEXT);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SCHEMA);
	ck_assert_ptr_nonnull(strstr(failure_text(store_failure(f.store)),
	    "schema version 2, older than this program's 4; upgrade it with "
	    "\"notifyctl init\""));
}
END_TEST

START_TEST(an_error_in_the_second_step_undoes_the_first)
{
	char *before = contents(true);

	plant(to_the_second_in_vain, AFTER_NEXT);
	ck_assert_int_eq(store_upgrade(f.store), -1);
	ck_assert_ptr_nonnull(strstr(
	    failure_text(store_failure(f.store)), "from schema version 3"));
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	as_before(before);
}
END_TEST

START_TEST(steps_that_break_a_reference_are_undone)
{
	static const struct sql_step steps[] = {BEFORE,
	    {{"DELETE FROM user WHERE address LIKE 'ann@%'",
		"ALTER TABLE user DROP CONSTRAINT user_id_account_key CASCADE;"
		"DELETE FROM user WHERE address LIKE 'ann@%';"
		"ALTER TABLE user ADD UNIQUE (id, account);"
		"ALTER TABLE subscription ADD FOREIGN KEY (user, account)"
		"  REFERENCES user(id, account)"}}};
	char *before = contents(true);

	plant(steps, NEXT);
	ck_assert_int_eq(store_upgrade(f.store), -1);
	ck_assert_ptr_nonnull(strstr(failure_text(store_failure(f.store)),
	    fixture_postgresql() == NULL ? "refers to" : "foreign key"));
	as_before(before);
}
END_TEST

/* Wait until the upgrade in process ${pid} has begun. */
static void
wait_for_upgrade(void)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	struct failure failure = FAILURE_INIT;
	char wal[sizeof(f.url) + 8];
	struct db *db = NULL;
	struct stat st;
	int i, rc = 0;

	snprintf(wal, sizeof(wal), "%s-wal", f.url);
	if (fixture_postgresql() != NULL) {
		db = db_open(f.url, DB_READ, 100, &failure);
		ck_assert_ptr_nonnull(db);
	}
	for (i = 0; i < 20000; i++) {
		/* What does not fit into its memory is written before the
		 * end; a table that is recreated is locked. */
		if (db == NULL)
			rc = stat(wal, &st) == 0 && st.st_size > 4 << 20;
		else
			rc = db_exec(db, "SELECT 1 FROM user LIMIT 1") != 0;
		if (rc != 0)
			break;
		nanosleep(&moment, NULL);
	}
	db_close(db);
	ck_assert_int_lt(i, 20000);
}

START_TEST(an_upgrade_that_is_killed_leaves_the_old_database)
{
	static char many[400];
	static const struct sql_step steps[] = {
	    BEFORE, {{NEW_USER, NEW_USER_POSTGRESQL}}, {{many, many}}};
	char *before = contents(true);
	pid_t pid;
	int status;

	if (fixture_postgresql() != NULL)
		snprintf(many, sizeof(many), SLOWLY, "600");
	else
		snprintf(many, sizeof(many), MANY, "1e12");
	pid = upgrading(steps);
	wait_for_upgrade();
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status), "it ended with status %d", status);
	/* A server may need a moment to notice. */
	as_before(before);
}
END_TEST

/* False if the lookup fails. */
static bool
sees_the_old_roster(struct store *s)
{
	int rows = 0;

	if (store_begin(s, DB_READ) != 0)
		return (false);
	ck_assert_int_eq(store_users(s, 1, 3, none, &rows), 0);
	ck_assert_int_eq(rows, 5);
	store_end(s);
	return (true);
}

START_TEST(lookups_during_an_upgrade_see_the_old_roster)
{
	static char many[400];
	static const struct sql_step steps[] = {
	    BEFORE, {{NEW_USER, NEW_USER_POSTGRESQL}}, {{many, many}}};
	struct failure failure = FAILURE_INIT;
	struct store *s;
	pid_t pid;
	int status;

	if (fixture_postgresql() != NULL)
		snprintf(many, sizeof(many), SLOWLY, "1");
	else
		snprintf(many, sizeof(many), MANY, "200000");
	s = store_open(f.url, DB_LOOKUP, 5000, &failure);
	ck_assert_ptr_nonnull(s);
	ck_assert(sees_the_old_roster(s));
	pid = upgrading(steps);
	while (waitpid(pid, &status, WNOHANG) == 0)
		sees_the_old_roster(s);
	ck_assert_int_eq(status, 0);
	ck_assert(!sees_the_old_roster(s));
	ck_assert_ptr_nonnull(strstr(failure_text(store_failure(s)),
	    "schema version 4, newer than this program's 2"));
	store_close(s);
}
END_TEST

START_TEST(a_negative_version_is_not_ours)
{
	fixture_sql(&f,
	    fixture_postgresql() == NULL
		? "PRAGMA user_version = -1"
		: "UPDATE notify_milter SET version = -1");
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_upgrade(f.store), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_SETTINGS);
}
END_TEST

/* The roster becomes one that 0.1.0 made. */
static void
make_old(void)
{
	fixture_sql(&f, BACK_TO_1);
	fixture_sql(&f,
	    fixture_postgresql() == NULL
		? "PRAGMA user_version = 1"
		: "UPDATE notify_milter SET version = 1");
	/* notifyctl init opens a connection of its own, which has not seen the
	 * table. */
	store_close(f.store);
	f.store = store_open(f.url, DB_CREATE, 5000, &f.failure);
	ck_assert_ptr_nonnull(f.store);
}

/* What a message's lookup finds; the key is "" if there is none. */
static int
look_up(struct store *s, struct store_answer *answer)
{
	static const char *category[] = {"balance-and-payments"};
	static const char *account[] = {"acme"};
	struct store_question question = {.categories = {category, 1},
	    .accounts = {account, 1},
	    .people = STORE_ENTITLED};

	return (store_lookup(s, f.arena, &question, answer));
}

static struct store *
reader(bool older)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;

	s = store_open(f.url, DB_LOOKUP, 5000, &failure);
	ck_assert_ptr_nonnull(s);
	if (older)
		store_accept_older(s);
	return (s);
}

START_TEST(a_new_roster_and_an_upgraded_one_have_a_key_of_their_own)
{
	char first[STORE_SECRET_SIZE], second[STORE_SECRET_SIZE];

	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_secret(f.store, STORE_STAMP, first), 1);
	store_end(f.store);
	ck_assert(stamp_is_key(first));
	make_old();
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	store_forgive(f.store);
	ck_assert_msg(store_upgrade(f.store) == 2, "%s",
	    failure_text(store_failure(f.store)));
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_secret(f.store, STORE_STAMP, second), 1);
	store_end(f.store);
	ck_assert(stamp_is_key(second));
	ck_assert_str_ne(first, second);
	/* Again, it stays. */
	ck_assert_int_eq(store_upgrade(f.store), 0);
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_secret(f.store, STORE_STAMP, first), 1);
	store_end(f.store);
	ck_assert_str_eq(first, second);
}
END_TEST

START_TEST(a_key_that_was_deleted_is_made_again_by_init)
{
	char key[STORE_SECRET_SIZE];

	fixture_sql(&f, "DELETE FROM secret");
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_secret(f.store, STORE_STAMP, key), 0);
	store_end(f.store);
	ck_assert_msg(store_upgrade(f.store) == 2, "%s",
	    failure_text(store_failure(f.store)));
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_secret(f.store, STORE_STAMP, key), 1);
	store_end(f.store);
}
END_TEST

START_TEST(lookups_go_on_across_the_upgrade_and_back)
{
	struct store *s, *strict;
	struct store_answer answer;

	make_old();
	strict = reader(false);
	s = reader(true);
	ck_assert_int_eq(look_up(strict, &answer), -1);
	ck_assert_int_eq(store_failure(strict)->kind, FAILURE_SCHEMA);
	ck_assert_int_eq(look_up(s, &answer), 0);
	ck_assert_str_eq(answer.key, "");
	ck_assert_uint_eq(answer.people.n, 3);
	ck_assert_msg(store_upgrade(f.store) == 2, "%s",
	    failure_text(store_failure(f.store)));
	/* The connection that was open all the time. */
	ck_assert_int_eq(look_up(s, &answer), 0);
	ck_assert(stamp_is_key(answer.key));
	ck_assert_uint_eq(answer.people.n, 3);
	/* An older copy is restored. In PostgreSQL the connection locked the
	 * table that is gone: its next lookup fails, and the pool opens
	 * another. */
	make_old();
	if (fixture_postgresql() != NULL) {
		ck_assert_int_eq(look_up(s, &answer), -1);
		store_close(s);
		s = reader(true);
	}
	ck_assert_int_eq(look_up(s, &answer), 0);
	ck_assert_str_eq(answer.key, "");
	ck_assert_uint_eq(answer.people.n, 3);
	ck_assert_msg(store_upgrade(f.store) == 2, "%s",
	    failure_text(store_failure(f.store)));
	ck_assert_int_eq(look_up(s, &answer), 0);
	ck_assert(stamp_is_key(answer.key));
	store_close(s);
	store_close(strict);
}
END_TEST

START_TEST(a_damaged_key_is_an_error_and_not_taken_for_none)
{
	struct store *s = reader(true);
	struct store_answer answer;

	fixture_sql(&f, "UPDATE secret SET value = 'x'");
	ck_assert_int_eq(look_up(s, &answer), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_IO);
	store_close(s);
}
END_TEST

Suite *
test_upgrade(void)
{
	Suite *s = suite_create("upgrade");
	TCase *t = tcase_create("upgrade");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_version_has_a_step_to_the_next);
	tcase_add_test(t, an_upgrade_keeps_every_row_in_every_step);
	tcase_add_test(t, an_older_schema_is_refused_and_init_is_named);
	tcase_add_test(t, an_error_in_the_second_step_undoes_the_first);
	tcase_add_test(t, steps_that_break_a_reference_are_undone);
	tcase_add_test(t, an_upgrade_that_is_killed_leaves_the_old_database);
	tcase_add_test(t, lookups_during_an_upgrade_see_the_old_roster);
	tcase_add_test(t, a_negative_version_is_not_ours);
	tcase_add_test(
	    t, a_new_roster_and_an_upgraded_one_have_a_key_of_their_own);
	tcase_add_test(t, a_key_that_was_deleted_is_made_again_by_init);
	tcase_add_test(t, lookups_go_on_across_the_upgrade_and_back);
	tcase_add_test(t, a_damaged_key_is_an_error_and_not_taken_for_none);
	suite_add_tcase(s, t);
	return (s);
}
