/* fixture - a roster in a temporary folder, for one test */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fixture.h"

static void
must(int rc, struct fixture *f)
{
	ck_assert_msg(rc == 0, "%s", failure_text(&f->failure));
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
	strcpy(f->folder, "/tmp/nm-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->folder));
	snprintf(f->url, sizeof(f->url), "%s/roster.db", f->folder);
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
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[160];
	size_t i;

	store_close(f->store);
	arena_free(f->arena);
	failure_clear(&f->failure);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", f->url, suffixes[i]);
		unlink(path);
	}
	rmdir(f->folder);
}

void
fixture_sql(struct fixture *f, const char *text)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(f->url, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK,
	    "%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
}
