/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_filters - to which content filters mail goes, and how a transport to
 * one keeps the headers that the last hop takes off
 *
 * A filter is named by content_filter, or by FILTER in a table. Its transport
 * may be one that takes mail to customers as well. Nothing that is changed for
 * the filter may then change that: the filter gets a copy of the transport.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/regular.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_filters.h"
#include "notifyctl/check/check_tables.h"
#include "notifyctl/postfix/postconf.h"

/* Of its transport. */
#define COPY "notify-filter-"

static void add(struct check *, const struct check_table *, const char *);
static void read_line(struct check *, const struct check_table *, const char *);
static bool names(const char *, const char *);
static int names_in(const char *, const char *);
static int routes_by(struct check *, const char *, const char *);
static const char *replaced(
    struct check *, const char *, const char *, const char *);
static const char *in_master(
    struct check *, const struct check_table *, const char *);
static const char *moved(
    struct check *, const struct check_filter *, const char *);
static const char *copied(
    struct check *, const struct postconf_service *, const char *);

/* ${t}: where it is named; ${value}: "transport:nexthop". */
static void
add(struct check *c, const struct check_table *t, const char *value)
{
	struct check_filter *f = arena_alloc(c->arena, sizeof(*f));

	f->at = *t;
	f->transport =
	    arena_strndup(c->arena, value, strcspn(value, ": \t\r\n}"));
	f->next = c->filters;
	c->filters = f;
}

static void
read_line(struct check *c, const struct check_table *t, const char *line)
{
	const char *value = check_tables_action(line, "FILTER");

	if (value != NULL)
		add(c, t, value);
}

void
check_filters_read(struct check *c)
{
	struct check_table t = {.name = "content_filter"};
	const char *value;
	size_t i;

	for (i = 0; i < c->postfix->nservices; i++) {
		t.service = &c->postfix->services[i];
		if (!postconf_runs(t.service, "smtpd") &&
		    !postconf_runs(t.service, "pickup") &&
		    !postconf_runs(t.service, "qmqpd"))
			continue;
		value = check_filter(c->postfix, t.service);
		if (*value != '\0')
			add(c, &t, value);
	}
	check_tables(c, read_line);
}

/* Does ${text} name the transport, alone or before a colon? */
static bool
names(const char *text, const char *transport)
{
	size_t len = strlen(transport);
	const char *s;

	for (s = text; (s = strstr(s, transport)) != NULL; s += len) {
		if ((s == text || strchr(" \t=:,{", s[-1]) != NULL) &&
		    strchr(": \t\r\n", s[len]) != NULL)
			return (true);
	}
	return (false);
}

/* Does a line of the file at ${path}? 1, 0, or -1 if it cannot be read. */
static int
names_in(const char *path, const char *transport)
{
	char line[4096];
	int found = 0;
	FILE *in;

	in = regular_stream(path);
	if (in == NULL)
		return (-1);
	while (found == 0 && fgets(line, sizeof(line), in) != NULL)
		found = *line != '#' && names(line, transport);
	if (ferror(in))
		found = -1;
	fclose(in);
	return (found);
}

/* Do the maps of ${name} route mail by the transport? 1, 0, or -1 if one of
 * them cannot be read. */
static int
routes_by(struct check *c, const char *name, const char *transport)
{
	const char *path;
	char *rest, *map;
	int found = 0, rc;

	rest = arena_strdup(c->arena, postconf_value(c->postfix, name));
	while ((map = postconf_word(&rest)) != NULL) {
		path = strchr(map, '{') == NULL ? strstr(map, ":/") : NULL;
		if (path != NULL)
			rc = names_in(path + 1, transport);
		else if (strchr(map, '{') != NULL ||
		    strncmp(map, "static:", 7) == 0)
			rc = names(map, transport);
		else
			rc = -1;
		if (rc == 1)
			return (1);
		if (rc == -1)
			found = -1;
	}
	return (found);
}

int
check_filters_shared(struct check *c, const char *transport)
{
	static const char *const settings[] = {"default_transport",
	    "relay_transport", "local_transport", "virtual_transport",
	    "mailbox_transport", "fallback_transport"};
	static const char *const maps[] = {"transport_maps",
	    "sender_dependent_default_transport_maps", "mailbox_transport_maps",
	    "fallback_transport_maps"};
	size_t i;
	int found = 0, rc;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (names(postconf_value(c->postfix, settings[i]), transport))
			return (1);
	}
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		rc = routes_by(c, maps[i], transport);
		if (rc == 1)
			return (1);
		if (rc == -1)
			found = -1;
	}
	return (found);
}

/* ${text} with the transport ${from} of each FILTER as ${to}. */
static const char *
replaced(struct check *c, const char *text, const char *from, const char *to)
{
	const char *s, *out = "";
	size_t len = strlen(from);

	while ((s = check_tables_action(text, "FILTER")) != NULL) {
		out = arena_concat(c->arena, out,
		    arena_strndup(c->arena, text, (size_t)(s - text)), NULL);
		text = s;
		if (strncmp(s, from, len) == 0 && s[len] == ':') {
			out = arena_concat(c->arena, out, to, NULL);
			text += len;
		}
	}
	return (arena_concat(c->arena, out, text, NULL));
}

/* The commands that set ${t}'s setting in master.cf to a value with white
 * space: a name of main.cf stands for it. */
static const char *
in_master(struct check *c, const struct check_table *t, const char *value)
{
	char *name = arena_concat(
	    c->arena, "notify_", t->service->key, "_", t->name, NULL);
	char *s;

	for (s = name; *s != '\0'; s++) {
		if (!isalnum((unsigned char)*s))
			*s = '_';
	}
	return (check_text(c, "%s && %s",
	    postconf_edit(c->postfix, NULL, name, value),
	    postconf_edit(
		c->postfix, t->service, t->name, check_text(c, "$%s", name))));
}

/* The command that makes ${f} use the transport ${to}. */
static const char *
moved(struct check *c, const struct check_filter *f, const char *to)
{
	const struct postconf *pc = c->postfix;
	const struct check_table *t = &f->at;
	const struct postconf_service *where =
	    check_setter(c, t->service, t->name);
	const char *value = postconf_for(pc, t->service, t->name), *edit;

	if (t->map == NULL)
		return (postconf_edit(pc, where, t->name,
		    check_text(c, "%s%s", to, value + strlen(f->transport))));
	if (t->path == NULL && where == NULL)
		return (postconf_edit(pc, NULL, t->name,
		    replaced(
			c, postconf_given(pc, t->name), f->transport, to)));
	if (t->path == NULL)
		return (in_master(c, t, replaced(c, value, f->transport, to)));
	edit = check_text(c, "sed -Ei %s %s",
	    check_quote(c,
		check_text(
		    c, "s/(FILTER[[:space:]]+)%s:/\\1%s:/I", f->transport, to)),
	    check_quote(c, t->path));
	/* What is read as a file has no other form. */
	if (strncmp(t->map, "regexp:", 7) == 0 ||
	    strncmp(t->map, "pcre:", 5) == 0 ||
	    strncmp(t->map, "cidr:", 5) == 0 ||
	    strncmp(t->map, "texthash:", 9) == 0)
		return (edit);
	return (check_text(
	    c, "%s && postmap%s %s", edit, pc->option, check_quote(c, t->map)));
}

/* The commands that make a copy of ${s}, called ${to}. */
static const char *
copied(struct check *c, const struct postconf_service *s, const char *to)
{
	static const char *const limits[] = {"_destination_recipient_limit",
	    "_destination_concurrency_limit", "_destination_rate_delay",
	    "_transport_rate_delay"};
	const struct postconf *pc = c->postfix;
	const char *text, *value;
	size_t i;

	text = check_text(c,
	    "postconf%s -M %s=\"$(postconf%s -M %s | tail -n 1 | "
	    "sed %s)\"",
	    pc->option, check_quote(c, check_text(c, "%s/unix", to)),
	    pc->option, check_quote(c, s->key),
	    check_quote(c, check_text(c, "s/^[^ ]*/%s/", to)));
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		value = postconf_value(
		    pc, check_text(c, "%s%s", s->name, limits[i]));
		if (*value != '\0' &&
		    strcmp(value,
			postconf_value(
			    pc, check_text(c, "default%s", limits[i]))) != 0)
			text = check_text(c, "%s && %s", text,
			    postconf_edit(pc, NULL,
				check_text(c, "%s%s", to, limits[i]), value));
	}
	return (text);
}

const char *
check_filters_own(
    struct check *c, const struct postconf_service *s, const char *name)
{
	const char *to = check_text(c, COPY "%s", s->name), *text, *move;
	const struct check_filter *f;
	struct postconf_service copy = {.key = check_text(c, "%s/unix", to)};

	text = check_text(c, "%s && %s", copied(c, s, to),
	    postconf_edit(c->postfix, &copy, name, ""));
	for (f = c->filters; f != NULL; f = f->next) {
		if (strcmp(f->transport, s->name) != 0)
			continue;
		move = moved(c, f, to);
		if (strstr(text, move) == NULL)
			text = check_text(c, "%s && %s", text, move);
	}
	return (text);
}
