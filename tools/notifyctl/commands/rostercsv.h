/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rostercsv - the roster as CSV, read and written
 *
 * CSV as in RFC 4180, taken apart and quoted by libcsv: four columns, account,
 * email, role and categories, the last separated by semicolons. What is written
 * can be read again, and changes nothing then.
 *
 * Inside a transaction that the caller has begun. Threads: as struct store.
 * Results: 0 done, -1 failed, with changes->failure.
 */
#ifndef ROSTERCSV_H
#define ROSTERCSV_H

#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

struct changes;
struct import;

/*
 * rostercsv_read(stream, name, import, c):
 * Give every row of ${stream}, ${name} for people, to ${import}. A failure
 * names file and line.
 */
int rostercsv_read(
    FILE *, const char *name, struct import *, struct changes *) WARN_UNUSED;

/* rostercsv_write(stream, account, c): the rows of one account (its id; 0: of
 * all), below a header. The stream's errors are the caller's. */
int rostercsv_write(FILE *, int64_t account, struct changes *) WARN_UNUSED;

#endif
