/*
 * commands - what people say to the bot, and what it answers
 *
 * product.md: /start <token> links the chat, /stop ends the link, /status says
 * what is linked, anything else gets help. The answers name the account, since
 * one chat may serve several users and accounts.
 *
 * Inside a transaction that the caller has begun. Threads: as struct store.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

struct changes;

/* One message to the bot. */
struct said {
	int64_t chat;
	bool private; /* a chat with one person */
	const char *text;
};

/*
 * commands_answer(c, said, answer): do what was said. 1 with ${*answer}, cut
 * from the arena; 0 when there is nothing to answer; -1 failed, with
 * changes->failure.
 */
int commands_answer(
    struct changes *, const struct said *, const char **answer) WARN_UNUSED;

#endif
