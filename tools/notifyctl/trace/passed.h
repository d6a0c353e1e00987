/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passed - who of a message's accounts did not get it, and why
 *
 * The log has a line for a recipient who was dropped, and none for a user who
 * was never among the recipients. So these are looked up in the roster as of
 * now; what the record says was changed for one of them since the decision is
 * shown with it.
 *
 * Threads: one at a time.
 */
#ifndef PASSED_H
#define PASSED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct ctl;
struct history;
struct passed;

/* The roster is opened at the first need, and closed by passed_end(). */
struct passed *passed_new(struct ctl *) WARN_UNUSED;
void passed_end(struct passed *);

/* One of them. */
struct passed_person {
	const char *account;
	const char *address;
	const char *role;
	bool entitled;	     /* now */
	const char *why;     /* as of now */
	const char *changed; /* the last change since the decision; or "" */
};

/*
 * passed_over(p, m, only, n): those of the accounts of ${m} who are in none of
 * its lines, the entitled first; with ${only} that address alone. NULL if the
 * message was not delivered as decided, or the roster cannot tell.
 */
struct passed_person *passed_over(struct passed *, const struct history *,
    const char *only, size_t *n) WARN_UNUSED;

#endif
