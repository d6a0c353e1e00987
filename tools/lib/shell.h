/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shell - commands that are shown to people, who paste them into a shell
 *
 * Pure. Threads: any.
 */
#ifndef SHELL_H
#define SHELL_H

#include "base/compiler.h"

struct arena;

/* shell_quote(a, text): ${text} as one word of a shell command. NULL if out of
 * memory, or if ${text} is NULL. */
const char *shell_quote(struct arena *, const char *text) WARN_UNUSED;

#endif
