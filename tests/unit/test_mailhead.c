/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mailhead - headers that cannot be read are a failure, never no headers
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "telegram/mailhead.h"
#include "unit/mailfile.h"
#include "unit/suites.h"

static struct arena *arena;
static struct failure failure;
static struct mailhead head;

static void
setup(void)
{
	arena = arena_new(1 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void
teardown(void)
{
	failure_clear(&failure);
	arena_free(arena);
}

START_TEST(a_read_error_is_a_failure)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(mailhead_read(fd, arena, &head, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_str_eq(failure_text(&failure), "the message: Is a directory");
	close(fd);
}
END_TEST

START_TEST(the_newest_received_tells_when_it_arrived)
{
	static const char mail[] =
	    "Received: by b; Thu, 01 Jan 2026 00:00:02 +0000\n"
	    "Received: by a; Thu, 01 Jan 2026 00:00:01 +0000\n"
	    "Date: Thu, 01 Jan 2026 00:00:00 +0000\n\n";
	int fd = mailfile_open(mail, sizeof(mail) - 1);

	ck_assert_int_eq(mailhead_read(fd, arena, &head, &failure), 0);
	ck_assert_int_eq(head.arrived, 1767225602);
	close(fd);
}
END_TEST

Suite *
test_mailhead(void)
{
	Suite *suite = suite_create("mailhead");
	TCase *tc = tcase_create("mailhead");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_read_error_is_a_failure);
	tcase_add_test(tc, the_newest_received_tells_when_it_arrived);
	suite_add_tcase(suite, tc);
	return (suite);
}
