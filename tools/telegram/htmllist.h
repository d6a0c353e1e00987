/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmllist - the numbers of an HTML list's items
 *
 * A kind is one of "1aAiI" for numbers, letters and Roman numerals, "*" for
 * bullets, "-" for nothing, as struct htmlstyle has it, too.
 *
 * Threads: any.
 */
#ifndef HTMLLIST_H
#define HTMLLIST_H

#include <stdint.h>

#include <gumbo.h>

#define HTMLLIST_BULLET '*'
/* Of a number with what follows it, and of the NUL. */
#define HTMLLIST_SIZE 24

struct htmllist {
	int64_t number; /* of the next item */
	int step;
	char kind;
};

/* htmllist_begin(list, node, style): a list begins, with the kind that its
 * style says, or '\0'. */
void htmllist_begin(struct htmllist *, const GumboNode *, char style);

/* htmllist_next(list, item, kind, number): the number of the next item, such as
 * "7. ", in the kind of this item; "" if it shows none. Not for a bullet. */
void htmllist_next(struct htmllist *, const GumboNode *item, char kind,
    char number[HTMLLIST_SIZE]);

#endif
