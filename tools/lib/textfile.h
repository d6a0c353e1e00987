/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * textfile - one language's file of texts
 *
 * Sections, `key = text`; a line that is indented continues the text as its
 * next line, and an empty line before such a line belongs to the text. A line
 * that begins with # or ; is a comment. UTF-8. notify-milter.conf(5), TEXTS.
 *
 * Threads: any.
 */
#ifndef TEXTFILE_H
#define TEXTFILE_H

#include <stdbool.h>

#include <glib.h>

#include "base/compiler.h"
#include "lib/texttable.h"

/* The longest text, and the longest title and description of a category, in
 * characters. A short text is limited as Telegram limits the description of a
 * command, in UTF-16 code units. */
#define TEXTFILE_TEXT_MAX 2000
#define TEXTFILE_SHORT_MAX 256
#define TEXTFILE_TITLE_MAX 200
#define TEXTFILE_DESCRIPTION_MAX 1000
/* The largest file, in bytes. */
#define TEXTFILE_SIZE_MAX (1 << 20)

struct textfile {
	char *path;
	char *texts[TEXT_COUNT];  /* NULL: it has none */
	bool faulty[TEXT_COUNT];  /* it has one that cannot be used */
	GHashTable *titles;	  /* by category_key() */
	GHashTable *descriptions; /* likewise */
};

/* Gets one line: "FILE:LINE: what is wrong; expected what is right". */
typedef void textfile_fault_fn(void *, const char *);

/* textfile_read(path, user, fault, ctx): what is good in the file, maybe
 * nothing, for the caller to textfile_free(); ${fault} gets the first twenty
 * faults, and how many more there are. Root opens it with the rights of whoever
 * can change where ${path} leads; with those of ${user} if many can. */
struct textfile *textfile_read(const char *path, const char *user,
    textfile_fault_fn *, void *) WARN_UNUSED;

/* textfile_free(f): NULL is fine. */
void textfile_free(struct textfile *);

#endif
