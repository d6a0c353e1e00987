/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membership - one change to one user of an account, with its consequences
 *
 * The steps of the roster's commands and of an import. Each has the
 * consequences of policy/README.md, Roles, 6 (a user who is no longer entitled
 * loses the Telegram link too) and records every change with its time, author,
 * action and user. The commands check permissions first.
 *
 * The caller has begun a transaction. Threads: as struct store.
 * Results: 0 done, -1 failed, with changes->failure.
 */
#ifndef MEMBERSHIP_H
#define MEMBERSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "roster/tell.h"
#include "store/store.h"
#include "terms/role.h"

struct address;
struct arena;
struct category;
struct failure;
struct settings;
struct store;
struct store_account;
struct store_change;
struct store_user;

/* What a user is subscribed to. */
struct subscriptions {
	struct arena *arena;
	struct category *v;
	size_t n, cap;
};

/* The context of changes: the store, the author, and callbacks that report. */
struct changes {
	struct store *store;
	const struct settings *settings;
	struct arena *arena;
	struct failure *failure;
	const char *actor;
	int64_t now; /* Unix seconds */
	/* Called for each recorded change; for a remark that something needed
	 * no change. */
	void (*changed)(void *, const struct store_change *);
	void (*remark)(void *, const char *);
	void *ctx;
	size_t n;		     /* changes recorded so far */
	struct store_counts removed; /* so far */
	struct tell_state tell;
	struct tell_managers managers;
	bool farewells; /* chats whose link ends are told */
};

/* membership_record(c, account, action, subject, detail): "" for none;
 * ${detail} NULL: out of memory. */
int membership_record(struct changes *, const char *account, const char *action,
    const char *subject, const char *detail) WARN_UNUSED;

/* membership_unasked(change): did a chat or a subscription end only because the
 * user lost its entitlement, without anybody asking for that? */
bool membership_unasked(const struct store_change *) WARN_UNUSED;

/* membership_may_link(c, user, role): may the user, being of ${role}, have a
 * Telegram chat: is it entitled to a mirrored category? 1, 0, or -1. */
int membership_may_link(struct changes *, int64_t user, enum role) WARN_UNUSED;

/* membership_subscriptions(c, user, s): all of them, in c->arena. */
int membership_subscriptions(
    struct changes *, int64_t user, struct subscriptions *) WARN_UNUSED;

/* membership_end_link(c, user, why): end the user's link to a chat; ${why} goes
 * into the record. 1 ended, 0 if there was none, -1. */
int membership_end_link(
    struct changes *, const struct store_user *, const char *why) WARN_UNUSED;

/* membership_add(c, account, address, role, language, id): a new user;
 * ${language} as from language_read(). */
int membership_add(struct changes *, const struct store_account *,
    const struct address *, enum role, const char *language,
    int64_t *id) WARN_UNUSED;

/* membership_language(c, account, user, language): set the user's language;
 * likewise. */
int membership_language(struct changes *, const struct store_account *,
    const struct store_user *, const char *language) WARN_UNUSED;

/* membership_subscribe(c, account, category, user): the user's role allows it,
 * and the user is not subscribed yet. */
int membership_subscribe(struct changes *, const struct store_account *,
    const struct category *, const struct store_user *) WARN_UNUSED;

/* membership_unsubscribe(c, account, category, user): the user is subscribed.
 */
int membership_unsubscribe(struct changes *, const struct store_account *,
    const struct category *, const struct store_user *) WARN_UNUSED;

/* membership_set_role(c, account, user, role): neither role is owner. */
int membership_set_role(struct changes *, const struct store_account *,
    const struct store_user *, enum role) WARN_UNUSED;

/* membership_transfer(c, account, old, new): ${new} becomes the owner;
 * the owner ${old}, if not NULL, becomes a User Administrator. */
int membership_transfer(struct changes *, const struct store_account *,
    const struct store_user *old, const struct store_user *new) WARN_UNUSED;

/* membership_remove(c, account, user): with subscriptions and link. */
int membership_remove(struct changes *, const struct store_account *,
    const struct store_user *) WARN_UNUSED;

/* membership_remove_all(c, account): the account with every user, in bounded
 * memory, and by few statements: there may be very many users. */
int membership_remove_all(
    struct changes *, const struct store_account *) WARN_UNUSED;

#endif
