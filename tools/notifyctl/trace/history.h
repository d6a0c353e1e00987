/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - what the log lines of one message tell
 *
 * Threads: one at a time. Everything is cut from the arena that is given.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct arena;

/* One recipient. */
struct history_copy {
	const char *recipient;
	const char *original; /* what an alias turned into it; or "" */
	bool dropped;	      /* by the milter */
	bool chat;	      /* notify-telegram had it */
	const char *reason;   /* why it was dropped; or "" */
	const char *outcome;  /* "sent", "deferred", ...; "" if not told */
	const char *detail;   /* what the other side said; or "" */
	int64_t at;	      /* of the outcome; 0: not told */
};

enum history_state {
	HISTORY_UNKNOWN, /* the log ends, or begins, in the middle */
	HISTORY_QUEUED,	 /* on its way */
	HISTORY_HELD,
	HISTORY_DONE,	 /* removed by Postfix: nothing is left to do */
	HISTORY_DELETED, /* removed by somebody */
	HISTORY_DISCARDED,
	HISTORY_REFUSED,  /* its client was told that it is not taken */
	HISTORY_REQUEUED, /* a new one has taken its place */
};

struct history {
	const char *id;
	const char *relation; /* to ${of}; "" for the one that was asked for */
	const char *of;
	const char *source;	/* client, or who called sendmail(1); or "" */
	const char *sender;	/* or NULL: not told */
	const char *message_id; /* or "" */
	int64_t arrived;	/* or 0 */
	/* The milter's line; "" where it has none. */
	const char *decision; /* as it was logged */
	const char *verdict;
	const char *reason;
	int64_t decided;
	long kept, added, mirrored; /* -1: not told */
	bool monitor;
	enum history_state state;
	int64_t state_at;
	struct history_copy *copies;
	size_t ncopies, copies_cap;
	size_t earlier; /* other messages that had this id */
	size_t lines;	/* 0: the log has nothing of it */
};

/* A line, after its queue id. */
struct history_line {
	int64_t at;	     /* or 0 */
	const char *program; /* "smtp", "notify-milter": without syslog_name */
	const char *text;
};

/* history_begin(s): nothing is known; id, relation and of are left alone. */
void history_begin(struct history *);

/* history_tell(a, s, line): what one more line tells, in the order of time. 0,
 * or -1 for no memory. */
int history_tell(
    struct arena *, struct history *, const struct history_line *) WARN_UNUSED;

/* history_begins(line): is it the first line of a message from outside? */
bool history_begins(const struct history_line *);

/* history_after(text, word): what follows ${word} at the beginning of ${text},
 * or NULL. */
const char *history_after(const char *text, const char *word);

#endif
