/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instances - the other instances of Postfix on this machine
 *
 * Those that the first one names in multi_instance_directories, and itself.
 * What cannot be read counts as not there.
 *
 * Threads: one. All strings live as long as the arena of the struct postconf.
 */
#ifndef INSTANCES_H
#define INSTANCES_H

struct postconf;

/* instances_listening(pc, port): the directory of the settings of another
 * instance that listens on ${port}; NULL if there is none. */
const char *instances_listening(const struct postconf *, const char *port);

/* instances_owner(pc, path): the directory of the settings of another instance
 * in whose queue directory ${path} is; NULL if there is none. */
const char *instances_owner(const struct postconf *, const char *path);

#endif
