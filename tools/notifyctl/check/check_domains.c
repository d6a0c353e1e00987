/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_domains - does mail for account_domain reach the milter?
 *
 * smtpd(8) checks recipients before the milter does: it rejects those of a
 * domain in one of its address classes that are not listed there.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

static bool is_element(struct check *, const char *, const char *, bool);
static bool in_file(struct check *, const char *, const char *, bool);
static bool in_class(struct check *, const char *, const char *);
static void check_relay(struct check *);
static void check_recipients(struct check *, const char *, size_t);
static void check_route(struct check *);
static void check_mirror_domain(struct check *);

bool
check_inside(const char *domain, const char *other)
{
	size_t len = strlen(domain), end = strlen(other);

	return (strcasecmp(domain, other) == 0 ||
	    (len > end && domain[len - end - 1] == '.' &&
		strcasecmp(domain + len - end, other) == 0));
}

static bool
in_file(struct check *c, const char *path, const char *domain, bool parents)
{
	char line[512];
	bool found = false;
	FILE *in;

	in = fopen(path, "re");
	if (in == NULL)
		return (false);
	while (!found && fgets(line, sizeof(line), in) != NULL) {
		if (*line != '#')
			found = check_listed(c, line, domain, parents);
	}
	fclose(in);
	return (found);
}

static bool
is_element(struct check *c, const char *word, const char *domain, bool parents)
{
	if (*word == '/')
		return (in_file(c, word, domain, parents));
	if (strchr(word, ':') != NULL)
		return (check_lookup(c, word, domain) != NULL);
	return (strcasecmp(word, domain) == 0 ||
	    (parents && check_inside(domain, word)) ||
	    (*word == '.' && check_inside(domain, word + 1)));
}

/* The first element that has the domain decides; "!" before it denies. */
bool
check_listed(
    struct check *c, const char *list, const char *domain, bool parents)
{
	char *rest, *word;
	bool no;

	rest = arena_strdup(c->arena, list);
	while ((word = postconf_word(&rest)) != NULL) {
		no = *word == '!';
		if (is_element(c, no ? word + 1 : word, domain, parents))
			return (!no);
	}
	return (false);
}

bool
check_relays(struct check *c, const char *domain)
{
	const struct postconf *pc = c->postfix;

	return (check_listed(c, postconf_value(pc, "relay_domains"), domain,
	    strstr(postconf_value(pc, "parent_domain_matches_subdomains"),
		"relay_domains") != NULL));
}

/* A class in which Postfix would look for the accounts. */
static bool
in_class(struct check *c, const char *name, const char *kind)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->account_domain, *list, *what, *why;

	if (!check_listed(c, postconf_value(pc, name), domain, false))
		return (false);
	what = check_text(c, "account_domain %s is in %s", domain, name);
	why = check_text(c,
	    "Postfix takes the accounts for %s and rejects them as unknown "
	    "before the milter sees them",
	    kind);
	list = postconf_without(pc, postconf_given(pc, name), domain);
	if (check_listed(c, list, domain, false) || strchr(list, '$') != NULL)
		list = postconf_without(pc, postconf_value(pc, name), domain);
	if (check_listed(c, list, domain, false))
		check_found(c, CHECK_ERROR, CHECK_DO, what, why,
		    check_text(c, "remove %s from %s", domain, name));
	else
		check_edit(c, CHECK_ERROR, what, why, NULL, name, list);
	return (true);
}

/* A class in which the accounts may be. */
static void
check_relay(struct check *c)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->account_domain, *given;
	size_t failed = c->failed_lookups;

	if (check_listed(c, postconf_value(pc, "virtual_mailbox_domains"),
		domain, false)) {
		check_recipients(c, "virtual_mailbox_maps", failed);
	} else if (check_relays(c, domain)) {
		check_recipients(c, "relay_recipient_maps", failed);
	} else if (c->failed_lookups == failed) {
		given = postconf_given(pc, "relay_domains");
		check_edit(c, CHECK_WARNING,
		    check_text(c,
			"account_domain %s is in none of Postfix's domains",
			domain),
		    "Postfix rejects mail for accounts (Relay access denied) "
		    "unless the client is in mynetworks or has logged in",
		    NULL, "relay_domains",
		    *given == '\0' ? domain
				   : check_text(c, "%s, %s", given, domain));
	}
}

/* ${failed}: the failed lookups before, in the lists of domains. */
static void
check_recipients(struct check *c, const char *maps, size_t failed)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->account_domain;
	const char *value = postconf_value(pc, maps);

	if (*value == '\0' ||
	    strcasecmp(postconf_value(pc, "smtpd_reject_unlisted_recipient"),
		"no") == 0 ||
	    check_lookup(c, value, check_text(c, "@%s", domain)) != NULL ||
	    c->failed_lookups > failed)
		return;
	check_edit(c, CHECK_ERROR,
	    check_text(c, "%s does not have @%s", maps, domain),
	    "Postfix rejects accounts that are not in that map as unknown, "
	    "before the milter sees them",
	    NULL, maps,
	    check_text(c, "%s, inline:{ { @%s = OK } }",
		postconf_given(pc, maps), domain));
}

static void
check_route(struct check *c)
{
	const char *domain = c->settings->account_domain, *found;
	bool rejected;

	found = check_lookup(
	    c, postconf_value(c->postfix, "transport_maps"), domain);
	if (found == NULL || *found == ':')
		return;
	rejected =
	    strncmp(found, "error", 5) == 0 || strncmp(found, "retry", 5) == 0;
	check_found(c, rejected ? CHECK_ERROR : CHECK_WARNING, CHECK_DO,
	    check_text(c, "transport_maps routes account_domain %s to %s",
		domain, found),
	    rejected
		? "Postfix rejects the accounts before the milter sees them"
		: "mail that lacks the tag, and all mail with monitor = yes, "
		  "goes there instead of bouncing to the sender",
	    check_text(c, "remove %s from transport_maps", domain));
}

static void
check_mirror_domain(struct check *c)
{
	const char *accounts = c->settings->account_domain;
	const char *chats = c->settings->telegram_domain;

	if (check_inside(chats, accounts) || check_inside(accounts, chats))
		check_setting(c, CHECK_ERROR,
		    check_text(c,
			"[telegram] domain %s and account_domain %s overlap",
			chats, accounts),
		    "mail for [telegram] domain is rejected, and so may be "
		    "all mail for accounts",
		    "telegram", "domain = telegram.invalid");
}

void
check_domains(struct check *c)
{
	bool local, alias;

	if (*c->settings->account_domain == '\0')
		return;
	c->part = "settings";
	check_mirror_domain(c);
	c->part = "postfix";
	local = in_class(c, "mydestination", "users of this machine");
	alias = in_class(c, "virtual_alias_domains", "virtual aliases");
	if (local || alias)
		return;
	check_relay(c);
	check_route(c);
}
