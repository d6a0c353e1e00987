/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_redirect - do header checks, body checks or access maps give mail to
 * others than those for whom the milter decided?
 *
 * REDIRECT replaces all recipients when a message is delivered, BCC adds one;
 * neither is shown to the milter. FILTER takes mail from sendmail(1) past its
 * listener. Tables are read as text: no lookup tells what a message will have.
 * Databases, policy servers and the like cannot be read.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"

static const char *action_in(const char *);
static const char *action_of(const char *, char *, size_t);
static void check_table(struct check *, const struct postconf_service *,
    const char *, const char *);
static void check_tables(
    struct check *, const struct postconf_service *, const char *);

/* The action in a line of a table that gives mail to others, or NULL. */
static const char *
action_in(const char *line)
{
	static const char *const actions[] = {"REDIRECT", "BCC", "FILTER"};
	const char *s;
	size_t i, len;

	for (s = line; *s != '\0'; s++) {
		if (strchr(" \t=", *s) == NULL)
			continue;
		for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
			len = strlen(actions[i]);
			if (strncasecmp(s + 1, actions[i], len) == 0 &&
			    (s[1 + len] == ' ' || s[1 + len] == '\t'))
				return (actions[i]);
		}
	}
	return (NULL);
}

/* The same for a table: a file, or in the setting itself. */
static const char *
action_of(const char *table, char *line, size_t size)
{
	const char *found = NULL;
	FILE *in;

	if (*table != '/')
		return (action_in(table));
	in = fopen(table, "re");
	if (in == NULL)
		return (NULL);
	while (found == NULL && fgets(line, (int)size, in) != NULL) {
		if (*line != '#')
			found = action_in(line);
	}
	fclose(in);
	return (found);
}

static void
check_table(struct check *c, const struct postconf_service *s, const char *name,
    const char *table)
{
	char line[4096];
	const char *colon = strchr(table, ':'), *action, *label;
	bool filter;

	if (colon == NULL)
		return;
	action = action_of(colon + 1, line, sizeof(line));
	if (action == NULL)
		return;
	label = check_label(c, s, name);
	filter = strcmp(action, "FILTER") == 0;
	/* A filter for mail by SMTP is no matter: it is decided before. */
	if (filter && postconf_runs(s, "smtpd"))
		return;
	check_found(c, CHECK_WARNING, CHECK_DO,
	    check_text(c, "%s of %s has %s", table, label, action),
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

/* ${name}: header checks, or restrictions with access maps among others. */
static void
check_tables(
    struct check *c, const struct postconf_service *s, const char *name)
{
	const char *value = postconf_for(c->postfix, s, name);
	char *rest, *word;

	/* The default of the checks of other headers is these. */
	if (strcmp(name, "header_checks") != 0 &&
	    strcmp(value, postconf_for(c->postfix, s, "header_checks")) == 0)
		return;
	rest = arena_strdup(c->arena, value);
	while ((word = postconf_word(&rest)) != NULL)
		check_table(c, s, name, word);
}

void
check_redirect(struct check *c)
{
	static const char *const of_cleanup[] = {"header_checks",
	    "mime_header_checks", "nested_header_checks", "body_checks"};
	static const char *const of_smtpd[] = {"smtpd_client_restrictions",
	    "smtpd_helo_restrictions", "smtpd_sender_restrictions",
	    "smtpd_relay_restrictions", "smtpd_recipient_restrictions",
	    "smtpd_data_restrictions", "smtpd_end_of_data_restrictions"};
	const struct postconf_service *s;
	size_t i, k;

	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		for (k = 0; postconf_runs(s, "cleanup") &&
		     k < sizeof(of_cleanup) / sizeof(of_cleanup[0]);
		     k++)
			check_tables(c, s, of_cleanup[k]);
		for (k = 0; check_front(c, s) &&
		     k < sizeof(of_smtpd) / sizeof(of_smtpd[0]);
		     k++)
			check_tables(c, s, of_smtpd[k]);
	}
}
