/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rostercsv - the roster as CSV, read and written
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <csv.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "notifyctl/commands/rostercsv.h"
#include "roster/import.h"
#include "roster/membership.h"
#include "store/store.h"

enum column { ACCOUNT, EMAIL, ROLE, CATEGORIES, LANGUAGE, COLUMNS };

/* The longest line, and the longest row of several lines. */
#define LINE_MAX_SIZE ((size_t)1 << 20)
#define ROW_MAX_SIZE ((size_t)16 << 20)

static const char *const columns[COLUMNS] = {
    "account", "email", "role", "categories", "language"};
static const char header[] = "account,email,role,categories";
#define LANGUAGE_COLUMN ",language"

/* A file being read. */
struct reading {
	struct changes *changes;
	const char *name;
	struct import *import;
	struct arena *arena; /* of the row */
	/* Which column each field is, and how many the header has; 0 before
	 * it. */
	enum column order[COLUMNS];
	size_t ncolumns;
	const char *fields[COLUMNS];
	size_t nfields; /* of the row so far */
	char *block;	/* of the file */
	size_t at, len;
	size_t line;  /* that is being read */
	size_t start; /* where the current row began; 0 between rows */
	size_t size;  /* of it so far */
	bool failed;
};

/* A roster being written. */
struct writing {
	struct arena *arena;
	FILE *stream;
	const char *address; /* of the row being written, or NULL */
	const char *account;
	const char *language;
	bool languages; /* there is a column */
};

static void on_field(void *, size_t, void *);
static void on_row(int, void *);
static void bad_header(struct reading *, const char *, const char *);
static const char *separator(const char *, size_t);
static void take_header(struct reading *);
static void take_row(struct reading *);
static bool is_blank(const char *, size_t);
static const char *line_end(const char *, size_t, bool);
static size_t too_long(struct reading *, const char *, size_t);
static size_t next_line(struct reading *, FILE *, char **);
static int read_rows(struct reading *, FILE *);
static void write_field(FILE *, const char *);
static void end_row(const struct writing *);
static int export_row(void *, const struct store_export *);

static void
on_field(void *text, size_t len, void *ctx)
{
	struct reading *r = ctx;

	if (r->failed)
		return;
	if (r->nfields < COLUMNS) {
		r->fields[r->nfields] = arena_strndup(r->arena, text, len);
		if (r->fields[r->nfields] == NULL) {
			failure_memory(r->changes->failure);
			r->failed = true;
		}
	}
	r->nfields++;
}

static void
bad_header(struct reading *r, const char *what, const char *name)
{
	failure_set(r->changes->failure, FAILURE_DATA,
	    "%s:%zu: %s%s; expected a header line with columns of %s" LANGUAGE_COLUMN
	    ", account "
	    "and email among them; nothing was imported",
	    r->name, r->start, what, escape_short(r->arena, name), header);
	r->failed = true;
}

/* What a spreadsheet has put between the columns of its header line, if not
 * commas; or NULL. libcsv takes what follows a quote there for a fault. */
static const char *
separator(const char *line, size_t len)
{
	if (memchr(line, ',', len) != NULL)
		return (NULL);
	return (memchr(line, ';', len) != NULL	  ? "semicolons"
		: memchr(line, '\t', len) != NULL ? "tabs"
						  : NULL);
}

/* The header line says what each field of a row is. */
static void
take_header(struct reading *r)
{
	bool seen[COLUMNS] = {false};
	size_t i;
	int column;

	for (i = 0; i < r->nfields && i < COLUMNS; i++) {
		for (column = 0; column < COLUMNS; column++) {
			if (strcasecmp(r->fields[i], columns[column]) == 0)
				break;
		}
		if (column == COLUMNS) {
			bad_header(r,
			    *r->fields[i] == '\0' ? "a column without a name"
						  : "no column ",
			    r->fields[i]);
			return;
		}
		if (seen[column]) {
			bad_header(r, "twice the column ", r->fields[i]);
			return;
		}
		seen[column] = true;
		r->order[i] = (enum column)column;
	}
	if (r->nfields > COLUMNS)
		bad_header(r, "too many columns", "");
	else if (!seen[ACCOUNT] || !seen[EMAIL])
		bad_header(
		    r, "no column ", columns[seen[ACCOUNT] ? EMAIL : ACCOUNT]);
	r->ncolumns = r->nfields;
}

static void
take_row(struct reading *r)
{
	const char *cells[COLUMNS] = {NULL};
	struct import_cells row;
	size_t i;

	if (r->nfields != r->ncolumns) {
		(void)import_bad_row(r->import, r->start,
		    "the row has %zu columns; expected %zu, as the header",
		    r->nfields, r->ncolumns);
		r->failed = import_bad(r->import) != 0;
		return;
	}
	for (i = 0; i < r->nfields; i++)
		cells[r->order[i]] = r->fields[i];
	row = (struct import_cells){cells[ACCOUNT], cells[EMAIL], cells[ROLE],
	    cells[CATEGORIES], cells[LANGUAGE]};
	r->failed = import_row(r->import, r->start, &row) != 0;
}

static void
on_row(int ended_by, void *ctx)
{
	struct reading *r = ctx;

	(void)ended_by;
	if (r->failed)
		return;
	if (r->ncolumns == 0)
		take_header(r);
	else
		take_row(r);
	r->nfields = 0;
	r->start = 0;
	arena_reset(r->arena);
}

static bool
is_blank(const char *line, size_t len)
{
	return (line[0] == '\n' || line[0] == '\r' ? len <= 2 : false);
}

/* The end of a line, after its LF, CR LF or CR; NULL if it is not within the
 * ${len} bytes, which are the ${last} of the file or not. */
static const char *
line_end(const char *line, size_t len, bool last)
{
	const char *s, *end = line + len;

	for (s = line; s < end && *s != '\n' && *s != '\r'; s++)
		;
	if (s < end && *s == '\r') {
		if (s + 1 == end)
			return (last ? end : NULL);
		return (s[1] == '\n' ? s + 2 : s + 1);
	}
	return (s < end ? s + 1 : NULL);
}

static size_t
too_long(struct reading *r, const char *what, size_t number)
{
	failure_set(r->changes->failure, FAILURE_DATA,
	    "%s:%zu: the %s exceeds %zu bytes; expected %s; "
	    "nothing was imported",
	    r->name, number, what, LINE_MAX_SIZE, header);
	r->failed = true;
	return (0);
}

/* The length of the next line with its end; 0 at the end of the file, or if it
 * is too long. */
static size_t
next_line(struct reading *r, FILE *stream, char **line)
{
	const char *end;
	size_t len;

	end = line_end(r->block + r->at, r->len - r->at, false);
	if (end == NULL && !feof(stream) && !ferror(stream)) {
		memmove(r->block, r->block + r->at, r->len - r->at);
		r->len -= r->at;
		r->at = 0;
		r->len +=
		    fread(r->block + r->len, 1, LINE_MAX_SIZE - r->len, stream);
	}
	if (end == NULL)
		end = line_end(r->block + r->at, r->len - r->at, feof(stream));
	*line = r->block + r->at;
	len = end == NULL ? r->len - r->at : (size_t)(end - *line);
	r->at += len;
	if (len > 0)
		r->line++;
	if (end != NULL || len < LINE_MAX_SIZE)
		return (len);
	return (too_long(r, "line", r->line));
}

/* Line by line, for the numbers in errors. */
static int
read_rows(struct reading *r, FILE *stream)
{
	struct csv_parser parser;
	const char *other;
	size_t len, skip;
	char *line;

	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		return (failure_memory(r->changes->failure));
	/* The default of 128 bytes makes a long field slow. */
	csv_set_blk_size(&parser, 1 << 16);
	while (!r->failed && (len = next_line(r, stream, &line)) > 0) {
		/* Skip an empty line between rows. */
		if (r->start == 0 && is_blank(line, len))
			continue;
		if (r->start == 0) {
			r->start = r->line;
			r->size = 0;
		}
		r->size += len;
		if (r->size > LINE_MAX_SIZE) {
			too_long(r, "row, with an unclosed quote,", r->start);
			break;
		}
		/* Before libcsv, which complains of a quote in UTF-16. */
		if (memchr(line, '\0', len) != NULL) {
			failure_set(r->changes->failure, FAILURE_DATA,
			    "%s:%zu: NUL byte in the row; expected CSV as text "
			    "in UTF-8; nothing was imported",
			    r->name, r->start);
			r->failed = true;
			break;
		}
		other = r->ncolumns == 0 ? separator(line, len) : NULL;
		if (other != NULL) {
			bad_header(
			    r, "commas must separate the columns, not ", other);
			break;
		}
		/* Skip the byte order mark that some programs write. */
		skip = r->line == 1 && len >= 3 &&
			memcmp(line, "\xef\xbb\xbf", 3) == 0
		    ? 3
		    : 0;
		if (csv_parse(&parser, line + skip, len - skip, on_field,
			on_row, r) != len - skip)
			break;
	}
	if (!r->failed && ferror(stream)) {
		failure_set(r->changes->failure, FAILURE_IO, "%s: %s", r->name,
		    strerror(errno));
		r->failed = true;
	}
	if (!r->failed && csv_error(&parser) == CSV_SUCCESS)
		(void)csv_fini(&parser, on_field, on_row, r);
	if (!r->failed && csv_error(&parser) != CSV_SUCCESS) {
		failure_set(r->changes->failure, FAILURE_DATA,
		    "%s:%zu: a quote is out of place; expected CSV with "
		    "quotes around a whole field and doubled inside; nothing "
		    "was imported",
		    r->name, r->start);
		r->failed = true;
	}
	csv_free(&parser);
	if (!r->failed && r->ncolumns == 0)
		bad_header(r, "the file is empty", "");
	return (r->failed ? -1 : 0);
}

/* Quoted only if necessary: people read these files. */
static void
write_field(FILE *stream, const char *text)
{
	if (strpbrk(text, ",\"\r\n") == NULL && *text != ' ')
		fputs(text, stream);
	else
		csv_fwrite(stream, text, strlen(text));
}

/* The end of the row that is being written, if there is one. */
static void
end_row(const struct writing *w)
{
	if (w->address == NULL)
		return;
	if (w->languages)
		fprintf(w->stream, ",%s", w->language);
	fputc('\n', w->stream);
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
	end_row(w);
	w->language = arena_strdup(w->arena, row->language);
	w->address = arena_strdup(w->arena, row->address);
	w->account = arena_strdup(w->arena, row->account);
	if (w->address == NULL || w->account == NULL || w->language == NULL)
		return (-1);
	write_field(w->stream, row->account);
	fputc(',', w->stream);
	write_field(w->stream, row->address);
	fprintf(w->stream, ",%s,%s", role_name(row->role), row->category);
	return (0);
}

int
rostercsv_read(
    FILE *stream, const char *name, struct import *im, struct changes *c)
{
	struct reading r = {.changes = c, .name = name, .import = im};
	int rc;

	r.arena = arena_new(ROW_MAX_SIZE);
	r.block = malloc(LINE_MAX_SIZE);
	rc = r.arena == NULL || r.block == NULL ? failure_memory(c->failure)
						: read_rows(&r, stream);
	free(r.block);
	arena_free(r.arena);
	return (rc);
}

int
rostercsv_write(FILE *stream, int64_t account, struct changes *c)
{
	struct writing w = {.arena = c->arena, .stream = stream};
	int rc;

	rc = store_languages(c->store, account, &w.languages);
	fprintf(stream, "%s%s\n", header, w.languages ? LANGUAGE_COLUMN : "");
	if (rc == 1)
		rc = store_export(c->store, account, export_row, &w);
	end_row(&w);
	if (rc != -1)
		return (0);
	return (store_failed(c->store, c->failure));
}
