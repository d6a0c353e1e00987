/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store - rows of the roster in and out of the database
 *
 * Rows only: roster.c decides which changes are allowed, decide.c who gets a
 * message.
 *
 * Threads: one struct store belongs to one thread at a time.
 * Results: 1 found or done, 0 not found or nothing to do, -1 could not tell;
 * after -1, store_failure() has the text and the kind. -1 never means "not
 * found".
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

#define STORE_SCHEMA 2 /* the version that this program creates and reads */
#define STORE_OLDEST 1 /* see store_accept_older() */

struct store_account {
	int64_t id;	 /* 0: pending, see store_bulk() */
	const char *key; /* needed if it or one of its users is pending */
	const char *name;
	const char *title; /* "" for none */
	const char *owner; /* address; "" for none */
	int64_t users;
};

struct store_user {
	int64_t id; /* 0: pending */
	int64_t account;
	const char *account_name;
	const char *address; /* as address.h's wire */
	const char *key;     /* as address.h's key */
	enum role role;
	bool subscribed; /* to the category in question */
	int64_t link;	 /* 0: no Telegram chat linked */
	int64_t chat;
	int64_t topic;	      /* of the chat, if it is a forum; 0 for none */
	const char *language; /* "" for none */
};

/* One change to the roster, as `notifyctl log` shows it. */
struct store_change {
	int64_t at; /* Unix seconds */
	const char *actor;
	const char *account; /* "" if it concerns no account */
	const char *action;
	const char *subject;
	const char *detail;
};

struct store_counts {
	int64_t accounts;
	int64_t users;
	int64_t subscriptions;
};

struct store_export {
	const char *account;
	const char *address;
	enum role role;
	const char *category; /* slug, or ""; one row for each category */
	const char *language; /* "" for none */
};

/*
 * Callbacks for rows. Strings are borrowed until the callback returns; it must
 * not use the store. 0 continues; -1 stops, and the store function returns -1
 * without a failure of its own.
 */
typedef int store_user_fn(void *, const struct store_user *);
typedef int store_account_fn(void *, const struct store_account *);
typedef int store_category_fn(void *, const struct category *);
typedef int store_subscription_fn(
    void *, int64_t user, const struct category *);
typedef int store_ids_fn(
    void *, int64_t account, int64_t user, int64_t category);
typedef int store_change_fn(void *, const struct store_change *);
typedef int store_export_fn(void *, const struct store_export *);

/*
 * store_open(url, mode, wait, failure): open the database; wait up to ${wait}
 * milliseconds for a lock, here and later. NULL and ${failure} if that fails.
 */
struct store *store_open(
    const char *url, enum db_mode, int wait, struct failure *) WARN_UNUSED;

/* store_close(s): NULL is fine. */
void store_close(struct store *);

/*
 * store_accept_older(s): also read a roster of the versions from STORE_OLDEST
 * on. It lacks what later versions have: no secret is found there. For
 * notify-milter and notify-telegram, which are upgraded before the roster is.
 */
void store_accept_older(struct store *);

/* store_db(s): its database, for db_current(), db_bound_lag(), db_lag() and
 * db_mark(). */
struct db *store_db(struct store *);

/* store_claim(s): as db_claim(). */
int store_claim(struct store *) WARN_UNUSED;

/* store_failure(s): why a function returned -1. store_forgive(s): clear that.
 */
const struct failure *store_failure(const struct store *);
void store_forgive(struct store *);

/* store_failed(s, failure): copy store_failure() to ${failure}; out of memory
 * if there is none, since a callback has failed. Returns -1. */
int store_failed(const struct store *, struct failure *);

/*
 * store_upgrade(s): create the schema, or upgrade it to STORE_SCHEMA, and make
 * the secrets that it lacks, in one transaction. 1 created, 2 upgraded, 0
 * nothing to do.
 */
int store_upgrade(struct store *) WARN_UNUSED;

/*
 * store_begin(s, mode): begin a transaction. 0, or -1 also if the schema is not
 * ours, or not of a version that is read. store_commit(s): 0 or -1.
 * store_end(s): end a transaction that only read, or roll back.
 */
int store_begin(struct store *, enum db_mode) WARN_UNUSED;
int store_commit(struct store *) WARN_UNUSED;
void store_end(struct store *);

/* store_scrub(s): outside transactions: overwrite what has been deleted in the
 * database's file. 0 or -1. A server does so in its own time. */
int store_scrub(struct store *) WARN_UNUSED;

/* store_survey(s): outside transactions, after very many changes: let a server
 * look at what the tables hold now. If it cannot, it does so in its own time. */
void store_survey(struct store *);

/*
 * store_bulk(s): prepare for very many changes. 0 or -1. From then on additions
 * and removals may be pending: they return success, with the id 0, and a later
 * function reports an error, at the latest store_commit(). Only
 * store_user_add() and store_subscribe() take an account or a user with the id
 * 0, by key.
 *
 * In PostgreSQL additions are collected, too, and sent table by table, before
 * any other statement.
 *
 * store_settle(s): wait for pending changes, without a commit: 0 if all
 * succeeded, or -1.
 */
int store_bulk(struct store *) WARN_UNUSED;
int store_settle(struct store *) WARN_UNUSED;

/* Categories. ${key} as from category_key(). */
int store_category(
    struct store *, const char *key, struct category *) WARN_UNUSED;
int store_categories(struct store *, store_category_fn *, void *) WARN_UNUSED;
int store_category_add(struct store *, const struct category *,
    const char *slug_key, const char *title_key) WARN_UNUSED;

/*
 * Accounts. Strings of ${*account} are copied into ${a}. store_account_id():
 * its number alone, whose lookup takes as long for any account and for none.
 * store_account_copy(): as store_user_copy(). store_accounts_from(): at most
 * ${limit} accounts in the order of their keys, from ${key} on; ${owner} is the
 * owner's key, and ${users} is at most ${count}.
 */
struct arena;
int store_account(struct store *, struct arena *, const char *key,
    struct store_account *) WARN_UNUSED;
int store_account_id(struct store *, const char *key, int64_t *id) WARN_UNUSED;
int store_account_copy(struct arena *, const struct store_account *from,
    struct store_account *to) WARN_UNUSED;
int store_accounts(struct store *, store_account_fn *, void *) WARN_UNUSED;
int store_accounts_from(struct store *, const char *key, int limit, int count,
    store_account_fn *, void *) WARN_UNUSED;
int store_account_add(struct store *, const char *name, const char *key,
    const char *title, int64_t *id) WARN_UNUSED;
int store_account_remove(struct store *, int64_t id) WARN_UNUSED;

/*
 * Users. ${subscribed} in the rows is about the category with the id
 * ${category}, 0 for none. store_users(): all users of ${account}, the owner
 * first, then by address. store_members(): at most ${limit} users of ${account}
 * in the order of their keys, from ${key} on. store_members_subscriptions():
 * the subscriptions of the users with the keys ${from} to ${to}, in the same
 * order. store_users_of(), store_subscriptions_of(): all users, and all
 * subscriptions, of the ${n} accounts with the ids ${accounts}, of each account
 * at a time; the users in the order of their keys, the subscriptions in that of
 * the categories' ids; ${account_name} of these users is "".
 * store_user(), store_owner(): one; its strings are copied into ${a}.
 * store_managers(): at most ${limit}, the owner first, then User
 * Administrators.
 * store_user_copy(): set ${*to} to ${*from}, with the strings copied into ${a}.
 * store_user_keep(list, user): add a copy to a struct store_user_list; it can
 * be the store_user_fn of the others. 0, or -1 if out of memory.
 */
struct store_user_list {
	struct arena *arena;
	struct store_user *v;
	size_t n, cap;
};
int store_users(struct store *, int64_t account, int64_t category,
    store_user_fn *, void *) WARN_UNUSED;
int store_members(struct store *, int64_t account, const char *key, int limit,
    store_user_fn *, void *) WARN_UNUSED;
int store_members_subscriptions(struct store *, int64_t account,
    const char *from, const char *to, store_subscription_fn *,
    void *) WARN_UNUSED;
/* The most accounts of a call. */
#define STORE_ACCOUNTS_MAX 256
int store_users_of(struct store *, const int64_t *accounts, size_t n,
    store_user_fn *, void *) WARN_UNUSED;
int store_subscriptions_of(struct store *, const int64_t *accounts, size_t n,
    store_ids_fn *, void *) WARN_UNUSED;
int store_owner(struct store *, struct arena *, int64_t account,
    struct store_user *) WARN_UNUSED;
int store_managers(struct store *, int64_t account, int limit, store_user_fn *,
    void *) WARN_UNUSED;
int store_user(struct store *, struct arena *, int64_t account, const char *key,
    int64_t category, struct store_user *) WARN_UNUSED;
int store_user_copy(struct arena *, const struct store_user *from,
    struct store_user *to) WARN_UNUSED;
int store_user_keep(void *list, const struct store_user *) WARN_UNUSED;
int store_user_add(struct store *, const struct store_account *,
    const char *address, const char *key, enum role, const char *language,
    int64_t *id) WARN_UNUSED;
int store_user_set_role(struct store *, int64_t user, enum role) WARN_UNUSED;
int store_user_remove(struct store *, int64_t user) WARN_UNUSED;

/* Subscriptions. store_unsubscribe() returns 0 if there was none. */
int store_subscriptions(
    struct store *, int64_t user, store_category_fn *, void *) WARN_UNUSED;
int store_subscribe(struct store *, const struct store_account *,
    int64_t category, const struct store_user *) WARN_UNUSED;
int store_unsubscribe(struct store *, int64_t account, int64_t category,
    int64_t user) WARN_UNUSED;

/*
 * store_secret(s, name, secret): 1; 0 if the roster has none yet.
 * STORE_STAMP: the key of the stamps (stamp.h).
 */
#define STORE_STAMP "stamp"
#define STORE_SECRET_SIZE 128
int store_secret(struct store *, const char *name,
    char secret[STORE_SECRET_SIZE]) WARN_UNUSED;

/* The record of changes. store_record(): 0 or -1; a failure may also come
 * later, at the latest from store_commit(). store_changes(): the changes to
 * ${account} (its name; NULL: all), oldest first. */
int store_record(struct store *, const struct store_change *) WARN_UNUSED;
int store_changes(
    struct store *, const char *account, store_change_fn *, void *) WARN_UNUSED;

/* store_counts(s, counts): how many there are; 1, or -1. */
int store_counts(struct store *, struct store_counts *) WARN_UNUSED;

/* store_languages(s, account, some): has a user of ${account} (its id; 0: any)
 * a language? 1, or -1. */
int store_languages(struct store *, int64_t account, bool *some) WARN_UNUSED;

/* store_export(s, account, fn, ctx): all rows of ${account} (its id; 0: all),
 * ordered by account, owner first, address and category. */
int store_export(
    struct store *, int64_t account, store_export_fn *, void *) WARN_UNUSED;

#endif
