/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - notifyctl stats: the counters of the milter and notify-telegram
 *
 * They come from the files that these write for Prometheus: the numbers are
 * those of a dashboard, and some seconds old.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/counters.h"
#include "lib/identity.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/holdqueue.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/trace/sources.h"
#include "notifyctl/trace/tally.h"
#include "notifyctl/when.h"
#include "settings/settings.h"

/* The percentiles of the time to decide. */
static const struct share {
	double share;
	const char *name, *json;
} shares[] = {
    {0.5, "half of them", "p50_us"},
    {0.95, "95 of 100", "p95_us"},
    {0.99, "99 of 100", "p99_us"},
};

static int read_file(
    struct ctl *, const char *, const char *, struct counters *);
static char *label(struct ctl *, const char *, const char *);
static int64_t whole(double);
static void messages(struct ctl *, const struct counters *);
static void total(struct ctl *, const struct counters *, enum counter,
    const char *, const char *);
static void recipients(struct ctl *, const struct counters *);
static double bound_of(const struct counters *, double);
static void times(struct ctl *, const struct counters *);
static void mirrored(struct ctl *, const struct counters *);
static void on_hold(struct ctl *);
static int since(struct ctl *, const struct arguments *, const char *);
static int stats(struct ctl *, const struct arguments *);

static const struct ctl_option options[] = {
    {.name = "since", .value = "TIME"}, SOURCES_OPTIONS, {.name = NULL}};

const struct ctl_command stats_commands[] = {
    {"stats", "",
	"the counters of the milter and notify-telegram; --since counts in the "
	"mail log, and lists what was discarded or held",
	0, 0, CTL_SETTINGS, .run = stats, .options = options},
    {.name = NULL},
};

/* Read the counters in ${path}. 1, 0 if there is no such file yet, or -1. */
static int
read_file(
    struct ctl *ctl, const char *key, const char *path, struct counters *c)
{
	char when[OUTPUT_WHEN_SIZE];
	struct stat st;
	int rc;

	if (*path == '\0')
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "%s: nothing is counted; expected a line \"stats_file = "
		    "/var/lib/notify-milter/notify-%s.prom\" in [%s]",
		    ctl->file, key, key));
	if (identity_take(path, ctl->settings->user, &ctl->failure) != 0)
		return (-1);
	if (stat(path, &st) == 0)
		output_line(ctl->out, "%s, as of %s", path,
		    output_when(when, st.st_mtime));
	else if (errno == ENOENT)
		output_line(
		    ctl->out, "%s does not exist yet: nothing counted", path);
	rc = counters_read(c, path, &ctl->failure);
	identity_drop();
	return (rc);
}

/* The value of the label ${name}, or "". */
static char *
label(struct ctl *ctl, const char *labels, const char *name)
{
	const char *s, *end;
	size_t len;

	len = strlen(name);
	for (s = labels; (s = strstr(s, name)) != NULL; s += len) {
		if ((s == labels || s[-1] == ',') && s[len] == '=' &&
		    s[len + 1] == '"')
			break;
	}
	if (s == NULL)
		return (arena_strdup(ctl->arena, ""));
	s += len + 2;
	end = strchr(s, '"');
	return (arena_strndup(
	    ctl->arena, s, end == NULL ? strlen(s) : (size_t)(end - s)));
}

static int64_t
whole(double value)
{
	return ((int64_t)(value + 0.5));
}

static void
messages(struct ctl *ctl, const struct counters *c)
{
	static const char *const columns[] = {
	    "category:CATEGORY", "verdict:VERDICT", "messages:#MESSAGES", NULL};
	const char *category, *verdict;
	size_t i;

	output_table(ctl->out, "messages", columns);
	for (i = 0; i < c->n; i++) {
		if (c->v[i].counter != COUNTER_MESSAGES)
			continue;
		category = label(ctl, c->v[i].labels, "category");
		verdict = label(ctl, c->v[i].labels, "verdict");
		output_row(ctl->out);
		output_cell(ctl->out, *category == '\0' ? "-" : category);
		output_cell(ctl->out, verdict);
		output_cell_number(ctl->out, whole(c->v[i].value));
	}
}

/* A counter of messages, ${name} in JSON. */
static void
total(struct ctl *ctl, const struct counters *c, enum counter counter,
    const char *name, const char *text)
{
	int64_t n = whole(counters_get(c, counter, ""));

	output_number(ctl->out, name, n);
	output_line(ctl->out, "%lld messages %s", (long long)n, text);
}

static void
recipients(struct ctl *ctl, const struct counters *c)
{
	static const char *const changes[] = {
	    "kept", "added", "dropped", "mirrored"};
	char labels[64], name[64];
	int64_t n[4];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(labels, sizeof(labels), "change=\"%s\"", changes[i]);
		snprintf(name, sizeof(name), "recipients_%s", changes[i]);
		n[i] = whole(counters_get(c, COUNTER_RECIPIENTS, labels));
		output_number(ctl->out, name, n[i]);
	}
	output_line(ctl->out,
	    "recipients of delivered messages: %lld kept, %lld added, %lld "
	    "dropped, %lld mirrored",
	    (long long)n[0], (long long)n[1], (long long)n[2], (long long)n[3]);
}

/* The upper bound, in seconds, of the bucket of the ${rank}th message. */
static double
bound_of(const struct counters *c, double rank)
{
	const char *value;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->v[i].counter != COUNTER_DECISION_BUCKET ||
		    c->v[i].value < rank)
			continue;
		value = strchr(c->v[i].labels, '"');
		return (value == NULL ? HUGE_VAL : strtod(value + 1, NULL));
	}
	return (HUGE_VAL);
}

static void
times(struct ctl *ctl, const struct counters *c)
{
	double bound, count;
	size_t i;

	count = counters_get(c, COUNTER_DECISION_COUNT, "");
	for (i = 0; count > 0 && i < sizeof(shares) / sizeof(shares[0]); i++) {
		bound = bound_of(c, count * shares[i].share);
		if (isinf(bound)) {
			output_line(ctl->out, "%s decided in more than 5 s",
			    shares[i].name);
			continue;
		}
		output_line(ctl->out, "%s decided within %g ms", shares[i].name,
		    bound * 1000);
		output_number(ctl->out, shares[i].json, whole(bound * 1e6));
	}
}

static void
mirrored(struct ctl *ctl, const struct counters *c)
{
	static const char *const columns[] = {
	    "category:CATEGORY", "outcome:OUTCOME", "tries:#TRIES", NULL};
	const char *category;
	size_t i;

	output_table(ctl->out, "telegram", columns);
	for (i = 0; i < c->n; i++) {
		if (c->v[i].counter != COUNTER_MIRRORED)
			continue;
		/* Counted by 0.1.0, or without a category that is known. */
		category = label(ctl, c->v[i].labels, "category");
		output_row(ctl->out);
		output_cell(ctl->out, *category == '\0' ? "-" : category);
		output_cell(ctl->out, label(ctl, c->v[i].labels, "outcome"));
		output_cell_number(ctl->out, whole(c->v[i].value));
	}
}

/* How many messages wait in Postfix's hold queue. Not if there is no Postfix,
 * or it does not tell. */
static void
on_hold(struct ctl *ctl)
{
	struct failure why = FAILURE_INIT;
	const struct postconf *mta;
	char when[OUTPUT_WHEN_SIZE];
	int64_t n, oldest;

	mta = postconf_read(ctl->arena, &why);
	if (mta != NULL && holdqueue_count(mta, &n, &oldest, &why) == 0) {
		output_number(ctl->out, "held", n);
		output_text(ctl->out, "held_oldest",
		    n == 0 ? "" : output_when(when, oldest));
		if (n == 0)
			output_line(ctl->out, "no message is on hold");
		else
			output_line(ctl->out,
			    "%lld messages are on hold, the oldest since %s "
			    "(\"notifyctl held\")",
			    (long long)n, when);
	}
	failure_clear(&why);
}

/* The same from the mail log, as far as that has it, and the messages that a
 * person may miss. */
static int
since(struct ctl *ctl, const struct arguments *args, const char *time)
{
	char when[OUTPUT_WHEN_SIZE];
	struct tally *t;
	int64_t from;

	if (when_time(
		ctl->arena, time, ctl->changes.now, &from, &ctl->failure) != 0)
		return (-1);
	t = tally_new(ctl, args, from);
	if (t == NULL)
		return (-1);
	output_text(ctl->out, "since", output_when(when, from));
	output_line(ctl->out, "the mail log since %s", when);
	messages(ctl, tally_counters(t));
	recipients(ctl, tally_counters(t));
	on_hold(ctl);
	output_line(ctl->out, "%s", "");
	mirrored(ctl, tally_counters(t));
	tally_stopped(ctl, t);
	tally_free(t);
	return (0);
}

static int
stats(struct ctl *ctl, const struct arguments *args)
{
	const char *time = ctl_option(args, "since");
	const struct settings *s = ctl->settings;
	struct counters milter = {0}, agent = {0};
	int64_t started;
	char when[OUTPUT_WHEN_SIZE];
	int rc;

	if (time != NULL)
		return (since(ctl, args, time));
	if (args->given->option != NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "--log and --journal say where --since counts; expected "
		    "--since TIME with them"));
	rc = -1;
	if (read_file(ctl, "milter", s->stats_file, &milter) == -1)
		goto out;
	messages(ctl, &milter);
	total(ctl, &milter, COUNTER_UNTAGGED, "untagged", "without a tag");
	recipients(ctl, &milter);
	total(ctl, &milter, COUNTER_LOOKUP_FAILURES, "lookup_failures",
	    "that could not be decided");
	times(ctl, &milter);
	started = whole(counters_get(&milter, COUNTER_START_TIME, ""));
	if (started > 0) {
		output_text(ctl->out, "started", output_when(when, started));
		output_line(ctl->out, "the milter was started at %s", when);
	}
	on_hold(ctl);
	output_line(ctl->out, "%s", "");
	if (*s->telegram_stats_file != '\0') {
		if (read_file(
			ctl, "telegram", s->telegram_stats_file, &agent) == -1)
			goto out;
		mirrored(ctl, &agent);
	}
	rc = 0;
out:
	counters_clear(&milter);
	counters_clear(&agent);
	return (rc);
}
