/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - what the log lines of one message say
 *
 * Delivery agents and notify-telegram log the outcome for each recipient,
 * notify-milter its decision and the dropped recipients, the rest of Postfix
 * where the message is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/strmap.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/history.h"

static const char *path(struct arena *, const char *, const char **);
static const char *value(struct arena *, const char *, const char *);
static const char *word(struct arena *, const char *, const char *);
static long number(const char *, const char *);
static struct history_copy *copy_of(
    struct arena *, struct history *, const char *, const char *);
static void delivery(
    struct arena *, struct history *, const struct history_line *);
static void sendmail_delivery(
    struct arena *, struct history *, const struct history_line *);
static void sendmail_arrival(
    struct arena *, struct history *, const struct history_line *);
static void chat(struct arena *, struct history *, const struct history_line *);
static void decision(
    struct arena *, struct history *, const struct history_line *);
static void settle(
    struct history *, enum history_state, const struct history_line *);
static void removed(struct history *, const struct history_line *);
static void canceled(struct history *, const struct history_line *);
static void requeued(struct history *, const struct history_line *);
static void expired(struct history *, const struct history_line *);
static const char *envelope(struct arena *, const char *, const char **);
static const char *envelope_sender(struct arena *, const char *);
static bool rejected_for_now(const char *);
static void mail_server(
    struct arena *, struct history *, const struct history_line *);

bool
history_begins(const struct history_line *line)
{
	return ((strcmp(line->program, "smtpd") == 0 &&
		    text_after(line->text, "client=") != NULL) ||
	    (strcmp(line->program, "pickup") == 0 &&
		text_after(line->text, "uid=") != NULL));
}

bool
history_resubmits(const struct history_line *line)
{
	return (strcmp(line->program, "pickup") == 0 &&
	    text_after(line->text, "uid=") == NULL &&
	    strstr(line->text, " orig_id=") != NULL);
}

/* An address up to its ">", which may also be part of a quoted local part. */
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

/* The value of " key=", in quotes or up to a space or comma; or "". */
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

/* The value of " key=", up to a space; or "". */
static const char *
word(struct arena *a, const char *text, const char *key)
{
	const char *s = strstr(text, key);

	if (s == NULL)
		return ("");
	s += strlen(key);
	return (arena_strndup(a, s, strcspn(s, " ")));
}

/* The number after " key="; -1 if there is none. */
static long
number(const char *text, const char *key)
{
	const char *s = strstr(text, key);

	return (s == NULL ? -1 : strtol(s + strlen(key), NULL, 10));
}

/* The copy for a recipient; each attempt to deliver it has a line. */
static struct history_copy *
copy_of(struct arena *a, struct history *h, const char *recipient,
    const char *original)
{
	const char *key = arena_concat(a, recipient, "\n", original, NULL);
	struct history_copy *c;
	const void *at;

	h->copy_at.arena = a;
	if (strmap_find(&h->copy_at, key, &at) == 1)
		return (&h->copies[(uintptr_t)at]);
	(void)!strmap_add(&h->copy_at, key, (void *)(uintptr_t)h->ncopies);
	h->copies =
	    arena_grow(a, h->copies, h->ncopies, &h->copies_cap, sizeof(*c));
	c = &h->copies[h->ncopies++];
	memset(c, 0, sizeof(*c));
	c->recipient = recipient;
	c->original = original;
	c->reason = c->outcome = c->detail = c->person = c->account =
	    c->category = "";
	return (c);
}

/* "to=<a>, orig_to=<b>, relay=..., status=sent (...)" */
static void
delivery(struct arena *a, struct history *h, const struct history_line *line)
{
	const char *recipient, *original = "", *rest, *status, *detail;
	struct history_copy *c;
	size_t len;

	recipient = path(a, line->text + 4, &rest);
	if (recipient != NULL && text_after(rest, ", orig_to=<") != NULL)
		original = path(a, rest + 11, &rest);
	status = recipient == NULL || original == NULL
	    ? NULL
	    : strstr(rest, ", status=");
	if (status == NULL)
		return;
	c = copy_of(a, h, recipient, original);
	status += 9;
	len = strcspn(status, " ");
	detail = status + len + strspn(status + len, " (");
	/* For a chat, notify-telegram's own line says more. */
	if (!c->chat)
		c->outcome = arena_strndup(a, status, len);
	if (!c->chat || *c->detail == '\0')
		c->detail = arena_strndup(a, detail,
		    strlen(detail) -
			(*detail != '\0' && detail[strlen(detail) - 1] == ')'));
	if (line->at != 0)
		c->at = line->at;
}

/* Sendmail: "to=<a>,<b>, delay=..., stat=Sent (...)". It logs no end of a
 * message: that is when no copy is waiting any more. */
static void
sendmail_delivery(
    struct arena *a, struct history *h, const struct history_line *line)
{
	const char *outcome, *recipient, *rest = line->text + 3, *status;
	struct history_copy *c;
	size_t i;

	status = strstr(line->text, ", stat=");
	/* A message that was refused has such a line, too. */
	if (status == NULL || h->state == HISTORY_REFUSED)
		return;
	status += 7;
	if (strstr(line->text, ", quarantine=") != NULL) {
		settle(h, HISTORY_HELD, line);
		return;
	}
	outcome = text_after(status, "Sent") != NULL ? "sent"
	    : text_after(status, "Deferred") != NULL ||
		text_after(status, "queued") != NULL
	    ? "deferred"
	    : "bounced";
	do {
		if (*rest == '<') {
			recipient = path(a, rest + 1, &rest);
		} else {
			recipient = arena_strndup(a, rest, strcspn(rest, ","));
			rest += strcspn(rest, ",");
		}
		if (recipient == NULL)
			break;
		c = copy_of(a, h, recipient, "");
		if (!c->chat)
			c->outcome = outcome;
		if (!c->chat || *c->detail == '\0')
			c->detail = arena_strdup(a, status);
		c->at = line->at != 0 ? line->at : c->at;
	} while (*rest++ == ',' && *rest != ' ');
	for (i = 0; i < h->ncopies; i++) {
		if (strcmp(h->copies[i].outcome, "deferred") == 0)
			break;
	}
	settle(h, i < h->ncopies ? HISTORY_QUEUED : HISTORY_DONE, line);
}

/* "to=<1-...@telegram.invalid> account=acme outcome=sent user=<a@b>
 * reason=\"...\"" */
static void
chat(struct arena *a, struct history *h, const struct history_line *line)
{
	const char *recipient, *rest, *user;
	struct history_copy *c;

	recipient = path(a, line->text + 4, &rest);
	if (recipient == NULL)
		return;
	c = copy_of(a, h, recipient, "");
	c->chat = true;
	user = strstr(rest, " user=<");
	if (user != NULL && (user = path(a, user + 7, &user)) != NULL) {
		c->person = escape_undo(a, user);
		c->account = value(a, rest, " account=");
	}
	c->outcome =
	    arena_concat(a, "chat ", value(a, rest, " outcome="), NULL);
	c->category = word(a, rest, " category=");
	c->detail = value(a, rest, " reason=");
	if (line->at != 0)
		c->at = line->at;
}

/* A line of the milter: a dropped recipient, or the decision. */
static void
decision(struct arena *a, struct history *h, const struct history_line *line)
{
	const char *recipient, *rest, *id;
	struct history_copy *c;

	if (text_after(line->text, "to=<") != NULL) {
		recipient = path(a, line->text + 4, &rest);
		if (recipient == NULL ||
		    text_after(rest, " status=dropped") == NULL)
			return;
		c = copy_of(a, h, escape_undo(a, recipient), "");
		c->dropped = true;
		c->reason = value(a, rest, " reason=");
		return;
	}
	if (text_after(line->text, "category=") == NULL)
		return;
	h->decision = line->text;
	h->decided = line->at;
	h->category = word(a, line->text, "category=");
	h->accounts = word(a, line->text, " account=");
	h->decided_before = strstr(line->text, " decided=before") != NULL;
	h->verdict = value(a, line->text, " verdict=");
	h->reason = value(a, line->text, " reason=");
	h->monitor = strstr(line->text, " monitor=yes") != NULL;
	h->kept = number(line->text, " kept=");
	h->added = number(line->text, " added=");
	h->dropped = number(line->text, " dropped=");
	h->mirrored = number(line->text, " mirrored=");
	/* The milter gave it one. */
	id = value(a, line->text, " message-id=");
	if (*id != '\0')
		h->message_id = id;
}

/* Postfix logs what it has done: qmgr(8) may have delivered a message before
 * postsuper(1) logs that it was released. Nothing comes after the end. */
static void
settle(struct history *h, enum history_state state,
    const struct history_line *line)
{
	if (h->gone)
		return;
	h->state = state;
	h->state_at = line->at;
}

/* "removed", by qmgr(8) or by an operator; requeue deletes the held message
 * after it was replaced. */
static void
removed(struct history *h, const struct history_line *line)
{
	if (strcmp(line->program, "postsuper") != 0)
		settle(h, HISTORY_DONE, line);
	else if (h->state != HISTORY_REQUEUED)
		settle(h, HISTORY_DELETED, line);
	h->gone = true;
}

/* Since Postfix 3.10, cleanup(8) logs that it deletes what is not to be queued:
 * the client was told so, or has left. */
static void
canceled(struct history *h, const struct history_line *line)
{
	if (h->state != HISTORY_REFUSED)
		settle(h, HISTORY_CANCELED, line);
}

/* "requeued as X", by notifyctl: a message that was released meanwhile goes its
 * own way, too. */
static void
requeued(struct history *h, const struct history_line *line)
{
	if (h->state == HISTORY_QUEUED || h->state == HISTORY_DONE)
		return;
	h->state = HISTORY_REQUEUED;
	h->state_at = line->at;
}

/* Its time in the queue is over: no delivery agent logs that again for those
 * who were waiting. */
static void
expired(struct history *h, const struct history_line *line)
{
	size_t i;

	for (i = 0; i < h->ncopies; i++) {
		if (strcmp(h->copies[i].outcome, "deferred") != 0)
			continue;
		h->copies[i].outcome = "expired";
		h->copies[i].at = line->at;
	}
}

/* Sendmail: "from=<a>, size=..., nrcpts=1, msgid=<b>, ..., relay=c [d]" is the
 * first line of a message. */
static void
sendmail_arrival(
    struct arena *a, struct history *h, const struct history_line *line)
{
	const char *relay;

	if (strstr(line->text, ", nrcpts=") == NULL)
		return;
	h->arrived = line->at;
	h->message_id = value(a, line->text, ", msgid=");
	relay = strstr(line->text, ", relay=");
	if (relay != NULL)
		h->source = arena_strdup(a, relay + 2);
}

/* The end of "from=<a> to=<b> proto=ESMTP helo=<c>", of which all but the first
 * may be missing, with its sender; or NULL. Since Postfix 3.10 smtpd(8) adds
 * how the client logged in. */
static const char *
envelope(struct arena *a, const char *s, const char **sender)
{
	static const char *const names[] = {" to=<", " proto=", " helo=<",
	    " sasl_method=", " sasl_username=", " sasl_sender="};
	const char *value;
	size_t i;

	*sender = path(a, s, &s);
	for (i = 0; *sender != NULL && i < sizeof(names) / sizeof(names[0]);
	     i++) {
		value = text_after(s, names[i]);
		if (value == NULL)
			continue;
		if (value[-1] != '<')
			s = value + strcspn(value, " ");
		else if (path(a, value, &s) == NULL)
			return (NULL);
	}
	return (*sender != NULL && (*s == '\0' || text_after(s, ": ") != NULL)
		? s
		: NULL);
}

/*
 * The sender of a message that was held, rejected or discarded: "hold: WHAT
 * from CLIENT: WHY; from=<a> to=<b> ...[: TEXT]". WHAT and WHY may quote the
 * message (since Postfix 3.10 WHY is a milter's reason), and an address may
 * quote anything: the last envelope that is not part of another.
 */
static const char *
envelope_sender(struct arena *a, const char *text)
{
	const char *found = NULL, *s = text, *sender, *end;

	while ((s = strstr(s, " from=<")) != NULL) {
		s += 7;
		end = envelope(a, s, &sender);
		if (end != NULL) {
			found = sender;
			s = end;
		}
	}
	return (found);
}

/* Was the client told a code of a temporary failure? Postfix: "reject: WHAT
 * from NAME[ADDRESS]: 4.3.0 TEXT"; Sendmail: "reject=451 4.3.0 TEXT". */
static bool
rejected_for_now(const char *text)
{
	const char *code = strstr(text, "]: ");

	if (code == NULL)
		code = strstr(text, " reject=");
	return (code != NULL && code[strcspn(code, "0123456789")] == '4');
}

static void
mail_server(struct arena *a, struct history *h, const struct history_line *line)
{
	/* What cleanup(8), a milter or postsuper(1) did to the message. */
	static const struct {
		const char *text;
		enum history_state state;
	} actions[] = {
	    {"hold: ", HISTORY_HELD},
	    {"milter-hold: ", HISTORY_HELD},
	    {"placed on hold", HISTORY_HELD},
	    {"released from hold", HISTORY_QUEUED},
	    {"discard: ", HISTORY_DISCARDED},
	    {"milter-discard: ", HISTORY_DISCARDED},
	    {"removed (discarded)", HISTORY_DISCARDED},
	    {"reject: ", HISTORY_REFUSED},
	    {"milter-reject: ", HISTORY_REFUSED},
	    /* Sendmail's. */
	    {"milter=notify-milter, quarantine=", HISTORY_HELD},
	    {"Milter: data, discard", HISTORY_DISCARDED},
	    {"Milter: data, reject", HISTORY_REFUSED},
	};
	const char *text = line->text, *rest;
	size_t i;

	if (history_begins(line)) {
		h->arrived = line->at;
		h->source = text;
	} else if ((rest = text_after(text, "message-id=")) != NULL) {
		h->message_id = rest;
		if (h->arrived == 0)
			h->arrived = line->at;
	} else if ((rest = text_after(text, "from=<")) != NULL) {
		h->sender = path(a, rest, &rest);
		sendmail_arrival(a, h, line);
		settle(h, HISTORY_QUEUED, line);
		if (text_after(rest, ", status=expired") != NULL ||
		    text_after(rest, ", status=force-expired") != NULL)
			expired(h, line);
	} else if (strcmp(text, "removed") == 0) {
		removed(h, line);
	} else if (strcmp(text, "removed (canceled)") == 0) {
		canceled(h, line);
	} else if (history_resubmits(line)) {
		settle(h, HISTORY_REQUEUED, line);
		h->gone = true;
	}
	/* A recipient that was rejected: the others have a queue id. */
	if (text_after(text, "reject: RCPT from ") != NULL ||
	    text_after(text, "milter-reject: RCPT from ") != NULL)
		return;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (text_after(text, actions[i].text) == NULL)
			continue;
		settle(h, actions[i].state, line);
		h->later = actions[i].state == HISTORY_REFUSED &&
		    rejected_for_now(text);
	}
	if (h->sender == NULL &&
	    (text_after(text, "milter-") != NULL ||
		text_after(text, "hold: ") != NULL))
		h->sender = envelope_sender(a, text);
}

int64_t
history_decided(const struct history *h)
{
	return (h->decided != 0 ? h->decided : h->arrived);
}

void
history_begin(struct history *h)
{
	h->source = h->message_id = h->decision = h->category = h->accounts =
	    h->verdict = h->reason = "";
	h->kept = h->added = h->dropped = h->mirrored = -1;
}

void
history_add(struct arena *a, struct history *h, const struct history_line *line)
{
	bool recipient = text_after(line->text, "to=<") != NULL;

	if (strcmp(line->program, "notify-milter") == 0) {
		decision(a, h, line);
	} else if (strcmp(line->program, "notify-telegram") == 0) {
		if (recipient)
			chat(a, h, line);
	} else if (text_after(line->text, "to=") != NULL &&
	    strstr(line->text, ", stat=") != NULL &&
	    strstr(line->text, ", status=") == NULL) {
		sendmail_delivery(a, h, line);
	} else if (recipient) {
		delivery(a, h, line);
	} else if (strcmp(line->program, "notifyctl") != 0) {
		mail_server(a, h, line);
	} else if (text_after(line->text, "requeued as ") != NULL) {
		requeued(h, line);
	}
}
