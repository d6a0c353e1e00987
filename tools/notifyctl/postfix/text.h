/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text - what Postfix's log and commands print
 *
 * Pure. Threads: any.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;

#define TEXT_QUEUEID_MAX 64

/* text_queueid(text): how many bytes at the beginning of ${text} may be a queue
 * id. */
size_t text_queueid(const char *text);

/* text_is_queueid(text, failure): 0 if all of ${text} can be a queue id, else
 * -1. Only what passes may be an argument of postcat(1) or postsuper(1). */
int text_is_queueid(const char *text, struct failure *) WARN_UNUSED;

/* text_after(text, word): the rest of ${text} after ${word}, with which it
 * begins; else NULL. */
const char *text_after(const char *text, const char *word);

#endif
