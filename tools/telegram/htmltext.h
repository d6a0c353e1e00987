/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmltext - HTML as plain text
 *
 * Threads: any, after xmlInitParser().
 */
#ifndef HTMLTEXT_H
#define HTMLTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/compiler.h"

/*
 * htmltext_read(html, max, cut):
 * The text of ${html}, which is UTF-8: paragraphs and lines as lines, list
 * items with "• ", cells of a table with " | " between them, the address of a
 * link behind its text; nothing that is hidden. A text longer than ${max} bytes
 * ends there, and ${cut} is set. Free it with g_string_free().
 */
GString *htmltext_read(const char *html, size_t max, bool *cut) WARN_UNUSED;

/* htmltext_charset(html, len): the charset that the HTML itself declares, or
 * NULL. Free it with g_free(). */
char *htmltext_charset(const char *html, size_t len) WARN_UNUSED;

#endif
