/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters - what was counted, in a file that Prometheus reads
 *
 * The file has the text format of Prometheus, for node_exporter's textfile
 * collector, and is replaced whole: who reads it sees all of one moment. It is
 * read back at the start, so that counting goes on over a restart.
 *
 * Threads: one at a time, unless said otherwise.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;

/* What can be counted; the names, types and help are in counters.c. */
enum counter {
	COUNTER_START_TIME, /* gauge */
	COUNTER_UNTAGGED,
	COUNTER_MESSAGES,   /* category, verdict */
	COUNTER_RECIPIENTS, /* change */
	COUNTER_LOOKUP_FAILURES,
	COUNTER_DECISION_BUCKET, /* le */
	COUNTER_DECISION_SUM,
	COUNTER_DECISION_COUNT,
	COUNTER_MIRRORED, /* outcome */
	COUNTER_COUNT,
};

struct counted {
	enum counter counter;
	char *labels; /* name="value",...; "" for none */
	double value;
};

struct counters {
	struct counted *v;
	size_t n;
};

/*
 * counters_add(c, counter, labels, value): add ${value}, from 0 if it is the
 * first. counters_set(): put it in place of what was there. 0, or -1 for no
 * memory or too many different labels.
 */
int counters_add(struct counters *, enum counter, const char *labels,
    double value) WARN_UNUSED;
int counters_set(struct counters *, enum counter, const char *labels,
    double value) WARN_UNUSED;

/* counters_get(c, counter, labels): 0 if it was never counted. */
double counters_get(const struct counters *, enum counter, const char *labels);

/* counters_read(c, path, failure): add what the file at ${path} has. 1, or 0 if
 * there is no file, or -1 and ${failure}. */
int counters_read(
    struct counters *, const char *path, struct failure *) WARN_UNUSED;

/* counters_text(c): all of it as it stands in the file, to be freed; NULL for
 * no memory. */
char *counters_text(const struct counters *) WARN_UNUSED;

/* counters_replace(path, text, failure): put ${text} in the place of the file.
 * Mode 0644: it names nobody. 0, or -1 and ${failure}. */
int counters_replace(
    const char *path, const char *text, struct failure *) WARN_UNUSED;

/*
 * counters_bump(path, counter, labels, failure):
 * Count one more in the file, which other processes count in too; one that
 * cannot be had within a second is given up. 0, or -1 and ${failure}.
 */
int counters_bump(const char *path, enum counter, const char *labels,
    struct failure *) WARN_UNUSED;

void counters_clear(struct counters *);

#endif
