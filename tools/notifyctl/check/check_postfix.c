/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_postfix - does Postfix ask the milter, and obey it?
 *
 * smtpd(8) shows mail from the network to smtpd_milters, which master.cf may
 * override. check_sendmail.c has mail from sendmail(1).
 */
#include <string.h>
#include <strings.h>

#include "notifyctl/check/check.h"
#include "notifyctl/check/check_peers.h"
#include "notifyctl/postfix/instances.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

/* A default_action that is wrong for the milter. */
struct action {
	const char *name;
	enum check_severity severity;
	const char *why;
};

/* A list of milters, and the service that reads it. */
struct list {
	const char *name;			 /* of the parameter */
	const struct postconf_service *override; /* NULL: main.cf has it */
	const struct postconf_service *reader;
	const char *value;
	const char *label;   /* "smtpd_milters of submission/inet" */
	const char *address; /* of ours; NULL: it cannot be reached */
	struct milters milters;
	const char *former; /* the first entry that was ours; NULL: none */
	/* What the list must be. Every finding has it for its fix, so that
	 * those of one list do not undo each other. */
	const char *right;
};

const char check_unsupported[] =
    "Postfix does not support that version, and answers all mail with \"451 "
    "Server configuration problem\"";

static void edit(struct check *, enum check_severity, const struct list *,
    const char *, const char *);
static const struct action *unwelcome(const char *);
static const char *replaced(
    struct check *, const char *, size_t, const char *, const char *);
static const char *right_entry(struct check *, const struct list *);
static bool is_one_too_many(
    struct check *, const struct list *, const struct milter *);
static const char *right_list(struct check *, struct list *);
static void add_missing(struct check *, const struct list *, bool *);
static void add_meant(struct check *, const struct list *);
static bool signs(const char *);
static const char *signer(const struct list *);
static void check_order(struct check *, const struct list *);
static void check_former(struct check *, const struct list *);
static void check_action(struct check *, const struct list *);
static void check_protocol(struct check *, const struct postconf_service *);
static void check_own_protocol(struct check *, const struct list *);
static void leave_chroot(
    struct check *, const struct postconf_service *, const char *);
static void check_list(
    struct check *, const char *, const struct postconf_service *, bool *);

/* A finding whose fix changes the list. */
static void
edit(struct check *c, enum check_severity severity, const struct list *l,
    const char *what, const char *why)
{
	check_edit(c, severity, what, why, l->override, l->name, l->right);
}

/* ${missing}: smtpd_milters of main.cf lacks the milter too. */
static void
add_missing(struct check *c, const struct list *l, bool *missing)
{
	if (l->address == NULL) {
		check_setting(c, CHECK_ERROR,
		    check_text(c,
			"%s does not name the milter, and cannot: %s is "
			"chrooted, and %s is outside %s",
			l->label, l->reader->key, c->settings->socket,
			c->postfix->queue),
		    "Postfix does not show such mail to the milter, so tagged "
		    "mail goes to its original recipients",
		    "milter",
		    check_text(c,
			"socket = unix:%s/notify-milter/notify-milter.sock",
			c->postfix->queue));
		return;
	}
	/* The other list is the one to change. */
	if (*missing && l->override == NULL &&
	    strcmp(postconf_given(c->postfix, l->name), "$smtpd_milters") == 0)
		return;
	if (l->override == NULL && strcmp(l->name, "smtpd_milters") == 0)
		*missing = c->joins = true;
	edit(c, l->override == NULL ? CHECK_ERROR : CHECK_WARNING, l,
	    check_text(c, "%s does not name the milter", l->label),
	    "Postfix does not show such mail to the milter, so tagged mail "
	    "goes to its original recipients");
}

static void
add_meant(struct check *c, const struct list *l)
{
	const char *address = l->milters.v[l->milters.ours].address, *what;

	if (strncmp(address, "unix:", 5) == 0 ||
	    strncmp(address, "local:", 6) == 0)
		what = check_text(c,
		    "%s has %s, which leads %s%s to %s; the milter is at %s",
		    l->label, address, l->reader->chroot ? "a chrooted " : "",
		    "smtpd",
		    milters_path(
			c->postfix, l->reader, strchr(address, ':') + 1),
		    strchr(c->settings->socket, ':') + 1);
	else
		what = check_text(c, "%s has %s, which is not Postfix's syntax",
		    l->label, address);
	edit(c, CHECK_ERROR, l, what,
	    "Postfix cannot connect to the milter, and treats all mail as "
	    "milter_default_action says");
}

/* Does it probably sign? Only its socket tells. */
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

/* The entry before ours that signs; NULL: none. */
static const char *
signer(const struct list *l)
{
	const struct milters *m = &l->milters;
	size_t i;

	for (i = 0; i < m->ours && m->ours < m->n; i++) {
		if (signs(m->v[i].address))
			return (m->v[i].address);
	}
	return (NULL);
}

static void
check_order(struct check *c, const struct list *l)
{
	const char *before = signer(l);

	if (before != NULL)
		edit(c, CHECK_WARNING, l,
		    check_text(c,
			"%s has %s, which seems to sign, before the milter",
			l->label, before),
		    "the milter removes X-Notify headers of clients that may "
		    "not tag; this breaks a DKIM signature that covers them, "
		    "unless it is made afterwards");
}

/* What a default_action of the milter's own makes of mail while it is down;
 * NULL if that is right. */
static const struct action *
unwelcome(const char *action)
{
	static const struct action actions[] = {
	    {"accept", CHECK_ERROR,
		"while the milter is down, tagged mail goes to its original "
		"recipients, and only Postfix's log tells"},
	    {"reject", CHECK_WARNING,
		"while the milter is down, Postfix rejects all mail and its "
		"senders get bounces; with tempfail they retry"},
	    {"quarantine", CHECK_WARNING,
		"while the milter is down, Postfix puts mail on hold "
		"undecided; once released it goes to its original recipients"},
	};
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcasecmp(action, actions[i].name) == 0)
			return (&actions[i]);
	}
	return (NULL);
}

/* ${text}, with ${new} in the place of ${old}, which is at ${at}. */
static const char *
replaced(struct check *c, const char *text, size_t at, const char *old,
    const char *new)
{
	return (check_text(
	    c, "%.*s%s%s", (int)at, text, new, text + at + strlen(old)));
}

/* Our entry, with its options; its address, action and protocol are right. */
static const char *
right_entry(struct check *c, const struct list *l)
{
	const struct milter *m;
	const char *text;
	bool action, protocol;

	if (l->milters.match == MILTERS_OTHER)
		return (l->address);
	m = &l->milters.v[l->milters.ours];
	text = m->text;
	action = m->action != NULL && unwelcome(m->action) != NULL;
	protocol = m->protocol != NULL && !milters_speaks(m->protocol);
	/* From behind, so that the places stay. */
	if (action && (!protocol || m->action_at > m->protocol_at))
		text = replaced(c, text, m->action_at, m->action, "tempfail");
	if (protocol)
		text = replaced(c, text, m->protocol_at, m->protocol, "6");
	if (action && protocol && m->action_at < m->protocol_at)
		text = replaced(c, text, m->action_at, m->action, "tempfail");
	if (l->milters.match == MILTERS_MEANT && l->address != NULL)
		text = replaced(c, text, m->address_at, m->address, l->address);
	return (text);
}

/* Was it ours, or is it ours once more? With TCP the port alone is compared,
 * and the port of another host may be another milter's. */
static bool
is_one_too_many(struct check *c, const struct list *l, const struct milter *m)
{
	if (m->match == MILTERS_OTHER)
		return (check_peers_former(c, l->reader, m));
	return (m->match == MILTERS_MEANT ||
	    strncmp(m->address, "inet:", 5) != 0 ||
	    strcmp(m->address, l->milters.v[l->milters.ours].address) == 0);
}

/* Ours once, before what signs, and all others but what was ours. */
static const char *
right_list(struct check *c, struct list *l)
{
	const struct milters *m = &l->milters;
	const char *ours = right_entry(c, l), *list = "", *first = NULL, *text;
	size_t i;

	if (m->match != MILTERS_OURS || signer(l) != NULL)
		list = first = ours;
	for (i = 0; i < m->n; i++) {
		text = m->v[i].text;
		if (i == m->ours)
			text = first == NULL ? ours : NULL;
		else if (is_one_too_many(c, l, &m->v[i]))
			text = NULL;
		if (text == NULL && i != m->ours && l->former == NULL)
			l->former = m->v[i].address;
		if (text != NULL)
			list = check_text(
			    c, "%s%s%s", list, *list == '\0' ? "" : ", ", text);
	}
	/* $names in it stay, if that is possible. */
	if (m->match != MILTERS_OTHER || l->former != NULL)
		return (list);
	text = l->override == NULL ? postconf_given(c->postfix, l->name)
				   : l->value;
	return (*text == '\0' ? ours : check_text(c, "%s, %s", ours, text));
}

static void
check_former(struct check *c, const struct list *l)
{
	const struct milter *m;
	const char *away, *action;
	size_t i;

	if (l->former == NULL)
		return;
	for (i = 0; strcmp(l->milters.v[i].address, l->former) != 0; i++)
		;
	m = &l->milters.v[i];
	if (m->match == MILTERS_OURS) {
		edit(c, CHECK_WARNING, l,
		    check_text(c, "%s names the milter twice", l->label),
		    "Postfix shows it each message twice");
		return;
	}
	away = check_milters_away(c, l->reader, m);
	action = m->action == NULL
	    ? postconf_for(c->postfix, l->reader, "milter_default_action")
	    : m->action;
	edit(c, strcasecmp(action, "accept") == 0 ? CHECK_WARNING : CHECK_ERROR,
	    l,
	    check_text(c,
		"%s has %s, a former socket of the milter, which is "
		"at %s now",
		l->label, m->address, c->settings->socket),
	    check_text(c,
		"no milter answers there, or not any more when it has been "
		"restarted: Postfix %s",
		away));
}

static void
check_action(struct check *c, const struct list *l)
{
	static const char name[] = "milter_default_action";
	const struct postconf *pc = c->postfix;
	const struct postconf_service *where;
	const struct action *wrong;
	const char *own = NULL;

	/* The entry that is missing will have none of its own. */
	if (l->milters.ours < l->milters.n)
		own = l->milters.v[l->milters.ours].action;
	where =
	    postconf_override(pc, l->reader, name) == NULL ? NULL : l->reader;
	wrong =
	    unwelcome(own == NULL ? postconf_for(pc, l->reader, name) : own);
	if (wrong == NULL)
		return;
	if (own == NULL)
		check_edit(c, wrong->severity,
		    check_text(c, "%s%s%s = %s", name,
			where == NULL ? "" : " of ",
			where == NULL ? "" : where->key, wrong->name),
		    wrong->why, where, name, "tempfail");
	else
		edit(c, wrong->severity, l,
		    check_text(c, "%s has default_action=%s for the milter",
			l->label, own),
		    wrong->why);
}

static void
check_protocol(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "milter_protocol";
	const char *version = postconf_for(c->postfix, s, name);

	if (!milters_speaks(version))
		check_edit(c, CHECK_ERROR,
		    check_text(c, "%s = %s", check_label(c, s, name), version),
		    check_unsupported, check_setter(c, s, name), name, "6");
}

static void
check_own_protocol(struct check *c, const struct list *l)
{
	const struct milters *m = &l->milters;

	if (m->ours < m->n && m->v[m->ours].protocol != NULL &&
	    !milters_speaks(m->v[m->ours].protocol))
		edit(c, CHECK_ERROR, l,
		    check_text(c, "%s has protocol=%s for the milter", l->label,
			m->v[m->ours].protocol),
		    check_unsupported);
}

/* The socket is in the queue directory of another instance, ${other}, which
 * needs it there. From here on ${s} counts as what the fix makes of it. */
static void
leave_chroot(
    struct check *c, const struct postconf_service *s, const char *other)
{
	check_found(c, CHECK_ERROR, CHECK_POSTCONF,
	    check_text(c, "%s is chrooted, and %s is outside %s", s->key,
		c->settings->socket, c->postfix->queue),
	    check_text(c,
		"Postfix does not show such mail to the milter, so tagged mail "
		"goes to its original recipients; the Postfix in %s has that "
		"socket in its chroot",
		other),
	    check_text(c, "postconf%s -F %s", c->postfix->option,
		check_quote(c, check_text(c, "%s/chroot = n", s->key))));
	c->postfix->services[s - c->postfix->services].chroot = false;
}

static void
check_list(struct check *c, const char *name,
    const struct postconf_service *reader, bool *missing)
{
	const struct postconf *pc = c->postfix;
	const char *other;
	const char *socket = c->settings->socket;
	struct list l = {.name = name, .reader = reader, .label = name};
	enum milters_match match;

	l.value = postconf_for(pc, reader, name);
	if (postconf_override(pc, reader, name) != NULL) {
		l.override = reader;
		l.label = check_text(c, "%s of %s", name, reader->key);
	}
	l.address = milters_address(pc, socket, reader);
	if (l.address == NULL &&
	    (other = instances_owner(pc, strchr(socket, ':') + 1)) != NULL) {
		leave_chroot(c, reader, other);
		l.address = milters_address(pc, socket, reader);
	}
	match = milters_read(pc, socket, reader, l.value, &l.milters);
	if (match == MILTERS_OURS || l.address != NULL)
		l.right = right_list(c, &l);
	if (match != MILTERS_OURS &&
	    (match == MILTERS_OTHER || l.address == NULL))
		add_missing(c, &l, missing);
	else if (match == MILTERS_MEANT)
		add_meant(c, &l);
	if (l.right != NULL) {
		check_order(c, &l);
		check_former(c, &l);
		check_action(c, &l);
		check_own_protocol(c, &l);
	}
	check_protocol(c, reader);
}

void
check_postfix(struct check *c)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s, *some = NULL;
	bool front = false, missing = false;
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		s = &pc->services[i];
		if (check_front(c, s)) {
			check_list(c, "smtpd_milters", s, &missing);
			front = true;
		} else if (some == NULL && postconf_runs(s, "smtpd") &&
		    *postconf_for(pc, s, "smtpd_milters") == '\0') {
			some = s;
		}
	}
	/* A Postfix without any smtpd gets mail only from sendmail(1). */
	if (!front && some != NULL)
		check_list(c, "smtpd_milters", some, &missing);
}
