/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * permission - which commands a person may use, by role
 *
 * A refusal must not tell a stranger whether an account exists: it has the name
 * as it was typed, and the same two lookups are made in either case.
 */
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "roster/permission.h"
#include "roster/roster.h"
#include "store/store.h"
#include "terms/account.h"
#include "terms/address.h"

/* In the order of the roles: owner, user-admin, member, subscriber. */
#define OPERATOR                                                               \
	{                                                                      \
		PERMISSION_NOBODY                                              \
	}
#define OWNER                                                                  \
	{                                                                      \
		PERMISSION_EVERYBODY                                           \
	}
#define MANAGERS                                                               \
	{                                                                      \
		PERMISSION_EVERYBODY, PERMISSION_EVERYBODY                     \
	}
#define MANAGERS_BUT_OWNER                                                     \
	{                                                                      \
		PERMISSION_EVERYBODY, PERMISSION_BUT_OWNER                     \
	}
#define MANAGERS_OR_ONESELF                                                    \
	{                                                                      \
		PERMISSION_EVERYBODY, PERMISSION_EVERYBODY,                    \
		    PERMISSION_ONESELF, PERMISSION_ONESELF                     \
	}
#define ONESELF                                                                \
	{                                                                      \
		PERMISSION_ONESELF, PERMISSION_ONESELF, PERMISSION_ONESELF,    \
		    PERMISSION_ONESELF                                         \
	}
#define EVERYBODY                                                              \
	{                                                                      \
		PERMISSION_EVERYBODY, PERMISSION_EVERYBODY,                    \
		    PERMISSION_EVERYBODY, PERMISSION_EVERYBODY                 \
	}

/* Of those without an account, all roles have the same. */
static const struct permission rows[] = {
    {"init", .extent = OPERATOR},
    {"account add", .extent = OPERATOR},
    {"account list", .extent = OPERATOR},
    {"account show", .account = true, .extent = MANAGERS_OR_ONESELF},
    {"account rename", .extent = OPERATOR},
    {"account title", .extent = OPERATOR},
    {"account transfer", .account = true, .extent = OWNER},
    {"account remove", .extent = OPERATOR},
    {"user add", .account = true, .extent = MANAGERS},
    {"user list", .account = true, .extent = MANAGERS_OR_ONESELF},
    {"user role", .account = true, .extent = MANAGERS},
    {"user address", .account = true, .whom = 2, .extent = MANAGERS_BUT_OWNER},
    {"user language", .account = true, .whom = 2,
	.extent = MANAGERS_OR_ONESELF},
    {"user remove", .account = true, .extent = MANAGERS},
    {"person show", .whom = 1, .extent = ONESELF},
    {"person forget", .extent = OPERATOR},
    {"category list", .extent = EVERYBODY},
    {"category add", .extent = OPERATOR},
    {"category set", .extent = OPERATOR},
    {"category remove", .extent = OPERATOR},
    {"subscribe", .person = true, .account = true, .extent = MANAGERS},
    {"unsubscribe", .person = true, .account = true, .extent = MANAGERS},
    {"list", .account = true, .extent = MANAGERS_OR_ONESELF},
    {"telegram connect", .person = true, .account = true, .extent = ONESELF},
    {"telegram disable", .person = true, .account = true, .extent = ONESELF},
    {"telegram status", .person = true, .account = true, .extent = ONESELF},
    {"import", .extent = OPERATOR},
    {"export", .extent = OPERATOR},
    {"explain", .extent = OPERATOR},
    {"held", .extent = OPERATOR},
    {"requeue", .extent = OPERATOR},
    {"trace", .extent = OPERATOR},
    {"stats", .extent = OPERATOR},
    {"log", .account = true, .extent = MANAGERS},
    {"log --prune", .extent = OPERATOR},
    {"notices list", .extent = OPERATOR},
    {"notices send", .extent = OPERATOR},
    {"postfix", .extent = OPERATOR},
    {"check", .extent = OPERATOR},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *who_may(const struct permission *, enum permission_extent);
static int refuse_stranger(
    struct changes *, const struct permission *, const char *, const char *);
static int find_user(
    struct changes *, const char *, const char *, struct store_user *);
static int is_address(struct changes *, const char *, const char *);
static int check_whom(struct changes *, const struct permission *, const char *,
    const struct store_user *);
static int check_without_account(struct changes *, const struct permission *,
    const char *const *, const struct address *);

const struct permission *
permission_rows(size_t *n)
{
	*n = ROWS;
	return (rows);
}

const struct permission *
permission_find(const char *command)
{
	static const struct permission operators = {
	    .command = "a command of the operator's"};
	size_t i;

	for (i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].command, command) == 0)
			return (&rows[i]);
	}
	return (&operators);
}

const char *
permission_word(enum permission_extent extent)
{
	switch (extent) {
	case PERMISSION_NOBODY:
		return ("-");
	case PERMISSION_ONESELF:
		return ("own");
	case PERMISSION_BUT_OWNER:
		return ("not-owner");
	case PERMISSION_EVERYBODY:
		return ("yes");
	}
	return ("-");
}

bool
permission_is_operators(const struct permission *p)
{
	size_t i;

	for (i = 0; i < PERMISSION_ROLES; i++) {
		if (p->extent[i] != PERMISSION_NOBODY)
			return (false);
	}
	return (true);
}

/* The roles of an account that may, to ${extent} at least. */
static const char *
who_may(const struct permission *p, enum permission_extent extent)
{
	if (p->extent[ROLE_MEMBER] >= extent)
		return ("one of its users");
	if (p->extent[ROLE_USER_ADMIN] >= extent)
		return ("its owner or a user-admin");
	return ("its owner");
}

static int
refuse_stranger(struct changes *c, const struct permission *p,
    const char *address, const char *account)
{
	return (failure_set(c->failure, FAILURE_DENIED,
	    "%s is not a user of account %s; \"%s\" needs --as %s", address,
	    escape_name(escape_short(c->arena, account)), p->command,
	    who_may(p, PERMISSION_ONESELF)));
}

/* 1, or 0 after as much work if there is no such account or user. */
static int
find_user(struct changes *c, const char *account, const char *key,
    struct store_user *user)
{
	char account_text[ACCOUNT_KEY_SIZE] = "";
	int64_t id = 0;

	if (account_key(account, account_text) != 1)
		account_text[0] = '\0';
	if (store_account_id(c->store, account_text, &id) == -1)
		return (-1);
	return (store_user(c->store, c->arena, id, key, 0, user));
}

/* Does a person who types ${text} mean the address with this key? 1, 0, -1. */
static int
is_address(struct changes *c, const char *text, const char *key)
{
	struct address address;
	const char *why;
	int found;

	found = address_read_strict(c->arena, text, &address, &why);
	if (found == -1)
		return (failure_memory(c->failure));
	return (found == 1 && strcmp(address.key, key) == 0);
}

/* May ${user} do it to whom ${text} names, in the account ${name}? */
static int
check_whom(struct changes *c, const struct permission *p, const char *text,
    const struct store_user *user)
{
	enum permission_extent extent = p->extent[user->role];
	struct store_user owner;
	int found;

	if (extent == PERMISSION_ONESELF) {
		found = is_address(c, text, user->key);
		if (found == 0)
			return (failure_set(c->failure, FAILURE_DENIED,
			    "%s is a %s of account %s and may use \"%s\" for "
			    "oneself alone; for others it needs --as %s",
			    user->address, role_name(user->role),
			    user->account_name, p->command,
			    who_may(p, PERMISSION_EVERYBODY)));
		return (found == 1 ? 0 : -1);
	}
	if (extent != PERMISSION_BUT_OWNER)
		return (0);
	found = store_owner(c->store, c->arena, user->account, &owner);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 1)
		found = is_address(c, text, owner.key);
	if (found == 1)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is a %s of account %s and may not use \"%s\" for its "
		    "owner; that needs --as its owner",
		    user->address, role_name(user->role), user->account_name,
		    p->command));
	return (found);
}

/* About no account: a role makes no difference. */
static int
check_without_account(struct changes *c, const struct permission *p,
    const char *const *args, const struct address *as)
{
	int found;

	if (p->extent[ROLE_SUBSCRIBER] == PERMISSION_EVERYBODY)
		return (0);
	found = is_address(c, args[p->whom - 1], as->key);
	if (found == 0)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s may use \"%s\" for oneself alone; for others it needs "
		    "the operator, who acts without --as and $NOTIFYCTL_AS",
		    as->wire, p->command));
	return (found == 1 ? 0 : -1);
}

int
permission_check(struct changes *c, const struct permission *p,
    const char *const *args, size_t n, const char *as, const char **oneself)
{
	struct store_user user;
	struct address address;
	int found;

	*oneself = NULL;
	if (as != NULL && *as == '\0')
		return (failure_set(c->failure, FAILURE_USAGE,
		    "--as is empty; expected the address of the person who "
		    "acts"));
	if (as == NULL && p->person)
		return (failure_set(c->failure, FAILURE_USAGE,
		    "\"%s\" needs --as EMAIL of the person who acts; expected "
		    "%s",
		    p->command,
		    p->extent[ROLE_MEMBER] == PERMISSION_ONESELF
			? "the user concerned"
			: "the account's owner or a user-admin"));
	if (as == NULL)
		return (0);
	if (permission_is_operators(p) || (p->account && n == 0))
		return (failure_set(c->failure, FAILURE_DENIED,
		    "\"%s\"%s is the operator's, who acts without --as and "
		    "$NOTIFYCTL_AS",
		    p->command, p->account ? " without an account" : ""));
	if (roster_address(c, as, &address) != 0)
		return (-1);
	if (!p->account)
		return (check_without_account(c, p, args, &address));
	found = find_user(c, args[0], address.key, &user);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0)
		return (refuse_stranger(c, p, address.wire, args[0]));
	if (p->extent[user.role] == PERMISSION_NOBODY)
		return (failure_set(c->failure, FAILURE_DENIED,
		    "%s is a %s of account %s and may not use \"%s\"; it needs "
		    "--as %s",
		    user.address, role_name(user.role), user.account_name,
		    p->command, who_may(p, PERMISSION_ONESELF)));
	if (p->whom != 0 && check_whom(c, p, args[p->whom - 1], &user) != 0)
		return (-1);
	if (p->extent[user.role] == PERMISSION_ONESELF)
		*oneself = user.address;
	return (0);
}
