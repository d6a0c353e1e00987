/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import - bring the roster into line with a list of rows
 *
 * policy/README.md, Programs and settings: import [--sync]. Rows are checked
 * and sorted first; one message has the numbers of up to IMPORT_BAD_MAX wrong
 * rows. Then the roster
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

/* A message names at most this many wrong rows. */
#define IMPORT_BAD_MAX 20

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

/* The cells of a row, as written. NULL: the list has no such column, and what
 * it would say is left as it is; who is new is a member then. */
struct import_cells {
	const char *account;
	const char *address;
	const char *role;
	const char *categories; /* separated by ";" */
	const char *language;
};

/* import_row(i, number, cells): check a row and keep it. */
int import_row(
    struct import *, size_t number, const struct import_cells *) WARN_UNUSED;

/*
 * import_bad_row(i, number, fmt, ...): the row is wrong. Returns -1.
 * import_bad(i): after a function that returned -1: 0 if it was for a wrong
 * row, and others may follow; else -1.
 */
int import_bad_row(struct import *, size_t number, const char *, ...)
    PRINTF_LIKE(3, 4);
int import_bad(struct import *) WARN_UNUSED;

/* import_rows(i): the number of rows. */
size_t import_rows(const struct import *);

/* How much may be removed. */
enum import_removal {
	IMPORT_REMOVE_NOTHING,
	IMPORT_REMOVE_FEW, /* of accounts, users and subscriptions one, or a
			      tenth, each; more is refused */
	IMPORT_REMOVE_MANY,
};

/*
 * import_apply(i, removal):
 * Make the changes, once. Unless ${removal} says nothing, also remove the
 * accounts and users that no row names, and the subscriptions that the rows
 * lack.
 */
int import_apply(struct import *, enum import_removal) WARN_UNUSED;

#endif
