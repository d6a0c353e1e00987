/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plaintext - text made fit for a chat message
 */
#include <stdint.h>
#include <string.h>

#include <unigbrk.h>
#include <unistr.h>

#include "telegram/plaintext.h"

/* A longer selector is no style rule. */
#define SELECTOR_MAX 300
#define SELECTOR_WORD 10
/* Lines that are looked at as the beginning of a rule. */
#define RULES_TRIED 100
/* Elements that only a whole page has come first in a list. */
#define PAGE_NAMES 4

static size_t character(ucs4_t *, const uint8_t *, size_t);
static bool is_invisible(ucs4_t);
static bool is_joiner(ucs4_t);
static bool is_wide_blank(ucs4_t);
static ucs4_t shown(ucs4_t);
static size_t fitting(const char *, size_t);
static size_t last_before(const char *, size_t, char);
static size_t whole_characters(const char *, size_t);
static bool is_selector(const char *);
static const char *end_of_rule(const char *);
static const char *behind_prolog(const char *);
static bool is_tag(const char *);
static int64_t base64_bytes(const char *, const char *);
static bool take_wrapped(GString *, char **, int64_t *);
static int uuencoded_line(const char *, size_t);
static size_t quote_depth(const char *, size_t);
static void strip_right(GString *);

size_t
plaintext_units(const char *s)
{
	size_t n;

	for (n = 0; *s != '\0'; s++) {
		/* One for each character, two above U+FFFF. */
		if (((unsigned char)*s & 0xc0) != 0x80)
			n += (unsigned char)*s >= 0xf0 ? 2 : 1;
	}
	return (n);
}

/* Take a character; U+FFFD for each octet that belongs to none. (How many
 * octets u8_mbtouc() takes for one U+FFFD depends on the version of the
 * library.) */
static size_t
character(ucs4_t *c, const uint8_t *in, size_t len)
{
	int n;

	n = u8_mbtoucr(c, in, len);
	if (n > 0)
		return ((size_t)n);
	*c = 0xfffd;
	return (1);
}

/* Characters that have no shape: soft hyphens, word joiners, and what else mail
 * is filled with. */
static bool
is_invisible(ucs4_t c)
{
	return (c == 0xad || c == 0x34f || c == 0x61c || c == 0x115f ||
	    c == 0x1160 || c == 0x17b4 || c == 0x17b5 ||
	    (c >= 0x180b && c <= 0x180e) || c == 0x200b ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff ||
	    c == 0xffa0 || (c >= 0xfff9 && c <= 0xfffc));
}

/* Joiners, as emoji and Persian need them between two letters, and marks that
 * only hint at a direction. */
static bool
is_joiner(ucs4_t c)
{
	return (c >= 0x200c && c <= 0x200f);
}

/* Blanks of other widths, and an empty letter of Braille. */
static bool
is_wide_blank(ucs4_t c)
{
	return ((c >= 0x2000 && c <= 0x200a) || c == 0x1680 || c == 0x205f ||
	    c == 0x2800 || c == 0x3000);
}

/* What to show for a character, or 0. */
static ucs4_t
shown(ucs4_t c)
{
	if (c == '\t' || c == '\v' || c == '\f' || c == 0xa0 ||
	    is_wide_blank(c))
		return (' ');
	if (c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029)
		return ('\n');
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f) ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0xfdd0 && c <= 0xfdef) ||
	    (c & 0xfffe) == 0xfffe)
		return (0);
	return (c);
}

GString *
plaintext_clean(const char *s, size_t len)
{
	const uint8_t *in = (const uint8_t *)s;
	GString *out;
	ucs4_t c, joiner = 0;
	bool blank = true, filled = false;
	size_t n;

	out = g_string_sized_new(len);
	for (; len > 0; in += n, len -= n) {
		/* Most characters are these. */
		if (*in > ' ' && *in < 0x7f && joiner == 0) {
			g_string_append_c(out, (char)*in);
			blank = filled = false;
			n = 1;
			continue;
		}
		n = character(&c, in, len);
		/* A newline of the old Macintosh, or overprinting. */
		if (c == '\r' && (len == 1 || in[1] != '\n'))
			c = '\n';
		filled = filled || is_invisible(c) || is_wide_blank(c) ||
		    (is_joiner(c) && blank);
		if (is_joiner(c))
			joiner = blank ? 0 : c;
		if (is_joiner(c) || is_invisible(c))
			continue;
		c = shown(c);
		if (c == 0)
			continue;
		/* Of blanks with fillers between them, one is left. */
		if (c == ' ' && blank && filled)
			continue;
		if (joiner != 0 && c != ' ' && c != '\n')
			g_string_append_unichar(out, joiner);
		joiner = 0;
		blank = c == ' ' || c == '\n';
		filled = filled && blank;
		g_string_append_unichar(out, c);
	}
	return (out);
}

char *
plaintext_line(const char *s, size_t max)
{
	GString *clean;
	char *in, *out;

	clean = plaintext_clean(s, strlen(s));
	out = clean->str;
	for (in = clean->str; *in != '\0'; in++) {
		if (*in != ' ' && *in != '\n')
			*out++ = *in;
		else if (out > clean->str && out[-1] != ' ')
			*out++ = ' ';
	}
	g_string_truncate(clean, (gsize)(out - clean->str));
	strip_right(clean);
	plaintext_cut(clean, max, "…", false);
	return (g_string_free(clean, FALSE));
}

static void
strip_right(GString *text)
{
	gsize len;

	for (len = text->len; len > 0; len--) {
		if (text->str[len - 1] != ' ' && text->str[len - 1] != '\n')
			break;
	}
	g_string_truncate(text, len);
}

void
plaintext_tidy(GString *text)
{
	char *line, *end, *next, *out;
	size_t empty;

	strip_right(text);
	out = text->str;
	empty = 0;
	for (line = text->str; *line != '\0'; line = next) {
		end = line + strcspn(line, "\n");
		next = *end == '\0' ? end : end + 1;
		while (end > line && end[-1] == ' ')
			end--;
		if (end == line) {
			empty++;
			continue;
		}
		if (out > text->str) {
			*out++ = '\n';
			for (empty = empty > 2 ? 1 : empty; empty > 0; empty--)
				*out++ = '\n';
		}
		empty = 0;
		memmove(out, line, (size_t)(end - line));
		out += end - line;
	}
	g_string_truncate(text, (gsize)(out - text->str));
}

/* Does a selector begin here, rather than a sentence? */
static bool
is_selector(const char *s)
{
	static const char elements[] =
	    " a b blockquote body br button center code div em font h1 h2 h3 h4 "
	    "h5 h6 hr html i img input li ol p pre section span strong sup "
	    "table tbody td th tr u ul ";
	char word[SELECTOR_WORD + 3];
	size_t len;

	if (strchr("@.#*:", *s) != NULL)
		return (true);
	for (len = 0; g_ascii_isalnum(s[len]);)
		len++;
	if (len == 0 || len > SELECTOR_WORD)
		return (false);
	g_snprintf(word, sizeof(word), " %.*s ", (int)len, s);
	return (strstr(elements, word) != NULL);
}

/* The end of the style rule at ${s}, or NULL if there is none: a selector, and
 * declarations or rules in brackets. */
static const char *
end_of_rule(const char *s)
{
	static const struct {
		const char *begin, *end;
	} wrapped[] = {{"/*", "*/"}, {"<!--", "-->"}, {"<style", "</style>"}};
	const char *open, *at;
	int depth = 1;
	size_t i;

	for (i = 0; i < sizeof(wrapped) / sizeof(wrapped[0]); i++) {
		if (!g_str_has_prefix(s, wrapped[i].begin))
			continue;
		at = strstr(s, wrapped[i].end);
		return (at == NULL ? NULL : at + strlen(wrapped[i].end));
	}
	if (g_str_has_prefix(s, "@import") || g_str_has_prefix(s, "@charset")) {
		at = strpbrk(s, ";\n");
		return (at == NULL || *at == '\n' ? NULL : at + 1);
	}
	open = strchr(s, '{');
	if (open == NULL || open - s > SELECTOR_MAX)
		return (NULL);
	if (!is_selector(s))
		return (NULL);
	for (at = open + 1; *at != '\0' && depth > 0; at++)
		depth += (*at == '{') - (*at == '}');
	if (depth > 0 ||
	    (at - open > 2 && g_strstr_len(open, at - open, ":") == NULL))
		return (NULL);
	return (at);
}

void
plaintext_uncss(GString *text)
{
	const char *at = text->str, *end;

	for (;;) {
		at += strspn(at, " \n");
		end = end_of_rule(at);
		if (end == NULL)
			break;
		at = end;
	}
	if (at != text->str + strspn(text->str, " \n"))
		g_string_erase(text, 0, at - text->str);
}

/* Behind an XML declaration and comments. */
static const char *
behind_prolog(const char *s)
{
	const char *end;

	for (;;) {
		s += strspn(s, " \n");
		if (g_str_has_prefix(s, "<?xml"))
			end = strstr(s, "?>");
		else if (g_str_has_prefix(s, "<!--"))
			end = strstr(s + strlen("<!-"), "->");
		else
			return (s);
		if (end == NULL)
			return (s);
		s = end + 2;
	}
}

bool
plaintext_is_html(const char *text)
{
	static const char *const names[] = {"!doctype html", "html", "head",
	    "body", "table", "div", "p", "style", "meta", "center", "span",
	    "font", "title", "br", "h1", "h2", "h3", "tr", "td", "section", "a",
	    "b", "i", "u", "strong", "em", "h4", "ul", "ol", "hr", "img",
	    "blockquote", "article", "header", "main", "link", "script"};
	const char *end;
	size_t i, len;

	text = behind_prolog(text);
	end = strchr(text, '\0');
	while (end > text && (end[-1] == ' ' || end[-1] == '\n'))
		end--;
	if (*text != '<')
		return (false);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		len = strlen(names[i]);
		if (g_ascii_strncasecmp(text + 1, names[i], len) == 0 &&
		    strchr(" \n/>", text[1 + len]) != NULL)
			break;
	}
	/* A whole page may have a text behind it. */
	if (i < PAGE_NAMES)
		return (true);
	return (i < sizeof(names) / sizeof(names[0]) && end[-1] == '>' &&
	    (strstr(text, "</") != NULL || strcasestr(text, "<br") != NULL));
}

/* Is there a tag at ${s} that ends, or stands alone? */
static bool
is_tag(const char *s)
{
	static const char names[] =
	    " /a /b /body /center /div /em /font /h1 /h2 /h3 /h4 /html /i /li "
	    "/ol /p /span /strong /style /table /td /th /tr /u /ul br br/ hr "
	    "hr/ p ";
	char word[12];
	size_t len;

	len = strcspn(s + 1, " >\n");
	if (len == 0 || len > 8 || strchr(s, '>') == NULL)
		return (false);
	g_snprintf(word, sizeof(word), " %.*s ", (int)len, s + 1);
	for (len = 0; word[len] != '\0'; len++)
		word[len] = g_ascii_tolower(word[len]);
	return (strstr(names, word) != NULL);
}

bool
plaintext_is_marked_up(const char *text)
{
	static const char *const references[] = {"&nbsp;", "&amp;", "&lt;",
	    "&gt;", "&quot;", "&euro;", "&#39;", "&apos;", "&copy;"};
	const char *at;
	size_t i, tries = RULES_TRIED;

	for (at = text; (at = strchr(at, '<')) != NULL; at++) {
		if (is_tag(at))
			return (true);
	}
	for (i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		if (strstr(text, references[i]) != NULL)
			return (true);
	}
	for (at = text; at != NULL; at = strchr(at, '\n')) {
		at += strspn(at, " \n");
		if (at[strcspn(at, "{\n")] != '{' || !is_selector(at))
			continue;
		if (tries-- == 0)
			break;
		if (end_of_rule(at) != NULL)
			return (true);
	}
	return (false);
}

/* The bytes that a line of uuencode stands for, or -1 if it is none. */
static int
uuencoded_line(const char *line, size_t len)
{
	size_t bytes, i;

	if (len == 0 || *line < ' ' || *line > '`')
		return (-1);
	bytes = (size_t)(*line - ' ') & 63;
	/* Blanks at its end may be lost. */
	if (len > 1 + (bytes + 2) / 3 * 4 + 1)
		return (-1);
	for (i = 1; i < len; i++) {
		if (line[i] < ' ' || line[i] > '`')
			return (-1);
	}
	return ((int)bytes);
}

/* The bytes that the digits of base64 between two places stand for. */
static int64_t
base64_bytes(const char *from, const char *to)
{
	int64_t digits = 0;

	for (; from < to; from++)
		digits +=
		    g_ascii_isalnum(*from) || *from == '+' || *from == '/';
	return (digits * 3 / 4);
}

/* As plaintext_uuencoded(): a file between two lines of yEnc or base64. */
static bool
take_wrapped(GString *text, char **name, int64_t *size)
{
	const char *begin, *end, *at, *line;
	bool yenc;

	for (begin = text->str;; begin = strchr(begin, '\n') + 1) {
		yenc = g_str_has_prefix(begin, "=ybegin ");
		end = strchr(begin, '\n');
		at = begin + strlen("begin-base64 ");
		if (yenc && end != NULL)
			at = g_strstr_len(begin, end - begin, " name=");
		else if (g_str_has_prefix(begin, "begin-base64 ") &&
		    strspn(at, "01234567") >= 3)
			at += strspn(at, "01234567");
		else
			at = NULL;
		if (at != NULL && end != NULL)
			break;
		if (end == NULL)
			return (false);
	}
	at += yenc ? strlen(" name=") : 0;
	*name = g_strndup(at, (gsize)(end - at));
	at = yenc ? g_strstr_len(begin, at - begin, " size=") : NULL;
	*size = at == NULL ? -1 : g_ascii_strtoll(at + 6, NULL, 10);
	for (line = end + 1; *line != '\0';) {
		at = line;
		line += strcspn(line, "\n");
		line += *line == '\n';
		if (g_str_has_prefix(at, yenc ? "=yend" : "===="))
			break;
	}
	if (!yenc)
		*size = base64_bytes(end, line);
	g_string_erase(text, begin - text->str, line - begin);
	return (true);
}

bool
plaintext_uuencoded(GString *text, char **name, int64_t *size)
{
	const char *begin, *at, *end;
	size_t len;
	int n = 0;

	for (begin = text->str;; begin = strchr(begin, '\n') + 1) {
		if (g_str_has_prefix(begin, "begin ") &&
		    strspn(begin + 6, "01234567") >= 3) {
			at = begin + 6 + strspn(begin + 6, "01234567");
			end = strchr(at, '\n');
			if (*at == ' ' && end != NULL &&
			    uuencoded_line(end + 1, strcspn(end + 1, "\n")) > 0)
				break;
		}
		if (strchr(begin, '\n') == NULL)
			return (take_wrapped(text, name, size));
	}
	*name = g_strndup(at + 1, (gsize)(end - at - 1));
	*size = 0;
	for (at = end + 1; *at != '\0' && n >= 0;
	     at += len + (at[len] != '\0')) {
		len = strcspn(at, "\n");
		if (len == 3 && strncmp(at, "end", 3) == 0)
			n = -1;
		else
			n = uuencoded_line(at, len);
		if (len == 0)
			n = 0;
		if (n > 0)
			*size += n;
	}
	if (*at == '\0' && n >= 0)
		*size = -1;
	g_string_erase(text, begin - text->str, at - begin);
	return (true);
}

/* The depth of quoting of a line. */
static size_t
quote_depth(const char *line, size_t len)
{
	size_t n;

	for (n = 0; n < len && line[n] == '>'; n++)
		continue;
	return (n);
}

void
plaintext_unflow(GString *text, bool delsp)
{
	GString *out;
	const char *line, *next;
	size_t i, len, depth, last;
	bool flowed, signature;

	out = g_string_sized_new(text->len);
	flowed = false;
	last = 0;
	for (line = text->str; *line != '\0'; line = next) {
		len = strcspn(line, "\n");
		next = line + len + (line[len] == '\n');
		depth = quote_depth(line, len);
		/* The sender may have stuffed a blank in front. */
		i = depth + (depth < len && line[depth] == ' ');
		signature = len - i == 3 && memcmp(line + i, "-- ", 3) == 0;
		if (!flowed || depth != last || i == len || signature) {
			if (line > text->str)
				g_string_append_c(out, '\n');
			g_string_append_len(out, line, (gssize)depth);
			if (depth > 0)
				g_string_append_c(out, ' ');
		}
		flowed = len > i && line[len - 1] == ' ' && !signature;
		g_string_append_len(out, line + i,
		    (gssize)(len - i - (flowed && delsp ? 1 : 0)));
		last = depth;
	}
	g_string_assign(text, out->str);
	g_string_free(out, TRUE);
}

/* The offset of the first character that does not fit into ${units}. */
static size_t
fitting(const char *s, size_t units)
{
	const char *at;
	size_t len;

	for (at = s; *at != '\0'; at += len) {
		len = (size_t)u8_strmblen((const uint8_t *)at);
		if ((len == 4 ? 2 : 1) > units)
			break;
		units -= len == 4 ? 2 : 1;
	}
	return ((size_t)(at - s));
}

/* The last ${c} up to and including ${end}, or 0. */
static size_t
last_before(const char *s, size_t end, char c)
{
	while (end > 0 && s[end] != c)
		end--;
	return (end);
}

/* ${end}, or the beginning of the grapheme that it is in: an accent, a flag, a
 * family. */
static size_t
whole_characters(const char *s, size_t end)
{
	const uint8_t *in = (const uint8_t *)s;
	char *breaks;
	size_t at, len;

	len = end + (size_t)u8_strmblen(in + end);
	breaks = g_malloc(len + 1);
	u8_grapheme_breaks(in, len, breaks);
	for (at = end; at > 0 && at < len && breaks[at] == 0; at--)
		continue;
	g_free(breaks);
	/* One that is longer than a message must be cut. */
	return (at > 0 ? at : end);
}

size_t
plaintext_cut(GString *text, size_t max, const char *note, bool always)
{
	const char *joint;
	size_t units, own, end, at;

	units = plaintext_units(text->str);
	if (units <= max && !always)
		return (text->len);
	own = plaintext_units(note) + 1;
	joint = "\n";
	if (units + own > max) {
		end = fitting(text->str, max > own ? max - own : 0);
		at = last_before(text->str, end, '\n');
		if (at < end / 2) {
			at = last_before(text->str, end, ' ');
			joint = " ";
		}
		if (at < end / 2) {
			at = whole_characters(text->str, end);
			joint = "";
		}
		g_string_truncate(text, at);
		strip_right(text);
	}
	at = text->len;
	if (text->len > 0)
		g_string_append(text, joint);
	g_string_append(text, note);
	return (at);
}
