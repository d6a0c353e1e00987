/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wording - which of two forms of a text says more
 */
#include <string.h>

#include "telegram/plaintext.h"
#include "telegram/richtext.h"
#include "telegram/wording.h"

/* Of so many words of the HTML, the plain text may lack one. */
#define LACKS_ONE_IN 7
/* Otherwise it suffices if it has this many times as many words of its own as
 * it lacks, and is not a stub. */
#define MORE_TIMES 2
/* A stub, which has no more words, says where to read the HTML, or lacks its
 * amounts. */
#define STUB_MAX 60
/* One that has so many times the words of the HTML is none. */
#define STUB_TIMES 3

static bool is_word(gunichar);
static const char *end_of_address(const char *);
static GHashTable *words_of(const struct richtext *);
static size_t common(GHashTable *, GHashTable *);
static bool lacks_number(GHashTable *, GHashTable *);
static bool points_to_html(GHashTable *);

static bool
is_word(gunichar c)
{
	return (g_unichar_isalnum(c) || g_unichar_ismark(c));
}

/* Behind the address at ${s}, whose parts are no words; ${s} if there is
 * none. */
static const char *
end_of_address(const char *s)
{
	if (g_ascii_strncasecmp(s, "http://", 7) != 0 &&
	    g_ascii_strncasecmp(s, "https://", 8) != 0)
		return (s);
	return (s + strcspn(s, " \n"));
}

/* The different words, without regard to case. A Chinese character is one. */
static GHashTable *
words_of(const struct richtext *rt)
{
	GHashTable *words;
	const char *s, *from, *end;
	gunichar c;

	words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (s = rt->text->str; *s != '\0';) {
		end = end_of_address(s);
		if (end > s) {
			s = end;
			continue;
		}
		from = s;
		for (; *s != '\0'; s = g_utf8_next_char(s)) {
			c = g_utf8_get_char(s);
			if (!is_word(c) || (g_unichar_iswide(c) && s > from))
				break;
			if (g_unichar_iswide(c)) {
				s = g_utf8_next_char(s);
				break;
			}
		}
		if (s > from)
			g_hash_table_add(
			    words, g_utf8_casefold(from, s - from));
		else
			s = g_utf8_next_char(s);
	}
	return (words);
}

/* The number of words that both have. */
static size_t
common(GHashTable *a, GHashTable *b)
{
	GHashTableIter iter;
	void *word;
	size_t n = 0;

	g_hash_table_iter_init(&iter, a);
	while (g_hash_table_iter_next(&iter, &word, NULL))
		n += g_hash_table_contains(b, word);
	return (n);
}

/* Is there a number, such as an amount, in ${words} but not in ${other}? */
static bool
lacks_number(GHashTable *words, GHashTable *other)
{
	GHashTableIter iter;
	void *word;

	g_hash_table_iter_init(&iter, words);
	while (g_hash_table_iter_next(&iter, &word, NULL)) {
		if (strpbrk(word, "0123456789") != NULL &&
		    !g_hash_table_contains(other, word))
			return (true);
	}
	return (false);
}

/* Are there words that tell how to read HTML? */
static bool
points_to_html(GHashTable *words)
{
	static const char *const hints[] = {"html", "browser", "webmail",
	    "viewer", "program", "client", "display", "displayed", "view",
	    "version", "browsers", "mailprogramm", "darstellen", "anzeigen",
	    "dargestellt", "angezeigt", "браузер", "браузере", "отображения",
	    "просмотра", "navigateur", "navegador"};
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (g_hash_table_contains(words, hints[i]))
			return (true);
	}
	return (false);
}

bool
wording_plain_suffices(
    const struct richtext *plain, const struct richtext *html, size_t room)
{
	GHashTable *p, *h;
	size_t nplain, nhtml, both;
	bool lacks, stub, amounts;

	p = words_of(plain);
	h = words_of(html);
	nplain = g_hash_table_size(p);
	nhtml = g_hash_table_size(h);
	both = common(h, p);
	lacks = nhtml - both > nhtml / LACKS_ONE_IN;
	amounts = !lacks_number(h, p) || lacks_number(p, h);
	stub = nplain < STUB_MAX &&
	    (lacks_number(h, p) ||
		(points_to_html(p) && nplain < nhtml * STUB_TIMES));
	g_hash_table_destroy(p);
	g_hash_table_destroy(h);
	if (nplain == 0 || nhtml == 0)
		return (nhtml == 0);
	if (plaintext_is_marked_up(plain->text->str) &&
	    !plaintext_is_marked_up(html->text->str))
		return (false);
	if (lacks)
		return (!stub && nplain - both > (nhtml - both) * MORE_TIMES);
	if (html->marks->len > 0 && strstr(plain->text->str, "://") == NULL &&
	    strcasestr(plain->text->str, "www.") == NULL)
		return (false);
	if (plaintext_units(html->text->str) >= room)
		return (true);
	/* Few words are what the mail is about. Where both have numbers of
	 * their own, they may write a date differently. */
	return (amounts && plaintext_units(plain->text->str) <= room);
}

bool
wording_says_more(const struct richtext *a, const struct richtext *b)
{
	GHashTable *words[2];
	bool more;

	words[0] = words_of(a);
	words[1] = words_of(b);
	more = g_hash_table_size(words[0]) > g_hash_table_size(words[1]);
	g_hash_table_destroy(words[0]);
	g_hash_table_destroy(words[1]);
	return (more);
}
