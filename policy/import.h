/*
 * import - bring the roster into line with a list of rows
 *
 * product.md, Programs and settings: import [--sync]. Rows are collected and
 * checked first, each with the number it is named by when it is wrong; then
 * every difference between them and the roster is made, account by account, so
 * the same rows a second time change nothing. Another owner is a transfer, with
 * all that a transfer ends, before the rows of the others count.
 *
 * Inside a transaction that the caller has begun. Threads: as struct store.
 * Results: 0 done, -1 refused or failed, with changes->failure.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "compiler.h"

struct changes;
struct import;

/* import_new(c, name): ${name} of the list, for messages. The import lives in
 * the arena of ${c}. NULL for no memory. */
struct import *import_new(struct changes *, const char *name) WARN_UNUSED;

/* import_row(i, number, account, address, role, categories): check a row and
 * keep it. */
int import_row(struct import *, size_t number, const char *account,
    const char *address, const char *role, const char *categories) WARN_UNUSED;

/* import_rows(i): how many there are. */
size_t import_rows(const struct import *);

/*
 * import_apply(i, sync):
 * Make the changes. With ${sync} also remove the accounts, users and
 * subscriptions that the rows lack.
 */
int import_apply(struct import *, bool sync) WARN_UNUSED;

#endif
