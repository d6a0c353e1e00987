/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agents - the runs of notify-telegram on this machine, and Telegram's limits
 *
 * One file says which runs there are, with which message to which chat, and
 * when the next request may go out. A run that ends in any way, or is killed,
 * is gone from it at once: what counts are the kernel's locks on the file.
 * Nothing in it need outlive the machine, and whatever it holds, no wait is
 * longer than AGENTS_WAIT_MAX_MS.
 *
 * Threads: one struct agents, one thread. A fork(2) shares the locks until
 * exec(2).
 */
#ifndef AGENTS_H
#define AGENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct agents;
struct failure;
struct settings;

/* So many runs at once; the message of one more waits in the queue. */
#define AGENTS_MAX 256
/* The limits, each with some room: Telegram accepts 30 requests a second of a
 * bot, 1 a second to a chat, 20 a minute to a group. */
#define AGENTS_REQUEST_MS 45
#define AGENTS_CHAT_MS 1010
#define AGENTS_GROUP_MS 3050
/* The bot itself is refused (429) if AGENTS_REFUSALS chats in a row are: then
 * all runs wait as long as Telegram says, AGENTS_PAUSE_MAX_MS at most. */
#define AGENTS_REFUSALS 3
#define AGENTS_PAUSE_MAX_MS 10000
/* A run that takes longer to read its message is stuck. */
#define AGENTS_STARTING_MS 10000
/* A moment further ahead is nonsense: the machine was booted since. */
#define AGENTS_WAIT_MAX_MS 20000

/* agents_path(settings): the file: beside the roster, or else beside the
 * counters. Yours to free; NULL if out of memory. */
char *agents_path(const struct settings *) WARN_UNUSED;

/*
 * agents_open(path, make, failure): this run is among them, with a message that
 * is not known yet. NULL and ${failure} if the file cannot be used, or
 * FAILURE_BUSY if there are AGENTS_MAX. NULL without a failure if there is no
 * file, and ${make} is false.
 */
struct agents *agents_open(
    const char *path, bool make, struct failure *) WARN_UNUSED;
void agents_close(struct agents *);

/* agents_name(a, chat, arrived, message): what this run is about. It gives
 * another chat that it has back. 0, or -1 if that cannot be written: errno. */
int agents_name(struct agents *, int64_t chat, int64_t arrived,
    const char *message) WARN_UNUSED;

/* agents_left(a): has the program that started this run ended? Then the MTA
 * tries the message again, and pipe(8) leaves behind what it has started. */
bool agents_left(const struct agents *);

/* agents_age(a): how many milliseconds ago this run began. */
int64_t agents_age(const struct agents *);

/* agents_others(a): how many other runs there are. */
size_t agents_others(const struct agents *);

/* agents_ahead(a, ahead): count the other runs that go first. 0 or -1. */
struct agents_ahead {
	size_t before;	 /* with an earlier message to this chat */
	size_t starting; /* that began before, and know no message yet */
};
int agents_ahead(const struct agents *, struct agents_ahead *) WARN_UNUSED;

/* agents_take(a): have the chat for this run alone. 1, 0 if another run has
 * it, or -1. agents_give(a): give it back. */
int agents_take(struct agents *) WARN_UNUSED;
void agents_give(struct agents *);

/*
 * agents_chat_wait(a): the milliseconds until the chat may have its next
 * message and the bot's pause is over. 0 if that is not known.
 *
 * agents_ask(a, wait): this run has the chat: may it make a request? True:
 * after ${*wait} milliseconds, unless agents_paused() by then. False: ask again
 * after them. If the file cannot be read or written, ${*wait} is the interval
 * of the chat.
 *
 * agents_paused(a): has the bot's pause not ended?
 */
int64_t agents_chat_wait(const struct agents *);
bool agents_ask(struct agents *, int64_t *wait);
bool agents_paused(const struct agents *);

/* agents_answered(a, sent, retry_after): the request is over. ${sent}: there
 * may be a message in the chat now. ${retry_after}: the seconds of a 429, or 0.
 */
void agents_answered(struct agents *, bool sent, int64_t retry_after);

#endif
