/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value - the value of one setting, from its text in the file
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
#include "terms/addrlist.h"
#include "terms/hours.h"
#include "terms/language.h"
#include "terms/netlist.h"

#define SECONDS_MAX (366L * 24 * 3600)
#define COUNT_MAX 1000000L
/* Telegram's longest user name. */
#define BOT_MAX 32
/* sun_path of sockaddr_un has 108, with the NUL. */
#define SOCKET_PATH_MAX 107

/* A value on its way to its field. */
struct value {
	const struct setting *setting;
	void *field;
	const char *text;
	bool first;
	struct arena *arena;
	const char *expected;
};

static int bad(struct value *, const char *);
static int keep(struct value *, const char *);
static int store_text(struct value *);
static int store_path(struct value *);
static int store_database(struct value *);
static int keep_address(struct value *, const char *, const char *);
static int store_domain(struct value *);
static int store_address(struct value *);
static int store_socket(struct value *);
static int store_bot(struct value *);
static int store_http(struct value *);
static bool port_ok(const char *);
static int store_proxy(struct value *);
static int store_language(struct value *);
static int store_networks(struct value *);
static int store_addresses(struct value *);
static int store_boolean(struct value *);
static int store_choice(struct value *);
static int store_seconds(struct value *);
static int store_count(struct value *);
static int store_hours(struct value *);
static void clear_text(void *);
static void clear_networks(void *);
static void clear_addresses(void *);

static const struct {
	int (*store)(struct value *);
	void (*clear)(void *field); /* NULL: nothing to free */
} types[] = {
    [SETTING_TEXT] = {store_text, clear_text},
    [SETTING_PATH] = {store_path, clear_text},
    [SETTING_DATABASE] = {store_database, clear_text},
    [SETTING_DOMAIN] = {store_domain, clear_text},
    [SETTING_ADDRESS] = {store_address, clear_text},
    [SETTING_SOCKET] = {store_socket, clear_text},
    [SETTING_BOT] = {store_bot, clear_text},
    [SETTING_HTTP] = {store_http, clear_text},
    [SETTING_PROXY] = {store_proxy, clear_text},
    [SETTING_LANGUAGE] = {store_language, clear_text},
    [SETTING_NETWORKS] = {store_networks, clear_networks},
    [SETTING_ADDRESSES] = {store_addresses, clear_addresses},
    [SETTING_BOOLEAN] = {store_boolean, NULL},
    [SETTING_CHOICE] = {store_choice, NULL},
    [SETTING_SECONDS] = {store_seconds, NULL},
    [SETTING_COUNT] = {store_count, NULL},
    [SETTING_HOURS] = {store_hours, NULL},
};

static int
bad(struct value *v, const char *expected)
{
	v->expected = expected;
	return (0);
}

/* Keep ${text} in the field in place of what it has. */
static int
keep(struct value *v, const char *text)
{
	char *copy;

	copy = strdup(text);
	if (copy == NULL)
		return (-1);
	clear_text(v->field);
	*(char **)v->field = copy;
	return (1);
}

static int
store_text(struct value *v)
{
	return (keep(v, v->text));
}

static int
store_path(struct value *v)
{
	if (*v->text != '\0' && *v->text != '/')
		return (bad(v, "a path that begins with /"));
	return (keep(v, v->text));
}

static int
store_database(struct value *v)
{
	const char *expected = NULL;

	if (*v->text != '\0' && v->setting->optional && !db_url_remote(v->text))
		return (bad(v, "postgresql://..., or nothing"));
	if (*v->text != '\0')
		expected = db_expected(v->text);
	return (expected != NULL ? bad(v, expected) : keep(v, v->text));
}

/* A link to the bot is made of it as it is. */
static int
store_bot(struct value *v)
{
	const char *s;

	for (s = v->text; isalnum((unsigned char)*s) || *s == '_'; s++)
		;
	if (*s != '\0' || s - v->text > BOT_MAX)
		return (
		    bad(v, "the bot's user name, without @ and https://t.me/"));
	return (keep(v, v->text));
}

static int
store_http(struct value *v)
{
	const char *host = strstr(v->text, "://");

	if (host == NULL || strpbrk(v->text, " \t?#") != NULL ||
	    (strncasecmp(v->text, "https://", 8) != 0 &&
		strncasecmp(v->text, "http://", 7) != 0) ||
	    host[3] == '\0' || host[3] == '/')
		return (bad(v, "https://HOST or http://HOST"));
	return (keep(v, v->text));
}

/* "", or ":PORT" and perhaps a slash. */
static bool
port_ok(const char *s)
{
	size_t digits = *s == ':' ? strspn(s + 1, "0123456789") : 0;
	long port = *s == ':' ? strtol(s + 1, NULL, 10) : 1;

	if (*s == ':')
		s += digits + 1;
	return (port > 0 && port <= 65535 && digits <= 5 &&
	    strcmp(s + (*s == '/'), "") == 0);
}

static int
store_proxy(struct value *v)
{
	static const char expected[] =
	    "[SCHEME://][USER:PASSWORD@]HOST[:PORT] with http, https, socks4, "
	    "socks4a, socks5 or socks5h, and an @, a : or a / in a password as "
	    "%40, %3A or %2F";
	static const char *const schemes[] = {
	    "http", "https", "socks4", "socks4a", "socks5", "socks5h"};
	const char *s = v->text, *end = strstr(s, "://"), *at;
	size_t i, n = sizeof(schemes) / sizeof(schemes[0]);

	if (*s == '\0')
		return (keep(v, s));
	if (end != NULL) {
		for (i = 0; i < n &&
		     (strlen(schemes[i]) != (size_t)(end - s) ||
			 strncasecmp(schemes[i], s, strlen(schemes[i])) != 0);
		     i++)
			;
		if (i == n)
			return (bad(v, expected));
		s = end + 3;
	}
	at = strchr(s, '@');
	if (at != NULL && memchr(s, '/', (size_t)(at - s)) != NULL)
		return (bad(v, expected));
	if (at != NULL)
		s = at + 1;
	end = *s == '[' ? strchr(s, ']') : s + strcspn(s, ":/");
	if (end == NULL || end == s || strpbrk(v->text, " \t?#") != NULL ||
	    strchr(s, '@') != NULL || !port_ok(end + (*s == '[')))
		return (bad(v, expected));
	return (keep(v, v->text));
}

static int
store_language(struct value *v)
{
	char language[LANGUAGE_SIZE];

	if (language_read(v->text, language) != 1 || *language == '\0')
		return (bad(v, "the name of a language, like en or pt-br"));
	return (keep(v, language));
}

/* Keep an address, or only the domain after ${local}. */
static int
keep_address(struct value *v, const char *local, const char *expected)
{
	struct address address;
	const char *why;
	char *mailbox;
	int found;

	if (*v->text == '\0')
		return (keep(v, v->text));
	mailbox = arena_concat(v->arena, local, v->text, NULL);
	if (mailbox == NULL)
		return (-1);
	if (*local != '\0' && strchr(v->text, '@') != NULL)
		return (bad(v, expected));
	found = address_read_strict(v->arena, mailbox, &address, &why);
	if (found == 0)
		return (bad(v, expected));
	return (found == -1
		? -1
		: keep(v, *local == '\0' ? address.wire : address.domain));
}

static int
store_domain(struct value *v)
{
	return (keep_address(v, "x@", "a domain name"));
}

static int
store_address(struct value *v)
{
	return (keep_address(v, "", "a mail address"));
}

static int
store_boolean(struct value *v)
{
	bool *flag = v->field;

	if (strcasecmp(v->text, "yes") == 0)
		*flag = true;
	else if (strcasecmp(v->text, "no") == 0)
		*flag = false;
	else
		return (bad(v, "yes or no"));
	return (1);
}

static int
store_choice(struct value *v)
{
	const char *const *choices = v->setting->choices;
	const char *expected = choices[0];
	unsigned *choice = v->field;
	unsigned i;

	for (i = 0; choices[i] != NULL; i++) {
		if (strcasecmp(v->text, choices[i]) == 0) {
			*choice = i;
			return (1);
		}
	}
	/* "a, b or c" */
	for (i = 1; choices[i] != NULL && expected != NULL; i++)
		expected = arena_concat(v->arena, expected,
		    choices[i + 1] == NULL ? " or " : ", ", choices[i], NULL);
	return (expected == NULL ? -1 : bad(v, expected));
}

static int
store_seconds(struct value *v)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	long *seconds = v->field, n, factor;
	size_t i;
	char *end;

	errno = 0;
	n = strtol(v->text, &end, 10);
	factor = *end == '\0' ? 1 : 0;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end == units[i].unit && end[1] == '\0')
			factor = units[i].seconds;
	}
	if (end == v->text || factor == 0 || errno != 0 || n < 1 ||
	    n > SECONDS_MAX / factor)
		return (
		    bad(v, "a time from 1s to 366d, like 90s, 15m, 12h or 1d"));
	*seconds = n * factor;
	return (1);
}

static int
store_count(struct value *v)
{
	long *count = v->field, n;
	char *end;

	errno = 0;
	n = strtol(v->text, &end, 10);
	if (v->text[strspn(v->text, "0123456789")] != '\0' || errno != 0 ||
	    n > COUNT_MAX)
		return (bad(v, "a whole number from 0 to 1000000, like 2000"));
	*count = n;
	return (1);
}

static int
store_hours(struct value *v)
{
	if (hours_read(v->text, v->field) != 1)
		return (bad(v, "two times of the day, like 22:00-07:00"));
	return (1);
}

static int
store_socket(struct value *v)
{
	const char *path, *at;
	long port;
	char *end;

	if (strncmp(v->text, "unix:", 5) == 0 ||
	    strncmp(v->text, "local:", 6) == 0) {
		path = strchr(v->text, ':') + 1;
		if (*path != '/')
			return (bad(v, "unix: and a path that begins with /"));
		if (strlen(path) > SOCKET_PATH_MAX)
			return (bad(v, "a path of at most 107 characters"));
		return (keep(v, v->text));
	}
	if (strncmp(v->text, "inet:", 5) != 0 &&
	    strncmp(v->text, "inet6:", 6) != 0)
		return (bad(v, "unix:PATH, inet:PORT@HOST or inet6:PORT@HOST"));
	port = strtol(strchr(v->text, ':') + 1, &end, 10);
	at = strchr(v->text, '@');
	if (port < 1 || port > 65535 || end != at || at[1] == '\0')
		return (bad(v, "inet:PORT@HOST with a port from 1 to 65535"));
	return (keep(v, v->text));
}

static int
store_networks(struct value *v)
{
	if (v->first)
		netlist_clear(v->field);
	return (netlist_add(v->field, v->text, &v->expected));
}

static int
store_addresses(struct value *v)
{
	if (v->first)
		addrlist_clear(v->field);
	return (addrlist_add(v->field, v->arena, v->text, &v->expected));
}

static void
clear_text(void *field)
{
	free(*(char **)field);
}

static void
clear_networks(void *field)
{
	netlist_clear(field);
}

static void
clear_addresses(void *field)
{
	addrlist_clear(field);
}

int
value_store(const struct setting *setting, void *field, const char *text,
    bool first, struct arena *arena, const char **expected)
{
	struct value v = {setting, field, text, first, arena, NULL};
	int rc;

	rc = types[setting->type].store(&v);
	*expected = v.expected;
	return (rc);
}

void
value_clear(const struct setting *setting, void *field)
{
	if (types[setting->type].clear != NULL)
		types[setting->type].clear(field);
}
