/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hours - a part of each day, like 22:00-07:00
 *
 * Threads: any.
 */
#ifndef HOURS_H
#define HOURS_H

#include <stdbool.h>
#include <time.h>

#include "base/compiler.h"

/* Minutes of the day; the end is not part of it. Zeros: no part. */
struct hours {
	int from, to;
};

/* hours_read(text, hours): 1, or 0 if it is not HH:MM-HH:MM with two different
 * times. A ${text} of "" is no part of the day. */
int hours_read(const char *text, struct hours *) WARN_UNUSED;

/* hours_has(hours, at): is it that part of the day at ${at}, by the clock on
 * the wall of the time zone in effect (TZ)? */
bool hours_has(const struct hours *, time_t at);

#endif
