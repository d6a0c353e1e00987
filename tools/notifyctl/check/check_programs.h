/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_programs - which daemons run, by systemd or started by hand
 *
 * Threads: one. Strings live as long as the command.
 */
#ifndef CHECK_PROGRAMS_H
#define CHECK_PROGRAMS_H

#include <stdbool.h>

struct check;

/*
 * check_programs_find(c, program, test, arg):
 * A process of ${program} that was started with our settings, and for which
 * ${test} is true, as its directory below /proc; NULL: there is none.
 */
const char *check_programs_find(struct check *, const char *program,
    bool (*test)(struct check *, const char *proc, const void *arg),
    const void *arg);

/* check_programs_start(c, program): the command that starts ${program}. */
const char *check_programs_start(struct check *, const char *program);

/* check_programs_restart(c, program, what, why): an error whose fix is to stop
 * that process of ${program} which has our settings, and to start it. */
void check_programs_restart(
    struct check *, const char *program, const char *what, const char *why);

/* check_programs(c, program): is the program that runs the one that is
 * installed, and does systemd run it, if it has a unit of it? */
void check_programs(struct check *, const char *program);

#endif
