/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_import - the roster is brought into line with rows, or left alone
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roster/import.h"
#include "unit/fixture.h"
#include "unit/suites.h"

#define ROWS 4
#define STATE_SIZE 4096

/* An account, an address, a role and categories in each. */
typedef const char *const rows[ROWS][4];

static struct fixture f;

static void
setup(void)
{
	fixture_open(&f);
	fixture_begin(&f);
	f.changes.n = 0;
}

static void
teardown(void)
{
	store_end(f.store);
	fixture_close(&f);
}

/* Import the rows up to the first that is empty. */
static int
import(rows list, bool sync)
{
	struct import *im = import_new(&f.changes, "list");
	size_t i;
	int rc = 0;

	ck_assert_ptr_nonnull(im);
	f.changes.n = 0;
	for (i = 0; i < ROWS && list[i][0] != NULL && rc == 0; i++)
		rc = import_row(im, i + 1,
		    &(struct import_cells){
			list[i][0], list[i][1], list[i][2], list[i][3], NULL});
	if (rc == 0)
		rc = import_apply(
		    im, sync ? IMPORT_REMOVE_MANY : IMPORT_REMOVE_NOTHING);
	import_free(im);
	return (rc);
}

static void
import_good(rows list, bool sync)
{
	ck_assert_msg(import(list, sync) == 0, "%s", failure_text(&f.failure));
}

static int
add_line(void *ctx, const struct store_export *e)
{
	char *state = ctx;
	size_t len = strlen(state);

	snprintf(state + len, STATE_SIZE - len, "%s %s %s %s\n", e->account,
	    e->address, role_name(e->role), e->category);
	return (0);
}

/* The whole roster, in lines. */
static const char *
state(char text[STATE_SIZE])
{
	*text = '\0';
	ck_assert_int_eq(store_export(f.store, 0, add_line, text), 0);
	return (text);
}

static const struct {
	rows list;
	const char *fault; /* NULL: fine */
} lists[] = {
    {{{"acme", "new@acme.example", "member", "services"}}, NULL},
    {{{"gamma", "g@g.example", "owner", ""}}, NULL},
    {{{"gamma", "g@g.example", "member", ""}}, "list:1:"},
    {{{"gamma", "g@g.example", "owner", ""},
	 {"gamma", "h@g.example", "owner", ""}},
	"list:2:"},
    {{{"gamma", "g@g.example", "owner", ""},
	 {"gamma", "G@g.example", "member", ""}},
	"list:2:"},
    {{{"acme", "new@acme.example", "member", "services"},
	 {"acme", "x@acme.example", "member", ""},
	 {"acme", "New@ACME.example", "subscriber", ""}},
	"list:3:"},
    {{{"acme", "new@acme.example", "member", ""},
	 {"acme", "olga@acme.example", "member", ""}},
	"list:2:"},
    {{{"acme", "new@acme.example", "member", ""},
	 {"acme", "x@acme.example", "king", ""}},
	"list:2:"},
    {{{"acme", "x", "member", ""}}, "list:1:"},
    {{{"acme", "x@accounts.example", "member", ""}}, "list:1:"},
    {{{"a b", "x@acme.example", "member", ""}}, "list:1:"},
    {{{"acme", "x@acme.example", "member", "lunch"}}, "list:1:"},
    {{{"acme", "x@acme.example", "subscriber", "services"}}, "list:1:"},
};

START_TEST(a_wrong_row_is_named_and_changes_nothing)
{
	char before[STATE_SIZE], after[STATE_SIZE];
	const char *fault = lists[_i].fault;

	state(before);
	ck_assert_int_eq(import(lists[_i].list, false), fault == NULL ? 0 : -1);
	if (fault == NULL)
		return;
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
	ck_assert_msg(
	    strncmp(failure_text(&f.failure), fault, strlen(fault)) == 0,
	    "got \"%s\", want \"%s\"", failure_text(&f.failure), fault);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(&f.failure), "nothing was imported"));
	store_end(f.store);
	fixture_begin(&f);
	ck_assert_str_eq(state(after), before);
}
END_TEST

START_TEST(the_same_rows_twice_change_nothing_the_second_time)
{
	static rows list = {
	    {"gamma", "g@g.example", "owner", ""},
	    {"gamma", "h@g.example", "member", "services;Services"},
	    {"acme", "olga@acme.example", "owner", ""},
	    {"acme", "new@acme.example", "subscriber", "balance & payments"},
	};
	char first[STATE_SIZE], second[STATE_SIZE];

	import_good(list, _i == 1);
	ck_assert_uint_gt(f.changes.n, 0);
	state(first);
	import_good(list, _i == 1);
	ck_assert_uint_eq(f.changes.n, 0);
	ck_assert_str_eq(state(second), first);
}
END_TEST

START_TEST(another_owner_is_a_transfer)
{
	static rows list = {
	    {"acme", "ann@acme.example", "owner", ""},
	    {"acme", "olga@acme.example", "member", "services"},
	};
	struct store_user user;

	import_good(list, false);
	ck_assert_int_eq(
	    store_user(f.store, f.arena, 1, "ann@acme.example", 3, &user), 1);
	ck_assert_int_eq(user.role, ROLE_OWNER);
	/* An owner receives all: it is subscribed to nothing. */
	ck_assert(!user.subscribed);
	ck_assert_int_eq(
	    store_user(f.store, f.arena, 1, "olga@acme.example", 5, &user), 1);
	ck_assert_int_eq(user.role, ROLE_MEMBER);
	ck_assert(user.subscribed);
}
END_TEST

START_TEST(a_new_user_can_be_the_new_owner)
{
	static rows list = {{"acme", "new@acme.example", "owner", ""}};
	struct store_user user;

	import_good(list, false);
	ck_assert_int_eq(
	    store_user(f.store, f.arena, 1, "new@acme.example", 0, &user), 1);
	ck_assert_int_eq(user.role, ROLE_OWNER);
	ck_assert_int_eq(
	    store_user(f.store, f.arena, 1, "olga@acme.example", 0, &user), 1);
	ck_assert_int_eq(user.role, ROLE_USER_ADMIN);
}
END_TEST

static int
count_unsubscribed(void *ctx, const struct store_change *c)
{
	*(int *)ctx += strcmp(c->action, "unsubscribe") == 0;
	return (0);
}

START_TEST(what_another_role_ends_is_not_ended_once_more)
{
	static rows list = {
	    {"acme", "olga@acme.example", "owner", ""},
	    {"acme", "ann@acme.example", "subscriber", "balance-and-payments"},
	    {"acme", "sue@acme.example", "subscriber", ""},
	};
	char *ann[] = {"ann@acme.example"};
	int n = 0;

	ck_assert_int_eq(roster_subscribe(&f.changes, "acme", "services", ann,
			     1, "olga@acme.example"),
	    0);
	import_good(list, true);
	/* Ann from services, sue from balance-and-payments. */
	ck_assert_int_eq(
	    store_changes(f.store, "acme", count_unsubscribed, &n), 0);
	ck_assert_int_eq(n, 2);
}
END_TEST

START_TEST(what_another_role_ends_cannot_be_kept)
{
	static rows member = {{"acme", "ann@acme.example", "member",
			"services"}},
		    subscriber = {
			{"acme", "ann@acme.example", "subscriber", "services"}};

	import_good(member, false);
	ck_assert_int_eq(import(subscriber, false), -1);
	ck_assert_ptr_nonnull(
	    strstr(failure_text(&f.failure), "not open to subscribers"));
}
END_TEST

START_TEST(a_sync_removes_what_no_row_names)
{
	static rows list = {
	    {"acme", "olga@acme.example", "owner", ""},
	    {"acme", "ann@acme.example", "member", "services"},
	};
	char text[STATE_SIZE];

	import_good(list, true);
	ck_assert_str_eq(state(text),
	    "acme olga@acme.example owner \n"
	    "acme ann@acme.example member services\n");
}
END_TEST

START_TEST(without_sync_what_no_row_names_stays)
{
	static rows list = {{"acme", "ann@acme.example", "member", "services"}};
	char text[STATE_SIZE];

	import_good(list, false);
	state(text);
	ck_assert_ptr_nonnull(
	    strstr(text, "acme ann@acme.example member balance-and-payments"));
	ck_assert_ptr_nonnull(
	    strstr(text, "acme ann@acme.example member services"));
	ck_assert_ptr_nonnull(strstr(text, "acme bill@acme.example"));
	ck_assert_ptr_nonnull(strstr(text, "beta otto@beta.example"));
}
END_TEST

START_TEST(a_sync_with_no_row_is_refused)
{
	static rows list = {{NULL}};
	char before[STATE_SIZE], after[STATE_SIZE];

	state(before);
	ck_assert_int_eq(import(list, true), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
	ck_assert_str_eq(state(after), before);
}
END_TEST

START_TEST(a_sync_that_would_leave_no_owner_is_refused)
{
	static rows list = {{"acme", "ann@acme.example", "member", ""}};

	ck_assert_int_eq(import(list, true), -1);
	ck_assert_ptr_nonnull(strstr(failure_text(&f.failure), "owner"));
}
END_TEST

/* Rosters with accounts around the sizes in which they, and their users, are
 * read. */
#define ACCOUNTS 600

enum shape { AS_MADE, CHANGED, SPARSE };

static int
size_of(int account, enum shape shape)
{
	static const int large[] = {63, 64, 65, 66, 255, 256, 257, 600};
	int n = 1 + account % 3;

	if (account % 75 == 0)
		n = large[account / 75];
	if (shape == CHANGED && account % 7 == 0)
		return (0);
	return (shape == CHANGED && n > 2 ? n - account % 2 : n);
}

/* Who owns the account, and what the others are subscribed to. */
static int
owner_of(int account, enum shape shape)
{
	return (shape == CHANGED && account % 11 == 0
		? size_of(account, shape) - 1
		: 0);
}

static const char *
category_of(int account, int user, enum shape shape)
{
	if ((account + user) % 3 == 0)
		return ("");
	return (shape == CHANGED && user % 2 == 1 ? "accounting-documents"
						  : "services");
}

static int
row_of(
    struct import *im, size_t number, int account, int user, enum shape shape)
{
	char name[16], address[32];
	bool owner = user == owner_of(account, shape);

	snprintf(name, sizeof(name), "a%04d", account);
	snprintf(address, sizeof(address), "u%04d@x.example", user);
	return (import_row(im, number,
	    &(struct import_cells){name, address, owner ? "owner" : "member",
		owner ? "" : category_of(account, user, shape), NULL}));
}

/* Import the shape; of ${SPARSE} few accounts, each with a user more. */
static void
import_shape(enum shape shape)
{
	struct import *im = import_new(&f.changes, "list");
	size_t number = 0;
	int i, user;

	ck_assert_ptr_nonnull(im);
	f.changes.n = 0;
	for (i = ACCOUNTS - 1; i >= 0; i--) {
		if (shape == SPARSE && i % 60 == 1)
			ck_assert_int_eq(
			    row_of(im, ++number, i, 9000, shape), 0);
		for (user = size_of(i, shape) - 1; user >= 0 && shape != SPARSE;
		     user--)
			ck_assert_int_eq(
			    row_of(im, ++number, i, user, shape), 0);
	}
	ck_assert_msg(import_apply(im,
			  shape == SPARSE ? IMPORT_REMOVE_NOTHING
					  : IMPORT_REMOVE_MANY) == 0,
	    "%s", failure_text(&f.failure));
	import_free(im);
}

static int
put_line(void *ctx, const struct store_export *e)
{
	fprintf(ctx, "%s %s %s %s\n", e->account, e->address,
	    role_name(e->role), e->category);
	return (0);
}

static void
expect_user(FILE *out, int account, int user, enum shape shape)
{
	bool owner = user == owner_of(account, shape);

	fprintf(out, "a%04d u%04d@x.example %s %s\n", account, user,
	    owner ? "owner" : "member",
	    owner ? "" : category_of(account, user, shape));
}

/* The roster is as made or changed, with what the sparse rows added. */
static void
expect_shape(enum shape shape, bool sparse)
{
	char *got, *wanted;
	size_t size;
	FILE *out;
	int i, user;

	out = open_memstream(&got, &size);
	ck_assert_int_eq(store_export(f.store, 0, put_line, out), 0);
	fclose(out);
	out = open_memstream(&wanted, &size);
	for (i = 0; i < ACCOUNTS; i++) {
		if (size_of(i, shape) > 0)
			expect_user(out, i, owner_of(i, shape), shape);
		for (user = 0; user < size_of(i, shape); user++) {
			if (user != owner_of(i, shape))
				expect_user(out, i, user, shape);
		}
		if (sparse && i % 60 == 1)
			expect_user(out, i, 9000, SPARSE);
	}
	fclose(out);
	ck_assert_msg(strcmp(got, wanted) == 0, "another roster than wanted");
	free(got);
	free(wanted);
}

START_TEST(accounts_of_any_size_are_brought_into_line)
{
	import_shape(AS_MADE);
	expect_shape(AS_MADE, false);
	import_shape(AS_MADE);
	ck_assert_uint_eq(f.changes.n, 0);
	import_shape(SPARSE);
	ck_assert_uint_gt(f.changes.n, 0);
	expect_shape(AS_MADE, true);
	import_shape(CHANGED);
	expect_shape(CHANGED, false);
	import_shape(CHANGED);
	ck_assert_uint_eq(f.changes.n, 0);
	import_shape(AS_MADE);
	expect_shape(AS_MADE, false);
}
END_TEST

START_TEST(accounts_without_a_valid_name_end_an_import)
{
	static rows list = {{"a0001z", "z@z.example", "owner", ""}};

	import_shape(AS_MADE);
	ck_assert_int_eq(db_exec(store_db(f.store),
			     "UPDATE account SET name = ' '"
			     " WHERE key LIKE 'a%'"),
	    0);
	ck_assert_int_eq(import(list, _i == 1), -1);
	ck_assert_ptr_nonnull(strstr(failure_text(&f.failure), "damaged"));
}
END_TEST

Suite *
test_import(void)
{
	Suite *s = suite_create("import");
	TCase *t = tcase_create("import");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_wrong_row_is_named_and_changes_nothing, 0,
	    sizeof(lists) / sizeof(lists[0]));
	tcase_add_loop_test(
	    t, the_same_rows_twice_change_nothing_the_second_time, 0, 2);
	tcase_add_test(t, another_owner_is_a_transfer);
	tcase_add_test(t, a_new_user_can_be_the_new_owner);
	tcase_add_test(t, what_another_role_ends_is_not_ended_once_more);
	tcase_add_test(t, what_another_role_ends_cannot_be_kept);
	tcase_add_test(t, a_sync_removes_what_no_row_names);
	tcase_add_test(t, without_sync_what_no_row_names_stays);
	tcase_add_test(t, a_sync_with_no_row_is_refused);
	tcase_add_test(t, a_sync_that_would_leave_no_owner_is_refused);
	tcase_add_test(t, accounts_of_any_size_are_brought_into_line);
	tcase_add_loop_test(
	    t, accounts_without_a_valid_name_end_an_import, 0, 2);
	suite_add_tcase(s, t);
	return (s);
}
