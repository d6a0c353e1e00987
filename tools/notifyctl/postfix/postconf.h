/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postconf - the settings in Postfix's main.cf and master.cf
 *
 * postconf(1) reads the files, so the answers are Postfix's own. The instance
 * is the one that $MAIL_CONFIG names, as with Postfix's commands, else the
 * system's. A Postfix that was not reloaded since may still use older settings.
 *
 * Threads: one. All strings live as long as the arena, which must end the
 * program if it is out of memory (arena_require).
 */
#ifndef POSTCONF_H
#define POSTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;

struct postconf_service {
	const char *key;     /* "smtp/inet" */
	const char *name;    /* "smtp", "127.0.0.1:10025" */
	const char *type;    /* "inet", "unix", "pass" */
	const char *command; /* the program and its arguments */
	const char *limit;   /* of processes: a number, or "-" */
	bool chroot;
	bool privileged;
};

/* "name = value", as postconf(1) prints it. */
struct postconf_pairs {
	struct postconf_pair {
		const char *name;
		const char *value;
	} * v;
	size_t n, cap;
};

struct postconf {
	struct arena *arena;
	const char *option; /* of its commands: "" or " -c DIRECTORY", quoted */
	const char *queue;  /* queue_directory */
	const char *config; /* config_directory */
	/* After postconf_read_master(). If master.cf has a service twice, so
	 * has this; the overrides are then those of both. */
	struct postconf_service *services;
	size_t nservices;
	/* With $names expanded; as main.cf has them; -o in master.cf. */
	struct postconf_pairs values, given, overrides;
};

/* postconf_read(a, failure): read main.cf. NULL with FAILURE_UNKNOWN if there
 * is no postconf(1). */
struct postconf *postconf_read(struct arena *, struct failure *) WARN_UNUSED;

/* postconf_read_master(pc, failure): read master.cf too. */
int postconf_read_master(struct postconf *, struct failure *) WARN_UNUSED;

/* postconf_value(pc, name): with $names expanded; "" if it is not set. */
const char *postconf_value(const struct postconf *, const char *name);

/* postconf_given(pc, name): as main.cf has it, or the default. */
const char *postconf_given(const struct postconf *, const char *name);

/* postconf_override(pc, service, name): the -o of master.cf, or NULL. */
const char *postconf_override(
    const struct postconf *, const struct postconf_service *, const char *name);

/* postconf_for(pc, service, name): the value in effect for ${service}. */
const char *postconf_for(
    const struct postconf *, const struct postconf_service *, const char *name);

/* postconf_runs(service, program): does the service run ${program}? */
bool postconf_runs(const struct postconf_service *, const char *program);

/* postconf_service(pc, name, type): the service, the last of several; or NULL.
 */
const struct postconf_service *postconf_service(
    const struct postconf *, const char *name, const char *type);

/* postconf_tool(pc, name): the path of one of Postfix's commands. */
const char *postconf_tool(const struct postconf *, const char *name);

/* postconf_origin(pc): the domain that completes addresses; "" if it is not
 * known. */
const char *postconf_origin(const struct postconf *);

/* postconf_word(&rest): cut the next element off a list: a word, or what is in
 * braces. NULL at the end of the list, or of a NULL list. */
char *postconf_word(char **);

/*
 * postconf_filter(pc, list, unwanted, found):
 * The list without the elements for which unwanted() is true; ${*found} is the
 * last of these, or NULL. unwanted() may change the text that it gets.
 */
const char *postconf_filter(const struct postconf *, const char *list,
    bool (*unwanted)(char *), const char **found);

/* postconf_without(pc, list, word): the list without ${word}. */
const char *postconf_without(
    const struct postconf *, const char *list, const char *word);

/*
 * postconf_lookup(pc, map, key, value, failure):
 * Look ${key} up in one map, as Postfix does. 1 found, 0 not found, -1 could
 * not tell. With 0, ${failure} has the last warning of postmap(1), if any.
 */
int postconf_lookup(const struct postconf *, const char *map, const char *key,
    const char **value, struct failure *) WARN_UNUSED;

/* postconf_entries(pc, map, entries, failure): all entries of a map, a line
 * each: the key, white space, the value. 0, or -1 if such maps cannot be
 * listed, or it is too large. */
int postconf_entries(const struct postconf *, const char *map, char **entries,
    struct failure *) WARN_UNUSED;

/* postconf_edit(pc, service, name, value): the shell command that sets ${name}
 * for ${service}, or in main.cf if that is NULL. */
const char *postconf_edit(const struct postconf *,
    const struct postconf_service *, const char *name, const char *value);

#endif
