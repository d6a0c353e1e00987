/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlkind - what an HTML element does to the text in it
 *
 * Threads: any.
 */
#ifndef HTMLKIND_H
#define HTMLKIND_H

#include <gumbo.h>

struct htmlstyle;

enum htmlkind {
	HTMLKIND_INLINE,
	HTMLKIND_BESIDE, /* inline, but apart from its neighbours */
	HTMLKIND_BREAK,	 /* <br> */
	HTMLKIND_LINE,	 /* begins and ends a line */
	HTMLKIND_PARAGRAPH,
	HTMLKIND_LIST,
	HTMLKIND_ITEM,
	HTMLKIND_TABLE,
	HTMLKIND_ROW,
	HTMLKIND_CELL,
	HTMLKIND_LINK,
	HTMLKIND_AREA, /* a link in a picture */
	HTMLKIND_IMAGE,
	HTMLKIND_INPUT,
	HTMLKIND_LITERAL, /* <pre> */
	HTMLKIND_STRUCK,
	HTMLKIND_SMALL, /* "12" and a small "50" are no 1250 */
	HTMLKIND_RAISED,
	HTMLKIND_STYLE,
	HTMLKIND_HIDDEN,
};

/* htmlkind_of(node, style): by the name of an element and by its style. */
enum htmlkind htmlkind_of(const GumboNode *, const struct htmlstyle *);

/* htmlkind_attribute(node, name): the value of an attribute, "" if it has none;
 * NULL if it is missing. */
const char *htmlkind_attribute(const GumboNode *, const char *);

/* htmlkind_breaks(kind): lines that begin before and end after the element; 2
 * leave an empty one. */
int htmlkind_breaks(enum htmlkind);

#endif
