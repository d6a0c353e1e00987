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

#include "base/arena.h"
#include "notifyctl/commands/rostercsv.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/import.h"
#include "roster/roster.h"
#include "store/store.h"

/* Between two looks at how far it is. */
#define SHOW_MS 100

/* How far an import is, in a line that is written over and over. */
struct progress {
	bool shown; /* standard error is a terminal */
	struct timespec last;
	size_t total; /* of rows, when it was last shown */
	int width;    /* of the line */
};

static void show(struct progress *, const char *, ...) PRINTF_LIKE(2, 3);
static void watch(void *, size_t, size_t);
static void say_what_ends(void *, const struct store_change *);
static const char *shown_name(const char *);
static int read_rows(struct ctl *, const char *, struct import *);
static int apply(struct ctl *, const struct arguments *, struct import *);

/* "": nothing, and the line is free again. */
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
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (total == p->total &&
	    (now.tv_sec - p->last.tv_sec) * 1000 +
		    (now.tv_nsec - p->last.tv_nsec) / 1000000 <
		SHOW_MS)
		return;
	p->last = now;
	p->total = total;
	if (total == 0)
		show(p, "%zu rows read", done);
	else
		show(p, "%zu of %zu rows, %zu %%", done, total,
		    done * 100 / total);
}

/* A million lines would help nobody, and the log has them; but what ends with a
 * role or a subscription, no row says. */
static void
say_what_ends(void *ctx, const struct store_change *change)
{
	struct ctl *ctl = ctx;

	if (membership_unasked(change))
		output_consequence(ctl->out, change);
}

static const char *
shown_name(const char *name)
{
	return (strcmp(name, "-") == 0 ? "standard input" : name);
}

/* Whoever writes the rows may take their time: nobody else's changes wait for
 * that. */
static int
read_rows(struct ctl *ctl, const char *name, struct import *import)
{
	FILE *stream;
	int rc;

	stream = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	if (stream == NULL)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "%s: %s; expected a CSV file", name, strerror(errno)));
	if (store_begin(ctl->store, DB_READ) != 0) {
		rc = store_failed(ctl->store, &ctl->failure);
	} else {
		rc = rostercsv_read(
		    stream, shown_name(name), import, &ctl->changes);
		store_end(ctl->store);
	}
	if (stream != stdin)
		fclose(stream);
	return (rc);
}

/* All of it, or nothing; a dry run nothing. */
static int
apply(struct ctl *ctl, const struct arguments *args, struct import *import)
{
	int rc;

	if (store_begin(ctl->store, DB_WRITE) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	ctl->changes.now = time(NULL);
	rc = import_apply(import, args->sync);
	if (rc == 0 && !args->dry_run && store_commit(ctl->store) == 0)
		return (0);
	if (rc == 0 && !args->dry_run)
		rc = store_failed(ctl->store, &ctl->failure);
	store_end(ctl->store);
	return (rc);
}

int
import_export_import(struct ctl *ctl, const struct arguments *args)
{
	struct progress progress = {.shown = isatty(STDERR_FILENO) == 1};
	struct import *import;
	int rc;

	if (!args->dry_run)
		ctl->changes.changed = say_what_ends;
	if (store_bulk(ctl->store) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	import = import_new(&ctl->changes, shown_name(args->v[0]));
	if (import == NULL)
		return (-1);
	import_watch(import, watch, &progress);
	rc = read_rows(ctl, args->v[0], import);
	if (rc == 0)
		rc = apply(ctl, args, import);
	show(&progress, "%s", "");
	if (rc == 0) {
		output_line(ctl->out, "%zu rows, %zu changes%s",
		    import_rows(import), ctl->changes.n,
		    args->dry_run ? " would be made" : "");
		output_number(ctl->out, "rows", (int64_t)import_rows(import));
		output_number(ctl->out, "changed", (int64_t)ctl->changes.n);
		output_flag(ctl->out, "dry_run", args->dry_run);
	}
	import_free(import);
	return (rc);
}

int
import_export_export(struct ctl *ctl, const struct arguments *args)
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
