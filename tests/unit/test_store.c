/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_store - a failed lookup never reads as "not found"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "decision/pool.h"
#include "roster/notice.h"
#include "store/sql.h"
#include "store/store_health.h"
#include "store/store_link.h"
#include "store/store_notice.h"
#include "unit/fixture.h"
#include "unit/suites.h"

static struct fixture f;

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

static int
none(void *ctx, const struct store_user *u)
{
	(void)u;
	++*(int *)ctx;
	return (0);
}

START_TEST(a_locked_database_is_reported_not_taken_as_no_subscription)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;
	sqlite3 *db;

	store_close(f.store);
	f.store = NULL;
	ck_assert_int_eq(sqlite3_open(f.url, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE",
		NULL, NULL, NULL),
	    SQLITE_OK);
	s = store_open(f.url, DB_READ, 50, &failure);
	if (s != NULL) {
		ck_assert_int_eq(store_begin(s, DB_READ), -1);
		failure_set(&failure, store_failure(s)->kind, "begin");
		store_close(s);
	}
	ck_assert_int_eq(failure.kind, FAILURE_BUSY);
	failure_clear(&failure);
	sqlite3_close(db);
}
END_TEST

START_TEST(a_reserved_domain_is_compared_letter_by_letter)
{
	static const struct {
		const char *domain;
		int reserved;
	} cases[] = {
	    {"acme.example", 6}, /* ann in two accounts */
	    {"acme_example", 0}, /* no wildcard */
	    {"acm_.example", 0},
	    {"%", 0},
	    {"example", 0},
	    {"cme.example", 0},
	    {"", 0},
	};
	struct store_health h;
	size_t i;

	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(store_health(f.store, "telegram.invalid",
				     cases[i].domain, &h),
		    1);
		ck_assert_msg(h.reserved == cases[i].reserved,
		    "%s: got %lld, want %d", cases[i].domain,
		    (long long)h.reserved, cases[i].reserved);
	}
	store_end(f.store);
}
END_TEST

START_TEST(a_check_that_runs_out_of_time_says_neither_sound_nor_damaged)
{
	int i;

	fixture_sql(&f,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < 20000) INSERT INTO change(at, actor, account, action,"
	    " subject, detail) SELECT i, 'a', 'b', 'c', 'd', 'e' FROM n");
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(store_check(f.store, 0), 1);
		ck_assert_int_eq(store_check(f.store, 60), 0);
	}
	ck_assert_int_eq(store_failure(f.store)->kind, FAILURE_NONE);
}
END_TEST

START_TEST(a_row_that_refers_to_a_missing_one_is_damage)
{
	fixture_sql(&f,
	    "PRAGMA foreign_keys=OFF; DELETE FROM account WHERE name = 'beta'");
	ck_assert_int_eq(store_check(f.store, 60), -1);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(f.store)), "damaged"));
}
END_TEST

static const struct {
	const char *break_it;
	enum failure_kind kind;
} broken[] = {
    {"PRAGMA user_version = 99", FAILURE_SETTINGS},
    {"PRAGMA application_id = 7", FAILURE_SETTINGS},
    {"PRAGMA user_version = 0", FAILURE_SCHEMA},
};

START_TEST(a_schema_that_is_not_ours_is_refused_before_any_lookup)
{
	fixture_sql(&f, broken[_i].break_it);
	ck_assert_int_eq(store_begin(f.store, DB_READ), -1);
	ck_assert_int_eq(store_failure(f.store)->kind, broken[_i].kind);
}
END_TEST

START_TEST(a_missing_database_is_a_failure_and_is_not_created)
{
	struct failure failure = FAILURE_INIT;

	ck_assert_ptr_null(
	    store_open("/tmp/nm-unit-nowhere.db", DB_WRITE, 50, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_SCHEMA);
	ck_assert_int_ne(access("/tmp/nm-unit-nowhere.db", F_OK), 0);
	failure_clear(&failure);
}
END_TEST

START_TEST(a_file_that_is_not_a_database_is_refused)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/text", f.folder);
	out = fopen(path, "w");
	fprintf(out, "%0512d", 1);
	fclose(out);
	s = store_open(path, DB_READ, 50, &failure);
	if (s != NULL) {
		ck_assert_int_eq(store_begin(s, DB_READ), -1);
		failure_set(&failure, store_failure(s)->kind, "begin");
		store_close(s);
	}
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	failure_clear(&failure);
	unlink(path);
}
END_TEST

START_TEST(a_restored_copy_returns_to_wal_mode)
{
	sqlite3 *db;
	sqlite3_stmt *mode;

	store_close(f.store);
	f.store = NULL;
	fixture_sql(&f, "PRAGMA journal_mode=DELETE");
	f.store = store_open(f.url, DB_CREATE, 100, &f.failure);
	ck_assert_int_eq(store_upgrade(f.store), 0);
	ck_assert_int_eq(sqlite3_open(f.url, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &mode, NULL),
	    SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(mode), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(mode, 0), "wal");
	sqlite3_finalize(mode);
	sqlite3_close(db);
}
END_TEST

START_TEST(an_account_has_never_two_owners)
{
	int64_t id;

	fixture_begin(&f);
	ck_assert_int_eq(
	    store_user_add(f.store, &(struct store_account){.id = 1},
		"x@acme.example", "x@acme.example", ROLE_OWNER, "", &id),
	    -1);
	store_end(f.store);
}
END_TEST

START_TEST(a_subscription_belongs_to_the_account_of_its_user)
{
	fixture_begin(&f);
	/* User 1 is acme's: account 2 is beta. */
	ck_assert_int_eq(
	    store_subscribe(f.store, &(struct store_account){.id = 2}, 3,
		&(struct store_user){.id = 1}),
	    -1);
	store_end(f.store);
}
END_TEST

START_TEST(a_transaction_sees_one_state_of_the_roster)
{
	struct failure failure = FAILURE_INIT;
	struct store *reader;
	int before = 0, after = 0;

	reader = store_open(f.url, DB_READ, 100, &failure);
	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(store_begin(reader, DB_READ), 0);
	ck_assert_int_eq(store_users(reader, 1, 0, none, &before), 0);
	fixture_sql(&f, "DELETE FROM user WHERE role = 'subscriber'");
	ck_assert_int_eq(store_users(reader, 1, 0, none, &after), 0);
	ck_assert_int_eq(before, 5);
	ck_assert_int_eq(after, 5);
	store_end(reader);
	after = 0;
	ck_assert_int_eq(store_begin(reader, DB_READ), 0);
	ck_assert_int_eq(store_users(reader, 1, 0, none, &after), 0);
	ck_assert_int_eq(after, 4);
	store_close(reader);
}
END_TEST

/* Collect the keys of the members, in the order of the rows. */
static int
take_key(void *ctx, const struct store_user *u)
{
	if (u->role != ROLE_OWNER)
		strcat(strcat(ctx, u->key), " ");
	return (0);
}

START_TEST(users_come_in_the_byte_order_of_their_keys)
{
	static const char *const keys[] = {"-b@x.example", "B@x.example",
	    "_a@x.example", "a-a@x.example", "a.b@x.example", "aa@x.example",
	    "\u00e9@x.example"};
	char got[512] = "", want[512] = "";
	int64_t id;
	size_t i;

	fixture_begin(&f);
	for (i = sizeof(keys) / sizeof(keys[0]); i > 0; i--)
		ck_assert_int_eq(
		    store_user_add(f.store, &(struct store_account){.id = 2},
			keys[i - 1], keys[i - 1], ROLE_MEMBER, "", &id),
		    1);
	ck_assert_int_eq(store_user_remove(f.store, 7), 1);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		strcat(strcat(want, keys[i]), " ");
	ck_assert_int_eq(store_users(f.store, 2, 0, take_key, got), 0);
	ck_assert_str_eq(got, want);
	fixture_commit(&f);
}
END_TEST

START_TEST(every_statement_is_understood_and_a_missing_table_is_not)
{
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_msg(store_check(f.store, 60) == 0, "%s",
	    failure_text(store_failure(f.store)));
	store_end(f.store);
	fixture_sql(&f, "DROP TABLE waiting");
	store_close(f.store);
	f.store = store_open(f.url, DB_READ, 100, &f.failure);
	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_check(f.store, 60), -1);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(store_failure(f.store)), "waiting"));
	store_end(f.store);
}
END_TEST

START_TEST(the_id_of_a_link_is_not_used_twice)
{
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, INT64_MAX, 1, 70, 0), 1);
	ck_assert_int_eq(store_link_add(f.store, INT64_MAX, 2, 71, 0), 0);
	/* It is no failure: the transaction goes on. */
	ck_assert_int_eq(store_link_add(f.store, 1, 2, 71, 0), 1);
	/* A second link of a user is one. */
	ck_assert_int_eq(store_link_add(f.store, 3, 2, 72, 0), -1);
	store_end(f.store);
}
END_TEST

START_TEST(a_pool_notices_that_its_database_was_replaced_or_removed)
{
	struct failure failure = FAILURE_INIT;
	struct pool *pool = fixture_pool(f.url, 50);
	struct store *s;
	char aside[128];

	s = pool_take(pool, POOL_ASKED, &failure);
	ck_assert_ptr_nonnull(s);
	pool_put(pool, POOL_ASKED, s);
	snprintf(aside, sizeof(aside), "%s/aside", f.folder);
	ck_assert_int_eq(rename(f.url, aside), 0);
	ck_assert_ptr_null(pool_take(pool, POOL_ASKED, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_SCHEMA);
	ck_assert_int_eq(rename(aside, f.url), 0);
	s = pool_take(pool, POOL_ASKED, &failure);
	ck_assert_ptr_nonnull(s);
	pool_put(pool, POOL_ASKED, s);
	pool_free(pool);
	failure_clear(&failure);
}
END_TEST

/* How many of our descriptors are of ${path}. */
static int
open_at(const char *path)
{
	char name[32], target[256];
	ssize_t len;
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		len = readlink(name, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		n += strcmp(target, path) == 0;
	}
	return (n);
}

START_TEST(a_database_that_was_replaced_is_closed_at_once)
{
	struct failure failure = FAILURE_INIT;
	struct pool *pool = fixture_pool(f.url, 50);
	struct store *s[4];
	char aside[128], copy[sizeof(f.url) + 140];
	int i;

	store_close(f.store);
	f.store = NULL;
	for (i = 0; i < 4; i++)
		s[i] = pool_take(pool, POOL_ASKED, &failure);
	for (i = 0; i < 4; i++)
		pool_put(pool, POOL_ASKED, s[i]);
	snprintf(aside, sizeof(aside), "%s/aside", f.folder);
	snprintf(copy, sizeof(copy), "cp %s %s", aside, f.url);
	ck_assert_int_eq(rename(f.url, aside), 0);
	ck_assert_int_eq(system(copy), 0);
	ck_assert_int_eq(open_at(aside), 4);
	s[0] = pool_take(pool, POOL_ASKED, &failure);
	ck_assert_ptr_nonnull(s[0]);
	ck_assert_int_eq(open_at(aside), 0);
	pool_put(pool, POOL_ASKED, s[0]);
	pool_free(pool);
	unlink(aside);
	failure_clear(&failure);
}
END_TEST

START_TEST(a_pool_at_its_limit_is_busy)
{
	struct failure failure = FAILURE_INIT;
	struct pool *pool = fixture_pool(f.url, 20);
	struct store *s[POOL_MAX];
	int i;

	for (i = 0; i < POOL_MAX; i++) {
		s[i] = pool_take(pool, POOL_ASKED, &failure);
		ck_assert_ptr_nonnull(s[i]);
	}
	ck_assert_ptr_null(pool_take(pool, POOL_ASKED, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_BUSY);
	pool_put(pool, POOL_ASKED, s[0]);
	s[0] = pool_take(pool, POOL_ASKED, &failure);
	ck_assert_ptr_nonnull(s[0]);
	for (i = 0; i < POOL_MAX; i++)
		pool_put(pool, POOL_ASKED, s[i]);
	pool_free(pool);
	failure_clear(&failure);
}
END_TEST

/* A mailer that refuses the first ${*ctx} notices. */
static int handed, noted;

static const struct store_notice unsubscribed = {.at = 1,
    .account = "acme",
    .address = "ann@acme.example",
    .kind = NOTICE_UNSUBSCRIBED,
    .detail = "Services",
    .actor = "olga"};

static int
hand_over(void *ctx, const struct store_notice *n, struct failure *failure)
{
	(void)n;
	if ((*(int *)ctx)-- > 0)
		return (failure_set(failure, FAILURE_DATA, "refused"));
	handed++;
	return (0);
}

START_TEST(a_refused_notice_is_kept_and_none_is_sent_twice)
{
	struct store_notice n = unsubscribed;
	int refusals = 1;
	const struct notice_sender sender = {hand_over, NULL, &refusals};

	handed = 0;
	fixture_begin(&f);
	ck_assert_int_eq(store_notice_add(f.store, &n), 1);
	ck_assert_int_eq(store_notice_add(f.store, &n), 1);
	fixture_commit(&f);
	ck_assert_int_eq(
	    notice_flush(f.store, f.arena, false, 0, &sender, NULL, &f.failure),
	    1);
	ck_assert_int_eq(handed, 1);
	ck_assert_int_eq(
	    notice_flush(f.store, f.arena, false, 0, &sender, NULL, &f.failure),
	    0);
	ck_assert_int_eq(handed, 2);
	ck_assert_int_eq(
	    notice_flush(f.store, f.arena, false, 0, &sender, NULL, &f.failure),
	    0);
	ck_assert_int_eq(handed, 2);
}
END_TEST

/* Fails the first time, as in a database that is locked for a moment. */
static int
note_more(void *ctx, const struct store_notice *n, struct failure *failure)
{
	struct store_change change = {.at = 1,
	    .actor = "olga",
	    .account = "acme",
	    .action = "noted",
	    .subject = n->address,
	    .detail = ""};

	(void)ctx;
	ck_assert_int_eq(store_record(f.store, &change), 0);
	return (
	    noted++ == 0 ? failure_set(failure, FAILURE_BUSY, "locked") : 0);
}

static int
count_noted(void *ctx, const struct store_change *change)
{
	*(int *)ctx += strcmp(change->action, "noted") == 0;
	return (0);
}

START_TEST(what_is_noted_of_a_notice_that_was_sent_is_noted_once_and_whole)
{
	struct store_notice n = unsubscribed;
	int refusals = 0, records = 0;
	const struct notice_sender sender = {hand_over, note_more, &refusals};

	handed = noted = 0;
	fixture_begin(&f);
	ck_assert_int_eq(store_notice_add(f.store, &n), 1);
	fixture_commit(&f);
	ck_assert_int_eq(
	    notice_flush(f.store, f.arena, false, 0, &sender, NULL, &f.failure),
	    0);
	ck_assert_int_eq(handed, 1);
	ck_assert_int_eq(noted, 2);
	ck_assert_int_eq(
	    notice_flush(f.store, f.arena, false, 0, &sender, NULL, &f.failure),
	    0);
	ck_assert_int_eq(handed, 1);
	ck_assert_int_eq(
	    store_changes(f.store, "acme", count_noted, &records), 0);
	ck_assert_int_eq(records, 1);
}
END_TEST

/* A table that is not named there is not locked before it is read. */
START_TEST(every_table_of_the_schema_is_among_its_names)
{
	static const char create[] = "CREATE TABLE ";
	char names[400] = "";
	const char *s;
	size_t len;

	for (s = sql_schema; (s = strstr(s, create)) != NULL; s += len) {
		s += strlen(create);
		len = strcspn(s, "(");
		snprintf(names + strlen(names), sizeof(names) - strlen(names),
		    "%s%.*s", *names == '\0' ? "" : ",", (int)len, s);
	}
	ck_assert_str_eq(sql_tables, names);
}
END_TEST

Suite *
test_store(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_reserved_domain_is_compared_letter_by_letter);
	tcase_add_test(t, an_account_has_never_two_owners);
	tcase_add_test(t, a_subscription_belongs_to_the_account_of_its_user);
	tcase_add_test(t, a_transaction_sees_one_state_of_the_roster);
	tcase_add_test(t, users_come_in_the_byte_order_of_their_keys);
	tcase_add_test(
	    t, every_statement_is_understood_and_a_missing_table_is_not);
	tcase_add_test(t, the_id_of_a_link_is_not_used_twice);
	tcase_add_test(t, a_pool_at_its_limit_is_busy);
	tcase_add_test(t, a_refused_notice_is_kept_and_none_is_sent_twice);
	tcase_add_test(
	    t, what_is_noted_of_a_notice_that_was_sent_is_noted_once_and_whole);
	tcase_add_test(t, every_table_of_the_schema_is_among_its_names);
	suite_add_tcase(s, t);
	if (fixture_postgresql() != NULL)
		return (s);
	/* About the file. */
	t = tcase_create("file");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(
	    t, a_locked_database_is_reported_not_taken_as_no_subscription);
	tcase_add_loop_test(
	    t, a_schema_that_is_not_ours_is_refused_before_any_lookup, 0, 3);
	tcase_add_test(
	    t, a_check_that_runs_out_of_time_says_neither_sound_nor_damaged);
	tcase_add_test(t, a_row_that_refers_to_a_missing_one_is_damage);
	tcase_add_test(t, a_missing_database_is_a_failure_and_is_not_created);
	tcase_add_test(t, a_file_that_is_not_a_database_is_refused);
	tcase_add_test(t, a_restored_copy_returns_to_wal_mode);
	tcase_add_test(
	    t, a_pool_notices_that_its_database_was_replaced_or_removed);
	tcase_add_test(t, a_database_that_was_replaced_is_closed_at_once);
	suite_add_tcase(s, t);
	return (s);
}
