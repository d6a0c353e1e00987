/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_rewriting - does Postfix change recipients or remove tags elsewhere?
 *
 * cleanup(8) rewrites the recipients of mail from sendmail(1) before it shows
 * them to a milter, but keeps the original ones: a recipient that a map has
 * changed cannot be removed by the address that the milter saw.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"

static const char *value_of(struct check *, const char *);
static bool only_srs(struct check *, const char *);
static void check_canonical(struct check *, const char *, const char *);
static void check_copies(struct check *, const char *);
static bool harmless(const char *);
static bool check_headers(struct check *, const char *);

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

static void
check_copies(struct check *c, const char *name)
{
	const char *value = value_of(c, name);

	if (*value == '\0')
		return;
	check_edit(c, CHECK_WARNING,
	    check_text(c, "%s = %s adds recipients", name, value),
	    "Postfix adds them after the milter: they get tagged mail, "
	    "entitled or not. If this is an archive that may have all mail, "
	    "keep the setting",
	    NULL, name, "");
}

static bool
harmless(const char *action)
{
	static const char *const names[] = {
	    "DUNNO", "OK", "INFO", "WARN", "PREPEND"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncasecmp(action, names[i], strlen(names[i])) == 0)
			return (true);
	}
	return (false);
}

/* cleanup(8) runs header_checks before milters see the message. */
static bool
check_headers(struct check *c, const char *header)
{
	static const char why[] = "header_checks run before the milter, which "
				  "then sees no tag, or another one";
	const char *found, *what;
	char *rest, *word;

	rest = arena_strdup(c->arena, value_of(c, "header_checks"));
	while ((word = postconf_word(&rest)) != NULL) {
		found = check_lookup(c, word, header);
		if (found == NULL || harmless(found))
			continue;
		what = check_text(c, "%s of header_checks has \"%s\" for %s",
		    word, found, header);
		if (strncmp(word, "regexp:/", 8) == 0 ||
		    strncmp(word, "pcre:/", 6) == 0)
			check_found(c, CHECK_ERROR, CHECK_RUN, what, why,
			    check_text(c, "sed -i %s %s",
				check_quote(c, "1i /^X-Notify-/ DUNNO"),
				check_quote(c, strchr(word, ':') + 1)));
		else
			check_found(c, CHECK_ERROR, CHECK_DO, what, why,
			    check_text(c,
				"let X-Notify headers pass unchanged in %s",
				word));
		return (true);
	}
	return (false);
}

void
check_rewriting(struct check *c)
{
	check_canonical(c, "canonical_maps", "canonical_classes");
	check_canonical(
	    c, "recipient_canonical_maps", "recipient_canonical_classes");
	check_canonical(c, "masquerade_domains", "masquerade_classes");
	check_copies(c, "always_bcc");
	check_copies(c, "recipient_bcc_maps");
	check_copies(c, "sender_bcc_maps");
	if (!check_headers(c, "X-Notify-Category: services"))
		(void)check_headers(c, "X-Notify-Account: acme");
}
