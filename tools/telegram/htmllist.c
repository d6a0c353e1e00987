/* SPDX-License-Identifier: BSD-2-Clause */
/* htmllist - the numbers of an HTML list's items */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "telegram/htmlkind.h"
#include "telegram/htmllist.h"

static bool read_number(const GumboNode *, const char *, int64_t *);
static int count_items(const GumboNode *);
static void put_roman(char *, int64_t);

/* The number that an attribute says, if it says one; browsers have 32 bits for
 * it. */
static bool
read_number(const GumboNode *node, const char *name, int64_t *number)
{
	const char *s;

	s = htmlkind_attribute(node, name);
	if (s == NULL)
		return (false);
	s += strspn(s, " \t\r\n\f");
	if (!g_ascii_isdigit(s[*s == '-' || *s == '+']))
		return (false);
	*number = CLAMP(g_ascii_strtoll(s, NULL, 10), INT32_MIN, INT32_MAX);
	return (true);
}

static int
count_items(const GumboNode *list)
{
	const GumboVector *children = &list->v.element.children;
	const GumboNode *item;
	size_t i;
	int n = 0;

	for (i = 0; i < children->length; i++) {
		item = children->data[i];
		n += item->type == GUMBO_NODE_ELEMENT &&
		    item->v.element.tag == GUMBO_TAG_LI;
	}
	return (n);
}

void
htmllist_begin(struct htmllist *list, const GumboNode *node, char style)
{
	const char *type;

	type = htmlkind_attribute(node, "type");
	if (style != '\0')
		list->kind = style;
	else if (node->v.element.tag != GUMBO_TAG_OL)
		list->kind = HTMLLIST_BULLET;
	else if (type != NULL && *type != '\0' && strchr("aAiI", *type) != NULL)
		list->kind = *type;
	else
		list->kind = '1';
	list->step = htmlkind_attribute(node, "reversed") == NULL ? 1 : -1;
	if (!read_number(node, "start", &list->number))
		list->number = list->step == 1 ? 1 : count_items(node);
}

/* Write the Roman numeral of 1 to 199. */
static void
put_roman(char *text, int64_t n)
{
	static const struct {
		int value;
		const char *digits;
	} romans[] = {{100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"},
	    {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}};
	size_t i;

	*text = '\0';
	for (i = 0; n > 0; i += n < romans[i].value) {
		if (n < romans[i].value)
			continue;
		g_strlcat(text, romans[i].digits, HTMLLIST_SIZE);
		n -= romans[i].value;
	}
}

void
htmllist_next(struct htmllist *list, const GumboNode *item, char kind,
    char number[HTMLLIST_SIZE])
{
	int64_t n;
	size_t i;

	read_number(item, "value", &list->number);
	n = list->number;
	list->number += list->step;
	*number = '\0';
	if (kind == '-')
		return;
	if (strchr("iI", kind) != NULL && n > 0 && n < 200)
		put_roman(number, n);
	else if (strchr("aA", kind) != NULL && n > 0 && n <= 26)
		snprintf(number, HTMLLIST_SIZE, "%c", (char)('a' + n - 1));
	else
		snprintf(number, HTMLLIST_SIZE, "%" PRId64, n);
	for (i = 0; g_ascii_isupper(kind) && number[i] != '\0'; i++)
		number[i] = g_ascii_toupper(number[i]);
	g_strlcat(number, ". ", HTMLLIST_SIZE);
}
