/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history - what the log lines of one message say
 *
 * Threads: one at a time. Everything is cut from the arena that is given, which
 * must end the program if it is out of memory.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strmap.h"

struct arena;

/* One recipient. */
struct history_copy {
	const char *recipient;
	const char *original; /* the alias that became it; or "" */
	bool dropped;	      /* by the milter */
	bool chat;	      /* notify-telegram logged it */
	const char *person;   /* a chat: whose, in which account; or "" */
	const char *account;
	const char *category; /* a chat: or "" */
	const char *reason;   /* why it was dropped; or "" */
	const char *outcome;  /* "sent", "deferred", ...; "": unknown */
	const char *detail;   /* the other side's answer; or "" */
	int64_t at;	      /* of the outcome; 0: unknown */
};

enum history_state {
	HISTORY_UNKNOWN, /* its lines are incomplete */
	HISTORY_QUEUED,	 /* on its way */
	HISTORY_HELD,
	HISTORY_DONE,	 /* removed by Postfix after the last delivery */
	HISTORY_DELETED, /* removed by an operator */
	HISTORY_DISCARDED,
	HISTORY_REFUSED,  /* rejected: the client was told so */
	HISTORY_CANCELED, /* never queued, and no line tells why */
	HISTORY_REQUEUED, /* replaced by another message */
};

struct history {
	const char *id;
	const char *relation; /* to ${of}; "" for the message asked for */
	const char *of;
	const char *source;	/* client, or user of sendmail(1); or "" */
	const char *sender;	/* NULL: unknown */
	const char *message_id; /* or "" */
	int64_t arrived;	/* or 0 */
	/* The milter's line; "" if there is none. */
	const char *decision; /* as logged */
	const char *category; /* slug, or "-" */
	const char *accounts; /* joined by commas, or "-" */
	const char *verdict;
	const char *reason;
	int64_t decided;
	long kept, added, dropped, mirrored; /* -1: unknown */
	bool monitor;
	bool decided_before; /* not decided again */
	enum history_state state;
	int64_t state_at;
	bool gone;  /* its queue file is deleted */
	bool later; /* rejected, but only for now */
	struct history_copy *copies;
	size_t ncopies, copies_cap;
	struct strmap copy_at; /* by their addresses; private to history.c */
	size_t earlier;	       /* messages that had this id before */
	size_t lines;	       /* 0: the log has none */
};

/* A log line, without its queue id. The line by which pickup(8) makes another
 * message of this one, after "postsuper -r", is whole: its queue id is that of
 * the other message. */
struct history_line {
	int64_t at;	     /* or 0 */
	const char *program; /* "smtp", "notify-milter": without syslog_name */
	const char *text;
};

/* history_begin(h): nothing is known; id, relation and of are left alone. */
void history_begin(struct history *);

/* history_add(a, h, line): take one more line, in the order of time. */
void history_add(struct arena *, struct history *, const struct history_line *);

/* history_decided(h): when it was decided, or a time before that; 0: unknown.
 * The milter's standard error has no time. */
int64_t history_decided(const struct history *);

/* history_begins(line): is it the first line of a message from a client? */
bool history_begins(const struct history_line *);

/* history_resubmits(line): does pickup(8) make another message of this one? Its
 * text begins with the id of that. */
bool history_resubmits(const struct history_line *);

#endif
