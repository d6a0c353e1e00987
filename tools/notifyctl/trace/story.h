/*
 * story - what the log lines of one message tell
 *
 * Threads: one at a time. Everything is cut from the arena that is given.
 */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct arena;

/* One recipient. */
struct story_copy {
	const char *recipient;
	const char *original; /* what an alias turned into it; or "" */
	bool dropped;	      /* by the milter */
	bool chat;	      /* notify-telegram had it */
	const char *reason;   /* why it was dropped; or "" */
	const char *outcome;  /* "sent", "deferred", ...; "" if not told */
	const char *detail;   /* what the other side said; or "" */
	int64_t at;	      /* of the outcome; 0: not told */
};

enum story_state {
	STORY_UNKNOWN, /* the log ends, or begins, in the middle */
	STORY_QUEUED,  /* on its way */
	STORY_HELD,
	STORY_DONE,    /* removed by Postfix: nothing is left to do */
	STORY_DELETED, /* removed by somebody */
	STORY_DISCARDED,
	STORY_REFUSED,	/* its client was told that it is not taken */
	STORY_REQUEUED, /* a new one has taken its place */
};

struct story {
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
	enum story_state state;
	int64_t state_at;
	struct story_copy *copies;
	size_t ncopies, copies_cap;
	size_t earlier; /* other messages that had this id */
	size_t lines;	/* 0: the log has nothing of it */
};

/* A line, after its queue id. */
struct story_line {
	int64_t at;	     /* or 0 */
	const char *program; /* "smtp", "notify-milter": without syslog_name */
	const char *text;
};

/* story_begin(s): nothing is known; id, relation and of are left alone. */
void story_begin(struct story *);

/* story_tell(a, s, line): what one more line tells, in the order of time. 0, or
 * -1 for no memory. */
int story_tell(
    struct arena *, struct story *, const struct story_line *) WARN_UNUSED;

/* story_begins(line): is it the first line of a message from outside? */
bool story_begins(const struct story_line *);

/* story_after(text, word): what follows ${word} at the beginning of ${text},
 * or NULL. */
const char *story_after(const char *text, const char *word);

#endif
