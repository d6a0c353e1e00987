/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instances - the other instances of Postfix on this machine
 *
 * master(8) of two instances can listen on the same port at the same time: the
 * kernel gives a connection to either of them.
 */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "lib/child.h"
#include "notifyctl/postfix/instances.h"
#include "notifyctl/postfix/postconf.h"

/* The first instance: where Postfix's commands look unless they are told. */
#define FIRST "/etc/postfix"
#define SECONDS 15
#define OUTPUT_MAX ((size_t)1 << 20)

static const char *ask(
    const struct postconf *, const char *, const char *, const char *);
static const char *directories(const struct postconf *);
static bool has_port(const char *, const char *);

/* What postconf(1) prints of the instance in ${config}; "" if it fails.
 * ${name}: what is asked for, or NULL. */
static const char *
ask(const struct postconf *pc, const char *config, const char *option,
    const char *name)
{
	const char *const argv[] = {
	    "postconf", "-c", config, option, name, NULL};
	struct failure failure = FAILURE_INIT;
	struct child c = CHILD_INIT(argv);
	struct child_result r;
	const char *out = "";

	c.seconds = SECONDS;
	c.max = OUTPUT_MAX;
	if (child_run(pc->arena, &c, &r, &failure) == 0 && r.status == 0)
		out = r.out;
	failure_clear(&failure);
	return (out);
}

/* The directories of the settings of all instances, with blanks between. */
static const char *
directories(const struct postconf *pc)
{
	static const char name[] = "multi_instance_directories";
	const char *more = "";

	if (strcmp(pc->config, FIRST) != 0 &&
	    access(FIRST "/main.cf", R_OK) == 0)
		more = arena_concat(
		    pc->arena, FIRST, " ", ask(pc, FIRST, "-hx", name), NULL);
	return (
	    arena_concat(pc->arena, postconf_value(pc, name), " ", more, NULL));
}

/* Does one of the services, a line each, listen on the port? */
static bool
has_port(const char *services, const char *port)
{
	size_t len = strlen(port);
	const char *s, *type;

	for (s = services; (s = strstr(s, port)) != NULL; s += len) {
		if (s != services && strchr(":\n", s[-1]) == NULL)
			continue;
		type = s + len + strspn(s + len, " \t");
		if (type > s + len && strncmp(type, "inet", 4) == 0)
			return (true);
	}
	return (false);
}

const char *
instances_listening(const struct postconf *pc, const char *port)
{
	char *rest, *dir;

	rest = arena_strdup(pc->arena, directories(pc));
	while ((dir = postconf_word(&rest)) != NULL) {
		if (strcmp(dir, pc->config) != 0 &&
		    has_port(ask(pc, dir, "-M", NULL), port))
			return (dir);
	}
	return (NULL);
}

const char *
instances_owner(const struct postconf *pc, const char *path)
{
	char *rest, *dir;
	const char *queue;
	size_t len;

	rest = arena_strdup(pc->arena, directories(pc));
	while ((dir = postconf_word(&rest)) != NULL) {
		queue = ask(pc, dir, "-hx", "queue_directory");
		len = strcspn(queue, "\n");
		if (strcmp(dir, pc->config) != 0 && len > 0 &&
		    strncmp(path, queue, len) == 0 && path[len] == '/')
			return (dir);
	}
	return (NULL);
}
