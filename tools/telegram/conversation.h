/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conversation - what people say to the bot, and what it answers
 *
 * policy/README.md, How a message reaches Telegram: /start <token> links the
 * chat, /stop ends its links, /status lists them and what comes for them, /link
 * ADDRESS has connect links mailed there (with link_by_mail); anything else
 * gets help. The answers name the account, since one chat may serve several
 * users and accounts. Their language is that of the user whom the chat is
 * linked to, else of whoever speaks. A command that names another bot, as
 * "/stop@other" does in a group, is not ours. If Telegram says that a group has
 * a new id, its links go on there.
 *
 * Every token that does not work gets the same answer, whatever is wrong with
 * it; a chat that tries many must wait (patience.h). A good one whose user may
 * not have a chat any more is told whom to ask.
 *
 * Threads: as struct store.
 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct changes;
struct patience;
struct settings;
struct texts;

/* One message to the bot; "" for one without words. */
struct chat_message {
	int64_t chat;
	int64_t topic; /* of a chat that has some; 0 for none */
	bool private;  /* a chat with one person */
	int64_t from;  /* who says it; 0: not known */
	const char *text;
	const char *language; /* of whoever says it, by Telegram; or NULL */
	int64_t moved_to;     /* the group has this id now; or 0 */
};

/* conversation_heard(p, bot, m, now): false if ${m} gets no attention: too much
 * is said in the chat. ${bot} is our name, "" if it is not set. Call it once,
 * before conversation_answer(). */
bool conversation_heard(struct patience *, const char *bot,
    const struct chat_message *, int64_t now);

/* Cut from the arena, or NULL. */
struct chat_answer {
	const char *text;
	const char *log; /* a line for the log, once the change is made */
};

/*
 * conversation_answer(c, p, texts, m, answer): do what ${m} asks for, inside a
 * transaction that the caller has begun. 1 with a text; 0 if there is nothing
 * to answer; -1 failed, with changes->failure.
 */
int conversation_answer(struct changes *, struct patience *,
    const struct texts *, const struct chat_message *,
    struct chat_answer *) WARN_UNUSED;

/* conversation_mails(settings): is /link understood? */
bool conversation_mails(const struct settings *);

/* conversation_restore(c, p): a chat that had to wait before a restart still
 * has to. Inside a transaction too; 0 or -1. */
int conversation_restore(struct changes *, struct patience *) WARN_UNUSED;

#endif
