/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value - the value of one setting, from the text that stands in the file
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "db/db.h"
#include "db/db_url.h"
#include "settings/settings.h"
#include "settings/value.h"
#include "terms/address.h"
#include "terms/netlist.h"

#define SECONDS_MAX (366L * 24 * 3600)
/* Telegram's longest user name. */
#define BOT_MAX 32

static const char no_memory[] = "memory to be there";

static const char *store_text(void *, const char *);
static const char *store_path(void *, const char *);
static const char *store_database(const struct setting *, void *, const char *);
static const char *store_socket(void *, const char *);
static const char *store_bot(void *, const char *);
static const char *store_http(void *, const char *);
static const char *store_domain(struct arena *, void *, const char *);
static const char *store_address(struct arena *, void *, const char *);
static const char *store_networks(void *, const char *, bool);
static const char *store_boolean(void *, const char *);
static const char *store_choice(
    struct arena *, const struct setting *, void *, const char *);
static const char *store_seconds(void *, const char *);

static const char *
store_text(void *field, const char *value)
{
	char **text = field;

	free(*text);
	*text = strdup(value);
	return (*text == NULL ? no_memory : NULL);
}

static const char *
store_path(void *field, const char *value)
{
	if (*value != '\0' && *value != '/')
		return ("a path that begins with /");
	return (store_text(field, value));
}

static const char *
store_database(const struct setting *d, void *field, const char *value)
{
	const char *why = NULL;

	if (*value != '\0' && d->optional && !db_url_remote(value))
		return ("postgresql://..., or nothing");
	if (*value != '\0')
		why = db_expected(value);
	return (why != NULL ? why : store_text(field, value));
}

/* Into a link it goes as it stands. */
static const char *
store_bot(void *field, const char *value)
{
	const char *s;

	for (s = value; isalnum((unsigned char)*s) || *s == '_'; s++)
		;
	if (*s != '\0' || s - value > BOT_MAX)
		return ("the bot's user name, without @ and https://t.me/");
	return (store_text(field, value));
}

static const char *
store_http(void *field, const char *value)
{
	const char *host = strstr(value, "://");

	if (host == NULL || strpbrk(value, " \t?#") != NULL ||
	    (strncasecmp(value, "https://", 8) != 0 &&
		strncasecmp(value, "http://", 7) != 0) ||
	    host[3] == '\0' || host[3] == '/')
		return ("https://HOST or http://HOST");
	return (store_text(field, value));
}

static const char *
store_domain(struct arena *a, void *field, const char *value)
{
	struct address address;
	const char *why;
	char *mailbox;

	if (*value == '\0')
		return (store_text(field, value));
	mailbox = arena_printf(a, "x@%s", value);
	if (mailbox == NULL)
		return (no_memory);
	if (strchr(value, '@') != NULL ||
	    address_read_strict(a, mailbox, &address, &why) != 1)
		return ("a domain name");
	return (store_text(field, address.domain));
}

static const char *
store_address(struct arena *a, void *field, const char *value)
{
	struct address address;
	const char *why;

	if (*value == '\0')
		return (store_text(field, value));
	if (address_read_strict(a, value, &address, &why) != 1)
		return ("a mail address");
	return (store_text(field, address.wire));
}

static const char *
store_boolean(void *field, const char *value)
{
	bool *flag = field;

	if (strcasecmp(value, "yes") == 0)
		*flag = true;
	else if (strcasecmp(value, "no") == 0)
		*flag = false;
	else
		return ("yes or no");
	return (NULL);
}

/* "a, b or c" */
static const char *
store_choice(
    struct arena *a, const struct setting *d, void *field, const char *value)
{
	const char *expected = d->choices[0];
	unsigned *choice = field;
	unsigned i;

	for (i = 0; d->choices[i] != NULL; i++) {
		if (strcasecmp(value, d->choices[i]) == 0) {
			*choice = i;
			return (NULL);
		}
	}
	for (i = 1; d->choices[i] != NULL && expected != NULL; i++)
		expected = arena_concat(a, expected,
		    d->choices[i + 1] == NULL ? " or " : ", ", d->choices[i],
		    NULL);
	return (expected == NULL ? no_memory : expected);
}

static const char *
store_seconds(void *field, const char *value)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	long *seconds = field, n, factor;
	size_t i;
	char *end;

	errno = 0;
	n = strtol(value, &end, 10);
	factor = *end == '\0' ? 1 : 0;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end == units[i].unit && end[1] == '\0')
			factor = units[i].seconds;
	}
	if (end == value || factor == 0 || errno != 0 || n < 1 ||
	    n > SECONDS_MAX / factor)
		return ("a time from 1s to 366d, like 90s, 15m, 12h or 1d");
	*seconds = n * factor;
	return (NULL);
}

static const char *
store_socket(void *field, const char *value)
{
	const char *path, *at;
	long port;
	char *end;

	if (strncmp(value, "unix:", 5) == 0 ||
	    strncmp(value, "local:", 6) == 0) {
		path = strchr(value, ':') + 1;
		if (*path != '/')
			return ("unix: and a path that begins with /");
		if (strlen(path) > 107)
			return ("a path of at most 107 characters");
		return (store_text(field, value));
	}
	if (strncmp(value, "inet:", 5) != 0 && strncmp(value, "inet6:", 6) != 0)
		return ("unix:PATH, inet:PORT@HOST or inet6:PORT@HOST");
	port = strtol(strchr(value, ':') + 1, &end, 10);
	at = strchr(value, '@');
	if (port < 1 || port > 65535 || end != at || at[1] == '\0')
		return ("inet:PORT@HOST with a port from 1 to 65535");
	return (store_text(field, value));
}

static const char *
store_networks(void *field, const char *value, bool first)
{
	struct netlist *list = field;
	const char *why;

	/* The first value replaces the default; more lines add. */
	if (first)
		netlist_clear(list);
	if (netlist_add(list, value, &why) == 1)
		return (NULL);
	return (strncmp(why, "expected ", 9) == 0 ? why + 9 : why);
}

const char *
value_store(const struct setting *d, void *field, const char *value, bool first,
    struct arena *a)
{
	switch (d->type) {
	case SETTING_TEXT:
		return (store_text(field, value));
	case SETTING_PATH:
		return (store_path(field, value));
	case SETTING_DATABASE:
		return (store_database(d, field, value));
	case SETTING_SOCKET:
		return (store_socket(field, value));
	case SETTING_BOT:
		return (store_bot(field, value));
	case SETTING_HTTP:
		return (store_http(field, value));
	case SETTING_DOMAIN:
		return (store_domain(a, field, value));
	case SETTING_ADDRESS:
		return (store_address(a, field, value));
	case SETTING_NETWORKS:
		return (store_networks(field, value, first));
	case SETTING_BOOLEAN:
		return (store_boolean(field, value));
	case SETTING_CHOICE:
		return (store_choice(a, d, field, value));
	case SETTING_SECONDS:
		return (store_seconds(field, value));
	}
	return ("nothing of the kind");
}

void
value_clear(const struct setting *d, void *field)
{
	switch (d->type) {
	case SETTING_TEXT:
	case SETTING_PATH:
	case SETTING_DATABASE:
	case SETTING_SOCKET:
	case SETTING_BOT:
	case SETTING_HTTP:
	case SETTING_DOMAIN:
	case SETTING_ADDRESS:
		free(*(char **)field);
		break;
	case SETTING_NETWORKS:
		netlist_clear(field);
		break;
	case SETTING_BOOLEAN:
	case SETTING_CHOICE:
	case SETTING_SECONDS:
		break;
	}
}
