/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linkmail - connect links by mail, for whoever asks in a chat
 *
 * policy/README.md, How a message reaches Telegram, 10. Somebody names an
 * address in a chat. If a user who may have a chat has it, a notice is recorded
 * for it. The tokens are made when the notice is mailed, so that they are good
 * from then on, and are stored as hashes alone. Whoever opens a link links the
 * chat in which it is opened, not the one in which it was asked for.
 *
 * Nobody learns in the chat whether the address may: the same statements run,
 * and the answer is the same. All limits are rows of the roster.
 *
 * Threads: as struct store.
 */
#ifndef LINKMAIL_H
#define LINKMAIL_H

#include <stdint.h>
#include <time.h>

#include "base/compiler.h"

struct arena;
struct changes;
struct store;
struct store_notice;

/* The seconds between two mails to an address, and the most in a day. */
#define LINKMAIL_SECONDS (15 * 60)
#define LINKMAIL_DAY (24 * 3600)
#define LINKMAIL_DAY_MAX 5
/* The most requests of a chat in an hour. */
#define LINKMAIL_HOUR 3600
#define LINKMAIL_HOUR_MAX 10

/* In the detail of a notice that linkmail_prepare() has made: "ACCOUNT URL". */
#define LINKMAIL_LINE "link"

struct linkmail_request {
	int64_t chat;
	int64_t asker;	 /* who says it, by Telegram's number */
	const char *key; /* of the address, as address.h's */
	/* The result: what was done, for the log; and if the chat has asked too
	 * often, how many seconds it must wait. */
	const char *done;
	int wait;
};

/*
 * linkmail_ask(c, request): 1 if the request was taken, whether or not a notice
 * was recorded; 0 if the chat must wait; -1 failed, with changes->failure. The
 * caller has begun a transaction.
 */
int linkmail_ask(struct changes *, struct linkmail_request *) WARN_UNUSED;

/*
 * linkmail_expire(store, now): within a transaction: remove requests that count
 * no more, up to twenty. At least 0, or -1 failed.
 */
int linkmail_expire(struct store *, time_t now) WARN_UNUSED;

/*
 * linkmail_prepare(c, notice, mail):
 * Make the tokens for a notice of kind NOTICE_LINK, and fill ${*mail}: the
 * notice, with the user's own address and language, and a line for each account
 * as its detail. Strings are in c->arena. A transaction of its own. 1; 0 if
 * there is nothing to mail any more: nobody with that address may have a chat,
 * a later notice waits for it, or it is a day old; -1 failed, with
 * changes->failure.
 */
int linkmail_prepare(struct changes *, const struct store_notice *,
    struct store_notice *mail) WARN_UNUSED;

/*
 * linkmail_mailed(c, notice, mail):
 * Record each link in ${mail}, which linkmail_prepare() has made of ${notice}
 * and which was handed over: the record has no mail that never went out. Within
 * the transaction that notes that. 0; -1 failed, with changes->failure.
 */
int linkmail_mailed(struct changes *, const struct store_notice *,
    const struct store_notice *mail) WARN_UNUSED;

#endif
