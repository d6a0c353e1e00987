/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_tag - which category and account X-Notify headers name
 *
 * The input is headers, "name: value", one per line; a line that begins with a
 * blank continues the value before.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <glib.h>
#include <unistr.h>

#include "base/arena.h"
#include "base/escape.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "fuzz/fuzz.h"
#include "terms/account.h"
#include "terms/category.h"
#include "terms/rfc2047.h"

#define HEADERS_MAX 32

static struct arena *arena;

static size_t read_headers(char *, struct header *);
static int read_tag(struct header *, size_t, struct tag *);
static void check_tag(const struct header *, size_t, const struct tag *);
static void check_order(const struct header *, size_t, const struct tag *);
static void check_spelling(const char *);
static void check_encoded(const char *);
static void check_text(const char *);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	rfc2047_start();
	arena = arena_new((size_t)16 << 20);
	return (0);
}

static size_t
read_headers(char *text, struct header *headers)
{
	char *line, *colon;
	size_t n;

	n = 0;
	while (n < HEADERS_MAX && (line = fuzz_line(&text)) != NULL) {
		/* Folded: the newline is part of the value. */
		while (*text == ' ' || *text == '\t') {
			text[-1] = '\n';
			(void)fuzz_line(&text);
		}
		colon = strchr(line, ':');
		if (colon == NULL)
			continue;
		*colon = '\0';
		headers[n].name = line;
		headers[n].value = colon + 1;
		headers[n++].index = 1;
	}
	return (n);
}

static int
read_tag(struct header *headers, size_t n, struct tag *tag)
{
	const struct message message = {.headers = headers, .nheaders = n};

	return (tag_read(arena, &message, tag));
}

static void
check_tag(const struct header *headers, size_t n, const struct tag *tag)
{
	char key[CATEGORY_KEY_SIZE];
	const char *text;
	size_t i, j;

	for (i = 0; i < n; i++) {
		if (strcasecmp(headers[i].name, TAG_HEADER) == 0)
			break;
	}
	MUST(i < n || tag->problem != NULL, "a tag in a message without one");
	MUST(tag->problem != NULL || tag->ncategories > 0,
	    "a tag that is neither read nor a problem");
	MUST(tag->ncategories <= TAG_SPELLINGS, "%zu", tag->ncategories);
	for (i = 0; i < tag->ncategories; i++) {
		text = tag->categories[i].text;
		MUST(category_key(text, key) == 1 &&
			strcmp(key, tag->categories[i].key) == 0,
		    "%s is the key of %s", tag->categories[i].key, text);
		MUST(strpbrk(text, "\r\n\t") == NULL, "not unfolded: %s", text);
		MUST(*text != ' ' && text[strlen(text) - 1] != ' ',
		    "not trimmed: '%s'", text);
		for (j = 0; j < i; j++)
			MUST(strcmp(tag->categories[i].key,
				 tag->categories[j].key) != 0,
			    "%s twice", key);
	}
	if (tag->account != NULL)
		MUST(account_key(tag->account, key) == 1 &&
			strcmp(key, tag->account) == 0,
		    "account %s", tag->account);
}

/* The order of the headers does not matter. */
static void
check_order(const struct header *headers, size_t n, const struct tag *tag)
{
	struct header reversed[HEADERS_MAX];
	struct tag other;
	size_t i, j;

	for (i = 0; i < n; i++)
		reversed[i] = headers[n - 1 - i];
	MUST(read_tag(reversed, n, &other) == 0, "out of memory");
	MUST((tag->problem == NULL) == (other.problem == NULL), "%s, %s",
	    tag->problem, other.problem);
	if (tag->problem != NULL)
		return;
	MUST(tag->ncategories == other.ncategories, "categories");
	for (i = 0; i < tag->ncategories; i++) {
		for (j = 0; j < other.ncategories; j++) {
			if (strcmp(tag->categories[i].key,
				other.categories[j].key) == 0)
				break;
		}
		MUST(j < other.ncategories, "%s", tag->categories[i].key);
	}
	MUST((tag->account == NULL) == (other.account == NULL), "account");
	MUST(tag->account == NULL || strcmp(tag->account, other.account) == 0,
	    "%s, %s", tag->account, other.account);
}

/* Case, "&" for "and", and separators of words make no difference. */
static void
check_spelling(const char *name)
{
	char key[CATEGORY_KEY_SIZE], again[CATEGORY_KEY_SIZE];
	GString *other;
	const char *s;

	if (category_key(name, key) != 1)
		return;
	MUST(category_key(key, again) == 1 && strcmp(key, again) == 0,
	    "the key of %s is %s", key, again);
	other = g_string_new("_");
	for (s = name; *s != '\0'; s++) {
		if (*s == ' ' || *s == '-' || *s == '_')
			g_string_append(other, "- _");
		else if (*s == '&')
			g_string_append(other, " AND ");
		else
			g_string_append_c(
			    other, (char)toupper((unsigned char)*s));
	}
	g_string_append(other, " - ");
	MUST(category_key(other->str, again) == 1 && strcmp(key, again) == 0,
	    "%s and %s", key, again);
	g_string_free(other, TRUE);
}

/* A value means the same as an encoded word (RFC 2047). */
static void
check_encoded(const char *value)
{
	struct header headers[2] = {
	    {TAG_HEADER, value, 1}, {TAG_HEADER, NULL, 1}};
	struct tag plain, both;
	char *base64, *encoded;
	const char *s;

	if (*value == '\0' || strstr(value, "=?") != NULL ||
	    u8_check((const uint8_t *)value, strlen(value)) != NULL)
		return;
	for (s = value; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ')
			return;
	}
	base64 = g_base64_encode((const guchar *)value, strlen(value));
	encoded = g_strdup_printf("=?utf-8?B?%s?=", base64);
	headers[1].value = encoded;
	MUST(read_tag(headers, 1, &plain) == 0, "out of memory");
	MUST(read_tag(headers, 2, &both) == 0, "out of memory");
	MUST(both.ncategories == plain.ncategories, "'%s', %s", value, encoded);
	MUST((both.problem == NULL) == (plain.problem == NULL), "'%s', %s",
	    value, encoded);
	g_free(encoded);
	g_free(base64);
}

/* Whatever the value, one line of text reaches the log. */
static void
check_text(const char *text)
{
	const char *shown, *again;

	shown = escape_text(arena, text);
	MUST(shown != NULL && escape_is_line(shown) &&
		strpbrk(shown, "\"<>") == NULL,
	    "%s", shown);
	MUST(strlen(shown) <= 4 * 1000 + 3, "%zu", strlen(shown));
	shown = escape_short(arena, text);
	MUST(shown != NULL && escape_is_line(shown), "%s", shown);
	shown = escape_controls(arena, text);
	MUST(shown != NULL && escape_is_line(shown), "%s", shown);
	again = escape_controls(arena, shown);
	MUST(again == shown, "%s", shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header headers[HEADERS_MAX];
	struct tag tag;
	char *text;
	size_t i, n;

	arena_reset(arena);
	text = fuzz_string(data, size);
	check_text(text);
	n = read_headers(text, headers);
	MUST(read_tag(headers, n, &tag) == 0, "out of memory");
	check_tag(headers, n, &tag);
	check_order(headers, n, &tag);
	if (tag.problem != NULL)
		check_text(tag.problem);
	for (i = 0; i < n; i++) {
		check_spelling(headers[i].value);
		check_encoded(headers[i].value);
	}
	free(text);
	return (0);
}
