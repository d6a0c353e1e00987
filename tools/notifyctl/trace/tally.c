/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally - what was decided since a time, counted from the mail log
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/counters.h"
#include "base/strmap.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/sources.h"
#include "notifyctl/trace/tally.h"
#include "notifyctl/trace/trace_roster.h"

/* Messages that are listed; all are counted. */
#define STOPPED_MAX 10000
/* Memory for one line. */
#define LINE_MEMORY ((size_t)8 << 20)
/* Letters of a category's slug, and of a verdict or an outcome. */
#define SLUG "abcdefghijklmnopqrstuvwxyz0123456789-"

/* A message that was discarded or held. */
struct stopped {
	const char *id;
	int64_t at;
	const char *verdict, *category, *accounts, *reason;
	bool monitor;
};

/* What an operator did with a message that was held. */
struct done {
	int64_t at;
	const char *what;
};

struct tally {
	struct ctl *ctl;
	struct sources *sources;
	int64_t since;
	struct arena *line; /* for one line */
	struct counters counters;
	struct stopped *v;
	size_t n, cap, more;
	struct strmap done; /* struct done, by queue id */
	bool lost;	    /* out of memory for a counter */
};

static const char *safe(const char *);
static void count(struct tally *, enum counter, const char *, double);
static void count_decision(struct tally *, const struct history *);
static void list(struct tally *, const struct history *, int64_t);
static void decision(struct tally *, const char *, const struct history_line *);
static void chat(struct tally *, const struct history_line *);
static bool outdone(const struct done *, const char *, int64_t);
static void operators(
    struct tally *, const char *, const struct history_line *);
static void take(void *, const struct trace_line *);
static int by_time(const void *, const void *);
static const char *owners(
    struct ctl *, struct store *, struct strmap *, const char *);
static const char *became(const struct tally *, const struct stopped *);

/* The text as the value of a label: anybody may write into a log. */
static const char *
safe(const char *text)
{
	return (*text != '\0' && strlen(text) <= 64 &&
		    text[strspn(text, SLUG)] == '\0' && strcmp(text, "-") != 0
		? text
		: "");
}

static void
count(struct tally *t, enum counter counter, const char *labels, double value)
{
	if (counters_add(&t->counters, counter, labels, value) != 0)
		t->lost = true;
}

static void
count_decision(struct tally *t, const struct history *h)
{
	const struct {
		const char *labels;
		long n;
	} changes[] = {
	    {"change=\"kept\"", h->kept},
	    {"change=\"added\"", h->added},
	    {"change=\"dropped\"", h->dropped},
	    {"change=\"mirrored\"", h->mirrored},
	};
	char labels[256];
	size_t i;

	snprintf(labels, sizeof(labels), "category=\"%s\",verdict=\"%s\"",
	    safe(h->category), safe(h->verdict));
	count(t, COUNTER_MESSAGES, labels, 1);
	if (strcmp(h->verdict, "deliver") != 0)
		return;
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (changes[i].n > 0)
			count(t, COUNTER_RECIPIENTS, changes[i].labels,
			    (double)changes[i].n);
	}
}

static void
list(struct tally *t, const struct history *h, int64_t at)
{
	struct arena *a = t->ctl->arena;
	struct stopped *s;

	if (strcmp(h->verdict, "discard") != 0 &&
	    strcmp(h->verdict, "hold") != 0)
		return;
	if (t->n == STOPPED_MAX) {
		t->more++;
		return;
	}
	t->v = arena_grow(a, t->v, t->n, &t->cap, sizeof(*t->v));
	s = &t->v[t->n++];
	s->id = arena_strdup(a, h->id);
	s->at = at;
	s->verdict = *h->verdict == 'h' ? "hold" : "discard";
	s->category = arena_strdup(a, h->category);
	s->accounts = arena_strdup(a, h->accounts);
	s->reason = arena_strdup(a, h->reason);
	s->monitor = h->monitor;
}

static void
decision(struct tally *t, const char *id, const struct history_line *line)
{
	struct history h;

	memset(&h, 0, sizeof(h));
	h.id = id;
	history_begin(&h);
	history_add(t->line, &h, line);
	if (*h.decision == '\0')
		return;
	count_decision(t, &h);
	list(t, &h, line->at);
}

static void
chat(struct tally *t, const struct history_line *line)
{
	struct history h;
	const char *outcome;
	char labels[256];

	memset(&h, 0, sizeof(h));
	history_begin(&h);
	history_add(t->line, &h, line);
	outcome =
	    h.ncopies == 0 ? NULL : text_after(h.copies[0].outcome, "chat ");
	if (outcome == NULL)
		return;
	snprintf(labels, sizeof(labels), "category=\"%s\",outcome=\"%s\"",
	    safe(h.copies[0].category), safe(outcome));
	count(t, COUNTER_MIRRORED, labels, 1);
}

/* Is what was done before the last word? The later one is; but requeue deletes
 * the held message after it was replaced. */
static bool
outdone(const struct done *done, const char *what, int64_t at)
{
	if (strcmp(what, "deleted") == 0 &&
	    text_after(done->what, "requeued as ") != NULL)
		return (true);
	if (strcmp(done->what, "deleted") == 0 &&
	    text_after(what, "requeued as ") != NULL)
		return (false);
	return (done->at > at);
}

/* A line about a message that may have been held, before or behind its own: the
 * sources come in any order. */
static void
operators(struct tally *t, const char *id, const struct history_line *line)
{
	struct arena *a = t->ctl->arena;
	const void *found = NULL;
	const char *what, *new;
	struct done *done;

	new = text_after(line->text, "requeued as ");
	if (strcmp(line->program, "notifyctl") == 0 && new != NULL)
		what = arena_concat(a, "requeued as ",
		    arena_strndup(a, new, text_queueid(new)), NULL);
	else if (strcmp(line->program, "postsuper") != 0)
		return;
	else if (text_after(line->text, "released from hold") != NULL)
		what = "released";
	else if (text_after(line->text, "placed on hold") != NULL)
		what = "";
	else if (strcmp(line->text, "removed") == 0)
		what = "deleted";
	else
		return;
	if (strmap_find(&t->done, id, &found) == 1) {
		done = (struct done *)(uintptr_t)found;
		if (outdone(done, what, line->at))
			return;
	} else {
		done = arena_alloc(a, sizeof(*done));
		if (strmap_add(&t->done, arena_strdup(a, id), done) == -1)
			abort();
	}
	done->at = line->at;
	done->what = what;
}

static void
take(void *ctx, const struct trace_line *from)
{
	struct tally *t = ctx;
	const char *slash = strrchr(from->program, '/');
	struct history_line line = {.at = from->at,
	    .program = slash == NULL ? from->program : slash + 1};
	char id[TEXT_QUEUEID_MAX + 1];
	size_t len;

	len = text_queueid(from->text);
	if (len == 0 || len > TEXT_QUEUEID_MAX ||
	    strncmp(from->text + len, ": ", 2) != 0 ||
	    (from->at != 0 && from->at < t->since))
		return;
	memcpy(id, from->text, len);
	id[len] = '\0';
	line.text = from->text + len + 2;
	arena_reset(t->line);
	if (strcmp(line.program, "notify-milter") == 0)
		decision(t, id, &line);
	else if (strcmp(line.program, "notify-telegram") == 0)
		chat(t, &line);
	else
		operators(t, id, &line);
}

static int
by_time(const void *a, const void *b)
{
	const struct stopped *x = a, *y = b;

	return ((x->at > y->at) - (x->at < y->at));
}

struct tally *
tally_new(struct ctl *ctl, const struct arguments *args, int64_t since)
{
	struct tally *t;

	t = arena_alloc(ctl->arena, sizeof(*t));
	t->ctl = ctl;
	t->sources = sources_new(ctl, args, since);
	t->since = since;
	t->done.arena = ctl->arena;
	t->line = arena_new(LINE_MEMORY);
	if (t->line == NULL)
		goto memory;
	if (sources_read(t->sources, NULL, take, t) != 0 ||
	    sources_readable(t->sources) != 0)
		goto failed;
	if (t->lost)
		goto memory;
	if (t->n > 1)
		qsort(t->v, t->n, sizeof(*t->v), by_time);
	return (t);
memory:
	failure_memory(&ctl->failure);
failed:
	tally_free(t);
	return (NULL);
}

void
tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	counters_clear(&t->counters);
	arena_free(t->line);
}

const struct counters *
tally_counters(const struct tally *t)
{
	return (&t->counters);
}

/* The owners of the accounts now; many messages are about the same. */
static const char *
owners(struct ctl *ctl, struct store *roster, struct strmap *known,
    const char *accounts)
{
	const void *found = NULL;

	if (strmap_find(known, accounts, &found) == 1)
		return (found);
	found = trace_roster_owners(ctl, roster, accounts);
	if (strmap_add(known, accounts, found) == -1)
		abort();
	return (found);
}

/* What became of a message that was held; or "". */
static const char *
became(const struct tally *t, const struct stopped *s)
{
	const void *found = NULL;
	const struct done *done;

	if (strcmp(s->verdict, "hold") != 0 ||
	    strmap_find(&t->done, s->id, &found) != 1)
		return ("");
	done = found;
	return (done->at >= s->at ? done->what : "");
}

void
tally_stopped(struct ctl *ctl, const struct tally *t)
{
	static const char *const columns[] = {"at:@WHEN", "queue_id:ID",
	    "verdict:VERDICT", "category:CATEGORY", "account:ACCOUNT",
	    "owner:OWNER NOW", "reason:WHY", "became:BECAME", "monitor", NULL};
	struct store *roster = t->n == 0 ? NULL : trace_roster_open(ctl, NULL);
	struct strmap known = {.arena = ctl->arena};
	struct output *out = ctl->out;
	const struct stopped *s;
	size_t i;

	output_line(out, "%s", "");
	output_line(out, "%s",
	    t->n == 0 ? "no message was discarded or held"
		      : "messages that were discarded or held, and the owner, "
			"who receives everything:");
	output_table(out, "stopped", columns);
	for (i = 0; i < t->n; i++) {
		s = &t->v[i];
		output_row(out);
		output_cell_when(out, s->at);
		output_cell(out, s->id);
		output_cell(out, s->verdict);
		output_cell(out, s->category);
		output_cell(out, s->accounts);
		output_cell(out, owners(ctl, roster, &known, s->accounts));
		output_cell(out, s->reason);
		output_cell(out, s->monitor ? "monitor mode" : became(t, s));
		output_cell_flag(out, s->monitor);
	}
	trace_roster_close(ctl, roster);
	output_flag(out, "complete", t->more == 0);
	sources_unread(t->sources);
	if (t->more > 0)
		output_line(out, "(and %zu more, which are counted)", t->more);
}
