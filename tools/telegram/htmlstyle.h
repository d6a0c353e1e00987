/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlstyle - what the styles of an element mean for its text
 *
 * Only what hides text, keeps it apart, keeps its lines or strikes it. Rules
 * for one class, id or element are understood; those for other media than a
 * screen of 600 pixels, and for elements within others, are not.
 *
 * Threads: any.
 */
#ifndef HTMLSTYLE_H
#define HTMLSTYLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

enum htmlstyle_display {
	HTMLSTYLE_DISPLAY_UNSET,
	HTMLSTYLE_NONE,
	HTMLSTYLE_INLINE,
	HTMLSTYLE_BLOCK,
	HTMLSTYLE_BESIDE, /* inline-block, table-cell: apart from its
			     neighbours */
	HTMLSTYLE_FLEX,	  /* its children are apart */
};

enum htmlstyle_space {
	HTMLSTYLE_SPACE_UNSET,
	HTMLSTYLE_NORMAL,
	HTMLSTYLE_LINES, /* pre-line */
	HTMLSTYLE_LITERAL,
};

enum htmlstyle_seen {
	HTMLSTYLE_SEEN_UNSET,
	HTMLSTYLE_UNSEEN,
	HTMLSTYLE_SEEN,
};

struct htmlstyle {
	enum htmlstyle_display display;
	enum htmlstyle_space space;
	enum htmlstyle_seen visibility; /* its descendants may differ */
	enum htmlstyle_seen size;	/* of the font; likewise */
	enum htmlstyle_seen ink;	/* likewise */
	bool transparent;
	unsigned flat; /* not 0: no height or no width */
	bool clipped;  /* what is outside of it is not shown */
	bool outside;  /* of the window */
	bool painted;  /* its letters show the background */
	bool apart;    /* white space around it */
	double pixels; /* of the font, or 0 */
	double scale;  /* of the font around it, or 0 */
	char list;     /* '1', 'a', 'A', 'i', 'I', '*', '-' for none, or 0 */
	bool struck;
	bool raised;  /* superscript */
	bool small;   /* its font, against that around it */
	bool picture; /* in its background */
};

struct htmlsheet;

/* htmlsheet_new(): no rules. */
struct htmlsheet *htmlsheet_new(void) WARN_UNUSED;
void htmlsheet_free(struct htmlsheet *);

/* htmlsheet_add(sheet, css, media): the rules of a style element, unless they
 * are for other ${media} (NULL: all). */
void htmlsheet_add(struct htmlsheet *, const char *css, const char *media);

/* htmlsheet_empty(sheet): does it have no rule? */
bool htmlsheet_empty(const struct htmlsheet *);

/*
 * htmlstyle_of(style, sheet, element, id, classes, own):
 * The style of an element by the sheet, and by its own attribute. All but
 * ${style} and ${element} may be NULL.
 */
void htmlstyle_of(struct htmlstyle *, const struct htmlsheet *,
    const char *element, const char *id, const char *classes, const char *own);

/* htmlstyle_hides(style): is the element hidden with all that is in it? */
bool htmlstyle_hides(const struct htmlstyle *);

#endif
