/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_tables - the tables of header checks, body checks and access maps, read
 * as text
 *
 * No lookup tells what a message will have. Whatever a table matches, it can
 * only do what stands in it. Databases, policy servers and the like cannot be
 * read; a hash is read by the text that it is made of.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/regular.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_tables.h"
#include "notifyctl/postfix/postconf.h"

static void read_file(
    struct check *, const struct check_table *, const char *, check_line *);
static void read_tables(struct check *, const struct postconf_service *,
    const char *, check_line *);

static void
read_file(struct check *c, const struct check_table *t, const char *path,
    check_line *each)
{
	char line[4096];
	FILE *in;

	in = regular_stream(path);
	if (in == NULL)
		return;
	while (fgets(line, sizeof(line), in) != NULL) {
		if (*line != '#')
			each(c, t, line);
	}
	fclose(in);
}

void
check_tables_of(struct check *c, const struct postconf_service *s,
    const char *name, check_line *each)
{
	struct check_table t = {.service = s, .name = name};
	char *rest, *word;

	rest = arena_strdup(c->arena, postconf_for(c->postfix, s, name));
	while ((word = postconf_word(&rest)) != NULL) {
		t.map = word;
		t.path = strchr(word, '{') == NULL ? strstr(word, ":/") : NULL;
		if (t.path != NULL)
			read_file(c, &t, ++t.path, each);
		else if (strchr(word, ':') != NULL)
			each(c, &t, word);
	}
}

/* The default of the checks of other headers is header_checks. */
static void
read_tables(struct check *c, const struct postconf_service *s, const char *name,
    check_line *each)
{
	static const char first[] = "header_checks";
	const struct postconf *pc = c->postfix;

	if (strcmp(name, first) == 0 ||
	    strcmp(postconf_for(pc, s, name), postconf_for(pc, s, first)) != 0)
		check_tables_of(c, s, name, each);
}

void
check_tables(struct check *c, check_line *each)
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
			read_tables(c, s, of_cleanup[k], each);
		for (k = 0; postconf_runs(s, "smtpd") &&
		     k < sizeof(of_smtpd) / sizeof(of_smtpd[0]);
		     k++)
			read_tables(c, s, of_smtpd[k], each);
	}
}

const char *
check_tables_action(const char *line, const char *action)
{
	size_t len = strlen(action);
	const char *s;

	for (s = line; *s != '\0'; s++) {
		if (strchr(" \t=", *s) != NULL &&
		    strncasecmp(s + 1, action, len) == 0 &&
		    (s[1 + len] == ' ' || s[1 + len] == '\t'))
			return (s + 1 + len + strspn(s + 1 + len, " \t"));
	}
	return (NULL);
}
