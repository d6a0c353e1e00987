/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * richtext - text with links and struck words
 */
#include <string.h>

#include "telegram/richtext.h"

static void clear_mark(void *);
static bool says(const char *, size_t, const char *);

static void
clear_mark(void *mark)
{
	g_free(((struct richtext_mark *)mark)->url);
}

struct richtext *
richtext_new(void)
{
	struct richtext *rt;

	rt = g_new(struct richtext, 1);
	rt->text = g_string_new(NULL);
	rt->marks = g_array_new(FALSE, FALSE, sizeof(struct richtext_mark));
	g_array_set_clear_func(rt->marks, clear_mark);
	return (rt);
}

void
richtext_free(struct richtext *rt)
{
	if (rt == NULL)
		return;
	g_string_free(rt->text, TRUE);
	g_array_free(rt->marks, TRUE);
	g_free(rt);
}

/* Are the words the address, in full or without the scheme and the last
 * slash? */
static bool
says(const char *words, size_t len, const char *url)
{
	const char *rest;
	size_t n, scheme;

	rest = strstr(url, "://");
	if (rest == NULL)
		return (false);
	rest += strlen("://");
	scheme = (size_t)(rest - url);
	if (len >= scheme && g_ascii_strncasecmp(words, url, scheme) == 0) {
		words += scheme;
		len -= scheme;
	}
	n = strlen(rest);
	if (n > 0 && rest[n - 1] == '/' && len > 0 && words[len - 1] != '/')
		n--;
	return (len == n && g_ascii_strncasecmp(words, rest, n) == 0);
}

void
richtext_mark(struct richtext *rt, enum richtext_kind kind, size_t from,
    size_t to, char *url)
{
	struct richtext_mark mark = {
	    .kind = kind, .from = from, .to = to, .url = url};

	mark.said = url != NULL && says(rt->text->str + from, to - from, url);
	g_array_append_val(rt->marks, mark);
}

void
richtext_append(struct richtext *rt, const struct richtext *more)
{
	struct richtext_mark mark;
	size_t i;

	if (rt->text->len > 0 && more->text->len > 0)
		g_string_append(rt->text, "\n\n");
	for (i = 0; i < more->marks->len; i++) {
		mark = g_array_index(more->marks, struct richtext_mark, i);
		mark.from += rt->text->len;
		mark.to += rt->text->len;
		mark.url = g_strdup(mark.url);
		g_array_append_val(rt->marks, mark);
	}
	g_string_append(rt->text, more->text->str);
}

void
richtext_cut(struct richtext *rt, size_t len)
{
	struct richtext_mark *mark;
	size_t i;

	g_string_truncate(rt->text, len);
	for (i = rt->marks->len; i-- > 0;) {
		mark = &g_array_index(rt->marks, struct richtext_mark, i);
		if (mark->to > len) {
			mark->to = len;
			mark->said = false;
		}
		if (mark->from >= mark->to)
			g_array_remove_index(rt->marks, (guint)i);
	}
}
