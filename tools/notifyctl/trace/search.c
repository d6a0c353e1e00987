/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * search - which messages a trace is about: their queue ids, from the log
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/escape.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/search.h"
#include "terms/address.h"

/* For one address, of a line of 64 KiB at most. */
#define LINE_MEMORY ((size_t)1 << 20)

static bool has_id(const struct search *, const char *);
static bool may_differ(const char *, size_t);
static bool is_read_as(struct search *, const char *);
static bool is_spelled(struct search *, const char *, size_t);
static bool is_person(struct search *, const char *, size_t);
static bool names(const char *, const char *);
static bool has_person(struct search *, const char *);
static bool has_account(const struct search *, const char *);
static void note(struct search *, const char *, size_t, int64_t);
static int by_time(const void *, const void *);

/* "message-id=<a@b>", also of the milter's line; Sendmail: "msgid=<a@b>,". Old
 * systems leave the brackets out. */
static bool
has_id(const struct search *s, const char *rest)
{
	static const char *const words[] = {"message-id=", "msgid="};
	size_t len = strlen(s->message_id), i;
	const char *at;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		at = strstr(rest, words[i]);
		if (at == NULL)
			continue;
		at += strlen(words[i]);
		at += *at == '<';
		if (strncmp(at, s->message_id, len) != 0)
			continue;
		at += len + (at[len] == '>');
		if (strchr(" ,", *at) != NULL)
			return (true);
	}
	return (false);
}

/* May the person's address be spelled in a way that only address_read() knows:
 * quoted, escaped, internationalised, with a dot at the end? */
static bool
may_differ(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80 || text[i] == '"' ||
		    text[i] == '\\' ||
		    (i + 4 <= len && strncasecmp(text + i, "xn--", 4) == 0))
			return (true);
	}
	return (len > 0 && text[len - 1] == '.');
}

static bool
is_read_as(struct search *s, const char *text)
{
	struct address a;

	return (text != NULL && address_read(s->line, text, &a) == 1 &&
	    (strcmp(a.key, s->key) == 0 ||
		(a.base != NULL && strcmp(a.base, s->key) == 0)));
}

/* As Postfix logs it, or as our programs do. */
static bool
is_spelled(struct search *s, const char *text, size_t len)
{
	char *copy;
	bool is;

	if (s->line == NULL && (s->line = arena_new(LINE_MEMORY)) == NULL)
		return (false);
	copy = arena_strndup(s->line, text, len);
	is = copy != NULL &&
	    (is_read_as(s, copy) || is_read_as(s, escape_undo(s->line, copy)));
	arena_reset(s->line);
	return (is);
}

/* With or without a detail part. Nearly all are plain, and are not copied. */
static bool
is_person(struct search *s, const char *text, size_t len)
{
	const char *plus = memchr(text, '+', len), *at = memchr(text, '@', len);
	size_t want = strlen(s->key), local, rest;

	if (may_differ(text, len))
		return (is_spelled(s, text, len));
	if (len == want && strncasecmp(text, s->key, len) == 0)
		return (true);
	if (plus == NULL || at == NULL || plus > at)
		return (false);
	local = (size_t)(plus - text);
	rest = len - (size_t)(at - text);
	return (local + rest == want && strncasecmp(text, s->key, local) == 0 &&
	    strncasecmp(at, s->key + local, rest) == 0);
}

/* Does "to=<", "user=<" or, in a list, ",<" stand before ${at}? */
static bool
names(const char *rest, const char *at)
{
	static const char *const words[] = {"to=<", "user=<", ",<"};
	size_t i, len;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i]);
		if ((size_t)(at - rest) >= len &&
		    strncmp(at - len, words[i], len) == 0)
			return (true);
	}
	return (false);
}

/* A line about a recipient: "to=<a>", "orig_to=<a>", "user=<a>" (whose chat);
 * Sendmail: "to=<a>,<b>,". */
static bool
has_person(struct search *s, const char *rest)
{
	const char *at = rest, *end;

	while ((at = strchr(at, '<')) != NULL) {
		at++;
		/* An address with a ">" in quotes is of no roster. */
		end = strchr(at, '>');
		if (end == NULL)
			return (false);
		if (is_person(s, at, (size_t)(end - at)) && names(rest, at))
			return (true);
	}
	return (false);
}

/* The milter's line "category=services account=acme,beta ...". */
static bool
has_account(const struct search *s, const char *rest)
{
	const char *at;
	size_t len, i;

	at = text_after(rest, "category=") == NULL ? NULL
						   : strstr(rest, " account=");
	if (at == NULL)
		return (false);
	at += strlen(" account=");
	while (*at != ' ' && *at != '\0') {
		len = strcspn(at, ", ");
		for (i = 0; i < s->naccounts; i++) {
			if (strlen(s->accounts[i]) == len &&
			    strncasecmp(s->accounts[i], at, len) == 0)
				return (true);
		}
		at += len + (at[len] == ',');
	}
	return (false);
}

static void
note(struct search *s, const char *id, size_t len, int64_t at)
{
	struct found *f;
	size_t i;

	for (i = s->n; i > 0; i--) {
		f = &s->v[i - 1];
		if (strncmp(f->id, id, len) != 0 || f->id[len] != '\0')
			continue;
		/* The message is the one that had the id at first. */
		if (at != 0 && (f->at == 0 || at < f->at))
			f->at = at;
		return;
	}
	if (s->n == SEARCH_MAX) {
		s->more = true;
		return;
	}
	s->v = arena_grow(s->arena, s->v, s->n, &s->cap, sizeof(*s->v));
	f = &s->v[s->n++];
	f->id = arena_strndup(s->arena, id, len);
	f->at = at;
}

void
search_line(void *ctx, const struct trace_line *line)
{
	struct search *s = ctx;
	const char *rest;
	size_t len;
	bool found;

	len = text_queueid(line->text);
	if (len == 0 || len > TEXT_QUEUEID_MAX ||
	    strncmp(line->text + len, ": ", 2) != 0)
		return;
	rest = line->text + len + 2;
	if (s->message_id != NULL) {
		found = has_id(s, rest);
	} else {
		if (line->at != 0 && (line->at < s->from || line->at >= s->to))
			return;
		found = has_person(s, rest) || has_account(s, rest);
	}
	if (found)
		note(s, line->text, len, line->at);
}

static int
by_time(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return ((x->at > y->at) - (x->at < y->at));
}

void
search_end(struct search *s)
{
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_time);
	arena_free(s->line);
	s->line = NULL;
}
