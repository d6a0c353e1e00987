/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standby - when a standby counts as late, and how often that is reported
 *
 * A standby knows only the age of the last commit that it has applied. On an
 * idle primary that grows with any standby, so one old answer says nothing.
 * Then a mark is left at the primary (db_mark()): a standby that has not
 * applied the mark lags, and if it does so for longer than the bound it is
 * late, which somebody should look into.
 *
 * A standby that is late now and then is reported at most once a minute.
 *
 * Pure: times are milliseconds of a clock that does not jump.
 * Threads: one at a time.
 */
#ifndef STANDBY_H
#define STANDBY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* The shortest time between two reports. */
#define STANDBY_AGAIN_MS 60000

struct standby {
	bool marked;
	int64_t mark; /* when the last mark was left */
	/* Each answer since ${since} was too old and lacked the mark. */
	bool behind;
	int64_t since;
	bool late;
	bool told;	 /* reported as late: report the end too */
	bool again;	 /* reported at least once, */
	int64_t told_at; /* the last time then */
};

enum standby_news { STANDBY_NONE, STANDBY_LATE, STANDBY_OVER };

/* standby_marked(s, now): at ${now} a mark was left at the primary. */
void standby_marked(struct standby *, int64_t now);

/*
 * standby_stale(s, now, bound, lag): the standby lags more than ${bound}
 * milliseconds; the last commit that it has applied is ${lag} milliseconds old,
 * -1: it has applied none. standby_fresh(s): it does not.
 * Returns the news to report now: the standby is late, or no longer late.
 */
enum standby_news standby_stale(
    struct standby *, int64_t now, int64_t bound, int64_t lag) WARN_UNUSED;
enum standby_news standby_fresh(struct standby *) WARN_UNUSED;

#endif
