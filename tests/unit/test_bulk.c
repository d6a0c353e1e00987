/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_bulk - very many changes, sent to a server without waiting
 */
#include <stdio.h>
#include <string.h>

#include "roster/import.h"
#include "store/store_lookup.h"
#include "unit/fixture.h"
#include "unit/pgproxy.h"
#include "unit/suites.h"

#define USERS 7 /* of the fixture's roster */

static struct fixture f;
static struct pgproxy proxy;
static char url[600];

static void
setup(void)
{
	fixture_open(&f);
	pgproxy_open(&proxy, f.url, url, sizeof(url));
}

static void
teardown(void)
{
	pgproxy_close(&proxy);
	fixture_close(&f);
}

static struct store *
opened(void)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;

	s = store_open(url, DB_WRITE, 5000, &failure);
	ck_assert_msg(s != NULL, "%s", failure_text(&failure));
	ck_assert_int_eq(store_bulk(s), 0);
	return (s);
}

static int
count(void *ctx, const struct store_account *account)
{
	*(int *)ctx += (int)account->users;
	return (0);
}

/* How many users another connection sees. */
static int
users(void)
{
	int n = 0;

	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_accounts(f.store, count, &n), 0);
	store_end(f.store);
	return (n);
}

static int
count_change(void *ctx, const struct store_change *c)
{
	(void)c;
	++*(int64_t *)ctx;
	return (0);
}

/* How many changes are recorded. */
static int64_t
changes(void)
{
	int64_t n = 0;

	ck_assert_int_eq(store_begin(f.store, DB_READ), 0);
	ck_assert_int_eq(store_changes(f.store, NULL, count_change, &n), 0);
	store_end(f.store);
	return (n);
}

static int
add_rows(struct import *im, int accounts, int of_each)
{
	static const char *const roles[] = {"owner", "member", "subscriber"};
	static const char *const categories[] = {
	    "", "services;scheduled-maintenance", "balance-and-payments"};
	char account[32], address[64];
	int i, which, rc = 0;

	for (i = 0; i < accounts * of_each && rc == 0; i++) {
		snprintf(account, sizeof(account), "n%d", i / of_each);
		snprintf(address, sizeof(address), "u%d@n.example", i);
		which = i % of_each == 0 ? 0 : 1 + i % 2;
		rc = import_row(im, (size_t)i + 1,
		    &(struct import_cells){account, address, roles[which],
			categories[which], NULL});
	}
	return (rc);
}

/* Run import_apply() on ${accounts} accounts with ${of_each} users each. */
static int
apply_accounts(struct store *s, int accounts, int of_each)
{
	struct changes c = f.changes;
	struct import *im;
	int rc;

	c.store = s;
	im = import_new(&c, "list");
	rc = add_rows(im, accounts, of_each);
	if (rc == 0)
		rc = import_apply(im, IMPORT_REMOVE_NOTHING);
	import_free(im);
	return (rc);
}

/* Import them, in a transaction. */
static int
import_accounts(struct store *s, int accounts, int of_each)
{
	int rc;

	rc = store_begin(s, DB_WRITE);
	if (rc != 0)
		return (-1);
	rc = apply_accounts(s, accounts, of_each);
	if (rc == 0)
		rc = store_commit(s);
	if (rc != 0)
		store_end(s);
	return (rc);
}

START_TEST(an_import_waits_for_few_answers)
{
	struct store *s = opened();

	proxy.counting = true;
	ck_assert_msg(import_accounts(s, 300, 3) == 0, "%s",
	    failure_text(store_failure(s)));
	ck_assert_int_lt(proxy.waits, 60);
	store_close(s);
	ck_assert_int_eq(users(), USERS + 900);
}
END_TEST

START_TEST(an_import_that_changes_nothing_waits_for_few_answers)
{
	struct store *s = opened();
	int64_t before;

	ck_assert_int_eq(import_accounts(s, 1, 600), 0);
	before = changes();
	proxy.counting = true;
	ck_assert_int_eq(import_accounts(s, 1, 600), 0);
	ck_assert_int_lt(proxy.waits, 100);
	store_close(s);
	ck_assert_int_eq(changes(), before);
}
END_TEST

/* Import with ${way} cut after ${i} bytes. True if all of it is made. If the
 * commit was sent and not answered, nobody knows: count that in ${*doubts}. */
static bool
cut_at(atomic_long *way, long i, int *doubts)
{
	struct store *s = opened();
	bool unknown;
	int rc, n;

	*way = i;
	/* Changes that are written together: none is left over at the end. */
	rc = import_accounts(s, 48, 3);
	unknown =
	    strstr(failure_text(store_failure(s)), "unknown whether") != NULL;
	*doubts += unknown;
	ck_assert(rc == 0 || store_failure(s)->kind == FAILURE_IO);
	store_close(s);
	*way = PGPROXY_ALL;
	n = users();
	if (rc == 0 || (unknown && n != USERS))
		ck_assert_int_eq(n, USERS + 144);
	else
		ck_assert_int_eq(n, USERS);
	return (n != USERS);
}

START_TEST(an_import_that_is_cut_anywhere_is_made_whole_or_not_at_all)
{
	atomic_long *way = _i == 0 ? &proxy.asked : &proxy.allowed;
	int doubts = 0;
	long i;

	for (i = 0; !cut_at(way, i, &doubts); i += _i == 0 ? 1999 : 97)
		ck_assert_int_lt(i, 200000);
	ck_assert_int_gt(i, _i == 0 ? 5000 : 1500);
	ck_assert_int_le(doubts, 1);
}
END_TEST

/* Post ${n} changes, of which the one in the middle is refused. */
static void
post(struct store *s, int n)
{
	const struct store_account beta = {.id = 2, .key = "beta"};
	const struct store_user nobody = {.key = "nobody@beta.example"};
	char address[64];
	int64_t id;
	int i;

	for (i = 0; i < n; i++) {
		snprintf(address, sizeof(address), "p%d@beta.example", i);
		ck_assert_int_eq(store_user_add(s, &beta, address, address,
				     ROLE_MEMBER, "", &id),
		    1);
		if (i == n / 2)
			ck_assert_int_eq(
			    store_subscribe(s, &beta, 3, &nobody), 1);
	}
}

START_TEST(the_commit_reports_a_refused_change_at_the_latest)
{
	struct store *s = opened();

	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	post(s, 300);
	ck_assert_int_eq(store_commit(s), -1);
	ck_assert_int_eq(store_failure(s)->kind, FAILURE_IO);
	ck_assert_msg(
	    strstr(failure_text(store_failure(s)), "null value") != NULL,
	    "got \"%s\"", failure_text(store_failure(s)));
	store_end(s);
	ck_assert_int_eq(users(), USERS);
	/* And then it goes on. */
	ck_assert_int_eq(import_accounts(s, 1, 3), 0);
	store_close(s);
	ck_assert_int_eq(users(), USERS + 3);
}
END_TEST

START_TEST(the_next_lookup_reports_a_refused_change)
{
	struct store *s = opened();
	struct store_user user;

	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	ck_assert_int_eq(
	    store_user(s, f.arena, 1, "ann@acme.example", 0, &user), 1);
	post(s, 3);
	ck_assert_int_eq(
	    store_user(s, f.arena, 1, "ann@acme.example", 0, &user), -1);
	ck_assert_msg(
	    strstr(failure_text(store_failure(s)), "null value") != NULL,
	    "got \"%s\"", failure_text(store_failure(s)));
	ck_assert_int_eq(store_commit(s), -1);
	store_end(s);
	store_close(s);
	ck_assert_int_eq(users(), USERS);
}
END_TEST

/* A dry run rolls back then, without a commit. */
START_TEST(an_applied_import_has_no_pending_changes)
{
	static const char *const tables[] = {"subscription", "change"};
	struct store *s = opened();
	char sql[80];

	snprintf(sql, sizeof(sql),
	    "ALTER TABLE %s ADD CONSTRAINT none CHECK (false) NOT VALID",
	    tables[_i]);
	fixture_sql(&f, sql);
	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	ck_assert_int_eq(apply_accounts(s, 1, 3), -1);
	ck_assert_msg(strstr(failure_text(&f.failure), "constraint") != NULL,
	    "got \"%s\"", failure_text(&f.failure));
	store_end(s);
	store_close(s);
}
END_TEST

START_TEST(a_lookup_sees_pending_changes)
{
	static const char *const keys[] = {
	    "x@beta.example", "y@beta.example", "z@beta.example"};
	const struct store_account beta = {.id = 2};
	struct store *s = opened();
	struct store_user user;
	int64_t id;
	int i;

	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(
		    store_user(s, f.arena, 2, keys[i], 0, &user), 0);
		ck_assert_int_eq(store_user_add(s, &beta, keys[i], keys[i],
				     ROLE_MEMBER, "", &id),
		    1);
		ck_assert_int_eq(
		    store_user(s, f.arena, 2, keys[i], 0, &user), 1);
		ck_assert_int_gt(user.id, 0);
	}
	ck_assert_int_eq(store_commit(s), 0);
	store_close(s);
}
END_TEST

START_TEST(a_rollback_drops_pending_changes)
{
	struct store *s = opened();

	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	post(s, 3);
	store_end(s);
	ck_assert_int_eq(store_begin(s, DB_WRITE), 0);
	ck_assert_int_eq(store_commit(s), 0);
	store_close(s);
	ck_assert_int_eq(users(), USERS);
}
END_TEST

Suite *
test_bulk(void)
{
	Suite *s = suite_create("bulk");
	TCase *t = tcase_create("bulk");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_import_waits_for_few_answers);
	tcase_add_test(t, an_import_that_changes_nothing_waits_for_few_answers);
	tcase_add_loop_test(t,
	    an_import_that_is_cut_anywhere_is_made_whole_or_not_at_all, 0, 2);
	tcase_add_test(t, the_commit_reports_a_refused_change_at_the_latest);
	tcase_add_test(t, the_next_lookup_reports_a_refused_change);
	tcase_add_loop_test(t, an_applied_import_has_no_pending_changes, 0, 2);
	tcase_add_test(t, a_lookup_sees_pending_changes);
	tcase_add_test(t, a_rollback_drops_pending_changes);
	suite_add_tcase(s, t);
	return (s);
}
