/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_rewriting - what else in Postfix changes recipients or takes tags away
 *
 * cleanup(8) rewrites what sendmail(1) was given before it shows it to a
 * milter, but keeps what it was: a recipient that a map has changed cannot be
 * removed by what the milter was shown.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"

static const char *value_of(struct check *, const char *);
static bool only_srs(struct check *, const char *);
static const char *without_recipients(struct check *, const char *);
static void check_canonical(struct check *, const char *, const char *);
static void check_copies(struct check *, const char *);
static bool harmless(const char *);
static bool check_headers(struct check *, const char *);

/* What is in force for the cleanup(8) of mail from sendmail(1). */
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

/* The maps of an SRS daemon turn back addresses that it has made itself, which
 * no system tags mail to. */
static bool
only_srs(struct check *c, const char *maps)
{
	char *rest, *word;

	for (rest = postconf_words(c->postfix, maps);
	     (word = postconf_word(&rest)) != NULL;) {
		if (strcasestr(word, "srs") == NULL &&
		    strstr(word, ":10002") == NULL)
			return (false);
	}
	return (true);
}

static const char *
without_recipients(struct check *c, const char *classes)
{
	const char *kept = NULL;
	char *rest, *word;

	for (rest = postconf_words(c->postfix, classes);
	     (word = postconf_word(&rest)) != NULL;) {
		if (strcmp(word, "envelope_recipient") == 0)
			continue;
		kept = kept == NULL ? check_text(c, "%s", word)
				    : check_text(c, "%s, %s", kept, word);
	}
	return (kept == NULL ? "header_recipient" : kept);
}

static void
check_canonical(struct check *c, const char *maps, const char *classes)
{
	const char *value = value_of(c, maps), *which = value_of(c, classes);

	if (*value == '\0' || strstr(which, "envelope_recipient") == NULL ||
	    only_srs(c, value))
		return;
	check_found(c, CHECK_WARNING, CHECK_RUN,
	    check_text(c, "%s rewrites recipients", maps),
	    "in mail from sendmail(1) the milter is shown the new address, and "
	    "its removal does nothing: somebody who is not entitled may get "
	    "the message. If recipients must be rewritten, have tagged mail "
	    "come by SMTP and leave this as it is",
	    postconf_edit(
		c->postfix, NULL, classes, without_recipients(c, which)));
}

static void
check_copies(struct check *c, const char *name)
{
	const char *value = value_of(c, name);

	if (*value == '\0')
		return;
	check_found(c, CHECK_WARNING, CHECK_RUN,
	    check_text(c, "%s = %s adds recipients", name, value),
	    "Postfix adds them where no milter sees them: they get tagged mail "
	    "whether entitled or not. If that is an archive that may have all "
	    "mail, leave it as it is",
	    postconf_edit(c->postfix, NULL, name, ""));
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

/* cleanup(8) does its header checks before it shows the message to milters. Is
 * there one for ${header}? */
static bool
check_headers(struct check *c, const char *header)
{
	const char *found, *file;
	char *rest, *word;
	bool pattern;

	for (rest = postconf_words(c->postfix, value_of(c, "header_checks"));
	     (word = postconf_word(&rest)) != NULL;) {
		found = postconf_lookup_in(c->postfix, word, header);
		if (found == NULL || harmless(found))
			continue;
		file = strchr(word, ':') + 1;
		pattern = (strncmp(word, "regexp:/", 8) == 0 ||
		    strncmp(word, "pcre:/", 6) == 0);
		check_found(c, CHECK_ERROR, pattern ? CHECK_RUN : CHECK_PUT,
		    check_text(c, "%s of header_checks has \"%s\" for %s", word,
			found, header),
		    "header_checks come before the milter, which then sees no "
		    "tag, or another one",
		    pattern ? check_text(c, "sed -i %s %s",
				  check_quote(c, "1i /^X-Notify-/ DUNNO"),
				  check_quote(c, file))
			    : check_text(c,
				  "what leaves X-Notify headers alone, in %s",
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
