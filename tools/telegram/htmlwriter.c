/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlwriter - words, and the white space between them
 */
#include <string.h>

#include "telegram/htmlwriter.h"

/* Empty lines in a row, at most 2, and the end of a line. */
#define NEWLINES_MAX 3
/* Blanks that <pre> may have in a row. */
#define BLANKS_MAX 200

static void begin_words(struct htmlwriter *);
static bool belongs(char, const char *);
static void part(struct htmlwriter *, const char *);
static void flush(struct htmlwriter *, const char *);

void
htmlwriter_init(struct htmlwriter *w, GString *out)
{
	memset(w, 0, sizeof(*w));
	w->out = out;
	w->starts = g_array_new(FALSE, FALSE, sizeof(size_t));
}

void
htmlwriter_clear(struct htmlwriter *w)
{
	g_array_free(w->starts, TRUE);
	memset(w, 0, sizeof(*w));
}

void
htmlwriter_begin(struct htmlwriter *w)
{
	size_t nowhere = HTMLWRITER_NOWHERE;

	g_array_append_val(w->starts, nowhere);
}

size_t
htmlwriter_start(const struct htmlwriter *w)
{
	return (g_array_index(w->starts, size_t, w->starts->len - 1));
}

size_t
htmlwriter_end(struct htmlwriter *w)
{
	size_t start;

	start = htmlwriter_start(w);
	g_array_set_size(w->starts, w->starts->len - 1);
	return (start);
}

void
htmlwriter_break(struct htmlwriter *w, int n)
{
	if (n > 0)
		w->blanks = 0;
	if (w->newlines < n && *w->marker == '\0' && w->cells == 0 && !w->tight)
		w->newlines = n;
}

void
htmlwriter_newline(struct htmlwriter *w)
{
	if (w->newlines < NEWLINES_MAX)
		w->newlines++;
	w->blanks = 0;
}

void
htmlwriter_beside(struct htmlwriter *w)
{
	if (w->newlines == 0 && w->blanks == 0)
		w->blanks = 1;
}

/* A word comes: what has begun without words so far, begins here. */
static void
begin_words(struct htmlwriter *w)
{
	size_t *start;
	size_t i;

	for (i = w->starts->len; i > 0; i--) {
		start = &g_array_index(w->starts, size_t, i - 1);
		if (*start != HTMLWRITER_NOWHERE)
			break;
		*start = w->out->len;
	}
}

/* Does ${s} belong to what is ${before} it, as a comma does ("-5" and "-EUR 5"
 * do not), or does ${before} open it? */
static bool
belongs(char before, const char *s)
{
	if (*s == '-')
		return (g_ascii_islower(s[1]));
	if (*s == '.')
		return (!g_ascii_isdigit(s[1]) && s[1] != '$' &&
		    (s[1] & 0x80) == 0);
	return (strchr(" ,;:!?)]}>%/'*", *s) != NULL ||
	    strchr(" ([{</$#", before) != NULL);
}

/* Keep the next word, ${s}, apart from the last one, which it follows without
 * a blank. */
static void
part(struct htmlwriter *w, const char *s)
{
	char before;
	bool number, word;

	before = w->out->len > 0 ? w->out->str[w->out->len - 1] : ' ';
	number = g_ascii_isdigit(before) && g_ascii_isdigit(*s);
	/* Any letter that is not ASCII. */
	word = (g_ascii_isalnum(before) || (before & 0x80) != 0) &&
	    (g_ascii_isalnum(*s) || (*s & 0x80) != 0);
	switch (w->apart) {
	case HTMLWRITER_NOT:
	case HTMLWRITER_LINK:
		break;
	case HTMLWRITER_WORD:
		if (word)
			g_string_append_c(w->out, ' ');
		break;
	case HTMLWRITER_SCHEME:
		if (word &&
		    (g_ascii_strncasecmp(s, "http", 4) == 0 ||
			g_ascii_strncasecmp(s, "www.", 4) == 0))
			g_string_append_c(w->out, ' ');
		break;
	case HTMLWRITER_NUMBER:
		if (number)
			g_string_append_c(w->out, ' ');
		break;
	case HTMLWRITER_POWER:
		if (word && g_ascii_isdigit(*s))
			g_string_append_c(w->out, '^');
		break;
	case HTMLWRITER_ADDRESS:
		if (strchr(" .,;:!?)]}\"'|", *s) == NULL)
			g_string_append_c(w->out, ' ');
		break;
	case HTMLWRITER_GAP:
		if (!belongs(before, s))
			g_string_append_c(w->out, ' ');
		break;
	}
}

/* Write what was noted before the next word, ${s}. */
static void
flush(struct htmlwriter *w, const char *s)
{
	int i;

	if (w->out->len > 0) {
		for (i = 0; i < w->newlines; i++)
			g_string_append_c(w->out, '\n');
		if (w->newlines == 0 && w->cells > 0) {
			for (i = 1; i < w->cells; i++)
				g_string_append(w->out, " |");
			g_string_append(w->out, " | ");
		} else {
			for (i = 0; i < w->blanks; i++)
				g_string_append_c(w->out, ' ');
			if (w->newlines == 0 && w->blanks == 0)
				part(w, s);
		}
	}
	for (i = 0; i < w->leading; i++)
		g_string_append(w->out, "| ");
	g_string_append(w->out, w->marker);
	w->newlines = w->blanks = w->cells = w->leading = 0;
	w->apart = HTMLWRITER_NOT;
	w->tight = false;
	*w->marker = '\0';
	begin_words(w);
}

void
htmlwriter_put(
    struct htmlwriter *w, const char *s, size_t len, enum htmlstyle_space space)
{
	bool literal = space == HTMLSTYLE_LITERAL;

	for (; len > 0; s++, len--) {
		if (*s == '\n' && (literal || space == HTMLSTYLE_LINES)) {
			htmlwriter_newline(w);
		} else if (*s == '\n' || *s == ' ') {
			/* Blanks at the beginning of a line are kept only where
			 * they were written. */
			if (literal)
				w->blanks += w->blanks < BLANKS_MAX;
			else if (w->newlines == 0)
				w->blanks = 1;
		} else {
			flush(w, s);
			g_string_append_c(w->out, *s);
		}
	}
}
