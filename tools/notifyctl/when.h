/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * when - days and times on the command line
 *
 * In local time, as the mail log has them. A time may also be one that
 * notifyctl printed, with its zone.
 *
 * Threads: one.
 */
#ifndef WHEN_H
#define WHEN_H

#include <stdint.h>

#include "base/compiler.h"

struct arena;
struct failure;

/*
 * when_day(a, text, from, to, failure): a day, as "2026-11-28", begins at
 * ${*from} and ends before ${*to}. 0 or -1.
 */
int when_day(struct arena *, const char *, int64_t *from, int64_t *to,
    struct failure *) WARN_UNUSED;

/*
 * when_time(a, text, now, at, failure): the beginning of a day, or a time:
 * "2026-11-28 14:05", with seconds or without; with "T" for the space and a
 * zone, or without; "14:05", today; "Nov 28 14:05:07", in the last twelve
 * months before ${now}. 0 or -1.
 */
int when_time(struct arena *, const char *, int64_t now, int64_t *at,
    struct failure *) WARN_UNUSED;

#endif
