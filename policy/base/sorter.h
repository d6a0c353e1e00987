/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sorter - put records in order, more than memory has room for
 *
 * Records are octets, ordered as memcmp(3) orders them. What does not fit into
 * the memory that is given goes into a file without a name, as runs that are in
 * order, and is merged from there: the memory is bounded whatever comes.
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

/* sorter_new(memory, failure): keeps at most ${memory} octets of records, and
 * half as much to find them by. The failure is where each is noted. NULL for no
 * memory. */
struct sorter *sorter_new(size_t memory, struct failure *) WARN_UNUSED;

/* sorter_free(s): NULL is fine. */
void sorter_free(struct sorter *);

/* sorter_add(s, record, len): a record, at most SORTER_RECORD_MAX octets. */
#define SORTER_RECORD_MAX ((size_t)1 << 23)
int sorter_add(struct sorter *, const void *record, size_t len) WARN_UNUSED;

/* sorter_begin(s): all have been added. */
int sorter_begin(struct sorter *) WARN_UNUSED;

/* sorter_next(s, record, len): the next in order: 1, with a record that is good
 * until the next call; 0 after the last; -1 failed. */
int sorter_next(struct sorter *, const void **record, size_t *len) WARN_UNUSED;

#endif
