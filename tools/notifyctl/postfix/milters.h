/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milters - a list of milters in Postfix's settings, and which of them is ours
 *
 * A path is judged by the file that it leads to, as the daemon that reads the
 * list would follow it: from the queue directory, and inside the chroot if it
 * has one. An equal text that leads elsewhere is not ours.
 *
 * Threads: one.
 */
#ifndef MILTERS_H
#define MILTERS_H

#include <stdbool.h>
#include <stddef.h>

struct postconf;
struct postconf_service;

#define MILTERS_MAX 50

enum milters_match {
	MILTERS_OTHER, /* another milter */
	MILTERS_OURS,  /* leads to our socket */
	MILTERS_MEANT, /* means our socket, but does not lead there */
};

struct milters {
	size_t n;
	size_t ours; /* n if no element is ours or means ours */
	enum milters_match match;
	struct milter {
		const char *text;    /* as it is written */
		const char *address; /* "unix:..." or "inet:..." */
		size_t address_at;   /* where in ${text} that is */
		enum milters_match match;
		const char *action;   /* its own default_action, or NULL */
		size_t action_at;     /* where in ${text} that is */
		const char *protocol; /* its own protocol, likewise */
		size_t protocol_at;
	} v[MILTERS_MAX];
};

/*
 * milters_read(pc, socket, reader, list, m):
 * Read ${list} as ${reader} does; ${socket} is ours, as our settings have it.
 * Returns m->match.
 */
enum milters_match milters_read(const struct postconf *, const char *socket,
    const struct postconf_service *reader, const char *list, struct milters *);

/* milters_address(pc, socket, reader): how ${reader} must name our socket; NULL
 * if it cannot reach it. */
const char *milters_address(const struct postconf *, const char *socket,
    const struct postconf_service *reader);

/* milters_path(pc, reader, path): the file that ${path} is to ${reader}. */
const char *milters_path(const struct postconf *,
    const struct postconf_service *reader, const char *path);

/* milters_speaks(version): does Postfix support this milter_protocol? The
 * milter works with each of them. */
bool milters_speaks(const char *version);

/* milters_off(pc, service): does receive_override_options turn milters off? */
bool milters_off(const struct postconf *, const struct postconf_service *);

#endif
