/*
 * import - bring the roster into line with a list of rows
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "address.h"
#include "arena.h"
#include "category.h"
#include "failure.h"
#include "import.h"
#include "keyset.h"
#include "roster.h"
#include "settings.h"
#include "store.h"
#include "text.h"

struct row {
	size_t number;
	const char *account; /* as written */
	const char *account_key;
	struct address address;
	enum role role;
	const struct category **categories;
	size_t ncategories;
};

struct import {
	struct changes *changes;
	const char *name;
	struct row *rows;
	size_t n, cap;
	struct keyset categories; /* that were looked up, by spelling */
	struct keyset accounts;	  /* of the rows, by key */
};

/* The rows of one account, and what the roster has of it. */
struct group {
	struct import *import;
	struct row *rows;
	size_t n;
	const struct row *owner; /* its row, or NULL */
	struct keyset by_key;	 /* the rows, by address */
	struct store_account account;
	bool exists;
	struct store_user *users;
	size_t nusers, users_cap;
	struct keyset users_by_key;
};

/* The names of accounts that are to go. */
struct leftovers {
	struct import *import;
	const char **v;
	size_t n, cap;
};

/* The categories that a user is subscribed to. */
struct held {
	struct arena *arena;
	struct category *v;
	size_t n, cap;
};

static int bad_row(struct import *, size_t, const char *, ...)
    PRINTF_LIKE(3, 4);
static int no_memory(struct import *);
static int find_category(
    struct import *, size_t, const char *, const struct category **);
static int read_categories(struct import *, struct row *, const char *);
static int compare_rows(const void *, const void *);
static int take_user(void *, const struct store_user *);
static int load(struct group *);
static int check(struct group *);
static int make_account(struct group *);
static int make_owner(struct group *);
static int add_user(struct group *, const struct row *, enum role);
static int set_user(struct group *, const struct row *, bool);
static int take_held(void *, const struct category *);
static int set_subscriptions(
    struct group *, const struct row *, struct store_user *, bool);
static int remove_others(struct group *);
static int apply_group(struct import *, struct row *, size_t, bool);
static int take_leftover(void *, const struct store_account *);
static int remove_accounts(struct import *);

/* Name the list and the row before what is wrong. */
static int
bad_row(struct import *im, size_t number, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	failure_set(im->changes->failure, FAILURE_DATA,
	    "%s:%zu: %s; nothing was imported", im->name, number,
	    text == NULL ? "no memory" : text);
	free(text);
	return (-1);
}

static int
no_memory(struct import *im)
{
	return (failure_set(im->changes->failure, FAILURE_MEMORY, "no memory"));
}

struct import *
import_new(struct changes *c, const char *name)
{
	struct import *im;

	im = arena_alloc(c->arena, sizeof(*im));
	if (im == NULL)
		return (NULL);
	im->changes = c;
	im->name = name;
	im->categories.arena = im->accounts.arena = c->arena;
	return (im);
}

size_t
import_rows(const struct import *im)
{
	return (im->n);
}

/* The category spelled ${text}; each spelling is looked up once. */
static int
find_category(struct import *im, size_t number, const char *text,
    const struct category **found)
{
	struct changes *c = im->changes;
	struct category *category;
	const void *known;
	char *spelling;

	if (keyset_find(&im->categories, text, &known) == 1) {
		*found = known;
		return (0);
	}
	category = arena_alloc(c->arena, sizeof(*category));
	spelling = arena_strdup(c->arena, text);
	if (category == NULL || spelling == NULL)
		return (no_memory(im));
	if (roster_category(c, text, category) != 0) {
		if (c->failure->kind != FAILURE_UNKNOWN)
			return (-1);
		return (bad_row(im, number, "%s", failure_text(c->failure)));
	}
	if (keyset_add(&im->categories, spelling, category) != 1)
		return (no_memory(im));
	*found = category;
	return (0);
}

/* "a;b;c" */
static int
read_categories(struct import *im, struct row *row, const char *list)
{
	struct changes *c = im->changes;
	const struct category *category = NULL;
	char *copy, *word, *rest;
	size_t cap, i;

	copy = arena_strdup(c->arena, list);
	if (copy == NULL)
		return (no_memory(im));
	cap = 0;
	for (word = strtok_r(copy, ";", &rest); word != NULL;
	     word = strtok_r(NULL, ";", &rest)) {
		word += strspn(word, " \t");
		if (*word == '\0')
			continue;
		if (find_category(im, row->number, word, &category) != 0)
			return (-1);
		if (!role_may_receive(row->role, category->open))
			return (bad_row(im, row->number,
			    "%s is a subscriber, and %s is not open to "
			    "subscribers; expected another role or category",
			    row->address.wire, category->slug));
		for (i = 0; i < row->ncategories; i++) {
			if (row->categories[i]->id == category->id)
				break;
		}
		if (i < row->ncategories)
			continue;
		row->categories = arena_grow(c->arena, row->categories,
		    row->ncategories, &cap, sizeof(*row->categories));
		if (row->categories == NULL)
			return (no_memory(im));
		row->categories[row->ncategories++] = category;
	}
	return (0);
}

int
import_row(struct import *im, size_t number, const char *account,
    const char *address, const char *role, const char *categories)
{
	struct changes *c = im->changes;
	struct row *row;
	char key[ACCOUNT_KEY_SIZE];

	im->rows =
	    arena_grow(c->arena, im->rows, im->n, &im->cap, sizeof(*im->rows));
	if (im->rows == NULL)
		return (no_memory(im));
	row = &im->rows[im->n];
	memset(row, 0, sizeof(*row));
	row->number = number;
	if (account_key(account, key) != 1)
		return (bad_row(im, number,
		    "\"%s\" cannot be the name of an account; "
		    "expected " ACCOUNT_SYNTAX,
		    text_short(c->arena, account)));
	row->account = arena_strdup(c->arena, account);
	row->account_key = arena_strdup(c->arena, key);
	if (row->account == NULL || row->account_key == NULL)
		return (no_memory(im));
	if (roster_address(c, address, &row->address) != 0 ||
	    roster_role(c, role, &row->role) != 0) {
		if (c->failure->kind != FAILURE_DATA)
			return (-1);
		return (bad_row(im, number, "%s", failure_text(c->failure)));
	}
	if (read_categories(im, row, categories) != 0)
		return (-1);
	if (keyset_add(&im->accounts, row->account_key, NULL) == -1)
		return (no_memory(im));
	im->n++;
	return (0);
}

static int
compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order;

	order = strcmp(x->account_key, y->account_key);
	if (order != 0)
		return (order);
	return (x->number < y->number ? -1 : x->number > y->number);
}

static int
take_user(void *ctx, const struct store_user *u)
{
	struct group *g = ctx;
	struct arena *a = g->import->changes->arena;
	struct store_user *copy;

	g->users = arena_grow(
	    a, g->users, g->nusers, &g->users_cap, sizeof(*g->users));
	if (g->users == NULL)
		return (-1);
	copy = &g->users[g->nusers];
	*copy = *u;
	copy->account_name = g->account.name;
	copy->address = arena_strdup(a, u->address);
	copy->key = arena_strdup(a, u->key);
	if (copy->address == NULL || copy->key == NULL)
		return (-1);
	g->nusers++;
	return (0);
}

/* What the roster has of the account. */
static int
load(struct group *g)
{
	struct changes *c = g->import->changes;
	size_t i;
	int found;

	found = store_account(
	    c->store, c->arena, g->rows[0].account_key, &g->account);
	if (found == -1)
		return (membership_store_failed(c));
	g->exists = found == 1;
	if (!g->exists) {
		g->account.name = g->rows[0].account;
		g->account.title = g->account.owner = "";
		return (0);
	}
	if (store_users(c->store, g->account.id, 0, take_user, g) == -1)
		return (membership_store_failed(c));
	for (i = 0; i < g->nusers; i++) {
		if (keyset_add(
			&g->users_by_key, g->users[i].key, &g->users[i]) == -1)
			return (no_memory(g->import));
	}
	return (0);
}

/* One row a user, at most one owner, and at least one in the end. */
static int
check(struct group *g)
{
	struct import *im = g->import;
	const struct row *row, *other;
	const void *seen;
	size_t i;

	for (i = 0; i < g->n; i++) {
		row = &g->rows[i];
		if (keyset_find(&g->by_key, row->address.key, &seen) == 1) {
			other = seen;
			return (bad_row(im, row->number,
			    "%s is in account %s twice, first in row %zu; "
			    "expected one row for each user",
			    row->address.wire, row->account, other->number));
		}
		if (keyset_add(&g->by_key, row->address.key, row) == -1)
			return (no_memory(im));
		if (row->role != ROLE_OWNER)
			continue;
		if (g->owner != NULL)
			return (bad_row(im, row->number,
			    "account %s has two owners, the first in row %zu; "
			    "expected exactly one",
			    row->account, g->owner->number));
		g->owner = row;
	}
	if (g->owner != NULL)
		return (0);
	if (!g->exists)
		return (bad_row(im, g->rows[0].number,
		    "the new account %s has no owner; expected one row with "
		    "the role owner",
		    g->rows[0].account));
	if (g->nusers > 0 &&
	    keyset_find(&g->by_key, g->users[0].key, &seen) == 1) {
		other = seen;
		return (bad_row(im, other->number,
		    "%s is the owner of account %s, and no row names another; "
		    "expected one row with the role owner",
		    other->address.wire, other->account));
	}
	return (0);
}

static int
make_account(struct group *g)
{
	struct changes *c = g->import->changes;

	if (store_account_add(c->store, g->account.name, g->rows[0].account_key,
		"", &g->account.id) == -1)
		return (membership_store_failed(c));
	return (membership_record(
	    c, g->account.name, "account-add", g->account.name, ""));
}

/* Add the user of a row, and to what the group knows of the roster. */
static int
add_user(struct group *g, const struct row *row, enum role role)
{
	struct import *im = g->import;
	struct store_user *user;

	user = arena_alloc(im->changes->arena, sizeof(*user));
	if (user == NULL)
		return (no_memory(im));
	user->account = g->account.id;
	user->account_name = g->account.name;
	user->address = row->address.wire;
	user->key = row->address.key;
	user->role = role;
	if (membership_add(
		im->changes, &g->account, &row->address, role, &user->id) != 0)
		return (-1);
	if (keyset_add(&g->users_by_key, user->key, user) == -1)
		return (no_memory(im));
	return (0);
}

/* See that the owner of the rows is the owner. */
static int
make_owner(struct group *g)
{
	struct store_user *old, *new;
	const void *found;

	if (g->owner == NULL)
		return (0);
	if (!g->exists)
		return (add_user(g, g->owner, ROLE_OWNER));
	old = g->nusers > 0 && g->users[0].role == ROLE_OWNER ? &g->users[0]
							      : NULL;
	if (old != NULL && strcmp(old->key, g->owner->address.key) == 0)
		return (0);
	if (keyset_find(&g->users_by_key, g->owner->address.key, &found) == 0) {
		if (add_user(g, g->owner,
			old == NULL ? ROLE_OWNER : ROLE_MEMBER) != 0)
			return (-1);
		if (keyset_find(
			&g->users_by_key, g->owner->address.key, &found) == 0)
			return (no_memory(g->import));
	}
	new = (struct store_user *)(uintptr_t)found;
	if (new->role == ROLE_OWNER)
		return (0);
	if (membership_transfer(g->import->changes, &g->account, old, new) != 0)
		return (-1);
	if (old != NULL)
		old->role = ROLE_USER_ADMIN;
	new->role = ROLE_OWNER;
	return (0);
}

static int
take_held(void *ctx, const struct category *category)
{
	struct held *held = ctx;

	held->v = arena_grow(
	    held->arena, held->v, held->n, &held->cap, sizeof(*held->v));
	if (held->v == NULL)
		return (-1);
	held->v[held->n++] = *category;
	return (0);
}

/* Add what the row has and, with ${exactly}, end what it lacks. */
static int
set_subscriptions(struct group *g, const struct row *row,
    struct store_user *user, bool exactly)
{
	struct changes *c = g->import->changes;
	struct held held = {.arena = c->arena};
	size_t i, j;

	if (store_subscriptions(c->store, user->id, take_held, &held) == -1)
		return (membership_store_failed(c));
	for (i = 0; i < row->ncategories; i++) {
		for (j = 0; j < held.n; j++) {
			if (held.v[j].id == row->categories[i]->id)
				break;
		}
		if (j == held.n &&
		    membership_subscribe(
			c, &g->account, row->categories[i], user) != 0)
			return (-1);
	}
	for (j = 0; j < held.n && exactly; j++) {
		for (i = 0; i < row->ncategories; i++) {
			if (held.v[j].id == row->categories[i]->id)
				break;
		}
		if (i == row->ncategories &&
		    membership_unsubscribe(c, &g->account, &held.v[j], user) !=
			0)
			return (-1);
	}
	return (0);
}

static int
set_user(struct group *g, const struct row *row, bool sync)
{
	struct changes *c = g->import->changes;
	struct store_user *user;
	const void *found;

	if (row->role == ROLE_OWNER)
		return (0);
	if (keyset_find(&g->users_by_key, row->address.key, &found) == 0) {
		if (add_user(g, row, row->role) != 0)
			return (-1);
		if (keyset_find(&g->users_by_key, row->address.key, &found) ==
		    0)
			return (no_memory(g->import));
	}
	user = (struct store_user *)(uintptr_t)found;
	if (user->role != row->role) {
		if (membership_set_role(c, &g->account, user, row->role) != 0)
			return (-1);
		user->role = row->role;
	}
	return (set_subscriptions(g, row, user, sync));
}

static int
remove_others(struct group *g)
{
	const void *found;
	size_t i;

	for (i = 0; i < g->nusers; i++) {
		if (keyset_find(&g->by_key, g->users[i].key, &found) == 1)
			continue;
		if (g->users[i].role == ROLE_OWNER)
			return (bad_row(g->import, g->rows[0].number,
			    "no row names an owner of account %s, whose owner "
			    "%s is to be removed; expected one row with the "
			    "role owner",
			    g->account.name, g->users[i].address));
		if (membership_remove(
			g->import->changes, &g->account, &g->users[i]) != 0)
			return (-1);
	}
	return (0);
}

static int
apply_group(struct import *im, struct row *rows, size_t n, bool sync)
{
	struct group g = {.import = im, .rows = rows, .n = n};
	size_t i;

	g.by_key.arena = g.users_by_key.arena = im->changes->arena;
	if (load(&g) != 0 || check(&g) != 0)
		return (-1);
	if (!g.exists && make_account(&g) != 0)
		return (-1);
	if (make_owner(&g) != 0)
		return (-1);
	for (i = 0; i < n; i++) {
		if (set_user(&g, &rows[i], sync) != 0)
			return (-1);
	}
	return (sync ? remove_others(&g) : 0);
}

static int
take_leftover(void *ctx, const struct store_account *account)
{
	struct leftovers *left = ctx;
	struct arena *a = left->import->changes->arena;
	char key[ACCOUNT_KEY_SIZE];
	const void *found;

	if (account_key(account->name, key) == 1 &&
	    keyset_find(&left->import->accounts, key, &found) == 1)
		return (0);
	left->v = arena_grow(a, left->v, left->n, &left->cap, sizeof(*left->v));
	if (left->v == NULL ||
	    (left->v[left->n] = arena_strdup(a, account->name)) == NULL)
		return (-1);
	left->n++;
	return (0);
}

static int
remove_accounts(struct import *im)
{
	struct leftovers left = {.import = im};
	size_t i;

	if (store_accounts(im->changes->store, take_leftover, &left) == -1)
		return (membership_store_failed(im->changes));
	for (i = 0; i < left.n; i++) {
		if (roster_account_remove(im->changes, left.v[i]) != 0)
			return (-1);
	}
	return (0);
}

int
import_apply(struct import *im, bool sync)
{
	size_t first, next;

	if (im->n == 0 && sync)
		return (failure_set(im->changes->failure, FAILURE_DATA,
		    "%s: there is no row in it, and --sync would remove every "
		    "account; expected at least one row",
		    im->name));
	if (im->n > 0)
		qsort(im->rows, im->n, sizeof(*im->rows), compare_rows);
	for (first = 0; first < im->n; first = next) {
		next = first + 1;
		while (next < im->n &&
		    strcmp(im->rows[next].account_key,
			im->rows[first].account_key) == 0)
			next++;
		if (apply_group(im, im->rows + first, next - first, sync) != 0)
			return (-1);
	}
	return (sync ? remove_accounts(im) : 0);
}
