/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_services - content filters, services that run milters twice or never,
 * and services that master.cf has twice
 *
 * A message that a content filter returns must not be shown to milters again.
 * No setting names the listener that it returns to. It is taken to be, in a
 * Postfix with a content filter, one on loopback, or one on its own port with
 * an empty content_filter.
 */
#include <string.h>

#include "notifyctl/check/check.h"
#include "notifyctl/check/check_filters.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

static const char name[] = "receive_override_options";

static bool filters(const struct postconf *, const struct postconf_service *);
static bool has_filter(const struct check *);
static bool on_loopback(const struct postconf_service *);
static bool public_name(const struct postconf_service *);
static bool behind_proxy(const struct check *, const struct postconf_service *);
static bool takes_back(const struct check *, const struct postconf_service *);
static void check_proxied(struct check *, const struct postconf_service *);
static void check_on(struct check *, const struct postconf_service *);
static bool asks(struct check *, const struct postconf_service *);
static void check_twice(struct check *, const struct postconf_service *);
static void check_everywhere(struct check *);
static bool receives(const struct postconf_service *);
static bool matters(const struct postconf_service *);
static void check_repeated(struct check *, const struct postconf_service *);

static bool
filters(const struct postconf *pc, const struct postconf_service *s)
{
	return (*postconf_for(pc, s, "content_filter") != '\0' ||
	    *postconf_for(pc, s, "smtpd_proxy_filter") != '\0');
}

const char *
check_filter(const struct postconf *pc, const struct postconf_service *s)
{
	if (postconf_runs(s, "pickup") && check_sendmail_listener(pc) != NULL)
		return ("");
	return (postconf_for(pc, s, "content_filter"));
}

static bool
has_filter(const struct check *c)
{
	const struct postconf *pc = c->postfix;
	const struct check_filter *f;
	size_t i;

	for (f = c->filters; f != NULL; f = f->next) {
		if (f->at.map != NULL)
			return (true);
	}

	for (i = 0; i < pc->nservices; i++) {
		/* check_sendmail.c has the way of mail from sendmail(1). */
		if (postconf_runs(&pc->services[i], "pickup"))
			continue;
		if (filters(pc, &pc->services[i]))
			return (true);
	}
	return (*postconf_value(pc, "content_filter") != '\0' ||
	    *postconf_value(pc, "smtpd_proxy_filter") != '\0');
}

static bool
on_loopback(const struct postconf_service *s)
{
	return (strncmp(s->name, "127.", 4) == 0 ||
	    strncmp(s->name, "[::1]", 5) == 0 ||
	    strncmp(s->name, "localhost:", 10) == 0);
}

/* Is it a port to which other mail systems and users connect? */
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

/* Does a filter before the queue (smtpd_proxy_filter) hand it all mail? No
 * setting says so; it is taken to, where there is no other kind of filter. */
static bool
behind_proxy(const struct check *c, const struct postconf_service *s)
{
	static const char proxy[] = "smtpd_proxy_filter";
	const struct postconf *pc = c->postfix;
	size_t i;

	if (!postconf_runs(s, "smtpd") || filters(pc, s) ||
	    s == check_sendmail_listener(pc) || c->filters != NULL ||
	    (!on_loopback(s) &&
		(postconf_override(pc, s, proxy) == NULL || public_name(s))))
		return (false);
	for (i = 0; i < pc->nservices; i++) {
		if (postconf_runs(&pc->services[i], "smtpd") &&
		    *postconf_for(pc, &pc->services[i], proxy) != '\0')
			return (true);
	}
	return (false);
}

static bool
takes_back(const struct check *c, const struct postconf_service *s)
{
	const struct postconf *pc = c->postfix;

	if (s == check_sendmail_listener(pc) || filters(pc, s) ||
	    behind_proxy(c, s) || !has_filter(c))
		return (false);
	return (on_loopback(s) ||
	    (postconf_override(pc, s, "content_filter") != NULL &&
		!public_name(s)));
}

bool
check_front(struct check *c, const struct postconf_service *s)
{
	const struct postconf *pc = c->postfix;
	const char *milters = postconf_override(pc, s, "smtpd_milters");

	if (!postconf_runs(s, "smtpd") || takes_back(c, s) ||
	    *postconf_for(pc, s, "smtpd_proxy_filter") != '\0')
		return (false);
	if (s == check_sendmail_listener(pc) || behind_proxy(c, s))
		return (true);
	/* On loopback, no milters may be intended, for local programs. */
	return (!on_loopback(s) ||
	    ((milters == NULL || *milters != '\0') && !milters_off(pc, s)));
}

/* All mail comes to it from this machine, unless the filter says from where. */
static void
check_proxied(struct check *c, const struct postconf_service *s)
{
	static const char hosts[] = "smtpd_authorized_xclient_hosts";

	if (behind_proxy(c, s) && *postconf_for(c->postfix, s, hosts) == '\0')
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c,
			"%s, behind smtpd_proxy_filter, knows no client's "
			"address",
			s->key),
		    "all mail comes to it from the filter's address: if that "
		    "is in trusted_clients, everybody's tags count",
		    check_text(c,
			"let the filter pass on the client's address by "
			"XCLIENT, and name the filter in %s of that service",
			hosts));
}

/* For a service that receives new mail. */
static void
check_on(struct check *c, const struct postconf_service *s)
{
	if (postconf_override(c->postfix, s, name) != NULL &&
	    milters_off(c->postfix, s))
		check_edit(c, CHECK_ERROR,
		    check_text(c, "%s of %s has no_milters", name, s->key),
		    "Postfix does not show the mail that it receives to the "
		    "milter, so tagged mail goes to its original recipients",
		    s, name, "");
}

/* Does it ask the milter, or will it with the fixes? */
static bool
asks(struct check *c, const struct postconf_service *s)
{
	static const char list[] = "smtpd_milters";
	const struct postconf *pc = c->postfix;
	struct milters m;

	if (milters_off(pc, s))
		return (false);
	return ((c->joins && postconf_override(pc, s, list) == NULL) ||
	    milters_read(pc, c->settings->socket, s, postconf_for(pc, s, list),
		&m) != MILTERS_OTHER);
}

/* For an smtpd(8) that must not ask the milter. */
static void
check_twice(struct check *c, const struct postconf_service *s)
{
	const struct postconf *pc = c->postfix;
	const char *options = postconf_for(pc, s, name);

	if (!asks(c, s))
		return;
	if (takes_back(c, s))
		check_edit(c, CHECK_WARNING,
		    check_text(c,
			"%s, to which a content filter returns mail, runs "
			"milters again",
			s->key),
		    "the milter leaves a message alone that it has decided, "
		    "but by its Message-ID: if the filter gives it another, it "
		    "is decided again, and rejected if a Telegram chat is "
		    "among its recipients",
		    s, name,
		    *options == '\0' ? "no_milters"
				     : check_text(c, "%s,no_milters", options));
	else if (*postconf_for(pc, s, "smtpd_proxy_filter") != '\0')
		check_edit(c, CHECK_ERROR,
		    check_text(c,
			"%s has both smtpd_proxy_filter and the milter",
			s->key),
		    "a milter in front of such a filter sees no header and "
		    "can change nothing (SMTPD_PROXY_README); the listener "
		    "behind the filter must ask it",
		    s, "smtpd_milters", "");
}

static void
check_everywhere(struct check *c)
{
	if (strstr(postconf_value(c->postfix, name), "no_milters") != NULL)
		check_edit(c, CHECK_ERROR,
		    check_text(c, "%s has no_milters in main.cf", name),
		    "Postfix shows no mail at all to milters; no_milters "
		    "belongs in master.cf, to the listener to which a content "
		    "filter returns mail",
		    NULL, name, "");
}

static bool
receives(const struct postconf_service *s)
{
	return (postconf_runs(s, "smtpd") || postconf_runs(s, "postscreen") ||
	    postconf_runs(s, "pickup") || postconf_runs(s, "qmqpd") ||
	    postconf_runs(s, "cleanup"));
}

/* Can it change what the milter sees, or what becomes of its decisions? */
static bool
matters(const struct postconf_service *s)
{
	return (receives(s) || postconf_runs(s, "smtp") ||
	    postconf_runs(s, "lmtp") || postconf_runs(s, "pipe") ||
	    postconf_runs(s, "trivial-rewrite"));
}

/* Has master.cf ${last} before, with another definition? master(8) uses the
 * last one, but postconf -P shows the options of all. */
static void
check_repeated(struct check *c, const struct postconf_service *last)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s;

	for (s = pc->services; s < last; s++) {
		if (strcmp(s->key, last->key) != 0 ||
		    (!matters(s) && !matters(last)) ||
		    (strcmp(s->command, last->command) == 0 &&
			s->chroot == last->chroot &&
			s->privileged == last->privileged))
			continue;
		check_found(c,
		    receives(s) || receives(last) ? CHECK_ERROR : CHECK_WARNING,
		    CHECK_POSTCONF,
		    check_text(c, "master.cf has %s more than once", last->key),
		    "Postfix uses the last entry, without the options of the "
		    "others, such as smtpd_milters; what is said here of that "
		    "service may be wrong. The command keeps the last entry; "
		    "check again after it",
		    check_text(c,
			"postconf%s -M %s=\"$(postconf%s -M %s | "
			"tail -n 1)\"",
			pc->option, check_quote(c, last->key), pc->option,
			check_quote(c, last->key)));
	}
}

void
check_services(struct check *c)
{
	const struct postconf_service *s, *listener;
	size_t i;

	listener = check_sendmail_listener(c->postfix);
	check_everywhere(c);
	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		check_repeated(c, s);
		if (s == listener)
			continue; /* check_sendmail.c */
		check_proxied(c, s);
		if (check_front(c, s))
			check_on(c, s);
		else if (postconf_runs(s, "smtpd"))
			check_twice(c, s);
	}
}
