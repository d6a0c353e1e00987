/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_texts - can the texts that users read be used, and do they have all?
 */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/identity.h"
#include "lib/texts.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "settings/settings.h"
#include "store/store.h"
#include "terms/category.h"

/* The categories of a file, against those of the roster. */
struct category_check {
	struct check *check;
	GHashTable *known; /* by key */
};

static void take_fault(void *, const char *);
static void check_reader(struct check *, const char *);
static void check_complete(struct check *, const struct textfile *);
static int take_category(void *, const struct category *);
static void check_category(
    struct category_check *, const struct textfile *, GHashTable *);
static void check_file(void *, const char *, const struct textfile *);
static void check_words(void *, const char *, const struct textfile *);
static void ignore_fault(void *, const char *);
static void check_language(struct check *, const struct texts *);

static void
take_fault(void *ctx, const char *what)
{
	struct check *c = ctx;

	check_found(c, CHECK_ERROR, CHECK_DO, check_text(c, "%s", what),
	    "users read the built-in text there",
	    check_text(c,
		"correct it; %s/en.conf as installed has each section, key "
		"and place",
		c->settings->texts_folder));
}

/* notify-bot and notify-telegram read it as their user. */
static void
check_reader(struct check *c, const char *path)
{
	int rc = c->user == NULL ? 0 : check_access(c->user, path, R_OK);
	uid_t uid;
	gid_t gid;

	if (rc <= 0)
		return;
	/* Somebody else may have made it a link to what nobody may read. */
	if (identity_whose(path, &uid, &gid) != IDENTITY_ROOT) {
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c, "%s cannot read %s", c->user->pw_name, path),
		    "notify-bot and notify-telegram use the built-in texts",
		    "have the owner of its directory make it readable");
		return;
	}
	check_found(c, CHECK_WARNING, CHECK_RUN,
	    check_text(c, "%s cannot read %s", c->user->pw_name, path),
	    "notify-bot and notify-telegram use the built-in texts",
	    (size_t)rc == strlen(path)
		? check_text(c, "chmod a+r %s", check_quote(c, path))
		: check_search(c, path, rc));
}

static void
check_complete(struct check *c, const struct textfile *file)
{
	const char *names = NULL;
	size_t i, n = 0;

	for (i = 0; i < TEXT_COUNT; i++) {
		if (file->texts[i] == NULL && !file->faulty[i])
			check_name(c, &names, n++, "%s in [%s]",
			    text_table[i].key, text_table[i].section);
	}
	if (n == 0)
		return;
	check_found(c, CHECK_NOTE, CHECK_DO,
	    check_text(c, "%s lacks %zu of %d texts: %s", file->path, n,
		TEXT_COUNT, names),
	    check_text(c,
		"users of that language read them in that of [texts] language, "
		"%s, or in English",
		c->settings->texts_language),
	    check_text(c, "add them; %s/en.conf as installed has all",
		c->settings->texts_folder));
}

static int
take_category(void *ctx, const struct category *category)
{
	struct category_check *cc = ctx;
	char key[CATEGORY_KEY_SIZE];

	if (category_key(category->slug, key) == 1)
		g_hash_table_add(cc->known, g_strdup(key));
	return (0);
}

static void
check_category(
    struct category_check *cc, const struct textfile *file, GHashTable *words)
{
	struct check *c = cc->check;
	const char *names = NULL;
	GHashTableIter iter;
	gpointer slug;
	size_t n = 0;

	g_hash_table_iter_init(&iter, words);
	while (g_hash_table_iter_next(&iter, &slug, NULL)) {
		if (!g_hash_table_contains(cc->known, slug))
			check_name(c, &names, n++, "[category %s]",
			    (const char *)slug);
	}
	if (n == 0)
		return;
	check_found(c, CHECK_NOTE, CHECK_DO,
	    check_text(
		c, "%s has %s, which the roster has not", file->path, names),
	    "nobody reads these words",
	    "remove them, or correct the slug: see \"notifyctl category "
	    "list\"");
}

static void
check_file(void *ctx, const char *language, const struct textfile *file)
{
	struct check *c = ctx;

	check_reader(c, file->path);
	/* What an English file lacks is built in. */
	if (strcmp(language, "en") != 0)
		check_complete(c, file);
}

static void
check_words(void *ctx, const char *language, const struct textfile *file)
{
	(void)language;
	check_category(ctx, file, file->titles);
	check_category(ctx, file, file->descriptions);
}

/* check_texts() names the faults. */
static void
ignore_fault(void *ctx, const char *what)
{
	(void)ctx;
	(void)what;
}

static void
check_language(struct check *c, const struct texts *texts)
{
	const char *language = c->settings->texts_language;

	if (texts_speaks(texts, language))
		return;
	check_setting(c, CHECK_WARNING,
	    check_text(c, "[texts] language = %s, and there is no %s/%s.conf",
		language, c->settings->texts_folder, language),
	    "users without a language of their own read English", "texts",
	    "language = en");
}

void
check_texts_categories(struct check *c)
{
	struct category_check cc = {.check = c};
	struct texts *texts = texts_open(c->settings, ignore_fault, NULL);
	const char *part = c->part;

	c->part = "texts";
	cc.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (store_categories(c->store, take_category, &cc) != -1)
		texts_each(texts, check_words, &cc);
	g_hash_table_destroy(cc.known);
	texts_close(texts);
	c->part = part;
}

void
check_texts(struct check *c)
{
	struct texts *texts = texts_open(c->settings, take_fault, c);

	check_language(c, texts);
	texts_each(texts, check_file, c);
	texts_close(texts);
}
