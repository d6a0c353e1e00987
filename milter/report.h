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
struct evaluate_standby;
struct message;

/* report(queue_id, message, decision, monitor, a): log the decision. */
void report(const char *queue_id, const struct message *,
    const struct decision *, bool monitor, struct arena *);

/* report_standby(queue_id, standby, a): log news of the standby, if any. */
void report_standby(
    const char *queue_id, const struct evaluate_standby *, struct arena *);

#endif
