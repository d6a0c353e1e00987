/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_export - notifyctl import and export
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "lib/identity.h"
#include "notifyctl/commands/rostercsv.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/import.h"
#include "roster/roster.h"
#include "store/store.h"

/* How often the progress is shown. */
#define SHOW_MS 100
/* Changes after which a server is to look at its tables. */
#define MANY 10000

/* The progress of an import, in a line that is overwritten. */
struct progress {
	bool shown;   /* standard error is a terminal */
	int64_t last; /* when it was shown, in milliseconds */
	size_t total; /* of rows, then */
	int width;    /* of the line */
};

static void show(struct progress *, const char *, ...) PRINTF_LIKE(2, 3);
static void watch(void *, size_t, size_t);
static void say_what_ends(void *, const struct store_change *);
static const char *shown_name(const char *);
static int read_rows(struct ctl *, const char *, struct import *);
static int apply(struct ctl *, const struct arguments *, struct import *);
static int import(struct ctl *, const struct arguments *);
static int export(struct ctl *, const struct arguments *);

static const struct ctl_option import_options[] = {{.name = "sync"},
    {.name = "remove-many"}, {.name = "dry-run"}, {.name = "tell"},
    {.name = NULL}};

const struct ctl_command import_export_commands[] = {
    {"import", "FILE",
	"CSV with a header line: account,email,role,categories (separated by "
	";); - reads standard input",
	1, 1, CTL_WRITE, .run = import, .options = import_options,
	.options_first = true},
    {"export", "[ACCOUNT]", "the roster as CSV", 0, 1, CTL_READ, .run = export},
    {.name = NULL},
};

/* Show a line in place of the last one; "" clears it. */
static void
show(struct progress *p, const char *fmt, ...)
{
	va_list ap;
	int width;

	if (!p->shown)
		return;
	fputc('\r', stderr);
	va_start(ap, fmt);
	width = vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (width < p->width)
		fprintf(stderr, "%*s", p->width - width, "");
	if (width == 0)
		fputc('\r', stderr);
	p->width = width;
	fflush(stderr);
}

static void
watch(void *ctx, size_t done, size_t total)
{
	struct progress *p = ctx;
	int64_t now = clock_ms();

	if (total == p->total && now - p->last < SHOW_MS)
		return;
	p->last = now;
	p->total = total;
	if (total == 0)
		show(p, "%zu rows read", done);
	else
		show(p, "%zu of %zu rows, %zu %%", done, total,
		    done * 100 / total);
}

/* Only what the file does not say: all changes would be too many lines, and the
 * log has them. */
static void
say_what_ends(void *ctx, const struct store_change *change)
{
	if (membership_unasked(change))
		output_consequence(ctx, change);
}

static const char *
shown_name(const char *name)
{
	return (strcmp(name, "-") == 0 ? "standard input" : name);
}

/* Without a write lock: standard input may be slow. */
static int
read_rows(struct ctl *ctl, const char *name, struct import *im)
{
	FILE *stream;
	int reason, rc;

	/* What the operator names, not what the roster's owner can read. */
	identity_suspend();
	stream = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	reason = errno;
	identity_resume();
	if (stream == NULL)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "%s: %s; expected a CSV file", escape_name(name),
		    strerror(reason)));
	rc = ctl_begin(ctl, DB_READ);
	if (rc == 0) {
		rc =
		    rostercsv_read(stream, shown_name(name), im, &ctl->changes);
		store_end(ctl->store);
	}
	if (stream != stdin)
		fclose(stream);
	return (rc);
}

/* Apply the whole file or nothing; in a dry run nothing. */
static int
apply(struct ctl *ctl, const struct arguments *args, struct import *im)
{
	int rc;

	if (ctl_begin(ctl, DB_WRITE) != 0)
		return (-1);
	ctl->changes.now = time(NULL);
	rc = import_apply(im,
	    !ctl_flag(args, "sync")		? IMPORT_REMOVE_NOTHING
		: ctl_flag(args, "remove-many") ? IMPORT_REMOVE_MANY
						: IMPORT_REMOVE_FEW);
	if (!ctl_flag(args, "dry-run"))
		return (ctl_finish(ctl, rc));
	store_end(ctl->store);
	return (rc);
}

static int
import(struct ctl *ctl, const struct arguments *args)
{
	struct progress progress = {.shown = isatty(STDERR_FILENO) == 1};
	bool dry_run = ctl_flag(args, "dry-run");
	struct import *im;
	int rc;

	if (!dry_run)
		ctl->changes.changed = say_what_ends;
	if (!ctl_flag(args, "tell"))
		ctl->changes.tell.who = TELL_NOTHING;
	if (store_bulk(ctl->store) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	im = import_new(&ctl->changes, shown_name(args->v[0]));
	if (im == NULL)
		return (-1);
	import_watch(im, watch, &progress);
	rc = read_rows(ctl, args->v[0], im);
	if (rc == 0)
		rc = apply(ctl, args, im);
	if (rc == 0 && !dry_run && ctl->changes.n >= MANY)
		store_survey(ctl->store);
	show(&progress, "%s", "");
	if (rc == 0) {
		output_line(ctl->out, "%zu rows, %zu changes%s",
		    import_rows(im), ctl->changes.n,
		    dry_run ? " would be made" : "");
		output_number(ctl->out, "rows", (int64_t)import_rows(im));
		output_number(ctl->out, "changed", (int64_t)ctl->changes.n);
		output_flag(ctl->out, "dry_run", dry_run);
	}
	import_free(im);
	return (rc);
}

static int export(struct ctl *ctl, const struct arguments *args)
{
	struct store_account account = {0};
	FILE *stream;
	char *text = NULL;
	size_t len;
	int rc;

	if (args->n == 1 &&
	    roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	stream = open_memstream(&text, &len);
	if (stream == NULL)
		return (failure_memory(&ctl->failure));
	rc = rostercsv_write(stream, account.id, &ctl->changes);
	if (fclose(stream) != 0)
		rc = failure_memory(&ctl->failure);
	else if (rc == 0)
		output_stream(ctl->out, text);
	free(text);
	return (rc == -1 ? -1 : 0);
}
