/*
 * files - notifyctl import and export
 *
 * CSV as in RFC 4180, taken apart and quoted by libcsv: four columns, account,
 * email, role and categories, the last separated by semicolons.
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
#include "store.h"

#define FIELDS 4
/* A line longer than this is no row of a roster. */
#define LINE_MAX_SIZE ((size_t)1 << 20)

static const char header[] = "account,email,role,categories";

/* A file being read. */
struct reading {
	struct ctl *ctl;
	const char *name;
	struct import *import;
	char *fields[FIELDS];
	size_t nfields;
	size_t line;  /* that is being read */
	size_t start; /* where the current row began; 0 between rows */
	bool failed;
};

/* A row of the export being written. */
struct writing {
	struct ctl *ctl;
	FILE *stream;
	const char *address; /* of the row being written, or NULL */
	const char *account;
};

static void on_field(void *, size_t, void *);
static void on_row(int, void *);
static bool is_header(const struct reading *);
static bool is_blank(const char *, size_t);
static size_t next_line(struct reading *, FILE *, char *);
static int read_csv(struct reading *, FILE *);
static int apply(struct ctl *, const struct arguments *);
static void write_field(FILE *, const char *);
static int export_row(void *, const struct store_export *);

static void
on_field(void *text, size_t len, void *ctx)
{
	struct reading *r = ctx;

	if (r->failed)
		return;
	if (memchr(text, '\0', len) != NULL) {
		failure_set(&r->ctl->failure, FAILURE_DATA,
		    "%s:%zu: there is a NUL octet in the row; expected text; "
		    "nothing was imported",
		    r->name, r->start);
		r->failed = true;
	}
	if (r->nfields < FIELDS && !r->failed) {
		r->fields[r->nfields] = arena_strndup(r->ctl->arena, text, len);
		if (r->fields[r->nfields] == NULL) {
			ctl_no_memory(r->ctl);
			r->failed = true;
		}
	}
	r->nfields++;
}

static bool
is_header(const struct reading *r)
{
	return (r->line == 1 && strcmp(r->fields[0], "account") == 0 &&
	    strcmp(r->fields[1], "email") == 0 &&
	    strcmp(r->fields[2], "role") == 0);
}

static void
on_row(int ended_by, void *ctx)
{
	struct reading *r = ctx;

	(void)ended_by;
	if (r->failed)
		return;
	/* No categories, and no comma before them, is no mistake. */
	if (r->nfields == FIELDS - 1)
		r->fields[r->nfields++] = "";
	if (r->nfields != FIELDS) {
		failure_set(&r->ctl->failure, FAILURE_DATA,
		    "%s:%zu: the row has %zu columns; expected %s; nothing "
		    "was imported",
		    r->name, r->start, r->nfields, header);
		r->failed = true;
	} else if (!is_header(r) &&
	    import_row(r->import, r->start, r->fields[0], r->fields[1],
		r->fields[2], r->fields[3]) != 0) {
		r->failed = true;
	}
	r->nfields = 0;
	r->start = 0;
}

static bool
is_blank(const char *line, size_t len)
{
	return (line[0] == '\n' || (len == 2 && memcmp(line, "\r\n", 2) == 0));
}

/* The next line with its newline into ${line}; 0 at the end of the file. */
static size_t
next_line(struct reading *r, FILE *stream, char *line)
{
	size_t len;
	int c;

	len = 0;
	while (len < LINE_MAX_SIZE && (c = getc_unlocked(stream)) != EOF) {
		line[len++] = (char)c;
		if (c == '\n')
			break;
	}
	if (len > 0)
		r->line++;
	if (len == LINE_MAX_SIZE) {
		failure_set(&r->ctl->failure, FAILURE_DATA,
		    "%s:%zu: the line is longer than %zu octets; expected %s; "
		    "nothing was imported",
		    r->name, r->line, LINE_MAX_SIZE, header);
		r->failed = true;
	}
	return (len);
}

/* Line by line, so that a row can be named. */
static int
read_csv(struct reading *r, FILE *stream)
{
	struct csv_parser parser;
	char *line;
	size_t len, skip;

	line = arena_alloc(r->ctl->arena, LINE_MAX_SIZE);
	if (line == NULL ||
	    csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		return (ctl_no_memory(r->ctl));
	/* Its own step of 128 octets makes a long field slow. */
	csv_set_blk_size(&parser, 1 << 16);
	while (!r->failed && (len = next_line(r, stream, line)) > 0 &&
	    !r->failed) {
		/* An empty line between rows is nothing. */
		if (r->start == 0 && is_blank(line, len))
			continue;
		if (r->start == 0)
			r->start = r->line;
		/* The mark that some programs put before UTF-8. */
		skip = r->line == 1 && len >= 3 &&
			memcmp(line, "\xef\xbb\xbf", 3) == 0
		    ? 3
		    : 0;
		if (csv_parse(&parser, line + skip, len - skip, on_field,
			on_row, r) != len - skip)
			break;
	}
	if (!r->failed && ferror(stream)) {
		failure_set(&r->ctl->failure, FAILURE_IO, "%s: %s", r->name,
		    strerror(errno));
		r->failed = true;
	}
	if (!r->failed && csv_error(&parser) == CSV_SUCCESS)
		(void)csv_fini(&parser, on_field, on_row, r);
	if (!r->failed && csv_error(&parser) != CSV_SUCCESS) {
		failure_set(&r->ctl->failure, FAILURE_DATA,
		    "%s:%zu: a quote is out of place; expected CSV with "
		    "quotes around a whole field and doubled inside; nothing "
		    "was imported",
		    r->name, r->start);
		r->failed = true;
	}
	csv_free(&parser);
	return (r->failed ? -1 : 0);
}

static int
apply(struct ctl *ctl, const struct arguments *args)
{
	struct reading r = {.ctl = ctl, .name = args->v[0]};
	FILE *stream;
	int rc;

	if (strcmp(args->v[0], "-") == 0) {
		r.name = "standard input";
		stream = stdin;
	} else {
		stream = fopen(args->v[0], "re");
	}
	if (stream == NULL)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "%s: %s; expected a CSV file", r.name, strerror(errno)));
	r.import = import_new(&ctl->changes, r.name);
	rc = r.import == NULL ? ctl_no_memory(ctl) : read_csv(&r, stream);
	if (stream != stdin)
		fclose(stream);
	if (rc == 0)
		rc = import_apply(r.import, args->sync);
	if (rc != 0)
		return (-1);
	output_line(ctl->out, "%zu rows, %zu changes%s", import_rows(r.import),
	    ctl->changes.n, args->dry_run ? " would be made" : "");
	output_number(ctl->out, "rows", (int64_t)import_rows(r.import));
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
	fprintf(w.stream, "%s\n", header);
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
