/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * charset - text in the charsets that mail names
 *
 * A label means what the Encoding standard of the WHATWG says: programs that
 * write gb2312 mean gbk. Labels that are not in it, but in mail, are understood
 * as well. What is damaged is replaced, one character at a time.
 *
 * Threads: any.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/compiler.h"

/* The longest label that is understood. */
#define CHARSET_LABEL_MAX 63

/*
 * charset_name(label, buf): what iconv(3), or for HZ RFC 1843, calls the
 * charset ${label}, which is not a string of ours. Written into ${buf}, of
 * CHARSET_LABEL_MAX + 1 bytes, unless it is constant.
 */
const char *charset_name(const char *label, char *buf);

/*
 * charset_convert(bytes, len, label, cut, lossy):
 * Text as valid UTF-8, with U+FFFD for what is damaged. ${label} may be NULL or
 * empty. Text that its label says to be ASCII or Latin 1 may be UTF-8. The last
 * character may be ${cut}. NULL if the charset is unknown or not named, and the
 * text is not UTF-8. ${*lossy} is set, and never cleared, if much of the text
 * is damaged. Free it with g_string_free().
 */
GString *charset_convert(const char *bytes, size_t len, const char *label,
    bool cut, bool *lossy) WARN_UNUSED;

/* charset_convert_any(...): the same, and never NULL: the last resort is
 * windows-1252. */
GString *charset_convert_any(const char *bytes, size_t len, const char *label,
    bool cut, bool *lossy) WARN_UNUSED;

#endif
