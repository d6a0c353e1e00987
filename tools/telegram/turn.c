/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turn - a run of notify-telegram waits for its turn
 *
 * It looks again and again: the kernel wakes who waits for a lock in an order
 * that is not that of the messages.
 */
#include <time.h>

#include "base/clock.h"
#include "telegram/agents.h"
#include "telegram/turn.h"

#define TICK_MS 50

static enum turn try(struct agents *, size_t *);

void
turn_nap(int64_t ms)
{
	struct timespec left = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&left, NULL);
}

void
turn_settle(struct agents *a)
{
	int64_t began = clock_ms(), busy, ms, others;

	busy = agents_age(a) * TURN_SETTLE_TIMES;
	do {
		turn_nap(TURN_SETTLE_MS);
		others = (int64_t)agents_others(a);
		ms = others == 0 && busy < TURN_SETTLE_BUSY_MS
		    ? 0
		    : busy + others * TURN_SETTLE_EACH_MS;
		if (ms > TURN_SETTLE_MAX_MS)
			ms = TURN_SETTLE_MAX_MS;
	} while (clock_ms() < began + ms);
}

/* Take the chat if no earlier message is there, and else give it back. */
static enum turn
try(struct agents *a, size_t *before)
{
	struct agents_ahead ahead;
	int rc;

	if (agents_ahead(a, &ahead) != 0)
		return (TURN_FAILED);
	*before = ahead.before;
	if (ahead.before > TURN_QUEUE)
		return (TURN_CROWDED);
	if (ahead.before > 0 || ahead.starting > 0) {
		agents_give(a);
		return (TURN_NOT_YET);
	}
	rc = agents_take(a);
	if (rc == -1)
		return (TURN_FAILED);
	return (rc == 1 ? TURN_COME : TURN_NOT_YET);
}

enum turn
turn_wait(struct agents *a, int64_t ms, size_t *before)
{
	int64_t until = clock_ms() + ms, wait;
	enum turn turn;

	for (;;) {
		turn = agents_left(a) ? TURN_LEFT : try(a, before);
		wait = turn == TURN_COME   ? agents_chat_wait(a)
		    : turn == TURN_NOT_YET ? TICK_MS
					   : 0;
		if (wait == 0)
			return (turn);
		if (clock_ms() + wait > until)
			return (TURN_NOT_YET);
		turn_nap(wait);
	}
}

bool
turn_request(struct agents *a)
{
	int64_t until = clock_ms() + TURN_WAIT_MS, wait;
	bool may;

	while (clock_ms() < until) {
		may = agents_ask(a, &wait);
		turn_nap(wait);
		if (agents_left(a))
			return (false);
		if (may && (wait == 0 || !agents_paused(a)))
			return (true);
	}
	return (false);
}
