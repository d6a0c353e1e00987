/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import - bring the roster into line with a list of rows
 *
 * policy/README.md, Programs and settings: import [--sync]. Rows are collected
 * and checked first, each with the number it is named by when it is wrong, and
 * sorted; then every difference between them and the roster is made, account by
 * account and user by user, so the same rows a second time change nothing.
 * Another owner is a transfer, with all that a transfer ends, before the rows
 * of the others count. An account that is made is spelled as its first row has
 * it.
 *
 * However many rows there are, and whatever the roster has, the memory that is
 * needed is the same: what it has no room for lies in a temporary file.
 *
 * Rows are given, and then applied, inside a transaction that the caller has
 * begun, and which may be another: a category never goes. Threads: as struct
 * store.
 * Results: 0 done, -1 refused or failed, with changes->failure.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct changes;
struct import;

/* import_new(c, name): ${name} of the list, for messages. NULL for no memory,
 * with the failure. */
struct import *import_new(struct changes *, const char *name) WARN_UNUSED;

/* import_free(i): NULL is fine. */
void import_free(struct import *);

/*
 * import_watch(i, fn, ctx): call ${fn} now and then, to show how far it is:
 * ${done} rows are read, and ${total} is 0; then ${done} of ${total} are made.
 */
typedef void import_watch_fn(void *, size_t done, size_t total);
void import_watch(struct import *, import_watch_fn *, void *);

/* import_row(i, number, account, address, role, categories): check a row and
 * keep it. */
int import_row(struct import *, size_t number, const char *account,
    const char *address, const char *role, const char *categories) WARN_UNUSED;

/* import_rows(i): how many there are. */
size_t import_rows(const struct import *);

/*
 * import_apply(i, sync):
 * Make the changes. With ${sync} also remove the accounts, users and
 * subscriptions that the rows lack. Once.
 */
int import_apply(struct import *, bool sync) WARN_UNUSED;

#endif
