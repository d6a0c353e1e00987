/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output - what a command has to say, for people or as one JSON document
 *
 * One form is kept while the command runs: lines and libsmartcols tables in a
 * memory stream, or a jansson object; and what is long, the record of a large
 * import or the changes that one would make, in a file without a name.
 */
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <libsmartcols.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/tempfile.h"
#include "notifyctl/output.h"
#include "notifyctl/phrase.h"
#include "store/store.h"

#define COLUMNS_MAX 12
/* So many octets of lines, rows of a table, or members of an array in JSON are
 * kept in memory. */
#define LINES_MAX ((long)8 << 20)
#define ROWS_MAX 10000
/* What may fail besides standard output. */
#define TEMPFILE "a temporary file in $TMPDIR or /tmp"

struct output {
	bool json;
	json_t *document;
	FILE *lines;
	char *text; /* of the lines */
	size_t len;
	bool moved; /* the lines are in a file */
	/* Of one array: the members before those in the document. */
	FILE *members;
	const char *long_array;
	/* The last table. */
	const char *name;
	struct libscols_table *table;
	struct libscols_line *line;
	json_t *object;
	const char *const *columns;
	int column; /* of the next cell */
	int shown;  /* its number among those for people */
};

static void *must(void *);
static FILE *file(const struct output *);
static void move_lines(struct output *);
static void move_members(struct output *, const char *, json_t *);
static void add_member(struct output *, const char *, json_t *);
static int copy_out(FILE *);
static bool whole(FILE *);
static int print_document(const struct output *);
static void put(json_t *, const char *, json_t *);
static void print_rows(struct output *);
static void go_on_below(struct output *);
static void finish_table(struct output *);
static const char *title_of(const char *);
static const char *next_column(struct output *);
static void cell(struct output *, const char *);
static void member(struct output *, json_t *);
static json_t *list_of(const char *);
static json_t *text_of(const char *);

/* Nothing useful is left to do without memory. */
static void *
must(void *p)
{
	if (p == NULL)
		errx(EX_OSERR, "out of memory");
	return (p);
}

/* A file without a name, for what there is no room for in memory. */
static FILE *
file(const struct output *out)
{
	char *text;
	int fd;

	fd = tempfile_open();
	if (fd != -1)
		return (must(fdopen(fd, "w+")));
	/* Nothing was committed. */
	if (asprintf(&text, TEMPFILE ": %s", strerror(errno)) < 0)
		must(NULL);
	output_error(out->json, EX_IOERR, text);
	exit(EX_IOERR);
}

/* There is no end to the lines: into a file. */
static void
move_lines(struct output *out)
{
	FILE *lines = file(out);

	fflush(out->lines);
	fwrite(out->text, 1, out->len, lines);
	fclose(out->lines);
	free(out->text);
	out->text = NULL;
	out->lines = lines;
	out->moved = true;
}

static void
move_members(struct output *out, const char *name, json_t *array)
{
	json_t *value;
	size_t i;
	char *text;

	if (out->members == NULL)
		out->members = file(out);
	out->long_array = name;
	json_array_foreach(array, i, value)
	{
		text = must(json_dumps(value, JSON_COMPACT));
		fprintf(out->members, "%s,\n", text);
		free(text);
	}
	json_array_clear(array);
}

/* To the array of that name in the document. */
static void
add_member(struct output *out, const char *name, json_t *value)
{
	json_t *array;

	array = json_object_get(out->document, name);
	if (array == NULL) {
		array = must(json_array());
		put(out->document, name, array);
	}
	if (json_array_size(array) >= ROWS_MAX &&
	    (out->long_array == NULL || strcmp(out->long_array, name) == 0))
		move_members(out, name, array);
	if (json_array_append_new(array, must(value)) != 0)
		must(NULL);
}

/* To standard output, from its beginning. */
static int
copy_out(FILE *stream)
{
	char block[1 << 16];
	size_t n;

	if (fseek(stream, 0, SEEK_SET) != 0)
		return (-1);
	while ((n = fread(block, 1, sizeof(block), stream)) > 0) {
		if (fwrite(block, 1, n, stdout) != n)
			return (-1);
	}
	return (ferror(stream) ? -1 : 0);
}

/* The document, with the members that are in the file. */
static int
print_document(const struct output *out)
{
	const char *name, *comma = "";
	json_t *value, *last;
	size_t i;

	if (out->members == NULL)
		return (json_dumpf(out->document, stdout, JSON_INDENT(2)));
	putchar('{');
	json_object_foreach(out->document, name, value)
	{
		printf("%s\n  \"%s\": ", comma, name);
		comma = ",";
		if (strcmp(name, out->long_array) != 0) {
			json_dumpf(value, stdout, JSON_ENCODE_ANY);
			continue;
		}
		printf("[\n");
		if (copy_out(out->members) != 0)
			return (-1);
		json_array_foreach(value, i, last)
		{
			if (i > 0)
				printf(",\n");
			json_dumpf(last, stdout, JSON_COMPACT);
		}
		printf("\n  ]");
	}
	printf("\n}");
	return (ferror(stdout) ? -1 : 0);
}

static void
put(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, must(value)) != 0)
		must(NULL);
}

/* JSON has no place for text that is not UTF-8: escape it. */
static json_t *
text_of(const char *text)
{
	struct arena *a;
	json_t *value;

	value = json_string(text);
	if (value != NULL)
		return (value);
	a = must(arena_new(1 << 20));
	value = json_string(must((void *)(uintptr_t)escape_text(a, text)));
	arena_free(a);
	return (must(value));
}

struct output *
output_new(bool json)
{
	struct output *out;

	out = must(calloc(1, sizeof(*out)));
	out->json = json;
	out->document = must(json_object());
	out->lines = must(open_memstream(&out->text, &out->len));
	return (out);
}

void
output_free(struct output *out)
{
	if (out == NULL)
		return;
	scols_unref_table(out->table);
	json_decref(out->document);
	fclose(out->lines);
	if (out->members != NULL)
		fclose(out->members);
	free(out->text);
	free(out);
}

void
output_line(struct output *out, const char *fmt, ...)
{
	struct arena *a;
	va_list ap;
	char *text;

	finish_table(out);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		must(NULL);
	va_end(ap);
	a = must(arena_new((size_t)64 << 20));
	fprintf(out->lines, "%s\n",
	    (const char *)must((void *)(uintptr_t)escape_controls(a, text)));
	arena_free(a);
	free(text);
	if (!out->moved && ftell(out->lines) > LINES_MAX)
		move_lines(out);
}

void
output_text(struct output *out, const char *name, const char *text)
{
	put(out->document, name, text_of(text));
}

void
output_number(struct output *out, const char *name, int64_t n)
{
	put(out->document, name, json_integer(n));
}

void
output_flag(struct output *out, const char *name, bool flag)
{
	put(out->document, name, json_boolean(flag));
}

/* What people read above a column: "" for one that they do not see. */
static const char *
title_of(const char *column)
{
	const char *title;

	title = strchr(column, ':');
	if (title == NULL)
		return ("");
	title++;
	return (strchr("#?+", *title) != NULL && *title != '\0' ? title + 1
								: title);
}

/* What there is of the table goes into the lines. */
static void
print_rows(struct output *out)
{
	if (scols_table_get_nlines(out->table) == 0)
		return;
	scols_table_set_stream(out->table, out->lines);
	scols_print_table(out->table);
	scols_table_remove_lines(out->table);
	if (!out->moved && ftell(out->lines) > LINES_MAX)
		move_lines(out);
}

/* There is no end to the table: the rest of it is printed below, and each
 * column is as wide, or wider. */
static void
go_on_below(struct output *out)
{
	struct libscols_column *column;
	size_t i;

	print_rows(out);
	scols_table_enable_noheadings(out->table, 1);
	for (i = 0; i < scols_table_get_ncols(out->table); i++) {
		column = scols_table_get_column(out->table, i);
		scols_column_set_whint(
		    column, (double)scols_column_get_width(column));
	}
}

static void
finish_table(struct output *out)
{
	if (out->table == NULL)
		return;
	print_rows(out);
	scols_unref_table(out->table);
	out->table = NULL;
}

void
output_table(struct output *out, const char *name, const char *const *columns)
{
	const char *kind;
	int i;

	finish_table(out);
	out->columns = columns;
	out->name = name;
	if (out->json) {
		put(out->document, name, json_array());
		return;
	}
	out->table = must(scols_new_table());
	/* Its cells are escaped by us, and not to be once more. */
	scols_table_enable_noencoding(out->table, 1);
	/* Tables are not cut to the terminal: an address must be whole. */
	scols_table_enable_maxout(out->table, 0);
	scols_table_set_termwidth(out->table, 1 << 16);
	scols_table_set_termforce(out->table, SCOLS_TERMFORCE_NEVER);
	for (i = 0; columns[i] != NULL; i++) {
		kind = strchr(columns[i], ':');
		if (*title_of(columns[i]) == '\0')
			continue;
		must(scols_table_new_column(out->table, title_of(columns[i]), 0,
		    kind[1] == '#' ? SCOLS_FL_RIGHT : 0));
	}
}

void
output_row(struct output *out)
{
	out->column = out->shown = 0;
	if (out->json) {
		out->object = must(json_object());
		add_member(out, out->name, out->object);
		return;
	}
	if (scols_table_get_nlines(out->table) == ROWS_MAX)
		go_on_below(out);
	out->line = must(scols_table_new_line(out->table, NULL));
}

/* The name of the next column, which is filled now. */
static const char *
next_column(struct output *out)
{
	return (out->columns[out->column++]);
}

static void
cell(struct output *out, const char *text)
{
	if (*title_of(next_column(out)) != '\0' &&
	    scols_line_set_data(out->line, (size_t)out->shown++, text) != 0)
		must(NULL);
}

static void
member(struct output *out, json_t *value)
{
	const char *column = next_column(out);
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(column, ":"), column);
	put(out->object, name, value);
}

/* "a,b" as an array. */
static json_t *
list_of(const char *text)
{
	json_t *list;
	size_t len;

	list = must(json_array());
	while (*text != '\0') {
		len = strcspn(text, ",");
		if (json_array_append_new(
			list, must(json_stringn(text, len))) != 0)
			must(NULL);
		text += len + (text[len] == ',');
	}
	return (list);
}

void
output_cell(struct output *out, const char *text)
{
	const char *kind = strchr(out->columns[out->column], ':');
	struct arena *a;

	if (out->json) {
		member(out,
		    kind != NULL && kind[1] == '+' ? list_of(text)
						   : text_of(text));
		return;
	}
	a = must(arena_new(1 << 20));
	cell(out,
	    escape_is_line(text)
		? text
		: must((void *)(uintptr_t)escape_text(a, text)));
	arena_free(a);
}

void
output_cell_number(struct output *out, int64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	if (out->json)
		member(out, json_integer(n));
	else
		cell(out, text);
}

void
output_cell_flag(struct output *out, bool flag)
{
	if (out->json)
		member(out, json_boolean(flag));
	else
		cell(out, flag ? "yes" : "no");
}

void
output_consequence(struct output *out, const struct store_change *c)
{
	char *text = must(phrase_change(c));

	output_remark(out, text);
	free(text);
}

void
output_change(void *ctx, const struct store_change *c)
{
	struct output *out = ctx;
	json_t *change;
	char *text;

	if (!out->json) {
		text = must(phrase_change(c));
		output_line(out, "%s", text);
		free(text);
		return;
	}
	change = must(json_object());
	put(change, "at", text_of(output_when(c->at)));
	put(change, "actor", text_of(c->actor));
	put(change, "account", text_of(c->account));
	put(change, "action", text_of(c->action));
	put(change, "subject", text_of(c->subject));
	put(change, "detail", text_of(c->detail));
	add_member(out, "changes", change);
}

void
output_remark(void *ctx, const char *text)
{
	struct output *out = ctx;

	output_line(out, "%s", text);
	add_member(out, "remarks", text_of(text));
}

void
output_stream(struct output *out, const char *text)
{
	finish_table(out);
	fputs(text, out->lines);
	if (out->json)
		put(out->document, "csv", text_of(text));
}

/* Is all that was written to it there? */
static bool
whole(FILE *stream)
{
	if (stream == NULL)
		return (true);
	errno = EIO;
	return (fflush(stream) == 0 && !ferror(stream));
}

int
output_print(struct output *out, const char **what)
{
	finish_table(out);
	*what = TEMPFILE;
	if (!whole(out->lines) || !whole(out->members))
		return (-1);
	*what = "standard output";
	if (out->json) {
		if (print_document(out) != 0 || putchar('\n') == EOF)
			return (-1);
	} else if (out->moved) {
		if (copy_out(out->lines) != 0)
			return (-1);
	} else if (fwrite(out->text, 1, out->len, stdout) != out->len) {
		return (-1);
	}
	return (fflush(stdout));
}

void
output_error(bool json, int code, const char *text)
{
	struct arena *a;
	json_t *document;

	a = must(arena_new((size_t)64 << 20));
	fprintf(stderr, "notifyctl: %s\n",
	    (const char *)must((void *)(uintptr_t)escape_controls(a, text)));
	arena_free(a);
	if (!json)
		return;
	document = must(json_pack(
	    "{s:{s:i,s:o}}", "error", "code", code, "message", text_of(text)));
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
}

const char *
output_when(int64_t at)
{
	static char text[32];
	time_t t = (time_t)at;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return ("-");
	return (text);
}
