/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlwriter - words, and the white space between them
 *
 * White space between two words is only noted, as blanks, lines, empty lines or
 * cells; the strongest of them is written before the next word. So empty
 * elements and spacers, of which HTML mail is full, leave no trace.
 *
 * Threads: any.
 */
#ifndef HTMLWRITER_H
#define HTMLWRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "telegram/htmlstyle.h"

#define HTMLWRITER_MARKER_SIZE 48
#define HTMLWRITER_NOWHERE SIZE_MAX

/* What keeps the next word apart from the one before. */
enum htmlwriter_apart {
	HTMLWRITER_NOT,
	HTMLWRITER_WORD,    /* two letters or digits */
	HTMLWRITER_NUMBER,  /* two digits */
	HTMLWRITER_POWER,   /* a digit from what it stands above of */
	HTMLWRITER_LINK,    /* two links, as HTMLWRITER_WORD */
	HTMLWRITER_SCHEME,  /* an address from the word in front of it */
	HTMLWRITER_ADDRESS, /* whatever would become part of an address */
	HTMLWRITER_GAP,	    /* all but what belongs to the word before it */
};

struct htmlwriter {
	GString *out;
	GArray *starts; /* see htmlwriter_begin() */
	/* To be written before the next word. */
	int newlines;
	int blanks;
	int cells;   /* bars */
	int leading; /* empty cells at the beginning of a row */
	enum htmlwriter_apart apart;
	bool tight; /* it begins a row: no empty line */
	char marker[HTMLWRITER_MARKER_SIZE]; /* of an item */
};

/* htmlwriter_init(w, out): write to ${out}. */
void htmlwriter_init(struct htmlwriter *, GString *out);
void htmlwriter_clear(struct htmlwriter *);

/* htmlwriter_put(w, s, len, space): put clean text. */
void htmlwriter_put(
    struct htmlwriter *, const char *, size_t len, enum htmlstyle_space);

/* htmlwriter_break(w, n): put the next word ${n} lines further down, unless it
 * is the first of a list item or a cell. */
void htmlwriter_break(struct htmlwriter *, int n);

/* htmlwriter_newline(w): one more newline. */
void htmlwriter_newline(struct htmlwriter *);

/* htmlwriter_beside(w): a blank, if nothing else is between two words. */
void htmlwriter_beside(struct htmlwriter *);

/*
 * htmlwriter_begin(w): something begins with the next word, such as a link.
 * htmlwriter_start(w): where the last that began has its first word, or
 * HTMLWRITER_NOWHERE. htmlwriter_end(w): the same, and it ends.
 */
void htmlwriter_begin(struct htmlwriter *);
size_t htmlwriter_start(const struct htmlwriter *);
size_t htmlwriter_end(struct htmlwriter *);

#endif
