/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * membership - one change to one user of an account, with its consequences
 */
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "store/store.h"
#include "store/store_edit.h"
#include "store/store_link.h"
#include "terms/address.h"
#include "terms/category.h"

/* How many users of an account are removed at a time. */
#define USERS_AT_ONCE 256
#define USERS_MEMORY ((size_t)64 << 20)

/* In the detail of a record: membership_unasked() looks for it. */
#define NOT_OPEN ", not open to subscribers"
#define NOT_ENTITLED "no longer entitled to a mirrored category"

/* Longer than the key of any address that is accepted. */
#define KEY_SIZE 1024

/* Some of an account's users. */
struct users {
	struct store_user_list list;
	struct subscriptions *held;
	size_t reading; /* whose subscriptions are being read */
};

/* Is one of a user's subscriptions mirrored to a user of ${role}? */
struct search {
	enum role role;
	bool found;
};

static int take_category(void *, const struct category *);
static int end_subscription(struct changes *, const struct store_account *,
    const struct store_user *, const struct category *, const char *);
static int look_mirrored(void *, const struct category *);
static int end_lost_link(
    struct changes *, const struct store_user *, const char *);
static int subscribe_to_all(
    struct changes *, const struct store_account *, const struct store_user *);
static int take_subscription(void *, int64_t, const struct category *);
static int record_leaving(struct changes *, const struct store_account *,
    const struct store_user *, const struct subscriptions *, enum tell_kind);
static int read_some(struct changes *, const struct store_account *,
    const char *, struct users *);
static int leave_some(struct changes *, const struct store_account *, char *);

int
membership_record(struct changes *c, const char *account, const char *action,
    const char *subject, const char *detail)
{
	struct store_change change = {.at = c->now,
	    .actor = c->actor,
	    .account = account,
	    .action = action,
	    .subject = subject,
	    .detail = detail};

	if (detail == NULL)
		return (failure_memory(c->failure));
	if (store_record(c->store, &change) == -1)
		return (store_failed(c->store, c->failure));
	c->n++;
	if (c->changed != NULL)
		c->changed(c->ctx, &change);
	return (0);
}

bool
membership_unasked(const struct store_change *change)
{
	if (strcmp(change->action, "unsubscribe") == 0)
		return (strstr(change->detail, NOT_OPEN) != NULL);
	return (strcmp(change->action, "telegram-end") == 0);
}

static int
take_category(void *ctx, const struct category *category)
{
	struct subscriptions *s = ctx;

	s->v = arena_grow(s->arena, s->v, s->n, &s->cap, sizeof(*s->v));
	if (s->v == NULL)
		return (-1);
	s->v[s->n++] = *category;
	return (0);
}

int
membership_subscriptions(
    struct changes *c, int64_t user, struct subscriptions *s)
{
	memset(s, 0, sizeof(*s));
	s->arena = c->arena;
	if (store_subscriptions(c->store, user, take_category, s) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

int
membership_add(struct changes *c, const struct store_account *account,
    const struct address *address, enum role role, const char *language,
    int64_t *id)
{
	if (store_user_add(c->store, account, address->wire, address->key, role,
		language, id) == -1)
		return (store_failed(c->store, c->failure));
	tell_managers_changed(c, role);
	if (membership_record(c, account->name, "user-add", address->wire,
		role_name(role)) != 0)
		return (-1);
	return (*language == '\0'
		? 0
		: membership_record(c, account->name, "user-language",
		      address->wire, language));
}

int
membership_language(struct changes *c, const struct store_account *account,
    const struct store_user *user, const char *language)
{
	if (store_user_set_language(c->store, user->id, language) == -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(
	    c, account->name, "user-language", user->address, language));
}

int
membership_subscribe(struct changes *c, const struct store_account *account,
    const struct category *category, const struct store_user *user)
{
	if (store_subscribe(c->store, account, category->id, user) == -1)
		return (store_failed(c->store, c->failure));
	if (tell_category(c, account, user, TELL_SUBSCRIBED, false, category) !=
	    0)
		return (-1);
	return (membership_record(
	    c, account->name, "subscribe", user->address, category->slug));
}

/* ${why} goes into the record; "" if somebody asked for it. */
static int
end_subscription(struct changes *c, const struct store_account *account,
    const struct store_user *user, const struct category *category,
    const char *why)
{
	if (store_unsubscribe(c->store, account->id, category->id, user->id) ==
	    -1)
		return (store_failed(c->store, c->failure));
	c->removed.subscriptions++;
	if (tell_category(
		c, account, user, TELL_UNSUBSCRIBED, true, category) != 0)
		return (-1);
	return (
	    membership_record(c, account->name, "unsubscribe", user->address,
		arena_printf(c->arena, "%s%s", category->slug, why)));
}

static int
look_mirrored(void *ctx, const struct category *category)
{
	struct search *s = ctx;

	s->found = s->found || role_mirrored(s->role, true, category);
	return (0);
}

int
membership_may_link(struct changes *c, int64_t user, enum role role)
{
	struct search s = {.role = role};

	/* An owner receives every category, whatever there are. */
	if (role == ROLE_OWNER)
		return (1);
	if (role_may_link(role) &&
	    store_subscriptions(c->store, user, look_mirrored, &s) == -1)
		return (store_failed(c->store, c->failure));
	return (s.found);
}

int
membership_end_link(
    struct changes *c, const struct store_user *user, const char *why)
{
	int rc;

	rc = store_link_end(c->store, user->id);
	if (rc == 1 && c->farewells &&
	    store_farewell_add(c->store, c->now, user, why) == -1)
		rc = -1;
	if (rc == -1)
		return (store_failed(c->store, c->failure));
	if (rc == 1 &&
	    membership_record(
		c, user->account_name, "telegram-end", user->address, why) != 0)
		return (-1);
	return (rc);
}

/* End the link, if there is one, of a user who has lost what it needs. */
static int
end_lost_link(struct changes *c, const struct store_user *user, const char *why)
{
	const struct store_account account = {
	    .id = user->account, .name = user->account_name};
	int rc;

	if (user->link == 0)
		return (0);
	rc = membership_end_link(c, user, why);
	if (rc != 1)
		return (rc);
	return (
	    tell(c, &account, user, TELL_UNSUBSCRIBED, true, TELL_CHAT, why));
}

int
membership_unsubscribe(struct changes *c, const struct store_account *account,
    const struct category *category, const struct store_user *user)
{
	int rc;

	if (end_subscription(c, account, user, category, "") != 0)
		return (-1);
	/* A link stays while a category is not mirrored for some time, so only
	 * the end of one that is can end it. */
	if (!category->mirrored)
		return (0);
	rc = membership_may_link(c, user->id, user->role);
	if (rc != 0)
		return (rc == 1 ? 0 : -1);
	return (end_lost_link(c, user, NOT_ENTITLED));
}

int
membership_set_role(struct changes *c, const struct store_account *account,
    const struct store_user *user, enum role role)
{
	struct subscriptions s;
	size_t i;

	if (store_user_set_role(c->store, user->id, role) == -1)
		return (store_failed(c->store, c->failure));
	tell_managers_changed(c, role);
	tell_managers_changed(c, user->role);
	if (membership_record(c, account->name, "user-role", user->address,
		arena_printf(c->arena, "%s, was %s", role_name(role),
		    role_name(user->role))) != 0)
		return (-1);
	if (tell(c, account, user, TELL_ROLE, role > user->role, TELL_WAS,
		role_name(user->role)) != 0 ||
	    tell(c, account, user, TELL_ROLE, false, TELL_IS,
		role_name(role)) != 0)
		return (-1);
	if (membership_subscriptions(c, user->id, &s) != 0)
		return (-1);
	for (i = 0; i < s.n; i++) {
		if (!role_may_receive(role, s.v[i].open) &&
		    end_subscription(c, account, user, &s.v[i], NOT_OPEN) != 0)
			return (-1);
	}
	return (role_may_link(role) ? 0 : end_lost_link(c, user, NOT_ENTITLED));
}

/* The user, who was the owner, goes on receiving all that there is. */
static int
subscribe_to_all(struct changes *c, const struct store_account *account,
    const struct store_user *user)
{
	struct subscriptions all = {.arena = c->arena}, held;
	size_t i, j;

	if (store_categories(c->store, take_category, &all) == -1)
		return (store_failed(c->store, c->failure));
	if (membership_subscriptions(c, user->id, &held) != 0)
		return (-1);
	for (i = 0; i < all.n; i++) {
		for (j = 0; j < held.n && held.v[j].id != all.v[i].id; j++)
			;
		if (j == held.n &&
		    membership_subscribe(c, account, &all.v[i], user) != 0)
			return (-1);
	}
	return (0);
}

int
membership_transfer(struct changes *c, const struct store_account *account,
    const struct store_user *old, const struct store_user *new)
{
	struct subscriptions s;
	size_t i;

	if ((old != NULL &&
		store_user_set_role(c->store, old->id, ROLE_USER_ADMIN) ==
		    -1) ||
	    store_user_set_role(c->store, new->id, ROLE_OWNER) == -1)
		return (store_failed(c->store, c->failure));
	tell_managers_changed(c, ROLE_OWNER);
	/* An owner receives every category without subscriptions. They must
	 * not come back when the user stops being the owner. */
	if (membership_subscriptions(c, new->id, &s) != 0)
		return (-1);
	for (i = 0; i < s.n; i++) {
		if (store_unsubscribe(
			c->store, account->id, s.v[i].id, new->id) == -1)
			return (store_failed(c->store, c->failure));
	}
	if (membership_record(c, account->name, "account-transfer",
		new->address,
		old == NULL ? "from nobody"
			    : arena_printf(c->arena,
				  "from %s, now user-admin and subscribed to "
				  "everything",
				  old->address)) != 0)
		return (-1);
	if (tell(c, account, new, TELL_OWNER, true,
		old == NULL ? NULL : TELL_OTHER,
		old == NULL ? NULL : old->address) != 0)
		return (-1);
	if (old == NULL)
		return (0);
	if (tell(c, account, old, TELL_HANDED_OVER, true, TELL_OTHER,
		new->address) != 0 ||
	    tell(c, account, old, TELL_HANDED_OVER, true, TELL_WAS,
		role_name(ROLE_OWNER)) != 0)
		return (-1);
	return (subscribe_to_all(c, account, old));
}

/* Record, and tell, that the user is gone, with all that goes with it; ${kind}:
 * why. */
static int
record_leaving(struct changes *c, const struct store_account *account,
    const struct store_user *user, const struct subscriptions *s,
    enum tell_kind kind)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		c->removed.subscriptions++;
		if (tell_category(c, account, user, TELL_UNSUBSCRIBED, true,
			&s->v[i]) != 0 ||
		    membership_record(c, account->name, "unsubscribe",
			user->address,
			arena_concat(
			    c->arena, s->v[i].slug, ", removed", NULL)) != 0)
			return (-1);
	}
	if (user->link != 0 && c->farewells &&
	    store_farewell_add(c->store, c->now, user, "removed") == -1)
		return (store_failed(c->store, c->failure));
	if (user->link != 0 &&
	    membership_record(c, account->name, "telegram-end", user->address,
		"removed") != 0)
		return (-1);
	c->removed.users++;
	if (tell(c, account, user, kind, true,
		user->link == 0 ? NULL : TELL_CHAT, "removed") != 0)
		return (-1);
	return (membership_record(c, account->name, "user-remove",
	    user->address, role_name(user->role)));
}

/* Subscriptions, link and tokens go with the user's row. */
int
membership_remove(struct changes *c, const struct store_account *account,
    const struct store_user *user)
{
	struct subscriptions s;

	if (membership_subscriptions(c, user->id, &s) != 0)
		return (-1);
	if (store_user_remove(c->store, user->id) == -1)
		return (store_failed(c->store, c->failure));
	tell_managers_changed(c, user->role);
	return (record_leaving(c, account, user, &s, TELL_REMOVED));
}

/* Subscriptions come in the order of the users. */
static int
take_subscription(void *ctx, int64_t user, const struct category *category)
{
	struct users *users = ctx;
	struct subscriptions *s;

	while (users->reading < users->list.n &&
	    users->list.v[users->reading].id != user)
		users->reading++;
	if (users->reading == users->list.n)
		return (-1);
	s = &users->held[users->reading];
	s->arena = users->list.arena;
	return (take_category(s, category));
}

/* Read the account's users from ${key} on, with their subscriptions. */
static int
read_some(struct changes *c, const struct store_account *account,
    const char *key, struct users *users)
{
	struct store_user_list *list = &users->list;

	if (store_members(c->store, account->id, key, USERS_AT_ONCE,
		store_user_keep, list) == -1)
		return (store_failed(c->store, c->failure));
	users->held = arena_array(list->arena, list->n, sizeof(*users->held));
	if (users->held == NULL)
		return (failure_memory(c->failure));
	if (list->n > 0 &&
	    store_members_subscriptions(c->store, account->id, list->v[0].key,
		list->v[list->n - 1].key, take_subscription, users) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

/* Record some of the account's users; ${last} is the key of the last one. 1 if
 * there may be more. */
static int
leave_some(struct changes *c, const struct store_account *account, char *last)
{
	struct users users = {.list = {.arena = c->arena}};
	size_t i;

	if (read_some(c, account, last, &users) != 0)
		return (-1);
	for (i = 0; i < users.list.n; i++) {
		if (strcmp(users.list.v[i].key, last) == 0)
			continue;
		if (record_leaving(c, account, &users.list.v[i], &users.held[i],
			TELL_ACCOUNT_REMOVED) != 0)
			return (-1);
	}
	if (users.list.n < USERS_AT_ONCE)
		return (0);
	if (strlen(users.list.v[users.list.n - 1].key) >= KEY_SIZE)
		return (failure_set(c->failure, FAILURE_IO,
		    "an address of account %s is too long", account->name));
	strcpy(last, users.list.v[users.list.n - 1].key);
	return (1);
}

int
membership_remove_all(struct changes *c, const struct store_account *account)
{
	struct arena *before = c->arena;
	char last[KEY_SIZE] = "";
	int rc;

	c->arena = arena_new(USERS_MEMORY);
	if (c->arena == NULL) {
		c->arena = before;
		return (failure_memory(c->failure));
	}
	while ((rc = leave_some(c, account, last)) == 1)
		arena_reset(c->arena);
	arena_free(c->arena);
	c->arena = before;
	/* The last notice names whom to ask: look that up while it is there. */
	if (rc == 0 && tell_finish(c) != 0)
		return (-1);
	if (rc == 0 && store_account_remove(c->store, account->id) == -1)
		return (store_failed(c->store, c->failure));
	return (rc);
}
