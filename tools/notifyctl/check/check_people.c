/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_people - can mail reach every entitled user, and does every account
 * have an owner?
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"
#include "store/store_health.h"
#include "terms/address.h"

/* A finding names at most this many, and counts the others. */
#define NAMED_MAX 3
#define ADDRESS_ARENA (1 << 20)

/* State and results of the passes over all users. */
struct people {
	struct check *check;
	struct arena *arena; /* for one address */
	bool no_utf8, no_minus, dns;
	char last[512]; /* the user of the row before */
	/* Counts, the first of them by name, and the fix for the first. */
	size_t bad, wrong, ownerless, strays;
	const char *bad_names, *wrong_names, *ownerless_names;
	const char *bad_fix, *stray_fix;
	const char *account, *heir; /* the first without owner, and its next */
	bool heir_is_admin;
};

static const char *undeliverable(struct people *, const char *);
static void add_name(struct people *, const char **, size_t, const char *);
static const char *reserved(const struct people *, const char *);
static int take_row(void *, const struct store_export *);
static int take_wrong(void *, const struct store_address *);
static void check_keys(struct people *);
static int take_account(void *, const struct store_account *);
static int take_stray(void *, const struct store_user *);
static int take_heir(void *, const struct store_export *);
static void check_addresses(struct people *);
static void check_owners(struct people *);
static void check_strays(struct people *);

/* Domains that RFC 2606 and RFC 6761 reserve. A laboratory may route the
 * examples, so they count only where Postfix asks the DNS. */
static const char *
reserved(const struct people *p, const char *domain)
{
	static const struct {
		const char *domain;
		bool always;
	} names[] = {
	    {"invalid", true},
	    {"localhost", true},
	    {"test", false},
	    {"example", false},
	    {"example.com", false},
	    {"example.net", false},
	    {"example.org", false},
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((names[i].always || p->dns) &&
		    check_inside(domain, names[i].domain))
			return ("its domain is reserved by RFC 2606");
	}
	return (NULL);
}

/* Why Postfix could not deliver to ${text}, or NULL. */
static const char *
undeliverable(struct people *p, const char *text)
{
	struct address address;
	const char *why;

	arena_reset(p->arena);
	if (address_read_strict(p->arena, text, &address, &why) != 1)
		return (why);
	if (p->no_minus && *address.wire == '-')
		return ("Postfix rejects an address that begins with \"-\" "
			"(allow_min_user)");
	for (why = address.wire; *why != '\0'; why++) {
		if (p->no_utf8 && (unsigned char)*why >= 0x80)
			return ("it is not ASCII, and smtputf8_enable = no");
	}
	return (reserved(p, address.domain));
}

/* Add ${name} to a list that has ${n}. */
static void
add_name(struct people *p, const char **names, size_t n, const char *name)
{
	if (n == 0)
		*names = name;
	else if (n <= NAMED_MAX)
		*names = check_text(
		    p->check, "%s, %s", *names, n < NAMED_MAX ? name : "...");
}

/* Rows are sorted by account, the owner first, then by address. */
static int
take_row(void *ctx, const struct store_export *row)
{
	struct people *p = ctx;
	struct check *c = p->check;
	const char *why;
	char name[sizeof(p->last)];

	if (row->role != ROLE_OWNER && *row->category == '\0')
		return (0);
	snprintf(name, sizeof(name), "%s %s", row->account, row->address);
	if (strcmp(name, p->last) == 0)
		return (0);
	memcpy(p->last, name, sizeof(name));
	why = undeliverable(p, row->address);
	if (why == NULL)
		return (0);
	if (p->bad == 0)
		p->bad_fix = check_text(c, "user remove %s %s",
		    check_quote(c, row->account), check_quote(c, row->address));
	add_name(p, &p->bad_names, p->bad++,
	    check_text(
		c, "%s (account %s: %s)", row->address, row->account, why));
	return (0);
}

static void
check_addresses(struct people *p)
{
	struct check *c = p->check;

	if (store_export(c->store, 0, take_row, p) == -1 || p->bad == 0)
		return;
	check_found(c, CHECK_WARNING, CHECK_DO,
	    check_text(c, "%zu entitled users have undeliverable addresses: %s",
		p->bad, p->bad_names),
	    "they get nothing, and the sender gets a bounce for each message",
	    check_text(c,
		"add the right address (notifyctl user add ACCOUNT EMAIL), "
		"then %s; for an owner: notifyctl account transfer",
		check_notifyctl(c, p->bad_fix)));
}

static int
take_wrong(void *ctx, const struct store_address *row)
{
	struct people *p = ctx;

	add_name(p, &p->wrong_names, p->wrong++,
	    check_text(p->check, "%s (account %s, key %s)", row->address,
		row->account, row->key));
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
	const char *name;

	if (*account->owner != '\0')
		return (0);
	name = check_text(p->check, "%s", account->name);
	if (p->ownerless == 0)
		p->account = name;
	add_name(p, &p->ownerless_names, p->ownerless++, name);
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
	const char *account;

	if (store_accounts(c->store, take_account, p) == -1 ||
	    p->ownerless == 0 || store_export(c->store, 0, take_heir, p) == -1)
		return;
	account = check_quote(c, p->account);
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(c, "%zu accounts have no owner: %s", p->ownerless,
		p->ownerless_names),
	    "the owner gets every category, so without one a message may have "
	    "no recipient; no command of notifyctl causes this, so the "
	    "database was changed by other means. The command names one user; "
	    "choose the right one",
	    check_notifyctl(c,
		p->heir == NULL ? check_text(c, "account remove %s", account)
				: check_text(c, "account transfer %s %s",
				      account, check_quote(c, p->heir))));
}

static int
take_stray(void *ctx, const struct store_user *user)
{
	struct people *p = ctx;

	if (p->strays++ == 0)
		p->stray_fix = check_notifyctl(p->check,
		    check_text(p->check, "--as %s telegram disable %s",
			check_quote(p->check, user->address),
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
	    "nothing is sent there although the users think they are linked; "
	    "every command of notifyctl that ends an entitlement ends the "
	    "link too, so the database was changed by other means",
	    p->stray_fix);
}

void
check_people(struct check *c)
{
	struct people p = {.check = c};
	const struct postconf *pc = c->postfix;

	p.arena = arena_new(ADDRESS_ARENA);
	if (p.arena == NULL)
		return;
	if (pc != NULL) {
		p.no_utf8 =
		    strcmp(postconf_value(pc, "smtputf8_enable"), "no") == 0;
		p.no_minus =
		    strcmp(postconf_value(pc, "allow_min_user"), "yes") != 0;
		p.dns = *postconf_value(pc, "relayhost") == '\0' &&
		    strcmp(postconf_value(pc, "default_transport"), "smtp") ==
			0;
	}
	check_addresses(&p);
	check_keys(&p);
	check_owners(&p);
	check_strays(&p);
	arena_free(p.arena);
}
