/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap - a table that fits a terminal
 *
 * libsmartcols can wrap, too, but in the middle of words, and it narrows a
 * column of times as much as one of addresses. So it is given cells that have
 * their line breaks already.
 */
#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <wchar.h>

#include <libsmartcols.h>

#include "notifyctl/wrap.h"

#define COLUMNS_MAX 32
/* No column gets narrower: a terminal may be narrower than any table. */
#define NARROWEST 8

static size_t one(const char *, size_t *);
static size_t width_of(const char *);
static struct libscols_iter *iterator(void);
static void measure(struct libscols_table *, size_t *);
static size_t total(const size_t *, size_t, size_t, unsigned);
static const char *line_end(const char *, size_t);
static char *broken(const char *, size_t);
static void break_column(struct libscols_table *, size_t, size_t);

/* The bytes of the first character, and the columns that it takes. */
static size_t
one(const char *s, size_t *columns)
{
	mbstate_t state;
	wchar_t c;
	size_t bytes;
	int n;

	memset(&state, 0, sizeof(state));
	bytes = mbrtowc(&c, s, strlen(s), &state);
	*columns = 1;
	if (bytes == 0 || bytes == (size_t)-1 || bytes == (size_t)-2)
		return (1);
	n = wcwidth(c);
	*columns = n < 0 ? 1 : (size_t)n;
	return (bytes);
}

static size_t
width_of(const char *s)
{
	size_t columns, width = 0;

	while (*s != '\0') {
		s += one(s, &columns);
		width += columns;
	}
	return (width);
}

static struct libscols_iter *
iterator(void)
{
	struct libscols_iter *rows = scols_new_iter(SCOLS_ITER_FORWARD);

	if (rows == NULL)
		errx(EX_OSERR, "out of memory");
	return (rows);
}

/* The width of each column, of its heading at least. */
static void
measure(struct libscols_table *t, size_t *widths)
{
	size_t n = scols_table_get_ncols(t), i, width;
	struct libscols_iter *rows = iterator();
	struct libscols_line *line;
	const char *text;

	for (i = 0; i < n; i++)
		widths[i] = width_of(
		    scols_column_get_name(scols_table_get_column(t, i)));
	while (scols_table_next_line(t, rows, &line) == 0) {
		for (i = 0; i < n; i++) {
			text =
			    scols_cell_get_data(scols_line_get_cell(line, i));
			width = text == NULL ? 0 : width_of(text);
			if (width > widths[i])
				widths[i] = width;
		}
	}
	scols_free_iter(rows);
}

/* The width of a table whose columns have at most ${most}. */
static size_t
total(const size_t *widths, size_t n, size_t most, unsigned fixed)
{
	size_t i, sum = n - 1;

	for (i = 0; i < n; i++)
		sum += widths[i] > most && (fixed & 1u << i) == 0 ? most
								  : widths[i];
	return (sum);
}

/* The end of the first line of ${s}, of at most ${width} columns: at a space,
 * or else behind a mark as addresses and lists have, unless that leaves half of
 * the line empty. */
static const char *
line_end(const char *s, size_t width)
{
	const char *end, *space = NULL, *mark = NULL;
	size_t columns, used = 0, bytes;

	for (end = s; *end != '\0'; end += bytes) {
		bytes = one(end, &columns);
		if (*end == ' ' && end > s)
			space = end;
		if (used + columns > width && end > s)
			break;
		used += columns;
		if (strchr("@.,-/", *end) != NULL && used > width / 2)
			mark = end + bytes;
	}
	return (*end == '\0'	? end
		: space != NULL ? space
		: mark != NULL	? mark
				: end);
}

/* The text in lines of at most ${width} columns; to be freed. */
static char *
broken(const char *text, size_t width)
{
	const char *s = text, *end;
	char *out, *to;

	out = to = malloc(2 * strlen(text) + 1);
	if (out == NULL)
		errx(EX_OSERR, "out of memory");
	while (*s != '\0') {
		end = line_end(s, width);
		to = mempcpy(to, s, (size_t)(end - s));
		s = end + (*end == ' ');
		if (*s != '\0')
			*to++ = '\n';
	}
	*to = '\0';
	return (out);
}

static void
break_column(struct libscols_table *t, size_t i, size_t width)
{
	struct libscols_column *column = scols_table_get_column(t, i);
	struct libscols_iter *rows = iterator();
	struct libscols_line *line;
	struct libscols_cell *cell;
	const char *text;

	scols_column_set_flags(column, SCOLS_FL_WRAP);
	scols_column_set_wrapfunc(
	    column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
	scols_column_set_safechars(column, "\n");
	while (scols_table_next_line(t, rows, &line) == 0) {
		cell = scols_line_get_cell(line, i);
		text = scols_cell_get_data(cell);
		if (text != NULL && width_of(text) > width)
			scols_cell_refer_data(cell, broken(text, width));
	}
	scols_free_iter(rows);
}

void
wrap_table(struct libscols_table *t, size_t width, unsigned fixed)
{
	size_t widths[COLUMNS_MAX], n = scols_table_get_ncols(t), most, i, name;

	if (n == 0 || n > COLUMNS_MAX)
		return;
	measure(t, widths);
	for (most = width; most > NARROWEST; most--) {
		if (total(widths, n, most, fixed) <= width)
			break;
	}
	/* What is left may spare a column that needs little more. */
	for (i = 0; i < n; i++) {
		if (total(widths, n, most, fixed | 1u << i) <= width)
			fixed |= 1u << i;
	}
	for (i = 0; i < n; i++) {
		name = width_of(
		    scols_column_get_name(scols_table_get_column(t, i)));
		if (widths[i] > most && (fixed & 1u << i) == 0)
			break_column(t, i, name > most ? name : most);
	}
}
