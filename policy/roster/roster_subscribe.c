/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster_subscribe - the commands that subscribe and unsubscribe
 */
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "base/strmap.h"
#include "roster/permission.h"
#include "roster/problems.h"
#include "roster/roster.h"
#include "roster/roster_private.h"
#include "store/store.h"
#include "terms/address.h"
#include "terms/category.h"

/* What a command is about. */
struct subscription {
	struct store_account account;
	struct category category;
	struct store_user user;
};

static int check_manager(
    struct changes *, const char *, const char *, const char *);
static int check_subscriber(struct problems *, const struct store_account *,
    const struct category *, const char *, struct store_user *);
static int unsubscribable(struct changes *, const char *, const char *,
    const char *, const char *, struct subscription *);

/* May ${as} use the command for the account? */
static int
check_manager(
    struct changes *c, const char *command, const char *account, const char *as)
{
	const char *oneself;

	return (permission_check(
	    c, permission_find(command), &account, 1, as, &oneself));
}

/* Can ${text} be subscribed? A fault is collected, and user->id is 0 then; -1
 * only for a failure. */
static int
check_subscriber(struct problems *p, const struct store_account *account,
    const struct category *category, const char *text, struct store_user *user)
{
	struct changes *c = p->changes;
	struct address address;
	int found;

	user->id = 0;
	if (roster_list_address(p, text, &address) != 0)
		return (-1);
	if (address.key == NULL)
		return (0);
	found = store_user(
	    c->store, c->arena, account->id, address.key, category->id, user);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0) {
		user->id = 0;
		return (problems_add(p, FAILURE_UNKNOWN, text,
		    arena_printf(
			c->arena, "is not a user of %s", account->name)));
	}
	if (role_may_receive(user->role, category->open))
		return (0);
	user->id = 0;
	return (problems_add(p, FAILURE_DENIED, text,
	    arena_printf(c->arena,
		"is a Subscriber, and %s is not open to Subscribers",
		category->slug)));
}

int
roster_subscribe(struct changes *c, const char *name, const char *slug,
    char **texts, size_t n, const char *as)
{
	struct store_account account;
	struct category category;
	struct problems problems = {.changes = c};
	struct strmap seen = {.arena = c->arena};
	struct store_user *users;
	size_t i;
	int rc;

	if (check_manager(c, "subscribe", name, as) != 0 ||
	    roster_account(c, name, &account) != 0 ||
	    roster_category(c, slug, &category) != 0)
		return (-1);
	users = arena_array(c->arena, n, sizeof(*users));
	if (users == NULL)
		return (failure_memory(c->failure));
	for (i = 0; i < n; i++) {
		if (check_subscriber(&problems, &account, &category, texts[i],
			&users[i]) != 0)
			return (-1);
	}
	if (problems.n > 0)
		return (problems_refuse(&problems, "subscribed nobody",
		    "users of %s who may receive %s", account.name,
		    category.slug));
	for (i = 0; i < n; i++) {
		rc = strmap_add(&seen, users[i].key, NULL);
		if (rc == -1)
			return (failure_memory(c->failure));
		if (rc == 0)
			continue;
		if (users[i].role == ROLE_OWNER)
			roster_remark(c,
			    "%s is the owner of %s and receives every "
			    "category",
			    users[i].address, account.name);
		else if (users[i].subscribed)
			roster_remark(c, "%s is subscribed to %s already",
			    users[i].address, category.slug);
		else if (membership_subscribe(
			     c, &account, &category, &users[i]) != 0)
			return (-1);
	}
	return (0);
}

static int
unsubscribable(struct changes *c, const char *name, const char *slug,
    const char *text, const char *as, struct subscription *s)
{
	if (check_manager(c, "unsubscribe", name, as) != 0 ||
	    roster_account(c, name, &s->account) != 0 ||
	    roster_category(c, slug, &s->category) != 0 ||
	    roster_user(c, &s->account, text, s->category.id, &s->user) != 0)
		return (-1);
	if (s->user.role == ROLE_OWNER)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is the owner of account %s and receives every "
		    "category; an owner cannot be unsubscribed",
		    s->user.address, s->account.name));
	return (0);
}

int
roster_may_unsubscribe(struct changes *c, const char *name, const char *slug,
    const char *text, const char *as)
{
	struct subscription s;

	return (unsubscribable(c, name, slug, text, as, &s));
}

int
roster_unsubscribe(struct changes *c, const char *name, const char *slug,
    const char *text, const char *as, const char *confirm)
{
	struct subscription s;
	struct address typed;
	const char *why;

	if (unsubscribable(c, name, slug, text, as, &s) != 0)
		return (-1);
	if (address_read_strict(c->arena, confirm, &typed, &why) != 1 ||
	    strcmp(typed.key, s.user.key) != 0)
		return (failure_set(c->failure, FAILURE_DATA,
		    "the confirmation \"%s\" is not the address; expected %s "
		    "typed again",
		    escape_short(c->arena, confirm), s.user.address));
	if (!s.user.subscribed) {
		roster_remark(c, "%s is not subscribed to %s", s.user.address,
		    s.category.slug);
		return (0);
	}
	return (membership_unsubscribe(c, &s.account, &s.category, &s.user));
}
