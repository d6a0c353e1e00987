/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * when - days and times on the command line
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "base/failure.h"
#include "notifyctl/when.h"

static bool clock_of(const char *, struct tm *, const char **);
static bool zone_of(const char *, long *);
static bool local(const struct tm *, int64_t *);
static bool dated(const char *, int64_t *);
static bool of_the_log(const char *, int64_t, int64_t *);
static bool today(const char *, int64_t, int64_t *);

/* "14:05", "14:05:07" or "14:05:07.123". */
static bool
clock_of(const char *text, struct tm *tm, const char **rest)
{
	const char *end;

	end = strptime(text, "%H:%M", tm);
	if (end == NULL)
		return (false);
	if (*end == ':' && (end = strptime(end, ":%S", tm)) == NULL)
		return (false);
	if (*end == '.' && isdigit((unsigned char)end[1]))
		end += 1 + strspn(end + 1, "0123456789");
	*rest = end;
	return (true);
}

/* "Z", "+01:00" or "+0100": seconds east of Greenwich. */
static bool
zone_of(const char *text, long *east)
{
	struct tm tm;
	const char *end;

	memset(&tm, 0, sizeof(tm));
	if (strcmp(text, "Z") == 0) {
		*east = 0;
		return (true);
	}
	if (*text != '+' && *text != '-')
		return (false);
	end = strptime(
	    text + 1, strchr(text, ':') != NULL ? "%H:%M" : "%H%M", &tm);
	*east = (*text == '-' ? -1 : 1) * (tm.tm_hour * 3600L + tm.tm_min * 60);
	return (end != NULL && *end == '\0');
}

/* False for February 30, which mktime(3) takes for another day. An hour that a
 * change of clocks skips is the one after it. */
static bool
local(const struct tm *tm, int64_t *at)
{
	struct tm then = *tm;
	time_t t;

	then.tm_isdst = -1;
	t = mktime(&then);
	*at = t;
	return (t != -1 && then.tm_mday == tm->tm_mday);
}

/* "2026-11-28", "2026-11-28 14:05", "2026-11-28T14:05:07Z". */
static bool
dated(const char *text, int64_t *at)
{
	struct tm tm, again;
	const char *rest;
	long east;

	memset(&tm, 0, sizeof(tm));
	rest = strptime(text, "%Y-%m-%d", &tm);
	if (rest == NULL || rest - text != 10)
		return (false);
	if (*rest == '\0')
		return (local(&tm, at));
	if ((*rest != ' ' && *rest != 'T') || !clock_of(rest + 1, &tm, &rest))
		return (false);
	if (*rest == '\0')
		return (local(&tm, at));
	again = tm;
	*at = timegm(&again);
	if (again.tm_mday != tm.tm_mday || !zone_of(rest, &east))
		return (false);
	*at -= east;
	return (true);
}

/* "Nov 28 14:05:07": a year ago at most. */
static bool
of_the_log(const char *text, int64_t now, int64_t *at)
{
	struct tm tm, then;
	time_t t = (time_t)now;
	const char *rest;
	int i;

	memset(&tm, 0, sizeof(tm));
	rest = strptime(text, "%b %d ", &tm);
	if (rest == NULL || !clock_of(rest, &tm, &rest) || *rest != '\0' ||
	    localtime_r(&t, &then) == NULL)
		return (false);
	for (i = 0; i < 2; i++) {
		tm.tm_year = then.tm_year - i;
		if (local(&tm, at) && *at <= now)
			return (true);
	}
	return (false);
}

/* "14:05" */
static bool
today(const char *text, int64_t now, int64_t *at)
{
	struct tm tm;
	time_t t = (time_t)now;
	const char *rest;

	if (localtime_r(&t, &tm) == NULL)
		return (false);
	tm.tm_sec = 0;
	return (clock_of(text, &tm, &rest) && *rest == '\0' && local(&tm, at));
}

int
when_day(struct arena *a, const char *text, int64_t *from, int64_t *to,
    struct failure *failure)
{
	struct tm tm;
	time_t t;

	if (strchr(text, ':') != NULL || !dated(text, from))
		return (failure_set(failure, FAILURE_DATA,
		    "\"%s\" is not a day; expected one like 2026-11-28",
		    escape_short(a, text)));
	t = (time_t)*from;
	localtime_r(&t, &tm);
	tm.tm_mday++;
	tm.tm_isdst = -1;
	*to = mktime(&tm);
	return (0);
}

int
when_time(struct arena *a, const char *text, int64_t now, int64_t *at,
    struct failure *failure)
{
	if (dated(text, at) || of_the_log(text, now, at) ||
	    today(text, now, at))
		return (0);
	return (failure_set(failure, FAILURE_DATA,
	    "\"%s\" is not a time; expected one like 2026-11-28, \"2026-11-28 "
	    "14:05\" or 14:05",
	    escape_short(a, text)));
}
