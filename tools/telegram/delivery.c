/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delivery - the outcome of one mirrored message
 */
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/counters.h"
#include "base/escape.h"
#include "lib/log.h"
#include "lib/mailer.h"
#include "roster/link.h"
#include "roster/notice.h"
#include "settings/settings.h"
#include "store/store_link.h"
#include "telegram/botapi.h"
#include "telegram/delivery.h"
#include "telegram/lookup.h"
#include "telegram/turn.h"

/* How long to wait for a database, at first and at last. */
#define NOTE_MS 1000
#define NOTE_MAX_MS 4000

static void count(const struct delivery *, const char *);
static int note(struct delivery *, bool);
static int note_done(struct delivery *, bool);
static int sent(struct delivery *);
static int retry(struct delivery *, enum outcome, const struct botapi_answer *);
static int end_link(struct delivery *, const char *);
static int strike(struct delivery *, const char *);

static void
count(const struct delivery *d, const char *outcome)
{
	struct failure failure = FAILURE_INIT;
	char labels[256];

	if (*d->settings->telegram_stats_file == '\0')
		return;
	/* Bounded: the roster's categories. */
	snprintf(labels, sizeof(labels), "category=\"%s\",outcome=\"%s\"",
	    d->category.slug, outcome);
	/* Not worth a warning: the log has the outcome. */
	if (counters_bump(d->settings->telegram_stats_file, COUNTER_MIRRORED,
		labels, &failure) != 0)
		log_debug("stats: %s", failure_text(&failure));
	failure_clear(&failure);
}

int
delivery_end(
    struct delivery *d, int status, const char *outcome, const char *fmt, ...)
{
	char reason[1024];
	const char *shown, *user = NULL;
	va_list ap;

	count(d, outcome);
	if (d->user.address != NULL)
		user = escape_text(d->arena, d->user.address);
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	shown = escape_text(d->arena, reason);
	/* pipe(8) takes the reason for mailq(1) from standard error. */
	log_message(status == EX_OK && !d->suspicious ? LOG_LEVEL_INFO
						      : LOG_LEVEL_WARNING,
	    "%s: to=<%s> account=%s outcome=%s%s%s%s%s%s%s%s%s", d->queue_id,
	    d->recipient,
	    d->user.account_name == NULL ? "-" : d->user.account_name, outcome,
	    user == NULL ? "" : " user=<", user == NULL ? "" : user,
	    user == NULL ? "" : ">",
	    *d->category.slug == '\0' ? "" : " category=", d->category.slug,
	    *reason == '\0' ? "" : " reason=\"", shown == NULL ? "" : shown,
	    *reason == '\0' ? "" : "\"");
	return (status);
}

int
delivery_failed(struct delivery *d)
{
	return (delivery_end(
	    d, EX_TEMPFAIL, "again", "%s", failure_text(&d->failure)));
}

int
delivery_store_failed(struct delivery *d)
{
	store_end(d->store);
	if (d->failure.kind == FAILURE_NONE)
		store_failed(d->store, &d->failure);
	return (delivery_failed(d));
}

int
delivery_hold(struct delivery *d)
{
	if (store_begin(d->store, DB_WRITE) != 0 ||
	    store_waiting_expire(d->store, d->now - DELIVERY_FORGET_SECONDS,
		d->now + DELIVERY_CLOCK_SECONDS) == -1 ||
	    store_waiting_add(d->store, d->link, d->user.chat, d->queue_id,
		d->head.arrived, d->now) == -1)
		return (-1);
	return (store_commit(d->store));
}

/* ${arrived}: the chat is there. 0 or -1. */
static int
note(struct delivery *d, bool arrived)
{
	int64_t strikes;

	if (d->store == NULL)
		return (-1);
	if (store_begin(d->store, DB_WRITE) == 0 &&
	    (!arrived ||
		store_link_strike(d->store, d->user.link, true, &strikes) !=
		    -1) &&
	    store_waiting_remove(d->store, d->link, d->queue_id) != -1 &&
	    store_commit(d->store) == 0)
		return (0);
	failure_clear(&d->failure);
	store_failed(d->store, &d->failure);
	store_end(d->store);
	return (-1);
}

/* The message is done with, and later ones must not wait for it until its note
 * expires: the database may be back in a moment. 0, or -1 and d->failure. */
static int
note_done(struct delivery *d, bool arrived)
{
	int64_t pause;

	for (pause = NOTE_MS; note(d, arrived) != 0; pause *= 2) {
		if (pause > NOTE_MAX_MS)
			return (-1);
		turn_nap(pause);
		store_close(d->store);
		failure_clear(&d->failure);
		(void)!lookup_open(d);
	}
	return (0);
}

void
delivery_forget(struct delivery *d)
{
	if (note_done(d, false) != 0)
		log_warning("%s: done with, but cannot store that it was: %s",
		    d->queue_id, failure_text(&d->failure));
	failure_clear(&d->failure);
}

int
delivery_move(struct delivery *d, int64_t to)
{
	if (store_begin(d->store, DB_WRITE) != 0 ||
	    store_link_move(d->store, d->user.chat, to) == -1 ||
	    store_commit(d->store) != 0)
		return (-1);
	d->user.chat = to;
	delivery_end(d, EX_OK, "moved", "%s", "");
	return (0);
}

static int
sent(struct delivery *d)
{
	/* If storing fails the message must not be sent again. */
	if (note_done(d, true) != 0)
		log_warning("%s: sent, but cannot store that it was: %s",
		    d->queue_id, failure_text(&d->failure));
	return (delivery_end(d, EX_OK, "sent", "%s", ""));
}

/* Keep the message in the queue. If the user has lost it while it was being
 * sent, it ends instead: later messages to the chat would wait for it. */
static int
retry(struct delivery *d, enum outcome outcome,
    const struct botapi_answer *answer)
{
	int status;

	status = lookup_again(d);
	if (status != DELIVERY_GO_ON)
		return (status);
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	if (outcome == OUTCOME_LATER)
		return (delivery_end(d, EX_TEMPFAIL, "later",
		    "%s (after %ld s)", answer->text, answer->retry_after));
	if (outcome == OUTCOME_TOKEN)
		return (delivery_end(d, EX_TEMPFAIL, "token",
		    "Telegram rejects the bot's token (%s); see %s",
		    answer->text, d->settings->token_file));
	return (delivery_end(d, EX_TEMPFAIL, "again", "%s", answer->text));
}

/* The chat is dead: end the link, and tell the user by mail. */
static int
end_link(struct delivery *d, const char *why)
{
	struct mailer mailer = {d->settings, d->texts};
	const struct notice_sender sender = {mailer_notice, NULL, &mailer};
	struct failure failure = FAILURE_INIT;
	struct store_user now;
	int found;

	if (store_begin(d->store, DB_WRITE) != 0)
		return (delivery_store_failed(d));
	/* The user may have linked another chat meanwhile. */
	found = store_link(d->store, d->arena, d->link, d->category.id, &now);
	if (found == -1 ||
	    (found == 1 && now.chat == d->user.chat &&
		link_lost(&d->changes, &d->user, why) == -1) ||
	    store_waiting_remove(d->store, d->link, d->queue_id) == -1 ||
	    store_commit(d->store) != 0)
		return (delivery_store_failed(d));
	if (notice_flush(
		d->store, d->arena, false, 0, &sender, NULL, &failure) != 0)
		log_warning("%s", failure_text(&failure));
	failure_clear(&failure);
	return (delivery_end(d, EX_OK, "gone", "%s; the link is ended", why));
}

/* The chat was not found. Only several such answers in a row end the link. */
static int
strike(struct delivery *d, const char *why)
{
	int64_t strikes = 0;
	int found;

	if (store_begin(d->store, DB_WRITE) != 0)
		return (delivery_store_failed(d));
	found = store_link_strike(d->store, d->user.link, false, &strikes);
	if (found == -1 ||
	    (found == 1 &&
		store_waiting_add(d->store, d->link, d->user.chat, d->queue_id,
		    d->head.arrived, d->now) == -1) ||
	    store_commit(d->store) != 0)
		return (delivery_store_failed(d));
	if (found == 0) {
		delivery_forget(d);
		return (
		    delivery_end(d, EX_OK, "no-link", "the link has ended"));
	}
	if (strikes >= LINK_STRIKES)
		return (end_link(d, "Telegram does not find the chat"));
	return (delivery_end(d, EX_TEMPFAIL, "strike", "%s (%lld of %d)", why,
	    (long long)strikes, LINK_STRIKES));
}

int
delivery_carry_out(struct delivery *d, enum outcome outcome,
    const struct botapi_answer *answer)
{
	switch (outcome) {
	case OUTCOME_SENT:
		return (sent(d));
	case OUTCOME_AGAIN:
	case OUTCOME_CONFLICT:
	case OUTCOME_LATER:
	case OUTCOME_TOKEN:
	case OUTCOME_MOVED:
		return (retry(d, outcome, answer));
	case OUTCOME_GONE:
		return (end_link(d, answer->text));
	case OUTCOME_STRIKE:
		return (strike(d, answer->text));
	case OUTCOME_REFUSED:
	case OUTCOME_NO_TOPIC:
		delivery_forget(d);
		return (delivery_end(d, EX_OK, "refused", "%s", answer->text));
	}
	return (EX_TEMPFAIL);
}
