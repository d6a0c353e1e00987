/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hours - a part of each day
 *
 * Compared with the clock on the wall: when summer time begins or ends, an hour
 * of it is missing or comes twice, as for the people who wrote it.
 */
#include <stdlib.h>
#include <string.h>

#include "terms/hours.h"

static const char *read_minute(const char *, int *);

/* The rest after "HH:MM" and blanks, or NULL. */
static const char *
read_minute(const char *s, int *minute)
{
	size_t digits = strspn(s, "0123456789");
	int hour;

	if (digits < 1 || digits > 2 || s[digits] != ':')
		return (NULL);
	hour = atoi(s);
	s += digits + 1;
	if (strspn(s, "0123456789") != 2 || hour > 23 || atoi(s) > 59)
		return (NULL);
	*minute = hour * 60 + atoi(s);
	return (s + 2 + strspn(s + 2, " \t"));
}

int
hours_read(const char *text, struct hours *hours)
{
	struct hours h = {0, 0};

	if (*text != '\0') {
		text = read_minute(text, &h.from);
		if (text == NULL || *text != '-')
			return (0);
		text++;
		text = read_minute(text + strspn(text, " \t"), &h.to);
		if (text == NULL || *text != '\0' || h.from == h.to)
			return (0);
	}
	*hours = h;
	return (1);
}

bool
hours_has(const struct hours *hours, time_t at)
{
	struct tm tm;
	int minute;

	if (hours->from == hours->to || localtime_r(&at, &tm) == NULL)
		return (false);
	minute = tm.tm_hour * 60 + tm.tm_min;
	if (hours->from < hours->to)
		return (minute >= hours->from && minute < hours->to);
	return (minute >= hours->from || minute < hours->to);
}
