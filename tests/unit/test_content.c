/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_content - what requeue removes from a header, and what it leaves
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/requeue/content.h"
#include "unit/suites.h"

static int
file_of(const char *text)
{
	int fd = memfd_create("content", MFD_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return (fd);
}

static const struct {
	const char *name;
	bool whole;
	const char *text, *want;
} strips[] = {
    {"X-Notify-", false, "A: 1\nX-Notify-Category: x\nB: 2\n\nbody\n",
	"A: 1\nB: 2\n\nbody\n"},
    {"X-Notify-", false, "x-notify-account : acme\n\tfolded\nB: 2\n", "B: 2\n"},
    {"X-Notify-Decided", true, "X-Notify-Decided: 1\nX-Notify-Category: x\n\n",
	"X-Notify-Category: x\n\n"},
    {"X-Notify-Decided", true, "X-NOTIFY-DECIDED \t: 1\n 2\nA: 1\n\n",
	"A: 1\n\n"},
    {"X-Notify-Decided", true, "X-Notify-Decided-Not: 1\n\n",
	"X-Notify-Decided-Not: 1\n\n"},
    /* The continuation of another header, and the body. */
    {"X-Notify-", false, "A: 1\n X-Notify-Category: x\n\nX-Notify-A: 1\n",
	"A: 1\n X-Notify-Category: x\n\nX-Notify-A: 1\n"},
    /* After a line that is no header Postfix sees none. */
    {"X-Notify-", false, "no header\nX-Notify-A: 1\n\nbody\n",
	"no header\nX-Notify-A: 1\n\nbody\n"},
    {"X-Notify-", false, "X-Notify-A: no newline", ""},
    {"X-Notify-", false, "", ""},
};

START_TEST(exactly_the_headers_with_that_name_are_removed)
{
	char got[256];
	int fd = file_of(strips[_i].text);
	ssize_t n;

	ck_assert_int_eq(
	    content_strip(fd, strips[_i].name, strips[_i].whole), 0);
	n = pread(fd, got, sizeof(got) - 1, 0);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, strips[_i].want);
	close(fd);
}
END_TEST

START_TEST(tag_and_message_id_are_read_from_the_header_only)
{
	struct arena *a = arena_new((size_t)1 << 20);
	const char *tag, *id;
	int fd = file_of("Message-Id:\t<1@x> \nx-notify-category : Debts\n\n"
			 "X-Notify-Category: body\n");

	ck_assert_int_eq(content_read(a, fd, &tag, &id), 0);
	ck_assert_str_eq(tag, "x-notify-category : Debts");
	ck_assert_str_eq(id, "<1@x>");
	close(fd);
	fd = file_of("no header\nX-Notify-Category: Debts\n\n");
	ck_assert_int_eq(content_read(a, fd, &tag, &id), 0);
	ck_assert_ptr_null(tag);
	ck_assert_str_eq(id, "");
	close(fd);
	arena_free(a);
}
END_TEST

Suite *
test_content(void)
{
	Suite *s = suite_create("content");
	TCase *t = tcase_create("content");

	tcase_add_loop_test(t, exactly_the_headers_with_that_name_are_removed,
	    0, sizeof(strips) / sizeof(strips[0]));
	tcase_add_test(t, tag_and_message_id_are_read_from_the_header_only);
	suite_add_tcase(s, t);
	return (s);
}
