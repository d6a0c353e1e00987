/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * held - notifyctl held: the tagged messages in Postfix's hold queue
 *
 * Why the milter held one is in no queue file. So each is decided again, by the
 * same evaluate() as the milter's, with the present roster and settings: the
 * reason is the one why it would be held now, and a message that would not be
 * held any more is said to be ready to be requeued.
 *
 * A message without X-Notify-Category was not held by the milter; those are
 * counted. One with it may have been held by hand, by an action of Postfix or
 * by another milter. If it has the stamp of its decision, its envelope is
 * decided, and it is to be released: submitted again, it would be held again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/counters.h"
#include "decision/evaluate.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "lib/identity.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/holdqueue.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/requeue/queuefile.h"
#include "settings/settings.h"

/* In the directory of stats_file. */
#define COUNTERS_FILE "notify-held.prom"

/* For one message: its envelope and what the roster says. */
#define ARENA_MAX ((size_t)256 << 20)

struct listing {
	struct ctl *ctl;
	struct pool *pool;
	struct arena *arena; /* of one message */
	int64_t n, others, oldest;
};

/* A message being read. */
struct text {
	struct arena *arena;
	struct message message;
	size_t cap;
	const char *original, *orcpt, *client, *login;
	const char *name; /* of the header that is being read, or NULL */
	char *value;
};

static int end_header(struct text *);
static int envelope_line(struct text *, char *);
static int header_line(struct text *, char *);
static int read_text(struct text *, char *);
static bool stays(const struct decision *);
static const char *why(struct arena *, const struct decision *);
static void row(struct listing *, const struct holdqueue_message *,
    const struct decision *, const char *, const char *);
static int show(void *, struct holdqueue_message *, struct failure *);
static int count(struct listing *);
static int held(struct ctl *, const struct arguments *);

const struct ctl_command held_commands[] = {
    {"held", "", "the tagged messages on hold: since when, and why", 0, 0,
	CTL_SETTINGS, .run = held},
    {.name = NULL},
};

static int
end_header(struct text *t)
{
	const char *name = t->name;

	t->name = NULL;
	return (name == NULL
		? 0
		: message_header(&t->message, t->arena, name, t->value));
}

/* A recipient that was submitted has an ORCPT: see queuefile.c. */
static int
envelope_line(struct text *t, char *line)
{
	struct message *m = &t->message;
	const char *value, *given;

	if ((value = text_after(line, "named_attribute: client_address=")))
		t->client = value;
	else if ((value = text_after(line, "named_attribute: sasl_username=")))
		t->login = value;
	else if ((value = text_after(line, "named_attribute: dsn_orig_rcpt=")))
		t->orcpt = value;
	else if ((value = text_after(line, "original_recipient: ")))
		t->original = value;
	if ((value = text_after(line, "recipient: ")) == NULL &&
	    (value = text_after(line, "canceled_recipient: ")) == NULL &&
	    (value = text_after(line, "done_recipient: ")) == NULL)
		return (0);
	given = t->original == NULL ? value : t->original;
	if (t->orcpt != NULL && *t->orcpt != '\0' &&
	    (m->nrecipients == 0 ||
		strcmp(m->recipients[m->nrecipients - 1], given) != 0)) {
		m->recipients = arena_grow(t->arena, m->recipients,
		    m->nrecipients, &t->cap, sizeof(*m->recipients));
		if (m->recipients == NULL)
			return (-1);
		m->recipients[m->nrecipients++] = given;
	}
	t->original = t->orcpt = NULL;
	return (0);
}

static int
header_line(struct text *t, char *line)
{
	char *colon;

	if (*line == ' ' || *line == '\t') {
		/* The line stands behind the value: join them in place. */
		if (t->name != NULL)
			line[-1] = '\n';
		return (0);
	}
	if (end_header(t) != 0)
		return (-1);
	colon = strchr(line, ':');
	if (colon == NULL)
		return (0);
	*colon = '\0';
	t->name = line;
	t->value = colon + 1;
	return (0);
}

/* 0, or -1 if out of memory. */
static int
read_text(struct text *t, char *text)
{
	bool header = false;
	char *line, *next;
	int rc = 0;

	for (line = text; rc == 0 && line != NULL && *line != '\0';
	     line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (text_after(line, "*** MESSAGE CONTENTS ") != NULL ||
		    text_after(line, "*** HEADER EXTRACTED ") != NULL)
			header = text_after(line, "*** M") != NULL;
		else
			rc = header ? header_line(t, line)
				    : envelope_line(t, line);
	}
	return (rc == 0 ? end_header(t) : -1);
}

/* Would it be kept back if it were submitted again? */
static bool
stays(const struct decision *d)
{
	return (d->verdict == VERDICT_HOLD || d->verdict == VERDICT_TEMPFAIL ||
	    d->verdict == VERDICT_REJECT);
}

/* NULL if out of memory. */
static const char *
why(struct arena *a, const struct decision *d)
{
	if (stays(d))
		return (d->reason);
	if (d->decided)
		return ("decided; an operator, an action of Postfix or another "
			"milter holds it");
	return (arena_printf(a, "no longer: it would be %s now",
	    d->verdict == VERDICT_DELIVER	? "delivered"
		: d->verdict == VERDICT_DISCARD ? "discarded"
						: "passed on untagged"));
}

/* ${d}: the decision, or NULL if it cannot be decided. */
static void
row(struct listing *l, const struct holdqueue_message *m,
    const struct decision *d, const char *reason, const char *command)
{
	struct output *out = l->ctl->out;
	bool category = d != NULL && d->category != NULL;
	bool accounts = d != NULL && d->accounts != NULL;

	output_row(out);
	output_cell(out, m->id);
	output_cell_when(out, m->arrived);
	output_cell(out, category ? d->category : "");
	output_cell(out, accounts ? d->accounts : "");
	output_cell_flag(out, d == NULL || stays(d));
	output_cell(out, reason);
	output_cell(out, command);
	if (l->n++ == 0 || m->arrived < l->oldest)
		l->oldest = m->arrived;
}

static int
show(void *ctx, struct holdqueue_message *m, struct failure *failure)
{
	struct listing *l = ctx;
	struct ctl *ctl = l->ctl;
	struct text t = {.arena = l->arena};
	struct decision d;
	const char *reason, *command;

	if (m->text == NULL) {
		row(l, m, NULL,
		    "its queue file is damaged, or has a line break that makes "
		    "up records",
		    arena_printf(ctl->arena, "postsuper -d %s hold", m->id));
		return (0);
	}
	if (read_text(&t, m->text) != 0)
		return (failure_memory(failure));
	if (t.message.nheaders == 0) {
		l->others++;
		arena_reset(l->arena);
		return (0);
	}
	t.message.client = t.client == NULL ? "sendmail" : t.client;
	t.message.trusted = queuefile_trusted(ctl->settings, t.client, t.login);
	identity_resume();
	evaluate(ctl->settings, l->pool, &t.message, false, l->arena, &d, NULL);
	identity_suspend();
	reason = why(l->arena, &d);
	command = arena_printf(l->arena,
	    d.decided ? "postsuper -H %s" : "notifyctl requeue %s", m->id);
	if (reason == NULL || command == NULL)
		return (failure_memory(failure));
	row(l, m, &d, reason, command);
	arena_reset(l->arena);
	return (0);
}

/* Leave the number and the oldest beside the milter's counters: the milter may
 * not look into the queue. */
static int
count(struct listing *l)
{
	struct ctl *ctl = l->ctl;
	const char *file = ctl->settings->stats_file, *slash;
	struct counters c = {0};
	char *text = NULL;
	int rc = -1;

	slash = strrchr(file, '/');
	if (slash == NULL)
		return (0);
	file = arena_printf(
	    ctl->arena, "%.*s/%s", (int)(slash - file), file, COUNTERS_FILE);
	if (counters_set(&c, COUNTER_HELD, "", (double)l->n) != 0 ||
	    counters_set(&c, COUNTER_HELD_OLDEST, "", (double)l->oldest) != 0 ||
	    (text = counters_text(&c)) == NULL)
		failure_memory(&ctl->failure);
	else if (identity_take(file, ctl->settings->user, &ctl->failure) == 0)
		rc = counters_replace(file, text, &ctl->failure);
	identity_drop();
	counters_clear(&c);
	free(text);
	return (rc);
}

static int
held(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"queue_id:QUEUE ID",
	    "since:@SINCE", "category:CATEGORY", "account:ACCOUNT",
	    "holds:?STILL", "reason:WHY, AS OF NOW", "command:COMMAND", NULL};
	struct listing l = {.ctl = ctl};
	char when[OUTPUT_WHEN_SIZE];
	struct postconf *mta;
	int rc = -1;

	(void)args;
	if (geteuid() != 0)
		return (failure_set(&ctl->failure, FAILURE_DENIED,
		    "held reads files of Postfix's queue; run it as root"));
	mta = postconf_read(ctl->arena, &ctl->failure);
	if (mta == NULL && ctl->failure.kind == FAILURE_UNKNOWN)
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "postconf(1) not found: held works with Postfix only. With "
		    "Sendmail, \"mailq -qQ\" lists quarantined mail"));
	if (mta == NULL)
		return (-1);
	l.pool = pool_new(ctl->settings, POOL_WAIT_MS);
	l.arena = arena_new(ARENA_MAX);
	if (l.pool == NULL || l.arena == NULL) {
		failure_memory(&ctl->failure);
	} else if (ctl_take_roster(ctl) == 0) {
		identity_suspend();
		output_table(ctl->out, "messages", columns);
		rc = holdqueue_each(mta, show, &l, &ctl->failure);
	}
	if (rc == 0 && l.others > 0)
		output_line(ctl->out,
		    "%lld other messages on hold have no X-Notify-Category: "
		    "the milter did not hold them",
		    (long long)l.others);
	if (rc == 0 && l.n > 0)
		output_line(ctl->out,
		    "%lld held, the oldest since %s. Put right what WHY says, "
		    "then run COMMAND; \"postsuper -d ID hold\" deletes one",
		    (long long)l.n, output_when(when, l.oldest));
	output_number(ctl->out, "others", l.others);
	identity_resume();
	pool_free(l.pool);
	identity_drop();
	arena_free(l.arena);
	if (rc == 0 && count(&l) != 0) {
		/* The list is what was asked for. */
		output_line(ctl->out, "not left for Prometheus: %s",
		    failure_text(&ctl->failure));
		failure_clear(&ctl->failure);
	}
	return (rc);
}
