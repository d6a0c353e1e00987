/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_milters - do the other milters answer that Postfix asks besides ours?
 *
 * One that does not is not our fault, but stops our mail too. Former sockets of
 * our milter are found with the lists that should name it: check_postfix.c,
 * check_sendmail.c.
 */
#include <string.h>
#include <strings.h>

#include "notifyctl/check/check.h"
#include "notifyctl/check/check_peers.h"
#include "notifyctl/check/check_tables.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

/* An element of a list, or of a table. */
struct place {
	const struct postconf_service *reader;
	const char *label; /* "smtpd_milters of submission/inet" */
	const struct milter *milter;
	const char *fix; /* what takes it out, and mends the list; or NULL */
};

static const char *without(struct check *, const struct milters *, size_t);
static void found(struct check *, const struct place *, const char *,
    const char *, const char *);
static void found_away(struct check *, const struct place *, const char *);
static void check_one(struct check *, const struct place *);
static void check_list(
    struct check *, const char *, const struct postconf_service *);
static void check_line_of_map(
    struct check *, const struct check_table *, const char *);
static bool shows_to_cleanup(struct check *);

const char *
check_milters_away(struct check *c, const struct postconf_service *reader,
    const struct milter *m)
{
	const char *action = m == NULL ? NULL : m->action;

	if (action == NULL)
		action =
		    postconf_for(c->postfix, reader, "milter_default_action");
	if (strcasecmp(action, "accept") == 0)
		return ("tries that milter for each message, and goes on "
			"without it");
	if (strcasecmp(action, "reject") == 0)
		return ("rejects all mail that it would show to that milter, "
			"tagged or not");
	if (strcasecmp(action, "quarantine") == 0)
		return ("holds all mail that it would show to that milter, "
			"tagged or not");
	return ("defers all mail that it would show to that milter, tagged or "
		"not");
}

/* The list without its element ${i}. */
static const char *
without(struct check *c, const struct milters *m, size_t i)
{
	const char *list = "";
	size_t k;

	for (k = 0; k < m->n; k++) {
		if (k != i)
			list = check_text(c, "%s%s%s", list,
			    *list == '\0' ? "" : ", ", m->v[k].text);
	}
	return (list);
}

static void
found(struct check *c, const struct place *p, const char *what, const char *why,
    const char *advice)
{
	check_found(c, CHECK_WARNING, CHECK_DO, what, why,
	    check_text(c,
		"%s; or, if it is not needed any more, such as a former socket "
		"of notify-milter, %s%s",
		advice, p->fix == NULL ? "take it out of " : "run: ",
		p->fix == NULL ? p->label : p->fix));
}

/* It is not of ours, as far as its address tells: inet:127.0.0.1:8890 may have
 * been. */
static void
found_away(struct check *c, const struct place *p, const char *what)
{
	found(c, p, what,
	    check_text(
		c, "Postfix %s", check_milters_away(c, p->reader, p->milter)),
	    "start that milter");
}

static void
check_one(struct check *c, const struct place *p)
{
	const char *where = p->milter->address, *why;
	const char *protocol = p->milter->protocol;

	if (protocol != NULL && !milters_speaks(protocol))
		found(c, p,
		    check_text(c, "%s has protocol=%s for %s", p->label,
			protocol, where),
		    check_unsupported, "write protocol=6");
	switch (check_peers_ask(c, p->reader, p->milter, &why)) {
	case PEER_MILTER:
		break;
	case PEER_NOTIFY:
		found(c, p,
		    check_text(c,
			"another notify-milter answers at %s, which %s names",
			where, p->label),
		    "each decides tagged mail by its own settings, and may "
		    "remove whom the other adds",
		    "restart that one if it should have these settings");
		break;
	case PEER_SILENT:
		found_away(c, p,
		    check_text(c,
			"the program at %s, which %s names, does not answer",
			where, p->label));
		break;
	case PEER_NO_MILTER:
		found_away(c, p,
		    check_text(c,
			"the program at %s, which %s names, is not a milter",
			where, p->label));
		break;
	case PEER_NOBODY:
		found_away(c, p,
		    check_text(c, "no milter answers at %s, which %s names: %s",
			where, p->label, why));
		break;
	case PEER_DENIED:
		found(c, p,
		    check_text(c,
			"%s cannot connect to %s, which %s names: permission "
			"denied",
			postconf_value(c->postfix, "mail_owner"), where,
			p->label),
		    check_text(c, "Postfix %s",
			check_milters_away(c, p->reader, p->milter)),
		    "give Postfix's user the group of that socket");
		break;
	case PEER_UNSEEN:
		check_unseen(c,
		    check_text(c,
			"whether a milter answers at %s, which %s names, is "
			"not checked",
			where, p->label),
		    "if none does, Postfix treats all mail as "
		    "milter_default_action says");
		break;
	case PEER_MALFORMED:
		found(c, p,
		    check_text(c, "%s has %s, which is not Postfix's syntax",
			p->label, where),
		    check_text(c, "Postfix %s",
			check_milters_away(c, p->reader, p->milter)),
		    "write it as inet:HOST:PORT or unix:PATH");
		break;
	}
}

static void
check_list(
    struct check *c, const char *name, const struct postconf_service *reader)
{
	const struct postconf *pc = c->postfix;
	struct place p = {
	    .reader = reader, .label = check_label(c, reader, name)};
	const char *why;
	struct milters m;
	size_t i, faults = 0;

	milters_read(pc, c->settings->socket, reader,
	    postconf_for(pc, reader, name), &m);
	for (i = 0; i < m.n; i++) {
		if (m.v[i].match == MILTERS_OTHER &&
		    check_peers_ask(c, reader, &m.v[i], &why) != PEER_MILTER)
			faults++;
	}
	for (i = 0; i < m.n; i++) {
		if (m.v[i].match != MILTERS_OTHER ||
		    check_peers_former(c, reader, &m.v[i]))
			continue;
		p.milter = &m.v[i];
		/* Of several commands one would undo the other. */
		p.fix = faults > 1
		    ? NULL
		    : postconf_edit(pc, check_setter(c, reader, name), name,
			  without(c, &m, i));
		check_one(c, &p);
	}
}

/* A line of smtpd_milter_maps, or a whole table in the setting. */
static void
check_line_of_map(
    struct check *c, const struct check_table *t, const char *line)
{
	static const char ends[] = " \t\r\n,{}=";
	struct milters m;
	struct place p = {
	    .reader = t->service, .label = check_label(c, t->service, t->name)};
	const char *s, *word;

	for (s = line + strspn(line, ends); *s != '\0'; s += strspn(s, ends)) {
		word = check_text(c, "%.*s", (int)strcspn(s, ends), s);
		s += strlen(word);
		if (strncmp(word, "inet:", 5) != 0 &&
		    strncmp(word, "unix:", 5) != 0)
			continue;
		if (milters_read(c->postfix, c->settings->socket, t->service,
			word, &m) != MILTERS_OTHER)
			continue;
		p.milter = &m.v[0];
		check_one(c, &p);
	}
}

/* Does any mail pass cleanup(8)'s own milters? */
static bool
shows_to_cleanup(struct check *c)
{
	const struct postconf_service *s;
	size_t i;

	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		if ((postconf_runs(s, "pickup") || postconf_runs(s, "qmqpd")) &&
		    !milters_off(c->postfix, s))
			return (true);
	}
	return (false);
}

void
check_milters(struct check *c)
{
	const struct postconf_service *s;
	bool cleanup = shows_to_cleanup(c);
	size_t i;

	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		if (postconf_runs(s, "smtpd") && !milters_off(c->postfix, s)) {
			check_list(c, "smtpd_milters", s);
			check_tables_of(
			    c, s, "smtpd_milter_maps", check_line_of_map);
		} else if (cleanup && postconf_runs(s, "cleanup")) {
			check_list(c, "non_smtpd_milters", s);
		}
	}
}
