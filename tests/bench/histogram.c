/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram - counts values, exact to about one per cent
 */
#include <stddef.h>

#include "bench/histogram.h"

static size_t place(uint64_t);
static uint64_t value_at(size_t);

static size_t
place(uint64_t value)
{
	int power;

	if (value < HISTOGRAM_PARTS)
		return ((size_t)value);
	power = 63 - __builtin_clzll(value) - 6; /* 2^6 parts */
	return ((size_t)(power + 1) * HISTOGRAM_PARTS +
	    (size_t)(value >> power) - HISTOGRAM_PARTS);
}

/* The greatest value of bucket ${i}. */
static uint64_t
value_at(size_t i)
{
	size_t power;

	if (i < HISTOGRAM_PARTS)
		return (i);
	power = i / HISTOGRAM_PARTS - 1;
	return (
	    ((uint64_t)(i % HISTOGRAM_PARTS + HISTOGRAM_PARTS + 1) << power) -
	    1);
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	h->counts[place(value)]++;
	h->n++;
	if (value > h->max)
		h->max = value;
}

uint64_t
histogram_quantile(const struct histogram *h, double share)
{
	uint64_t seen = 0;
	size_t i;

	if (h->n == 0)
		return (0);
	for (i = 0; i < HISTOGRAM_SIZE; i++) {
		seen += h->counts[i];
		if (seen > 0 && (double)seen >= share * (double)h->n)
			return (value_at(i) < h->max ? value_at(i) : h->max);
	}
	return (h->max);
}
