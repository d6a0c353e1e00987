/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmltext - HTML as plain text
 *
 * libxml2 calls back for each element, so that no tree is built, and parsing
 * ends as soon as there is enough text.
 *
 * White space between two words is only noted, as blank, line, empty line or
 * cell; the strongest of them is written before the next word. So empty
 * elements and spacers, of which HTML mail is full, leave no trace.
 */
#include <stdio.h>
#include <string.h>

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include "telegram/htmltext.h"

/* Deeper HTML is not mail, and costs the parser too much time. */
#define DEPTH_MAX 1000
/* A longer address helps no reader. */
#define URL_MAX 1000
/* HTML declares its charset within so many bytes, or not at all. */
#define CHARSET_WITHIN ((size_t)4096)
/* Empty lines in a row, at most 2, and the end of a line. */
#define NEWLINES_MAX 3

enum kind {
	KIND_INLINE,
	KIND_BREAK, /* <br> */
	KIND_LINE,  /* begins and ends a line */
	KIND_PARAGRAPH,
	KIND_ITEM,
	KIND_ROW,
	KIND_CELL,
	KIND_LINK,
	KIND_IMAGE,
	KIND_LITERAL, /* <pre> */
	KIND_HIDDEN,
};

/* Every other element is inline. */
static const struct {
	enum kind kind;
	const char *names; /* with a blank on both sides of each */
} kinds[] = {
    {KIND_BREAK, " br "},
    {KIND_LINE,
	" address article caption center dd div dt fieldset footer form header "
	"main nav section table "},
    {KIND_PARAGRAPH, " blockquote dl h1 h2 h3 h4 h5 h6 hr ol p ul "},
    {KIND_ITEM, " li "},
    {KIND_ROW, " tr "},
    {KIND_CELL, " td th "},
    {KIND_LINK, " a "},
    {KIND_IMAGE, " img "},
    {KIND_LITERAL, " pre "},
    {KIND_HIDDEN, " head script style template title "},
};

/* Lines that begin before and end after an element; 2 leave an empty one. */
static const int breaks[] = {
    [KIND_LINE] = 1,
    [KIND_PARAGRAPH] = 2,
    [KIND_ITEM] = 1,
    [KIND_ROW] = 1,
    [KIND_LITERAL] = 2,
    [KIND_HIDDEN] = 0,
};

struct element {
	char name[16];
	enum kind kind;
	size_t mark; /* offset in the text where it begins */
	char *url;   /* KIND_LINK */
	bool cells;  /* KIND_ROW: one beside the other */
};

struct reading {
	htmlParserCtxtPtr parser;
	GString *out;
	size_t max;
	bool cut;
	struct element stack[DEPTH_MAX];
	size_t depth;
	size_t hidden;	/* depth of the outermost hidden element, or 0 */
	size_t literal; /* depth of nested <pre> */
	/* To be written before the next word. */
	int newlines;
	bool space;
	bool cell;
	bool bullet;
	bool tight; /* it begins a row: no empty line */
};

static enum kind kind_of(const char *);
static const char *attribute(const xmlChar **, const char *);
static bool declares(const char *, const char *);
static bool is_hidden(const xmlChar **);
static void break_line(struct reading *, int);
static void flush(struct reading *);
static const char *row_text(const struct reading *, const struct element *);
static void begin_cell(struct reading *);
static void end_row(struct reading *, const struct element *);
static void put(struct reading *, const char *, size_t);
static char *url_of(const xmlChar **);
static bool same(const char *, const char *);
static void end_link(struct reading *, const struct element *);
static void open_element(struct reading *, struct element *, const xmlChar **);
static void close_element(struct reading *, const struct element *);
static void on_start(void *, const xmlChar *, const xmlChar **);
static void on_end(void *, const xmlChar *);
static void on_text(void *, const xmlChar *, int);
static void blank_conditions(GString *);
static void parse(struct reading *, const GString *);

static enum kind
kind_of(const char *name)
{
	char word[sizeof(((struct element *)0)->name) + 2];
	size_t i;

	snprintf(word, sizeof(word), " %s ", name);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strstr(kinds[i].names, word) != NULL)
			return (kinds[i].kind);
	}
	return (KIND_INLINE);
}

/* NULL if the attribute is missing, "" if it has no value. */
static const char *
attribute(const xmlChar **attributes, const char *name)
{
	for (; attributes != NULL && *attributes != NULL; attributes += 2) {
		if (strcmp((const char *)attributes[0], name) != 0)
			continue;
		return (
		    attributes[1] == NULL ? "" : (const char *)attributes[1]);
	}
	return (NULL);
}

/* Does ${style}, without blanks, have this declaration? Its value is a word, or
 * zero with any unit. */
static bool
declares(const char *style, const char *declaration)
{
	const char *at, *end;

	for (at = style; (at = strstr(at, declaration)) != NULL; at++) {
		end = at + strlen(declaration);
		if ((at == style || at[-1] == ';') && *end != '.')
			return (true);
	}
	return (false);
}

static bool
is_hidden(const xmlChar **attributes)
{
	const char *value;
	char *style, *in, *out;
	bool hidden;

	if (attribute(attributes, "hidden") != NULL)
		return (true);
	value = attribute(attributes, "style");
	if (value == NULL)
		return (false);
	style = g_ascii_strdown(value, -1);
	for (in = out = style; *in != '\0'; in++) {
		if (strchr(" \t\r\n", *in) == NULL)
			*out++ = *in;
	}
	*out = '\0';
	hidden = declares(style, "display:none") ||
	    declares(style, "visibility:hidden") ||
	    (declares(style, "max-height:0") &&
		declares(style, "overflow:hidden"));
	g_free(style);
	return (hidden);
}

/* Write the next word ${n} lines further down, unless it is the first of a list
 * item or a cell. */
static void
break_line(struct reading *r, int n)
{
	if (r->newlines < n && !r->bullet && !r->cell && !r->tight)
		r->newlines = n;
}

/* Write what was noted before the next word. */
static void
flush(struct reading *r)
{
	int i;

	if (r->out->len > 0) {
		for (i = 0; i < r->newlines; i++)
			g_string_append_c(r->out, '\n');
		if (r->newlines == 0 && r->cell)
			g_string_append(r->out, " | ");
		else if (r->newlines == 0 && r->space)
			g_string_append_c(r->out, ' ');
	}
	if (r->bullet)
		g_string_append(r->out, "• ");
	r->newlines = 0;
	r->space = r->cell = r->bullet = r->tight = false;
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
 * table is layout. */
static void
begin_cell(struct reading *r)
{
	struct element *row;
	size_t i;

	for (i = r->depth; i > 0 && r->stack[i - 1].kind != KIND_ROW; i--)
		continue;
	if (i == 0)
		return;
	row = &r->stack[i - 1];
	if (*row_text(r, row) == '\0') {
		r->tight = true;
		return;
	}
	r->newlines = 0;
	r->space = false;
	if (strchr(row_text(r, row), '\n') != NULL)
		break_line(r, 1);
	else
		r->cell = row->cells = true;
}

/* Each row of a table becomes a line, whatever its cells are; layout keeps its
 * paragraphs. */
static void
end_row(struct reading *r, const struct element *row)
{
	r->cell = r->tight = false;
	if (row->cells && strchr(row_text(r, row), '\n') == NULL)
		r->newlines = 0;
}

static void
put(struct reading *r, const char *s, size_t len)
{
	for (; len > 0; s++, len--) {
		if (r->literal > 0 && *s == '\n') {
			if (r->newlines < NEWLINES_MAX)
				r->newlines++;
		} else if (r->literal == 0 && strchr(" \t\r\n\f", *s) != NULL) {
			r->space = true;
		} else if (len > 1 && memcmp(s, "\xc2\xa0", 2) == 0) {
			r->space = true;
			s++;
			len--;
		} else {
			flush(r);
			g_string_append_c(r->out, *s);
		}
	}
	if (r->out->len > r->max) {
		r->cut = true;
		xmlStopParser(r->parser);
	}
}

/* The address of a link, or NULL if a reader cannot follow it. */
static char *
url_of(const xmlChar **attributes)
{
	static const char *const schemes[] = {"http:", "https:", "mailto:"};
	const char *href;
	char *url, *in, *out;
	size_t i;

	href = attribute(attributes, "href");
	if (href == NULL)
		return (NULL);
	url = g_strdup(href);
	for (in = out = url; *in != '\0'; in++) {
		if ((unsigned char)*in > ' ')
			*out++ = *in;
	}
	*out = '\0';
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (g_ascii_strncasecmp(url, schemes[i], strlen(schemes[i])) ==
			0 &&
		    (size_t)(out - url) <= URL_MAX)
			return (url);
	}
	g_free(url);
	return (NULL);
}

/* Is the text of a link its address, in full or without the scheme and the last
 * slash? */
static bool
same(const char *text, const char *url)
{
	const char *rest;
	size_t len;

	if (g_ascii_strcasecmp(text, url) == 0)
		return (true);
	rest = strchr(url, ':') + 1;
	rest += strspn(rest, "/");
	len = strlen(rest);
	if (g_ascii_strncasecmp(text, url, (size_t)(rest - url)) == 0)
		text += rest - url;
	if (len > 0 && rest[len - 1] == '/' && text[strlen(text) - 1] != '/')
		len--;
	return (
	    strlen(text) == len && g_ascii_strncasecmp(text, rest, len) == 0);
}

static void
end_link(struct reading *r, const struct element *e)
{
	const char *text;

	if (e->url == NULL)
		return;
	/* Skip what flush() wrote before the text. */
	text = r->out->str + e->mark;
	text += strspn(text, " \n");
	if (g_str_has_prefix(text, "| "))
		text += strlen("| ");
	if (g_str_has_prefix(text, "• "))
		text += strlen("• ");
	if (*text != '\0' && !same(text, e->url))
		g_string_append_printf(r->out, " (%s)", e->url);
}

static void
open_element(struct reading *r, struct element *e, const xmlChar **attributes)
{
	const char *alt;

	break_line(r, breaks[e->kind]);
	switch (e->kind) {
	case KIND_INLINE:
	case KIND_LINE:
	case KIND_PARAGRAPH:
	case KIND_ROW:
	case KIND_HIDDEN:
		break;
	case KIND_BREAK:
		if (r->newlines < NEWLINES_MAX)
			r->newlines++;
		break;
	case KIND_ITEM:
		r->bullet = true;
		break;
	case KIND_CELL:
		begin_cell(r);
		break;
	case KIND_LINK:
		e->url = url_of(attributes);
		break;
	case KIND_IMAGE:
		alt = attribute(attributes, "alt");
		if (alt != NULL)
			put(r, alt, strlen(alt));
		break;
	case KIND_LITERAL:
		r->literal++;
		break;
	}
}

static void
close_element(struct reading *r, const struct element *e)
{
	if (e->kind == KIND_ROW)
		end_row(r, e);
	else if (e->kind == KIND_ITEM)
		r->bullet = false;
	else if (e->kind == KIND_LINK)
		end_link(r, e);
	else if (e->kind == KIND_LITERAL)
		r->literal--;
	break_line(r, breaks[e->kind]);
}

static void
on_start(void *data, const xmlChar *name, const xmlChar **attributes)
{
	struct reading *r = data;
	struct element *e;

	if (r->depth == DEPTH_MAX) {
		r->cut = true;
		xmlStopParser(r->parser);
		return;
	}
	e = &r->stack[r->depth++];
	g_strlcpy(e->name, (const char *)name, sizeof(e->name));
	e->kind = kind_of(e->name);
	e->mark = r->out->len;
	e->url = NULL;
	e->cells = false;
	if (r->hidden > 0) {
		e->kind = KIND_HIDDEN;
	} else if (e->kind == KIND_HIDDEN || is_hidden(attributes)) {
		e->kind = KIND_HIDDEN;
		r->hidden = r->depth;
	}
	open_element(r, e, attributes);
}

static void
on_end(void *data, const xmlChar *name)
{
	struct reading *r = data;
	struct element *e;

	if (r->depth == 0)
		return;
	e = &r->stack[r->depth - 1];
	if (strncmp(e->name, (const char *)name, sizeof(e->name) - 1) != 0)
		return;
	close_element(r, e);
	g_free(e->url);
	if (r->hidden == r->depth)
		r->hidden = 0;
	r->depth--;
}

static void
on_text(void *data, const xmlChar *text, int len)
{
	struct reading *r = data;

	if (r->hidden == 0 && !r->cut)
		put(r, (const char *)text, (size_t)len);
}

/* "<![if !mso]>" is a comment to every browser, but text to libxml2. */
static void
blank_conditions(GString *html)
{
	char *at, *end;

	for (at = html->str; (at = strstr(at, "<!")) != NULL; at = end) {
		if (g_str_has_prefix(at, "<!--")) {
			end = strstr(at, "-->");
		} else {
			end = strchr(at, '>');
			if (end != NULL && at[2] == '[')
				memset(at, ' ', (size_t)(end + 1 - at));
		}
		if (end == NULL)
			break;
	}
}

static void
parse(struct reading *r, const GString *html)
{
	htmlSAXHandler *sax;

	r->parser = htmlCreateMemoryParserCtxt(html->str, (int)html->len);
	if (r->parser == NULL)
		return;
	htmlCtxtUseOptions(r->parser,
	    HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
		HTML_PARSE_NOWARNING | HTML_PARSE_IGNORE_ENC);
	xmlSwitchEncoding(r->parser, XML_CHAR_ENCODING_UTF8);
	sax = r->parser->sax;
	memset(sax, 0, sizeof(*sax));
	sax->startElement = on_start;
	sax->endElement = on_end;
	sax->characters = on_text;
	sax->ignorableWhitespace = on_text;
	sax->cdataBlock = on_text;
	r->parser->userData = r;
	htmlParseDocument(r->parser);
	htmlFreeParserCtxt(r->parser);
}

GString *
htmltext_read(const char *html, size_t max, bool *cut)
{
	struct reading *r;
	GString *copy, *out;

	r = g_new0(struct reading, 1);
	r->max = max;
	out = r->out = g_string_new(NULL);
	copy = g_string_new(html);
	blank_conditions(copy);
	parse(r, copy);
	g_string_free(copy, TRUE);
	while (r->depth > 0)
		g_free(r->stack[--r->depth].url);
	if (r->cut)
		g_string_truncate(out, MIN(out->len, max));
	*cut = r->cut;
	g_free(r);
	return (out);
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
