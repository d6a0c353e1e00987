/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_arena - an arena that is required never returns NULL
 */
#include <setjmp.h>
#include <stdint.h>

#include "base/arena.h"
#include "unit/suites.h"

#define MAX 100

static struct arena *arena;
static jmp_buf failed;

static void
setup(void)
{
	arena = arena_new(MAX);
	ck_assert_ptr_nonnull(arena);
}

static void
teardown(void)
{
	arena_free(arena);
}

static void
ended(void *ctx)
{
	ck_assert_ptr_eq(ctx, &failed);
	longjmp(failed, 1);
}

START_TEST(a_required_arena_returns_no_null)
{
	arena_require(arena, ended, &failed);
	if (setjmp(failed) == 0)
		ck_abort_msg("returned %p",
		    arena_array(arena, SIZE_MAX / 4, sizeof(int)));
	if (setjmp(failed) == 0)
		ck_abort_msg("returned %s", arena_printf(arena, "%200s", "x"));
	ck_assert_str_eq(arena_strdup(arena, "x"), "x");
}
END_TEST

Suite *
test_arena(void)
{
	Suite *suite = suite_create("arena");
	TCase *tc = tcase_create("arena");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_required_arena_returns_no_null);
	suite_add_tcase(suite, tc);
	return (suite);
}
