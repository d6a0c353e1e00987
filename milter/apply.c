/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply - a decision becomes smfi_* calls
 *
 * A recipient is deleted by exactly the bytes that the MTA gave for it: Postfix
 * compares them, and reports success even if it finds none. But it does not
 * always show the text that it compares. It shows a source route and does not
 * keep it. It keeps what sendmail(1) was given and shows it rewritten: a name
 * without a domain, "user@domain.", "user%domain" and "domain!user" all show as
 * user@domain. They cannot be told apart, so each of them is deleted; if that
 * could delete a recipient to keep, the message is held.
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
#include "base/strmap.h"
#include "decision/decide.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "milter/apply.h"
#include "terms/address.h"

/* RFC 5321, 4.5.3.1.5: a reply line, less code and line end. */
#define REPLY_SIZE 400
#define OTHER_TEXTS 4

static void plain(const char *, char, char[REPLY_SIZE]);
static sfsistat answer(SMFICTX *, sfsistat, char *, char *, const char *);
static sfsistat failed(
    SMFICTX *, const struct message *, struct decision *, const char *);
static sfsistat hold(SMFICTX *, const struct message *, struct decision *);
static int other_texts(struct arena *, const char *, char *[OTHER_TEXTS]);
static int match_texts(struct strmap *, const char *, bool);
static int note_kept(
    const struct message *, const struct decision *, struct strmap *);
static int delete_text(SMFICTX *, char *, const struct strmap *);
static int delete_recipient(SMFICTX *, const char *, const struct strmap *);
static int add_recipient(SMFICTX *, const char *, const char *, struct arena *);
static int add_again(
    SMFICTX *, const struct message *, const struct decision *, struct arena *);
static sfsistat change_recipients(
    SMFICTX *, const struct message *, struct decision *, struct arena *);
static int strip(SMFICTX *, const struct message *, const char *);
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

/* Texts that the MTA may have for a recipient instead of the one it shows: how
 * many, or -1 if out of memory. Only mail from sendmail(1) has any, and comes
 * without angle brackets. */
static int
other_texts(struct arena *a, const char *text, char *v[OTHER_TEXTS])
{
	const char *at;

	at = strrchr(text, '@');
	if (*text == '<' || at == NULL || at == text)
		return (0);
	v[0] = arena_strndup(a, text, (size_t)(at - text));
	if (v[0] == NULL)
		return (-1);
	v[1] = arena_concat(a, text, ".", NULL);
	v[2] = arena_concat(a, v[0], "%", at + 1, NULL);
	v[3] = arena_concat(a, at + 1, "!", v[0], NULL);
	return (
	    v[1] == NULL || v[2] == NULL || v[3] == NULL ? -1 : OTHER_TEXTS);
}

/* Note the texts that a recipient to keep may have, or tell whether one to
 * delete may have one of them: 1. Else 0, or -1 if out of memory. */
static int
match_texts(struct strmap *kept, const char *text, bool stays)
{
	char *v[OTHER_TEXTS + 1];
	int i, n;

	n = other_texts(kept->arena, text, v);
	if (n == -1)
		return (-1);
	v[n] = arena_strdup(kept->arena, text);
	if (v[n] == NULL)
		return (-1);
	for (i = 0; i <= n; i++) {
		if (stays && strmap_add(kept, v[i], text) == -1)
			return (-1);
		if (!stays && strmap_find(kept, v[i], NULL) == 1)
			return (1);
	}
	return (0);
}

int
apply_check(
    const struct message *message, struct decision *decision, struct arena *a)
{
	struct strmap kept = {.arena = a};
	const char *text;
	size_t i;
	int rc;

	if (decision->verdict != VERDICT_DELIVER)
		return (0);
	for (i = 0; i < message->nrecipients; i++) {
		text = message->recipients[i];
		if (*text != '<' && decision->recipients[i].fate == FATE_KEPT &&
		    match_texts(&kept, text, true) == -1)
			return (-1);
	}
	for (i = 0; i < message->nrecipients && kept.n > 0; i++) {
		text = message->recipients[i];
		if (*text == '<' || decision->recipients[i].fate == FATE_KEPT)
			continue;
		rc = match_texts(&kept, text, false);
		if (rc == 0)
			continue;
		if (rc == -1)
			return (-1);
		decision->verdict = VERDICT_HOLD;
		decision->reason = arena_printf(a,
		    "deleting %.80s may delete a recipient of the same name "
		    "who stays",
		    text);
		return (decision->reason == NULL ? -1 : 0);
	}
	return (0);
}

/* Note the texts by which a recipient to keep would be deleted. */
static int
note_kept(const struct message *message, const struct decision *decision,
    struct strmap *kept)
{
	struct address address;
	size_t i;
	int found;

	for (i = 0; i < message->nrecipients; i++) {
		if (decision->recipients[i].fate != FATE_KEPT)
			continue;
		if (strmap_add(kept, message->recipients[i], NULL) == -1)
			return (-1);
		found =
		    address_read(kept->arena, message->recipients[i], &address);
		if (found == -1 ||
		    (found == 1 && strmap_add(kept, address.exact, NULL) == -1))
			return (-1);
	}
	return (0);
}

/* Delete another text that a recipient may have, unless it belongs to a
 * recipient to keep, as it stands or as the MTA reads it. */
static int
delete_text(SMFICTX *ctx, char *text, const struct strmap *kept)
{
	struct address address;
	int found;

	if (text == NULL)
		return (-1);
	if (strmap_find(kept, text, NULL) == 1)
		return (0);
	found = address_read(kept->arena, text, &address);
	if (found == -1)
		return (-1);
	if (found == 1 && strmap_find(kept, address.exact, NULL) == 1)
		return (0);
	return (smfi_delrcpt(ctx, text) == MI_SUCCESS ? 0 : -1);
}

static int
delete_recipient(SMFICTX *ctx, const char *text, const struct strmap *kept)
{
	struct arena *a = kept->arena;
	struct address address;
	char *copy, *others[OTHER_TEXTS];
	int found, i, n;

	/* libmilter does not change it, but does not say const. */
	copy = arena_strdup(a, text);
	if (copy == NULL || smfi_delrcpt(ctx, copy) != MI_SUCCESS)
		return (-1);
	if (*text == '<' && text[1] != '@')
		return (0);
	found = address_read(a, text, &address);
	if (found != 1)
		return (found);
	if (strchr(text, ':') != NULL &&
	    delete_text(ctx, arena_strdup(a, address.exact), kept) != 0)
		return (-1);
	n = other_texts(a, text, others);
	for (i = 0; i < n; i++) {
		if (delete_text(ctx, others[i], kept) != 0)
			return (-1);
	}
	return (n == -1 ? -1 : 0);
}

/* ${parameters}: of RCPT (RFC 3461), or NULL. */
static int
add_recipient(
    SMFICTX *ctx, const char *address, const char *parameters, struct arena *a)
{
	char *text;
	int rc;

	text = arena_concat(a, "<", address, ">", NULL);
	if (text == NULL)
		return (-1);
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
	struct strmap kept = {.arena = a};
	bool deletes;
	size_t i;

	deletes = decision->kept < message->nrecipients;
	if (deletes && note_kept(message, decision, &kept) != 0)
		return (failed(ctx, message, decision,
		    "out of memory while deleting a recipient"));
	for (i = 0; deletes && i < message->nrecipients; i++) {
		if (decision->recipients[i].fate != FATE_KEPT &&
		    delete_recipient(ctx, message->recipients[i], &kept) != 0)
			return (failed(ctx, message, decision,
			    "the MTA refused to delete a recipient"));
	}
	if (deletes && message->fused &&
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
	if (decision->stamp != NULL &&
	    smfi_addheader(ctx, (char *)(uintptr_t)DECIDED_HEADER,
		(char *)(uintptr_t)decision->stamp) != MI_SUCCESS)
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
