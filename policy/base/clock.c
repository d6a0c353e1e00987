/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - durations and deadlines
 */
#include "base/clock.h"

static int64_t
microseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return ((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

int64_t
clock_ms(void)
{
	return (microseconds(CLOCK_MONOTONIC) / 1000);
}

int64_t
clock_us(void)
{
	return (microseconds(CLOCK_MONOTONIC));
}

int64_t
clock_boot_ms(void)
{
	return (microseconds(CLOCK_BOOTTIME) / 1000);
}

struct timespec
clock_deadline(int64_t ms)
{
	int64_t at = microseconds(CLOCK_MONOTONIC) + ms * 1000;

	return ((struct timespec){
	    .tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000});
}
