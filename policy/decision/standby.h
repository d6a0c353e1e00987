/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standby - when a standby counts as late, and how often that is said
 *
 * All that a standby knows is how long ago the last commit that it has applied
 * was made. Where nothing is committed that is long ago with any standby, and
 * so one answer that is too old tells of nothing. But then a mark is left at
 * the primary (db_mark()), and whoever has not got to that is late; if it is so
 * for longer than the bound, somebody should look after it.
 *
 * One that is late now and then is told of once in a while.
 *
 * Pure: times are milliseconds of a clock that does not jump.
 * Threads: one at a time.
 */
#ifndef STANDBY_H
#define STANDBY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* Between two words about it. */
#define STANDBY_AGAIN_MS 60000

struct standby {
	bool marked;
	int64_t mark; /* when the last mark was left */
	/* Each answer since then was too old, and no mark was in it. */
	bool behind;
	int64_t since;
	bool late;
	bool told; /* and so is its end to be */
	bool again;
	int64_t told_at; /* the last time */
};

enum standby_news { STANDBY_NONE, STANDBY_LATE, STANDBY_OVER };

/* standby_marked(l, now): at ${now} a mark was left at the primary. */
void standby_marked(struct standby *, int64_t now);

/*
 * standby_stale(l, now, bound, lag): the standby is further behind than
 * ${bound} milliseconds: the last commit that it has applied was made ${lag} of
 * them ago; -1: it has applied none. standby_fresh(l): it is not.
 * What somebody is to be told now: that it is late, or not any more.
 */
enum standby_news standby_stale(
    struct standby *, int64_t now, int64_t bound, int64_t lag) WARN_UNUSED;
enum standby_news standby_fresh(struct standby *) WARN_UNUSED;

#endif
