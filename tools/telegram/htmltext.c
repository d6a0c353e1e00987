/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmltext - HTML as a reader of plain text wants it
 *
 * libxml2 reads the HTML and calls back for each element, so that no tree is
 * built, and reading ends as soon as there is enough text.
 *
 * White space between two words is only noted, as blank, line, empty line or
 * cell; the next word brings the strongest of them with it. So empty elements
 * and spacers, of which HTML mail is full, leave nothing behind.
 */
#include <string.h>

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include "telegram/htmltext.h"

/* Deeper than this HTML is no mail, and costs the parser too much time. */
#define DEPTH_MAX 1000
/* A longer address is for machines. */
#define URL_MAX 1000
/* HTML names its charset within so many octets, or not at all. */
#define CHARSET_WITHIN ((size_t)4096)
/* Empty lines in a row, at most 2, and the end of a line. */
#define NEWLINES_MAX 3

enum role {
	ROLE_INLINE,
	ROLE_BREAK, /* <br> */
	ROLE_LINE,  /* begins and ends a line */
	ROLE_PARAGRAPH,
	ROLE_ITEM,
	ROLE_ROW,
	ROLE_CELL,
	ROLE_LINK,
	ROLE_IMAGE,
	ROLE_LITERAL, /* <pre> */
	ROLE_HIDDEN,
};

static const struct {
	const char *name;
	enum role role;
} roles[] = {
    {"a", ROLE_LINK},
    {"address", ROLE_LINE},
    {"article", ROLE_LINE},
    {"blockquote", ROLE_PARAGRAPH},
    {"br", ROLE_BREAK},
    {"caption", ROLE_LINE},
    {"center", ROLE_LINE},
    {"dd", ROLE_LINE},
    {"div", ROLE_LINE},
    {"dl", ROLE_PARAGRAPH},
    {"dt", ROLE_LINE},
    {"fieldset", ROLE_LINE},
    {"footer", ROLE_LINE},
    {"form", ROLE_LINE},
    {"h1", ROLE_PARAGRAPH},
    {"h2", ROLE_PARAGRAPH},
    {"h3", ROLE_PARAGRAPH},
    {"h4", ROLE_PARAGRAPH},
    {"h5", ROLE_PARAGRAPH},
    {"h6", ROLE_PARAGRAPH},
    {"head", ROLE_HIDDEN},
    {"header", ROLE_LINE},
    {"hr", ROLE_PARAGRAPH},
    {"img", ROLE_IMAGE},
    {"li", ROLE_ITEM},
    {"main", ROLE_LINE},
    {"nav", ROLE_LINE},
    {"ol", ROLE_PARAGRAPH},
    {"p", ROLE_PARAGRAPH},
    {"pre", ROLE_LITERAL},
    {"script", ROLE_HIDDEN},
    {"section", ROLE_LINE},
    {"style", ROLE_HIDDEN},
    {"table", ROLE_LINE},
    {"td", ROLE_CELL},
    {"template", ROLE_HIDDEN},
    {"th", ROLE_CELL},
    {"title", ROLE_HIDDEN},
    {"tr", ROLE_ROW},
    {"ul", ROLE_PARAGRAPH},
};

struct element {
	char name[16];
	enum role role;
	size_t mark; /* where in the text it begins */
	char *url;   /* ROLE_LINK */
	bool cells;  /* ROLE_ROW: one beside the other */
};

struct reading {
	htmlParserCtxtPtr parser;
	GString *out;
	size_t max;
	bool cut;
	struct element stack[DEPTH_MAX];
	size_t depth;
	size_t hidden;	/* how deep the outermost hidden element is, or 0 */
	size_t literal; /* <pre> inside each other */
	/* What comes before the next word. */
	int newlines;
	bool space;
	bool cell;
	bool bullet;
	bool tight; /* no empty line: it begins a row */
};

static enum role role_of(const char *);
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

static enum role
role_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(name, roles[i].name) == 0)
			return (roles[i].role);
	}
	return (ROLE_INLINE);
}

/* NULL if it is not there, "" if it has no value. */
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

/* Does the style, without blanks, have this declaration, be its value a word,
 * or zero with whatever unit? */
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

/* The next word is ${n} lines further, unless it is the first of a list item or
 * a cell. */
static void
break_line(struct reading *r, int n)
{
	if (r->newlines < n && !r->bullet && !r->cell && !r->tight)
		r->newlines = n;
}

/* A word comes: write what has been noted before it. */
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

/* What is in the row so far. */
static const char *
row_text(const struct reading *r, const struct element *row)
{
	const char *text;

	text = r->out->str + row->mark;
	return (text + strspn(text, "\n"));
}

/* A cell is beside the one before, unless that one has several lines: then it
 * is part of the layout rather than of a table. */
static void
begin_cell(struct reading *r)
{
	struct element *row;
	size_t i;

	for (i = r->depth; i > 0 && r->stack[i - 1].role != ROLE_ROW; i--)
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

/* The rows of a table are lines, whatever its cells are; what is layout keeps
 * its paragraphs. */
static void
end_row(struct reading *r, const struct element *row)
{
	r->cell = r->tight = false;
	if (row->cells && strchr(row_text(r, row), '\n') == NULL)
		r->newlines = 0;
	break_line(r, 1);
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

/* The address of a link, if it is one that a reader can follow. */
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

/* Is the text of a link its address, written in full or without what is
 * understood? */
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
	/* The text is behind what flush() wrote. */
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

	switch (e->role) {
	case ROLE_INLINE:
	case ROLE_HIDDEN:
		break;
	case ROLE_BREAK:
		if (r->newlines < NEWLINES_MAX)
			r->newlines++;
		break;
	case ROLE_LINE:
	case ROLE_ROW:
		break_line(r, 1);
		break;
	case ROLE_PARAGRAPH:
		break_line(r, 2);
		break;
	case ROLE_ITEM:
		break_line(r, 1);
		r->bullet = true;
		break;
	case ROLE_CELL:
		begin_cell(r);
		break;
	case ROLE_LINK:
		e->url = url_of(attributes);
		break;
	case ROLE_IMAGE:
		alt = attribute(attributes, "alt");
		if (alt != NULL)
			put(r, alt, strlen(alt));
		break;
	case ROLE_LITERAL:
		break_line(r, 2);
		r->literal++;
		break;
	}
}

static void
close_element(struct reading *r, const struct element *e)
{
	switch (e->role) {
	case ROLE_INLINE:
	case ROLE_HIDDEN:
	case ROLE_BREAK:
	case ROLE_CELL:
	case ROLE_IMAGE:
		break;
	case ROLE_LINE:
		break_line(r, 1);
		break;
	case ROLE_ROW:
		end_row(r, e);
		break;
	case ROLE_PARAGRAPH:
		break_line(r, 2);
		break;
	case ROLE_ITEM:
		r->bullet = false;
		break_line(r, 1);
		break;
	case ROLE_LINK:
		end_link(r, e);
		break;
	case ROLE_LITERAL:
		r->literal--;
		break_line(r, 2);
		break;
	}
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
	e->role = role_of(e->name);
	e->mark = r->out->len;
	e->url = NULL;
	e->cells = false;
	if (r->hidden > 0) {
		e->role = ROLE_HIDDEN;
	} else if (e->role == ROLE_HIDDEN || is_hidden(attributes)) {
		e->role = ROLE_HIDDEN;
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
