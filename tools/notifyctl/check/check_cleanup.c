/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_cleanup - does cleanup(8), or another service that reads addresses,
 * take one recipient for another, or tell the milter what is not so?
 *
 * master.cf may have several services of each kind, with settings of their own.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

static void check_originals(struct check *, const struct postconf_service *);
static void check_delimiter(struct check *, const struct postconf_service *);
static bool splits(const struct postconf_service *);
static void check_wide(struct check *, const struct postconf_service *);
static bool asked_for(char *);
static void check_macros(struct check *, const struct postconf_service *);

static void
check_originals(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "enable_original_recipient";

	if (strcasecmp(postconf_for(c->postfix, s, name), "no") != 0)
		return;
	check_edit(c, CHECK_ERROR,
	    check_text(c, "%s = no", check_label(c, s, name)),
	    "Postfix then takes an alias and the user that it leads to for one "
	    "recipient: removing the alias removes the user's copy too, and "
	    "adding the user has no effect, so nobody gets the message",
	    check_setter(c, s, name), name, "yes");
}

/* Does the milter read detail parts as Postfix does? An empty delimiter matters
 * only for domains that Postfix delivers itself: elsewhere another MTA splits
 * the address. */
static void
check_delimiter(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "recipient_delimiter";
	const char *value = postconf_for(c->postfix, s, name);

	if (strcmp(value, "+") == 0 || (*value == '\0' && c->final == NULL))
		return;
	if (*value == '\0')
		check_edit(c, CHECK_WARNING,
		    check_text(c, "%s is empty, and Postfix delivers %s itself",
			check_label(c, s, name), c->final),
		    "the milter takes ann+x@ for the user ann@, and keeps it; "
		    "to Postfix it is another address: the message is "
		    "returned, or goes to somebody else",
		    check_setter(c, s, name), name, "+");
	else
		check_edit(c, CHECK_WARNING,
		    check_text(c, "%s = %s", check_label(c, s, name), value),
		    "the milter knows a user with a detail part by \"+\" "
		    "alone: it drops an address with another delimiter as an "
		    "unknown recipient, and takes ann+x@ for ann@ although "
		    "Postfix may not. If no address has a detail part, keep "
		    "the setting",
		    check_setter(c, s, name), name, "+");
}

/* Does it look users up, with or without a detail part? */
static bool
splits(const struct postconf_service *s)
{
	return (postconf_runs(s, "cleanup") || postconf_runs(s, "local") ||
	    postconf_runs(s, "virtual") || postconf_runs(s, "smtpd") ||
	    postconf_runs(s, "trivial-rewrite"));
}

/* An smtpd(8) with which Postfix gets a recipient that is outside ASCII from
 * the milter, but not from the client. */
static void
check_wide(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "smtputf8_autodetect_classes";
	const struct postconf *pc = c->postfix;
	const char *value = postconf_for(pc, s, name);

	if (!c->wide || !check_front(c, s) || strstr(value, "smtpd") != NULL ||
	    strstr(value, "all") != NULL ||
	    strcasecmp(postconf_for(pc, s, "smtputf8_enable"), "no") == 0)
		return;
	check_edit(c, CHECK_WARNING,
	    check_text(c, "%s = %s, and some users' local parts are not ASCII",
		check_label(c, s, name), value),
	    "Postfix sends a message without SMTPUTF8 if it came without, and "
	    "the next MTA then returns the copy of a user whom the milter has "
	    "added. With smtpd in that list Postfix looks at recipients and "
	    "headers; an MTA without SMTPUTF8 still returns such mail",
	    check_setter(c, s, name), name,
	    *value == '\0' ? "smtpd" : check_text(c, "%s, smtpd", value));
}

/* Does an element of milter_macro_defaults name a macro that the milter asks
 * for? "{name}=value", "name=value", or that in braces. Cuts ${element}. */
static bool
asked_for(char *element)
{
	static const char *const names[] = {
	    "client_resolve", "i", "auth_type", "auth_authen", "daemon_flags"};
	char *end;
	size_t i;

	end = strchr(element, '}');
	if (*element == '{' &&
	    (end == NULL || end[1 + strspn(end + 1, " \t")] != '='))
		element++;
	element += strspn(element, "{ \t");
	element[strcspn(element, "}= \t")] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(element, names[i]) == 0)
			return (true);
	}
	return (false);
}

static void
check_macros(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "milter_macro_defaults";
	const char *found, *kept;

	kept = postconf_filter(
	    c->postfix, postconf_for(c->postfix, s, name), asked_for, &found);
	if (found == NULL)
		return;
	check_edit(c, CHECK_ERROR,
	    check_text(c, "%s has %s", check_label(c, s, name), found),
	    "the milter asks for that macro, and learns from its absence where "
	    "mail comes from; with a default, mail may be trusted that must "
	    "not be, or its removed recipients may get it",
	    check_setter(c, s, name), name, kept);
}

void
check_cleanup(struct check *c)
{
	const struct postconf_service *s;
	size_t i;

	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		if (splits(s))
			check_delimiter(c, s);
		if (postconf_runs(s, "smtpd")) {
			check_macros(c, s);
			check_wide(c, s);
		}
		if (!postconf_runs(s, "cleanup"))
			continue;
		check_macros(c, s);
		check_originals(c, s);
	}
}
