/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * update - one update of the Bot API: who said what to the bot
 *
 * Pure. Threads: any.
 */
#ifndef UPDATE_H
#define UPDATE_H

#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"
#include "telegram/conversation.h"

struct update {
	int64_t id; /* below INT64_MAX */
	struct chat_message message;
};

/*
 * update_read(json, update):
 * 1, somebody said something; 0, there is nothing in it for the bot but its
 * number; -1, it is not an update. Strings are those of ${json}.
 */
int update_read(const json_t *, struct update *) WARN_UNUSED;

#endif
