/*
 * rows - a CSV file into the rows of an import
 *
 * RFC 4180, taken apart by libcsv. A first line with the names of the columns
 * is passed over, and so are empty lines.
 */
#ifndef ROWS_H
#define ROWS_H

#include <stdio.h>

#include "compiler.h"

struct changes;
struct import;

/* The first line: the columns. */
extern const char rows_header[];

/*
 * rows_read(c, name, stream, import): every row of ${stream}; ${name} is its
 * name for messages. 0, or -1 with changes->failure: "name:line: what is
 * wrong".
 */
int rows_read(
    struct changes *, const char *name, FILE *, struct import *) WARN_UNUSED;

#endif
