/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * textfile - one language's file of texts
 *
 * Not read by inih, as the settings are: it ends a value at a ";" after a
 * blank, drops empty lines, and takes no line of more than 200 bytes, which are
 * 100 letters in Russian.
 *
 * A fault costs the one text that it is in.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/escape.h"
#include "base/failure.h"
#include "base/regular.h"
#include "lib/identity.h"
#include "lib/textfile.h"
#include "terms/category.h"

#define SECTIONS "[notice], [role], [bot], [chat] or [category SLUG]"
#define CATEGORY "category "
/* The one place that a text must have. */
#define LINK "{link}"
/* Of a name that a fault shows. */
#define SHOWN 100
/* Faults that are named; the others are counted. */
#define FAULTS_MAX 20

/* Where a value goes. */
enum target { TARGET_NONE, TARGET_TEXT, TARGET_TITLE, TARGET_DESCRIPTION };

struct reading {
	struct textfile *file;
	const char *user; /* who reads it, if many can change where it leads */
	textfile_fault_fn *fault;
	void *ctx;
	unsigned line;
	char section[SHOWN]; /* "": none; "?": an unknown one */
	char category[CATEGORY_KEY_SIZE];
	GString *value; /* of the text that is being read, or NULL */
	enum target target;
	enum text text;
	unsigned first;	 /* its first line */
	unsigned blanks; /* empty lines, which belong to it if it goes on */
	bool faulty;
	unsigned nfaults;
	unsigned seen[TEXT_COUNT]; /* the line of each text; 0 for none */
};

static void fault(struct reading *, unsigned, const char *, ...)
    PRINTF_LIKE(3, 4);
static bool is_blank(char);
static bool has_place(const char *, const char *, size_t);
static void check_places(struct reading *, const char *);
static void check_line(struct reading *, const char *);
static glong units_of(const char *);
static void check_whole(struct reading *, const char *);
static void finish_category(struct reading *, const char *);
static void finish(struct reading *);
static void take_section(struct reading *, char *);
static void expected_keys(const char *, GString *);
static void find_text(struct reading *, const char *);
static void find_category_text(struct reading *, const char *);
static void take_key(struct reading *, char *);
static void take_more(struct reading *, const char *);
static void take_line(struct reading *, char *, size_t);
static FILE *open_file(struct reading *, const char *);
static GString *read_all(struct reading *);
static void read_lines(struct reading *, GString *);

/* In ${line}; 0: in the whole file. The first ones are named: a file of
 * something else may have a fault in each line. */
static void
fault(struct reading *r, unsigned line, const char *fmt, ...)
{
	va_list ap;
	char *text, *whole, *shown;
	size_t size;

	r->faulty = true;
	if (++r->nfaults > FAULTS_MAX)
		return;
	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	whole = line == 0
	    ? g_strdup_printf("%s: %s", r->file->path, text)
	    : g_strdup_printf("%s:%u: %s", r->file->path, line, text);
	/* The file may have any bytes, and a terminal shows this. */
	size = strlen(whole) + 1;
	shown = g_malloc(size);
	escape_line(shown, size, whole);
	r->fault(r->ctx, shown);
	g_free(shown);
	g_free(whole);
	g_free(text);
}

static bool
is_blank(char c)
{
	return (c == ' ' || c == '\t');
}

/* Do ${places} have the name that is the ${len} bytes of ${name}? */
static bool
has_place(const char *places, const char *name, size_t len)
{
	size_t n;

	for (; *places != '\0'; places += n + (places[n] == ' ')) {
		n = strcspn(places, " ");
		if (n == len && strncmp(places, name, n) == 0)
			return (true);
	}
	return (false);
}

static void
check_places(struct reading *r, const char *line)
{
	const char *places =
	    r->target == TARGET_TEXT ? text_table[r->text].places : "";
	const char *end;
	size_t len;

	for (; (line = strpbrk(line, "{}")) != NULL; line = end + 1) {
		end = line + strcspn(line, "}");
		len = (size_t)(end - line);
		if (len > 0 && *end == '}' &&
		    has_place(places, line + 1, len - 1))
			continue;
		if (len == 0 || *end != '}')
			fault(r, r->line,
			    "a \"%c\" alone; expected a place like {%s}, and "
			    "braces nowhere else",
			    *line, *places == '\0' ? "account" : places);
		else
			fault(r, r->line,
			    "unknown place \"%.*s\"; expected %s%s",
			    (int)(len > SHOWN ? SHOWN : len + 1), line,
			    *places == '\0' ? "none in this text" : "one of: ",
			    places);
		return;
	}
}

/* One line of a text. */
static void
check_line(struct reading *r, const char *line)
{
	const char *s;

	if (!g_utf8_validate(line, -1, NULL)) {
		fault(r, r->line, "not UTF-8; expected a file in UTF-8");
		return;
	}
	for (s = line; *s != '\0'; s = g_utf8_next_char(s)) {
		if (g_unichar_iscntrl(g_utf8_get_char(s)) && *s != '\t') {
			fault(r, r->line, "a control character; expected text");
			return;
		}
	}
	check_places(r, line);
}

/* UTF-16 code units, as Telegram counts. */
static glong
units_of(const char *text)
{
	glong n = 0;

	for (; *text != '\0'; text = g_utf8_next_char(text))
		n += g_utf8_get_char(text) > 0xffff ? 2 : 1;
	return (n);
}

/* The text that is complete, without bytes that are no UTF-8. */
static void
check_whole(struct reading *r, const char *text)
{
	enum text_form form = text_table[r->text].form;

	if (form != FORM_LINES && strchr(text, '\n') != NULL)
		fault(r, r->first, "a text of several lines; expected one");
	else if (form == FORM_SHORT && units_of(text) > TEXTFILE_SHORT_MAX)
		fault(r, r->first,
		    "too long; expected at most %d characters, of which an "
		    "emoji is two",
		    TEXTFILE_SHORT_MAX);
	else if (g_utf8_strlen(text, -1) > TEXTFILE_TEXT_MAX)
		fault(r, r->first, "too long; expected at most %d characters",
		    TEXTFILE_TEXT_MAX);
	else if (r->text == TEXT_LINK_ACCOUNT && strstr(text, LINK) == NULL)
		fault(r, r->first,
		    "no " LINK "; expected it, or the mail has no link");
}

static void
finish_category(struct reading *r, const char *text)
{
	bool title = r->target == TARGET_TITLE;
	GHashTable *table = title ? r->file->titles : r->file->descriptions;
	int most = title ? TEXTFILE_TITLE_MAX : TEXTFILE_DESCRIPTION_MAX;

	if (g_utf8_strlen(text, -1) > most)
		fault(r, r->first, "too long; expected at most %d characters",
		    most);
	else if (strchr(text, '\n') != NULL)
		fault(r, r->first, "a text of several lines; expected one");
	else if (g_hash_table_contains(table, r->category))
		fault(r, r->first, "it is set twice; the first one holds");
	else
		g_hash_table_insert(
		    table, g_strdup(r->category), g_strdup(text));
}

/* The text that was being read is complete. */
static void
finish(struct reading *r)
{
	struct textfile *f = r->file;
	GString *v = r->value;

	if (v == NULL)
		return;
	r->value = NULL;
	r->blanks = 0;
	if (r->target != TARGET_NONE && v->len == 0)
		fault(r, r->first,
		    "no text; expected one, or not this line, for the text of "
		    "another language");
	if (r->target == TARGET_TEXT) {
		if (!r->faulty)
			check_whole(r, v->str);
		f->faulty[r->text] |= r->faulty;
		g_free(f->texts[r->text]);
		f->texts[r->text] =
		    f->faulty[r->text] ? NULL : g_strdup(v->str);
	} else if (r->target != TARGET_NONE && !r->faulty) {
		finish_category(r, v->str);
	}
	g_string_free(v, TRUE);
}

static void
take_section(struct reading *r, char *line)
{
	const char *name = line + 1, *slug = name + strlen(CATEGORY);
	char *end = strchr(line, ']');
	size_t i;

	strcpy(r->section, "?");
	if (end == NULL || end[1] != '\0') {
		fault(r, r->line, "unknown section; expected " SECTIONS);
		return;
	}
	*end = '\0';
	if (strncmp(name, CATEGORY, strlen(CATEGORY)) == 0) {
		if (category_key(slug, r->category) == 1)
			strcpy(r->section, CATEGORY);
		else
			fault(r, r->line,
			    "no slug in [%.*s]; expected [category SLUG]",
			    SHOWN, name);
		return;
	}
	for (i = 0; i < TEXT_COUNT; i++) {
		if (strcmp(text_table[i].section, name) == 0) {
			strcpy(r->section, text_table[i].section);
			return;
		}
	}
	fault(r, r->line, "unknown section [%.*s]; expected " SECTIONS, SHOWN,
	    name);
}

/* The keys of a section, for a fault. */
static void
expected_keys(const char *section, GString *out)
{
	size_t i;

	for (i = 0; i < TEXT_COUNT; i++) {
		if (strcmp(text_table[i].section, section) == 0)
			g_string_append_printf(out, "%s%s",
			    out->len > 0 ? ", " : "", text_table[i].key);
	}
}

/* The text whose key is ${key}. */
static void
find_text(struct reading *r, const char *key)
{
	GString *keys;
	size_t i;

	for (i = 0; i < TEXT_COUNT; i++) {
		if (strcmp(text_table[i].section, r->section) != 0 ||
		    strcmp(text_table[i].key, key) != 0)
			continue;
		r->target = TARGET_TEXT;
		r->text = (enum text)i;
		if (r->seen[i] != 0)
			fault(r, r->line,
			    "\"%s\" is set twice, first in line %u", key,
			    r->seen[i]);
		r->seen[i] = r->line;
		return;
	}
	keys = g_string_new(NULL);
	expected_keys(r->section, keys);
	fault(r, r->line, "unknown key \"%.*s\" in [%s]; expected %s", SHOWN,
	    key, r->section, keys->str);
	g_string_free(keys, TRUE);
}

static void
find_category_text(struct reading *r, const char *key)
{
	if (strcmp(key, "title") == 0)
		r->target = TARGET_TITLE;
	else if (strcmp(key, "description") == 0)
		r->target = TARGET_DESCRIPTION;
	else
		fault(r, r->line,
		    "unknown key \"%.*s\" of a category; expected title or "
		    "description",
		    SHOWN, key);
}

/* "key = text" */
static void
take_key(struct reading *r, char *line)
{
	char *sign = strchr(line, '=');
	const char *text;

	r->faulty = false;
	r->target = TARGET_NONE;
	r->first = r->line;
	if (sign == NULL) {
		fault(r, r->line,
		    "not a text; expected \"key = text\", an indented line "
		    "that continues one, \"[section]\", or a comment after #");
		return;
	}
	text = sign + 1;
	text += strspn(text, " \t");
	*sign = '\0';
	g_strchomp(line);
	/* Its lines are passed over, whether the key is known or not. */
	r->value = g_string_new(text);
	if (*r->section == '\0')
		fault(r, r->line,
		    "\"%.*s\" is in no section; expected " SECTIONS " above it",
		    SHOWN, line);
	else if (strcmp(r->section, CATEGORY) == 0)
		find_category_text(r, line);
	else if (strcmp(r->section, "?") != 0)
		find_text(r, line);
	if (r->target != TARGET_NONE)
		check_line(r, text);
}

/* A line that continues a text. */
static void
take_more(struct reading *r, const char *line)
{
	if (r->value == NULL) {
		fault(r, r->line,
		    "an indented line without a text above it; expected "
		    "\"key = text\" without blanks before it");
		return;
	}
	if (r->target == TARGET_NONE)
		return;
	/* The text may begin in the line after its key. */
	for (; r->value->len > 0 && r->blanks > 0; r->blanks--)
		g_string_append_c(r->value, '\n');
	if (r->value->len > 0)
		g_string_append_c(r->value, '\n');
	r->blanks = 0;
	g_string_append(r->value, line);
	check_line(r, line);
}

static void
take_line(struct reading *r, char *line, size_t len)
{
	bool nul = strlen(line) != len;
	char *text = line + strspn(line, " \t");

	r->line++;
	g_strchomp(line);
	if (nul) {
		fault(r, r->line, "a NUL byte; expected text");
	} else if (*text == '\0') {
		r->blanks++;
	} else if (*line == '#' || *line == ';') {
		return;
	} else if (is_blank(*line)) {
		take_more(r, text);
	} else {
		finish(r);
		if (*line == '[')
			take_section(r, line);
		else
			take_key(r, line);
	}
}

/* NULL: a fault. A directory that is not root's may lead root to any file; the
 * caller may be somebody else already. */
static FILE *
open_file(struct reading *r, const char *expected)
{
	struct failure failure = FAILURE_INIT;
	bool taken = identity_taken();
	FILE *stream;
	int error;

	if (identity_take(r->file->path, r->user, &failure) != 0) {
		fault(r, 0, "%s", failure_text(&failure));
		failure_clear(&failure);
		return (NULL);
	}
	stream = regular_stream(r->file->path);
	error = errno;
	if (!taken)
		identity_drop();
	if (stream == NULL && error == EMEDIUMTYPE)
		fault(r, 0, "not a regular file; %s", expected);
	else if (stream == NULL)
		fault(r, 0, "%s; %s", g_strerror(error), expected);
	return (stream);
}

/* The file, or NULL. */
static GString *
read_all(struct reading *r)
{
	static const char expected[] = "expected a readable file of texts";
	FILE *stream = open_file(r, expected);
	GString *all;
	char buf[8192];
	size_t n;
	int error;

	if (stream == NULL)
		return (NULL);
	all = g_string_new(NULL);
	while (all->len <= TEXTFILE_SIZE_MAX &&
	    (n = fread(buf, 1, sizeof(buf), stream)) > 0)
		g_string_append_len(all, buf, (gssize)n);
	error = ferror(stream) ? errno : 0;
	fclose(stream);
	if (error == 0 && all->len <= TEXTFILE_SIZE_MAX)
		return (all);
	if (error != 0)
		fault(r, 0, "%s; %s", g_strerror(error), expected);
	else
		fault(r, 0, "too large; expected at most %d bytes",
		    TEXTFILE_SIZE_MAX);
	g_string_free(all, TRUE);
	return (NULL);
}

static void
read_lines(struct reading *r, GString *all)
{
	char *line = all->str, *end = all->str + all->len, *next;

	/* Skip the byte order mark that some programs write. */
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	for (; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (next == NULL)
			next = end;
		*next = '\0';
		take_line(r, line, (size_t)(next - line));
	}
	finish(r);
}

struct textfile *
textfile_read(
    const char *path, const char *user, textfile_fault_fn *fn, void *ctx)
{
	struct reading r = {.user = user, .fault = fn, .ctx = ctx};
	unsigned others;
	GString *all;

	r.file = g_new0(struct textfile, 1);
	r.file->path = g_strdup(path);
	r.file->titles =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	r.file->descriptions =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	all = read_all(&r);
	if (all != NULL) {
		read_lines(&r, all);
		g_string_free(all, TRUE);
	}
	if (r.nfaults > FAULTS_MAX) {
		others = r.nfaults - FAULTS_MAX;
		r.nfaults = 0;
		fault(&r, 0, "%u more faults; expected a file like en.conf",
		    others);
	}
	return (r.file);
}

void
textfile_free(struct textfile *f)
{
	size_t i;

	if (f == NULL)
		return;
	for (i = 0; i < TEXT_COUNT; i++)
		g_free(f->texts[i]);
	g_hash_table_destroy(f->titles);
	g_hash_table_destroy(f->descriptions);
	g_free(f->path);
	g_free(f);
}
