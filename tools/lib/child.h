/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child - runs a program and takes what it says
 *
 * No shell: the arguments reach the program as they are. Its output and its
 * time are bounded; whatever goes beyond is a failure, never half an answer.
 *
 * Threads: any. Strings are cut from the arena that is given. Descriptors 0 to
 * 2 must be open.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;

struct child {
	/* Ends with NULL. A name without a slash is looked for in $PATH, then
	 * in /usr/sbin, where an administrator's programs lie. */
	const char *const *argv;
	int seconds; /* it may take; 0: 30 */
	size_t max;  /* octets of its standard output; 0: 64 KiB */
	/* Descriptors for its standard input and output; -1: /dev/null, and
	 * taken into the result. */
	int input, output;
};

/* One that reads nothing, and whose output is wanted. */
#define CHILD_INIT(arguments)                                                  \
	{                                                                      \
		.argv = (arguments), .input = -1, .output = -1                 \
	}

struct child_result {
	int status;	     /* with which it ended */
	const char *out;     /* its standard output, ended by a NUL */
	size_t len;	     /* octets in it */
	const char *message; /* last line on standard error, or "" */
};

/*
 * child_run(a, child, result, failure):
 * 0 when the program has ended of itself, whatever its status. -1 when it could
 * not be started, was ended by a signal, took too long or said too much;
 * then ${result} is not to be used, and whether it has done its work is not
 * known unless it could not be started (FAILURE_UNKNOWN: there is no such
 * program).
 */
int child_run(struct arena *, const struct child *, struct child_result *,
    struct failure *) WARN_UNUSED;

/*
 * child_line(a, argv, failure):
 * What a program that ends with 0 prints, without the newlines at its end; NULL
 * and ${failure} when it does not.
 */
const char *child_line(
    struct arena *, const char *const *argv, struct failure *) WARN_UNUSED;

#endif
