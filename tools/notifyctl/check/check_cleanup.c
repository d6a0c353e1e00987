/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_cleanup - does cleanup(8) undo a decision, or hide what it depends on?
 *
 * master.cf may have several cleanup(8), of any name: cleanup_service_name says
 * which one a service uses. A tag must pass those through which mail comes to
 * the milter. A setting that adds recipients, or drops some that the milter
 * keeps, is wrong in any of them.
 *
 * mime_header_checks and nested_header_checks see no tag: they apply to other
 * headers than those of the message itself.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define PREFIX "X-Notify-"

static const struct postconf_service *setter(
    struct check *, const struct postconf_service *, const char *);
static const char *label(
    struct check *, const struct postconf_service *, const char *);
static bool comes_to_milter(struct check *, const struct postconf_service *);
static bool feeds(struct check *, const struct postconf_service *, bool *);
static void check_copies(
    struct check *, const struct postconf_service *, const char *);
static void check_originals(struct check *, const struct postconf_service *);
static void check_delimiter(struct check *, const struct postconf_service *);
static bool splits(const struct postconf_service *);
static void check_wide(struct check *, const struct postconf_service *);
static bool asked_for(char *);
static void check_macros(struct check *, const struct postconf_service *);
static bool is_ours(char *);
static void check_dropped(struct check *, const struct postconf_service *);
static bool harmless(const char *);
static bool check_header(struct check *, const struct postconf_service *,
    const char *, const char *);
static void check_headers(struct check *, const struct postconf_service *);

/* The service in master.cf whose -o sets ${name} for ${s}; NULL: main.cf. */
static const struct postconf_service *
setter(struct check *c, const struct postconf_service *s, const char *name)
{
	return (postconf_override(c->postfix, s, name) == NULL ? NULL : s);
}

/* ${name}, with the service that has its own. */
static const char *
label(struct check *c, const struct postconf_service *s, const char *name)
{
	s = setter(c, s, name);
	return (s == NULL ? name : check_text(c, "%s of %s", name, s->key));
}

/* Does ${s} receive mail that the milter sees then, or later, from the content
 * filter of ${s}? */
static bool
comes_to_milter(struct check *c, const struct postconf_service *s)
{
	const struct postconf *pc = c->postfix;
	struct milters m;

	if (postconf_runs(s, "pickup") || postconf_runs(s, "qmqpd") ||
	    check_front(c, s))
		return (true);
	return (postconf_runs(s, "smtpd") && !milters_off(pc, s) &&
	    milters_read(pc, c->settings->socket, s,
		postconf_for(pc, s, "smtpd_milters"), &m) != MILTERS_OTHER);
}

/* Does mail pass ${cleanup} on its way to the milter? ${checks}: and its header
 * checks? */
static bool
feeds(struct check *c, const struct postconf_service *cleanup, bool *checks)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s;
	bool found = false;
	size_t i;

	*checks = false;
	for (i = 0; i < pc->nservices; i++) {
		s = &pc->services[i];
		if (strcmp(postconf_for(pc, s, "cleanup_service_name"),
			cleanup->name) != 0 ||
		    !comes_to_milter(c, s))
			continue;
		found = true;
		if (strstr(postconf_for(pc, s, "receive_override_options"),
			"no_header_body_checks") == NULL)
			*checks = true;
	}
	return (found);
}

static void
check_copies(
    struct check *c, const struct postconf_service *s, const char *name)
{
	const char *value = postconf_for(c->postfix, s, name);

	if (*value == '\0')
		return;
	check_edit(c, CHECK_WARNING,
	    check_text(c, "%s = %s adds recipients", label(c, s, name), value),
	    "Postfix adds them after the milter: they get tagged mail, "
	    "entitled or not. If this is an archive that may have all mail, "
	    "keep the setting; but if a client names the archive too, the "
	    "milter removes it as an unknown recipient, and Postfix then "
	    "removes the copy as well",
	    setter(c, s, name), name, "");
}

static void
check_originals(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "enable_original_recipient";

	if (strcasecmp(postconf_for(c->postfix, s, name), "no") != 0)
		return;
	check_edit(c, CHECK_ERROR, check_text(c, "%s = no", label(c, s, name)),
	    "Postfix then takes an alias and the user that it leads to for one "
	    "recipient: removing the alias removes the user's copy too, and "
	    "adding the user has no effect, so nobody gets the message",
	    setter(c, s, name), name, "yes");
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
			label(c, s, name), c->final),
		    "the milter takes ann+x@ for the user ann@, and keeps it; "
		    "to Postfix it is another address: the message is "
		    "returned, or goes to somebody else",
		    setter(c, s, name), name, "+");
	else
		check_edit(c, CHECK_WARNING,
		    check_text(c, "%s = %s", label(c, s, name), value),
		    "the milter knows a user with a detail part by \"+\" "
		    "alone: it drops an address with another delimiter as an "
		    "unknown recipient, and takes ann+x@ for ann@ although "
		    "Postfix may not. If no address has a detail part, keep "
		    "the setting",
		    setter(c, s, name), name, "+");
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
	    strcmp(postconf_for(pc, s, "smtputf8_enable"), "no") == 0)
		return;
	check_edit(c, CHECK_WARNING,
	    check_text(c, "%s = %s, and some users' local parts are not ASCII",
		label(c, s, name), value),
	    "Postfix sends a message without SMTPUTF8 if it came without, and "
	    "the next MTA then returns the copy of a user whom the milter has "
	    "added. With smtpd in that list Postfix looks at recipients and "
	    "headers; an MTA without SMTPUTF8 still returns such mail",
	    setter(c, s, name), name,
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
	    check_text(c, "%s has %s", label(c, s, name), found),
	    "the milter asks for that macro, and learns from its absence where "
	    "mail comes from; with a default, mail may be trusted that must "
	    "not be, or its removed recipients may get it",
	    setter(c, s, name), name, kept);
}

/* Is it one of the headers that the milter reads? */
static bool
is_ours(char *header)
{
	return (strncasecmp(header, PREFIX, strlen(PREFIX)) == 0);
}

static void
check_dropped(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "message_drop_headers";
	const char *found, *kept;
	char *list, *colon;

	list = arena_strdup(c->arena, postconf_for(c->postfix, s, name));
	/* A colon separates, too. */
	for (colon = list; *colon != '\0'; colon++) {
		if (*colon == ':')
			*colon = ' ';
	}
	kept = postconf_filter(c->postfix, list, is_ours, &found);
	if (found == NULL)
		return;
	check_edit(c, CHECK_ERROR,
	    check_text(c, "%s has %s", label(c, s, name), found),
	    "Postfix removes that header before the milter sees it: without "
	    "its tag a message goes to its original recipients, and without "
	    "its account to people of another one",
	    setter(c, s, name), name, kept);
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

/* What do the ${maps} of header_checks do to ${header}? */
static bool
check_header(struct check *c, const struct postconf_service *s,
    const char *maps, const char *header)
{
	static const char why[] = "header_checks run before the milter, which "
				  "then sees no tag, or another one";
	const char *found, *what;
	char *rest, *word;

	rest = arena_strdup(c->arena, maps);
	while ((word = postconf_word(&rest)) != NULL) {
		found = check_lookup(c, word, header);
		/* The first map that has the header decides. */
		if (found != NULL && harmless(found))
			return (false);
		if (found == NULL)
			continue;
		what = check_text(c, "%s of %s has \"%s\" for %s", word,
		    label(c, s, "header_checks"), found, header);
		if (strncmp(word, "regexp:/", 8) == 0 ||
		    strncmp(word, "pcre:/", 6) == 0)
			check_found(c, CHECK_ERROR, CHECK_RUN, what, why,
			    check_text(c, "sed -i %s %s",
				check_quote(c, "1i /^" PREFIX "/ DUNNO"),
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

static void
check_headers(struct check *c, const struct postconf_service *s)
{
	static const char *const headers[] = {PREFIX "Category: services",
	    PREFIX "Account: acme", PREFIX "Decided: 0"};
	const char *maps = postconf_for(c->postfix, s, "header_checks");
	size_t i;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (check_header(c, s, maps, headers[i]))
			return;
	}
}

void
check_cleanup(struct check *c)
{
	const struct postconf_service *s;
	bool checks;
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
		check_copies(c, s, "always_bcc");
		check_copies(c, s, "recipient_bcc_maps");
		check_copies(c, s, "sender_bcc_maps");
		check_originals(c, s);
		if (!feeds(c, s, &checks))
			continue;
		check_dropped(c, s);
		if (checks)
			check_headers(c, s);
	}
}
