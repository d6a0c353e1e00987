/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_url - what [database] url names: a path, or a PostgreSQL database
 *
 * In its errors libpq quotes the part of a url that it does not understand, and
 * it takes part of a password with an "@" or "/" in it for a host, a port or a
 * database. Refuse such urls before it sees them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db_url.h"

#define HIDDEN "postgresql://..."
/* What a path is made of that is surely no address of a server. */
#define PLAIN                                                                  \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,~"

static const char *authority_of(const char *);
static const char *user_end(const char *);
static bool ports_ok(const char *, const char *);
static const char *host_parameter(const char *);
static char *path_shown(const char *);
static bool names_password(const char *);
static bool secret(const char *);

/* What follows "://"; NULL if ${url} is a path. */
static const char *
authority_of(const char *url)
{
	if (strncmp(url, "postgresql://", 13) == 0)
		return (url + 13);
	if (strncmp(url, "postgres://", 11) == 0)
		return (url + 11);
	return (NULL);
}

bool
db_url_remote(const char *url)
{
	return (authority_of(url) != NULL);
}

/* The "@" after user and password; NULL if there are none. */
static const char *
user_end(const char *authority)
{
	const char *end = authority + strcspn(authority, "@/");

	return (*end == '@' ? end : NULL);
}

/* Are the ports of "host:port,host:port" numbers? "[::1]" is a host. */
static bool
ports_ok(const char *s, const char *end)
{
	bool bracket = false, port = false;

	for (; s < end; s++) {
		if (*s == '[' || *s == ']')
			bracket = *s == '[';
		else if (*s == ',')
			port = false;
		else if (*s == ':' && !bracket && !port)
			port = true;
		else if (port && (*s < '0' || *s > '9'))
			return (false);
	}
	return (true);
}

/* Does ${s} speak of a password, in any case? */
static bool
names_password(const char *s)
{
	return (strcasestr(s, "password=") != NULL ||
	    strcasestr(s, "password =") != NULL);
}

const char *
db_url_expected(const char *url)
{
	const char *s = authority_of(url), *end;

	/* "//USER:PASSWORD@HOST/NAME" would be a path, and errors show it. */
	if (s == NULL && (*url != '/' || url[1] == '/' || names_password(url)))
		return ("a path that begins with one /, or postgresql://...");
	if (s == NULL)
		return (NULL);
	if (user_end(s) != NULL)
		s = user_end(s) + 1;
	end = s + strcspn(s, "?");
	if (memchr(s, '@', (size_t)(end - s)) != NULL ||
	    !ports_ok(s, s + strcspn(s, "/?")))
		return ("postgresql://[USER[:PASSWORD]@][HOST[:PORT]][/NAME]"
			"[?PARAMETER=VALUE], with an @, a : or a / in a "
			"password as %40, %3A or %2F");
	return (NULL);
}

/* "host=..." among the parameters; NULL if there is none. */
static const char *
host_parameter(const char *s)
{
	for (s = strpbrk(s, "?&"); s != NULL; s = strpbrk(s + 1, "?&")) {
		if (strncmp(s + 1, "host=", 5) == 0)
			return (s + 1);
	}
	return (NULL);
}

/*
 * What is no url of PostgreSQL may still have been meant as one:
 * "host=... password=...", another scheme, upper case. Show a path, and of the
 * rest the scheme at most.
 */
static char *
path_shown(const char *url)
{
	const char *end = strstr(url, "://");
	char *shown;

	if (url[strspn(url, PLAIN)] == '\0' ||
	    (*url == '/' && db_url_expected(url) == NULL))
		return (strdup(url));
	if (end == NULL || strspn(url, PLAIN) != (size_t)(end - url))
		return (strdup("..."));
	if (asprintf(&shown, "%.*s://...", (int)(end - url), url) < 0)
		return (NULL);
	return (shown);
}

char *
db_url_shown(const char *url)
{
	const char *s = authority_of(url), *at, *rest, *host;
	char *shown;
	int n;

	if (s == NULL)
		return (path_shown(url));
	if (db_url_expected(url) != NULL)
		return (strdup(HIDDEN));
	at = user_end(s);
	rest = at == NULL ? s : at + 1;
	if (strpbrk(rest, " \t#") != NULL)
		return (strdup(HIDDEN));
	n = at == NULL ? 0 : (int)strcspn(s, ":@");
	host = host_parameter(rest);
	if (asprintf(&shown, "postgresql://%.*s%s%.*s%s%.*s", n, s,
		at == NULL ? "" : "@", (int)strcspn(rest, "?"), rest,
		host == NULL ? "" : "?",
		host == NULL ? 0 : (int)strcspn(host, "&"),
		host == NULL ? "" : host) < 0)
		return (NULL);
	return (shown);
}

/* Is the parameter at ${s} a secret? libpq decodes "%70assword". */
static bool
secret(const char *s)
{
	static const char *const names[] = {"password=", "sslpassword=",
	    "scram_client_key=", "scram_server_key=", "oauth_client_secret="};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(s, names[i], strlen(names[i])) == 0)
			return (true);
	}
	return (memchr(s, '%', strcspn(s, "=&")) != NULL);
}

char *
db_url_public(const char *url)
{
	const char *s = authority_of(url), *end;
	char *shown, *out;

	if (s == NULL || db_url_expected(url) != NULL)
		return (db_url_shown(url));
	shown = out = malloc(strlen(url) + 1);
	if (shown == NULL)
		return (NULL);
	end = user_end(s);
	if (end != NULL)
		s += strcspn(s, ":@");
	out = mempcpy(out, url, (size_t)(s - url));
	if (end != NULL)
		s = end;
	end = s + strcspn(s, "?");
	out = mempcpy(out, s, (size_t)(end - s));
	for (s = end; *s != '\0'; s = end) {
		end = s + 1 + strcspn(s + 1, "&");
		if (secret(s + 1))
			continue;
		/* The first one kept follows the "?". */
		*out = memchr(shown, '?', (size_t)(out - shown)) == NULL ? '?'
									 : '&';
		out = mempcpy(out + 1, s + 1, (size_t)(end - s - 1));
	}
	*out = '\0';
	return (shown);
}
