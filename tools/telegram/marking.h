/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * marking - links and struck words as entities, or written out
 *
 * An entity costs no room. What can be none is written out, while there is
 * room: an address behind its words, unless it stands somewhere already or the
 * words are the address; struck words between "~".
 *
 * Threads: any.
 */
#ifndef MARKING_H
#define MARKING_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "telegram/richtext.h"

struct marking_entity {
	const struct richtext_mark *mark;
	size_t from; /* UTF-16 code units of the text */
	size_t units;
};

struct marking {
	struct richtext *kept; /* the words that fit */
	GString *text;	       /* the same, with what is written out */
	GArray *entities;      /* struct marking_entity, in reading order */
};

/*
 * marking_show(m, rt, room, max, note, more):
 * Show ${rt} in ${room} UTF-16 code units, with at most ${max} entities. If not
 * all of it fits, words or addresses, or if there is ${more} to it, it ends
 * with
 * ${note}. Without entities the words leave up to half of the room to
 * addresses. marking_clear() afterwards.
 */
void marking_show(struct marking *, const struct richtext *, size_t room,
    size_t max, const char *note, bool more);

void marking_clear(struct marking *);

#endif
