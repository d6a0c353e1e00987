/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlcells - the columns of an HTML table
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "telegram/htmlcells.h"

/* Elements that are looked at to find out what a table is. */
#define LOOKS_MAX 5000

static bool is_element(const GumboNode *, GumboTag);
static bool is_cell(const GumboNode *);
static const GumboNode *next_node(const GumboNode *, const GumboNode *, bool);
static bool is_blank(const char *);
static bool has_content(const GumboNode *, int *);
static bool has_attribute(const GumboNode *, const char *, const char *);
static unsigned span(const GumboNode *, const char *);
static unsigned place(struct htmlcells *, const GumboNode *, unsigned *);

static bool
is_element(const GumboNode *node, GumboTag tag)
{
	return (node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == tag);
}

static bool
is_cell(const GumboNode *node)
{
	return (
	    is_element(node, GUMBO_TAG_TD) || is_element(node, GUMBO_TAG_TH));
}

/* The node after ${node} in ${root}, ${inside} of it or behind it; NULL at the
 * end. */
static const GumboNode *
next_node(const GumboNode *root, const GumboNode *node, bool inside)
{
	const GumboVector *children;
	size_t next = 0;

	for (;;) {
		children = &node->v.element.children;
		if (inside && node->type == GUMBO_NODE_ELEMENT &&
		    next < children->length)
			return (children->data[next]);
		if (node == root)
			return (NULL);
		next = node->index_within_parent + 1;
		node = node->parent;
		inside = true;
	}
}

static bool
is_blank(const char *s)
{
	for (;;) {
		s += strspn(s, " \t\r\n\f");
		/* U+00A0 */
		if (strncmp(s, "\xc2\xa0", 2) != 0)
			return (*s == '\0');
		s += 2;
	}
}

/* Does the cell have text, or a picture with words? */
static bool
has_content(const GumboNode *cell, int *looks)
{
	const GumboNode *node;
	GumboAttribute *alt;
	bool inside = true;

	for (node = next_node(cell, cell, true); node != NULL;
	     node = next_node(cell, node, inside)) {
		inside = true;
		if (--*looks < 0)
			return (true);
		if (node->type == GUMBO_NODE_TEXT &&
		    !is_blank(node->v.text.text))
			return (true);
		if (is_element(node, GUMBO_TAG_STYLE) ||
		    is_element(node, GUMBO_TAG_SCRIPT)) {
			inside = false;
		} else if (is_element(node, GUMBO_TAG_INPUT)) {
			return (true);
		} else if (is_element(node, GUMBO_TAG_IMG)) {
			alt = gumbo_get_attribute(
			    &node->v.element.attributes, "alt");
			if (alt != NULL && !is_blank(alt->value))
				return (true);
		}
	}
	return (false);
}

static bool
has_attribute(const GumboNode *cell, const char *name, const char *value)
{
	GumboAttribute *a;

	a = gumbo_get_attribute(&cell->v.element.attributes, name);
	return (a != NULL && strcmp(a->value, value) == 0);
}

static unsigned
span(const GumboNode *cell, const char *name)
{
	GumboAttribute *a;
	long n;

	a = gumbo_get_attribute(&cell->v.element.attributes, name);
	n = a == NULL ? 1 : strtol(a->value, NULL, 10);
	if (n < 1)
		return (1);
	return (n > HTMLCELLS_MAX ? HTMLCELLS_MAX : (unsigned)n);
}

/* The first column of the next cell, beside those that a cell above spans;
 * ${*width}: how many it has. */
static unsigned
place(struct htmlcells *c, const GumboNode *cell, unsigned *width)
{
	unsigned first, i, rows;

	while (c->column < HTMLCELLS_MAX && c->down[c->column] > 0) {
		c->down[c->column]--;
		c->skipped += (c->used >> c->column & 1) != 0;
		c->column++;
	}
	first = c->column;
	*width = span(cell, "colspan");
	if (*width > HTMLCELLS_MAX - first)
		*width = HTMLCELLS_MAX - first;
	rows = span(cell, "rowspan");
	/* rowspan=0: all that follow. */
	if (has_attribute(cell, "rowspan", "0"))
		rows = UCHAR_MAX;
	for (i = first; i < first + *width; i++)
		c->down[i] = (unsigned char)(rows - 1);
	c->column += *width;
	return (first);
}

void
htmlcells_begin(struct htmlcells *c, const GumboNode *table)
{
	const GumboNode *node;
	unsigned first, width;
	int looks = LOOKS_MAX;

	memset(c, 0, sizeof(*c));
	for (node = next_node(table, table, true); node != NULL;
	     node = next_node(table, node, true)) {
		if (is_element(node, GUMBO_TAG_TABLE) || --looks < 0) {
			c->layout = true;
			return;
		}
		if (is_element(node, GUMBO_TAG_TR))
			htmlcells_row(c);
		if (!is_cell(node))
			continue;
		first = place(c, node, &width);
		if (width > 0 && has_content(node, &looks))
			c->used |= 1U << first;
	}
	memset(c->down, 0, sizeof(c->down));
}

void
htmlcells_row(struct htmlcells *c)
{
	/* Cells above span what is right of the last cell, too. */
	for (; c->column < HTMLCELLS_MAX; c->column++) {
		if (c->down[c->column] > 0)
			c->down[c->column]--;
	}
	c->column = 0;
	c->skipped = 0;
}

int
htmlcells_next(struct htmlcells *c, const GumboNode *cell)
{
	unsigned first, width, i;
	int skipped, looks = LOOKS_MAX;

	if (c->layout)
		return (0);
	first = place(c, cell, &width);
	skipped = c->skipped;
	if (!has_content(cell, &looks)) {
		for (i = first; i < first + width; i++)
			c->skipped += (c->used >> i & 1) != 0;
		return (-1);
	}
	c->skipped = 0;
	for (i = first + 1; i < first + width; i++)
		c->skipped += (c->used >> i & 1) != 0;
	return (skipped);
}
