/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report - the log lines of a message
 *
 * policy/README.md, What happens to a message, at its end: one line per tagged
 * message, queue id first, and one for each dropped recipient.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

struct arena;
struct decision;
struct message;

/* report(queue_id, message, decision, monitor, a): log what was decided. */
void report(const char *queue_id, const struct message *,
    const struct decision *, bool monitor, struct arena *);

#endif
