/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster_names - the commands that change how accounts and users are called
 */
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "roster/roster.h"
#include "roster/roster_private.h"
#include "store/store.h"
#include "store/store_edit.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/category.h"
#include "terms/language.h"

/* The names of an account that are let go. */
struct formers {
	struct arena *arena;
	const char **keys;
	size_t n, cap;
	const char *names; /* joined */
};

static int check_new_name(
    struct changes *, const struct store_account *, const char *, char *);
static int take_former(void *, const struct store_former *);

int
roster_title(struct changes *c, const char *title)
{
	if (strlen(title) >= CATEGORY_TITLE_SIZE)
		return (failure_set(c->failure, FAILURE_DATA,
		    "the title is too long; expected at most %d bytes",
		    CATEGORY_TITLE_SIZE - 1));
	if (!escape_is_line(title))
		return (failure_set(c->failure, FAILURE_DATA,
		    "the title \"%s\" is not one line of text; expected UTF-8 "
		    "without control characters",
		    escape_short(c->arena, title)));
	return (0);
}

int
roster_name_taken(
    struct changes *c, const char *name, const struct store_account *account)
{
	if (strcasecmp(name, account->name) != 0)
		return (failure_set(c->failure, FAILURE_DATA,
		    "%s is a former name of account %s; expected a new name, "
		    "or first \"notifyctl account rename --forget-former %s%s\"",
		    name, account->name, account_dashes(account->name),
		    account->name));
	return (failure_set(c->failure, FAILURE_DATA,
	    "account %s exists already, its owner is %s; expected a new name",
	    account->name, account->owner));
}

/* Can ${to} become the account's name? It may be one that it had. */
static int
check_new_name(struct changes *c, const struct store_account *account,
    const char *to, char *key)
{
	struct store_account other;
	int found;

	if (account_key(to, key) != 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" cannot be the name of an account; "
		    "expected " ACCOUNT_SYNTAX,
		    escape_short(c->arena, to)));
	found = store_account(c->store, c->arena, key, &other);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 1 && other.id != account->id)
		return (roster_name_taken(c, to, &other));
	return (0);
}

int
roster_account_rename(struct changes *c, const char *name, const char *to)
{
	struct store_account account;
	char key[ACCOUNT_KEY_SIZE], old[ACCOUNT_KEY_SIZE];

	if (roster_account(c, name, &account) != 0 ||
	    check_new_name(c, &account, to, key) != 0)
		return (-1);
	if (strcmp(account.name, to) == 0) {
		roster_remark(c, "the name of account %s is that already", to);
		return (0);
	}
	if (account_key(account.name, old) != 1)
		*old = '\0';
	/* Another spelling of the same name leaves no former one. */
	if ((strcmp(key, old) != 0 &&
		(store_former_remove(c->store, account.id, key) == -1 ||
		    (*old != '\0' &&
			store_former_add(c->store, account.id, old,
			    account.name, c->now) == -1))) ||
	    store_account_rename(c->store, account.id, account.name, to, key) ==
		-1)
		return (store_failed(c->store, c->failure));
	return (membership_record(c, to, "account-rename", to,
	    arena_printf(c->arena, "was %s", account.name)));
}

static int
take_former(void *ctx, const struct store_former *former)
{
	struct formers *all = ctx;

	all->keys = arena_grow(
	    all->arena, all->keys, all->n, &all->cap, sizeof(*all->keys));
	if (all->keys == NULL)
		return (-1);
	all->keys[all->n] = arena_strdup(all->arena, former->key);
	all->names = arena_concat(all->arena, all->names,
	    all->n == 0 ? "" : ", ", former->name, NULL);
	return (all->keys[all->n++] == NULL || all->names == NULL ? -1 : 0);
}

int
roster_account_forget_former(struct changes *c, const char *name)
{
	struct formers all = {.arena = c->arena, .names = ""};
	struct store_account account;
	size_t i;

	if (roster_account(c, name, &account) != 0)
		return (-1);
	if (store_formers(c->store, account.id, take_former, &all) == -1)
		return (store_failed(c->store, c->failure));
	if (all.n == 0) {
		roster_remark(c, "account %s has no former name", account.name);
		return (0);
	}
	for (i = 0; i < all.n; i++) {
		if (store_former_remove(c->store, account.id, all.keys[i]) ==
		    -1)
			return (store_failed(c->store, c->failure));
	}
	return (membership_record(
	    c, account.name, "account-forget-former", account.name, all.names));
}

int
roster_account_title(struct changes *c, const char *name, const char *title)
{
	struct store_account account;

	if (roster_title(c, title) != 0 ||
	    roster_account(c, name, &account) != 0)
		return (-1);
	if (strcmp(account.title, title) == 0) {
		roster_remark(
		    c, "the title of account %s is that already", account.name);
		return (0);
	}
	if (store_account_set_title(c->store, account.id, title) == -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(
	    c, account.name, "account-title", account.name, title));
}

int
roster_user_address(
    struct changes *c, const char *name, const char *text, const char *to)
{
	struct store_account account;
	struct store_user user, other;
	struct address address;
	int found;

	if (roster_account(c, name, &account) != 0 ||
	    roster_user(c, &account, text, 0, &user) != 0 ||
	    roster_address(c, to, &address) != 0)
		return (-1);
	if (strcmp(user.address, address.wire) == 0) {
		roster_remark(c, "%s has that address in %s already",
		    user.address, account.name);
		return (0);
	}
	found =
	    store_user(c->store, c->arena, account.id, address.key, 0, &other);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 1 && other.id != user.id)
		return (failure_set(c->failure, FAILURE_DATA,
		    "%s is a user of %s already, as %s; expected the address "
		    "of a person who is not",
		    other.address, account.name, role_name(other.role)));
	if (store_user_set_address(
		c->store, user.id, address.wire, address.key) == -1)
		return (store_failed(c->store, c->failure));
	tell_managers_changed(c, user.role);
	/* The old address is told. Another spelling of it loses nothing. */
	if (strcmp(user.key, address.key) != 0 &&
	    tell(c, &account, &user, TELL_ADDRESS, true, TELL_OTHER,
		address.wire) != 0)
		return (-1);
	return (membership_record(c, account.name, "user-address", address.wire,
	    arena_printf(c->arena, "was %s", user.address)));
}

int
roster_user_language(
    struct changes *c, const char *name, const char *text, const char *to)
{
	struct store_account account;
	struct store_user user;
	char language[LANGUAGE_SIZE];

	if (language_read(to, language) != 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" is not a language; expected " LANGUAGE_SYNTAX,
		    escape_short(c->arena, to)));
	if (roster_account(c, name, &account) != 0 ||
	    roster_user(c, &account, text, 0, &user) != 0)
		return (-1);
	if (strcmp(user.language, language) == 0) {
		roster_remark(c, "the language of %s in %s is that already",
		    user.address, account.name);
		return (0);
	}
	return (membership_language(c, &account, &user, language));
}
