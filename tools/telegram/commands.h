/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commands - what people say to the bot, and what it answers
 *
 * policy/README.md: /start <token> links the chat, /stop ends the link, /status
 * says what is linked, anything else gets help. The answers name the account,
 * since one chat may serve several users and accounts.
 *
 * A token that does not work gets one answer, whatever is wrong with it; who
 * tries many is made to wait (patience.h).
 *
 * Threads: as struct store.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct changes;
struct patience;

/* One message to the bot. */
struct said {
	int64_t chat;
	bool private; /* a chat with one person */
	const char *text;
};

/* commands_heard(p, said, now): false if it is to be passed over: too much is
 * said in the chat. To be asked once, before commands_answer(). */
bool commands_heard(struct patience *, const struct said *, int64_t now);

/*
 * commands_answer(c, p, said, answer): do what was said, inside a transaction
 * that the caller has begun. 1 with ${*answer}, cut from the arena; 0 when
 * there is nothing to answer; -1 failed, with changes->failure.
 */
int commands_answer(struct changes *, struct patience *, const struct said *,
    const char **answer) WARN_UNUSED;

/* commands_begin(c, p): whoever had to wait before a restart still has to; as
 * above, 0 or -1. */
int commands_begin(struct changes *, struct patience *) WARN_UNUSED;

#endif
