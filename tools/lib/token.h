/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token - the bot's token, in its file
 *
 * Threads: any.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "base/compiler.h"

struct failure;

/* token_read(path, token, failure): read the token in ${path}, without its
 * newline. 0, or -1 and ${failure}: FAILURE_DATA if what is there is no token,
 * else FAILURE_SETTINGS. */
#define TOKEN_SIZE 257
int token_read(
    const char *path, char token[TOKEN_SIZE], struct failure *) WARN_UNUSED;

#endif
