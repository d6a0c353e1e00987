/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * texts - what customers read, in their language
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include <glib.h>

#include "base/escape.h"
#include "lib/texts.h"
#include "settings/settings.h"
#include "terms/category.h"
#include "terms/language.h"

_Static_assert(TEXTS_LINE_MAX >= CATEGORY_DESCRIPTION_SIZE &&
	TEXTS_LINE_MAX >= TEXTFILE_DESCRIPTION_MAX,
    "a description is shown whole");

#define SUFFIX ".conf"
#define ENGLISH "en"
/* ONE DOT LEADER: looks like a dot, and ends an address on the web. */
#define DOT "\xe2\x80\xa4"

struct texts {
	char language[LANGUAGE_SIZE]; /* [texts] language */
	GHashTable *files;	      /* struct textfile by language */
};

static void free_file(gpointer);
static bool read_name(const char *, char *);
static void add_file(struct texts *, const struct settings *, const char *,
    textfile_fault_fn *, void *);
static gint compare(gconstpointer, gconstpointer);
static GPtrArray *list_names(const char *);
static const struct textfile *find_file(
    const struct texts *, const char *, bool *);
static const char *find_text(const struct texts *, const char *, enum text);
static const char *find_words(
    const struct texts *, const char *, const char *, bool);
static bool is_harmful(gunichar);
static void append_unlinked(GString *, const char *, const char *);
static void append_value(GString *, const char *, bool, int);
static bool is_name(const char *);
static const struct text_place *find_place(
    const struct text_place *, const char *, size_t);

static void
free_file(gpointer file)
{
	textfile_free(file);
}

/* The language in the name of a file; false if it is no file of texts. */
static bool
read_name(const char *name, char *language)
{
	char *stem;
	bool good;

	if (*name == '.' || !g_str_has_suffix(name, SUFFIX))
		return (false);
	stem = g_strndup(name, strlen(name) - strlen(SUFFIX));
	good = language_read(stem, language) == 1;
	if (!good)
		*language = '\0';
	g_free(stem);
	return (true);
}

static void
add_file(struct texts *t, const struct settings *settings, const char *name,
    textfile_fault_fn *fault, void *ctx)
{
	char language[LANGUAGE_SIZE];
	char *path, *shown, *line;

	if (!read_name(name, language))
		return;
	path = g_build_filename(settings->texts_folder, name, NULL);
	if (*language == '\0' || g_hash_table_contains(t->files, language)) {
		shown = g_strdup_printf("%s: %s", path,
		    *language == '\0'
			? "the name of no language; expected a file like "
			  "de.conf or pt-br.conf"
			: "a second file of one language; expected one");
		/* A terminal shows it. */
		line = g_malloc(strlen(shown) + 1);
		escape_line(line, strlen(shown) + 1, shown);
		fault(ctx, line);
		g_free(line);
		g_free(shown);
	} else {
		g_hash_table_insert(t->files, g_strdup(language),
		    textfile_read(path, settings->user, fault, ctx));
	}
	g_free(path);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
	return (strcmp(*(const char *const *)a, *(const char *const *)b));
}

/* The names in a directory, in an order that stays the same; NULL with errno.
 */
static GPtrArray *
list_names(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	GPtrArray *names;

	if (dir == NULL)
		return (NULL);
	names = g_ptr_array_new_with_free_func(g_free);
	while ((entry = readdir(dir)) != NULL)
		g_ptr_array_add(names, g_strdup(entry->d_name));
	closedir(dir);
	g_ptr_array_sort(names, compare);
	return (names);
}

struct texts *
texts_open(const struct settings *settings, textfile_fault_fn *fault, void *ctx)
{
	const char *folder = settings->texts_folder;
	struct texts *t = g_new0(struct texts, 1);
	GPtrArray *names;
	char *line;
	guint i;

	t->files =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_file);
	g_strlcpy(t->language, settings->texts_language, sizeof(t->language));
	if (*folder == '\0')
		return (t);
	names = list_names(folder);
	if (names == NULL && errno != ENOENT) {
		line = g_strdup_printf(
		    "%s: %s; expected a directory with files of texts", folder,
		    g_strerror(errno));
		fault(ctx, line);
		g_free(line);
	}
	for (i = 0; names != NULL && i < names->len; i++)
		add_file(t, settings, names->pdata[i], fault, ctx);
	if (names != NULL)
		g_ptr_array_free(names, TRUE);
	return (t);
}

void
texts_close(struct texts *t)
{
	if (t == NULL)
		return;
	g_hash_table_destroy(t->files);
	g_free(t);
}

/* The file of ${language}, or of the more general one; NULL if there is none.
 * ${*english}: it is English, whether there is a file or not. */
static const struct textfile *
find_file(const struct texts *t, const char *language, bool *english)
{
	const struct textfile *file;
	char name[LANGUAGE_SIZE];
	char *end;

	*english = false;
	if (language == NULL || language_read(language, name) != 1)
		return (NULL);
	*english = strcmp(name, ENGLISH) == 0 ||
	    strncmp(name, ENGLISH "-", strlen(ENGLISH "-")) == 0;
	while (t != NULL && *name != '\0') {
		file = g_hash_table_lookup(t->files, name);
		if (file != NULL)
			return (file);
		end = strrchr(name, '-');
		*(end == NULL ? name : end) = '\0';
	}
	return (NULL);
}

bool
texts_speaks(const struct texts *t, const char *language)
{
	bool english;

	return (find_file(t, language, &english) != NULL || english);
}

static const char *
find_text(const struct texts *t, const char *language, enum text text)
{
	const struct textfile *file;
	bool english;
	int i;

	for (i = 0; t != NULL && i < 2; i++) {
		file = find_file(t, i == 0 ? language : t->language, &english);
		if (file != NULL && file->texts[text] != NULL)
			return (file->texts[text]);
		if (english || (file != NULL && file->faulty[text]))
			break;
	}
	return (text_table[text].text);
}

/* What the files say of a category; NULL for nothing. */
static const char *
find_words(
    const struct texts *t, const char *language, const char *slug, bool title)
{
	const struct textfile *file;
	const char *words;
	char key[CATEGORY_KEY_SIZE];
	bool english;
	int i;

	if (category_key(slug, key) != 1)
		return (NULL);
	for (i = 0; t != NULL && i < 2; i++) {
		file = find_file(t, i == 0 ? language : t->language, &english);
		words = file == NULL
		    ? NULL
		    : g_hash_table_lookup(
			  title ? file->titles : file->descriptions, key);
		if (words != NULL || english)
			return (words);
	}
	return (NULL);
}

const char *
texts_title(const struct texts *t, const char *language, const char *slug,
    const char *title)
{
	const char *words = find_words(t, language, slug, true);

	return (words == NULL ? title : words);
}

const char *
texts_description(const struct texts *t, const char *language, const char *slug,
    const char *description)
{
	const char *words = find_words(t, language, slug, false);

	return (words == NULL ? description : words);
}

/* Characters that change the direction of what follows, or end a line. */
static bool
is_harmful(gunichar c)
{
	return (g_unichar_iscntrl(c) || c == 0x061c || c == 0x200e ||
	    c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069));
}

/* Append ${s}, a character of ${value}, in a form that makes no link of what is
 * around it: a dot before a domain, "://", and an @, a # or a / that begins a
 * name, a tag or a command. */
static void
append_unlinked(GString *out, const char *value, const char *s)
{
	const char *next = g_utf8_next_char(s);
	gunichar c = g_utf8_get_char(next);
	bool inside = s > value &&
	    !g_unichar_isspace(g_utf8_get_char(g_utf8_prev_char(s)));

	if (*s == '.' && inside && g_unichar_isalpha(c) &&
	    g_unichar_isalnum(g_utf8_get_char(g_utf8_next_char(next)))) {
		g_string_append(out, DOT);
		return;
	}
	g_string_append_len(out, s, next - s);
	if ((*s == ':' && c == '/') ||
	    (g_unichar_isalnum(c) &&
		(*s == '@' || (!inside && (*s == '/' || *s == '#')))))
		g_string_append_c(out, ' ');
}

static void
append_value(GString *out, const char *value, bool name, int most)
{
	char *valid = g_utf8_make_valid(value, -1);
	const char *s;
	gunichar c;
	int n = 0;

	for (s = valid; *s != '\0'; s = g_utf8_next_char(s)) {
		c = g_utf8_get_char(s);
		if (n++ == most) {
			g_string_append(out, "\xe2\x80\xa6");
			break;
		}
		if (is_harmful(c))
			g_string_append_c(out, ' ');
		else if (name)
			g_string_append_unichar(out, c);
		else
			append_unlinked(out, valid, s);
	}
	g_free(valid);
}

char *
texts_line(const char *value, bool name)
{
	GString *out = g_string_new(NULL);

	append_value(out, value, name, TEXTS_LINE_MAX);
	return (g_string_free(out, FALSE));
}

/* Is it a place for a name that the roster has checked, or for a link? */
static bool
is_name(const char *place)
{
	static const char *const names[] = {
	    "account", "address", "actor", "other", "link", "date", NULL};

	return (g_strv_contains(names, place));
}

/* The place whose name is the ${len} bytes of ${name}, or NULL. */
static const struct text_place *
find_place(const struct text_place *places, const char *name, size_t len)
{
	for (; places->name != NULL; places++) {
		if (strncmp(places->name, name, len) == 0 &&
		    places->name[len] == '\0')
			return (places);
	}
	return (NULL);
}

char *
texts_fill(const struct texts *t, const char *language, enum text text,
    const struct text_place *places)
{
	GString *out = g_string_new(NULL);
	const struct text_place *place;
	const char *s = find_text(t, language, text), *end;

	while (*s != '\0') {
		end = *s == '{' ? strchr(s, '}') : NULL;
		place = end == NULL
		    ? NULL
		    : find_place(places, s + 1, (size_t)(end - s - 1));
		if (place == NULL) {
			g_string_append_c(out, *s++);
			continue;
		}
		append_value(
		    out, place->value, is_name(place->name), TEXTS_VALUE_MAX);
		s = end + 1;
	}
	return (g_string_free(out, FALSE));
}

void
texts_each(const struct texts *t, texts_fn *fn, void *ctx)
{
	GHashTableIter iter;
	gpointer language, file;

	g_hash_table_iter_init(&iter, t->files);
	while (g_hash_table_iter_next(&iter, &language, &file))
		fn(ctx, language, file);
}
