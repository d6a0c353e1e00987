/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_edit - names and properties of rows that exist
 *
 * Threads and results as in store.h.
 */
#ifndef STORE_EDIT_H
#define STORE_EDIT_H

#include "store/store.h"

/*
 * Names of accounts. store_account_rename(): the record of the present account
 * gets the new name too, in place of ${from}; what is older than the removal of
 * another account of the name keeps it. store_former_add(),
 * store_former_remove(): a name that the account had. store_formers(): those of
 * ${account}, or with 0 of all, oldest first.
 */
struct store_former {
	const char *key;
	const char *name;
	const char *account; /* the account's present name */
};
typedef int store_former_fn(void *, const struct store_former *);
int store_account_rename(struct store *, int64_t account, const char *from,
    const char *name, const char *key) WARN_UNUSED;
int store_account_set_title(
    struct store *, int64_t account, const char *title) WARN_UNUSED;
int store_former_add(struct store *, int64_t account, const char *key,
    const char *name, int64_t now) WARN_UNUSED;
int store_former_remove(
    struct store *, int64_t account, const char *key) WARN_UNUSED;
int store_formers(
    struct store *, int64_t account, store_former_fn *, void *) WARN_UNUSED;

/* Users. store_user_set_address() removes the user's tokens: they were sent, or
 * shown, to whoever had the address before. */
int store_user_set_address(struct store *, int64_t user, const char *address,
    const char *key) WARN_UNUSED;
int store_user_set_language(
    struct store *, int64_t user, const char *language) WARN_UNUSED;

/*
 * Categories. store_category_set(): all but the slug; the spelling ${key} of a
 * new title is the category's too, unless it is NULL. store_category_remove():
 * with its spellings and subscriptions.
 *
 * store_category_users(): how many users are subscribed, sleeping or not; with
 * ${subscribers} only users of that role. store_category_chats(): how many of
 * the users whom a mirrored category like this reaches have a chat, and how
 * many chats those are. store_category_people(): at most ${limit} of the
 * subscribed, and of the owners with a chat, with an id above ${after}, in that
 * order.
 */
int store_category_set(
    struct store *, const struct category *, const char *key) WARN_UNUSED;
int store_category_remove(struct store *, int64_t id) WARN_UNUSED;
int store_category_users(
    struct store *, int64_t id, bool subscribers, int64_t *users) WARN_UNUSED;
int store_category_chats(
    struct store *, int64_t id, int64_t *users, int64_t *chats) WARN_UNUSED;
int store_category_people(struct store *, int64_t id, int64_t after, int limit,
    store_user_fn *, void *) WARN_UNUSED;

/* store_changes_prune(s, account, before): remove the changes to ${account}
 * (its name; NULL: all) that are older than ${before}; ${*n} is how many. */
int store_changes_prune(struct store *, const char *account, int64_t before,
    int64_t *n) WARN_UNUSED;

#endif
