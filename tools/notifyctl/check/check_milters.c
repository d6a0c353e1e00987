/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_milters - a list of milters, as Postfix has it
 *
 * Daemons of Postfix work in the queue directory, and some are locked up in
 * it: a path means another file to those than to everybody else.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

static bool same_file(const char *, const char *);
static const char *last_component(const char *);
static enum milters_match match(
    struct check *, const struct postconf_service *, const char *);
static enum milters_match match_tcp(struct check *, const char *);
static void take(struct check *, struct milters *, char *);

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
milters_path(
    struct check *c, const struct postconf_service *reader, const char *path)
{
	if (*path == '/' && !reader->chroot)
		return (path);
	return (check_text(
	    c, "%s/%s", c->postfix->queue, path + strspn(path, "/")));
}

/* Postfix writes inet:HOST:PORT, libmilter inet:PORT@HOST. */
static enum milters_match
match_tcp(struct check *c, const char *address)
{
	const char *ours = c->settings->socket, *port;
	size_t len;

	if (strncmp(address, "inet:", 5) != 0)
		return (MILTERS_OTHER);
	ours = strchr(ours, ':') + 1;
	if (strcmp(address + 5, ours) == 0)
		return (MILTERS_MEANT);
	len = strcspn(ours, "@");
	port = strrchr(address, ':') + 1;
	return (strlen(port) == len && strncmp(ours, port, len) == 0
		? MILTERS_OURS
		: MILTERS_OTHER);
}

static enum milters_match
match(
    struct check *c, const struct postconf_service *reader, const char *address)
{
	const char *ours = c->settings->socket, *path, *seen;
	struct stat st;

	if (strncmp(ours, "inet", 4) == 0)
		return (match_tcp(c, address));
	ours = strchr(ours, ':') + 1;
	path = strchr(address, ':');
	if (path == NULL)
		return (
		    strcmp(address, ours) == 0 ? MILTERS_MEANT : MILTERS_OTHER);
	path++;
	if (strncmp(address, "unix:", 5) != 0 &&
	    strncmp(address, "local:", 6) != 0)
		return (
		    strcmp(path, ours) == 0 ? MILTERS_MEANT : MILTERS_OTHER);
	seen = milters_path(c, reader, path);
	if (same_file(seen, ours))
		return (MILTERS_OURS);
	if (strcmp(path, ours) == 0 ||
	    (strcmp(last_component(path), last_component(ours)) == 0 &&
		stat(seen, &st) != 0))
		return (MILTERS_MEANT);
	return (MILTERS_OTHER);
}

/* An address, or "{ address, option=value ... }". */
static void
take(struct check *c, struct milters *m, char *word)
{
	struct milter *milter = &m->v[m->n];
	char *rest, *option;
	enum milters_match is;

	milter->text = arena_strdup(c->arena, word);
	if (*word == '{') {
		word++;
		word[strcspn(word, "}")] = '\0';
	}
	rest = word;
	milter->address = strtok_r(word, ", \t", &rest);
	if (milter->text == NULL || milter->address == NULL)
		return;
	while ((option = strtok_r(NULL, ",", &rest)) != NULL) {
		option += strspn(option, " \t");
		if (strncmp(option, "default_action", 14) != 0)
			continue;
		option += 14;
		option += strspn(option, " \t=");
		option[strcspn(option, " \t")] = '\0';
		milter->action = option;
	}
	is = match(c, m->reader, milter->address);
	if (is == MILTERS_OURS
		? m->match != MILTERS_OURS
		: is == MILTERS_MEANT && m->match == MILTERS_OTHER) {
		m->match = is;
		m->ours = m->n;
	}
	m->n++;
}

void
milters_read(struct check *c, struct milters *m, const char *name,
    const struct postconf_service *reader)
{
	char *rest, *word;

	memset(m, 0, sizeof(*m));
	m->name = name;
	m->reader = reader;
	m->value = postconf_override(c->postfix, reader, name);
	if (m->value != NULL)
		m->override = reader;
	else
		m->value = postconf_value(c->postfix, name);
	rest = postconf_words(c->postfix, m->value);
	while (m->n < MILTERS_MAX && (word = postconf_word(&rest)) != NULL)
		take(c, m, word);
	if (m->match == MILTERS_OTHER)
		m->ours = m->n;
}

const char *
milters_address(struct check *c, const struct postconf_service *reader)
{
	const char *ours = c->settings->socket, *path, *queue, *host;
	size_t len;

	path = strchr(ours, ':') + 1;
	if (strncmp(ours, "inet", 4) == 0) {
		host = strchr(path, '@') + 1;
		if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
			host = *host == ':' ? "::1" : "127.0.0.1";
		return (check_text(c,
		    strchr(host, ':') == NULL ? "inet:%s:%.*s"
					      : "inet:[%s]:%.*s",
		    host, (int)strcspn(path, "@"), path));
	}
	queue = c->postfix->queue;
	len = strlen(queue);
	if (strncmp(path, queue, len) == 0 && path[len] == '/')
		return (check_text(c, "unix:%s", path + len + 1));
	return (reader->chroot ? NULL : check_text(c, "unix:%s", path));
}
