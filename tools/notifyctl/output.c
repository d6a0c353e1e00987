/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output - the output of a command, for people or as one JSON document
 *
 * Lines and libsmartcols tables are kept in a memory stream, or members in a
 * jansson object. Long output, such as the record of a large import or the
 * changes of a dry run, moves to an unnamed temporary file.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>
#include <libsmartcols.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/tempfile.h"
#include "lib/daemon.h"
#include "notifyctl/output.h"
#include "notifyctl/wrap.h"
#include "store/store.h"

#define ESCAPED_MAX ((size_t)64 << 20)
/* The most that is kept in memory: bytes of lines; rows of a table, or members
 * of a JSON array. */
#define LINES_MAX ((long)8 << 20)
#define ROWS_MAX 10000
/* The columns of a terminal that does not tell. */
#define TERMINAL_COLUMNS 80
#define TEMPFILE "a temporary file in $TMPDIR or /tmp"

static const char *const change_columns[] = {"at:@WHEN", "actor:WHO",
    "account:ACCOUNT", "action:WHAT", "subject:WHOM", "detail:DETAIL", NULL};

struct output {
	bool json;
	size_t columns_max; /* of the terminal; 0: standard output is none */
	json_t *document;
	FILE *lines;
	char *text; /* of the lines, unless they have moved to a file */
	size_t len;
	bool moved;
	/* The first members of the one array that has moved to a file. */
	FILE *members;
	const char *long_array;
	/* The last table. */
	const char *name;
	struct libscols_table *table;
	struct libscols_line *line;
	json_t *object;
	const char *const *columns;
	unsigned whole; /* columns for people that are not wrapped, as bits */
	int column;	/* of the next cell */
	int shown;	/* the same among the columns for people */
};

static void *must(void *);
static FILE *file(const struct output *);
static size_t terminal_width(void);
static void limit_lines(struct output *);
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
static void cell(struct output *, const char *);
static void member(struct output *, json_t *);
static json_t *list_of(const char *);
static const char *escaped(
    const char *(*)(struct arena *, const char *), const char *);
static json_t *text_of(const char *);
static const char *verb(const char *);
static char *describe(const struct store_change *);

static void *
must(void *p)
{
	if (p == NULL)
		errx(EX_OSERR, "out of memory");
	return (p);
}

static FILE *
file(const struct output *out)
{
	char *text;
	int fd;

	fd = tempfile_open();
	if (fd != -1)
		return (must(fdopen(fd, "w+")));
	if (asprintf(&text, TEMPFILE ": %s", strerror(errno)) < 0)
		must(NULL);
	output_error(out->json, EX_IOERR, text);
	exit(EX_IOERR);
}

/* Move the lines to a file if they are too many. */
static void
limit_lines(struct output *out)
{
	FILE *lines;

	if (out->moved || ftell(out->lines) <= LINES_MAX)
		return;
	lines = file(out);
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

/* Append to the array of that name in the document. */
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

/* Copy a file to standard output, from its beginning. */
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

/* Print the document, with the members that are in the file. */
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

/* What ${escape} makes of ${text}, until the next call. */
static const char *
escaped(const char *(*escape)(struct arena *, const char *), const char *text)
{
	static struct arena *scratch;

	if (scratch == NULL)
		scratch = must(arena_new(ESCAPED_MAX));
	arena_reset(scratch);
	text = escape(scratch, text);
	if (text == NULL)
		must(NULL);
	return (text);
}

/* Text as JSON: escaped if it is not valid UTF-8. */
static json_t *
text_of(const char *text)
{
	json_t *value = json_string(text);

	return (value != NULL ? value
			      : must(json_string(escaped(escape_text, text))));
}

/* The width of the terminal that standard output is; 0 if it is none. */
static size_t
terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return (0);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return (TERMINAL_COLUMNS);
	return (size.ws_col);
}

struct output *
output_new(bool json)
{
	struct output *out;

	out = must(calloc(1, sizeof(*out)));
	out->json = json;
	out->columns_max = terminal_width();
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
	va_list ap;
	char *text;

	finish_table(out);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		must(NULL);
	va_end(ap);
	fprintf(out->lines, "%s\n", escaped(escape_controls, text));
	free(text);
	limit_lines(out);
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

/* The heading of a column; "" for one that is in JSON only. */
static const char *
title_of(const char *column)
{
	const char *title;

	title = strchr(column, ':');
	if (title == NULL)
		return ("");
	title++;
	return (strchr("#?+@", *title) != NULL && *title != '\0' ? title + 1
								 : title);
}

/* Append the rows so far to the lines. */
static void
print_rows(struct output *out)
{
	if (scols_table_get_nlines(out->table) == 0)
		return;
	if (out->columns_max > 0)
		wrap_table(out->table, out->columns_max, out->whole);
	scols_table_set_stream(out->table, out->lines);
	scols_print_table(out->table);
	scols_table_remove_lines(out->table);
	limit_lines(out);
}

/* Print a part of a long table; in the next part each column is as wide, or
 * wider, but for a terminal, which it has to fit. */
static void
go_on_below(struct output *out)
{
	struct libscols_column *column;
	size_t i;

	print_rows(out);
	scols_table_enable_noheadings(out->table, 1);
	for (i = 0;
	     out->columns_max == 0 && i < scols_table_get_ncols(out->table);
	     i++) {
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
	int i, shown = 0;

	finish_table(out);
	out->columns = columns;
	out->name = name;
	out->whole = 0;
	if (out->json) {
		put(out->document, name, json_array());
		return;
	}
	out->table = must(scols_new_table());
	/* Cells are escaped already. */
	scols_table_enable_noencoding(out->table, 1);
	/* Each row is a line, for grep(1); print_rows() breaks those that are
	 * for a terminal. */
	scols_table_enable_maxout(out->table, 0);
	scols_table_set_termwidth(out->table, 1 << 16);
	scols_table_set_termforce(out->table, SCOLS_TERMFORCE_NEVER);
	for (i = 0; columns[i] != NULL; i++) {
		kind = strchr(columns[i], ':');
		if (*title_of(columns[i]) == '\0')
			continue;
		must(scols_table_new_column(out->table, title_of(columns[i]), 0,
		    kind[1] == '#' ? SCOLS_FL_RIGHT : 0));
		if (kind[1] == '@')
			out->whole |= 1u << shown;
		shown++;
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

static void
cell(struct output *out, const char *text)
{
	if (*title_of(out->columns[out->column++]) != '\0' &&
	    scols_line_set_data(out->line, (size_t)out->shown++, text) != 0)
		must(NULL);
}

static void
member(struct output *out, json_t *value)
{
	const char *column = out->columns[out->column++];
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

	if (out->json)
		member(out,
		    kind != NULL && kind[1] == '+' ? list_of(text)
						   : text_of(text));
	else
		cell(out,
		    escape_is_line(text) ? text : escaped(escape_text, text));
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
output_cell_when(struct output *out, int64_t at)
{
	char text[OUTPUT_WHEN_SIZE];

	output_cell(out, at == 0 ? "" : output_when(text, at));
}

/* A recorded action in words. */
static const char *
verb(const char *action)
{
	static const struct {
		const char *action;
		const char *verb;
	} verbs[] = {
	    {"account-add", "made account"},
	    {"account-transfer", "transferred to"},
	    {"account-remove", "removed account"},
	    {"account-rename", "renamed account to"},
	    {"account-forget-former", "let go of the former names of"},
	    {"account-title", "gave another title to"},
	    {"category-add", "made category"},
	    {"category-set", "changed category"},
	    {"category-remove", "removed category"},
	    {"user-address", "changed the address to"},
	    {"user-language", "gave another language to"},
	    {"person-forget", "forgot, now called"},
	    {"log-prune", "pruned the record of"},
	    {"user-add", "added"},
	    {"user-role", "gave another role to"},
	    {"user-remove", "removed"},
	    {"subscribe", "subscribed"},
	    {"unsubscribe", "unsubscribed"},
	    {"telegram-link", "linked a Telegram chat to"},
	    {"telegram-mail", "mailed a connect link to"},
	    {"telegram-end", "ended the Telegram link of"},
	};
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(action, verbs[i].action) == 0)
			return (verbs[i].verb);
	}
	return (action);
}

/* A line for people; to be freed. */
static char *
describe(const struct store_change *c)
{
	char *text;

	if (asprintf(&text, "%s%s%s %s%s%s%s", c->account,
		*c->account == '\0' ? "" : ": ", verb(c->action), c->subject,
		*c->detail == '\0' ? "" : " (", c->detail,
		*c->detail == '\0' ? "" : ")") < 0)
		must(NULL);
	return (text);
}

void
output_consequence(struct output *out, const struct store_change *c)
{
	char *text = describe(c);

	output_remark(out, text);
	free(text);
}

void
output_changes(struct output *out, const char *name)
{
	output_table(out, name, change_columns);
}

void
output_changes_row(struct output *out, const struct store_change *c)
{
	output_row(out);
	output_cell_when(out, c->at);
	output_cell(out, c->actor);
	output_cell(out, c->account);
	output_cell(out, c->action);
	output_cell(out, c->subject);
	output_cell(out, c->detail);
}

void
output_change(void *ctx, const struct store_change *c)
{
	struct output *out = ctx;
	char *text;

	if (out->json) {
		out->name = "changes";
		out->columns = change_columns;
		output_changes_row(out, c);
		return;
	}
	text = describe(c);
	output_line(out, "%s", text);
	free(text);
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

void
output_bytes(struct output *out, const char *name, const void *bytes, size_t n)
{
	char *text;

	if (!out->json) {
		fwrite(bytes, 1, n, out->lines);
		return;
	}
	text = g_base64_encode(bytes, n);
	put(out->document, name, json_string(text));
	g_free(text);
}

/* Was everything written to ${stream}? */
static bool
whole(FILE *stream)
{
	if (stream == NULL)
		return (true);
	errno = EIO;
	return (fflush(stream) == 0 && !ferror(stream));
}

void
output_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
}

int
output_print(struct output *out, const char **what)
{
	output_begin();
	finish_table(out);
	*what = TEMPFILE;
	if (!whole(out->lines) || !whole(out->members))
		return (-1);
	*what = "standard output";
	if ((out->json || out->moved || out->len > 0) && daemon_printed() != 0)
		return (-1);
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

const char *
output_reason(int error)
{
	return (error == EBADF ? "it is closed" : strerror(error));
}

void
output_error(bool json, int code, const char *text)
{
	json_t *document;

	output_begin();
	fprintf(stderr, "notifyctl: %s\n", escaped(escape_controls, text));
	if (!json)
		return;
	document = must(json_pack(
	    "{s:{s:i,s:o}}", "error", "code", code, "message", text_of(text)));
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
}

const char *
output_when(char *text, int64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, OUTPUT_WHEN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, OUTPUT_WHEN_SIZE, "-");
	return (text);
}
