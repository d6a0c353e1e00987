/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_domains - does mail for account_domain come as far as the milter?
 *
 * smtpd(8) knows recipients before a milter does: of a domain in one of its
 * classes it refuses those that are not listed.
 */
#include <string.h>
#include <strings.h>

#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

static bool listed(struct check *, const char *, const char *, bool);
static const char *list_without(struct check *, const char *);
static bool inside(const char *, const char *);
static void check_class(struct check *, const char *, const char *);
static void check_relay(struct check *);
static void check_route(struct check *);
static void check_mirror_domain(struct check *);

/* Is ${domain} ${other}, or in it? */
static bool
inside(const char *domain, const char *other)
{
	size_t len = strlen(domain), end = strlen(other);

	return (strcasecmp(domain, other) == 0 ||
	    (len > end && domain[len - end - 1] == '.' &&
		strcasecmp(domain + len - end, other) == 0));
}

/* Does a list of domains and maps (postconf(5)) hold ${domain}? */
static bool
listed(struct check *c, const char *list, const char *domain, bool parents)
{
	char *rest, *word;

	for (rest = postconf_words(c->postfix, list);
	     (word = postconf_word(&rest)) != NULL;) {
		if (strchr(word, ':') != NULL) {
			if (postconf_lookup_in(c->postfix, word, domain) !=
			    NULL)
				return (true);
		} else if (strcasecmp(word, domain) == 0 ||
		    (parents && inside(domain, word)) ||
		    (*word == '.' && inside(domain, word + 1)))
			return (true);
	}
	return (false);
}

/* The list without account_domain. */
static const char *
list_without(struct check *c, const char *list)
{
	const char *kept = NULL;
	char *rest, *word;

	for (rest = postconf_words(c->postfix, list);
	     (word = postconf_word(&rest)) != NULL;) {
		if (strcasecmp(word, c->settings->account_domain) == 0)
			continue;
		kept = kept == NULL ? check_text(c, "%s", word)
				    : check_text(c, "%s, %s", kept, word);
	}
	return (kept == NULL ? "" : kept);
}

static void
check_class(struct check *c, const char *name, const char *kind)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->account_domain, *fix;
	enum check_fix how = CHECK_RUN;

	if (!listed(c, postconf_value(pc, name), domain, false))
		return;
	fix = list_without(c, postconf_given(pc, name));
	if (listed(c, fix, domain, false) || strchr(fix, '$') != NULL)
		fix = list_without(c, postconf_value(pc, name));
	if (listed(c, fix, domain, false)) {
		how = CHECK_PUT;
		fix = check_text(c, "%s without %s", name, domain);
	} else {
		fix = postconf_edit(pc, NULL, name, fix);
	}
	check_found(c, CHECK_ERROR, how,
	    check_text(c, "account_domain %s is in %s", domain, name),
	    check_text(c,
		"Postfix takes the accounts for %s and refuses them as unknown "
		"before the milter sees them",
		kind),
	    fix);
}

/* The class that it should be in. */
static void
check_relay(struct check *c)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->account_domain, *maps, *given;
	size_t failures = pc->failures;
	bool parents;

	parents = strstr(postconf_value(pc, "parent_domain_matches_subdomains"),
		      "relay_domains") != NULL;
	if (listed(c, postconf_value(pc, "virtual_mailbox_domains"), domain,
		false)) {
		maps = "virtual_mailbox_maps";
	} else if (listed(c, postconf_value(pc, "relay_domains"), domain,
		       parents)) {
		maps = "relay_recipient_maps";
	} else if (pc->failures > failures) {
		return;
	} else {
		given = postconf_given(pc, "relay_domains");
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(
			c, "Postfix does not know account_domain %s", domain),
		    "mail for accounts is refused as relaying unless its "
		    "client is in mynetworks or has logged in",
		    postconf_edit(pc, NULL, "relay_domains",
			*given == '\0'
			    ? domain
			    : check_text(c, "%s, %s", given, domain)));
		return;
	}
	given = postconf_value(pc, maps);
	if (*given == '\0' ||
	    strcmp(postconf_value(pc, "smtpd_reject_unlisted_recipient"),
		"no") == 0 ||
	    postconf_lookup(pc, given, check_text(c, "@%s", domain)) != NULL ||
	    pc->failures > failures)
		return;
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(c, "%s does not have @%s", maps, domain),
	    "Postfix refuses accounts that are not in that map as unknown, "
	    "before the milter sees them",
	    postconf_edit(pc, NULL, maps,
		check_text(c, "%s, inline:{ { @%s = OK } }",
		    postconf_given(pc, maps), domain)));
}

static void
check_route(struct check *c)
{
	const char *domain = c->settings->account_domain, *found;
	bool refused;

	found = postconf_lookup(
	    c->postfix, postconf_value(c->postfix, "transport_maps"), domain);
	if (found == NULL || *found == ':')
		return;
	refused =
	    strncmp(found, "error", 5) == 0 || strncmp(found, "retry", 5) == 0;
	check_found(c, refused ? CHECK_ERROR : CHECK_WARNING, CHECK_PUT,
	    check_text(c, "transport_maps routes account_domain %s to %s",
		domain, found),
	    refused ? "Postfix refuses the accounts before the milter sees them"
		    : "mail that lacks the tag, and all mail with monitor = "
		      "yes, goes there instead of coming back to the sender",
	    check_text(c, "transport_maps without an entry for %s", domain));
}

/* Two meanings for one address cannot be. */
static void
check_mirror_domain(struct check *c)
{
	const char *accounts = c->settings->account_domain;
	const char *chats = c->settings->telegram_domain;

	if (!inside(chats, accounts) && !inside(accounts, chats))
		return;
	check_found(c, CHECK_ERROR, CHECK_PUT,
	    check_text(c, "[telegram] domain %s and account_domain %s overlap",
		chats, accounts),
	    "mail for [telegram] domain is refused, so no mail for an account "
	    "may pass",
	    check_setting(c, "telegram", "domain = telegram.invalid"));
}

void
check_domains(struct check *c)
{
	if (*c->settings->account_domain == '\0')
		return;
	c->part = "settings";
	check_mirror_domain(c);
	c->part = "postfix";
	check_class(c, "mydestination", "users of this machine");
	check_class(c, "virtual_alias_domains", "virtual aliases");
	if (check_known(c,
		check_text(c, "account_domain %s is in mydestination",
		    c->settings->account_domain)) ||
	    check_known(c,
		check_text(c, "account_domain %s is in virtual_alias_domains",
		    c->settings->account_domain)))
		return;
	check_relay(c);
	check_route(c);
}
