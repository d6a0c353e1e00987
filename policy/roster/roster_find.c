/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster_find - look up what the arguments of a command name
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "roster/problems.h"
#include "roster/roster.h"
#include "roster/roster_private.h"
#include "settings/settings.h"
#include "store/store.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/category.h"

static int read_address(
    struct changes *, const char *, struct address *, const char **);

void
roster_remark(struct changes *c, const char *fmt, ...)
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

/* Read what a person typed: 1, 0 with ${*why} to follow the address in a
 * message, or -1 if out of memory. */
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
		    "is in %s, the domain of Telegram chats",
		    s->telegram_domain);
	else if (*s->account_domain != '\0' &&
	    strcmp(address->domain, s->account_domain) == 0)
		*why = arena_printf(c->arena,
		    "is in %s, the domain of accounts", s->account_domain);
	else if ((fault = address_hazard(address->key)) != NULL)
		*why = fault;
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
		    escape_short(c->arena, text), why));
	return (found == 1 ? 0 : -1);
}

int
roster_list_address(
    struct problems *p, const char *text, struct address *address)
{
	const char *why;
	int found;

	found = read_address(p->changes, text, address, &why);
	if (found == 1)
		return (0);
	address->key = NULL;
	return (found == -1 ? -1 : problems_add(p, FAILURE_DATA, text, why));
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
		    "no account \"%s\"; \"notifyctl account list\" shows all "
		    "accounts",
		    escape_short(c->arena, name)));
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
		    "no category \"%s\"; \"notifyctl category list\" shows all "
		    "categories",
		    escape_short(c->arena, name)));
	return (0);
}

int
roster_user(struct changes *c, const struct store_account *account,
    const char *text, int64_t category, struct store_user *user)
{
	struct address address;
	const char *fault;
	int found;

	/* The domain may have been reserved since. */
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
		    "%s is not a user of account %s; \"notifyctl user list "
		    "%s%s\" shows its users",
		    address.wire, account->name, account_dashes(account->name),
		    account->name));
	return (0);
}

int
roster_role(struct changes *c, const char *name, enum role *role)
{
	if (role_parse(name, role) == 1)
		return (0);
	return (failure_set(c->failure, FAILURE_DATA,
	    "no role \"%s\"; expected " ROLE_NAMES,
	    escape_short(c->arena, name)));
}
