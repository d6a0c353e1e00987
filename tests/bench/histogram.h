/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram - counts values, exact to about one per cent
 *
 * Values up to 64 have a bucket each; above, every power of two has 64 buckets.
 * Any number of values needs no more memory.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS 64
#define HISTOGRAM_SIZE (59 * HISTOGRAM_PARTS)

struct histogram {
	uint64_t counts[HISTOGRAM_SIZE];
	uint64_t n, max;
};

void histogram_add(struct histogram *, uint64_t value);

/* The value that ${share} of the values do not exceed; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *, double share);

#endif
