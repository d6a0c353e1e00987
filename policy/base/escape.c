/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape - text from outside on its way to a log or a terminal
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <unistr.h>

#include "base/arena.h"
#include "base/escape.h"

#define LONGEST 1000
#define SHORT 160
/* What escape_text() escapes beside hostile characters. */
#define SPECIAL "\"\\<>"

static bool hostile(ucs4_t);
static const char *escape(struct arena *, const char *, size_t, const char *);

/* Characters that move the cursor, change the direction or are invisible. */
static bool
hostile(ucs4_t c)
{
	return (c < 0x20 || (c >= 0x7f && c <= 0x9f) ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff);
}

bool
escape_is_line(const char *s)
{
	const uint8_t *in = (const uint8_t *)s;
	ucs4_t c;
	int n;

	for (; *in != '\0'; in += n) {
		n = u8_strmbtouc(&c, in);
		if (n <= 0 || hostile(c))
			return (false);
	}
	return (true);
}

void
escape_line(char *out, size_t size, const char *s)
{
	const uint8_t *in = (const uint8_t *)s;
	size_t left, shown;
	ucs4_t c;
	int n;

	left = strlen(s);
	while (left > 0) {
		n = u8_mbtoucr(&c, in, left);
		shown = n > 0 && !hostile(c) ? (size_t)n : 0;
		if ((shown > 0 ? shown : 1) >= size)
			break;
		if (shown > 0)
			memcpy(out, in, shown);
		else
			*out = '?';
		out += shown > 0 ? shown : 1;
		size -= shown > 0 ? shown : 1;
		in += n > 0 ? n : 1;
		left -= (size_t)(n > 0 ? n : 1);
	}
	*out = '\0';
}

/* Escape hostile characters and those in ${special}, in at most ${max} bytes of
 * ${s}. */
static const char *
escape(struct arena *a, const char *s, size_t max, const char *special)
{
	const uint8_t *in = (const uint8_t *)s;
	size_t left, len;
	char *out, *o;
	ucs4_t c;
	int i, n;

	left = strlen(s);
	if (left > max)
		left = max;
	len = left;
	out = o = arena_alloc(a, 4 * left + 4);
	if (out == NULL)
		return (NULL);
	for (; left > 0; in += n, left -= (size_t)n) {
		n = u8_mbtoucr(&c, in, left);
		if (n > 0 && !hostile(c) &&
		    (c >= 0x80 || strchr(special, (int)c) == NULL)) {
			memcpy(o, in, (size_t)n);
			o += n;
			continue;
		}
		if (n <= 0)
			n = 1;
		for (i = 0; i < n; i++)
			o += sprintf(o, "\\x%02x", in[i]);
	}
	if (s[len] != '\0')
		strcpy(o, "...");
	return (out);
}

const char *
escape_text(struct arena *a, const char *s)
{
	return (escape(a, s, LONGEST, SPECIAL));
}

const char *
escape_short(struct arena *a, const char *s)
{
	const char *shown;

	shown = escape(a, s, SHORT, SPECIAL);
	return (shown == NULL ? "(out of memory)" : shown);
}

const char *
escape_undo(struct arena *a, const char *s)
{
	char *out, *o;
	unsigned c;
	int n;

	out = o = arena_strdup(a, s);
	if (out == NULL)
		return (NULL);
	while (*s != '\0') {
		n = 0;
		if (sscanf(s, "\\x%2x%n", &c, &n) == 1 && n == 4 && c != 0 &&
		    strchr(SPECIAL, (int)c) != NULL) {
			*o++ = (char)c;
			s += n;
		} else {
			*o++ = *s++;
		}
	}
	*o = '\0';
	return (out);
}

const char *
escape_name(const char *s)
{
	return (*s == '\0' ? "\"\"" : s);
}

const char *
escape_controls(struct arena *a, const char *s)
{
	return (escape_is_line(s) ? s : escape(a, s, strlen(s), ""));
}
