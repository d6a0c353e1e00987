/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_headers - do the headers that a decision depends on reach the milter,
 * the content filter and notify-telegram as they are?
 *
 * The tag must pass each cleanup(8), of any name, through which mail comes to
 * the milter. X-Notify-Decided must pass milter_header_checks, and what is done
 * to a message before a content filter returns it. The Message-ID must be the
 * same all the way: the milter knows a decided message by it, and
 * notify-telegram a recipient of its own.
 *
 * mime_header_checks and nested_header_checks see none of them: they apply to
 * other headers than those of the message itself.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_filters.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define PREFIX "X-Notify-"
#define MESSAGE_ID "Message-ID:"

/* What is looked up in header checks, and what goes wrong without it. */
struct header {
	const char *text;
	enum check_severity severity;
	const char *why;
};

static const char no_tag[] =
    "header_checks run before the milter, which then sees no tag, or another "
    "one";
static const char other_id[] =
    "the milter knows a message that it has decided by its Message-ID: one that "
    "a content filter returns without it, or with another, is decided again";
static const char no_chat[] =
    "notify-telegram reads the tag and the Message-ID of a message, and drops "
    "one without them, or with others: nothing is sent to the chats";

static const struct header before_milter[] = {
    {PREFIX "Category: services", CHECK_ERROR, no_tag},
    {PREFIX "Account: acme", CHECK_ERROR, no_tag},
    {PREFIX "Decided: 0", CHECK_ERROR, no_tag},
    {NULL, CHECK_NOTE, NULL},
};
static const struct header with_filter[] = {
    {MESSAGE_ID " <1@example.com>", CHECK_WARNING, other_id},
    {NULL, CHECK_NOTE, NULL},
};
static const struct header of_milter[] = {
    {PREFIX "Decided: 0", CHECK_ERROR,
	"that is the header that the milter adds to what it has decided: without "
	"it, a message that a content filter returns is decided again; with "
	"REDIRECT or DISCARD others get the message, or nobody"},
    {NULL, CHECK_NOTE, NULL},
};
static const struct header to_filter[] = {
    {PREFIX "Decided: 0", CHECK_WARNING,
	"the content filter returns the message without that header, and it is "
	"decided again: who joined its recipients may get it twice"},
    {PREFIX "Category: services", CHECK_WARNING, no_chat},
    {PREFIX "Account: acme", CHECK_WARNING, no_chat},
    {MESSAGE_ID " <1@example.com>", CHECK_WARNING, other_id},
    {NULL, CHECK_NOTE, NULL},
};
static const struct header to_chats[] = {
    {PREFIX "Category: services", CHECK_WARNING, no_chat},
    {PREFIX "Account: acme", CHECK_WARNING, no_chat},
    {MESSAGE_ID " <1@example.com>", CHECK_WARNING, no_chat},
    {NULL, CHECK_NOTE, NULL},
};

static bool comes_to_milter(struct check *, const struct postconf_service *);
static bool feeds(struct check *, const struct postconf_service *, bool *);
static bool is_ours(char *);
static bool is_message_id(char *);
static void check_dropped(struct check *, const struct postconf_service *,
    bool (*)(char *), enum check_severity, const char *);
static bool harmless(const char *);
static const char *let_pass(struct check *, const struct postconf_service *,
    const char *, const struct header *);
static const char *cure(struct check *, const struct postconf_service *,
    const char *, const struct header *);
static bool check_header(struct check *, const struct postconf_service *,
    const char *, const struct header *);
static void check_list(struct check *, const struct postconf_service *,
    const char *, const struct header *);
static void check_one(struct check *, const struct postconf_service *, bool);
static void check_transport(struct check *, const char *);

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

/* Is it one of the headers that the milter reads? */
static bool
is_ours(char *header)
{
	return (strncasecmp(header, PREFIX, strlen(PREFIX)) == 0);
}

static bool
is_message_id(char *header)
{
	return (strcasecmp(header, "message-id") == 0);
}

/* Does message_drop_headers have a header that is needed? */
static void
check_dropped(struct check *c, const struct postconf_service *s,
    bool (*needed)(char *), enum check_severity severity, const char *why)
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
	kept = postconf_filter(c->postfix, list, needed, &found);
	if (found == NULL)
		return;
	check_edit(c, severity,
	    check_text(c, "%s has %s", check_label(c, s, name), found), why,
	    check_setter(c, s, name), name, kept);
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

/* The command with which the first map of ${name} passes the header: a table of
 * main.cf, since postconf -P accepts no value with white space. A file stays as
 * it is: another setting may name it, as that of the last hop. */
static const char *
let_pass(struct check *c, const struct postconf_service *s, const char *name,
    const struct header *h)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *where = check_setter(c, s, name);
	bool tag = strncmp(h->text, PREFIX, strlen(PREFIX)) == 0;
	const char *table = tag ? "notify_pass_tags" : "notify_pass_message_id";

	return (check_text(c, "%s && %s",
	    postconf_edit(pc, NULL, table,
		check_text(
		    c, "regexp:{ {/^%s/ DUNNO} }", tag ? PREFIX : MESSAGE_ID)),
	    postconf_edit(pc, where, name,
		check_text(c, "$%s, %s", table,
		    where == NULL ? postconf_given(pc, name)
				  : postconf_for(pc, s, name)))));
}

/* The fix for ${s}. If it is the transport to a content filter, other mail
 * keeps its checks. */
static const char *
cure(struct check *c, const struct postconf_service *s, const char *name,
    const struct header *h)
{
	if (postconf_runs(s, "cleanup"))
		return (let_pass(c, s, name, h));
	if (check_filters_shared(c, s->name) != 0)
		return (check_filters_own(c, s, name));
	if (check_setter(c, s, name) == NULL)
		return (postconf_edit(c->postfix, s, name, ""));
	return (let_pass(c, s, name, h));
}

/* What do the maps in ${name} of ${s} do to the header? */
static bool
check_header(struct check *c, const struct postconf_service *s,
    const char *name, const struct header *h)
{
	const char *found;
	char *rest, *word;

	rest = arena_strdup(c->arena, postconf_for(c->postfix, s, name));
	while ((word = postconf_word(&rest)) != NULL) {
		found = check_lookup(c, word, h->text);
		/* The first map that has the header decides. */
		if (found != NULL && harmless(found))
			return (false);
		if (found == NULL)
			continue;
		check_found(c, h->severity, CHECK_POSTCONF,
		    check_text(c, "%s of %s has \"%s\" for %s", word,
			check_label(c, s, name), found, h->text),
		    h->why, cure(c, s, name, h));
		return (true);
	}
	return (false);
}

static void
check_list(struct check *c, const struct postconf_service *s, const char *name,
    const struct header *h)
{
	for (; h->text != NULL; h++) {
		if (check_header(c, s, name, h))
			return;
	}
}

/* A cleanup(8). ${filtered}: a content filter may return mail. */
static void
check_one(struct check *c, const struct postconf_service *s, bool filtered)
{
	static const char name[] = "header_checks";
	bool chats = *c->settings->bot != '\0', checks;

	if (feeds(c, s, &checks)) {
		check_dropped(c, s, is_ours, CHECK_ERROR,
		    "Postfix removes that header before the milter sees it: "
		    "without its tag a message goes to its original "
		    "recipients, and without its account to people of another "
		    "one");
		if (filtered)
			check_dropped(
			    c, s, is_message_id, CHECK_WARNING, other_id);
		if (checks)
			check_list(c, s, name, before_milter);
		if (checks && filtered)
			check_list(c, s, name, with_filter);
		check_list(c, s, "milter_header_checks", of_milter);
	} else if (chats) {
		check_dropped(c, s, is_ours, CHECK_WARNING, no_chat);
		check_dropped(c, s, is_message_id, CHECK_WARNING, no_chat);
		check_list(c, s, name, to_chats);
	}
}

/* The transport of a content filter. */
static void
check_transport(struct check *c, const char *name)
{
	const struct postconf_service *s;

	s = postconf_service(c->postfix, name, "unix");
	if (s != NULL && postconf_runs(s, "smtp"))
		check_list(c, s, "smtp_header_checks", to_filter);
	else if (s != NULL && postconf_runs(s, "lmtp"))
		check_list(c, s, "lmtp_header_checks", to_filter);
}

void
check_headers(struct check *c)
{
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s;
	const struct check_filter *f;
	bool filtered = c->filters != NULL;
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		s = &pc->services[i];
		if (postconf_runs(s, "cleanup"))
			check_one(c, s, filtered);
	}
	for (f = c->filters; f != NULL; f = f->next)
		check_transport(c, f->transport);
}
