/*
 * files - notifyctl import and export
 *
 * CSV as in RFC 4180, read by rows.c and quoted by libcsv: four columns,
 * account, email, role and categories, the last separated by semicolons.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <csv.h>

#include "arena.h"
#include "ctl.h"
#include "import.h"
#include "output.h"
#include "roster.h"
#include "rows.h"
#include "store.h"

/* A row of the export being written. */
struct writing {
	struct ctl *ctl;
	FILE *stream;
	const char *address; /* of the row being written, or NULL */
	const char *account;
};

static int apply(struct ctl *, const struct arguments *);
static void write_field(FILE *, const char *);
static int export_row(void *, const struct store_export *);

static int
apply(struct ctl *ctl, const struct arguments *args)
{
	struct import *import;
	const char *name = args->v[0];
	FILE *stream;
	int rc;

	if (strcmp(name, "-") == 0) {
		name = "standard input";
		stream = stdin;
	} else {
		stream = fopen(name, "re");
	}
	if (stream == NULL)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "%s: %s; expected a CSV file", name, strerror(errno)));
	import = import_new(&ctl->changes, name);
	rc = import == NULL ? ctl_no_memory(ctl)
			    : rows_read(&ctl->changes, name, stream, import);
	if (stream != stdin)
		fclose(stream);
	if (rc == 0)
		rc = import_apply(import, args->sync);
	if (rc != 0)
		return (-1);
	output_line(ctl->out, "%zu rows, %zu changes%s", import_rows(import),
	    ctl->changes.n, args->dry_run ? " would be made" : "");
	output_number(ctl->out, "rows", (int64_t)import_rows(import));
	output_number(ctl->out, "changed", (int64_t)ctl->changes.n);
	output_flag(ctl->out, "dry_run", args->dry_run);
	return (0);
}

int
files_import(struct ctl *ctl, const struct arguments *args)
{
	int rc;

	if (!args->dry_run) {
		/* A million lines would help nobody; the log has them. */
		ctl->changes.changed = NULL;
		return (ctl_write(ctl, apply, args));
	}
	if (store_begin(ctl->store, DB_WRITE) != 0)
		return (ctl_store_failed(ctl));
	rc = apply(ctl, args);
	store_end(ctl->store);
	return (rc);
}

/* Quoted only where it must be: people read these files. */
static void
write_field(FILE *stream, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL && *text != ' ')
		fputs(text, stream);
	else
		csv_fwrite(stream, text, strlen(text));
}

static int
export_row(void *ctx, const struct store_export *row)
{
	struct writing *w = ctx;
	bool same;

	same = w->address != NULL && strcmp(w->address, row->address) == 0 &&
	    strcmp(w->account, row->account) == 0;
	if (same) {
		fprintf(w->stream, ";%s", row->category);
		return (0);
	}
	if (w->address != NULL)
		fputc('\n', w->stream);
	w->address = arena_strdup(w->ctl->arena, row->address);
	w->account = arena_strdup(w->ctl->arena, row->account);
	if (w->address == NULL || w->account == NULL)
		return (-1);
	write_field(w->stream, row->account);
	fputc(',', w->stream);
	write_field(w->stream, row->address);
	fprintf(w->stream, ",%s,%s", role_name(row->role), row->category);
	return (0);
}

int
files_export(struct ctl *ctl, const struct arguments *args)
{
	struct writing w = {.ctl = ctl};
	struct store_account account = {0};
	char *text = NULL;
	size_t len;
	int rc;

	if (args->n == 1 &&
	    roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	w.stream = open_memstream(&text, &len);
	if (w.stream == NULL)
		return (ctl_no_memory(ctl));
	fprintf(w.stream, "%s\n", rows_header);
	rc = store_export(ctl->store, account.id, export_row, &w);
	if (w.address != NULL)
		fputc('\n', w.stream);
	if (fclose(w.stream) != 0)
		rc = ctl_no_memory(ctl);
	else if (rc == -1)
		ctl_store_failed(ctl);
	else
		output_stream(ctl->out, text);
	free(text);
	return (rc == -1 ? -1 : 0);
}
