/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_token - what is no token is told from a file that cannot be read
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/failure.h"
#include "lib/token.h"
#include "unit/suites.h"

static struct failure failure;
static char token[TOKEN_SIZE];

/* The result for a file that has the ${len} bytes of ${text}. */
static int
read_token(const char *text, size_t len)
{
	char path[] = "/tmp/token-XXXXXX";
	int fd = mkstemp(path), rc;

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	failure_clear(&failure);
	rc = token_read(path, token, &failure);
	unlink(path);
	return (rc);
}

START_TEST(white_space_at_the_end_does_not_belong_to_it)
{
	ck_assert_int_eq(read_token("12:aB_-9\r\n\n", 11), 0);
	ck_assert_str_eq(token, "12:aB_-9");
}
END_TEST

START_TEST(what_is_no_token_is_malformed_data)
{
	static const struct {
		const char *text;
		size_t len;
	} wrong[] = {{"", 0}, {"\n", 1}, {"abc\n", 4}, {"1:a b", 5},
	    {"1:a\n1:b\n", 8}, {"1:a\0b", 5}, {"1:a\0", 4}};
	char longest[TOKEN_SIZE];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(read_token(wrong[i].text, wrong[i].len), -1);
		ck_assert_int_eq(failure.kind, FAILURE_DATA);
	}
	memset(longest, ':', sizeof(longest));
	ck_assert_int_eq(read_token(longest, sizeof(longest)), -1);
	ck_assert_int_eq(failure.kind, FAILURE_DATA);
	failure_clear(&failure);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_a_wrong_setting)
{
	ck_assert_int_eq(token_read("/nonexistent", token, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_SETTINGS);
	failure_clear(&failure);
}
END_TEST

Suite *
test_token(void)
{
	Suite *suite = suite_create("token");
	TCase *tc = tcase_create("token");

	tcase_add_test(tc, white_space_at_the_end_does_not_belong_to_it);
	tcase_add_test(tc, what_is_no_token_is_malformed_data);
	tcase_add_test(tc, a_file_that_is_not_there_is_a_wrong_setting);
	suite_add_tcase(suite, tc);
	return (suite);
}
