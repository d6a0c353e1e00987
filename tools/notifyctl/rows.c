/*
 * rows - a CSV file into the rows of an import
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <csv.h>

#include "arena.h"
#include "failure.h"
#include "import.h"
#include "membership.h"
#include "rows.h"

#define FIELDS 4
/* A line longer than this is no row of a roster. */
#define LINE_MAX_SIZE ((size_t)1 << 20)

/* A file being read. */
struct reading {
	struct changes *changes;
	const char *name;
	struct import *import;
	char *fields[FIELDS];
	size_t nfields;
	size_t line;  /* that is being read */
	size_t start; /* where the current row began; 0 between rows */
	bool failed;
};

static int no_memory(struct reading *);
static void on_field(void *, size_t, void *);
static void on_row(int, void *);
static bool is_header(const struct reading *);
static bool is_blank(const char *, size_t);
static size_t next_line(struct reading *, FILE *, char *);
static int read_csv(struct reading *, FILE *);

static int
no_memory(struct reading *r)
{
	return (failure_set(r->changes->failure, FAILURE_MEMORY, "no memory"));
}

static void
on_field(void *text, size_t len, void *ctx)
{
	struct reading *r = ctx;

	if (r->failed)
		return;
	if (memchr(text, '\0', len) != NULL) {
		failure_set(r->changes->failure, FAILURE_DATA,
		    "%s:%zu: there is a NUL octet in the row; expected text; "
		    "nothing was imported",
		    r->name, r->start);
		r->failed = true;
	}
	if (r->nfields < FIELDS && !r->failed) {
		r->fields[r->nfields] =
		    arena_strndup(r->changes->arena, text, len);
		if (r->fields[r->nfields] == NULL) {
			(void)no_memory(r);
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
		failure_set(r->changes->failure, FAILURE_DATA,
		    "%s:%zu: the row has %zu columns; expected %s; nothing "
		    "was imported",
		    r->name, r->start, r->nfields, rows_header);
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
		failure_set(r->changes->failure, FAILURE_DATA,
		    "%s:%zu: the line is longer than %zu octets; expected %s; "
		    "nothing was imported",
		    r->name, r->line, LINE_MAX_SIZE, rows_header);
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

	line = arena_alloc(r->changes->arena, LINE_MAX_SIZE);
	if (line == NULL ||
	    csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		return (no_memory(r));
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
	return (r->failed ? -1 : 0);
}

const char rows_header[] = "account,email,role,categories";

int
rows_read(struct changes *changes, const char *name, FILE *stream,
    struct import *import)
{
	struct reading r = {.changes = changes, .name = name, .import = import};

	return (read_csv(&r, stream));
}
