/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value - the value of one setting, from its text in the file
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
 * value_store(setting, field, text, first, arena, expected):
 * Store ${text} in the ${field} of struct settings that ${setting} is about.
 * The ${first} value of a list replaces its default, the next ones add to it.
 * 1 stored; 0 if it is no such value, with what is ${*expected} instead, fixed
 * or cut from ${arena}; -1 out of memory.
 */
int value_store(const struct setting *, void *field, const char *text,
    bool first, struct arena *, const char **expected) WARN_UNUSED;

/* value_clear(setting, field): free what the field holds. */
void value_clear(const struct setting *, void *field);

#endif
