/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headword - encoded words in the headers of a mail, for a reader
 */
#include <stdbool.h>
#include <string.h>

#include "telegram/base64.h"
#include "telegram/charset.h"
#include "telegram/headword.h"

#define BLANKS " \t\r\n"
/* One that is longer is cut. */
#define WORD_MAX 2000

struct word {
	char charset[CHARSET_LABEL_MAX + 1];
	char encoding; /* 'B' or 'Q' */
	const char *data;
	size_t len;
	const char *next; /* behind it */
};

static const char *limit_of(const char *);
static bool is_adjacent(const char *, const char *);
static bool read_word(const char *, struct word *);
static void from_q(const struct word *, GString *);
static void from_base64(const struct word *, GString *);
static GString *take_words(const char **, const struct word *);
static size_t label_at(const char *);

/* Where a word at ${s} must end: with its header, which may be folded. */
static const char *
limit_of(const char *s)
{
	const char *start = s;

	while (*s != '\0' && s - start < WORD_MAX &&
	    (*s != '\n' || s[1] == ' ' || s[1] == '\t'))
		s++;
	return (s);
}

/* Is ${at} in the same header as ${s}, with only blanks between them? */
static bool
is_adjacent(const char *s, const char *at)
{
	for (; s < at; s++) {
		if (*s == '\n' && s[1] != ' ' && s[1] != '\t')
			return (false);
	}
	return (true);
}

/* Read the encoded word at ${s}; false if there is none. */
static bool
read_word(const char *s, struct word *w)
{
	const char *limit, *end, *other;
	size_t len;

	if (strncmp(s, "=?", 2) != 0)
		return (false);
	s += strlen("=?");
	len = strcspn(s, "?*\"" BLANKS);
	if (len == 0 || len > CHARSET_LABEL_MAX)
		return (false);
	memcpy(w->charset, s, len);
	w->charset[len] = '\0';
	/* RFC 2231, 5: a language may follow the charset. */
	s += len;
	if (*s == '*')
		s += strcspn(s, "?" BLANKS);
	if (*s != '?' || s[1] == '\0' || s[2] != '?')
		return (false);
	w->encoding = g_ascii_toupper(s[1]);
	if (w->encoding != 'B' && w->encoding != 'Q')
		return (false);
	w->data = s + 3;
	limit = limit_of(s);
	end = g_strstr_len(w->data, limit - w->data, "?=");
	/* One that was cut ends where the next begins, or with its value. */
	other = g_strstr_len(w->data, limit - w->data, "=?");
	if (end != NULL && other != NULL && other + 1 == end)
		other = g_strstr_len(end, limit - end, "=?");
	if (end == NULL || (other != NULL && other < end)) {
		w->len = strcspn(w->data, "\"" BLANKS);
		if (other != NULL && other < w->data + w->len)
			w->len = (size_t)(other - w->data);
		w->next = w->data + w->len;
		return (true);
	}
	w->len = (size_t)(end - w->data);
	w->next = end + strlen("?=");
	return (true);
}

static void
from_q(const struct word *w, GString *out)
{
	const char *s, *end;

	end = w->data + w->len;
	for (s = w->data; s < end; s++) {
		if (*s == '=' && end - s > 2 && g_ascii_isxdigit(s[1]) &&
		    g_ascii_isxdigit(s[2])) {
			g_string_append_c(out,
			    (char)(g_ascii_xdigit_value(s[1]) << 4 |
				g_ascii_xdigit_value(s[2])));
			s += 2;
		} else {
			g_string_append_c(out, *s == '_' ? ' ' : *s);
		}
	}
}

static void
from_base64(const struct word *w, GString *out)
{
	struct base64 state = {0};
	size_t before, n;

	before = out->len;
	g_string_set_size(out, before + w->len + 2);
	n = base64_step(&state, w->data, w->len, out->str + before);
	n += base64_end(&state, out->str + before + n);
	g_string_truncate(out, before + n);
}

/*
 * The text of the word ${first} and of those after it, and move ${*s} past
 * them. Words in one charset are converted together, since many programs split
 * a character between two.
 */
static GString *
take_words(const char **s, const struct word *first)
{
	GString *octets, *text, *one;
	struct word w, next = *first;
	const char *at;
	bool more = true, lossy = false;

	octets = g_string_new(NULL);
	text = g_string_new(NULL);
	while (more) {
		w = next;
		if (w.encoding == 'Q')
			from_q(&w, octets);
		else
			from_base64(&w, octets);
		/* Blanks between two words are not part of the text. */
		*s = w.next;
		at = *s + strspn(*s, BLANKS);
		more = is_adjacent(*s, at) && read_word(at, &next);
		if (more && g_ascii_strcasecmp(w.charset, next.charset) == 0)
			continue;
		one = charset_convert_any(
		    octets->str, octets->len, w.charset, false, &lossy);
		g_string_append_len(text, one->str, (gssize)one->len);
		g_string_free(one, TRUE);
		g_string_truncate(octets, 0);
	}
	g_string_free(octets, TRUE);
	return (text);
}

char *
headword_decode(GMimeParserOptions *options, const char *value)
{
	GString *out, *words;
	struct word word;
	char *plain;
	size_t len;

	out = g_string_new(NULL);
	while (*value != '\0') {
		if (read_word(value, &word)) {
			words = take_words(&value, &word);
			/* A NUL would end the text. */
			for (len = 0; len < words->len; len++) {
				if (words->str[len] != '\0')
					g_string_append_c(out, words->str[len]);
			}
			g_string_free(words, TRUE);
			continue;
		}
		len = 1 + strcspn(value + 1, "=");
		plain = g_mime_utils_decode_8bit(options, value, len);
		g_string_append(out, plain);
		g_free(plain);
		value += len;
	}
	return (g_string_free(out, FALSE));
}

/* The length of the charset in an extended parameter (RFC 2231) whose "=" is in
 * front of ${s}, or 0. */
static size_t
label_at(const char *s)
{
	size_t len;

	for (len = 0; g_ascii_isalnum(s[len]) || s[len] == '-' ||
	     s[len] == '_' || s[len] == '.' || s[len] == ':';)
		len++;
	return (s[len] == '\'' && len <= CHARSET_LABEL_MAX ? len : 0);
}

void
headword_rewrite(GString *head)
{
	char label[CHARSET_LABEL_MAX + 1], buf[CHARSET_LABEL_MAX + 1];
	GString *out, *words;
	struct word word;
	const char *s;
	char *encoded;
	size_t len;

	if (strstr(head->str, "=?") == NULL && strstr(head->str, "*=") == NULL)
		return;
	out = g_string_sized_new(head->len);
	for (s = head->str; *s != '\0';) {
		if (read_word(s, &word)) {
			words = take_words(&s, &word);
			encoded = g_base64_encode(
			    (const guchar *)words->str, words->len);
			g_string_append_printf(out, "=?utf-8?B?%s?=", encoded);
			g_free(encoded);
			g_string_free(words, TRUE);
			continue;
		}
		g_string_append_c(out, *s++);
		len = g_str_has_suffix(out->str, "*=") ? label_at(s) : 0;
		if (len > 0) {
			g_strlcpy(label, s, len + 1);
			g_string_append(out, charset_name(label, buf));
			s += len;
		}
	}
	g_string_assign(head, out->str);
	g_string_free(out, TRUE);
}
