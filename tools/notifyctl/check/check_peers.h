/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_peers - what answers where Postfix's lists of milters lead
 *
 * Threads: one. Strings live as long as the command.
 */
#ifndef CHECK_PEERS_H
#define CHECK_PEERS_H

#include <stdbool.h>

struct check;
struct milter;
struct postconf_service;

enum check_peer {
	PEER_MILTER,	/* a milter, not notify-milter */
	PEER_NOTIFY,	/* a notify-milter */
	PEER_SILENT,	/* a program that does not answer */
	PEER_NO_MILTER, /* a program that is no milter */
	PEER_NOBODY,	/* no program */
	PEER_DENIED,	/* one to which Postfix's user cannot connect */
	PEER_UNSEEN,	/* only root can tell */
	PEER_MALFORMED, /* the address is not Postfix's syntax */
};

/* check_peers_ask(c, reader, m, why): what answers at ${m} of a list that
 * ${reader} reads. With PEER_NOBODY, ${*why} is the system's reason. Each
 * address is asked once. */
enum check_peer check_peers_ask(struct check *, const struct postconf_service *,
    const struct milter *, const char **why);

/*
 * check_peers_former(c, reader, m):
 * Was ${m} our milter's, before its socket was changed? So it is if nothing
 * answers there, and its name or its directory is the milter's; or if a
 * notify-milter listens there that was started with our settings.
 */
bool check_peers_former(
    struct check *, const struct postconf_service *, const struct milter *);

#endif
