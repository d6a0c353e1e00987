/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phrase - a change to the roster, in words
 *
 * Threads: any.
 */
#ifndef PHRASE_H
#define PHRASE_H

#include "base/compiler.h"

struct store_change;

/* phrase_change(c): a line for people, to be freed; NULL for no memory. */
char *phrase_change(const struct store_change *) WARN_UNUSED;

#endif
