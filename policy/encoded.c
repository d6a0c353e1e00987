/*
 * encoded - header values with encoded words in them
 */
#include <string.h>

#include <gmime/gmime.h>

#include "encoded.h"

#define BLANKS " \t\r\n"

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
