/*
 * encoded - header values with encoded words in them
 */
#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include <gmime/gmime.h>

#include "encoded.h"

#define BLANKS " \t\r\n"
#define CHARSET_SIZE 64

static const char *padded_end(const char *);

/* Where a word ends that is padded and has another one behind it: the end of
 * the first such in ${value}, or NULL. */
static const char *
padded_end(const char *value)
{
	const char *end = value, *next;

	while ((end = strstr(end, "=?=")) != NULL) {
		end += strlen("=?=");
		next = end + strspn(end, BLANKS);
		if (next > end && strncmp(next, "=?", 2) == 0)
			return (end);
	}
	return (NULL);
}

bool
encoded_readable(const char *value)
{
	char charset[CHARSET_SIZE];
	iconv_t iconv;
	int len;

	while ((value = strstr(value, "=?")) != NULL) {
		value += strlen("=?");
		/* RFC 2231, 5: a language may follow the charset. */
		len = (int)strcspn(value, "?*" BLANKS);
		if (value[len] != '?' && value[len] != '*')
			continue;
		if (snprintf(charset, sizeof(charset), "%.*s", len, value) >=
		    (int)sizeof(charset))
			return (false);
		iconv = iconv_open("UTF-8", g_mime_charset_iconv_name(charset));
		if (iconv == (iconv_t)-1)
			return (false);
		iconv_close(iconv);
	}
	return (true);
}

char *
encoded_decode(GMimeParserOptions *options, const char *value)
{
	GString *text = g_string_new(NULL);
	char *piece, *decoded;
	const char *end;

	do {
		end = padded_end(value);
		piece = end == NULL ? g_strdup(value)
				    : g_strndup(value, (gsize)(end - value));
		decoded = g_mime_utils_header_decode_text(options, piece);
		g_string_append(text, decoded);
		g_free(piece);
		g_free(decoded);
		/* Blanks between two encoded words are not part of the text. */
		if (end != NULL)
			value = end + strspn(end, BLANKS);
	} while (end != NULL);
	return (g_string_free(text, FALSE));
}
