/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value - the value of one setting, from the text that stands in the file
 *
 * Threads: any.
 */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>

#include "base/compiler.h"

struct arena;
struct setting;

/*
 * value_store(d, field, value, first, a):
 * Store ${value} in the ${field} of struct settings that ${d} is about; NULL,
 * or what was expected instead, fixed or cut from the arena. A list begins anew
 * with its ${first} value, and others are added.
 */
const char *value_store(const struct setting *, void *field, const char *value,
    bool first, struct arena *) WARN_UNUSED;

/* value_clear(d, field): free what is in it. */
void value_clear(const struct setting *, void *field);

#endif
