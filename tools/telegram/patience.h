/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience - limits how often a chat may send wrong tokens, and get answers
 *
 * A connect token has 128 bits and cannot be guessed. But each guess makes the
 * bot look it up, write to the disk and answer, while others wait. So after
 * some wrong tokens a chat is refused for a while: no token is looked up, not
 * even a good one, as that would tell that it is good. After the next wrong one
 * the refusal lasts twice as long, and so on. The number of answers is limited
 * too. To ignore a message costs next to nothing.
 *
 * In memory, for at most PATIENCE_CHATS chats; a refusal is one number, which
 * the caller may store to keep it over a restart.
 *
 * Threads: one. Times are Unix seconds; a clock that jumps shortens a refusal.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* Wrong tokens in a row, none of them an hour old, before a refusal. */
#define PATIENCE_WRONG 5
/* The first refusal, in seconds; each later one is twice as long, up to the
 * maximum. */
#define PATIENCE_WAIT 60
#define PATIENCE_WAIT_MAX 3600
/* Answers at once, and the seconds until one more. */
#define PATIENCE_ANSWERS 20
#define PATIENCE_ANSWER_SECONDS 3
/* Wrong tokens of all chats in a minute that get an answer. */
#define PATIENCE_WRONG_ALL 100
#define PATIENCE_CHATS 4096

struct patience;

struct patience *patience_new(void) WARN_UNUSED;
void patience_free(struct patience *);

/* patience_answers(p, chat, now): may the chat get one more answer? */
bool patience_answers(struct patience *, int64_t chat, int64_t now);

/*
 * patience_waits(p, chat, now): how many seconds the chat must still wait, or
 * 0. patience_told(p, chat): has it been told so during this refusal? False the
 * first time.
 */
int patience_waits(struct patience *, int64_t chat, int64_t now);
bool patience_told(struct patience *, int64_t chat);

/*
 * patience_wrong(p, chat, now): a token from the chat was wrong; how many
 * seconds the chat must wait now. patience_right(p, chat): it was right.
 */
int patience_wrong(struct patience *, int64_t chat, int64_t now);
void patience_right(struct patience *, int64_t chat);

/*
 * patience_links(p, chat, until): the chat has asked for too many links by
 * mail. patience_links_wait(p, chat, now): must it still wait? Only with these
 * requests: whoever has a token need not.
 */
void patience_links(struct patience *, int64_t chat, int64_t until);
bool patience_links_wait(struct patience *, int64_t chat, int64_t now);

/*
 * patience_mark(p, chat), patience_back(p): go back to the mark, as if the chat
 * had said nothing since.
 */
void patience_mark(struct patience *, int64_t chat);
void patience_back(struct patience *);

/* patience_crowded(p, now): how many wrong tokens came in this minute, if more
 * than PATIENCE_WRONG_ALL; else 0. */
int patience_crowded(struct patience *, int64_t now);

/*
 * patience_number(p, chat): the refusal of the chat as a number: the greater,
 * the later it ends. patience_number_at(now): the least number of a refusal
 * that has not ended. patience_restore(p, chat, number): refuse the chat again.
 */
int64_t patience_number(struct patience *, int64_t chat);
int64_t patience_number_at(int64_t now);
void patience_restore(struct patience *, int64_t chat, int64_t number);

#endif
