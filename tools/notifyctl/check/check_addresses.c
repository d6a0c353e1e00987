/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_addresses - can mail reach every entitled user, and that user alone?
 *
 * One pass over all users, in bounded memory: a finding counts them, and names
 * the first. Postfix is asked about reserved domains only, and about a limited
 * number.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "store/store.h"
#include "terms/account.h"
#include "terms/address.h"

#define ADDRESS_ARENA (1 << 20)
#define DOMAINS_MAX 100
#define ROUTES_MAX 300

struct domain {
	const char *name;
	bool final;			/* Postfix delivers its mail itself */
	enum { UNASKED, NO, YES } ours; /* ... or relays or routes it */
};

/* State and results of the pass. */
struct addresses {
	struct check *check;
	struct arena *arena; /* for one address */
	bool no_utf8, dns;
	bool delimiter;	 /* look for a domain that is final */
	char last[1024]; /* the user of the row before */
	struct domain domains[DOMAINS_MAX];
	size_t ndomains, nroutes;
	bool unasked;
	/* Counts, the first of them by name, and the fix for the first. */
	size_t bad, hazards, entitled_hazards;
	const char *bad_names, *hazard_names;
	const char *bad_fix, *hazard_fix, *owner_fix;
};

static bool is_reserved(const struct addresses *, const char *);
static bool leads_elsewhere(const char *);
static bool domain_routed(struct addresses *, const char *);
static struct domain *ask_domain(struct addresses *, const char *);
static bool is_ours(struct addresses *, struct domain *);
static bool address_routed(struct addresses *, const struct address *);
static bool unreachable(struct addresses *, const struct address *);
static const char *undeliverable(struct addresses *, const struct address *);
static const char *command(
    struct addresses *, const struct store_export *, const char *);
static void take_hazard(
    struct addresses *, const struct store_export *, const char *, bool);
static void take_bad(
    struct addresses *, const struct store_export *, const char *);
static int take_row(void *, const struct store_export *);
static void report_bad(struct addresses *);
static void report_hazards(struct addresses *);
static void report_unasked(struct addresses *);
static bool is_without_delimiter(const struct postconf *);

/* Is it a domain that RFC 2606 or RFC 6761 reserves? A laboratory may route the
 * examples, so they count only where Postfix asks the DNS. */
static bool
is_reserved(const struct addresses *p, const char *domain)
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
			return (true);
	}
	return (false);
}

/* Does a value of transport_maps lead anywhere but to the DNS? "transport:",
 * "transport:nexthop" or ":nexthop". */
static bool
leads_elsewhere(const char *route)
{
	const char *colon;

	if (route == NULL || strncmp(route, "error:", 6) == 0 ||
	    strncmp(route, "retry:", 6) == 0)
		return (false);
	colon = strchr(route, ':');
	if (colon == NULL || colon[1] != '\0')
		return (true);
	return (colon > route && strcmp(route, "smtp:") != 0 &&
	    strcmp(route, "relay:") != 0);
}

/* Does transport_maps have the domain, a parent as ".domain", or "*"? */
static bool
domain_routed(struct addresses *p, const char *domain)
{
	struct check *c = p->check;
	const char *maps = postconf_value(c->postfix, "transport_maps");
	const char *found, *s;

	found = check_lookup(c, maps, domain);
	for (s = domain; found == NULL && (s = strchr(s, '.')) != NULL; s++)
		found = check_lookup(c, maps, s);
	if (found == NULL)
		found = check_lookup(c, maps, "*");
	return (leads_elsewhere(found));
}

/* NULL if too many were asked about. */
static struct domain *
ask_domain(struct addresses *p, const char *name)
{
	static const char *const classes[] = {"mydestination",
	    "virtual_alias_domains", "virtual_mailbox_domains"};
	struct check *c = p->check;
	struct domain *d;
	size_t i;

	for (d = p->domains; d < p->domains + p->ndomains; d++) {
		if (strcmp(d->name, name) == 0)
			return (d);
	}
	if (p->ndomains == DOMAINS_MAX)
		return (NULL);
	p->ndomains++;
	d->name = check_text(c, "%s", name);
	for (i = 0; !d->final && i < sizeof(classes) / sizeof(classes[0]); i++)
		d->final = check_listed(
		    c, postconf_value(c->postfix, classes[i]), name, false);
	return (d);
}

/* A lookup that failed is no reason for a warning. */
static bool
is_ours(struct addresses *p, struct domain *d)
{
	struct check *c = p->check;
	size_t failed = c->failed_lookups;

	if (d->ours == UNASKED)
		d->ours = d->final || check_relays(c, d->name) ||
			domain_routed(p, d->name) || c->failed_lookups > failed
		    ? YES
		    : NO;
	return (d->ours == YES);
}

/* Has the address a route or an alias of its own? */
static bool
address_routed(struct addresses *p, const struct address *address)
{
	struct check *c = p->check;
	const char *transports = postconf_value(c->postfix, "transport_maps");
	const char *aliases = postconf_value(c->postfix, "virtual_alias_maps");
	size_t failed = c->failed_lookups;

	if (*transports == '\0' && *aliases == '\0')
		return (false);
	if (p->nroutes == ROUTES_MAX) {
		p->unasked = true;
		return (true);
	}
	p->nroutes++;
	return (leads_elsewhere(check_lookup(c, transports, address->key)) ||
	    check_lookup(c, aliases, address->key) != NULL ||
	    check_lookup(c, aliases, address->domain - 1) != NULL ||
	    c->failed_lookups > failed);
}

/* Is its domain reserved, and does Postfix not deliver or route it? */
static bool
unreachable(struct addresses *p, const struct address *address)
{
	struct domain *d;

	if (!is_reserved(p, address->domain))
		return (false);
	if (p->check->postfix == NULL)
		return (true);
	d = ask_domain(p, address->domain);
	if (d == NULL)
		p->unasked = true;
	return (d != NULL && !is_ours(p, d) && !address_routed(p, address));
}

/* Why Postfix could not deliver to the address, or NULL. */
static const char *
undeliverable(struct addresses *p, const struct address *address)
{
	/* The local part: the domain is in A-labels. */
	if (address_wide(address->wire)) {
		p->check->wide = true;
		if (p->no_utf8)
			return ("it is not ASCII, and smtputf8_enable = no");
	}
	if (unreachable(p, address))
		return ("its domain is reserved by RFC 2606");
	return (NULL);
}

/* A command for a user; "--" because account or address may begin with "-". */
static const char *
command(struct addresses *p, const struct store_export *row, const char *verb)
{
	struct check *c = p->check;

	return (check_notifyctl(c,
	    check_text(c, "%s %s%s %s", verb,
		*row->address == '-' ? "-- " : account_dashes(row->account),
		check_quote(c, row->account), check_quote(c, row->address))));
}

static void
take_hazard(struct addresses *p, const struct store_export *row,
    const char *why, bool entitled)
{
	struct check *c = p->check;
	const char *account, *dashes = account_dashes(row->account);

	if (entitled)
		p->entitled_hazards++;
	check_name(c, &p->hazard_names, p->hazards++, "%s (account %s) %s",
	    row->address, row->account, why);
	if (row->role != ROLE_OWNER && p->hazard_fix == NULL)
		p->hazard_fix = command(p, row, "user remove");
	if (row->role != ROLE_OWNER || p->owner_fix != NULL)
		return;
	account = check_quote(c, row->account);
	p->owner_fix = check_text(c, "%s && %s && %s",
	    check_notifyctl(
		c, check_text(c, "user add %s%s NEW", dashes, account)),
	    check_notifyctl(
		c, check_text(c, "account transfer %s%s NEW", dashes, account)),
	    command(p, row, "user remove"));
}

static void
take_bad(struct addresses *p, const struct store_export *row, const char *why)
{
	if (p->bad == 0)
		p->bad_fix = command(p, row, "user remove");
	check_name(p->check, &p->bad_names, p->bad++, "%s (account %s: %s)",
	    row->address, row->account, why);
}

/* Rows are sorted by account, the owner first, then by address; the first of a
 * user has a category if any has. */
static int
take_row(void *ctx, const struct store_export *row)
{
	struct addresses *p = ctx;
	bool entitled = row->role == ROLE_OWNER || *row->category != '\0';
	char name[sizeof(p->last)];
	struct address address;
	struct domain *d;
	const char *why;

	snprintf(name, sizeof(name), "%s %s", row->account, row->address);
	if (strcmp(name, p->last) == 0)
		return (0);
	memcpy(p->last, name, sizeof(name));
	arena_reset(p->arena);
	if (address_read_strict(p->arena, row->address, &address, &why) != 1) {
		if (entitled)
			take_bad(p, row, why);
		return (0);
	}
	/* Postfix takes one that begins with "-" if it is told to. */
	why = address_hazard(address.key);
	if (why != NULL)
		take_hazard(p, row, why, entitled);
	else if (entitled && (why = undeliverable(p, &address)) != NULL)
		take_bad(p, row, why);
	if (p->delimiter && p->check->final == NULL) {
		d = ask_domain(p, address.domain);
		if (d != NULL && d->final)
			p->check->final = d->name;
	}
	return (0);
}

static void
report_bad(struct addresses *p)
{
	struct check *c = p->check;

	if (p->bad == 0)
		return;
	check_found(c, CHECK_WARNING, CHECK_DO,
	    check_text(c, "%zu entitled users have undeliverable addresses: %s",
		p->bad, p->bad_names),
	    "they get nothing, and the sender gets a bounce for each message",
	    check_text(c,
		"add the right address (notifyctl user add ACCOUNT EMAIL), "
		"then %s; for an owner: notifyctl account transfer",
		p->bad_fix));
}

static void
report_hazards(struct addresses *p)
{
	static const char why[] =
	    "the milter holds each message that such a user would get, for "
	    "everybody in the account; user add refuses such an address. Add "
	    "the right one first (notifyctl user add ACCOUNT EMAIL)";
	struct check *c = p->check;
	const char *what;

	if (p->hazards == 0)
		return;
	what = check_text(c,
	    "%zu users have an address that Postfix may take for another, or "
	    "not deliver to: %s",
	    p->hazards, p->hazard_names);
	check_found(c, p->entitled_hazards > 0 ? CHECK_ERROR : CHECK_WARNING,
	    p->hazard_fix != NULL ? CHECK_RUN : CHECK_DO, what, why,
	    p->hazard_fix != NULL
		? p->hazard_fix
		: check_text(
		      c, "with the right address for NEW: %s", p->owner_fix));
}

static void
report_unasked(struct addresses *p)
{
	struct check *c = p->check;

	if (!p->unasked)
		return;
	check_found(c, CHECK_NOTE, CHECK_RUN,
	    "too many users are in reserved domains to ask Postfix about all",
	    "those that were not asked about count as deliverable; the command "
	    "shows all",
	    check_notifyctl(c, "export"));
}

/* Does any service take "+" for a part of the name? */
static bool
is_without_delimiter(const struct postconf *pc)
{
	static const char name[] = "recipient_delimiter";
	size_t i;

	if (*postconf_value(pc, name) == '\0')
		return (true);
	for (i = 0; i < pc->nservices; i++) {
		if (*postconf_for(pc, &pc->services[i], name) == '\0')
			return (true);
	}
	return (false);
}

void
check_addresses(struct check *c)
{
	struct addresses p = {.check = c};
	const struct postconf *pc = c->postfix;

	p.arena = arena_new(ADDRESS_ARENA);
	if (p.arena == NULL)
		return;
	if (pc != NULL) {
		p.no_utf8 = strcasecmp(postconf_value(pc, "smtputf8_enable"),
				"no") == 0;
		p.dns = *postconf_value(pc, "relayhost") == '\0' &&
		    strcmp(postconf_value(pc, "default_transport"), "smtp") ==
			0;
		p.delimiter = is_without_delimiter(pc);
	}
	if (store_export(c->store, 0, take_row, &p) != -1) {
		report_bad(&p);
		report_hazards(&p);
		report_unasked(&p);
	}
	arena_free(p.arena);
}
