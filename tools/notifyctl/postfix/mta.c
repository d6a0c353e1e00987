/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta - what Postfix's settings say about the road to the milter
 *
 * postconf(1) tells what is in the files; a Postfix that was not reloaded since
 * they were changed may still do as before.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/failure.h"
#include "lib/child.h"
#include "notifyctl/postfix/mta.h"
#include "settings/settings.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define ENTRY_MAX 512
#define QUEUE_ID_MAX 64

/* "name = value" as postconf(1) prints it. */
struct pair {
	const char *name;
	const char *value;
};

struct pairs {
	struct pair *v;
	size_t n, cap;
};

struct mta {
	struct arena *arena;
	struct pairs main;     /* name */
	struct pairs services; /* service/type/name, from master.cf */
	char *master;	       /* the lines of master.cf */
};

static int read_pairs(
    struct mta *, const char *const *, struct pairs *, struct failure *);
static int add_pair(struct mta *, struct pairs *, char *);
static const char *find(const struct pairs *, const char *);
static const char *value_of(const struct mta *, const char *, const char *);
static int read_master(struct mta *, struct failure *);
static const char *next_entry(const char **, char *, size_t);
static bool is_ours(const struct mta *, const char *, const char *);
static bool same_path(const struct mta *, const char *, const char *);
static bool names_milter(
    const struct mta *, const struct settings *, const char *, const char **);
static const char *action_of(const struct mta *, const char *, const char *);
static const char *our_name(const struct mta *, const struct settings *);
static int judge(
    struct mta *, const struct settings *, const char *, struct failure *);
static const char *host_of(const struct mta *);
static int split(struct mta *, char *, struct mta_listener *);

static int
add_pair(struct mta *m, struct pairs *p, char *line)
{
	char *value;

	value = strstr(line, " =");
	if (value == NULL)
		return (0);
	*value = '\0';
	value += 2;
	value += strspn(value, " ");
	p->v = arena_grow(m->arena, p->v, p->n, &p->cap, sizeof(*p->v));
	if (p->v == NULL)
		return (-1);
	p->v[p->n].name = line;
	p->v[p->n++].value = value;
	return (0);
}

static int
read_pairs(struct mta *m, const char *const *argv, struct pairs *p,
    struct failure *failure)
{
	struct child c = CHILD_INIT(argv);
	struct child_result r;
	char *line, *rest, *text;

	c.max = OUTPUT_MAX;
	if (child_run(m->arena, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0)
		return (failure_set(failure, FAILURE_SETTINGS, "%s",
		    *r.message == '\0' ? "postconf failed" : r.message));
	text = arena_strdup(m->arena, r.out);
	if (text == NULL)
		return (failure_memory(failure));
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (add_pair(m, p, line) != 0)
			return (failure_memory(failure));
	}
	return (0);
}

static const char *
find(const struct pairs *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].name, name) == 0)
			return (p->v[i].value);
	}
	return (NULL);
}

struct mta *
mta_open(struct arena *a, struct failure *failure)
{
	static const char *const argv[] = {"postconf", "-x",
	    "command_directory", "config_directory", "inet_interfaces",
	    "inet_protocols", "mail_version", "maillog_file",
	    "milter_default_action", "myorigin", "queue_directory",
	    "receive_override_options", "smtpd_milter_maps", "smtpd_milters",
	    "smtpd_tls_security_level", "smtpd_tls_wrappermode", NULL};
	struct mta *m;

	m = arena_alloc(a, sizeof(*m));
	if (m == NULL) {
		failure_memory(failure);
		return (NULL);
	}
	m->arena = a;
	return (read_pairs(m, argv, &m->main, failure) != 0 ? NULL : m);
}

const char *
mta_setting(const struct mta *m, const char *name)
{
	const char *value;

	value = find(&m->main, name);
	return (value == NULL ? "" : value);
}

const char *
mta_tool(const struct mta *m, const char *name)
{
	return (arena_printf(
	    m->arena, "%s/%s", mta_setting(m, "command_directory"), name));
}

const char *
mta_origin(const struct mta *m)
{
	const char *origin = mta_setting(m, "myorigin");
	char line[512] = "";
	FILE *in;

	if (*origin != '/')
		return (origin);
	in = fopen(origin, "re");
	if (in == NULL)
		return ("");
	if (fgets(line, sizeof(line), in) == NULL)
		*line = '\0';
	fclose(in);
	line[strcspn(line, " \t\r\n")] = '\0';
	return (arena_strdup(m->arena, line));
}

/* A setting as it holds for a service ("smtp/inet"). */
static const char *
value_of(const struct mta *m, const char *service, const char *name)
{
	const char *value;
	char key[ENTRY_MAX];

	snprintf(key, sizeof(key), "%s/%s", service, name);
	value = find(&m->services, key);
	return (value == NULL ? mta_setting(m, name) : value);
}

static int
read_master(struct mta *m, struct failure *failure)
{
	static const char *const overrides[] = {"postconf", "-xP", NULL};
	static const char *const services[] = {"postconf", "-M", NULL};
	struct child c = CHILD_INIT(services);
	struct child_result r;

	if (m->master != NULL)
		return (0);
	if (read_pairs(m, overrides, &m->services, failure) != 0)
		return (-1);
	c.max = OUTPUT_MAX;
	if (child_run(m->arena, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0)
		return (failure_set(failure, FAILURE_SETTINGS, "%s",
		    *r.message == '\0' ? "postconf failed" : r.message));
	m->master = arena_strdup(m->arena, r.out);
	return (m->master == NULL ? failure_memory(failure) : 0);
}

/* The next word of a list of milters, or what stands in the next braces. */
static const char *
next_entry(const char **list, char *entry, size_t size)
{
	const char *s = *list, *end;
	bool braced;

	s += strspn(s, ", \t{");
	if (*s == '\0')
		return (NULL);
	braced = s > *list && memchr(*list, '{', (size_t)(s - *list)) != NULL;
	end = s + strcspn(s, braced ? "}" : ", \t");
	if ((size_t)(end - s) >= size)
		return (NULL);
	memcpy(entry, s, (size_t)(end - s));
	entry[end - s] = '\0';
	*list = *end == '\0' ? end : end + 1;
	return (entry);
}

/* Postfix may name a UNIX socket from its queue directory, where it also may
 * have its root. */
static bool
same_path(const struct mta *m, const char *ours, const char *theirs)
{
	const char *queue = mta_setting(m, "queue_directory");
	size_t len = strlen(queue);

	if (strcmp(ours, theirs) == 0)
		return (true);
	if (len == 0 || strncmp(ours, queue, len) != 0 || ours[len] != '/')
		return (false);
	ours += len;
	return (strcmp(*theirs == '/' ? ours : ours + 1, theirs) == 0);
}

/* Does an entry (with its options) mean the socket of our settings? */
static bool
is_ours(const struct mta *m, const char *socket, const char *entry)
{
	char where[ENTRY_MAX];
	const char *ours, *port;

	snprintf(
	    where, sizeof(where), "%.*s", (int)strcspn(entry, ", \t}"), entry);
	ours = strchr(socket, ':') + 1;
	if (strncmp(socket, "inet", 4) != 0)
		return (strncmp(where, "unix:", 5) == 0 &&
		    same_path(m, ours, where + 5));
	/* inet:port@host there is inet:host:port here. */
	port = strrchr(where, ':');
	return (strncmp(where, "inet:", 5) == 0 && port > where + 4 &&
	    strlen(port + 1) == strcspn(ours, "@") &&
	    strncmp(ours, port + 1, strlen(port + 1)) == 0);
}

/* Does a list of milters name ours? ${entry}: where it does. */
static bool
names_milter(const struct mta *m, const struct settings *settings,
    const char *list, const char **entry)
{
	char text[ENTRY_MAX];

	while (next_entry(&list, text, sizeof(text)) != NULL) {
		if (!is_ours(m, settings->socket, text))
			continue;
		if (entry != NULL)
			*entry = arena_strdup(m->arena, text);
		return (true);
	}
	return (false);
}

/* What Postfix does while the milter is away. */
static const char *
action_of(const struct mta *m, const char *service, const char *entry)
{
	static const char name[] = "default_action";
	const char *s;

	s = strstr(entry, name);
	if (s == NULL)
		return (value_of(m, service, "milter_default_action"));
	s += strlen(name);
	return (s + strspn(s, " \t="));
}

/* Our socket as a list of milters has it. */
static const char *
our_name(const struct mta *m, const struct settings *settings)
{
	const char *queue = mta_setting(m, "queue_directory");
	const char *path = strchr(settings->socket, ':') + 1, *host;

	if (strncmp(settings->socket, "inet", 4) == 0) {
		host = strchr(path, '@');
		return (host == NULL ? NULL
				     : arena_printf(m->arena, "inet:%s:%.*s",
					   host + 1, (int)(host - path), path));
	}
	if (*queue != '\0' && strncmp(path, queue, strlen(queue)) == 0 &&
	    path[strlen(queue)] == '/')
		path += strlen(queue) + 1;
	return (arena_printf(m->arena, "unix:%s", path));
}

/* Does all that comes in by ${service} meet the milter? */
static int
judge(struct mta *m, const struct settings *settings, const char *service,
    struct failure *failure)
{
	const char *milters = value_of(m, service, "smtpd_milters");
	const char *entry = NULL, *ours;

	if (strstr(value_of(m, service, "receive_override_options"),
		"no_milters") != NULL)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "receive_override_options of %s has no_milters, so the "
		    "message would go out undecided; expected a listener "
		    "without it",
		    service));
	if (!names_milter(m, settings, milters, &entry)) {
		ours = our_name(m, settings);
		return (failure_set(failure, FAILURE_SETTINGS,
		    "smtpd_milters of %s does not name the milter, so the "
		    "message would go out undecided; expected: postconf -e "
		    "'smtpd_milters = %s%s%s'",
		    service, ours == NULL ? settings->socket : ours,
		    *milters == '\0' ? "" : ", ", milters));
	}
	if (entry == NULL)
		return (failure_memory(failure));
	if (strncmp(action_of(m, service, entry), "accept", 6) == 0)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "with milter_default_action = accept the message would go "
		    "out undecided if the milter is away; expected: postconf "
		    "-e 'milter_default_action = tempfail'"));
	if (strcasecmp(value_of(m, service, "smtpd_tls_wrappermode"), "yes") ==
		0 ||
	    strcasecmp(value_of(m, service, "smtpd_tls_security_level"),
		"encrypt") == 0)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s asks for TLS; expected a listener on loopback without "
		    "it",
		    service));
	return (0);
}

/* Where a listener that names no address can be reached. */
static const char *
host_of(const struct mta *m)
{
	const char *interfaces = mta_setting(m, "inet_interfaces");
	bool v6;

	v6 = strstr(mta_setting(m, "inet_protocols"), "ipv4") == NULL &&
	    strcmp(mta_setting(m, "inet_protocols"), "all") != 0;
	if (strcmp(interfaces, "all") == 0 ||
	    strcmp(interfaces, "loopback-only") == 0 ||
	    strstr(interfaces, "127.0.0.1") != NULL ||
	    strstr(interfaces, "localhost") != NULL)
		return (v6 ? "::1" : "127.0.0.1");
	interfaces += strspn(interfaces, ", \t[");
	return (
	    arena_strndup(m->arena, interfaces, strcspn(interfaces, ", \t]")));
}

/* "host:port", "[::1]:port" or "port". */
static int
split(struct mta *m, char *name, struct mta_listener *l)
{
	char *colon;

	colon = strrchr(name, ':');
	if (colon == NULL) {
		l->port = name;
		l->host = host_of(m);
		return (l->host == NULL ? -1 : 0);
	}
	*colon = '\0';
	l->port = colon + 1;
	if (*name == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		name++;
	}
	if (*name == '\0' || strcmp(name, "0.0.0.0") == 0)
		name = arena_strdup(m->arena, "127.0.0.1");
	else if (strcmp(name, "::") == 0)
		name = arena_strdup(m->arena, "::1");
	l->host = name;
	return (name == NULL ? -1 : 0);
}

int
mta_listeners(struct mta *m, const struct settings *settings,
    struct mta_listener **v, size_t *n, struct failure *failure)
{
	struct failure other = FAILURE_INIT, *why = failure;
	char *copy, *line, *rest, *name;
	char type[16], program[64];
	const char *service;
	size_t cap = 0;

	*v = NULL;
	*n = 0;
	if (read_master(m, failure) != 0)
		return (-1);
	failure_set(failure, FAILURE_SETTINGS,
	    "master.cf has no smtpd listener; requeue submits the message by "
	    "SMTP, expected one on loopback");
	copy = arena_strdup(m->arena, m->master);
	if (copy == NULL)
		return (failure_memory(failure));
	for (line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		name = arena_alloc(m->arena, strlen(line) + 1);
		if (name == NULL)
			return (failure_memory(failure));
		if (sscanf(line, "%s %15s %*s %*s %*s %*s %*s %63s", name, type,
			program) != 3 ||
		    strcmp(type, "inet") != 0)
			continue;
		if (strcmp(program, "smtpd") == 0)
			service = arena_printf(m->arena, "%s/inet", name);
		else if (strcmp(program, "postscreen") == 0)
			service = "smtpd/pass";
		else
			continue;
		if (service == NULL)
			return (failure_memory(failure));
		/* What is wrong with the first is what is told. */
		if (judge(m, settings, service, why) != 0) {
			why = &other;
			continue;
		}
		*v = arena_grow(m->arena, *v, *n, &cap, sizeof(**v));
		if (*v == NULL || split(m, name, *v + *n) != 0)
			return (failure_memory(failure));
		(*v)[(*n)++].milter_maps =
		    value_of(m, service, "smtpd_milter_maps");
	}
	failure_clear(&other);
	if (*n == 0)
		return (-1);
	failure_clear(failure);
	return (0);
}

int
mta_exempt(struct mta *m, const struct mta_listener *l, const char *address,
    struct failure *failure)
{
	const char *argv[] = {NULL, "-q", address, NULL, NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;
	char *copy, *map, *rest;

	if (*l->milter_maps == '\0')
		return (0);
	argv[0] = mta_tool(m, "postmap");
	copy = arena_strdup(m->arena, l->milter_maps);
	if (argv[0] == NULL || copy == NULL)
		return (failure_memory(failure));
	/* A map with blanks in it is not found, and so refused. */
	for (map = strtok_r(copy, ", \t", &rest); map != NULL;
	     map = strtok_r(NULL, ", \t", &rest)) {
		argv[3] = map;
		if (child_run(m->arena, &c, &r, failure) != 0)
			return (-1);
		if (*r.message != '\0')
			return (failure_set(
			    failure, FAILURE_SETTINGS, "%s", r.message));
		if (r.status == 0)
			return (1);
	}
	return (0);
}

/* "ALL" means everything to postsuper(1). */
int
mta_queue_id(const char *id, struct failure *failure)
{
	size_t len = strlen(id);

	if (len > 0 && len <= QUEUE_ID_MAX && strcmp(id, "ALL") != 0 &&
	    strspn(id,
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz") == len)
		return (0);
	return (failure_set(failure, FAILURE_USAGE,
	    "\"%.80s\" is no queue id; expected one as mailq shows it", id));
}
