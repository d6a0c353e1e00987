/*
 * text - text from outside on its way to a log or a terminal
 *
 * Pure. Threads: any.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>

#include "compiler.h"

struct arena;

/*
 * text_escape(a, s): ${s} with every octet that is a control, a quote, a
 * backslash, an angle bracket or no UTF-8 written as \xHH; on one line whatever
 * was in it. Cut, with "..." after it, when it would be longer than 1,000
 * octets. NULL for no memory.
 */
const char *text_escape(struct arena *, const char *s) WARN_UNUSED;

/* text_is_line(s): is it UTF-8 without any control character? */
bool text_is_line(const char *s);

#endif
