/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_people - has every account an owner, every user the key of its address,
 * and every linked chat a user who is entitled?
 */
#include <string.h>

#include "base/failure.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "store/store_health.h"
#include "terms/account.h"

/* Results of the passes over all users. */
struct people {
	struct check *check;
	/* Counts, the first of them by name, and the fix for the first. */
	size_t wrong, ownerless, strays;
	const char *wrong_names, *ownerless_names, *stray_fix;
	const char *account, *heir; /* the first without owner, and its next */
	bool heir_is_admin;
};

static int take_wrong(void *, const struct store_address *);
static void check_keys(struct people *);
static int take_account(void *, const struct store_account *);
static int take_stray(void *, const struct store_user *);
static int take_heir(void *, const struct store_export *);
static void check_owners(struct people *);
static void check_strays(struct people *);

static int
take_wrong(void *ctx, const struct store_address *row)
{
	struct people *p = ctx;

	check_name(p->check, &p->wrong_names, p->wrong++,
	    "%s (account %s, key %s)", row->address, row->account, row->key);
	return (0);
}

static void
check_keys(struct people *p)
{
	if (store_addresses_wrong(p->check->store, take_wrong, p) == -1 ||
	    p->wrong == 0)
		return;
	check_found(p->check, CHECK_ERROR, CHECK_DO,
	    check_text(p->check,
		"%zu users have an address that cannot be read, or the key of "
		"another: %s",
		p->wrong, p->wrong_names),
	    "the milter defers mail to their accounts; no command of notifyctl "
	    "causes this, so the database was changed by other means",
	    "remove these rows of the table user with SQL, and add the users "
	    "again (notifyctl user add ACCOUNT EMAIL)");
}

static int
take_account(void *ctx, const struct store_account *account)
{
	struct people *p = ctx;

	if (*account->owner != '\0')
		return (0);
	if (p->ownerless == 0)
		p->account = check_text(p->check, "%s", account->name);
	check_name(
	    p->check, &p->ownerless_names, p->ownerless++, "%s", account->name);
	return (0);
}

/* The first user who can become the owner: a User Administrator before
 * others. */
static int
take_heir(void *ctx, const struct store_export *row)
{
	struct people *p = ctx;
	bool admin = row->role == ROLE_USER_ADMIN;

	if (strcasecmp(row->account, p->account) != 0 ||
	    (p->heir != NULL && (p->heir_is_admin || !admin)))
		return (0);
	p->heir = check_text(p->check, "%s", row->address);
	p->heir_is_admin = admin;
	return (0);
}

static void
check_owners(struct people *p)
{
	struct check *c = p->check;
	const char *account, *dashes;

	if (store_accounts(c->store, take_account, p) == -1 ||
	    p->ownerless == 0 || store_export(c->store, 0, take_heir, p) == -1)
		return;
	account = check_quote(c, p->account);
	dashes = account_dashes(p->account);
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(c, "%zu accounts have no owner: %s", p->ownerless,
		p->ownerless_names),
	    "the owner gets every category, so without one a message may have "
	    "no recipient; no command of notifyctl causes this, so the "
	    "database was changed by other means. The command names one user; "
	    "choose the right one",
	    check_notifyctl(c,
		p->heir == NULL
		    ? check_text(c, "account remove %s%s", dashes, account)
		    : check_text(c, "account transfer %s%s %s",
			  *p->heir == '-' ? "-- " : dashes, account,
			  check_quote(c, p->heir))));
}

static int
take_stray(void *ctx, const struct store_user *user)
{
	struct people *p = ctx;

	if (p->strays++ == 0)
		p->stray_fix = check_notifyctl(p->check,
		    check_text(p->check, "--as %s telegram disable %s%s",
			check_quote(p->check, user->address),
			account_dashes(user->account_name),
			check_quote(p->check, user->account_name)));
	return (0);
}

static void
check_strays(struct people *p)
{
	struct check *c = p->check;

	if (store_links_stray(c->store, take_stray, p) == -1 || p->strays == 0)
		return;
	check_found(c, CHECK_WARNING, CHECK_RUN,
	    check_text(c,
		"%zu users have linked a Telegram chat, but are not entitled to "
		"any category that is sent there",
		p->strays),
	    "nothing is sent there although the users think they are linked: "
	    "\"category set\" made a category one that is not mirrored, which "
	    "ends no link, or the database was changed by other means",
	    p->stray_fix);
}

void
check_people(struct check *c)
{
	struct people p = {.check = c};

	check_keys(&p);
	check_owners(&p);
	check_strays(&p);
}
