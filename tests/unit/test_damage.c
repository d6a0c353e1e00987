/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_damage - a damaged database sends nobody another's mail
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "decision/decide.h"
#include "decision/evaluate.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "store/store_health.h"
#include "unit/fixture.h"
#include "unit/suites.h"

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
	fixture_sql(&f,
	    "INSERT INTO link(user, chat) SELECT id, 1000 + id FROM user"
	    " WHERE key LIKE 'p0@%'");
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
	evaluate(&f.settings, pool, &m, false, a, &d, NULL);
	for (i = 0; d.recipients != NULL && i < m.nrecipients; i++) {
		if (d.recipients[i].fate == FATE_KEPT)
			all[n++] = m.recipients[i];
	}
	for (i = 0; i < d.nadded && n < 64; i++)
		all[n++] = d.added[i].member->address;
	for (i = 0; i < d.nmirrored && n < 64; i++)
		all[n++] = d.mirrored[i].address;
	if (n > 0)
		qsort(all, n, sizeof(*all), compare);
	len = (size_t)snprintf(out, size, "%s", decide_verdict_name(d.verdict));
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, size - len, " %s", all[i]);
	pool_free(pool);
	arena_free(a);
}

/* Does store_check() find the damage? */
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
		default: /* a byte is lost */
			block[i] = sound[(i + 1) % BLOCK];
		}
	}
}

START_TEST(damage_within_a_page_defers_mail_or_is_found_or_does_not_matter)
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

/* Does anybody get it who should not? */
static bool
somebody_else(const char *got, const char *want)
{
	char copy[400], *word, *rest;

	if (strncmp(got, "deliver", 7) != 0)
		return (false);
	snprintf(copy, sizeof(copy), "%s", got);
	for (word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (strcasestr(want, word) == NULL)
			return (true);
	}
	return (false);
}

/* Change some bits of each of the ${len} bytes from ${at} on, one byte at a
 * time, and decide message ${which}. */
static void
spoil_each_octet(int fd, off_t at, off_t len, int which, const char *want)
{
	static const unsigned char masks[] = {0x08, 0x20};
	unsigned char sound, spoilt;
	char got[400];
	size_t i;
	off_t end;

	for (end = at + len; at < end; at++) {
		ck_assert_int_eq(pread(fd, &sound, 1, at), 1);
		for (i = 0; i < sizeof(masks) && sound != 0; i++) {
			spoilt = sound ^ masks[i];
			ck_assert_int_eq(pwrite(fd, &spoilt, 1, at), 1);
			decided(which, got, sizeof(got));
			ck_assert_int_eq(pwrite(fd, &sound, 1, at), 1);
			ck_assert_msg(!somebody_else(got, want),
			    "byte %lld was %02x, is %02x: got %s, want %s",
			    (long long)at, sound, spoilt, got, want);
		}
	}
}

static off_t
root_page(const char *name)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	off_t page;

	ck_assert_int_eq(sqlite3_open(f.url, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_prepare_v2(db,
		"SELECT rootpage FROM sqlite_schema WHERE name = ?", -1, &stmt,
		NULL),
	    SQLITE_OK);
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	page = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return ((page - 1) * PAGE);
}

/* From a name to its account, from an account to its owner, from a user to its
 * chat, from an address to its users. */
static const struct {
	int which; /* message */
	const char *name;
} indexes[] = {
    {0, "sqlite_autoindex_account_1"},
    {0, "user_owner"},
    {0, "sqlite_autoindex_link_1"},
    {1, "user_by_key"},
    {1, "user_owner"},
    {1, "sqlite_autoindex_link_1"},
};

START_TEST(a_changed_byte_of_an_index_sends_nobody_another_s_mail)
{
	char want[400];
	int fd, which = indexes[_i].which;

	decided(which, want, sizeof(want));
	fd = open(f.url, O_RDWR);
	spoil_each_octet(fd, root_page(indexes[_i].name), PAGE, which, want);
	close(fd);
}
END_TEST

START_TEST(a_changed_byte_of_an_address_sends_nobody_another_s_mail)
{
	static const char address[] = "p2@c60.example";
	char want[400], *file, *found;
	int fd, places = 0;
	off_t size;

	decided(0, want, sizeof(want));
	ck_assert_ptr_nonnull(strstr(want, address));
	fd = open(f.url, O_RDWR);
	size = lseek(fd, 0, SEEK_END);
	file = malloc((size_t)size);
	ck_assert_int_eq(pread(fd, file, (size_t)size, 0), size);
	for (found = file; (found = memmem(found, (size_t)(file + size - found),
				address, strlen(address))) != NULL;
	     found++, places++)
		spoil_each_octet(
		    fd, found - file, (off_t)strlen(address), 0, want);
	ck_assert_int_ge(places, 3);
	free(file);
	close(fd);
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
	    damage_within_a_page_defers_mail_or_is_found_or_does_not_matter, 0,
	    HOWS);
	tcase_add_loop_test(t,
	    a_changed_byte_of_an_index_sends_nobody_another_s_mail, 0,
	    sizeof(indexes) / sizeof(indexes[0]));
	tcase_add_test(
	    t, a_changed_byte_of_an_address_sends_nobody_another_s_mail);
	suite_add_tcase(s, t);
	return (s);
}
