/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster - the commands that change who is a user and who is subscribed
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "base/strmap.h"
#include "roster/problems.h"
#include "roster/roster.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_notice.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/category.h"

static const char *shown(struct changes *, const char *);
static void remark(struct changes *, const char *, ...) PRINTF_LIKE(2, 3);
static int read_address(
    struct changes *, const char *, struct address *, const char **);
static int check_title(struct changes *, const char *);
static int find_manager(
    struct changes *, const struct store_account *, const char *, const char *);
static int check_new_user(struct problems *, const struct store_account *,
    const char *, struct address *);
static int check_subscriber(struct problems *, const struct store_account *,
    const struct category *, const char *, struct store_user *);
static int unsubscribable(struct changes *, const char *, const char *,
    const char *, const char *, struct store_account *, struct category *,
    struct store_user *);

static const char *
shown(struct changes *c, const char *text)
{
	const char *escaped;

	escaped = escape_short(c->arena, text);
	return (escaped == NULL ? "(out of memory)" : escaped);
}

static void
remark(struct changes *c, const char *fmt, ...)
{
	va_list ap;
	char text[1024];

	if (c->remark == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->remark(c->ctx, text);
}

/* Read what a person typed: 1, 0 with ${*why} to come after the address, or
 * -1 for no memory. */
static int
read_address(struct changes *c, const char *text, struct address *address,
    const char **why)
{
	const struct settings *s = c->settings;
	const char *fault;
	int found;

	found = address_read_strict(c->arena, text, address, &fault);
	if (found == -1)
		return (failure_memory(c->failure));
	if (found == 0)
		*why =
		    arena_printf(c->arena, "is not a mail address: %s", fault);
	else if (strcmp(address->domain, s->telegram_domain) == 0)
		*why = arena_printf(c->arena,
		    "lies in %s, which stands for Telegram chats",
		    s->telegram_domain);
	else if (*s->account_domain != '\0' &&
	    strcmp(address->domain, s->account_domain) == 0)
		*why = arena_printf(c->arena,
		    "lies in %s, which stands for accounts", s->account_domain);
	else
		return (1);
	return (*why == NULL ? failure_memory(c->failure) : 0);
}

int
roster_address(struct changes *c, const char *text, struct address *address)
{
	const char *why;
	int found;

	found = read_address(c, text, address, &why);
	if (found == 0)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" %s; expected a person's address, like "
		    "ann@example.com",
		    shown(c, text), why));
	return (found == 1 ? 0 : -1);
}

int
roster_account(
    struct changes *c, const char *name, struct store_account *account)
{
	char key[ACCOUNT_KEY_SIZE];
	int found;

	found = account_key(name, key);
	if (found == 1)
		found = store_account(c->store, c->arena, key, account);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0)
		return (failure_set(c->failure, FAILURE_UNKNOWN,
		    "no account \"%s\"; \"notifyctl account list\" shows those "
		    "there are",
		    shown(c, name)));
	return (0);
}

int
roster_category(struct changes *c, const char *name, struct category *category)
{
	char key[CATEGORY_KEY_SIZE];
	int found;

	found = category_key(name, key);
	if (found == 1)
		found = store_category(c->store, key, category);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0)
		return (failure_set(c->failure, FAILURE_UNKNOWN,
		    "no category \"%s\"; \"notifyctl category list\" shows "
		    "those there are",
		    shown(c, name)));
	return (0);
}

int
roster_user(struct changes *c, const struct store_account *account,
    const char *text, int64_t category, struct store_user *user)
{
	struct address address;
	const char *fault;
	int found;

	/* A domain may have been reserved after its people became users. */
	found = address_read_strict(c->arena, text, &address, &fault);
	if (found == -1)
		return (failure_memory(c->failure));
	if (found == 1)
		found = store_user(c->store, c->arena, account->id, address.key,
		    category, user);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0 && roster_address(c, text, &address) != 0)
		return (-1);
	if (found == 0)
		return (failure_set(c->failure, FAILURE_UNKNOWN,
		    "%s is no user of account %s; \"notifyctl user list %s\" "
		    "shows its users",
		    address.wire, account->name, account->name));
	return (0);
}

int
roster_role(struct changes *c, const char *name, enum role *role)
{
	if (role_parse(name, role) == 1)
		return (0);
	return (failure_set(c->failure, FAILURE_DATA,
	    "no role \"%s\"; expected " ROLE_NAMES, shown(c, name)));
}

/* One line of UTF-8, not too long? */
static int
check_title(struct changes *c, const char *title)
{
	if (strlen(title) >= CATEGORY_TITLE_SIZE)
		return (failure_set(c->failure, FAILURE_DATA,
		    "the title is too long; expected at most %d octets",
		    CATEGORY_TITLE_SIZE - 1));
	if (!escape_is_line(title))
		return (failure_set(c->failure, FAILURE_DATA,
		    "the title \"%s\" is not one line of text; expected UTF-8 "
		    "without control characters",
		    shown(c, title)));
	return (0);
}

/* ${as} must be allowed to ${what} users of the account. */
static int
find_manager(struct changes *c, const struct store_account *account,
    const char *as, const char *what)
{
	struct store_user user;
	struct address address;
	int found;

	if (as == NULL || *as == '\0')
		return (failure_set(c->failure, FAILURE_USAGE,
		    "%s needs --as EMAIL; expected the owner or a user-admin "
		    "of account %s",
		    what, account->name));
	if (roster_address(c, as, &address) != 0)
		return (-1);
	found =
	    store_user(c->store, c->arena, account->id, address.key, 0, &user);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is no user of account %s; expected --as its owner or a "
		    "user-admin",
		    address.wire, account->name));
	if (!role_may_manage(user.role))
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is a %s of account %s and may not do this; expected "
		    "--as its owner or a user-admin",
		    user.address, role_name(user.role), account->name));
	return (0);
}

int
roster_account_add(
    struct changes *c, const char *name, const char *title, const char *owner)
{
	struct store_account account = {.name = name, .title = title};
	char key[ACCOUNT_KEY_SIZE];
	struct address address;
	int64_t id;
	int found;

	if (account_key(name, key) != 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" cannot be the name of an account; "
		    "expected " ACCOUNT_SYNTAX,
		    shown(c, name)));
	if (check_title(c, title) != 0 ||
	    roster_address(c, owner, &address) != 0)
		return (-1);
	found = store_account(c->store, c->arena, key, &account);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "account %s exists already, its owner is %s; expected a "
		    "new name",
		    account.name, account.owner));
	account.name = name;
	account.title = title;
	if (store_account_add(c->store, name, key, title, &account.id) == -1)
		return (store_failed(c->store, c->failure));
	if (membership_record(c, name, "account-add", name, title) != 0)
		return (-1);
	return (membership_add(c, &account, &address, ROLE_OWNER, &id));
}

int
roster_account_transfer(struct changes *c, const char *name, const char *to)
{
	struct store_account account;
	struct store_user old, new;
	struct address address;

	if (roster_account(c, name, &account) != 0 ||
	    roster_address(c, to, &address) != 0 ||
	    roster_user(c, &account, to, 0, &new) != 0)
		return (-1);
	if (new.role == ROLE_OWNER) {
		remark(c, "%s is the owner of %s already", new.address,
		    account.name);
		return (0);
	}
	/* An account that has lost its owner, against all rules, gets one. */
	if (*account.owner == '\0')
		return (membership_transfer(c, &account, NULL, &new));
	if (roster_user(c, &account, account.owner, 0, &old) != 0)
		return (-1);
	return (membership_transfer(c, &account, &old, &new));
}

int
roster_account_remove(struct changes *c, const char *name)
{
	struct store_account account;

	if (roster_account(c, name, &account) != 0 ||
	    membership_remove_all(c, &account) != 0)
		return (-1);
	if (store_account_remove(c->store, account.id) == -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(
	    c, account.name, "account-remove", account.name, account.title));
}

/* Can ${text} become a user of the account? -1 only for a failure; a fault is
 * collected, and address->key NULL then. */
static int
check_new_user(struct problems *p, const struct store_account *account,
    const char *text, struct address *address)
{
	struct changes *c = p->changes;
	struct store_user user;
	const char *why;
	int found;

	found = read_address(c, text, address, &why);
	if (found == -1)
		return (-1);
	if (found == 0) {
		address->key = NULL;
		return (problems_add(p, FAILURE_DATA, text, why));
	}
	if (account == NULL)
		return (0);
	found =
	    store_user(c->store, c->arena, account->id, address->key, 0, &user);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0)
		return (0);
	address->key = NULL;
	return (problems_add(p, FAILURE_DATA, text,
	    arena_printf(c->arena, "is a user of %s already, as %s",
		account->name, role_name(user.role))));
}

int
roster_user_add(struct changes *c, const char *name, char **texts, size_t n,
    const char *role_text)
{
	struct store_account account;
	struct problems problems = {.changes = c};
	struct strmap seen = {.arena = c->arena};
	struct address *addresses;
	enum role role;
	size_t i, unique;
	int64_t id;
	int rc;

	if (roster_role(c, role_text, &role) != 0 ||
	    roster_account(c, name, &account) != 0)
		return (-1);
	if (role == ROLE_OWNER)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "account %s has its owner, %s; \"notifyctl account "
		    "transfer\" makes a user the owner",
		    account.name, account.owner));
	addresses = arena_array(c->arena, n, sizeof(*addresses));
	if (addresses == NULL)
		return (failure_memory(c->failure));
	for (i = unique = 0; i < n; i++) {
		if (check_new_user(
			&problems, &account, texts[i], &addresses[unique]) != 0)
			return (-1);
		if (addresses[unique].key == NULL)
			continue;
		rc = strmap_add(&seen, addresses[unique].key, NULL);
		if (rc == -1)
			return (failure_memory(c->failure));
		unique += rc == 1;
	}
	if (problems.n > 0)
		return (problems_refuse(&problems, "added nobody",
		    "addresses of people who are not users of %s yet",
		    account.name));
	for (i = 0; i < unique; i++) {
		if (membership_add(c, &account, &addresses[i], role, &id) != 0)
			return (-1);
	}
	return (0);
}

int
roster_user_role(struct changes *c, const char *name, const char *text,
    const char *role_text)
{
	struct store_account account;
	struct store_user user;
	enum role role;

	if (roster_role(c, role_text, &role) != 0 ||
	    roster_account(c, name, &account) != 0 ||
	    roster_user(c, &account, text, 0, &user) != 0)
		return (-1);
	if (user.role == role) {
		remark(c, "%s is %s of %s already", user.address,
		    role_name(role), account.name);
		return (0);
	}
	if (role == ROLE_OWNER || user.role == ROLE_OWNER)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is the owner of account %s, and there is exactly one; "
		    "expected \"notifyctl account transfer %s EMAIL\"",
		    account.owner, account.name, account.name));
	return (membership_set_role(c, &account, &user, role));
}

int
roster_user_remove(struct changes *c, const char *name, const char *text)
{
	struct store_account account;
	struct store_user user;

	if (roster_account(c, name, &account) != 0 ||
	    roster_user(c, &account, text, 0, &user) != 0)
		return (-1);
	if (user.role == ROLE_OWNER)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is the owner of account %s and cannot be removed; "
		    "expected \"notifyctl account transfer %s EMAIL\" first",
		    user.address, account.name, account.name));
	return (membership_remove(c, &account, &user));
}

int
roster_category_add(struct changes *c, const char *slug, const char *title,
    bool open, bool mirrored)
{
	struct category category = {.open = open, .mirrored = mirrored};
	struct category other;
	char slug_key[CATEGORY_KEY_SIZE], title_key[CATEGORY_KEY_SIZE];
	int found;

	if (!category_slug_ok(slug))
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" cannot be a slug; expected lower-case letters, "
		    "digits and single hyphens between them, at most 64",
		    shown(c, slug)));
	if (check_title(c, title) != 0)
		return (-1);
	if (category_key(slug, slug_key) != 1 ||
	    category_key(title, title_key) != 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" cannot be a title; expected letters",
		    shown(c, title)));
	found = store_category(c->store, slug_key, &other);
	if (found == 0)
		found = store_category(c->store, title_key, &other);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "category %s (%s) goes by that name already; expected "
		    "another slug and title",
		    other.slug, other.title));
	strcpy(category.slug, slug);
	strcpy(category.title, title);
	if (store_category_add(c->store, &category, slug_key, title_key) == -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(c, "", "category-add", slug,
	    arena_printf(c->arena, "%s%s%s", title,
		open ? ", open to Subscriber" : "",
		mirrored ? ", mirrored to Telegram" : "")));
}

/* Can ${text} be subscribed? As check_new_user(): user->id 0 for a fault. */
static int
check_subscriber(struct problems *p, const struct store_account *account,
    const struct category *category, const char *text, struct store_user *user)
{
	struct changes *c = p->changes;
	struct address address;
	int found;

	user->id = 0;
	if (check_new_user(p, NULL, text, &address) != 0)
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
		    arena_printf(c->arena, "is no user of %s", account->name)));
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

	if (roster_account(c, name, &account) != 0 ||
	    roster_category(c, slug, &category) != 0 ||
	    find_manager(c, &account, as, "subscribing") != 0)
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
			remark(c,
			    "%s is the owner of %s and receives every "
			    "category",
			    users[i].address, account.name);
		else if (users[i].subscribed)
			remark(c, "%s is subscribed to %s already",
			    users[i].address, category.slug);
		else if (membership_subscribe(
			     c, &account, &category, &users[i]) != 0)
			return (-1);
	}
	return (0);
}

static int
unsubscribable(struct changes *c, const char *name, const char *slug,
    const char *text, const char *as, struct store_account *account,
    struct category *category, struct store_user *user)
{
	if (roster_account(c, name, account) != 0 ||
	    roster_category(c, slug, category) != 0 ||
	    find_manager(c, account, as, "unsubscribing") != 0 ||
	    roster_user(c, account, text, category->id, user) != 0)
		return (-1);
	if (user->role == ROLE_OWNER)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is the owner of account %s and receives every "
		    "category; an owner cannot be unsubscribed",
		    user->address, account->name));
	return (0);
}

int
roster_may_unsubscribe(struct changes *c, const char *name, const char *slug,
    const char *text, const char *as)
{
	struct store_account account;
	struct category category;
	struct store_user user;

	return (unsubscribable(
	    c, name, slug, text, as, &account, &category, &user));
}

int
roster_unsubscribe(struct changes *c, const char *name, const char *slug,
    const char *text, const char *as, const char *confirm)
{
	struct store_account account;
	struct category category;
	struct store_user user;
	struct address typed;
	struct store_notice notice;
	const char *why;

	if (unsubscribable(
		c, name, slug, text, as, &account, &category, &user) != 0)
		return (-1);
	if (address_read_strict(c->arena, confirm, &typed, &why) != 1 ||
	    strcmp(typed.key, user.key) != 0)
		return (failure_set(c->failure, FAILURE_DATA,
		    "the confirmation \"%s\" is not the address; expected %s "
		    "typed again",
		    shown(c, confirm), user.address));
	if (!user.subscribed) {
		remark(c, "%s is not subscribed to %s", user.address,
		    category.slug);
		return (0);
	}
	if (membership_unsubscribe(c, &account, &category, &user) != 0)
		return (-1);
	notice.at = c->now;
	notice.account = account.name;
	notice.address = user.address;
	notice.kind = NOTICE_UNSUBSCRIBED;
	notice.detail = category.title;
	notice.actor = c->actor;
	if (store_notice_add(c->store, &notice) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}
