/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_agents - the runs of notify-telegram and Telegram's limits: what one run
 * learns of the others, whatever stands in their file
 *
 * Locks belong to the open file, so two handles in one process exclude each
 * other as two processes do.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failure.h"
#include "settings/settings.h"
#include "telegram/agents.h"
#include "unit/suites.h"

#define CHAT 7001
#define OTHER 7002
#define GROUP -100700
#define ARRIVED 1800000000
/* The form of the file: what a run that was killed, or an older version, may
 * have left in it. */
#define PLACES_AT 4096
#define PLACE_SIZE 64
#define CELLS_AT (PLACES_AT + AGENTS_MAX * PLACE_SIZE)
#define FILE_SIZE (CELLS_AT + 65536 * 8)

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
	ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left in it */
}

static struct agents *
open_agents(void)
{
	struct agents *a = agents_open(path, true, &failure);

	ck_assert_msg(a != NULL, "%s", failure_text(&failure));
	return (a);
}

/* A run with a message that arrived ${second} seconds later than others. */
static struct agents *
run_for(int64_t chat, int second, const char *message)
{
	struct agents *a = open_agents();

	ck_assert_int_eq(agents_name(a, chat, ARRIVED + second, message), 0);
	return (a);
}

static size_t
before(const struct agents *a)
{
	struct agents_ahead ahead;

	ck_assert_int_eq(agents_ahead(a, &ahead), 0);
	return (ahead.before);
}

static size_t
starting(const struct agents *a)
{
	struct agents_ahead ahead;

	ck_assert_int_eq(agents_ahead(a, &ahead), 0);
	return (ahead.starting);
}

/* A process of its own, which has a message to CHAT that arrived first, and the
 * chat. */
static pid_t
start_first(void)
{
	struct agents *a;
	char ready = 0;
	int ends[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		a = agents_open(path, true, &failure);
		if (a == NULL || agents_name(a, CHAT, ARRIVED, "A0") != 0 ||
		    agents_take(a) != 1 || write(ends[1], &ready, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ends[0], &ready, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return (pid);
}

static void
end(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
}

/* Write ${len} bytes into the file, from ${at} on. */
static void
scribble(const void *data, size_t len, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(pwrite(fd, data, len, at), (ssize_t)len);
	close(fd);
}

/* All moments in the file are ${moment}. */
static void
scribble_moments(int64_t moment)
{
	size_t i, n = FILE_SIZE / sizeof(moment);
	int64_t *data = calloc(n, sizeof(moment));

	ck_assert_ptr_nonnull(data);
	for (i = 0; i < n; i++)
		data[i] = moment;
	scribble(data, 2 * sizeof(moment), 0);
	scribble(data, FILE_SIZE - CELLS_AT, CELLS_AT);
	free(data);
}

/* Fill the whole file with ${byte}, or with what is random if it is -1. */
static void
fill(int byte)
{
	char *data = malloc(FILE_SIZE);
	size_t i;

	ck_assert_ptr_nonnull(data);
	for (i = 0; i < FILE_SIZE; i++)
		data[i] = (char)(byte == -1 ? rand() : byte);
	scribble(data, FILE_SIZE, 0);
	free(data);
}

START_TEST(the_file_is_beside_the_roster_and_else_beside_the_counters)
{
	static const struct {
		const char *url, *stats, *want;
	} cases[] = {
	    {"/srv/roster.db", "/srv/stats/x.prom",
		"/srv/notify-telegram.agents"},
	    {"/roster.db", "", "/notify-telegram.agents"},
	    {"postgresql://db/roster", "/srv/stats/x.prom",
		"/srv/stats/notify-telegram.agents"},
	    {"postgresql://db/roster", "",
		"/var/lib/notify-milter/notify-telegram.agents"},
	};
	struct settings settings = {0};
	size_t i;
	char *got;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		settings.url = (char *)cases[i].url;
		settings.telegram_stats_file = (char *)cases[i].stats;
		got = agents_path(&settings);
		ck_assert_str_eq(got, cases[i].want);
		free(got);
	}
}
END_TEST

START_TEST(without_a_file_there_is_no_failure_if_none_may_be_made)
{
	struct stat st;

	ck_assert_ptr_null(agents_open(path, false, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_NONE);
	ck_assert_int_ne(stat(path, &st), 0);
	agents_close(open_agents());
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(what_is_no_file_of_its_own_is_not_used)
{
	char other[80];

	snprintf(other, sizeof(other), "%s/other", directory);
	ck_assert_int_eq(close(open(other, O_WRONLY | O_CREAT, 0600)), 0);
	switch (_i) {
	case 0:
		ck_assert_int_eq(mkdir(path, 0700), 0);
		break;
	case 1:
		ck_assert_int_eq(symlink(other, path), 0);
		break;
	case 2:
		ck_assert_int_eq(link(other, path), 0);
		break;
	case 3:
		ck_assert_int_eq(mkfifo(path, 0600), 0);
		break;
	}
	ck_assert_ptr_null(agents_open(path, true, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_int_eq(
	    strncmp(failure_text(&failure), path, strlen(path)), 0);
	unlink(other);
	if (_i == 0)
		rmdir(path);
}
END_TEST

START_TEST(a_file_that_may_not_be_written_is_not_used)
{
	agents_close(open_agents());
	ck_assert_int_eq(chmod(path, 0400), 0);
	/* Root may write it. */
	ck_assert_int_eq(chmod(directory, 0755), 0);
	ck_assert_int_eq(seteuid(geteuid() == 0 ? 65534 : geteuid()), 0);
	ck_assert_ptr_null(agents_open(path, true, &failure));
	ck_assert_int_eq(seteuid(getuid()), 0);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
}
END_TEST

START_TEST(a_run_counts_from_its_beginning_to_its_end)
{
	struct agents *a = open_agents(), *b, *c;

	ck_assert_uint_eq(agents_others(a), 0);
	b = open_agents();
	c = run_for(CHAT, 1, "A1");
	ck_assert_uint_eq(agents_others(a), 2);
	ck_assert_uint_eq(agents_others(b), 2);
	agents_close(b);
	ck_assert_uint_eq(agents_others(a), 1);
	agents_close(c);
	agents_close(NULL);
	ck_assert_uint_eq(agents_others(a), 0);
	agents_close(a);
}
END_TEST

START_TEST(there_is_room_for_so_many_runs_and_no_more)
{
	struct agents *all[AGENTS_MAX];
	size_t i;

	for (i = 0; i < AGENTS_MAX; i++)
		all[i] = open_agents();
	ck_assert_uint_eq(agents_others(all[0]), AGENTS_MAX - 1);
	ck_assert_ptr_null(agents_open(path, true, &failure));
	ck_assert_int_eq(failure.kind, FAILURE_BUSY);
	failure_clear(&failure);
	agents_close(all[AGENTS_MAX / 2]);
	all[AGENTS_MAX / 2] = open_agents();
	for (i = 0; i < AGENTS_MAX; i++)
		agents_close(all[i]);
}
END_TEST

START_TEST(those_with_an_earlier_message_to_the_chat_go_first)
{
	struct agents *own = run_for(CHAT, 5, "A5"), *all[6];
	size_t i;

	all[0] = run_for(CHAT, 4, "B0");  /* earlier */
	all[1] = run_for(CHAT, 6, "A0");  /* later */
	all[2] = run_for(CHAT, 5, "A4");  /* of the same second */
	all[3] = run_for(CHAT, 5, "A6");  /* of the same second, later */
	all[4] = run_for(OTHER, 1, "A0"); /* elsewhere */
	all[5] = run_for(-CHAT, 1, "A0");
	ck_assert_uint_eq(before(own), 2);
	ck_assert_uint_eq(starting(own), 0);
	ck_assert_uint_eq(before(all[0]), 0);
	ck_assert_uint_eq(before(all[1]), 4);
	/* One after the other, in any order. */
	agents_close(all[0]);
	ck_assert_uint_eq(before(own), 1);
	agents_close(all[2]);
	ck_assert_uint_eq(before(own), 0);
	agents_close(own);
	ck_assert_uint_eq(before(all[1]), 1);
	for (i = 0; i < 6; i++) {
		if (i != 0 && i != 2)
			agents_close(all[i]);
	}
}
END_TEST

START_TEST(a_run_that_began_earlier_and_knows_no_message_yet_may_go_first)
{
	struct agents *first = open_agents(), *own, *later;

	usleep(2000);
	own = run_for(CHAT, 1, "A1");
	usleep(2000);
	later = open_agents();
	ck_assert_uint_eq(starting(own), 1);
	ck_assert_int_eq(agents_name(first, OTHER, ARRIVED, "A0"), 0);
	ck_assert_uint_eq(starting(own), 0);
	ck_assert_uint_eq(before(own), 0);
	ck_assert_int_eq(agents_name(first, CHAT, ARRIVED, "A0"), 0);
	ck_assert_uint_eq(before(own), 1);
	agents_close(first);
	agents_close(own);
	agents_close(later);
}
END_TEST

START_TEST(a_run_that_is_stuck_at_its_beginning_is_not_waited_for)
{
	int64_t began[AGENTS_MAX][PLACE_SIZE / sizeof(int64_t)] = {0};
	struct agents *stuck = open_agents(), *own;
	size_t i;

	own = run_for(CHAT, 1, "A1");
	ck_assert_uint_eq(starting(own), 1);
	for (i = 0; i < AGENTS_MAX; i++)
		began[i][0] = clock_boot_ms() - AGENTS_STARTING_MS - 1;
	scribble(began, sizeof(began), PLACES_AT);
	ck_assert_uint_eq(starting(own), 0);
	ck_assert_uint_eq(agents_others(own), 1);
	agents_close(stuck);
	agents_close(own);
}
END_TEST

START_TEST(a_chat_is_one_run_s_at_a_time)
{
	struct agents *a = run_for(CHAT, 0, "A0"), *b = run_for(CHAT, 1, "A1"),
		      *c = run_for(-CHAT, 2, "A2");

	ck_assert_int_eq(agents_take(a), 1);
	ck_assert_int_eq(agents_take(a), 1);
	ck_assert_int_eq(agents_take(b), 0);
	ck_assert_int_eq(agents_take(c), 1);
	/* Who does not have it gives nothing away. */
	agents_give(b);
	ck_assert_int_eq(agents_take(b), 0);
	agents_give(a);
	agents_give(a);
	ck_assert_int_eq(agents_take(b), 1);
	ck_assert_int_eq(agents_take(a), 0);
	agents_close(a);
	a = run_for(CHAT, 0, "A0");
	ck_assert_int_eq(agents_take(a), 0);
	agents_close(b);
	ck_assert_int_eq(agents_take(a), 1);
	agents_close(a);
	agents_close(c);
}
END_TEST

START_TEST(a_run_that_goes_to_another_chat_gives_the_former_back)
{
	struct agents *a = run_for(CHAT, 0, "A0"), *b = run_for(CHAT, 1, "A1");

	ck_assert_int_eq(agents_take(a), 1);
	ck_assert_int_eq(agents_name(a, CHAT, ARRIVED, "A0"), 0);
	ck_assert_int_eq(agents_take(b), 0);
	ck_assert_int_eq(agents_name(a, GROUP, ARRIVED, "A0"), 0);
	ck_assert_uint_eq(before(b), 0);
	ck_assert_int_eq(agents_take(b), 1);
	ck_assert_int_eq(agents_take(a), 1);
	ck_assert_int_eq(agents_name(b, GROUP, ARRIVED + 1, "A1"), 0);
	ck_assert_uint_eq(before(b), 1);
	ck_assert_int_eq(agents_take(b), 0);
	agents_close(a);
	ck_assert_int_eq(agents_take(b), 1);
	agents_close(b);
}
END_TEST

START_TEST(each_number_of_a_chat_has_a_lock_of_its_own)
{
	static const int64_t chats[] = {1, -1, 2, -2, CHAT, 65536 + CHAT,
	    ((int64_t)1 << 52) - 1, -(((int64_t)1 << 52) - 1), -1001234567890};
	struct agents *all[sizeof(chats) / sizeof(chats[0])];
	size_t i, n = sizeof(chats) / sizeof(chats[0]);

	for (i = 0; i < n; i++) {
		all[i] = run_for(chats[i], 0, "A0");
		ck_assert_int_eq(agents_take(all[i]), 1);
	}
	for (i = 0; i < n; i++)
		agents_close(all[i]);
	/* Whatever stands in a roster. */
	all[0] = run_for(INT64_MIN, 0, "A0");
	ck_assert_int_eq(agents_take(all[0]), 1);
	agents_close(all[0]);
	all[0] = run_for(INT64_MAX, 0, "A0");
	ck_assert_int_eq(agents_take(all[0]), 1);
	agents_close(all[0]);
}
END_TEST

START_TEST(a_run_that_is_killed_is_gone_at_once)
{
	struct agents *own = run_for(CHAT, 1, "A1");
	pid_t pid = start_first();

	ck_assert_uint_eq(before(own), 1);
	ck_assert_uint_eq(agents_others(own), 1);
	ck_assert_int_eq(agents_take(own), 0);
	end(pid);
	ck_assert_uint_eq(before(own), 0);
	ck_assert_uint_eq(agents_others(own), 0);
	ck_assert_int_eq(agents_take(own), 1);
	agents_close(own);
}
END_TEST

START_TEST(places_of_runs_that_were_killed_are_used_again)
{
	struct agents *own, *all[AGENTS_MAX - 1];
	char places[AGENTS_MAX][PLACE_SIZE];
	size_t i;
	pid_t pid;
	int fd;

	/* As if all of them had been this one. */
	pid = start_first();
	end(pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(pread(fd, places, sizeof(places), PLACES_AT), 1);
	close(fd);
	for (i = 0; i < AGENTS_MAX; i++) {
		if (places[i][0] != '\0')
			memcpy(places[0], places[i], PLACE_SIZE);
	}
	for (i = 1; i < AGENTS_MAX; i++)
		memcpy(places[i], places[0], PLACE_SIZE);
	scribble(places, sizeof(places), PLACES_AT);
	own = run_for(CHAT, 1, "A1");
	ck_assert_uint_eq(before(own), 0);
	for (i = 0; i < AGENTS_MAX - 1; i++)
		all[i] = open_agents();
	ck_assert_uint_eq(before(own), 0);
	ck_assert_uint_eq(agents_others(own), AGENTS_MAX - 1);
	for (i = 0; i < AGENTS_MAX - 1; i++)
		agents_close(all[i]);
	agents_close(own);
}
END_TEST

START_TEST(a_file_that_is_cut_off_meanwhile_keeps_its_locks)
{
	struct agents *a = run_for(CHAT, 0, "A0"), *b = run_for(CHAT, 1, "A1");
	int64_t wait;

	ck_assert_int_eq(agents_take(a), 1);
	ck_assert_int_eq(truncate(path, _i), 0);
	ck_assert_int_eq(agents_take(b), 0);
	ck_assert(agents_ask(a, &wait));
	ck_assert_int_eq(wait, 0);
	agents_answered(a, true, 0);
	agents_close(a);
	ck_assert_int_eq(agents_take(b), 1);
	ck_assert_int_gt(agents_chat_wait(b), 0);
	agents_close(b);
}
END_TEST

START_TEST(whatever_stands_in_the_file_no_wait_is_long)
{
	static const int bytes[] = {0xff, 0x7f, 0x01, 0x80, -1, -1, -1};
	struct agents *a, *b;
	int64_t wait;
	int i;

	fill(bytes[_i]);
	a = run_for(CHAT, 1, "A1");
	b = run_for(GROUP, 1, "A2");
	ck_assert_uint_eq(agents_others(a), 1);
	ck_assert_uint_eq(before(a), 0);
	ck_assert_int_eq(agents_take(a), 1);
	ck_assert_int_le(agents_chat_wait(a), AGENTS_WAIT_MAX_MS);
	agents_ask(a, &wait);
	ck_assert_int_ge(wait, 0);
	ck_assert_int_le(wait, AGENTS_WAIT_MAX_MS);
	for (i = 0; i < 3; i++) {
		agents_answered(a, false, 1);
		agents_answered(b, false, 1000000);
	}
	ck_assert_int_le(agents_chat_wait(a), AGENTS_PAUSE_MAX_MS);
	agents_answered(a, true, 0);
	agents_close(a);
	agents_close(b);
}
END_TEST

START_TEST(moments_of_another_boot_are_now)
{
	/* The machine had been up for longer than it is now. */
	static const int64_t ahead[] = {
	    AGENTS_WAIT_MAX_MS + 15000, 864000000, INT64_MAX / 2};
	struct agents *a = run_for(CHAT, 1, "A1");
	int64_t wait, moment = clock_boot_ms() + ahead[_i];

	scribble_moments(moment);
	ck_assert_int_eq(agents_chat_wait(a), 0);
	ck_assert(!agents_paused(a));
	ck_assert(agents_ask(a, &wait));
	ck_assert_int_eq(wait, 0);
	ck_assert_int_gt(agents_chat_wait(a), 0);
	agents_close(a);
}
END_TEST

START_TEST(without_room_on_the_disk_there_is_no_run_and_no_wait_for_ever)
{
	struct rlimit limit = {_i == 0 ? 0 : CELLS_AT, RLIM_INFINITY};
	struct agents *a;
	int64_t wait;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	a = agents_open(path, true, &failure);
	if (_i == 0) {
		ck_assert_ptr_null(a);
		ck_assert_int_eq(failure.kind, FAILURE_IO);
		return;
	}
	/* There is room for the places, and none for the chats' moments. */
	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(agents_name(a, GROUP, ARRIVED, "A0"), 0);
	ck_assert_int_eq(agents_take(a), 1);
	ck_assert(agents_ask(a, &wait));
	ck_assert_int_eq(wait, AGENTS_GROUP_MS);
	agents_answered(a, true, 0);
	ck_assert_int_eq(agents_chat_wait(a), 0);
	agents_close(a);
}
END_TEST

START_TEST(requests_to_all_chats_are_spaced)
{
	struct agents *all[10];
	int64_t wait, began = clock_boot_ms();
	int64_t i;

	for (i = 0; i < 10; i++) {
		all[i] = run_for(CHAT + i, 0, "A0");
		ck_assert(agents_ask(all[i], &wait));
		ck_assert_int_le(wait, i * AGENTS_REQUEST_MS);
		ck_assert_int_ge(
		    clock_boot_ms() + wait, began + i * AGENTS_REQUEST_MS);
	}
	for (i = 0; i < 10; i++)
		agents_close(all[i]);
}
END_TEST

START_TEST(requests_to_a_chat_are_spaced_from_answer_to_request)
{
	int64_t chat = _i == 0 ? CHAT : GROUP,
		each = _i == 0 ? AGENTS_CHAT_MS : AGENTS_GROUP_MS, wait, began;
	struct agents *a = run_for(chat, 0, "A0"), *b = run_for(chat, 1, "A1");

	ck_assert(agents_ask(a, &wait));
	began = clock_boot_ms();
	ck_assert(!agents_ask(b, &wait));
	ck_assert_int_gt(wait, 0);
	ck_assert_int_le(wait, each);
	usleep(20000);
	agents_answered(a, true, 0);
	ck_assert_int_ge(
	    clock_boot_ms() + agents_chat_wait(b), began + 20 + each);
	ck_assert_int_le(agents_chat_wait(b), each);
	/* What was refused is not in the chat. */
	agents_answered(a, false, 0);
	ck_assert_int_eq(agents_chat_wait(b), 0);
	agents_close(a);
	agents_close(b);
}
END_TEST

START_TEST(three_chats_in_a_row_that_are_refused_pause_the_bot)
{
	struct agents *a = run_for(CHAT, 0, "A0"), *b = run_for(OTHER, 0, "A1"),
		      *c = run_for(GROUP, 0, "A2");
	int64_t wait;

	/* One chat, however often. */
	agents_answered(a, false, 3);
	agents_answered(a, false, 3);
	agents_answered(a, false, 3);
	agents_answered(b, false, 3);
	ck_assert(!agents_paused(c));
	/* What another chat got shows that the bot is not refused. */
	agents_answered(c, true, 0);
	agents_answered(c, false, 3);
	agents_answered(a, false, 3);
	ck_assert(!agents_paused(c));
	agents_answered(b, false, _i);
	ck_assert(agents_paused(a));
	ck_assert(!agents_ask(a, &wait));
	ck_assert_int_gt(wait, 0);
	ck_assert_int_le(wait,
	    _i > AGENTS_PAUSE_MAX_MS / 1000 ? AGENTS_PAUSE_MAX_MS : _i * 1000);
	ck_assert_int_gt(wait,
	    (_i > AGENTS_PAUSE_MAX_MS / 1000 ? AGENTS_PAUSE_MAX_MS
					     : _i * 1000) -
		900);
	agents_close(a);
	agents_close(b);
	agents_close(c);
}
END_TEST

#define ASKERS 8
#define ASKS 40

START_TEST(processes_that_ask_at_once_get_a_moment_each)
{
	int64_t began = clock_boot_ms(), next = 0, wait_ms;
	struct agents *a;
	int ends[2], i, j, status, fd;
	char none;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	for (i = 0; i < ASKERS; i++) {
		pid = fork();
		ck_assert_int_ne(pid, -1);
		if (pid != 0)
			continue;
		close(ends[1]);
		a = open_agents();
		if (read(ends[0], &none, 1) != 0)
			_exit(1);
		for (j = 0; j < ASKS; j++) {
			if (agents_name(a, CHAT + i * ASKS + j, 0, "A") != 0 ||
			    !agents_ask(a, &wait_ms))
				_exit(1);
		}
		_exit(0);
	}
	close(ends[0]);
	close(ends[1]);
	for (i = 0; i < ASKERS; i++) {
		ck_assert_int_ne(wait(&status), -1);
		ck_assert_int_eq(status, 0);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(fd, &next, sizeof(next)), sizeof(next));
	close(fd);
	ck_assert_int_ge(
	    next, began + (int64_t)ASKERS * ASKS * AGENTS_REQUEST_MS);
}
END_TEST

START_TEST(nobody_reads_the_moments_while_another_changes_them)
{
	struct flock first = {
	    .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	struct agents *a = run_for(CHAT, 0, "A0");
	int64_t began, wait_ms;
	int ends[2], fd, status;
	char ready = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fcntl(fd, F_OFD_SETLK, &first) != 0 ||
		    write(ends[1], &ready, 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(0);
	}
	ck_assert_int_eq(read(ends[0], &ready, 1), 1);
	began = clock_boot_ms();
	if (_i == 0)
		ck_assert(agents_ask(a, &wait_ms));
	else
		agents_answered(a, true, 0);
	ck_assert_int_ge(clock_boot_ms() - began, 200);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	agents_close(a);
}
END_TEST

Suite *
test_agents(void)
{
	Suite *s = suite_create("agents");
	TCase *t = tcase_create("agents");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(
	    t, the_file_is_beside_the_roster_and_else_beside_the_counters);
	tcase_add_test(
	    t, without_a_file_there_is_no_failure_if_none_may_be_made);
	tcase_add_loop_test(t, what_is_no_file_of_its_own_is_not_used, 0, 4);
	tcase_add_test(t, a_file_that_may_not_be_written_is_not_used);
	tcase_add_test(t, a_run_counts_from_its_beginning_to_its_end);
	tcase_add_test(t, there_is_room_for_so_many_runs_and_no_more);
	tcase_add_test(t, those_with_an_earlier_message_to_the_chat_go_first);
	tcase_add_test(
	    t, a_run_that_began_earlier_and_knows_no_message_yet_may_go_first);
	tcase_add_test(
	    t, a_run_that_is_stuck_at_its_beginning_is_not_waited_for);
	tcase_add_test(t, a_chat_is_one_run_s_at_a_time);
	tcase_add_test(
	    t, a_run_that_goes_to_another_chat_gives_the_former_back);
	tcase_add_test(t, each_number_of_a_chat_has_a_lock_of_its_own);
	tcase_add_test(t, a_run_that_is_killed_is_gone_at_once);
	tcase_add_test(t, places_of_runs_that_were_killed_are_used_again);
	tcase_add_loop_test(
	    t, a_file_that_is_cut_off_meanwhile_keeps_its_locks, 0, 2);
	tcase_add_loop_test(
	    t, whatever_stands_in_the_file_no_wait_is_long, 0, 7);
	tcase_add_loop_test(t, moments_of_another_boot_are_now, 0, 3);
	tcase_add_loop_test(t,
	    without_room_on_the_disk_there_is_no_run_and_no_wait_for_ever, 0,
	    2);
	tcase_add_test(t, requests_to_all_chats_are_spaced);
	tcase_add_loop_test(
	    t, requests_to_a_chat_are_spaced_from_answer_to_request, 0, 2);
	tcase_add_loop_test(
	    t, three_chats_in_a_row_that_are_refused_pause_the_bot, 1, 13);
	tcase_add_test(t, processes_that_ask_at_once_get_a_moment_each);
	tcase_add_loop_test(
	    t, nobody_reads_the_moments_while_another_changes_them, 0, 2);
	suite_add_tcase(s, t);
	return (s);
}
