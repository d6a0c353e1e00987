/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order - a message waits for the earlier ones to its chat
 *
 * Those that are on their way now are known by the file of the runs (turn.h),
 * those that wait in the queue by the roster (store_link.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/clock.h"
#include "lib/log.h"
#include "settings/settings.h"
#include "store/store_link.h"
#include "telegram/agents.h"
#include "telegram/delivery.h"
#include "telegram/lookup.h"
#include "telegram/order.h"
#include "telegram/turn.h"

/* The MTA may be about to retry a message that was last tried so long ago:
 * later ones give it this time to come. */
#define DUE_SECONDS 60
#define GRACE_MS 2000
#define GRACE_STEP_MS 250

static void warn(const struct delivery *, const char *);
static int not_its_turn(struct delivery *, size_t);
static int too_many(struct delivery *);
static int left(struct delivery *);
static enum turn wait_at(struct delivery *, int64_t, size_t *);
static int wait_longer(struct delivery *, size_t *);
static int count_earlier(struct delivery *, int64_t *, int64_t *);

int
order_join(struct delivery *d, bool make)
{
	char *path;

	if (d->agents != NULL || d->unordered)
		return (0);
	path = agents_path(d->settings);
	if (path == NULL)
		return (failure_memory(&d->failure));
	d->agents = agents_open(path, make, &d->failure);
	free(path);
	d->crowded = d->failure.kind == FAILURE_BUSY;
	d->unordered = d->failure.kind == FAILURE_IO;
	if (d->failure.kind != FAILURE_NONE && !d->crowded && !d->unordered)
		return (-1);
	if (d->unordered)
		warn(d, failure_text(&d->failure));
	failure_clear(&d->failure);
	return (0);
}

static void
warn(const struct delivery *d, const char *what)
{
	log_warning("%s: %s; other messages to the chat are not waited for",
	    d->queue_id, what);
}

static int
not_its_turn(struct delivery *d, size_t before)
{
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (delivery_end(d, EX_TEMPFAIL, "waiting",
	    "%zu earlier messages are on their way to this chat", before));
}

/* There is no room among the runs: those that are deferred keep their order. */
static int
too_many(struct delivery *d)
{
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (delivery_end(d, EX_TEMPFAIL, "waiting",
	    "%d notify-telegram run at once", AGENTS_MAX));
}

/* Two runs for one message would send it twice. */
static int
left(struct delivery *d)
{
	return (delivery_end(d, EX_TEMPFAIL, "again", "%s",
	    "the MTA has ended, and tries the message again"));
}

/* Wait for the turn at the chat that the user has now. */
static enum turn
wait_at(struct delivery *d, int64_t ms, size_t *before)
{
	char text[128];
	enum turn turn = TURN_FAILED;

	if (agents_name(
		d->agents, d->user.chat, d->head.arrived, d->queue_id) == 0) {
		if (ms == 0)
			turn_settle(d->agents);
		turn = turn_wait(d->agents, ms, before);
	}
	if (turn == TURN_FAILED) {
		snprintf(text, sizeof(text), "the file of the runs: %s",
		    strerror(errno));
		warn(d, text);
	}
	return (turn);
}

/* Without a connection to the database, which others may need. If the chat has
 * a new id by then, the message waits there, behind those that it was behind.
 */
static int
wait_longer(struct delivery *d, size_t *before)
{
	enum turn turn;
	int64_t chat;
	int status;

	do {
		chat = d->user.chat;
		store_close(d->store);
		d->store = NULL;
		turn = wait_at(d, TURN_WAIT_MS, before);
		if (turn == TURN_LEFT)
			return (left(d));
		d->now = time(NULL);
		if (lookup_open(d) != 0)
			return (delivery_failed(d));
		status = lookup_user(d);
	} while (status == DELIVERY_GO_ON && d->user.chat != chat);
	if (status == DELIVERY_GO_ON &&
	    (turn == TURN_CROWDED || turn == TURN_NOT_YET))
		return (not_its_turn(d, *before));
	return (status);
}

int
order_wait(struct delivery *d)
{
	int64_t chat = d->user.chat;
	size_t before = 0;
	int status;

	if (d->crowded)
		return (too_many(d));
	if (d->agents == NULL)
		return (DELIVERY_GO_ON);
	switch (wait_at(d, 0, &before)) {
	case TURN_COME:
	case TURN_FAILED:
		status = lookup_user(d);
		if (status == DELIVERY_GO_ON && d->user.chat != chat)
			break;
		return (status);
	case TURN_LEFT:
		return (left(d));
	case TURN_CROWDED:
		return (not_its_turn(d, before));
	case TURN_NOT_YET:
		break;
	}
	return (wait_longer(d, &before));
}

/* Of the earlier messages that wait for the chat, ${*due} were last tried some
 * time ago. */
static int
count_earlier(struct delivery *d, int64_t *before, int64_t *due)
{
	int64_t from = d->now - DELIVERY_FORGET_SECONDS;
	int rc;

	if (store_begin(d->store, DB_READ) != 0)
		return (-1);
	rc = store_waiting_before(d->store, d->user.chat, d->queue_id,
	    d->head.arrived, from, d->now + DELIVERY_CLOCK_SECONDS, before);
	if (rc != -1)
		rc = store_waiting_before(d->store, d->user.chat, d->queue_id,
		    d->head.arrived, from, d->now - DUE_SECONDS, due);
	if (rc == -1)
		return (-1);
	store_end(d->store);
	return (0);
}

int
order_keep(struct delivery *d)
{
	int64_t before, due, last = 0, until = 0;
	size_t ahead = 0;
	int status;

	for (;;) {
		if (count_earlier(d, &before, &due) != 0)
			return (delivery_store_failed(d));
		if (before == 0)
			return (DELIVERY_GO_ON);
		if (before != last)
			until = clock_ms() + GRACE_MS;
		last = before;
		if (due < before || before > TURN_QUEUE || d->agents == NULL ||
		    clock_ms() > until)
			break;
		turn_nap(GRACE_STEP_MS);
		status = wait_longer(d, &ahead);
		if (status != DELIVERY_GO_ON)
			return (status);
	}
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (delivery_end(d, EX_TEMPFAIL, "waiting",
	    "%lld earlier messages wait for this chat", (long long)before));
}
