/*
 * fuzz - what the fuzz targets share
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "failure.h"
#include "fuzz.h"
#include "membership.h"
#include "roster.h"
#include "settings.h"
#include "store.h"

static char folder[64], url[96];

static void remove_roster(void);
static void make(struct store *, const struct settings *);

void
fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

unsigned
fuzz_byte(struct cursor *c)
{
	if (c->left == 0)
		return (0);
	c->left--;
	return (*c->p++);
}

char *
fuzz_text(struct cursor *c)
{
	size_t len;
	char *text;

	for (len = 0; len < c->left && c->p[len] != '\n' && c->p[len] != '\0';
	     len++)
		;
	text = strndup((const char *)c->p, len);
	MUST(text != NULL);
	if (len < c->left)
		len++;
	c->p += len;
	c->left -= len;
	return (text);
}

static void
remove_roster(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", url, suffixes[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void
make(struct store *store, const struct settings *settings)
{
	static char *members[] = {"ann@acme.example", "bill@acme.example"};
	static char *sue[] = {"sue@acme.example"};
	static char *balance[] = {"ann@acme.example", "sue@acme.example"};
	struct failure failure = FAILURE_INIT;
	struct changes c = {.store = store,
	    .settings = settings,
	    .failure = &failure,
	    .actor = "fuzz",
	    .now = 1000};

	c.arena = arena_new((size_t)16 << 20);
	MUST(c.arena != NULL && store_begin(store, DB_WRITE) == 0);
	MUST(roster_account_add(&c, "acme", "", "olga@acme.example") == 0);
	MUST(roster_account_add(&c, "beta", "", "otto@beta.example") == 0);
	MUST(roster_user_add(&c, "acme", members, 2, "member") == 0);
	MUST(roster_user_add(&c, "acme", sue, 1, "subscriber") == 0);
	MUST(roster_user_add(&c, "beta", members, 1, "member") == 0);
	MUST(roster_subscribe(&c, "acme", "balance-and-payments", balance, 2,
		 "olga@acme.example") == 0);
	MUST(store_commit(store) == 0);
	arena_free(c.arena);
}

void
fuzz_roster(struct settings *settings)
{
	struct failure failure = FAILURE_INIT;
	struct store *store;

	strcpy(folder, "/tmp/nm-fuzz-XXXXXX");
	MUST(mkdtemp(folder) != NULL);
	snprintf(url, sizeof(url), "%s/roster.db", folder);
	atexit(remove_roster);
	memset(settings, 0, sizeof(*settings));
	settings->file = "fuzz.conf";
	settings->url = url;
	settings->telegram_domain = "telegram.invalid";
	settings->account_domain = "accounts.example";
	settings->stats_file = settings->telegram_stats_file = "";
	settings->bot = "fuzz_bot";
	store = store_open(url, DB_CREATE, 1000, &failure);
	MUST(store != NULL && store_upgrade(store) == 1);
	make(store, settings);
	store_close(store);
}
