/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sorter - sort more records than fit into memory
 *
 * Records are byte strings in the order of memcmp(3), equal ones are all kept.
 * Those that do not fit into the memory allowed go to an unnamed temporary file
 * as sorted runs, which are merged when they are read.
 *
 * Call sorter_add() for each record, sorter_begin() once, and sorter_next()
 * until it returns 0. After a failure only sorter_free() may follow.
 *
 * Threads: one at a time.
 * Results: 0 done, -1 failed, with the failure.
 */
#ifndef SORTER_H
#define SORTER_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;
struct sorter;

/*
 * sorter_new(memory, failure): a sorter that keeps at most ${memory} bytes of
 * records in memory, and half as much for their offsets. ${failure} is where
 * all functions note what went wrong; it must outlive the sorter. NULL if out
 * of memory.
 */
struct sorter *sorter_new(size_t memory, struct failure *) WARN_UNUSED;

/* sorter_free(s): NULL is fine. */
void sorter_free(struct sorter *);

/* sorter_add(s, record, len): add a copy of the ${len} bytes of ${record}. More
 * than SORTER_RECORD_MAX, or than the memory allowed, are out of memory. */
#define SORTER_RECORD_MAX ((size_t)1 << 23)
int sorter_add(struct sorter *, const void *record, size_t len) WARN_UNUSED;

/* sorter_begin(s): all records have been added. */
int sorter_begin(struct sorter *) WARN_UNUSED;

/* sorter_next(s, record, len): 1 and the next record, valid until the next
 * call; 0 after the last one; -1. */
int sorter_next(struct sorter *, const void **record, size_t *len) WARN_UNUSED;

#endif
