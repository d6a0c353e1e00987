/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_rewriting - does Postfix rewrite recipients before the milter sees
 * them?
 *
 * cleanup(8) rewrites the recipients of mail from sendmail(1) before it shows
 * them to a milter, but keeps the original ones: a recipient that a map has
 * changed cannot be removed by the address that the milter saw.
 */
#include <string.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"

static const char *value_of(struct check *, const char *);
static bool only_srs(struct check *, const char *);
static void check_canonical(struct check *, const char *, const char *);

/* The value in effect for the cleanup(8) of mail from sendmail(1). */
static const char *
value_of(struct check *c, const char *name)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *cleanup;

	cleanup = postconf_service(
	    pc, postconf_value(pc, "cleanup_service_name"), "unix");
	return (cleanup == NULL ? postconf_value(pc, name)
				: postconf_for(pc, cleanup, name));
}

/* The maps of an SRS daemon restore addresses that it made itself; no system
 * sends tagged mail to them. */
static bool
only_srs(struct check *c, const char *maps)
{
	char *rest, *word;

	rest = arena_strdup(c->arena, maps);
	while ((word = postconf_word(&rest)) != NULL) {
		if (strcasestr(word, "srs") == NULL &&
		    strstr(word, ":10002") == NULL)
			return (false);
	}
	return (true);
}

static void
check_canonical(struct check *c, const char *maps, const char *classes)
{
	const char *value = value_of(c, maps), *which = value_of(c, classes);

	if (*value == '\0' || strstr(which, "envelope_recipient") == NULL ||
	    only_srs(c, value))
		return;
	which = postconf_without(c->postfix, which, "envelope_recipient");
	check_edit(c, CHECK_WARNING,
	    check_text(c, "%s rewrites recipients", maps),
	    "in mail from sendmail(1) the milter sees the new address, and "
	    "removing it has no effect: a user who is not entitled may get "
	    "the message. If you need this map, submit tagged mail by SMTP "
	    "and keep the setting",
	    NULL, classes, *which == '\0' ? "header_recipient" : which);
}

void
check_rewriting(struct check *c)
{
	check_canonical(c, "canonical_maps", "canonical_classes");
	check_canonical(
	    c, "recipient_canonical_maps", "recipient_canonical_classes");
	check_canonical(c, "masquerade_domains", "masquerade_classes");
}
