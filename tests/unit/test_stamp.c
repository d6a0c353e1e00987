/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stamp - stamps, against another implementation of HMAC (Python's)
 */
#include <string.h>

#include "terms/stamp.h"
#include "unit/suites.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BALANCE "balance-and-payments"
#define ID "<a.b@c.example>"

START_TEST(stamps_are_those_of_another_implementation)
{
	char stamp[STAMP_SIZE];

	stamp_mirror(KEY, 7, BALANCE, ID, false, stamp);
	ck_assert_str_eq(stamp, "5a0915aab52c9a088cbc0881a8436516");
	stamp_mirror(KEY, 7, BALANCE, NULL, false, stamp);
	ck_assert_str_eq(stamp, "2c1beac4f3c06d868f11017e4b6460e8");
	stamp_decided(KEY, BALANCE, "acme", ID, stamp);
	ck_assert_str_eq(stamp, "0115dbd73b4be16e1fb8175f47637a59");
	stamp_decided(KEY, BALANCE, NULL, ID, stamp);
	ck_assert_str_eq(stamp, "ff79e490dbd35f90e5514e7822870285");
}
END_TEST

START_TEST(a_message_id_that_is_folded_differently_is_the_same)
{
	static const char *const ids[] = {" <a.b@c.example>", "\r\n\t" ID,
	    ID " \t", "<a.b@\r\n c.example>", "\n <a.b\n @c.example>\r\n"};
	char stamp[STAMP_SIZE];

	stamp_mirror(KEY, 7, BALANCE, ids[_i], false, stamp);
	ck_assert_str_eq(stamp, "5a0915aab52c9a088cbc0881a8436516");
}
END_TEST

START_TEST(every_field_counts_and_none_runs_into_the_next)
{
	char all[9][STAMP_SIZE];
	size_t i, j;

	stamp_decided(KEY, BALANCE, "acme", ID, all[0]);
	stamp_decided(KEY, BALANCE, "acm", "e" ID, all[1]);
	stamp_decided(KEY, BALANCE "acme", "", ID, all[2]);
	stamp_decided(KEY, BALANCE, "acme", "<A.b@c.example>", all[3]);
	stamp_decided("1" KEY, BALANCE, "acme", ID, all[4]);
	stamp_mirror(KEY, 7, BALANCE, ID, false, all[5]);
	stamp_mirror(KEY, 71, BALANCE, ID, false, all[6]);
	stamp_mirror(KEY, 7, "services", ID, false, all[7]);
	stamp_mirror(KEY, 7, BALANCE, ID, true, all[8]);
	for (i = 0; i < 9; i++) {
		for (j = 0; j < i; j++)
			ck_assert_str_ne(all[i], all[j]);
	}
}
END_TEST

START_TEST(the_check_of_a_mirror_says_whether_the_account_is_told)
{
	char stamp[STAMP_SIZE];
	bool nameless = false;
	int i;

	for (i = 0; i < 2; i++) {
		stamp_mirror(KEY, 7, BALANCE, ID, i == 1, stamp);
		ck_assert(
		    stamp_is_mirror(KEY, 7, BALANCE, ID, stamp, &nameless));
		ck_assert_int_eq(nameless, i == 1);
		ck_assert(
		    !stamp_is_mirror(KEY, 8, BALANCE, ID, stamp, &nameless));
	}
}
END_TEST

START_TEST(a_stamp_is_compared_as_a_whole_but_for_blanks_around_it)
{
	char stamp[STAMP_SIZE];

	stamp_decided(KEY, BALANCE, "acme", ID, stamp);
	ck_assert(stamp_same(stamp, "0115dbd73b4be16e1fb8175f47637a59"));
	ck_assert(
	    stamp_same(stamp, "\r\n\t0115dbd73b4be16e1fb8175f47637a59 \n"));
	ck_assert(!stamp_same(stamp, ""));
	ck_assert(!stamp_same(stamp, "ff79e490dbd35f90e5514e7822870285"));
	ck_assert(!stamp_same(stamp, "0115dbd73b4be16e1fb8175f47637a50"));
	ck_assert(!stamp_same(stamp, "0115dbd73b4be16e1fb8175f47637a590"));
	ck_assert(!stamp_same(stamp, "0115dbd73b4be16e1fb8175f47637a59 0"));
}
END_TEST

START_TEST(a_new_key_is_random)
{
	char one[STAMP_KEY_SIZE], other[STAMP_KEY_SIZE];

	ck_assert_int_eq(stamp_key(one), 0);
	ck_assert_int_eq(stamp_key(other), 0);
	ck_assert(stamp_is_key(one) && stamp_is_key(other));
	ck_assert_str_ne(one, other);
	one[3] = 'x';
	ck_assert(!stamp_is_key(one));
	ck_assert(!stamp_is_key(""));
	ck_assert(!stamp_is_key(KEY "0"));
}
END_TEST

#define CHECK "0123456789abcdef0123456789abcdef"

static const struct local {
	const char *text;
	int64_t link; /* 0: no chat's */
	const char *check;
} locals[] = {
    {"7", 7, NULL},
    {"7-" CHECK, 7, CHECK},
    {"9223372036854775807-" CHECK, INT64_MAX, CHECK},
    {"9223372036854775808-" CHECK, 0, NULL},
    {"0", 0, NULL},
    {"07", 0, NULL},
    {"0-" CHECK, 0, NULL},
    {"", 0, NULL},
    {"-7", 0, NULL},
    {"+7", 0, NULL},
    {" 7", 0, NULL},
    {"7x", 0, NULL},
    {"7+x", 0, NULL},
    {"7-", 0, NULL},
    {"7-" CHECK "0", 0, NULL},
    {"7-0123456789ABCDEF0123456789abcdef", 0, NULL},
    {"7-g123456789abcdef0123456789abcdef", 0, NULL},
    {"x-" CHECK, 0, NULL},
};

START_TEST(the_address_of_a_chat_is_a_number_and_perhaps_a_check)
{
	const struct local *l = &locals[_i];
	const char *check;
	int64_t link;

	ck_assert_int_eq(stamp_chat(l->text, &link, &check), l->link != 0);
	ck_assert_int_eq(link, l->link);
	if (l->check != NULL)
		ck_assert_str_eq(check, l->check);
	else if (l->link != 0)
		ck_assert_ptr_null(check);
}
END_TEST

Suite *
test_stamp(void)
{
	Suite *s = suite_create("stamp");
	TCase *t = tcase_create("stamp");

	tcase_add_test(t, stamps_are_those_of_another_implementation);
	tcase_add_loop_test(
	    t, a_message_id_that_is_folded_differently_is_the_same, 0, 5);
	tcase_add_test(t, every_field_counts_and_none_runs_into_the_next);
	tcase_add_test(
	    t, the_check_of_a_mirror_says_whether_the_account_is_told);
	tcase_add_test(
	    t, a_stamp_is_compared_as_a_whole_but_for_blanks_around_it);
	tcase_add_test(t, a_new_key_is_random);
	tcase_add_loop_test(t,
	    the_address_of_a_chat_is_a_number_and_perhaps_a_check, 0,
	    (int)(sizeof(locals) / sizeof(locals[0])));
	suite_add_tcase(s, t);
	return (s);
}
