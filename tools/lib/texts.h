/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * texts - what customers read, in their language
 *
 * The files of [texts] folder, and the built-in texts. A text comes from the
 * file of the language wanted, else from that of [texts] language, else from
 * the built-in ones, which are English. English is built in: where its file
 * lacks a text, that is the built-in one. So is a text that its file has with a
 * fault. policy/README.md, Words.
 *
 * A language is a tag of BCP 47, in any letter case; of one that has no file,
 * like de-at, the more general one is taken, de.
 *
 * NULL for struct texts: the built-in ones. Threads: a struct texts does not
 * change; any.
 */
#ifndef TEXTS_H
#define TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "lib/textfile.h"
#include "lib/texttable.h"

struct settings;
struct texts;

/* What is put into a place; of a list the last one has a NULL name. A value is
 * shown in one line, without control and bidirectional characters, and cut
 * after TEXTS_VALUE_MAX characters. No program makes a link of it: an address
 * on the web gets another dot or a space, unless the place is that of a name
 * that the roster has checked: account, address, actor, other, or link. */
struct text_place {
	const char *name;
	const char *value;
};
#define TEXTS_VALUE_MAX 200

/* texts_open(settings, fault, ctx): the files of [texts] folder that can be
 * read, for the caller to texts_close(); ${fault} gets each fault. A folder
 * that does not exist is an empty one. */
struct texts *texts_open(
    const struct settings *, textfile_fault_fn *, void *) WARN_UNUSED;

/* texts_close(t): NULL is fine. */
void texts_close(struct texts *);

/* texts_speaks(t, language): is there a file for it, or is it English? */
bool texts_speaks(const struct texts *, const char *language);

/* texts_fill(t, language, text, places): with the places filled in; to be freed
 * with g_free(). */
char *texts_fill(const struct texts *, const char *language, enum text,
    const struct text_place *) WARN_UNUSED;

/* texts_title(t, language, slug, title), texts_description(): the words of a
 * category for customers; those of the roster, as given, if no file has any.
 * Borrowed from ${t}, or the last argument. */
const char *texts_title(const struct texts *, const char *language,
    const char *slug, const char *title);
const char *texts_description(const struct texts *, const char *language,
    const char *slug, const char *description);

/* texts_line(value, name): as it is shown in a place, or in that of a ${name},
 * for a line of its own in a list. It is cut after TEXTS_LINE_MAX characters,
 * which no name, title or description has. To be freed with g_free(). */
char *texts_line(const char *, bool name) WARN_UNUSED;
#define TEXTS_LINE_MAX 1024

/* texts_each(t, fn, ctx): each file, with its language. */
typedef void texts_fn(void *, const char *language, const struct textfile *);
void texts_each(const struct texts *, texts_fn *, void *);

#endif
