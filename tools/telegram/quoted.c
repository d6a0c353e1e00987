/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quoted - quoted-printable as mail has it
 */
#include <string.h>

#include <glib.h>

#include "telegram/quoted.h"

/* Of more blanks behind "=" that no line ends, the rest is left out. */
#define BLANKS_MAX 8

static size_t literal(struct quoted *, char *);
static size_t escape(struct quoted *, char, char *);

/* Write as text what is no escape. */
static size_t
literal(struct quoted *q, char *out)
{
	size_t n = 0;

	out[n++] = '=';
	if (q->state == QUOTED_DIGIT)
		out[n++] = q->digit;
	for (; q->blanks > 0; q->blanks--)
		out[n++] = ' ';
	q->state = QUOTED_TEXT;
	return (n);
}

/* Take a character behind "=". */
static size_t
escape(struct quoted *q, char c, char *out)
{
	size_t n;

	if (q->state == QUOTED_DIGIT && g_ascii_isxdigit(c)) {
		*out = (char)(g_ascii_xdigit_value(q->digit) << 4 |
		    g_ascii_xdigit_value(c));
		q->state = QUOTED_TEXT;
		return (1);
	}
	if (q->state == QUOTED_ESCAPE && q->blanks == 0 &&
	    g_ascii_isxdigit(c)) {
		q->digit = c;
		q->state = QUOTED_DIGIT;
		return (0);
	}
	if (q->state == QUOTED_ESCAPE && c == '\n') {
		q->blanks = 0;
		q->state = QUOTED_TEXT;
		return (0);
	}
	if (q->state == QUOTED_ESCAPE && strchr(" \t\r", c) != NULL && c != 0) {
		q->blanks += q->blanks < BLANKS_MAX;
		return (0);
	}
	n = literal(q, out);
	if (c == '=')
		q->state = QUOTED_ESCAPE;
	else
		out[n++] = c;
	return (n);
}

size_t
quoted_step(struct quoted *q, const char *in, size_t len, char *out)
{
	char *start = out;

	for (; len > 0; in++, len--) {
		if (q->state != QUOTED_TEXT)
			out += escape(q, *in, out);
		else if (*in == '=')
			q->state = QUOTED_ESCAPE;
		else
			*out++ = *in;
	}
	return ((size_t)(out - start));
}

size_t
quoted_end(struct quoted *q, char *out)
{
	return (q->state == QUOTED_DIGIT ? literal(q, out) : 0);
}
