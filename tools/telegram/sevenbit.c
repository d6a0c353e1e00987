/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sevenbit - texts in charsets of seven bits, in eight
 */
#include <stdbool.h>
#include <string.h>

#include "telegram/sevenbit.h"

/* In EUC-JP: a character of JIS X 0201, of JIS X 0212. */
#define KANA '\x8e'
#define SUPPLEMENT '\x8f'

static const char *sets_of(const char *, size_t);
static size_t escape(const char *, const char *, char *);
static size_t pair(const char *, const char *);
static void high(GString *, const char *, size_t);

/* The charset that has the sets of the text; NULL if EUC-JP has them. */
static const char *
sets_of(const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len;

	while ((at = memchr(at, '\x1b', (size_t)(end - at))) != NULL &&
	    end - ++at > 2) {
		if (*at == '.' || *at == 'N' || (*at == '$' && at[1] == 'A') ||
		    (*at == '$' && at[1] == '(' && at[2] == 'C'))
			return ("ISO-2022-JP-2");
		if (*at == '$' && at[1] == '(' &&
		    memchr("OPQ", at[2], 3) != NULL)
			return ("ISO-2022-JP-3");
	}
	return (NULL);
}

/* The length of the escape sequence at ${at}, and the set that it begins: '$'
 * (JIS X 0208), 'D' (JIS X 0212), 'I' (kana) or 'B' (ASCII). 0 if it is none.
 */
static size_t
escape(const char *at, const char *end, char *set)
{
	if (end - at < 3 || *at != '\x1b' || (at[1] != '(' && at[1] != '$'))
		return (0);
	if (at[1] == '$' && at[2] == '(' && end - at > 3) {
		*set = at[3] == 'D' ? 'D' : '$';
		return (4);
	}
	*set = at[1] == '$' ? '$' : at[2] == 'I' ? 'I' : 'B';
	return (3);
}

/* The bytes of the character at ${at}: 2, or 1 if it was cut. */
static size_t
pair(const char *at, const char *end)
{
	return (end - at > 1 && at[1] > ' ' ? 2 : 1);
}

/* Append ${n} bytes with the highest bit set. */
static void
high(GString *out, const char *bytes, size_t n)
{
	for (; n > 0; n--)
		g_string_append_c(out, (char)(*bytes++ | 0x80));
}

GString *
sevenbit_japanese(const char *bytes, size_t len, const char **other)
{
	GString *out;
	const char *end = bytes + len;
	char set = 'B';
	size_t n;

	*other = sets_of(bytes, len);
	if (*other != NULL)
		return (NULL);
	out = g_string_sized_new(len);
	for (; bytes < end; bytes += n) {
		n = escape(bytes, end, &set);
		if (n > 0)
			continue;
		n = 1;
		if (*bytes == '\n' || *bytes == '\r')
			set = 'B';
		if (*bytes <= ' ' || strchr("$DI", set) == NULL) {
			g_string_append_c(out, *bytes);
			continue;
		}
		if (set == 'I')
			g_string_append_c(out, KANA);
		else if (set == 'D')
			g_string_append_c(out, SUPPLEMENT);
		n = set == 'I' ? 1 : pair(bytes, end);
		high(out, bytes, n);
	}
	return (out);
}

GString *
sevenbit_hz(const char *bytes, size_t len)
{
	GString *out;
	const char *end = bytes + len;
	bool chinese = false;
	char next;
	size_t n;

	out = g_string_sized_new(len);
	for (; bytes < end; bytes += n) {
		n = 1;
		next = end - bytes > 1 ? bytes[1] : '\0';
		if (*bytes == '\n')
			chinese = false;
		if (*bytes == '~' && next != '\0' &&
		    strchr(chinese ? "}" : "{~\n", next) != NULL) {
			n = 2;
			chinese = next == '{';
			if (next == '~')
				g_string_append_c(out, '~');
		} else if (chinese && *bytes > ' ') {
			n = pair(bytes, end);
			high(out, bytes, n);
		} else {
			g_string_append_c(out, *bytes);
		}
	}
	return (out);
}
