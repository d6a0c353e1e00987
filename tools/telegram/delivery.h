/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delivery - the outcome of one mirrored message
 *
 * Applies the outcome of sending (outcome.h) to the roster, keeps the order of
 * the messages of a chat, logs and counts. A status is the exit status of
 * notify-telegram: EX_OK, the message is done; EX_TEMPFAIL, the MTA retries.
 *
 * policy/README.md, How a message reaches Telegram. Threads: one.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "store/store.h"
#include "telegram/chattext.h"
#include "telegram/mailhead.h"
#include "telegram/outcome.h"
#include "terms/category.h"

struct agents;
struct botapi;
struct botapi_answer;
struct texts;

/* A message whose last try is longer ago has left the queue. */
#define DELIVERY_FORGET_SECONDS (3 * 3600)
/* So has one with a last try further in the future: the clock was wrong. */
#define DELIVERY_CLOCK_SECONDS 300
/* No status yet. */
#define DELIVERY_GO_ON -1

struct delivery {
	struct settings *settings;
	struct arena *arena;
	struct store *store;
	struct botapi *api;
	struct agents *agents; /* NULL: nobody is waited for, */
	bool unordered;	       /* because the file cannot be used */
	bool crowded;	       /* too many run: this one must wait */
	struct texts *texts;
	struct failure failure;
	struct changes changes;
	const char *queue_id;  /* escaped */
	const char *recipient; /* escaped */
	int fd;		       /* the message */
	struct mailhead head;
	struct chattext text;
	bool suspicious;   /* somebody should look at how it ended */
	int64_t link;	   /* the id in the recipient's address; or 0 */
	const char *check; /* the check in it, or NULL */
	bool nameless;	   /* the check says: tell no account, and no group */
	int64_t now;
	struct category category;
	struct store_user user; /* whose link it is, and to which chat, */
	int64_t looked;		/* when that was looked up: clock_ms() */
	struct store_account account;
};

/* delivery_end(d, status, outcome, reason): log and count the outcome of the
 * message; a ${reason} of "" is not logged. Returns ${status}. */
int delivery_end(struct delivery *, int status, const char *outcome,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* delivery_failed(d): retry for d->failure. delivery_store_failed(d): also ends
 * the transaction; for a failure of the store. Both return EX_TEMPFAIL. */
int delivery_failed(struct delivery *);
int delivery_store_failed(struct delivery *);

/* delivery_hold(d): later messages for the chat must wait for this one. 0, or
 * -1 for delivery_store_failed(). */
int delivery_hold(struct delivery *) WARN_UNUSED;

/* delivery_forget(d): later messages need not wait for this one any more. */
void delivery_forget(struct delivery *);

/* delivery_move(d, to): the group has a new id: store it. 0, or -1 for
 * delivery_store_failed(). */
int delivery_move(struct delivery *, int64_t to) WARN_UNUSED;

/* delivery_carry_out(d, outcome, answer): apply ${outcome}. A second
 * OUTCOME_MOVED is an error of Telegram: retry. OUTCOME_NO_TOPIC, without a
 * topic, refuses the message. Returns the status. */
int delivery_carry_out(
    struct delivery *, enum outcome, const struct botapi_answer *);

#endif
