/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * polling - asks Telegram for updates, and handles each exactly once
 *
 * An update counts as handled when its number is stored, in the transaction of
 * the change that it caused: after a crash none is lost and none done twice.
 *
 * Only the notify-bot that has claimed the roster polls.
 *
 * Threads: one.
 */
#ifndef POLLING_H
#define POLLING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "telegram/botapi.h"
#include "telegram/farewell.h"
#include "telegram/menu.h"
#include "telegram/outcome.h"

struct arena;
struct patience;
struct settings;
struct store;
struct texts;

struct polling {
	struct settings *settings;
	struct texts *texts;
	struct botapi *api;
	struct store *store; /* open when needed; polling_close() */
	struct arena *arena;
	struct patience *patience;
	/* When to stop waiting for updates, and when to abort even a reply. */
	botapi_stop_fn *interrupted, *ending;
	/* After -1: what failed, the "roster" or "Telegram", and why. */
	const char *failed;
	struct failure failure;
	long retry_after; /* seconds that Telegram asks for, or 0 */
	struct farewells farewells;
	struct menu menu;
	/* The API has answered the last time. */
	bool reachable;
	/* polling.c's own. */
	bool patience_restored;
	int64_t passed; /* an update whose number is not stored yet; or 0 */
	int64_t warned; /* that many tokens do not work */
	/* When the last update was handled: as it is stored, and by a clock
	 * that does not jump. */
	int64_t handled_at, handled_ms;
};

/* polling_claim(p): 1, the roster is ours alone; 0, another notify-bot has it;
 * -1 failed. */
int polling_claim(struct polling *) WARN_UNUSED;

/* polling_ask(p): wait for updates, and handle them. 1, or 0 if there were none
 * and Telegram did not wait for any: pause; -1 failed. */
int polling_ask(struct polling *) WARN_UNUSED;

/* polling_own(p): 0 if the roster is still ours; -1 failed, or it is not. */
int polling_own(struct polling *) WARN_UNUSED;

/* polling_store_failed(p): end the transaction and close the roster, after a
 * failure of it. Returns -1. */
int polling_store_failed(struct polling *);

/* polling_send(p, chat, topic, text, asked, answer): send one message, to the
 * ${topic} of the chat unless that is 0, or was deleted; without a sound in
 * quiet_hours, unless it was ${asked} for. Fills ${answer}, which the
 * caller must clear.
 */
enum outcome polling_send(struct polling *, int64_t chat, int64_t topic,
    const char *text, bool asked, struct botapi_answer *);

/* polling_close(p): close the roster, and so give it up. */
void polling_close(struct polling *);

#endif
