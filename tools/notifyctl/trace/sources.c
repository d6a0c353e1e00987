/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sources - where a command reads the mail log
 */
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/trace/sources.h"

#define SOURCES_MAX 512

struct source {
	const char *path;    /* a file, or the directory of a journal */
	bool journal;	     /* with NULL as path: the system's */
	bool given;	     /* on the command line: must be readable */
	const char *trouble; /* why it cannot be read; or NULL */
	bool there;	     /* it could have lines */
	bool late; /* read only what is newer than the milter's last line
		      in the files */
};

struct sources {
	struct ctl *ctl;
	struct source v[SOURCES_MAX];
	size_t n;
	int64_t from;
	int64_t last; /* when the milter's last line in a file is of; or 0 */
};

/* Where the lines of a source go, which are looked at on their way. */
struct reader {
	trace_line_fn *fn;
	void *ctx;
	int64_t after; /* older lines are left out */
	int64_t last;  /* of the milter's */
};

static void add(struct sources *, const char *, bool, bool);
static void add_rotated(struct sources *, const char *);
static void add_usual(struct sources *);
static bool passed_by(const struct sources *, const struct source *);
static void pass_on(void *, const struct trace_line *);
static int read_one(struct sources *, struct source *, trace_line_fn *, void *);
static const char *in_words(const struct sources *);

static void
add(struct sources *s, const char *path, bool journal, bool given)
{
	struct source *source;
	size_t i;

	for (i = 0; i < s->n; i++) {
		source = &s->v[i];
		if (source->journal == journal && path != NULL &&
		    source->path != NULL && strcmp(source->path, path) == 0)
			return;
	}
	if (s->n == SOURCES_MAX)
		return;
	source = &s->v[s->n++];
	source->journal = journal;
	source->given = given;
	source->trouble = NULL;
	source->there = true;
	source->late = false;
	source->path = path == NULL ? NULL : arena_strdup(s->ctl->arena, path);
}

/* A log with its rotated files, of logrotate(8) or "postfix logrotate". */
static void
add_rotated(struct sources *s, const char *path)
{
	glob_t found;
	size_t i;

	add(s, path, false, false);
	if (glob(arena_concat(s->ctl->arena, path, "[.-]*", NULL), 0, NULL,
		&found) != 0)
		return;
	for (i = 0; i < found.gl_pathc; i++)
		add(s, found.gl_pathv[i], false, false);
	globfree(&found);
}

/* The usual places of the mail log: Postfix's own file, if it has one; syslog's
 * files, else the journal. The same name may be that of both files: the
 * milter's lines are in it as long as a syslog daemon writes them there. */
static void
add_usual(struct sources *s)
{
	static const char *const files[] = {
	    "/var/log/mail.log", "/var/log/maillog"};
	struct failure failure = FAILURE_INIT;
	const struct postconf *mta;
	const char *own;
	bool syslog = false, both = false;
	size_t i;

	mta = postconf_read(s->ctl->arena, &failure);
	failure_clear(&failure);
	own = mta == NULL ? "" : postconf_value(mta, "maillog_file");
	if (*own == '/' && strcmp(own, "/dev/stdout") != 0)
		add_rotated(s, own);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (access(files[i], F_OK) != 0)
			continue;
		if (strcmp(files[i], own) == 0)
			both = true;
		else
			syslog = true;
		add_rotated(s, files[i]);
	}
	if (syslog)
		return;
	add(s, NULL, true, false);
	s->v[s->n - 1].late = both && s->v[s->n - 1].journal;
}

struct sources *
sources_new(struct ctl *ctl, const struct arguments *args, int64_t from)
{
	const struct ctl_given *given = NULL;
	const char *journal = ctl_option(args, "journal");
	struct sources *s;

	s = arena_alloc(ctl->arena, sizeof(*s));
	s->ctl = ctl;
	s->n = 0;
	s->from = from;
	while ((given = ctl_next(args, "log", given)) != NULL)
		add(s, given->value, false, true);
	if (journal != NULL)
		add(s, journal, true, true);
	if (s->n == 0)
		add_usual(s);
	return (s);
}

/* It cannot be read, or is too old. */
static bool
passed_by(const struct sources *s, const struct source *source)
{
	struct stat st;

	if (source->trouble != NULL)
		return (true);
	/* A directory is an error, however old it is. */
	return (!source->journal && stat(source->path, &st) == 0 &&
	    S_ISREG(st.st_mode) && st.st_mtime < s->from);
}

static void
pass_on(void *ctx, const struct trace_line *line)
{
	struct reader *r = ctx;

	if (line->at <= r->after && r->after != 0)
		return;
	if (line->at > r->last && strcmp(line->program, "notify-milter") == 0)
		r->last = line->at;
	r->fn(r->ctx, line);
}

/* Only a source that was given must be readable. */
static int
read_one(struct sources *s, struct source *source, trace_line_fn *fn, void *to)
{
	struct ctl *ctl = s->ctl;
	struct failure why = FAILURE_INIT;
	struct reader r = {fn, to, source->late ? s->last : 0, s->last};
	int rc;

	rc = source->journal
	    ? trace_log_journal(source->path, pass_on, &r, &why)
	    : trace_log_file(source->path, pass_on, &r, &why);
	if (!source->late)
		s->last = r.last;
	if (rc == 0)
		return (0);
	if (source->given)
		failure_set(&ctl->failure,
		    why.kind == FAILURE_UNKNOWN ? FAILURE_DATA : why.kind,
		    "%s; expected a mail log", failure_text(&why));
	source->trouble = arena_strdup(ctl->arena, failure_text(&why));
	source->there = why.kind != FAILURE_UNKNOWN;
	failure_clear(&why);
	return (source->given ? -1 : 0);
}

int
sources_read(
    struct sources *s, void (*begin)(void *), trace_line_fn *line, void *ctx)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (passed_by(s, &s->v[i]))
			continue;
		if (begin != NULL)
			begin(ctx);
		if (read_one(s, &s->v[i], line, ctx) != 0)
			return (-1);
	}
	return (0);
}

/* "a, b (c: Permission denied)" */
static const char *
in_words(const struct sources *s)
{
	const char *text = "", *name;
	const struct source *source;
	size_t i;

	for (i = 0; i < s->n; i++) {
		source = &s->v[i];
		name = source->trouble != NULL ? source->trouble
		    : source->path == NULL     ? "the journal"
					       : source->path;
		text = arena_printf(s->ctl->arena, "%s%s%s%s%s", text,
		    *text == '\0' ? "" : ", ",
		    source->trouble == NULL ? "" : "(", name,
		    source->trouble == NULL ? "" : ")");
	}
	return (text);
}

int
sources_readable(struct sources *s)
{
	bool there = false;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->v[i].trouble == NULL)
			return (0);
		there |= s->v[i].there;
	}
	/* Root may read them all: there is no log, or it is damaged. */
	if (geteuid() == 0)
		return (failure_set(&s->ctl->failure,
		    there ? FAILURE_IO : FAILURE_UNKNOWN,
		    "no mail log can be read: %s; name one with --log or "
		    "--journal",
		    in_words(s)));
	return (failure_set(&s->ctl->failure, FAILURE_DENIED,
	    "no mail log can be read: %s; run as root or as a member of the "
	    "group adm or systemd-journal, or name one with --log or --journal",
	    in_words(s)));
}

int
sources_lack(struct sources *s, const char *what)
{
	if (sources_readable(s) != 0)
		return (-1);
	return (failure_set(&s->ctl->failure, FAILURE_UNKNOWN,
	    "the mail log has no %s; looked in %s", what, in_words(s)));
}

void
sources_unread(const struct sources *s)
{
	static const char *const columns[] = {"trouble:NOT READ", NULL};
	struct output *out = s->ctl->out;
	bool begun = s->ctl->json;
	size_t i;

	if (begun)
		output_table(out, "unread", columns);
	for (i = 0; i < s->n; i++) {
		if (s->v[i].trouble == NULL || !s->v[i].there)
			continue;
		if (!begun)
			output_table(out, "unread", columns);
		begun = true;
		output_row(out);
		output_cell(out, s->v[i].trouble);
	}
}

void
sources_list(const struct sources *s)
{
	static const char *const columns[] = {"source", NULL};
	struct output *out = s->ctl->out;
	size_t i;

	output_table(out, "sources", columns);
	for (i = 0; i < s->n; i++) {
		if (passed_by(s, &s->v[i]))
			continue;
		output_row(out);
		output_cell(
		    out, s->v[i].path == NULL ? "journal" : s->v[i].path);
	}
}
