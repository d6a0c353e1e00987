/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_milters - a list of milters, as Postfix has it
 *
 * Threads: one.
 */
#ifndef CHECK_MILTERS_H
#define CHECK_MILTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct check;
struct postconf_service;

#define MILTERS_MAX 50

enum milters_match {
	MILTERS_OTHER, /* it is another milter */
	MILTERS_OURS,  /* it leads to our socket */
	MILTERS_MEANT, /* it is written as if it did, and does not */
};

/* One list of milters, and who reads it. */
struct milters {
	const char *name;			 /* of the parameter */
	const struct postconf_service *override; /* NULL: it is main.cf's */
	const struct postconf_service *reader;
	const char *value; /* with $names expanded */
	size_t n;
	size_t ours; /* n: it is not in the list */
	enum milters_match match;
	struct milter {
		const char *text;    /* as it is written */
		const char *address; /* "unix:..." or "inet:..." */
		const char *action;  /* its own default_action, or NULL */
	} v[MILTERS_MAX];
};

/* milters_read(c, m, name, reader): the list that is in force for ${reader}. */
void milters_read(struct check *, struct milters *, const char *name,
    const struct postconf_service *);

/* milters_address(c, reader): how ${reader} must name our socket; NULL if it
 * cannot reach it. */
const char *milters_address(struct check *, const struct postconf_service *);

/* milters_path(c, reader, path): where a path leads, seen from ${reader}. */
const char *milters_path(
    struct check *, const struct postconf_service *, const char *);

#endif
