/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_standby - a late standby is reported once, and no other is
 */
#include <string.h>

#include "decision/standby.h"
#include "unit/suites.h"

#define BOUND 10000 /* milliseconds */
#define RETRY 500   /* after so long a standby is asked again */

/* A primary and its standby, on which the milter asks again and again. */
static struct {
	struct standby standby;
	int64_t now;
	int64_t applied; /* when the last commit that it has was made */
	int64_t skew;	 /* of its clock */
	int warnings, notices;
} s;

static void
setup(void)
{
	memset(&s, 0, sizeof(s));
	s.now = s.applied = 1000000;
}

/* A message asks the standby, or else the primary, where it leaves a mark if
 * ${marks}. */
static void
ask(bool marks)
{
	int64_t lag = s.now - s.applied + s.skew;
	enum standby_news news;

	if (lag <= BOUND) {
		news = standby_fresh(&s.standby);
		ck_assert_int_ne(news, STANDBY_LATE);
	} else {
		news = standby_stale(&s.standby, s.now, BOUND, lag);
		ck_assert_int_ne(news, STANDBY_OVER);
		if (marks)
			standby_marked(&s.standby, s.now);
	}
	s.warnings += news == STANDBY_LATE;
	s.notices += news == STANDBY_OVER;
}

/* For ${ms}, a message each ${every}. Only marks are committed; if ${applies},
 * the standby has applied each by the next message. */
static void
time_passes(int64_t ms, int64_t every, bool applies)
{
	int64_t end = s.now + ms;

	while (s.now < end) {
		s.now += every;
		if (applies && s.standby.mark > s.applied)
			s.applied = s.standby.mark;
		ask(true);
	}
}

static void
told(int warnings, int notices)
{
	ck_assert_int_eq(s.warnings, warnings);
	ck_assert_int_eq(s.notices, notices);
}

START_TEST(on_an_idle_primary_no_standby_is_late)
{
	static const int64_t every[] = {
	    RETRY, 3000, BOUND - 1, BOUND + 1, 60000, 86400000};

	time_passes(every[_i] * 200, every[_i], true);
	told(0, 0);
}
END_TEST

START_TEST(a_small_difference_of_clocks_makes_no_standby_late)
{
	static const int64_t skews[] = {-BOUND / 4, -100, 100, BOUND / 4};

	s.skew = skews[_i];
	time_passes(600000, 2 * BOUND, true);
	time_passes(600000, RETRY, true);
	told(0, 0);
}
END_TEST

START_TEST(a_standby_that_applies_nothing_is_late_after_twice_the_bound)
{
	time_passes(2 * BOUND, RETRY, false);
	told(0, 0);
	time_passes(2 * RETRY, RETRY, false);
	told(1, 0);
}
END_TEST

START_TEST(a_late_standby_is_reported_once_however_often_it_is_asked)
{
	static const int64_t every[] = {1, RETRY, 3000, BOUND, 60000, 86400000};

	time_passes(every[_i] * 10 + 10 * BOUND, every[_i], false);
	told(1, 0);
	s.applied = s.now;
	ask(true);
	told(1, 1);
	ask(true);
	told(1, 1);
}
END_TEST

START_TEST(a_standby_that_always_applies_late_is_reported_once)
{
	/* Each commit comes too late, and others come all the time. */
	int64_t delay = BOUND + 1000 + _i * 20000;
	int i;

	for (i = 0; i < 1000; i++) {
		s.now += RETRY;
		s.applied = s.now - delay;
		ask(true);
	}
	told(1, 0);
}
END_TEST

START_TEST(a_standby_that_has_applied_nothing_since_its_start_is_late)
{
	int i, warnings = 0;

	for (i = 0; i < 100; i++) {
		s.now += RETRY;
		warnings +=
		    standby_stale(&s.standby, s.now, BOUND, -1) == STANDBY_LATE;
		standby_marked(&s.standby, s.now);
	}
	ck_assert_int_eq(warnings, 1);
}
END_TEST

START_TEST(without_a_mark_no_standby_is_late)
{
	int i;

	for (i = 0; i < 1000; i++) {
		s.now += RETRY;
		ask(false);
	}
	told(0, 0);
}
END_TEST

START_TEST(a_standby_that_is_late_now_and_then_is_reported_once_in_a_while)
{
	int i;

	for (i = 0; i < 100; i++) {
		time_passes(2 * BOUND + 2 * RETRY, RETRY, false);
		s.applied = s.now;
		ask(true);
		ck_assert_int_eq(s.warnings, s.notices);
	}
	/* A hundred times within 2,200 s or so. */
	ck_assert_int_ge(s.warnings, 25);
	ck_assert_int_le(s.warnings, 37);
}
END_TEST

START_TEST(a_report_that_came_too_early_is_made_while_the_standby_is_late)
{
	time_passes(2 * BOUND + 2 * RETRY, RETRY, false);
	s.applied = s.now;
	ask(true);
	told(1, 1);
	time_passes(2 * BOUND + 2 * RETRY, RETRY, false);
	told(1, 1);
	time_passes(STANDBY_AGAIN_MS, RETRY, false);
	told(2, 1);
}
END_TEST

Suite *
test_standby(void)
{
	Suite *suite = suite_create("standby");
	TCase *t = tcase_create("standby");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, on_an_idle_primary_no_standby_is_late, 0, 6);
	tcase_add_loop_test(
	    t, a_small_difference_of_clocks_makes_no_standby_late, 0, 4);
	tcase_add_test(
	    t, a_standby_that_applies_nothing_is_late_after_twice_the_bound);
	tcase_add_loop_test(
	    t, a_late_standby_is_reported_once_however_often_it_is_asked, 0, 6);
	tcase_add_loop_test(
	    t, a_standby_that_always_applies_late_is_reported_once, 0, 3);
	tcase_add_test(
	    t, a_standby_that_has_applied_nothing_since_its_start_is_late);
	tcase_add_test(t, without_a_mark_no_standby_is_late);
	tcase_add_test(
	    t, a_standby_that_is_late_now_and_then_is_reported_once_in_a_while);
	tcase_add_test(
	    t, a_report_that_came_too_early_is_made_while_the_standby_is_late);
	suite_add_tcase(suite, t);
	return (suite);
}
