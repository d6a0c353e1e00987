/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmlbound - HTML that a parser takes in little time and memory
 *
 * Threads: any.
 */
#ifndef HTMLBOUND_H
#define HTMLBOUND_H

#include <stdbool.h>

#include <glib.h>

#include "base/compiler.h"

/*
 * htmlbound(html):
 * Cut ${html} where its tree would become too deep, or too large, for gumbo,
 * which keeps it in memory, frees it by recursion, and takes a time that grows
 * with the square of its depth. Far more than a chat message shows is left.
 * Cells outside of a table, which no browser keeps apart, become paragraphs.
 * True if it was cut.
 */
bool htmlbound(GString *html) WARN_UNUSED;

#endif
