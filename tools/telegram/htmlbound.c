/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlbound - HTML that a parser takes in little time and memory
 *
 * This reads tags as gumbo does, but builds nothing: it only counts what is
 * open. Where it cannot know, it counts too much. An element that formats text
 * and is not closed is made anew by the parser in each block that follows, with
 * all its attributes; so each tag costs as much as there are of those.
 */
#include <string.h>

#include "telegram/htmlbound.h"

/* Elements that are open at one time. */
#define DEPTH_MAX 1000
/* Elements, attributes and texts of the tree; each takes up to 300 bytes. */
#define COST_MAX ((size_t)40000)
#define ATTRIBUTES_MAX 100
#define NAME_SIZE 12
/* Of equal elements that format, the parser makes so many anew. */
#define EQUAL_MAX 3

struct open {
	char name[NAME_SIZE];
	guint hash;    /* of the whole tag */
	size_t weight; /* if it formats, else 0 */
};

struct tag {
	char name[NAME_SIZE];
	const char *end; /* behind it */
	size_t attributes;
};

struct scan {
	struct open open[DEPTH_MAX];
	size_t depth;
	size_t tables;
	size_t formats; /* weights of those that are open */
	size_t cost;
};

static bool in_list(const char *, const char *);
static const char *read_name(const char *, char *);
static bool read_tag(const char *, struct tag *);
static size_t equals(const struct scan *, guint);
static bool begin(struct scan *, const char *, const struct tag *);
static void end(struct scan *, const char *);
static const char *behind_raw(const char *, const char *);
static const char *open_up(GString *, gsize, const struct tag *);
static const char *behind_other(const char *);

/* Elements that are never closed, and those that the next one, or the end of
 * their block, closes. */
static const char unclosed[] =
    " area base basefont bgsound body br caption col colgroup dd dt embed "
    "frame head hr html img input keygen li link meta optgroup option p param "
    "rp rt source tbody td tfoot th thead tr track wbr ";
static const char formatting[] =
    " a b big code em font i nobr s small strike strong tt u ";
/* Elements whose content is no HTML. */
static const char raw[] =
    " iframe noembed noframes script style textarea title xmp ";

static bool
in_list(const char *list, const char *name)
{
	const char *at;
	size_t len;

	len = strlen(name);
	for (at = list; (at = strstr(at, name)) != NULL; at++) {
		if (at[-1] == ' ' && at[len] == ' ')
			return (true);
	}
	return (false);
}

/* Read the name of a tag, in lower case; a long one is cut. */
static const char *
read_name(const char *s, char *name)
{
	size_t n = 0;

	for (; *s != '\0' && strchr(" \t\r\n\f/>", *s) == NULL; s++) {
		if (n < NAME_SIZE - 1)
			name[n++] = g_ascii_tolower(*s);
	}
	name[n] = '\0';
	return (s);
}

/* Read a tag from its name on; false if it does not end. */
static bool
read_tag(const char *s, struct tag *t)
{
	bool value = false;

	t->attributes = 0;
	s = read_name(s, t->name);
	while (*s != '\0' && *s != '>') {
		if (strchr(" \t\r\n\f/", *s) != NULL) {
			s++;
			continue;
		}
		if (*s == '=') {
			value = true;
			s++;
			continue;
		}
		if (value && (*s == '"' || *s == '\'')) {
			s = strchr(s + 1, *s);
			if (s == NULL)
				return (false);
			s++;
		} else {
			t->attributes += !value;
			s += strcspn(s, value ? " \t\r\n\f>" : " \t\r\n\f/>=");
		}
		value = false;
	}
	t->end = s + 1;
	return (*s == '>');
}

static size_t
equals(const struct scan *scan, guint hash)
{
	size_t i, n;

	for (i = n = 0; i < scan->depth; i++)
		n += scan->open[i].weight > 0 && scan->open[i].hash == hash;
	return (n);
}

/* A start tag at ${s}; false if it goes beyond a limit. */
static bool
begin(struct scan *scan, const char *s, const struct tag *t)
{
	struct open *open;
	char *text;

	/* There may be text in front of it. */
	scan->cost += 2 + t->attributes + scan->formats;
	if (scan->cost > COST_MAX || t->attributes > ATTRIBUTES_MAX)
		return (false);
	if (in_list(unclosed, t->name))
		return (true);
	if (scan->depth == DEPTH_MAX)
		return (false);
	open = &scan->open[scan->depth++];
	g_strlcpy(open->name, t->name, sizeof(open->name));
	open->weight = 0;
	if (strcmp(t->name, "table") == 0)
		scan->tables++;
	if (!in_list(formatting, t->name))
		return (true);
	text = g_strndup(s, (gsize)(t->end - s));
	open->hash = g_str_hash(text);
	g_free(text);
	if (equals(scan, open->hash) < EQUAL_MAX)
		open->weight = 1 + t->attributes;
	scan->formats += open->weight;
	return (true);
}

/* An end tag. What formats stays, unless it is what ends. */
static void
end(struct scan *scan, const char *name)
{
	struct open kept;
	size_t i, at;

	for (at = scan->depth; at > 0; at--) {
		if (strcmp(scan->open[at - 1].name, name) == 0)
			break;
	}
	if (at == 0)
		return;
	at--;
	scan->formats -= scan->open[at].weight;
	if (strcmp(name, "table") == 0)
		scan->tables--;
	for (i = at + 1; i < scan->depth; i++) {
		kept = scan->open[i];
		if (kept.weight > 0 || in_list(formatting, name))
			scan->open[at++] = kept;
		else if (strcmp(kept.name, "table") == 0)
			scan->tables--;
	}
	scan->depth = at;
}

/* Behind the content of an element that is no HTML. */
static const char *
behind_raw(const char *s, const char *name)
{
	size_t len;

	len = strlen(name);
	while ((s = strstr(s, "</")) != NULL) {
		s += strlen("</");
		if (g_ascii_strncasecmp(s, name, len) == 0 &&
		    !g_ascii_isalnum(s[len]))
			break;
	}
	return (s);
}

/*
 * An element whose content is no HTML is not closed, and would take all text
 * that follows. Give it a name of no meaning; its content ends at the next tag.
 */
static const char *
open_up(GString *html, gsize name, const struct tag *t)
{
	char *at;

	memset(html->str + name, ' ', strlen(t->name));
	html->str[name] = 'o';
	at = html->str + (t->end - html->str);
	for (; *at != '\0'; at++) {
		if (*at == '<' && (g_ascii_isalpha(at[1]) || at[1] == '/'))
			break;
		if (strcmp(t->name, "style") == 0 ||
		    strcmp(t->name, "script") == 0)
			*at = ' ';
	}
	return (at);
}

/* Behind a comment, or what browsers take for one. */
static const char *
behind_other(const char *s)
{
	const char *dashes, *end;

	if (!g_str_has_prefix(s, "<!--")) {
		s = strchr(s, '>');
		return (s == NULL ? NULL : s + 1);
	}
	s += strlen("<!--");
	if (*s == '>' || g_str_has_prefix(s, "->"))
		return (strchr(s, '>') + 1);
	for (end = strchr(s, '>'); end != NULL; end = strchr(end + 1, '>')) {
		dashes = end[-1] == '!' ? end - 3 : end - 2;
		if (dashes >= s && dashes[0] == '-' && dashes[1] == '-')
			break;
	}
	return (end == NULL ? NULL : end + 1);
}

bool
htmlbound(GString *html)
{
	struct scan *scan;
	struct tag tag;
	const char *at, *name, *next;
	bool closes, comment, cut = false, opened = false, endless = false;

	scan = g_new(struct scan, 1);
	scan->depth = scan->tables = scan->formats = scan->cost = 0;
	for (at = html->str; at != NULL && (at = strchr(at, '<')) != NULL;) {
		closes = at[1] == '/';
		name = at + 1 + closes;
		if (!g_ascii_isalpha(*name)) {
			if (*name != '!' && *name != '?' && !closes) {
				at++;
				continue;
			}
			comment = g_str_has_prefix(name, "!--");
			next = comment && endless ? NULL : behind_other(at);
			/* It ends at ">" then, as in old browsers. */
			if (next == NULL && comment) {
				endless = true;
				html->str[name + 1 - html->str] = 'x';
				next = behind_other(at);
			}
			at = next;
			continue;
		}
		/* The parser drops a tag that does not end, but reads it. */
		if (!read_tag(name, &tag)) {
			g_string_truncate(html, (gsize)(at - html->str));
			break;
		}
		if (scan->tables == 0 && in_list(" td th tr ", tag.name))
			memcpy(html->str + (name - html->str), "p ", 2);
		if (closes) {
			scan->cost++;
			end(scan, tag.name);
		} else if (!begin(scan, at, &tag)) {
			g_string_truncate(html, (gsize)(at - html->str));
			cut = true;
			break;
		}
		at = tag.end;
		if (closes || !in_list(raw, tag.name))
			continue;
		at = behind_raw(at, tag.name);
		if (at == NULL && !opened) {
			at = open_up(html, (gsize)(name - html->str), &tag);
			opened = true;
		}
	}
	g_free(scan);
	return (cut);
}
