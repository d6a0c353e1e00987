/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * farewell - tells chats that their link has ended by a command, or for another
 *
 * policy/README.md, How a message reaches Telegram, 9. It is recorded what
 * is to be said; only the notify-bot that has claimed the roster says it.
 *
 * Threads: one.
 */
#ifndef FAREWELL_H
#define FAREWELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* A farewell that cannot be said for so long is dropped. */
#define FAREWELL_SECONDS (24 * 3600)

struct polling;

/* Kept from one call to the next. */
struct farewells {
	int64_t said;  /* its row may still be there; or 0 */
	int64_t next;  /* clock_boot_ms(): not before that */
	bool troubled; /* a failure has been logged */
	bool more;     /* the last call has left some */
};

/*
 * farewell_say(p): say some of those that wait, the oldest first. What fails is
 * logged and retried after a pause. 0; -1 if the roster failed, which is closed
 * then.
 */
int farewell_say(struct polling *) WARN_UNUSED;

#endif
