/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_services - content filters, and who runs milters twice or never
 *
 * A message that a content filter hands back must not be shown to milters
 * again. Which listener it is handed back to is not written anywhere: one on
 * loopback, or one of its own port whose content_filter is cleared, in a
 * Postfix that has a content filter.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "notifyctl/check/check.h"
#include "notifyctl/check/check_milters.h"
#include "notifyctl/postfix/postconf.h"

static bool has_filter(const struct postconf *);
static bool on_loopback(const struct postconf_service *);
static bool public_name(const struct postconf_service *);
static bool takes_back(
    const struct postconf *, const struct postconf_service *);
static bool no_milters(const char *);
static void say_no_milters(struct check *, const struct postconf_service *);
static void check_service(struct check *, const struct postconf_service *);
static void check_everywhere(struct check *);

static bool
has_filter(const struct postconf *pc)
{
	size_t i;

	if (*postconf_value(pc, "content_filter") != '\0' ||
	    *postconf_value(pc, "smtpd_proxy_filter") != '\0')
		return (true);
	for (i = 0; i < pc->nservices; i++) {
		if (*postconf_for(pc, &pc->services[i], "content_filter") !=
			'\0' ||
		    *postconf_for(pc, &pc->services[i], "smtpd_proxy_filter") !=
			'\0')
			return (true);
	}
	return (false);
}

static bool
on_loopback(const struct postconf_service *s)
{
	return (strncmp(s->name, "127.", 4) == 0 ||
	    strncmp(s->name, "[::1]", 5) == 0 ||
	    strncmp(s->name, "localhost:", 10) == 0);
}

/* One of the ports at which the world knocks. */
static bool
public_name(const struct postconf_service *s)
{
	static const char *const names[] = {"smtp", "smtpd", "submission",
	    "submissions", "smtps", "25", "465", "587"};
	const char *port = strrchr(s->name, ':');
	size_t i;

	port = port == NULL ? s->name : port + 1;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(port, names[i]) == 0)
			return (true);
	}
	return (false);
}

static bool
takes_back(const struct postconf *pc, const struct postconf_service *s)
{
	const char *filter = postconf_override(pc, s, "content_filter");

	if (*postconf_for(pc, s, "content_filter") != '\0' ||
	    *postconf_for(pc, s, "smtpd_proxy_filter") != '\0' ||
	    !has_filter(pc))
		return (false);
	return (on_loopback(s) || (filter != NULL && !public_name(s)));
}

static bool
no_milters(const char *options)
{
	return (strstr(options, "no_milters") != NULL);
}

bool
services_front(struct check *c, const struct postconf_service *s)
{
	const struct postconf *pc = c->postfix;
	const char *milters = postconf_override(pc, s, "smtpd_milters");

	if (!postconf_runs(s, "smtpd") || takes_back(pc, s) ||
	    *postconf_for(pc, s, "smtpd_proxy_filter") != '\0')
		return (false);
	/* Without milters, for programs of this machine: on purpose. */
	return (!on_loopback(s) ||
	    ((milters == NULL || *milters != '\0') &&
		!no_milters(postconf_for(pc, s, "receive_override_options"))));
}

/* For one that mail comes to at first. */
static void
say_no_milters(struct check *c, const struct postconf_service *s)
{
	const char *own;

	own = postconf_override(c->postfix, s, "receive_override_options");
	if (own == NULL || !no_milters(own))
		return;
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(
		c, "receive_override_options of %s has no_milters", s->key),
	    "what comes there is not shown to the milter, so tagged mail goes "
	    "to whomever it was addressed",
	    postconf_edit(c->postfix, s, "receive_override_options", ""));
}

static void
check_service(struct check *c, const struct postconf_service *s)
{
	const struct postconf *pc = c->postfix;
	const char *options;
	struct milters m;

	options = postconf_for(pc, s, "receive_override_options");
	if (services_front(c, s)) {
		say_no_milters(c, s);
		return;
	}
	milters_read(c, &m, "smtpd_milters", s);
	if (m.match == MILTERS_OTHER || no_milters(options))
		return;
	if (takes_back(pc, s))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c,
			"%s, to which a content filter hands mail back, runs "
			"milters again",
			s->key),
		    "a message is decided twice; the second time one with a "
		    "Telegram chat among its recipients is refused, since that "
		    "domain is reserved",
		    postconf_edit(pc, s, "receive_override_options",
			*options == '\0'
			    ? "no_milters"
			    : check_text(c, "%s,no_milters", options)));
	else if (*postconf_for(pc, s, "smtpd_proxy_filter") != '\0')
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c,
			"%s has both smtpd_proxy_filter and the milter",
			s->key),
		    "a milter in front of such a filter sees no header and can "
		    "change nothing (SMTPD_PROXY_README); the listener behind "
		    "the filter must ask it",
		    postconf_edit(pc, s, "smtpd_milters", ""));
}

/* Set in main.cf, it holds for all. */
static void
check_everywhere(struct check *c)
{
	const char *options;

	options = postconf_value(c->postfix, "receive_override_options");
	if (!no_milters(options))
		return;
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    "receive_override_options has no_milters in main.cf",
	    "no mail at all is shown to milters; it belongs to the listener to "
	    "which a content filter hands mail back, in master.cf",
	    postconf_edit(c->postfix, NULL, "receive_override_options", ""));
}

void
check_services(struct check *c)
{
	const struct postconf *pc = c->postfix;
	size_t i;

	check_everywhere(c);
	for (i = 0; i < pc->nservices; i++) {
		if (postconf_runs(&pc->services[i], "smtpd"))
			check_service(c, &pc->services[i]);
		else if (postconf_runs(&pc->services[i], "pickup"))
			say_no_milters(c, &pc->services[i]);
	}
}
