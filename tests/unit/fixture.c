/* SPDX-License-Identifier: BSD-2-Clause */
/* fixture - a roster for one test */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/fixture.h"

static void
must(int rc, struct fixture *f)
{
	ck_assert_msg(rc == 0, "%s", failure_text(&f->failure));
}

const char *
fixture_postgresql(void)
{
	return (getenv("NM_POSTGRESQL"));
}

static void
run(const char *url, const char *sql)
{
	struct failure failure = FAILURE_INIT;
	struct db *db;

	db = db_open(url, DB_WRITE, 5000, &failure);
	ck_assert_msg(db != NULL, "%s: %s", sql, failure_text(&failure));
	if (db_exec(db, sql) != 0) {
		db_failure(db, &failure);
		ck_abort_msg("%s: %s", sql, failure_text(&failure));
	}
	db_close(db);
}

void
fixture_sql(struct fixture *f, const char *sql)
{
	run(f->url, sql);
}

/* Make the directory, and on PostgreSQL the schema, for the roster. */
static void
make_place(struct fixture *f)
{
	const char *url = fixture_postgresql();
	char sql[64];

	strcpy(f->folder, "/tmp/nm-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->folder));
	if (url == NULL) {
		snprintf(f->url, sizeof(f->url), "%s/roster.db", f->folder);
		return;
	}
	/* Each test is a process. */
	snprintf(sql, sizeof(sql), "CREATE SCHEMA unit_%d", (int)getpid());
	run(url, sql);
	ck_assert_int_lt(
	    snprintf(f->url, sizeof(f->url),
		"%s&options=-csearch_path%%3Dunit_%d", url, (int)getpid()),
	    sizeof(f->url));
}

static void
remove_place(struct fixture *f)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char text[640];
	size_t i;

	if (fixture_postgresql() != NULL) {
		snprintf(text, sizeof(text), "DROP SCHEMA unit_%d CASCADE",
		    (int)getpid());
		run(fixture_postgresql(), text);
	}
	for (i = 0; i < 3 && fixture_postgresql() == NULL; i++) {
		snprintf(text, sizeof(text), "%s%s", f->url, suffixes[i]);
		unlink(text);
	}
	rmdir(f->folder);
}

struct pool *
fixture_pool(const char *url, int wait)
{
	char none[] = "";
	const struct settings settings = {
	    .url = (char *)(uintptr_t)url, .read_url = none};
	struct pool *pool;

	pool = pool_new(&settings, wait);
	ck_assert_ptr_nonnull(pool);
	return (pool);
}

void
fixture_begin(struct fixture *f)
{
	ck_assert_int_eq(store_begin(f->store, DB_WRITE), 0);
}

void
fixture_commit(struct fixture *f)
{
	ck_assert_int_eq(store_commit(f->store), 0);
}

void
fixture_open(struct fixture *f)
{
	static char *members[] = {"ann@acme.example", "bill@acme.example"};
	static char *adam[] = {"adam@acme.example"};
	static char *sue[] = {"sue@acme.example"};
	static char *balance[] = {"ann@acme.example", "sue@acme.example"};

	memset(f, 0, sizeof(*f));
	make_place(f);
	f->settings.telegram_domain = "telegram.invalid";
	f->settings.account_domain = "accounts.example";
	f->arena = arena_new((size_t)16 << 20);
	f->store = store_open(f->url, DB_CREATE, 100, &f->failure);
	ck_assert_msg(f->store != NULL, "%s", failure_text(&f->failure));
	ck_assert_int_eq(store_upgrade(f->store), 1);
	f->changes.store = f->store;
	f->changes.settings = &f->settings;
	f->changes.arena = f->arena;
	f->changes.failure = &f->failure;
	f->changes.actor = "tester";
	f->changes.now = 1000;
	fixture_begin(f);
	must(roster_account_add(&f->changes, "acme", "", "olga@acme.example"),
	    f);
	must(roster_account_add(&f->changes, "beta", "", "otto@beta.example"),
	    f);
	must(roster_user_add(&f->changes, "acme", members, 2, "member"), f);
	must(roster_user_add(&f->changes, "acme", adam, 1, "user-admin"), f);
	must(roster_user_add(&f->changes, "acme", sue, 1, "subscriber"), f);
	must(roster_user_add(&f->changes, "beta", members, 1, "member"), f);
	must(roster_subscribe(&f->changes, "acme", "balance-and-payments",
		 balance, 2, "olga@acme.example"),
	    f);
	fixture_commit(f);
}

void
fixture_close(struct fixture *f)
{
	store_close(f->store);
	arena_free(f->arena);
	failure_clear(&f->failure);
	remove_place(f);
}
