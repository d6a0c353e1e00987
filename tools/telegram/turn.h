/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turn - a run of notify-telegram waits for its turn
 *
 * Several run at once. To one chat they send one after the other, in the order
 * in which their messages arrived, and all keep Telegram's limits (agents.h).
 * At most TURN_QUEUE wait for one chat, so that the others find room.
 *
 * Threads: one.
 */
#ifndef TURN_H
#define TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct agents;

/* The MTA starts the run of an earlier message first, but that may be slower:
 * before a message goes, so long others may still come. If there are others, or
 * the machine is busy, it is longer: the more there are, and the longer it took
 * this run to come so far. */
#define TURN_SETTLE_MS 50
#define TURN_SETTLE_EACH_MS 10
#define TURN_SETTLE_TIMES 10
#define TURN_SETTLE_BUSY_MS 300
#define TURN_SETTLE_MAX_MS 5000
/* The most earlier messages that a run waits for, and the longest wait. */
#define TURN_QUEUE 20
#define TURN_WAIT_MS 90000

enum turn {
	TURN_COME,
	TURN_NOT_YET, /* others are still to go before, or the chat must wait */
	TURN_CROWDED, /* more than TURN_QUEUE are to go before */
	TURN_LEFT,    /* the MTA has ended, and tries the message again */
	TURN_FAILED,  /* the file cannot be read or locked: errno */
};

/* turn_nap(ms): sleep. */
void turn_nap(int64_t ms);

/* turn_settle(a): let earlier messages come. */
void turn_settle(struct agents *);

/* turn_wait(a, ms, before): wait for the turn, for ${ms} at most. ${*before}:
 * how many messages were to go before at last. */
enum turn turn_wait(struct agents *, int64_t ms, size_t *before) WARN_UNUSED;

/* turn_request(a): wait until the next request to the chat may be made. False
 * if that is not within TURN_WAIT_MS: the bot is refused again and again; or if
 * the MTA has ended. */
bool turn_request(struct agents *) WARN_UNUSED;

#endif
