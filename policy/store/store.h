/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store - what the database knows: every SQL statement, once
 *
 * Rows in, rows out; which change is allowed is decided in roster.c, who gets
 * a message in decide.c.
 *
 * Threads: one struct store belongs to one thread at a time.
 * Results: 1 found or done, 0 not found, -1 could not tell; after -1,
 * store_failure() has the text and the kind. Could not tell is never "no".
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "db/db.h"
#include "terms/category.h"
#include "terms/role.h"

struct failure;
struct store;

#define STORE_SCHEMA 1 /* the version that this program makes and reads */

struct store_account {
	int64_t id;	 /* 0: on its way, see store_bulk() */
	const char *key; /* needed then, and by users on their way */
	const char *name;
	const char *title; /* "" for none */
	const char *owner; /* address; "" if there is none */
	int64_t users;
};

struct store_user {
	int64_t id; /* 0: on its way */
	int64_t account;
	const char *account_name;
	const char *address; /* as address.h's wire */
	const char *key;     /* as address.h's key */
	enum role role;
	bool subscribed; /* to the category that was asked about */
	int64_t link;	 /* 0: no Telegram chat linked */
	int64_t chat;
};

/* One change to the roster, as `notifyctl log` shows it. */
struct store_change {
	int64_t at; /* Unix seconds */
	const char *actor;
	const char *account; /* "" for what concerns no account */
	const char *action;
	const char *subject;
	const char *detail;
};

struct store_export {
	const char *account;
	const char *address;
	enum role role;
	const char *category; /* slug, "" for none; one row for each */
};

/*
 * Callbacks for rows: strings are borrowed for the length of the call, which
 * must not use the store. 0 goes on; -1 stops, and the store function returns
 * -1 without a failure of its own.
 */
typedef int store_user_fn(void *, const struct store_user *);
typedef int store_account_fn(void *, const struct store_account *);
typedef int store_category_fn(void *, const struct category *);
typedef int store_subscription_fn(
    void *, int64_t user, const struct category *);
typedef int store_change_fn(void *, const struct store_change *);
typedef int store_export_fn(void *, const struct store_export *);

/*
 * store_open(url, mode, wait, failure): open the database; ${wait} is how
 * many milliseconds a lock is waited for. NULL and ${failure} if it cannot be.
 */
struct store *store_open(
    const char *url, enum db_mode, int wait, struct failure *) WARN_UNUSED;

/* store_close(s): NULL is fine. */
void store_close(struct store *);

/* store_current(s): false when the database was removed or replaced. */
bool store_current(const struct store *) WARN_UNUSED;

/* store_bound_lag(s, seconds), store_lag(s), store_mark(s): as db_bound_lag(),
 * db_lag(), db_mark(). */
void store_bound_lag(struct store *, long seconds);
int64_t store_lag(const struct store *) WARN_UNUSED;
void store_mark(struct store *);

/* store_claim(s): 1 if no other program has claimed the database, and none can
 * until ${s} is closed or its database lost; 0 if one has; -1. */
int store_claim(struct store *) WARN_UNUSED;

/* store_failure(s): what the last -1 was about. store_forgive(s): forget it. */
const struct failure *store_failure(const struct store *);
void store_forgive(struct store *);

/* store_failed(s, failure): note in ${failure} what the last -1 was about; out
 * of memory if that was not the store's. Returns -1. */
int store_failed(const struct store *, struct failure *);

/*
 * store_upgrade(s): make the schema, or bring it up to STORE_SCHEMA, in one
 * transaction. 1 made, 2 upgraded, 0 was right already.
 */
int store_upgrade(struct store *) WARN_UNUSED;

/*
 * store_begin(s, mode): a transaction; refuses a schema that is not ours.
 * 0 or -1. store_end(s) ends one that only read, or gives up changes.
 */
int store_begin(struct store *, enum db_mode) WARN_UNUSED;
int store_commit(struct store *) WARN_UNUSED;
void store_end(struct store *);

/*
 * store_bulk(s): very many changes are to come. 0 or -1. From then on what is
 * added and removed below may be on its way: it seems to be done, the ids of
 * what is added are 0, and what goes wrong is told by a later function, at the
 * latest by store_commit(). An account or a user with such an id is known to
 * store_user_add() and store_subscribe() alone, by key.
 *
 * store_settle(s): nothing is on its way any more. 0 if all of it could be
 * made, or -1: for who will not commit.
 */
int store_bulk(struct store *) WARN_UNUSED;
int store_settle(struct store *) WARN_UNUSED;

/* Categories. ${key} as category_key() gives it. */
int store_category(
    struct store *, const char *key, struct category *) WARN_UNUSED;
int store_categories(struct store *, store_category_fn *, void *) WARN_UNUSED;
int store_category_add(struct store *, const struct category *,
    const char *slug_key, const char *title_key) WARN_UNUSED;

/*
 * Accounts. Strings of ${*account} are copied into ${a}.
 * store_accounts_from(): at most ${limit}, in the order of their keys, the
 * first of them ${key} or one behind; the owner by key, and without the number
 * of users.
 */
struct arena;
int store_account(struct store *, struct arena *, const char *key,
    struct store_account *) WARN_UNUSED;
int store_accounts(struct store *, store_account_fn *, void *) WARN_UNUSED;
int store_accounts_from(struct store *, const char *key, int limit,
    store_account_fn *, void *) WARN_UNUSED;
int store_account_add(struct store *, const char *name, const char *key,
    const char *title, int64_t *id) WARN_UNUSED;
int store_account_remove(struct store *, int64_t id) WARN_UNUSED;

/*
 * Users. ${category} is the id of the category that ${subscribed} of the rows
 * is about, 0 for none.
 * store_users(): all users of ${account}, the owner first, then by address.
 * store_members(): at most ${limit} users of ${account}, in the order of their
 * keys, the first of them ${key} or one behind.
 * store_members_subscriptions(): what those of them are subscribed to who have
 * the keys ${from} to ${to}, in the same order.
 * store_user(), store_owner(): one; its strings are copied into ${a}.
 * store_user_copy(): ${*to} is ${*from}, with its strings copied into ${a}; 0,
 * or -1 for out of memory.
 */
int store_users(struct store *, int64_t account, int64_t category,
    store_user_fn *, void *) WARN_UNUSED;
int store_members(struct store *, int64_t account, const char *key, int limit,
    store_user_fn *, void *) WARN_UNUSED;
int store_members_subscriptions(struct store *, int64_t account,
    const char *from, const char *to, store_subscription_fn *,
    void *) WARN_UNUSED;
int store_owner(struct store *, struct arena *, int64_t account,
    struct store_user *) WARN_UNUSED;
int store_user(struct store *, struct arena *, int64_t account, const char *key,
    int64_t category, struct store_user *) WARN_UNUSED;
int store_user_copy(struct arena *, const struct store_user *from,
    struct store_user *to) WARN_UNUSED;
int store_user_add(struct store *, const struct store_account *,
    const char *address, const char *key, enum role, int64_t *id) WARN_UNUSED;
int store_user_set_role(struct store *, int64_t user, enum role) WARN_UNUSED;
int store_user_remove(struct store *, int64_t user) WARN_UNUSED;

/* Subscriptions. Removing gives 0 if there was none. */
int store_subscriptions(
    struct store *, int64_t user, store_category_fn *, void *) WARN_UNUSED;
int store_subscribe(struct store *, const struct store_account *,
    int64_t category, const struct store_user *) WARN_UNUSED;
int store_unsubscribe(struct store *, int64_t account, int64_t category,
    int64_t user) WARN_UNUSED;

/* store_link_end(s, user): 1 ended, 0 there was none. */
int store_link_end(struct store *, int64_t user) WARN_UNUSED;

/* The record. ${account}: its name, or NULL for all; oldest first.
 * store_record() gives 0 or -1, and is certain when the transaction ends. */
int store_record(struct store *, const struct store_change *) WARN_UNUSED;
int store_changes(
    struct store *, const char *account, store_change_fn *, void *) WARN_UNUSED;

/* store_export(s, account, fn, ctx): all rows of one account (its id; 0: of
 * all), ordered by account, owner first, address and category. */
int store_export(
    struct store *, int64_t account, store_export_fn *, void *) WARN_UNUSED;

#endif
