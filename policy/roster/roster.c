/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster - the commands that change accounts, users and categories
 */
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "base/strmap.h"
#include "roster/problems.h"
#include "roster/roster.h"
#include "roster/roster_private.h"
#include "store/store.h"
#include "terms/account.h"
#include "terms/address.h"

static int check_new_user(struct problems *, const struct store_account *,
    const char *, struct address *);

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
		    escape_short(c->arena, name)));
	if (roster_title(c, title) != 0 ||
	    roster_address(c, owner, &address) != 0)
		return (-1);
	found = store_account(c->store, c->arena, key, &account);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 1)
		return (roster_name_taken(c, name, &account));
	account.name = name;
	account.title = title;
	if (store_account_add(c->store, name, key, title, &account.id) == -1)
		return (store_failed(c->store, c->failure));
	if (membership_record(c, name, "account-add", name, title) != 0)
		return (-1);
	return (membership_add(c, &account, &address, ROLE_OWNER, "", &id));
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
		roster_remark(c, "%s is the owner of %s already", new.address,
		    account.name);
		return (0);
	}
	/* No owner: only a damaged roster has that, and this repairs it. */
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
	c->removed.accounts++;
	return (membership_record(
	    c, account.name, "account-remove", account.name, account.title));
}

/* Can ${text} become a user of the account? A fault is collected, and
 * address->key is NULL then; -1 only for a failure. */
static int
check_new_user(struct problems *p, const struct store_account *account,
    const char *text, struct address *address)
{
	struct changes *c = p->changes;
	struct store_user user;
	int found;

	if (roster_list_address(p, text, address) != 0)
		return (-1);
	if (address->key == NULL)
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
		if (membership_add(c, &account, &addresses[i], role, "", &id) !=
		    0)
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
		roster_remark(c, "%s is %s of %s already", user.address,
		    role_name(role), account.name);
		return (0);
	}
	if (role == ROLE_OWNER || user.role == ROLE_OWNER)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is the owner of account %s, and there is exactly one; "
		    "expected \"notifyctl account transfer %s%s EMAIL\"",
		    account.owner, account.name, account_dashes(account.name),
		    account.name));
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
		    "expected \"notifyctl account transfer %s%s EMAIL\" first",
		    user.address, account.name, account_dashes(account.name),
		    account.name));
	return (membership_remove(c, &account, &user));
}
