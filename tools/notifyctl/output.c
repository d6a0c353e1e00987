/*
 * output - what a command has to say, for people or as one JSON document
 *
 * Both forms are kept while the command runs: lines and libsmartcols tables in
 * a memory stream, or a jansson object; and what is long, of changes that an
 * import would make, in a file without a name.
 */
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <libsmartcols.h>

#include "arena.h"
#include "output.h"
#include "store.h"
#include "tempfile.h"
#include "text.h"

#define COLUMNS_MAX 12
/* So many octets of lines, or changes in JSON, are kept in memory. */
#define LINES_MAX ((long)8 << 20)
#define CHANGES_MAX 10000

struct output {
	bool json;
	json_t *document;
	FILE *lines;
	char *text; /* of the lines */
	size_t len;
	bool moved;    /* the lines are in a file */
	FILE *changes; /* those before the ones in the document, or NULL */
	/* The last table. */
	struct libscols_table *table;
	struct libscols_line *line;
	json_t *array;
	json_t *object;
	const char *const *columns;
	int column; /* of the next cell */
	int shown;  /* its number among those for people */
};

static void *must(void *);
static FILE *file(void);
static void move_lines(struct output *);
static void move_changes(struct output *, json_t *);
static int copy_out(FILE *);
static int print_document(const struct output *);
static void put(json_t *, const char *, json_t *);
static void finish_table(struct output *);
static const char *title_of(const char *);
static void cell(struct output *, const char *, json_t *);
static json_t *list_of(const char *);
static json_t *text_of(const char *);
static const char *phrase(const char *);

/* Nothing useful is left to do without memory. */
static void *
must(void *p)
{
	if (p == NULL)
		errx(EX_OSERR, "no memory");
	return (p);
}

static FILE *
file(void)
{
	int fd;

	fd = tempfile_open();
	if (fd == -1)
		err(EX_IOERR, "a temporary file");
	return (must(fdopen(fd, "w+")));
}

/* There is no end to the lines: into a file. */
static void
move_lines(struct output *out)
{
	FILE *lines = file();

	fflush(out->lines);
	fwrite(out->text, 1, out->len, lines);
	fclose(out->lines);
	free(out->text);
	out->text = NULL;
	out->lines = lines;
	out->moved = true;
}

static void
move_changes(struct output *out, json_t *changes)
{
	json_t *change;
	size_t i;

	if (out->changes == NULL)
		out->changes = file();
	json_array_foreach(changes, i, change)
	{
		json_dumpf(change, out->changes, JSON_COMPACT);
		fputs(",\n", out->changes);
	}
	json_array_clear(changes);
}

/* To standard output, from its beginning. */
static int
copy_out(FILE *stream)
{
	char block[1 << 16];
	size_t n;

	if (fflush(stream) != 0 || ferror(stream) ||
	    fseek(stream, 0, SEEK_SET) != 0)
		return (-1);
	while ((n = fread(block, 1, sizeof(block), stream)) > 0) {
		if (fwrite(block, 1, n, stdout) != n)
			return (-1);
	}
	return (ferror(stream) ? -1 : 0);
}

/* The document, with the changes that are in the file. */
static int
print_document(const struct output *out)
{
	const char *name, *comma = "";
	json_t *value, *change;
	size_t i;

	if (out->changes == NULL)
		return (json_dumpf(out->document, stdout, JSON_INDENT(2)));
	putchar('{');
	json_object_foreach(out->document, name, value)
	{
		printf("%s\n  \"%s\": ", comma, name);
		comma = ",";
		if (strcmp(name, "changes") != 0) {
			json_dumpf(value, stdout, JSON_ENCODE_ANY);
			continue;
		}
		printf("[\n");
		if (copy_out(out->changes) != 0)
			return (-1);
		json_array_foreach(value, i, change)
		{
			if (i > 0)
				printf(",\n");
			json_dumpf(change, stdout, JSON_COMPACT);
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
	value = json_string(must((void *)(uintptr_t)text_escape(a, text)));
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
	if (out->changes != NULL)
		fclose(out->changes);
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
	    (const char *)must((void *)(uintptr_t)text_clean(a, text)));
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

/* Print the last table, if there is one, into the lines. */
static void
finish_table(struct output *out)
{
	if (out->table == NULL)
		return;
	if (!out->json && scols_table_get_nlines(out->table) > 0)
		scols_print_table(out->table);
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
	out->array = must(json_array());
	put(out->document, name, out->array);
	out->table = must(scols_new_table());
	scols_table_set_stream(out->table, out->lines);
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
	out->object = must(json_object());
	if (json_array_append_new(out->array, out->object) != 0)
		must(NULL);
	out->line = must(scols_table_new_line(out->table, NULL));
	out->column = out->shown = 0;
}

static void
cell(struct output *out, const char *text, json_t *value)
{
	const char *column = out->columns[out->column++];
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(column, ":"), column);
	put(out->object, name, value);
	if (*title_of(column) == '\0')
		return;
	if (scols_line_set_data(out->line, (size_t)out->shown++, text) != 0)
		must(NULL);
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

	a = must(arena_new(1 << 20));
	cell(out,
	    text_is_line(text) ? text
			       : must((void *)(uintptr_t)text_escape(a, text)),
	    kind != NULL && kind[1] == '+' ? list_of(text) : text_of(text));
	arena_free(a);
}

void
output_cell_number(struct output *out, int64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	cell(out, text, json_integer(n));
}

void
output_cell_flag(struct output *out, bool flag)
{
	cell(out, flag ? "yes" : "no", json_boolean(flag));
}

/* What a recorded action is called for people. */
static const char *
phrase(const char *action)
{
	static const struct {
		const char *action;
		const char *phrase;
	} phrases[] = {
	    {"account-add", "made account"},
	    {"account-transfer", "transferred to"},
	    {"account-remove", "removed account"},
	    {"category-add", "made category"},
	    {"user-add", "added"},
	    {"user-role", "gave another role to"},
	    {"user-remove", "removed"},
	    {"subscribe", "subscribed"},
	    {"unsubscribe", "unsubscribed"},
	    {"telegram-link", "linked a Telegram chat to"},
	    {"telegram-end", "ended the Telegram link of"},
	};
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (strcmp(action, phrases[i].action) == 0)
			return (phrases[i].phrase);
	}
	return (action);
}

void
output_change(struct output *out, const struct store_change *c)
{
	json_t *changes, *change;

	if (!out->json) {
		output_line(out, "%s%s%s %s%s%s%s", c->account,
		    *c->account == '\0' ? "" : ": ", phrase(c->action),
		    c->subject, *c->detail == '\0' ? "" : " (", c->detail,
		    *c->detail == '\0' ? "" : ")");
		return;
	}
	changes = json_object_get(out->document, "changes");
	if (changes == NULL) {
		changes = must(json_array());
		put(out->document, "changes", changes);
	}
	if (json_array_size(changes) == CHANGES_MAX)
		move_changes(out, changes);
	change = must(json_object());
	put(change, "at", text_of(output_when(c->at)));
	put(change, "actor", text_of(c->actor));
	put(change, "account", text_of(c->account));
	put(change, "action", text_of(c->action));
	put(change, "subject", text_of(c->subject));
	put(change, "detail", text_of(c->detail));
	if (json_array_append_new(changes, change) != 0)
		must(NULL);
}

void
output_remark(struct output *out, const char *text)
{
	json_t *remarks;

	output_line(out, "%s", text);
	remarks = json_object_get(out->document, "remarks");
	if (remarks == NULL) {
		remarks = must(json_array());
		put(out->document, "remarks", remarks);
	}
	if (json_array_append_new(remarks, text_of(text)) != 0)
		must(NULL);
}

void
output_stream(struct output *out, const char *text)
{
	finish_table(out);
	fputs(text, out->lines);
	if (out->json)
		put(out->document, "csv", text_of(text));
}

int
output_print(struct output *out)
{
	finish_table(out);
	if (fflush(out->lines) != 0)
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

void
output_error(bool json, int code, const char *text)
{
	struct arena *a;
	json_t *document;

	a = must(arena_new((size_t)64 << 20));
	fprintf(stderr, "notifyctl: %s\n",
	    (const char *)must((void *)(uintptr_t)text_clean(a, text)));
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
