/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rostercsv - the roster as CSV, read and written
 *
 * CSV of RFC 4180, by libcsv, with a header line that names the columns, in any
 * order: account and email, and if the file has them role and categories, which
 * are separated by semicolons. An exported file that is imported again changes
 * nothing.
 *
 * The caller has begun a transaction. Threads: as struct store.
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
 * Give every row of ${stream} to ${import}. A failure names the file as
 * ${name}, and the line.
 */
int rostercsv_read(
    FILE *, const char *name, struct import *, struct changes *) WARN_UNUSED;

/* rostercsv_write(stream, account, c): a header, and the rows of one account
 * (its id; 0: of all). The caller checks the stream for errors. */
int rostercsv_write(FILE *, int64_t account, struct changes *) WARN_UNUSED;

#endif
