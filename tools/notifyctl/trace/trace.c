/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace - notifyctl trace
 *
 * Shows what was decided for a message and what became of each copy, as far as
 * the mail log tells. The milter logs which recipients it dropped, but of those
 * it kept and added only how many: a recipient is shown as kept or as added
 * only if the numbers leave no doubt.
 */
#include <glob.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/gather.h"
#include "notifyctl/trace/trace_chats.h"
#include "notifyctl/trace/trace_log.h"
#include "settings/settings.h"

#define SOURCES_MAX 512

struct source {
	const char *path;    /* a file, or the directory of a journal */
	bool journal;	     /* with NULL as path: the system's */
	bool given;	     /* on the command line: must be readable */
	const char *trouble; /* why it cannot be read; or NULL */
};

struct trace {
	struct ctl *ctl;
	struct gather *gather;
	struct source sources[SOURCES_MAX];
	size_t n;
};

/* For JSON, and for people. */
static const struct {
	const char *name, *text;
} states[] = {
    [HISTORY_UNKNOWN] = {"unknown", "not known: the log ends before"},
    [HISTORY_QUEUED] = {"queued", "in the queue when the log ends; see mailq"},
    [HISTORY_HELD] = {"held", "on hold when the log ends; see mailq"},
    [HISTORY_DONE] = {"done", "done: every recipient is dealt with"},
    [HISTORY_DELETED] = {"deleted", "deleted from the queue by an operator"},
    [HISTORY_DISCARDED] = {"discarded", "discarded: delivered to nobody"},
    [HISTORY_REFUSED] = {"refused", "rejected: the client was told so"},
    [HISTORY_REQUEUED] = {"requeued", "requeued: replaced by another message"},
};

static void add(struct trace *, const char *, bool, bool);
static void add_rotated(struct trace *, const char *);
static void add_usual(struct trace *);
static void choose(struct trace *, const struct arguments *);
static int read_source(struct trace *, struct source *);
static int read_all(struct trace *);
static const char *list_sources(struct trace *);
static int not_found(struct trace *, const char *);
static bool mirrored(struct trace *, const char *);
static const char *fate(
    struct trace *, const struct history *, const struct history_copy *);
static size_t originals(struct trace *, const struct history *);
static const char *comma_when(struct trace *, int64_t);
static void message_lines(struct trace *, const struct history *);
static void message_row(struct trace *, const struct history *);
static void copy_rows(struct trace *, const struct history *, bool);
static void show(struct trace *);
static int trace(struct ctl *, const struct arguments *);

static const struct ctl_option options[] = {
    {.name = "log", .value = "FILE", .repeated = true},
    {.name = "journal", .value = "DIRECTORY"}, {.name = NULL}};

const struct ctl_command trace_commands[] = {
    {"trace", "QUEUEID",
	"the decision about a message, and what became of each copy", 1, 1,
	CTL_SETTINGS, .run = trace, .options = options},
    {.name = NULL},
};

static void
add(struct trace *t, const char *path, bool journal, bool given)
{
	struct source *s;
	size_t i;

	for (i = 0; i < t->n; i++) {
		s = &t->sources[i];
		if (s->journal == journal && path != NULL && s->path != NULL &&
		    strcmp(s->path, path) == 0)
			return;
	}
	if (t->n == SOURCES_MAX)
		return;
	s = &t->sources[t->n++];
	s->journal = journal;
	s->given = given;
	s->trouble = NULL;
	s->path = path == NULL ? NULL : arena_strdup(t->ctl->arena, path);
}

/* A log with its rotated files, of logrotate(8) or "postfix logrotate". */
static void
add_rotated(struct trace *t, const char *path)
{
	glob_t found;
	size_t i;

	add(t, path, false, false);
	if (glob(arena_concat(t->ctl->arena, path, "[.-]*", NULL), 0, NULL,
		&found) != 0)
		return;
	for (i = 0; i < found.gl_pathc; i++)
		add(t, found.gl_pathv[i], false, false);
	globfree(&found);
}

/* The usual places of the mail log: Postfix's own file, if it has one; syslog's
 * files, else the journal. */
static void
add_usual(struct trace *t)
{
	static const char *const files[] = {
	    "/var/log/mail.log", "/var/log/maillog"};
	struct failure failure = FAILURE_INIT;
	const struct postconf *mta;
	const char *own;
	bool syslog = false;
	size_t i;

	mta = postconf_read(t->ctl->arena, &failure);
	failure_clear(&failure);
	own = mta == NULL ? "" : postconf_value(mta, "maillog_file");
	if (*own == '/' && strcmp(own, "/dev/stdout") != 0)
		add_rotated(t, own);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (access(files[i], F_OK) != 0)
			continue;
		syslog = true;
		add_rotated(t, files[i]);
	}
	if (!syslog)
		add(t, NULL, true, false);
}

static void
choose(struct trace *t, const struct arguments *args)
{
	const struct ctl_given *given = NULL;
	const char *journal = ctl_option(args, "journal");

	while ((given = ctl_next(args, "log", given)) != NULL)
		add(t, given->value, false, true);
	if (journal != NULL)
		add(t, journal, true, true);
	if (t->n == 0)
		add_usual(t);
}

/* Only a source that was given must be readable. */
static int
read_source(struct trace *t, struct source *s)
{
	struct ctl *ctl = t->ctl;
	struct failure why = FAILURE_INIT;
	int rc;

	gather_source(t->gather);
	rc = s->journal
	    ? trace_log_journal(s->path, gather_line, t->gather, &why)
	    : trace_log_file(s->path, gather_line, t->gather, &why);
	if (rc == 0)
		return (0);
	if (s->given)
		failure_set(&ctl->failure,
		    why.kind == FAILURE_UNKNOWN ? FAILURE_DATA : why.kind,
		    "%s; expected a mail log", failure_text(&why));
	s->trouble = arena_strdup(ctl->arena, failure_text(&why));
	failure_clear(&why);
	return (s->given ? -1 : 0);
}

static int
read_all(struct trace *t)
{
	size_t i;

	do {
		for (i = 0; i < t->n; i++) {
			if (t->sources[i].trouble == NULL &&
			    read_source(t, &t->sources[i]) != 0)
				return (-1);
		}
	} while (gather_again(t->gather));
	return (0);
}

/* "a, b (c: Permission denied)" */
static const char *
list_sources(struct trace *t)
{
	const char *text = "", *name;
	const struct source *s;
	size_t i;

	for (i = 0; i < t->n; i++) {
		s = &t->sources[i];
		name = s->trouble != NULL ? s->trouble
		    : s->path == NULL	  ? "the journal"
					  : s->path;
		text = arena_printf(t->ctl->arena, "%s%s%s%s%s", text,
		    *text == '\0' ? "" : ", ", s->trouble == NULL ? "" : "(",
		    name, s->trouble == NULL ? "" : ")");
	}
	return (text);
}

/* The message is in no log, or no log can be read. */
static int
not_found(struct trace *t, const char *id)
{
	size_t i, readable = 0;

	for (i = 0; i < t->n; i++)
		readable += t->sources[i].trouble == NULL;
	if (readable == 0)
		return (failure_set(&t->ctl->failure, FAILURE_DENIED,
		    "no mail log can be read: %s; run as root, or name one with "
		    "--log or --journal",
		    list_sources(t)));
	return (failure_set(&t->ctl->failure, FAILURE_UNKNOWN,
	    "the mail log has no lines of %s; looked in %s", id,
	    list_sources(t)));
}

static bool
mirrored(struct trace *t, const char *recipient)
{
	const char *at = strrchr(recipient, '@');

	return (at != NULL &&
	    strcasecmp(at + 1, t->ctl->settings->telegram_domain) == 0);
}

/* How many recipients the milter may have kept or added, each counted once. */
static size_t
originals(struct trace *t, const struct history *m)
{
	const struct history_copy *c, *other;
	size_t i, j, n = 0;

	for (i = 0; i < m->ncopies; i++) {
		c = &m->copies[i];
		if (c->dropped || mirrored(t, c->recipient))
			continue;
		/* Usually the members of an alias are adjacent. */
		for (j = i; j > 0; j--) {
			other = &m->copies[j - 1];
			if (*c->original != '\0' &&
			    strcmp(other->original, c->original) == 0)
				break;
		}
		n += j == 0;
	}
	return (n);
}

/* What the milter did with a recipient, as far as can be told. */
static const char *
fate(struct trace *t, const struct history *m, const struct history_copy *c)
{
	if (c->dropped)
		return (m->monitor ? "would be dropped" : "dropped");
	if (*m->verdict == '\0')
		return ("not known");
	if (m->monitor)
		return ("unchanged");
	if (mirrored(t, c->recipient))
		return ("mirrored");
	if (strcmp(m->verdict, "deliver") != 0)
		return ("unchanged");
	if (m->kept < 0 || m->added < 0 ||
	    originals(t, m) > (size_t)(m->kept + m->added))
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

static void
message_lines(struct trace *t, const struct history *m)
{
	struct output *out = t->ctl->out;
	char when[OUTPUT_WHEN_SIZE];

	output_line(out, "%s%s%s%s%s", m->id, *m->of == '\0' ? "" : ": ", m->of,
	    *m->of == '\0' ? "" : " was ", m->relation);
	output_line(out, "  arrived:  %s%s%s",
	    m->arrived == 0 ? "not known: the log has no first line of it"
			    : output_when(when, m->arrived),
	    *m->source == '\0' ? "" : ", ", m->source);
	if (m->sender != NULL)
		output_line(out, "  from:     <%s>%s%s", m->sender,
		    *m->message_id == '\0' ? "" : ", message-id=",
		    m->message_id);
	output_line(out, "  decision: %s%s",
	    *m->decision != '\0'
		? m->decision
		: "none in these logs: the message had no tag, or the milter "
		  "logs elsewhere",
	    comma_when(t, m->decided));
	output_line(out, "  state:    %s%s", states[m->state].text,
	    comma_when(t, m->state_at));
	if (m->earlier > 0)
		output_line(out,
		    "  (%zu earlier messages had the same id; this is the "
		    "newest)",
		    m->earlier);
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

static void
copy_rows(struct trace *t, const struct history *m, bool json)
{
	struct output *out = t->ctl->out;
	const struct history_copy *c;
	const char *shown;
	size_t i;

	for (i = 0; i < m->ncopies; i++) {
		c = &m->copies[i];
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
		output_cell(out, fate(t, m, c));
		/* A dropped recipient who got it all the same has one. */
		output_cell(out,
		    *c->outcome != '\0' ? c->outcome
			: c->dropped	? ""
					: "not known");
		output_cell_when(out, c->at);
		output_cell(out,
		    arena_concat(t->ctl->arena, c->reason,
			*c->reason == '\0' || *c->detail == '\0' ? "" : "; ",
			c->detail, NULL));
	}
}

static void
show(struct trace *t)
{
	static const char *const messages[] = {"queue_id", "relation", "of",
	    "arrived", "source", "sender_known", "sender", "message_id",
	    "decided", "decision", "verdict", "reason", "state", "state_at",
	    "earlier", NULL};
	static const char *const copies[] = {"queue_id", "recipient:RECIPIENT",
	    "original", "chat_of", "account", "decision:DECISION",
	    "outcome:BECAME", "at:@WHEN", "detail:WHY", NULL};
	static const char *const sources[] = {"source", NULL};
	struct output *out = t->ctl->out;
	const struct history *m;
	size_t i, n;

	m = gather_messages(t->gather, &n);
	if (t->ctl->json) {
		output_text(out, "origin", gather_origin(t->gather));
		output_flag(out, "complete", gather_complete(t->gather));
		output_table(out, "messages", messages);
		for (i = 0; i < n; i++)
			message_row(t, &m[i]);
		output_table(out, "recipients", copies);
		for (i = 0; i < n; i++)
			copy_rows(t, &m[i], true);
		output_table(out, "sources", sources);
		for (i = 0; i < t->n; i++) {
			if (t->sources[i].trouble != NULL)
				continue;
			output_row(out);
			output_cell(out,
			    t->sources[i].path == NULL ? "journal"
						       : t->sources[i].path);
		}
		return;
	}
	for (i = 0; i < n; i++) {
		if (i > 0)
			output_line(out, "%s", "");
		message_lines(t, &m[i]);
		if (i == 0 && *gather_origin(t->gather) != '\0')
			output_line(out, "  (%s)", gather_origin(t->gather));
		if (m[i].ncopies == 0)
			continue;
		output_table(out, "recipients", copies);
		copy_rows(t, &m[i], false);
	}
	if (!gather_complete(t->gather))
		output_line(
		    out, "(it became more messages than are shown here)");
}

static int
trace(struct ctl *ctl, const struct arguments *args)
{
	struct trace *t;
	struct history *m;
	const char *id = args->v[0];
	size_t n;

	if (text_is_queueid(id, &ctl->failure) != 0)
		return (-1);
	t = arena_alloc(ctl->arena, sizeof(*t));
	t->ctl = ctl;
	t->gather = gather_new(ctl->arena, id);
	choose(t, args);
	if (read_all(t) != 0)
		return (-1);
	m = gather_messages(t->gather, &n);
	if (m[0].lines == 0)
		return (not_found(t, id));
	trace_chats(ctl, m, n);
	show(t);
	return (0);
}
