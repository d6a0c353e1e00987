/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlstyle - what the styles of an element mean for its text
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "telegram/htmlstyle.h"

#define BLANKS " \t\r\n\f"
/* More rules or classes, or longer ones, are not mail. */
#define RULES_MAX 5000
#define SELECTOR_MAX 80
#define RULE_MAX 1000
#define CLASSES_MAX 20
/* The window of a mail program, and how far out a text is hidden, in pixels. */
#define WINDOW 600
#define OUTSIDE (-900)
/* A font that nobody sees. */
#define UNSEEN_MAX 1.0
/* One that makes cents of digits. */
#define SMALL_MAX 0.85
/* A margin that is seen between two words, in pixels. */
#define APART_MIN 3

struct htmlsheet {
	GHashTable *rules; /* selector: declarations */
	size_t added;
};

static bool has_word(const char *, const char *);
static void set_display(struct htmlstyle *, const char *);
static void set_space(struct htmlstyle *, const char *);
static void set_size(struct htmlstyle *, const char *);
static void set_font(struct htmlstyle *, const char *);
static void set_color(struct htmlstyle *, const char *);
static void set_clip(struct htmlstyle *, const char *, const char *);
static void set_sides(struct htmlstyle *, const char *);
static void set_list(struct htmlstyle *, const char *);
static void set_length(struct htmlstyle *, const char *, const char *);
static void set(struct htmlstyle *, const char *, const char *);
static char *next_declaration(char **);
static void declare(struct htmlstyle *, const char *, bool);
static char *uncomment(const char *);
static void add_rule(struct htmlsheet *, char *, const char *);
static bool applies(const char *);
static char *end_of_block(char *);
static void add_rules(struct htmlsheet *, char *, bool);
static void apply(struct htmlstyle *, const struct htmlsheet *, bool,
    const char *, const char *);

/* Is ${word} one of the words of ${value}? */
static bool
has_word(const char *value, const char *word)
{
	const char *at;
	size_t len;

	len = strlen(word);
	for (at = value; (at = strstr(at, word)) != NULL; at++) {
		if ((at == value || strchr(BLANKS, at[-1]) != NULL) &&
		    (at[len] == '\0' || strchr(BLANKS "!", at[len]) != NULL))
			return (true);
	}
	return (false);
}

static void
set_display(struct htmlstyle *s, const char *value)
{
	static const struct {
		const char *word;
		enum htmlstyle_display display;
	} words[] = {
	    {"none", HTMLSTYLE_NONE},
	    {"inline", HTMLSTYLE_INLINE},
	    {"block", HTMLSTYLE_BLOCK},
	    {"list-item", HTMLSTYLE_BLOCK},
	    {"table", HTMLSTYLE_BLOCK},
	    {"table-row", HTMLSTYLE_BLOCK},
	    {"table-caption", HTMLSTYLE_BLOCK},
	    {"flow-root", HTMLSTYLE_BLOCK},
	    {"inline-block", HTMLSTYLE_BESIDE},
	    {"inline-table", HTMLSTYLE_BESIDE},
	    {"table-cell", HTMLSTYLE_BESIDE},
	    {"flex", HTMLSTYLE_FLEX},
	    {"inline-flex", HTMLSTYLE_FLEX},
	    {"grid", HTMLSTYLE_FLEX},
	    {"inline-grid", HTMLSTYLE_FLEX},
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (has_word(value, words[i].word))
			s->display = words[i].display;
	}
}

static void
set_space(struct htmlstyle *s, const char *value)
{
	if (has_word(value, "pre-line"))
		s->space = HTMLSTYLE_LINES;
	else if (has_word(value, "pre") || has_word(value, "pre-wrap") ||
	    has_word(value, "break-spaces"))
		s->space = HTMLSTYLE_LITERAL;
	else if (has_word(value, "normal") || has_word(value, "nowrap"))
		s->space = HTMLSTYLE_NORMAL;
}

/* A wrapper with font-size:0 closes the gaps between its children, which set a
 * size of their own; a relative one is still nothing. */
static void
set_size(struct htmlstyle *s, const char *value)
{
	double size;
	char *unit;

	size = g_ascii_strtod(value, &unit);
	s->pixels = s->scale = 0;
	if (g_str_has_prefix(unit, "px") || g_str_has_prefix(unit, "pt"))
		s->pixels = unit[1] == 't' ? size * 4 / 3 : size;
	else if (*unit == '%' || g_str_has_prefix(unit, "em"))
		s->scale = *unit == '%' ? size / 100 : size;
	s->small = strstr(value, "smaller") != NULL ||
	    (*unit == '%' && size < SMALL_MAX * 100) ||
	    (g_str_has_prefix(unit, "em") && size < SMALL_MAX);
	if (unit == value)
		s->size = strstr(value, "inherit") != NULL ||
			strstr(value, "er") != NULL
		    ? HTMLSTYLE_SEEN_UNSET
		    : HTMLSTYLE_SEEN;
	else if (size <= 0 ||
	    (size <= UNSEEN_MAX &&
		(g_str_has_prefix(unit, "px") || g_str_has_prefix(unit, "pt"))))
		s->size = HTMLSTYLE_UNSEEN;
	else if (*unit == '%' || g_str_has_prefix(unit, "em"))
		s->size = HTMLSTYLE_SEEN_UNSET;
	else
		s->size = HTMLSTYLE_SEEN;
}

/* "italic 700 12px/14px Arial": the first number with a unit is the size. */
static void
set_font(struct htmlstyle *s, const char *value)
{
	double size;
	char *unit;

	for (; *value != '\0'; value += strspn(value, BLANKS)) {
		size = g_ascii_strtod(value, &unit);
		if (unit > value && (size <= 0 || strchr("pe%", *unit) != NULL))
			break;
		value += strcspn(value, BLANKS);
	}
	if (*value != '\0')
		set_size(s, value);
}

static void
set_color(struct htmlstyle *s, const char *value)
{
	const char *alpha;
	char *end;

	s->ink = HTMLSTYLE_SEEN;
	if (has_word(value, "inherit") || has_word(value, "currentcolor"))
		s->ink = HTMLSTYLE_SEEN_UNSET;
	else if (has_word(value, "transparent"))
		s->ink = HTMLSTYLE_UNSEEN;
	if (!g_str_has_prefix(value, "rgba(") &&
	    !g_str_has_prefix(value, "hsla("))
		return;
	alpha = strchr(value, '/');
	if (alpha == NULL)
		alpha = strrchr(value, ',');
	if (alpha != NULL && g_ascii_strtod(alpha + 1, &end) <= 0 &&
	    end > alpha + 1)
		s->ink = HTMLSTYLE_UNSEEN;
}

/* What leaves nothing of an element to see. */
static void
set_clip(struct htmlstyle *s, const char *name, const char *value)
{
	static const struct {
		const char *name, *function;
		double from, to;
	} nothing[] = {{"clip-path", "inset(", 50, 100},
	    {"clip-path", "circle(", 0, 0}, {"transform", "scale(", 0, 0},
	    {"filter", "opacity(", 0, 0}};
	double n[4] = {0};
	const char *at;
	char *end;
	size_t i;

	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		at = strstr(value, nothing[i].function);
		if (strcmp(name, nothing[i].name) != 0 || at == NULL)
			continue;
		at += strlen(nothing[i].function);
		n[0] = g_ascii_strtod(at, &end);
		if (end > at && (n[0] <= 0 || *end == '%') &&
		    n[0] >= nothing[i].from && n[0] <= nothing[i].to)
			s->outside = true;
	}
	if (strcmp(name, "clip") != 0 || !g_str_has_prefix(value, "rect("))
		return;
	at = value + strlen("rect(");
	for (i = 0; i < 4; i++) {
		n[i] = g_ascii_strtod(at, &end);
		if (end == at)
			return;
		at = end + strcspn(end, ", )");
		at += strspn(at, ", ");
	}
	/* No wider, or no higher, than nothing. */
	if (n[1] <= n[3] || n[2] <= n[0])
		s->outside = true;
}

/* A margin: one length for all sides, or the second for the left and right. */
static void
set_sides(struct htmlstyle *s, const char *value)
{
	const char *second;
	char *unit;

	second = value + strcspn(value, BLANKS);
	second += strspn(second, BLANKS);
	if (*second != '\0' && *second != '!')
		value = second;
	if (g_ascii_strtod(value, &unit) >= APART_MIN ||
	    (g_str_has_prefix(unit, "em") && *value != '0'))
		s->apart = true;
}

static void
set_list(struct htmlstyle *s, const char *value)
{
	static const struct {
		const char *word;
		char list;
	} words[] = {{"none", '-'}, {"decimal", '1'},
	    {"decimal-leading-zero", '1'}, {"lower-alpha", 'a'},
	    {"lower-latin", 'a'}, {"upper-alpha", 'A'}, {"upper-latin", 'A'},
	    {"lower-roman", 'i'}, {"upper-roman", 'I'}, {"disc", '*'},
	    {"circle", '*'}, {"square", '*'}};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (has_word(value, words[i].word))
			s->list = words[i].list;
	}
}

static void
set_length(struct htmlstyle *s, const char *name, const char *value)
{
	static const char *const sizes[] = {
	    "height", "max-height", "width", "max-width"};
	double length;
	char *unit;
	unsigned i;

	length = g_ascii_strtod(value, &unit);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (strcmp(name, sizes[i]) != 0)
			continue;
		s->flat &= ~(1U << i);
		/* A pixel shows no letter. */
		if (unit != value &&
		    fabs(length) <= (strstr(name, "height") == NULL ? 0 : 1) &&
		    (length <= 0 || g_str_has_prefix(unit, "px")))
			s->flat |= 1U << i;
	}
	if (unit == value)
		return;
	if (strcmp(name, "opacity") == 0)
		s->transparent = length <= 0;
	else if (strstr(name, "height") == NULL &&
	    strstr(name, "width") == NULL)
		s->outside = s->outside || length < OUTSIDE;
}

/* One declaration, in lower case. */
static void
set(struct htmlstyle *s, const char *name, const char *value)
{
	static const char lengths[] =
	    " opacity left top right bottom margin-left margin-right "
	    "margin-top text-indent height max-height width max-width ";
	static const char sides[] =
	    " margin margin-left margin-right padding padding-left "
	    "padding-right ";
	char word[20];

	g_snprintf(word, sizeof(word), " %s ", name);
	if (strstr(sides, word) != NULL)
		set_sides(s, value);
	if (strcmp(name, "display") == 0)
		set_display(s, value);
	else if (strcmp(name, "white-space") == 0)
		set_space(s, value);
	else if (strcmp(name, "font-size") == 0)
		set_size(s, value);
	else if (strcmp(name, "font") == 0)
		set_font(s, value);
	else if (strcmp(name, "color") == 0)
		set_color(s, value);
	else if (strcmp(name, "float") == 0)
		s->apart = !has_word(value, "none");
	else if (strcmp(name, "position") == 0)
		s->apart = s->apart || has_word(value, "absolute");
	else if (g_str_has_prefix(name, "list-style"))
		set_list(s, value);
	else if (g_str_has_suffix(name, "background-clip"))
		s->painted = has_word(value, "text");
	else if (strcmp(name, "visibility") == 0)
		s->visibility =
		    has_word(value, "hidden") || has_word(value, "collapse")
		    ? HTMLSTYLE_UNSEEN
		    : HTMLSTYLE_SEEN;
	else if (g_str_has_prefix(name, "overflow"))
		s->clipped = has_word(value, "hidden") ||
		    has_word(value, "clip") || has_word(value, "auto") ||
		    has_word(value, "scroll");
	else if (g_str_has_prefix(name, "text-decoration"))
		s->struck = s->struck || has_word(value, "line-through");
	else if (strcmp(name, "vertical-align") == 0)
		s->raised =
		    has_word(value, "super") || strstr(value, "top") != NULL;
	else if (g_str_has_prefix(name, "background"))
		s->picture = strstr(value, "url(") != NULL;
	else if (strstr(lengths, word) != NULL)
		set_length(s, name, value);
	else
		set_clip(s, name, value);
}

/* The next declaration of ${*at}, which ends with ";" outside of quotes and
 * brackets, or NULL. */
static char *
next_declaration(char **at)
{
	char *start, *s, quote = '\0';
	int brackets = 0;

	start = s = *at + strspn(*at, BLANKS ";");
	if (*start == '\0')
		return (NULL);
	for (; *s != '\0'; s++) {
		if (quote != '\0')
			quote = *s == quote ? '\0' : quote;
		else if (*s == '"' || *s == '\'')
			quote = *s;
		else if (*s == '(')
			brackets++;
		else if (*s == ')')
			brackets--;
		else if (*s == ';' && brackets <= 0)
			break;
	}
	*at = *s == '\0' ? s : s + 1;
	*s = '\0';
	return (start);
}

/* Apply declarations: those that are ${important}, or the others. */
static void
declare(struct htmlstyle *style, const char *text, bool important)
{
	char *copy, *at, *name, *value;

	at = copy = g_ascii_strdown(text, -1);
	while ((name = next_declaration(&at)) != NULL) {
		value = strchr(name, ':');
		if (value == NULL || (strchr(value, '!') != NULL) != important)
			continue;
		*value++ = '\0';
		value += strspn(value, BLANKS);
		name[strcspn(name, BLANKS)] = '\0';
		set(style, name, value);
	}
	g_free(copy);
}

/* ${css} without comments. */
static char *
uncomment(const char *css)
{
	GString *out;
	const char *at;

	out = g_string_new(NULL);
	while ((at = strstr(css, "/*")) != NULL) {
		g_string_append_len(out, css, at - css);
		css = strstr(at + 2, "*/");
		if (css == NULL)
			return (g_string_free(out, FALSE));
		css += 2;
	}
	g_string_append(out, css);
	return (g_string_free(out, FALSE));
}

/* A rule for each selector that names one element, class or id. */
static void
add_rule(struct htmlsheet *sheet, char *selectors, const char *declarations)
{
	char **list, *selector, *before;
	size_t i;

	list = g_strsplit(selectors, ",", -1);
	for (i = 0; list[i] != NULL; i++) {
		selector = g_strstrip(list[i]);
		if (*selector == '\0' || strlen(selector) > SELECTOR_MAX ||
		    strpbrk(selector, BLANKS "*>+~[]:()\"") != NULL ||
		    sheet->added++ >= RULES_MAX)
			continue;
		before = g_hash_table_lookup(sheet->rules, selector);
		if (strlen(declarations) > RULE_MAX ||
		    (before != NULL && strlen(before) > RULE_MAX))
			continue;
		g_hash_table_replace(sheet->rules, g_strdup(selector),
		    g_strconcat(
			before == NULL ? "" : before, ";", declarations, NULL));
	}
	g_strfreev(list);
}

/* Does the rule with this name apply to the window of a mail program? */
static bool
applies(const char *rule)
{
	const char *width;

	if (!g_str_has_prefix(rule, "@media") || strstr(rule, "max-") != NULL ||
	    strstr(rule, "print") != NULL || strstr(rule, "prefers") != NULL ||
	    strstr(rule, "device") != NULL)
		return (false);
	width = strstr(rule, "min-width");
	if (width == NULL)
		return (strchr(rule, '(') == NULL);
	width += strcspn(width, "0123456789");
	return (atoi(width) <= WINDOW);
}

/* The "}" that ends the block at ${s}, which is behind its "{". */
static char *
end_of_block(char *s)
{
	int depth = 1;

	for (; *s != '\0'; s++) {
		depth += (*s == '{') - (*s == '}');
		if (depth == 0)
			break;
	}
	return (s);
}

/* The rules of ${css}, which is overwritten; one block within another is left
 * out. */
static void
add_rules(struct htmlsheet *sheet, char *css, bool within)
{
	char *open, *close, *next;

	for (; (open = strchr(css, '{')) != NULL; css = next) {
		close = end_of_block(open + 1);
		next = *close == '\0' ? close : close + 1;
		*open++ = *close = '\0';
		/* "@import ...;" in front. */
		while (*css != '\0' && strchr(css, ';') != NULL)
			css = strchr(css, ';') + 1;
		css += strspn(css, BLANKS);
		if (g_str_has_prefix(css, "<!--"))
			css += strlen("<!--");
		if (*css != '@')
			add_rule(sheet, css, open);
		else if (!within && applies(css))
			add_rules(sheet, open, true);
	}
}

struct htmlsheet *
htmlsheet_new(void)
{
	struct htmlsheet *sheet;

	sheet = g_new0(struct htmlsheet, 1);
	sheet->rules =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return (sheet);
}

void
htmlsheet_free(struct htmlsheet *sheet)
{
	if (sheet == NULL)
		return;
	g_hash_table_destroy(sheet->rules);
	g_free(sheet);
}

void
htmlsheet_add(struct htmlsheet *sheet, const char *css, const char *media)
{
	char *copy, *query;
	bool other;

	query = g_strconcat("@media ", media, NULL);
	other = media != NULL && !applies(query);
	g_free(query);
	if (other)
		return;
	copy = uncomment(css);
	add_rules(sheet, copy, false);
	g_free(copy);
}

bool
htmlsheet_empty(const struct htmlsheet *sheet)
{
	return (g_hash_table_size(sheet->rules) == 0);
}

/* Apply the rules for ${element}, "." or "#" and each of ${names}. */
static void
apply(struct htmlstyle *style, const struct htmlsheet *sheet, bool important,
    const char *element, const char *names)
{
	char selector[SELECTOR_MAX + 1];
	const char *rule;
	size_t len, n;
	char kind;

	kind = *names++;
	for (n = 0;
	     n < CLASSES_MAX && *(names += strspn(names, BLANKS)) != '\0';
	     names += len, n++) {
		len = strcspn(names, BLANKS);
		if (len > SELECTOR_MAX)
			continue;
		g_snprintf(selector, sizeof(selector), "%s%c%.*s", element,
		    kind, (int)len, names);
		rule = g_hash_table_lookup(sheet->rules, selector);
		if (rule != NULL)
			declare(style, rule, important);
	}
}

void
htmlstyle_of(struct htmlstyle *style, const struct htmlsheet *sheet,
    const char *element, const char *id, const char *classes, const char *own)
{
	char *names[2] = {NULL, NULL};
	const char *rule;
	size_t i;
	int pass;

	memset(style, 0, sizeof(*style));
	if (sheet != NULL && htmlsheet_empty(sheet))
		sheet = NULL;
	if (sheet != NULL && classes != NULL)
		names[0] = g_strconcat(".", classes, NULL);
	if (sheet != NULL && id != NULL)
		names[1] = g_strconcat("#", id, NULL);
	for (pass = 0; pass < 2; pass++) {
		rule = sheet == NULL
		    ? NULL
		    : g_hash_table_lookup(sheet->rules, element);
		if (rule != NULL)
			declare(style, rule, pass == 1);
		for (i = 0; i < 2; i++) {
			if (names[i] == NULL)
				continue;
			apply(style, sheet, pass == 1, "", names[i]);
			apply(style, sheet, pass == 1, element, names[i]);
		}
		if (own != NULL)
			declare(style, own, pass == 1);
	}
	g_free(names[0]);
	g_free(names[1]);
}

bool
htmlstyle_hides(const struct htmlstyle *s)
{
	return (s->display == HTMLSTYLE_NONE || s->transparent || s->outside ||
	    (s->flat != 0 && s->clipped));
}
