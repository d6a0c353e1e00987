/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chattext - a mail as the text of a chat message
 *
 * policy/README.md, How a message reaches Telegram: subject in bold, the part
 * that says most, charset and transfer encoding decoded, HTML reduced to text,
 * attachments named, cut at Telegram's limit of 4096 UTF-16 code units without
 * splitting a character. Bold, links and struck words are entities, counted in
 * UTF-16 code units; the text has no markup, so no mail can break it.
 *
 * A damaged mail still becomes a text: what cannot be decoded is replaced or
 * left out, and never a failure.
 *
 * Threads: any, after chattext_start().
 */
#ifndef CHATTEXT_H
#define CHATTEXT_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;
struct texts;

/* Telegram's limit for a message, in UTF-16 code units. */
#define CHATTEXT_UNITS_MAX 4096

/* More entities are ignored by Telegram. */
#define CHATTEXT_ENTITIES_MAX 100

enum chattext_kind {
	CHATTEXT_BOLD,
	CHATTEXT_LINK,
	CHATTEXT_STRUCK,
};

struct chattext_entity {
	enum chattext_kind kind;
	size_t from; /* in UTF-16 code units */
	size_t units;
	char *url; /* CHATTEXT_LINK */
};

struct chattext {
	char *text;   /* UTF-8 */
	size_t units; /* of the text, in UTF-16 code units */
	struct chattext_entity *entities; /* in reading order */
	size_t nentities;
	char *bare; /* the text for a message without entities: addresses are
		       written out, and struck words are between "~" */
};

/* What the program says in it, in the language of the chat's user. */
struct chattext_words {
	const struct texts *texts; /* NULL: the built-in ones */
	const char *language;
	const char *footer; /* the last line: UTF-8, no newline */
};

/* chattext_start(): once, while there is one thread. */
void chattext_start(void);

/*
 * chattext_read(fd, words, ct, failure):
 * Make the text of the mail that is the file ${fd}. The footer is its last
 * line; it is cut only if it has more than 1024 code units. Memory does not
 * grow with the size of attachments. 0, or -1 and ${failure} for a read error
 * or out of memory; chattext_clear() after both.
 */
int chattext_read(int fd, const struct chattext_words *, struct chattext *,
    struct failure *) WARN_UNUSED;

void chattext_clear(struct chattext *);

#endif
