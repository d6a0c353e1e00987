/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmltext - HTML as the text that a reader sees
 *
 * Gumbo makes the tree that every browser makes; htmlbound.c limits it first.
 * The tree is walked without recursion, and no further than there is room for
 * text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gumbo.h>

#include "telegram/htmladdress.h"
#include "telegram/htmlbound.h"
#include "telegram/htmlcells.h"
#include "telegram/htmlkind.h"
#include "telegram/htmllist.h"
#include "telegram/htmlstyle.h"
#include "telegram/htmltext.h"
#include "telegram/htmlwriter.h"
#include "telegram/plaintext.h"
#include "telegram/richtext.h"

#define BULLET "• "
/* A font that is so much smaller than the other makes cents of digits. */
#define SMALLER 0.85
#define FONT 16.0
/* A side of a picture that shows nothing. */
#define PIXEL_MAX 2
/* HTML declares its charset within so many bytes, or not at all. */
#define CHARSET_WITHIN ((size_t)4096)

struct element {
	const GumboNode *node;
	size_t child; /* the next one to walk */
	enum htmlkind kind;
	enum htmlstyle_space space;
	enum htmlstyle_seen unseen[3]; /* by visibility, size, and color */
	double pixels;		       /* of the font */
	bool invisible;		       /* its text is */
	bool flex;		       /* its children are apart */
	bool beside;
	bool apart;
	int breaks;
	bool struck;  /* it begins the words that are */
	char *url;    /* HTMLKIND_LINK */
	bool picture; /* HTMLKIND_LINK: its address is shown without words */

	char list;	       /* as in struct htmlstyle */
	struct htmllist items; /* HTMLKIND_LIST */
	/* HTMLKIND_TABLE and HTMLKIND_ROW */
	struct htmlcells cells;
	size_t mark; /* offset in the text where it begins */
	/* HTMLKIND_ROW */
	bool beside_each; /* one cell beside the other */
	size_t seen;	  /* offset in the text at the last cell */
	int unseen_cells; /* cells since then, whose content is hidden */
};

struct reading {
	struct richtext *rt;
	struct htmlwriter w;
	size_t max;
	const struct htmlsheet *sheet;
	const char *base; /* of relative addresses, or NULL */
	GArray *stack;	  /* of struct element */
	bool words;	  /* there was text that is no picture's */
	bool pictures;
	bool struck;
	double pixels; /* of the font of the last word */
};

static struct element *top(const struct reading *);
static struct element *above(const struct reading *, enum htmlkind);
static void put_text(struct reading *, const char *, size_t);
static bool put_words(struct reading *, const GumboNode *, const char *const *);
static const char *row_text(const struct reading *, const struct element *);
static void begin_cell(struct reading *, const GumboNode *);
static void end_row(struct reading *, const struct element *);
static void begin_item(struct reading *, const struct element *);
static void put_url(struct reading *, const char *);
static void put_contact(struct reading *, const char *, size_t);
static void keep_apart(struct reading *);
static void keep_a_gap(struct reading *);
static void keep_figures(struct reading *, enum htmlwriter_apart);
static bool is_before_table(const GumboNode *);
static void begin_link(struct reading *, struct element *);
static void mark_link(struct reading *, char **, size_t);
static void end_link(struct reading *, struct element *);
static long pixels_of(const GumboNode *, const char *);
static bool is_pixel(const GumboNode *);
static bool is_spacer(const GumboNode *);
static void put_image(struct reading *, const GumboNode *);
static void put_input(struct reading *, const GumboNode *);
static void begin_struck(struct reading *, struct element *);
static void end_struck(struct reading *);
static double font_pixels(const GumboNode *, double);
static void inherit(
    const struct reading *, struct element *, const struct htmlstyle *);
static void open_element(struct reading *, struct element *);
static void close_element(struct reading *, struct element *);
static bool is_embedded(GumboTag);
static void put_bracketed(struct reading *, const GumboStringPiece *);
static void note_picture(
    struct reading *, struct element *, const struct htmlstyle *);
static void enter(struct reading *, const GumboNode *);
static void leave(struct reading *);
static bool walk(struct reading *, const GumboNode *);
static void take_head(struct reading *, const GumboNode *, struct htmlsheet *);
static void look_ahead(struct reading *, const GumboNode *, struct htmlsheet *);
static size_t whole(const char *, size_t);
static bool read_tree(
    struct reading *, const GumboNode *, const struct htmlsheet *);

static struct element *
top(const struct reading *r)
{
	return (&g_array_index(r->stack, struct element, r->stack->len - 1));
}

/* The innermost open element of this kind, or NULL. */
static struct element *
above(const struct reading *r, enum htmlkind kind)
{
	struct element *e;
	size_t i;

	for (i = r->stack->len; i > 0; i--) {
		e = &g_array_index(r->stack, struct element, i - 1);
		if (e->kind == kind)
			return (e);
	}
	return (NULL);
}

/* Put text of the HTML. */
static void
put_text(struct reading *r, const char *s, size_t len)
{
	GString *clean;
	size_t before;

	before = r->w.out->len;
	clean = plaintext_clean(s, len);
	if (r->w.apart == HTMLWRITER_NOT &&
	    MIN(r->pixels, top(r)->pixels) <
		MAX(r->pixels, top(r)->pixels) * SMALLER)
		r->w.apart = HTMLWRITER_NUMBER;
	htmlwriter_put(&r->w, clean->str, clean->len, top(r)->space);
	g_string_free(clean, TRUE);
	if (r->w.out->len == before)
		return;
	r->words = true;
	r->pixels = top(r)->pixels;
}

/* Put the first of these attributes that has words; false if there is none. */
static bool
put_words(struct reading *r, const GumboNode *node, const char *const *names)
{
	GString *clean;
	const char *value;
	size_t before;

	before = r->w.out->len;
	for (; *names != NULL && r->w.out->len == before; names++) {
		value = htmlkind_attribute(node, *names);
		if (value == NULL)
			continue;
		clean = plaintext_clean(value, strlen(value));
		htmlwriter_put(&r->w, clean->str, clean->len, HTMLSTYLE_NORMAL);
		g_string_free(clean, TRUE);
	}
	return (r->w.out->len > before);
}

/* The text of the row so far. */
static const char *
row_text(const struct reading *r, const struct element *row)
{
	const char *text;

	text = r->w.out->str + row->mark;
	return (text + strspn(text, "\n"));
}

/* Put a cell beside the one before, unless that has several lines: then the
 * table is layout. A column that other rows use is seen to be empty. */
static void
begin_cell(struct reading *r, const GumboNode *cell)
{
	struct element *row, *table;
	int skipped;

	row = above(r, HTMLKIND_ROW);
	table = above(r, HTMLKIND_TABLE);
	if (row == NULL || table == NULL)
		return;
	skipped = htmlcells_next(&table->cells, cell);
	if (skipped == -1)
		return;
	if (*row_text(r, row) == '\0') {
		r->w.tight = true;
		r->w.leading = skipped;
		return;
	}
	if (row->seen != r->w.out->len)
		row->unseen_cells = 0;
	skipped += row->unseen_cells;
	row->seen = r->w.out->len;
	row->unseen_cells = table->cells.layout ? 0 : skipped + 1;
	r->w.newlines = r->w.blanks = 0;
	if (strchr(row_text(r, row), '\n') != NULL) {
		htmlwriter_break(&r->w, 1);
		r->w.leading = skipped;
	} else {
		r->w.cells = 1 + skipped;
		row->beside_each = true;
	}
}

/* Each row of a table becomes a line, whatever its cells are; layout keeps its
 * paragraphs. */
static void
end_row(struct reading *r, const struct element *row)
{
	r->w.cells = r->w.leading = 0;
	r->w.tight = false;
	if (row->beside_each && strchr(row_text(r, row), '\n') == NULL)
		r->w.newlines = 0;
}

/* Note what stands before an item of a list. */
static void
begin_item(struct reading *r, const struct element *item)
{
	struct element *list;
	char number[HTMLLIST_SIZE];
	char kind;

	list = above(r, HTMLKIND_LIST);
	kind = list == NULL ? HTMLLIST_BULLET : list->items.kind;
	if (item->list != '\0')
		kind = item->list;
	if (list != NULL && kind != HTMLLIST_BULLET) {
		htmllist_next(&list->items, item->node, kind, number);
		g_strlcat(r->w.marker, number, sizeof(r->w.marker));
	} else if (!g_str_has_suffix(r->w.marker, BULLET)) {
		/* Once, where a list is all that is in an item. */
		g_strlcat(r->w.marker, BULLET, sizeof(r->w.marker));
	}
}

/* Put the address of a link that has no words. */
static void
put_url(struct reading *r, const char *url)
{
	const char *host;
	char *who;
	size_t len;

	len = strlen(url);
	host = strstr(url, "://");
	if (r->w.apart != HTMLWRITER_GAP)
		r->w.apart = HTMLWRITER_WORD;
	if (host == NULL) {
		who = htmladdress_contact(url);
		htmlwriter_put(&r->w, who, strlen(who), HTMLSTYLE_NORMAL);
		g_free(who);
		return;
	}
	if (len <= HTMLADDRESS_SHOWN_MAX) {
		htmlwriter_put(&r->w, url, len, HTMLSTYLE_NORMAL);
		return;
	}
	len = (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
	htmlwriter_put(
	    &r->w, url, MIN(len, HTMLADDRESS_SHOWN_MAX), HTMLSTYLE_NORMAL);
	htmlwriter_put(&r->w, "/…", strlen("/…"), HTMLSTYLE_NORMAL);
}

/* Telegram makes no link of a mail address or a number behind words: write
 * it, unless the words have it. */
static void
put_contact(struct reading *r, const char *url, size_t from)
{
	char *who, *lower, *words;
	bool said;

	who = htmladdress_contact(url);
	lower = g_ascii_strdown(who, -1);
	words = g_ascii_strdown(r->w.out->str + from, -1);
	said = strstr(words, lower) != NULL ||
	    (g_ascii_strncasecmp(url, "mailto:", 7) != 0 &&
		strpbrk(words, "0123456789") != NULL);
	if (!said)
		g_string_append_printf(r->w.out, " (%s)", who);
	r->w.apart = HTMLWRITER_ADDRESS;
	g_free(words);
	g_free(lower);
	g_free(who);
}

/* Keep the next word apart from the last one. */
static void
keep_apart(struct reading *r)
{
	if (r->w.apart == HTMLWRITER_NOT || r->w.apart == HTMLWRITER_LINK ||
	    r->w.apart == HTMLWRITER_SCHEME)
		r->w.apart = HTMLWRITER_WORD;
}

/* The same, of words that only their places keep apart. */
static void
keep_a_gap(struct reading *r)
{
	if (r->w.apart != HTMLWRITER_ADDRESS)
		r->w.apart = HTMLWRITER_GAP;
}

/* The same, of figures that differ in size or height. */
static void
keep_figures(struct reading *r, enum htmlwriter_apart apart)
{
	if (r->w.apart != HTMLWRITER_GAP && r->w.apart != HTMLWRITER_ADDRESS)
		r->w.apart = apart;
}

/* Mark the words of a link; ${*url} is taken over. */
static void
mark_link(struct reading *r, char **url, size_t from)
{
	const struct richtext_mark *mark;

	richtext_mark(r->rt, RICHTEXT_LINK, from, r->w.out->len, *url);
	*url = NULL;
	mark = &g_array_index(
	    r->rt->marks, struct richtext_mark, r->rt->marks->len - 1);
	if (mark->said || strstr(r->w.out->str + from, "://") != NULL)
		r->w.apart = HTMLWRITER_ADDRESS;
	else if (r->w.apart == HTMLWRITER_NOT)
		r->w.apart = HTMLWRITER_LINK;
}

/* A parser takes a link around rows out of the table, away from its words. */
static bool
is_before_table(const GumboNode *node)
{
	const GumboVector *siblings;
	const GumboNode *next;

	if (node->parent->type != GUMBO_NODE_ELEMENT)
		return (false);
	siblings = &node->parent->v.element.children;
	if (node->index_within_parent + 1 >= siblings->length)
		return (false);
	next = siblings->data[node->index_within_parent + 1];
	return (next->type == GUMBO_NODE_ELEMENT &&
	    next->v.element.tag == GUMBO_TAG_TABLE);
}

static void
begin_link(struct reading *r, struct element *e)
{
	e->url = htmladdress_of(htmlkind_attribute(e->node, "href"), r->base);
	if (e->url == NULL)
		return;
	if (r->w.apart == HTMLWRITER_LINK ||
	    g_ascii_strncasecmp(e->url, "http", 4) != 0)
		keep_apart(r);
	else if (r->w.apart == HTMLWRITER_NOT)
		r->w.apart = HTMLWRITER_SCHEME;
	htmlwriter_begin(&r->w);
	e->picture =
	    e->picture || e->kind == HTMLKIND_AREA || is_before_table(e->node);
}

static void
end_link(struct reading *r, struct element *e)
{
	static const char *const names[] = {"title", "aria-label", NULL};
	size_t from;

	if (e->url == NULL)
		return;
	if (htmlwriter_start(&r->w) == HTMLWRITER_NOWHERE &&
	    e->unseen[0] != HTMLSTYLE_UNSEEN && !put_words(r, e->node, names) &&
	    e->picture)
		put_url(r, e->url);
	from = htmlwriter_end(&r->w);
	if (from != HTMLWRITER_NOWHERE &&
	    g_ascii_strncasecmp(e->url, "http", 4) == 0)
		mark_link(r, &e->url, from);
	else if (from != HTMLWRITER_NOWHERE)
		put_contact(r, e->url, from);
	g_clear_pointer(&e->url, g_free);
}

/* The number in ${name} of a picture, or -1. */
static long
pixels_of(const GumboNode *node, const char *name)
{
	const char *value;

	value = htmlkind_attribute(node, name);
	if (value == NULL || !g_ascii_isdigit(*value) ||
	    strchr(value, '%') != NULL)
		return (-1);
	return (strtol(value, NULL, 10));
}

/* Does the picture only count readers, or keep things apart? */
static bool
is_pixel(const GumboNode *node)
{
	long width = pixels_of(node, "width");
	long height = pixels_of(node, "height");

	return ((width >= 0 && width <= PIXEL_MAX) ||
	    (height >= 0 && height <= PIXEL_MAX));
}

/* Is it wide enough to keep words apart? */
static bool
is_spacer(const GumboNode *node)
{
	const char *width = htmlkind_attribute(node, "width");

	return (width != NULL &&
	    (strchr(width, '%') != NULL ||
		pixels_of(node, "width") > PIXEL_MAX));
}

static void
put_image(struct reading *r, const GumboNode *node)
{
	static const char *const names[] = {"alt", "title", "aria-label", NULL};
	struct element *link;
	enum htmlwriter_apart before;

	if (is_pixel(node)) {
		if (is_spacer(node))
			keep_a_gap(r);
		return;
	}
	r->pictures = true;
	before = r->w.apart;
	keep_apart(r);
	if (put_words(r, node, names)) {
		r->w.apart = HTMLWRITER_WORD;
		return;
	}
	r->w.apart = before == HTMLWRITER_NOT ? HTMLWRITER_NUMBER : before;
	link = above(r, HTMLKIND_LINK);
	if (link != NULL)
		link->picture = true;
}

static void
put_input(struct reading *r, const GumboNode *node)
{
	static const char *const names[] = {"value", "alt", NULL};
	const char *type;

	type = htmlkind_attribute(node, "type");
	if (type == NULL || g_ascii_strcasecmp(type, "hidden") == 0 ||
	    g_ascii_strcasecmp(type, "checkbox") == 0 ||
	    g_ascii_strcasecmp(type, "radio") == 0)
		return;
	put_words(r, node, names);
}

static void
begin_struck(struct reading *r, struct element *e)
{
	e->struck = true;
	r->struck = true;
	keep_a_gap(r);
	htmlwriter_begin(&r->w);
}

static void
end_struck(struct reading *r)
{
	size_t from;

	r->struck = false;
	keep_a_gap(r);
	from = htmlwriter_end(&r->w);
	if (from != HTMLWRITER_NOWHERE)
		richtext_mark(
		    r->rt, RICHTEXT_STRUCK, from, r->w.out->len, NULL);
}

/* The size that <font> sets, or ${pixels}. */
static double
font_pixels(const GumboNode *node, double pixels)
{
	static const double sizes[] = {10, 13, 16, 18, 24, 32, 48};
	const char *size;

	if (node->v.element.tag != GUMBO_TAG_FONT)
		return (pixels);
	size = htmlkind_attribute(node, "size");
	if (size == NULL)
		return (pixels);
	if (*size == '-' || *size == '+')
		return (*size == '-' ? pixels * 0.8 : pixels * 1.2);
	return (*size < '1' || *size > '7' ? pixels : sizes[*size - '1']);
}

/* What an element has from its parent, unless its style says otherwise. */
static void
inherit(const struct reading *r, struct element *e, const struct htmlstyle *s)
{
	const struct element *parent = r->stack->len > 0 ? top(r) : NULL;
	size_t i;

	e->space = s->space;
	if (e->space == HTMLSTYLE_SPACE_UNSET && e->kind == HTMLKIND_LITERAL)
		e->space = HTMLSTYLE_LITERAL;
	if (e->space == HTMLSTYLE_SPACE_UNSET)
		e->space = parent == NULL ? HTMLSTYLE_NORMAL : parent->space;
	e->unseen[0] = s->visibility;
	e->unseen[1] = s->size;
	e->unseen[2] = s->painted ? HTMLSTYLE_SEEN : s->ink;
	e->invisible = false;
	for (i = 0; i < 3; i++) {
		if (parent != NULL && e->unseen[i] == HTMLSTYLE_SEEN_UNSET)
			e->unseen[i] = parent->unseen[i];
		e->invisible = e->invisible || e->unseen[i] == HTMLSTYLE_UNSEEN;
	}
	e->pixels = parent == NULL ? FONT : parent->pixels;
	if (s->pixels > 0)
		e->pixels = s->pixels;
	else if (s->scale > 0)
		e->pixels *= s->scale;
	else
		e->pixels = font_pixels(e->node, e->pixels);
	e->breaks = htmlkind_breaks(e->kind);
	if (s->display == HTMLSTYLE_BLOCK && e->breaks == 0 &&
	    e->kind != HTMLKIND_BREAK)
		e->breaks = 1;
	e->apart = s->apart && e->breaks == 0 && e->kind != HTMLKIND_CELL;
	e->list = s->list;
	e->flex = s->display == HTMLSTYLE_FLEX;
	e->beside = e->kind == HTMLKIND_BESIDE ||
	    (parent != NULL && parent->flex) || s->display == HTMLSTYLE_BESIDE;
}

static void
open_element(struct reading *r, struct element *e)
{
	if (e->beside)
		htmlwriter_beside(&r->w);
	if (e->apart)
		keep_a_gap(r);
	htmlwriter_break(&r->w, e->breaks);
	switch (e->kind) {
	case HTMLKIND_INLINE:
	case HTMLKIND_BESIDE:
	case HTMLKIND_LINE:
	case HTMLKIND_PARAGRAPH:
	case HTMLKIND_ROW:
	case HTMLKIND_LITERAL:
	case HTMLKIND_STYLE:
	case HTMLKIND_HIDDEN:
		break;
	case HTMLKIND_BREAK:
		htmlwriter_newline(&r->w);
		break;
	case HTMLKIND_LIST:
		htmllist_begin(&e->items, e->node, e->list);
		break;
	case HTMLKIND_ITEM:
		begin_item(r, e);
		break;
	case HTMLKIND_TABLE:
		htmlcells_begin(&e->cells, e->node);
		break;
	case HTMLKIND_CELL:
		begin_cell(r, e->node);
		break;
	case HTMLKIND_LINK:
	case HTMLKIND_AREA:
		begin_link(r, e);
		break;
	case HTMLKIND_IMAGE:
		/* A font has no size for it. */
		if (e->unseen[0] != HTMLSTYLE_UNSEEN)
			put_image(r, e->node);
		break;
	case HTMLKIND_INPUT:
		put_input(r, e->node);
		break;
	case HTMLKIND_STRUCK:
		break;
	case HTMLKIND_SMALL:
		keep_figures(r, HTMLWRITER_NUMBER);
		break;
	case HTMLKIND_RAISED:
		keep_figures(r, HTMLWRITER_POWER);
		break;
	}
}

static void
close_element(struct reading *r, struct element *e)
{
	static const char *const alt[] = {"alt", NULL};

	if (e->struck)
		end_struck(r);
	if (e->kind == HTMLKIND_ROW) {
		end_row(r, e);
	} else if (e->kind == HTMLKIND_ITEM) {
		*r->w.marker = '\0';
	} else if (e->kind == HTMLKIND_AREA) {
		put_words(r, e->node, alt);
		end_link(r, e);
	} else if (e->kind == HTMLKIND_LINK) {
		end_link(r, e);
	} else if (e->kind == HTMLKIND_SMALL || e->kind == HTMLKIND_RAISED) {
		r->w.apart = HTMLWRITER_NUMBER;
	}
	if (e->beside)
		htmlwriter_beside(&r->w);
	if (e->apart)
		keep_a_gap(r);
	htmlwriter_break(&r->w, e->breaks);
}

/* Does another document, which is not in the mail, stand here? */
static bool
is_embedded(GumboTag tag)
{
	return (tag == GUMBO_TAG_IFRAME || tag == GUMBO_TAG_FRAME ||
	    tag == GUMBO_TAG_OBJECT || tag == GUMBO_TAG_EMBED ||
	    tag == GUMBO_TAG_VIDEO);
}

/* An address in angle brackets is no element, though it reads like one. */
static void
put_bracketed(struct reading *r, const GumboStringPiece *tag)
{
	GString *clean;

	if (tag->length < 3 ||
	    (g_strstr_len(tag->data, (gssize)tag->length, "://") == NULL &&
		memchr(tag->data, '@', tag->length) == NULL) ||
	    strcspn(tag->data, " \t\r\n\f=\"'") < tag->length)
		return;
	clean = plaintext_clean(tag->data, tag->length);
	htmlwriter_put(&r->w, clean->str, clean->len, HTMLSTYLE_NORMAL);
	g_string_free(clean, TRUE);
}

/* A picture in the background may be all that a link shows, in it or in the
 * cell around it. */
static void
note_picture(
    struct reading *r, struct element *e, const struct htmlstyle *style)
{
	struct element *link;

	e->picture =
	    style->picture || htmlkind_attribute(e->node, "background") != NULL;
	link = e->picture ? above(r, HTMLKIND_LINK) : NULL;
	if (link != NULL)
		link->picture = true;
	if (e->kind == HTMLKIND_LINK && r->stack->len > 0 &&
	    top(r)->kind == HTMLKIND_CELL && top(r)->picture)
		e->picture = true;
}

/* Enter an element, unless it is hidden with all that is in it. */
static void
enter(struct reading *r, const GumboNode *node)
{
	struct element e = {.node = node};
	struct htmlstyle style;

	htmlstyle_of(&style, r->sheet,
	    gumbo_normalized_tagname(node->v.element.tag),
	    htmlkind_attribute(node, "id"), htmlkind_attribute(node, "class"),
	    htmlkind_attribute(node, "style"));
	e.kind = htmlkind_of(node, &style);
	r->pictures = r->pictures || is_embedded(node->v.element.tag);
	if (e.kind == HTMLKIND_HIDDEN || e.kind == HTMLKIND_STYLE ||
	    htmlstyle_hides(&style) ||
	    (htmlkind_attribute(node, "hidden") != NULL &&
		style.display == HTMLSTYLE_DISPLAY_UNSET))
		return;
	e.mark = r->w.out->len;
	inherit(r, &e, &style);
	if (e.kind == HTMLKIND_ROW && above(r, HTMLKIND_TABLE) != NULL)
		htmlcells_row(&above(r, HTMLKIND_TABLE)->cells);
	note_picture(r, &e, &style);
	if (node->v.element.tag == GUMBO_TAG_UNKNOWN && !e.invisible)
		put_bracketed(r, &node->v.element.original_tag);
	open_element(r, &e);
	if ((e.kind == HTMLKIND_STRUCK || style.struck) && !r->struck)
		begin_struck(r, &e);
	g_array_append_val(r->stack, e);
}

static void
leave(struct reading *r)
{
	close_element(r, top(r));
	g_free(top(r)->url);
	g_array_set_size(r->stack, r->stack->len - 1);
}

/* Put the text of what is in ${root}; false if it is longer than there is
 * room. */
static bool
walk(struct reading *r, const GumboNode *root)
{
	const GumboVector *children;
	const GumboNode *node;
	struct element *e;

	enter(r, root);
	while (r->stack->len > 0) {
		e = top(r);
		children = &e->node->v.element.children;
		if (e->child == children->length) {
			leave(r);
			continue;
		}
		node = children->data[e->child++];
		if (node->type == GUMBO_NODE_ELEMENT)
			enter(r, node);
		else if ((node->type == GUMBO_NODE_TEXT ||
			     node->type == GUMBO_NODE_WHITESPACE ||
			     node->type == GUMBO_NODE_CDATA) &&
		    !e->invisible)
			put_text(
			    r, node->v.text.text, strlen(node->v.text.text));
		if (r->w.out->len > r->max)
			return (false);
	}
	return (true);
}

/* Note what a style or base element says. */
static void
take_head(struct reading *r, const GumboNode *node, struct htmlsheet *sheet)
{
	const GumboVector *children = &node->v.element.children;
	const GumboNode *text;
	const char *base;

	if (node->v.element.tag == GUMBO_TAG_BASE && r->base == NULL) {
		base = htmlkind_attribute(node, "href");
		if (base != NULL && strlen(base) <= HTMLADDRESS_BASE_MAX)
			r->base = base;
	}
	if (node->v.element.tag != GUMBO_TAG_STYLE || children->length == 0)
		return;
	text = children->data[0];
	if (text->type == GUMBO_NODE_TEXT)
		htmlsheet_add(sheet, text->v.text.text,
		    htmlkind_attribute(node, "media"));
}

/* Read the style elements of the tree, and the address that others are relative
 * to. */
static void
look_ahead(struct reading *r, const GumboNode *root, struct htmlsheet *sheet)
{
	const GumboNode *node = root;
	const GumboVector *children;
	size_t next = 0;

	for (;;) {
		children = node->type == GUMBO_NODE_ELEMENT ||
			node->type == GUMBO_NODE_TEMPLATE
		    ? &node->v.element.children
		    : NULL;
		if (children != NULL && next < children->length) {
			node = children->data[next];
			next = 0;
			if (node->type == GUMBO_NODE_ELEMENT)
				take_head(r, node, sheet);
			continue;
		}
		if (node == root)
			return;
		next = node->index_within_parent + 1;
		node = node->parent;
	}
}

/* Walk the tree with the rules of ${sheet}; false if it has more text than
 * there is room. */
static bool
read_tree(
    struct reading *r, const GumboNode *root, const struct htmlsheet *sheet)
{
	bool all;

	r->sheet = sheet;
	r->struck = false;
	htmlwriter_init(&r->w, r->rt->text);
	r->stack = g_array_new(FALSE, FALSE, sizeof(struct element));
	all = walk(r, root);
	while (r->stack->len > 0) {
		g_free(top(r)->url);
		g_array_set_size(r->stack, r->stack->len - 1);
	}
	g_array_free(r->stack, TRUE);
	htmlwriter_clear(&r->w);
	return (all);
}

/* ${len}, or the beginning of the character that it is in. */
static size_t
whole(const char *s, size_t len)
{
	while (len > 0 && (s[len] & 0xc0) == 0x80)
		len--;
	return (len);
}

struct richtext *
htmltext_read(const char *html, size_t max, struct htmltext_lack *lack)
{
	struct reading r = {.max = max};
	GumboOptions options = kGumboDefaultOptions;
	GumboOutput *tree;
	struct htmlsheet *sheet;
	GString *bounded;

	bounded = g_string_new(html);
	lack->cut = htmlbound(bounded);
	options.max_errors = 0;
	tree = gumbo_parse_with_options(&options, bounded->str, bounded->len);
	sheet = htmlsheet_new();
	look_ahead(&r, tree->root, sheet);
	r.rt = richtext_new();
	lack->cut = !read_tree(&r, tree->root, sheet) || lack->cut;
	/* Rules that hide everything are not understood. */
	if (r.rt->text->len == 0 && !htmlsheet_empty(sheet))
		lack->cut = !read_tree(&r, tree->root, NULL) || lack->cut;
	if (r.rt->text->len > max)
		richtext_cut(r.rt, whole(r.rt->text->str, max));
	lack->pictures = r.pictures && !r.words;
	htmlsheet_free(sheet);
	gumbo_destroy_output(&options, tree);
	g_string_free(bounded, TRUE);
	return (r.rt);
}

char *
htmltext_charset(const char *html, size_t len)
{
	static const char word[] = "charset";
	char *head, *at, *name;

	head = g_strndup(html, MIN(len, CHARSET_WITHIN));
	name = NULL;
	for (at = head; name == NULL && (at = strcasestr(at, word)) != NULL;) {
		at += strlen(word);
		at += strspn(at, " \t\r\n");
		if (*at != '=')
			continue;
		at += strspn(at, "= \t\r\n\"'");
		at[strcspn(at, " \t\r\n\"';/>")] = '\0';
		name = g_strdup(at);
	}
	g_free(head);
	return (name);
}
