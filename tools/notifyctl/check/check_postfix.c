/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_postfix - does Postfix ask the milter, and does it heed the answer?
 *
 * Mail from the network is shown to milters by smtpd(8), which may have a list
 * of its own in master.cf; mail from sendmail(1) by cleanup(8).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define NOT_ASKED                                                              \
	"the milter does not see such mail, so tagged mail goes to "           \
	"whomever it was addressed"

static const char *rewritten(
    struct check *, const struct milters *, const char *);
static const char *edit(struct check *, const struct milters *, const char *);
static void say_missing(struct check *, const struct milters *);
static void say_meant(struct check *, const struct milters *);
static void check_order(struct check *, const struct milters *);
static bool signs(const char *);
static void check_action(struct check *, const struct milters *);
static void check_protocol(struct check *);
static const char *whom(struct check *, const struct milters *);
static void check_list(
    struct check *, const char *, const struct postconf_service *);

/* "smtpd_milters", or "smtpd_milters of submission/inet". */
static const char *
whom(struct check *c, const struct milters *m)
{
	return (m->override == NULL
		? m->name
		: check_text(c, "%s of %s", m->name, m->override->key));
}

/* The list with ${text} in the place of our milter's element, or in front. */
static const char *
rewritten(struct check *c, const struct milters *m, const char *text)
{
	const char *list = text;
	size_t i;

	for (i = 0; i < m->n; i++) {
		if (i != m->ours)
			list = check_text(c, "%s, %s", list, m->v[i].text);
	}
	return (list);
}

static const char *
edit(struct check *c, const struct milters *m, const char *value)
{
	return (postconf_edit(c->postfix, m->override, m->name, value));
}

static void
say_missing(struct check *c, const struct milters *m)
{
	const char *address = milters_address(c, m->reader), *given;

	if (address == NULL) {
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c,
			"%s does not name the milter, and could not: %s is "
			"chrooted, and %s lies outside %s",
			whom(c, m), m->reader->key, c->settings->socket,
			c->postfix->queue),
		    NOT_ASKED,
		    check_setting(c, "milter",
			check_text(c,
			    "socket = unix:%s/notify-milter/notify-milter.sock",
			    c->postfix->queue)));
		return;
	}
	given = m->override == NULL ? postconf_given(c->postfix, m->name)
				    : m->value;
	/* Mended with the other list. */
	if (strcmp(given, "$smtpd_milters") == 0 &&
	    check_known(c, "smtpd_milters does not name the milter"))
		return;
	check_found(c, m->override == NULL ? CHECK_ERROR : CHECK_WARNING,
	    CHECK_RUN, check_text(c, "%s does not name the milter", whom(c, m)),
	    strcmp(m->name, "non_smtpd_milters") == 0
		? "mail from sendmail(1) is not shown to the milter, so "
		  "tagged mail goes to whomever it was addressed"
		: NOT_ASKED,
	    edit(c, m,
		*given == '\0' ? address
			       : check_text(c, "%s, %s", address, given)));
}

static void
say_meant(struct check *c, const struct milters *m)
{
	const struct milter *milter = &m->v[m->ours];
	const char *address = milters_address(c, m->reader), *path;

	path = strchr(milter->address, ':');
	if (address == NULL) {
		say_missing(c, m);
		return;
	}
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    strncmp(milter->address, "unix:", 5) == 0 ||
		    strncmp(milter->address, "local:", 6) == 0
		? check_text(c,
		      "%s has %s, which leads %s%s to %s; the milter is at %s",
		      whom(c, m), milter->address,
		      m->reader->chroot ? "a chrooted " : "",
		      strcmp(m->name, "smtpd_milters") == 0 ? "smtpd"
							    : "cleanup",
		      milters_path(c, m->reader, path + 1),
		      strchr(c->settings->socket, ':') + 1)
		: check_text(c, "%s has %s, which is not how Postfix writes it",
		      whom(c, m), milter->address),
	    "Postfix cannot reach the milter, and does with all mail what "
	    "milter_default_action says",
	    edit(c, m, rewritten(c, m, address)));
}

/* Is it likely to sign? Milters have no other mark than their socket. */
static bool
signs(const char *address)
{
	static const char *const marks[] = {
	    "dkim", "rspamd", ":11332", ":8891", ":12301"};
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strcasestr(address, marks[i]) != NULL)
			return (true);
	}
	return (false);
}

static void
check_order(struct check *c, const struct milters *m)
{
	size_t i;

	for (i = 0; i < m->ours && !signs(m->v[i].address); i++)
		;
	if (i == m->ours)
		return;
	check_found(c, CHECK_WARNING, CHECK_RUN,
	    check_text(c, "%s has %s, which seems to sign, before the milter",
		whom(c, m), m->v[i].address),
	    "the milter removes X-Notify headers of clients that may not tag; "
	    "a DKIM signature that covers them is broken by that, and one that "
	    "is made afterwards is not",
	    edit(c, m, rewritten(c, m, m->v[m->ours].text)));
}

static void
check_action(struct check *c, const struct milters *m)
{
	static const struct {
		const char *action;
		enum check_severity severity;
		const char *why;
	} actions[] = {
	    {"accept", CHECK_ERROR,
		"while the milter is away, tagged mail goes out to whomever it "
		"was addressed, and nothing says so but Postfix's log"},
	    {"reject", CHECK_WARNING,
		"while the milter is away, all mail is refused for good and "
		"its senders get bounces; with tempfail they try again"},
	    {"quarantine", CHECK_WARNING,
		"while the milter is away, mail is put on hold undecided; what "
		"is released from there goes to whomever it was addressed"},
	};
	const struct postconf_service *where = NULL;
	const char *own = m->v[m->ours].action, *action, *at, *text;
	size_t i;

	action =
	    postconf_override(c->postfix, m->reader, "milter_default_action");
	if (action != NULL)
		where = m->reader;
	else
		action = postconf_value(c->postfix, "milter_default_action");
	if (own != NULL)
		action = own;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action, actions[i].action) != 0)
			continue;
		if (own == NULL) {
			check_found(c, actions[i].severity, CHECK_RUN,
			    check_text(c, "milter_default_action%s%s = %s",
				where == NULL ? "" : " of ",
				where == NULL ? "" : where->key, action),
			    actions[i].why,
			    postconf_edit(c->postfix, where,
				"milter_default_action", "tempfail"));
			continue;
		}
		text = m->v[m->ours].text;
		at = strstr(text, own);
		while (at != NULL && strstr(at + 1, own) != NULL)
			at = strstr(at + 1, own);
		check_found(c, actions[i].severity, CHECK_RUN,
		    check_text(c, "%s has default_action=%s for the milter",
			whom(c, m), own),
		    actions[i].why,
		    edit(c, m,
			rewritten(c, m,
			    check_text(c, "%.*stempfail%s", (int)(at - text),
				text, at + strlen(own)))));
	}
}

/* The milter works with each version that Postfix knows. */
static void
check_protocol(struct check *c)
{
	const char *version;

	version = postconf_value(c->postfix, "milter_protocol");
	if (strlen(version) == 1 && strchr("2346", *version) != NULL)
		return;
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(c, "milter_protocol = %s", version),
	    "Postfix knows no such version, and answers all mail with \"451 "
	    "Server configuration problem\"",
	    postconf_edit(c->postfix, NULL, "milter_protocol", "6"));
}

static void
check_list(
    struct check *c, const char *name, const struct postconf_service *reader)
{
	struct milters m;

	milters_read(c, &m, name, reader);
	switch (m.match) {
	case MILTERS_OTHER:
		say_missing(c, &m);
		return;
	case MILTERS_MEANT:
		say_meant(c, &m);
		break;
	case MILTERS_OURS:
		break;
	}
	check_order(c, &m);
	check_action(c, &m);
	check_protocol(c);
}

void
check_postfix(struct check *c)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s, *some = NULL;
	bool front = false;
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		s = &pc->services[i];
		if (services_front(c, s)) {
			check_list(c, "smtpd_milters", s);
			front = true;
		} else if (some == NULL && postconf_runs(s, "smtpd") &&
		    *postconf_for(pc, s, "smtpd_milters") == '\0') {
			some = s;
		}
	}
	/* A Postfix without any smtpd takes mail from sendmail(1) alone. */
	if (!front && some != NULL)
		check_list(c, "smtpd_milters", some);
	s = postconf_service(
	    pc, postconf_value(pc, "cleanup_service_name"), "unix");
	if (s != NULL)
		check_list(c, "non_smtpd_milters", s);
}
