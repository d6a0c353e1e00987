/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * postconf - what the Postfix on this machine is told by main.cf and master.cf
 *
 * Asked of postconf(1), which is Postfix's own reading of them, for the
 * instance that $MAIL_CONFIG names, or the system's.
 *
 * Threads: one. Strings live as long as the arena.
 */
#ifndef POSTCONF_H
#define POSTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct check;

struct postconf_service {
	const char *key;     /* "smtp/inet" */
	const char *name;    /* "smtp", "127.0.0.1:10025" */
	const char *type;    /* "inet", "unix", "pass" */
	const char *command; /* the program and its arguments */
	bool chroot;
	bool privileged;
};

struct postconf {
	struct check *check;
	const char *command; /* "postconf", with -c if that is needed */
	const char *queue;   /* queue_directory */
	const char *config;  /* config_directory */
	struct postconf_service *services;
	size_t nservices;
	size_t failures; /* lookups that could not be made */
	/* As postconf printed them: "name = value" in each line. */
	const char *values, *given, *overrides;
};

/* postconf_read(check): NULL if postconf(1) cannot be run; then ${*why}. */
struct postconf *postconf_read(struct check *, const char **why) WARN_UNUSED;

/* postconf_value(pc, name): with $names expanded; "" for none. */
const char *postconf_value(const struct postconf *, const char *);

/* postconf_given(pc, name): as main.cf has it, or the default. */
const char *postconf_given(const struct postconf *, const char *);

/* postconf_override(pc, service, name): what -o in master.cf says, or NULL. */
const char *postconf_override(
    const struct postconf *, const struct postconf_service *, const char *);

/* postconf_for(pc, service, name): what is in force for ${service}. */
const char *postconf_for(
    const struct postconf *, const struct postconf_service *, const char *);

/* postconf_runs(service, program): is it that program? */
bool postconf_runs(const struct postconf_service *, const char *);

/* postconf_service(pc, name, type): NULL if there is none. */
const struct postconf_service *postconf_service(
    const struct postconf *, const char *name, const char *type);

/* postconf_word(rest): cut the next element, which may be in braces, off a
 * list; NULL at the end. */
char *postconf_word(char **);

/* postconf_words(pc, list): a copy to be cut. */
char *postconf_words(const struct postconf *, const char *);

/* postconf_lookup(pc, maps, key): what the first map that knows ${key} has for
 * it, or NULL. postconf_lookup_in(pc, map, key): one map. A lookup that could
 * not be made is NULL too, one more of pc->failures, and a finding. */
const char *postconf_lookup(
    const struct postconf *, const char *maps, const char *key);
const char *postconf_lookup_in(
    const struct postconf *, const char *map, const char *key);

/* postconf_edit(pc, service, name, value): the command that sets it, in main.cf
 * if ${service} is NULL. */
const char *postconf_edit(const struct postconf *,
    const struct postconf_service *, const char *name, const char *value);

#endif
