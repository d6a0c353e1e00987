/*
 * follow - what the mail log tells of one message
 *
 * Postfix, notify-milter, notify-telegram and notifyctl log a message under its
 * queue id. Its lines are gathered, and those of the messages that it became or
 * caused: requeued, handed to the same Postfix again, bounced. A short queue id
 * may have served several messages: the newest is told of.
 *
 * Threads: one at a time. Everything is cut from the arena given to
 * follow_new().
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "trace_log.h"

struct arena;
struct follow;

/* One recipient. */
struct follow_copy {
	const char *recipient;
	const char *original; /* what an alias turned into it; or "" */
	bool dropped;	      /* by the milter */
	bool chat;	      /* notify-telegram had it */
	const char *reason;   /* why it was dropped; or "" */
	const char *outcome;  /* "sent", "deferred", ...; "" if not told */
	const char *detail;   /* what the other side said; or "" */
	int64_t at;	      /* of the outcome; 0: not told */
};

enum follow_state {
	FOLLOW_UNKNOWN, /* the log ends, or begins, in the middle */
	FOLLOW_QUEUED,	/* on its way */
	FOLLOW_HELD,
	FOLLOW_DONE,	/* removed by Postfix: nothing is left to do */
	FOLLOW_DELETED, /* removed by somebody */
	FOLLOW_DISCARDED,
	FOLLOW_REFUSED,	 /* its client was told that it is not taken */
	FOLLOW_REQUEUED, /* a new one has taken its place */
};

struct follow_message {
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
	enum follow_state state;
	int64_t state_at;
	struct follow_copy *copies;
	size_t ncopies;
	size_t earlier; /* other messages that had this id */
	size_t lines;	/* 0: the log has nothing of it */
};

/* follow_new(a, id): NULL for no memory. */
struct follow *follow_new(struct arena *, const char *id) WARN_UNUSED;

/* follow_line(f, line): one line; to be given to the readers of trace_log. */
int follow_line(void *f, const struct trace_line *);

/* follow_source(f): the lines that come now are of another source. */
void follow_source(struct follow *);

/*
 * follow_again(f): all sources were read. 1 if they must be read once more, for
 * the messages that came to light; 0 if all is told, -1 for no memory.
 */
int follow_again(struct follow *) WARN_UNUSED;

/* follow_messages(f, n): the one that was asked for, then the others. */
const struct follow_message *follow_messages(const struct follow *, size_t *n);

/* follow_complete(f): false if more messages came of it than are told of. */
bool follow_complete(const struct follow *);

/* follow_origin(f): how the message came into being, if from another one:
 * "requeued from X"; or "". */
const char *follow_origin(const struct follow *);

#endif
