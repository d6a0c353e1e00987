/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postconf - the settings in Postfix's main.cf and master.cf
 *
 * Four runs of postconf(1) print everything; lookups search what they printed,
 * and allocate nothing: a setting is never "not set" for lack of memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/failure.h"
#include "lib/child.h"
#include "lib/shell.h"
#include "notifyctl/postfix/postconf.h"

#define SERVICES_MAX 1000
#define SECONDS 15
#define OUTPUT_MAX ((size_t)1 << 20)

static int ask(
    struct postconf *, const char *, struct postconf_pairs *, struct failure *);
static void add_pair(struct postconf *, struct postconf_pairs *, char *);
static const char *find(
    const struct postconf_pairs *, const char *, const char *);
static void take_field(struct postconf_service *, const char *, const char *);
static void take_services(struct postconf *, const struct postconf_pairs *);
static const char *joined(const struct postconf *, const char *, const char *);
static const char *squeezed(const struct postconf *, const char *);

static void
add_pair(struct postconf *pc, struct postconf_pairs *p, char *line)
{
	char *value;

	value = strstr(line, " =");
	if (value == NULL)
		return;
	*value = '\0';
	value += 2;
	value += strspn(value, " ");
	p->v = arena_grow(pc->arena, p->v, p->n, &p->cap, sizeof(*p->v));
	p->v[p->n].name = line;
	p->v[p->n++].value = value;
}

static int
ask(struct postconf *pc, const char *option, struct postconf_pairs *p,
    struct failure *failure)
{
	const char *const argv[] = {"postconf", option, NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;
	char *line, *rest;

	c.seconds = SECONDS;
	c.max = OUTPUT_MAX;
	if (child_run(pc->arena, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0)
		return (failure_set(failure, FAILURE_SETTINGS, "%s",
		    *r.message == '\0' ? "postconf failed" : r.message));
	for (line = strtok_r(r.out, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		add_pair(pc, p, line);
	return (0);
}

/* The value of ${name}, or of "${service}/${name}"; NULL if there is none. */
static const char *
find(const struct postconf_pairs *p, const char *service, const char *name)
{
	size_t i, len = service == NULL ? 0 : strlen(service);
	const char *s;

	for (i = 0; i < p->n; i++) {
		s = p->v[i].name;
		if (service != NULL) {
			if (strncmp(s, service, len) != 0 || s[len] != '/')
				continue;
			s += len + 1;
		}
		if (strcmp(s, name) == 0)
			return (p->v[i].value);
	}
	return (NULL);
}

const char *
postconf_value(const struct postconf *pc, const char *name)
{
	const char *value;

	value = find(&pc->values, NULL, name);
	return (value == NULL ? "" : value);
}

const char *
postconf_given(const struct postconf *pc, const char *name)
{
	const char *value;

	value = find(&pc->given, NULL, name);
	return (value == NULL ? postconf_value(pc, name) : value);
}

const char *
postconf_override(const struct postconf *pc,
    const struct postconf_service *service, const char *name)
{
	return (find(&pc->overrides, service->key, name));
}

const char *
postconf_for(const struct postconf *pc, const struct postconf_service *service,
    const char *name)
{
	const char *value;

	value = postconf_override(pc, service, name);
	return (value == NULL ? postconf_value(pc, name) : value);
}

bool
postconf_runs(const struct postconf_service *service, const char *program)
{
	size_t len = strlen(program);

	return (strncmp(service->command, program, len) == 0 &&
	    strchr(" \t", service->command[len]) != NULL);
}

const struct postconf_service *
postconf_service(const struct postconf *pc, const char *name, const char *type)
{
	const struct postconf_service *s;

	/* master(8) uses the last of several. */
	for (s = pc->services + pc->nservices; s-- > pc->services;) {
		if (strcmp(s->name, name) == 0 && strcmp(s->type, type) == 0)
			return (s);
	}
	return (NULL);
}

static void
take_field(struct postconf_service *s, const char *field, const char *value)
{
	if (strcmp(field, "service") == 0)
		s->name = value;
	else if (strcmp(field, "type") == 0)
		s->type = value;
	else if (strcmp(field, "command") == 0)
		s->command = value;
	else if (strcmp(field, "process_limit") == 0)
		s->limit = value;
	else if (strcmp(field, "chroot") == 0)
		s->chroot = *value == 'y' || (*value == '-' && s->chroot);
	else if (strcmp(field, "unprivileged") == 0)
		s->privileged = *value == 'n';
}

/* Fields like "smtp/inet/chroot = y", service after service. The first field of
 * each is its name: two services in a row may have the same. */
static void
take_services(struct postconf *pc, const struct postconf_pairs *fields)
{
	struct postconf_service *s = NULL;
	const char *slash;
	size_t i, len;
	bool chroot;

	/* Postfix 3 changed the meaning of "-" in that column. */
	chroot =
	    strtol(postconf_value(pc, "compatibility_level"), NULL, 10) < 1;
	pc->services =
	    arena_array(pc->arena, SERVICES_MAX, sizeof(*pc->services));
	for (i = 0; i < fields->n; i++) {
		slash = strrchr(fields->v[i].name, '/');
		if (slash == NULL)
			continue;
		len = (size_t)(slash - fields->v[i].name);
		if (s == NULL || strcmp(slash + 1, "service") == 0) {
			if (pc->nservices == SERVICES_MAX)
				break;
			s = &pc->services[pc->nservices++];
			s->key =
			    arena_strndup(pc->arena, fields->v[i].name, len);
			s->name = s->type = s->command = "";
			s->chroot = chroot;
		}
		take_field(s, slash + 1, fields->v[i].value);
	}
}

struct postconf *
postconf_read(struct arena *a, struct failure *failure)
{
	struct postconf *pc;
	const char *config = getenv("MAIL_CONFIG");

	pc = arena_alloc(a, sizeof(*pc));
	pc->arena = a;
	pc->option = config == NULL
	    ? ""
	    : arena_concat(a, " -c ", shell_quote(a, config), NULL);
	if (ask(pc, "-x", &pc->values, failure) != 0 ||
	    ask(pc, "-n", &pc->given, failure) != 0)
		return (NULL);
	pc->queue = postconf_value(pc, "queue_directory");
	pc->config = postconf_value(pc, "config_directory");
	return (pc);
}

int
postconf_read_master(struct postconf *pc, struct failure *failure)
{
	struct postconf_pairs fields = {0};

	if (ask(pc, "-Px", &pc->overrides, failure) != 0 ||
	    ask(pc, "-Fx", &fields, failure) != 0)
		return (-1);
	take_services(pc, &fields);
	return (0);
}

const char *
postconf_tool(const struct postconf *pc, const char *name)
{
	return (arena_concat(pc->arena, postconf_value(pc, "command_directory"),
	    "/", name, NULL));
}

const char *
postconf_origin(const struct postconf *pc)
{
	const char *origin = postconf_value(pc, "myorigin");
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
	return (arena_strdup(pc->arena, line));
}

char *
postconf_word(char **list)
{
	char *start, *s;
	int depth;

	if (*list == NULL)
		return (NULL);
	start = *list + strspn(*list, ", \t\n");
	if (*start == '\0')
		return (NULL);
	depth = 0;
	for (s = start; *s != '\0'; s++) {
		depth += (*s == '{') - (*s == '}');
		if (depth == 0 && strchr(", \t\n", *s) != NULL)
			break;
	}
	*list = *s == '\0' ? s : s + 1;
	*s = '\0';
	return (start);
}

/* The list with one element more. */
static const char *
joined(const struct postconf *pc, const char *list, const char *element)
{
	return (arena_concat(
	    pc->arena, list, *list == '\0' ? "" : ", ", element, NULL));
}

const char *
postconf_filter(const struct postconf *pc, const char *list,
    bool (*unwanted)(char *), const char **found)
{
	const char *kept = "", *element;
	char *rest, *word;

	*found = NULL;
	rest = arena_strdup(pc->arena, list);
	while ((word = postconf_word(&rest)) != NULL) {
		element = arena_strdup(pc->arena, word);
		if (unwanted(word))
			*found = element;
		else
			kept = joined(pc, kept, element);
	}
	return (kept);
}

const char *
postconf_without(const struct postconf *pc, const char *list, const char *word)
{
	const char *kept = "";
	char *rest, *element;

	rest = arena_strdup(pc->arena, list);
	while ((element = postconf_word(&rest)) != NULL) {
		if (strcasecmp(element, word) != 0)
			kept = joined(pc, kept, element);
	}
	return (kept);
}

int
postconf_lookup(const struct postconf *pc, const char *map, const char *key,
    const char **value, struct failure *failure)
{
	const char *const argv[] = {
	    postconf_tool(pc, "postmap"), "-q", key, map, NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;

	*value = NULL;
	c.seconds = SECONDS;
	if (child_run(pc->arena, &c, &r, failure) != 0)
		return (-1);
	if (r.status == 0) {
		*value = arena_strndup(pc->arena, r.out, strcspn(r.out, "\n"));
		return (1);
	}
	if (*r.message != '\0')
		failure_set(failure, FAILURE_SETTINGS, "%s", r.message);
	/* A key that is not found is no fatal error of postmap(1). */
	return (strstr(r.message, "fatal: ") == NULL ? 0 : -1);
}

int
postconf_entries(const struct postconf *pc, const char *map, char **entries,
    struct failure *failure)
{
	const char *const argv[] = {
	    postconf_tool(pc, "postmap"), "-s", map, NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;

	c.seconds = SECONDS;
	c.max = OUTPUT_MAX;
	if (child_run(pc->arena, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0)
		return (failure_set(failure, FAILURE_SETTINGS, "%s",
		    *r.message == '\0' ? "postmap failed" : r.message));
	*entries = r.out;
	return (0);
}

/* A list without white space: postconf -P accepts none. */
static const char *
squeezed(const struct postconf *pc, const char *value)
{
	char *copy, *in, *out;

	copy = arena_strdup(pc->arena, value);
	for (in = out = copy; *in != '\0'; in++) {
		if (strchr(" \t\n", *in) == NULL) {
			*out++ = *in;
			continue;
		}
		in += strspn(in, " \t\n") - 1;
		if (out > copy && in[1] != '\0' &&
		    strchr(",{=", out[-1]) == NULL &&
		    strchr(",}=", in[1]) == NULL)
			*out++ = ',';
	}
	*out = '\0';
	return (copy);
}

const char *
postconf_edit(const struct postconf *pc, const struct postconf_service *service,
    const char *name, const char *value)
{
	if (service != NULL)
		value = squeezed(pc, value);
	value = shell_quote(pc->arena,
	    arena_printf(pc->arena, "%s%s%s%s%s",
		service == NULL ? "" : service->key, service == NULL ? "" : "/",
		name, *value == '\0' ? " =" : " = ", value));
	return (arena_concat(pc->arena, "postconf", pc->option,
	    service == NULL ? " -e " : " -P ", value, NULL));
}
