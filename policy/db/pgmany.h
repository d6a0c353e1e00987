/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgmany - rows to insert that are collected, and sent many at a time
 *
 * To run a statement costs the server more than to insert a row. So where the
 * caller does not wait for each change (db_bulk()), the parameters of an INSERT
 * of one row are collected, and sent as arrays: one statement inserts them all.
 *
 * What is collected is sent in the order in which the statements were prepared,
 * whatever the order of the rows: store_bulk() prepares those of a table before
 * those of the tables that refer to it.
 *
 * Threads and results as in pgconn.h.
 */
#ifndef PGMANY_H
#define PGMANY_H

#include <stdbool.h>

#include "base/compiler.h"

struct pgconn;
struct pgstmt;

/*
 * pgmany_takes(stmt): is it an INSERT of one row, that can be collected? For
 * those, pgmany_add(stmt) adds its parameters; the result is pending, as after
 * pgconn_post(). pgmany_free(stmt): drop what was collected; it may go on.
 */
bool pgmany_takes(const struct pgstmt *);
int pgmany_add(struct pgstmt *) WARN_UNUSED;
void pgmany_free(struct pgstmt *);

/* pgmany_send(c): send all that was collected; pgconn_ready() calls it.
 * pgmany_forget(c): drop it. */
int pgmany_send(struct pgconn *) WARN_UNUSED;
void pgmany_forget(struct pgconn *);

#endif
