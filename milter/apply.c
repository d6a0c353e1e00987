/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply - a decision becomes smfi_* calls
 *
 * A recipient is deleted by exactly the bytes that the MTA gave for it: Postfix
 * compares them, and reports success even if it finds none. Over SMTP it keeps
 * the text that it shows, but for a source route, which it shows and does not
 * keep. What non_smtpd_milters see was rewritten before, and cannot be deleted
 * by what is seen: such a message is held if anybody would have to leave it.
 *
 * Sendmail makes one recipient of those that it resolves to one address: a
 * trailing dot, "user%domain@relay", local domains, virtusertable and others.
 * Deleting one deletes all, and no milter can know which they are. So on
 * Sendmail whoever stays is added again after the deletions, by the text that
 * the MTA gave. If he is still there Sendmail makes one of the two again; in
 * both cases he gets one copy, with the DSN options that he had.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "decision/decide.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "milter/apply.h"

/* RFC 5321, 4.5.3.1.5: a reply line, less code and line end. */
#define REPLY_SIZE 400

static void plain(const char *, char, char[REPLY_SIZE]);
static sfsistat answer(SMFICTX *, sfsistat, char *, char *, const char *);
static sfsistat failed(
    SMFICTX *, const struct message *, struct decision *, const char *);
static sfsistat hold(SMFICTX *, const struct message *, struct decision *);
static int delete_recipient(SMFICTX *, const char *, struct arena *);
static int add_recipient(SMFICTX *, const char *, const char *, struct arena *);
static int add_again(
    SMFICTX *, const struct message *, const struct decision *, struct arena *);
static sfsistat change_recipients(
    SMFICTX *, const struct message *, struct decision *, struct arena *);
static int strip(SMFICTX *, const struct message *, const char *);
static int stamp(SMFICTX *, const struct message *, struct decision *);
static sfsistat deliver(
    SMFICTX *, const struct message *, struct decision *, struct arena *);

/* The text as one line of ASCII without ${special}: it may contain what a
 * client sent. */
static void
plain(const char *text, char special, char line[REPLY_SIZE])
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < REPLY_SIZE; i++)
		line[i] = text[i] < ' ' || text[i] > '~' || text[i] == special
		    ? '?'
		    : text[i];
	line[i] = '\0';
}

/* Answer with our own reply text. */
static sfsistat
answer(SMFICTX *ctx, sfsistat status, char *code, char *xcode, const char *text)
{
	char reply[REPLY_SIZE];

	/* libmilter takes "%" for a format. */
	plain(text, '%', reply);
	/* If that fails the MTA uses its own text; the status counts. */
	(void)smfi_setreply(ctx, code, xcode, reply);
	return (status);
}

/* Nothing of ${decision} is applied: the client keeps the message. */
static sfsistat
failed(SMFICTX *ctx, const struct message *message, struct decision *decision,
    const char *reason)
{
	decide_leave(decision, message, VERDICT_TEMPFAIL, reason);
	return (answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0",
	    "notify-milter could not complete its changes; try again later"));
}

/* Remove the X-Notify headers, or those with ${name}, the last one first: a
 * removal renumbers the headers of the same name that follow. 0 or -1. */
static int
strip(SMFICTX *ctx, const struct message *message, const char *name)
{
	const struct header *h;
	size_t i;

	for (i = message->nheaders; i > 0; i--) {
		h = &message->headers[i - 1];
		if (name != NULL && strcasecmp(h->name, name) != 0)
			continue;
		if (smfi_chgheader(ctx, (char *)(uintptr_t)h->name, h->index,
			NULL) != MI_SUCCESS)
			return (-1);
	}
	return (0);
}

static sfsistat
hold(SMFICTX *ctx, const struct message *message, struct decision *decision)
{
	char text[REPLY_SIZE];

	if (decision->misdecided && strip(ctx, message, DECIDED_HEADER) != 0)
		return (failed(ctx, message, decision,
		    "the MTA refused to remove a header"));
	plain(decision->reason, '\0', text);
	if (smfi_quarantine(ctx, text) != MI_SUCCESS)
		return (failed(ctx, message, decision,
		    "the MTA refused to hold the message"));
	return (SMFIS_CONTINUE);
}

void
apply_check(
    const struct message *message, struct decision *decision, bool removable)
{
	if (!removable && decision->verdict == VERDICT_DELIVER &&
	    decision->kept < message->nrecipients)
		decide_leave(decision, message, VERDICT_HOLD,
		    "it came by non_smtpd_milters, where a removal cannot be "
		    "relied on; see postfix-sample/README.md, sendmail(1)");
}

/* Delete a recipient by the text that the MTA gave; one with a source route
 * also without it, quoted as it was. */
static int
delete_recipient(SMFICTX *ctx, const char *text, struct arena *a)
{
	bool bracket = *text == '<';
	const char *colon;
	char *copy;

	/* libmilter does not change it, but does not say const. */
	copy = arena_strdup(a, text);
	if (copy == NULL || smfi_delrcpt(ctx, copy) != MI_SUCCESS)
		return (-1);
	colon = text[bracket] == '@' ? strchr(text, ':') : NULL;
	if (colon == NULL)
		return (0);
	copy = arena_concat(a, bracket ? "<" : "", colon + 1, NULL);
	return (copy != NULL && smfi_delrcpt(ctx, copy) == MI_SUCCESS ? 0 : -1);
}

/* ${parameters}: of RCPT (RFC 3461), or NULL. */
static int
add_recipient(
    SMFICTX *ctx, const char *address, const char *parameters, struct arena *a)
{
	size_t len = strlen(address);
	char *text;
	int rc;

	text = arena_alloc(a, len + sizeof("<>"));
	if (text == NULL)
		return (-1);
	text[0] = '<';
	memcpy(text + 1, address, len);
	text[len + 1] = '>';
	rc = parameters == NULL
	    ? smfi_addrcpt(ctx, text)
	    : smfi_addrcpt_par(ctx, text, (char *)(uintptr_t)parameters);
	return (rc == MI_SUCCESS ? 0 : -1);
}

/* Add those who stay once more, after the deletions. Sendmail joins the options
 * of both; without NOTIFY= it would take FAILURE,DELAY. */
static int
add_again(SMFICTX *ctx, const struct message *message,
    const struct decision *decision, struct arena *a)
{
	const char *notify;
	char *text;
	size_t i;
	int rc;

	for (i = 0; i < message->nrecipients; i++) {
		if (decision->recipients[i].fate != FATE_KEPT)
			continue;
		text = arena_strdup(a, message->recipients[i]);
		if (text == NULL)
			return (-1);
		notify = message->notify == NULL
		    ? NULL
		    : message_notify_text(message->notify[i]);
		rc = notify == NULL
		    ? smfi_addrcpt(ctx, text)
		    : smfi_addrcpt_par(ctx, text, (char *)(uintptr_t)notify);
		if (rc != MI_SUCCESS)
			return (-1);
	}
	return (0);
}

static sfsistat
change_recipients(SMFICTX *ctx, const struct message *message,
    struct decision *decision, struct arena *a)
{
	size_t i;

	for (i = 0; i < message->nrecipients; i++) {
		if (decision->recipients[i].fate != FATE_KEPT &&
		    delete_recipient(ctx, message->recipients[i], a) != 0)
			return (failed(ctx, message, decision,
			    "the MTA refused to delete a recipient"));
	}
	if (message->fused && decision->kept < message->nrecipients &&
	    add_again(ctx, message, decision, a) != 0)
		return (failed(ctx, message, decision,
		    "the MTA refused to add a recipient again"));
	for (i = 0; i < decision->nadded; i++) {
		if (add_recipient(ctx, decision->added[i].member->address,
			decision->added[i].notify, a) != 0)
			return (failed(ctx, message, decision,
			    "the MTA refused to add a recipient"));
	}
	for (i = 0; i < decision->nmirrored; i++) {
		/* The sender must not hear of failures of the mirror. */
		if (add_recipient(ctx, decision->mirrored[i].address,
			"NOTIFY=NEVER", a) != 0)
			return (failed(ctx, message, decision,
			    "the MTA refused to add a recipient"));
	}
	return (SMFIS_CONTINUE);
}

/* Add the stamp, and the Message-ID that it is about if the message had none:
 * 0 or -1. */
static int
stamp(SMFICTX *ctx, const struct message *message, struct decision *decision)
{
	if (decision->stamp == NULL)
		return (0);
	if (message->id_given &&
	    smfi_addheader(ctx, (char *)(uintptr_t)MESSAGE_ID_HEADER,
		(char *)(uintptr_t)message->id) != MI_SUCCESS)
		return (-1);
	return (smfi_addheader(ctx, (char *)(uintptr_t)DECIDED_HEADER,
		    (char *)(uintptr_t)decision->stamp) == MI_SUCCESS
		? 0
		: -1);
}

static sfsistat
deliver(SMFICTX *ctx, const struct message *message, struct decision *decision,
    struct arena *a)
{
	sfsistat status;

	status = change_recipients(ctx, message, decision, a);
	if (status != SMFIS_CONTINUE)
		return (status);
	if (decision->misdecided && strip(ctx, message, DECIDED_HEADER) != 0)
		return (failed(ctx, message, decision,
		    "the MTA refused to remove a header"));
	if (stamp(ctx, message, decision) != 0)
		return (failed(
		    ctx, message, decision, "the MTA refused to add a header"));
	return (SMFIS_CONTINUE);
}

sfsistat
apply(SMFICTX *ctx, const struct message *message, struct decision *decision,
    struct arena *a)
{
	switch (decision->verdict) {
	case VERDICT_UNTOUCHED:
		return (SMFIS_CONTINUE);
	case VERDICT_DELIVER:
		return (deliver(ctx, message, decision, a));
	case VERDICT_DISCARD:
		return (SMFIS_DISCARD);
	case VERDICT_HOLD:
		return (hold(ctx, message, decision));
	case VERDICT_REJECT:
		return (answer(
		    ctx, SMFIS_REJECT, "550", "5.7.1", decision->reason));
	case VERDICT_TEMPFAIL:
		return (answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0",
		    "notify-milter cannot decide now; try again later"));
	case VERDICT_UNTRUSTED:
		if (strip(ctx, message, NULL) != 0)
			return (failed(ctx, message, decision,
			    "the MTA refused to remove a header"));
		return (SMFIS_CONTINUE);
	}
	return (SMFIS_TEMPFAIL);
}
