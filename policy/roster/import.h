/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import - bring the roster into line with a list of rows
 *
 * policy/README.md, Programs and settings: import [--sync]. Rows are checked
 * and sorted first; a message about a wrong row has its number. Then the roster
 * is changed where it differs from them, account by account and user by user,
 * so the same rows a second time change nothing. Another owner is a transfer,
 * with its consequences, and comes before the account's other rows. A new
 * account is spelled as in its first row.
 *
 * Memory is bounded, whatever the number of rows and the size of the roster:
 * larger lists are sorted in a temporary file.
 *
 * The caller has begun a transaction for import_row(), and one, the same or
 * another, for import_apply(). Threads: as struct store.
 * Results: 0 done, -1 refused or failed, with changes->failure.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct changes;
struct import;

/* import_new(c, name): ${name} of the list, for messages; it is borrowed. NULL
 * with the failure. */
struct import *import_new(struct changes *, const char *name) WARN_UNUSED;

/* import_free(i): NULL is fine. */
void import_free(struct import *);

/*
 * import_watch(i, fn, ctx): call ${fn} now and then to show the progress:
 * ${done} rows have been read, and ${total} is 0; then ${done} of ${total} have
 * been applied.
 */
typedef void import_watch_fn(void *, size_t done, size_t total);
void import_watch(struct import *, import_watch_fn *, void *);

/* import_row(i, number, account, address, role, categories): check a row and
 * keep it. */
int import_row(struct import *, size_t number, const char *account,
    const char *address, const char *role, const char *categories) WARN_UNUSED;

/* import_rows(i): the number of rows. */
size_t import_rows(const struct import *);

/*
 * import_apply(i, sync):
 * Make the changes, once. With ${sync} also remove the accounts, users and
 * subscriptions that no row names.
 */
int import_apply(struct import *, bool sync) WARN_UNUSED;

#endif
