/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience - how much of what is said in a chat the bot puts up with
 *
 * A connect token has 128 bits and cannot be guessed. But who tries makes the
 * bot look each one up, write to the disk and answer, and meanwhile others
 * wait. So a chat may be wrong some times; then nothing is looked at there for
 * a while, not even a token that is good, which would tell that it is; after
 * the next wrong one for twice as long, and so on. Nor is a chat answered
 * without end. What is passed over costs next to nothing.
 *
 * In memory, for as many chats as there is room; a refusal is one number, which
 * the caller may keep over a restart.
 *
 * Threads: one. Times are Unix seconds; a clock that jumps shortens a refusal.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* So many wrong tokens, in a row and none an hour old, are put up with. */
#define PATIENCE_WRONG 5
/* Then the chat waits; twice as long each time, up to the longest. */
#define PATIENCE_WAIT 60
#define PATIENCE_WAIT_MAX 3600
/* So many answers at once, and one more every so many seconds. */
#define PATIENCE_ANSWERS 20
#define PATIENCE_ANSWER_SECONDS 3
/* In all chats together: more wrong ones in a minute are not answered. */
#define PATIENCE_WRONG_ALL 100
#define PATIENCE_CHATS 4096

struct patience;

struct patience *patience_new(void) WARN_UNUSED;
void patience_free(struct patience *);

/* patience_answers(p, chat, now): may the chat be answered once more? */
bool patience_answers(struct patience *, int64_t chat, int64_t now);

/*
 * patience_waits(p, chat, now): how many seconds until a token from the chat is
 * looked at again; 0: at once. patience_told(p, chat): it has been told so
 * since it must wait; false the first time.
 */
int patience_waits(struct patience *, int64_t chat, int64_t now);
bool patience_told(struct patience *, int64_t chat);

/*
 * patience_wrong(p, chat, now): a token from the chat was wrong. How many
 * seconds it must wait now. patience_right(p, chat): it was right.
 */
int patience_wrong(struct patience *, int64_t chat, int64_t now);
void patience_right(struct patience *, int64_t chat);

/*
 * patience_mark(p, chat), patience_back(p): all is again as it was at the mark,
 * as if the chat had not been heard since.
 */
void patience_mark(struct patience *, int64_t chat);
void patience_back(struct patience *);

/* patience_crowded(p, now): more than PATIENCE_WRONG_ALL within a minute;
 * how many, or 0. */
int patience_crowded(struct patience *, int64_t now);

/*
 * patience_number(p, chat): the refusal of the chat as a number: greater, the
 * longer it lasts. patience_number_at(now): the least of one that still lasts.
 * patience_restore(p, chat, number).
 */
int64_t patience_number(struct patience *, int64_t chat);
int64_t patience_number_at(int64_t now);
void patience_restore(struct patience *, int64_t chat, int64_t number);

#endif
