/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order - a message waits for the earlier ones to its chat
 *
 * Those that are on their way now are known by the file of the runs (turn.h),
 * those that wait in the queue by the roster (store_link.h).
 */
#include <stdlib.h>
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

/* The MTA may be about to retry a message that was last tried so long ago: later
 * ones give it this time to come. */
#define DUE_SECONDS 60
#define GRACE_MS 2000
#define GRACE_STEP_MS 250

static int not_its_turn(struct delivery *, size_t);
static int look_again(struct delivery *, int64_t);
static int wait_longer(struct delivery *, size_t *);
static int count_earlier(struct delivery *, int64_t *, int64_t *);

int
order_join(struct delivery *d, bool make)
{
	char *path;

	if (d->agents != NULL)
		return (0);
	path = agents_path(d->settings);
	if (path == NULL)
		return (failure_memory(&d->failure));
	d->agents = agents_open(path, make, &d->failure);
	free(path);
	if (d->failure.kind == FAILURE_NONE)
		return (0);
	if (d->failure.kind != FAILURE_IO)
		return (-1);
	log_warning("%s: %s; other messages to the chat are not waited for",
	    d->queue_id, failure_text(&d->failure));
	failure_clear(&d->failure);
	return (0);
}

static int
not_its_turn(struct delivery *d, size_t before)
{
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (delivery_end(d, EX_TEMPFAIL, "waiting",
	    "%zu earlier messages are on their way to this chat", before));
}

/* What was looked up before a wait may have changed. */
static int
look_again(struct delivery *d, int64_t chat)
{
	int status;

	status = lookup_user(d);
	if (status == DELIVERY_GO_ON && d->user.chat != chat)
		return (delivery_end(d, EX_TEMPFAIL, "again", "%s",
		    "the user has linked another chat meanwhile"));
	return (status);
}

/* Without a connection to the database, which others may need. */
static int
wait_longer(struct delivery *d, size_t *before)
{
	int64_t chat = d->user.chat;
	enum turn turn;
	int status;

	store_close(d->store);
	d->store = NULL;
	turn = turn_wait(d->agents, TURN_WAIT_MS, before);
	d->now = time(NULL);
	if (lookup_open(d) != 0)
		return (delivery_failed(d));
	status = look_again(d, chat);
	if (status == DELIVERY_GO_ON &&
	    (turn == TURN_CROWDED || turn == TURN_NOT_YET))
		return (not_its_turn(d, *before));
	return (status);
}

int
order_wait(struct delivery *d)
{
	size_t before = 0;

	if (d->agents == NULL ||
	    agents_name(
		d->agents, d->user.chat, d->head.arrived, d->queue_id) != 0)
		return (DELIVERY_GO_ON);
	turn_settle(d->agents);
	switch (turn_wait(d->agents, 0, &before)) {
	case TURN_COME:
	case TURN_FAILED:
		return (look_again(d, d->user.chat));
	case TURN_CROWDED:
		return (not_its_turn(d, before));
	case TURN_NOT_YET:
		return (wait_longer(d, &before));
	}
	return (EX_TEMPFAIL);
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
