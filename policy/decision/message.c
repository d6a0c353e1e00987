/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message - what a decision needs of one message
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "decision/message.h"

#define HOST_CHARACTERS                                                        \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

static size_t name_length(const char *);
static bool is(const char *, size_t, const char *);
static int keep_id(struct message *, struct arena *, const char *);
static int keep_header(
    struct message *, struct arena *, const char *, size_t, const char *);

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
message_give_id(struct message *m, struct arena *a, const char *queue_id,
    const char *host, time_t now)
{
	char when[16];
	struct tm tm;

	if (host == NULL || *host == '\0' ||
	    host[strspn(host, HOST_CHARACTERS)] != '\0')
		host = "localhost";
	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof(when), "%Y%m%d%H%M%S", &tm) == 0)
		snprintf(when, sizeof(when), "0");
	m->id = arena_concat(a, "<", when, ".", queue_id, "@", host, ">", NULL);
	m->id_given = m->id != NULL;
	return (m->id_given ? 0 : -1);
}

unsigned char
message_notify(char *const *parameters)
{
	static const struct {
		const char *name;
		unsigned char bit;
	} words[] = {{"NEVER", MESSAGE_NOTIFY_NEVER},
	    {"SUCCESS", MESSAGE_NOTIFY_SUCCESS},
	    {"FAILURE", MESSAGE_NOTIFY_FAILURE},
	    {"DELAY", MESSAGE_NOTIFY_DELAY}};
	unsigned char notify = 0;
	const char *s;
	size_t i, len;

	for (; *parameters != NULL; parameters++) {
		if (strncasecmp(*parameters, "NOTIFY=", 7) != 0)
			continue;
		for (s = *parameters + 7; *s != '\0';
		     s += len + (s[len] == ',')) {
			len = strcspn(s, ",");
			for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
				if (is(s, len, words[i].name))
					notify |= words[i].bit;
			}
		}
	}
	return (notify);
}

const char *
message_notify_text(unsigned char notify)
{
	static const char *const texts[] = {NULL, "NOTIFY=SUCCESS",
	    "NOTIFY=FAILURE", "NOTIFY=SUCCESS,FAILURE", "NOTIFY=DELAY",
	    "NOTIFY=SUCCESS,DELAY", "NOTIFY=FAILURE,DELAY",
	    "NOTIFY=SUCCESS,FAILURE,DELAY"};

	if (notify == MESSAGE_NOTIFY_NEVER)
		return ("NOTIFY=NEVER");
	return (texts[notify >> 1 & 7]);
}

static int
keep_id(struct message *m, struct arena *a, const char *value)
{
	if (m->id != NULL || value[strspn(value, " \t\r\n")] == '\0')
		return (0);
	m->id = arena_strdup(a, value);
	return (m->id == NULL ? -1 : 0);
}

static int
keep_header(struct message *m, struct arena *a, const char *name, size_t len,
    const char *value)
{
	bool tag = is(name, len, TAG_HEADER);
	struct header *h;
	size_t i;

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
	if ((tag || is(name, len, ACCOUNT_HEADER) ||
		is(name, len, DECIDED_HEADER)) &&
	    strlen(value) <= MESSAGE_TAG_MAX &&
	    (h->value = arena_strdup(a, value)) == NULL)
		return (-1);
	h->index = 1;
	for (i = 0; i < m->nheaders; i++)
		h->index += strcasecmp(m->headers[i].name, h->name) == 0;
	m->nheaders++;
	return (0);
}

int
message_header(
    struct message *m, struct arena *a, const char *name, const char *value)
{
	size_t len;

	if (strncasecmp(name, HEADER_PREFIX, strlen(HEADER_PREFIX)) == 0)
		return (keep_header(m, a, name, name_length(name), value));
	len = name_length(name);
	return (is(name, len, MESSAGE_ID_HEADER) ? keep_id(m, a, value) : 0);
}
