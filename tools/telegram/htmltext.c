/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmltext - HTML as the text that a reader sees
 *
 * Gumbo makes the tree that every browser makes; htmlbound.c limits it first.
 * The tree is walked without recursion, and no further than there is room for
 * text.
 *
 * White space between two words is only noted, as blanks, lines, empty lines or
 * cells; the strongest of them is written before the next word. So empty
 * elements and spacers, of which HTML mail is full, leave no trace.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <gumbo.h>

#include "telegram/htmlbound.h"
#include "telegram/htmlcells.h"
#include "telegram/htmlstyle.h"
#include "telegram/htmltext.h"
#include "telegram/plaintext.h"
#include "telegram/richtext.h"

/* A longer address helps no reader. */
#define URL_MAX 8192
/* An address without words is shown as it is up to this length. */
#define URL_SHOWN_MAX 200
/* HTML declares its charset within so many bytes, or not at all. */
#define CHARSET_WITHIN ((size_t)4096)
/* Empty lines in a row, at most 2, and the end of a line. */
#define NEWLINES_MAX 3
/* Blanks that <pre> may have in a row. */
#define BLANKS_MAX 200
#define MARKER_SIZE 48
#define BULLET "• "
#define NOWHERE SIZE_MAX

enum kind {
	KIND_INLINE,
	KIND_BESIDE, /* inline, but apart from its neighbours */
	KIND_BREAK,  /* <br> */
	KIND_LINE,   /* begins and ends a line */
	KIND_PARAGRAPH,
	KIND_LIST,
	KIND_ITEM,
	KIND_TABLE,
	KIND_ROW,
	KIND_CELL,
	KIND_LINK,
	KIND_AREA, /* a link in a picture */
	KIND_IMAGE,
	KIND_INPUT,
	KIND_LITERAL, /* <pre> */
	KIND_STRUCK,
	KIND_SMALL, /* "12" and a small "50" are no 1250 */
	KIND_RAISED,
	KIND_STYLE,
	KIND_HIDDEN,
};

/* Every other element is inline. */
static const enum kind kinds[GUMBO_TAG_LAST + 1] = {
    [GUMBO_TAG_A] = KIND_LINK,
    [GUMBO_TAG_ADDRESS] = KIND_LINE,
    [GUMBO_TAG_AREA] = KIND_AREA,
    [GUMBO_TAG_ARTICLE] = KIND_LINE,
    [GUMBO_TAG_ASIDE] = KIND_LINE,
    [GUMBO_TAG_BLOCKQUOTE] = KIND_PARAGRAPH,
    [GUMBO_TAG_BR] = KIND_BREAK,
    [GUMBO_TAG_BUTTON] = KIND_BESIDE,
    [GUMBO_TAG_CAPTION] = KIND_LINE,
    [GUMBO_TAG_CENTER] = KIND_LINE,
    [GUMBO_TAG_DATALIST] = KIND_HIDDEN,
    [GUMBO_TAG_DD] = KIND_LINE,
    [GUMBO_TAG_DEL] = KIND_STRUCK,
    [GUMBO_TAG_DETAILS] = KIND_LINE,
    [GUMBO_TAG_DIR] = KIND_LIST,
    [GUMBO_TAG_DIV] = KIND_LINE,
    [GUMBO_TAG_DL] = KIND_PARAGRAPH,
    [GUMBO_TAG_DT] = KIND_LINE,
    [GUMBO_TAG_FIELDSET] = KIND_LINE,
    [GUMBO_TAG_FIGCAPTION] = KIND_LINE,
    [GUMBO_TAG_FIGURE] = KIND_LINE,
    [GUMBO_TAG_FOOTER] = KIND_LINE,
    [GUMBO_TAG_FORM] = KIND_LINE,
    [GUMBO_TAG_FRAMESET] = KIND_LINE,
    [GUMBO_TAG_H1] = KIND_PARAGRAPH,
    [GUMBO_TAG_H2] = KIND_PARAGRAPH,
    [GUMBO_TAG_H3] = KIND_PARAGRAPH,
    [GUMBO_TAG_H4] = KIND_PARAGRAPH,
    [GUMBO_TAG_H5] = KIND_PARAGRAPH,
    [GUMBO_TAG_H6] = KIND_PARAGRAPH,
    [GUMBO_TAG_HEADER] = KIND_LINE,
    [GUMBO_TAG_HGROUP] = KIND_LINE,
    [GUMBO_TAG_HR] = KIND_PARAGRAPH,
    [GUMBO_TAG_IFRAME] = KIND_HIDDEN,
    [GUMBO_TAG_IMG] = KIND_IMAGE,
    [GUMBO_TAG_INPUT] = KIND_INPUT,
    [GUMBO_TAG_LEGEND] = KIND_LINE,
    [GUMBO_TAG_LI] = KIND_ITEM,
    [GUMBO_TAG_LISTING] = KIND_LITERAL,
    [GUMBO_TAG_MAIN] = KIND_LINE,
    [GUMBO_TAG_MENU] = KIND_LIST,
    [GUMBO_TAG_NAV] = KIND_LINE,
    [GUMBO_TAG_NOEMBED] = KIND_HIDDEN,
    [GUMBO_TAG_NOFRAMES] = KIND_HIDDEN,
    [GUMBO_TAG_OL] = KIND_LIST,
    [GUMBO_TAG_OPTGROUP] = KIND_LINE,
    [GUMBO_TAG_OPTION] = KIND_LINE,
    [GUMBO_TAG_P] = KIND_PARAGRAPH,
    [GUMBO_TAG_PLAINTEXT] = KIND_LITERAL,
    [GUMBO_TAG_PRE] = KIND_LITERAL,
    [GUMBO_TAG_S] = KIND_STRUCK,
    [GUMBO_TAG_SCRIPT] = KIND_HIDDEN,
    [GUMBO_TAG_SECTION] = KIND_LINE,
    [GUMBO_TAG_SELECT] = KIND_BESIDE,
    [GUMBO_TAG_SMALL] = KIND_SMALL,
    [GUMBO_TAG_STRIKE] = KIND_STRUCK,
    [GUMBO_TAG_STYLE] = KIND_STYLE,
    [GUMBO_TAG_SUB] = KIND_SMALL,
    [GUMBO_TAG_SUMMARY] = KIND_LINE,
    [GUMBO_TAG_SUP] = KIND_RAISED,
    [GUMBO_TAG_TABLE] = KIND_TABLE,
    [GUMBO_TAG_TD] = KIND_CELL,
    [GUMBO_TAG_TEMPLATE] = KIND_HIDDEN,
    [GUMBO_TAG_TEXTAREA] = KIND_BESIDE,
    [GUMBO_TAG_TH] = KIND_CELL,
    [GUMBO_TAG_TITLE] = KIND_HIDDEN,
    [GUMBO_TAG_TR] = KIND_ROW,
    [GUMBO_TAG_UL] = KIND_LIST,
    [GUMBO_TAG_XMP] = KIND_LITERAL,
};

/* Lines that begin before and end after an element; 2 leave an empty one. */
static const int breaks[KIND_HIDDEN + 1] = {
    [KIND_LINE] = 1,
    [KIND_PARAGRAPH] = 2,
    [KIND_LIST] = 2,
    [KIND_ITEM] = 1,
    [KIND_TABLE] = 1,
    [KIND_ROW] = 1,
    [KIND_AREA] = 1,
    [KIND_LITERAL] = 2,
};

/* What keeps the next word apart from the one before. */
enum apart {
	APART_NOT,
	APART_WORD,    /* two letters or digits */
	APART_NUMBER,  /* two digits */
	APART_POWER,   /* a digit from what it stands above of */
	APART_LINK,    /* two links, as APART_WORD */
	APART_ADDRESS, /* whatever would become part of an address */
};

struct element {
	const GumboNode *node;
	size_t child; /* the next one to walk */
	enum kind kind;
	enum htmlstyle_space space;
	enum htmlstyle_seen unseen[2]; /* by visibility, by size */
	bool invisible;		       /* its text is */
	bool flex;		       /* its children are apart */
	bool beside;
	int breaks;
	bool struck;  /* it begins the words that are */
	size_t from;  /* KIND_LINK, struck: its words, or NOWHERE */
	char *url;    /* KIND_LINK */
	bool picture; /* KIND_LINK: it has one, without words */

	/* KIND_LIST */
	int number;
	int step;
	char type; /* '1', 'a', 'A', 'i', 'I', or '\0' for bullets */
	/* KIND_TABLE and KIND_ROW */
	struct htmlcells cells;
	size_t mark;	  /* offset in the text where it begins */
	bool beside_each; /* KIND_ROW: one cell beside the other */
};

struct reading {
	struct richtext *rt;
	GString *out; /* its text */
	size_t max;
	const struct htmlsheet *sheet;
	GArray *stack; /* of struct element */
	bool words;    /* there was text that is no picture's */
	bool pictures;
	bool struck;
	size_t unstarted; /* elements whose words have not begun */
	/* To be written before the next word. */
	int newlines;
	int blanks;
	int cells;   /* bars */
	int leading; /* empty cells at the beginning of a row */
	enum apart apart;
	bool tight; /* it begins a row: no empty line */
	char marker[MARKER_SIZE];
};

static struct element *top(const struct reading *);
static struct element *above(const struct reading *, enum kind);
static const char *attribute(const GumboNode *, const char *);
static void break_line(struct reading *, int);
static void begin_words(struct reading *);
static void part(struct reading *, const char *);
static void flush(struct reading *, const char *);
static void put(struct reading *, const char *, size_t, enum htmlstyle_space);
static void put_text(struct reading *, const char *, size_t);
static bool put_words(struct reading *, const GumboNode *, const char *const *);
static const char *row_text(const struct reading *, const struct element *);
static void begin_cell(struct reading *, const GumboNode *);
static void end_row(struct reading *, const struct element *);
static void begin_list(struct element *);
static void number_item(struct reading *, const GumboNode *);
static char *url_of(const GumboNode *);
static void put_url(struct reading *, const char *);
static char *contact_of(const char *);
static void put_contact(struct reading *, struct element *);
static void end_link(struct reading *, struct element *);
static bool is_pixel(const GumboNode *);
static void put_image(struct reading *, const GumboNode *);
static void put_input(struct reading *, const GumboNode *);
static void begin_struck(struct reading *, struct element *);
static void end_struck(struct reading *, struct element *);
static enum kind kind_of(const GumboNode *, const struct htmlstyle *);
static void inherit(
    const struct reading *, struct element *, const struct htmlstyle *);
static void open_element(struct reading *, struct element *);
static void close_element(struct reading *, struct element *);
static void enter(struct reading *, const GumboNode *);
static void leave(struct reading *);
static bool walk(struct reading *, const GumboNode *);
static void collect_styles(const GumboNode *, struct htmlsheet *);
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
above(const struct reading *r, enum kind kind)
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

/* NULL if it is missing, "" if it has no value. */
static const char *
attribute(const GumboNode *node, const char *name)
{
	GumboAttribute *a;

	a = gumbo_get_attribute(&node->v.element.attributes, name);
	return (a == NULL ? NULL : a->value);
}

/* Write the next word ${n} lines further down, unless it is the first of a list
 * item or a cell. */
static void
break_line(struct reading *r, int n)
{
	if (n > 0)
		r->blanks = 0;
	if (r->newlines < n && *r->marker == '\0' && r->cells == 0 && !r->tight)
		r->newlines = n;
}

/* A word comes: the links around it begin here, if they have none so far. */
static void
begin_words(struct reading *r)
{
	struct element *e;
	size_t i;

	for (i = r->stack->len; i > 0 && r->unstarted > 0; i--) {
		e = &g_array_index(r->stack, struct element, i - 1);
		if ((e->url != NULL || e->struck) && e->from == NOWHERE) {
			e->from = r->out->len;
			r->unstarted--;
		}
	}
}

/* Keep the next word, ${s}, apart from the last one, which it follows without
 * a blank. */
static void
part(struct reading *r, const char *s)
{
	char before;
	bool number, word;

	before = r->out->len > 0 ? r->out->str[r->out->len - 1] : ' ';
	number = g_ascii_isdigit(before) && g_ascii_isdigit(*s);
	/* Any letter that is not ASCII. */
	word = (g_ascii_isalnum(before) || (before & 0x80) != 0) &&
	    (g_ascii_isalnum(*s) || (*s & 0x80) != 0);
	switch (r->apart) {
	case APART_NOT:
	case APART_LINK:
		break;
	case APART_WORD:
		if (word)
			g_string_append_c(r->out, ' ');
		break;
	case APART_NUMBER:
		if (number)
			g_string_append_c(r->out, ' ');
		break;
	case APART_POWER:
		if (word && g_ascii_isdigit(*s))
			g_string_append_c(r->out, '^');
		break;
	case APART_ADDRESS:
		if (strchr(" .,;:!?)]}\"'|", *s) == NULL)
			g_string_append_c(r->out, ' ');
		break;
	}
}

/* Write what was noted before the next word, ${s}. */
static void
flush(struct reading *r, const char *s)
{
	int i;

	if (r->out->len > 0) {
		for (i = 0; i < r->newlines; i++)
			g_string_append_c(r->out, '\n');
		if (r->newlines == 0 && r->cells > 0) {
			for (i = 1; i < r->cells; i++)
				g_string_append(r->out, " |");
			g_string_append(r->out, " | ");
		} else {
			for (i = 0; i < r->blanks; i++)
				g_string_append_c(r->out, ' ');
			if (r->newlines == 0 && r->blanks == 0)
				part(r, s);
		}
	}
	for (i = 0; i < r->leading; i++)
		g_string_append(r->out, "| ");
	g_string_append(r->out, r->marker);
	r->newlines = r->blanks = r->cells = r->leading = 0;
	r->apart = APART_NOT;
	r->tight = false;
	*r->marker = '\0';
	if (r->unstarted > 0)
		begin_words(r);
}

/* Put clean text. */
static void
put(struct reading *r, const char *s, size_t len, enum htmlstyle_space space)
{
	bool literal = space == HTMLSTYLE_LITERAL;

	for (; len > 0; s++, len--) {
		if (*s == '\n' && (literal || space == HTMLSTYLE_LINES)) {
			if (r->newlines < NEWLINES_MAX)
				r->newlines++;
			r->blanks = 0;
		} else if (*s == '\n' || *s == ' ') {
			/* Blanks at the beginning of a line are kept only where
			 * they were written. */
			if (literal)
				r->blanks += r->blanks < BLANKS_MAX;
			else if (r->newlines == 0)
				r->blanks = 1;
		} else {
			flush(r, s);
			g_string_append_c(r->out, *s);
		}
	}
}

/* Put text of the HTML. */
static void
put_text(struct reading *r, const char *s, size_t len)
{
	GString *clean;
	size_t before;

	before = r->out->len;
	clean = plaintext_clean(s, len);
	put(r, clean->str, clean->len, top(r)->space);
	g_string_free(clean, TRUE);
	r->words = r->words || r->out->len > before;
}

/* Put the first of these attributes that has words; false if there is none. */
static bool
put_words(struct reading *r, const GumboNode *node, const char *const *names)
{
	GString *clean;
	const char *value;
	size_t before;

	before = r->out->len;
	for (; *names != NULL && r->out->len == before; names++) {
		value = attribute(node, *names);
		if (value == NULL)
			continue;
		clean = plaintext_clean(value, strlen(value));
		put(r, clean->str, clean->len, HTMLSTYLE_NORMAL);
		g_string_free(clean, TRUE);
	}
	return (r->out->len > before);
}

/* The text of the row so far. */
static const char *
row_text(const struct reading *r, const struct element *row)
{
	const char *text;

	text = r->out->str + row->mark;
	return (text + strspn(text, "\n"));
}

/* Put a cell beside the one before, unless that has several lines: then the
 * table is layout. A column that other rows use is seen to be empty. */
static void
begin_cell(struct reading *r, const GumboNode *cell)
{
	struct element *row, *table;
	int skipped;

	row = above(r, KIND_ROW);
	table = above(r, KIND_TABLE);
	if (row == NULL || table == NULL)
		return;
	skipped = htmlcells_next(&table->cells, cell);
	if (skipped == -1)
		return;
	if (*row_text(r, row) == '\0') {
		r->tight = true;
		r->leading = skipped;
		return;
	}
	r->newlines = r->blanks = 0;
	if (strchr(row_text(r, row), '\n') != NULL) {
		break_line(r, 1);
	} else {
		r->cells = 1 + skipped;
		row->beside_each = true;
	}
}

/* Each row of a table becomes a line, whatever its cells are; layout keeps its
 * paragraphs. */
static void
end_row(struct reading *r, const struct element *row)
{
	r->cells = r->leading = 0;
	r->tight = false;
	if (row->beside_each && strchr(row_text(r, row), '\n') == NULL)
		r->newlines = 0;
}

static void
begin_list(struct element *e)
{
	const GumboVector *children = &e->node->v.element.children;
	const char *start, *type;
	size_t i;

	e->type = '\0';
	if (e->node->v.element.tag != GUMBO_TAG_OL)
		return;
	start = attribute(e->node, "start");
	type = attribute(e->node, "type");
	e->type = type != NULL && *type != '\0' && strchr("aAiI", *type) != NULL
	    ? *type
	    : '1';
	e->step = attribute(e->node, "reversed") == NULL ? 1 : -1;
	e->number = e->step == 1;
	for (i = 0; e->step == -1 && i < children->length; i++) {
		const GumboNode *item = children->data[i];

		e->number += item->type == GUMBO_NODE_ELEMENT &&
		    item->v.element.tag == GUMBO_TAG_LI;
	}
	if (start != NULL)
		e->number = (int)g_ascii_strtoll(start, NULL, 10);
}

/* Note what stands before an item of a list. */
static void
number_item(struct reading *r, const GumboNode *item)
{
	static const struct {
		int value;
		const char *digits;
	} romans[] = {{100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"},
	    {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"}};
	struct element *list;
	const char *value;
	char text[MARKER_SIZE / 2] = "";
	int n;
	size_t i;

	list = above(r, KIND_LIST);
	/* A list may be all that is in an item. */
	if (list == NULL || list->type == '\0') {
		if (!g_str_has_suffix(r->marker, BULLET))
			g_strlcat(r->marker, BULLET, sizeof(r->marker));
		return;
	}
	value = attribute(item, "value");
	if (value != NULL)
		list->number = (int)g_ascii_strtoll(value, NULL, 10);
	n = list->number;
	if (strchr("iI", list->type) != NULL && n > 0 && n < 200) {
		for (i = 0; n > 0; i += n < romans[i].value) {
			if (n < romans[i].value)
				continue;
			g_strlcat(text, romans[i].digits, sizeof(text));
			n -= romans[i].value;
		}
	} else if (strchr("aA", list->type) != NULL && n > 0 && n <= 26) {
		snprintf(text, sizeof(text), "%c", 'a' + n - 1);
	} else {
		snprintf(text, sizeof(text), "%d", n);
	}
	for (i = 0; g_ascii_isupper(list->type) && text[i] != '\0'; i++)
		text[i] = g_ascii_toupper(text[i]);
	g_strlcat(text, ". ", sizeof(text));
	g_strlcat(r->marker, text, sizeof(r->marker));
	list->number += list->step;
}

/* The address of a link, or NULL if a reader cannot follow it. Browsers drop
 * newlines, and write blanks as %20. */
static char *
url_of(const GumboNode *node)
{
	static const char *const schemes[] = {
	    "http:", "https:", "mailto:", "tel:"};
	const char *href;
	GString *clean, *url;
	size_t i;

	href = attribute(node, "href");
	if (href == NULL)
		return (NULL);
	href += strspn(href, " \t\r\n\f");
	if (g_str_has_prefix(href, "//"))
		url = g_string_new("https:");
	else
		url = g_string_new(NULL);
	clean = plaintext_clean(href, strlen(href));
	g_strchomp(clean->str);
	for (i = 0; clean->str[i] != '\0'; i++) {
		if (clean->str[i] == ' ')
			g_string_append(url, "%20");
		else if (clean->str[i] != '\n')
			g_string_append_c(url, clean->str[i]);
	}
	g_string_free(clean, TRUE);
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (g_ascii_strncasecmp(
			url->str, schemes[i], strlen(schemes[i])) == 0 &&
		    url->len > strlen(schemes[i]) + 2 && url->len <= URL_MAX)
			return (g_string_free(url, FALSE));
	}
	g_string_free(url, TRUE);
	return (NULL);
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
	r->apart = APART_WORD;
	if (host == NULL) {
		who = contact_of(url);
		put(r, who, strlen(who), HTMLSTYLE_NORMAL);
		g_free(who);
		return;
	}
	if (len <= URL_SHOWN_MAX) {
		put(r, url, len, HTMLSTYLE_NORMAL);
		return;
	}
	len = (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
	put(r, url, MIN(len, URL_SHOWN_MAX), HTMLSTYLE_NORMAL);
	put(r, "/…", strlen("/…"), HTMLSTYLE_NORMAL);
}

/* The mail address, or number, of a link. */
static char *
contact_of(const char *url)
{
	char *escaped, *plain, *who;

	url = strchr(url, ':') + 1;
	escaped = g_strndup(url, strcspn(url, "?"));
	plain = g_uri_unescape_string(escaped, NULL);
	who = plaintext_line(
	    plain != NULL && g_utf8_validate(plain, -1, NULL) ? plain : escaped,
	    URL_SHOWN_MAX);
	g_free(escaped);
	g_free(plain);
	return (who);
}

/* Telegram makes no link of a mail address or a number behind words: write
 * it, unless the words have it. */
static void
put_contact(struct reading *r, struct element *e)
{
	char *who, *words;

	who = contact_of(e->url);
	words = g_ascii_strdown(
	    e->from == NOWHERE ? "" : r->out->str + e->from, -1);
	if (g_ascii_strncasecmp(e->url, "tel:", 4) == 0 &&
	    strpbrk(words, "0123456789") != NULL)
		*who = '\0';
	if (*who != '\0') {
		char *lower = g_ascii_strdown(who, -1);

		if (strstr(words, lower) == NULL && e->from != NOWHERE)
			g_string_append_printf(r->out, " (%s)", who);
		g_free(lower);
	}
	g_free(who);
	g_free(words);
}

static void
end_link(struct reading *r, struct element *e)
{
	static const char *const names[] = {"title", "aria-label", NULL};

	if (e->url == NULL)
		return;
	if (e->from == NOWHERE && e->unseen[0] != HTMLSTYLE_UNSEEN &&
	    !put_words(r, e->node, names) && e->picture)
		put_url(r, e->url);
	if (e->from == NOWHERE)
		r->unstarted--;
	if (g_ascii_strncasecmp(e->url, "http", 4) != 0) {
		put_contact(r, e);
	} else if (e->from != NOWHERE && e->from < r->out->len) {
		richtext_mark(
		    r->rt, RICHTEXT_LINK, e->from, r->out->len, e->url);
		e->url = NULL;
		r->apart = APART_LINK;
		if (strstr(r->out->str + e->from, "://") != NULL ||
		    g_array_index(r->rt->marks, struct richtext_mark,
			r->rt->marks->len - 1)
			.said)
			r->apart = APART_ADDRESS;
	}
	g_clear_pointer(&e->url, g_free);
}

/* Does the picture only count readers, or keep things apart? */
static bool
is_pixel(const GumboNode *node)
{
	static const char *const names[] = {"width", "height"};
	const char *value;
	size_t i;

	for (i = 0; i < 2; i++) {
		value = attribute(node, names[i]);
		if (value != NULL && g_ascii_isdigit(*value) &&
		    strchr(value, '%') == NULL &&
		    g_ascii_strtoll(value, NULL, 10) <= 2)
			return (true);
	}
	return (false);
}

static void
put_image(struct reading *r, const GumboNode *node)
{
	static const char *const names[] = {"alt", "title", "aria-label", NULL};
	struct element *link;
	enum apart before;

	if (is_pixel(node))
		return;
	r->pictures = true;
	before = r->apart;
	if (before == APART_NOT || before == APART_LINK)
		r->apart = APART_WORD;
	if (put_words(r, node, names)) {
		r->apart = APART_WORD;
		return;
	}
	r->apart = before;
	link = above(r, KIND_LINK);
	if (link != NULL)
		link->picture = true;
}

static void
put_input(struct reading *r, const GumboNode *node)
{
	static const char *const names[] = {"value", "alt", NULL};
	const char *type;

	type = attribute(node, "type");
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
	if (r->apart == APART_NOT)
		r->apart = APART_WORD;
	r->unstarted++;
}

static void
end_struck(struct reading *r, struct element *e)
{
	r->struck = false;
	r->apart = APART_WORD;
	if (e->from == NOWHERE)
		r->unstarted--;
	else
		richtext_mark(
		    r->rt, RICHTEXT_STRUCK, e->from, r->out->len, NULL);
}

/* What an element does to the text, by its name and style. */
static enum kind
kind_of(const GumboNode *node, const struct htmlstyle *style)
{
	enum kind kind;

	kind = kinds[node->v.element.tag];
	if (node->v.element.tag == GUMBO_TAG_HEAD)
		return (KIND_INLINE);
	switch (style->display) {
	case HTMLSTYLE_NONE:
		return (KIND_HIDDEN);
	case HTMLSTYLE_INLINE:
		if (kind == KIND_LINE || kind == KIND_PARAGRAPH ||
		    kind == KIND_ITEM)
			return (KIND_BESIDE);
		break;
	case HTMLSTYLE_BLOCK:
		if (kind == KIND_BESIDE || kind == KIND_SMALL ||
		    kind == KIND_CELL)
			return (KIND_LINE);
		break;
	case HTMLSTYLE_BESIDE:
	case HTMLSTYLE_FLEX:
		if (kind == KIND_INLINE || kind == KIND_SMALL ||
		    (style->display == HTMLSTYLE_BESIDE && kind == KIND_LINE))
			return (KIND_BESIDE);
		break;
	case HTMLSTYLE_DISPLAY_UNSET:
		break;
	}
	if (kind == KIND_INLINE && style->raised)
		return (KIND_RAISED);
	return (kind);
}

/* What an element has from its parent, unless its style says otherwise. */
static void
inherit(const struct reading *r, struct element *e, const struct htmlstyle *s)
{
	const struct element *parent = r->stack->len > 0 ? top(r) : NULL;

	e->space = s->space;
	if (e->space == HTMLSTYLE_SPACE_UNSET && e->kind == KIND_LITERAL)
		e->space = HTMLSTYLE_LITERAL;
	if (e->space == HTMLSTYLE_SPACE_UNSET)
		e->space = parent == NULL ? HTMLSTYLE_NORMAL : parent->space;
	e->unseen[0] = s->visibility;
	e->unseen[1] = s->size;
	if (parent != NULL && s->visibility == HTMLSTYLE_SEEN_UNSET)
		e->unseen[0] = parent->unseen[0];
	if (parent != NULL && s->size == HTMLSTYLE_SEEN_UNSET)
		e->unseen[1] = parent->unseen[1];
	e->invisible = e->unseen[0] == HTMLSTYLE_UNSEEN ||
	    e->unseen[1] == HTMLSTYLE_UNSEEN;
	e->breaks = breaks[e->kind];
	if (s->display == HTMLSTYLE_BLOCK && e->breaks == 0 &&
	    e->kind != KIND_BREAK)
		e->breaks = 1;
	e->flex = s->display == HTMLSTYLE_FLEX;
	e->beside = e->kind == KIND_BESIDE ||
	    (parent != NULL && parent->flex) || s->display == HTMLSTYLE_BESIDE;
}

static void
open_element(struct reading *r, struct element *e)
{
	if (e->beside && r->newlines == 0 && r->blanks == 0)
		r->blanks = 1;
	break_line(r, e->breaks);
	switch (e->kind) {
	case KIND_INLINE:
	case KIND_BESIDE:
	case KIND_LINE:
	case KIND_PARAGRAPH:
	case KIND_ROW:
	case KIND_LITERAL:
	case KIND_STYLE:
	case KIND_HIDDEN:
		break;
	case KIND_BREAK:
		if (r->newlines < NEWLINES_MAX)
			r->newlines++;
		r->blanks = 0;
		break;
	case KIND_LIST:
		begin_list(e);
		break;
	case KIND_ITEM:
		number_item(r, e->node);
		break;
	case KIND_TABLE:
		htmlcells_begin(&e->cells, e->node);
		break;
	case KIND_CELL:
		begin_cell(r, e->node);
		break;
	case KIND_LINK:
	case KIND_AREA:
		e->url = url_of(e->node);
		if (r->apart == APART_LINK)
			r->apart = APART_WORD;
		r->unstarted += e->url != NULL;
		e->picture = e->kind == KIND_AREA;
		break;
	case KIND_IMAGE:
		/* A font has no size for it. */
		if (e->unseen[0] != HTMLSTYLE_UNSEEN)
			put_image(r, e->node);
		break;
	case KIND_INPUT:
		put_input(r, e->node);
		break;
	case KIND_STRUCK:
		break;
	case KIND_SMALL:
		r->apart = APART_NUMBER;
		break;
	case KIND_RAISED:
		r->apart = APART_POWER;
		break;
	}
}

static void
close_element(struct reading *r, struct element *e)
{
	static const char *const alt[] = {"alt", NULL};

	if (e->struck)
		end_struck(r, e);
	if (e->kind == KIND_ROW) {
		end_row(r, e);
	} else if (e->kind == KIND_ITEM) {
		*r->marker = '\0';
	} else if (e->kind == KIND_AREA) {
		put_words(r, e->node, alt);
		end_link(r, e);
	} else if (e->kind == KIND_LINK) {
		end_link(r, e);
	} else if (e->kind == KIND_SMALL || e->kind == KIND_RAISED) {
		r->apart = APART_NUMBER;
	}
	if (e->beside && r->newlines == 0 && r->blanks == 0)
		r->blanks = 1;
	break_line(r, e->breaks);
}

/* Enter an element, unless it is hidden with all that is in it. */
static void
enter(struct reading *r, const GumboNode *node)
{
	struct element e = {.node = node, .from = NOWHERE};
	struct htmlstyle style;

	htmlstyle_of(&style, r->sheet,
	    gumbo_normalized_tagname(node->v.element.tag),
	    attribute(node, "id"), attribute(node, "class"),
	    attribute(node, "style"));
	e.kind = kind_of(node, &style);
	if (e.kind == KIND_HIDDEN || e.kind == KIND_STYLE ||
	    htmlstyle_hides(&style) ||
	    (attribute(node, "hidden") != NULL &&
		style.display == HTMLSTYLE_DISPLAY_UNSET))
		return;
	e.mark = r->out->len;
	inherit(r, &e, &style);
	if ((e.kind == KIND_STRUCK || style.struck) && !r->struck &&
	    e.kind != KIND_LINK && e.kind != KIND_AREA)
		begin_struck(r, &e);
	if (e.kind == KIND_ROW && above(r, KIND_TABLE) != NULL)
		htmlcells_row(&above(r, KIND_TABLE)->cells);
	open_element(r, &e);
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
		if (r->out->len > r->max)
			return (false);
	}
	return (true);
}

/* Read the style elements of the tree. */
static void
collect_styles(const GumboNode *root, struct htmlsheet *sheet)
{
	const GumboNode *node = root, *text;
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
			if (node->type != GUMBO_NODE_ELEMENT ||
			    node->v.element.tag != GUMBO_TAG_STYLE ||
			    node->v.element.children.length == 0)
				continue;
			text = node->v.element.children.data[0];
			if (text->type == GUMBO_NODE_TEXT)
				htmlsheet_add(sheet, text->v.text.text);
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
	r->stack = g_array_new(FALSE, FALSE, sizeof(struct element));
	all = walk(r, root);
	while (r->stack->len > 0) {
		g_free(top(r)->url);
		g_array_set_size(r->stack, r->stack->len - 1);
	}
	g_array_free(r->stack, TRUE);
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
	struct reading r = {.max = max}, empty;
	GumboOptions options = kGumboDefaultOptions;
	GumboOutput *tree;
	struct htmlsheet *sheet;
	GString *bounded;

	bounded = g_string_new(html);
	lack->cut = htmlbound(bounded);
	options.max_errors = 0;
	tree = gumbo_parse_with_options(&options, bounded->str, bounded->len);
	sheet = htmlsheet_new();
	collect_styles(tree->root, sheet);
	r.rt = richtext_new();
	r.out = r.rt->text;
	empty = r;
	lack->cut = !read_tree(&r, tree->root, sheet) || lack->cut;
	/* Rules that hide everything are not understood. */
	if (r.out->len == 0 && !htmlsheet_empty(sheet)) {
		r = empty;
		lack->cut = !read_tree(&r, tree->root, NULL) || lack->cut;
	}
	if (r.out->len > max)
		richtext_cut(r.rt, whole(r.out->str, max));
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
