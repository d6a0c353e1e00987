/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_filters - to which content filters mail goes, and how a transport to
 * one keeps the headers that the last hop takes off
 *
 * Threads: one. Strings live as long as the command.
 */
#ifndef CHECK_FILTERS_H
#define CHECK_FILTERS_H

#include "notifyctl/check/check_tables.h"

struct check;
struct postconf_service;

/* In c->filters, after check_filters_read(). */
struct check_filter {
	struct check_filter *next;
	struct check_table at; /* map NULL: in the setting itself */
	const char *transport;
};

/* check_filters_shared(c, transport): does mail that is not for a filter go by
 * the transport too? 1, 0, or -1 if a map that routes mail cannot be read. */
int check_filters_shared(struct check *, const char *transport);

/* check_filters_own(c, service, name): the commands that give the filters of
 * the transport ${service} a copy of it, in which the setting ${name} is empty.
 */
const char *check_filters_own(
    struct check *, const struct postconf_service *, const char *name);

#endif
