/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child - run a program and read its output
 *
 * No shell: the arguments reach the program as they are. Output and time are
 * limited; more is a failure, never half an answer.
 *
 * Threads: any. Strings are allocated from the arena. Descriptors 0 to 2 must
 * be open.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;

struct child {
	/* Ends with NULL. A name without a slash is searched in $PATH, then in
	 * /usr/sbin. */
	const char *const *argv;
	int seconds; /* time limit */
	size_t max;  /* bytes of its standard output */
	/* Descriptors for its standard input and output; -1: /dev/null, and
	 * read into the result. */
	int input, output;
	bool quiet; /* both outputs are discarded */
	/* A signal that ends the caller and its process group, such as that of
	 * ^C at a terminal, does not end it. */
	bool apart;
};

/* No input, and the output is wanted: at most 64 KiB, within 30 seconds. */
#define CHILD_INIT(arguments)                                                  \
	{                                                                      \
		.argv = (arguments), .seconds = 30, .max = 64 << 10,           \
		.input = -1, .output = -1                                      \
	}

struct child_result {
	int status;	     /* exit status */
	char *out;	     /* its standard output, ended by a NUL */
	size_t len;	     /* bytes in it */
	const char *message; /* last line on standard error, or "" */
};

/*
 * child_run(a, child, result, failure):
 * 0 if the program exited, whatever its status. -1 if it could not be started
 * (FAILURE_UNKNOWN: no such program), was killed by a signal, or exceeded a
 * limit; then ${result} is not set, and a program that was started may have
 * done its work.
 */
int child_run(struct arena *, const struct child *, struct child_result *,
    struct failure *) WARN_UNUSED;

#endif
