/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_roster - what the roster has, in the order of the rows
 *
 * Accounts are read in pages, the small ones with their users: to ask for the
 * users of each would take longer than all else. The users of a large account
 * are read in pages of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/import_private.h"
#include "roster/membership.h"
#include "roster/roster.h"
#include "terms/category.h"

/* Accounts of a page: twice as many as were wanted of the page before, since
 * the rows may name few of the roster's. */
#define ACCOUNTS_MIN 4
#define ACCOUNTS_MAX STORE_ACCOUNTS_MAX
/* Users of a small account, and of a page. */
#define SMALL 64
#define PAGE 256

/* Where the rows of an answer go. */
struct reading {
	struct import *import;
	struct import_users *users; /* of one account, or of each of a page */
	size_t account, user;	    /* those of the row before */
};

static int take_category(void *, const struct category *);
static int failed(struct import *);
static int damaged(struct reading *);
static int hold(
    struct reading *, const struct import_users *, int64_t, int64_t);
static int take_account(void *, const struct store_account *);
static bool is_small(const struct store_account *);
static int find_account(struct reading *, int64_t);
static int take_user_of(void *, const struct store_user *);
static int take_subscription_of(void *, int64_t, int64_t, int64_t);
static int read_users(struct import *);
static int next_page(struct import *, const char *);
static int remove_account(struct import *, const struct store_account *);
static int take_subscription(void *, int64_t, const struct category *);

static int
take_category(void *ctx, const struct category *category)
{
	struct import *im = ctx;

	im->all = arena_grow(
	    im->kept, im->all, im->nall, &im->all_cap, sizeof(*im->all));
	if (im->all == NULL)
		return (-1);
	im->all[im->nall++] = *category;
	return (0);
}

int
import_begin(struct import *im)
{
	im->accounts.limit = ACCOUNTS_MIN;
	if (store_categories(im->changes->store, take_category, im) == -1)
		return (failed(im));
	return (0);
}

/* After a lookup that failed. */
static int
failed(struct import *im)
{
	if (!im->damaged)
		return (store_failed(im->changes->store, im->changes->failure));
	return (failure_set(im->changes->failure, FAILURE_IO,
	    "the roster is damaged: a row refers to another that is not there, "
	    "or an account has no valid name; run \"notifyctl check\""));
}

static int
damaged(struct reading *r)
{
	r->import->damaged = true;
	return (-1);
}

/* Add a subscription of one of the users. */
static int
hold(struct reading *r, const struct import_users *users, int64_t user,
    int64_t category)
{
	const struct store_user_list *list = &users->list;
	struct import *im = r->import;
	struct import_held *held;
	size_t i, j;

	for (i = 0; i < list->n && list->v[r->user % list->n].id != user; i++)
		r->user++;
	for (j = 0; j < im->nall && im->all[j].id != category; j++)
		;
	if (i == list->n || j == im->nall)
		return (damaged(r));
	held = &users->held[r->user % list->n];
	held->v = arena_grow(
	    list->arena, held->v, held->n, &held->cap, sizeof(*held->v));
	if (held->v == NULL)
		return (-1);
	held->v[held->n++] = &im->all[j];
	return (0);
}

static int
take_account(void *ctx, const struct store_account *account)
{
	struct import_accounts *page = ctx;
	struct store_account *copy = &page->v[page->n];
	char *key;

	key = arena_alloc(page->arena, ACCOUNT_KEY_SIZE);
	if (key == NULL || store_account_copy(page->arena, account, copy) != 0)
		return (-1);
	page->seen++;
	/* No row can name an account that has no key. */
	if (account_key(account->name, key) == 1)
		page->keys[page->n++] = key;
	return (0);
}

static bool
is_small(const struct store_account *account)
{
	return (account->users <= SMALL);
}

/* Go to the account with the id: they come in another order. */
static int
find_account(struct reading *r, int64_t id)
{
	const struct import_accounts *page = &r->import->accounts;
	size_t i;

	for (i = 0; i < page->n; i++) {
		if (page->v[r->account].id == id)
			return (0);
		r->account = (r->account + 1) % page->n;
	}
	return (damaged(r));
}

static int
take_user_of(void *ctx, const struct store_user *user)
{
	struct reading *r = ctx;
	struct store_user named = *user;

	if (find_account(r, user->account) != 0)
		return (-1);
	named.account_name = r->import->accounts.v[r->account].name;
	return (store_user_keep(&r->users[r->account].list, &named));
}

static int
take_subscription_of(void *ctx, int64_t account, int64_t user, int64_t category)
{
	struct reading *r = ctx;

	if (find_account(r, account) != 0)
		return (-1);
	return (hold(r, &r->users[r->account], user, category));
}

/* The users of the page's small accounts. */
static int
read_users(struct import *im)
{
	struct import_accounts *page = &im->accounts;
	struct reading r = {.import = im, .users = page->users};
	int64_t ids[ACCOUNTS_MAX];
	size_t i, n = 0;

	for (i = 0; i < page->n; i++) {
		page->users[i].list.arena = page->arena;
		if (is_small(&page->v[i]))
			ids[n++] = page->v[i].id;
	}
	if (n == 0)
		return (0);
	if (store_users_of(im->changes->store, ids, n, take_user_of, &r) == -1)
		return (failed(im));
	for (i = 0; i < page->n; i++) {
		page->users[i].last = is_small(&page->v[i]);
		page->users[i].held = arena_array(page->arena,
		    page->users[i].list.n, sizeof(*page->users[i].held));
		if (page->users[i].held == NULL)
			return (failure_memory(im->changes->failure));
	}
	if (store_subscriptions_of(
		im->changes->store, ids, n, take_subscription_of, &r) == -1)
		return (failed(im));
	return (0);
}

/* The accounts of the roster from ${key} on. */
static int
next_page(struct import *im, const char *key)
{
	struct import_accounts *page = &im->accounts;

	page->limit =
	    page->found < ACCOUNTS_MAX / 2 ? 2 * page->found : ACCOUNTS_MAX;
	if (page->limit < ACCOUNTS_MIN)
		page->limit = ACCOUNTS_MIN;
	arena_reset(page->arena);
	page->n = page->next = page->seen = page->found = 0;
	page->v = arena_array(page->arena, page->limit, sizeof(*page->v));
	page->keys = arena_array(page->arena, page->limit, sizeof(*page->keys));
	page->users =
	    arena_array(page->arena, page->limit, sizeof(*page->users));
	if (page->v == NULL || page->keys == NULL || page->users == NULL)
		return (failure_memory(im->changes->failure));
	if (store_accounts_from(im->changes->store, key, (int)page->limit,
		SMALL + 1, take_account, page) == -1)
		return (failed(im));
	page->last = page->seen < page->limit;
	return (read_users(im));
}

static int
remove_account(struct import *im, const struct store_account *account)
{
	arena_reset(im->line);
	return (roster_account_remove(im->changes, account->name));
}

int
import_find(struct import *im, const char *key, struct store_account *account,
    struct import_users *users)
{
	struct import_accounts *page = &im->accounts;
	size_t i;
	int order;

	for (;;) {
		while (page->next < page->n) {
			i = page->next;
			order = strcmp(page->keys[i], key);
			if (order > 0)
				return (0);
			strcpy(page->passed, page->keys[i]);
			page->next++;
			if (order == 0) {
				page->found++;
				*account = page->v[i];
				*users = page->users[i];
				return (1);
			}
			if (im->sync && remove_account(im, &page->v[i]) != 0)
				return (-1);
		}
		if (page->last)
			return (0);
		if (next_page(im, im->sync ? page->passed : key) != 0)
			return (-1);
		if (page->n > 0 && strcmp(page->keys[0], page->passed) == 0)
			page->next = 1;
		/* Nothing but accounts that have no key: it would not end. */
		if (page->next == page->n && !page->last) {
			im->damaged = true;
			return (failed(im));
		}
	}
}

static int
take_subscription(void *ctx, int64_t user, const struct category *category)
{
	struct reading *r = ctx;

	return (hold(r, r->users, user, category->id));
}

int
import_users_from(struct import *im, int64_t account, const char *key,
    struct import_users *users)
{
	struct store *s = im->changes->store;
	struct reading r = {.import = im, .users = users};
	struct store_user_list *list = &users->list;

	arena_reset(im->page);
	*users = (struct import_users){.list = {.arena = im->page}};
	if (store_members(s, account, key, PAGE, store_user_keep, list) == -1)
		return (failed(im));
	users->last = list->n < PAGE;
	if (list->n == 0)
		return (0);
	users->held = arena_array(im->page, list->n, sizeof(*users->held));
	if (users->held == NULL)
		return (failure_memory(im->changes->failure));
	if (store_members_subscriptions(s, account, list->v[0].key,
		list->v[list->n - 1].key, take_subscription, &r) == -1)
		return (failed(im));
	return (0);
}
