/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listeners - where Postfix takes mail by SMTP and shows it to the milter
 *
 * Threads: one. All strings live as long as the arena of the struct postconf.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;
struct postconf;

struct listener {
	const char *host; /* a name or an address to connect to */
	const char *port; /* a name or a number */
	/* smtpd_milter_maps: they may exempt some clients from the milter. */
	const char *milter_maps;
};

/*
 * listeners_find(pc, socket, v, n, failure):
 * The listeners that show all mail to the milter at ${socket}, before it is
 * queued, and that do not require TLS. When in doubt a listener is left out.
 * -1 if there is none: ${failure} says why, and what to do.
 */
int listeners_find(struct postconf *, const char *socket, struct listener **v,
    size_t *n, struct failure *) WARN_UNUSED;

/*
 * listeners_exempt(pc, l, address, failure):
 * 1 if the maps of ${l} have an entry for a client at ${address}, 0 if not, -1
 * if a lookup fails or postmap(1) warns.
 */
int listeners_exempt(const struct postconf *, const struct listener *,
    const char *address, struct failure *) WARN_UNUSED;

#endif
