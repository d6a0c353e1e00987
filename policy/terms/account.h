/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * account - names of accounts
 *
 * An account's name is also the local part of its address (policy/README.md,
 * What happens to a message, 4), so it has only characters that need no quoting
 * there, and no detail part: letters, digits, ".", "_" and "-", compared
 * without regard to case. Pure.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "base/compiler.h"

#define ACCOUNT_NAME_MAX 64
#define ACCOUNT_KEY_SIZE (ACCOUNT_NAME_MAX + 1)
#define ACCOUNT_SYNTAX                                                         \
	"1 to 64 letters, digits, hyphens, underscores, or single dots "       \
	"between them"

/* account_key(name, key): 1 and the form in which names are compared; 0 if
 * ${name} cannot be an account's name. */
int account_key(const char *name, char key[ACCOUNT_KEY_SIZE]) WARN_UNUSED;

/* account_dashes(name): what a command that a message shows has before ${name}:
 * two hyphens and a blank if ${name} looks like an option, else nothing. */
const char *account_dashes(const char *name);

#endif
