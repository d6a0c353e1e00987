/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * people - the roster that fuzz targets begin with
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "fuzz/people.h"
#include "roster/roster.h"
#include "store/store_link.h"

#define BALANCE " balance-and-payments "
#define DOCUMENTS " accounting-documents "
#define SERVICES " services "

const struct person people[] = {
    {"acme", "olga@acme.example", ROLE_OWNER, "", 11},
    {"acme", "adam@acme.example", ROLE_USER_ADMIN, " account-and-agreement ",
	0},
    {"acme", "ann@acme.example", ROLE_MEMBER, BALANCE SERVICES, 12},
    {"acme", "ann+news@acme.example", ROLE_MEMBER, SERVICES, 0},
    {"acme", "bill@acme.example", ROLE_MEMBER, "", 0},
    {"acme", "\"john doe\"@acme.example", ROLE_MEMBER, BALANCE, 0},
    {"acme", "jörg@bücher.example", ROLE_MEMBER, BALANCE, 12},
    {"acme", "sue@acme.example", ROLE_SUBSCRIBER, BALANCE DOCUMENTS, 0},
    {"beta", "otto@beta.example", ROLE_OWNER, "", 11},
    {"beta", "ann@acme.example", ROLE_SUBSCRIBER, DOCUMENTS, 0},
    {"beta", "bill@acme.example", ROLE_MEMBER, BALANCE, 13},
    {"g.amma", "olga@acme.example", ROLE_OWNER, "", 0},
    {"g.amma", "zoe@acme.example", ROLE_MEMBER, "", 0},
    {NULL, NULL, ROLE_MEMBER, NULL, 0},
};

static void must(struct fixture *, int);
static void add(struct fixture *, const struct person *, const char *);

static void
must(struct fixture *r, int rc)
{
	MUST(rc == 0, "%s", failure_text(&r->failure));
}

static void
add(struct fixture *r, const struct person *u, const char *owner)
{
	struct changes *c = &r->changes;
	struct store_account account;
	struct store_user user;
	char *address, *list, *slug, *rest;

	address = arena_strdup(r->arena, u->address);
	if (u->role == ROLE_OWNER)
		must(r, roster_account_add(c, u->account, "", address));
	else
		must(r,
		    roster_user_add(
			c, u->account, &address, 1, role_name(u->role)));
	list = arena_strdup(r->arena, u->categories);
	for (slug = strtok_r(list, " ", &rest); slug != NULL;
	     slug = strtok_r(NULL, " ", &rest))
		must(r,
		    roster_subscribe(c, u->account, slug, &address, 1, owner));
	if (u->chat == 0)
		return;
	must(r, roster_account(c, u->account, &account));
	must(r, roster_user(c, &account, u->address, 0, &user));
	MUST(store_link_add(r->store, u - people + 1, user.id, u->chat, 0) == 1,
	    "link");
}

static void
plant_key(struct fixture *r)
{
	struct db *db;

	db = db_open(r->url, DB_WRITE, 100, &r->failure);
	MUST(db != NULL &&
		db_exec(db, "UPDATE secret SET value = '" PEOPLE_KEY "'") == 0,
	    "no key");
	db_close(db);
}

void
people_make(struct fixture *r)
{
	const struct person *u;
	const char *owner = NULL;

	memset(r, 0, sizeof(*r));
	r->folder = fuzz_folder();
	snprintf(r->url, sizeof(r->url), "%s/roster.db", r->folder);
	r->settings.telegram_domain = PEOPLE_TELEGRAM_DOMAIN;
	r->settings.account_domain = PEOPLE_ACCOUNT_DOMAIN;
	r->settings.bot = "";
	r->settings.file = "notify-milter.conf";
	r->arena = arena_new((size_t)64 << 20);
	r->store = store_open(r->url, DB_CREATE, 100, &r->failure);
	MUST(r->store != NULL, "%s", failure_text(&r->failure));
	MUST(store_upgrade(r->store) == 1, "no schema");
	r->changes.store = r->store;
	r->changes.settings = &r->settings;
	r->changes.arena = r->arena;
	r->changes.failure = &r->failure;
	r->changes.actor = "fuzz";
	r->changes.now = 1000;
	people_begin(r);
	for (u = people; u->account != NULL; u++) {
		if (u->role == ROLE_OWNER)
			owner = u->address;
		add(r, u, owner);
	}
	MUST(store_commit(r->store) == 0, "no commit");
	plant_key(r);
}

void
people_begin(struct fixture *r)
{
	arena_reset(r->arena);
	failure_clear(&r->failure);
	r->changes.n = 0;
	MUST(store_begin(r->store, DB_WRITE) == 0, "no transaction");
}

void
people_end(struct fixture *r)
{
	store_end(r->store);
}
