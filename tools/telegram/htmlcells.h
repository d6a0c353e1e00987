/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlcells - the columns of an HTML table
 *
 * A price must stand under its heading although the cell before it is empty.
 * But most tables of HTML mail are layout, with columns that only keep a
 * distance: a column counts if any of its cells has content. A table with
 * another one in it is layout.
 *
 * Threads: any.
 */
#ifndef HTMLCELLS_H
#define HTMLCELLS_H

#include <stdbool.h>
#include <stdint.h>

#include <gumbo.h>

/* Further columns are not told apart. */
#define HTMLCELLS_MAX 32

struct htmlcells {
	uint32_t used;			   /* a bit for each column */
	unsigned char down[HTMLCELLS_MAX]; /* rows that a cell above spans */
	unsigned column;
	int skipped; /* empty ones since the last cell with content */
	bool layout;
};

/* htmlcells_begin(cells, table): a table begins. */
void htmlcells_begin(struct htmlcells *, const GumboNode *table);

/* htmlcells_row(cells): its next row begins. */
void htmlcells_row(struct htmlcells *);

/*
 * htmlcells_next(cells, cell): the next cell of the row. The number of columns
 * that are empty between it and the last cell with content; -1 if it has none
 * itself.
 */
int htmlcells_next(struct htmlcells *, const GumboNode *cell);

#endif
