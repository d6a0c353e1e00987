/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_roster - what the present roster adds to the mail log
 *
 * A log can be read anywhere, also without a roster: a lookup that fails tells
 * nothing, and is no error of the command. So what comes from here is shown as
 * looked up, apart from what was logged.
 *
 * Threads: one at a time.
 */
#ifndef TRACE_ROSTER_H
#define TRACE_ROSTER_H

#include <stddef.h>

#include "base/compiler.h"
#include "store/store_lookup.h"
#include "terms/category.h"

struct ctl;
struct history;
struct store;

/* trace_roster_open(ctl, why): NULL if it cannot be read, and ${*why} is the
 * reason; ${why} may be NULL. trace_roster_close(ctl, s): NULL is fine. */
struct store *trace_roster_open(struct ctl *, const char **why) WARN_UNUSED;
void trace_roster_close(struct ctl *, struct store *);

/* trace_roster_accounts(ctl, s, address, n): the names, former ones too, of the
 * accounts of which the person is a user. ${s} may be NULL. */
const char **trace_roster_accounts(
    struct ctl *, struct store *, const char *address, size_t *n);

/* trace_roster_owners(ctl, s, accounts): the owners of the accounts, both
 * joined by commas. ${s} may be NULL. */
const char *trace_roster_owners(
    struct ctl *, struct store *, const char *accounts);

/* Whom a message is about. */
struct trace_people {
	struct category category;
	struct store_members users; /* of all its accounts */
	const char **accounts;	    /* their names now, of those there are */
	size_t naccounts;
};

/* trace_roster_people(ctl, s, m, people): the category of the message, and all
 * users of its accounts. 1, 0 if there is no such category now, or -1. */
int trace_roster_people(struct ctl *, struct store *, const struct history *,
    struct trace_people *) WARN_UNUSED;

#endif
