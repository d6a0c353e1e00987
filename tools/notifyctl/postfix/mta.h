/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta - what Postfix's settings say about the road to the milter
 *
 * The instance is the one that $MAIL_CONFIG names, as with Postfix's own
 * commands, else the system's.
 *
 * Threads: one at a time. Everything is cut from the arena given to mta_open().
 */
#ifndef MTA_H
#define MTA_H

#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;
struct mta;
struct settings;

/* A place where Postfix takes mail by SMTP and shows it to the milter. */
struct mta_listener {
	const char *host; /* a name or an address to connect to */
	const char *port; /* a name or a number */
	/* Tables that may take the milter from some clients, or "". */
	const char *milter_maps;
};

/* mta_open(a, failure): read the settings; NULL with FAILURE_UNKNOWN if there
 * is no postconf(1). */
struct mta *mta_open(struct arena *, struct failure *) WARN_UNUSED;

/* mta_setting(m, name): one of main.cf that this module reads; never NULL. */
const char *mta_setting(const struct mta *, const char *name);

/* mta_tool(m, name): where one of Postfix's commands lies; NULL for no
 * memory. */
const char *mta_tool(const struct mta *, const char *name) WARN_UNUSED;

/* mta_origin(m): the domain of addresses that have none; "" if it cannot be
 * known; NULL for no memory. */
const char *mta_origin(const struct mta *) WARN_UNUSED;

/*
 * mta_listeners(m, settings, v, n, failure):
 * Every listener at which all mail meets the milter, and that answers without
 * TLS. -1 if there is none; the failure says why, and what would be right.
 */
int mta_listeners(struct mta *, const struct settings *,
    struct mta_listener **v, size_t *n, struct failure *) WARN_UNUSED;

/*
 * mta_exempt(m, l, address, failure):
 * 1 if the tables of ${l} have a rule of their own for clients at ${address},
 * 0 if not, -1 if they cannot be asked.
 */
int mta_exempt(struct mta *, const struct mta_listener *, const char *address,
    struct failure *) WARN_UNUSED;

/* mta_queue_id(id, failure): 0 if ${id} may be a queue id; else -1. */
int mta_queue_id(const char *id, struct failure *) WARN_UNUSED;

#endif
