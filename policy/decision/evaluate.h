/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evaluate - one message is decided by the rules and the roster
 *
 * The only way from a message to a decision, for the milter and for `notifyctl
 * explain`: reserved recipients, the tag, trust in the client, the lookup, the
 * rules. Any failure on the way is a temporary failure with the reason: a
 * failed lookup never looks like one that found nobody.
 *
 * Threads: any. Strings and arrays are cut from the arena that is given.
 */
#ifndef EVALUATE_H
#define EVALUATE_H

#include "decision/decide.h"
#include "decision/standby.h"

struct pool;

/* State of the standby during the lookup: for the log. The decision does not
 * depend on it. */
struct evaluate_standby {
	enum standby_news news;
	/* Why the primary was asked instead, if an operator should know; else
	 * NULL. */
	const char *detour;
};

/*
 * evaluate(settings, pool, message, everybody, a, decision, standby):
 * Fill ${decision}, always, and ${standby} unless it is NULL. With
 * ${everybody} the decision also names the people who were not in question,
 * for an explanation.
 */
void evaluate(const struct settings *, struct pool *, const struct message *,
    bool everybody, struct arena *, struct decision *,
    struct evaluate_standby *);

#endif
