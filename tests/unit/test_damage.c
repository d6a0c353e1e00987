/*
 * test_damage - a page that is damaged in its middle
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decide.h"
#include "evaluate.h"
#include "facts.h"
#include "fixture.h"
#include "message.h"
#include "pool.h"
#include "store_health.h"
#include "suites.h"

#define PAGE 4096
#define BLOCK 512
#define MESSAGES 3
#define HOWS 3 /* ways to spoil a block */

static struct fixture f;

static void
setup(void)
{
	static char people[4][40];
	static char *list[4] = {people[0], people[1], people[2], people[3]};
	char name[40], owner[40];
	int i, j;

	fixture_open(&f);
	fixture_begin(&f);
	for (i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		snprintf(owner, sizeof(owner), "o@c%d.example", i);
		ck_assert_int_eq(
		    roster_account_add(&f.changes, name, "", owner), 0);
		for (j = 0; j < 4; j++)
			snprintf(people[j], sizeof(people[j]),
			    "p%d@c%d.example", j, i);
		ck_assert_int_eq(
		    roster_user_add(&f.changes, name, list, 4, "member"), 0);
		ck_assert_int_eq(roster_subscribe(&f.changes, name,
				     "balance-and-payments", list, 3, owner),
		    0);
	}
	fixture_commit(&f);
	store_close(f.store);
	f.store = NULL;
}

static void
teardown(void)
{
	fixture_close(&f);
}

static int
compare(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* The verdict on message ${which}, and who gets it. */
static void
decided(int which, char *out, size_t size)
{
	static const char *to[MESSAGES][4] = {
	    {"<c60@accounts.example>", NULL},
	    {"<p1@c30.example>", "<p3@c30.example>", "<p0@c90.example>", NULL},
	    {"<p2@c110.example>", NULL},
	};
	static struct header headers[] = {
	    {"X-Notify-Category", "Balance & Payments", 1},
	    {"X-Notify-Account", "c110", 1}};
	struct message m = {.headers = headers,
	    .nheaders = which == 2 ? 2 : 1,
	    .recipients = to[which],
	    .client = "127.0.0.1",
	    .trusted = true};
	struct arena *a = arena_new((size_t)1 << 20);
	struct pool *pool = fixture_pool(f.url, 100);
	struct decision d;
	const char *all[64];
	size_t i, n = 0, len;

	while (to[which][m.nrecipients] != NULL)
		m.nrecipients++;
	evaluate(&f.settings, pool, &m, false, a, &d);
	for (i = 0; d.recipients != NULL && i < m.nrecipients; i++) {
		if (d.recipients[i].fate == FATE_KEPT)
			all[n++] = m.recipients[i];
	}
	for (i = 0; i < d.nadded && n < 64; i++)
		all[n++] = d.added[i].member->address;
	if (n > 0)
		qsort(all, n, sizeof(*all), compare);
	len = (size_t)snprintf(out, size, "%s", decide_verdict_name(d.verdict));
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, size - len, " %s", all[i]);
	pool_free(pool);
	arena_free(a);
}

/* Does "notifyctl check" see that it is damaged? */
static bool
found(void)
{
	struct failure failure = FAILURE_INIT;
	struct store *s = store_open(f.url, DB_READ, 100, &failure);
	bool damaged;

	damaged = s == NULL || store_begin(s, DB_READ) != 0 ||
	    store_check(s, 60) == -1;
	store_close(s);
	failure_clear(&failure);
	return (damaged);
}

static void
spoil(unsigned char *block, const unsigned char *sound, int how)
{
	int i;

	for (i = 0; i < BLOCK; i++) {
		switch (how) {
		case 0:
			block[i] = 0;
			break;
		case 1:
			block[i] = 0xff;
			break;
		default: /* an octet is lost */
			block[i] = sound[(i + 1) % BLOCK];
		}
	}
}

START_TEST(a_page_damaged_in_its_middle_defers_or_is_found_or_is_not_needed)
{
	char want[MESSAGES][400], got[400];
	unsigned char sound[BLOCK], spoilt[BLOCK];
	int fd, i, deferred = 0, misread = 0, right = 0;
	off_t at, size;

	for (i = 0; i < MESSAGES; i++) {
		decided(i, want[i], sizeof(want[i]));
		ck_assert_int_eq(strncmp(want[i], "deliver ", 8), 0);
	}
	fd = open(f.url, O_RDWR);
	size = lseek(fd, 0, SEEK_END);
	/* The first page has the schema: every lookup needs it whole. */
	for (at = PAGE + _i * BLOCK; at < size; at += HOWS * BLOCK) {
		ck_assert_int_eq(pread(fd, sound, BLOCK, at), BLOCK);
		spoil(spoilt, sound, (int)(at / BLOCK) / HOWS % HOWS);
		ck_assert_int_eq(pwrite(fd, spoilt, BLOCK, at), BLOCK);
		for (i = 0; i < MESSAGES; i++) {
			decided(i, got, sizeof(got));
			if (strcmp(got, want[i]) == 0) {
				right++;
			} else if (strncmp(got, "tempfail", 8) == 0) {
				deferred++;
			} else {
				misread++;
				ck_assert_msg(found(),
				    "damaged at %lld: got %s, want %s, and "
				    "nothing is found",
				    (long long)at, got, want[i]);
			}
		}
		ck_assert_int_eq(pwrite(fd, sound, BLOCK, at), BLOCK);
	}
	close(fd);
	printf(
	    "# right %d, deferred %d, misread %d\n", right, deferred, misread);
}
END_TEST

Suite *
test_damage(void)
{
	Suite *s = suite_create("damage");
	TCase *t = tcase_create("damage");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t,
	    a_page_damaged_in_its_middle_defers_or_is_found_or_is_not_needed, 0,
	    HOWS);
	suite_add_tcase(s, t);
	return (s);
}
