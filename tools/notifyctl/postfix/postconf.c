/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postconf - what the Postfix on this machine is told by main.cf and master.cf
 *
 * Four runs of postconf(1) get all of it; what is asked later is searched for
 * in what they have printed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "lib/child.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"

#define SERVICES_MAX 1000
#define SECONDS 15
#define OUTPUT_MAX ((size_t)1 << 20)

static const char *ask(struct check *, const char *, const char **);
static const char *find(
    const struct postconf *, const char *, const char *, const char *);
static int read_services(struct postconf *, const char *);
static void say_unknown(
    const struct postconf *, const char *, const char *, const char *);
static const char *squeezed(const struct postconf *, const char *);
static void take_field(struct postconf_service *, const char *, const char *);

/* NULL and ${*why} if it fails. */
static const char *
ask(struct check *c, const char *option, const char **why)
{
	const char *const argv[] = {"postconf", option, NULL};
	struct child command = CHILD_INIT(argv);
	struct failure failure = FAILURE_INIT;
	struct child_result result;

	command.seconds = SECONDS;
	command.max = OUTPUT_MAX;
	if (child_run(c->arena, &command, &result, &failure) != 0) {
		*why = check_text(c, "%s", failure_text(&failure));
		failure_clear(&failure);
		return (NULL);
	}
	if (result.status != 0) {
		*why = result.message;
		return (NULL);
	}
	return (result.out);
}

/* The value in the line "${prefix}${name} = value" of ${text}, or NULL. */
static const char *
find(const struct postconf *pc, const char *text, const char *prefix,
    const char *name)
{
	const char *line, *end;
	size_t before = strlen(prefix), len = strlen(name);

	for (line = text; *line != '\0'; line = *end == '\0' ? end : end + 1) {
		end = line + strcspn(line, "\n");
		if (strncmp(line, prefix, before) != 0 ||
		    strncmp(line + before, name, len) != 0 ||
		    strncmp(line + before + len, " =", 2) != 0)
			continue;
		line += before + len + 2;
		line += strspn(line, " ");
		if (line > end)
			line = end;
		return (arena_strndup(
		    pc->check->arena, line, (size_t)(end - line)));
	}
	return (NULL);
}

const char *
postconf_value(const struct postconf *pc, const char *name)
{
	const char *value;

	value = find(pc, pc->values, "", name);
	return (value == NULL ? "" : value);
}

const char *
postconf_given(const struct postconf *pc, const char *name)
{
	const char *value;

	value = find(pc, pc->given, "", name);
	return (value == NULL ? postconf_value(pc, name) : value);
}

const char *
postconf_override(const struct postconf *pc,
    const struct postconf_service *service, const char *name)
{
	return (find(pc, pc->overrides,
	    check_text(pc->check, "%s/", service->key), name));
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
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		if (strcmp(pc->services[i].name, name) == 0 &&
		    strcmp(pc->services[i].type, type) == 0)
			return (&pc->services[i]);
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
	else if (strcmp(field, "chroot") == 0)
		s->chroot = *value == 'y' || (*value == '-' && s->chroot);
	else if (strcmp(field, "unprivileged") == 0)
		s->privileged = *value == 'n';
}

/* Lines like "smtp/inet/chroot = y", service after service. */
static int
read_services(struct postconf *pc, const char *text)
{
	struct postconf_service *s = NULL;
	char *copy, *line, *rest, *value, *field;
	bool chroot;

	/* What "-" in that column means has changed with Postfix 3. */
	chroot =
	    strtol(postconf_value(pc, "compatibility_level"), NULL, 10) < 1;
	copy = arena_strdup(pc->check->arena, text);
	pc->services =
	    arena_array(pc->check->arena, SERVICES_MAX, sizeof(*pc->services));
	if (copy == NULL || pc->services == NULL)
		return (-1);
	for (line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		value = strstr(line, " =");
		if (value == NULL)
			continue;
		*value = '\0';
		value += 2 + strspn(value + 2, " ");
		field = strrchr(line, '/');
		if (field == NULL)
			continue;
		*field++ = '\0';
		if (s == NULL || strcmp(s->key, line) != 0) {
			if (pc->nservices == SERVICES_MAX)
				break;
			s = &pc->services[pc->nservices++];
			s->key = line;
			s->name = s->type = s->command = "";
			s->chroot = chroot;
		}
		take_field(s, field, value);
	}
	return (0);
}

struct postconf *
postconf_read(struct check *c, const char **why)
{
	struct postconf *pc;
	const char *config = getenv("MAIL_CONFIG"), *fields;

	*why = NULL;
	pc = arena_alloc(c->arena, sizeof(*pc));
	if (pc == NULL)
		return (NULL);
	pc->check = c;
	pc->command = config == NULL
	    ? "postconf"
	    : check_text(c, "postconf -c %s", check_quote(c, config));
	if ((pc->values = ask(c, "-x", why)) == NULL ||
	    (pc->given = ask(c, "-n", why)) == NULL ||
	    (pc->overrides = ask(c, "-Px", why)) == NULL ||
	    (fields = ask(c, "-Fx", why)) == NULL ||
	    read_services(pc, fields) != 0)
		return (NULL);
	pc->queue = postconf_value(pc, "queue_directory");
	pc->config = postconf_value(pc, "config_directory");
	return (pc);
}

char *
postconf_word(char **list)
{
	char *start, *s;
	int depth;

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

char *
postconf_words(const struct postconf *pc, const char *list)
{
	char *copy;

	copy = arena_strdup(pc->check->arena, list);
	return (copy == NULL ? (char *)(uintptr_t) "" : copy);
}

/* Nothing found is not fatal to postmap(1); not to have looked is. */
static void
say_unknown(const struct postconf *pc, const char *map, const char *key,
    const char *message)
{
	struct check *c = pc->check;

	c->postfix->failures++;
	check_found(c, CHECK_NOTE, CHECK_RUN,
	    check_text(c, "%s cannot be asked: %s", map, message),
	    "what Postfix finds there is not looked at",
	    check_text(c, "postmap -q %s %s", check_quote(c, key),
		check_quote(c, map)));
}

const char *
postconf_lookup_in(const struct postconf *pc, const char *map, const char *key)
{
	const char *const argv[] = {"postmap", "-q", key, map, NULL};
	struct child command = CHILD_INIT(argv);
	struct failure failure = FAILURE_INIT;
	struct child_result result;
	size_t len;

	if (strchr(map, ':') == NULL)
		return (NULL);
	command.seconds = SECONDS;
	if (child_run(pc->check->arena, &command, &result, &failure) != 0) {
		say_unknown(pc, map, key,
		    check_text(pc->check, "%s", failure_text(&failure)));
		failure_clear(&failure);
		return (NULL);
	}
	if (result.status != 0 && strstr(result.message, "fatal: ") != NULL)
		say_unknown(pc, map, key, result.message);
	len = strcspn(result.out, "\n");
	if (result.status != 0 || len == 0)
		return (NULL);
	return (arena_strndup(pc->check->arena, result.out, len));
}

const char *
postconf_lookup(const struct postconf *pc, const char *maps, const char *key)
{
	char *rest, *word;
	const char *found;

	for (rest = postconf_words(pc, maps);
	     (word = postconf_word(&rest)) != NULL;) {
		found = postconf_lookup_in(pc, word, key);
		if (found != NULL)
			return (found);
	}
	return (NULL);
}

/* A list without white space, which postconf(1) takes none of for master.cf. */
static const char *
squeezed(const struct postconf *pc, const char *value)
{
	char *copy, *in, *out;

	copy = arena_strdup(pc->check->arena, value);
	if (copy == NULL)
		return (value);
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
	struct check *c = pc->check;

	if (service == NULL)
		return (check_text(c, "%s -e %s", pc->command,
		    check_quote(c,
			check_text(c, "%s%s%s", name,
			    *value == '\0' ? " =" : " = ", value))));
	return (check_text(c, "%s -P %s", pc->command,
	    check_quote(c,
		check_text(c, "%s/%s%s%s", service->key, name,
		    *value == '\0' ? " =" : " = ", squeezed(pc, value)))));
}
