/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passed - who of a message's accounts did not get it, and why
 *
 * The log has a line for a recipient who was dropped, and none for a user who
 * was never among the recipients. So these are looked up in the roster as of
 * now.
 *
 * Threads: one at a time.
 */
#ifndef PASSED_H
#define PASSED_H

#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/trace/standing.h"

struct ctl;
struct history;
struct trace_people;

/*
 * passed_over(ctl, st, m, people, n): those of ${people}, the users of the
 * accounts of ${m}, who are in none of its lines, the entitled first.
 */
struct standing_person *passed_over(struct ctl *, struct standing *,
    const struct history *, const struct trace_people *, size_t *n) WARN_UNUSED;

#endif
