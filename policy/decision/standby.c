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
unmarked(const struct standby *s, int64_t now, int64_t bound, int64_t lag)
{
	return (s->marked && (lag == -1 || lag > now - s->mark + bound / 2));
}

void
standby_marked(struct standby *s, int64_t now)
{
	s->marked = true;
	s->mark = now;
}

enum standby_news
standby_stale(struct standby *s, int64_t now, int64_t bound, int64_t lag)
{
	if (!s->late && (!s->behind || !unmarked(s, now, bound, lag))) {
		s->behind = true;
		s->since = now;
	}
	s->late = s->late || now - s->since > bound;
	if (!s->late || s->told ||
	    (s->again && now - s->told_at < STANDBY_AGAIN_MS))
		return (STANDBY_NONE);
	s->told = s->again = true;
	s->told_at = now;
	return (STANDBY_LATE);
}

enum standby_news
standby_fresh(struct standby *s)
{
	bool told = s->told;

	s->behind = s->late = s->told = false;
	return (told ? STANDBY_OVER : STANDBY_NONE);
}
