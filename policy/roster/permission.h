/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * permission - which commands a person may use, by role
 *
 * policy/README.md, Roles, 2 and 10. The one table of it: notifyctl asks it in
 * each transaction, and prints it ("notifyctl --help roles"). Without a person
 * the operator acts, and may use every command. A command that is not in the
 * table is the operator's.
 *
 * Threads: as struct store.
 */
#ifndef PERMISSION_H
#define PERMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "terms/role.h"

struct changes;

#define PERMISSION_ROLES (ROLE_SUBSCRIBER + 1)

/* Whom a command may be about. */
enum permission_extent {
	PERMISSION_NOBODY,    /* the command is another's */
	PERMISSION_ONESELF,   /* the person who acts, alone */
	PERMISSION_BUT_OWNER, /* every user of the account but the owner */
	PERMISSION_EVERYBODY,
};

struct permission {
	const char *command; /* and the option that has a row of its own */
	bool person;	     /* needs one, who acts: there is no operator's */
	bool account;	     /* the first argument is the account */
	size_t whom; /* the argument that names a user, from 1; 0: none */
	enum permission_extent extent[PERMISSION_ROLES];
};

/* permission_rows(n): the table; ${*n} rows, in the order of the commands. */
const struct permission *permission_rows(size_t *n);

/* permission_find(command): its row; never NULL. */
const struct permission *permission_find(const char *command);

/* permission_word(extent): in the table that people read. */
const char *permission_word(enum permission_extent);

/* permission_is_operators(p): may no person use it, whatever the role? */
bool permission_is_operators(const struct permission *);

/*
 * permission_check(c, p, args, n, as, oneself): may ${as}, an address or NULL
 * for the operator, use the command with the ${n} arguments? 0, with
 * ${*oneself}: NULL, or the address, as the roster has it, of the one user whom
 * the command may show or change. -1 with c->failure: what an account that does
 * not exist gets is what an account gets of which ${as} is no user.
 * The caller has begun the transaction of the command. Commands that are the
 * operator's are refused without the store.
 */
int permission_check(struct changes *, const struct permission *,
    const char *const *args, size_t n, const char *as,
    const char **oneself) WARN_UNUSED;

#endif
