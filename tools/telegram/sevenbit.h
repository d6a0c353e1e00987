/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sevenbit - texts in charsets of seven bits, in the eight-bit form that
 * iconv(3) reads better, or at all
 *
 * What is not well formed stays as it is. Each returns a new string, for
 * g_string_free(). Threads: any.
 */
#ifndef SEVENBIT_H
#define SEVENBIT_H

#include <stddef.h>

#include <glib.h>

#include "base/compiler.h"

/*
 * sevenbit_japanese(bytes, len, other):
 * ISO-2022-JP in EUC-JP. NULL, and ${*other}, what iconv(3) calls the charset,
 * if the text uses sets that EUC-JP lacks.
 */
GString *sevenbit_japanese(
    const char *bytes, size_t len, const char **other) WARN_UNUSED;

/* sevenbit_hz(bytes, len): HZ (RFC 1843) in EUC-CN. */
GString *sevenbit_hz(const char *bytes, size_t len) WARN_UNUSED;

#endif
