/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmltext - HTML as the text that a reader sees
 *
 * Threads: any.
 */
#ifndef HTMLTEXT_H
#define HTMLTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct richtext;

/* What a text lacks. */
struct htmltext_lack {
	bool cut;      /* the HTML has more text */
	bool pictures; /* it has no words but those of pictures */
};

/*
 * htmltext_read(html, max, lack):
 * The text of ${html}, which is clean UTF-8: paragraphs and lines as lines,
 * list items with "• " or their number, cells of a table with " | " between
 * them; nothing that is hidden; links and struck words as marks. It has no
 * control characters, no blanks at the ends of lines, and no three empty lines.
 * A text longer than ${max} bytes ends there. Free it with richtext_free().
 */
struct richtext *htmltext_read(
    const char *html, size_t max, struct htmltext_lack *) WARN_UNUSED;

/* htmltext_charset(html, len): the charset that the HTML itself declares, or
 * NULL. Free it with g_free(). */
char *htmltext_charset(const char *html, size_t len) WARN_UNUSED;

#endif
