/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters - what was counted, in a file that Prometheus reads
 *
 * The file has the text format of Prometheus, for node_exporter's textfile
 * collector. It is replaced whole, so a reader sees one moment, and read back
 * at the start, so that counts survive a restart.
 *
 * Threads: one at a time, unless said otherwise.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;

/* What can be counted, with its labels; counters.c has names, types, help. */
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
	COUNTER_HELD,	  /* gauges */
	COUNTER_HELD_OLDEST,
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
 * counters_add(c, counter, labels, value): add ${value} to the series, which
 * begins at 0. counters_set(): replace its value. 0, or -1 if out of memory, if
 * there are 10,000 series already, or if ${labels} has 512 bytes or more; then
 * nothing has changed.
 */
int counters_add(struct counters *, enum counter, const char *labels,
    double value) WARN_UNUSED;
int counters_set(struct counters *, enum counter, const char *labels,
    double value) WARN_UNUSED;

/* counters_get(c, counter, labels): the value; 0 if it was never counted. */
double counters_get(const struct counters *, enum counter, const char *labels);

/* counters_read(c, path, failure): add the counts in the file at ${path}. 1, 0
 * if there is no file, or -1 and ${failure}, after which part may be added. */
int counters_read(
    struct counters *, const char *path, struct failure *) WARN_UNUSED;

/* counters_text(c): the contents of the file, yours to free; NULL if out of
 * memory. */
char *counters_text(const struct counters *) WARN_UNUSED;

/* counters_replace(path, text, failure): replace the file, atomically. The mode
 * is 0644, since it has no names of users. 0, or -1 and ${failure}, and the
 * file is unchanged. */
int counters_replace(
    const char *path, const char *text, struct failure *) WARN_UNUSED;

/*
 * counters_bump(path, counter, labels, failure):
 * Add 1 to a counter in the file, which other processes may do at the same
 * time; fails if the lock is not free within a second. A file that cannot be
 * read is replaced. 0, or -1 and ${failure}.
 */
int counters_bump(const char *path, enum counter, const char *labels,
    struct failure *) WARN_UNUSED;

/* counters_clear(c): free all; ${c} can be used again. */
void counters_clear(struct counters *);

#endif
