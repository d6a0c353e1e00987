/*
 * htmltext - HTML as a reader of plain text wants it
 *
 * Threads: any, after xmlInitParser().
 */
#ifndef HTMLTEXT_H
#define HTMLTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "compiler.h"

/*
 * htmltext_read(html, len, utf8, max, cut):
 * The text of ${html}: paragraphs and lines as lines, list items with "• ",
 * cells of a table with " | " between them, the address of a link behind its
 * text; nothing that is hidden. ${utf8}: that is its charset, otherwise it says
 * so itself. Ends with the first ${max} octets, and sets ${cut}, if it is
 * longer. To be given to g_string_free().
 */
GString *htmltext_read(
    const char *, size_t len, bool utf8, size_t max, bool *cut) WARN_UNUSED;

#endif
