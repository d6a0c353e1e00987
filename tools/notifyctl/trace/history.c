/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - what the log lines of one message tell
 *
 * Each program has lines of its own: Postfix's delivery agents and
 * notify-milter on recipients, notify-milter on its decision, the rest of
 * Postfix on where the message is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "notifyctl/trace/history.h"

static const char *path(struct arena *, const char *, const char **);
static const char *value(struct arena *, const char *, const char *);
static struct history_copy *copy_of(
    struct arena *, struct history *, const char *, const char *);
static int delivery(
    struct arena *, struct history *, const struct history_line *);
static int chat(struct arena *, struct history *, const struct history_line *);
static int decision(
    struct arena *, struct history *, const struct history_line *);
static void settle(
    struct history *, enum history_state, const struct history_line *);
static void mail_server(
    struct arena *, struct history *, const struct history_line *);

const char *
history_after(const char *text, const char *word)
{
	size_t len = strlen(word);

	return (strncmp(text, word, len) == 0 ? text + len : NULL);
}

bool
history_begins(const struct history_line *e)
{
	return ((strcmp(e->program, "smtpd") == 0 &&
		    history_after(e->text, "client=") != NULL) ||
	    (strcmp(e->program, "pickup") == 0 &&
		history_after(e->text, "uid=") != NULL));
}

/* An address after "<", to its ">"; one in quotes may have that in it. */
static const char *
path(struct arena *a, const char *s, const char **end)
{
	const char *c;
	bool quote = false;

	for (c = s; *c != '\0' && (quote || *c != '>'); c++) {
		if (*c == '\\' && quote && c[1] != '\0')
			c++;
		else if (*c == '"')
			quote = !quote;
	}
	if (*c == '\0')
		return (NULL);
	*end = c + 1;
	return (arena_strndup(a, s, (size_t)(c - s)));
}

/* The value of " key=", in quotes or up to a blank; or "". */
static const char *
value(struct arena *a, const char *text, const char *key)
{
	const char *s;

	s = strstr(text, key);
	if (s == NULL)
		return ("");
	s += strlen(key);
	if (*s == '"')
		return (arena_strndup(a, s + 1, strcspn(s + 1, "\"")));
	return (arena_strndup(a, s, strcspn(s, " ,")));
}

static struct history_copy *
copy_of(struct arena *a, struct history *m, const char *recipient,
    const char *original)
{
	struct history_copy *c;
	size_t i;

	for (i = m->ncopies; i > 0; i--) {
		c = &m->copies[i - 1];
		if (strcmp(c->recipient, recipient) == 0 &&
		    strcmp(c->original, original) == 0)
			return (c);
	}
	m->copies =
	    arena_grow(a, m->copies, m->ncopies, &m->copies_cap, sizeof(*c));
	if (m->copies == NULL) {
		m->ncopies = m->copies_cap = 0;
		return (NULL);
	}
	c = &m->copies[m->ncopies++];
	memset(c, 0, sizeof(*c));
	c->recipient = recipient;
	c->original = original;
	c->reason = c->outcome = c->detail = "";
	return (c);
}

/* "to=<a>, orig_to=<b>, relay=..., status=sent (...)" */
static int
delivery(struct arena *a, struct history *m, const struct history_line *e)
{
	const char *recipient, *original = "", *rest, *status, *detail;
	struct history_copy *c;
	size_t len;

	recipient = path(a, e->text + 4, &rest);
	if (recipient != NULL && history_after(rest, ", orig_to=<") != NULL)
		original = path(a, rest + 11, &rest);
	status = recipient == NULL || original == NULL
	    ? NULL
	    : strstr(rest, ", status=");
	if (status == NULL)
		return (0);
	c = copy_of(a, m, recipient, original);
	if (c == NULL)
		return (-1);
	status += 9;
	len = strcspn(status, " ");
	detail = status + len + strspn(status + len, " (");
	/* notify-telegram knows better what became of a chat's. */
	if (!c->chat)
		c->outcome = arena_strndup(a, status, len);
	if (!c->chat || *c->detail == '\0')
		c->detail = arena_strndup(a, detail,
		    strlen(detail) -
			(*detail != '\0' && detail[strlen(detail) - 1] == ')'));
	if (e->at != 0)
		c->at = e->at;
	if (c->outcome == NULL || c->detail == NULL) {
		c->outcome = c->detail = "";
		return (-1);
	}
	return (0);
}

/* "to=<1@telegram.invalid> account=acme outcome=sent reason=\"...\"" */
static int
chat(struct arena *a, struct history *m, const struct history_line *e)
{
	const char *recipient, *rest, *outcome, *reason;
	struct history_copy *c;

	recipient = path(a, e->text + 4, &rest);
	if (recipient == NULL)
		return (0);
	outcome = value(a, rest, " outcome=");
	reason = value(a, rest, " reason=");
	c = copy_of(a, m, recipient, "");
	if (c == NULL || outcome == NULL || reason == NULL)
		return (-1);
	c->chat = true;
	c->outcome = arena_printf(a, "chat %s", outcome);
	if (c->outcome == NULL)
		c->outcome = outcome;
	c->detail = reason;
	if (e->at != 0)
		c->at = e->at;
	return (0);
}

/* The milter's lines. */
static int
decision(struct arena *a, struct history *m, const struct history_line *e)
{
	const char *recipient, *rest, *number;
	struct history_copy *c;

	if (history_after(e->text, "to=<") != NULL) {
		recipient = path(a, e->text + 4, &rest);
		if (recipient == NULL ||
		    history_after(rest, " status=dropped") == NULL)
			return (0);
		c = copy_of(a, m, recipient, "");
		if (c == NULL || (rest = value(a, rest, " reason=")) == NULL)
			return (-1);
		c->dropped = true;
		c->reason = rest;
		return (0);
	}
	if (history_after(e->text, "category=") == NULL)
		return (0);
	m->decision = e->text;
	m->decided = e->at;
	m->verdict = value(a, e->text, " verdict=");
	m->reason = value(a, e->text, " reason=");
	m->monitor = strstr(e->text, " monitor=yes") != NULL;
	if ((number = strstr(e->text, " kept=")) != NULL)
		m->kept = strtol(number + 6, NULL, 10);
	if ((number = strstr(e->text, " added=")) != NULL)
		m->added = strtol(number + 7, NULL, 10);
	if ((number = strstr(e->text, " mirrored=")) != NULL)
		m->mirrored = strtol(number + 10, NULL, 10);
	if (m->verdict != NULL && m->reason != NULL)
		return (0);
	m->verdict = m->reason = "";
	return (-1);
}

static void
settle(
    struct history *m, enum history_state state, const struct history_line *e)
{
	/* What replaced it stays said when the held one is dropped. */
	if (m->state == HISTORY_REQUEUED && state == HISTORY_DELETED)
		return;
	m->state = state;
	m->state_at = e->at;
}

static void
mail_server(struct arena *a, struct history *m, const struct history_line *e)
{
	const char *text = e->text, *rest;

	if (history_begins(e)) {
		m->arrived = e->at;
		m->source = text;
	} else if ((rest = history_after(text, "message-id=")) != NULL) {
		m->message_id = rest;
		if (m->arrived == 0)
			m->arrived = e->at;
	} else if ((rest = history_after(text, "from=<")) != NULL) {
		m->sender = path(a, rest, &rest);
		if (m->state != HISTORY_REQUEUED)
			settle(m, HISTORY_QUEUED, e);
	} else if (history_after(text, "milter-hold: ") != NULL ||
	    history_after(text, "hold: ") != NULL ||
	    strcmp(text, "placed on hold") == 0) {
		settle(m, HISTORY_HELD, e);
	} else if (strcmp(text, "released from hold") == 0) {
		settle(m, HISTORY_QUEUED, e);
	} else if (history_after(text, "milter-discard: ") != NULL ||
	    history_after(text, "discard: ") != NULL) {
		settle(m, HISTORY_DISCARDED, e);
	} else if (history_after(text, "milter-reject: ") != NULL ||
	    history_after(text, "reject: ") != NULL) {
		settle(m, HISTORY_REFUSED, e);
	} else if (strcmp(text, "removed") == 0) {
		settle(m,
		    strcmp(e->program, "postsuper") == 0 ? HISTORY_DELETED
							 : HISTORY_DONE,
		    e);
	}
	if (m->sender == NULL &&
	    (history_after(text, "milter-") != NULL ||
		history_after(text, "hold: ") != NULL) &&
	    (rest = strstr(text, " from=<")) != NULL)
		m->sender = path(a, rest + 7, &rest);
}

void
history_begin(struct history *m)
{
	m->source = m->message_id = m->decision = m->verdict = m->reason = "";
	m->kept = m->added = m->mirrored = -1;
}

int
history_tell(struct arena *a, struct history *m, const struct history_line *e)
{
	bool recipient = history_after(e->text, "to=<") != NULL;

	if (strcmp(e->program, "notify-milter") == 0)
		return (decision(a, m, e));
	if (strcmp(e->program, "notify-telegram") == 0)
		return (recipient ? chat(a, m, e) : 0);
	if (recipient)
		return (delivery(a, m, e));
	if (strcmp(e->program, "notifyctl") != 0)
		mail_server(a, m, e);
	else if (history_after(e->text, "requeued as ") != NULL)
		settle(m, HISTORY_REQUEUED, e);
	return (0);
}
