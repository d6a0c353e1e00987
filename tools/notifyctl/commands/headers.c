/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headers - the headers of a message in a file, as Postfix takes them
 *
 * smtpd(8) makes a header of a "From " line, and gives cleanup(8) a long line
 * in pieces; is_header() of Postfix looks at the first piece alone. Up to
 * Postfix 3.10.11 smtpd(8) replaced all "From " lines; later it replaces the
 * first one only, with the lines that continue it. cleanup(8) makes a blank of
 * a CR that ends no line (cleanup_replace_stray_cr_lf), so a line that begins
 * with a CR continues the one before. As the first line it continues Received:,
 * while smtpd(8) ends the headers at a first line that begins with a blank.
 * cleanup(8) takes of each piece what stands before a NUL.
 */
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "notifyctl/commands/headers.h"

/* line_length_limit, as Postfix has it by default. */
#define PIECE_MAX 2048
/* So much is shown of a line that is no header. */
#define END_MAX 60

/* What a line is. */
enum kind { KIND_HEADER, KIND_MORE, KIND_MAILBOX, KIND_END };
/* What there was before it. */
enum place { PLACE_FIRST, PLACE_MAILBOX, PLACE_HEADER };

static size_t name_length(const char *, size_t);
static enum kind kind_of(const char *, size_t, enum place);
static int next_line(FILE *, char *, size_t *, enum place);
static void give(char *, size_t, headers_fn *, void *);

/* The length of the name that begins a header; 0 if the line is none. */
static size_t
name_length(const char *line, size_t len)
{
	size_t n = 0, i;

	for (i = 0; i < len && i < PIECE_MAX && line[i] != ':'; i++) {
		if (line[i] == ' ' || line[i] == '\t' || line[i] == '\r')
			continue;
		if (line[i] < '!' || line[i] > '~' || n != i)
			return (0);
		n = i + 1;
	}
	return (i < len && i < PIECE_MAX ? n : 0);
}

static enum kind
kind_of(const char *line, size_t len, enum place place)
{
	size_t quotes = 0;

	if (place == PLACE_FIRST) {
		while (quotes < len && line[quotes] == '>')
			quotes++;
		if (len - quotes >= 5 &&
		    strncmp(line + quotes, "From ", 5) == 0)
			return (KIND_MAILBOX);
	}
	if (len > 0 && (*line == ' ' || *line == '\t'))
		return (place == PLACE_FIRST ? KIND_END : KIND_MORE);
	if (len > 0 && *line == '\r')
		return (KIND_MORE);
	return (name_length(line, len) > 0 ? KIND_HEADER : KIND_END);
}

/* Append a line to ${text}, without its end. 1, 0 at the end of the file, -1 if
 * there is no more room. No more is read of a line than shows that it is no
 * header. */
static int
next_line(FILE *in, char *text, size_t *len, enum place place)
{
	size_t begin = *len, n = 0;
	bool cut = false;
	int c, last = '\n';

	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		if (begin + n == HEADERS_MAX)
			return (-1);
		cut = (cut && n % PIECE_MAX != 0) || c == '\0';
		if (!cut)
			text[(*len)++] = (char)c;
		last = c;
		if (++n == PIECE_MAX &&
		    kind_of(text + begin, *len - begin, place) == KIND_END)
			return (1);
	}
	if (c == EOF && n == 0)
		return (0);
	if (last == '\r' && !cut)
		(*len)--;
	return (1);
}

/* ${text} is a whole header; it is changed. */
static void
give(char *text, size_t len, headers_fn *fn, void *ctx)
{
	size_t n = name_length(text, len);
	char *value, *cr;

	if (n == 0)
		return;
	text[len] = '\0';
	for (cr = text; (cr = memchr(cr, '\r', len - (size_t)(cr - text)));)
		*cr = ' ';
	value = memchr(text + n, ':', len - n);
	text[n] = '\0';
	value++;
	fn(ctx, text, value + strspn(value, " \t"));
}

int
headers_read(
    FILE *in, struct arena *a, headers_fn *fn, void *ctx, const char **end)
{
	char *text = arena_alloc(a, HEADERS_MAX + 1);
	size_t total = 0, len = 0, begin;
	enum place place = PLACE_FIRST;
	enum kind kind;
	int rc;

	for (;;) {
		/* ${text} has a header as far as it has been read. */
		if (len > 0 && len < HEADERS_MAX)
			text[len++] = '\n';
		begin = len;
		rc = next_line(in, text, &len, place);
		total += len - begin;
		if (rc == -1 || total > HEADERS_MAX)
			return (-1);
		kind = rc == 0 ? KIND_END
			       : kind_of(text + begin, len - begin, place);
		if (kind == KIND_MORE)
			continue;
		if (kind == KIND_MAILBOX) {
			place = PLACE_MAILBOX;
			len = 0;
			continue;
		}
		place = PLACE_HEADER;
		if (begin > 0)
			give(text, begin - 1, fn, ctx);
		if (kind != KIND_HEADER) {
			len -= begin;
			*end = arena_strndup(
			    a, text + begin, len < END_MAX ? len : END_MAX);
			return (0);
		}
		memmove(text, text + begin, len - begin);
		len -= begin;
	}
}
