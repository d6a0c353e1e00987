/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_chattext - a mail becomes a message that Telegram accepts
 *
 * The input is the footer, in the first line, and the mail. "40*footer" repeats
 * the last line of the mail 40 times, so that a small input is a long mail.
 */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <glib.h>
#include <unistr.h>

#include "base/arena.h"
#include "base/failure.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "fuzz/fuzz.h"
#include "telegram/chattext.h"
#include "telegram/mailhead.h"
#include "telegram/plaintext.h"

#define MAIL_MAX ((size_t)64 << 10)

static struct arena *arena;

static size_t utf16(const char *, size_t);
static const char *behind(const char *, size_t);
static void check_text(const char *, size_t, bool, const char *);
static void check_entities(const struct chattext *);
static void check_head(int);
static int mail_file(const uint8_t *, size_t, size_t);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	chattext_start();
	arena = arena_new((size_t)16 << 20);
	return (0);
}

/* Code units, as libunistring counts them. */
static size_t
utf16(const char *s, size_t len)
{
	uint16_t *units;
	size_t n;

	MUST(u8_check((const uint8_t *)s, len) == NULL, "not UTF-8");
	units = u8_to_u16((const uint8_t *)s, len, NULL, &n);
	MUST(units != NULL || n == 0, "out of memory");
	free(units);
	return (n);
}

/* What follows the first ${units} of ${s}; NULL if they end inside a
 * character. */
static const char *
behind(const char *s, size_t units)
{
	size_t len, n;

	for (; units > 0 && *s != '\0'; s += len) {
		len = (size_t)u8_strmblen((const uint8_t *)s);
		n = len == 4 ? 2 : 1;
		if (n > units)
			return (NULL);
		units -= n;
	}
	return (units > 0 ? NULL : s);
}

static void
check_text(const char *text, size_t units, bool subject, const char *footer)
{
	const char *c;
	char *line;
	size_t len;

	len = strlen(text);
	MUST(units == utf16(text, len), "%zu units", units);
	MUST(units <= CHATTEXT_UNITS_MAX, "%zu units", units);
	for (c = text; *c != '\0'; c++)
		MUST(
		    *c == '\n' || (unsigned char)*c >= ' ', "control 0x%x", *c);
	MUST(len > 0, "empty");
	/* Telegram drops leading blanks, which would shift the entities. */
	MUST(
	    *text != '\n' && (*text != ' ' || !subject), "begins with a blank");
	MUST(text[len - 1] != ' ' && text[len - 1] != '\n', "ends with one");
	MUST(strstr(text, "\n\n\n\n") == NULL, "empty lines");
	/* The footer is the last line, and cut only if it is far too long. */
	line = plaintext_line(footer, 1024);
	MUST(g_str_has_suffix(text, line), "footer '%s' of '%s'", line, text);
	g_free(line);
}

/* Entities are inside the text, in order, begin and end between two characters
 * and with one that is seen. The subject is one line. */
static void
check_entities(const struct chattext *ct)
{
	const struct chattext_entity *e;
	const char *from, *to;
	size_t i;

	MUST(ct->nentities <= CHATTEXT_ENTITIES_MAX, "%zu", ct->nentities);
	for (i = 0; i < ct->nentities; i++) {
		e = &ct->entities[i];
		MUST(e->units > 0 && e->from + e->units <= ct->units,
		    "%zu+%zu of %zu", e->from, e->units, ct->units);
		MUST(i == 0 || e->from >= e[-1].from, "out of order");
		from = behind(ct->text, e->from);
		to = behind(ct->text, e->from + e->units);
		MUST(from != NULL && to != NULL, "inside of a character");
		MUST(strchr(" \n", *from) == NULL &&
			strchr(" \n", to[-1]) == NULL,
		    "blanks around '%.*s'", (int)(to - from), from);
		MUST((e->kind == CHATTEXT_LINK) == (e->url != NULL), "url");
		MUST(e->url == NULL || strncasecmp(e->url, "http", 4) == 0,
		    "%s", e->url);
		if (e->kind != CHATTEXT_BOLD)
			continue;
		MUST(i == 0 && e->from == 0, "not the subject");
		MUST(memchr(from, '\n', (size_t)(to - from)) == NULL,
		    "two lines");
		MUST(*to == '\0' || strncmp(to, "\n\n", 2) == 0, "'%s'", to);
	}
}

/* The delivery agent reads the headers first, and rewinds. */
static void
check_head(int fd)
{
	struct failure failure = FAILURE_INIT;
	struct mailhead head = {0};
	const char *name;
	struct tag tag;
	size_t i;

	MUST(mailhead_read(fd, arena, &head, &failure) == 0, "%s",
	    failure_text(&failure));
	MUST(lseek(fd, 0, SEEK_CUR) == 0, "not rewound");
	for (i = 0; i < head.message.nheaders; i++) {
		name = head.message.headers[i].name;
		MUST(strncasecmp(name, HEADER_PREFIX, strlen(HEADER_PREFIX)) ==
			0,
		    "%s", name);
		MUST(strchr(" \t", name[strlen(name) - 1]) == NULL, "'%s'",
		    name);
	}
	MUST(tag_read(arena, &head.message, &tag) == 0, "tag");
}

/* The mail as a file, with its last line ${times} times. */
static int
mail_file(const uint8_t *mail, size_t size, size_t times)
{
	GByteArray *whole;
	size_t last;
	int fd;

	whole = g_byte_array_new();
	g_byte_array_append(whole, mail, (guint)size);
	for (last = size; last > 0; last--) {
		if (last < size && mail[last - 1] == '\n')
			break;
	}
	for (; times > 1 && last < size && whole->len < MAIL_MAX; times--)
		g_byte_array_append(whole, mail + last, (guint)(size - last));
	fd = fuzz_file(whole->data, whole->len);
	g_byte_array_free(whole, TRUE);
	return (fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure failure = FAILURE_INIT;
	struct chattext_words words = {.texts = NULL};
	struct chattext ct, again;
	const uint8_t *mail;
	char *first, *footer;
	unsigned long times;
	bool bold;
	int fd;

	arena_reset(arena);
	mail = memchr(data, '\n', size);
	if (mail == NULL)
		return (0);
	first = fuzz_string(data, (size_t)(mail - data));
	mail++;
	times = strtoul(first, &footer, 10);
	if (*footer == '*')
		footer++;
	else
		times = 1;
	/* The agent's footer is UTF-8. */
	if (u8_check((uint8_t *)footer, strlen(footer)) != NULL)
		*footer = '\0';
	words.footer = footer;
	fd = mail_file(mail, size - (size_t)(mail - data), times);
	check_head(fd);
	MUST(chattext_read(fd, &words, &ct, &failure) == 0, "%s",
	    failure_text(&failure));
	bold = ct.nentities > 0 && ct.entities[0].kind == CHATTEXT_BOLD;
	check_text(ct.text, ct.units, bold, footer);
	check_text(ct.bare, plaintext_units(ct.bare), bold, footer);
	check_entities(&ct);
	/* A second try gives the same text. */
	MUST(chattext_read(fd, &words, &again, &failure) == 0, "%s",
	    failure_text(&failure));
	MUST(strcmp(ct.text, again.text) == 0, "'%s', '%s'", ct.text,
	    again.text);
	MUST(ct.nentities == again.nentities, "%zu, %zu", ct.nentities,
	    again.nentities);
	close(fd);
	chattext_clear(&ct);
	chattext_clear(&again);
	free(first);
	return (0);
}
