/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - what the milter has done, counted
 *
 * Counting is adding up in memory; a thread of its own writes the file that
 * `[milter] stats_file` names (counters.h) every few seconds, when something
 * has changed. What goes wrong with it is logged once and touches no mail.
 *
 * Threads: any, between stats_start() and stats_end().
 */
#ifndef STATS_H
#define STATS_H

#include <stdbool.h>

#include "base/compiler.h"

struct decision;

/* stats_start(): go on from what the file says. 0, or -1: no thread. */
int stats_start(void) WARN_UNUSED;

/* stats_write(): write the file now rather than some seconds later. */
void stats_write(void);

/* stats_end(quiet): write the file for the last time. ${quiet}: nobody counts
 * any more, and what was counted can be freed. */
void stats_end(bool quiet);

/* stats_untagged(): a message without a tag has passed. */
void stats_untagged(void);

/* stats_count(decision, seconds): a message was decided in so many ${seconds}.
 */
void stats_count(const struct decision *, double seconds);

#endif
