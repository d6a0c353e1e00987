/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * language - names of languages, as the files of texts have them
 *
 * Pure.
 */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include "base/compiler.h"

#define LANGUAGE_SIZE 36 /* bytes, with the NUL */
#define LANGUAGE_SYNTAX "the name of one, like en or pt-br, or \"\" for none"

/* language_read(text, language): a tag of BCP 47, or "", in lower case and with
 * hyphens: 1; 0 if it is neither. */
int language_read(const char *text, char language[LANGUAGE_SIZE]) WARN_UNUSED;

#endif
