/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - durations and deadlines
 *
 * None of these is the time of day: setting the clock changes no timeout.
 *
 * Threads: any.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* clock_ms(), clock_us(): milliseconds and microseconds of CLOCK_MONOTONIC. */
int64_t clock_ms(void);
int64_t clock_us(void);

/* clock_boot_ms(): milliseconds of CLOCK_BOOTTIME, which also counts the time
 * in which the machine was suspended. */
int64_t clock_boot_ms(void);

/* clock_deadline(ms): the moment ${ms} milliseconds from now on
 * CLOCK_MONOTONIC, as pthread_cond_timedwait(3) takes it. */
struct timespec clock_deadline(int64_t ms);

#endif
