/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_patience - a chat that guesses tokens must wait longer and longer, and
 * no other chat must
 */
#include "telegram/patience.h"
#include "unit/suites.h"

#define CHAT 7001
#define OTHER 7002
#define NOW 1800000000

static struct patience *p;

static void
setup(void)
{
	p = patience_new();
	ck_assert_ptr_nonnull(p);
}

static void
teardown(void)
{
	patience_free(p);
}

/* Wrong tokens until the chat must wait; returns how long. */
static int
exhaust(int64_t chat, int64_t now)
{
	int i, wait = 0;

	for (i = 0; i < PATIENCE_WRONG; i++) {
		ck_assert_int_eq(wait, 0);
		ck_assert_int_eq(patience_waits(p, chat, now), 0);
		wait = patience_wrong(p, chat, now);
	}
	return (wait);
}

START_TEST(each_further_wrong_token_doubles_the_wait)
{
	static const int waits[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};
	int64_t now = NOW;
	size_t i;
	int wait;

	wait = exhaust(CHAT, now);
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		ck_assert_int_eq(wait, waits[i]);
		ck_assert_int_eq(patience_waits(p, CHAT, now), wait);
		ck_assert_int_eq(patience_waits(p, CHAT, now + wait - 1), 1);
		now += wait;
		ck_assert_int_eq(patience_waits(p, CHAT, now), 0);
		wait = patience_wrong(p, CHAT, now);
	}
	ck_assert_int_eq(patience_waits(p, OTHER, now), 0);
}
END_TEST

START_TEST(a_right_token_or_an_hour_resets_the_count)
{
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(patience_wrong(p, CHAT, NOW), 0);
		ck_assert_int_eq(patience_wrong(p, CHAT, NOW), 0);
		patience_right(p, CHAT);
		ck_assert_int_eq(patience_wrong(p, OTHER, NOW + i * 3601LL), 0);
	}
	ck_assert_int_eq(exhaust(CHAT, NOW + 3601), 60);
	/* An hour after the refusal has ended, not after it began. */
	ck_assert_int_eq(patience_wrong(p, CHAT, NOW + 3601 + 60 + 3600), 120);
	ck_assert_int_eq(
	    patience_wrong(p, CHAT, NOW + 3601 + 60 + 3600 + 120 + 3601), 0);
}
END_TEST

START_TEST(a_chat_is_told_once_that_it_must_wait)
{
	exhaust(CHAT, NOW);
	ck_assert(!patience_told(p, CHAT));
	ck_assert(patience_told(p, CHAT));
	ck_assert(patience_told(p, CHAT));
	patience_wrong(p, CHAT, NOW + 60);
	ck_assert(!patience_told(p, CHAT));
}
END_TEST

START_TEST(going_back_to_the_mark_forgets_what_followed)
{
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 3 * PATIENCE_WRONG_ALL; i++) {
			patience_mark(p, CHAT);
			ck_assert(patience_answers(p, CHAT, NOW));
			ck_assert_int_eq(patience_wrong(p, CHAT, NOW), 0);
			patience_back(p);
		}
		ck_assert_int_eq(patience_crowded(p, NOW), 0);
		/* The second time for a chat that is known. */
		ck_assert_int_eq(patience_wrong(p, CHAT, NOW), 0);
	}
	exhaust(OTHER, NOW);
	patience_mark(p, OTHER);
	patience_wrong(p, OTHER, NOW + 60);
	patience_back(p);
	ck_assert_int_eq(patience_waits(p, OTHER, NOW + 60), 0);
}
END_TEST

START_TEST(a_chat_gets_some_answers_at_once_and_then_one_at_a_time)
{
	int i, answered;

	for (i = 0; i < PATIENCE_ANSWERS; i++)
		ck_assert(patience_answers(p, CHAT, NOW));
	ck_assert(!patience_answers(p, CHAT, NOW));
	ck_assert(patience_answers(p, OTHER, NOW));
	for (i = answered = 0; i < 600; i++)
		answered += patience_answers(p, CHAT, NOW + i / 2);
	ck_assert_int_ge(answered, 299 / PATIENCE_ANSWER_SECONDS);
	ck_assert_int_le(answered, 300 / PATIENCE_ANSWER_SECONDS);
	/* No more than that accumulate. */
	for (i = answered = 0; i < 100; i++)
		answered += patience_answers(p, CHAT, NOW + 100000);
	ck_assert_int_eq(answered, PATIENCE_ANSWERS);
}
END_TEST

START_TEST(many_wrong_tokens_in_a_minute_are_noticed_across_chats)
{
	const int64_t minute = NOW / 60 * 60;
	int i;

	for (i = 0; i < PATIENCE_WRONG_ALL; i++)
		patience_wrong(p, CHAT + i, minute);
	ck_assert_int_eq(patience_crowded(p, minute), 0);
	patience_wrong(p, CHAT, minute + 59);
	ck_assert_int_eq(patience_crowded(p, minute), PATIENCE_WRONG_ALL + 1);
	ck_assert_int_eq(patience_crowded(p, minute + 60), 0);
	patience_wrong(p, CHAT, minute + 60);
	ck_assert_int_eq(patience_crowded(p, minute + 60), 0);
}
END_TEST

START_TEST(a_refusal_survives_a_restart)
{
	int64_t number;

	exhaust(CHAT, NOW);
	ck_assert_int_eq(patience_wrong(p, CHAT, NOW), 120);
	number = patience_number(p, CHAT);
	ck_assert_int_ge(number, patience_number_at(NOW));
	ck_assert_int_ge(number, patience_number_at(NOW + 119));
	ck_assert_int_lt(number, patience_number_at(NOW + 120));
	patience_free(p);
	setup();
	patience_restore(p, CHAT, number);
	ck_assert_int_eq(patience_waits(p, CHAT, NOW + 1), 119);
	ck_assert_int_eq(patience_waits(p, OTHER, NOW + 1), 0);
	ck_assert_int_eq(patience_wrong(p, CHAT, NOW + 120), 240);
}
END_TEST

START_TEST(a_clock_that_jumps_lengthens_no_wait)
{
	exhaust(CHAT, NOW);
	ck_assert_int_eq(patience_waits(p, CHAT, NOW - 100000), 0);
	while (patience_answers(p, CHAT, NOW))
		;
	ck_assert(patience_answers(p, CHAT, NOW - 100000));
	patience_restore(p, OTHER, INT64_MAX);
	ck_assert_int_eq(patience_waits(p, OTHER, NOW), 0);
}
END_TEST

START_TEST(memory_is_bounded_and_a_waiting_chat_is_forgotten_last)
{
	int64_t chat;

	exhaust(CHAT, NOW);
	exhaust(-CHAT, NOW);
	for (chat = 1000000; chat < 1300000; chat++)
		patience_answers(p, chat, NOW + 1);
	ck_assert_int_eq(patience_waits(p, CHAT, NOW + 1), 59);
	ck_assert_int_eq(patience_waits(p, -CHAT, NOW + 1), 59);
}
END_TEST

Suite *
test_patience(void)
{
	Suite *s = suite_create("patience");
	TCase *t = tcase_create("patience");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, each_further_wrong_token_doubles_the_wait);
	tcase_add_test(t, a_right_token_or_an_hour_resets_the_count);
	tcase_add_test(t, a_chat_is_told_once_that_it_must_wait);
	tcase_add_test(t, going_back_to_the_mark_forgets_what_followed);
	tcase_add_test(
	    t, a_chat_gets_some_answers_at_once_and_then_one_at_a_time);
	tcase_add_test(
	    t, many_wrong_tokens_in_a_minute_are_noticed_across_chats);
	tcase_add_test(t, a_refusal_survives_a_restart);
	tcase_add_test(t, a_clock_that_jumps_lengthens_no_wait);
	tcase_add_test(
	    t, memory_is_bounded_and_a_waiting_chat_is_forgotten_last);
	suite_add_tcase(s, t);
	return (s);
}
