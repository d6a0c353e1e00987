/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace - notifyctl trace
 *
 * Shows what was decided for a message and what became of each copy, as far as
 * the mail log tells. The milter logs which recipients it dropped, but of those
 * it kept and added only how many: a recipient is shown as kept or as added
 * only if the numbers leave no doubt.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/strmap.h"
#include "lib/shell.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/gather.h"
#include "notifyctl/trace/passed.h"
#include "notifyctl/trace/received.h"
#include "notifyctl/trace/search.h"
#include "notifyctl/trace/sources.h"
#include "notifyctl/trace/standing.h"
#include "notifyctl/trace/trace_chats.h"
#include "notifyctl/trace/trace_log.h"
#include "notifyctl/trace/trace_roster.h"
#include "notifyctl/when.h"
#include "settings/settings.h"
#include "terms/address.h"

/* So many people are shown with a reason; all of them in JSON. */
#define PEOPLE_SHOWN 50

struct trace {
	struct ctl *ctl;
	struct gather *gather;
	struct standing *standing;
	const char *what; /* is asked for */
	const char *key;  /* of the person whose messages are; or NULL */
	bool more;	  /* messages than are shown */
	struct sources *sources;
};

/* Who got a message, and who did not, as of now. */
struct reasons {
	struct standing_person *received, *passed;
	size_t nreceived, npassed;
};

static const char *const copy_columns[] = {"queue_id", "recipient:RECIPIENT",
    "original", "chat_of", "account", "decision:DECISION", "outcome:BECAME",
    "at:@WHEN", "detail:WHY", NULL};

/* The headings say that the reason is looked up, not logged. */
static const char *const received_columns[] = {"queue_id", "account:ACCOUNT",
    "address:RECIPIENT", "role", "entitled", "why:WHY (ROSTER AS OF NOW)",
    "changed:CHANGED SINCE", NULL};
static const char *const passed_columns[] = {"queue_id", "account:ACCOUNT",
    "address:PASSED OVER", "role", "entitled", "why:WHY (ROSTER AS OF NOW)",
    "changed:CHANGED SINCE", NULL};

/* For JSON, and for people. */
static const struct {
	const char *name, *text;
} states[] = {
    [HISTORY_UNKNOWN] = {"unknown",
	"not known: the log does not tell; see mailq"},
    [HISTORY_QUEUED] = {"queued", "in the queue when the log ends; see mailq"},
    [HISTORY_HELD] = {"held", "on hold when the log ends; see mailq"},
    [HISTORY_DONE] = {"done", "done: every recipient is dealt with"},
    [HISTORY_DELETED] = {"deleted", "deleted from the queue by an operator"},
    [HISTORY_DISCARDED] = {"discarded", "discarded: delivered to nobody"},
    [HISTORY_REFUSED] = {"refused", "rejected: the client was told so"},
    [HISTORY_CANCELED] = {"canceled",
	"never queued: the client left, or was told that it failed"},
    [HISTORY_REQUEUED] = {"requeued", "requeued: replaced by another message"},
};

static const char *state_text(const struct history *);
static const char *outcome(struct trace *, const struct history_copy *);
static const char *fate(struct trace *, const struct history *,
    const struct history_copy *, size_t);
static size_t originals(struct trace *, const struct history *);
static const char *comma_when(struct trace *, int64_t);
static const char *undecided(
    struct trace *, const struct history *, const struct history *, size_t);
static void message_lines(
    struct trace *, const struct history *, const struct history *, size_t);
static void message_row(struct trace *, const struct history *);
static void copy_rows(struct trace *, const struct history *, bool);
static bool is_person(struct trace *, const char *);
static bool concerns(struct trace *, const struct history_copy *);
static bool decides(const struct history *);
static size_t asked_for(struct trace *, struct standing_person *, size_t);
static void person_rows(struct trace *, const struct history *,
    const struct standing_person *, size_t, bool);
static void look_up(struct trace *, const struct history *, struct reasons *);
static void show_json(struct trace *, const struct history *,
    const struct reasons *, size_t, bool);
static void show_message(
    struct trace *, const struct history *, const struct reasons *);
static void show(struct trace *, const struct history *, size_t);
static size_t keep_decided(struct trace *, struct history *, size_t);
static int ask(struct trace *, struct search *);
static int ask_message(struct trace *, const char *);
static int ask_person(struct trace *, const char *, struct search *);
static int find(struct trace *, const struct arguments *);
static int trace(struct ctl *, const struct arguments *);

static const struct ctl_option options[] = {
    {.name = "recipient", .value = "EMAIL"}, {.name = "on", .value = "DATE"},
    SOURCES_OPTIONS, {.name = NULL}};

const struct ctl_command trace_commands[] = {
    {"trace", "[QUEUEID|MESSAGE-ID]",
	"the decision about a message, or about a person's of a day, and what "
	"became of each copy",
	0, 1, CTL_SETTINGS, .run = trace, .options = options},
    {.name = NULL},
};

/* How many recipients the milter may have kept or added, each counted once. */
static size_t
originals(struct trace *t, const struct history *m)
{
	struct strmap seen = {.arena = t->ctl->arena};
	const struct history_copy *c;
	size_t i, n = 0;

	for (i = 0; i < m->ncopies; i++) {
		c = &m->copies[i];
		if (c->dropped || trace_chats_is(t->ctl, c->recipient))
			continue;
		n += *c->original == '\0' ||
		    strmap_add(&seen, c->original, NULL) == 1;
	}
	return (n);
}

/* What the milter did with a recipient, as far as can be told. ${got}: see
 * originals(). */
static const char *
fate(struct trace *t, const struct history *m, const struct history_copy *c,
    size_t got)
{
	if (c->dropped)
		return (m->monitor ? "would be dropped" : "dropped");
	if (*m->verdict == '\0')
		return ("not known");
	if (m->monitor)
		return ("unchanged");
	if (trace_chats_is(t->ctl, c->recipient))
		return ("mirrored");
	if (strcmp(m->verdict, "deliver") != 0)
		return ("unchanged");
	if (m->kept < 0 || m->added < 0 || got > (size_t)(m->kept + m->added))
		return ("not known");
	return (m->added == 0  ? "kept"
		: m->kept == 0 ? "added"
			       : "kept or added");
}

/* ", TIME"; "" if it is unknown. */
static const char *
comma_when(struct trace *t, int64_t at)
{
	char when[OUTPUT_WHEN_SIZE];

	if (at == 0)
		return ("");
	return (arena_concat(t->ctl->arena, ", ", output_when(when, at), NULL));
}

/* For people. requeue submits a message before it deletes the held one. */
static const char *
state_text(const struct history *m)
{
	if (m->state == HISTORY_REQUEUED && !m->gone)
		return ("requeued as another message, and not yet deleted when "
			"the log ends; see mailq");
	if (m->state == HISTORY_REFUSED && m->later)
		return ("rejected for now: the client was told to try again");
	return (states[m->state].text);
}

/* A dropped recipient who got it all the same has one. Of a chat, pipe(8) knows
 * only that notify-telegram wants no second try; why, notify-telegram logs. */
static const char *
outcome(struct trace *t, const struct history_copy *c)
{
	if (trace_chats_is(t->ctl, c->recipient) && !c->chat &&
	    strcmp(c->outcome, "sent") == 0)
		return ("not known");
	return (*c->outcome != '\0' ? c->outcome
		: c->dropped	    ? ""
				    : "not known");
}

/* What is shown of a message without a decision. Mail from sendmail(1) is
 * decided when it comes again, by SMTP. */
static const char *
undecided(struct trace *t, const struct history *m, const struct history *all,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(all[i].of, m->id) == 0 &&
		    strcmp(all[i].relation, "handed on as") == 0)
			return (arena_printf(t->ctl->arena,
			    "none here: the message was handed on as %s",
			    all[i].id));
	}
	return ("none in these logs: the message had no tag, or the milter "
		"logs elsewhere");
}

static void
message_lines(struct trace *t, const struct history *m,
    const struct history *all, size_t n)
{
	struct output *out = t->ctl->out;
	char when[OUTPUT_WHEN_SIZE];
	const char *sender = "not known";

	if (m->sender != NULL)
		sender = arena_printf(t->ctl->arena, "<%s>", m->sender);
	output_line(out, "%s%s%s%s%s", m->id, *m->of == '\0' ? "" : ": ", m->of,
	    *m->of == '\0' ? "" : " was ", m->relation);
	output_line(out, "  arrived:  %s%s%s",
	    m->arrived == 0 ? "not known: the log has no first line of it"
			    : output_when(when, m->arrived),
	    *m->source == '\0' ? "" : ", ", m->source);
	if (m->sender != NULL || *m->message_id != '\0')
		output_line(out, "  from:     %s%s%s", sender,
		    *m->message_id == '\0' ? "" : ", message-id=",
		    m->message_id);
	output_line(out, "  decision: %s%s",
	    *m->decision != '\0' ? m->decision : undecided(t, m, all, n),
	    comma_when(t, m->decided));
	output_line(
	    out, "  state:    %s%s", state_text(m), comma_when(t, m->state_at));
	if (m->earlier > 0)
		output_line(out,
		    "  (%zu earlier messages had the same id; this is the "
		    "newest)",
		    m->earlier);
	if (m->decided_before && *m->message_id != '\0')
		output_line(out,
		    "  (decided under another queue id: notifyctl trace %s)",
		    shell_quote(t->ctl->arena, m->message_id));
}

static void
message_row(struct trace *t, const struct history *m)
{
	struct output *out = t->ctl->out;

	output_row(out);
	output_cell(out, m->id);
	output_cell(out, m->relation);
	output_cell(out, m->of);
	output_cell_when(out, m->arrived);
	output_cell(out, m->source);
	output_cell_flag(out, m->sender != NULL);
	output_cell(out, m->sender == NULL ? "" : m->sender);
	output_cell(out, m->message_id);
	output_cell_when(out, m->decided);
	output_cell(out, m->decision);
	output_cell(out, m->verdict);
	output_cell(out, m->reason);
	output_cell(out, states[m->state].name);
	output_cell_when(out, m->state_at);
	output_cell_number(out, (int64_t)m->earlier);
}

static bool
is_person(struct trace *t, const char *text)
{
	struct address a;

	return (address_read(t->ctl->arena, text, &a) == 1 &&
	    (strcmp(a.key, t->key) == 0 ||
		(a.base != NULL && strcmp(a.base, t->key) == 0)));
}

/* Is the copy that of the person who is asked for, if one is? */
static bool
concerns(struct trace *t, const struct history_copy *c)
{
	return (t->key == NULL || is_person(t, c->recipient) ||
	    (*c->original != '\0' && is_person(t, c->original)) ||
	    (*c->person != '\0' && is_person(t, c->person)));
}

/* Did the decision say who gets it? */
static bool
decides(const struct history *m)
{
	return (strcmp(m->verdict, "deliver") == 0 && !m->monitor &&
	    !m->decided_before);
}

/* Only the person who is asked for, if one is. */
static size_t
asked_for(struct trace *t, struct standing_person *v, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (t->key == NULL || is_person(t, v[i].address))
			v[kept++] = v[i];
	}
	return (kept);
}

static void
person_rows(struct trace *t, const struct history *m,
    const struct standing_person *v, size_t n, bool json)
{
	struct output *out = t->ctl->out;
	size_t i;

	for (i = 0; i < n && (json || i < PEOPLE_SHOWN); i++) {
		output_row(out);
		output_cell(out, m->id);
		output_cell(out, v[i].account);
		output_cell(out, v[i].address);
		output_cell(out, v[i].role);
		output_cell_flag(out, v[i].entitled);
		output_cell(out, v[i].why);
		output_cell(out, v[i].changed);
	}
	if (!json && n > PEOPLE_SHOWN)
		output_line(out,
		    "(and %zu more; --json has all, \"notifyctl list\" says who "
		    "gets what)",
		    n - PEOPLE_SHOWN);
}

/* Why somebody got it, and why others of its accounts did not. */
static void
look_up(struct trace *t, const struct history *m, struct reasons *r)
{
	struct trace_people people;

	if (!decides(m) || standing_people(t->standing, m, &people) != 1)
		return;
	r->received = received(t->ctl, t->standing, m, &people, &r->nreceived);
	r->nreceived = asked_for(t, r->received, r->nreceived);
	r->passed = passed_over(t->ctl, t->standing, m, &people, &r->npassed);
	r->npassed = asked_for(t, r->passed, r->npassed);
}

static void
copy_rows(struct trace *t, const struct history *m, bool json)
{
	struct output *out = t->ctl->out;
	const struct history_copy *c;
	const char *shown;
	size_t i, got = originals(t, m);

	for (i = 0; i < m->ncopies; i++) {
		c = &m->copies[i];
		if (!concerns(t, c))
			continue;
		shown = c->recipient;
		if (!json && *c->original != '\0')
			shown = arena_printf(t->ctl->arena, "%s (for %s)",
			    c->recipient, c->original);
		if (!json && *c->person != '\0')
			shown = arena_printf(t->ctl->arena,
			    "Telegram chat of %s (%s)", c->person, c->account);
		output_row(out);
		output_cell(out, m->id);
		output_cell(out, shown);
		output_cell(out, c->original);
		output_cell(out, c->person);
		output_cell(out, c->account);
		output_cell(out, fate(t, m, c, got));
		output_cell(out, outcome(t, c));
		output_cell_when(out, c->at);
		output_cell(out,
		    arena_concat(t->ctl->arena, c->reason,
			*c->reason == '\0' || *c->detail == '\0' ? "" : "; ",
			c->detail, NULL));
	}
}

static void
show_json(struct trace *t, const struct history *m, const struct reasons *r,
    size_t n, bool complete)
{
	static const char *const messages[] = {"queue_id", "relation", "of",
	    "arrived", "source", "sender_known", "sender", "message_id",
	    "decided", "decision", "verdict", "reason", "state", "state_at",
	    "earlier", NULL};
	const char *trouble = standing_trouble(t->standing);
	struct output *out = t->ctl->out;
	size_t i;

	output_text(out, "origin", gather_origin(t->gather));
	output_flag(out, "complete", complete);
	output_table(out, "messages", messages);
	for (i = 0; i < n; i++)
		message_row(t, &m[i]);
	output_table(out, "recipients", copy_columns);
	for (i = 0; i < n; i++)
		copy_rows(t, &m[i], true);
	output_table(out, "reasons", received_columns);
	for (i = 0; i < n; i++)
		person_rows(t, &m[i], r[i].received, r[i].nreceived, true);
	output_table(out, "passed", passed_columns);
	for (i = 0; i < n; i++)
		person_rows(t, &m[i], r[i].passed, r[i].npassed, true);
	output_text(out, "roster_trouble", trouble == NULL ? "" : trouble);
	sources_list(t->sources);
	sources_unread(t->sources);
}

/* One message, for people. */
static void
show_message(struct trace *t, const struct history *m, const struct reasons *r)
{
	struct output *out = t->ctl->out;

	if (m->ncopies > 0) {
		output_table(out, "recipients", copy_columns);
		copy_rows(t, m, false);
	}
	if (r->nreceived > 0)
		output_table(out, "reasons", received_columns);
	person_rows(t, m, r->received, r->nreceived, false);
	if (r->npassed > 0)
		output_table(out, "passed", passed_columns);
	person_rows(t, m, r->passed, r->npassed, false);
}

static void
show(struct trace *t, const struct history *m, size_t n)
{
	struct output *out = t->ctl->out;
	bool complete = gather_complete(t->gather) && !t->more;
	struct reasons *r = arena_array(t->ctl->arena, n + 1, sizeof(*r));
	size_t i;

	for (i = 0; i < n; i++)
		look_up(t, &m[i], &r[i]);
	if (t->ctl->json) {
		show_json(t, m, r, n, complete);
		return;
	}
	for (i = 0; i < n; i++) {
		if (i > 0)
			output_line(out, "%s", "");
		message_lines(t, &m[i], m, n);
		if (i == 0 && *gather_origin(t->gather) != '\0')
			output_line(out, "  (%s)", gather_origin(t->gather));
		show_message(t, &m[i], &r[i]);
	}
	if (!complete)
		output_line(out, "(%s more messages than are shown here)",
		    t->more ? "there are" : "it became");
	if (standing_trouble(t->standing) != NULL)
		output_line(out, "(why somebody got it cannot be told: %s)",
		    standing_trouble(t->standing));
	sources_unread(t->sources);
}

/* The mail log has untagged mail to a person, too: keep the messages that were
 * decided, and those that became one of them, or that one of them became. */
static size_t
keep_decided(struct trace *t, struct history *m, size_t n)
{
	bool *keep = arena_array(t->ctl->arena, n + 1, sizeof(*keep));
	size_t i, k, kept = 0;
	bool again = true;

	for (i = 0; i < n; i++)
		keep[i] = *m[i].decision != '\0';
	while (again) {
		again = false;
		for (i = 0; i < n; i++) {
			for (k = 0; *m[i].of != '\0' && k < n; k++) {
				if (keep[i] == keep[k] ||
				    strcmp(m[i].of, m[k].id) != 0)
					continue;
				keep[i] = keep[k] = again = true;
			}
		}
	}
	for (i = 0; i < n; i++) {
		if (keep[i])
			m[kept++] = m[i];
	}
	return (kept);
}

/* Look for the queue ids that the message, or the person, has in the log. */
static int
ask(struct trace *t, struct search *s)
{
	size_t i;

	if (sources_read(t->sources, NULL, search_line, s) != 0)
		return (-1);
	search_end(s);
	for (i = 0; i < s->n; i++)
		gather_ask(t->gather, s->v[i].id, s->v[i].at);
	t->more = s->more;
	return (0);
}

/* "<a@b>", or "a@b" as a mail program may show it. */
static int
ask_message(struct trace *t, const char *text)
{
	struct search s = {.arena = t->ctl->arena};
	size_t len = strlen(text), skip = *text == '<';

	len -= skip + (len > skip && text[len - 1] == '>');
	s.message_id = arena_strndup(t->ctl->arena, text + skip, len);
	t->what = arena_concat(t->ctl->arena, "message with the Message-ID <",
	    s.message_id, ">", NULL);
	return (ask(t, &s));
}

static int
ask_person(struct trace *t, const char *email, struct search *s)
{
	struct ctl *ctl = t->ctl;
	struct address address;
	struct store *roster;
	const char *why = NULL;

	if (address_read_strict(ctl->arena, email, &address, &why) != 1)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "\"%s\" is not a mail address: %s",
		    escape_short(ctl->arena, email), why));
	t->key = address.key;
	s->arena = ctl->arena;
	s->key = address.key;
	roster = trace_roster_open(ctl, &why);
	s->accounts = trace_roster_accounts(ctl, roster, email, &s->naccounts);
	trace_roster_close(ctl, roster);
	t->what = arena_concat(
	    ctl->arena, "decision about ", address.wire, " on that day", NULL);
	if (roster == NULL)
		t->what = arena_printf(ctl->arena,
		    "%s (of whose accounts nothing is known: %s)", t->what,
		    why);
	return (ask(t, s));
}

/* What is asked for: a queue id, a Message-ID, or a person and a day. */
static int
find(struct trace *t, const struct arguments *args)
{
	const char *email = ctl_option(args, "recipient"),
		   *day = ctl_option(args, "on");
	struct failure *failure = &t->ctl->failure;
	struct search s = {.arena = NULL};

	if (args->n == 1 ? email != NULL || day != NULL
			 : email == NULL || day == NULL)
		return (failure_set(failure, FAILURE_USAGE,
		    "expected a queue id, a Message-ID, or --recipient EMAIL "
		    "--on DATE"));
	if (args->n == 0) {
		if (when_day(t->ctl->arena, day, &s.from, &s.to, failure) != 0)
			return (-1);
		t->sources = sources_new(t->ctl, args, s.from);
		return (ask_person(t, email, &s));
	}
	t->sources = sources_new(t->ctl, args, 0);
	if (strpbrk(args->v[0], "<@") != NULL)
		return (ask_message(t, args->v[0]));
	if (text_is_queueid(args->v[0], failure) != 0)
		return (-1);
	t->what = arena_concat(t->ctl->arena, "lines of ", args->v[0], NULL);
	gather_ask(t->gather, args->v[0], 0);
	return (0);
}

static int
trace(struct ctl *ctl, const struct arguments *args)
{
	struct trace *t;
	struct history *m;
	size_t n;

	t = arena_alloc(ctl->arena, sizeof(*t));
	t->ctl = ctl;
	t->gather = gather_new(ctl->arena);
	t->standing = standing_new(ctl);
	if (find(t, args) != 0)
		return (-1);
	do {
		if (sources_read(
			t->sources, gather_source, gather_line, t->gather) != 0)
			return (-1);
	} while (gather_again(t->gather));
	m = gather_messages(t->gather, &n);
	if (t->key != NULL)
		n = keep_decided(t, m, n);
	if (n == 0 || (n == 1 && m[0].lines == 0))
		return (sources_lack(t->sources, t->what));
	trace_chats(ctl, m, n);
	show(t, m, n);
	standing_end(t->standing);
	return (0);
}
