/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain - notifyctl explain
 *
 * Reads a message as the milter would get it (headers.c), calls the same
 * evaluate(), and shows the reason for each person. Sends and changes nothing.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/escape.h"
#include "db/db_url.h"
#include "decision/evaluate.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "lib/identity.h"
#include "notifyctl/commands/addressees.h"
#include "notifyctl/commands/headers.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "settings/settings.h"

/* A message being read. */
struct reading {
	struct ctl *ctl;
	struct message message;
	size_t recipients_cap;
	struct addressees addressees;
	const char *end; /* the line that ended the headers */
};

static void add_recipient(struct reading *, const char *);
static void take_header(void *, const char *, const char *);
static int read_message(struct reading *, const struct arguments *);
static int parse(struct reading *, const struct arguments *);
static void person(
    struct output *, const char *, bool, const char *, const char *);
static void people(
    struct ctl *, const struct message *, const struct decision *);
static void summary(const struct reading *, const struct arguments *,
    const struct decision *, const char *);
static bool closed_to_us(const struct settings *);
static int explain(struct ctl *, const struct arguments *);

static const struct ctl_option options[] = {{.name = "sender", .value = "ADDR"},
    {.name = "recipient", .value = "ADDR", .repeated = true}, {.name = NULL}};

const struct ctl_command explain_commands[] = {
    {"explain", "[FILE]",
	"what the milter would do to this message; nothing is sent", 0, 1,
	CTL_SETTINGS, .run = explain, .options = options},
    {.name = NULL},
};

static void
add_recipient(struct reading *r, const char *text)
{
	struct message *m = &r->message;
	struct arena *a = r->ctl->arena;

	m->recipients = arena_grow(a, m->recipients, m->nrecipients,
	    &r->recipients_cap, sizeof(*m->recipients));
	m->recipients[m->nrecipients++] = arena_strdup(a, text);
}

static void
take_header(void *ctx, const char *name, const char *value)
{
	struct reading *r = ctx;

	(void)!message_header(&r->message, r->ctl->arena, name, value);
	addressees_take(&r->addressees, name, value);
}

/* Read the headers; the body does not matter. */
static int
read_message(struct reading *r, const struct arguments *args)
{
	bool from_stdin = args->n == 0 || strcmp(args->v[0], "-") == 0, failed;
	const char *name = from_stdin ? "standard input" : args->v[0];
	struct failure *failure = &r->ctl->failure;
	FILE *in;
	int rc;

	in = from_stdin ? stdin : fopen(name, "re");
	if (in == NULL)
		return (failure_set(failure, FAILURE_DATA,
		    "%s: %s; expected a message", escape_name(name),
		    strerror(errno)));
	rc = headers_read(in, r->ctl->arena, take_header, r, &r->end);
	failed = ferror(in);
	if (failed)
		failure_set(failure, FAILURE_DATA, "%s: %s; expected a message",
		    name, strerror(errno));
	else if (rc != 0)
		failure_set(failure, FAILURE_DATA,
		    "%s: headers too long; expected a message with at most "
		    "%zu MB of headers",
		    name, HEADERS_MAX >> 20);
	if (!from_stdin)
		fclose(in);
	return (failed || rc != 0 ? -1 : 0);
}

/* The recipients are those on the command line, else those in the headers. */
static int
parse(struct reading *r, const struct arguments *args)
{
	const struct addressees *who = &r->addressees;
	struct message *m = &r->message;
	const struct ctl_given *given = NULL;

	r->addressees.arena = r->ctl->arena;
	if (read_message(r, args) != 0)
		return (-1);
	while ((given = ctl_next(args, "recipient", given)) != NULL)
		add_recipient(r, given->value);
	if (m->nrecipients > 0)
		return (0);
	if (who->unclear != NULL)
		return (failure_set(&r->ctl->failure, FAILURE_DATA,
		    "the header %s cannot be read with certainty; expected "
		    "--recipient ADDR for each recipient",
		    who->unclear));
	m->recipients = who->v;
	m->nrecipients = who->n;
	if (m->nrecipients > 0)
		return (0);
	return (failure_set(&r->ctl->failure, FAILURE_DATA,
	    "the message has no recipient; expected --recipient ADDR, or To, "
	    "Cc or Bcc in the message"));
}

static void
person(struct output *out, const char *address, bool gets, const char *how,
    const char *why)
{
	output_row(out);
	output_cell(out, address);
	output_cell_flag(out, gets);
	output_cell(out, how);
	output_cell(out, why == NULL ? "" : why);
}

/* Is the message delivered now? */
static bool
goes_out(enum verdict verdict)
{
	return (verdict == VERDICT_DELIVER || verdict == VERDICT_UNTOUCHED ||
	    verdict == VERDICT_UNTRUSTED);
}

static void
people(struct ctl *ctl, const struct message *m, const struct decision *d)
{
	static const char *const columns[] = {
	    "address:ADDRESS", "gets:?GETS IT", "how:HOW", "why:WHY", NULL};
	static const char *const fates[] = {[FATE_KEPT] = "stays",
	    [FATE_DROPPED] = "dropped",
	    [FATE_REPLACED] = "replaced"};
	const struct decided_recipient *r;
	struct arena *a = ctl->arena;
	struct output *out = ctl->out;
	bool go = goes_out(d->verdict);
	size_t i;

	output_table(out, "people", columns);
	for (i = 0; i < m->nrecipients; i++) {
		r = d->recipients == NULL ? NULL : &d->recipients[i];
		if (r == NULL)
			person(
			    out, m->recipients[i], go, "stays", "as addressed");
		else
			person(out, m->recipients[i],
			    go && r->fate == FATE_KEPT, fates[r->fate],
			    decide_why(a, r->why, r->member, d->category));
	}
	for (i = 0; i < d->nadded; i++)
		person(out, d->added[i].member->address, go, "added",
		    decide_why_added(a, &d->added[i], d->category));
	for (i = 0; i < d->npassed; i++)
		person(out, d->passed[i].member->address, false, "not added",
		    decide_why(
			a, d->passed[i].why, d->passed[i].member, d->category));
	for (i = 0; i < d->nmirrored; i++)
		person(out, d->mirrored[i].address, go, "mirrored",
		    arena_printf(a, "Telegram chat of %s",
			d->mirrored[i].member->address));
}

static void
summary(const struct reading *r, const struct arguments *args,
    const struct decision *d, const char *detour)
{
	const struct message *m = &r->message;
	struct ctl *ctl = r->ctl;
	struct output *out = ctl->out;
	const char *reason, *stamp, *sender = ctl_option(args, "sender");

	reason = goes_out(d->verdict) && d->verdict != VERDICT_UNTRUSTED &&
		d->verdict != VERDICT_UNTOUCHED
	    ? NULL
	    : d->reason;
	output_line(out, "verdict   %s%s%s", decide_verdict_name(d->verdict),
	    reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
	output_text(out, "verdict", decide_verdict_name(d->verdict));
	output_text(out, "reason", reason == NULL ? "" : reason);
	if (sender != NULL) {
		output_line(out, "sender    %s", sender);
		output_text(out, "sender", sender);
	}
	output_line(
	    out, "category  %s", d->category == NULL ? "-" : d->category);
	output_text(out, "category", d->category == NULL ? "" : d->category);
	output_line(
	    out, "account   %s", d->accounts == NULL ? "-" : d->accounts);
	output_text(out, "account", d->accounts == NULL ? "" : d->accounts);
	output_number(out, "kept", (int64_t)d->kept);
	output_number(out, "added", (int64_t)d->nadded);
	output_number(out, "dropped", (int64_t)d->dropped);
	output_number(out, "mirrored", (int64_t)d->nmirrored);
	output_flag(out, "decided", d->decided);
	stamp = d->stamp == NULL || m->id_given ? "" : d->stamp;
	output_text(out, "stamp", stamp);
	output_flag(out, "message_id_added", d->stamp != NULL && m->id_given);
	output_flag(out, "monitor", ctl->settings->monitor);
	if (d->decided)
		output_line(out,
		    "decided   before: its X-Notify-Decided is right, and its "
		    "recipients stay as they are; without that header it "
		    "would be decided now");
	if (*stamp != '\0')
		output_line(out, "adds      " DECIDED_HEADER ": %s", stamp);
	else if (d->stamp != NULL)
		output_line(out,
		    "adds      " MESSAGE_ID_HEADER
		    ", which it lacks, unless the MTA adds one first, "
		    "and " DECIDED_HEADER);
	if (detour != NULL)
		output_line(
		    out, "roster    from the primary, since %s", detour);
	output_text(out, "headers_end_at", r->end);
	if (*r->end != '\0')
		output_line(out,
		    "headers   end at the line \"%s\", which is no header: "
		    "nothing after it counts",
		    r->end);
	if (ctl->settings->monitor)
		output_line(out,
		    "monitor   yes: the milter would log this and "
		    "change nothing");
	output_line(out, "%s", "");
}

/* May this user not read a roster that the milter may be able to read? Then
 * nothing is known of what the milter would do. */
static bool
closed_to_us(const struct settings *settings)
{
	const struct passwd *milter;

	if (getuid() == 0 || db_url_remote(settings->url))
		return (false);
	milter = getpwnam(settings->user);
	return ((milter == NULL || milter->pw_uid != getuid()) &&
	    access(settings->url, R_OK) != 0 && errno == EACCES);
}

static int
explain(struct ctl *ctl, const struct arguments *args)
{
	struct reading r = {.ctl = ctl};
	struct evaluate_standby standby;
	struct decision decision;
	struct pool *pool;

	if (parse(&r, args) != 0)
		return (-1);
	pool = pool_new(ctl->settings, POOL_WAIT_MS);
	if (pool == NULL)
		return (failure_memory(&ctl->failure));
	if (ctl_take_roster(ctl) != 0) {
		pool_free(pool);
		return (-1);
	}
	/* As if a trusted client had sent it. */
	r.message.trusted = true;
	r.message.client = "explain";
	if (r.message.id == NULL)
		(void)!message_give_id(
		    &r.message, ctl->arena, "QUEUEID", NULL, time(NULL));
	evaluate(ctl->settings, pool, &r.message, true, ctl->arena, &decision,
	    &standby);
	if (decision.undecided && closed_to_us(ctl->settings)) {
		pool_free(pool);
		return (failure_set(
		    &ctl->failure, FAILURE_IO, "%s", decision.reason));
	}
	summary(&r, args, &decision, standby.detour);
	people(ctl, &r.message, &decision);
	/* The decision refers to nothing in the database. */
	pool_free(pool);
	identity_drop();
	if (decision.undecided)
		ctl->status = EX_TEMPFAIL;
	return (0);
}
