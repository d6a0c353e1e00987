/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - counters of what the milter has done
 *
 * Counting is done in memory. A thread writes the file that `[milter]
 * stats_file` names (counters.h) every few seconds if a counter has changed. A
 * failure is logged once and affects no mail.
 *
 * Threads: any, between stats_start() and stats_end().
 */
#ifndef STATS_H
#define STATS_H

#include <stdbool.h>

#include "base/compiler.h"

struct decision;

/* stats_start(): continue from the values in the file. 0, or -1: no thread. */
int stats_start(void) WARN_UNUSED;

/* stats_write(): write the file now. */
void stats_write(void);

/* stats_end(quiet): write the file for the last time. ${quiet}: no thread
 * counts any more, so that the counters can be freed. */
void stats_end(bool quiet);

/* stats_untagged(): a message without a tag has passed. */
void stats_untagged(void);

/* stats_count(decision, seconds): a message was decided within ${seconds}. */
void stats_count(const struct decision *, double seconds);

#endif
