/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tally - what was decided since a time, counted from the mail log
 *
 * The counters of the programs begin when their files do; the log has times.
 *
 * Threads: one at a time.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdint.h>

#include "base/compiler.h"

struct arguments;
struct counters;
struct ctl;
struct tally;

/*
 * tally_new(ctl, args, since): read the log that ${args} name, or the usual
 * one, from ${since} (Unix seconds) on; lines without a time count. NULL with
 * ctl->failure. Until tally_free(); NULL is fine.
 */
struct tally *tally_new(
    struct ctl *, const struct arguments *, int64_t since) WARN_UNUSED;
void tally_free(struct tally *);

/* tally_counters(t): as the milter and notify-telegram count. */
const struct counters *tally_counters(const struct tally *);

/* tally_stopped(ctl, t): a table of the messages that were discarded or held,
 * who owns their accounts now, and what of the log could not be read. */
void tally_stopped(struct ctl *, const struct tally *);

#endif
