/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milters - a list of milters in Postfix's settings, and which of them is ours
 *
 * TCP is judged by the port: the host may have several names.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"

static bool same_file(const char *, const char *);
static const char *last_component(const char *);
static enum milters_match match_tcp(const char *, const char *);
static enum milters_match match(const struct postconf *, const char *,
    const struct postconf_service *, const char *);
static char *option(char *, const char *);
static void take_options(struct milter *, const char *, char *);
static void take(const struct postconf *, char *, struct milter *);

static bool
same_file(const char *a, const char *b)
{
	struct stat one, two;

	if (strcmp(a, b) == 0)
		return (true);
	return (stat(a, &one) == 0 && stat(b, &two) == 0 &&
	    one.st_dev == two.st_dev && one.st_ino == two.st_ino);
}

static const char *
last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (slash == NULL ? path : slash + 1);
}

const char *
milters_path(const struct postconf *pc, const struct postconf_service *reader,
    const char *path)
{
	if (*path == '/' && !reader->chroot)
		return (path);
	return (arena_concat(
	    pc->arena, pc->queue, "/", path + strspn(path, "/"), NULL));
}

/* Postfix writes inet:HOST:PORT, libmilter inet:PORT@HOST. */
static enum milters_match
match_tcp(const char *ours, const char *address)
{
	const char *port;
	size_t len;

	if (strncmp(address, "inet:", 5) != 0)
		return (MILTERS_OTHER);
	if (strcmp(address + 5, ours) == 0)
		return (MILTERS_MEANT);
	len = strcspn(ours, "@");
	port = strrchr(address, ':') + 1;
	return (strlen(port) == len && strncmp(ours, port, len) == 0
		? MILTERS_OURS
		: MILTERS_OTHER);
}

static enum milters_match
match(const struct postconf *pc, const char *socket,
    const struct postconf_service *reader, const char *address)
{
	const char *ours = strchr(socket, ':') + 1, *path, *seen;
	struct stat st;

	if (strncmp(socket, "inet", 4) == 0)
		return (match_tcp(ours, address));
	path = strchr(address, ':');
	path = path == NULL ? address : path + 1;
	if (strncmp(address, "unix:", 5) != 0 &&
	    strncmp(address, "local:", 6) != 0)
		return (
		    strcmp(path, ours) == 0 ? MILTERS_MEANT : MILTERS_OTHER);
	seen = milters_path(pc, reader, path);
	if (same_file(seen, ours))
		return (MILTERS_OURS);
	if (strcmp(path, ours) == 0 ||
	    (strcmp(last_component(path), last_component(ours)) == 0 &&
		stat(seen, &st) != 0))
		return (MILTERS_MEANT);
	return (MILTERS_OTHER);
}

/* The last value of an option, in whatever form: "name=value", or in braces of
 * its own. NULL if it is not there. */
static char *
option(char *options, const char *name)
{
	char *value = NULL;

	while ((options = strstr(options, name)) != NULL) {
		options += strlen(name);
		options += strspn(options, " \t=");
		value = options;
	}
	return (value);
}

/* ${word}: where the element begins. */
static void
take_options(struct milter *m, const char *word, char *options)
{
	char *action = option(options, "default_action"),
	     *protocol = option(options, "protocol");

	if (action != NULL) {
		m->action = action;
		m->action_at = (size_t)(action - word);
		action[strcspn(action, ", \t}")] = '\0';
	}
	if (protocol != NULL) {
		m->protocol = protocol;
		m->protocol_at = (size_t)(protocol - word);
		protocol[strcspn(protocol, ", \t}")] = '\0';
	}
}

/* An address, or "{ address, option=value ... }". */
static void
take(const struct postconf *pc, char *word, struct milter *m)
{
	char *address = word, *end;

	m->text = arena_strdup(pc->arena, word);
	if (*word == '{') {
		address++;
		end = strrchr(address, '}');
		if (end != NULL)
			*end = '\0';
	}
	address += strspn(address, ", \t");
	m->address_at = (size_t)(address - word);
	end = address + strcspn(address, ", \t");
	if (*end != '\0') {
		*end = '\0';
		take_options(m, word, end + 1);
	}
	m->address = address;
}

enum milters_match
milters_read(const struct postconf *pc, const char *socket,
    const struct postconf_service *reader, const char *list, struct milters *m)
{
	char *rest, *word;
	enum milters_match is;

	memset(m, 0, sizeof(*m));
	rest = arena_strdup(pc->arena, list);
	for (; m->n < MILTERS_MAX && (word = postconf_word(&rest)) != NULL;
	     m->n++) {
		take(pc, word, &m->v[m->n]);
		is = match(pc, socket, reader, m->v[m->n].address);
		m->v[m->n].match = is;
		if (is == MILTERS_OURS
			? m->match != MILTERS_OURS
			: is == MILTERS_MEANT && m->match == MILTERS_OTHER) {
			m->match = is;
			m->ours = m->n;
		}
	}
	if (m->match == MILTERS_OTHER)
		m->ours = m->n;
	return (m->match);
}

const char *
milters_address(const struct postconf *pc, const char *socket,
    const struct postconf_service *reader)
{
	const char *path = strchr(socket, ':') + 1, *host;
	size_t len = strlen(pc->queue);

	if (strncmp(socket, "inet", 4) == 0) {
		host = strchr(path, '@') + 1;
		if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
			host = *host == ':' ? "::1" : "127.0.0.1";
		return (arena_printf(pc->arena,
		    strchr(host, ':') == NULL ? "inet:%s:%.*s"
					      : "inet:[%s]:%.*s",
		    host, (int)strcspn(path, "@"), path));
	}
	if (strncmp(path, pc->queue, len) == 0 && path[len] == '/')
		path += len + 1;
	else if (reader->chroot)
		return (NULL);
	return (arena_concat(pc->arena, "unix:", path, NULL));
}

bool
milters_off(const struct postconf *pc, const struct postconf_service *service)
{
	return (strstr(postconf_for(pc, service, "receive_override_options"),
		    "no_milters") != NULL);
}

bool
milters_speaks(const char *version)
{
	return (strlen(version) == 1 && strchr("2346", *version) != NULL);
}
