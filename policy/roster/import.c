/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import - bring the roster into line with a list of rows
 *
 * Each row is checked and kept as a record that sorts (import_record.c).
 * Sorted, the rows are merged with the roster (import_roster.c): its accounts
 * here, the users of one account in import_account.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "base/sorter.h"
#include "roster/import_private.h"
#include "roster/roster.h"
#include "store/store_edit.h"
#include "terms/address.h"
#include "terms/category.h"
#include "terms/language.h"

/* Rows are sorted in this much memory, and in a file beyond that. */
#define SORTER_MEMORY ((size_t)32 << 20)
#define ARENA_MAX ((size_t)256 << 20)
#define WATCH_EVERY 4096

/* The former names of accounts, compared with those that were read. */
struct names {
	const struct strmap *read;
	size_t n;
	bool changed;
};

static int find_category(struct import *, size_t, const char *, uint32_t *);
static int read_categories(
    struct import *, size_t, const char *, uint32_t **, size_t *);
static int take_former(void *, const struct store_former *);
static int present_name(struct import *, char[ACCOUNT_KEY_SIZE], const char **);
static int find_former(void *, const struct store_former *);
static int check_names(struct import *);
static int check_categories(struct import *);
static int check_row(struct import *, size_t, const struct import_cells *);
static int refuse(struct import *);
static int skip(struct import *, const char *);
static int apply_all(struct import *);
static int check_removed(struct import *, int64_t, int64_t, const char *);
static int apply_few(struct import *);

int
import_bad_row(struct import *im, size_t number, const char *fmt, ...)
{
	struct failure *failure = im->changes->failure;
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	failure_vset(failure, FAILURE_DATA, fmt, ap);
	va_end(ap);
	text = arena_printf(
	    im->kept, "%s:%zu: %s", im->name, number, failure_text(failure));
	if (text == NULL)
		return (failure_memory(failure));
	im->bad[im->nbad++] = text;
	im->bad_row = true;
	return (-1);
}

int
import_bad(struct import *im)
{
	if (!im->bad_row)
		return (-1);
	im->bad_row = false;
	return (im->nbad < IMPORT_BAD_MAX ? 0 : refuse(im));
}

/* Fail with all that is wrong. */
static int
refuse(struct import *im)
{
	const char *all = "";
	size_t i;

	for (i = 0; i < im->nbad && all != NULL; i++)
		all = arena_concat(
		    im->kept, all, i == 0 ? "" : "; ", im->bad[i], NULL);
	if (all == NULL)
		return (failure_memory(im->changes->failure));
	return (failure_set(im->changes->failure, FAILURE_DATA,
	    "%s; %snothing was imported", all,
	    im->nbad < IMPORT_BAD_MAX ? "" : "the rest was not checked; "));
}

struct import *
import_new(struct changes *c, const char *name)
{
	struct import *im;

	im = calloc(1, sizeof(*im));
	if (im != NULL) {
		im->changes = c;
		im->name = name;
		im->kept = im->spellings.arena = im->formers.arena =
		    arena_new(ARENA_MAX);
		im->line = arena_new(ARENA_MAX);
		im->page = arena_new(ARENA_MAX);
		im->accounts.arena = arena_new(ARENA_MAX);
		im->sorter = sorter_new(SORTER_MEMORY, c->failure);
	}
	if (im == NULL || im->kept == NULL || im->line == NULL ||
	    im->page == NULL || im->accounts.arena == NULL ||
	    im->sorter == NULL) {
		failure_memory(c->failure);
		import_free(im);
		return (NULL);
	}
	return (im);
}

void
import_free(struct import *im)
{
	if (im == NULL)
		return;
	sorter_free(im->sorter);
	arena_free(im->put_off.arena);
	arena_free(im->accounts.arena);
	arena_free(im->page);
	arena_free(im->line);
	arena_free(im->kept);
	free(im);
}

void
import_watch(struct import *im, import_watch_fn *fn, void *ctx)
{
	im->watch = fn;
	im->watch_ctx = ctx;
}

void
import_progress(struct import *im, size_t done, size_t total)
{
	if (im->watch != NULL && done % WATCH_EVERY == 0)
		im->watch(im->watch_ctx, done, total);
}

size_t
import_rows(const struct import *im)
{
	return (im->n);
}

/* The number of the category spelled ${text}; each spelling is looked up
 * once. */
static int
find_category(
    struct import *im, size_t number, const char *text, uint32_t *found)
{
	struct changes *c = im->changes;
	struct category *category;
	const void *known;
	char *spelling;

	if (strmap_find(&im->spellings, text, &known) == 1) {
		*found = (uint32_t)(uintptr_t)known;
		return (0);
	}
	im->categories = arena_grow(im->kept, im->categories, im->ncategories,
	    &im->categories_cap, sizeof(*im->categories));
	category = arena_alloc(im->kept, sizeof(*category));
	spelling = arena_strdup(im->kept, text);
	if (im->categories == NULL || category == NULL || spelling == NULL)
		return (failure_memory(im->changes->failure));
	if (roster_category(c, text, category) != 0) {
		if (c->failure->kind != FAILURE_UNKNOWN)
			return (-1);
		return (
		    import_bad_row(im, number, "%s", failure_text(c->failure)));
	}
	*found = (uint32_t)im->ncategories;
	if (strmap_add(&im->spellings, spelling, (void *)(uintptr_t)*found) !=
	    1)
		return (failure_memory(im->changes->failure));
	im->categories[im->ncategories++] = category;
	return (0);
}

/* "a;b;c" */
static int
read_categories(
    struct import *im, size_t number, const char *list, uint32_t **v, size_t *n)
{
	const struct category *category;
	char *copy, *word, *rest;
	size_t cap = 0, i;
	uint32_t found = 0;

	*v = NULL;
	*n = 0;
	copy = arena_strdup(im->line, list);
	if (copy == NULL)
		return (failure_memory(im->changes->failure));
	for (word = strtok_r(copy, ";", &rest); word != NULL;
	     word = strtok_r(NULL, ";", &rest)) {
		word += strspn(word, " \t");
		if (*word == '\0')
			continue;
		if (find_category(im, number, word, &found) != 0)
			return (-1);
		category = im->categories[found];
		for (i = 0; i < *n; i++) {
			if (im->categories[(*v)[i]]->id == category->id)
				break;
		}
		if (i < *n)
			continue;
		*v = arena_grow(im->line, *v, *n, &cap, sizeof(**v));
		if (*v == NULL)
			return (failure_memory(im->changes->failure));
		(*v)[(*n)++] = found;
	}
	return (0);
}

static int
take_former(void *ctx, const struct store_former *former)
{
	struct import *im = ctx;
	const char *key = former->key, *account = former->account;

	if (arena_keep(im->kept, &key, &account, NULL) != 0)
		return (-1);
	return (strmap_add(&im->formers, key, account) == -1 ? -1 : 0);
}

/* If ${key} is of a name that an account had, it becomes that of the present
 * one, and ${*name} too. */
static int
present_name(struct import *im, char key[ACCOUNT_KEY_SIZE], const char **name)
{
	const void *found;

	if (!im->formers_read) {
		if (store_formers(im->changes->store, 0, take_former, im) == -1)
			return (store_failed(
			    im->changes->store, im->changes->failure));
		im->formers_read = true;
	}
	if (strmap_find(&im->formers, key, &found) != 1)
		return (0);
	*name = found;
	if (account_key(*name, key) != 1)
		return (failure_set(im->changes->failure, FAILURE_IO,
		    "the roster has an account whose name is none"));
	return (0);
}

/* Count a former name that is of the same account as when it was read. */
static int
find_former(void *ctx, const struct store_former *former)
{
	struct names *names = ctx;
	const void *account;

	if (strmap_find(names->read, former->key, &account) != 1 ||
	    strcasecmp(account, former->account) != 0)
		names->changed = true;
	names->n++;
	return (0);
}

/*
 * Rows may come slowly, and others change the roster meanwhile. A name in them
 * may be another account's by now, or that of none.
 */
static int
check_names(struct import *im)
{
	struct names names = {.read = &im->formers};

	if (!im->formers_read)
		return (0);
	if (store_formers(im->changes->store, 0, find_former, &names) == -1)
		return (store_failed(im->changes->store, im->changes->failure));
	if (!names.changed && names.n == im->formers.n)
		return (0);
	return (failure_set(im->changes->failure, FAILURE_BUSY,
	    "%s: accounts got other names while the rows were read; nothing "
	    "was imported; retry",
	    im->name));
}

/* Likewise: take the rows' categories as they are now. */
static int
check_categories(struct import *im)
{
	size_t i, j;

	for (i = 0; i < im->ncategories; i++) {
		for (j = 0; j < im->nall; j++) {
			if (im->all[j].id == im->categories[i]->id)
				break;
		}
		if (j == im->nall)
			return (failure_set(im->changes->failure, FAILURE_BUSY,
			    "%s: the category %s was removed while the rows "
			    "were read; nothing was imported; retry",
			    im->name, im->categories[i]->slug));
		im->categories[i] = &im->all[j];
	}
	return (0);
}

static int
check_row(struct import *im, size_t number, const struct import_cells *cells)
{
	struct changes *c = im->changes;
	struct import_line line = {.rank = IMPORT_OTHER, .number = number};
	const char *account = cells->account;
	struct address address;
	char key[ACCOUNT_KEY_SIZE], language[LANGUAGE_SIZE] = "";
	uint32_t *categories = NULL;

	line.role = ROLE_MEMBER;
	line.language = language;
	line.has_language = cells->language != NULL;
	line.has_role = cells->role != NULL;
	line.has_categories = cells->categories != NULL;
	if (account_key(cells->account, key) != 1)
		return (import_bad_row(im, number,
		    "\"%s\" cannot be the name of an account; "
		    "expected " ACCOUNT_SYNTAX,
		    escape_short(im->line, cells->account)));
	if (present_name(im, key, &account) != 0)
		return (-1);
	if (roster_address(c, cells->address, &address) != 0 ||
	    (line.has_role && roster_role(c, cells->role, &line.role) != 0)) {
		if (c->failure->kind != FAILURE_DATA)
			return (-1);
		return (
		    import_bad_row(im, number, "%s", failure_text(c->failure)));
	}
	if (line.has_language && language_read(cells->language, language) != 1)
		return (import_bad_row(im, number,
		    "\"%s\" is not a language; expected " LANGUAGE_SYNTAX,
		    escape_short(im->line, cells->language)));
	line.key = address.key;
	line.wire = address.wire;
	if (line.role == ROLE_OWNER)
		line.rank = IMPORT_OWNER;
	if ((line.has_categories &&
		read_categories(im, number, cells->categories, &categories,
		    &line.ncategories) != 0) ||
	    import_put_head(im, number, key, account) != 0)
		return (-1);
	return (import_put(im, key, &line, categories));
}

int
import_row(struct import *im, size_t number, const struct import_cells *cells)
{
	struct arena *before = im->changes->arena;
	int rc;

	arena_reset(im->line);
	im->changes->arena = im->line;
	rc = check_row(im, number, cells);
	im->changes->arena = before;
	if (rc != 0)
		return (import_bad(im));
	import_progress(im, ++im->n, 0);
	return (0);
}

/* Past the rows of the account with ${key}. */
static int
skip(struct import *im, const char *key)
{
	while (im->more && strcmp(im->next.account_key, key) == 0) {
		if (import_next(im) != 0)
			return (-1);
	}
	return (0);
}

static int
apply_all(struct import *im)
{
	char key[ACCOUNT_KEY_SIZE];
	struct store_account none;
	struct import_users nobody;

	if (import_begin(im) != 0 || check_names(im) != 0 ||
	    check_categories(im) != 0 || sorter_begin(im->sorter) != 0 ||
	    import_next(im) != 0)
		return (-1);
	while (im->more) {
		strcpy(key, im->next.account_key);
		/* After a wrong row the other accounts show theirs. */
		if (import_account(im) != 0 &&
		    (import_bad(im) != 0 || skip(im, key) != 0))
			return (-1);
	}
	if (im->nbad > 0)
		return (refuse(im));
	/* Remove the accounts after the last one: "~" sorts after every key. */
	if (im->sync && import_find(im, "~", &none, &nobody) == -1)
		return (-1);
	/* A dry run must not succeed where the import would fail. */
	if (store_settle(im->changes->store) != 0)
		return (store_failed(im->changes->store, im->changes->failure));
	return (0);
}

/* Are ${removed} of ${had} too many? */
static int
check_removed(struct import *im, int64_t removed, int64_t had, const char *what)
{
	if (removed <= 1 || removed <= had / 10)
		return (0);
	return (failure_set(im->changes->failure, FAILURE_DATA,
	    "%s: --sync would remove %lld of %lld %s; expected at most a "
	    "tenth, or --remove-many; nothing was imported",
	    im->name, (long long)removed, (long long)had, what));
}

static int
apply_few(struct import *im)
{
	struct changes *c = im->changes;
	const struct store_counts before = c->removed;
	struct store_counts had;

	if (store_counts(c->store, &had) == -1)
		return (store_failed(c->store, c->failure));
	if (apply_all(im) != 0 ||
	    check_removed(im, c->removed.accounts - before.accounts,
		had.accounts, "accounts") != 0 ||
	    check_removed(
		im, c->removed.users - before.users, had.users, "users") != 0 ||
	    check_removed(im, c->removed.subscriptions - before.subscriptions,
		had.subscriptions, "subscriptions") != 0)
		return (-1);
	return (0);
}

int
import_apply(struct import *im, enum import_removal removal)
{
	struct arena *before = im->changes->arena;
	int rc;

	if (im->nbad > 0)
		return (refuse(im));
	if (im->n == 0 && removal != IMPORT_REMOVE_NOTHING)
		return (failure_set(im->changes->failure, FAILURE_DATA,
		    "%s: no rows, so --sync would remove every account; "
		    "expected at least one row",
		    im->name));
	im->sync = removal != IMPORT_REMOVE_NOTHING;
	im->changes->arena = im->line;
	rc = removal == IMPORT_REMOVE_FEW ? apply_few(im) : apply_all(im);
	im->changes->arena = before;
	return (rc);
}
