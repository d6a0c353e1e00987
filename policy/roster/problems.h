/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * problems - what is wrong with the addresses of one command, all of it
 *
 * Threads: one. Cut from the arena of the changes.
 */
#ifndef PROBLEMS_H
#define PROBLEMS_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/failure.h"

struct changes;

/* Begin with {.changes = c}. */
struct problems {
	struct changes *changes;
	enum failure_kind kind; /* of the gravest */
	const char **v;
	size_t n, cap;
	size_t room; /* that they take, joined */
};

/* problems_add(p, kind, address, why): ${address} as it was typed; ${why} NULL:
 * no memory for it. 0, or -1 with the failure: no memory. */
int problems_add(struct problems *, enum failure_kind, const char *address,
    const char *why) WARN_UNUSED;

/* problems_refuse(p, what, expected, ...): ${what} was not done, for all of
 * them; returns -1, with the failure. */
int problems_refuse(struct problems *, const char *what, const char *expected,
    ...) PRINTF_LIKE(3, 4) WARN_UNUSED;

#endif
