/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_permission - which commands a person may use, by role
 */
#include <stdio.h>
#include <string.h>

#include "roster/permission.h"
#include "unit/fixture.h"
#include "unit/suites.h"

#define OLGA "olga@acme.example"
#define ADAM "adam@acme.example"
#define ANN "ann@acme.example" /* of beta, too */
#define SUE "sue@acme.example"
#define OTTO "otto@beta.example"

static struct fixture f;

static void
setup(void)
{
	fixture_open(&f);
	fixture_sql(&f,
	    "INSERT INTO account_former(key, account, name, at)"
	    " SELECT 'before', id, 'Before', 1 FROM account"
	    " WHERE key = 'acme'");
	fixture_begin(&f);
}

static void
teardown(void)
{
	store_end(f.store);
	fixture_close(&f);
}

static int
check(const char *command, const char *one, const char *two, const char *as,
    const char **oneself)
{
	const char *args[] = {one, two};

	return (permission_check(&f.changes, permission_find(command), args,
	    (one != NULL) + (two != NULL), as, oneself));
}

/* Who may: one letter for each of olga, adam, ann, sue and otto; "1": shown
 * only what is one's own. */
static const struct {
	const char *command, *one, *two, *who;
} matrix[] = {
    {"account show", "acme", NULL, "yy11-"},
    {"account show", "ACME", NULL, "yy11-"},
    {"account show", "before", NULL, "yy11-"}, /* acme's former name */
    {"account show", "beta", NULL, "--1-y"},
    {"account show", "nosuch", NULL, "-----"},
    {"account show", "no such", NULL, "-----"},
    {"account show", "", NULL, "-----"},
    {"account transfer", "acme", ANN, "y----"},
    {"account rename", "acme", "new", "-----"},
    {"account title", "acme", "New", "-----"},
    {"account remove", "acme", NULL, "-----"},
    {"account list", NULL, NULL, "-----"},
    {"user add", "acme", OTTO, "yy---"},
    {"user list", "acme", NULL, "yy11-"},
    {"user role", "acme", ADAM, "yy---"},
    {"user remove", "acme", ADAM, "yy---"},
    {"user address", "acme", ANN, "yy---"},
    {"user address", "acme", ADAM, "yy---"},
    {"user address", "acme", OLGA, "y----"},
    {"user address", "acme", "OLGA@Acme.Example", "y----"},
    {"user address", "acme", " \"olga\"@acme.example", "y----"},
    {"user address", "acme", "no address", "yy---"},
    {"user language", "acme", ANN, "yy1--"},
    {"user language", "acme", "SUE@acme.example", "yy-1-"},
    {"user language", "acme", OLGA, "yy---"},
    {"user language", "acme", "", "yy---"},
    {"person show", ANN, NULL, "--y--"},
    {"person show", "ANN@ACME.EXAMPLE", NULL, "--y--"},
    {"person show", "ann", NULL, "-----"},
    {"person forget", ANN, NULL, "-----"},
    {"category list", NULL, NULL, "yyyyy"},
    {"category set", "services", NULL, "-----"},
    {"category remove", "services", NULL, "-----"},
    {"subscribe", "acme", "services", "yy---"},
    {"unsubscribe", "acme", "services", "yy---"},
    {"list", "acme", "services", "yy11-"},
    {"telegram connect", "acme", NULL, "1111-"},
    {"log", "acme", NULL, "yy---"},
    {"log", NULL, NULL, "-----"},
    {"log --prune", "acme", NULL, "-----"},
    {"import", "-", NULL, "-----"},
    {"notices send", NULL, NULL, "-----"},
    {"check", NULL, NULL, "-----"},
    {"a command that nobody thought of", "acme", NULL, "-----"},
};

START_TEST(each_person_may_do_what_the_role_allows)
{
	static const char *const people[] = {OLGA, ADAM, ANN, SUE, OTTO};
	const char *oneself;
	size_t i;
	int want;

	for (i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
		want = matrix[_i].who[i] == '-' ? -1 : 0;
		ck_assert_msg(check(matrix[_i].command, matrix[_i].one,
				  matrix[_i].two, people[i], &oneself) == want,
		    "%s %s %s by %s: want %d (%s)", matrix[_i].command,
		    matrix[_i].one, matrix[_i].two, people[i], want,
		    failure_text(&f.failure));
		if (want == -1)
			ck_assert_int_eq(f.failure.kind, FAILURE_DENIED);
		if (matrix[_i].who[i] == '1')
			ck_assert_str_eq(oneself, people[i]);
		else
			ck_assert_ptr_null(oneself);
		failure_clear(&f.failure);
	}
}
END_TEST

START_TEST(the_operator_may_do_everything_that_needs_no_person)
{
	const char *oneself = "";
	size_t i;

	for (i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
		if (permission_find(matrix[i].command)->person)
			continue;
		ck_assert_int_eq(check(matrix[i].command, matrix[i].one,
				     matrix[i].two, NULL, &oneself),
		    0);
		ck_assert_ptr_null(oneself);
	}
	ck_assert_int_eq(
	    check("subscribe", "acme", "services", NULL, &oneself), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_USAGE);
	ck_assert_int_eq(
	    check("telegram status", "acme", NULL, NULL, &oneself), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_USAGE);
}
END_TEST

START_TEST(a_refusal_is_the_same_whether_or_not_the_account_exists)
{
	const char *oneself;
	char there[1024], *name;

	ck_assert_int_eq(
	    check("user remove", "acme", "nobody", OTTO, &oneself), -1);
	snprintf(there, sizeof(there), "%s", failure_text(&f.failure));
	ck_assert_int_eq(
	    check("user remove", "acne", "nobody", OTTO, &oneself), -1);
	name = strstr(there, " acme");
	ck_assert_ptr_nonnull(name);
	name[3] = 'n';
	ck_assert_str_eq(failure_text(&f.failure), there);
}
END_TEST

START_TEST(a_person_is_an_address)
{
	const char *oneself;

	ck_assert_int_eq(check("list", "acme", NULL, "", &oneself), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_USAGE);
	ck_assert_int_eq(check("list", "acme", NULL, "olga", &oneself), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
}
END_TEST

Suite *
test_permission(void)
{
	Suite *s = suite_create("permission");
	TCase *t = tcase_create("permission");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_person_may_do_what_the_role_allows, 0,
	    sizeof(matrix) / sizeof(matrix[0]));
	tcase_add_test(t, the_operator_may_do_everything_that_needs_no_person);
	tcase_add_test(
	    t, a_refusal_is_the_same_whether_or_not_the_account_exists);
	tcase_add_test(t, a_person_is_an_address);
	suite_add_tcase(s, t);
	return (s);
}
