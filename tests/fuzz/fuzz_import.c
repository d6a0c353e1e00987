/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_import - the roster from a CSV file
 *
 * The input is the file; a first line "sync" stands for --sync.
 */
#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "base/arena.h"
#include "base/escape.h"
#include "fuzz/fuzz.h"
#include "fuzz/people.h"
#include "notifyctl/commands/rostercsv.h"
#include "roster/import.h"
#include "roster/roster.h"
#include "store/store_health.h"
#include "terms/category.h"

/* What one import did: its result, the changes, and the roster afterwards. */
struct outcome {
	int rc;
	size_t changes;
	GString *told;
	GString *roster;
};

static struct fixture fixture;
static char *before; /* the roster of the fixture */

static void on_change(void *, const struct store_change *);
static char *export_all(void);
static int import_text(const char *, size_t, bool);
static void import_all(const char *, size_t, bool, struct outcome *);
static int check_row(void *, const struct store_export *);
static void check_roster(void);
static void check_line(char *);
static void check_lines(const char *, size_t);
static void check_again(const char *, size_t, bool, const char *);
static void check_failure(void);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	people_make(&fixture);
	fixture.changes.changed = on_change;
	people_begin(&fixture);
	before = export_all();
	people_end(&fixture);
	return (0);
}

static void
on_change(void *ctx, const struct store_change *change)
{
	if (ctx != NULL)
		g_string_append_printf(ctx, "%s %s %s %s\n", change->account,
		    change->action, change->subject, change->detail);
}

static char *
export_all(void)
{
	char *text = NULL;
	FILE *stream;
	size_t len;

	stream = open_memstream(&text, &len);
	MUST(stream != NULL, "out of memory");
	MUST(rostercsv_write(stream, 0, &fixture.changes) == 0, "%s",
	    failure_text(&fixture.failure));
	MUST(fclose(stream) == 0, "out of memory");
	return (text);
}

static int
import_text(const char *text, size_t size, bool sync)
{
	struct import *im;
	FILE *stream;
	int rc;

	im = import_new(&fixture.changes, "in.csv");
	/* fmemopen(3) refuses an empty buffer. */
	stream = size == 0 ? fopen("/dev/null", "r")
			   : fmemopen((void *)(uintptr_t)text, size, "r");
	MUST(im != NULL && stream != NULL, "out of memory");
	rc = rostercsv_read(stream, "in.csv", im, &fixture.changes);
	fclose(stream);
	if (rc == 0)
		rc = import_apply(
		    im, sync ? IMPORT_REMOVE_MANY : IMPORT_REMOVE_NOTHING);
	import_free(im);
	return (rc);
}

static void
import_all(const char *text, size_t size, bool sync, struct outcome *o)
{
	char *roster;

	o->told = g_string_new(NULL);
	fixture.changes.ctx = o->told;
	o->rc = import_text(text, size, sync);
	fixture.changes.ctx = NULL;
	o->changes = fixture.changes.n;
	roster = o->rc == 0 ? export_all() : NULL;
	o->roster = g_string_new(roster);
	free(roster);
}

/* policy/README.md, Roles. */
static int
check_row(void *ctx, const struct store_export *row)
{
	struct category category;

	(void)ctx;
	if (row->role == ROLE_OWNER)
		MUST(*row->category == '\0', "%s has %s", row->address,
		    row->category);
	for (const struct category *c = category_builtin; *c->slug != '\0';
	     c++) {
		category = *c;
		if (strcmp(category.slug, row->category) == 0)
			MUST(role_may_receive(row->role, category.open),
			    "%s has %s", row->address, row->category);
	}
	return (0);
}

static void
check_roster(void)
{
	struct store_health health;
	struct store *s = fixture.store;

	MUST(store_export(s, 0, check_row, NULL) != -1, "export");
	MUST(store_health(s, PEOPLE_TELEGRAM_DOMAIN, PEOPLE_ACCOUNT_DOMAIN,
		 &health) != -1,
	    "health");
	MUST(health.accounts_without_owner == 0, "an account without owner");
	MUST(health.reserved == 0, "somebody in a reserved domain");
}

/* The row "account,address,role,category;category" is in the roster now. */
static void
check_line(char *line)
{
	struct changes *c = &fixture.changes;
	struct store_account account;
	struct store_user user;
	struct category category;
	char *fields[4] = {line, NULL, NULL, NULL}, *list, *word, *rest;
	enum role role;
	size_t i;

	for (i = 1; i < 4 && (rest = strchr(fields[i - 1], ',')) != NULL; i++) {
		*rest = '\0';
		fields[i] = rest + 1;
	}
	for (size_t j = 0; j < i; j++) {
		fields[j] += strspn(fields[j], " \t");
		rest = fields[j] + strlen(fields[j]);
		while (rest > fields[j] && strchr(" \t", rest[-1]) != NULL)
			*--rest = '\0';
	}
	if (i < 3 || strcmp(fields[2], "role") == 0)
		return;
	MUST(roster_account(c, fields[0], &account) == 0, "%s", fields[0]);
	MUST(roster_role(c, fields[2], &role) == 0, "%s", fields[2]);
	list = i < 4 ? "" : fields[3];
	list = arena_strdup(fixture.arena, list);
	MUST(roster_user(c, &account, fields[1], 0, &user) == 0, "%s",
	    fields[1]);
	MUST(user.role == role, "%s is %s, not %s", fields[1],
	    role_name(user.role), fields[2]);
	for (word = strtok_r(list, "; \t", &rest);
	     word != NULL && role != ROLE_OWNER;
	     word = strtok_r(NULL, "; \t", &rest)) {
		/* Only a category of one word can be compared here. */
		if (roster_category(c, word, &category) != 0)
			return;
		MUST(roster_user(c, &account, fields[1], category.id, &user) ==
			    0 &&
			user.subscribed,
		    "%s lacks %s", fields[1], word);
	}
}

/* What was imported is in the roster. Quoted rows are not compared. */
static void
check_lines(const char *text, size_t size)
{
	char *copy, *rest, *line;

	if (memchr(text, '"', size) != NULL)
		return;
	copy = rest = g_strndup(text, size);
	if (g_str_has_prefix(rest, "\xef\xbb\xbf"))
		rest += 3;
	g_strdelimit(rest, "\r", '\n');
	while ((line = fuzz_line(&rest)) != NULL)
		check_line(line);
	g_free(copy);
}

/* A second import changes nothing. */
static void
check_again(const char *text, size_t size, bool sync, const char *roster)
{
	char *after;

	fixture.changes.n = 0;
	MUST(import_text(text, size, sync) == 0, "%s",
	    failure_text(&fixture.failure));
	MUST(fixture.changes.n == 0, "%zu changes", fixture.changes.n);
	after = export_all();
	MUST(strcmp(after, roster) == 0, "%s, %s", after, roster);
	free(after);
}

/* A failure is one line, which names the file. */
static void
check_failure(void)
{
	const char *text = failure_text(&fixture.failure);

	MUST(fixture.failure.kind == FAILURE_DATA, "%s", text);
	MUST(strncmp(text, "in.csv:", 7) == 0, "%s", text);
	MUST(escape_is_line(text), "%s", text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome dry, real;
	const char *text = (const char *)data;
	char *after;
	bool sync;

	sync = size >= 5 && memcmp(data, "sync\n", 5) == 0;
	if (sync) {
		text += 5;
		size -= 5;
	}
	people_begin(&fixture);
	import_all(text, size, sync, &dry);
	if (dry.rc != 0)
		check_failure();
	people_end(&fixture);

	people_begin(&fixture);
	after = export_all();
	MUST(strcmp(after, before) == 0, "a dry run left\n%s", after);
	free(after);
	import_all(text, size, sync, &real);
	MUST(dry.rc == real.rc && dry.changes == real.changes &&
		strcmp(dry.told->str, real.told->str) == 0 &&
		strcmp(dry.roster->str, real.roster->str) == 0,
	    "%s, %s", dry.told->str, real.told->str);
	if (real.rc == 0) {
		check_roster();
		check_lines(text, size);
		check_again(text, size, sync, real.roster->str);
		check_again(
		    real.roster->str, real.roster->len, true, real.roster->str);
	}
	people_end(&fixture);
	g_string_free(dry.told, TRUE);
	g_string_free(dry.roster, TRUE);
	g_string_free(real.told, TRUE);
	g_string_free(real.roster, TRUE);
	return (0);
}
