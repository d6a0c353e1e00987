/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster - the commands that change accounts, users and subscriptions
 *
 * policy/README.md, Roles, has who may do what. A command makes its whole
 * change or none: the caller begins a transaction, and rolls it back if the
 * command fails.
 *
 * Threads: as struct store.
 * Results: 0 done, or nothing to do; -1 refused or failed, with
 * changes->failure, whose kind gives the exit code.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include "roster/membership.h"

/* roster_address(c, text, address): the address that a person typed. Domains
 * that stand for accounts or chats are refused. */
int roster_address(
    struct changes *, const char *text, struct address *) WARN_UNUSED;

/* roster_account(c, name, found): by name. roster_category(c, name, found): by
 * slug or title in any spelling. Strings live in the arena. */
int roster_account(
    struct changes *, const char *name, struct store_account *) WARN_UNUSED;
int roster_category(
    struct changes *, const char *name, struct category *) WARN_UNUSED;

/* roster_user(c, account, text, category, user): a user, even in a domain that
 * has been reserved since. user->subscribed is about the id ${category}, or 0.
 */
int roster_user(struct changes *, const struct store_account *,
    const char *text, int64_t category, struct store_user *) WARN_UNUSED;

/* roster_role(c, name, role): by name. */
int roster_role(struct changes *, const char *name, enum role *) WARN_UNUSED;

int roster_account_add(struct changes *, const char *name, const char *title,
    const char *owner) WARN_UNUSED;
int roster_account_transfer(
    struct changes *, const char *account, const char *to) WARN_UNUSED;
int roster_account_remove(struct changes *, const char *account) WARN_UNUSED;
int roster_user_add(struct changes *, const char *account, char **addresses,
    size_t n, const char *role) WARN_UNUSED;
int roster_user_role(struct changes *, const char *account, const char *address,
    const char *role) WARN_UNUSED;
int roster_user_remove(
    struct changes *, const char *account, const char *address) WARN_UNUSED;

/*
 * Names. roster_account_rename(): the former name goes on being understood.
 * roster_account_forget_former(): until it is let go. roster_user_address():
 * role, subscriptions and chat stay. roster_user_language(): "" for none.
 */
int roster_account_rename(
    struct changes *, const char *account, const char *to) WARN_UNUSED;
int roster_account_forget_former(
    struct changes *, const char *account) WARN_UNUSED;
int roster_account_title(
    struct changes *, const char *account, const char *title) WARN_UNUSED;
int roster_user_address(struct changes *, const char *account,
    const char *address, const char *to) WARN_UNUSED;
int roster_user_language(struct changes *, const char *account,
    const char *address, const char *language) WARN_UNUSED;

/*
 * Categories. What is NULL in ${*edit} stays as it is. Without ${sure} a change
 * that touches users or chats is refused, and says how many; whoever is to be
 * told (changes.tell) is told of a subscription that ends, sleeps or wakes up,
 * and of a category that comes to the chat, or no longer does.
 * No link and no subscription ends by roster_category_set();
 * roster_category_remove() ends the category's subscriptions.
 */
struct category_edit {
	const char *title, *description;
	const bool *open, *mirrored;
};
int roster_category_add(struct changes *, const char *slug, const char *title,
    const char *description, bool open, bool mirrored) WARN_UNUSED;
int roster_category_set(struct changes *, const char *name,
    const struct category_edit *, bool sure) WARN_UNUSED;
int roster_category_remove(
    struct changes *, const char *name, bool sure) WARN_UNUSED;

/*
 * roster_subscribe(c, account, category, addresses, n, as): all or none; ${as}
 * is the address of the owner or a User Administrator.
 */
int roster_subscribe(struct changes *, const char *account,
    const char *category, char **addresses, size_t n,
    const char *as) WARN_UNUSED;

/*
 * roster_may_unsubscribe(c, account, category, address, as): check all that can
 * be checked before asking for the confirmation.
 * roster_unsubscribe(..., confirm): ${confirm} is the address typed again. The
 * notice to the user is recorded with the change.
 */
int roster_may_unsubscribe(struct changes *, const char *account,
    const char *category, const char *address, const char *as) WARN_UNUSED;
int roster_unsubscribe(struct changes *, const char *account,
    const char *category, const char *address, const char *as,
    const char *confirm) WARN_UNUSED;

#endif
