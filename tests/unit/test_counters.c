/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_counters - counts, and the file in which Prometheus finds them
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/counters.h"
#include "base/failure.h"
#include "unit/suites.h"

#define VERDICT "category=\"services\",verdict=\"delivered\""
#define BUMPS 50
#define BUMPERS 2

static char directory[32], path[64];
static struct counters c;
static struct failure failure;

static void
setup(void)
{
	strcpy(directory, "/tmp/nm-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/x.prom", directory);
}

static void
teardown(void)
{
	counters_clear(&c);
	failure_clear(&failure);
	unlink(path);
	ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left in it */
}

static void
write_file(const char *text)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
}

static void
want_file(const char *want)
{
	char got[4096];
	size_t n;
	FILE *in = fopen(path, "r");

	ck_assert_ptr_nonnull(in);
	n = fread(got, 1, sizeof(got) - 1, in);
	fclose(in);
	got[n] = '\0';
	ck_assert_str_eq(got, want);
}

START_TEST(what_was_added_and_set_is_got_by_its_labels)
{
	ck_assert(counters_get(&c, COUNTER_UNTAGGED, "") == 0);
	ck_assert_int_eq(counters_add(&c, COUNTER_UNTAGGED, "", 2), 0);
	ck_assert_int_eq(counters_add(&c, COUNTER_UNTAGGED, "", 3), 0);
	ck_assert_int_eq(counters_add(&c, COUNTER_MESSAGES, VERDICT, 7), 0);
	ck_assert_int_eq(counters_set(&c, COUNTER_START_TIME, "", 9), 0);
	ck_assert_int_eq(counters_set(&c, COUNTER_START_TIME, "", 8), 0);
	ck_assert(counters_get(&c, COUNTER_UNTAGGED, "") == 5);
	ck_assert(counters_get(&c, COUNTER_MESSAGES, VERDICT) == 7);
	ck_assert(counters_get(&c, COUNTER_MESSAGES, "") == 0);
	ck_assert(counters_get(&c, COUNTER_START_TIME, "") == 8);
}
END_TEST

START_TEST(a_file_is_read_back_and_counted_on)
{
	char *text;
	int i;

	for (i = 0; i < 2; i++) {
		counters_clear(&c);
		ck_assert_int_eq(counters_read(&c, path, &failure), i);
		ck_assert_int_eq(counters_add(&c, COUNTER_UNTAGGED, "", 1), 0);
		ck_assert_int_eq(
		    counters_add(&c, COUNTER_MESSAGES, VERDICT, 0.5), 0);
		text = counters_text(&c);
		ck_assert_ptr_nonnull(text);
		ck_assert_int_eq(counters_replace(path, text, &failure), 0);
		free(text);
	}
	want_file("# HELP notify_milter_untagged_messages_total "
		  "Messages without a tag, which passed unchanged.\n"
		  "# TYPE notify_milter_untagged_messages_total counter\n"
		  "notify_milter_untagged_messages_total 2\n"
		  "# HELP notify_milter_messages_total "
		  "Tagged messages by category and verdict.\n"
		  "# TYPE notify_milter_messages_total counter\n"
		  "notify_milter_messages_total{" VERDICT "} 1\n");
}
END_TEST

START_TEST(what_we_do_not_count_is_skipped)
{
	write_file("# a comment\n\nsomebody_elses_total{a=\"b c\"} 4\n"
		   "notify_milter_untagged_messages_total 6");
	ck_assert_int_eq(counters_read(&c, path, &failure), 1);
	ck_assert_uint_eq(c.n, 1);
	ck_assert(counters_get(&c, COUNTER_UNTAGGED, "") == 6);
}
END_TEST

#define NAME "notify_milter_untagged_messages_total"

static const char *const damaged[] = {
    NAME "\n",
    NAME " \n",
    NAME " many\n",
    NAME " 1x\n",
    NAME " -1\n",
    NAME " nan\n",
    NAME " inf\n",
    NAME "{a=\"b\" 1\n",
    "\x01\x02\x03\n",
};

START_TEST(a_damaged_line_is_named_by_its_number)
{
	char text[256], where[128];

	snprintf(text, sizeof(text), "%s 1\n%s", NAME, damaged[_i]);
	write_file(text);
	snprintf(where, sizeof(where), "%s:2: ", path);
	ck_assert_int_eq(counters_read(&c, path, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_DATA);
	ck_assert_int_eq(
	    strncmp(failure_text(&failure), where, strlen(where)), 0);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_not_a_missing_one)
{
	char below[80];

	write_file("");
	snprintf(below, sizeof(below), "%s/below", path);
	ck_assert_int_eq(counters_read(&c, below, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	failure_clear(&failure);
	ck_assert_int_eq(counters_read(&c, directory, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
}
END_TEST

START_TEST(labels_are_refused_when_they_are_too_many_or_too_long)
{
	char labels[600];
	int i;

	memset(labels, 'x', sizeof(labels));
	labels[512] = '\0';
	ck_assert_int_eq(counters_add(&c, COUNTER_MESSAGES, labels, 1), -1);
	labels[511] = '\0';
	ck_assert_int_eq(counters_add(&c, COUNTER_MESSAGES, labels, 1), 0);
	for (i = 1; i < 10000; i++) {
		snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		if (counters_add(&c, COUNTER_MESSAGES, labels, 1) != 0)
			ck_abort_msg("series %d is refused", i);
	}
	ck_assert_int_eq(counters_add(&c, COUNTER_MESSAGES, "more", 1), -1);
	ck_assert_uint_eq(c.n, 10000);
	/* One that is there still counts. */
	ck_assert_int_eq(counters_add(&c, COUNTER_MESSAGES, labels, 1), 0);
	ck_assert(counters_get(&c, COUNTER_MESSAGES, labels) == 2);
}
END_TEST

/* Who has the file open goes on reading one moment. */
START_TEST(a_replaced_file_is_another_with_mode_0644)
{
	struct stat before, after;
	char got[16];
	int fd;

	ck_assert_int_eq(counters_replace(path, "old\n", &failure), 0);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(fstat(fd, &before), 0);
	ck_assert_int_eq(counters_replace(path, "newer\n", &failure), 0);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_ne((long)before.st_ino, (long)after.st_ino);
	ck_assert_int_eq((int)(after.st_mode & 07777), 0644);
	ck_assert_int_eq(read(fd, got, sizeof(got)), 4);
	ck_assert_mem_eq(got, "old\n", 4);
	close(fd);
	want_file("newer\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(counters_replace(path, "text\n", &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_int_eq(rmdir(path), 0);
	failure_clear(&failure);
	ck_assert_int_eq(
	    counters_replace("/nowhere/x.prom", "text\n", &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
}
END_TEST

START_TEST(what_a_crash_left_beside_the_file_is_removed)
{
	char left[80];

	snprintf(left, sizeof(left), "%s.new", path);
	ck_assert_int_eq(symlink("/etc/hostname", left), 0);
	ck_assert_int_eq(counters_replace(path, "text\n", &failure), 0);
	want_file("text\n");
}
END_TEST

START_TEST(no_count_is_lost_when_two_processes_bump_at_once)
{
	pid_t pids[BUMPERS];
	int i, n, status;

	for (i = 0; i < BUMPERS; i++) {
		pids[i] = fork();
		ck_assert_int_ne(pids[i], -1);
		if (pids[i] != 0)
			continue;
		for (n = 0; n < BUMPS;) {
			/* A busy machine may give the lock up. */
			if (counters_bump(path, COUNTER_MIRRORED,
				"outcome=\"sent\"", &failure) == 0)
				n++;
		}
		_exit(0);
	}
	for (i = 0; i < BUMPERS; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(counters_read(&c, path, &failure), 1);
	ck_assert_int_eq(
	    (int)counters_get(&c, COUNTER_MIRRORED, "outcome=\"sent\""),
	    BUMPERS * BUMPS);
}
END_TEST

START_TEST(a_bump_replaces_a_damaged_file)
{
	write_file(NAME " many\n");
	ck_assert_int_eq(
	    counters_bump(path, COUNTER_UNTAGGED, "", &failure), 0);
	ck_assert_int_eq(failure.kind, FAILURE_NONE);
	ck_assert_int_eq(counters_read(&c, path, &failure), 1);
	ck_assert(counters_get(&c, COUNTER_UNTAGGED, "") == 1);
}
END_TEST

START_TEST(a_bump_without_a_directory_is_a_failure)
{
	ck_assert_int_eq(
	    counters_bump("/nowhere/x.prom", COUNTER_UNTAGGED, "", &failure),
	    -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_str_eq(
	    failure_text(&failure), "/nowhere: No such file or directory");
}
END_TEST

Suite *
test_counters(void)
{
	Suite *s = suite_create("counters");
	TCase *t = tcase_create("counters");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_added_and_set_is_got_by_its_labels);
	tcase_add_test(t, a_file_is_read_back_and_counted_on);
	tcase_add_test(t, what_we_do_not_count_is_skipped);
	tcase_add_loop_test(t, a_damaged_line_is_named_by_its_number, 0,
	    sizeof(damaged) / sizeof(damaged[0]));
	tcase_add_test(t, a_file_that_cannot_be_read_is_not_a_missing_one);
	tcase_add_test(
	    t, labels_are_refused_when_they_are_too_many_or_too_long);
	tcase_add_test(t, a_replaced_file_is_another_with_mode_0644);
	tcase_add_test(t,
	    a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it);
	tcase_add_test(t, what_a_crash_left_beside_the_file_is_removed);
	tcase_add_test(t, no_count_is_lost_when_two_processes_bump_at_once);
	tcase_add_test(t, a_bump_replaces_a_damaged_file);
	tcase_add_test(t, a_bump_without_a_directory_is_a_failure);
	suite_add_tcase(s, t);
	return (s);
}
