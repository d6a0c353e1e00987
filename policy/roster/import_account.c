/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_account - bring one account into line with its rows
 *
 * The owner comes first. Then the account's rows and its users in the roster,
 * both in the order of their addresses' keys, are merged.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/import_private.h"
#include "roster/membership.h"
#include "terms/address.h"
#include "terms/category.h"

/* Longer than the key of any address that address_read_strict() accepts. */
#define KEY_SIZE 1024

/* The user of the last row of a kind. */
struct seen {
	char key[KEY_SIZE];
	size_t number;
};

struct group {
	struct import *import;
	char key[ACCOUNT_KEY_SIZE];
	char name[ACCOUNT_KEY_SIZE];
	size_t number; /* of its first row */
	struct store_account account;
	bool exists;
	struct seen owner, other;  /* number 0: nobody */
	struct import_users users; /* some of the roster */
	size_t next;
	char passed[KEY_SIZE];
};

static bool goes_on(const struct group *);
static void note(struct seen *, const struct import_line *);
static int begin(struct group *);
static int make_account(struct group *);
static int add_user(
    struct group *, const struct import_line *, enum role, int64_t *);
static int set_language(
    struct group *, const struct import_line *, const struct store_user *);
static int set_owner_language(struct group *);
static int go_on_telling(struct import *, const struct store_user *);
static int change_owner(struct group *);
static int set_owner(struct group *);
static int two_rows(struct group *, const struct import_line *, size_t);
static int check(struct group *);
static int find_user(struct group *, const char *, struct store_user **);
static int pass(struct group *, struct store_user *);
static int subscribe(struct group *, const struct import_line *,
    const struct store_user *, const struct import_held *);
static int unsubscribe(struct group *, const struct import_line *,
    const struct store_user *, const struct import_held *);
static void forget_ended(struct import_held *, enum role);
static int set_user(
    struct group *, const struct import_line *, struct store_user *);
static int new_user(struct group *, const struct import_line *);
static int apply_row(struct group *);

/* Is the next row of the same account? */
static bool
goes_on(const struct group *g)
{
	return (g->import->more &&
	    strcmp(g->import->next.account_key, g->key) == 0);
}

static void
note(struct seen *seen, const struct import_line *line)
{
	snprintf(seen->key, sizeof(seen->key), "%s", line->key);
	seen->number = line->number;
}

/* Read the account's heads; the first one has its spelling. */
static int
begin(struct group *g)
{
	struct import *im = g->import;
	int found;

	strcpy(g->key, im->next.account_key);
	strcpy(g->name, im->next.account);
	g->number = im->next.number;
	found = import_find(im, g->key, &g->account, &g->users);
	if (found == -1)
		return (-1);
	g->exists = found == 1;
	g->account.key = g->key;
	if (!g->exists) {
		g->account.name = g->name;
		g->account.title = g->account.owner = "";
	}
	do {
		if (import_next(im) != 0)
			return (-1);
	} while (goes_on(g) && im->next.rank == IMPORT_HEAD);
	return (0);
}

static int
make_account(struct group *g)
{
	struct changes *c = g->import->changes;

	if (store_account_add(c->store, g->name, g->key, "", &g->account.id) ==
	    -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(c, g->name, "account-add", g->name, ""));
}

static int
add_user(struct group *g, const struct import_line *line, enum role role,
    int64_t *id)
{
	struct address address = {.key = line->key, .wire = line->wire};

	return (membership_add(g->import->changes, &g->account, &address, role,
	    line->language, id));
}

/* Set the language of a user who is there. */
static int
set_language(struct group *g, const struct import_line *line,
    const struct store_user *user)
{
	if (!line->has_language || strcmp(user->language, line->language) == 0)
		return (0);
	return (membership_language(
	    g->import->changes, &g->account, user, line->language));
}

/* And of the owner, who is there. */
static int
set_owner_language(struct group *g)
{
	struct changes *c = g->import->changes;
	struct store_user owner;
	size_t i;
	int found;

	if (!g->import->next.has_language)
		return (0);
	for (i = 0; i < g->users.list.n; i++) {
		if (g->users.list.v[i].role == ROLE_OWNER)
			return (set_language(
			    g, &g->import->next, &g->users.list.v[i]));
	}
	found = store_owner(c->store, c->arena, g->account.id, &owner);
	if (found != 1)
		return (found == 0 ? 0 : store_failed(c->store, c->failure));
	return (set_language(g, &g->import->next, &owner));
}

/*
 * The former owner, whose row comes later, is told all in one mail. Go on with
 * that if ${user} is the one; NULL: nothing follows.
 */
static int
go_on_telling(struct import *im, const struct store_user *user)
{
	if (user != NULL &&
	    (im->put_off.address == NULL ||
		strcmp(im->put_off.address, user->address) != 0))
		return (0);
	return (tell_resume(im->changes, &im->put_off));
}

/* Make the owner of the rows the owner, if it is not. */
static int
change_owner(struct group *g)
{
	struct import *im = g->import;
	struct changes *c = im->changes;
	const struct import_line *line = &im->next;
	struct store_user old, new;
	int64_t id;
	int found, had;

	had = store_owner(c->store, c->arena, g->account.id, &old);
	if (had == -1)
		return (store_failed(c->store, c->failure));
	if (had == 1 && strcmp(old.key, line->key) == 0)
		return (0);
	/* Read them again: the roles of two change. */
	memset(&g->users, 0, sizeof(g->users));
	found =
	    store_user(c->store, c->arena, g->account.id, line->key, 0, &new);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0) {
		if (add_user(
			g, line, had == 1 ? ROLE_MEMBER : ROLE_OWNER, &id) != 0)
			return (-1);
		if (had == 0)
			return (0);
		/* The addition may have been pending: now its id is known. */
		found = store_user(
		    c->store, c->arena, g->account.id, line->key, 0, &new);
		if (found != 1)
			return (store_failed(c->store, c->failure));
	}
	if (membership_transfer(c, &g->account, had == 1 ? &old : NULL, &new) !=
	    0)
		return (-1);
	if (had == 1)
		tell_put_off(c, &im->put_off);
	return (0);
}

/* Apply the owner's row, and make the account if it is new. */
static int
set_owner(struct group *g)
{
	struct import *im = g->import;
	int64_t id;
	int rc;

	arena_reset(im->line);
	if (!goes_on(g) || im->next.rank != IMPORT_OWNER) {
		if (g->exists)
			return (0);
		return (import_bad_row(im, g->number,
		    "the new account %s has no owner; expected one row with "
		    "the role owner",
		    g->name));
	}
	note(&g->owner, &im->next);
	if (g->exists) {
		rc = strcmp(g->account.owner, im->next.key) == 0
		    ? 0
		    : change_owner(g);
		if (rc == 0)
			rc = set_owner_language(g);
	} else if ((rc = make_account(g)) == 0)
		rc = add_user(g, &im->next, ROLE_OWNER, &id);
	return (rc == 0 ? import_next(im) : -1);
}

/* Refuse ${line}: the row ${number} has the same user. */
static int
two_rows(struct group *g, const struct import_line *line, size_t number)
{
	bool later = line->number > number;

	return (import_bad_row(g->import, later ? line->number : number,
	    "%s is in account %s twice, first in row %zu; expected one row "
	    "for each user",
	    line->wire, g->account.name, later ? number : line->number));
}

/* One row a user, at most one owner. */
static int
check(struct group *g)
{
	const struct import_line *line = &g->import->next;
	bool later = line->number > g->owner.number;

	if (g->other.number != 0 && strcmp(line->key, g->other.key) == 0)
		return (two_rows(g, line, g->other.number));
	if (g->owner.number != 0 && strcmp(line->key, g->owner.key) == 0)
		return (two_rows(g, line, g->owner.number));
	note(&g->other, line);
	if (line->rank != IMPORT_OWNER)
		return (0);
	return (
	    import_bad_row(g->import, later ? line->number : g->owner.number,
		"account %s has two owners, the first in row %zu; expected "
		"exactly one",
		g->account.name, later ? g->owner.number : line->number));
}

/*
 * Find the account's user with ${key}; NULL: go past the last. No row names the
 * users in between. 1, 0, -1.
 */
static int
find_user(struct group *g, const char *key, struct store_user **user)
{
	struct store_user *u;
	int order;

	for (;;) {
		while (g->next < g->users.list.n) {
			u = &g->users.list.v[g->next];
			order = key == NULL ? -1 : strcmp(u->key, key);
			if (order > 0)
				return (0);
			snprintf(g->passed, sizeof(g->passed), "%s", u->key);
			g->next++;
			if (order == 0) {
				*user = u;
				return (1);
			}
			if (pass(g, u) != 0)
				return (-1);
		}
		if (g->users.last)
			return (0);
		if (import_users_from(g->import, g->account.id,
			g->import->sync ? g->passed : key, &g->users) != 0)
			return (-1);
		g->next = g->users.list.n > 0 &&
		    strcmp(g->users.list.v[0].key, g->passed) == 0;
	}
}

/* With --sync, remove a user that no row names; the owner's row may. */
static int
pass(struct group *g, struct store_user *user)
{
	struct import *im = g->import;

	if (!im->sync || strcmp(user->key, g->owner.key) == 0)
		return (0);
	if (user->role == ROLE_OWNER)
		return (import_bad_row(im, g->number,
		    "no row names an owner of account %s, whose owner %s is to "
		    "be removed; expected one row with the role owner",
		    g->account.name, user->address));
	arena_reset(im->line);
	if (go_on_telling(im, user) != 0)
		return (-1);
	return (membership_remove(im->changes, &g->account, user));
}

/* Subscribe the user to what only the row has. */
static int
subscribe(struct group *g, const struct import_line *line,
    const struct store_user *user, const struct import_held *held)
{
	const struct category *category;
	size_t i, j;

	for (i = 0; i < line->ncategories; i++) {
		category = line->categories[i];
		for (j = 0; j < held->n; j++) {
			if (held->v[j]->id == category->id)
				break;
		}
		if (j < held->n)
			continue;
		if (!role_may_receive(user->role, category->open))
			return (import_bad_row(g->import, line->number,
			    "%s is a subscriber, and %s is not open to "
			    "subscribers; expected another role or category",
			    line->wire, category->slug));
		if (membership_subscribe(
			g->import->changes, &g->account, category, user) != 0)
			return (-1);
	}
	return (0);
}

/* Unsubscribe the user from what the row lacks. */
static int
unsubscribe(struct group *g, const struct import_line *line,
    const struct store_user *user, const struct import_held *held)
{
	size_t i, j;

	for (j = 0; j < held->n; j++) {
		for (i = 0; i < line->ncategories; i++) {
			if (held->v[j]->id == line->categories[i]->id)
				break;
		}
		/* One that sleeps is in no export. */
		if (i == line->ncategories &&
		    role_may_receive(user->role, held->v[j]->open) &&
		    membership_unsubscribe(
			g->import->changes, &g->account, held->v[j], user) != 0)
			return (-1);
	}
	return (0);
}

/* A new role has ended those that it may not receive. */
static void
forget_ended(struct import_held *held, enum role role)
{
	size_t i, n = 0;

	for (i = 0; i < held->n; i++) {
		if (role_may_receive(role, held->v[i]->open))
			held->v[n++] = held->v[i];
	}
	held->n = n;
}

static int
set_user(
    struct group *g, const struct import_line *line, struct store_user *user)
{
	struct changes *c = g->import->changes;
	struct import_held *held = &g->users.held[user - g->users.list.v];

	/* An owner receives everything, whatever the categories say. */
	if (user->role == ROLE_OWNER && !line->has_role)
		return (set_language(g, line, user));
	if (user->role == ROLE_OWNER)
		return (import_bad_row(g->import, line->number,
		    "%s is the owner of account %s, and no row names another; "
		    "expected one row with the role owner",
		    line->wire, g->account.name));
	if (go_on_telling(g->import, user) != 0)
		return (-1);
	if (line->has_role && user->role != line->role) {
		if (membership_set_role(c, &g->account, user, line->role) != 0)
			return (-1);
		user->role = line->role;
		forget_ended(held, line->role);
	}
	if (set_language(g, line, user) != 0 ||
	    subscribe(g, line, user, held) != 0)
		return (-1);
	return (g->import->sync && line->has_categories
		? unsubscribe(g, line, user, held)
		: 0);
}

static int
new_user(struct group *g, const struct import_line *line)
{
	const struct import_held none = {.n = 0};
	struct store_user user = {
	    .address = line->wire, .key = line->key, .role = line->role};

	user.account = g->account.id;
	user.account_name = g->account.name;
	if (add_user(g, line, line->role, &user.id) != 0)
		return (-1);
	return (subscribe(g, line, &user, &none));
}

static int
apply_row(struct group *g)
{
	const struct import_line *line = &g->import->next;
	struct store_user *user = NULL;
	int found;

	if (check(g) != 0)
		return (-1);
	found = g->exists ? find_user(g, line->key, &user) : 0;
	arena_reset(g->import->line);
	if (found == -1)
		return (-1);
	return (found == 1 ? set_user(g, line, user) : new_user(g, line));
}

int
import_account(struct import *im)
{
	struct group g = {.import = im};
	struct store_user *none;

	if (begin(&g) != 0 || set_owner(&g) != 0)
		return (-1);
	while (goes_on(&g)) {
		if (apply_row(&g) != 0 || import_next(im) != 0)
			return (-1);
	}
	if (g.exists && im->sync && find_user(&g, NULL, &none) == -1)
		return (-1);
	return (go_on_telling(im, NULL));
}
