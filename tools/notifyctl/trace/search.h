/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * search - which messages a trace is about: their queue ids, from the log
 *
 * Memory is bounded by SEARCH_MAX, not by the log.
 *
 * Threads: one at a time. The arena must end the program if it is out of
 * memory.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "notifyctl/trace/trace_log.h"

struct arena;

#define SEARCH_MAX 1000

struct found {
	const char *id;
	int64_t at; /* of the line that had it; 0: unknown */
};

struct search {
	struct arena *arena;
	/* A message's, without angle brackets; or NULL. */
	const char *message_id;
	/* Or the key of a recipient, on a day; and the accounts whose decisions
	 * of that day may have passed it over. */
	const char *key;
	int64_t from, to;
	const char **accounts;
	size_t naccounts;
	/* What was found; the rest is private. */
	struct found *v;
	size_t n, cap;
	bool more; /* than SEARCH_MAX */
	struct arena *line;
};

/* search_line(s, line): take one line; a trace_line_fn. Lines without a time
 * are of any day. */
void search_line(void *s, const struct trace_line *);

/* search_end(s): put what was found into the order of time, and free what is
 * not in the arena. */
void search_end(struct search *);

#endif
