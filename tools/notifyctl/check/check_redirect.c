/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_redirect - do header checks, body checks or access maps give mail to
 * others than those for whom the milter decided?
 *
 * REDIRECT replaces all recipients when a message is delivered, BCC adds one;
 * neither is shown to the milter. FILTER takes mail from sendmail(1) past its
 * listener.
 */
#include <string.h>

#include "notifyctl/check/check.h"
#include "notifyctl/check/check_tables.h"
#include "notifyctl/postfix/postconf.h"

static const char *action_in(const char *);
static void check_line_of(
    struct check *, const struct check_table *, const char *);

/* The action in a line of a table that gives mail to others, or NULL. */
static const char *
action_in(const char *line)
{
	static const char *const actions[] = {"REDIRECT", "BCC", "FILTER"};
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (check_tables_action(line, actions[i]) != NULL)
			return (actions[i]);
	}
	return (NULL);
}

static void
check_line_of(struct check *c, const struct check_table *t, const char *line)
{
	const char *action = action_in(line);
	bool filter, smtpd = postconf_runs(t->service, "smtpd");

	if (action == NULL || (smtpd && !check_front(c, t->service)))
		return;
	filter = strcmp(action, "FILTER") == 0;
	/* A filter for mail by SMTP is no matter: it is decided before. */
	if (filter && smtpd)
		return;
	check_found(c, CHECK_WARNING, CHECK_DO,
	    check_text(c, "%s of %s has %s", t->map,
		check_label(c, t->service, t->name), action),
	    filter
		? "such mail from sendmail(1) bypasses the listener, and goes "
		  "out undecided"
		: "Postfix does that after the milter has decided: others get "
		  "tagged mail that matches, entitled or not",
	    filter ? "set a content_filter for the listener that is to be "
		     "filtered"
		   : check_text(c,
			 "remove %s from it; rewrite recipients with "
			 "virtual_alias_maps",
			 action));
}

void
check_redirect(struct check *c)
{
	check_tables(c, check_line_of);
}
