/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delivery - what becomes of one mirrored message
 *
 * Carries out the outcome of sending (outcome.h) in the roster, keeps the order
 * of the messages of a chat, logs and counts. What a function returns as status
 * is the exit status of notify-telegram: EX_OK, the message is done with;
 * EX_TEMPFAIL, the MTA tries again later.
 *
 * policy/README.md, How a message reaches Telegram. Threads: one.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "store/store.h"
#include "telegram/chattext.h"
#include "telegram/mailhead.h"
#include "telegram/outcome.h"
#include "terms/category.h"

struct botapi;
struct botapi_answer;

/* A message that was not tried for so long has left the queue. */
#define DELIVERY_FORGET_SECONDS (3 * 3600)
/* So has one that was tried so far in the future: the clock was wrong. */
#define DELIVERY_CLOCK_SECONDS 300

struct delivery {
	struct settings *settings;
	struct arena *arena;
	struct store *store;
	struct botapi *api;
	struct failure failure;
	struct changes changes;
	const char *queue_id;  /* escaped */
	const char *recipient; /* escaped */
	int fd;		       /* the message */
	struct mailhead head;
	struct chattext text;
	int64_t link; /* the id in the recipient's address; or 0 */
	int64_t now;
	struct category category;
	struct store_user user; /* whose link it is, and to which chat */
	struct store_account account;
};

/* delivery_end(d, status, outcome, reason): log and count what became of the
 * message; a ${reason} of "" is not logged. Returns ${status}. */
int delivery_end(struct delivery *, int status, const char *outcome,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* delivery_failed(d): retry for d->failure. delivery_store_failed(d): also ends
 * the transaction; for a failure of the store. Both return EX_TEMPFAIL. */
int delivery_failed(struct delivery *);
int delivery_store_failed(struct delivery *);

/* delivery_hold(d): let later messages for the chat wait for this one. 0, or -1
 * for delivery_store_failed(). */
int delivery_hold(struct delivery *) WARN_UNUSED;

/* delivery_forget(d): they need not wait for it any more. */
void delivery_forget(struct delivery *);

/* delivery_move(d, to): the group has a new id: store it. 0, or -1 for
 * delivery_store_failed(). */
int delivery_move(struct delivery *, int64_t to) WARN_UNUSED;

/* delivery_carry_out(d, outcome, answer): do what ${outcome} asks for. A second
 * OUTCOME_MOVED makes no sense: retry. Returns the status. */
int delivery_carry_out(
    struct delivery *, enum outcome, const struct botapi_answer *);

#endif
