/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_turn - runs of notify-telegram come to their turn in the order of their
 * messages
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failure.h"
#include "telegram/agents.h"
#include "telegram/turn.h"
#include "unit/suites.h"

#define CHAT 7001
#define OTHER 7002
#define ARRIVED 1800000000

static char directory[32], path[64];
static struct failure failure;

static void
setup(void)
{
	strcpy(directory, "/tmp/nm-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/agents", directory);
}

static void
teardown(void)
{
	failure_clear(&failure);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
}

static struct agents *
run_for(int64_t chat, int second)
{
	struct agents *a = agents_open(path, true, &failure);

	ck_assert_msg(a != NULL, "%s", failure_text(&failure));
	ck_assert_int_eq(agents_name(a, chat, ARRIVED + second, "A"), 0);
	return (a);
}

/* A process that says ready to ${out}, writes ${second} to it when its turn has
 * come, and then keeps the chat until there is a byte for it in ${go}. */
static void
start(int second, int out, int go)
{
	struct agents *a;
	size_t before;
	char none;
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid != 0)
		return;
	a = run_for(CHAT, second);
	if (write(out, "", 1) != 1 ||
	    turn_wait(a, 20000, &before) != TURN_COME ||
	    write(out, &(char){(char)second}, 1) != 1)
		_exit(1);
	_exit(read(go, &none, 1) != 1);
}

static void
heard(int in, int want)
{
	char got;

	ck_assert_int_eq(read(in, &got, 1), 1);
	ck_assert_int_eq(got, want);
}

START_TEST(runs_come_to_their_turn_in_the_order_of_their_messages)
{
	static const int seconds[] = {4, 1, 5, 3, 2};
	int told[2], go[2], status, i;

	ck_assert_int_eq(pipe2(told, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
	start(9, told[1], go[0]);
	heard(told[0], 0);
	heard(told[0], 9);
	for (i = 0; i < 5; i++) {
		start(seconds[i], told[1], go[0]);
		heard(told[0], 0);
	}
	ck_assert_int_eq(write(go[1], "", 1), 1);
	for (i = 1; i <= 5; i++) {
		heard(told[0], i);
		ck_assert_int_eq(write(go[1], "", 1), 1);
	}
	for (i = 0; i < 6; i++) {
		ck_assert_int_ne(wait(&status), -1);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

START_TEST(a_later_message_does_not_wait_for_and_not_pass_who_has_the_chat)
{
	struct agents *a = run_for(CHAT, 1), *b = run_for(CHAT, 2);
	size_t before;

	/* The later one came first, and has the chat. */
	ck_assert_int_eq(agents_take(b), 1);
	ck_assert_int_eq(turn_wait(a, 0, &before), TURN_NOT_YET);
	ck_assert_uint_eq(before, 0);
	/* It looks again, and lets the earlier one pass. */
	ck_assert_int_eq(turn_wait(b, 0, &before), TURN_NOT_YET);
	ck_assert_uint_eq(before, 1);
	ck_assert_int_eq(turn_wait(a, 0, &before), TURN_COME);
	agents_close(a);
	ck_assert_int_eq(turn_wait(b, 0, &before), TURN_COME);
	agents_close(b);
}
END_TEST

START_TEST(a_turn_comes_when_the_chat_may_have_a_message)
{
	struct agents *a = run_for(CHAT, 1), *b = run_for(CHAT, 2);
	int64_t began, wait;
	size_t before;

	ck_assert(agents_ask(a, &wait));
	agents_answered(a, true, 0);
	began = clock_ms();
	agents_close(a);
	ck_assert_int_eq(turn_wait(b, 100, &before), TURN_NOT_YET);
	ck_assert_int_eq(turn_wait(b, 5000, &before), TURN_COME);
	ck_assert_int_ge(clock_ms() - began, AGENTS_CHAT_MS - 5);
	agents_close(b);
}
END_TEST

START_TEST(no_more_than_so_many_wait_for_a_chat)
{
	struct agents *all[TURN_QUEUE + 2], *other = run_for(OTHER, 99);
	size_t i, before;

	for (i = 0; i < TURN_QUEUE + 2; i++)
		all[i] = run_for(CHAT, (int)i);
	ck_assert_int_eq(turn_wait(all[TURN_QUEUE], 0, &before), TURN_NOT_YET);
	ck_assert_uint_eq(before, TURN_QUEUE);
	ck_assert_int_eq(
	    turn_wait(all[TURN_QUEUE + 1], 5000, &before), TURN_CROWDED);
	ck_assert_uint_eq(before, TURN_QUEUE + 1);
	ck_assert_int_eq(turn_wait(other, 0, &before), TURN_COME);
	agents_close(other);
	for (i = 0; i < TURN_QUEUE + 2; i++)
		agents_close(all[i]);
}
END_TEST

/* A process that waits behind ${first}, and whose parent ends. What it got. */
static int
orphan(struct agents *first, bool request)
{
	struct agents *a;
	size_t before;
	char got = -1, none;
	int ends[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		if (fork() != 0) {
			turn_nap(300);
			_exit(0);
		}
		a = run_for(CHAT, 1);
		if (write(ends[1], "", 1) != 1)
			_exit(1);
		got = (char)(request ? turn_request(a)
				     : turn_wait(a, 20000, &before));
		_exit(write(ends[1], &got, 1) != 1);
	}
	close(ends[1]);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	heard(ends[0], 0);
	ck_assert_int_eq(read(ends[0], &got, 1), 1);
	/* Once it has ended, too. */
	ck_assert_int_eq(read(ends[0], &none, 1), 0);
	ck_assert_uint_eq(agents_others(first), 0);
	close(ends[0]);
	return (got);
}

START_TEST(a_run_whose_mta_has_ended_does_not_go_on)
{
	struct agents *first = run_for(CHAT, 0);
	int64_t wait_ms;

	ck_assert_int_eq(orphan(first, false), TURN_LEFT);
	/* The chat is free, but must wait. */
	ck_assert(agents_ask(first, &wait_ms));
	ck_assert_int_eq(orphan(first, true), false);
	ck_assert(!agents_left(first));
	agents_close(first);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_a_failure_at_once)
{
	int fd = dup(STDIN_FILENO), slash = open("/", O_RDONLY | O_CLOEXEC);
	struct agents *a;
	size_t before;

	/* The file gets this number; then the directory has it. */
	ck_assert_int_ne(fd, -1);
	close(fd);
	a = run_for(CHAT, 1);
	ck_assert_int_eq(dup2(slash, fd), fd);
	close(slash);
	ck_assert_int_eq(turn_wait(a, 5000, &before), TURN_FAILED);
	ck_assert_uint_eq(agents_others(a), 0);
	agents_close(a);
}
END_TEST

START_TEST(the_more_runs_there_are_the_longer_one_gives_earlier_ones_time)
{
	struct agents *all[40];
	int64_t began = clock_ms();
	size_t i;

	for (i = 0; i < 40; i++)
		all[i] = run_for(CHAT, (int)i);
	turn_settle(all[0]);
	ck_assert_int_ge(clock_ms() - began, 39 * TURN_SETTLE_EACH_MS);
	for (i = 1; i < 40; i++)
		agents_close(all[i]);
	agents_close(all[0]);
}
END_TEST

START_TEST(a_request_waits_for_the_end_of_a_pause)
{
	struct agents *a = run_for(CHAT, 1), *b = run_for(OTHER, 1),
		      *c = run_for(-OTHER, 1);
	int64_t began = clock_ms();

	agents_answered(a, false, 1);
	agents_answered(b, false, 1);
	agents_answered(c, false, 1);
	ck_assert(turn_request(a));
	ck_assert_int_ge(clock_ms() - began, 1000 - 5);
	/* It counts from then on. */
	ck_assert_int_gt(agents_chat_wait(a), 0);
	ck_assert(turn_request(b));
	agents_close(a);
	agents_close(b);
	agents_close(c);
}
END_TEST

/* Three chats that are refused after ${ms}, for a second. */
static void
refuse(int64_t ms)
{
	struct agents *a;
	int64_t chat;
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid != 0)
		return;
	turn_nap(ms);
	for (chat = 1; chat <= 3; chat++) {
		a = run_for(chat, 0);
		agents_answered(a, false, 1);
	}
	_exit(0);
}

START_TEST(a_pause_that_begins_before_the_request_goes_out_counts)
{
	struct agents *all[20];
	int64_t began = clock_ms(), wait_ms, i;
	int status;

	/* The last of them has some time to wait. */
	for (i = 0; i < 20; i++) {
		all[i] = run_for(CHAT + i, 1);
		if (i < 19)
			ck_assert(agents_ask(all[i], &wait_ms));
	}
	refuse(300);
	ck_assert(turn_request(all[19]));
	ck_assert_int_ge(clock_ms() - began, 1300);
	ck_assert_int_ne(wait(&status), -1);
	ck_assert_int_eq(status, 0);
	for (i = 0; i < 20; i++)
		agents_close(all[i]);
}
END_TEST

START_TEST(a_run_that_may_have_an_earlier_message_is_given_time)
{
	struct agents *first = agents_open(path, true, &failure), *own;
	size_t before;

	ck_assert_ptr_nonnull(first);
	own = run_for(CHAT, 1);
	ck_assert_int_eq(turn_wait(own, 0, &before), TURN_NOT_YET);
	ck_assert_uint_eq(before, 0);
	agents_close(first);
	ck_assert_int_eq(turn_wait(own, 0, &before), TURN_COME);
	agents_close(own);
}
END_TEST

Suite *
test_turn(void)
{
	Suite *s = suite_create("turn");
	TCase *t = tcase_create("turn");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(
	    t, runs_come_to_their_turn_in_the_order_of_their_messages);
	tcase_add_test(
	    t, a_later_message_does_not_wait_for_and_not_pass_who_has_the_chat);
	tcase_add_test(t, a_turn_comes_when_the_chat_may_have_a_message);
	tcase_add_test(t, no_more_than_so_many_wait_for_a_chat);
	tcase_add_test(t, a_run_whose_mta_has_ended_does_not_go_on);
	tcase_add_test(t, a_file_that_cannot_be_read_is_a_failure_at_once);
	tcase_add_test(
	    t, the_more_runs_there_are_the_longer_one_gives_earlier_ones_time);
	tcase_add_test(t, a_request_waits_for_the_end_of_a_pause);
	tcase_add_test(
	    t, a_pause_that_begins_before_the_request_goes_out_counts);
	tcase_add_test(t, a_run_that_may_have_an_earlier_message_is_given_time);
	suite_add_tcase(s, t);
	return (s);
}
