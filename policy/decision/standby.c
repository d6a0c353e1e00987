/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standby - when a standby counts as late, and how often that is reported
 */
#include "decision/standby.h"

static bool unmarked(const struct standby *, int64_t, int64_t, int64_t);

/* Is the last mark not applied yet? If it were, the last commit would be no
 * older than the mark. The servers' clocks differ by less than half the bound.
 */
static bool
unmarked(const struct standby *l, int64_t now, int64_t bound, int64_t lag)
{
	return (l->marked && (lag == -1 || lag > now - l->mark + bound / 2));
}

void
standby_marked(struct standby *l, int64_t now)
{
	l->marked = true;
	l->mark = now;
}

enum standby_news
standby_stale(struct standby *l, int64_t now, int64_t bound, int64_t lag)
{
	if (!l->late && (!l->behind || !unmarked(l, now, bound, lag))) {
		l->behind = true;
		l->since = now;
	}
	l->late = l->late || now - l->since > bound;
	if (!l->late || l->told ||
	    (l->again && now - l->told_at < STANDBY_AGAIN_MS))
		return (STANDBY_NONE);
	l->told = l->again = true;
	l->told_at = now;
	return (STANDBY_LATE);
}

enum standby_news
standby_fresh(struct standby *l)
{
	bool told = l->told;

	l->behind = l->late = l->told = false;
	return (told ? STANDBY_OVER : STANDBY_NONE);
}
