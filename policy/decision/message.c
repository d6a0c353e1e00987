/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message - what a decision needs of one message
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "decision/message.h"

static size_t name_length(const char *);
static bool is(const char *, size_t, const char *);

/* "X-Notify-Category : x" is that header too (RFC 5322, 4.5). */
static size_t
name_length(const char *name)
{
	size_t len;

	len = strlen(name);
	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t'))
		len--;
	return (len);
}

static bool
is(const char *name, size_t len, const char *which)
{
	return (len == strlen(which) && strncasecmp(name, which, len) == 0);
}

int
message_header(
    struct message *m, struct arena *a, const char *name, const char *value)
{
	struct header *h;
	size_t i, len;
	bool tag;

	if (strncasecmp(name, HEADER_PREFIX, strlen(HEADER_PREFIX)) != 0)
		return (0);
	len = name_length(name);
	tag = is(name, len, TAG_HEADER);
	if (m->nheaders == MESSAGE_HEADERS) {
		m->more = true;
		m->more_tagged = m->more_tagged || tag;
		return (0);
	}
	m->headers = arena_grow(
	    a, m->headers, m->nheaders, &m->headers_cap, sizeof(*m->headers));
	if (m->headers == NULL)
		return (-1);
	h = &m->headers[m->nheaders];
	h->name = arena_strndup(a, name, len);
	h->value = NULL;
	if (h->name == NULL)
		return (-1);
	if ((tag || is(name, len, ACCOUNT_HEADER)) &&
	    strlen(value) <= MESSAGE_TAG_MAX &&
	    (h->value = arena_strdup(a, value)) == NULL)
		return (-1);
	h->index = 1;
	for (i = 0; i < m->nheaders; i++)
		h->index += strcasecmp(m->headers[i].name, h->name) == 0;
	m->nheaders++;
	return (0);
}
