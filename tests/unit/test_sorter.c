/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sorter - records come back sorted, whether they fit into memory or not
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/failure.h"
#include "base/sorter.h"
#include "unit/suites.h"

#define RECORDS 20000
#define LONGEST 300

static struct failure failure;

static void
teardown(void)
{
	failure_clear(&failure);
}

/* A unique record of some length; ${number} is its place. */
static size_t
make(unsigned char *record, unsigned number)
{
	size_t len = 4 + number * 7919 % (LONGEST - 4);

	record[0] = (unsigned char)(number >> 24);
	record[1] = (unsigned char)(number >> 16);
	record[2] = (unsigned char)(number >> 8);
	record[3] = (unsigned char)number;
	memset(record + 4, (int)(number % 251), len - 4);
	return (len);
}

/* Is the record of ${number} the next one? */
static bool
gives(struct sorter *s, unsigned number)
{
	unsigned char want[LONGEST];
	const void *got;
	size_t len;

	return (sorter_next(s, &got, &len) == 1 && len == make(want, number) &&
	    memcmp(got, want, len) == 0);
}

/* Memory for all, for some hundred, and for a few. */
static const size_t memories[] = {(size_t)64 << 20, 100000, 1000};
/* Steps that visit every number once: backwards, mixed, in order. */
static const unsigned steps[] = {RECORDS - 1, 7919, 1};

START_TEST(records_come_back_sorted_from_memory_and_from_the_file)
{
	struct sorter *s;
	unsigned char record[LONGEST];
	const void *none;
	unsigned i, number;
	size_t len;

	s = sorter_new(memories[_i / 3], &failure);
	ck_assert_ptr_nonnull(s);
	for (i = number = 0; i < RECORDS; i++) {
		number = (number + steps[_i % 3]) % RECORDS;
		len = make(record, number);
		/* Not an assertion each: Check sends a message for every one.
		 */
		if (sorter_add(s, record, len) != 0)
			ck_abort_msg("record %u is not taken", number);
	}
	ck_assert_int_eq(sorter_begin(s), 0);
	for (i = 0; i < RECORDS && gives(s, i); i++)
		;
	ck_assert_uint_eq(i, RECORDS);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(sorter_next(s, &none, &len), 0);
	sorter_free(s);
}
END_TEST

START_TEST(records_that_begin_alike_are_sorted_by_what_follows)
{
	static const char *const in[] = {"b", "abc", "ab", "a", "", "aa"};
	static const char *const out[] = {"", "a", "aa", "ab", "abc", "b"};
	struct sorter *s;
	const void *got;
	size_t i, len;

	s = sorter_new(_i == 0 ? 4096 : 16, &failure);
	ck_assert_ptr_nonnull(s);
	for (i = 0; i < 6; i++)
		ck_assert_int_eq(sorter_add(s, in[i], strlen(in[i])), 0);
	ck_assert_int_eq(sorter_begin(s), 0);
	for (i = 0; i < 6; i++) {
		ck_assert_int_eq(sorter_next(s, &got, &len), 1);
		ck_assert_uint_eq(len, strlen(out[i]));
		ck_assert_mem_eq(got, out[i], len);
	}
	sorter_free(s);
}
END_TEST

START_TEST(long_records_are_merged_whole)
{
	struct sorter *s;
	const void *got;
	char *record;
	size_t len;
	int i;

	s = sorter_new(1 << 20, &failure);
	record = malloc(1 << 20);
	ck_assert(s != NULL && record != NULL);
	for (i = 9; i >= 0; i--) {
		memset(record, 'a' + i, 300000);
		ck_assert_int_eq(sorter_add(s, record, 300000), 0);
		ck_assert_int_eq(sorter_add(s, record, 1), 0);
	}
	ck_assert_int_eq(sorter_begin(s), 0);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(sorter_next(s, &got, &len), 1);
		ck_assert_uint_eq(len, i % 2 == 0 ? 1 : 300000);
		ck_assert_int_eq(((const char *)got)[len - 1], 'a' + i / 2);
	}
	free(record);
	sorter_free(s);
}
END_TEST

START_TEST(a_full_disk_is_a_failure)
{
	const struct rlimit none = {4096, RLIM_INFINITY};
	struct sorter *s;
	unsigned i;
	int rc = 0;

	ck_assert_int_eq(signal(SIGXFSZ, SIG_IGN) == SIG_ERR, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	s = sorter_new(1000, &failure);
	ck_assert_ptr_nonnull(s);
	for (i = 0; i < 1000 && rc == 0; i++)
		rc = sorter_add(s, "0123456789", 10);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_ptr_nonnull(strstr(failure_text(&failure), "temporary"));
	sorter_free(s);
}
END_TEST

Suite *
test_sorter(void)
{
	Suite *s = suite_create("sorter");
	TCase *t = tcase_create("sorter");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(
	    t, records_come_back_sorted_from_memory_and_from_the_file, 0, 9);
	tcase_add_loop_test(
	    t, records_that_begin_alike_are_sorted_by_what_follows, 0, 2);
	tcase_add_test(t, long_records_are_merged_whole);
	tcase_add_test(t, a_full_disk_is_a_failure);
	suite_add_tcase(s, t);
	return (s);
}
