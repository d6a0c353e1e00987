/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * problems - all faults in the addresses of one command, for one message
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
	enum failure_kind kind; /* of the worst */
	const char **v;
	size_t n, cap;
	size_t room; /* bytes that they need when joined */
};

/* problems_add(p, kind, address, why): ${address} as typed; ${why} NULL: out of
 * memory. 0, or -1 with the failure if out of memory. */
int problems_add(struct problems *, enum failure_kind, const char *address,
    const char *why) WARN_UNUSED;

/* problems_refuse(p, what, expected, ...): fail with "${what}: " and all
 * faults. Returns -1. */
int problems_refuse(struct problems *, const char *what, const char *expected,
    ...) PRINTF_LIKE(3, 4) WARN_UNUSED;

#endif
