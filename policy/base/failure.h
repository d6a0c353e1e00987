/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failure - what went wrong: its kind, and one line of text
 *
 * The policy library never logs and never exits: it fills a struct failure, and
 * the calling program reports it.
 *
 * Threads: one at a time.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include <stdarg.h>

#include "base/compiler.h"

/* policy/README.md, Programs and settings, has the exit code of each. */
enum failure_kind {
	FAILURE_NONE,
	FAILURE_USAGE,	  /* the command line is wrong */
	FAILURE_DATA,	  /* malformed or contradictory data */
	FAILURE_UNKNOWN,  /* no such account, user or category */
	FAILURE_BUSY,	  /* the database is locked */
	FAILURE_STALE,	  /* a standby is too far behind */
	FAILURE_DENIED,	  /* not allowed to this role or user */
	FAILURE_SETTINGS, /* wrong settings, or not our database */
	FAILURE_SCHEMA,	  /* the database is missing, empty or of an older
			     version: "notifyctl init" makes or upgrades it */
	FAILURE_IO,	  /* the database or the system failed */
	FAILURE_MEMORY,	  /* out of memory */
};

struct failure {
	enum failure_kind kind;
	char *text; /* one line without its newline; owned by the struct */
};

#define FAILURE_INIT                                                           \
	{                                                                      \
		FAILURE_NONE, NULL                                             \
	}

/*
 * failure_set(f, kind, fmt, ...), failure_vset(f, kind, fmt, ap): replace the
 * failure in ${f}, whose text may be among the arguments. Returns -1, so that a
 * function can return it.
 */
int failure_set(struct failure *, enum failure_kind, const char *, ...)
    PRINTF_LIKE(3, 4);

int failure_vset(struct failure *, enum failure_kind, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

/* failure_memory(f): set ${f} to "out of memory". Returns -1. */
int failure_memory(struct failure *);

/* failure_copy(f, from): set ${f} to a copy of ${from}. Returns -1. */
int failure_copy(struct failure *, const struct failure *from);

/* failure_text(f): the line; never NULL. */
const char *failure_text(const struct failure *);

/* failure_clear(f): forget the failure and free its text. */
void failure_clear(struct failure *);

#endif
