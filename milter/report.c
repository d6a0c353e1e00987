/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - the log lines of a message
 */
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "decision/evaluate.h"
#include "decision/message.h"
#include "lib/log.h"
#include "milter/report.h"

static const char *shown(struct arena *, const char *);
static const char *address(struct arena *, const char *);
static void report_dropped(const char *, const struct message *,
    const struct decision *, struct arena *);

/* The text, escaped; never NULL. */
static const char *
shown(struct arena *a, const char *text)
{
	const char *escaped;

	escaped = escape_text(a, text);
	return (escaped == NULL ? "(out of memory)" : escaped);
}

/* The address, escaped, in angle brackets; never NULL. */
static const char *
address(struct arena *a, const char *text)
{
	const char *s;
	size_t len;

	len = strlen(text);
	if (len >= 2 && text[0] == '<' && text[len - 1] == '>')
		text = arena_strndup(a, text + 1, len - 2);
	s = text == NULL ? NULL
			 : arena_concat(a, "<", shown(a, text), ">", NULL);
	return (s == NULL ? "(out of memory)" : s);
}

static void
report_dropped(const char *queue_id, const struct message *message,
    const struct decision *decision, struct arena *a)
{
	const struct decided_recipient *r;
	const char *why;
	size_t i;

	for (i = 0; i < message->nrecipients; i++) {
		r = &decision->recipients[i];
		if (r->fate != FATE_DROPPED)
			continue;
		why = decide_why(a, r->why, r->member, decision->category);
		log_message(LOG_LEVEL_INFO,
		    "%s: to=%s status=dropped reason=\"%s\"", queue_id,
		    address(a, message->recipients[i]),
		    why == NULL ? "(out of memory)" : shown(a, why));
	}
}

void
report_standby(const char *queue_id, const struct evaluate_standby *standby,
    struct arena *a)
{
	if (standby->detour != NULL)
		log_message(LOG_LEVEL_WARNING,
		    "%s: %s; the primary was asked instead", queue_id,
		    shown(a, standby->detour));
	if (standby->news == STANDBY_OVER)
		log_message(LOG_LEVEL_INFO,
		    "%s: the standby has caught up; it is asked again",
		    queue_id);
}

void
report(const char *queue_id, const struct message *message,
    const struct decision *decision, bool monitor, struct arena *a)
{
	const char *reason, *id;
	enum log_level level;

	if (decision->verdict == VERDICT_UNTOUCHED)
		return;
	if (decision->dropped > 0)
		report_dropped(queue_id, message, decision, a);
	reason = "";
	if (decision->verdict != VERDICT_DELIVER)
		reason = arena_printf(
		    a, " reason=\"%s\"", shown(a, decision->reason));
	id = "";
	if (decision->stamp != NULL && message->id_given)
		id = arena_concat(a, " message-id=", message->id, NULL);
	/* A tempfail delays mail; a hold waits for the postmaster. */
	level = decision->verdict == VERDICT_TEMPFAIL ? LOG_LEVEL_ERROR
	    : decision->verdict == VERDICT_HOLD	      ? LOG_LEVEL_WARNING
						      : LOG_LEVEL_INFO;
	log_message(level,
	    "%s: category=%s account=%s kept=%zu added=%zu dropped=%zu "
	    "mirrored=%zu verdict=%s%s%s%s%s",
	    queue_id,
	    decision->category == NULL ? "-" : shown(a, decision->category),
	    decision->accounts == NULL ? "-" : shown(a, decision->accounts),
	    decision->kept, decision->nadded, decision->dropped,
	    decision->nmirrored, decide_verdict_name(decision->verdict),
	    reason == NULL ? " reason=\"(out of memory)\"" : reason,
	    decision->decided ? " decided=before" : "",
	    id == NULL ? " message-id=(out of memory)" : id,
	    monitor ? " monitor=yes" : "");
}
